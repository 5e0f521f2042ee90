"""Adverse effects of drugs that a patient has already."""

from __future__ import annotations

from collections.abc import Mapping

from .findings import RelatedFinding
from .graph_facts import GraphFacts, edges_to
from .query import TreatmentQuery
from .warning import ADVERSE_EFFECT, DraftWarning


def adverse_effect_warnings(
    facts: GraphFacts, query: TreatmentQuery, findings: Mapping[str, RelatedFinding]
) -> list[DraftWarning]:
    """The drugs that may cause one of the patient's findings; see `findings.related_findings`.

    What a drug is sought for doesn't push it down: lists of effects are taken from labels, which
    name what a drug is given for.
    """
    warnings = []
    for edge in edges_to(facts.adverse_effects, findings):
        finding = findings[edge.other]
        frequency = edge.property("frequency")
        text = f"may cause {facts.name(edge.other)}"
        text += f" (frequency {frequency})" if frequency else ""
        text += finding.text(facts) or ", which the patient has"
        factor = 1.0 if finding.origin in query.diseases else None
        warnings.append(edge.draft(ADVERSE_EFFECT, finding.origin, text, factor=factor))
    return warnings
