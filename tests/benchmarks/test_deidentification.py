"""The test set for de-identification: its marks are where they say, its parts share nothing."""

from __future__ import annotations

import datetime
import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from deidentification import generate, passages, values
from deidentification.spans import PARTS, MarkedNote, Part, Span, with_neighbours

from medkg.extract.deidentify import KINDS

NAMED = ("female", "male", "surnames", "towns", "hospitals", "wards", "employers", "schools",
         "roads", "counties", "holidays")  # fmt: skip


@pytest.fixture(scope="module", params=PARTS)
def part(request: pytest.FixtureRequest) -> Part:
    return request.param


@pytest.fixture(scope="module")
def made() -> dict[Part, list[MarkedNote]]:
    return {part: generate.notes(part) for part in PARTS}


def values_of(part: Part) -> values.Values:
    return values.Values.read(generate.part_folder(part) / "values.toml")


def test_marks_are_whole_words_of_their_note_in_order(
    made: dict[Part, list[MarkedNote]], part: Part
) -> None:
    for note in made[part]:
        last = 0
        for span in note.spans:
            text = note.text[span.start : span.end]
            assert span.kind in KINDS
            assert last <= span.start < span.end <= len(note.text)
            assert any(sign.isalnum() for sign in text)
            assert not span.required or text == text.strip()
            last = span.end


def test_marks_are_the_values_that_were_put_in() -> None:
    template = generate.Template(
        "t", "note", frozenset(["f"]), "{p.last} of the {town1}, {age90} yo, {age}, {lab}; {town1}."
    )
    filled = values.Values(
        {"female": ["May"], "male": [], "surnames": ["the Hill"], "towns": ["The Ash"],
         "imaging": [], "labs": ["Hb 9"]}, {}, {},
    )  # fmt: skip
    note = generate.note(template, filled, random.Random(0), 0)
    marked = [(note.text[s.start : s.end], s.kind) for s in note.spans if s.required]
    age = re.search(r"\d+(?= yo)", note.text)
    assert age is not None
    # "the" at the beginning of a value is no part of it; what stands twice is marked twice.
    assert marked == [("Hill", "NAME"), ("The Ash", "LOCATION"), (age[0], "AGE"),
                      ("The Ash", "LOCATION")]  # fmt: skip
    assert int(age[0]) > 89
    assert [note.text[s.start : s.end] for s in note.spans if not s.required] == [" yo"]


@pytest.mark.parametrize("option", ["lower", "upper", "typos"])
def test_marks_follow_the_style_of_the_note(option: str) -> None:
    body = "Patient {p}, seen in Mönchengladbach by straße of {hospital} with appendicitis. " * 20
    template = generate.Template("t", "note", frozenset([option]), body)
    made_up = values_of("development")
    note = generate.note(template, made_up, random.Random(1), 0)
    hospitals = {"the " + h for h in made_up.lists["hospitals"]} | {*made_up.lists["hospitals"]}
    for span in note.spans:
        text = note.text[span.start : span.end]
        assert option == "typos" or text == getattr(text, option)()
        if span.kind == "LOCATION":
            known = {h.casefold().removeprefix("the ") for h in hospitals}
            assert text.casefold() in known
    if option == "typos":
        assert "with appendicitis" in note.text
        assert note.text.count("with appendicitis") < 20


def test_the_same_seed_gives_the_same_notes(part: Part) -> None:
    first = generate.notes(part, seed=3, of_each=2)
    assert generate.notes(part, seed=3, of_each=2) == first
    other = generate.notes(part, seed=4, of_each=2)
    assert [n.name for n in other] == [n.name for n in first]
    assert sum(a.text == b.text for a, b in zip(first, other, strict=True)) < len(first) / 10


def test_a_note_does_not_depend_on_how_many_are_made(part: Part) -> None:
    few = {n.name: n for n in generate.notes(part, of_each=1)}
    many = {n.name: n for n in generate.notes(part, of_each=3)}
    assert few == {name: many[name] for name in few}


def test_there_are_enough_templates_and_notes(made: dict[Part, list[MarkedNote]]) -> None:
    templates = {part: generate.templates(part) for part in PARTS}
    assert sum(map(len, templates.values())) >= 60
    assert len(templates["development"]) >= 0.25 * sum(map(len, templates.values()))
    assert len(made["held-out"]) >= 500
    assert len({t.note_kind for t in templates["held-out"]}) >= 30
    kinds = Counter(
        kind
        for template in templates["held-out"]
        for kind in {s.kind for n in made["held-out"] if n.group == template.name for s in n.spans}
    )
    assert min(kinds[kind] for kind in KINDS) >= 5, kinds  # templates in which it occurs
    assert {s.kind for n in made["development"] for s in n.spans} == set(KINDS)


def test_parts_share_no_template_line_or_name() -> None:
    texts = {p: generate.templates(p) for p in PARTS}
    names = [{t.name for t in texts[p]} for p in PARTS]
    assert not names[0] & names[1]
    lines = [
        {
            words
            for t in texts[p]
            for line in t.text.splitlines()
            if len(words := re.sub(r"\W+", " ", re.sub(r"\{[^}]*\}", "", line)).casefold()) > 12
        }
        for p in PARTS
    ]
    assert not lines[0] & lines[1]
    named = [
        {value.casefold() for name in NAMED for value in values_of(p).lists[name]} for p in PARTS
    ]
    assert not named[0] & named[1]


