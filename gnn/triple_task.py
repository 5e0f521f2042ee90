"""Models of all relations of a graph: what they are trained on, and how they are measured.

The same edges are held back for each, and the same candidates ranked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..core.errors import DataError
from ..core.ranking import RankFigures, summarise
from ..graph.kg import KnowledgeGraph
from ..graph.training_provenance import GraphRecord
from .data import EdgeType, identifiers, to_hetero_data
from .triples import Triples, degree_ranks, triples_of


class RelationFigures(TypedDict):
    """How many held-back edges an edge type has, and their MRR over both sides."""

    n: int
    mrr: float


class TripleMetrics(TypedDict):
    """The figures of a model on the triples held back, both sides.

    Attributes:
        training: the course of training.
        valid, degree: filtered ranks of the model, and of the degree baseline.
        by_relation: by edge type, as `Drug-TARGETS-Target`.
    """

    training: Mapping[str, Any]
    valid: RankFigures
    degree: RankFigures
    by_relation: dict[str, RelationFigures]


@dataclass(frozen=True)
class TripleTask:
    """The triples of a graph, those held back for validation apart.

    Attributes:
        types: edge types in the order of their numbers.
        training: the triples to learn, those of symmetric relations in both directions.
        known: all triples of the graph, likewise; they are filtered from the rankings.
        valid: (n, 3), the triples held back: head, relation, tail.
        held_back: ids of their edges.
    """

    types: list[EdgeType]
    training: Triples
    known: Triples
    valid: NDArray[np.int64]
    held_back: list[str]

    @classmethod
    def of(cls, kg: KnowledgeGraph, held_back: list[str]) -> TripleTask:
        """The task of a graph's triples, of which these edges are held back."""
        data = to_hetero_data(kg)
        whole, types = triples_of(data)
        valid = pl.concat([identifiers(kg, data, t) for t in types]).is_in(held_back).to_numpy()
        training, known = (
            Triples(_both_ways(kg, edges, types), whole.starts, whole.kinds)
            for edges in (whole.edges[~valid], whole.edges)
        )
        return cls(types, training, known, whole.edges[valid], held_back)

    def metrics(self, ranks: NDArray[np.float64], course: Mapping[str, Any]) -> TripleMetrics:
        """The figures of a model, with the degree baseline's beside them.

        Args:
            ranks: (n, 2), of the triples held back, see `triples.side_ranks`.
            course: of its training.
        """
        baseline_ranks = degree_ranks(self.valid, self.training, self.known)
        return {
            "training": course,
            "valid": _summary(ranks, self.valid),
            "degree": _summary(baseline_ranks, self.valid),
            "by_relation": _by_relation(ranks, self.valid, self.types),
        }


def held_back_edges(kg: KnowledgeGraph, held_back: Iterable[str] | float, seed: int) -> list[str]:
    """The ids of the edges to hold back, sorted: those given, or a random share.

    Raises:
        DataError: too few edges, ids that are no edges, or none.
    """
    ids = kg.edges["id"].sort()
    if isinstance(held_back, float):
        n = max(1, round(len(ids) * held_back))
        if len(ids) < 10 or n >= len(ids):
            raise DataError(f"{n} of {len(ids)} edges can't be held back; load a larger graph")
        chosen = np.sort(np.random.default_rng(seed).permutation(len(ids))[:n])
        return ids.gather(chosen).to_list()
    back = sorted(held_back)
    if strange := sorted(set(back) - set(ids)):
        raise DataError(f"{len(strange)} ids held back are no edges, as {strange[0]!r}")
    if not back:
        raise DataError("no edge is held back; training needs some to know when to stop")
    return back


def figures_in_markdown(metrics: TripleMetrics, chosen: str) -> list[str]:
    """The lines of a model card that give its figures.

    Args:
        chosen: what was chosen by these triples, a sentence.
    """
    lines = [
        f"## Filtered ranks of {metrics['valid']['n']:,} triples held back, both sides",
        "",
        f"{chosen} Candidates are the nodes of the answer's kind; ties count half; 95 % intervals"
        " by bootstrap over queries.",
        "",
        "| | MRR | Hits@1 | Hits@10 |",
        "|---|---|---|---|",
    ]
    for name, figures in (("this model", metrics["valid"]), ("degree", metrics["degree"])):
        cells = []
        for figure in ("mrr", "hits@1", "hits@10"):
            low, high = figures[f"{figure}_interval"]
            cells.append(f"{figures[figure]:.3f} ({low:.3f}–{high:.3f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| edges held back | n | MRR |", "|---|---|---|"]
    return lines + [
        f"| {name} | {part['n']:,} | {part['mrr']:.3f} |"
        for name, part in metrics["by_relation"].items()
    ]


def end_of_card(record: GraphRecord) -> list[str]:
    """The last lines of a model card: what scores are not, and where the graph is from."""
    return [
        "",
        "Scores are no probabilities. Not for decisions about patients.",
        "",
        "## Sources of the graph",
        "",
        *(f"- {s['name']} {s['release']}: {s['licence']}" for s in record["sources"]),
    ]


def _by_relation(
    ranks: NDArray[np.float64], edges: NDArray[np.int64], types: Sequence[EdgeType]
) -> dict[str, RelationFigures]:
    """The figures of each edge type, by its name."""
    by_relation: dict[str, RelationFigures] = {}
    for relation in np.unique(edges[:, 1]).tolist():
        own = edges[:, 1] == relation
        mrr = round(float((1 / ranks[own]).mean()), 4)
        by_relation["-".join(types[relation])] = {"n": int(own.sum()), "mrr": mrr}
    return by_relation


def _summary(ranks: NDArray[np.float64], edges: NDArray[np.int64]) -> RankFigures:
    """Figures over both sides; an edge's two ranks are of two queries."""
    n = int(edges.max(initial=0)) + 1
    for_tails = edges[:, 1] * n + edges[:, 0]
    for_heads = -1 - (edges[:, 1] * n + edges[:, 2])
    return summarise(ranks.T.ravel(), np.concatenate([for_tails, for_heads]))


def _both_ways(
    kg: KnowledgeGraph, edges: NDArray[np.int64], types: list[EdgeType]
) -> NDArray[np.int64]:
    """The edges, those of symmetric relations in both directions."""
    symmetric = np.array([t[0] == t[2] and kg.schema.relation(t[1]).symmetric for t in types])
    back = edges[symmetric[edges[:, 1]]][:, [2, 1, 0]]
    return np.concatenate([edges, back])
