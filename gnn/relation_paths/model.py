"""A path network of all relations: training, the figures, the folder, and what it answers.

It learns how paths of a graph tell what is missing, and knows no node by itself: it answers for
nodes, and for whole graphs, that training never saw, as long as their relations are those that it
was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

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
from ..message_edges import INVERSE, MessageType, no_sparse_warning
from ..options import with_options
from ..path_graph import edges_both_ways, shares_of_edges
from ..path_network import PathEdges, PathGraph, inverse_of
from ..path_training import PathTraining, train_on_queries
from ..settings import RelationPathSettings
from ..training import device_of
from ..triple_answers import best_answers, resolved_end
from ..triple_task import (
    TripleMetrics,
    TripleTask,
    end_of_card,
    figures_in_markdown,
    held_back_edges,
)
from ..triples import side_ranks
from .network import RelationPathNetwork
from .training import RelationQueries

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

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
        self._last: tuple[KnowledgeGraph, PathGraph, HeteroData] | None = None

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
            DataError: `top` is less than 1.
            MissingError: no such relation or entity, or a relation that the model does not know.
        """
        graph, _ = self._read(kg)
        nodes = vocabulary(kg)

        @torch.no_grad()
        def scores(edge_type: EdgeType, side: int, node: str) -> Tensor:
            asked_for = graph.asking(_asked_for(edge_type, side, self.types))
            number = nodes[edge_type[2 * side]].index(node)
            with no_sparse_warning():
                return cast(Tensor, self.network(asked_for, torch.tensor([number]))[0])

        types = [each for each in graph.edges if not each[1].endswith(INVERSE)]
        return best_answers(kg, types, nodes, scores, relation, head=head, tail=tail, top=top)

    def explain(
        self, kg: KnowledgeGraph, head: str, relation: str, tail: str, *, top: int = 10
    ) -> pl.DataFrame:
        """The edges that the score of a tail rests on most: integrated gradients, sixteen passes.

        Where the graph holds the pair its own edge is hidden first.

        Returns:
            Columns edge, subject, relation, object (names) and share, the largest first: what the
            messages over the edge add to the score, in its units; edges that add nothing, or speak
            against the pair, are left out. The edge's id leads to its evidence.

        Raises:
            MissingError: no such entity, or no such relation between the two.
        """
        graph, data = self._read(kg)
        known = [each for each in graph.edges if not each[1].endswith(INVERSE)]
        first, of_head = resolved_end(kg, known, relation, 0, head)
        second, of_tail = resolved_end(kg, known, relation, 1, tail)
        edge_type = of_head, relation, of_tail
        if edge_type not in graph.edges:
            there = ", ".join(each[1] for each in known if each[::2] == (of_head, of_tail))
            raise MissingError(
                f"the model knows no {' '.join(edge_type)}; between these kinds it knows"
                f" {there or 'nothing'}"
            )
        nodes = vocabulary(kg)
        numbers = nodes[of_head].index(first), nodes[of_tail].index(second)
        asked_for = graph.asking(edge_type)
        gone = torch.zeros(0, dtype=torch.bool)
        if edge_type in data.edge_types:
            head_number, tail_number = numbers
            heads, tails = data[edge_type].edge_index
            gone = (heads == head_number) & (tails == tail_number)
            if asked_for.symmetric:  # it may be there the other way
                gone |= (heads == tail_number) & (tails == head_number)
        shares = shares_of_edges(self.network, asked_for, data, *numbers, gone)
        by_edge = {row: share for row, share in shares.items() if share > 0}
        largest = sorted(by_edge, key=lambda row: -by_edge[row])[:top]
        names = dict(kg.nodes.select("id", "name").iter_rows())
        return kg.edges[largest].select(
            pl.col("id").alias("edge"),
            pl.col("subject").replace_strict(names),
            "relation",
            pl.col("object").replace_strict(names),
            pl.Series("share", [by_edge[row] for row in largest], dtype=pl.Float64),
        )

    def _read(self, kg: KnowledgeGraph) -> tuple[PathGraph, HeteroData]:
        """What the network reads of a graph, and what that was made of; kept for the last one.

        Of relations that the model knows and the graph has no edge of there are none: they can be
        asked for.
        """
        if self._last is not None and self._last[0] is kg:
            return self._last[1:]
        data = to_hetero_data(kg)
        whole = path_graph(kg, data)
        none = torch.empty(0, dtype=torch.int64)
        edges = {
            each: whole.edges.get(each)
            or PathEdges(none, none, whole.counts[each[0]], whole.counts[each[2]])
            for each in self.types
            if {each[0], each[2]} <= whole.counts.keys()
        }
        if not edges:
            raise MissingError("the graph has none of the kinds of nodes that the model knows")
        self._last = kg, PathGraph(whole.counts, edges, next(iter(edges))), data
        return self._last[1:]

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
            *figures_in_markdown(
                self.metrics, f"The epoch was chosen by {_VALIDATED} of these triples at most."
            ),
            *end_of_card(self.record),
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
    except RuntimeError as error:
        message = f"{path}: its weights don't fit its settings; train the model anew"
        raise ModelError(message) from error
    except (KeyError, ValueError, TypeError) as error:
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
        data = to_hetero_data(kg, exclude_edges=task.held_back)
        graph = path_graph(kg, data).to(device_of(device))
        network, course = _train(graph, task, settings, seed, stages)
        every = np.arange(len(task.valid))
        keep = None if out is None else Path(f"{out}.ranks")
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


def path_graph(kg: KnowledgeGraph, data: HeteroData) -> PathGraph:
    """What a network reads of a graph: all edges of `data`, which was made of it.

    Raises:
        DataError: there are none.
    """
    edges = edges_both_ways(kg.schema, data, sorted(data.edge_types))
    if not edges:
        raise DataError("no edge is left that paths could go over; load a larger graph")
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
    """The message type that leads from a side of an edge type (0: head, 1: tail) to the other.

    Of a symmetric relation, which has no inverse among `types`, that is its own both ways.
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

    def score(relation: int, side: int, first: int, last: int, nodes: Tensor) -> Tensor:
        edge_type = task.types[relation]
        if edge_type not in graph.edges:  # all of its edges are held back: nothing is known of it
            return torch.zeros(len(nodes), last - first)
        queries = graph.asking(_asked_for(edge_type, side, graph.edges))
        heads = (nodes - task.known.span(relation, side)[0]).to(graph.device)
        scored = [network(queries, block) for block in torch.split(heads, together)]
        return torch.cat(scored).cpu()

    identity = "" if keep is None else tensors_checksum(network.state_dict())
    return side_ranks(score, task.valid[rows], task.known, keep=keep, identity=identity, step=step)
