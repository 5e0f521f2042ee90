"""Scopes of triggers: where they begin and end, word by word."""

from __future__ import annotations

import pytest

from medkg.extract.context.rules import Rule, Trigger
from medkg.extract.context.scopes import (
    Coverage,
    SentenceWords,
    clause_start,
    opening_parenthesis,
    scope_coverage,
    scope_of,
    split_date,
)
from medkg.extract.sentences import Sentences
from medkg.extract.tokens import blank


def sentence(text: str, starts: tuple[int, ...] = (), ends: tuple[int, ...] = ()) -> SentenceWords:
    """Words parted by blanks, a token each, with the positions of mentions."""
    words = text.split(" ")
    return SentenceWords(words, list(range(len(words))), frozenset(starts), frozenset(ends))


def rule(
    category: str = "negated",
    direction: str = "forward",
    reach: int | None = None,
    *only: str,
) -> Rule:
    return Rule(category, direction, reach, frozenset(only))


def trigger(start: int, end: int | None = None, of: Rule | None = None) -> Trigger:
    return Trigger(start, start + 1 if end is None else end, rule() if of is None else of)


def stop(start: int, end: int | None = None, *only: str, category: str = "stop") -> Trigger:
    return trigger(start, end, rule(category, "", None, *only))


TEN = "a b c d e f g h i j"


@pytest.mark.parametrize(
    ("reach", "at", "scope"),
    [
        (None, (3, 4), (3, 10)),
        (2, (3, 4), (3, 6)),
        (2, (3, 5), (3, 7)),
        (6, (3, 4), (3, 10)),
        (7, (3, 4), (3, 10)),
        (0, (3, 4), (3, 4)),
        (None, (9, 10), (9, 10)),
        (None, (0, 1), (0, 10)),
    ],
)
def test_a_forward_scope_reaches_so_many_words_or_to_the_end(
    reach: int | None, at: tuple[int, int], scope: tuple[int, int]
) -> None:
    negation = trigger(*at, rule("negated", "forward", reach))
    assert scope_of(negation, [], sentence(TEN), "Disease") == scope


@pytest.mark.parametrize(
    ("reach", "at", "scope"),
    [
        (None, (6, 7), (0, 7)),
        (2, (6, 7), (4, 7)),
        (6, (6, 7), (0, 7)),
        (7, (6, 7), (0, 7)),
        (1, (6, 8), (5, 8)),
        (None, (0, 1), (0, 1)),
    ],
)
def test_a_backward_scope_reaches_so_many_words_or_to_the_start(
    reach: int | None, at: tuple[int, int], scope: tuple[int, int]
) -> None:
    negation = trigger(*at, rule("negated", "backward", reach))
    assert scope_of(negation, [], sentence(TEN), "Disease") == scope


def test_a_scope_of_both_directions_has_its_reach_on_either_side() -> None:
    date = trigger(4, 6, rule("past", "both", 2))
    assert scope_of(date, [], sentence(TEN), "Disease") == (2, 8)
    assert scope_of(date, [stop(3), stop(6)], sentence(TEN), "Disease") == (4, 6)


@pytest.mark.parametrize(
    ("terminations", "end"),
    [
        ([stop(5)], 5),
        ([stop(4)], 4),  # right behind the trigger
        ([stop(5), stop(7)], 5),
        ([stop(1)], 10),  # before it
        ([stop(9)], 9),
        ([stop(5, None, "possible"), stop(7)], 7),  # of another category
        ([stop(5, None, "negated")], 5),
        ([stop(5, None, "possible", "negated")], 5),
        ([stop(5, None, "negated/Disease")], 5),
        ([stop(5, None, "negated/Drug")], 10),  # of another kind of mention
        ([stop(5, None, "possible/Disease")], 10),
    ],
)
def test_a_forward_scope_ends_at_the_first_termination_that_concerns_it(
    terminations: list[Trigger], end: int
) -> None:
    assert scope_of(trigger(3), terminations, sentence(TEN), "Disease") == (3, end)


@pytest.mark.parametrize(
    ("terminations", "start"),
    [
        ([stop(2)], 3),
        ([stop(1, 3)], 3),
        ([stop(5)], 6),  # right before the trigger
        ([stop(1), stop(3)], 4),
        ([stop(7)], 0),  # behind it
        ([stop(1), stop(3, None, "possible")], 2),
        ([stop(0)], 1),
    ],
)
def test_a_backward_scope_starts_behind_the_last_termination_that_concerns_it(
    terminations: list[Trigger], start: int
) -> None:
    negation = trigger(6, None, rule("negated", "backward"))
    assert scope_of(negation, terminations, sentence(TEN), "Disease") == (start, 7)


