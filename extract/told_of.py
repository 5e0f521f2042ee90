"""Notes that somebody writes of a relative: "My husband (62) snores. He falls asleep at work."

Whoever writes of themselves may name a relative first ("My mother has diabetes. I am thirsty"), so
that the sentences are counted: a note is of the relative if more of them are of "he" or "she" than
of "I".
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
_OPENING = re.compile(
    r"\s*(?:(?:hi|hello|hey|help|please|dear\s+\w+|good\s+\w+)\b[\s\w]{0,20}[,.!:]\s*)?"
    r"(?P<whose>my|our)\s+(?:(?:dear|poor|elderly|old|little|own)\s+){0,2}"
    rf"(?P<relative>{'|'.join(_SEX_OF)})\b(?!['’]s\b)(?P<age>,?\s*\(?(?:is\s+|aged?\s+)?\d)?",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")
_SUBJECT = re.compile(r"\b(?:(?P<speaker>i|i['’]\w+)|(?P<third>s?he|s?he['’]\w+))\b", re.IGNORECASE)
_THIRD_PERSON = frozenset(("he", "she", "him", "her", "his", "they", "them", "their"))


@dataclass(frozen=True)
class ToldOf:
    """The relative of whom a note is.

    Attributes:
        relative: the word, in lower case.
        sex: female or male; None where the word says neither.
        start, end: where "my husband" stands in the text.
    """

    relative: str
    sex: str | None
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
    of_relative, of_speaker = int(opening["age"] is not None), 0
    for number, sentence in enumerate(_SENTENCE_END.split(text)):
        if subject := _SUBJECT.search(sentence):
            of_speaker += subject["speaker"] is not None
            of_relative += subject["third"] is not None and number > 0
    if of_relative <= of_speaker:
        return None
    relative = opening["relative"].lower()
    return ToldOf(relative, _SEX_OF[relative], opening.start("whose"), opening.end("relative"))


def with_patient(words: Sequence[str], relative: str) -> list[str]:
    """The words of a sentence of a note of a relative, as if who wrote it were the relative.

    "My husband" is "the patient" then, and "I" a relative, where the sentence tells of nobody else.

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
    for n in range(len(words) - 1):
        if words[n] in ("my", "our") and words[n + 1] == relative:
            patient[n : n + 2] = "the", "patient"
    if patient == list(words) and _THIRD_PERSON.isdisjoint(words):
        patient = ["relative" if word == "i" else word for word in patient]
    return patient
