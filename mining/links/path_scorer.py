"""The model `paths`: candidates scored by the paths that join them to a head (`gnn.path_network`).

It needs no features, and knows nodes by nothing but their edges and, of drugs, how alike their
molecules are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ...core.checkpoint import Stages
from ...core.progress import progress
from ...core.ranking import filtered_ranks
from ...core.sparse import largest_entries
from ...core.tensors import with_prefix, without_prefix
from ...core.threads import one_thread
from ...gnn.data import EdgeType, to_hetero_data
from ...gnn.path_graph import edges_both_ways, shares_of_edges
from ...gnn.path_network import HiddenPairs, PathEdges, PathGraph, PathNetwork
from ...gnn.path_training import train_path_network
from ...gnn.settings import PathSettings
from ...graph.kg import KnowledgeGraph
from .candidate_scores import (
    CandidateScores,
    Floats,
    candidate_scores,
    other_tail_scores,
    scores_from_tensors,
)
from .scorers import FittedScorer
from .similarities import NO_MECHANISM, molecule_similarity
from .task import LinkTask

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

ALIKE = "alike"  # what joins drugs whose molecules are alike, beside the graph's relations
_ALIKE_DRUGS = 12  # at most, of each drug
_LEAST_SIMILARITY = 0.25  # Tanimoto, of drugs that are alike
_KEPT = 1_000  # candidates of a head whose scores are kept
_QUERIES = 16  # heads scored at once


class PathScorer(CandidateScores):
    """Scores of the first candidates of every head: the logarithms of their shares in the softmax
    over all tails.

    A pair that was trained on has the score that it gets where its head's pairs are hidden.

    Args:
        scores, other_tails: see `CandidateScores`.
        network: the weights of the network.
    """

    def __init__(
        self, scores: sparse.csr_matrix, other_tails: Floats, network: Mapping[str, Tensor]
    ):
        super().__init__(scores, other_tails)
        self.network = dict(network)

    def path_network(self, graph: PathGraph) -> PathNetwork:
        """The network, for the graph that it was trained on."""
        layers, _, dim = self.network["relations"].shape
        network = PathNetwork(list(graph.edges), dim, layers)
        network.load_state_dict(self.network)
        return network.eval()

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {**super().tensors(), **with_prefix("network", self.network)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> PathScorer:
        """The scorer that gave these `tensors`."""
        return cls(*scores_from_tensors(tensors), without_prefix("network", tensors))


def fit_paths(
    kg: KnowledgeGraph,
    data: HeteroData,
    task: LinkTask,
    settings: PathSettings,
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    refit: bool = False,
) -> FittedScorer:
    """Train a path network, and score the candidates of every head.

    Args:
        data: the training graph: no validation or test edge is in it.
        settings: what the network is built and trained with.
        device: where the network is trained.
        checkpoint: a folder that the state is kept in, so that training goes on after a kill; the
            caller removes it.
        refit: score by paths over all edges, those held back included, too.
    """
    graph = path_graph(kg, data, task, settings.edges).to(device)
    until_valid = task.matrix("train", "valid")

    def validate(network: PathNetwork) -> float:
        def score(heads: Tensor) -> Tensor:
            return _scores(network, graph, heads)

        queries, answers = task.valid.T
        ranks = filtered_ranks(score, queries, answers, until_valid)
        return float((1 / ranks).mean())

    network, course = train_path_network(
        graph,
        _trained(task),
        validate,
        settings,
        new_heads=task.new_heads,
        seed=seed,
        stages=Stages(
            checkpoint,
            lambda: [kg.checksum(), task.edge_type, task.held_back, asdict(settings), seed],
        ),
    )
    scorer = _scorer(network, graph, task)
    if not refit:
        return FittedScorer(scorer, course)
    whole = task.whole
    all_edges = to_hetero_data(kg, exclude_edges=whole.excluded)
    graph = path_graph(kg, all_edges, whole, settings.edges).to(device)
    refitted = _scorer(network, graph, whole)
    return FittedScorer(scorer.scores_alone(), course, refitted)


def _scorer(network: PathNetwork, graph: PathGraph, task: LinkTask) -> PathScorer:
    """The candidates of every head, scored by the paths of a graph."""
    known = task.matrix("train")
    scores = _candidates(network, graph, known, task)
    degrees = np.diff(known.tocsc().indptr).astype(np.float32)
    weights = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    return PathScorer(scores, other_tail_scores(degrees), weights)


def path_graph(kg: KnowledgeGraph, data: HeteroData, task: LinkTask, most_edges: int) -> PathGraph:
    """The graph that a task's paths are in: its relations, and which drugs' molecules are alike.

    Args:
        kg: is read for structures, and for which relations are symmetric.
        data: the training graph.
        most_edges: of relations beside the predicted one, the smallest first.
    """
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    relations = _relations(data, task.edge_type, most_edges)
    edges = edges_both_ways(kg.schema, data, relations)
    for kind in sorted({task.edge_type[0], task.edge_type[2]}):
        similarity = molecule_similarity(kg, data, kind)
        if similarity is not None:
            nearest = largest_entries(similarity, _ALIKE_DRUGS).tocoo()
            alike = nearest.data > _LEAST_SIMILARITY
            edges[kind, ALIKE, kind] = PathEdges(
                torch.from_numpy(nearest.col[alike].astype(np.int64)),
                torch.from_numpy(nearest.row[alike].astype(np.int64)),
                counts[kind],
                counts[kind],
                torch.from_numpy(nearest.data[alike]),
            )
    return PathGraph(counts, edges, task.edge_type)


def edges_of_paths(
    scorer: PathScorer,
    task: LinkTask,
    graph: PathGraph,
    data: HeteroData,
    head: int,
    tail: int,
) -> dict[int, float]:
    """How much of a pair's score rests on each edge, by its row of the graph's edges.

    Args:
        graph: of the same training, see `path_graph`; `data` is what it was made of.
    """
    heads, tails = data[task.edge_type].edge_index
    gone = torch.zeros(len(heads), dtype=torch.bool)
    if tail in _trained(task)[head].indices:
        # A pair that was trained on has its score by a graph without the pairs of its head.
        gone = heads == head
        if task.symmetric:
            gone = (gone | (tails == head)) & (heads != tails)  # a loop is no pair
    return shares_of_edges(scorer.path_network(graph), graph, data, head, tail, gone)


def _relations(data: HeteroData, predicted: EdgeType, most_edges: int) -> list[EdgeType]:
    """The edge types that paths go over, in the order of their names."""
    others = [
        edge_type
        for edge_type in data.edge_types
        if edge_type != predicted and not {edge_type[0], edge_type[2]} & set(NO_MECHANISM)
    ]
    chosen, total = [predicted], 0
    for edge_type in sorted(others, key=lambda each: (data[each].num_edges, each)):
        total += data[edge_type].num_edges
        if total <= most_edges:
            chosen.append(edge_type)
    return sorted(chosen)


def _trained(task: LinkTask) -> sparse.csr_matrix:
    """The training pairs, (heads, tails)."""
    pairs = task.matrix("train") - task.loops()
    pairs.eliminate_zeros()
    return pairs


@torch.no_grad()
def _scores(
    network: PathNetwork, graph: PathGraph, heads: Tensor, known: sparse.csr_matrix | None = None
) -> Tensor:
    """The logarithms of all tails' shares, (heads, tails), on the CPU.

    Args:
        known: pairs to hide, of each head its own.
    """
    rows = []
    for block in torch.split(heads, _QUERIES):
        hidden = None if known is None else _own_pairs(block, known, graph.device)
        scores = network(graph, block.to(graph.device), hidden)
        rows.append(scores.log_softmax(1).cpu())
    return torch.cat(rows)


def _own_pairs(heads: Tensor, known: sparse.csr_matrix, device: torch.device) -> HiddenPairs:
    pairs = known[heads.numpy()].tocoo()
    queries = torch.from_numpy(pairs.row.astype(np.int64))
    tails = torch.from_numpy(pairs.col.astype(np.int64))
    return HiddenPairs(queries, heads[queries], tails).to(device)


@one_thread()
def _candidates(
    network: PathNetwork, graph: PathGraph, known: sparse.csr_matrix, task: LinkTask
) -> sparse.csr_matrix:
    """The scores that are kept, (heads, tails)."""
    heads, tails, scores = [], [], []
    trained = _trained(task)
    with progress("Scoring by paths", known.shape[0]) as step:
        for block in torch.split(torch.arange(known.shape[0]), _QUERIES):
            rows = _scores(network, graph, block)
            rows[torch.from_numpy(known[block.numpy()].toarray() > 0)] = -torch.inf
            first = rows.topk(min(_KEPT, rows.shape[1]), dim=1)
            some = first.values > -torch.inf
            of_heads = block[:, None].expand_as(some)
            own = trained[block.numpy()].tocoo()
            hidden = _scores(network, graph, block, trained)
            heads += [of_heads[some].numpy(), block.numpy()[own.row]]
            tails += [first.indices[some].numpy(), own.col.astype(np.int64)]
            scores += [first.values[some].numpy(), hidden[own.row, own.col].numpy()]
            step(len(block))
    values = np.concatenate(scores).astype(np.float64)
    return candidate_scores(np.concatenate(heads), np.concatenate(tails), values, known.shape)
