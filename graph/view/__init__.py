"""The interactive view of a subgraph: one page that works offline, in a notebook or as a file.

It is drawn by Bokeh, of which the page holds the script; `docs/guide.md` says why Bokeh. `choose`
decides which nodes are shown, `entries` what is told of them, `figure` makes the empty figure, and
`view.js` fills it, filters, expands, searches and exports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import Protocol

from ...core.atomic import atomic_file
from ...core.errors import DataError
from ...core.html_page import fill_template, json_block
from .choose import Choice, Edges, choose, neighbour_counts
from .entries import ViewedGraph, edge_entries, node_entries
from .figure import figure_item, library

MOST_NODES = 2_000
DEFAULT_LIMIT = 100
_CARRIED = 4  # times the limit: the nodes that a page carries, those held back included


class Around(ViewedGraph, Edges, Protocol):
    """A graph of which a part can be taken; a `KnowledgeGraph` is one."""

    def subgraph(self, ids: Iterable[str], *, predictions: bool = False) -> ViewedGraph:
        """These nodes with the edges, evidence and predictions among them."""


@dataclass(frozen=True)
class SubgraphView:
    """A part of a graph to look at: shown by a notebook where it is a cell's last value.

    Attributes:
        graph: all that the page carries, the nodes that it holds back included.
        title: shown at the top.
        centre: identifiers of the nodes that the view is around.
        choice: which nodes are shown and which held back.
        note: how to see more, where the graph has more.
    """

    graph: ViewedGraph
    title: str
    centre: tuple[str, ...]
    choice: Choice
    note: str

    def html(self) -> str:
        """The page: one file that loads nothing and sends nothing."""
        kg = self.graph
        nodes = node_entries(kg, self.centre, self.choice.shown, self.choice.neighbours)
        edges = edge_entries(kg, nodes)
        used_kinds, used_relations = set(kg.nodes["kind"]), {edge["relation"] for edge in edges}
        used_sources = set(kg.evidence["source"])
        data = {
            "title": self.title,
            "nodes": nodes,
            "edges": edges,
            "kinds": {
                kind.label: {"colour": kind.colour, "shape": kind.shape}
                for kind in kg.schema.kinds.values()
                if kind.label in used_kinds
            },
            "symmetric": sorted(
                name for name in used_relations if kg.schema.relation(name).symmetric
            ),
            "sources": [
                f"{source.name} {source.release} ({source.licence})"
                for source in kg.sources
                if source.name in used_sources
            ],
            "note": self.note,
        }
        script = resources.files(__package__).joinpath("view.js").read_text(encoding="utf-8")
        return fill_template(
            str(__package__),
            "view.html",
            {"LIBRARY": library(), "SCRIPT": script},
            DATA=json_block(data),
            FIGURE=json_block(figure_item()),
        )

    def save(self, path: Path | str) -> None:
        """Write the page to a file."""
        text = self.html()
        with atomic_file(path) as draft:
            draft.write_text(text, encoding="utf-8")

    def _repr_html_(self) -> str:
        # Its script runs, and reaches neither the notebook nor what the notebook may reach.
        return (
            '<iframe sandbox="allow-scripts allow-downloads"'
            f' srcdoc="{escape(self.html(), quote=True)}"'
            ' style="width:100%;height:640px;border:0"></iframe>'
        )

    def __repr__(self) -> str:
        return f"SubgraphView({self.title!r}, {self.summary()})"

    def summary(self) -> str:
        """How many nodes are shown, held back and left out."""
        shown, held_back = len(self.choice.shown), len(self.choice.held_back)
        counts = f"{shown:,} nodes shown, {held_back:,} held back"
        return f"{counts}; {self.note}" if self.note else counts


def view_around(
    kg: Around, centre: Sequence[str], *, hops: int = 1, limit: int = DEFAULT_LIMIT
) -> SubgraphView:
    """A view of what is around some nodes of a graph.

    Args:
        kg: the graph.
        centre: identifiers of the nodes.
        hops: how far from them nodes are shown at first.
        limit: how many nodes are shown at first; three times as many are held back.

    Raises:
        DataError: the limit is not between the number of these nodes and `MOST_NODES`.
    """
    centre = tuple(dict.fromkeys(centre))
    if not max(1, len(centre)) <= limit <= MOST_NODES:
        raise DataError(
            f"a view shows {max(1, len(centre))} to {MOST_NODES:,} nodes at first, not {limit:,}"
        )
    choice = choose(kg, centre, hops, limit, min(MOST_NODES, _CARRIED * limit))
    part = kg.subgraph([*choice.shown, *choice.held_back], predictions=True)
    names = dict(part.nodes.select("id", "name").iter_rows())
    title = ", ".join(names[identifier] for identifier in centre)
    note = ""
    if choice.not_shown:
        note = (
            f"{choice.not_shown:,} more within {hops} hop{'s' * (hops > 1)} are not shown at first:"
            f" expand a node, or give a higher limit than {limit:,}"
        )
    return SubgraphView(part, title, centre, choice, note)


def whole_view(kg: Around, title: str) -> SubgraphView:
    """A view of a whole small graph.

    Raises:
        DataError: the graph is empty, or has more than `MOST_NODES` nodes.
    """
    ids = kg.nodes["id"].to_list()
    if not 0 < len(ids) <= MOST_NODES:
        raise DataError(
            f"a view shows 1 to {MOST_NODES:,} nodes, this graph has {len(ids):,}; take the"
            " neighbourhood of a node"
        )
    return SubgraphView(kg, title, (), Choice(tuple(ids), (), 0, neighbour_counts(kg, ids)), "")
