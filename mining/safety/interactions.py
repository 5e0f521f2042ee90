"""Interactions of drugs with those that a patient takes."""

from __future__ import annotations

from .graph_facts import GraphFacts, edges_to
from .query import TreatmentQuery
from .warning import INTERACTION, DraftWarning


def interaction_warnings(facts: GraphFacts, query: TreatmentQuery) -> list[DraftWarning]:
    """The drugs that interact with one that the patient takes, or with what that is a form of."""
    taken_as: dict[str, str] = {}
    for drug in query.taking:
        for form in facts.with_broader(drug):
            taken_as.setdefault(form, drug)
    warnings = []
    for edge in edges_to(facts.interactions, taken_as):
        taken = taken_as[edge.other]
        effect = edge.property("effect")
        text = f"interacts with {facts.name(taken)}, which the patient takes"
        text += f": {effect}" if effect else ""
        warnings.append(edge.draft(INTERACTION, taken, text))
    return warnings
