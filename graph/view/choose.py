"""Which nodes a view shows at first, and which it holds back until they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from ..look_up import check_hops


class Edges(Protocol):
    """Something that tells the edges at some nodes; a `KnowledgeGraph` does."""

    def edges_at(self, around: Iterable[str], *, predictions: bool = False) -> pl.DataFrame:
        """Subject, relation, object and probability of the edges at these nodes."""


@dataclass(frozen=True)
class Choice:
    """The nodes of a view, nearest first.

    Attributes:
        shown: those that are drawn at first; the named ones are the first of them.
        held_back: those that the page carries and draws once they are asked for.
        not_shown: how many nodes within the hops are not among `shown`.
        neighbours: by node of both, how many neighbours the graph knows of it.
    """

    shown: tuple[str, ...]
    held_back: tuple[str, ...]
    not_shown: int
    neighbours: dict[str, int]


def choose(kg: Edges, centre: Sequence[str], hops: int, limit: int, most: int) -> Choice:
    """The nodes around some others: those within some hops, then one hop more to be held back.

    A hop's nodes come after those of the hop before, so that more hops never show fewer nodes.
    Within a hop the relations of a node take turns, the most probable edge of each first, so that
    no relation with many edges crowds out the others.

    Args:
        kg: the graph.
        centre: identifiers of the nodes to start from.
        hops: how far from these to show nodes.
        limit: how many nodes to show at first.
        most: how many nodes to carry in all.
    """
    ordered = list(dict.fromkeys(centre))
    frontier = ordered
    for _ in range(check_hops(hops)):
        frontier = _next_hop(kg, frontier, ordered)
        ordered = ordered + frontier
        if len(ordered) >= most:
            break
    shown = ordered[:limit]
    beyond = _next_hop(kg, shown, ordered)
    carried = (ordered + beyond)[:most]
    return Choice(
        shown=tuple(shown),
        held_back=tuple(carried[len(shown) :]),
        not_shown=len(ordered) - len(shown),
        neighbours=neighbour_counts(kg, carried),
    )


def _next_hop(kg: Edges, frontier: Sequence[str], reached: Sequence[str]) -> list[str]:
    """The new neighbours of some nodes, in the order in which they are to be shown."""
    steps = _steps(kg, frontier).join(pl.DataFrame({"end": reached}), on="end", how="anti")
    turn = pl.col("end").cum_count().over("start", "relation", "forward")
    return (
        steps.sort("probability", "end", descending=[True, False], nulls_last=True)
        .with_columns(turn=turn)
        .sort("turn", "probability", "end", descending=[False, True, False], nulls_last=True)
        .unique("end", keep="first", maintain_order=True)["end"]
        .to_list()
    )


def neighbour_counts(kg: Edges, ids: Sequence[str]) -> dict[str, int]:
    """How many neighbours each of some nodes has, where it has any."""
    counts = _steps(kg, ids).group_by("start").agg(pl.col("end").n_unique())
    return dict(counts.iter_rows())


def _steps(kg: Edges, frontier: Sequence[str]) -> pl.DataFrame:
    """The edges and predictions at some nodes, as seen from these: start, end and more."""
    edges = kg.edges_at(frontier, predictions=True)
    starts = pl.Series(frontier, dtype=pl.String).implode()
    return pl.concat(
        edges.filter(pl.col(start).is_in(starts), pl.col("subject") != pl.col("object")).select(
            pl.col(start).alias("start"),
            pl.col(end).alias("end"),
            "relation",
            "probability",
            forward=pl.lit(start == "subject"),
        )
        for start, end in (("subject", "object"), ("object", "subject"))
    )
