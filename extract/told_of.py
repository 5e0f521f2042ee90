"""Notes that somebody writes of a relative: "My husband (62) snores. He falls asleep at work."

Whoever writes of themselves may name a relative first ("My mother has diabetes. I am thirsty"), so
that the sentences are counted: a note is of the relative if more of them are of "he", or of "she",
than of "I".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SEXES = {
    "female": "wife girlfriend fiancee mother mum mom mummy grandmother grandma granny gran nan"
    " sister daughter aunt niece granddaughter",
    "male": "husband boyfriend fiance father dad daddy grandfather grandpa grandad granddad brother"
    " son uncle nephew grandson",
    None: "partner spouse child baby toddler cousin friend neighbour neighbor roommate flatmate",
}
_SEX_OF = {word: sex for sex, words in _SEXES.items() for word in words.split()}
# Of these "Dad is 58" speaks of one's own; "Mother is 34" may be a newborn's.
_OWN = "mum|mom|mummy|dad|daddy|grandma|granny|gran|nan|grandpa|grandad|granddad"
# What somebody does who tells of a patient.
TELLING = (
    r"brings?|brought|bringing|reports?|reported|says?|said|states?|stated|called|noticed|noted"
)
_OPENING = re.compile(
    r"\s*(?:(?:hi|hello|hey|help|please|dear\s+\w+|good\s+\w+)\b[\s\w]{0,20}[,.!:]\s*)?"
    r"(?:(?:it['’]?s|this\s+is|(?:i['’]?m|i\s+am)\s+(?:writing|asking|worried|concerned))\s+about\s+)?"
    r"(?P<patient>(?:(?:my|our)\s+(?P<old>\d{1,3}[\s-]years?[\s-]old\s+)?(?:(?:dear|poor|elderly|old|little|own)\s+){0,2}"
    rf"(?P<relative>{'|'.join(_SEX_OF)})|(?P<own>{_OWN})))\b(?!['’]s\b)"
    rf"(?!\s+(?:{TELLING}|denies|denied|told|thinks)\b)"
    r"(?P<age>,?\s*\(?(?:is\s+|aged?\s+|s?he['’]s\s+|s?he\s+is\s+)?\d)?",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")
# No "type I", and no "my wife".
_NUMBERED = ("type", "stage", "grade", "class", "factor")
_NOT_NUMBERED = "".join(rf"(?<!{word}\s)" for word in _NUMBERED)
_SPEAKER = re.compile(
    rf"{_NOT_NUMBERED}\b(?:i|i['’]\w+|me)\b"
    rf"|\bmy\b(?!\s+(?:[\w-]+\s+){{0,3}}(?:{'|'.join(_SEX_OF)}|brothers|sisters|parents)\b)",
    re.IGNORECASE,
)
# Beside "Mom" and "Dad" these are the patient, of whom a professional writes.
_PATIENT = re.compile(
    r"\b(?:infant|baby|newborn|neonate|boy|girl|toddler|child|patient|pt)\b", re.I
)
_PRONOUNS = {
    "female": re.compile(r"\bshe\b", re.IGNORECASE),
    "male": re.compile(r"\bhe\b", re.IGNORECASE),
    None: re.compile(r"\b(?:s?he|they)\b", re.IGNORECASE),
}
# Who is dead is no patient: "My brother died of a heart attack. I have chest pain."
_DEAD = re.compile(r"\b(?:died|dead|passed\s+away|deceased)\b", re.IGNORECASE)
_THIRD_PERSON = frozenset(("he", "she", "him", "her", "his", "they", "them", "their"))


@dataclass(frozen=True)
class ToldOf:
    """The relative of whom a note is.

    Attributes:
        relative: the word, in lower case.
        sex: female or male; None where the word says neither.
        old: "82-year-old " where that is said before the word, or empty.
        start, end: where "my husband", or "Dad", stands in the text.
    """

    relative: str
    sex: str | None
    old: str
    start: int
    end: int


def relative_told_of(text: str) -> ToldOf | None:
    """The relative whom a note tells of; None where it is of who writes, or says nothing of it.

    Args:
        text: the note.

    Example:
        >>> relative_told_of("My wife (45) has a rash. She itches.").relative
        'wife'
        >>> relative_told_of("My wife has a rash. I have a fever.")
    """
    opening = _OPENING.match(text)
    if opening is None:
        return None
    relative = (opening["relative"] or opening["own"]).lower()
    sex = _SEX_OF[relative]
    sentences = _SENTENCE_END.split(text)
    if _DEAD.search(sentences[0]) or (opening["own"] and _is_beside_patient(text, sex)):
        return None
    of_relative, of_speaker = int(opening["age"] is not None), 0
    for number, sentence in enumerate(sentences):
        speaker, third = _SPEAKER.search(sentence), _PRONOUNS[sex].search(sentence)
        if speaker and not (third and third.start() < speaker.start()):
            of_speaker += 1
        elif third and number > 0:
            of_relative += 1
    if of_relative <= of_speaker:
        return None
    return ToldOf(relative, sex, opening["old"] or "", *opening.span("patient"))


def _is_beside_patient(text: str, sex: str | None) -> bool:
    """Whether a note that begins with "Mom" tells of a child, or of somebody of the other sex."""
    other = _PRONOUNS["male" if sex == "female" else "female"]
    return bool(_PATIENT.search(text) or other.search(text))


def with_patient(words: Sequence[str], relative: str) -> list[str]:
    """The words of a sentence of a note of a relative, as if who wrote it were the relative.

    "My husband" or "Dad" is "the patient" then, and "I" a relative, where the sentence tells of
    nobody else.

    Args:
        words: in lower case.
        relative: whom the note is of.

    Example:
        >>> with_patient("my husband snores".split(), "husband")
        ['the', 'patient', 'snores']
        >>> with_patient("i am tired , too".split(), "husband")
        ['relative', 'am', 'tired', ',', 'too']
    """
    patient = list(words)
    is_of_writer = relative not in words and _THIRD_PERSON.isdisjoint(words)
    for n, word in enumerate(words):
        before = words[n - 1] if n else ""
        if word == relative and before in ("my", "our"):
            patient[n - 1 : n + 1] = "the", "patient"
        elif word == relative and (n == 0 or before == "old"):
            patient[n] = "patient"
        elif word == "i" and before not in _NUMBERED and is_of_writer:
            patient[n] = "relative"
    return patient
