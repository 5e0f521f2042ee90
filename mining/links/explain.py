"""Explain predicted pairs by paths in the graph with their evidence, and by similar known nodes.

Paths join the two ends in the graph; they make a prediction plausible, whichever model made it.
The edges that a graph neural network's score rests on are given by `attribute_to_edges`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...core.errors import MissingError
from ...gnn.data import EdgeType, identifiers, to_hetero_data
from ...graph.frames import asserts_edge
from ...graph.kg import KnowledgeGraph
from .baselines import neighbour_features

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

DAMPING = 0.4  # of degrees, as in Himmelstein & Baranzini, PLOS Comput Biol 2015
_MOST_WALKS = 200_000  # the most two-step walks from a node that are followed, the heaviest
_EXCLUDED_KINDS = ("Document", "Patient")  # a path over a text or a patient shows no mechanism
_MOST_EVIDENCE = 5  # pieces shown for a step


class EdgeEvidence(TypedDict):
    """A piece of evidence for an edge; columns of `medkg.graph.frames.EVIDENCE`."""

    id: str
    source: str
    level: str
    document: str | None
    sentence: str | None
    polarity: str
    certainty: str
    probability: float
    references: list[str] | None


@dataclass(frozen=True)
class Step:
    """An edge on a path, as the graph holds it, with evidence (source, document, sentence, …)."""

    edge: str
    subject: str
    subject_name: str
    relation: str
    object: str
    object_name: str
    evidence: tuple[EdgeEvidence, ...] = ()


@dataclass(frozen=True)
class Path:
    """A walk from head to tail. `nodes` are the names on the way, `weight` is relative."""

    weight: float
    nodes: tuple[str, ...]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        text = self.nodes[0]
        for step, name in zip(self.steps, self.nodes[1:], strict=True):
            forward = step.object_name == name
            text += f" -{step.relation}-> {name}" if forward else f" <-{step.relation}- {name}"
        return text

    def of_prediction(self) -> dict[str, object]:
        """The path as the explanation of a prediction holds it: weight, text, and the edges."""
        names = ("edge", "subject", "relation", "object")
        steps = [{name: getattr(step, name) for name in names} for step in self.steps]
        return {"weight": round(self.weight, 8), "text": str(self), "steps": steps}


@dataclass(frozen=True)
class Nearest:
    """A head that is known to have the tail (or a tail that the head is known to have), and how
    similar its neighbours in the graph are to the head's (the tail's), from 0 to 1."""

    id: str
    name: str
    similarity: float


@dataclass(frozen=True)
class Counterfactual:
    """The known pair that a hypothesis needs most.

    Attributes:
        step: the pair's edge.
        rank, rank_before: of the tail among the head's candidates, without the pair (None: it would
            be no candidate) and with it.
    """

    step: Step
    rank: int | None
    rank_before: int


@dataclass(frozen=True)
class Explanation:
    """Why a model predicts a pair.

    Attributes:
        score, rank, probability: as `predict` gives them for the head; the rank is among the new
            tails of the head, and this one. None where there is no rank, and the probability of a
            known pair, too, which no source misses.
        head_rank, head_probability: as `predict` gives them for the tail; the rank is among the new
            heads of the tail, and this one. None likewise.
        note: why there is no rank, as in `LinkModel.score`; None where there is one.
        known, trained: whether the graph holds the pair, and whether the model was trained on it.
        status, sources: as `LinkModel.predict` gives them.
        paths: the heaviest paths of at most three edges, without the pair's own edge.
        because: for the ranker, the known pairs that its features rest on, as `predict` names them.
        nearest_heads: where `because` can't be told (other models, or another graph than the
            training's), known heads of the tail, those whose neighbours in the graph are the most
            similar to the head's first.
        nearest_tails: likewise, known tails of the head.
        attribution: for a graph neural network, the edges that its score rests on most: what the
            score would lose (to first order) without each. For the ranker, the known pairs, and
            what the score loses without each, in standard deviations of the scores of the head's
            candidates. For an ensemble, those of its heaviest member that has such shares. None
            where there is no rank.
        attribution_unit: of these shares, and by which member of an ensemble.
        counterfactual: for the ranker, the known pair that the hypothesis needs most, if it needs
            one: that without which its rank would be the worst.
    """

    head: str
    head_name: str
    relation: str
    tail: str
    tail_name: str
    score: float | None
    probability: float | None
    rank: int | None
    head_probability: float | None
    head_rank: int | None
    note: str | None
    known: bool
    trained: bool
    status: str
    sources: tuple[str, ...]
    paths: tuple[Path, ...]
    because: tuple[str, ...]
    nearest_heads: tuple[Nearest, ...]
    nearest_tails: tuple[Nearest, ...]
    attribution: tuple[tuple[Step, float], ...]
    attribution_unit: str
    counterfactual: Counterfactual | None

    def to_dict(self) -> dict[str, Any]:
        """The explanation as JSON can hold it."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{self.head_name} ({self.head}) {self.relation} {self.tail_name} ({self.tail}): "
            + (
                self.note
                or f"rank {self.rank:,} among tails{_stated(self.probability)};"
                f" rank {self.head_rank:,} among heads{_stated(self.head_probability)}"
            )
            + f"; {self.status}"
            + (f" ({'; '.join(self.sources)})" if self.sources else "")
            + ("; trained on" if self.trained else "")
            + ("; predict lists it under --known" if self.known or self.trained else "")
        ]
        lines += [f"  {reason}" for reason in self.because]
        for title, nearest in (
            (f"known with {self.tail_name}, most like {self.head_name}", self.nearest_heads),
            (f"known with {self.head_name}, most like {self.tail_name}", self.nearest_tails),
        ):
            if nearest:
                names = ", ".join(f"{n.name} ({n.similarity:.2f})" for n in nearest)
                lines.append(f"  {title}: {names}")
        for step, share in self.attribution:
            edge = f"{step.subject_name} {step.relation} {step.object_name}"
            lines.append(f"  the score rests on {edge} ({share:+.3f} {self.attribution_unit})")
        if (without := self.counterfactual) is not None:
            edge = f"{without.step.subject_name} {without.step.relation} {without.step.object_name}"
            would = (
                "the pair would not be ranked at all"
                if without.rank is None
                else f"the rank would be {without.rank:,} instead of {without.rank_before:,}"
            )
            lines.append(f"  were {edge} false, {would}")
        if self.paths:
            lines.append("  paths of the graph between the two, chosen without the model:")
        for path in self.paths:
            lines.append(f"    {path}")
            for step in path.steps:
                lines += [f"      {step.relation}: {_cite(piece)}" for piece in step.evidence[:1]]
        return "\n".join(lines)


