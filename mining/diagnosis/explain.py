"""Why a disease is ranked: each of the patient's phenotypes against it, with its evidence.

The ontology decides what matches; the model itself, what a phenotype contributes: how the disease's
probability changes when it is left out. So the figures are those of whichever model ranked, and a
phenotype that a model makes no use of contributes nothing, whatever the annotations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .circumstances import Circumstances, Factors
from .evidence import PairEvidence, evidence_of_pairs
from .knowledge import Integers
from .matches import Match, compare
from .posterior import ProbabilityModel, factors_for, log_odds
from .prevalence import prevalence_text


class ExplanationRow(TypedDict):
    """A row of `explain`; see there."""

    rank: int
    disease: str
    disease_name: str
    part: str
    phenotype: str | None
    phenotype_name: str
    match: str | None
    by: str | None
    by_name: str | None
    frequency: float | None
    patients: str | None
    onset: str | None
    sex: str | None
    sources: list[str] | None
    references: list[str] | None
    support: float | None
    weight: float | None


EXPLANATION: dict[str, pl.DataType | type[pl.DataType]] = {
    "rank": pl.UInt32,
    "disease": pl.String,
    "disease_name": pl.String,
    "part": pl.String,
    "phenotype": pl.String,
    "phenotype_name": pl.String,
    "match": pl.String,
    "by": pl.String,
    "by_name": pl.String,
    "frequency": pl.Float64,
    "patients": pl.String,
    "onset": pl.String,
    "sex": pl.String,
    "sources": pl.List(pl.String),
    "references": pl.List(pl.String),
    "support": pl.Float64,
    "weight": pl.Float64,
}


@dataclass(frozen=True)
class Contribution:
    """The contributions of some findings of a patient to some diseases: findings × diseases."""

    support: NDArray[np.float64]
    weight: NDArray[np.float64]


def contributions(
    model: ProbabilityModel,
    present: Integers,
    excluded: Integers,
    rows: Integers,
    factors: Factors | None = None,
) -> dict[str, Contribution]:
    """What each finding of a patient contributes to some diseases (rows of the knowledge).

    Leaving out one finding a at a time (occlusion, Zeiler & Fergus 2014,
    https://arxiv.org/abs/1311.2901) gives, with all' = all but a, two figures:

        support(a, d) = log P(d | all) / P(d | all') - mean_d' log P(d' | all) / P(d' | all')
        weight(a, d) = logit P(d | all) - logit P(d | all')

    Support sets the disease against the mean of all diseases: above 0, a is evidence for it, as a
    log-likelihood ratio is. Weight sets it against its rivals, the diseases that are probable by
    all the rest: a phenotype that all of these show weighs nothing. Of two redundant phenotypes
    each contributes little, since the other is still there. k phenotypes cost k + 1 scorings. With
    prevalence P(d | all') is as sharp as P(d | all), while the mean of the findings' frequencies
    is that of the others (`Factors.weighed`).

    Returns:
        For `present` and `excluded` the contributions of each phenotype, and for each of the
        circumstances (see `Factors`) its own.
    """
    with_all = [present] + [np.delete(present, i) for i in range(len(present))]
    with_all += [present] * len(excluded)
    without = [excluded] * (1 + len(present))
    without += [np.delete(excluded, i) for i in range(len(excluded))]
    explained, everyday = (present, present[:0]) if factors is None else factors.split(present)
    findings = [patient[np.isin(patient, explained)] for patient in with_all]
    logs = model.log_probabilities(findings, without)
    named = {}
    if factors is not None:
        conditions = [patient[np.isin(patient, everyday)] for patient in with_all]
        shown = findings if len(explained) else conditions
        # No finding gets the credit for how many there are.
        logs = factors.weighed(logs, shown, conditions, as_sharp_as=shown[0])
        named = factors.by_name(model.knowledge, shown)
    logs = logs.astype(np.float64)
    if "prevalence" in named:
        # No finding gets the credit for how common the diseases are that it alone explains.
        named["prevalence"] = named["prevalence"][:1]
    for factor in named.values():
        logs += factor
    less = {"present": logs[1 : 1 + len(present)], "excluded": logs[1 + len(present) :]}
    less |= {name: logs[:1] - factor[:1] for name, factor in named.items()}
    odds = log_odds(logs[:1], rows)
    by_finding = {}
    for name, other in less.items():
        change = logs[:1] - other
        support = change[:, rows] - change.mean(axis=1, keepdims=True)
        by_finding[name] = Contribution(support, odds - log_odds(other, rows))
    return by_finding


def explain(
    model: ProbabilityModel,
    present: Integers,
    excluded: Integers,
    rows: Integers,
    circumstances: Circumstances | None = None,
) -> pl.DataFrame:
    """Each of a patient's phenotypes against some diseases.

    Args:
        present, excluded: columns of the knowledge.
        rows: of the diseases, in order of rank.

    Returns:
        `EXPLANATION`: `rank` (place in `rows`) and disease; `part`, `match` and `by` (see `Match`;
        `part` is `circumstance` for genes, onset, sex, age and prevalence); of the disease's
        phenotype that is matched, `frequency`, `patients` ("7/9"), `onset` and `sex` as far as a
        source states them, `sources` and `references`; `support` and `weight` (see `contributions`;
        null for what is missing). For a broader match they are those of the phenotype in `by`. In
        each part the phenotypes with the greatest support come first.
    """
    knowledge = model.knowledge
    factors = factors_for(model, circumstances)
    matches = [
        compare(knowledge, row, present, excluded, model.namesakes[row]) for row in rows.tolist()
    ]
    pairs = {
        (int(row), match.by)
        for row, of_disease in zip(rows, matches, strict=True)
        for match in of_disease
        if match.by is not None and match.how != "near"
    }
    explanation = _Explanation(
        phenotypes=knowledge.phenotypes,
        names=model.names,
        places={
            "present": {int(column): place for place, column in enumerate(present)},
            "excluded": {int(column): place for place, column in enumerate(excluded)},
        },
        contributions=contributions(model, present, excluded, rows, factors),
        evidence=evidence_of_pairs(model.kg, knowledge, pairs),
    )
    lines: list[ExplanationRow] = []
    for place, (row, of_disease) in enumerate(zip(rows.tolist(), matches, strict=True)):
        disease = _Disease(place, row, knowledge.diseases[row])
        own = [explanation.of_match(disease, match) for match in of_disease]
        own.sort(key=lambda line: (_PARTS.index(line["part"]), -abs(line["support"] or 0)))
        lines += own
        if circumstances and factors is not None:
            genes = factors.genes.get(row, ())
            for name in explanation.contributions:
                if name not in explanation.places:
                    text = _circumstance_text(name, circumstances, genes)
                    if name == "prevalence" and factors.prevalence is not None:
                        text = prevalence_text(float(factors.prevalence[row]))
                    lines.append(explanation.of_circumstance(disease, name, text))
    return pl.DataFrame(lines, schema=EXPLANATION)


_PARTS = ("matching", "unexpected", "against", "absent", "missing")
_EXCLUDED_PARTS = ("against", "absent")


@dataclass(frozen=True)
class _Disease:
    """One of the explained diseases: its place among them, its row and its identifier."""

    place: int
    row: int
    id: str


@dataclass(frozen=True)
class _Explanation:
    """What the lines of an explanation are made from.

    Attributes:
        phenotypes: identifiers by column.
        names: by identifier.
        places: the place of each column among the `present` and `excluded` phenotypes.
        contributions: see `contributions`.
        evidence: see `evidence_of_pairs`.
    """

    phenotypes: Sequence[str]
    names: Mapping[str, str]
    places: Mapping[str, Mapping[int, int]]
    contributions: Mapping[str, Contribution]
    evidence: Mapping[tuple[int, int], PairEvidence]

    def of_match(self, disease: _Disease, match: Match) -> ExplanationRow:
        """The line of a phenotype against a disease."""
        line = self._line(disease, match.part)
        phenotype = self.phenotypes[match.phenotype]
        line["phenotype"] = phenotype
        line["phenotype_name"] = self.names.get(phenotype, phenotype)
        line["match"] = match.how
        if match.by is not None:
            by = self.phenotypes[match.by]
            line["by"], line["by_name"] = by, self.names.get(by, by)
            if (stated := self.evidence.get((disease.row, match.by))) is not None:
                line["frequency"], line["patients"] = stated["frequency"], stated["patients"]
                line["onset"], line["sex"] = stated["onset"], stated["sex"]
                line["sources"], line["references"] = stated["sources"], stated["references"]
        if match.part != "missing":
            kind = "excluded" if match.part in _EXCLUDED_PARTS else "present"
            self._add_contribution(line, kind, self.places[kind][match.phenotype], disease)
        return line

    def of_circumstance(self, disease: _Disease, name: str, text: str) -> ExplanationRow:
        """The line of a circumstance for a disease."""
        line = self._line(disease, "circumstance")
        line["phenotype_name"] = text
        self._add_contribution(line, name, 0, disease)
        return line

    def _line(self, disease: _Disease, part: str) -> ExplanationRow:
        return {
            "rank": disease.place + 1,
            "disease": disease.id,
            "disease_name": self.names.get(disease.id, disease.id),
            "part": part,
            "phenotype": None,
            "phenotype_name": "",
            "match": None,
            "by": None,
            "by_name": None,
            "frequency": None,
            "patients": None,
            "onset": None,
            "sex": None,
            "sources": None,
            "references": None,
            "support": None,
            "weight": None,
        }

    def _add_contribution(
        self, line: ExplanationRow, kind: str, place: int, disease: _Disease
    ) -> None:
        contribution = self.contributions[kind]
        line["support"] = float(contribution.support[place, disease.place])
        line["weight"] = float(contribution.weight[place, disease.place])


def _circumstance_text(name: str, circumstances: Circumstances, genes: Sequence[str]) -> str:
    if name == "gene":
        own = f": associated with {', '.join(genes)}" if genes else ": associated with none of them"
        return f"candidate genes {', '.join(circumstances.genes)}{own}"
    if name == "age":
        return f"age {circumstances.age:g}"
    return f"onset {circumstances.onset}" if name == "onset" else f"sex {circumstances.sex}"
