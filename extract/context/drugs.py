"""Which drugs of a note are taken still and which are stopped (a part of `medkg_context`)."""

from __future__ import annotations

import re
from collections.abc import Container
from itertools import pairwise, zip_longest

from spacy.tokens import Span

from ..sentences import section_of, sentence_of
from .attributes import DEFAULTS, attributes
from .doses import dosage

# Words between a condition and the drug that is taken for it ("hypertension, well controlled on"),
# and between the drug and the condition ("metformin 500 mg bd for her type 2").
_TAKEN_FOR = (
    re.compile(
        r"[\s,(:–—-]*(?:(?:now|currently|still|well|poorly|controlled|managed|treated|stable|is|was"
        r"|remains?|continues?|maintained|chronic|he|she|and|known|,)\s+)*"
        r"(?:on|takes|taking|uses|using|with|by)\s+"
        r"(?:(?:long|term|low|high|dose|regular|daily|oral|inhaled|home|chronic)\b[\s-]*)*",
        re.I,
    ),
    re.compile(r"[^;.\n]{0,25}?\bfor\s+(?:(?:his|her|the|a|known|chronic)\s+)*", re.I),
)
# Tokens beside a drug that are looked at.
_NEARBY = 20
# What says that a drug was given once, before and after it, whatever the dose.
_WAS_GIVEN = re.compile(
    r"\b(?:was|were|had|received|given|completed|previous(?:ly)?|prior|past|course|tried|trials?"
    r"|took|former(?:ly)?|used to|until|s ?/ ?p)\b[^,;]*$",
    re.I,
)
_IS_PAST = re.compile(
    r".*\b(?:in the past|previously|formerly|until|stopped|completed|(?:19|20)\d\d)\b", re.I
)
# What a dose doesn't show to be there still.
_PASSING = re.compile(
    r"infection|pneumonia|bronchitis|cellulitis|sepsis|abscess|\bUTIs?\b|sinusitis|otitis|meningitis"
    r"|pharyngitis|tonsillitis|gastroenteritis|cystitis|pyelonephritis|endocarditis|osteomyelitis"
    r"|tubercul|malaria|cancer|carcinoma|tumou?r|lymphoma|leuka?emia",
    re.I,
)
# What stands between the drugs of a list, and before and after those that are stopped together.
_LISTED = re.compile(
    r"(?:\s|[,&/+]|\band\b|\bboth\b|\b(?:his|her|home)\b|\d[\d.,]*|\b(?:mg|mcg|g|units?|daily|bid|tid|po)\b)*",
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
# What is over though a drug is taken after it.
_EVENT = re.compile(
    r"infarct|stroke|\b(?:N?STEMI|MI|TIA|CVA|DVT|PE)\b|\battack|embol|thrombos|fracture|arrest"
    r"|ha?emorrhage",
    re.I,
)


def still_taken(found: list[tuple[Span, set[str]]]) -> None:
    """Take back what a past history says of drugs that are taken, and of what they are for.

    `found` are the sentence's mentions in order, with their categories, which are changed.
    """
    for number, (drug, categories) in enumerate(found):
        if "over" in categories or not ("taken" in categories or _is_regular(drug, categories)):
            continue
        for step, pattern in zip((-1, 1), _TAKEN_FOR, strict=True):
            if not 0 <= number + step < len(found):
                continue
            condition, its = found[number + step]
            first, last = sorted((drug, condition), key=lambda mention: mention.start)
            if condition.label_ in ("Disease", "Symptom") and pattern.fullmatch(
                drug.doc[first.end : last.start].text_with_ws
            ):
                if "taken" not in categories and _PASSING.search(condition.text):
                    break  # "pneumonia treated with amoxicillin 500 mg tid"
                if "over" not in its and not _EVENT.search(condition.text):
                    its.discard("historical")
        else:
            categories.discard("historical")


def _is_regular(drug: Span, categories: Container[str]) -> bool:
    """Whether a past history says a drug's dose and how often, as of what is taken."""
    if drug.label_ != "Drug" or "historical" not in categories:
        return False
    before, after = beside(drug)
    if (
        section_of(drug) != "historical"
        or _WAS_GIVEN.search(before)
        or _IS_PAST.match(after.split(",")[0])
    ):
        return False
    said = dosage(drug)
    return {"dose", "frequency"} <= said.keys() and "duration" not in said


def listed_with(found: list[tuple[Span, set[str]]]) -> None:
    """Tell which drugs are stopped with others: "hold [metformin], [furosemide] and [lisinopril]".

    `found` are the sentence's mentions in order, with their categories, which are added to.
    """
    for (drug, its), (following, more) in pairwise(found):
        if {drug.label_, following.label_} != {"Drug"}:
            continue
        if following.start - drug.end > _NEARBY:
            continue
        between = drug.doc[drug.end : following.start].text_with_ws
        if {"over"} <= its & more and _OWN_DOSE.fullmatch(between):
            # "Cinacalcet 30, Bactrim stopped": each with its own, the last alone is stopped.
            if not _STOPS.search(beside(drug)[0]) and _STOPPED_ALONE.match(beside(following)[1]):
                its.discard("over")
            continue
        if ("over" in its) == ("over" in more) or not _LISTED.fullmatch(between):
            continue
        before, after = beside(drug)[0], beside(following)[1]
        if "over" in its and not _OWN_VERB.match(after):
            # Of a list's second drug, the one before it has told already.
            if _STOPS.search(before) or _LISTED_BEFORE.search(before):
                more.add("over")
        elif "over" in more and _STOPPED_TOGETHER.match(after):
            its.add("over")


def said_later(found: list[tuple[Span, set[str]]]) -> None:
    """Tell that a drug is over where its sentence goes on that "it" was stopped, or until when.

    And take back that it is over where the sentence goes on that it is given again. "It" is the
    drug named last. `found` are the sentence's mentions in order, with their categories, which are
    changed.
    """
    drugs = [(mention, its) for mention, its in found if mention.label_ == "Drug"]
    for (drug, its), following in zip_longest(drugs, drugs[1:]):
        end = drug.end + _NEARBY if following is None else following[0].start
        after = drug.doc[drug.end : min(end, sentence_of(drug).end, drug.end + _NEARBY)].text
        stopped, years = _STOPPED_IT.search(after), _YEARS.match(after)
        if stopped and not _NO_DRUG.search(after, 0, stopped.start()):
            its.add("over")
        # But "2018-03" is a month.
        if years and (int(years[1]) < int(years[2]) or int(years[1]) > 80 > int(years[2])):
            its.add("over")
        if _AGAIN.search(after):
            its.discard("over")


def is_stopped(drug: Span, categories: Container[str]) -> bool:
    """Whether a sentence says that a drug isn't taken any more, for certain and of the patient."""
    said = attributes(categories)
    return (
        drug.label_ == "Drug"
        and "over" in categories
        and {**said, "temporality": "current"} == DEFAULTS
        and not any(map(_UNLESS.search, beside(drug)))
    )


def beside(mention: Span) -> tuple[str, str]:
    """The text before and after a mention, in its sentence, of `_NEARBY` tokens at most."""
    doc, sentence = mention.doc, sentence_of(mention)
    before = doc[max(sentence.start, mention.start - _NEARBY) : mention.start]
    after = doc[mention.end : min(sentence.end, mention.end + _NEARBY)]
    return before.text_with_ws, after.text_with_ws