def _stated(probability: float | None) -> str:
    return "" if probability is None else f", probability {probability:.3f}"


def _cite(piece: EdgeEvidence) -> str:
    """A piece of evidence as text: source, document or references, and the sentence."""
    place = piece["document"] or ", ".join(piece["references"] or []) or "no reference"
    quoted = f": “{piece['sentence']}”" if piece["sentence"] else ""
    return f"{piece['source']}, {place}{quoted}"


class Explainer:
    """Paths and nearest known nodes in a graph, for one relation."""

    def __init__(
        self, kg: KnowledgeGraph, edge_type: EdgeType, names: Mapping[str, str] | None = None
    ) -> None:
        """Of a graph, its nodes called by their names or by those given, by identifier."""
        self._kg, self._edge_type = kg, edge_type
        outside = kg.nodes.filter(pl.col("kind").is_in(_EXCLUDED_KINDS))["id"].implode()
        nodes = kg.nodes.select("id").with_row_index("n")
        edges = (
            kg.edges.select("id", "subject", "relation", "object", "probability")
            .filter(~pl.col("subject").is_in(outside), ~pl.col("object").is_in(outside))
            .join(nodes.rename({"id": "subject", "n": "from"}), on="subject")
            .join(nodes.rename({"id": "object", "n": "to"}), on="object")
            .filter(pl.col("from") != pl.col("to"))
            .with_columns(
                weight=pl.col("probability")
                * (pl.len().over("relation", "from") * pl.len().over("relation", "to")).pow(
                    -DAMPING
                )
            )
        )
        self._edges = edges
        start = np.concatenate([edges["from"].to_numpy(), edges["to"].to_numpy()]).astype(np.int64)
        end = np.concatenate([edges["to"].to_numpy(), edges["from"].to_numpy()]).astype(np.int64)
        order = np.argsort(start, kind="stable")
        counts = np.bincount(start, minlength=kg.nodes.height)
        self._begin = np.concatenate([[0], np.cumsum(counts)])
        self._end = end[order]
        self._row = np.tile(np.arange(edges.height), 2)[order]
        self._weight = np.tile(edges["weight"].to_numpy(), 2)[order]
        self._predicted = (edges["relation"] == edge_type[1]).to_numpy()
        self._number = dict(zip(nodes["id"], nodes["n"], strict=True))
        own = zip(kg.nodes["id"], kg.nodes["name"], strict=True)
        self._names = [(names or {}).get(id_, name) for id_, name in own]
        self._expanded: tuple[int, _Walks] | None = None

    def paths(self, head: str, tail: str, most: int = 5) -> list[Path]:
        """The heaviest paths of one to three edges from head to tail, no node twice.

        A path weighs the product over its edges of probability × (degree of its start × degree of
        its end)^-0.4, degrees counted among edges of the same relation, so that paths over
        specific nodes come first. The pair's own edge of the predicted relation is never one.
        """
        source, target = self._number[head], self._number[tail]
        walks = self._walks(source)
        here = slice(self._begin[target], self._begin[target + 1])
        back = dict[int, tuple[float, int]]()
        for node, row, weight in zip(
            self._end[here], self._row[here], self._weight[here], strict=True
        ):
            if node != source and weight > back.get(node, (0.0, 0))[0]:
                back[int(node)] = (float(weight), int(row))

        candidates: list[tuple[float, list[int], list[int]]] = []
        first = (walks.first == target) & ~self._predicted[walks.first_row]
        candidates += [
            (float(walks.first_weight[i]), [target], [int(walks.first_row[i])])
            for i in np.flatnonzero(first)
        ]
        second = walks.through != target
        for i in np.flatnonzero(second & (walks.second == target)):
            rows = [int(walks.rows[0][i]), int(walks.rows[1][i])]
            candidates.append((float(walks.weight[i]), [int(walks.through[i]), target], rows))
        if back:
            reached = np.zeros(len(self._names))
            reached[list(back)] = [weight for weight, _ in back.values()]
            total = walks.weight * reached[walks.second] * second
            for i in np.argsort(-total, kind="stable")[: 4 * most]:
                if total[i] > 0:
                    node = int(walks.second[i])
                    rows = [int(walks.rows[0][i]), int(walks.rows[1][i]), back[node][1]]
                    candidates.append(
                        (float(total[i]), [int(walks.through[i]), node, target], rows)
                    )
        paths: dict[tuple[int, ...], Path] = {}
        for weight, nodes, rows in sorted(candidates, key=lambda entry: (-entry[0], entry[2])):
            if tuple(nodes) not in paths:
                names = (self._names[source], *(self._names[node] for node in nodes))
                steps = tuple(self._step(row) for row in rows)
                paths[tuple(nodes)] = Path(weight, names, steps)
        return list(paths.values())[:most]

    def _walks(self, source: int) -> _Walks:
        """All walks of two edges from a node (cached for the last node)."""
        if self._expanded is None or self._expanded[0] != source:
            here = slice(self._begin[source], self._begin[source + 1])
            first, row, weight = self._end[here], self._row[here], self._weight[here]
            sizes = self._begin[first + 1] - self._begin[first]
            which = np.repeat(np.arange(len(first)), sizes)
            offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            at = self._begin[first][which] + offset
            total = weight[which] * self._weight[at]
            kept = self._end[at] != source
            if kept.sum() > _MOST_WALKS:
                least = np.partition(total[kept], -_MOST_WALKS)[-_MOST_WALKS]
                kept &= total >= least
            which, at, total = which[kept], at[kept], total[kept]
            walks = _Walks(
                first, row, weight, first[which], self._end[at], (row[which], self._row[at]), total
            )
            self._expanded = (source, walks)
        return self._expanded[1]

    def _step(self, row: int) -> Step:
        edge, subject, relation, object_, _, start, end, _ = self._edges.row(row)
        return Step(edge, subject, self._names[start], relation, object_, self._names[end])

    def with_evidence(self, paths: Iterable[Path]) -> list[Path]:
        """The paths with the evidence of each step, the most probable first."""
        paths = list(paths)
        ids = sorted({step.edge for path in paths for step in path.steps})
        evidence = self.evidence(ids)
        return [
            Path(
                path.weight,
                path.nodes,
                tuple(
                    Step(**{**vars(step), "evidence": evidence.get(step.edge, ())})
                    for step in path.steps
                ),
            )
            for path in paths
        ]

    def evidence(self, edges: Sequence[str]) -> dict[str, tuple[EdgeEvidence, ...]]:
        """Up to five pieces of evidence that assert each edge, the most probable first."""
        rows = (
            self._kg.evidence.filter(
                asserts_edge(), pl.col("edge").is_in(list(edges)), pl.col("polarity") == "asserted"
            )
            .sort("probability", "id", descending=[True, False])
            .group_by("edge", maintain_order=True)
            .head(_MOST_EVIDENCE)
            .select("edge", *EdgeEvidence.__annotations__)
        )
        by_edge: dict[str, tuple[EdgeEvidence, ...]] = {}
        for row in rows.iter_rows(named=True):
            edge = row.pop("edge")
            by_edge[edge] = (*by_edge.get(edge, ()), cast(EdgeEvidence, row))
        return by_edge

    def name(self, node: str) -> str:
        """The name of a node of the graph."""
        return str(self._names[self._number[node]])

    def edge_step(self, edge: str) -> Step:
        """An edge by its id."""
        rows = self._edges.select(pl.arg_where(pl.col("id") == edge)).to_series()
        if rows.is_empty():
            raise MissingError(f"the graph has no edge {edge!r}")
        return self._step(int(rows[0]))

    def nearest_heads(self, head: str, known: Sequence[str], most: int = 3) -> list[Nearest]:
        """The known heads whose neighbours in the graph are the most similar to this head's."""
        return self._nearest(self._edge_type[0], self._head_features, head, known, most)

    def nearest_tails(self, tail: str, known: Sequence[str], most: int = 3) -> list[Nearest]:
        """The known tails whose neighbours in the graph are the most similar to this tail's."""
        return self._nearest(self._edge_type[2], self._tail_features, tail, known, most)

    def _nearest(
        self, kind: str, rows: sparse.csr_matrix, node: str, known: Sequence[str], most: int
    ) -> list[Nearest]:
        ids = pl.Series([node, *(other for other in known if other != node)], dtype=pl.String)
        numbers = identifiers(self._kg, self._data, kind).to_frame("id").with_row_index("n")
        n = ids.to_frame("id").join(numbers, on="id", maintain_order="left")["n"].to_numpy()
        similarity = (rows[n[1:]] @ rows[n[0]].T).toarray().ravel()
        return [
            Nearest(ids[int(i) + 1], self._names[self._number[ids[int(i) + 1]]], round(float(s), 4))
            for i in np.argsort(-similarity, kind="stable")[:most]
            if (s := similarity[i]) > 0
        ]

    @cached_property
    def _data(self) -> HeteroData:
        return to_hetero_data(self._kg)

    @cached_property
    def _head_features(self) -> sparse.csr_matrix:
        return neighbour_features(self._data, self._edge_type[0], self._edge_type)

    @cached_property
    def _tail_features(self) -> sparse.csr_matrix:
        return neighbour_features(self._data, self._edge_type[2], self._edge_type)


@dataclass(frozen=True)
class _Walks:
    """Walks of one edge (`first…`) and of two (the rest) from a node, as parallel arrays."""

    first: NDArray[np.int64]
    first_row: NDArray[np.int64]
    first_weight: NDArray[np.float64]
    through: NDArray[np.int64]
    second: NDArray[np.int64]
    rows: tuple[NDArray[np.int64], NDArray[np.int64]]
    weight: NDArray[np.float64]
