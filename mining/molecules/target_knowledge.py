"""What a graph knows about targets besides their ligands: families, pathways, interactions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...core.ranking import pair_matrix
from ...core.sparse import idf_weighted, l2_normalised_rows
from ...gnn.data import EdgeType
from ...graph.kg import KnowledgeGraph

_PREFIX = 3  # letters


class TargetKnowledge(NamedTuple):
    """What is known of the targets (the tails of the predicted relation) besides their ligands.

    Attributes:
        families: (tails,): the number of the family, by the symbol's letters (`HTR` of `HTR2A`).
        prefixes: (tails,): the same by the symbol's first three letters.
        pathways: (tails, pathways): pathways and the like, idf-weighted, rows L2-normalised.
        interactions: (tails, tails): 0/1, symmetric.
    """

    families: NDArray[np.int64]
    prefixes: NDArray[np.int64]
    pathways: sparse.csr_matrix
    interactions: sparse.csr_matrix


def target_knowledge(
    kg: KnowledgeGraph, edge_type: EdgeType, tails: list[str], exclude_edges: Iterable[str] = ()
) -> TargetKnowledge:
    """The knowledge about the tails in a graph: names, PARTICIPATES_IN, INTERACTS_WITH.

    `exclude_edges`: ids of edges to leave out; those of the predicted relation always are.
    """
    excluded = pl.Series(list(exclude_edges), dtype=pl.String).implode()
    edges = kg.edges.select("id", "subject", "relation", "object").filter(
        ~pl.col("id").is_in(excluded), pl.col("relation") != edge_type[1]
    )
    numbered = pl.DataFrame({"id": tails}).with_row_index("tail")
    nodes = numbered.join(kg.nodes.filter(kind=edge_type[2]), on="id", how="left").sort("tail")
    symbols = [name or "" for name in nodes["name"]]
    return TargetKnowledge(
        _numbered([_family(symbol) for symbol in symbols]),
        _numbered([symbol[:_PREFIX].upper() for symbol in symbols]),
        l2_normalised_rows(idf_weighted(_pathways(edges, numbered))),
        _interactions(edges, numbered),
    )


def _pathways(edges: pl.DataFrame, numbered: pl.DataFrame) -> sparse.csr_matrix:
    """(tails, pathways), 0/1; one empty column where there are none."""
    rows = edges.filter(relation="PARTICIPATES_IN").join(numbered, left_on="subject", right_on="id")
    number = {pathway: n for n, pathway in enumerate(rows["object"].unique().sort())}
    columns = rows["object"].replace_strict(number, return_dtype=pl.Int64)
    pairs = np.stack([rows["tail"].to_numpy(), columns.to_numpy()], 1)
    return pair_matrix(pairs, (numbered.height, max(1, len(number))))


def _interactions(edges: pl.DataFrame, numbered: pl.DataFrame) -> sparse.csr_matrix:
    """(tails, tails), 0/1, symmetric."""
    rows = (
        edges.filter(relation="INTERACTS_WITH")
        .join(numbered, left_on="subject", right_on="id")
        .join(numbered, left_on="object", right_on="id", suffix="_other")
        .filter(pl.col("tail") != pl.col("tail_other"))
    )
    directed = pair_matrix(
        rows.select("tail", "tail_other").to_numpy(), (numbered.height, numbered.height)
    )
    return directed.maximum(directed.T).tocsr()


def _family(symbol: str) -> str:
    """`HTR2A` → `HTR`, `CYP2C19` → `CYP`, `SLC6A4` → `SLC`, `KIT` → `KIT`."""
    return re.sub(r"(?<!\d)\d++[A-Z]{0,2}\d*$", "", symbol.upper()) or symbol


def _numbered(names: list[str]) -> NDArray[np.int64]:
    return np.asarray(np.unique(np.array(names, dtype=str), return_inverse=True)[1], dtype=np.int64)
