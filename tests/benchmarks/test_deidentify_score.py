"""The score of finders of identifiers: what counts as found, as right, and in which group."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import deidentify
import pytest
from deidentification import baselines
from deidentification.generate import notes
from deidentification.score import LEAST_GROUPS, figures, judge
from deidentification.spans import MarkedNote, Span, with_neighbours

TEXT = "Mr. Ng-Hall, 93-year-old, of Ohio, seen 3/4/20."
NAME, AGE, STATE, DATE = (
    Span(4, 11, "NAME"),
    Span(13, 15, "AGE"),
    Span(29, 33, "LOCATION", required=False),
    Span(40, 46, "DATE"),
)
NOTE = MarkedNote("n/0", "n", TEXT, with_neighbours(TEXT, [NAME, AGE, STATE, DATE]))


def covered(*finds: Span) -> list[bool]:
    return [identifier.covered for identifier in judge(NOTE, finds).identifiers]


def test_an_identifier_is_found_if_all_its_letters_and_digits_are_covered() -> None:
    assert covered() == [False, False, False]
    assert covered(NAME) == [True, False, False]
    # In pieces, of whatever kind, without the hyphen between them.
    assert covered(Span(4, 6, "DATE"), Span(7, 11, "NAME")) == [True, False, False]
    assert covered(Span(4, 10, "NAME")) == [False, False, False]
    assert covered(Span(5, 11, "NAME")) == [False, False, False]
    assert covered(Span(0, len(TEXT), "NAME")) == [True, True, True]


@pytest.mark.parametrize(
    ("find", "right"),
    [
        (NAME, True),
        (Span(0, 11, "NAME"), True),  # with the title
        (Span(12, 24, "AGE"), True),  # with what stands after the age
        (Span(40, 42, "PHONE"), True),  # a part of it, of another kind
        (Span(35, 40, "NAME"), False),
        (Span(35, 46, "DATE"), True),  # four letters beside it, and four digits of it
        (Span(34, 47, "DATE"), True),
        (Span(26, 46, "DATE"), False),  # "of" and "seen" beside four digits; the state is left out
    ],
)
def test_a_find_is_right_if_half_of_it_is_in_identifiers(find: Span, right: bool) -> None:
    assert [f.right for f in judge(NOTE, [find]).finds] == [right]


def test_what_may_be_found_or_not_is_not_counted() -> None:
    judged = judge(NOTE, [STATE, Span(0, 3, "NAME")])
    assert judged.finds == []
    assert judged.taken == 0
    assert len(judged.identifiers) == 3


def test_kind_is_that_of_what_covers_most() -> None:
    def kinds(*finds: Span) -> list[bool]:
        return [i.kind_right for i in judge(NOTE, finds).identifiers]

    assert kinds(NAME, AGE, DATE) == [True, True, True]
    assert kinds(Span(4, 11, "LOCATION")) == [False, False, False]
    assert kinds(Span(4, 6, "LOCATION"), Span(6, 11, "NAME")) == [True, False, False]
    assert kinds(Span(4, 6, "NAME"), Span(6, 11, "LOCATION")) == [False, False, False]
    # Whichever comes first of two that cover as much.
    assert kinds(Span(4, 11, "LOCATION"), NAME)[0]
    assert kinds(NAME, Span(4, 11, "LOCATION"))[0]
    # The kind of what was not covered is not right.
    assert kinds(Span(4, 10, "NAME")) == [False, False, False]


@pytest.mark.parametrize(
    ("find", "message"),
    [
        (Span(0, 3, "PERSON"), "no kind"),
        (Span(-1, 3, "NAME"), "no span"),
        (Span(3, 3, "NAME"), "no span"),
        (Span(0, len(TEXT) + 1, "NAME"), "no span"),
    ],
)
def test_what_is_no_find_is_refused_without_the_text(find: Span, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        judge(NOTE, [find])
    assert "Hall" not in str(refused.value)


def test_characters() -> None:
    judged = judge(NOTE, [Span(7, 11, "NAME"), Span(35, 42, "DATE")])
    assert judged.marked == 6 + 2 + 4
    assert judged.covered == 4 + 1
    assert judged.taken == 4 + 4 + 1


def test_all_found_is_one_and_nothing_found_is_nought() -> None:
    made = notes("development", of_each=2)
    full = figures([judge(n, [s for s in n.spans if s.required]) for n in made])
    for name in ("recall", "precision", "recall_of_characters", "precision_of_characters",
                 "kind_accuracy"):  # fmt: skip
        assert full[name] == 1.0
        low, high = full[f"{name}_interval"]
        assert 0.7 < low < high == 1.0  # Clopper and Pearson's of 20 templates
    nothing = figures([judge(n, []) for n in made])
    assert nothing["recall"] == nothing["recall_of_characters"] == 0.0
    assert nothing["finds"] == 0
    assert "precision" not in nothing
    assert "kind_accuracy" not in nothing
    assert sum(k["identifiers"] for k in nothing["kinds"].values()) == nothing["identifiers"]


def made_groups(groups: int, of_each: int) -> list[MarkedNote]:
    spans = (Span(0, 2, "NAME"),)
    return [
        MarkedNote(f"g{group}/{number}", f"g{group}", "Ng left", spans)
        for group in range(groups)
        for number in range(of_each)
    ]


def test_intervals_are_over_groups_and_not_over_notes() -> None:
    def interval(groups: int, of_each: int) -> float:
        judged = [
            judge(note, note.spans if int(note.group[1:]) % 2 else [])
            for note in made_groups(groups, of_each)
        ]
        low, high = figures(judged)["recall_interval"]
        return high - low

    assert interval(10, 50) == pytest.approx(interval(10, 1), abs=0.05)
    assert interval(10, 50) > 0.5
    assert interval(100, 1) < 0.25


def test_few_groups_have_no_interval() -> None:
    for groups, given in ((LEAST_GROUPS - 1, False), (LEAST_GROUPS, True)):
        scored = figures([judge(n, n.spans) for n in made_groups(groups, 20)])
        assert scored["recall"] == 1.0
        assert ("recall_interval" in scored) == given
        assert ("recall_of_characters_interval" in scored) == given


def test_figures_are_the_same_each_time() -> None:
    made = notes("development", of_each=2)
    first, second = (
        figures([judge(n, baselines.capitals(n.text)) for n in made], seed=5) for _ in range(2)
    )
    assert first == second
    assert 0.3 < first["recall"] < 0.9
    assert 0.3 < first["precision"] < 0.9


def test_capitals_finds_names_and_numbers() -> None:
    text = "Seen with Ann Lee on 3/4/2020, ann@example.org, (415) 555-0100."
    finds = {(text[f.start : f.end], f.kind) for f in baselines.capitals(text)}
    assert {("Ann Lee", "NAME"), ("3/4/2020", "DATE"), ("ann@example.org", "EMAIL"),
            ("(415) 555-0100", "PHONE")} <= finds  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["deidentify.py", *arguments])
    deidentify.main()


def test_misses_of_the_held_out_part_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "folder", "--finder", "capitals", "--part", "held-out", "--misses")
    assert "stays unread" in capsys.readouterr().err


def test_a_finder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "medkg.extract.deidentify", None)
    with pytest.raises(SystemExit, match="--finder"):
        run(monkeypatch, "folder")


def test_the_command_prints_and_writes_the_figures(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shared_data: Path,
    tmp_path: Path,
) -> None:
    file = tmp_path / "figures.json"
    folder = str(shared_data / "patients" / "dialogue")
    run(monkeypatch, folder, "--finder", "capitals", "--json", str(file), "--misses")
    printed = capsys.readouterr().out
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["part"] == "development"
    assert f"{report['notes']['recall']:.3f}" in printed
    assert report["passages"]["notes"] == 25
    assert "missed NAME" in printed
    assert "wrong  NAME" in printed
    run(monkeypatch, folder, "--finder", "capitals", "--part", "held-out")
    assert "missed" not in capsys.readouterr().out
