"""A path network of all relations: training, the figures, the folder, and what it answers.

It learns how paths of a graph tell what is missing, and knows no node by itself: it answers for
nodes, and for whole graphs, that training never saw, as long as their relations are those that it
was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...core.atomic import check_replaceable
from ...core.checkpoint import Stages, remove_checkpoints
from ...core.errors import DataError, MissingError, ModelError
from ...core.model_folder import CONFIG, ModelFolder, open_model, save_model
from ...core.progress import progress
from ...core.ranking import pair_matrix
from ...core.tensors import tensors_checksum
from ...core.threads import one_thread
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import GraphRecord, training_graph_record
from .. import parallel
from ..data import EdgeType, to_hetero_data, vocabulary
from ..embeddings.ranking import side_ranks
from ..message_edges import INVERSE, MessageType, no_sparse_warning
from ..options import with_options
from ..path_graph import edges_both_ways, shares_by_edge
from ..path_network import HiddenPairs, PathGraph, attribute_to_messages, inverse_of
from ..path_training import PathTraining, train_on_queries
from ..settings import RelationPathSettings
from ..training import device_of
from ..triple_answers import best_answers, node_number, resolved_end
from ..triple_task import TripleMetrics, TripleTask, figures_in_markdown, held_back_edges
from .network import RelationPathNetwork
from .training import RelationQueries

KIND = "relation-paths"
_VALIDATED = 300  # the most validation triples that are ranked after an epoch


class RelationPathModel:
    """A path network with what is needed to ask it.

    Attributes:
        network: its weights are on the CPU.
        types: the message types that it knows, in the order of its weights.
        metrics: held-out figures, with the degree baseline's beside them.
        held_back: ids of the edges that training did not see.
    """

    def __init__(
        self,
        network: RelationPathNetwork,
        types: list[MessageType],
        settings: RelationPathSettings,
        seed: int,
        metrics: TripleMetrics,
        held_back: list[str],
        record: GraphRecord,
    ):
        self.network, self.types, self.settings = network, types, settings
        self.seed, self.metrics, self.held_back, self.record = seed, metrics, held_back, record
        self._read: tuple[KnowledgeGraph, PathGraph] | None = None

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
            kg: the graph whose paths are read: the one of the training, or another with its
                relations.
            relation: a relation that the model was trained on.
            head, tail: one of them, an identifier or a name.

        Returns:
            Columns head, relation, tail, name (of the answer), score (not a probability; higher is
            better) and rank. Where a relation joins several pairs of kinds, the answers are those
            of the pairs that the given node's kind is in, each with ranks of its own.

        Raises:
            MissingError: no such relation or entity, or a relation that the model does not know.
        """
        graph = self._graph_of(kg)
        types = [each for each in graph.edges if not each[1].endswith(INVERSE)]

        @torch.no_grad()
        def scores(edge_type: EdgeType, end: int, number: int) -> Tensor:
            asked_for = graph.asking(_asked_for(edge_type, end // 2, graph.edges))
            with no_sparse_warning():
                return cast(Tensor, self.network(asked_for, torch.tensor([number]))[0])

        return best_answers(
            kg, types, vocabulary(kg), scores, relation, head=head, tail=tail, top=top
        )

    def explain(
        self, kg: KnowledgeGraph, head: str, relation: str, tail: str, *, top: int = 10
    ) -> pl.DataFrame:
        """The edges that the score of a tail rests on: integrated gradients, sixteen passes.

        Where the graph holds the pair its own edge is hidden first.

        Returns:
            Columns edge, subject, relation, object (names) and share: what the score would lose
            without it, about; the largest first. The edge's id leads to its evidence.

        Raises:
            MissingError: no such entity, or no such relation between the two.
        """
        graph = self._graph_of(kg)
        (first, of_head), (second, of_tail) = (
            resolved_end(kg, self.types, relation, end, text)
            for end, text in ((0, head), (2, tail))
        )
        edge_type = of_head, relation, of_tail
        if edge_type not in graph.edges:
            raise MissingError(f"the model knows no {' '.join(edge_type)}")
        nodes = vocabulary(kg)
        numbers = [node_number(nodes, of_head, first), node_number(nodes, of_tail, second)]
        query, one = torch.tensor([0]), torch.tensor(numbers)
        edges = kg.edges.filter(relation=relation, subject=first, object=second)
        if inverse_of(edge_type) not in graph.edges:  # symmetric: it may be there the other way
            back = kg.edges.filter(relation=relation, subject=second, object=first)
            edges = pl.concat([edges, back])
        hidden = None if edges.is_empty() else HiddenPairs(query, one[:1], one[1:])
        with no_sparse_warning():
            shares = attribute_to_messages(
                self.network, graph.asking(edge_type), numbers[0], numbers[1], hidden
            )
        by_edge = shares_by_edge(shares, to_hetero_data(kg))
        own = pl.col("id").is_in(edges["id"].implode())
        for row in kg.edges.select(pl.arg_where(own)).to_series():
            by_edge.pop(row, None)  # what is said of a hidden pair's own messages means nothing
        largest = sorted(by_edge, key=lambda row: -abs(by_edge[row]))[:top]
        names = dict(kg.nodes.select("id", "name").iter_rows())
        return kg.edges[largest].select(
            pl.col("id").alias("edge"),
            pl.col("subject").replace_strict(names),
            "relation",
            pl.col("object").replace_strict(names),
            pl.Series("share", [by_edge[row] for row in largest], dtype=pl.Float64),
        )

    def _graph_of(self, kg: KnowledgeGraph) -> PathGraph:
        """What the network reads of a graph; kept until another is asked about."""
        if self._read is None or self._read[0] is not kg:
            whole = path_graph(kg)
            edges = {each: whole.edges[each] for each in self.types if each in whole.edges}
            if not edges:
                raise MissingError("the graph has none of the relations that the model knows")
            self._read = kg, PathGraph(whole.counts, edges, next(iter(edges)))
        return self._read[1]

    def save(self, path: Path | str) -> None:
        """Write the model to a folder.

        Raises:
            DataError: `path` is a file, or a folder that is no model folder.
        """
        save_model(
            path,
            ModelFolder(
                kind=KIND,
                settings={"paths": self.settings.to_dict(), "types": [*map(list, self.types)]},
                seed=self.seed,
                metrics=self.metrics,
                split={"valid": self.held_back},
                graph=self.record,
                vocabulary={},
                tensors=self.network.state_dict(),
                card=self.card(),
            ),
        )

    def card(self) -> str:
        """The model card, Markdown."""
        course, n = self.metrics["training"], sum(map(torch.numel, self.network.parameters()))
        lines = [
            "# Path network of all relations",
            "",
            f"{len(self.types)} message types, {n:,} weights; {self.settings.layers} layers of"
            f" {self.settings.dim} numbers a node, seed {self.seed}. Weights of epoch"
            f" {course['best_epoch']} of {self.settings.epochs}. It has no vectors of nodes.",
            "",
            *figures_in_markdown(self.metrics),
            "",
            "Scores are no probabilities. Not for decisions about patients.",
            "",
            "## Sources of the graph",
            "",
            *(f"- {s['name']} {s['release']}: {s['licence']}" for s in self.record["sources"]),
        ]
        return "\n".join(lines) + "\n"


def load_relation_paths(path: Path | str) -> RelationPathModel:
    """Read the folder of a model that `train_relation_paths` saved.

    Raises:
        ModelError: no model folder, a damaged one, or one of another version or kind.
    """
    folder = open_model(path, KIND)
    try:
        settings = with_options(RelationPathSettings(), folder.settings["paths"])
        types = [(sender, name, receiver) for sender, name, receiver in folder.settings["types"]]
        network = RelationPathNetwork(types, settings.dim, settings.layers)
        network.load_state_dict(folder.tensors)
        held_back = folder.split["valid"]
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ModelError(f"{path}: lacks {error}; train the model anew") from error
    except DataError as error:
        raise ModelError(f"{path}: {error}; train the model anew") from error
    return RelationPathModel(
        network.eval(),
        types,
        settings,
        folder.seed,
        cast(TripleMetrics, folder.metrics),
        held_back,
        cast(GraphRecord, folder.graph),
    )


def train_relation_paths(
    kg: KnowledgeGraph,
    settings: RelationPathSettings | None = None,
    *,
    held_back: Iterable[str] | float = 0.01,
    seed: int = 0,
    out: Path | str | None = None,
    graph_path: Path | str | None = None,
    device: str = "cpu",
) -> RelationPathModel:
    """Train a path network of all relations of a graph, and rank the triples held back.

    Args:
        held_back: ids of the edges to hold back for validation, or a random share of all edges.
        out: a folder to save the model in. State is kept beside it while training, so that the same
            call goes on after a kill.
        graph_path: where the graph is saved, recorded in the model's folder.

    Raises:
        DataError: too few edges, ids that are no edges, or `out` holds something else.
        ModelError: the device can't be used here, or several processes were started (torchrun).
    """
    if parallel.size() > 1:
        raise ModelError("one process trains a path network: start it without torchrun")
    settings = settings or RelationPathSettings()
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG, kind=KIND)
    task = TripleTask.of(kg, held_back_edges(kg, held_back, seed))
    checkpoint = None if out is None else Path(f"{out}.checkpoint")
    stages = Stages(checkpoint, lambda: [kg.checksum(), task.held_back, asdict(settings), seed])
    with no_sparse_warning():
        graph = path_graph(kg, task.held_back).to(device_of(device))
        network, course = _train(graph, task, settings, seed, stages)
        every, keep = np.arange(len(task.valid)), None if out is None else Path(f"{out}.ranks")
        with progress("Ranking", 2 * len(every)) as step:
            ranks = _ranks(network, graph, task, every, settings.heads, keep, step)
    model = RelationPathModel(
        network.cpu(),
        list(graph.edges),
        settings,
        seed,
        task.metrics(ranks, course),
        task.held_back,
        training_graph_record(kg, graph_path),
    )
    if out is not None:
        model.save(out)
        remove_checkpoints(checkpoint)
    return model


def path_graph(kg: KnowledgeGraph, without: Iterable[str] = ()) -> PathGraph:
    """What a network reads of a graph: all of its edges but those with these ids.

    Raises:
        MissingError: there are none.
    """
    data = to_hetero_data(kg, exclude_edges=without)
    edges = edges_both_ways(
        data, sorted(data.edge_types), lambda relation: kg.schema.relation(relation).symmetric
    )
    if not edges:
        raise MissingError("the graph has no edges that paths could go over")
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    return PathGraph(counts, edges, next(iter(edges)))


def _train(
    graph: PathGraph, task: TripleTask, settings: RelationPathSettings, seed: int, stages: Stages
) -> tuple[RelationPathNetwork, PathTraining]:
    torch.manual_seed(seed)
    network = RelationPathNetwork(list(graph.edges), settings.dim, settings.layers)
    network = network.to(graph.device)
    some = np.random.default_rng(seed).permutation(len(task.valid))[:_VALIDATED]

    def validate() -> float:
        return float((1 / _ranks(network, graph, task, some, settings.heads)).mean())

    queries = RelationQueries(graph, _pairs(task, graph), settings.heads)
    course = train_on_queries(network, queries, validate, settings, seed=seed, stages=stages)
    return network, course


def _asked_for(edge_type: EdgeType, side: int, types: Container[MessageType]) -> MessageType:
    """The message type that leads from the given end (0: head, 1: tail) to the other.

    Of a symmetric relation that is its own name both ways.
    """
    inverse = inverse_of(edge_type)
    return inverse if side and inverse in types else edge_type


def _pairs(task: TripleTask, graph: PathGraph) -> dict[MessageType, sparse.csr_matrix]:
    """The known pairs by message type, (senders, receivers)."""
    pairs = {}
    for number, edge_type in enumerate(task.types):
        firsts = task.training.span(number, 0)[0], task.training.span(number, 1)[0]
        known = task.training.pairs(number) - np.array(firsts)
        if not len(known):
            continue
        shape = graph.counts[edge_type[0]], graph.counts[edge_type[2]]
        pairs[edge_type] = pair_matrix(known, shape)
        if (inverse := inverse_of(edge_type)) in graph.edges:
            pairs[inverse] = pair_matrix(known[:, ::-1], shape[::-1])
    return pairs


@one_thread()
@torch.no_grad()
def _ranks(
    network: RelationPathNetwork,
    graph: PathGraph,
    task: TripleTask,
    rows: NDArray[np.int64],
    together: int,
    keep: Path | None = None,
    step: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Filtered ranks of some of the triples held back, both sides, (rows, 2).

    Args:
        together: heads scored at once.
        keep, step: see `triple_ranks`.
    """

    def score(relation: int, side: int, first: int, last: int, nodes: Tensor) -> Tensor:  # noqa: ARG001  # all of the kind
        asked_for = _asked_for(task.types[relation], side, graph.edges)
        queries = graph.asking(asked_for)
        heads = (nodes - task.known.span(relation, side)[0]).to(graph.device)
        scored = [network(queries, block) for block in torch.split(heads, together)]
        return torch.cat(scored).cpu()

    identity = "" if keep is None else tensors_checksum(network.state_dict())
    return side_ranks(score, task.valid[rows], task.known, keep=keep, identity=identity, step=step)
