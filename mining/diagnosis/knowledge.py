"""A graph's knowledge of diseases and their phenotypes, as sparse matrices.

Rows of the matrices are diseases, columns phenotypes. Diseases with the same name, or that refer to
one another (OMIM's and Orphanet's entry of one disease), share a row; see `disease_identity`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from ...core.errors import DataError
from ...graph.kg import KnowledgeGraph
from .cases import cases_of
from .disease_identity import same_diseases

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# Frequency of a phenotype where the annotation states none, and how many patients a frequency that
# is stated without a number of patients is worth when several are pooled.
UNSTATED_FREQUENCY = 0.5
STATED_PATIENTS = 10.0
# Patients with `UNSTATED_FREQUENCY` that are added to those that were counted: one of one patient
# is not all patients. Chosen on published cases, see the notes on diagnosis.
_ADDED_PATIENTS = 5.0
_PHENOTYPIC_ABNORMALITY = "HP:0000118"


@dataclass(frozen=True)
class Knowledge:
    """Diseases, phenotypes and what joins them.

    Attributes:
        phenotypes: identifiers in the order of the columns.
        diseases: identifiers in the order of the rows; of those that share one, the first that is
            not DECIPHER's, if any.
        disease_rows: row of every disease identifier, those that share one included.
        phenotype_columns: column of every phenotype identifier, cross-references included.
        parents: phenotypes × phenotypes, 1 where the column is a parent of the row.
        closure: phenotypes × phenotypes, 1 where the column is the row or an ancestor of it.
        stated: diseases × phenotypes, the frequencies that the graph states.
        annotated: the same, pooled with what share of the known patients has the phenotype.
        frequency: `annotated` for ancestors too: that of the most frequent descendant.
        information: -log of the share of diseases with the phenotype or a descendant of it.
        patients: known patients × phenotypes, 1 for what each has.
        patient_rows: the row of each known patient's disease.
        patient_ids, patient_publications: who the known patients are, and where each was published
            (as `Case.publication`), so that a test on them is found out.
    """

    phenotypes: list[str]
    diseases: list[str]
    disease_rows: dict[str, int]
    phenotype_columns: dict[str, int]
    parents: sp.csr_matrix
    closure: sp.csr_matrix
    stated: sp.csr_matrix
    annotated: sp.csr_matrix
    frequency: sp.csr_matrix
    information: Floats
    patients: sp.csr_matrix
    patient_rows: Integers
    patient_ids: list[str]
    patient_publications: list[str]

    @classmethod
    def of(
        cls,
        kg: KnowledgeGraph,
        cases: KnowledgeGraph | None = None,
        *,
        without: Collection[str] = (),
    ) -> Knowledge:
        """The knowledge in a graph's HAS_SYMPTOM and SUBCLASS_OF edges.

        Args:
            cases: Patient nodes with HAS_PHENOTYPE and HAS_DISEASE edges, the known patients. What
                share of a disease's patients has a phenotype counts as one more annotation, of so
                many patients.
            without: publications whose annotations are left out.

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
        columns = _shown_diseases(kg, columns) | columns
        same = same_diseases(kg, cases)
        of_graph = _annotations(kg, same, without)
        seen = of_graph.clear() if cases is None else _seen_in(cases, same)
        stated = _pooled(of_graph, columns)
        annotated = _pooled(of_both := pl.concat([of_graph, seen], how="diagonal"), columns)
        if annotated.is_empty():
            raise DataError(
                "the graph has no HAS_SYMPTOM edge, so nothing is known for a diagnosis; merge"
                " HPO into it (medkg load hpo)"
            )
        rows = _rows(annotated, of_both)
        row_of = {disease: row for row, disease in enumerate(rows["disease"])}
        disease_rows = {id_: row_of[disease] for id_, disease in same.items() if disease in row_of}
        size = len(phenotypes)
        known = [] if cases is None else _known_patients(cases, columns, disease_rows)
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
            stated=_frequencies(stated, row_of, size),
            annotated=_frequencies(annotated, row_of, size),
            patients=_indicator([patient.columns for patient in known], size),
            patient_rows=np.array([patient.row for patient in known], dtype=np.int64),
            patient_ids=[patient.id for patient in known],
            patient_publications=[patient.publication for patient in known],
        )

    @classmethod
    def from_parts(
        cls,
        phenotypes: list[str],
        diseases: list[str],
        disease_rows: dict[str, int],
        phenotype_columns: dict[str, int],
        parents: sp.csr_matrix,
        stated: sp.csr_matrix,
        annotated: sp.csr_matrix,
        patients: sp.csr_matrix,
        patient_rows: Integers,
        patient_ids: list[str],
        patient_publications: list[str],
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
            stated=stated,
            annotated=annotated,
            frequency=frequency,
            information=information.astype(np.float32),
            patients=patients,
            patient_rows=patient_rows,
            patient_ids=patient_ids,
            patient_publications=patient_publications,
        )

    @cached_property
    def organ_systems(self) -> NDArray[np.bool_]:
        """Of each phenotype whether it is an organ system: a child of the root of abnormalities."""
        if _PHENOTYPIC_ABNORMALITY not in self.phenotype_columns:
            return np.zeros(len(self.phenotypes), dtype=bool)
        root = self.phenotype_columns[_PHENOTYPIC_ABNORMALITY]
        children: NDArray[np.bool_] = self.parents[:, [root]].toarray()[:, 0] > 0
        return children

    @cached_property
    def as_stated(self) -> Knowledge:
        """The same with what the graph states alone, without the known patients."""
        return Knowledge.from_parts(
            phenotypes=self.phenotypes,
            diseases=self.diseases,
            disease_rows=self.disease_rows,
            phenotype_columns=self.phenotype_columns,
            parents=self.parents,
            stated=self.stated,
            annotated=self.stated,
            patients=self.patients[:0],
            patient_rows=self.patient_rows[:0],
            patient_ids=[],
            patient_publications=[],
        )

    @cached_property
    def shown_by(self) -> sp.csr_matrix:
        """`frequency` by phenotype: phenotypes × diseases."""
        return self.frequency.T.tocsr()

    @cached_property
    def annotated_by(self) -> sp.csr_matrix:
        """`annotated` by phenotype: phenotypes × diseases."""
        return self.annotated.T.tocsr()

    @cached_property
    def patients_closed(self) -> sp.csr_matrix:
        """`patients` with every ancestor of what each has."""
        return closed(self.patients, self.closure)

    @cached_property
    def publication_numbers(self) -> Integers:
        """The number of each known patient's publication."""
        return np.unique(self.patient_publications, return_inverse=True)[1]

    def columns_of(self, phenotypes: Sequence[str]) -> Integers:
        """The columns of those of the identifiers that are known, each once, sorted."""
        return _columns_of(phenotypes, self.phenotype_columns)

    def with_ancestors(self, patients: Sequence[Integers]) -> sp.csr_matrix:
        """patients × phenotypes, 1 for what each patient has and every ancestor of it."""
        return closed(self.present(patients), self.closure)

    def present(self, patients: Sequence[Integers]) -> sp.csr_matrix:
        """patients × phenotypes, 1 for what each patient has."""
        return _indicator(patients, len(self.phenotypes))

    def known_patients(self) -> list[Integers]:
        """The columns of what each known patient has."""
        return [self.patients[at].indices.astype(np.int64) for at in range(len(self.patient_rows))]


