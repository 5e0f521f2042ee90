"""Interactions of drugs, and of similar ones, with those that a patient takes."""

from __future__ import annotations

from collections.abc import Sequence

from .graph_facts import GraphFacts, edges_to
from .query import TreatmentQuery
from .warning import (
    INTERACTION,
    SIMILAR_DRUG_TAKEN,
    SIMILAR_DRUGS_INTERACT,
    DraftWarning,
    first_by_drug,
)

_MOST_NAMED = 3  # similar drugs


def interaction_warnings(facts: GraphFacts, query: TreatmentQuery) -> list[DraftWarning]:
    """The drugs that interact with one that the patient takes, or with what that is a form of;
    those that no source says so of, but of a similar one; and those similar to one that is taken.
    """
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
    return [*warnings, *_of_similar_drugs(facts, warnings), *_like_what_is_taken(facts, query)]


def _of_similar_drugs(
    facts: GraphFacts, interactions: Sequence[DraftWarning]
) -> list[DraftWarning]:
    """Warnings about drugs that no source says to interact, though it does of a similar one."""
    warnings = []
    for taken, recorded in first_by_drug(interactions).items():
        done = {taken, *recorded, *facts.narrower("Drug", recorded)}
        for drug, others in facts.similar_to(recorded, without=done).items():
            names = ", ".join(map(facts.name, others[:_MOST_NAMED]))
            text = (
                f"like {names}, it may interact with {facts.name(taken)}, which the patient takes;"
                " no source says so of this one"
            )
            warnings.append(
                recorded[others[0]]._replace(kind=SIMILAR_DRUGS_INTERACT, drug=drug, text=text)
            )
    return warnings


def _like_what_is_taken(facts: GraphFacts, query: TreatmentQuery) -> list[DraftWarning]:
    """Warnings about drugs that are similar to one that is taken, or a form of it or it one of
    them: perhaps its kind twice."""
    warnings = []
    for taken in query.taking:
        forms = facts.with_broader(taken)
        like = dict.fromkeys((*forms, *facts.narrower("Drug", [taken])), (taken, ""))
        for form in forms:
            for drug, shared in facts.similar_drugs.get(form, {}).items():
                like.setdefault(drug, (form, shared))
        del like[taken]
        for drug, (form, shared) in like.items():
            how = f"shares the class {facts.name(shared)} with" if shared else "resembles"
            text = (
                f"{how} {facts.name(form)}, which the patient takes: perhaps the same kind of drug"
                " twice"
            )
            warnings.append(
                DraftWarning(
                    kind=SIMILAR_DRUG_TAKEN, drug=drug, text=text, subject="", object=taken,
                    edge="", about=taken, probability=None, own_drug_only=not shared,
                )
            )  # fmt: skip
    return warnings
