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
from .document_features import FACTS
from .model import RelationModel
from .pairs import TASKS

RELATIONS = (
    "TARGETS",
    "CAUSES",
    "TREATS",
    "CONTRAINDICATED_FOR",
    "HAS_SYMPTOM",
    "ASSOCIATED_WITH",
    "UPREGULATES",
    "DOWNREGULATES",
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
    model: RelationModel, documents: Sequence[Document], stated: set[Fact]
) -> dict[str, set[Fact]]:
    """What medkg finds in papers with the corpus' mentions, and every pair of a sentence.

    "medkg" takes what the classifiers of documents find from the model's thresholds on, those of
    the best F1, and of other relations what `extract` asserts; "medkg, in a graph" what it asserts
    of all: from a probability on, and TARGETS only where a sentence says how a drug acts.

    Args:
        model: the models.
        documents: the corpus.
        stated: the documents' own; TARGETS gets an action if it has one there, of every pair the
            commonest.
    """
    actions = Counter(fact[1] for fact in stated if fact[1].startswith("TARGETS-"))
    targets = actions.most_common(1)[0][0] if actions else "TARGETS"
    docs = with_gold_mentions(documents)
    levels = {"UPREGULATES", "DOWNREGULATES"} - {fact[1] for fact in stated}
    facts: set[Fact] = set()
    every: set[Fact] = set()
    for document, doc in zip(documents, RelationsComponent(model).pipe(docs), strict=True):
        for relation in doc._.relations:
            if relation.relation in levels and relation.head.label_ != "Drug":
                continue  # a corpus without levels has them of drugs as TARGETS, of diseases not
            name = "-".join(filter(None, (relation.relation, relation.qualifiers.get("action"))))
            if relation.context["polarity"] == "asserted":
                facts |= _facts(document, name, concept(relation.head), concept(relation.tail))
        for head, tail, *_ in relation_candidates(doc):
            for name in RELATIONS:
                if _joins(name, head.label_, tail.label_):
                    name = targets if name == "TARGETS" else name
                    every |= _facts(document, name, concept(head), concept(tail))
    if actions:
        return {"medkg": facts, "all pairs of a sentence": every}
    facts = _at_level_of(levels, facts)
    of_documents = {
        (name, relation, head, tail)
        for relation, rows in fact_probabilities(model, documents).items()
        for (name, head, tail), probability in rows.items()
        if probability >= model.thresholds[relation]
    }
    return {
        "medkg": of_documents | {fact for fact in facts if fact[1] not in FACTS},
        "medkg, in a graph": facts,
        "all pairs of a sentence": every,
    }


def fact_probabilities(
    model: RelationModel, documents: Sequence[Document]
) -> dict[str, dict[tuple[str, str, str], float]]:
    """Of each relation of `FACTS`, by document, head and tail, how probably it joins them.

    Args:
        model: the models.
        documents: their mentions' kinds this project's.
    """
    docs = with_gold_mentions(documents)
    _, facts = RelationsComponent(model).read(docs, [list(relation_candidates(d)) for d in docs])
    probabilities: dict[str, dict[tuple[str, str, str], float]] = {name: {} for name in FACTS}
    for document, of_document in zip(documents, facts, strict=True):
        for relation, rows in of_document.probabilities.items():
            for (head, tail), probability in rows.items():
                for name, _, one, other in _facts(document, relation, head, tail):
                    before = probabilities[relation].get((name, one, other), 0.0)
                    probabilities[relation][name, one, other] = max(before, probability)
    return probabilities


def with_gold_mentions(documents: Sequence[Document]) -> list[Doc]:
    """Documents with their mentions, sentences and what the context says."""
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    nlp.add_pipe("medkg_context")
    return list(nlp.pipe(map(_with_mentions, documents)))


def _at_level_of(levels: set[str], facts: set[Fact]) -> set[Fact]:
    """Facts as a corpus without actions names them.

    One that has no UPREGULATES and DOWNREGULATES, such as BioRED, counts a change of a target's
    level as TARGETS.

    Args:
        levels: those of the two that the corpus doesn't have.
        facts: what medkg finds in it.
    """
    return {
        (document, "TARGETS" if name in levels else name, head, tail)
        for document, name, head, tail in _without_actions(facts)
    }


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
