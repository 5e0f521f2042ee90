"""Which drugs of a note are stopped or held, beyond trigger phrases (a part of `medkg_context`)."""

from __future__ import annotations

import re
from collections.abc import Container
from itertools import pairwise, zip_longest

from spacy.tokens import Span

from ..sentences import sentence_of
from ..tokens import text_between
from .attributes import DEFAULTS, Categorised, attributes
from .surroundings import NEARBY, text_around

# What stands between the drugs of a list, and before and after those that are stopped together.
_LISTED = re.compile(
    r"(?:\s|[,&/+]|\band\b|\bboth\b|\b(?:his|her|home)\b|\d[\d.,]*+|\b(?:mg|mcg|g|units?|daily|bid|tid|po)\b)*",
    re.I,
)
_STOPS = re.compile(
    r"\b(?:stop(?:ped|ping)?(?: taking)?|discontinu(?:ed?|ing)|hold(?:ing)?|held|with(?:hold|held)"
    r"|d/c(?:'d|ed)?)\s+(?:(?:the|his|her|their|home|all|both)\s+)*$",
    re.I,
)
_LISTED_BEFORE = re.compile(r"(?:,|\band|&|/|\+)\s*$", re.I)
_OWN_VERB = re.compile(
    r"[\s\d.]*(?:mg|mcg|g|units?)?\s*(?:daily|bid|tid|po|infusion|drip)?\s*\b(?:was|were|is|are|be|been"
    r"|started|begun|began|added|given|prescribed|initiated|increased|continued|resumed|instead)\b",
    re.I,
)
_STOPPED_TOGETHER = re.compile(
    r"\s*(?:(?:(?:were|are|both|have|been|all)\s+)*(?:stopped|discontinued|held|withheld|d/c'd)"
    r"|(?:was|were) not (?:well )?tolerated)\b",
    re.I,
)
_OWN_DOSE = re.compile(r"[^,;]*\d[^,;]*[,;]\s*|[^,;]*\b(?:prn|daily|bid|tid)\b[^,;]*[,;]\s*", re.I)
_STOPPED_ALONE = re.compile(
    r"\s*(?:(?:was|self)\s?-?\s?)?(?:stopped|discontinued|held|ceased|d/c'?d|dc'd|off)\b", re.I
)
_AGAIN = re.compile(
    r"\b(?:but|and|then|later|since|,) (?:was |were |has been |then |later |since )*"
    r"(?:restarted|resumed|reinstated|reintroduced|started again)\b",
    re.I,
)
_STOPPED_IT = re.compile(
    r"(?:[,;]|\b(?:and|so|but|then|he|she|they|who|I|we))\s(?:has |have |had |then |since )?"
    r"(?:stopped|quit|discontinued|d/c'd)\s(?:taking\s)?(?:it|this)\b",
    re.I,
)
# "Carbamazepine caused a rash and was stopped"; but a patient is held, too, and "withdrawn".
_WAS = (
    r"\s(?:therefore |then |later |subsequently |since )?"
    r"(?:was|were|(?:has|have|had) (?:since |now )?been|had to be)\s"
    r"(?:\w+ly |then |later |since |soon )?"
)
_ENDED = "stopped|discontinued|ceased|d/c'd"
_WAS_STOPPED = re.compile(
    rf"\b(?:(?:which|that|it){_WAS}(?:{_ENDED}|held|withheld|withdrawn)|(?:and|but){_WAS}(?:{_ENDED}))"
    r"\b(?! (?:with|by)\b)",
    re.I,
)
_IF = re.compile(r"\b(?:if|unless|until|when)\b", re.I)
_WAS_SWITCHED = re.compile(
    r"\b(?:which|it|and) (?:was|has been) (?:\w+ly )?(?:switched|changed|converted) to$", re.I
)
_NO_DRUG = re.compile(
    r"\b(?:smok|drink|alcohol|etoh|tobacco|cigar|vap|pot\b|marijuana|start)", re.I
)
# "Etanercept 2019-21": taken from one year to another.
_YEARS = re.compile(
    r"(?![^,;.]*\b(?:since|for|still)\b)[^,;.]{0,25}?\b(?:19|20)(\d\d)\s?[-–]\s?(?:19|20)?(\d\d)\b"
    r"(?!\s?[-–/\d])(?!.*\b(?:still|ongoing|present|current\w*)\b)"
)
_UNLESS = re.compile(
    r"\b(?:if|unless|in case of|in the event of|consider\w*|may|might|could|would|should"
    r"|when|resum\w+|restart\w*|recommend\w*|continued?|SBP|HR)\b",
    re.I,
)


def mark_stopped_together(mentions: Categorised) -> None:
    """Mark drugs as over that are stopped with others: "hold [metformin] and [lisinopril]".

    `mentions` are a sentence's; their categories are changed.
    """
    for (drug, categories), (next_drug, next_categories) in pairwise(mentions):
        if not drug.label_ == next_drug.label_ == "Drug" or next_drug.start - drug.end > NEARBY:
            continue
        between = text_between(drug.doc, drug.end, next_drug.start)
        before, after = text_around(drug)[0], text_around(next_drug)[1]
        if "over" in categories and "over" in next_categories:
            # "Cinacalcet 30, Bactrim stopped": each with its own, the last alone is stopped.
            stopped_alone = _STOPPED_ALONE.match(after) and not _STOPS.search(before)
            if stopped_alone and _OWN_DOSE.fullmatch(between):
                categories.discard("over")
        elif not _LISTED.fullmatch(between):
            continue
        elif "over" in categories and not _OWN_VERB.match(after):
            # Of a list's second drug, the one before it has been marked already.
            if _STOPS.search(before) or _LISTED_BEFORE.search(before):
                next_categories.add("over")
        elif "over" in next_categories and _STOPPED_TOGETHER.match(after):
            categories.add("over")


def mark_stopped_later(mentions: Categorised) -> None:
    """Mark a drug as over where its sentence goes on that it was stopped or changed, or until when.

    Where the sentence goes on that it is given again, it is not over. "It" is the drug named last.
    `mentions` are a sentence's; their categories are changed.
    """
    drugs = [(mention, categories) for mention, categories in mentions if mention.label_ == "Drug"]
    for (drug, categories), following in zip_longest(drugs, drugs[1:]):
        end = drug.end + NEARBY if following is None else following[0].start
        after = drug.doc[drug.end : min(end, sentence_of(drug).end, drug.end + NEARBY)].text
        stopped, years = _STOPPED_IT.search(after), _YEARS.match(after)
        if stopped and not _NO_DRUG.search(after, 0, stopped.start()):
            categories.add("over")
        was_stopped = _WAS_STOPPED.search(after)
        if was_stopped and not _IF.search(after, 0, was_stopped.start()):
            categories.add("over")
        to_another = following is not None and following[0].text.lower() != drug.text.lower()
        if to_another and _WAS_SWITCHED.search(after):
            categories.add("over")
        # But "2018-03" is a month.
        if years and (int(years[1]) < int(years[2]) or int(years[1]) > 80 > int(years[2])):
            categories.add("over")
        if _AGAIN.search(after):
            categories.discard("over")


def is_stopped(drug: Span, categories: Container[str]) -> bool:
    """Whether a sentence says that a drug isn't taken any more, for certain and of the patient."""
    return (
        drug.label_ == "Drug"
        and "over" in categories
        and {**attributes(categories), "temporality": "current"} == DEFAULTS
        and not any(map(_UNLESS.search, text_around(drug)))
    )
