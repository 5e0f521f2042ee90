"""Which drugs of a past history are taken still, and what for (a part of `medkg_context`)."""

from __future__ import annotations

import re
from collections.abc import Container

from spacy.tokens import Span

from ..sentences import section_of
from ..tokens import text_between
from .attributes import Categorised
from .doses import dosage
from .surroundings import text_around

# Words between a condition and the drug that is taken for it ("hypertension, well controlled on"),
# and between the drug and the condition ("metformin 500 mg bd for her type 2").
_TAKEN_FOR = (
    re.compile(
        r"[\s,(:–—-]*+(?:(?:now|currently|still|well|poorly|controlled|managed|treated|stable|is|was"
        r"|remains?|continues?|maintained|chronic|he|she|and|known|,)\s++)*"
        r"(?:on|takes|taking|uses|using|with|by)\s+"
        r"(?:(?:long|term|low|high|dose|regular|daily|oral|inhaled|home|chronic)\b[\s-]*)*",
        re.I,
    ),
    re.compile(r"[^;.\n]{0,25}?\bfor\s+(?:(?:his|her|the|a|known|chronic)\s+)*", re.I),
)
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
# What is over though a drug is taken after it.
_EVENT = re.compile(
    r"infarct|stroke|\b(?:N?STEMI|MI|TIA|CVA|DVT|PE)\b|\battack|embol|thrombos|fracture|arrest"
    r"|ha?emorrhage",
    re.I,
)


def keep_current(mentions: Categorised) -> None:
    """Take back what a past history says of drugs that are taken, and of what they are for.

    `mentions` are a sentence's; their categories are changed.
    """
    for number, (drug, categories) in enumerate(mentions):
        if "over" in categories or not ("taken" in categories or _is_regular(drug, categories)):
            continue
        for step, pattern in zip((-1, 1), _TAKEN_FOR, strict=True):
            if not 0 <= number + step < len(mentions):
                continue
            condition, of_condition = mentions[number + step]
            first, last = sorted((drug, condition), key=lambda mention: mention.start)
            if condition.label_ in ("Disease", "Symptom") and pattern.fullmatch(
                text_between(drug.doc, first.end, last.start)
            ):
                if "taken" not in categories and _PASSING.search(condition.text):
                    break  # "pneumonia treated with amoxicillin 500 mg tid"
                if "over" not in of_condition and not _EVENT.search(condition.text):
                    of_condition.discard("historical")
        else:
            categories.discard("historical")


def _is_regular(drug: Span, categories: Container[str]) -> bool:
    """Whether a past history says a drug's dose and how often, as of what is taken."""
    if drug.label_ != "Drug" or "historical" not in categories:
        return False
    before, after = text_around(drug)
    if (
        section_of(drug) != "historical"
        or _WAS_GIVEN.search(before)
        or _IS_PAST.match(after.split(",")[0])
    ):
        return False
    stated = dosage(drug)
    return {"dose", "frequency"} <= stated.keys() and "duration" not in stated
