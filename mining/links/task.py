"""One relation of a graph as a task: its entities, and its edges split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.errors import DataError
from ...core.ranking import pair_matrix
from ...gnn.data import EdgeType, vocabulary
from ...graph.kg import KnowledgeGraph

_HELD_BACK_SHARE = 0.1  # of the relation's edges, for validation and for the test each
_PARTS = ("train", "valid", "test")


def pairs_from_tensors(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.int64]]:
    """The pairs of each part of a task, that `LinkTask.pair_tensors` gave, by the part's name."""
    return {part: tensors[f"pairs.{part}"].numpy() for part in _PARTS}


@dataclass(frozen=True)
class LinkTask:
    """One relation of a graph, its edges split.

    Attributes:
        heads, tails: identifiers in the order of their numbers.
        train, valid, test: pairs of numbers, (edges, 2).
        held_back: edge ids of `valid` and `test`, and under `removed`, where there are any, of
            edges of whatever relation that training must not see either.
        symmetric: whether (a, b) is true when (b, a) is.
    """

    edge_type: EdgeType
    heads: list[str]
    tails: list[str]
    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]
    held_back: dict[str, list[str]]
    symmetric: bool

    def pair_tensors(self) -> dict[str, Tensor]:
        """The pairs as a model folder keeps them; see `pairs_from_tensors`."""
        return {f"pairs.{part}": torch.from_numpy(getattr(self, part)) for part in _PARTS}

    @property
    def excluded(self) -> list[str]:
        """The ids of all edges that training may not see."""
        return [edge for ids in self.held_back.values() for edge in ids]

    @property
    def whole(self) -> LinkTask:
        """The task with the edges of all parts to train on, and none to validate or test with."""
        removed = {part: ids for part, ids in self.held_back.items() if part == "removed"}
        none = np.empty((0, 2), dtype=np.int64)
        pairs = np.concatenate([self.train, self.valid, self.test])
        return replace(self, train=pairs, valid=none, test=none, held_back=removed)

    def matrix(self, *parts: str) -> sparse.csr_matrix:
        """The pairs of these parts as a sparse matrix, (heads, tails).

        For a relation within a kind it holds the pairs of a node with itself, too, since these are
        never candidates.
        """
        pairs = np.concatenate([getattr(self, part) for part in parts])
        if self.symmetric:
            pairs = np.concatenate([pairs, pairs[:, ::-1]])
        return pair_matrix(pairs, (len(self.heads), len(self.tails))).maximum(self.loops())

    @property
    def new_heads(self) -> bool:
        """Whether most validation edges are of heads that have no edge left to train on."""
        has_edges = np.isin(self.valid[:, 0], self.train if self.symmetric else self.train[:, 0])
        return not has_edges.mean() > 0.5

    def with_edges(self, direction: str) -> NDArray[np.int64]:
        """The heads (direction `tail`) or tails (`head`) that have an edge in any part."""
        pairs = np.concatenate([self.train, self.valid, self.test])
        queries = pairs if self.symmetric else pairs[:, 0 if direction == "tail" else 1]
        return np.asarray(np.unique(queries))

    def loops(self) -> sparse.csr_matrix:
        """The pairs of a node with itself, where the relation is within a kind."""
        own = np.arange(len(self.heads) if self.edge_type[0] == self.edge_type[2] else 0)
        return pair_matrix(np.stack([own, own], axis=1), (len(self.heads), len(self.tails)))


