"""Allergies: to a drug, its forms, its class, a drug of another name; and to similar drugs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from .counterparts import counterparts_of
from .graph_facts import LARGEST_CLASS, DrugEdge, GraphFacts
from .query import TreatmentQuery
from .warning import ALLERGIC_TO, ALLERGY, ALLERGY_TO_SIMILAR_DRUG, DraftWarning


class _SimilarDrug(NamedTuple):
    """A drug similar to an allergen: how, and whether that holds for it alone and not its forms."""

    drug: str
    text: str
    own_drug_only: bool


class Allergies:
    """Which drugs a patient must not have for an allergy, and which are doubtful."""

    def __init__(self, facts: GraphFacts):
        self._facts = facts
        self._equivalents_of: dict[str, list[str]] = {}

    def warnings(self, query: TreatmentQuery) -> list[DraftWarning]:
        """The warnings of all allergies; a drug of a certain one has no doubtful ones."""
        recorded = self._recorded(query)
        certain: list[DraftWarning] = []
        doubtful: list[DraftWarning] = []
        for allergen in query.allergic:
            edge = recorded.get(allergen)
            reaction = edge.property("reaction") if edge else None
            name = self._facts.name(allergen)
            suffix = f" ({reaction})" if reaction else ""
            for drug, how in self.equivalent_drugs(allergen).items():
                text = f"the patient is allergic to {name}{suffix}{how}"
                certain.append(_draft(ALLERGY, drug, text, allergen, edge))
            whom = f"{name}, to which the patient is allergic{suffix}"
            for similar in self.similar_drugs(allergen, whom):
                draft = _draft(ALLERGY_TO_SIMILAR_DRUG, similar.drug, similar.text, allergen, edge)
                doubtful.append(draft._replace(own_drug_only=similar.own_drug_only))
        excluded = {draft.drug for draft in certain}
        return [*certain, *(draft for draft in doubtful if draft.drug not in excluded)]

    def _recorded(self, query: TreatmentQuery) -> dict[str, DrugEdge]:
        """The edges of the patient's allergies, by what the patient is allergic to."""
        if query.id is None:
            return {}
        rows = (
            self._facts.kg.scan("edges")
            .filter(pl.col("relation") == ALLERGIC_TO, pl.col("subject") == query.id)
            .select("subject", "object", "id", "probability", "sources", "properties")
            .collect()
        )
        return {edge.other: edge for edge in (DrugEdge(*row) for row in rows.rows())}

    def _equivalents(self, allergen: str) -> list[str]:
        """It, and the drugs and classes of equal name or cross-reference: a note's drug, or a
        record's, may stand beside the one that a source knows. But tetracycline, which is one of
        the tetracyclines, is not they."""
        if allergen not in self._equivalents_of:
            facts = self._facts
            counterparts = counterparts_of([allergen], facts.counterparts.drug_keys)
            kin = {*facts.broader("Drug", [allergen]), *facts.narrower("Drug", [allergen])}
            same = [other for other, (_, broad) in counterparts.items() if not broad]
            self._equivalents_of[allergen] = [allergen, *(n for n in same if n not in kin)]
        return self._equivalents_of[allergen]

    def equivalent_drugs(self, allergen: str) -> dict[str, str]:
        """The drugs that are what a patient is allergic to, or of it, each with how."""
        facts = self._facts
        drugs, classes = dict[str, str](), dict[str, str]()
        for node in self._equivalents(allergen):
            if facts.kinds.get(node) == "Drug":
                drugs[node] = "" if node == allergen else ", which is the same"
            else:
                same = f"; its class {facts.name(node)} is the same"
                classes[node] = ", its class" if node == allergen else same
        for narrower in facts.narrower("DrugClass", classes):
            classes[narrower] = f"; its class {facts.name(narrower)} is a form of it"
        for node, how in classes.items():
            for drug in facts.members.get(node, ()):
                drugs.setdefault(drug, how)
        return drugs

    def similar_drugs(self, allergen: str, whom: str) -> Iterator[_SimilarDrug]:
        """The drugs similar to one that a patient is allergic to; `whom` names that one."""
        facts = self._facts
        for node in self._equivalents(allergen):
            for drug, shared in facts.similar_drugs.get(node, {}).items():
                how = f"shares the class {facts.name(shared)} with" if shared else "resembles"
                yield _SimilarDrug(drug, f"{how} {whom}; no source says so of this one", False)
            for broader in facts.broader("Drug", [node]):
                # What many are a form of is no drug but a sort, and says nothing of the others.
                many = len(facts.narrower("Drug", [broader])) > LARGEST_CLASS
                yield _SimilarDrug(broader, f"{whom}, is a form of {facts.name(broader)}", many)


def _draft(kind: str, drug: str, text: str, allergen: str, edge: DrugEdge | None) -> DraftWarning:
    """A warning by the edge that records an allergy, None for one that was given."""
    return DraftWarning(
        kind=kind,
        drug=drug,
        text=text,
        subject=edge.drug if edge else "",
        object=allergen,
        edge=edge.edge if edge else "",
        about=allergen,
        probability=edge.probability if edge else None,
    )