def _columns_of(phenotypes: Sequence[str], columns: dict[str, int]) -> Integers:
    known = {columns[id_] for id_ in phenotypes if id_ in columns}
    return np.array(sorted(known), dtype=np.int64)


def _phenotypes(kg: KnowledgeGraph, isa: pl.DataFrame) -> list[str]:
    symptoms = kg.nodes.filter(kind="Symptom").select(object="id")
    shown = kg.edges.filter(relation="HAS_SYMPTOM").join(symptoms, on="object", how="semi")
    return pl.concat([isa["subject"], isa["object"], shown["object"]]).unique().sort().to_list()


def _shown_diseases(kg: KnowledgeGraph, columns: dict[str, int]) -> dict[str, int]:
    """The columns of diseases that another shows itself as, by the phenotype that each refers to.

    Texts say of Conn's syndrome that hypertension is its sign, which is a disease of its own.
    """
    shown = kg.edges.filter(relation="HAS_SYMPTOM").select(id="object").unique()
    diseases = kg.nodes.filter(kind="Disease").join(shown, on="id", how="semi")
    rows = diseases.select("id", "xrefs").explode("xrefs").drop_nulls().sort("id", "xrefs").rows()
    return {disease: columns[xref] for disease, xref in reversed(rows) if xref in columns}


