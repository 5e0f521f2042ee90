"""Any spaCy model's entities as mentions (component `medkg_spacy_ner`), scispaCy's among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..graph.errors import ModelError
from .ner import Found, set_mentions

# What scispaCy's and other published models call the kinds; a kind's own name is understood too.
# scispaCy's: en_ner_bc5cdr_md, en_ner_bionlp13cg_md, en_ner_craft_md, en_ner_jnlpba_md.
KINDS = {
    "DISEASE": "Disease",
    "CANCER": "Disease",
    "PROBLEM": "Disease",
    "SYMPTOM": "Symptom",
    "SIGN_OR_SYMPTOM": "Symptom",
    "CHEMICAL": "Drug",
    "SIMPLE_CHEMICAL": "Drug",
    "CHEBI": "Drug",
    "DRUG": "Drug",
    "MEDICATION": "Drug",
    "GENE_OR_GENE_PRODUCT": "Target",
    "GGP": "Target",
    "GENE": "Target",
    "PROTEIN": "Target",
    "TARGET": "Target",
    "TEST": "Procedure",
    "PROCEDURE": "Procedure",
}


class SpacyNer:
    """Sets `doc.spans["mentions"]` from another spaCy pipeline's entities, by their offsets.

    Labels outside `KINDS` are left out. spaCy gives an entity no probability, so each has 1.
    """

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Annotate many documents."""
        for docs in minibatch(stream, batch_size):
            texts = [doc.text for doc in docs]
            for doc, read in zip(docs, self.nlp.pipe(texts), strict=True):
                entities = [(e, KINDS.get(e.label_.upper())) for e in read.ents]
                found = [Found(e.start_char, e.end_char, k, 1.0) for e, k in entities if k]
                set_mentions(doc, found)
                yield doc

    def to_disk(self, path: Any, **_: Any) -> None:
        """Nothing of its own to save: the other pipeline is named in the config."""

    def from_disk(self, path: Any, **_: Any) -> SpacyNer:
        """Nothing to load."""
        return self


@Language.factory("medkg_spacy_ner")
def create_spacy_ner(nlp: Language, name: str, model: str) -> SpacyNer:
    """Component from the name of an installed spaCy model, or a folder of one.

    Raises:
        ModelError: no such model, or one that finds no entities.
    """
    try:
        other = spacy.load(model)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{model}: is neither a folder of medkg train ner nor a spaCy model that is installed"
        ) from error
    if not {"ner", "entity_ruler", "span_ruler"} & set(other.pipe_names):
        raise ModelError(f"{model}: is a spaCy model that finds no entities")
    return SpacyNer(other)


def is_spacy_model(model: str) -> bool:
    """Whether a name or folder is meant for `medkg_spacy_ner`: it is no folder of medkg's."""
    return not Path(model).is_dir() or (Path(model) / "meta.json").is_file()
