"""What a view's page knows of the nodes and edges that it draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Protocol, TypedDict

import polars as pl

from ...core.json_reading import parse_object
from ..frames import Row, Source
from ..schema import Schema

_EVIDENCE_SHOWN = 8  # pieces of evidence of an edge, the most probable first
_SYNONYMS_SHOWN = 8

# What evidence says beside the fact, where it is not the usual.
_CONTEXT = (
    ("polarity", "asserted"),
    ("certainty", "certain"),
    ("experiencer", "patient"),
    ("temporality", "current"),
)


class ViewedGraph(Protocol):
    """What a view shows of a graph; a `KnowledgeGraph` has it."""

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


class EvidenceEntry(TypedDict):
    """A piece of evidence: its sentence, cut where the two ends of the edge are named."""

    sentence: list[tuple[str, bool]]  # parts, and whether each is the name of an end
    level: str
    negated: bool
    meta: str


class EdgeEntry(TypedDict, total=False):
    """An edge, or a prediction; the ends are places in the list of nodes."""

    a: int
    b: int
    relation: str
    probability: float | None
    sources: list[str]  # of a prediction its model
    predicted: bool
    evidence: list[EvidenceEntry]
    count: int  # pieces of evidence, of an edge
    rank: int | None  # of a prediction
    known: bool | None  # of a prediction


class NodeEntry(TypedDict):
    """A node; `neighbours` counts those that the graph knows."""

    id: str
    kind: str
    name: str
    synonyms: list[str]
    centre: bool
    shown: bool
    neighbours: int


def node_entries(
    kg: ViewedGraph,
    centre: Collection[str],
    shown: Collection[str],
    neighbours: Mapping[str, int],
) -> list[NodeEntry]:
    """The nodes, those that are shown at first in the order of `shown`, then the others."""
    place = {identifier: i for i, identifier in enumerate(shown)}
    rows = sorted(
        kg.nodes.iter_rows(named=True),
        key=lambda row: (place.get(row["id"], len(place)), row["id"]),
    )
    return [
        {
            "id": row["id"],
            "kind": row["kind"],
            "name": row["name"],
            "synonyms": row["synonyms"][:_SYNONYMS_SHOWN],
            "centre": row["id"] in centre,
            "shown": row["id"] in place,
            "neighbours": neighbours.get(row["id"], 0),
        }
        for row in rows
    ]


def edge_entries(kg: ViewedGraph, nodes: list[NodeEntry]) -> list[EdgeEntry]:
    """The edges with some of their evidence, then the predictions."""
    evidence = _evidence_shown(kg)
    place = {node["id"]: i for i, node in enumerate(nodes)}
    edges: list[EdgeEntry] = [
        {
            "a": place[row["subject"]],
            "b": place[row["object"]],
            "relation": row["relation"],
            "probability": _short(row["probability"]),
            "sources": row["sources"],
            "predicted": False,
            "evidence": evidence[row["id"]],
            "count": row["evidence_count"],
        }
        for row in kg.edges.iter_rows(named=True)
    ]
    edges += [
        {
            "a": place[row["head"]],
            "b": place[row["tail"]],
            "relation": row["relation"],
            "probability": _short(row["probability"]),
            "sources": [row["model"]],
            "predicted": True,
            "evidence": [],
            "rank": row["rank"],
            "known": row["known"],
        }
        for row in kg.predictions.iter_rows(named=True)
    ]
    return edges


def _short(probability: float | None) -> float | None:
    return None if probability is None else round(probability, 4)


def _evidence_shown(kg: ViewedGraph) -> dict[str, list[EvidenceEntry]]:
    """By edge, its most probable evidence."""
    by_edge: dict[str, list[EvidenceEntry]] = defaultdict(list)
    ranked = kg.evidence.sort("probability", "id", descending=[True, False])
    shown = ranked.group_by("edge", maintain_order=True).head(_EVIDENCE_SHOWN)
    for row in shown.iter_rows(named=True):
        by_edge[row["edge"]].append(_evidence_entry(row))
    return by_edge


def _evidence_entry(row: Row) -> EvidenceEntry:
    """A row of evidence as the page shows it."""
    meta = [
        f"{row['source']} {row['release'] or ''}".strip(),
        row["document"],
        ", ".join(row["references"] or ()),
        f"probability {row['probability']:.2f}",
        *(row[column] for column, usual in _CONTEXT if row[column] != usual),
        row["extractor"],
    ]
    return {
        "sentence": _parts(row),
        "level": row["level"],
        "negated": row["polarity"] == "negated",
        "meta": " · ".join(part for part in meta if part),
    }


def _parts(row: Row) -> list[tuple[str, bool]]:
    """The sentence cut at the names of the edge's ends, whose places are among the qualifiers."""
    sentence = row["sentence"]
    if sentence is None:
        return []
    qualifiers = parse_object(row["qualifiers"])
    start = row["start"] or 0
    marked = bytearray(len(sentence))
    for end in ("subject", "object", "mention"):
        first, last = (qualifiers.get(f"{end}_{side}") for side in ("start", "end"))
        if isinstance(first, int) and isinstance(last, int):
            # A relation across sentences has an end outside this one.
            span = slice(max(first - start, 0), max(min(last - start, len(sentence)), 0))
            marked[span] = b"\1" * len(marked[span])
    parts: list[tuple[str, bool]] = []
    begin = 0
    for i in range(1, len(sentence) + 1):
        if i == len(sentence) or marked[i] != marked[begin]:
            parts.append((sentence[begin:i], bool(marked[begin])))
            begin = i
    return parts
