"""Embeddings of a whole graph: one vector a node, trained on the triples of all relations.

They rank tails and heads for every relation of the graph at once; `medkg.mining.links.train` trains
for one relation, with the graph's neighbourhoods and features, and is better there.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from ...core.atomic import check_replaceable
from ...core.errors import DataError, MissingError, ModelError
from ...core.model_folder import (
    CONFIG,
    ModelFolder,
    open_model,
    save_model,
)
from ...core.progress import progress
from ...core.ranking import filtered_ranks, pair_matrix, summarise
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import training_graph_record
from ..data import EdgeType, identifiers, to_hetero_data, vocabulary
from ..settings import EmbeddingSettings, with_options
from ..training import device_of
from .training import Embeddings, Triples, train

KIND = "embeddings"
_LOOK = 2_000  # validation triples that a look during training ranks, at most


def triples_of(data: HeteroData) -> tuple[Triples, list[EdgeType]]:
    """A graph's edges as triples: every edge type (kind, relation, kind) is a relation.

    Edges of a symmetric relation within a kind are there in one direction, as in the graph.

    Returns:
        The triples, and the edge types in the order of their numbers. Node i of the k-th kind has
        the number `starts[k] + i`.
    """
    kinds = sorted(data.node_types)
    starts = np.cumsum([0, *(data[kind].num_nodes for kind in kinds)]).astype(np.int64)
    first = dict(zip(kinds, starts.tolist(), strict=False))
    types: list[EdgeType] = sorted(data.edge_types)
    parts = []
    for number, edge_type in enumerate(types):
        heads, tails = data[edge_type].edge_index.numpy()
        relation = np.full(len(heads), number)
        parts.append(
            np.stack([heads + first[edge_type[0]], relation, tails + first[edge_type[2]]], axis=1)
        )
    edges = np.concatenate(parts) if parts else np.empty((0, 3), dtype=np.int64)
    joined = np.array([[kinds.index(t[0]), kinds.index(t[2])] for t in types], dtype=np.int64)
    return Triples(edges.astype(np.int64), starts, joined.reshape(-1, 2)), types


# Of a relation's number, a side (0: tails are ranked, 1: heads), the first and last (exclusive)
# number of the candidates, and nodes (n,): scores (n, candidates).
SideScore = Callable[[int, int, int, int, Tensor], Tensor]


def triple_ranks(
    embeddings: Embeddings,
    edges: NDArray[np.int64],
    known: Triples,
    *,
    typed: bool = True,
    keep: Path | None = None,
    step: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Filtered ranks of triples, both sides; see `filtered_ranks`.

    Args:
        edges: (n, 3): head, relation, tail.
        known: the triples known to be true, which are left out of the rankings.
        typed: rank among the nodes of the answer's kind; else among all nodes.
        keep: a folder to keep finished ranks in, so that a killed ranking goes on; removed at the
            end.
        step: called with the number of ranks that were finished.

    Returns:
        (n, 2): the rank of the tail among tails, and of the head among heads.
    """

    def score(relation: int, side: int, first: int, last: int, rows: Tensor) -> Tensor:
        score_side = embeddings.score_heads if side else embeddings.score_tails
        return score_side(rows, relation, first, last)

    identity = "" if keep is None else _identity(embeddings)
    return _side_ranks(score, edges, known, typed, keep, identity, step)


def degree_ranks(
    edges: NDArray[np.int64], learned: Triples, known: Triples, *, typed: bool = True
) -> NDArray[np.float64]:
    """As `triple_ranks`, with the number of a candidate's learned triples as its score."""

    def score(relation: int, side: int, first: int, last: int, rows: Tensor) -> Tensor:
        answers = learned.pairs(relation)[:, 1 - side]
        degrees = np.bincount(answers, minlength=int(learned.starts[-1]))[first:last]
        return torch.from_numpy(degrees).expand(len(rows), -1)

    return _side_ranks(score, edges, known, typed)


