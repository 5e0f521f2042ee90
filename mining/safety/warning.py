"""Warnings: what speaks against giving a drug, of which kind, on what evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypedDict

import polars as pl

from ...graph.frames import asserts_edge
from ...graph.kg import KnowledgeGraph

# The kinds of warnings. An allergy and a contraindication exclude a drug from the list; the others
# push it down: its rank is multiplied by the factor, for each of them. The factors are a judgement,
# fitted to nothing.
ALLERGY = "allergy"
CONTRAINDICATED = "contraindicated"
EXCLUDING = (ALLERGY, CONTRAINDICATED)
ALLERGY_TO_SIMILAR_DRUG = "allergy to a drug like it"
CONTRAINDICATED_FOR_NARROWER = "contraindicated for a form of it"
SIMILAR_DRUGS_CONTRAINDICATED = "contraindicated for drugs like it"
PERHAPS_CONTRAINDICATED = "contraindicated for what is perhaps the same"
INTERACTION = "interaction"
SIMILAR_DRUGS_INTERACT = "interaction of drugs like it"
SIMILAR_DRUG_TAKEN = "a drug like it is taken"
ADVERSE_EFFECT = "adverse effect"
FACTORS: Mapping[str, float] = {
    ALLERGY_TO_SIMILAR_DRUG: 4.0,
    CONTRAINDICATED_FOR_NARROWER: 4.0,
    SIMILAR_DRUGS_CONTRAINDICATED: 4.0,
    PERHAPS_CONTRAINDICATED: 4.0,
    INTERACTION: 4.0,
    SIMILAR_DRUGS_INTERACT: 2.0,
    SIMILAR_DRUG_TAKEN: 2.0,
    ADVERSE_EFFECT: 2.0,
}

ALLERGIC_TO = "ALLERGIC_TO"
CONTRAINDICATED_FOR = "CONTRAINDICATED_FOR"
INTERACTS_WITH = "INTERACTS_WITH"
CAUSES = "CAUSES"
TAKES = "TAKES"
_RELATIONS = {
    ALLERGY: ALLERGIC_TO,
    ALLERGY_TO_SIMILAR_DRUG: ALLERGIC_TO,
    INTERACTION: INTERACTS_WITH,
    SIMILAR_DRUGS_INTERACT: INTERACTS_WITH,
    SIMILAR_DRUG_TAKEN: TAKES,
    ADVERSE_EFFECT: CAUSES,
}  # all others: CONTRAINDICATED_FOR
_GRAVEST_FIRST = (*EXCLUDING, *FACTORS)
_MOST_EVIDENCE = 3  # pieces shown of a warning


class WarningEvidence(TypedDict):
    """A piece of evidence of a warning; see `medkg.graph.frames.EVIDENCE`."""

    id: str
    source: str
    release: str | None
    level: str | None
    document: str | None
    sentence: str | None
    probability: float
    references: list[str] | None


@dataclass(frozen=True)
class SafetyWarning:
    """Something that speaks against giving a drug.

    Attributes:
        kind: `allergy`, `contraindicated`, `allergy to a drug like it`, `contraindicated for a form
            of it`, `contraindicated for drugs like it`, `contraindicated for what is perhaps the
            same`, `interaction`, `interaction of drugs like it`, `a drug like it is taken` or
            `adverse effect`.
        text: a sentence.
        subject, relation, object, edge: what the graph holds. Of an allergy that was given, and
            that the graph doesn't hold of the patient, and of a drug that is taken, subject and
            edge are empty.
        about: what of the patient's it is about (an identifier, or a state such as `pregnancy`).
        factor: by which it multiplies a drug's rank; 1 for an allergy and a contraindication, which
            exclude the drug from the list instead.
        probability: the edge's.
        evidence: up to three pieces of it, the most probable first.
    """

    kind: str
    text: str
    subject: str
    relation: str
    object: str
    edge: str
    about: str
    factor: float
    probability: float | None
    evidence: tuple[WarningEvidence, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


class DraftWarning(NamedTuple):
    """A warning about a drug, before its evidence is read, and before it is passed on to the drugs
    that are forms of it.

    Attributes:
        drug: what it is about.
        own_drug_only: whether it holds for this drug alone, and not for its forms.
        factor: None for that of its kind.
    """

    kind: str
    drug: str
    text: str
    subject: str
    object: str
    edge: str
    about: str
    probability: float | None
    factor: float | None = None
    own_drug_only: bool = False

    def warning(self, text: str, evidence: tuple[WarningEvidence, ...]) -> SafetyWarning:
        """The warning with this text and evidence."""
        return SafetyWarning(
            kind=self.kind,
            text=text,
            subject=self.subject,
            relation=_RELATIONS.get(self.kind, CONTRAINDICATED_FOR),
            object=self.object,
            edge=self.edge,
            about=self.about,
            factor=FACTORS.get(self.kind, 1.0) if self.factor is None else self.factor,
            probability=self.probability,
            evidence=evidence,
        )


def first_by_drug(drafts: Iterable[DraftWarning]) -> dict[str, dict[str, DraftWarning]]:
    """The first warning of each drug about each thing of the patient's, by that and the drug."""
    first: dict[str, dict[str, DraftWarning]] = {}
    for draft in drafts:
        first.setdefault(draft.about, {}).setdefault(draft.drug, draft)
    return first


def distinct_and_sorted(warnings: Sequence[SafetyWarning]) -> list[SafetyWarning]:
    """Each edge's first warning, the gravest first; what has no edge (an allergy that was given, a
    drug that is taken) is identified by what it is about."""
    distinct = {
        warning.edge or (warning.relation, warning.about): warning for warning in reversed(warnings)
    }
    return sorted(
        distinct.values(),
        key=lambda warning: (_GRAVEST_FIRST.index(warning.kind), warning.about, warning.edge),
    )


def evidence_of(kg: KnowledgeGraph, edges: Iterable[str]) -> dict[str, tuple[WarningEvidence, ...]]:
    """The most probable evidence that asserts each of these edges."""
    rows = (
        kg.scan("evidence")
        .filter(
            asserts_edge(),
            pl.col("edge").is_in(sorted(set(edges))),
            pl.col("polarity") == "asserted",
        )
        .select("edge", *WarningEvidence.__annotations__)
        .collect()
        .sort("probability", "id", descending=[True, False])
        .group_by("edge", maintain_order=True)
        .head(_MOST_EVIDENCE)
    )
    evidence: dict[str, tuple[WarningEvidence, ...]] = {}
    for row in rows.iter_rows(named=True):
        edge = row.pop("edge")
        piece: WarningEvidence = row  # type: ignore[assignment]  # the columns selected above
        evidence[edge] = (*evidence.get(edge, ()), piece)
    return evidence
