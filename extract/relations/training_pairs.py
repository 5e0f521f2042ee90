"""Entity pairs of annotated corpora with their labels, to train and score the relation models on.

BC5CDR labels CAUSES, ChemProt TARGETS, Roam TREATS; a user's own annotation may hold all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from ...graph.identifiers import name_key_of
from ..corpora.document import Document, Mention, Relation, flat_mentions
from ..mentions.names import shipped_names
from ..tokens import token_offsets
from .pairs import FINE, TASKS, ConceptPair, Entity, EntityPair, sentences_with_mentions

# ChemProt's groups that are evaluated. Group 9 joins substrates and products.
CHEMPROT = {
    "CPR:3": "activator",
    "CPR:4": "inhibitor",
    "CPR:5": "agonist",
    "CPR:6": "antagonist",
    "CPR:9": "substrate",
}
# The label of a relation's name in a task; "TARGETS-inhibitor" names the action.
_LABELS = {
    "treats": {
        "TREATS": "treats",
        "PREVENTS": "prevents",
        "CONTRAINDICATED_FOR": "contraindicated",
    },
    "targets": {f"TARGETS-{action}": action for action in TASKS["targets"][1:]},
}
_TAILS = {"treats": ("Disease", "Symptom"), "targets": ("Target",)}


@dataclass(frozen=True)
class LabelledPair:
    """An entity pair with its label for a task.

    Attributes:
        label: its place in `TASKS[task]`.
        key: its document, and the mentions or concepts of head and tail that the corpus labels.
        fine_label: its place in `FINE[task]`.
    """

    pair: EntityPair
    task: str
    label: int
    key: tuple[str, str, str]
    fine_label: int

    @property
    def document(self) -> str:
        """The document's id."""
        return self.key[0]


def _sentence_pairs(
    words: tuple[str, ...],
    entities: list[tuple[int, Entity]],
    heads: Sequence[str],
    tails: Sequence[str],
) -> Iterator[tuple[int, int, EntityPair]]:
    for i, first in entities:
        for j, second in entities:
            disjoint = first.end <= second.start or second.end <= first.start
            if first.kind in heads and second.kind in tails and disjoint:
                others = tuple(e for k, e in entities if k not in (i, j))
                yield i, j, EntityPair(words, first, second, others)


def chemprot_pairs(documents: Iterable[Document]) -> list[LabelledPair]:
    """Every chemical and protein of a sentence, labelled with ChemProt's relation, if any."""
    pairs: list[LabelledPair] = []
    for document in documents:
        # Of a pair in several groups the evaluated one counts.
        labels = {
            (r.head, r.tail): FINE["targets"].index(CHEMPROT.get(r.kind, r.kind))
            for r in sorted(document.relations, key=lambda r: r.kind in CHEMPROT)
            if r.kind in CHEMPROT or r.kind in FINE["targets"]
        }
        kinds = {"CHEMICAL": "Drug"}
        spans = [(m.start, m.end, kinds.get(m.kind, "Target")) for m in document.mentions]
        keys = [mention.key or "" for mention in document.mentions]
        for words, entities in sentences_with_mentions(document.text, spans):
            for i, j, pair in _sentence_pairs(words, entities, ("Drug",), ("Target",)):
                fine = labels.get((keys[i], keys[j]), 0)
                label = fine if fine < len(TASKS["targets"]) else 0
                key = (document.id, keys[i], keys[j])
                pairs.append(LabelledPair(pair, "targets", label, key, fine))
    return pairs


def cdr_pairs(documents: Iterable[Document]) -> list[LabelledPair]:
    """Every chemical and disease of a sentence; positive where the document's relations hold them.

    BC5CDR relates concepts of whole documents, so a sentence's label is that of the document
    (distant supervision within the document).
    """
    pairs: list[LabelledPair] = []
    for document in documents:
        related = {(r.head, r.tail) for r in document.relations if r.kind == "CID"}
        for pair, concepts in _with_concepts(document, "pubtator", ("Drug",), ("Disease",)):
            label = int(any(both in related for both in concepts))
            pairs.extend(
                LabelledPair(pair, "causes", label, (document.id, head, tail), label)
                for head, tail in concepts
            )
    return pairs


def concept_pairs(
    documents: Iterable[Document], heads: Sequence[str], tails: Sequence[str]
) -> list[list[ConceptPair]]:
    """Of each document its heads and tails that share a sentence, by their concepts.

    Args:
        documents: their mentions' kinds this project's.
        heads, tails: kinds.
    """
    return [
        [
            (head, tail, pair)
            for pair, concepts in _with_concepts(document, "medkg", heads, tails)
            for head, tail in concepts
        ]
        for document in documents
    ]


