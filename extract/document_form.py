"""What a plain text is by its form: a note about one patient, or a paper, which has no patient.

The signs of either form are regular expressions with weights, in `data/document_forms.tsv`. The
weights of those that occur are added up to the probability that the text is a paper. Where that is
neither high nor low the text is in doubt, and is read as a note: of a paper taken for a note too
much is known, while a note taken for a paper loses its patient.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from ..core.errors import DataError
from .tables import table_rows

# How plain texts are to be read: each by its form, all as notes about a patient, all as papers.
Texts = Literal["auto", "notes", "papers"]
Form = Literal["note", "paper", "doubt"]
# A form shows at the beginning; a book would take long.
_BEGINNING = 4000
# From which probability of being a paper on a text is one, and up to which it is a note.
_PAPER, _NOTE = 0.9, 0.2


@dataclass(frozen=True)
class Sign:
    """A row of `data/document_forms.tsv`.

    Attributes:
        form: "paper" or "note", what the sign speaks for.
        weight: what it adds to the log-odds of a paper.
    """

    name: str
    form: str
    weight: float
    pattern: re.Pattern[str]


@cache
def signs() -> tuple[Sign, ...]:
    """All signs, with the one that every text has."""
    return tuple(
        Sign(name, form, float(weight), re.compile(pattern, re.MULTILINE))
        for name, form, weight, pattern in table_rows("document_forms.tsv")
    )


def signs_in(text: str) -> list[Sign]:
    """The signs that a text has."""
    beginning = text[:_BEGINNING].replace("\r\n", "\n")
    return [sign for sign in signs() if sign.pattern.search(beginning)]


def paper_probability(text: str) -> float:
    """How likely a text is a paper, by its form."""
    return 1 / (1 + math.exp(-sum(sign.weight for sign in signs_in(text))))


def form_of(text: str) -> Form:
    """What a text is by its form; "doubt": it may be either."""
    probability = paper_probability(text)
    if probability >= _PAPER:
        return "paper"
    return "note" if probability <= _NOTE else "doubt"


def check_texts(texts: str) -> None:
    """Refuse a value that is none of `Texts`.

    Raises:
        DataError: it is none.
    """
    if texts not in get_args(Texts):
        raise DataError(f"texts={texts!r}: take one of {', '.join(get_args(Texts))}")
