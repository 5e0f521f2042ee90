"""Relations of one's own annotated text, under medkg's names, and what medkg finds in it.

Both are facts of a document: a relation between two concepts, once, wherever the document says it.
A mention's concept is its identifier, else its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

from spacy.tokens import Doc

from ...core.quarantine import Quarantine
from ...graph.identifiers import name_key_of
from ...graph.schema import Schema
from .. import sentences as _sentences  # noqa: F401 (they register their components)
from ..context import context as _context  # noqa: F401
from ..corpora.document import Document, Mention, flat_mentions
from ..mentions.recogniser import PredictedMention, set_mentions
from ..tokens import blank
from .candidates import concept, relation_candidates
from .component import RelationsComponent
from .pairs import TASKS

RELATIONS = (
    "TARGETS",
    "CAUSES",
    "TREATS",
    "CONTRAINDICATED_FOR",
    "HAS_SYMPTOM",
    "ASSOCIATED_WITH",
)
# Document, relation (of TARGETS with its action: "TARGETS-inhibitor"), head, tail.
Fact = tuple[str, str, str, str]


def annotated_facts(
    documents: Iterable[Document], quarantine: Quarantine, corpus: Path
) -> set[Fact]:
    """What documents annotate; without TARGETS' actions where not every TARGETS has one.

    Relations of other names, or between kinds that they don't join, are set aside; one whose ends
    stand the other way round is turned.

    Args:
        documents: their mentions' kinds this project's.
        corpus: where they come from.
    """
    facts: set[Fact] = set()
    for document in documents:
        # What relations call a mention (its key, or one of its identifiers): concepts and kinds.
        concepts: dict[str, list[str]] = {}
        kinds: dict[str, set[str]] = {}
        for mention in document.mentions:
            means = _concept(document, mention).split("|")
            for name in [mention.key] if mention.key else means:
                concepts[name] = means if mention.key else [name]
                kinds.setdefault(name, set()).add(mention.kind)
        for relation in document.relations:
            name, _, action = relation.kind.partition("-")
            ends = relation.head, relation.tail
            row = "\t".join((document.id, relation.kind, *ends))
            if name not in RELATIONS or (action and action not in TASKS["targets"][1:]):
                quarantine.add("relation that medkg does not find", path=corpus, row=row)
                continue
            if not concepts.keys() >= {*ends}:
                quarantine.add("relation of a mention without a kind", path=corpus, row=row)
                continue
            for head, tail in (ends, ends[::-1]):  # an annotator may begin at either end
                if any(_joins(name, *both) for both in product(kinds[head], kinds[tail])):
                    pairs = product(concepts[head], concepts[tail])
                    facts.update((document.id, relation.kind, *pair) for pair in pairs)
                    break
            else:
                quarantine.add("relation between kinds that it doesn't join", path=corpus, row=row)
    return _without_actions(facts) if any(fact[1] == "TARGETS" for fact in facts) else facts


def predicted_facts(
    component: RelationsComponent, documents: Sequence[Document], stated: set[Fact]
) -> dict[str, set[Fact]]:
    """What `extract` asserts in papers on the corpus' mentions, and every pair of a sentence.

    Args:
        stated: the documents' own; TARGETS gets an action if it has one there, of every pair the
            commonest.
    """
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    nlp.add_pipe("medkg_context")
    actions = Counter(fact[1] for fact in stated if fact[1].startswith("TARGETS-"))
    targets = actions.most_common(1)[0][0] if actions else "TARGETS"
    found: set[Fact] = set()
    every: set[Fact] = set()
    docs = component.pipe(nlp.pipe(map(_with_mentions, documents)))
    for document, doc in zip(documents, docs, strict=True):
        for said in doc._.relations:
            name = "-".join(filter(None, (said.relation, said.qualifiers.get("action"))))
            if said.context["polarity"] == "asserted":
                found |= _facts(document, name, concept(said.head), concept(said.tail))
        for head, tail, _ in relation_candidates(doc):
            for name in RELATIONS:
                if _joins(name, head.label_, tail.label_):
                    name = targets if name == "TARGETS" else name
                    every |= _facts(document, name, concept(head), concept(tail))
    if not actions:
        found = _without_actions(found)
    return {"medkg": found, "all pairs of a sentence": every}


def _with_mentions(document: Document) -> Doc:
    """A document with its mentions, which mean what the corpus says."""
    doc = blank().make_doc(document.text)
    mentions = flat_mentions(document, "medkg")
    set_mentions(doc, [PredictedMention(m.start, m.end, m.kind, 1.0) for m in mentions])
    for span, mention in zip(doc.spans["mentions"], mentions, strict=True):
        span._.identifier = _concept(document, mention)
    return doc


def _concept(document: Document, mention: Mention) -> str:
    name = name_key_of(document.text[mention.start : mention.end])
    return mention.identifier or f"name {name}"


def _facts(document: Document, relation: str, head: str, tail: str) -> set[Fact]:
    """The facts of two concepts, each one or several ("MESH:D1|MESH:D2")."""
    pairs = product(head.split("|"), tail.split("|"))
    return {(document.id, relation, one, other) for one, other in pairs}


def _without_actions(facts: set[Fact]) -> set[Fact]:
    return {(document, name.partition("-")[0], head, tail) for document, name, head, tail in facts}


def _joins(relation: str, head: str, tail: str) -> bool:
    """Whether a relation joins two kinds; one name may be a disease's and a symptom's."""
    conditions = {"Disease", "Symptom"}
    return any(
        (head == first or {head, first} <= conditions)
        and (tail == second or {tail, second} <= conditions)
        for first, second in Schema.default().relations[relation].joins
    )