def _annotations(
    kg: KnowledgeGraph, same: dict[str, int], without: Collection[str]
) -> pl.DataFrame:
    """Evidence of HAS_SYMPTOM: number and subject of the disease, object, rate, patients, and
    whether these were counted."""
    qualifier = pl.col("qualifiers").str.json_path_match
    cited = kg.evidence.select(
        "id", cited=pl.concat_list(pl.concat_list("document"), pl.col("references").fill_null([]))
    ).explode("cited")
    publications = pl.Series(sorted(without), dtype=pl.String).implode()
    left_out = cited.filter(pl.col("cited").is_in(publications))
    return (
        kg.evidence.filter(relation="HAS_SYMPTOM", polarity="asserted")
        .join(left_out, on="id", how="anti")
        .join(kg.edges.select(edge="id"), on="edge", how="semi")
        .join(_numbers(same).rename({"id": "subject"}), on="subject")
        .select(
            "disease",
            "subject",
            "object",
            rate=qualifier("$.frequency").cast(pl.Float64, strict=False),
            patients=qualifier("$.sample").str.extract(r"/(\d+)$").cast(pl.Float64),
        )
        .with_columns(
            counted=pl.col("patients").is_not_null(),
            patients=pl.col("patients").fill_null(
                pl.when(pl.col("rate").is_not_null()).then(STATED_PATIENTS)
            ),
        )
    )


def _numbers(same: dict[str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"id": list(same), "disease": list(same.values())},
        schema={"id": pl.String, "disease": pl.Int64},
    )


def _seen_in(cases: KnowledgeGraph, same: dict[str, int]) -> pl.DataFrame:
    """For each disease and phenotype of the patients how many have it: columns of `_annotations`,
    without `counted`."""
    diagnosed = (
        cases.edges.filter(relation="HAS_DISEASE")
        .select("subject", id="object")
        .join(_numbers(same), on="id")
        .with_columns(patients=pl.len().over("disease").cast(pl.Float64))
    )
    seen = cases.edges.filter(relation="HAS_PHENOTYPE").select("subject", "object")
    return (
        diagnosed.join(seen, on="subject")
        .group_by("disease", "object")
        .agg(
            subject=pl.col("id").min(),
            patients=pl.col("patients").first(),
            rate=pl.len() / pl.col("patients").first(),
        )
    )


def _rows(annotated: pl.DataFrame, stated: pl.DataFrame) -> pl.DataFrame:
    """The diseases in the order of the rows, each with the identifier that it goes by (`subject`).

    DECIPHER's entries are deletions: neurofibromatosis 1 is no "Nf1-microdeletion syndrome".
    """
    is_deletion = pl.col("subject").str.starts_with("DECIPHER:")
    shown = pl.col("subject").sort_by(is_deletion, "subject").first()
    firsts = annotated.group_by("disease").agg(first=pl.col("subject").min())
    return firsts.join(stated.group_by("disease").agg(shown), on="disease").sort("first")


