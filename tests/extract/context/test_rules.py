"""The phrases of `data/context.tsv` among the words of a sentence."""

from __future__ import annotations

import pytest

from medkg.extract.context.rules import Trigger, find_triggers


def phrases(text: str) -> list[tuple[int, int, str]]:
    """Start, end and category of the triggers, but terminations, of words parted by blanks."""
    triggers = [t for t in find_triggers(text.split()) if t.rule.category != "stop"]
    return list(dict.fromkeys((t.start, t.end, t.rule.category) for t in triggers))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", [(0, 1, "negated")]),
        ("patient without fever without rash", [(1, 2, "negated"), (3, 4, "negated")]),
        ("no evidence of gout", [(0, 3, "negated")]),  # the longest phrase
        ("evidence of gout", []),  # its last words alone are none
        ("fever", []),
        ("", []),
        ("no change in fever", [(0, 3, "pseudo")]),  # hides its "no"
        ("no no", [(0, 1, "negated"), (1, 2, "negated")]),
    ],
)
def test_triggers_left_to_right(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert phrases(text) == expected


def test_a_row_is_read_whole() -> None:
    rules = [t.rule for t in find_triggers(["not"]) if t.rule.category == "negated"]
    assert {(rule.direction, rule.reach, rule.only) for rule in rules} == {
        ("forward", 8, frozenset()),
        ("forward", 3, frozenset({"Procedure"})),
    }
    assert None in {t.rule.reach for t in find_triggers(["without"])}


@pytest.mark.parametrize("number", ["3", "three", "several", "2015", "1999"])
def test_numbers_are_a_class(number: str) -> None:
    triggers = list(find_triggers([number, "years", "ago"]))
    assert [(t.start, t.end, t.rule.category) for t in triggers] == [(0, 3, "past")]


def test_a_name_may_stand_for_several_phrases() -> None:
    for words in ("mother , 58 ,", "mother ( 58 )", "mother , a 58 - year - old lady ,"):
        ((start, end, category),) = phrases(words + " gout")
        assert (start, category) == (0, "family")
        assert end >= len(words.split()) - 1  # the comma may end other scopes, too


@pytest.mark.parametrize(("word", "dated"), [("2015", True), ("1890", False), ("20155", False)])
def test_years_are_a_class(word: str, dated: bool) -> None:
    assert any(t.rule.category == "past" for t in find_triggers(["in", word])) == dated


def test_a_phrase_may_end_with_the_sentence() -> None:
    """The end of a sentence counts as the end of a clause, but no trigger goes beyond it."""
    for text in ("metformin stop", "metformin stop ;", "metformin stop ; aspirin"):
        triggers: list[Trigger] = list(find_triggers(text.split()))
        over = [t for t in triggers if t.rule.category == "over"]
        assert over
        assert all(t.end <= len(text.split()) for t in over)


def test_the_semicolon_of_a_phrase_ends_scopes_too() -> None:
    triggers = list(find_triggers(["metformin", "stop", ";", "aspirin"]))
    assert any(t.rule.category == "stop" and t.start == 2 for t in triggers)