def test_the_nearer_of_reach_and_termination_ends_a_scope() -> None:
    forward = trigger(3, None, rule("negated", "forward", 3))
    assert scope_of(forward, [stop(9)], sentence(TEN), "Disease") == (3, 7)
    assert scope_of(forward, [stop(5)], sentence(TEN), "Disease") == (3, 5)
    backward = trigger(6, None, rule("negated", "backward", 3))
    assert scope_of(backward, [stop(1)], sentence(TEN), "Disease") == (3, 7)
    assert scope_of(backward, [stop(4)], sentence(TEN), "Disease") == (5, 7)


def test_a_phrase_that_is_a_trigger_and_a_termination_does_not_end_itself() -> None:
    # An empty phrase's own termination would begin where it ends.
    negation = Trigger(3, 3, rule())
    assert scope_of(negation, [Trigger(3, 4, stop(3).rule)], sentence(TEN), "Disease") == (3, 10)
    backward = Trigger(3, 4, rule("negated", "backward"))
    own = Trigger(3, 3, stop(3).rule)
    assert scope_of(backward, [own], sentence(TEN), "Disease") == (0, 4)


@pytest.mark.parametrize(
    ("text", "start", "verb", "clause"),
    [
        ("no fever , the cough persists", 1, 5, 2),
        ("no fever the cough persists", 1, 4, 4),
        ("no fever or cough was seen", 1, 4, 4),
        ("no fever , rash nor cough was seen", 1, 6, 6),
        ("no fever , rash / cough was seen", 1, 6, 6),
        ("no fever and cough was seen", 1, 4, 2),
        ("no fever and cough were seen", 1, 4, 4),
        ("no fever and cough are seen", 1, 4, 4),
        ("no fever and cough have gone", 1, 4, 4),
        ("no fever , and cough was seen", 1, 5, 2),
        ("no fever , rash , the cough persists", 1, 7, 4),  # at the last comma
        ("no fever or rash , the cough persists", 1, 7, 4),
        ("no fever , rash or cough persists", 1, 6, 6),
        ("and fever persists", 0, 2, 2),  # what stands at the scope's start is in it
        (", fever persists", 0, 2, 2),
        ("no , fever persists", 0, 3, 1),
        ("no fever , persists", 1, 3, 2),  # right before the verb
        ("no fever and persists", 1, 3, 2),
        ("no fever persists and , was", 1, 2, 2),  # what is behind the verb is no matter
    ],
)
def test_a_clause_starts_at_its_comma_or_and(text: str, start: int, verb: int, clause: int) -> None:
    assert clause_start(text.split(), start, verb) == clause


def test_a_verb_ends_a_scope_where_its_clause_starts() -> None:
    words = sentence("no fever , the cough persists today")
    assert scope_of(trigger(0), [stop(5, category="verb")], words, "Symptom") == (0, 2)
    assert scope_of(trigger(0), [stop(5)], words, "Symptom") == (0, 5)
    near = trigger(0, None, rule("negated", "forward", 1))
    assert scope_of(near, [stop(5, category="verb")], words, "Symptom") == (0, 2)
    far = sentence("no fever a b c , the cough persists")
    assert scope_of(near, [stop(8, category="verb")], far, "Symptom") == (0, 2)


@pytest.mark.parametrize(
    ("text", "position", "opening"),
    [
        ("a ( b c", 3, 1),
        ("a ( b c", 2, 1),
        ("a ( b c", 1, None),  # the parenthesis itself stands in none
        ("a ( b ) c", 4, None),
        ("a ( b ) c", 3, 1),
        ("( a ) ( b", 4, 3),
        ("( b", 1, 0),
        ("a b", 1, None),
        ("( " + "x " * 19 + "b", 20, 0),
        ("( " + "x " * 20 + "b", 21, None),  # too far
    ],
)
def test_a_parenthesis_that_is_open(text: str, position: int, opening: int | None) -> None:
    assert opening_parenthesis(text.split(), position) == opening


