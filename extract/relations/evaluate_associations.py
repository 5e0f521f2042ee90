"""Relations on EU-ADR, whose annotators said of pairs of a sentence whether it associates them.

What it calls an association between a drug and a disease is CAUSES or TREATS, between a drug and a
target TARGETS or a change of its level, between a target and a disease ASSOCIATED_WITH. A positive
or a speculative one is true, a negative one and a false one are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..corpora.document import Document
from ..corpora.euadr import ASSOCIATIONS
from .candidates import concept
from .component import RelationsComponent
from .evaluate_facts import fact_probabilities, with_gold_mentions
from .model import RelationModel

_TRUE = ("PA", "SA")
# By the kinds of head and tail, what medkg may call an association.
OPTIONS = {
    ("Drug", "Disease"): ("CAUSES", "TREATS"),
    ("Drug", "Target"): ("TARGETS", "UPREGULATES", "DOWNREGULATES"),
    ("Disease", "Target"): ("ASSOCIATED_WITH", "UPREGULATES", "DOWNREGULATES"),
}
Pair = tuple[str, str, str]  # document, head, tail


@dataclass(frozen=True)
class Associations:
    """Pairs of concepts of documents, once each.

    Attributes:
        annotated: all that the annotators judged.
        true: those that some sentence associates.
    """

    annotated: set[Pair]
    true: set[Pair]


def annotated_associations(documents: Sequence[Document]) -> dict[str, Associations]:
    """What the annotators say, by the relations that it may be ("CAUSES or TREATS").

    Args:
        documents: of EU-ADR, their mentions' kinds this project's.
    """
    associations = {_name(kinds): Associations(set(), set()) for kinds in OPTIONS}
    for document, doc in zip(documents, with_gold_mentions(documents), strict=True):
        spans = {f"{m.start_char}-{m.end_char}": m for m in doc.spans["mentions"]}
        for relation in document.relations:
            ends = [spans[key] for key in (relation.head, relation.tail) if key in spans]
            for head, tail in (ends, ends[::-1]) if len(ends) == 2 else ():
                kinds = head.label_, tail.label_
                if kinds in OPTIONS and relation.kind in ASSOCIATIONS:
                    of_kinds = associations[_name(kinds)]
                    pair = document.id, concept(head), concept(tail)
                    of_kinds.annotated.add(pair)
                    if relation.kind in _TRUE:
                        of_kinds.true.add(pair)
    return {name: each for name, each in associations.items() if each.true}


def predicted_associations(
    model: RelationModel, documents: Sequence[Document], annotated: dict[str, Associations]
) -> dict[str, dict[str, set[Pair]]]:
    """What medkg finds among the annotated pairs, by relations and method.

    "medkg" takes what the classifiers of documents find from their best thresholds on, "medkg, in
    a graph" what `extract` asserts.
    """
    asserted: dict[str, set[Pair]] = {name: set() for name in annotated}
    docs = with_gold_mentions(documents)
    for document, doc in zip(documents, RelationsComponent(model).pipe(docs), strict=True):
        for relation in doc._.relations:
            if relation.context["polarity"] == "asserted":
                pair = document.id, concept(relation.head), concept(relation.tail)
                for kinds, options in OPTIONS.items():
                    if relation.relation in options and _name(kinds) in annotated:
                        asserted[_name(kinds)].add(pair)
    likely: dict[str, set[Pair]] = {name: set() for name in annotated}
    for relation_name, rows in fact_probabilities(model, documents).items():
        for kinds, options in OPTIONS.items():
            if relation_name in options and _name(kinds) in annotated:
                threshold = model.thresholds[relation_name]
                likely[_name(kinds)] |= {pair for pair, p in rows.items() if p >= threshold}
    return {
        name: {
            "medkg": likely[name] & of_name.annotated,
            "medkg, in a graph": asserted[name] & of_name.annotated,
            "all pairs of a sentence": of_name.annotated,
        }
        for name, of_name in annotated.items()
    }


def _name(kinds: tuple[str, str]) -> str:
    """The relations that may be meant, but for changes of a level, which TARGETS stands for."""
    return " or ".join(name for name in OPTIONS[kinds] if not name.endswith("REGULATES"))
