"""A relation that a document states, with its context and what qualifies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spacy.tokens import Span

from ..context.context import relation_context


@dataclass(frozen=True)
class ExtractedRelation:
    """A relation that a document states, with its context and what qualifies it.

    Its sentence is that of the later mention; the other one of what no sentence states alone, and
    what a sentence resumes ("it is treated with"), stand in one before.
    """

    head: Span
    relation: str
    tail: Span
    head_id: str | None  # of the node, None where the mention has none
    tail_id: str | None
    probability: float
    qualifiers: Mapping[str, str]
    context: Mapping[str, str]

    def is_as_probable(self, least: float) -> bool:
        """Whether the graph's relation is at least so probable; any is where 0 is asked for."""
        return not least or self.graph_probability >= least

    @property
    def graph_probability(self) -> float:
        """Of the relation between the nodes of its ends: its own times both ends'.

        An end's is that of its link; of one that is linked to nothing, that of its mention.
        """
        ends = ((self.head, self.head_id), (self.tail, self.tail_id))
        head, tail = (
            float(mention._.probability if identifier is None else mention._.link_score)
            for mention, identifier in ends
        )
        return self.probability * head * tail

    @property
    def is_denied(self) -> bool:
        """Whether it is the relation that a sentence denies, and not one of its ends."""
        ends = {self.head._.polarity, self.tail._.polarity}
        return self.context["polarity"] == "negated" and ends == {"asserted"}


def extracted(
    head: Span,
    relation: str,
    tail: Span,
    probability: float,
    qualifiers: Mapping[str, str] | None = None,
    *,
    denied: bool = False,
) -> ExtractedRelation:
    """A relation between two mentions, in the context of its sentence.

    Args:
        head, tail: the mentions; each is one node, whatever relation it stands in.
        relation: its name.
        probability: that the document states it.
        qualifiers: such as the action of TARGETS.
        denied: whether the sentence says that it is not so, in words that the context has no
            scope for.
    """
    context = relation_context(head, tail, relation)
    return ExtractedRelation(
        head,
        relation,
        tail,
        head._.identifier,
        tail._.identifier,
        probability,
        qualifiers or {},
        {**context, "polarity": "negated"} if denied else context,
    )
