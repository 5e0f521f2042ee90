"""Similarities between the nodes at one end of a relation: one for each thing they may share.

A similarity is a sparse matrix (nodes, nodes). Beside those that a graph gives for any kind (shared
neighbours by one type of edge, being joined) there are molecules' fingerprints and the families of
genes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...core.ranking import pair_matrix
from ...core.sparse import idf_weighted, l2_normalised_rows, largest_entries
from ...gnn.data import EdgeType, identifiers
from ...graph.kg import KnowledgeGraph
from .adme_roles import adme_roles

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from ..molecules.fingerprints import NodeMolecules

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

FAMILY = "gene family"  # a similarity's name
NO_MECHANISM = ("Document", "Patient")  # kinds: that a text or a patient has both explains nothing
NEAREST_HEADS = 150  # kept of a similarity for each node
_NEAREST_TAILS = 40
_BLOCK = 500  # nodes compared with all others at once, at most
_CELLS = 25_000_000  # comparisons at once


class EndFeatures(NamedTuple):
    """Features of the nodes at one end of a relation.

    Attributes:
        similarities: from 0 to 1, (nodes, nodes) without the diagonal, by name; of each node's the
            largest are kept.
        numbers: (nodes, n), float32: log(1 + degree) by type of edge; of molecules, sizes and
            counts of groups.
        molecules: of the nodes that have a structure; None where none has.
    """

    similarities: dict[str, sparse.csr_matrix]
    numbers: Floats
    molecules: NodeMolecules | None


class _Named(NamedTuple):
    """What `end_features` collects, in the order of the features."""

    similarities: dict[str, sparse.csr_matrix]
    numbers: list[Floats]


def end_features(
    kg: KnowledgeGraph,
    data: HeteroData,
    kind: str,
    edge_type: EdgeType,
    *,
    heads: bool,
    others: Mask | None = None,
) -> EndFeatures:
    """Features of one end of a relation, by everything in the graph but the relation itself.

    Args:
        data: the training graph; `kg` is read for names and structures alone.
        kind: of the end's nodes.
        heads: whether it is the heads' end, of which more neighbours are kept.
        others: (nodes,), those that each node is compared with, the columns of similarities; all
            if not given.
    """
    nearest = NEAREST_HEADS if heads else _NEAREST_TAILS
    features = _Named({}, [])
    for other in data.edge_types:
        outside = other[0] in NO_MECHANISM or other[2] in NO_MECHANISM
        if other != edge_type and kind in (other[0], other[2]) and not outside:
            _add_edge_type(features, data, kind, other, nearest, others)
    if (role := _adme_roles(kg, data, kind)) is not None:
        features.numbers.append(role)
    if (families := _families(kg, data, kind)) is not None:
        features.similarities[FAMILY] = nearest_rows(families, nearest, others)
    molecules = _molecules(kg, data, kind)
    n_nodes = data[kind].num_nodes
    if molecules is not None:
        _add_molecules(features, molecules, n_nodes, others)
    numbers = (
        np.stack(features.numbers, 1)
        if features.numbers
        else np.zeros((n_nodes, 0), dtype=np.float32)
    )
    return EndFeatures(features.similarities, numbers, molecules)


def _add_edge_type(
    features: _Named,
    data: HeteroData,
    kind: str,
    other: EdgeType,
    nearest: int,
    others: Mask | None,
) -> None:
    """Add the features by one type of edge: shared neighbours, being joined, and degrees."""
    name = f"{other[0]} {other[1]} {other[2]}"
    if other[0] == other[2]:
        joined = _adjacency(data, other, 0).maximum(_adjacency(data, other, 2))
        alike = _degree_normalised(joined)
        features.similarities[f"{name}, joined"] = columns_of(others, alike)
    else:
        joined = _adjacency(data, other, 0 if other[0] == kind else 2)
    features.numbers.append(np.log1p(np.diff(joined.indptr)).astype(np.float32))
    rows = l2_normalised_rows(idf_weighted(joined))
    features.similarities[name] = nearest_rows(rows, nearest, others)


def _add_molecules(
    features: _Named, molecules: NodeMolecules, n_nodes: int, others: Mask | None
) -> None:
    """Add fingerprints, their Tanimoto similarities, and the molecules' numbers."""
    spread = molecules.spread_over(n_nodes)
    for name, bits in (("Morgan", spread.morgan), ("paths", spread.paths)):
        features.similarities[name] = _tanimoto_similarity(bits, others)
    features.numbers.extend(spread.descriptors.T)


