"""Texts whose mentions are written in them: `No [fever|Symptom] today.`"""

from __future__ import annotations

import re

from spacy.language import Language
from spacy.tokens import Doc, Span

from medkg.extract.tokens import blank


def pipeline(*components: str) -> Language:
    """A pipeline of these components, which are run by `marked`."""
    nlp = blank()
    for component in components:
        nlp.add_pipe(component)
    return nlp


def marked(nlp: Language, text: str, *, note: bool = False) -> Doc:
    """The doc of a text (a patient's note) with its marked mentions, through the pipeline."""
    if not Span.has_extension("probability"):
        Span.set_extension("probability", default=1.0)
    plain, spans = "", []
    for part in re.split(r"(\[[^\]|]*\|\w+\])", text):
        match = re.fullmatch(r"\[([^\]|]*)\|(\w+)\]", part)
        if match:
            spans.append((len(plain), len(plain) + len(match[1]), match[2]))
        plain += match[1] if match else part
    doc = nlp.make_doc(plain)
    doc._.note = note
    doc.spans["mentions"] = [doc.char_span(a, b, label=kind) for a, b, kind in spans]
    for _, component in nlp.pipeline:
        doc = component(doc)
    return doc
