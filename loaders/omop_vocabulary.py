"""The vocabulary of an OMOP database: what its concepts are, and what they map to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

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
    """A concept of the vocabulary.

    Attributes:
        node: the CURIE of its node; None where the graph has no kind for its domain.
        kind: of the node; empty where there is none.
        standard: whether it is a standard concept, to which others are mapped.
        ingredient: whether it is the ingredient of drugs.
    """

    node: str | None
    kind: str
    name: str
    code: str
    vocabulary: str
    standard: bool
    ingredient: bool


class Meaning(NamedTuple):
    """A standard concept, and the drug product that it is an ingredient of, if it is one."""

    concept_id: str
    product_id: str | None


@dataclass
class Vocabulary:
    """The concepts that a database uses, what they map to, and drugs' ingredients.

    Attributes:
        concepts: by concept_id.
        mapped: for a concept_id the standard ones that it maps to.
        ingredients: for a drug's concept_id those of its ancestors in the hierarchy.
    """

    concepts: dict[str, Concept] = field(default_factory=dict)
    mapped: dict[str, list[str]] = field(default_factory=dict)
    ingredients: dict[str, list[str]] = field(default_factory=dict)

    @staticmethod
    def read(tables: Tables, used: set[str]) -> Vocabulary:
        """Look the used concepts up; of millions of rows only those that are needed are kept."""
        vocabulary = Vocabulary()
        for concept_id, standard_id in _pairs(
            tables, "concept_relationship", "concept_id_1", "concept_id_2", used
        ):
            vocabulary.mapped.setdefault(concept_id, []).append(standard_id)
        needed = used.union(*vocabulary.mapped.values())
        for descendant, ancestor in _pairs(
            tables, "concept_ancestor", "descendant_concept_id", "ancestor_concept_id", needed
        ):
            vocabulary.ingredients.setdefault(descendant, []).append(ancestor)
        needed = needed.union(*vocabulary.ingredients.values())
        rows: list[dict[str, str | None]] = []
        separates_disorders = False
        columns = ["concept_id", "concept_name", "domain_id", "vocabulary_id", "concept_code"]
        optional = ["standard_concept", "concept_class_id"]
        for part in tables.parts("concept", columns, optional):
            separates_disorders |= bool((part["concept_class_id"] == "Disorder").any())
            ids = pl.Series(sorted(needed), dtype=pl.String).implode()
            part = part.with_columns(concept_id=whole_number("concept_id"))
            rows += part.filter(pl.col("concept_id").is_in(ids)).iter_rows(named=True)
        for row in rows:
            concept = _concept(row, separates_disorders=separates_disorders)
            vocabulary.concepts[row["concept_id"] or ""] = concept
        return vocabulary

    def meanings(self, concept_id: str) -> list[Meaning]:
        """The standard concepts of a concept: of drugs, their ingredients where those are known."""
        concept = self.concepts[concept_id]
        targets = [] if concept.standard else self.mapped.get(concept_id, [])
        meanings: list[Meaning] = []
        for target in [t for t in targets if t in self.concepts] or [concept_id]:
            ancestors = self.ingredients.get(target, [])
            ingredients = [
                ancestor
                for ancestor in ancestors
                if ancestor in self.concepts and self.concepts[ancestor].ingredient
            ]
            if self.concepts[target].kind == "Drug" and ingredients:
                meanings += [
                    Meaning(ingredient, target if ingredient != target else None)
                    for ingredient in ingredients
                ]
            else:
                meanings.append(Meaning(target, None))
        return list(dict.fromkeys(meanings))


def _pairs(
    tables: Tables, table: str, key: str, value: str, keys: set[str]
) -> Iterator[tuple[str, str]]:
    """The pairs of a table of two concepts whose first is among the keys."""
    if not tables.has(table):
        return
    is_relationship = table == "concept_relationship"
    required = [key, value, "relationship_id"] if is_relationship else [key, value]
    wanted_ids = pl.Series(sorted(keys), dtype=pl.String).implode()
    for part in tables.parts(table, required, ["invalid_reason"] if is_relationship else []):
        pairs = part.with_columns(whole_number(key), whole_number(value)).filter(
            pl.col(key).is_in(wanted_ids)
        )
        if is_relationship:
            pairs = pairs.filter(
                pl.col("relationship_id") == "Maps to",
                pl.col("invalid_reason").is_null(),
                pl.col(key) != pl.col(value),
            )
        yield from pairs.select(key, value).unique(maintain_order=True).iter_rows()


def _concept(row: Mapping[str, str | None], *, separates_disorders: bool) -> Concept:
    """A row of the table concept.

    Args:
        row: the row.
        separates_disorders: whether SNOMED CT's disorders have a class of their own, so that the
            class Clinical Finding holds findings only.
    """
    name, code = row["concept_name"] or "", row["concept_code"] or ""
    vocabulary = row["vocabulary_id"] or ""
    prefix = _PREFIXES.get(vocabulary)
    kind = _DOMAINS.get(row["domain_id"] or "", "")
    is_finding = separates_disorders and row["concept_class_id"] == "Clinical Finding"
    if prefix == "HP" or (kind == "Disease" and vocabulary == "SNOMED" and is_finding):
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
