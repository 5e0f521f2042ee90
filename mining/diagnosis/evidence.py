"""What a graph's evidence, and the known patients, state of a disease and a phenotype."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import numpy as np
import polars as pl

from ...graph.kg import KnowledgeGraph
from .knowledge import STATED_PATIENTS, Knowledge

_QUALIFIERS = ("frequency", "sample", "onset", "sex")


class PairEvidence(TypedDict):
    """What the evidence states of a disease and a phenotype; see `evidence_of_pairs`."""

    frequency: float | None
    patients: str | None
    onset: str | None
    sex: str | None
    sources: list[str]
    references: list[str]


def evidence_of_pairs(
    kg: KnowledgeGraph, knowledge: Knowledge, pairs: set[tuple[int, int]]
) -> dict[tuple[int, int], PairEvidence]:
    """What the evidence states of pairs of disease (row) and phenotype (column).

    Returns:
        For each pair of which anything is stated: `frequency` (the share of the patients of all
        sources; the model's own estimate is nearer to a half where they are few; null where no
        source states any), `patients` ("3/7", those of several sources joined, and "2/5
        known" of the patients that the model knows), `onset`, `sex`, `sources`, `references`.
    """
    by_pair: dict[tuple[int, int], PairEvidence] = {}
    counts: dict[tuple[int, int], _Count] = {}
    rows = _evidence_rows(kg, knowledge, pairs)
    for (row, column), group in rows.partition_by("row", "column", as_dict=True).items():
        texts = {name: group[name].drop_nulls().unique().sort().to_list() for name in _QUALIFIERS}
        counts[int(row), int(column)] = count = _Count.of(group)
        by_pair[int(row), int(column)] = {
            "frequency": count.share,
            "patients": ", ".join(texts["sample"]) or None,
            "onset": ", ".join(texts["onset"]) or None,
            "sex": ", ".join(texts["sex"]) or None,
            "sources": group["source"].unique().sort().to_list(),
            "references": group["references"].explode().drop_nulls().unique().sort().to_list(),
        }
    for pair in sorted(pairs):
        count = counts.get(pair, _Count(0, 0))
        with_patients = _with_known_patients(knowledge, *pair, by_pair.get(pair), count)
        if with_patients is not None:
            by_pair[pair] = with_patients
    return by_pair


class _Count(NamedTuple):
    """How many patients have a phenotype, of how many."""

    having: float
    patients: float

    @classmethod
    def of(cls, evidence: pl.DataFrame) -> _Count:
        """The count of some evidence; a frequency without a number of patients is of ten."""
        rate = pl.col("frequency").cast(pl.Float64, strict=False)
        patients = pl.col("sample").str.extract(r"/(\d+)$").cast(pl.Float64)
        stated = evidence.select(rate=rate, patients=patients.fill_null(STATED_PATIENTS))
        stated = stated.drop_nulls("rate")
        having = float((stated["rate"] * stated["patients"]).sum())
        return cls(having, float(stated["patients"].sum()))

    @property
    def share(self) -> float | None:
        """The share that has it; None of no patient."""
        return self.having / self.patients if self.patients else None


def _evidence_rows(
    kg: KnowledgeGraph, knowledge: Knowledge, pairs: set[tuple[int, int]]
) -> pl.DataFrame:
    """The evidence of the pairs: row, column, source, references and the qualifiers."""
    ids: dict[int, list[str]] = {}
    rows = {row for row, _ in pairs}
    for disease, row in knowledge.disease_rows.items():
        if row in rows:
            ids.setdefault(row, []).append(disease)
    identifiers = pl.DataFrame(
        [
            (disease, knowledge.phenotypes[column], row, column)
            for row, column in sorted(pairs)
            for disease in ids[row]
        ],
        schema={"subject": pl.String, "object": pl.String, "row": pl.Int64, "column": pl.Int64},
        orient="row",
    )
    qualifier = pl.col("qualifiers").str.json_path_match
    return (
        kg.scan("evidence")
        .filter(
            pl.col("relation") == "HAS_SYMPTOM",
            pl.col("polarity") == "asserted",
            pl.col("subject").is_in(identifiers["subject"].unique().implode()),
        )
        .join(identifiers.lazy(), on=["subject", "object"])
        .select(
            "row",
            "column",
            "source",
            "references",
            *(qualifier(f"$.{name}").alias(name) for name in _QUALIFIERS),
        )
        .collect()
    )


def _with_known_patients(
    knowledge: Knowledge, row: int, column: int, stated: PairEvidence | None, counted: _Count
) -> PairEvidence | None:
    """What the annotations state, with how many of the known patients have the phenotype."""
    own = np.flatnonzero(knowledge.patient_rows == row)
    having = own[knowledge.patients[own][:, [column]].toarray().ravel() > 0]
    if not len(having):
        return stated
    # A patient without a publication has the own identifier for one, which is nobody's business.
    cited = {knowledge.patient_publications[patient] for patient in having}
    cited -= {knowledge.patient_ids[patient] for patient in having}
    count = f"{len(having)}/{len(own)} known"
    samples = stated["patients"] if stated else None
    return {
        "frequency": _Count(counted.having + len(having), counted.patients + len(own)).share,
        "patients": count if samples is None else f"{samples}, {count}",
        "onset": stated["onset"] if stated else None,
        "sex": stated["sex"] if stated else None,
        "sources": [*(stated["sources"] if stated else ()), "known patients"],
        "references": sorted({*(stated["references"] if stated else ()), *cited}),
    }
