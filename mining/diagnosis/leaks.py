"""Leaks: what a diagnosis model was made from that gives a test's cases away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import polars as pl

from ...graph.kg import KnowledgeGraph
from .cases import Case
from .knowledge import Knowledge

CITED = "publication that the knowledge cites"
TRAINED_PUBLICATION = "publication of a patient trained with"
TRAINED_PATIENT = "patient trained with"
NAMES_CITED = "identifier that names a publication which the knowledge cites"
NAMES_TRAINED = "identifier that names a publication of a patient trained with"
SAME_AS_TRAINED = "same phenotypes and disease as a patient trained with"


class LeakReport(TypedDict):
    """Counts of leaked cases: see `CaseLeaks.to_dict`."""

    leaked: int
    by_sort: dict[str, int]
    noted: dict[str, int]
    first: dict[str, list[str]]


@dataclass(frozen=True)
class CaseLeaks:
    """What is known of a test's cases beforehand.

    Attributes:
        leaked: by what gives them away, the identifiers of the cases.
        noted: likewise, what may help without giving the case away.
    """

    leaked: Mapping[str, Sequence[str]]
    noted: Mapping[str, Sequence[str]]

    @property
    def cases(self) -> set[str]:
        """The cases that are given away."""
        return {case for cases in self.leaked.values() for case in cases}

    def to_dict(self) -> LeakReport:
        """Counts, with the first cases of each sort."""
        return {
            "leaked": len(self.cases),
            "by_sort": {sort: len(cases) for sort, cases in self.leaked.items() if cases},
            "noted": {sort: len(cases) for sort, cases in self.noted.items() if cases},
            "first": {sort: list(cases[:3]) for sort, cases in self.leaked.items() if cases},
        }


def find_leaks(
    kg: KnowledgeGraph,
    knowledge: Knowledge,
    cases: Sequence[Case],
    learnt_from: Iterable[str] = (),
) -> CaseLeaks:
    """Look for cases in what a model knows: its graph's evidence, and the patients that it was
    trained with.

    A case is given away where its publication is cited by evidence of the graph that is not of a
    patient, whatever the evidence is of; where it is a patient that the model was trained with; or
    where its publication is that of one. Noted, but no leak: that its identifier names another
    publication that is cited or known so, and that a patient trained with has the same phenotypes
    and disease.

    Args:
        learnt_from: publications of patients that the weights were learnt from, beside those of
            the knowledge.
    """
    cited = cited_by(kg)
    patients = set(knowledge.patient_ids)
    publications = {*knowledge.patient_publications, *learnt_from}
    trained = {
        (row, tuple(columns.indices.tolist()))
        for row, columns in zip(knowledge.patient_rows.tolist(), knowledge.patients, strict=True)
    }

    def same(case: Case) -> bool:
        columns = tuple(knowledge.columns_of(case.present).tolist())
        rows = (knowledge.disease_rows.get(disease) for disease in case.diseases)
        return any((row, columns) in trained for row in rows)

    published = {case.id: {case.publication, *case.references} for case in cases}
    return CaseLeaks(
        leaked={
            CITED: [case.id for case in cases if published[case.id] & cited],
            TRAINED_PATIENT: [case.id for case in cases if case.id in patients],
            TRAINED_PUBLICATION: [case.id for case in cases if published[case.id] & publications],
        },
        noted={
            NAMES_CITED: [case.id for case in cases if set(case.named) & cited],
            NAMES_TRAINED: [case.id for case in cases if set(case.named) & publications],
            SAME_AS_TRAINED: [case.id for case in cases if same(case)],
        },
    )


def cited_by(kg: KnowledgeGraph) -> set[str]:
    """The references and documents of all evidence that is not of a patient."""
    rows = _of_knowledge(kg).select(
        cited=pl.concat_list(pl.concat_list("document"), pl.col("references").fill_null([]))
    )
    return set(rows.collect()["cited"].explode().drop_nulls())


def citing(kg: KnowledgeGraph, publications: Iterable[str]) -> pl.DataFrame:
    """The evidence, not of a patient, that cites one of the publications: id, relation."""
    listed = pl.Series(sorted(set(publications)), dtype=pl.String)
    among = pl.col("references").fill_null([]).list.set_intersection(listed.to_list())
    chosen = (among.list.len() > 0) | pl.col("document").is_in(listed.implode())
    return _of_knowledge(kg).filter(chosen.fill_null(False)).select("id", "relation").collect()


def _of_knowledge(kg: KnowledgeGraph) -> pl.LazyFrame:
    patients = kg.nodes.filter(kind="Patient").select(subject="id").lazy()
    return kg.scan("evidence").join(patients, on="subject", how="anti")
