"""What a graph knows of diseases and their phenotypes, as sparse matrices.

Rows of the matrices are diseases, columns phenotypes. Diseases with the same name (OMIM's and
Orphanet's entry of one disease) share a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from ...graph.errors import DataError
from ...graph.kg import KnowledgeGraph

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# Frequency of a phenotype where the annotation states none, and how many patients a frequency that
# is stated without a number of patients is worth when several are pooled.
UNSTATED_FREQUENCY = 0.5
STATED_PATIENTS = 10.0


@dataclass(frozen=True)
class Knowledge:
    """Diseases, phenotypes and what joins them.

    Attributes:
        phenotypes: identifiers in the order of the columns.
        diseases: identifiers in the order of the rows (of those with one name, the first).
        disease_rows: row of every disease identifier, those of one name included.
        phenotype_columns: column of every phenotype identifier, cross-references included.
        parents: phenotypes × phenotypes, 1 where the column is a parent of the row.
        closure: phenotypes × phenotypes, 1 where the column is the row or an ancestor of it.
        annotated: diseases × phenotypes, frequency of the phenotypes that are stated.
        frequency: the same for ancestors too: that of the most frequent descendant.
        information: -log of the share of diseases with the phenotype or a descendant of it.
        patients: known patients × phenotypes, 1 for what each has.
        patient_rows: the row of each known patient's disease.
    """

    phenotypes: list[str]
    diseases: list[str]
    disease_rows: dict[str, int]
    phenotype_columns: dict[str, int]
    parents: sp.csr_matrix
    closure: sp.csr_matrix
    annotated: sp.csr_matrix
    frequency: sp.csr_matrix
    information: Floats
    patients: sp.csr_matrix
    patient_rows: Integers

    @classmethod
    def of(cls, kg: KnowledgeGraph, cases: KnowledgeGraph | None = None) -> Knowledge:
        """The knowledge in a graph's HAS_SYMPTOM and SUBCLASS_OF edges.

        Args:
            cases: Patient nodes with HAS_PHENOTYPE and HAS_DISEASE edges, the known patients. What
                share of a disease's patients has a phenotype counts as one more annotation, of so
                many patients.

        Raises:
            DataError: the graph has no HAS_SYMPTOM edge.
        """
        symptoms = kg.nodes.filter(kind="Symptom")
        isa = kg.edges.filter(relation="SUBCLASS_OF").join(
            symptoms.select(subject="id"), on="subject", how="semi"
        )
        phenotypes = _phenotypes(kg, isa)
        columns = {id_: column for column, id_ in enumerate(phenotypes)}
        former = symptoms.select("xrefs", "id").explode("xrefs").drop_nulls().rows()
        columns = {x: columns[id_] for x, id_ in former if id_ in columns} | columns
        stated = _annotations(kg)
        if cases is not None:
            stated = pl.concat([stated, _seen_in(cases, kg)], how="diagonal")
        stated = _pooled(
            stated.with_columns(
                column=pl.col("object").replace_strict(columns, default=None, return_dtype=pl.Int64)
            ).drop_nulls("column")
        )
        if stated.is_empty():
            raise DataError(
                "the graph has no HAS_SYMPTOM edge, so nothing is known for a diagnosis; merge"
                " HPO into it (medkg load hpo)"
            )
        rows = stated.group_by("name_key").agg(pl.col("subject").min()).sort("subject")
        row_of_name = {name: row for row, name in enumerate(rows["name_key"])}
        named = kg.nodes.filter(kind="Disease").select("id", "name_key").rows()
        if cases is not None:
            named += cases.nodes.filter(kind="Disease").select("id", "name_key").rows()
        disease_rows = {id_: row_of_name[name] for id_, name in named if name in row_of_name}
        size = len(phenotypes)
        seen, patient_rows = _known_patients(cases, columns, disease_rows)
        return cls.from_parts(
            phenotypes=phenotypes,
            diseases=rows["subject"].to_list(),
            disease_rows=disease_rows,
            phenotype_columns=columns,
            parents=_matrix(
                np.array([columns[id_] for id_ in isa["subject"]], dtype=np.int64),
                np.array([columns[id_] for id_ in isa["object"]], dtype=np.int64),
                np.ones(isa.height),
                (size, size),
            ),
            annotated=_matrix(
                np.array([row_of_name[name] for name in stated["name_key"]], dtype=np.int64),
                stated["column"].to_numpy(),
                stated["frequency"].to_numpy(),
                (rows.height, size),
            ),
            patients=_indicator(seen, size),
            patient_rows=patient_rows,
        )

    @classmethod
    def from_parts(
        cls,
        phenotypes: list[str],
        diseases: list[str],
        disease_rows: dict[str, int],
        phenotype_columns: dict[str, int],
        parents: sp.csr_matrix,
        annotated: sp.csr_matrix,
        patients: sp.csr_matrix,
        patient_rows: Integers,
    ) -> Knowledge:
        """The knowledge with all that follows from these parts."""
        closure = _closure(parents)
        frequency = _propagated(annotated, closure)
        number = np.asarray((frequency > 0).sum(axis=0)).ravel()
        information = np.where(number, -np.log(np.maximum(number, 1) / len(diseases)), 0.0)
        return cls(
            phenotypes=phenotypes,
            diseases=diseases,
            disease_rows=disease_rows,
            phenotype_columns=phenotype_columns,
            parents=parents,
            closure=closure,
            annotated=annotated,
            frequency=frequency,
            information=information.astype(np.float32),
            patients=patients,
            patient_rows=patient_rows,
        )

    def columns_of(self, phenotypes: Sequence[str]) -> Integers:
        """The columns of those of the identifiers that are known, each once, sorted."""
        columns = self.phenotype_columns
        known = {columns[id_] for id_ in phenotypes if id_ in columns}
        return np.array(sorted(known), dtype=np.int64)

    def with_ancestors(self, patients: Sequence[Integers]) -> sp.csr_matrix:
        """patients × phenotypes, 1 for what each patient has and every ancestor of it."""
        return closed(self.present(patients), self.closure)

    def present(self, patients: Sequence[Integers]) -> sp.csr_matrix:
        """patients × phenotypes, 1 for what each patient has."""
        return _indicator(patients, len(self.phenotypes))


def _phenotypes(kg: KnowledgeGraph, isa: pl.DataFrame) -> list[str]:
    shown = kg.edges.filter(relation="HAS_SYMPTOM")["object"]
    return pl.concat([isa["subject"], isa["object"], shown]).unique().sort().to_list()


def _annotations(kg: KnowledgeGraph) -> pl.DataFrame:
    """Evidence of HAS_SYMPTOM: name_key and subject of the disease, object, rate, patients."""
    names = kg.nodes.filter(kind="Disease").select("name_key", subject="id")
    qualifier = pl.col("qualifiers").str.json_path_match
    return (
        kg.evidence.filter(relation="HAS_SYMPTOM", polarity="asserted")
        .join(kg.edges.select(edge="id"), on="edge", how="semi")
        .join(names, on="subject")
        .select(
            "name_key",
            "subject",
            "object",
            rate=qualifier("$.frequency").cast(pl.Float64, strict=False),
            patients=qualifier("$.sample").str.extract(r"/(\d+)$").cast(pl.Float64),
        )
        .with_columns(
            patients=pl.col("patients").fill_null(
                pl.when(pl.col("rate").is_not_null()).then(STATED_PATIENTS)
            )
        )
    )


def _seen_in(cases: KnowledgeGraph, kg: KnowledgeGraph) -> pl.DataFrame:
    """For each disease and phenotype of the patients, as `_annotations`: how many have it."""
    names = pl.concat(
        [
            graph.nodes.filter(kind="Disease").select("name_key", disease="id")
            for graph in (kg, cases)
        ]
    ).unique("disease", keep="first", maintain_order=True)
    diagnosed = (
        cases.edges.filter(relation="HAS_DISEASE")
        .select("subject", disease="object")
        .join(names, on="disease")
        .with_columns(patients=pl.len().over("name_key").cast(pl.Float64))
    )
    seen = cases.edges.filter(relation="HAS_PHENOTYPE").select("subject", "object")
    return (
        diagnosed.join(seen, on="subject")
        .group_by("name_key", "object")
        .agg(
            subject=pl.col("disease").min(),
            patients=pl.col("patients").first(),
            rate=pl.len() / pl.col("patients").first(),
        )
    )


def _pooled(stated: pl.DataFrame) -> pl.DataFrame:
    """For each disease name and phenotype column: `frequency`, pooled over what is stated."""
    pooled = (pl.col("rate") * pl.col("patients")).sum() / pl.col("patients").sum()
    return (
        stated.group_by("name_key", "column")
        .agg(pl.col("subject").min(), frequency=pooled)
        .with_columns(
            frequency=pl.col("frequency").fill_nan(None).fill_null(UNSTATED_FREQUENCY).clip(0.02, 1)
        )
        .sort("name_key", "column")
    )


def _known_patients(
    cases: KnowledgeGraph | None, columns: dict[str, int], disease_rows: dict[str, int]
) -> tuple[list[Integers], Integers]:
    """The columns of the phenotypes of diagnosed patients, and the rows of their diseases."""
    if cases is None:
        return [], np.empty(0, dtype=np.int64)
    seen = (
        cases.edges.filter(relation="HAS_PHENOTYPE")
        .filter(pl.col("object").is_in(list(columns)))
        .group_by("subject")
        .agg("object")
    )
    patients = (
        cases.edges.filter(relation="HAS_DISEASE")
        .filter(pl.col("object").is_in(list(disease_rows)))
        .select("subject", disease="object")
        .join(seen, on="subject")
        .sort("subject", "disease")
    )
    return (
        [np.unique([columns[id_] for id_ in ids]) for ids in patients["object"]],
        np.array([disease_rows[id_] for id_ in patients["disease"]], dtype=np.int64),
    )


def _indicator(rows: Sequence[Integers], size: int) -> sp.csr_matrix:
    """A row for each array of columns, 1 in these columns."""
    counts = np.array([len(columns) for columns in rows], dtype=np.int64)
    numbers = np.repeat(np.arange(len(rows)), counts)
    columns = np.concatenate([*rows, np.empty(0, dtype=np.int64)])
    return _matrix(numbers, columns, np.ones(len(numbers)), (len(rows), size))


def closed(present: sp.csr_matrix, closure: sp.csr_matrix) -> sp.csr_matrix:
    found = (present @ closure).tocsr()
    found.data[:] = 1
    found.sort_indices()
    return found


def _matrix(
    rows: Integers,
    columns: Integers,
    values: NDArray[Any],
    shape: tuple[int, int],
) -> sp.csr_matrix:
    matrix = sp.csr_matrix((values.astype(np.float32), (rows, columns)), shape=shape)
    matrix.sort_indices()
    return matrix


def _closure(parents: sp.csr_matrix) -> sp.csr_matrix:
    """Reflexive, transitive closure; a cycle does no harm."""
    closure = sp.identity(parents.shape[0], dtype=np.float32, format="csr")
    while True:
        further = (closure + closure @ parents).tocsr()
        further.data[:] = 1
        if further.nnz == closure.nnz:
            further.sort_indices()
            return further
        closure = further


def expand(starts: Integers, counts: Integers) -> Integers:
    """start, start + 1, …, start + count - 1 for each pair, one after the other."""
    ends = np.cumsum(counts)
    offsets: Integers = np.repeat(starts - (ends - counts), counts)
    return np.arange(len(offsets)) + offsets


def _propagated(annotated: sp.csr_matrix, closure: sp.csr_matrix) -> sp.csr_matrix:
    """Annotations carried to all ancestors; where several meet, the highest frequency."""
    given = annotated.tocoo()
    counts = np.diff(closure.indptr)[given.col]
    columns = closure.indices[expand(closure.indptr[given.col].astype(np.int64), counts)]
    return highest(
        np.repeat(given.row, counts), columns, np.repeat(given.data, counts), annotated.shape
    )


def highest(
    rows: Integers, columns: Integers, values: Floats, shape: tuple[int, int]
) -> sp.csr_matrix:
    """The sparse matrix of these entries; of entries at one place, the highest."""
    place = rows.astype(np.int64) * shape[1] + columns
    order = np.argsort(place, kind="stable")
    place, first = np.unique(place[order], return_index=True)
    return _matrix(
        place // shape[1], place % shape[1], np.maximum.reduceat(values[order], first), shape
    )
