"""Cases as a model sees them when it is evaluated, and the parts and strata that they fall into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ...core.errors import DataError
from ...graph.kg import KnowledgeGraph
from .cases import Case, cases_of, pmid
from .circumstances import ONSET_GROUPS, onset_group
from .knowledge import Integers
from .leaks import CaseLeaks
from .model import DiagnosisModel
from .series import series_of

ALL, CLOSED, OPEN = "all", "closed", "open"
ANNOTATED, OPEN_ANNOTATED = "reachable by knowledge alone", "open, reachable"
NOT_LEAKED = "without leaks"
# Where the bins of the strata begin.
_PHENOTYPES = (0, 1, 4, 7, 11, 21)
_PATIENTS = (0, 1, 2, 5, 10, 50)
_ANNOTATIONS = (0, 1, 5, 10, 20, 50)
_NOT_STATED = "not stated"
_SEXES = ("female", "male")
_PMIDS = 1_000_000  # publications of a stratum: PMIDs are in order of time, some 1.5 million a year

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class EvaluatedCases:
    """The cases, as a model sees them.

    Attributes:
        cases: those that have a diagnosis.
        present, excluded: columns of each case's phenotypes.
        rows: of each case's diseases that are candidates.
        series: rows of all candidates of the same series as one of its diseases.
        publications: the number of each case's publication.
        patients, annotations: how many patients, and how many annotated phenotypes, the model
            knows of each case's disease.
        sexes: female, male, or not stated.
        onsets: of each case's disease, as `circumstances.onset_group` names them, or not stated.
    """

    cases: list[Case]
    present: list[Integers]
    excluded: list[Integers]
    rows: list[Integers]
    series: list[Integers]
    publications: Integers
    patients: Integers
    annotations: Integers
    sexes: list[str]
    onsets: list[str]

    @classmethod
    def of(cls, model: DiagnosisModel, graph: KnowledgeGraph) -> EvaluatedCases:
        """The cases of a graph of patients.

        Raises:
            DataError: no case has a diagnosis.
        """
        cases = [case for case in cases_of(graph) if case.diseases]
        if not cases:
            raise DataError("no case has a diagnosis (HAS_DISEASE), so nothing can be evaluated")
        knowledge = model.knowledge
        rows = [
            {knowledge.disease_rows[d] for d in case.diseases if d in knowledge.disease_rows}
            for case in cases
        ]
        columns = [np.array(sorted(own), dtype=np.int64) for own in rows]
        size = len(knowledge.diseases)
        patients = np.bincount(knowledge.patient_rows, minlength=size)
        stated = model.kg.edges.filter(relation="HAS_SYMPTOM")["subject"]
        stated_rows = [knowledge.disease_rows[d] for d in stated if d in knowledge.disease_rows]
        annotations = np.bincount(np.array(stated_rows, dtype=np.int64), minlength=size)
        publications = np.unique([case.publication for case in cases], return_inverse=True)[1]
        sexes, onsets = _sexes_and_onsets(graph)
        return cls(
            cases=cases,
            present=[knowledge.columns_of(case.present) for case in cases],
            excluded=[knowledge.columns_of(case.excluded) for case in cases],
            rows=columns,
            series=_series_rows(model, graph, cases, rows),
            publications=publications.astype(np.int64),
            patients=np.array([patients[own].max(initial=0) for own in columns]),
            annotations=np.array([annotations[own].max(initial=0) for own in columns]),
            sexes=[sexes.get(case.id, _NOT_STATED) for case in cases],
            onsets=[onsets.get(case.id, _NOT_STATED) for case in cases],
        )

    @property
    def usable(self) -> Mask:
        """Whether the model knows a phenotype of each case."""
        return np.array([len(columns) > 0 for columns in self.present])

    @property
    def known(self) -> Mask:
        """Whether a disease of each case is a candidate."""
        return np.array([len(rows) > 0 for rows in self.rows])

    @property
    def answers(self) -> Integers:
        """A number for each case's disease: its row, or below -10 where it is no candidate."""
        unknown: dict[str, int] = {}
        return np.array(
            [
                rows[0] if len(rows) else -10 - unknown.setdefault(case.diseases[0], len(unknown))
                for case, rows in zip(self.cases, self.rows, strict=True)
            ]
        )

    def parts(self, leaks: CaseLeaks) -> dict[str, Mask]:
        """Which of the cases are in which part; parts that hold none or all are left out."""
        closed, annotated = self.patients > 0, self.annotations > 0
        leaked = leaks.cases
        parts = {
            CLOSED: closed,
            OPEN: ~closed,
            ANNOTATED: annotated,
            OPEN_ANNOTATED: ~closed & annotated,
            NOT_LEAKED: np.array([case.id not in leaked for case in self.cases]),
        }
        return {
            ALL: np.ones(len(closed), dtype=bool),
            **{name: mask for name, mask in parts.items() if mask.any() and not mask.all()},
        }

    def strata(self) -> dict[str, dict[str, Mask]]:
        """Which of the cases are in which stratum, by what the strata differ in."""
        phenotypes = np.array([len(columns) for columns in self.present])
        return {
            "by phenotypes": bins(phenotypes, _PHENOTYPES),
            "by patients of the disease": bins(self.patients, _PATIENTS),
            "by annotations of the disease": bins(self.annotations, _ANNOTATIONS),
            "by sex": _by_label(self.sexes, (*_SEXES, _NOT_STATED)),
            "by onset": _by_label(self.onsets, (*ONSET_GROUPS, _NOT_STATED)),
            "by PMID": _by_million([pmid(case.publication) for case in self.cases]),
        }


