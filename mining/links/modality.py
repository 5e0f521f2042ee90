"""Which drugs get no new targets: those that act by design on one alone, and classes of drugs."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from ...graph.kg import KnowledgeGraph

CLASS_OF_DRUGS = "class of drugs"
_LEAST_MEMBERS = 3  # of a class; a drug with a salt and an ester has two forms


def modalities(graph: KnowledgeGraph, numbers: Mapping[str, int]) -> dict[int, str]:
    """What of these nodes is no small molecule, by number.

    The property `modality` (antibody, siRNA, …) where it is there; and a class of drugs, which is a
    node without a structure that three others and more are below by SUBCLASS_OF.
    """
    properties = pl.col("properties")
    value = properties.str.json_path_match("$.modality")
    rows = graph.nodes.select("id", value.alias("modality")).drop_nulls("modality")
    by_number = {numbers[node]: name for node, name in rows.iter_rows() if node in numbers}
    members = graph.edges.filter(relation="SUBCLASS_OF").group_by("object").len()
    parents = members.filter(pl.col("len") >= _LEAST_MEMBERS)["object"]
    of_parents = graph.nodes.filter(pl.col("id").is_in(parents.implode()))
    structure = pl.coalesce(
        properties.str.json_path_match("$.inchi"), properties.str.json_path_match("$.smiles")
    )
    for node in of_parents.filter(structure.is_null())["id"]:
        if node in numbers:
            by_number.setdefault(numbers[node], CLASS_OF_DRUGS)
    return by_number
