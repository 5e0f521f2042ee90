"""What makes two heads, or two tails, of a relation alike: one channel for each thing they share.

A channel is a sparse matrix of similarities between the nodes of one kind. Beside those that a
graph gives for any kind (shared neighbours by one type of edge, being joined) there are molecules'
fingerprints and gene symbols, which begin alike within a family.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...core.ranking import pair_matrix
from ...core.sparse import largest_entries, rare_first, unit_rows
from ...gnn.data import EdgeType, identifiers
from ...graph.kg import KnowledgeGraph

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from ..molecules.fingerprints import NodeMolecules

_OUTSIDE = ("Document", "Patient")  # that a text or a patient has both tells of no mechanism
NEAREST_HEADS = 150  # kept of a channel for each node
_NEAREST_TAILS = 40
_TELLING = 0.04  # of nodes, that at most have a thing on average for the thing to be a content
_BLOCK = 500  # nodes compared with all others at once, at most
_CELLS = 25_000_000  # comparisons at once
_SYMBOL = re.compile(r"[A-Za-z][\w-]*")


class EndFeatures(NamedTuple):
    """The nodes at one end of a relation.

    Attributes:
        contents: what each node has, (nodes, things) with rows of length 1, by channel; not the
            heads and tails that it is joined to, nor things that many have.
        similarities: from 0 to 1, (nodes, nodes) without the diagonal, by channel; of each
            node's the largest are kept.
        numbers: (nodes, n), float32: log(1 + degree) by type of edge; of molecules, sizes and
            counts of groups.
        molecules: of the nodes that have a structure; None where none has.
    """

    contents: dict[str, sparse.csr_matrix]
    similarities: dict[str, sparse.csr_matrix]
    numbers: NDArray[np.float32]
    molecules: NodeMolecules | None


def end_features(
    kg: KnowledgeGraph, data: HeteroData, kind: str, edge_type: EdgeType, *, heads: bool
) -> EndFeatures:
    """One end of the relation, by everything in the graph but the relation itself.

    Args:
        data: the training graph; `kg` is read for names and structures alone.
        heads: whether it is the heads' end, of which more neighbours are kept.
    """
    nearest = NEAREST_HEADS if heads else _NEAREST_TAILS
    n_nodes = data[kind].num_nodes
    contents: dict[str, sparse.csr_matrix] = {}
    alike: dict[str, sparse.csr_matrix] = {}
    numbers: list[NDArray[np.float32]] = []
    for other in data.edge_types:
        if other == edge_type or kind not in (other[0], other[2]):
            continue
        if other[0] in _OUTSIDE or other[2] in _OUTSIDE:
            continue
        ways = [(0, 2), (2, 0)] if other[0] == other[2] == kind else [(0, 2)]
        if other[0] != kind:
            ways = [(2, 0)]
        found = [_joined(data, other, near, far) for near, far in ways]
        name = f"{other[0]} {other[1]} {other[2]}"
        if len(found) == 2:
            both = found[0].maximum(found[1])
            alike[f"{name}, joined"] = _by_degrees(both)
            found = [both]
        numbers.append(np.log1p(np.diff(found[0].indptr)).astype(np.float32))
        rows = unit_rows(rare_first(found[0]))
        alike[name] = nearest_rows(rows, nearest)
        if (other[2] if other[0] == kind else other[0]) not in (edge_type[0], edge_type[2]):
            contents[name] = rows
    if (role := _adme(kg, data, kind)) is not None:
        numbers.append(role)
    if (symbols := _symbols(kg, data, kind)) is not None:
        contents["symbol"] = symbols
        alike["symbol"] = nearest_rows(symbols, nearest)
    molecules = _molecules(kg, data, kind)
    if molecules is not None:
        spread = molecules.spread_over(n_nodes)
        for name, bits in (("Morgan", spread.morgan), ("paths", spread.paths)):
            contents[name] = unit_rows(rare_first(bits))
            alike[name] = _alike_molecules(bits)
        numbers.extend(spread.descriptors.T)
    contents = {name: rows for name, rows in contents.items() if _tells(rows)}
    width = np.stack(numbers, 1) if numbers else np.zeros((n_nodes, 0), dtype=np.float32)
    return EndFeatures(contents, alike, width, molecules)


def _tells(rows: sparse.csr_matrix) -> bool:
    """Whether few enough nodes have each thing."""
    things = len(np.unique(rows.indices))
    return bool(things) and rows.nnz / things <= max(_TELLING * rows.shape[0], 5)


def _joined(data: HeteroData, edge_type: EdgeType, near: int, far: int) -> sparse.csr_matrix:
    pairs = data[edge_type].edge_index.numpy()[[near // 2, far // 2]].T
    return pair_matrix(pairs, (data[edge_type[near]].num_nodes, data[edge_type[far]].num_nodes))


def _by_degrees(joined: sparse.csr_matrix) -> sparse.csr_matrix:
    """Being joined, the less the more others either is joined to: 1 / √(degree · degree)."""
    scale = sparse.diags(1 / np.sqrt(np.maximum(np.diff(joined.indptr), 1)))
    scaled = (scale @ joined @ scale).tocsr().astype(np.float32)
    scaled.setdiag(0)
    scaled.eliminate_zeros()
    return scaled


def nearest_rows(rows: sparse.csr_matrix, nearest: int) -> sparse.csr_matrix:
    """The cosines of each row of unit length with those most like it, both ways, no diagonal."""
    turned = rows.T.tocsr()
    size = max(1, min(_BLOCK, _CELLS // max(1, rows.shape[0])))
    return _nearest(rows, lambda part: (part @ turned).tocsr(), nearest, size)


def _alike_molecules(bits: sparse.csr_matrix) -> sparse.csr_matrix:
    """The Tanimoto similarities of each molecule with those most like it, both ways."""
    from ..molecules.fingerprints import TanimotoIndex

    compared = TanimotoIndex.of(bits)
    return _nearest(
        bits, lambda part: sparse.csr_matrix(compared.similarity(part)), NEAREST_HEADS, _BLOCK
    )


def _nearest(
    rows: sparse.csr_matrix,
    similar: Callable[[sparse.csr_matrix], sparse.csr_matrix],
    nearest: int,
    size: int,
) -> sparse.csr_matrix:
    """The largest similarities of some rows at a time with all, both ways, no diagonal."""
    kept = []
    for start in range(0, rows.shape[0], size):
        found = similar(rows[start : start + size])
        found.sort_indices()  # so that of equal ones the same are kept, however they were found
        own = np.repeat(np.arange(start, start + found.shape[0]), np.diff(found.indptr))
        found.data[found.indices == own] = 0
        kept.append(largest_entries(found, nearest))
    one_way = sparse.vstack(kept, format="csr")
    both = one_way.maximum(one_way.T).tocsr().astype(np.float32)
    both.sort_indices()
    return both


def _symbols(kg: KnowledgeGraph, data: HeteroData, kind: str) -> sparse.csr_matrix | None:
    """Gene symbols by all their beginnings of three letters and more that others share, the rare
    ones counting most: those of a family begin alike (HTR2A, HTR2B)."""
    if kind != "Target":
        return None
    names = dict(kg.nodes.filter(kind=kind).select("id", "name").iter_rows())
    rows, columns = [], []
    beginnings: dict[str, int] = {}
    for row, node in enumerate(identifiers(kg, data, kind)):
        symbol = names[node].upper()
        if _SYMBOL.fullmatch(symbol):
            for end in range(3, len(symbol) + 1):
                rows.append(row)
                columns.append(beginnings.setdefault(symbol[:end], len(beginnings)))
    pairs = np.array([rows, columns], dtype=np.int64).T
    found = pair_matrix(pairs, (data[kind].num_nodes, len(beginnings)))
    shared = np.bincount(found.indices, minlength=len(beginnings)) > 1
    return unit_rows(rare_first(found[:, shared])) if shared.any() else None


def _adme(kg: KnowledgeGraph, data: HeteroData, kind: str) -> NDArray[np.float32] | None:
    """1 for what handles most drugs (enzymes, transporters, carriers)."""
    handles = pl.col("properties").str.json_path_match("$.adme").is_not_null()
    found = kg.nodes.filter((pl.col("kind") == kind) & handles)["id"]
    if found.is_empty():
        return None
    return identifiers(kg, data, kind).is_in(found.implode()).to_numpy().astype(np.float32)


def _molecules(kg: KnowledgeGraph, data: HeteroData, kind: str) -> NodeMolecules | None:
    if kind != "Drug":
        return None
    from ..molecules.fingerprints import molecules_of  # RDKit is loaded where it is needed

    found = molecules_of(kg, kind, identifiers(kg, data, kind).to_list())
    return found if len(found.nodes) else None