def _side_ranks(
    score: SideScore,
    edges: NDArray[np.int64],
    known: Triples,
    typed: bool,
    keep: Path | None = None,
    identity: str = "",
    step: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    ranks = np.empty((len(edges), 2))
    n_nodes = int(known.starts[-1])
    for relation in np.unique(edges[:, 1]).tolist():
        here = np.flatnonzero(edges[:, 1] == relation)
        pairs = known.pairs(relation)
        for side in (0, 1):
            queries, answers = edges[here][:, [0, 2] if side == 0 else [2, 0]].T
            first, last = known.span(relation, 1 - side) if typed else (0, n_nodes)
            true = np.stack([pairs[:, side], pairs[:, 1 - side] - first], axis=1)
            ranks[here, side] = filtered_ranks(
                partial(score, relation, side, first, last),
                queries,
                answers - first,
                pair_matrix(true, (n_nodes, last - first)),
                keep=None if keep is None else keep / f"{relation}-{side}",
                identity=identity,
            )
            if step is not None:
                step(len(here))
    if keep is not None:
        shutil.rmtree(keep, ignore_errors=True)
    return ranks


def _identity(embeddings: Embeddings) -> str:
    digest = hashlib.sha256(f"{embeddings.decoder} {embeddings.reciprocal}".encode())
    for table in (embeddings.nodes, embeddings.relations):
        digest.update(table.cpu().numpy().tobytes())
    return digest.hexdigest()


class EmbeddingModel:
    """Embeddings of a graph with what is needed to ask them.

    Attributes:
        embeddings: the vectors.
        types: edge types in the order of their numbers.
        vocabulary: the nodes' identifiers by kind.
        metrics: held-out figures, with the degree baseline's beside them.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        types: list[EdgeType],
        vocabulary: Mapping[str, list[str]],
        settings: EmbeddingSettings,
        seed: int,
        metrics: Mapping[str, Any],
        held_back: list[str],
        record: Mapping[str, Any],
    ):
        self.embeddings, self.types, self.vocabulary = embeddings, types, vocabulary
        self.settings, self.seed, self.metrics = settings, seed, metrics
        self.held_back, self.record = held_back, record

    def predict(
        self,
        kg: KnowledgeGraph,
        relation: str,
        *,
        head: str | None = None,
        tail: str | None = None,
        top: int = 20,
    ) -> pl.DataFrame:
        """The tails of a head, or the heads of a tail, that score best and that the graph does not
        hold.

        Args:
            kg: the graph that says what is known.
            relation: a relation that the model was trained on.
            head, tail: one of them, an identifier or a name.

        Returns:
            Columns head, relation, tail, name (of the answer), score (not a probability; higher is
            better) and rank. Where a relation joins several pairs of kinds, the answers are those
            of the pairs that the given node's kind is in, each with ranks of its own.

        Raises:
            MissingError: no such relation or entity, or one that the model has not seen.
        """
        given = head if head is not None else tail
        if given is None or (head is not None and tail is not None):
            raise MissingError("give either a head or a tail to predict for: one of the two")
        end = 0 if head is not None else 2
        types = [t for t in self.types if t[1] == relation]
        if not types:
            there = ", ".join(sorted({t[1] for t in self.types}))
            raise MissingError(f"the model has no relation {relation!r}; it has {there}")
        found = kg.resolve(given)
        kind = kg.nodes.filter(id=found)["kind"].item()
        frames = []
        for edge_type in types:
            if edge_type[end] == kind:
                frames.append(self._answers(kg, edge_type, end, found, top))
        if not frames:
            raise MissingError(f"{relation} has no {('head', '', 'tail')[end]} of kind {kind}")
        return pl.concat(frames)

    def _answers(
        self, kg: KnowledgeGraph, edge_type: EdgeType, end: int, node: str, top: int
    ) -> pl.DataFrame:
        kinds = sorted(self.vocabulary)
        starts = np.cumsum([0, *(len(self.vocabulary[kind]) for kind in kinds)])
        own, other = edge_type[end], edge_type[2 - end]
        try:
            number = self.vocabulary[own].index(node) + int(starts[kinds.index(own)])
        except ValueError as error:
            raise MissingError(
                f"the model has not seen {node}: it was not in the graph that it was trained on"
            ) from error
        first = int(starts[kinds.index(other)])
        answers = self.vocabulary[other]
        score = self.embeddings.score_tails if end == 0 else self.embeddings.score_heads
        numbers = torch.tensor([number])
        scores = score(numbers, self.types.index(edge_type), first, first + len(answers))[0]
        asked, answer = ("subject", "object") if end == 0 else ("object", "subject")
        edges = kg.edges.filter(relation=edge_type[1])
        known = set(edges.filter(pl.col(asked) == node)[answer])
        if own == other and kg.schema.relation(edge_type[1]).symmetric:
            known |= set(edges.filter(pl.col(answer) == node)[asked])
        known |= {node}
        order = [i for i in scores.argsort(descending=True).tolist() if answers[i] not in known]
        order = order[:top]
        names = dict(kg.nodes.filter(kind=other).select("id", "name").iter_rows())
        ids = [answers[i] for i in order]
        return pl.DataFrame(
            {
                "head": [node] * len(ids) if end == 0 else ids,
                "relation": [edge_type[1]] * len(ids),
                "tail": ids if end == 0 else [node] * len(ids),
                "name": [names.get(i) for i in ids],
                "score": scores[order].double().numpy(),
                "rank": np.arange(1, len(ids) + 1),
            },
            schema_overrides={"head": pl.String, "tail": pl.String, "name": pl.String},
        )

    def save(self, path: Path | str) -> None:
        """Write the model to a folder.

        Raises:
            DataError: `path` is a file, or a folder that is no model folder.
        """
        save_model(
            path,
            ModelFolder(
                kind=KIND,
                settings={
                    "embeddings": self.settings.to_dict(),
                    "types": [list(edge_type) for edge_type in self.types],
                },
                seed=self.seed,
                metrics=self.metrics,
                split={"valid": self.held_back},
                graph=self.record,
                vocabulary=self.vocabulary,
                tensors={"nodes": self.embeddings.nodes, "relations": self.embeddings.relations},
                card=self.card(),
            ),
        )

    def card(self) -> str:
        """The model card, Markdown."""
        course = self.metrics["training"]
        lines = [
            f"# Embeddings: {self.settings.decoder}",
            "",
            f"{len(self.embeddings.nodes):,} nodes, {len(self.types)} edge types; dimension"
            f" {self.settings.dim}, seed {self.seed}; loss {self.settings.loss}, negatives"
            f" {self.settings.sampler}, learning rate {self.settings.learning_rate}. Vectors of"
            f" epoch {course['best_epoch']} of {course['epochs']}.",
            "",
            f"## Filtered ranks of {self.metrics['valid']['n']:,} triples held back, both sides",
            "",
            "Training was stopped by these triples. Candidates are the nodes of the answer's kind;"
            " ties count half; 95 % intervals by bootstrap over queries.",
            "",
            "| | MRR | Hits@1 | Hits@10 |",
            "|---|---|---|---|",
        ]
        for name, part in (("this model", "valid"), ("degree", "degree")):
            figures = self.metrics[part]
            cells = [
                f"{figures[f]:.3f} ({figures[f'{f}_interval'][0]:.3f}"
                f"–{figures[f'{f}_interval'][1]:.3f})"
                for f in ("mrr", "hits@1", "hits@10")
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines += ["", "| edges held back | n | MRR |", "|---|---|---|"]
        lines += [
            f"| {name} | {part['n']:,} | {part['mrr']:.3f} |"
            for name, part in self.metrics["by_relation"].items()
        ]
        lines += [
            "",
            "Scores are no probabilities. Not for decisions about patients.",
            "",
            "## Sources of the graph",
            "",
            *(f"- {s['name']} {s['release']}: {s['licence']}" for s in self.record["sources"]),
        ]
        return "\n".join(lines) + "\n"


def load_embeddings(path: Path | str) -> EmbeddingModel:
    """Read the folder of a model that `train_embeddings` saved.

    Raises:
        ModelError: no model folder, a damaged one, or one of another version or kind.
    """
    folder = open_model(path, KIND)
    try:
        settings = with_options(EmbeddingSettings(), folder.settings["embeddings"])
        types = [(head, relation, tail) for head, relation, tail in folder.settings["types"]]
        embeddings = Embeddings(
            settings.decoder,
            folder.tensors["nodes"],
            folder.tensors["relations"],
            settings.reciprocal,
        )
        held_back = folder.split["valid"]
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: lacks {error}; train the model anew") from error
    except DataError as error:
        raise ModelError(f"{path}: {error}; train the model anew") from error
    return EmbeddingModel(
        embeddings,
        types,
        folder.vocabulary,
        settings,
        folder.seed,
        folder.metrics,
        held_back,
        folder.graph,
    )


def train_embeddings(
    kg: KnowledgeGraph,
    settings: EmbeddingSettings | None = None,
    *,
    held_back: Iterable[str] | float = 0.01,
    seed: int = 0,
    out: Path | str | None = None,
    graph_path: Path | str | None = None,
    device: str = "cpu",
) -> EmbeddingModel:
    """Train embeddings of all relations of a graph, and rank the triples held back.

    Args:
        held_back: ids of the edges to hold back for validation, or a random share of all edges.
        out: a folder to save the model in. State is kept beside it while training, so that the same
            call goes on after a kill.
        graph_path: where the graph is saved, recorded in the model's folder.

    Raises:
        DataError: too few edges, ids that are no edges, or `out` holds something else.
        ModelError: the device can't be used here.
    """
    settings = settings or EmbeddingSettings()
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG, kind=KIND)
    back = _held_back_edges(kg, held_back, seed)
    data = to_hetero_data(kg)
    whole, types = triples_of(data)
    valid = pl.concat([identifiers(kg, data, t) for t in types]).is_in(back).to_numpy()
    learned = Triples(_both_ways(kg, whole.edges[~valid], types), whole.starts, whole.kinds)
    known = Triples(_both_ways(kg, whole.edges, types), whole.starts, whole.kinds)
    edges = whole.edges[valid]
    some = np.random.default_rng(seed).permutation(len(edges))[:_LOOK]

    def validate(embeddings: Embeddings) -> float:
        return float((1 / triple_ranks(embeddings, edges[some], known)).mean())

    embeddings, course = train(
        learned,
        settings,
        validate,
        seed=seed,
        device=device_of(device),
        checkpoint=None if out is None else Path(f"{out}.checkpoint"),
    )
    keep = None if out is None else Path(f"{out}.ranks")
    with progress("Ranking", 2 * len(edges)) as step:
        ranks = triple_ranks(embeddings, edges, known, keep=keep, step=step)
    metrics = {
        "training": course,
        "valid": _summary(ranks, edges),
        "degree": _summary(degree_ranks(edges, learned, known), edges),
        "by_relation": _by_relation(ranks, edges, types),
    }
    model = EmbeddingModel(
        embeddings,
        types,
        vocabulary(kg),
        settings,
        seed,
        metrics,
        back,
        training_graph_record(kg, graph_path),
    )
    if out is not None:
        model.save(out)
    return model


def _held_back_edges(kg: KnowledgeGraph, held_back: Iterable[str] | float, seed: int) -> list[str]:
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


def _by_relation(
    ranks: NDArray[np.float64], edges: NDArray[np.int64], types: Sequence[EdgeType]
) -> dict[str, dict[str, float]]:
    """How many edges each type has, and the MRR over both sides, by the type's name."""
    by_relation: dict[str, dict[str, float]] = {}
    for relation in np.unique(edges[:, 1]).tolist():
        own = edges[:, 1] == relation
        mrr = round(float((1 / ranks[own]).mean()), 4)
        by_relation["-".join(types[relation])] = {"n": int(own.sum()), "mrr": mrr}
    return by_relation


def _summary(ranks: NDArray[np.float64], edges: NDArray[np.int64]) -> dict[str, Any]:
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
