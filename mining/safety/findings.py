"""A patient's diseases and symptoms, and the nodes of a graph that stand for the same or wider."""

from __future__ import annotations

from typing import NamedTuple

from .counterparts import counterparts_of
from .graph_facts import GraphFacts
from .query import TreatmentQuery

SAME, FORM = "the same", "a form of it"


class RelatedFinding(NamedTuple):
    """Why a node counts for a patient.

    Attributes:
        origin: what of the patient's it comes from.
        relation: what the patient's is of it: `the same`, `a form of it`, or empty for itself.
        uncertain: whether only a broad key leads to it.
    """

    origin: str
    relation: str
    uncertain: bool = False

    def text(self, facts: GraphFacts) -> str:
        """What to add to a sentence about the node; empty for the patient's own."""
        if not self.relation:
            return ""
        perhaps = "perhaps " if self.uncertain else ""
        return f" (the patient's {facts.name(self.origin)} is {perhaps}{self.relation})"


def related_findings(facts: GraphFacts, query: TreatmentQuery) -> dict[str, RelatedFinding]:
    """The patient's diseases and symptoms, their counterparts, and all that is wider, by
    identifier; what is certain goes first."""
    own = list(dict.fromkeys([*query.diseases, *query.also, *query.symptoms]))
    related = {node: RelatedFinding(node, "") for node in own}
    counterparts = counterparts_of(own, facts.counterparts.finding_keys)
    for uncertain in (False, True):
        same = [other for other, (_, broad) in counterparts.items() if broad == uncertain]
        start = [] if uncertain else own
        for other in same:
            related.setdefault(other, RelatedFinding(counterparts[other][0], SAME, uncertain))
        for node in (*start, *same):
            origin = counterparts[node][0] if node in counterparts else node
            for wider in facts.broader(facts.kinds[node], [node]):
                related.setdefault(wider, RelatedFinding(origin, FORM, uncertain))
    return related