@pytest.mark.parametrize(
    ("text", "starts", "at", "direction", "scope"),
    [
        # "Gout (no flare), asthma"
        ("gout ( no flare ) asthma", (0, 3, 5), (2, 3), "forward", (2, 4)),
        ("gout ( no flare asthma", (0, 3, 4), (2, 3), "forward", (2, 5)),
        # "(Possible) pneumonia": nothing in the parenthesis is behind the trigger
        ("( possible ) pneumonia", (3,), (1, 2), "forward", (1, 4)),
        # A trigger that opens the parenthesis itself is not inside it.
        ("gout ( no flare ) asthma", (0, 3, 5), (1, 3), "forward", (1, 6)),
        # "Cancer (HER2 negative)": a marker's result is of the marker
        ("cancer ( her2 negative )", (0,), (3, 4), "backward", (2, 5 - 1)),
        # "Flu (swab negative)": a test's is of the disease
        ("flu ( swab negative )", (0,), (3, 4), "backward", (0, 4)),
        ("flu ( rapid swab negative )", (0,), (4, 5), "backward", (0, 5)),
        # "Gout (his father)": of what stands before
        ("gout ( his father )", (0,), (3, 4), "backward", (0, 4)),
        ("gout ( negative )", (0,), (2, 3), "backward", (0, 3)),
        # ... but for a mention in the parenthesis
        ("gout ( stroke resolved )", (0, 2), (3, 4), "backward", (2, 4)),
        ("gout ( stroke resolved", (0, 3), (3, 4), "backward", (0, 4)),
        ("gout ( stroke resolved", (0, 1), (3, 4), "backward", (0, 4)),
    ],
)
def test_parentheses_close_scopes_off(
    text: str, starts: tuple[int, ...], at: tuple[int, int], direction: str, scope: tuple[int, int]
) -> None:
    negation = trigger(*at, rule("negated", direction))
    assert scope_of(negation, [], sentence(text, starts), "Disease") == scope


def test_a_nearer_start_or_end_counts_before_a_parenthesis() -> None:
    words = sentence("gout ( stroke a b resolved )", (0, 2))
    near = trigger(5, None, rule("over", "backward", 1))
    assert scope_of(near, [], words, "Disease") == (4, 6)
    assert scope_of(trigger(2), [stop(4)], words, "Disease") == (2, 4)
    held = sentence("( no " + "x " * 19 + ") b")
    assert scope_of(trigger(1), [], held, "Disease") == (1, 21)
    long = sentence("( no " + "x " * 20 + ") b")
    assert scope_of(trigger(1), [], long, "Disease") == (1, len(long.words))


PAST = rule("past", "both", 10)


def parts(text: str, at: tuple[int, int], starts: tuple[int, ...], ends: tuple[int, ...],
          of: Rule = PAST) -> list[tuple[str, int | None]]:  # fmt: skip
    """Directions and reaches of what a date becomes."""
    date = trigger(*at, of)
    divided = split_date(date, sentence(text, starts, ends))
    assert {(part.start, part.end, part.rule.category) for part in divided} == {(*at, of.category)}
    return [(part.rule.direction, part.rule.reach) for part in divided]


