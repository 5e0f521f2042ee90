"""Which checks could be made, and which could not, since the graph holds nothing for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from .allergies import Allergies
from .graph_facts import GraphFacts
from .query import TreatmentQuery


@dataclass(frozen=True)
class SafetyCheck:
    """Whether something was looked for, and in what.

    Attributes:
        called_for: whether anything known of the patient calls for it: an allergy, a drug that is
            taken, pregnancy, age or sex; contraindications and adverse effects always are.
    """

    what: str
    checked: bool
    note: str
    called_for: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def allergy_check(facts: GraphFacts, allergies: Allergies, query: TreatmentQuery) -> SafetyCheck:
    """Whether the patient's allergies could be compared with any drug."""
    if not query.allergic:
        note = "not checked: no allergy was given or recorded, which is no proof of none"
        return SafetyCheck("allergies", False, note, called_for=False)
    names = ", ".join(map(facts.name, query.allergic))
    note = (
        f"checked: {len(query.allergic)} given or recorded ({names}); their forms, classes"
        " and drugs like them too, as far as the graph holds them"
    )
    unrelated = [
        facts.name(allergen)
        for allergen in query.allergic
        if allergies.equivalent_drugs(allergen).keys() <= {allergen}
        and not any(allergies.similar_drugs(allergen, ""))
        and not facts.narrower("Drug", [allergen])
    ]
    if not unrelated:
        return SafetyCheck("allergies", True, note)
    note += f"; none is or is like {', '.join(unrelated)}, which is no proof of safety"
    checked = len(unrelated) < len(query.allergic)
    return SafetyCheck("allergies", checked, note if checked else f"not {note}")


def contraindication_check(facts: GraphFacts) -> SafetyCheck:
    """Whether the graph holds contraindications."""
    rows = facts.contraindications
    if rows.is_empty():
        note = (
            "not checked: the graph holds no contraindication; load a source that has them, such as"
            " starter"
        )
        return SafetyCheck("contraindications", False, note)
    return SafetyCheck("contraindications", True, _coverage(rows, "contraindications"))


def interaction_check(facts: GraphFacts, query: TreatmentQuery) -> SafetyCheck:
    """Whether the graph holds interactions of the drugs that the patient takes."""
    if not query.taking:
        note = "not checked: no current drug was given"
        return SafetyCheck("interactions", False, note, called_for=False)
    rows = facts.interactions
    if rows.is_empty():
        note = (
            "not checked: the graph holds no drug–drug interaction; load a source that has them,"
            " such as starter or drugbank"
        )
        return SafetyCheck("interactions", False, note)
    note = _coverage(rows, "interactions")
    without = [
        facts.name(drug)
        for drug in query.taking
        if facts.interacting_drugs.isdisjoint(facts.with_broader(drug))
    ]
    if not without:
        return SafetyCheck("interactions", True, note)
    note += f"; none is recorded of {', '.join(without)}, which is no proof of safety"
    checked = len(without) < len(query.taking)
    return SafetyCheck("interactions", checked, note if checked else f"not checked: {note}")


def adverse_effect_check(facts: GraphFacts) -> SafetyCheck:
    """Whether the graph holds adverse effects."""
    rows = facts.adverse_effects
    if rows.is_empty():
        note = "not checked: the graph holds no adverse effect"
        return SafetyCheck("adverse effects", False, note)
    return SafetyCheck("adverse effects", True, _coverage(rows, "adverse effects"))


def state_checks(query: TreatmentQuery, stated: Collection[str]) -> list[SafetyCheck]:
    """Whether pregnancy, age and sex are known, and the graph states contraindications by them.

    Args:
        stated: states that the graph holds contraindications for; see
            `contraindications.state_nodes`.
    """
    checks = []
    for what, given, states in (
        ("pregnancy", query.pregnant is not None, ("pregnancy",)),
        ("age", query.age is not None, ("infant", "child", "old age")),
        ("sex", query.sex is not None, ("female", "male")),
    ):
        covered = [state for state in states if state in stated]
        if not given:
            note = "not checked: not given"
        elif not covered:
            note = f"not checked: no source in the graph states contraindications by {what}"
        else:
            note = f"contraindications for {', '.join(covered)}, as far as a source states them"
        checks.append(SafetyCheck(what, given and bool(covered), note, called_for=given))
    return checks


def _coverage(rows: pl.DataFrame, what: str) -> str:
    """How many of these edges of drugs the graph holds, and from where."""
    sources = sorted(set(rows["sources"].explode().drop_nulls()))
    return (
        f"{rows['edge'].n_unique():,} {what} of {rows['drug'].n_unique():,} drugs in the graph,"
        f" from {', '.join(sources)}; a drug without any is not known to be safe"
    )
