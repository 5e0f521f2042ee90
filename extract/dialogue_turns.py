"""Who says what in a visit's dialogue: its turns, by the marks before them."""

from __future__ import annotations

import re
from dataclasses import dataclass

CLINICIAN, PATIENT = "clinician", "patient"
_ROLES = {
    CLINICIAN: "doctor|dr|physician|clinician|nurse|guest_clinician|医生|医師|醫生|大夫|护士",
    PATIENT: "patient|pt|guest_family|guest_family_1|guest_family_2|患者|病人|患儿|家长|家屬|家属",
}
_LETTERS = {"d": CLINICIAN, "p": PATIENT}
_ROLE_OF = {word: role for role, words in _ROLES.items() for word in words.split("|")} | _LETTERS
_WORDS = "|".join(_ROLES.values())
# "[doctor]" stands at the start of a line or a sentence ("seen by [DOCTOR]" is de-identified),
# "Doctor:" of a line.
_MARK = re.compile(
    rf"(?:^[ \t]*|(?<=[.?!,] )|(?<=\n))\[({_WORDS})\][ \t]*:?[ \t]*"
    rf"|^[ \t]*({_WORDS}|d|p)[ \t]*[:：][ \t]*",
    re.I | re.M,
)
_FEWEST = 2  # turns of each: "P:" heads a plan, too, and "Patient:" a letter


@dataclass(frozen=True)
class Turn:
    """What one speaker says: characters [start, end) of the text, behind the mark at `mark`."""

    role: str
    mark: int
    start: int
    end: int


def turns_of(text: str) -> list[Turn]:
    """The turns of a dialogue in order; none of a text that is no dialogue.

    Either there are two of each speaker, or a single question of a clinician is answered.
    """
    marks = list(_MARK.finditer(text))
    words = [(match[1] or match[2]).lower() for match in marks]
    roles = [_ROLE_OF[word] for word in words]
    if roles == [CLINICIAN, PATIENT]:
        if not text[: marks[1].start()].rstrip().endswith(("?", "？")):
            return []
    elif min(roles.count(CLINICIAN), roles.count(PATIENT)) < _FEWEST:
        return []
    ends = [*(match.start() for match in marks[1:]), len(text)]
    return [
        Turn(role, match.start() + _indent(match[0]), match.end(), end)
        for role, match, end in zip(roles, marks, ends, strict=True)
    ]


def _indent(mark: str) -> int:
    return len(mark) - len(mark.lstrip())