@pytest.mark.parametrize(
    ("text", "at", "starts", "ends", "expected"),
    [
        # The date behind a mention: back to the comma, and forward to nothing.
        ("asthma , stroke in 2010 , gout", (3, 5), (0, 2, 6), (1, 3, 7), [("backward", 1)]),
        ("asthma , a stroke in 2010 , gout", (4, 6), (0, 3, 7), (1, 4, 8), [("backward", 2)]),
        # A list shares it.
        ("pneumonia , sepsis and delirium in 2018 .", (5, 7), (0, 2, 4), (1, 3, 5),
         [("backward", 10)]),
        ("pneumonia , sepsis or delirium in 2018 .", (5, 7), (0, 2, 4), (1, 3, 5),
         [("backward", 10)]),
        ("pneumonia , sepsis & delirium in 2018 .", (5, 7), (0, 2, 4), (1, 3, 5),
         [("backward", 10)]),
        ("pneumonia , sepsis , and delirium in 2018 .", (6, 8), (0, 2, 5), (1, 3, 6),
         [("backward", 10)]),
        ("sepsis and delirium , gout in 2018 .", (5, 7), (0, 2, 4), (1, 3, 5), [("backward", 1)]),
        # "Surgery in 1990 for appendicitis": up to the next comma.
        ("surgery in 1990 for appendicitis", (1, 3), (0, 4), (1, 5),
         [("backward", 10), ("forward", 10)]),
        ("surgery in 1990 for appendicitis , gout", (1, 3), (0, 4, 6), (1, 5, 7),
         [("backward", 10), ("forward", 2)]),
        ("surgery in 1990 and gout", (1, 3), (0, 4), (1, 5), [("backward", 10)]),
        ("surgery in 1990", (1, 3), (0,), (1,), [("backward", 10)]),
        ("surgery in 1990 ; gout", (1, 3), (0, 4), (1, 5), [("backward", 10)]),
        # In parentheses it is of what they hold, if they hold anything.
        ("chf ( ef 35 % in 2021 )", (5, 7), (0, 2), (1, 3), [("backward", 3)]),
        ("stroke ( 2015 ) gout", (2, 3), (0, 4), (1, 5), [("backward", 10)]),
        ("chf ( a b c d e f g h i 2015 )", (11, 12), (0,), (1,), [("backward", 9)]),
        # Behind no mention it keeps both directions ...
        ("he had in 2010 gout", (2, 4), (4,), (5,), [("both", 10)]),
        ("in 2010 gout", (0, 2), (2,), (3,), [("both", 10)]),
        # ... unless it ends a list's item.
        ("asthma , removal of the spleen in 1990", (6, 8), (0,), (1,), [("backward", 4)]),
        ("asthma , removal of the spleen in 1990 .", (6, 8), (0,), (1,), [("backward", 4)]),
        ("asthma , spleen removed in 1990 , gout", (4, 6), (0, 7), (1, 8), [("backward", 2)]),
        ("asthma , spleen removed in 1990 , he has gout", (4, 6), (0, 9), (1, 10),
         [("both", 10)]),
        # What stands before the item's comma is another's.
        ("asthma or , stroke in 2010", (4, 6), (0, 3), (1, 4), [("backward", 1)]),
        ("asthma , spleen removed in 1990 gout he", (4, 6), (0, 6), (1, 7), [("both", 10)]),
        ("asthma , in 1990", (2, 4), (0,), (1,), [("both", 10)]),
        ("asthma ; spleen removed in 1990", (4, 6), (0,), (1,), [("both", 10)]),
    ],
)  # fmt: skip
def test_what_a_date_speaks_of(
    text: str,
    at: tuple[int, int],
    starts: tuple[int, ...],
    ends: tuple[int, ...],
    expected: list[tuple[str, int]],
) -> None:
    assert parts(text, at, starts, ends) == expected


def test_a_date_reaches_no_further_than_its_rule() -> None:
    text = "asthma , a very bad stroke in 2010 , gout"
    assert parts(text, (6, 8), (0, 5, 9), (1, 6, 10), rule("past", "both", 3)) == [("backward", 3)]
    # A comma further away than the reach parts nothing.
    text = "asthma , a b c d stroke in 2010"
    assert parts(text, (7, 9), (0, 6), (1, 7), rule("past", "backward", 4)) == [("backward", 4)]
    # One at the reach's end does.
    assert parts(text, (7, 9), (0, 6), (1, 7), rule("past", "backward", 5)) == [("backward", 5)]
    assert parts(text, (7, 9), (0, 6), (1, 7), rule("past", "backward", 6)) == [("backward", 5)]
    # And an item without a mention at its end is one where it is as long as the reach.
    text = "asthma , a b c spleen in 2010"
    assert parts(text, (6, 8), (0,), (1,), rule("past", "both", 4)) == [("backward", 4)]
    assert parts(text, (6, 8), (0,), (1,), rule("past", "both", 3)) == [("both", 3)]
    # Parentheses that hold as much as the reach are not told from others.
    text = "chf ( a b c 2021 )"
    assert parts(text, (5, 6), (0,), (1,), rule("past", "backward", 4)) == [("backward", 3)]
    assert parts(text, (5, 6), (0,), (1,), rule("past", "backward", 3)) == [("backward", 3)]
    assert parts(text, (5, 6), (0,), (1,), rule("past", "both", 3)) == [("both", 3)]


def test_a_date_of_one_direction_gets_no_other() -> None:
    text = "surgery in 1990 for appendicitis"
    assert parts(text, (1, 3), (0, 4), (1, 5), rule("past", "backward", 10)) == [("backward", 10)]
    assert parts(text, (1, 3), (0, 4), (1, 5), rule("past", "both", 1)) == [
        ("backward", 1),
        ("forward", 1),
    ]


