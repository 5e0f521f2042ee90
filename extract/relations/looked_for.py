"""What a paper wanted to know, which is no finding."""

from __future__ import annotations

import re

from .pairs import EntityPair

_STUDYING = (
    r"(?:investigat|examin|evaluat|assess|test|stud|determin|explor|analy[sz]|screen)(?:y|ied|ies"
    r"|ed?|ing)?"
)
# What a paper wants to know stands behind these, in the same clause.
_AIM = re.compile(
    r"(?:^| )(?:(?:aims?|objectives?|purpose|goal) (?:\S+ ){0,8}?(?:was|were|is|are) (?:also )?to"
    r"|(?:aim(?:s|ed)|sought|designed|conducted|undertaken|performed) (?:to|at)"
    rf"|(?:we|study|trial|work) (?:\S+ )?{_STUDYING}|to {_STUDYING}) ",
    re.IGNORECASE,
)
_APPOSED = re.compile(r"(?:\) )?[(,] an?")
_CLAUSE_END = re.compile(r"(?:^| )(?:;|:|we|found|show(?:s|ed)?|suggest(?:s|ed|ing)?) ", re.I)


def is_aim(pair: EntityPair) -> bool:
    """Whether a sentence names the two among what its paper wanted to know.

    "We investigated whether zinc prevents colds" says no more than that. What stands in apposition
    it knows: "we tested zinc (an ACE inhibitor)".
    """
    first, last = sorted((pair.head, pair.tail))
    if _APPOSED.fullmatch(" ".join(pair.words[first.end : last.start])):
        return False
    before = " ".join(pair.words[: first.start]) + " "
    cues = list(_AIM.finditer(before))
    if not cues:
        return False
    rest = before[cues[-1].end() :] + " ".join(pair.words[first.start : last.start]) + " "
    return _CLAUSE_END.search(rest) is None
