"""What nodes are known by beside their edges, as the input of a network.

A new feature is a function from a graph to rows of numbers by kind, and a line in `FEATURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy import sparse

from ...core.errors import DataError
from ...gnn.data import identifiers
from ...graph.kg import KnowledgeGraph

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

# For each kind that has the feature: identifiers, and a row of numbers for each of them.
Rows = dict[str, tuple[Sequence[str], sparse.csr_matrix]]


def fingerprints(kg: KnowledgeGraph) -> Rows:
    """Morgan fingerprints of the drugs whose structure the graph holds."""
    # RDKit is loaded where it is needed.
    from ..molecules.fingerprints import morgan_fingerprints
    from ..molecules.structures import structures_of

    drugs = structures_of(kg, "Drug")
    return {"Drug": (drugs.ids, morgan_fingerprints(drugs.molecules))} if drugs.ids else {}


FEATURES: dict[str, Callable[[KnowledgeGraph], Rows]] = {"fingerprints": fingerprints}


def add_features(data: HeteroData, kg: KnowledgeGraph, names: Sequence[str]) -> None:
    """Give the kinds of nodes that have these features `x`: (nodes, width), sparse float32.

    A node without the feature has zeros. Several features stand side by side.

    Raises:
        DataError: no node of the graph has the feature.
    """
    blocks: dict[str, list[sparse.csr_matrix]] = {}
    for name in names:
        rows_by_kind = FEATURES[name](kg)
        if not rows_by_kind:
            raise DataError(
                f"no node of the graph has {name}: load a source that brings them, or leave"
                f" {name!r} out of features"
            )
        for kind, (ids, rows) in rows_by_kind.items():
            numbers = pl.DataFrame({"id": identifiers(kg, data, kind)}).with_row_index("n")
            at = pl.DataFrame({"id": list(ids)}).join(
                numbers, on="id", how="left", maintain_order="left"
            )["n"]
            place = sparse.csr_matrix(
                (np.ones(len(at), dtype=np.float32), (at.to_numpy(), np.arange(len(at)))),
                shape=(data[kind].num_nodes, len(at)),
            )
            blocks.setdefault(kind, []).append(place @ rows)
    for kind, matrices in blocks.items():
        data[kind].x = sparse.hstack(matrices, format="csr").astype(np.float32)
