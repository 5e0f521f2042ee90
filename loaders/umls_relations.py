"""The relations of the UMLS Metathesaurus (MRREL) as evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import Part
from ..graph.schema import Schema
from .frames import json_column
from .umls_concepts import NOT_LOADED, Selection, TypeIndices, concept_numbers
from .umls_files import CUI_PATTERN, read_rows


class _Relation(NamedTuple):
    """What a relation of MRREL becomes; `is_reversed` where our subject is CUI1."""

    name: str
    is_reversed: bool = False


# REL and RELA say what the second concept is to the first (manual, chapter 3, "Related Concepts"):
# in CUI1|…|PAR|CUI2|…|inverse_isa, CUI2 is the parent; in CUI1|…|RO|CUI2|…|may_treat, the drug.
# Each assertion has a row in either direction, so may_prevent, which is no treatment, and what the
# schema has no relation for can be left out by name.
_HIERARCHY = {"CHD": _Relation("SUBCLASS_OF"), "PAR": _Relation("SUBCLASS_OF", is_reversed=True)}
_RELATIONS = {
    "isa": _Relation("SUBCLASS_OF"),
    "inverse_isa": _Relation("SUBCLASS_OF", is_reversed=True),
    "part_of": _Relation("PART_OF"),
    "has_part": _Relation("PART_OF", is_reversed=True),
    "may_treat": _Relation("TREATS"),
    "may_be_treated_by": _Relation("TREATS", is_reversed=True),
    "contraindicated_with_disease": _Relation("CONTRAINDICATED_FOR"),
    "has_contraindicated_drug": _Relation("CONTRAINDICATED_FOR", is_reversed=True),
    "induces": _Relation("CAUSES"),
    "induced_by": _Relation("CAUSES", is_reversed=True),
    "has_manifestation": _Relation("HAS_SYMPTOM"),
    "manifestation_of": _Relation("HAS_SYMPTOM", is_reversed=True),
    "has_definitional_manifestation": _Relation("HAS_SYMPTOM"),
    "definitional_manifestation_of": _Relation("HAS_SYMPTOM", is_reversed=True),
    "disease_has_finding": _Relation("HAS_SYMPTOM"),
    "is_finding_of_disease": _Relation("HAS_SYMPTOM", is_reversed=True),
    "disease_has_associated_gene": _Relation("ASSOCIATED_WITH"),
    "gene_associated_with_disease": _Relation("ASSOCIATED_WITH", is_reversed=True),
    "has_finding_site": _Relation("LOCALIZES_TO"),
    "finding_site_of": _Relation("LOCALIZES_TO", is_reversed=True),
    "disease_has_primary_anatomic_site": _Relation("LOCALIZES_TO"),
    "is_primary_anatomic_site_of_disease": _Relation("LOCALIZES_TO", is_reversed=True),
}


def read_relations(
    folder: Path, kinds: TypeIndices, selection: Selection, source: Source, quarantine: Quarantine
) -> Iterator[Part]:
    """Evidence of the relations that the schema allows between the kinds of their ends."""
    allowed = _allowed_ends()
    by_hierarchy, by_attribute = _meanings()
    kind_names = np.array([*selection.types.kinds], dtype=object)
    for rows in read_rows(folder, "MRREL", "CUI1 REL CUI2 RELA SAB SUPPRESS", quarantine):
        rows = _between_loaded_concepts(rows, kinds, selection)
        rows = pl.concat(
            [
                rows.filter(pl.col("RELA") == "").drop("RELA").join(by_hierarchy, on="REL"),
                rows.filter(pl.col("RELA") != "").join(by_attribute, on="RELA").drop("RELA"),
            ],
            how="diagonal",
        )
        if rows.is_empty():
            continue
        is_reversed = pl.col("is_reversed")
        rows = rows.select(
            "relation",
            vocabulary="SAB",
            subject=pl.when(is_reversed).then("CUI1").otherwise("CUI2"),
            object=pl.when(is_reversed).then("CUI2").otherwise("CUI1"),
        ).unique(maintain_order=True)
        rows = rows.with_columns(
            head=pl.Series(kind_names[kinds[concept_numbers(rows["subject"])]], dtype=pl.String),
            tail=pl.Series(kind_names[kinds[concept_numbers(rows["object"])]], dtype=pl.String),
        ).join(allowed, on=["relation", "head", "tail"], how="semi", maintain_order="left")
        yield Part(
            evidence=rows.select(
                "relation",
                subject=pl.lit("UMLS:") + pl.col("subject"),
                object=pl.lit("UMLS:") + pl.col("object"),
                source=pl.lit(source.name),
                release=pl.lit(source.release),
                qualifiers=json_column(rows, ["vocabulary"]),
            )
        )


def _allowed_ends() -> pl.DataFrame:
    """The kinds (head, tail) that the schema lets each relation join."""
    schema = Schema.default()
    names = {relation.name for relation in _RELATIONS.values()}
    return pl.DataFrame(
        [(name, *ends) for name in sorted(names) for ends in schema.relation(name).joins],
        schema=dict.fromkeys(("relation", "head", "tail"), pl.String),
        orient="row",
    )


def _meanings() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Our relation of each REL (for rows without a RELA), and of each RELA.

    A hierarchy that says no more is one of kinds; other attributes of it are looked up by name.
    """
    meaning = {"relation": pl.String, "is_reversed": pl.Boolean}
    by_hierarchy = pl.DataFrame(
        [(rel, *relation) for rel, relation in _HIERARCHY.items()],
        schema={"REL": pl.String, **meaning},
        orient="row",
    )
    by_attribute = pl.DataFrame(
        [(rela, *relation) for rela, relation in _RELATIONS.items()],
        schema={"RELA": pl.String, **meaning},
        orient="row",
    )
    return by_hierarchy, by_attribute


def _between_loaded_concepts(
    rows: pl.DataFrame, kinds: TypeIndices, selection: Selection
) -> pl.DataFrame:
    """The rows of the wanted vocabularies that join two different concepts that are loaded."""
    rows = rows.filter(
        pl.col("CUI1").str.contains(CUI_PATTERN),
        pl.col("CUI2").str.contains(CUI_PATTERN),
        pl.col("CUI1") != pl.col("CUI2"),
        SUPPRESS="N",
    )
    if selection.sources:
        rows = rows.filter(pl.col("SAB").is_in(selection.sources))
    is_loaded = [kinds[concept_numbers(rows[column])] != NOT_LOADED for column in ("CUI1", "CUI2")]
    return rows.filter(pl.Series(is_loaded[0] & is_loaded[1], dtype=pl.Boolean))