def test_nothing_that_identifies_stands_in_a_template_outside_its_slots(part: Part) -> None:
    months = "|".join(m for m in values._MONTHS if m not in ("May", "March"))
    suspicious = re.compile(
        rf"\d{{6}}|\w@\w|https?:|\b(?:{months})\b|\bDr\.? [A-Z]|\d/\d+/\d{{4}}|\d{{4}}-\d\d-"
    )
    for template in generate.templates(part):
        literal = re.sub(r"\{[^}]*\}", "…", template.text)
        assert not suspicious.search(literal), (template.name, suspicious.search(literal))


def test_parts_say_that_they_are_made_up(part: Part) -> None:
    for name in ("templates.txt", "values.toml"):
        first = (generate.part_folder(part) / name).read_text(encoding="utf-8").partition("\n")[0]
        assert "ade-up" in first
        assert ("HELD OUT" in first) == (part == "held-out")


@pytest.mark.parametrize(
    ("text", "span", "free"),
    [
        ("seen by Dr. Ng", Span(12, 14, "NAME"), ["Dr. "]),
        ("Mrs Ho", Span(4, 6, "NAME"), ["Mrs "]),
        ("his sled Ng", Span(9, 11, "NAME"), []),
        ("a 93-year-old man", Span(2, 4, "AGE"), ["-year-old"]),
        ("93yo", Span(0, 2, "AGE"), ["yo"]),
        ("93 men", Span(0, 2, "AGE"), []),
    ],
)
def test_titles_and_units_may_be_found_or_not(text: str, span: Span, free: list[str]) -> None:
    spans = with_neighbours(text, [span])
    assert span in spans
    assert [text[s.start : s.end] for s in spans if not s.required] == free


def test_numbers_have_their_check_digits() -> None:
    generator = random.Random(0)
    holder = values.Person(True, "Åsa", "Østergaard")
    for _ in range(50):
        nhs = [int(d) for d in values.nhs_number(generator) if d.isdigit()]
        weighed = sum(d * w for d, w in zip(nhs, range(10, 0, -1), strict=True))
        assert weighed % 11 == 0
        npi = [int(d) for d in "80840" + values.npi(generator)]
        doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(npi[::-1])]
        assert sum(doubled) % 10 == 0
        dea = values.dea(generator, holder)
        d = [int(sign) for sign in dea[2:]]
        assert dea[1] == "O"
        assert (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]


@pytest.mark.parametrize(
    ("form", "written"),
    [("%-m/%-d/%y", "3/1/05"), ("%d%b%Y", "01Mar2005"), ("%-d%o of %B", "1st of March"),
     ("%W of %B", "first of March"), ("%Y-%m-%d", "2005-03-01")],
)  # fmt: skip
def test_written_dates(form: str, written: str) -> None:
    assert values.written_date(datetime.date(2005, 3, 1), form) == written


def test_ordinals_of_dates() -> None:
    days = [values.written_date(datetime.date(2005, 1, d), "%-d%o") for d in (2, 3, 11, 13, 21, 31)]
    assert days == ["2nd", "3rd", "11th", "13th", "21st", "31st"]


def marks() -> list[dict[str, object]]:
    return [json.loads(line) for line in passages.MARKS.read_text(encoding="utf-8").splitlines()]


def test_marks_of_passages_hold_no_text() -> None:
    assert len(marks()) == 100
    assert Counter(m["part"] for m in marks()) == {"development": 25, "held-out": 75}
    for mark in marks():
        assert {*mark} == {"part", "file", "document", "start", "end", "sha256", "identifiers"}
        for identifier in mark["identifiers"]:  # type: ignore[attr-defined]
            assert {*identifier} <= {"start", "end", "kind", "required"}
            assert identifier["kind"] in KINDS
    visits = {p: {str(m["document"]).partition("/")[0] for m in marks() if m["part"] == p}
              for p in PARTS}  # fmt: skip
    assert not visits["development"] & visits["held-out"]


def test_passages_are_those_that_were_drawn_and_marked(shared_data: Path) -> None:
    folder = shared_data / "patients" / "dialogue"
    drawn = {(m["file"], m["document"], m["start"], m["end"]) for m in marks()}
    assert drawn == {*passages.sample(folder)}
    read = [note for p in PARTS for note in passages.passages(folder, p)]
    assert len(read) == 100
    for note in read:
        for span in note.spans:
            text = note.text[span.start : span.end]
            around = note.text[max(0, span.start - 1) : span.end + 1]
            assert not span.required or (text == text.strip() and text in around)
            assert not note.text[span.end : span.end + 1].isalnum() or not span.required
    marked = Counter(bool([s for s in n.spans if s.required]) for n in read)
    assert marked[True] > 40
    assert marked[False] > 40


def test_a_passage_whose_text_has_changed_is_refused(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = marks()
    changed[0]["sha256"] = "0" * 64
    file = tmp_path / "passages.jsonl"
    file.write_text("".join(json.dumps(m) + "\n" for m in changed), encoding="utf-8")
    monkeypatch.setattr(passages, "MARKS", file)
    with pytest.raises(ValueError, match="not the text that was marked"):
        passages.passages(shared_data / "patients" / "dialogue", "development")


def test_two_templates_of_one_name_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "development").mkdir()
    text = "=== a: note\nx\n=== a: note\ny\n"
    (tmp_path / "development" / "templates.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="rename one"):
        generate.templates("development")
