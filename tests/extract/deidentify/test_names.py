"""What is no name, and where else one stands: a sentence or two of each sort of error."""

from __future__ import annotations

import pytest

from medkg.extract.deidentify import find_identifiers
from medkg.extract.deidentify.identifiers import Identifier
from medkg.extract.deidentify.lexicon import LISTS, Lexicon
from medkg.extract.deidentify.names import found_again, is_own_name, without_weak

WORDS = {
    "ordinary": ["young", "fall", "lives", "rose"],
    "terms": ["bell", "colles"],
    "last": ["young", "bell"],
}
LEXICON = Lexicon({name: WORDS.get(name, []) for name in LISTS})


def written(text: str) -> list[str]:
    return [text[each.start : each.end] for each in find_identifiers(text)]


def name(text: str, word: str, score: float = 1.0) -> Identifier:
    start = text.index(word)
    return Identifier(start, start + len(word), "NAME", score)


@pytest.mark.parametrize(
    "text",
    [
        "Father died at 85 of a stroke. Sister denies smoking. Nurse reports less pain.",
        "FATHER DECEASED, SISTER HEALTHY.",
        "MS exacerbation treated with steroids. No MS Relapse since.",
        "Hello, miss. How are you today?",
        "Past History PT declined. Chest Pain MD aware.",
        "Denies chest pain. Reports nausea. Lives alone. Died of sepsis.",
        "Female, 54. Male, 12. Sex: Female. Middle-aged woman.",
        "Labs: ANA negative, LIN repeated, CRP 12. ESI 3. ASA 2.",
        "Blood pressure one thirty over seventy. Call nine nine nine.",
    ],
)
def test_words_and_abbreviations_name_nobody(text: str) -> None:
    assert written(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Mr. Noble came in.", ["Noble"]),
        ("seen by mrs brown today", ["brown"]),
        ("Sister Agnes called; Father Emmanuel visited.", ["Agnes", "Emmanuel"]),
        ("MS SMITH IS WELL.", ["SMITH"]),
        ("Seen by Gene Frost, MD.", ["Gene Frost"]),
        ("Referred to M. Whipple, MD.", ["M. Whipple"]),
    ],
)
def test_a_title_tells_a_name(text: str, names: list[str]) -> None:
    assert written(text) == names


@pytest.mark.parametrize(
    ("text", "word", "own"),
    [
        ("He has Bell's palsy.", "Bell", False),
        ("a Colles fracture", "Colles", False),
        ("Okafor's fracture healed.", "Okafor", True),
        ("Okafor's drain is out.", "Okafor", True),
        ("a new Okafor drain", "Okafor", False),
        ("Mr. Bell's palsy is better.", "Bell", True),
        ("Bell walks well.", "Bell", True),
    ],
)
def test_a_disease_is_nobody_s_name_and_a_patient_may_have_one(
    text: str, word: str, own: bool
) -> None:
    assert is_own_name(text, name(text, word), LEXICON) is own


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("Mr. Okafor came. okafor is well. OKAFOR", ["okafor", "OKAFOR"]),
        ("Mr. Young came. We saw Young again.", ["Young"]),
        ("Mr. Young came. Young adults fall. The young fall.", []),
        ("Mr. Young came. He is young. We saw Young again.", []),
        ("Mr. Bell came. He has Bell's palsy.", []),
        ("Mr. Okafor came. Okafor's drain is out.", ["Okafor"]),
    ],
)
def test_a_sure_name_is_looked_for_in_the_whole_text(text: str, again: list[str]) -> None:
    sure = name(text, text.split()[1])
    places = found_again(text, [sure], LEXICON)
    assert [text[each.start : each.end] for each in places] == again


def test_a_weak_name_that_is_a_word_of_the_text_is_none() -> None:
    text = "Lives alone. She lives in a flat. Rose came."
    weak = [name(text, "Lives", 0.4), name(text, "Rose", 0.4)]
    assert without_weak(text, weak, LEXICON) == [weak[1]]
    assert without_weak(text, [name(text, "Lives", 0.9)], LEXICON) != []
