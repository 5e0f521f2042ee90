"""The spaCy component that marks identifiers."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..tokens import StatelessComponent, text_of

if not Span.has_extension("probability"):
    Span.set_extension("probability", default=1.0)


class MedkgDeidentify(StatelessComponent):
    """spaCy component: sets `doc.spans["identifiers"]`, each span's label its kind.

    `span._.probability` is how sure the finder is. On another tokenizer than this package's a span
    grows to its tokens.
    """

    def __call__(self, doc: Doc) -> Doc:
        # spaCy imports this module with every pipeline; presidio, and what it imports, takes
        # seconds and 200 MB.
        from .find import find_identifiers

        spans = []
        for each in find_identifiers(text_of(doc)):
            span = doc.char_span(each.start, each.end, each.kind, alignment_mode="expand")
            if span is not None:
                span._.probability = each.score
                spans.append(span)
        doc.spans["identifiers"] = spans
        return doc


def create_deidentify(nlp: Language, name: str) -> MedkgDeidentify:
    """The component; it has no settings."""
    del nlp, name  # spaCy gives every factory both, by these names
    return MedkgDeidentify()


Language.factory("medkg_deidentify", func=create_deidentify)