def link_task(
    kg: KnowledgeGraph,
    relation: str,
    split: Mapping[str, Iterable[str]] | None = None,
    seed: int = 0,
) -> LinkTask:
    """The edges of a relation, split into training, validation and test.

    Where the relation joins several pairs of kinds, the pair with the most edges is taken.

    Args:
        split: ids of the edges to hold back, under `valid` and `test`; a random tenth each, if not
            given. Under `removed`, edges of any relation that training must not see either; see
            `medkg.mining.links.split`.

    Raises:
        DataError: too few edges, or a split with ids that are no edges of the relation.
    """
    schema_relation = kg.schema.relation(relation)
    (head_kind, _, tail_kind), edges = relation_edges(kg, relation)

    if split is None:
        held_back = _random_split(edges["id"], seed)
    else:
        held_back = _checked_split(split, edges["id"], f"{head_kind} {relation} {tail_kind}")
    nodes = vocabulary(kg)
    number = {kind: pl.DataFrame({"id": nodes[kind]}).with_row_index("n") for kind in nodes}
    numbered = edges.join(number[head_kind], left_on="subject", right_on="id").join(
        number[tail_kind], left_on="object", right_on="id", suffix="_tail"
    )

    def part_of(chosen: pl.Expr) -> NDArray[np.int64]:
        rows = numbered.filter(chosen).select("n", "n_tail").sort("n", "n_tail")
        return rows.to_numpy().astype(np.int64)

    in_part = {part: pl.col("id").is_in(ids) for part, ids in held_back.items()}
    trained = ~pl.any_horizontal(in_part.values())
    return LinkTask(
        edge_type=(head_kind, relation, tail_kind),
        heads=nodes[head_kind],
        tails=nodes[tail_kind],
        train=part_of(trained),
        valid=part_of(in_part["valid"]),
        test=part_of(in_part["test"]),
        held_back=held_back,
        symmetric=schema_relation.symmetric and head_kind == tail_kind,
    )


def _random_split(ids: pl.Series, seed: int) -> dict[str, list[str]]:
    """Ids of edges to hold back at random, by part.

    Each edge is drawn by its own hash, so that a graph with a few edges more is tested on nearly
    the same ones, and its figures can be compared.
    """
    n = max(1, round(len(ids) * _HELD_BACK_SHARE))
    shuffled = sorted(ids, key=lambda id: hashlib.blake2b(f"{seed} {id}".encode()).digest())
    return {"valid": sorted(shuffled[:n]), "test": sorted(shuffled[n:][-n:])}


def _checked_split(
    split: Mapping[str, Iterable[str]], ids: pl.Series, edge_type: str
) -> dict[str, list[str]]:
    """A split's ids by part, sorted.

    Args:
        ids: of the relation's edges.
        edge_type: of these, as a message names it.

    Raises:
        DataError: unknown parts, ids that are no edges of the relation, no validation edges, or an
            edge in two parts.
    """
    if unknown := sorted(set(split) - {"valid", "test", "removed"}):
        raise DataError(f"a split has the parts valid, test and removed, not {unknown}")
    held_back = {part: sorted(split.get(part, ())) for part in ("valid", "test")}
    for part, of_part in held_back.items():
        if strange := sorted(set(of_part) - set(ids)):
            raise DataError(
                f"the {part} part of the split has {len(strange)} ids that are no edges"
                f" {edge_type} of the graph, as {strange[0]!r}"
            )
    if not held_back["valid"]:
        raise DataError("the split holds no validation edges back; training needs some")
    if set(held_back["valid"]) & set(held_back["test"]):
        raise DataError("the split has the same edge in validation and in test")
    if removed := sorted(split.get("removed", ())):
        held_back["removed"] = removed
    return held_back


def relation_edges(kg: KnowledgeGraph, relation: str) -> tuple[EdgeType, pl.DataFrame]:
    """A relation's edges: the type that most of them have, and those of that type, sorted by id.

    Returns:
        The type, and a frame with id, subject, object, sources, head_kind and tail_kind.

    Raises:
        DataError: there are fewer than ten.
        SchemaError: no such relation.
    """
    kg.schema.relation(relation)
    kinds = kg.nodes.select("id", "kind")
    edges = (
        kg.edges.filter(relation=relation)
        .select("id", "subject", "object", "sources")
        .join(kinds.rename({"id": "subject", "kind": "head_kind"}), on="subject")
        .join(kinds.rename({"id": "object", "kind": "tail_kind"}), on="object")
    )
    if edges.height < 10:
        raise DataError(
            f"the graph has {edges.height} edges {relation}, and at least 10 are needed to train"
            " and test on; load a source that has more"
        )
    pairs = edges.group_by("head_kind", "tail_kind").len().sort("len", "head_kind", "tail_kind")
    head_kind, tail_kind, _ = pairs.row(-1)
    edges = edges.filter(head_kind=head_kind, tail_kind=tail_kind).sort("id")
    return (head_kind, relation, tail_kind), edges