@pytest.mark.parametrize("of", [rule("over", "both", 10), rule("past", "both", None)])
def test_only_a_date_with_a_reach_is_divided(of: Rule) -> None:
    assert parts("asthma , stroke in 2010 , gout", (3, 5), (0, 2, 6), (1, 3, 7), of) == [
        (of.direction, of.reach)
    ]


def covered(coverage: Coverage) -> tuple[list[int], list[int]]:
    """The positions of first words, and behind last words, that are in a scope."""
    return (
        [n for n, count in enumerate(coverage.after) if count],
        [n for n, count in enumerate(coverage.before) if count],
    )


def test_coverage_by_first_and_by_last_word() -> None:
    words = sentence("a b c d e")
    forward = scope_coverage([trigger(1)], [], words, "Disease")
    assert {name: covered(scopes) for name, scopes in forward.items()} == {
        "negated": ([2, 3, 4], [])
    }
    backward = scope_coverage([trigger(3, None, rule("over", "backward"))], [], words, "Disease")
    assert covered(backward["over"]) == ([], [1, 2, 3])
    both = scope_coverage([trigger(2, None, rule("past", "both", 1))], [], words, "Disease")
    assert covered(both["past"]) == ([3], [2])
    empty = scope_coverage([trigger(4)], [], words, "Disease")
    assert covered(empty["negated"]) == ([], [])


def test_coverage_counts_overlapping_scopes() -> None:
    words = sentence("a b c d e")
    triggers = [trigger(0, None, rule("negated", "forward", 2)), trigger(1)]
    scopes = scope_coverage(triggers, [], words, "Disease")["negated"]
    assert scopes.after[:5] == [0, 1, 2, 1, 1]
    assert not scopes.before[0]


@pytest.mark.parametrize(
    ("of", "kind", "counts"),
    [
        (rule("negated"), "Disease", True),
        (rule("negated"), "Procedure", False),  # a test is not denied by its result
        (rule("possible"), "Procedure", False),
        (rule("over"), "Procedure", False),
        (rule("past"), "Procedure", True),
        (rule("negated", "forward", None, "Procedure", "Drug"), "Procedure", True),
        (rule("negated", "forward", None, "Procedure", "Drug"), "Drug", True),
        (rule("negated", "forward", None, "Procedure", "Drug"), "Disease", False),
        (rule("pseudo"), "Disease", False),
        (rule("pseudo", "forward", None, "Disease"), "Disease", False),
    ],
)
def test_which_kinds_a_rule_is_about(of: Rule, kind: str, counts: bool) -> None:
    coverage = scope_coverage([trigger(0, None, of)], [], sentence("a b"), kind)
    assert bool(coverage) == counts


def read(text: str, *mentions: str) -> SentenceWords:
    doc = Sentences()(blank()(text))
    doc.spans["mentions"] = [
        doc.char_span(text.index(m), text.index(m) + len(m), label="Disease") for m in mentions
    ]
    return SentenceWords.of(next(doc.sents), list(doc.spans["mentions"]))


def test_words_are_read_in_lower_case_without_white_space() -> None:
    words = read("He doesn’t  have Chronic  Gout today", "Chronic  Gout")
    assert words.words == ["he", "doesn", "'", "t", "have", "chronic", "gout", "today"]
    assert [words.position(token) for token in words.tokens] == list(range(8))
    assert (words.starts, words.ends) == ({5}, {7})
    assert words.position(words.tokens[4] - 1) == 4  # white space is read with what follows


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("+ nausea, - rash", ["(+)", "(-)"]),
        ("- nausea, + rash", ["(-)", "(+)"]),
        ("- nausea, - rash", ["-", "-"]),  # bullets
        ("-nausea, -rash", ["(-)", "(-)"]),
        ("-nausea; -rash", ["(-)", "(-)"]),
        ("-nausea -rash", ["-", "-"]),  # no list
        ("- nausea, -rash", ["-", "(-)"]),
        ("nausea - rash, + cough", ["-", "(+)"]),  # parts a name from what is said of it
        ("nausea + rash, - cough", ["(+)", "(-)"]),
        ("+ nausea", ["+"]),  # alone it is none
        ("+ nausea - rash", ["+", "-"]),
        ("- really nausea, + rash", ["-", "(+)"]),  # before no mention
    ],
)
def test_signs_of_a_list(text: str, signs: list[str]) -> None:
    names = [name for name in ("nausea", "rash", "cough") if name in text]
    words = read(text, *names).words
    assert [word for word in words if word.strip("()") in ("+", "-")] == signs