def _adjacency(data: HeteroData, edge_type: EdgeType, end: int) -> sparse.csr_matrix:
    """Which nodes at one end (0: the heads, 2: the tails) are joined to which at the other."""
    near, far = edge_type[end], edge_type[2 - end]
    pairs = data[edge_type].edge_index.numpy()[[end // 2, 1 - end // 2]].T
    return pair_matrix(pairs, (data[near].num_nodes, data[far].num_nodes))


def _degree_normalised(joined: sparse.csr_matrix) -> sparse.csr_matrix:
    """Being joined, the less the more others either is joined to: 1 / √(degree · degree)."""
    scale = sparse.diags(1 / np.sqrt(np.maximum(np.diff(joined.indptr), 1)))
    scaled = (scale @ joined @ scale).tocsr().astype(np.float32)
    scaled.setdiag(0)
    scaled.eliminate_zeros()
    return scaled


def nearest_rows(
    rows: sparse.csr_matrix, nearest: int, others: Mask | None = None
) -> sparse.csr_matrix:
    """The cosines of each L2-normalised row with the most similar ones, symmetric, no diagonal.

    Args:
        others: (rows,), those that each is compared with, the columns; all if not given.
    """
    transposed = columns_of(others, rows.T.tocsr())
    size = max(1, min(_BLOCK, _CELLS // max(1, rows.shape[0])))
    of_all = _nearest(rows, lambda block: (block @ transposed).tocsr(), nearest, size)
    return columns_of(others, of_all)


def molecule_similarity(
    kg: KnowledgeGraph, data: HeteroData, kind: str
) -> sparse.csr_matrix | None:
    """The Tanimoto similarities of Morgan fingerprints of a kind's nodes, (nodes, nodes), of each
    the largest; None where none has a structure."""
    molecules = _molecules(kg, data, kind)
    if molecules is None:
        return None
    return _tanimoto_similarity(molecules.spread_over(data[kind].num_nodes).morgan)


def columns_of(mask: Mask | None, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The matrix with all columns empty but those of a mask; all of it where there is none."""
    if mask is None:
        return matrix
    kept = (matrix @ sparse.diags(mask.astype(np.float32))).tocsr()
    kept.eliminate_zeros()
    return kept


def _tanimoto_similarity(bits: sparse.csr_matrix, others: Mask | None = None) -> sparse.csr_matrix:
    """The Tanimoto similarities of each molecule with the most similar ones, symmetric; columns of
    `others` alone, where these are given."""
    from ..molecules.fingerprints import TanimotoIndex

    compared = TanimotoIndex.of(columns_of(others, bits.T.tocsr()).T.tocsr())
    of_all = _nearest(
        bits, lambda block: sparse.csr_matrix(compared.similarity(block)), NEAREST_HEADS, _BLOCK
    )
    return columns_of(others, of_all)


def _nearest(
    rows: sparse.csr_matrix,
    similarity: Callable[[sparse.csr_matrix], sparse.csr_matrix],
    nearest: int,
    size: int,
) -> sparse.csr_matrix:
    """The largest similarities of each row, a block of rows at a time, symmetric, no diagonal."""
    blocks = []
    for start in range(0, rows.shape[0], size):
        block = similarity(rows[start : start + size])
        block.sort_indices()  # so that of equal ones the same are kept, however they were found
        own = np.repeat(np.arange(start, start + block.shape[0]), np.diff(block.indptr))
        block.data[block.indices == own] = 0
        blocks.append(largest_entries(block, nearest))
    one_way = sparse.vstack(blocks, format="csr")
    symmetric = one_way.maximum(one_way.T).tocsr().astype(np.float32)
    symmetric.sort_indices()
    return symmetric


def _families(kg: KnowledgeGraph, data: HeteroData, kind: str) -> sparse.csr_matrix | None:
    """Genes by their families that others share, with idf weights."""
    if kind != "Target":
        return None
    from .gene_families import gene_families  # HGNC's table is read where it is needed

    of = gene_families(kg, kind, identifiers(kg, data, kind))
    return None if of is None else l2_normalised_rows(idf_weighted(of))


def _adme_roles(kg: KnowledgeGraph, data: HeteroData, kind: str) -> Floats | None:
    """1 for what handles most drugs (enzymes, transporters, carriers), (nodes,)."""
    has_role = identifiers(kg, data, kind).is_in(list(adme_roles(kg)))
    return has_role.to_numpy().astype(np.float32) if has_role.any() else None


def _molecules(kg: KnowledgeGraph, data: HeteroData, kind: str) -> NodeMolecules | None:
    if kind != "Drug":
        return None
    from ..molecules.fingerprints import molecules_of  # RDKit is loaded where it is needed

    molecules = molecules_of(kg, kind, identifiers(kg, data, kind).to_list())
    return molecules if len(molecules.nodes) else None
