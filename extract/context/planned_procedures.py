"""Procedures of a note that are asked for or to come (a part of `medkg_context`)."""

from __future__ import annotations

import re
from itertools import zip_longest

from ..sentences import sentence_of
from ..tokens import text_of
from .attributes import Categorised
from .values import measurement

_DAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_REQUEST_VERB = r"(?:plann|request|order|schedul|book|arrang|organi[sz])ed"
# Up to three words that begin no other clause.
_GAP = r"(?:(?!underwent\b|had\b)[^\s,;:.()]++\s++){0,3}"
# A fragment such as "For echocardiogram" asks for one, too.
_REQUEST_BEFORE = re.compile(
    r"(?:\b(?:will (?:have|get|undergo|obtain|arrange|order|request|organi[sz]e|book|schedule)"
    r"|going to have|plans? for|pre-?op for|(?:refer|admit) for"
    r"|(?:I|we)(?: have| would)? (?:suggest|recommend|advise)"
    r"|please (?:arrange|order|request|organi[sz]e|book|schedule|do|get))"
    r"|(?:^|[.;:,]\s|\b(?:and|to)\s)(?:arrange|order|request|organi[sz]e|book|schedule)"
    rf"|(?<!results of the )(?<!of )\b{_REQUEST_VERB}(?: for)?)\s+{_GAP}$"
    rf"|(?:^|[.;:]\s)for\s+{_GAP}$",
    re.I,
)
_TO_COME = (
    rf"(?:tomorrow|next (?:week|month|year|{_DAYS})|on {_DAYS}"
    r"|to be (?:done|performed|repeated|booked|organi[sz]ed|scheduled|arranged))\b"
)
_REQUEST_BEHIND = re.compile(rf"\s+{_GAP}(?:{_REQUEST_VERB}\b|{_TO_COME})", re.I)
# What a procedure gives that was done; not behind "if" or "to", which tell what it may give.
_GAVE = re.compile(
    r"\b(?:show(?:s|ed|ing|n)|reveal(?:s|ed|ing)|demonstrat(?:es|ed|ing)|confirm(?:s|ed|ing)|found"
    r"|detected|identified|normal|benign|negative|positive|unremarkable|clear|performed|completed"
    r"|carried out|done|yesterday|today|last (?:week|month|year|night))\b"
    r"|:\D{0,15}\d",
    re.I,
)
_GAVE_NEXT = re.compile(
    r"\s*(?:it|this|these|they|results?)\s+(?:show|reveal|demonstrat|confirm|was|were)", re.I
)
_MAY_GIVE = re.compile(r"\b(?:if|unless|when|once|until|(?<!due )to)\b", re.I)
_BEFORE = 80  # characters before a procedure that are looked at


def mark_planned(mentions: Categorised) -> None:
    """Make procedures of a note hypothetical that are requested, planned or to come.

    But "an MRI was ordered and showed a lesion" was done, and so was what has a value. `mentions`
    are a sentence's; their categories are changed.
    """
    for (procedure, categories), following in zip_longest(mentions, mentions[1:]):
        if procedure.label_ != "Procedure" or categories & {"negated", "hypothetical"}:
            continue
        text, sentence = text_of(procedure.doc), sentence_of(procedure)
        start, end = procedure.start_char, procedure.end_char
        before = text[max(sentence.start_char, start - _BEFORE) : start]
        after = text[end : sentence.end_char if following is None else following[0].start_char]
        if _REQUEST_BEFORE.search(before) or _REQUEST_BEHIND.match(after):
            given = _GAVE.search(after) or _GAVE_NEXT.match(text, end + len(after))
            may_give = _MAY_GIVE.search(after)
            was_done = given and (may_give is None or given.start() < may_give.start())
            if not (was_done or measurement(procedure)):
                categories.add("hypothetical")