def _pooled(stated: pl.DataFrame, columns: dict[str, int]) -> pl.DataFrame:
    """For each disease and phenotype column: `frequency`, pooled over what is stated.

    Where a source has counted patients, some more are added; see `_ADDED_PATIENTS`.
    """
    column = pl.col("object").replace_strict(columns, default=None, return_dtype=pl.Int64)
    added = pl.when(pl.col("counted").any()).then(_ADDED_PATIENTS).otherwise(0.0)
    having = (pl.col("rate") * pl.col("patients")).sum() + UNSTATED_FREQUENCY * added
    pooled = having / (pl.col("patients").sum() + added)
    return (
        stated.with_columns(column=column)
        .drop_nulls("column")
        .group_by("disease", "column")
        .agg(pl.col("subject").min(), frequency=pooled)
        .with_columns(
            frequency=pl.col("frequency").fill_nan(None).fill_null(UNSTATED_FREQUENCY).clip(0.02, 1)
        )
        .sort("disease", "column")
    )


def _frequencies(pooled: pl.DataFrame, row_of: dict[int, int], columns: int) -> sp.csr_matrix:
    return _matrix(
        np.array([row_of[disease] for disease in pooled["disease"]], dtype=np.int64),
        pooled["column"].to_numpy(),
        pooled["frequency"].to_numpy(),
        (len(row_of), columns),
    )


@dataclass(frozen=True)
class _Patient:
    """A known patient with one of their diseases."""

    id: str
    publication: str
    row: int
    columns: Integers


def _known_patients(
    cases: KnowledgeGraph, columns: dict[str, int], disease_rows: dict[str, int]
) -> list[_Patient]:
    """The patients with a phenotype and a disease that are known, by identifier; those of several
    such diseases once for each."""
    return [
        _Patient(case.id, case.publication, disease_rows[disease], shown)
        for case in cases_of(cases)
        if len(shown := _columns_of(case.present, columns))
        for disease in case.diseases
        if disease in disease_rows
    ]


def _indicator(rows: Sequence[Integers], size: int) -> sp.csr_matrix:
    """A row for each array of columns, 1 in these columns."""
    counts = np.array([len(columns) for columns in rows], dtype=np.int64)
    numbers = np.repeat(np.arange(len(rows)), counts)
    columns = np.concatenate([*rows, np.empty(0, dtype=np.int64)])
    return _matrix(numbers, columns, np.ones(len(numbers)), (len(rows), size))


def closed(present: sp.csr_matrix, closure: sp.csr_matrix) -> sp.csr_matrix:
    """Presence with every ancestor of what is present: patients × phenotypes, 0 or 1."""
    shown = (present @ closure).tocsr()
    shown.data[:] = 1
    shown.sort_indices()
    return shown


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
    stated = annotated.tocoo()
    counts = np.diff(closure.indptr)[stated.col]
    columns = closure.indices[expand(closure.indptr[stated.col].astype(np.int64), counts)]
    return highest(
        np.repeat(stated.row, counts), columns, np.repeat(stated.data, counts), annotated.shape
    )


def highest(
    rows: Integers, columns: Integers, values: Floats, shape: tuple[int, int]
) -> sp.csr_matrix:
    """The sparse matrix of these entries; of entries at one place, the highest."""
    order = order_by_row(rows, columns)
    rows, columns, values = rows[order], columns[order], values[order]
    first = np.flatnonzero((np.diff(rows, prepend=-1) != 0) | (np.diff(columns, prepend=-1) != 0))
    return _matrix(rows[first], columns[first], np.maximum.reduceat(values, first), shape)


def order_by_row(rows: Integers, columns: Integers) -> Integers:
    """The stable order by row, then column. Numbers below 2¹⁶ are sorted by radix, which is several
    times as fast as sorting pairs."""
    order = np.argsort(_narrow(columns), kind="stable")
    return order[np.argsort(_narrow(rows)[order], kind="stable")]


def _narrow(numbers: Integers) -> NDArray[Any]:
    return numbers.astype(np.min_scalar_type(numbers.max(initial=0)))
