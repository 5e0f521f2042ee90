"""Texts of other voices than the training notes': most identifiers go, what is none stays.

`sample.txt` holds them with what is to be found in each; all in it is made up.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from medkg.extract.deidentify import find_identifiers
from medkg.extract.deidentify.identifiers import Identifier
from medkg.extract.deidentify.lexicon import Lexicon
from medkg.extract.deidentify.plausible import is_plausible
from medkg.extract.deidentify.replace import replaced
from medkg.extract.deidentify.surrogates import Surrogates

SAMPLE = Path(__file__).with_name("sample.txt")
SURROGATES = Surrogates(bytes(range(32)), "p")


class Sample(NamedTuple):
    """A text, and the places and kinds of its identifiers."""

    text: str
    marks: list[tuple[int, int, str]]


def samples() -> list[Sample]:
    read = []
    for part in re.split(r"^=== (?!marks).*\n", SAMPLE.read_text(), flags=re.MULTILINE)[1:]:
        text, _, marks = part.partition("=== marks\n")
        spans: list[tuple[int, int, str]] = []
        for line in marks.splitlines():
            kind, _, written = line.partition(" ")
            places = list(re.finditer(rf"(?<!\w){re.escape(written)}(?![^\WMF])", text))
            assert places, line
            spans += [
                (match.start(), match.end(), kind)
                for match in places
                if not any(a < match.end() and match.start() < b for a, b, _ in spans)
            ]
        read.append(Sample(text, spans))
    return read


def test_most_identifiers_of_other_voices_are_found_and_little_else() -> None:
    there = covered = finds = right = 0
    for text, marks in samples():
        places = [(each.start, each.end) for each in find_identifiers(text)]
        there += len(marks)
        covered += sum(any(a <= s and e <= b for a, b in places) for s, e, _ in marks)
        finds += len(places)
        right += sum(any(s < b and a < e for s, e, _ in marks) for a, b in places)
    assert there > 100
    assert covered / there > 0.9
    assert right / finds > 0.8


@pytest.mark.parametrize(
    "text",
    [
        "History of Hodgkin lymphoma, Crohn's disease and Bell's palsy; Down syndrome in a nephew.",
        "A Foley catheter was placed. Glasgow Coma Scale 15. Apgar 8 and 9. Wells score 3.",
        "Addison's disease, Graves disease, Cushing syndrome, Barrett's oesophagus.",
        "DISCHARGE SUMMARY\nPAST MEDICAL HISTORY: hypertension, Parkinson's disease.",
    ],
)
def test_eponyms_and_headings_stay(text: str) -> None:
    assert replaced(text, find_identifiers(text), SURROGATES, "surrogates").text == text


def test_a_patient_of_an_eponyms_name_goes_and_the_disease_stays() -> None:
    text = "Mr. Parkinson was seen today. He has Parkinson's disease."
    new = replaced(text, find_identifiers(text), SURROGATES, "surrogates").text
    assert new.count("Parkinson") == 1
    assert "Parkinson's disease" in new


def test_days_between_dates_stay() -> None:
    text = "Admitted 3 March 2020, operated 5 March 2020, discharged 30 April 2020."
    new = replaced(text, find_identifiers(text), SURROGATES, "surrogates").text
    dates = [
        datetime.datetime.strptime(date, "%d %B %Y")
        for date in re.findall(r"\d+ [A-Z][a-z]+ \d{4}", new)
    ]
    assert [(later - dates[0]).days for later in dates] == [0, 2, 58]
    assert "March 2020" not in new


def test_a_name_has_the_same_surrogate_wherever_it_stands() -> None:
    text = "Dr. Okonjo saw Ms. Zabriskie. Ms. Zabriskie thanked Dr. Okonjo."
    new = replaced(text, find_identifiers(text), SURROGATES, "surrogates").text
    match = re.fullmatch(r"Dr. (\w+) saw Ms. (\w+)\. Ms. (\w+) thanked Dr. (\w+)\.", new)
    assert match is not None
    assert match[1] == match[4] != match[2] == match[3]
    assert not {"Okonjo", "Zabriskie"} & set(match.groups())


def test_a_name_that_a_title_tells_is_found_in_the_whole_text() -> None:
    text = "Ms. Quillfeather came. no fever. quillfeather to return"
    written = [text[each.start : each.end] for each in find_identifiers(text)]
    assert written == ["Quillfeather", "quillfeather"]


@pytest.mark.parametrize(
    ("written", "kind", "expected"),
    [
        ("day 3", "DATE", False),
        ("10/325", "DATE", False),
        ("2/52", "DATE", False),
        ("Friday", "DATE", False),
        ("3/14", "DATE", True),
        ("the fifth", "DATE", True),
        ("78", "AGE", False),
        ("94", "AGE", True),
        ("ninety-one", "AGE", True),
        ("MRCGP", "NAME", False),
        ("Dr Ng", "NAME", True),
        ("S", "DEVICE", False),
        ("hospital", "LOCATION", False),
        ("Ely hospital", "LOCATION", True),
    ],
)
def test_what_cannot_be_of_its_kind_is_none(written: str, kind: str, expected: bool) -> None:
    assert is_plausible(written, Identifier(0, len(written), kind)) is expected


def test_lists_of_words_are_kept_and_tell_what_a_word_may_be(tmp_path: Path) -> None:
    lists = {"words": ["rose", "0000"], "ordinary": ["stone"], "terms": ["crohn"],
             "first": ["rose"], "last": ["stone", "zorba"], "places": []}  # fmt: skip
    Lexicon(lists).save(tmp_path)
    read = Lexicon.load(tmp_path)
    assert len(read) == 4
    assert read.index("1987") == read.index("0000") != read.index("Rose") == read.index("ROSE")
    assert read.index("zorba") == read.index("stone")  # neither has a vector
    assert [read.is_no_name(word) for word in ("0000", "Crohn", "Rose", "Zorba")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert read.is_eponym("Crohn")
    assert not read.is_eponym("Crohn-Stone")
    assert [read.means_itself(word) for word in ("Rose", "Stone", "Crohn", "Zorba", "Xy")] == [
        True, True, True, False, False,
    ]  # fmt: skip
