"""The text beside a mention, in its sentence."""

from __future__ import annotations

from spacy.tokens import Span

from ..sentences import sentence_of
from ..tokens import text_between

NEARBY = 20  # tokens beside a mention that are looked at


def text_around(mention: Span) -> tuple[str, str]:
    """The text before and after a mention, in its sentence, of `NEARBY` tokens at most."""
    doc, sentence = mention.doc, sentence_of(mention)
    before = text_between(doc, max(sentence.start, mention.start - NEARBY), mention.start)
    after = text_between(doc, mention.end, min(sentence.end, mention.end + NEARBY))
    return before, after
