"""What speaks against giving a drug to a patient, each with its evidence; and what wasn't checked.

Absence of a warning is no proof of safety: for each check it is said whether the graph holds
anything that could have warned.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from ...graph.kg import KnowledgeGraph
from .adverse_effects import adverse_effect_warnings
from .allergies import Allergies
from .checks import (
    SafetyCheck,
    adverse_effect_check,
    allergy_check,
    contraindication_check,
    interaction_check,
    state_checks,
)
from .contraindications import contraindication_warnings, state_nodes
from .findings import related_findings
from .graph_facts import GraphFacts
from .interactions import interaction_warnings
from .query import TreatmentQuery
from .warning import INTERACTION, DraftWarning, SafetyWarning, distinct_and_sorted, evidence_of


class Safety:
    """What a graph holds that speaks against giving its drugs."""

    def __init__(self, kg: KnowledgeGraph):
        self._kg, self._facts = kg, GraphFacts(kg)
        self._allergies = Allergies(self._facts)

    @property
    def names(self) -> dict[str, str]:
        """The names that nodes are shown by, by identifier."""
        return self._facts.names

    def warnings(
        self, query: TreatmentQuery, drugs: Iterable[str]
    ) -> dict[str, list[SafetyWarning]]:
        """What speaks against each of these drugs, the gravest first; drugs without are left out.

        - allergy: the drug is one that the patient is allergic to, one of equal name or
          cross-reference, or a member (IN_CLASS) of such a class or of one that is narrower by
          SUBCLASS_OF. Of a drug that shares a class (of at most 30 drugs) with it, RESEMBLES it, or
          has it as a form, `allergy to a drug like it`; of that one's other forms too, if they are
          at most 30.
        - contraindicated: CONTRAINDICATED_FOR one of the patient's diseases, one that is wider by
          SUBCLASS_OF, or one of equal name or cross-reference with a disease or symptom; or for a
          state (pregnancy, age, sex), where a source has it as such an edge. For one that is
          narrower than the patient's, `contraindicated for a form of it`. Where no source says so
          of a drug, but of two drugs of its class (IN_CLASS, of at most 30 drugs) or like it by
          RESEMBLES, `contraindicated for drugs like it`. Where the disease has but a broad
          cross-reference with the patient's, which several diseases of one vocabulary have (a
          chapter of ICD), `contraindicated for what is perhaps the same`.
        - interaction: INTERACTS_WITH a drug that the patient takes. Where no source says so of a
          drug, but of one of its class or like it by RESEMBLES, `interaction of drugs like it`; and
          where such a one is taken itself, `a drug like it is taken`.
        - adverse effect: CAUSES one of the patient's symptoms or diseases, or one that is wider.
          Where that is what a drug is sought for it doesn't push it down: lists of effects are
          taken from labels, which name what a drug is given for.

        What holds for a drug that a drug is a form of (SUBCLASS_OF) holds for the drug.
        """
        forms_of: dict[str, list[str]] = {}
        for drug in dict.fromkeys(drugs):
            for broader in self._facts.with_broader(drug):
                forms_of.setdefault(broader, []).append(drug)
        drafts = self._drafts(query)
        evidence = evidence_of(
            self._kg,
            [draft.edge for draft in drafts if draft.drug in forms_of or draft.kind == INTERACTION],
        )
        warnings: dict[str, list[SafetyWarning]] = {}
        for draft in drafts:
            for drug in forms_of.get(draft.drug, ()):
                if drug == draft.drug or not draft.own_drug_only:
                    warning = draft.warning(self._text(draft, drug), evidence.get(draft.edge, ()))
                    warnings.setdefault(drug, []).append(warning)
        return {drug: distinct_and_sorted(own) for drug, own in warnings.items()}

    def _drafts(self, query: TreatmentQuery) -> list[DraftWarning]:
        facts, findings = self._facts, related_findings(self._facts, query)
        return [
            *self._allergies.warnings(query),
            *contraindication_warnings(facts, query, findings, self._state_nodes),
            *interaction_warnings(facts, query),
            *adverse_effect_warnings(facts, query, findings),
        ]

    def _text(self, draft: DraftWarning, drug: str) -> str:
        if draft.drug == drug:
            return draft.text
        return f"{draft.text} (said of {self._facts.name(draft.drug)}, of which it is a form)"

    def checks(self, query: TreatmentQuery) -> list[SafetyCheck]:
        """What was looked for, and what could not be, since the graph holds nothing of it."""
        return [
            allergy_check(self._facts, self._allergies, query),
            contraindication_check(self._facts),
            interaction_check(self._facts, query),
            adverse_effect_check(self._facts),
            *state_checks(query, self._state_nodes),
        ]

    def unchecked(self, drug: str, query: TreatmentQuery) -> list[str]:
        """The checks that could not have warned of a drug, as no source says anything of it."""
        facts, own = self._facts, self._facts.with_broader(drug)
        covered = {
            "contraindications": facts.contraindicated_drugs,
            **({"interactions": facts.interacting_drugs} if query.taking else {}),
            "adverse effects": facts.drugs_with_effects,
        }
        return [what for what, drugs in covered.items() if drugs.isdisjoint(own)]

    def broader_diseases(self, disease: str) -> list[str]:
        """The diseases that a disease is a form of, by SUBCLASS_OF."""
        return self._facts.broader("Disease", [disease])

    @cached_property
    def _state_nodes(self) -> dict[str, set[str]]:
        return state_nodes(self._facts)
