"""The vocabulary of an OMOP database: what its concepts are, and what they map to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from ..core.errors import SchemaError
from ..graph.identifiers import normalise_curie
from .omop_tables import Tables

# The prefix of each vocabulary; a concept of another one is omop:<concept_id>.
_PREFIXES = {
    "SNOMED": "SNOMEDCT",
    "ICD10CM": "ICD10CM",
    "ICD10": "ICD10",
    "ICD9CM": "ICD9CM",
    "ICD10PCS": "ICD10PCS",
    "RxNorm": "RXCUI",
    "LOINC": "LOINC",
    "MeSH": "MESH",
    "ATC": "ATC",
    "NDC": "NDC",
    "CVX": "CVX",
    "CPT4": "CPT",
    "HPO": "HP",
    "OMIM": "OMIM",
    "UMLS": "UMLS",
}
_DOMAINS = {
    "Condition": "Disease",
    "Drug": "Drug",
    "Measurement": "Procedure",
    "Procedure": "Procedure",
    "Observation": "Procedure",
}


# Vocabulary


class Concept(NamedTuple):
    """What is needed of a concept: its node (null: a concept of no kind), and what it is called."""

    node: str | None
    kind: str
    name: str
    code: str
    vocabulary: str
    standard: bool
    ingredient: bool


@dataclass
class Vocabulary:
    """The concepts that a database uses, what they map to, and drugs' ingredients."""

    concepts: dict[str, Concept] = field(default_factory=dict)
    mapped: dict[str, list[str]] = field(default_factory=dict)
    ingredients: dict[str, list[str]] = field(default_factory=dict)

    @staticmethod
    def read(tables: Tables, used: set[str]) -> Vocabulary:
        """Look the concepts up; of tables of millions of rows only the needed ones are kept."""
        vocabulary = Vocabulary()
        for one, other in _pairs(
            tables, "concept_relationship", "concept_id_1", "concept_id_2", used
        ):
            vocabulary.mapped.setdefault(one, []).append(other)
        needed = used.union(*vocabulary.mapped.values())
        for descendant, ancestor in _pairs(
            tables, "concept_ancestor", "descendant_concept_id", "ancestor_concept_id", needed
        ):
            vocabulary.ingredients.setdefault(descendant, []).append(ancestor)
        needed = needed.union(*vocabulary.ingredients.values())
        rows: list[dict[str, Any]] = []
        tells_findings = False
        columns = ["concept_id", "concept_name", "domain_id", "vocabulary_id", "concept_code"]
        more = ["standard_concept", "concept_class_id"]
        for part in tables.parts("concept", columns, more):
            tells_findings |= bool((part["concept_class_id"] == "Disorder").any())
            ids = pl.Series(sorted(needed), dtype=pl.String).implode()
            found = part.with_columns(concept_id=whole_number("concept_id"))
            rows += found.filter(pl.col("concept_id").is_in(ids)).iter_rows(named=True)
        for row in rows:
            vocabulary.concepts[row["concept_id"]] = _concept(row, tells_findings)
        return vocabulary

    def meant(self, concept_id: str) -> list[tuple[str, str | None]]:
        """The standard concepts of a concept, each with the drug product it is an ingredient of."""
        concept = self.concepts[concept_id]
        targets = [] if concept.standard else self.mapped.get(concept_id, [])
        meant: list[tuple[str, str | None]] = []
        for target in [t for t in targets if t in self.concepts] or [concept_id]:
            ancestors = self.ingredients.get(target, [])
            parts = [a for a in ancestors if a in self.concepts and self.concepts[a].ingredient]
            if self.concepts[target].kind == "Drug" and parts:
                meant += [(part, target if part != target else None) for part in parts]
            else:
                meant.append((target, None))
        return list(dict.fromkeys(meant))


def _pairs(
    tables: Tables, table: str, key: str, value: str, keys: set[str]
) -> Iterator[tuple[str, str]]:
    """The pairs of a table of two concepts whose first is among the keys."""
    if not tables.has(table):
        return
    relationship = table == "concept_relationship"
    required = [key, value, "relationship_id"] if relationship else [key, value]
    wanted = pl.Series(sorted(keys), dtype=pl.String).implode()
    for part in tables.parts(table, required, ["invalid_reason"] if relationship else []):
        found = part.with_columns(whole_number(key), whole_number(value)).filter(
            pl.col(key).is_in(wanted)
        )
        if relationship:
            found = found.filter(
                pl.col("relationship_id") == "Maps to",
                pl.col("invalid_reason").is_null(),
                pl.col(key) != pl.col(value),
            )
        yield from found.select(key, value).unique(maintain_order=True).iter_rows()


def _concept(row: Mapping[str, str | None], tells_findings: bool) -> Concept:
    """A row of the table concept."""
    name, code = row["concept_name"] or "", row["concept_code"] or ""
    vocabulary = row["vocabulary_id"] or ""
    prefix = _PREFIXES.get(vocabulary)
    kind = _DOMAINS.get(row["domain_id"] or "", "")
    finding = tells_findings and row["concept_class_id"] == "Clinical Finding"
    if prefix == "HP" or (kind == "Disease" and vocabulary == "SNOMED" and finding):
        kind = "Symptom"
    try:
        bare = code.removeprefix(f"{prefix}:")
        node = normalise_curie(f"{prefix}:{bare}" if prefix else f"omop:{row['concept_id']}")
    except SchemaError:
        node = f"omop:{row['concept_id']}"
    return Concept(
        node if kind else None,
        kind,
        name or node,
        code,
        vocabulary,
        row["standard_concept"] == "S",
        row["concept_class_id"] == "Ingredient",
    )


def whole_number(column: str) -> pl.Expr:
    """Identifiers as whole numbers: some exports write 8507 as 8507.0."""
    return pl.col(column).str.strip_suffix(".0")
