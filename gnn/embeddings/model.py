"""Embeddings of a whole graph: one vector a node, trained on the triples of all relations.

They rank tails and heads for every relation of the graph at once; `medkg.mining.links.train` trains
for one relation, with the graph's neighbourhoods and features, and is better there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from ...core.atomic import check_replaceable
from ...core.checkpoint import remove_checkpoints
from ...core.errors import DataError, MissingError, ModelError
from ...core.model_folder import (
    CONFIG,
    ModelFolder,
    open_model,
    save_model,
)
from ...core.progress import progress
from ...core.ranking import RankFigures, summarise
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import GraphRecord, training_graph_record
from .. import parallel
from ..data import EdgeType, identifiers, to_hetero_data, vocabulary
from ..options import with_options
from ..settings import EmbeddingSettings
from ..training import device_of
from .ranking import degree_ranks, triple_ranks, triples_of
from .training import Embeddings, EmbeddingTraining, Triples, train

KIND = "embeddings"
_VALIDATED = 2_000  # the most validation triples that are ranked during training


class RelationFigures(TypedDict):
    """How many held-back edges an edge type has, and their MRR over both sides."""

    n: int
    mrr: float


class EmbeddingMetrics(TypedDict):
    """The figures of embeddings on the triples held back, both sides.

    Attributes:
        training: the course of training.
        valid, degree: filtered ranks of the model, and of the degree baseline.
        by_relation: by edge type, as `Drug-TARGETS-Target`.
    """

    training: EmbeddingTraining
    valid: RankFigures
    degree: RankFigures
    by_relation: dict[str, RelationFigures]


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
        metrics: EmbeddingMetrics,
        held_back: list[str],
        record: GraphRecord,
    ):
        self.embeddings, self.types, self.vocabulary = embeddings, types, vocabulary
        self.settings, self.seed, self.metrics = settings, seed, metrics
        self.held_back, self.record = held_back, record

    def vectors(self, nodes: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of these nodes, (nodes, dim), by identifier.

        Raises:
            MissingError: a node that the model has not seen.
        """
        ordered = (node for kind in sorted(self.vocabulary) for node in self.vocabulary[kind])
        numbers = {node: n for n, node in enumerate(ordered)}
        if unseen := [node for node in nodes if node not in numbers]:
            raise MissingError(f"the model has not seen {len(unseen)} nodes, as {unseen[0]}")
        rows = [numbers[node] for node in nodes]
        return np.asarray(self.embeddings.nodes.cpu()[rows], dtype=np.float32)

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
        query = head if head is not None else tail
        if query is None or (head is not None and tail is not None):
            raise MissingError("give either a head or a tail to predict for: one of the two")
        end = 0 if head is not None else 2
        types = [t for t in self.types if t[1] == relation]
        if not types:
            there = ", ".join(sorted({t[1] for t in self.types}))
            raise MissingError(f"the model has no relation {relation!r}; it has {there}")
        node = kg.resolve(query)
        kind = kg.nodes.filter(id=node)["kind"].item()
        frames = []
        for edge_type in types:
            if edge_type[end] == kind:
                frames.append(self._answers(kg, edge_type, end, node, top))
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
        query_end, answer_end = ("subject", "object") if end == 0 else ("object", "subject")
        edges = kg.edges.filter(relation=edge_type[1])
        known = set(edges.filter(pl.col(query_end) == node)[answer_end])
        if own == other and kg.schema.relation(edge_type[1]).symmetric:
            known |= set(edges.filter(pl.col(answer_end) == node)[query_end])
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
        metrics = self.metrics
        for name, figures in (("this model", metrics["valid"]), ("degree", metrics["degree"])):
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
        cast(EmbeddingMetrics, folder.metrics),
        held_back,
        cast(GraphRecord, folder.graph),
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

    Under torchrun the processes share each batch, and the first writes the model.

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
    task = _TripleTask.of(kg, _held_back_edges(kg, held_back, seed))
    some = np.random.default_rng(seed).permutation(len(task.valid))[:_VALIDATED]

    def validate(embeddings: Embeddings) -> float:
        return float((1 / triple_ranks(embeddings, task.valid[some], task.known)).mean())

    checkpoint = None if out is None else Path(f"{out}.checkpoint")
    embeddings, course = train(
        task.training,
        settings,
        validate,
        seed=seed,
        device=device_of(device),
        checkpoint=checkpoint,
    )
    writes = out is not None and parallel.rank() == 0
    metrics = _metrics(embeddings, task, course, Path(f"{out}.ranks") if writes else None)
    model = EmbeddingModel(
        embeddings,
        task.types,
        vocabulary(kg),
        settings,
        seed,
        metrics,
        task.held_back,
        training_graph_record(kg, graph_path),
    )
    if out is not None and parallel.rank() == 0:
        model.save(out)
        remove_checkpoints(checkpoint)
    return model


@dataclass(frozen=True)
class _TripleTask:
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
    def of(cls, kg: KnowledgeGraph, held_back: list[str]) -> _TripleTask:
        """The task of a graph's triples, of which these edges are held back."""
        data = to_hetero_data(kg)
        whole, types = triples_of(data)
        valid = pl.concat([identifiers(kg, data, t) for t in types]).is_in(held_back).to_numpy()
        training, known = (
            Triples(_both_ways(kg, edges, types), whole.starts, whole.kinds)
            for edges in (whole.edges[~valid], whole.edges)
        )
        return cls(types, training, known, whole.edges[valid], held_back)


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


def _metrics(
    embeddings: Embeddings, task: _TripleTask, course: EmbeddingTraining, keep: Path | None
) -> EmbeddingMetrics:
    """Rank the triples held back; see `triple_ranks` for `keep`."""
    with progress("Ranking", 2 * len(task.valid)) as step:
        ranks = triple_ranks(embeddings, task.valid, task.known, keep=keep, step=step)
    baseline_ranks = degree_ranks(task.valid, task.training, task.known)
    return {
        "training": course,
        "valid": _summary(ranks, task.valid),
        "degree": _summary(baseline_ranks, task.valid),
        "by_relation": _by_relation(ranks, task.valid, task.types),
    }


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