def _with_concepts(
    document: Document, corpus_format: str, heads: Sequence[str], tails: Sequence[str]
) -> Iterator[tuple[EntityPair, list[tuple[str, str]]]]:
    """The pairs of a document's sentences, each with the concepts that its two ends may mean."""
    mentions = [m for m in flat_mentions(document, corpus_format) if m.identifier]
    spans = [(m.start, m.end, m.kind) for m in mentions]
    for words, entities in sentences_with_mentions(document.text, spans):
        for i, j, pair in _sentence_pairs(words, entities, heads, tails):
            one, other = mentions[i].identifier or "", mentions[j].identifier or ""
            yield pair, list(product(one.split("|"), other.split("|")))


@cache
def _drug_words() -> frozenset[str]:
    """Single words that name drugs: Hetionet's compounds."""
    names = [name for kind, name in shipped_names() if kind == "drug"]
    return frozenset(name.lower() for name in names if len(name) > 4 and name.isalpha())


def roam_pairs(documents: Iterable[Document]) -> list[LabelledPair]:
    """Every affliction of a label's sentence with the drug that the label is of.

    Roam does not say where the drug stands. The head is the first word of the sentence that names
    a drug; where none does, a word for it is put before the sentence.
    """
    drugs = _drug_words()
    pairs: list[LabelledPair] = []
    for document in documents:
        labels = {relation.tail: relation.kind for relation in document.relations}
        spans = [(m.start, m.end, "Disease") for m in document.mentions]
        offsets = token_offsets(document.text)
        words = tuple(document.text[a:b] for a, b in offsets)
        tails = []
        for start, end, kind in spans:
            inside = [n for n, (a, b) in enumerate(offsets) if a < end and b > start]
            tails.append(Entity(inside[0], inside[-1] + 1, kind))
        covered = {place for tail in tails for place in range(tail.start, tail.end)}
        named = next(
            (n for n, w in enumerate(words) if w.lower() in drugs and n not in covered), None
        )
        shift = 0 if named is not None else 2
        all_words = words if named is not None else ("drug", ":", *words)
        head = Entity(named or 0, (named or 0) + 1, "Drug")
        tails = [Entity(t.start + shift, t.end + shift, t.kind) for t in tails]
        for mention, tail in zip(document.mentions, tails, strict=True):
            name = _LABELS["treats"].get(labels.get(mention.key or "", ""), "none")
            label = TASKS["treats"].index(name)
            pairs.append(
                LabelledPair(
                    EntityPair(all_words, head, tail, tuple(t for t in tails if t is not tail)),
                    "treats",
                    label,
                    (document.id, "", mention.key or ""),
                    label,
                )
            )
    return pairs


def annotated_pairs(documents: Iterable[Document]) -> list[LabelledPair]:
    """Every drug with every target, disease or symptom of its sentence: TREATS and TARGETS.

    A pair without a relation is labelled "none": a document counts as wholly annotated. A pair
    whose TARGETS names no action is left out.

    Args:
        documents: their mentions' kinds and relations' names this project's.
    """
    pairs: list[LabelledPair] = []
    for document in documents:
        related: dict[tuple[str, str], set[str]] = {}
        for relation in document.relations:
            related.setdefault((relation.head, relation.tail), set()).add(relation.kind)
        spans = [(m.start, m.end, m.kind) for m in document.mentions]
        keys = [mention.key or f"mention {n}" for n, mention in enumerate(document.mentions)]
        for words, entities in sentences_with_mentions(document.text, spans):
            for task, tail in ((t, k) for t, kinds in _TAILS.items() for k in kinds):
                for i, j, pair in _sentence_pairs(words, entities, ("Drug",), (tail,)):
                    kinds = related.get((keys[i], keys[j]), set())
                    if task == "targets" and "TARGETS" in kinds:
                        continue
                    names = [_LABELS[task][kind] for kind in kinds if kind in _LABELS[task]]
                    label = TASKS[task].index(min(names, default="none"))
                    key = (document.id, keys[i], keys[j])
                    pairs.append(LabelledPair(pair, task, label, key, label))
    return pairs


def with_cdr_labels(document: Document) -> Document:
    """A document labelled as in BC5CDR: CAUSES is CID between concepts, symptoms are diseases.

    Mentions of the same name are one concept.
    """
    mentions: list[Mention] = []
    concepts: dict[str | None, str] = {}
    for mention in document.mentions:
        kind = "Disease" if mention.kind == "Symptom" else mention.kind
        concept = f"{kind} {name_key_of(document.text[mention.start : mention.end])}"
        concepts[mention.key] = concept
        mentions.append(replace(mention, kind=kind, identifier=concept))
    relations = [
        Relation("CID", concepts[relation.head], concepts[relation.tail])
        for relation in document.relations
        if relation.kind == "CAUSES"
    ]
    return Document(document.id, document.text, mentions, relations)
