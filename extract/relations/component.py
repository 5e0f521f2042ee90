"""The component `medkg_relations`: relations between the mentions of a document.

Papers are read whole (`paper_relations`), notes sentence by sentence (`note_relations`): the
classifiers of documents know abstracts, which tell of harm and of what is new; a note's drugs stand
beside what they are given for, and beside what is denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..linking import component as _linker  # noqa: F401 (registers what it sets on spans)
from ..species import animals_of
from ..tokens import text_of
from .candidates import (
    DocumentPassage,
    RelationCandidate,
    passages,
    relation_candidates,
)
from .document_features import FactRow
from .extracted import ExtractedRelation
from .facts import SORTS, Probabilities, predict_facts, read_sentences
from .interactions import interaction_relations
from .model import RelationModel, hashed_words
from .note_relations import note_relations
from .paper_relations import DocumentFacts, paper_relations
from .read_pairs import ReadPair, sort_of
from .rules import forget_texts

# A relation of a paper's document must be likelier than not, whatever gives the best F1.
THRESHOLD = 0.5


def create_relations(
    nlp: Language,
    name: str,
    model: str | None,
    device: str | None,
    min_probability: float,
) -> RelationsComponent:
    """Component from a model's folder (null: the shipped one)."""
    del nlp, name  # spaCy hands every factory both
    loaded = RelationModel.load(None if model is None else Path(model), device)
    return RelationsComponent(loaded, min_probability=min_probability)


class RelationsComponent:
    """Sets `doc._.relations`: what a document says about pairs of `doc.spans["mentions"]`.

    Args:
        model: the models.
        threshold: from which probability on a document relates two concepts, if the model's own
            threshold, that of the best F1, is no higher.
        min_probability: relations that are less probable in the graph are left out.
    """

    def __init__(
        self, model: RelationModel, threshold: float = THRESHOLD, min_probability: float = 0.0
    ) -> None:
        self.model = model
        self.threshold = threshold
        self.min_probability = min_probability
        if not Doc.has_extension("relations"):
            Doc.set_extension("relations", default=())

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Annotate many documents; the pairs of `batch_size` documents go through together."""
        thresholds = {
            name: max(self.threshold, threshold)
            for name, threshold in self.model.thresholds.items()
        }
        for docs in minibatch(stream, batch_size):  # type: ignore[no-untyped-call]
            try:
                candidates = [list(relation_candidates(doc)) for doc in docs]
                pairs, facts = self.read(docs, candidates)
                for doc, of_doc, read, document in zip(docs, candidates, pairs, facts, strict=True):
                    if doc._.note:
                        relations = note_relations(of_doc, read, thresholds)
                    else:
                        stated = paper_relations(of_doc, read, document, thresholds)
                        relations = _with_species(doc, chain(stated, interaction_relations(doc)))
                    probable = (
                        each for each in relations if each.is_as_probable(self.min_probability)
                    )
                    doc._.relations = tuple(
                        sorted(probable, key=lambda r: (r.head.start, r.tail.start, r.relation))
                    )
                    yield doc
            finally:
                forget_texts()
                hashed_words.cache_clear()

    def read(
        self, docs: Sequence[Doc], candidates: Sequence[Sequence[RelationCandidate]]
    ) -> tuple[list[list[ReadPair]], list[DocumentFacts]]:
        """What the models of sentences, and then those of documents, give to each document.

        Notes are read by those of sentences alone.
        """
        chunks = [chunk for doc in docs if not doc._.note for chunk in passages(doc)]
        chunk_of = {
            (id(chunk.doc), mention.start): number
            for number, chunk in enumerate(chunks)
            for mention in chunk.mentions
        }
        read: list[list[ReadPair]] = [[] for _ in docs]
        rows: dict[str, list[list[FactRow]]] = {}
        readings = {}
        for sort in SORTS:
            chosen = [
                (number, candidate)
                for number, of_doc in enumerate(candidates)
                for candidate in of_doc
                if sort_of(candidate) == sort
            ]
            readings[sort] = read_sentences(self.model, [c.pair for _, c in chosen], sort)
            rows[sort] = [[] for _ in chunks]
            for row, (number, candidate) in enumerate(chosen):
                read[number].append(ReadPair.of(candidate, sort, readings[sort], row))
                if not docs[number]._.note:
                    chunk = chunk_of[id(candidate.head.doc), candidate.head.start]
                    rows[sort][chunk].append((*candidate.concepts, row))
        facts = predict_facts(self.model, [chunk.passage for chunk in chunks], rows, readings)
        of_docs: dict[int, list[tuple[DocumentPassage, dict[str, Probabilities]]]]
        of_docs = {id(doc): [] for doc in docs}
        for passage, of_passage in zip(chunks, facts, strict=True):
            of_docs[id(passage.doc)].append((passage, of_passage))
        return read, [DocumentFacts.of(of_docs[id(doc)]) for doc in docs]

    def to_disk(self, path: Path | str, **_: object) -> None:
        """Save the model under `path`."""
        self.model.save(Path(path), self.model.about, self.model.card)

    def from_disk(self, path: Path | str, **_: object) -> RelationsComponent:
        """Load the model from `path`."""
        self.model = RelationModel.load(Path(path))
        return self


def _with_species(doc: Doc, relations: Iterable[ExtractedRelation]) -> Iterator[ExtractedRelation]:
    """A paper's relations, of one on animals alone with these among their qualifiers."""
    animals = animals_of(text_of(doc))
    for relation in relations:
        if animals:
            qualifiers = {**relation.qualifiers, "species": animals}
            relation = replace(relation, qualifiers=qualifiers)
        yield relation


Language.factory(
    "medkg_relations",
    default_config={"model": None, "device": None, "min_probability": 0.0},
    func=create_relations,
)
