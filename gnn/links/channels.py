"""What makes two heads, or two tails, of a relation alike: one channel for each thing they share.

A channel is a sparse matrix of similarities between the nodes of one kind. Beside those that a
graph gives for any kind (shared neighbours by one type of edge, being joined) there are molecules'
fingerprints and gene symbols, which begin alike within a family.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from torch_geometric.data import HeteroData

from ...graph.kg import KnowledgeGraph
from ..data import EdgeType

_OUTSIDE = ("Document", "Patient")  # that a text or a patient has both tells of no mechanism
NEAREST_HEADS = 150  # kept of a channel for each node
_NEAREST_TAILS = 40
_TELLING = 0.04  # of nodes, that at most have a thing on average for the thing to be a content
_BLOCK = 500  # nodes compared with all others at once, at most
_CELLS = 25_000_000  # comparisons at once
_SYMBOL = re.compile(r"[A-Za-z][\w-]*")


class Side(NamedTuple):
    """The nodes at one end of a relation.

    Attributes:
        contents: what each node has, (nodes, things) with rows of length 1, by channel; not the
            heads and tails that it is joined to, nor things that many have.
        alike: similarities from 0 to 1, (nodes, nodes) without the diagonal, by channel; of each
            node's the largest are kept.
        numbers: (nodes, n), float32: log(1 + degree) by type of edge; of molecules, sizes and
            counts of groups.
    """

    contents: dict[str, sparse.csr_matrix]
    alike: dict[str, sparse.csr_matrix]
    numbers: NDArray[np.float32]


def side_of(
    kg: KnowledgeGraph, data: HeteroData, kind: str, edge_type: EdgeType, *, heads: bool
) -> Side:
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
    if (molecules := _molecules(kg, data, kind)) is not None:
        for name, (bits, similar) in molecules[0].items():
            contents[name] = bits
            alike[name] = similar
        numbers.extend(molecules[1].T)
    contents = {name: rows for name, rows in contents.items() if _tells(rows)}
    width = np.stack(numbers, 1) if numbers else np.zeros((n_nodes, 0), dtype=np.float32)
    return Side(contents, alike, width)


def _tells(rows: sparse.csr_matrix) -> bool:
    """Whether few enough nodes have each thing."""
    things = len(np.unique(rows.indices))
    return bool(things) and rows.nnz / things <= max(_TELLING * rows.shape[0], 5)


def _joined(data: HeteroData, edge_type: EdgeType, near: int, far: int) -> sparse.csr_matrix:
    ends = data[edge_type].edge_index.numpy()
    shape = (data[edge_type[near]].num_nodes, data[edge_type[far]].num_nodes)
    ones = np.ones(ends.shape[1], dtype=np.float32)
    joined = sparse.csr_matrix((ones, (ends[near // 2], ends[far // 2])), shape=shape)
    joined.data[:] = 1
    return joined


def _by_degrees(joined: sparse.csr_matrix) -> sparse.csr_matrix:
    """Being joined, the less the more others either is joined to: 1 / √(degree · degree)."""
    scale = sparse.diags(1 / np.sqrt(np.maximum(np.diff(joined.indptr), 1)))
    scaled = (scale @ joined @ scale).tocsr().astype(np.float32)
    scaled.setdiag(0)
    scaled.eliminate_zeros()
    return scaled


def rare_first(joined: sparse.csr_matrix) -> sparse.csr_matrix:
    """Columns weighted by log((rows + 1) / (degree + 1)): what most nodes have tells little."""
    degrees = np.bincount(joined.indices, minlength=joined.shape[1])
    weights = np.log((joined.shape[0] + 1) / (degrees + 1))
    return (joined @ sparse.diags(weights)).tocsr().astype(np.float32)


def unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows of length 1, so that the product of two is their cosine."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
    scale = sparse.diags(1 / np.where(lengths > 0, lengths, 1))
    return (scale @ matrix).tocsr().astype(np.float32)


def nearest_rows(rows: sparse.csr_matrix, nearest: int) -> sparse.csr_matrix:
    """The cosines of each row of unit length with those most like it, both ways, no diagonal."""
    turned = rows.T.tocsr()
    kept = []
    size = max(1, min(_BLOCK, _CELLS // max(1, rows.shape[0])))
    for start in range(0, rows.shape[0], size):
        similar = (rows[start : start + size] @ turned).tocsr()
        kept.append(largest_entries(_without_own(similar, start), nearest))
    return _both_ways(sparse.vstack(kept, format="csr"))


def largest_entries(matrix: sparse.csr_matrix, most: int) -> sparse.csr_matrix:
    """The largest entries of each row; all of a row that has no more than `most`."""
    matrix.eliminate_zeros()
    counts = np.diff(matrix.indptr)
    kept = np.ones(matrix.nnz, dtype=bool)
    for row in np.flatnonzero(counts > most):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        kept[part] = False
        kept[matrix.indptr[row] + np.argpartition(-matrix.data[part], most)[:most]] = True
    rows = np.repeat(np.arange(matrix.shape[0]), counts)[kept]
    return sparse.csr_matrix((matrix.data[kept], (rows, matrix.indices[kept])), shape=matrix.shape)


def _without_own(similar: sparse.csr_matrix, start: int) -> sparse.csr_matrix:
    """Rows from number `start` on without their diagonal."""
    found = similar.tocoo()
    other = found.row + start != found.col
    entries = (found.data[other], (found.row[other], found.col[other]))
    return sparse.csr_matrix(entries, shape=similar.shape)


def _both_ways(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    found = matrix.maximum(matrix.T).tocsr().astype(np.float32)
    found.sort_indices()
    return found


def _symbols(kg: KnowledgeGraph, data: HeteroData, kind: str) -> sparse.csr_matrix | None:
    """Gene symbols by all their beginnings of three letters and more that others share, the rare
    ones counting most: those of a family begin alike (HTR2A, HTR2B)."""
    if kind != "Target":
        return None
    names = dict(kg.nodes.filter(kind=kind).select("id", "name").iter_rows())
    rows, columns = [], []
    beginnings: dict[str, int] = {}
    for row, node in enumerate(data[kind].ids):
        symbol = names[node].upper()
        if _SYMBOL.fullmatch(symbol):
            for end in range(3, len(symbol) + 1):
                rows.append(row)
                columns.append(beginnings.setdefault(symbol[:end], len(beginnings)))
    shape = (data[kind].num_nodes, len(beginnings))
    ones = np.ones(len(rows), dtype=np.float32)
    found = sparse.csr_matrix((ones, (rows, columns)), shape=shape)
    shared = np.bincount(found.indices, minlength=shape[1]) > 1
    return unit_rows(rare_first(found[:, shared])) if shared.any() else None


def _adme(kg: KnowledgeGraph, data: HeteroData, kind: str) -> NDArray[np.float32] | None:
    """1 for what handles most drugs (enzymes, transporters, carriers)."""
    handles = pl.col("properties").str.json_path_match("$.adme").is_not_null()
    found = kg.nodes.filter((pl.col("kind") == kind) & handles)["id"]
    return (
        data[kind].ids.is_in(found.implode()).to_numpy().astype(np.float32) if len(found) else None
    )


def _molecules(
    kg: KnowledgeGraph, data: HeteroData, kind: str
) -> tuple[dict[str, tuple[sparse.csr_matrix, sparse.csr_matrix]], NDArray[np.float32]] | None:
    """Fingerprints as contents and Tanimoto similarities, and numbers of molecules."""
    if kind != "Drug":
        return None
    from . import molecules  # RDKit is loaded where it is needed

    found = molecules.structures_of(kg, kind)
    if not found.ids:
        return None
    place = {node: row for row, node in enumerate(data[kind].ids)}
    at = np.array([place[node] for node in found.ids])
    n_nodes = data[kind].num_nodes
    spread = sparse.csr_matrix(
        (np.ones(len(at), dtype=np.float32), (at, np.arange(len(at)))), shape=(n_nodes, len(at))
    )
    features = molecules.features(found.molecules)
    channels = {}
    for name, bits in (("Morgan", features.morgan), ("paths", features.paths)):
        rows = (spread @ bits).tocsr()
        kept = []
        for start in range(0, n_nodes, _BLOCK):
            similar = molecules.tanimoto(rows[start : start + _BLOCK], rows)
            similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = 0
            kept.append(largest_entries(sparse.csr_matrix(similar), NEAREST_HEADS))
        alike = _both_ways(sparse.vstack(kept, format="csr"))
        channels[name] = (unit_rows(rare_first(rows)), alike)
    numbers = np.zeros((n_nodes, features.numbers.shape[1]), dtype=np.float32)
    numbers[at] = features.numbers
    return channels, numbers