def _sexes_and_onsets(graph: KnowledgeGraph) -> tuple[dict[str, str], dict[str, str]]:
    """The sex of each patient of whom one is stated, and the onset of the disease, likewise."""
    sex, onset = (
        pl.col("properties").str.json_path_match(f"$.{name}").alias(name)
        for name in ("sex", "onset")
    )
    sexes = graph.nodes.filter(kind="Patient").select("id", sex)
    onsets = (
        graph.edges.filter(relation="HAS_DISEASE").select("subject", onset).sort("subject", "onset")
    )
    groups = {patient: onset_group(text) for patient, text in onsets.drop_nulls().iter_rows()}
    return (
        dict(sexes.filter(pl.col("sex").is_in(_SEXES)).iter_rows()),
        {patient: group for patient, group in groups.items() if group},
    )


def _by_label(labels: Sequence[str], order: Sequence[str]) -> dict[str, Mask]:
    """The strata that hold something, in an order."""
    masks = {label: np.array([own == label for own in labels]) for label in order}
    return {label: mask for label, mask in masks.items() if mask.any()}


def _by_million(pmids: Sequence[int]) -> dict[str, Mask]:
    """Strata of a million PMIDs each, `34 million` those from 34,000,000 on."""
    numbers = np.array(pmids)
    millions = np.where(numbers > 0, numbers // _PMIDS, -1)
    return {
        f"{million} million" if million >= 0 else "no PMID": millions == million
        for million in np.unique(millions).tolist()
    }


def _series_rows(
    model: DiagnosisModel, graph: KnowledgeGraph, cases: Sequence[Case], rows: Sequence[set[int]]
) -> list[Integers]:
    """For each case, the rows of its diseases and of those of the same series."""
    diseases = model.knowledge.diseases
    names = dict(
        pl.concat(
            kg.nodes.filter(kind="Disease").select("id", "name_key") for kg in (graph, model.kg)
        ).iter_rows()
    )

    def series(disease: str) -> str:
        return series_of(names.get(disease) or disease)

    by_series: dict[str, list[int]] = {}
    for row, disease in enumerate(diseases):
        by_series.setdefault(series(disease), []).append(row)
    series_rows = []
    for case, own in zip(cases, rows, strict=True):
        keys = {series(d) for d in (*case.diseases, *(diseases[row] for row in own))}
        related = own.union(*(by_series.get(key, ()) for key in keys))
        series_rows.append(np.array(sorted(related), dtype=np.int64))
    return series_rows


def bins(numbers: Integers, starts: Sequence[int]) -> dict[str, Mask]:
    """The bins that hold something, by what they hold: `0`, `1–3`, `21 and more`."""
    ends = [*(start - 1 for start in starts[1:]), None]
    masks = {}
    for start, end in zip(starts, ends, strict=True):
        if end is None:
            label, mask = f"{start} and more", numbers >= start
        else:
            label = f"{start}–{end}" if end > start else f"{start}"
            mask = (numbers >= start) & (numbers <= end)
        if mask.any():
            masks[label] = mask
    return masks
