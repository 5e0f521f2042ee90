"""Annotated text of one's own to train relations on, such as documents that a person corrected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...graph.identifiers import name_key_of
from ..corpora.document import Document, Mention, Relation
from .pairs import (
    TASKS,
    Labelled,
    _pairs,
    sentences_with_mentions,
)

# What a relation's name stands for in a task; "TARGETS-inhibitor" names the action.
_LABELS = {
    "treats": {
        "TREATS": "treats",
        "PREVENTS": "prevents",
        "CONTRAINDICATED_FOR": "contraindicated",
    },
    "targets": {f"TARGETS-{action}": action for action in TASKS["targets"][1:]},
}
_TAILS = {"treats": ("Disease", "Symptom"), "targets": ("Target",)}


def own_pairs(documents: Iterable[Document]) -> list[Labelled]:
    """Every drug with every target, disease or symptom of its sentence: TREATS and TARGETS.

    A pair without a relation is one of which nothing is said: a document counts as wholly
    annotated. A pair whose TARGETS names no action is left out.

    Args:
        documents: their mentions' kinds and relations' names this project's.
    """
    found: list[Labelled] = []
    for document in documents:
        stated: dict[tuple[str, str], set[str]] = {}
        for relation in document.relations:
            stated.setdefault((relation.head, relation.tail), set()).add(relation.kind)
        spans = [(m.start, m.end, m.kind) for m in document.mentions]
        keys = [mention.key or f"mention {n}" for n, mention in enumerate(document.mentions)]
        for words, entities in sentences_with_mentions(document.text, spans):
            for task, tail in ((t, k) for t, kinds in _TAILS.items() for k in kinds):
                for i, j, pair in _pairs(words, entities, "Drug", tail):
                    kinds = stated.get((keys[i], keys[j]), set())
                    if task == "targets" and "TARGETS" in kinds:
                        continue
                    names = [_LABELS[task][kind] for kind in kinds if kind in _LABELS[task]]
                    label = TASKS[task].index(min(names, default="none"))
                    about = (document.id, keys[i], keys[j])
                    found.append(Labelled(pair, task, label, about, label))
    return found


def like_cdr(document: Document) -> Document:
    """A document as BC5CDR has it, for CAUSES: related are concepts, and conditions are diseases.

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
