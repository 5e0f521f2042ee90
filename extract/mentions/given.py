"""Proteins that a text says are given as drugs: "started on insulin".

The corpora annotate insulin as the product of a gene wherever it stands, also where a patient gets
it, so that the recogniser finds a Target there. What is given is a Drug.
"""

from __future__ import annotations

import re
from functools import cache

from spacy.tokens import Span

from ..sentences import sentence_of
from ..tables import table_rows
from ..tokens import text_of

# A word that may belong to a name or a list: no verb and no preposition.
_OF_NAME = r"(?!(?:\w+(?:ed|es|s)|to|in|on|by|for|from|of|with|than|as|may|can|did|not)\s)[\w-]+"
_WINDOW = 80  # characters on each side, enough for a form and the words that may stand between


def is_given(mention: Span) -> bool:
    """Whether a mention's name or the words beside it say that it is given as a drug.

    The forms are those of `data/given_words.tsv`.
    """
    if _pattern("name").match(mention.text):
        return True
    sentence = sentence_of(mention)
    text = text_of(mention.doc)
    before = text[sentence.start_char : mention.start_char][-_WINDOW:]
    behind = text[mention.end_char : sentence.end_char][:_WINDOW]
    return bool(_pattern("before").search(before) or _pattern("behind").match(behind))


@cache
def _pattern(side: str) -> re.Pattern[str]:
    """What one of the forms of a side matches, next to a mention; of "name", all of the mention."""
    forms = "|".join(form for each, form in table_rows("given_words.tsv") if each == side)
    if side == "name":
        return re.compile(rf"(?:{forms})$", re.IGNORECASE)
    if side == "before":
        return re.compile(rf"\b(?:{forms})\s+(?:{_OF_NAME}\s){{0,3}}$", re.IGNORECASE)
    return re.compile(rf"\s(?:(?!(?:and|or|but)\s){_OF_NAME}\s)?(?:{forms})(?!\w)", re.IGNORECASE)
