"""A graph as one self-contained HTML page: no server, no network, nothing to install."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import polars as pl

from ..core.atomic import atomic_file
from ..core.errors import DataError
from .kg import KnowledgeGraph

MOST_NODES = 400
_EVIDENCE_SHOWN = 8


def page(kg: KnowledgeGraph, title: str, *, centre: Collection[str] = ()) -> str:
    """The HTML of a page that draws the graph: kinds by colour, evidence of an edge on hover.

    Args:
        kg: a small graph, such as a neighbourhood.
        title: shown at the top.
        centre: identifiers of the nodes to stress.

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
    template = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return template.replace("{{DATA}}", text)


def write_page(
    kg: KnowledgeGraph, path: Path | str, title: str, *, centre: Collection[str] = ()
) -> None:
    """Write `page` to a file."""
    text = page(kg, title, centre=centre)
    with atomic_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _sources_of(kg: KnowledgeGraph) -> list[Any]:
    used = set(kg.evidence["source"])
    return [source for source in kg.sources if source.name in used]


def _edges(kg: KnowledgeGraph) -> list[dict[str, Any]]:
    evidence: dict[str, list[dict[str, Any]]] = defaultdict(list)
    shown = kg.evidence.sort("probability", "id", descending=[True, False]).group_by(
        "edge", maintain_order=True
    )
    for row in shown.head(_EVIDENCE_SHOWN).iter_rows(named=True):
        evidence[row["edge"]].append(_piece(row))
    edges = [
        {**row, "evidence": evidence[row.pop("id")], "predicted": False}
        for row in kg.edges.select(
            "id", "subject", "relation", "object", "probability", count="evidence_count"
        ).iter_rows(named=True)
    ]
    edges += [
        {**row, "evidence": [], "predicted": True}
        for row in kg.predictions.select(
            "relation", "probability", "model", "rank", subject="head", object="tail"
        ).iter_rows(named=True)
    ]
    # Edges between the same two nodes are drawn side by side.
    between: dict[frozenset[str], int] = defaultdict(int)
    for edge in edges:
        pair = frozenset((edge["subject"], edge["object"]))
        place = between[pair]
        sign = 1 if edge["subject"] <= edge["object"] else -1
        edge["shift"] = sign * (-1) ** place * ((place + 1) // 2)
        between[pair] += 1
    return edges


def _piece(row: dict[str, Any]) -> dict[str, Any]:
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


def _nodes(
    kg: KnowledgeGraph, edges: list[dict[str, Any]], centre: frozenset[str]
) -> list[dict[str, Any]]:
    places = _layout(kg.nodes, edges)
    return [
        {
            "id": row["id"],
            "kind": row["kind"],
            "name": row["name"],
            "synonyms": row["synonyms"][:8],
            "colour": kg.schema.kind(row["kind"]).colour,
            "centre": row["id"] in centre,
            "x": round(float(x), 1),
            "y": round(float(y), 1),
        }
        for row, (x, y) in zip(kg.nodes.iter_rows(named=True), places, strict=True)
    ]


def _layout(nodes: pl.DataFrame, edges: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    """Places of the nodes in pixels, [nodes, 2], such that no label lies on another."""
    graph = nx.Graph()
    graph.add_nodes_from(nodes["id"])
    graph.add_edges_from((edge["subject"], edge["object"]) for edge in edges)
    if nodes.height <= 120 and nx.is_connected(graph):
        found = nx.kamada_kawai_layout(graph)
    else:
        found = nx.spring_layout(graph, seed=0, iterations=200)
    places: np.ndarray[Any, Any] = (
        np.array([found[i] for i in nodes["id"]]) * 115 * np.sqrt(nodes.height)
    )
    half = np.array([[max(24, 3.6 * min(len(n), 30)), 21.0] for n in nodes["name"]])
    room = half[:, None] + half[None, :]
    for _ in range(300):
        apart = places[:, None] - places[None, :]
        overlap = room - np.abs(apart)
        np.einsum("iik->ik", overlap)[:] = -1
        clash = (overlap > 0).all(axis=2)
        if not clash.any():
            break
        # Push along the axis that needs the smaller move; half of it for each of the two.
        axis = overlap.argmin(axis=2)
        sign = np.where(apart >= 0, 1.0, -1.0)
        tie = np.triu(np.ones(clash.shape), 1) - np.tril(np.ones(clash.shape), -1)
        sign = np.where(apart == 0, tie[..., None], sign)
        push = np.take_along_axis(overlap * sign, axis[..., None], axis=2)[..., 0] * clash * 0.5
        for k in (0, 1):
            places[:, k] += (push * (axis == k)).sum(axis=1)
    return places
