"""Phenotypes that have a disease's own name: to have one is to have the disease."""

from __future__ import annotations

import polars as pl

from ...graph.identifiers import name_key
from ...graph.kg import KnowledgeGraph
from .answered import names_of
from .knowledge import Knowledge


def namesakes(kg: KnowledgeGraph, knowledge: Knowledge) -> dict[int, set[int]]:
    """For each disease (row) the phenotypes (columns) that share a name or a synonym with it."""
    nodes = kg.nodes.filter(pl.col("kind").is_in(["Disease", "Symptom"]))
    named = names_of(nodes).select("id", key=name_key(pl.col("name")))
    of_diseases = named.filter(pl.col("id").is_in(list(knowledge.disease_rows)))
    of_phenotypes = named.filter(pl.col("id").is_in(knowledge.phenotypes))
    columns: dict[int, set[int]] = {row: set() for row in range(len(knowledge.diseases))}
    pairs = of_diseases.join(of_phenotypes, on="key", suffix="_phenotype")
    for disease, phenotype in pairs.select("id", "id_phenotype").iter_rows():
        row, column = knowledge.disease_rows[disease], knowledge.phenotype_columns[phenotype]
        columns[row].add(column)
    return columns
