"""A graph as one self-contained HTML page: no server, no network, nothing to install."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, TypedDict

import networkx as nx
import numpy as np
import numpy.typing as npt
import polars as pl

from ..core.atomic import atomic_file
from ..core.errors import DataError
from ..core.html_page import fill_template, json_block
from .frames import Row, Source
from .schema import Schema

MOST_NODES = 400
_EVIDENCE_SHOWN = 8  # pieces of evidence of an edge, the most probable first
_SYNONYMS_SHOWN = 8

# Layout, in pixels.
_KAMADA_KAWAI_NODES = 120  # for more nodes, or an unconnected graph, a spring layout is used
_SPACING = 115.0  # times the square root of the number of nodes: the size of the drawing
_CHARACTER_WIDTH = 3.6  # half the width of a label's character
_LABEL_CHARACTERS = 30
_MIN_HALF_WIDTH = 24
_HALF_HEIGHT = 21.0
_OVERLAP_ROUNDS = 300


class GraphView(Protocol):
    """What a page shows of a graph; a `KnowledgeGraph` has it."""

    schema: Schema
    sources: list[Source]

    @property
    def nodes(self) -> pl.DataFrame:
        """One row a node."""

    @property
    def edges(self) -> pl.DataFrame:
        """One row an edge."""

    @property
    def evidence(self) -> pl.DataFrame:
        """One row a piece of evidence."""

    @property
    def predictions(self) -> pl.DataFrame:
        """One row a prediction."""


class _EvidenceEntry(TypedDict):
    sentence: str | None
    level: str
    polarity: str
    meta: str


class _EdgeEntry(TypedDict, total=False):
    subject: str
    relation: str
    object: str
    probability: float | None
    evidence: list[_EvidenceEntry]
    predicted: bool
    shift: int  # its place beside the other edges of the same two nodes, 0 in the middle
    count: int  # pieces of evidence, of an edge
    model: str  # of a prediction
    rank: int | None  # of a prediction


class _NodeEntry(TypedDict):
    id: str
    kind: str
    name: str
    synonyms: list[str]
    colour: str
    centre: bool
    x: float
    y: float


def page(kg: GraphView, title: str, *, centre: Collection[str] = ()) -> str:
    """The HTML of a page that draws the graph: kinds by colour, evidence of an edge on hover.

    Args:
        kg: a small graph, such as a neighbourhood.
        title: shown at the top.
        centre: identifiers of the nodes to highlight.

    Raises:
        DataError: the graph is empty, or has more than `MOST_NODES` nodes.
    """
    if not 0 < kg.nodes.height <= MOST_NODES:
        raise DataError(
            f"a page shows 1 to {MOST_NODES} nodes, this graph has {kg.nodes.height}; take fewer"
            " hops, or fewer edges from each node"
        )
    edges = _edges(kg)
    data = {
        "title": title,
        "nodes": _nodes(kg, edges, frozenset(centre)),
        "edges": edges,
        "kinds": [
            {"label": kind.label, "colour": kind.colour}
            for kind in kg.schema.kinds.values()
            if kind.label in set(kg.nodes["kind"])
        ],
        "facts": [
            f"{kg.nodes.height} nodes, {kg.edges.height} edges",
            *(f"{s.name} {s.release} ({s.licence})" for s in _sources_of(kg)),
        ],
    }
    return fill_template(str(__package__), "page.html", DATA=json_block(data))


def write_page(
    kg: GraphView, path: Path | str, title: str, *, centre: Collection[str] = ()
) -> None:
    """Write `page` to a file."""
    text = page(kg, title, centre=centre)
    with atomic_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _sources_of(kg: GraphView) -> list[Source]:
    """The sources that the graph has evidence of."""
    used = set(kg.evidence["source"])
    return [source for source in kg.sources if source.name in used]


def _edges(kg: GraphView) -> list[_EdgeEntry]:
    """The edges with some of their evidence, then the predictions, each with its place."""
    evidence = _evidence_shown(kg)
    edges: list[_EdgeEntry] = [
        {
            "subject": row["subject"],
            "relation": row["relation"],
            "object": row["object"],
            "probability": row["probability"],
            "count": row["evidence_count"],
            "evidence": evidence[row["id"]],
            "predicted": False,
        }
        for row in kg.edges.iter_rows(named=True)
    ]
    edges += [
        {
            "relation": row["relation"],
            "probability": row["probability"],
            "model": row["model"],
            "rank": row["rank"],
            "subject": row["head"],
            "object": row["tail"],
            "evidence": [],
            "predicted": True,
        }
        for row in kg.predictions.iter_rows(named=True)
    ]
    # Edges between the same two nodes are drawn side by side.
    n_between: dict[frozenset[str], int] = defaultdict(int)
    for edge in edges:
        pair = frozenset((edge["subject"], edge["object"]))
        place = n_between[pair]
        sign = 1 if edge["subject"] <= edge["object"] else -1
        edge["shift"] = sign * (-1) ** place * ((place + 1) // 2)
        n_between[pair] += 1
    return edges


def _evidence_shown(kg: GraphView) -> dict[str, list[_EvidenceEntry]]:
    """By edge, its most probable evidence."""
    by_edge: dict[str, list[_EvidenceEntry]] = defaultdict(list)
    ranked = kg.evidence.sort("probability", "id", descending=[True, False])
    shown = ranked.group_by("edge", maintain_order=True).head(_EVIDENCE_SHOWN)
    for row in shown.iter_rows(named=True):
        by_edge[row["edge"]].append(_evidence_entry(row))
    return by_edge


def _evidence_entry(row: Row) -> _EvidenceEntry:
    """A row of evidence as the page shows it."""
    context = [
        row[column]
        for column, plain in (
            ("polarity", "asserted"),
            ("certainty", "certain"),
            ("experiencer", "patient"),
            ("temporality", "current"),
        )
        if row[column] != plain
    ]
    meta = [
        f"{row['source']} {row['release'] or ''}".strip(),
        row["document"],
        ", ".join(row["references"] or ()),
        f"p {row['probability']:.2f}",
        *context,
        row["extractor"],
    ]
    return {
        "sentence": row["sentence"],
        "level": row["level"],
        "polarity": row["polarity"],
        "meta": " · ".join(part for part in meta if part),
    }


def _nodes(kg: GraphView, edges: list[_EdgeEntry], centre: frozenset[str]) -> list[_NodeEntry]:
    positions = _layout(kg.nodes, edges)
    return [
        {
            "id": row["id"],
            "kind": row["kind"],
            "name": row["name"],
            "synonyms": row["synonyms"][:_SYNONYMS_SHOWN],
            "colour": kg.schema.kind(row["kind"]).colour,
            "centre": row["id"] in centre,
            "x": round(float(x), 1),
            "y": round(float(y), 1),
        }
        for row, (x, y) in zip(kg.nodes.iter_rows(named=True), positions, strict=True)
    ]


def _layout(nodes: pl.DataFrame, edges: list[_EdgeEntry]) -> npt.NDArray[np.float64]:
    """Positions of the nodes in pixels, [nodes, 2], such that no two labels overlap."""
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(nodes["id"])
    graph.add_edges_from((edge["subject"], edge["object"]) for edge in edges)
    small = nodes.height <= _KAMADA_KAWAI_NODES and nx.is_connected(graph)
    if small and find_spec("scipy"):  # which comes with the extras, and that layout needs
        layout = nx.kamada_kawai_layout(graph)
    else:
        layout = nx.spring_layout(graph, seed=0, iterations=200)
    positions: npt.NDArray[np.float64] = (
        np.array([layout[i] for i in nodes["id"]]) * _SPACING * np.sqrt(nodes.height)
    )
    half_sizes = np.array(
        [
            [max(_MIN_HALF_WIDTH, _CHARACTER_WIDTH * min(len(n), _LABEL_CHARACTERS)), _HALF_HEIGHT]
            for n in nodes["name"]
        ]
    )
    _separate(positions, half_sizes)
    return positions


def _separate(positions: npt.NDArray[np.float64], half_sizes: npt.NDArray[np.float64]) -> None:
    """Move overlapping rectangles apart, in place.

    Args:
        positions: centres, [rectangles, 2].
        half_sizes: half of each rectangle's width and height, [rectangles, 2].
    """
    min_distance = half_sizes[:, None] + half_sizes[None, :]
    for _ in range(_OVERLAP_ROUNDS):
        offset = positions[:, None] - positions[None, :]
        overlap = min_distance - np.abs(offset)
        np.einsum("iik->ik", overlap)[:] = -1
        clash = (overlap > 0).all(axis=2)
        if not clash.any():
            break
        # Push along the axis that needs the smaller move; half of it for each of the two.
        axis = overlap.argmin(axis=2)
        sign = np.where(offset >= 0, 1.0, -1.0)
        tie = np.triu(np.ones(clash.shape), 1) - np.tril(np.ones(clash.shape), -1)
        sign = np.where(offset == 0, tie[..., None], sign)
        push = np.take_along_axis(overlap * sign, axis[..., None], axis=2)[..., 0] * clash * 0.5
        for k in (0, 1):
            positions[:, k] += (push * (axis == k)).sum(axis=1)
