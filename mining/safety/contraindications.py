"""Contraindications: for a patient's diseases, symptoms and states, and those of similar drugs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from ...graph.identifiers import name_key_of
from .findings import RelatedFinding
from .graph_facts import GraphFacts, edges_to
from .query import TreatmentQuery
from .warning import (
    CONTRAINDICATED,
    CONTRAINDICATED_FOR_NARROWER,
    PERHAPS_CONTRAINDICATED,
    SIMILAR_DRUGS_CONTRAINDICATED,
    DraftWarning,
    first_by_drug,
)

# Names, as sources of contraindications write them, of what is no disease of a patient but a state.
STATE_NAMES: Mapping[str, tuple[str, ...]] = {
    "pregnancy": ("pregnancy", "pregnant", "pregnancy, function", "gestation", "pregnant women"),
    "infant": ("infant", "infants", "newborn", "neonate", "neonates", "premature infant"),
    "child": ("child", "children", "pediatric patient", "pediatrics", "childhood"),
    "old age": ("elderly", "elderly patients", "old age", "geriatric patient", "aged"),
    "female": ("female", "women", "woman", "female sex"),
    "male": ("male", "men", "man", "male sex"),
}
_LEAST_SIMILAR = 2  # similar drugs that must be contraindicated for a drug to be doubtful
_MOST_NAMED = 3  # of them


def state_nodes(facts: GraphFacts) -> dict[str, set[str]]:
    """The nodes of contraindications that stand for a state, by the state."""
    diseases = facts.contraindications["other"].unique().implode()
    keys = facts.counterparts.finding_keys.filter(pl.col("id").is_in(diseases))
    nodes: dict[str, set[str]] = {}
    for state, names in STATE_NAMES.items():
        state_keys = [name_key_of(name) for name in names]
        if ids := set(keys.filter(pl.col("key").is_in(state_keys))["id"]):
            nodes[state] = ids
    return nodes


def contraindication_warnings(
    facts: GraphFacts,
    query: TreatmentQuery,
    findings: Mapping[str, RelatedFinding],
    states: Mapping[str, set[str]],
) -> list[DraftWarning]:
    """All contraindications that a patient's findings and states meet.

    Args:
        findings: see `findings.related_findings`.
        states: see `state_nodes`.
    """
    warnings: list[DraftWarning] = []
    state_of = {
        node: state
        for state in reversed(query.states)
        for node in states.get(state, ())
        if node not in findings
    }
    for edge in edges_to(facts.contraindications, [*findings, *state_of]):
        name = facts.name(edge.other)
        if edge.other in state_of:
            text, about = f"contraindicated in {name}", state_of[edge.other]
            warnings.append(edge.draft(CONTRAINDICATED, about, text))
        else:
            finding = findings[edge.other]
            kind = PERHAPS_CONTRAINDICATED if finding.uncertain else CONTRAINDICATED
            text = f"contraindicated for {name}{finding.text(facts)}"
            warnings.append(edge.draft(kind, finding.origin, text))
    warnings += _for_narrower_diseases(facts, query, {*findings, *state_of})
    return [*warnings, *_of_similar_drugs(facts, warnings)]


def _for_narrower_diseases(
    facts: GraphFacts, query: TreatmentQuery, done: set[str]
) -> list[DraftWarning]:
    """Contraindications for forms of the patient's diseases."""
    origin_of: dict[str, str] = {}
    for disease in dict.fromkeys([*query.diseases, *query.also]):
        for form in facts.narrower("Disease", [disease]):
            if form not in done:
                origin_of.setdefault(form, disease)
    return [
        edge.draft(
            CONTRAINDICATED_FOR_NARROWER,
            origin_of[edge.other],
            f"contraindicated for {facts.name(edge.other)}, a form of the patient's"
            f" {facts.name(origin_of[edge.other])}",
        )
        for edge in edges_to(facts.contraindications, origin_of)
    ]


def _of_similar_drugs(
    facts: GraphFacts, contraindications: Sequence[DraftWarning]
) -> list[DraftWarning]:
    """Warnings about drugs that no source contraindicates, though it does two similar ones."""
    warnings: list[DraftWarning] = []
    certain = [warning for warning in contraindications if warning.kind == CONTRAINDICATED]
    for about, recorded in first_by_drug(certain).items():
        for drug, others in facts.similar_to(recorded, without=recorded).items():
            if len(others) < _LEAST_SIMILAR:
                continue
            names = ", ".join(map(facts.name, others[:_MOST_NAMED]))
            text = (
                f"{len(others)} drugs like it are contraindicated for {facts.name(about)}"
                f" ({names}); no source says so of this one"
            )
            warnings.append(
                recorded[others[0]]._replace(
                    kind=SIMILAR_DRUGS_CONTRAINDICATED, drug=drug, text=text
                )
            )
    return warnings
