"""Fit a network to the task of one relation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from ...core.ranking import filtered_ranks
from ...gnn.network import LinkNetwork
from ...gnn.settings import NetworkSettings
from ...gnn.training import NetworkTraining, train_network
from ...gnn.vectors import Vectors
from .task import LinkTask


def fit_link_network(
    data: HeteroData,
    task: LinkTask,
    settings: NetworkSettings,
    *,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    watch: Callable[[float], None] = lambda _: None,
) -> tuple[Vectors, NetworkTraining]:
    """Train a network for a task; its validation edges say when to stop.

    Args:
        data: the graph without the edges held back.
        settings: with the `context` that messages go over, see `context_of`.
        checkpoint: see `train_network`.
        watch: called with each validation MRR (tails ranked among all that are not known).

    Returns:
        The scorer, and the course of training.
    """
    until_valid = task.matrix("train", "valid")

    def validate(network: LinkNetwork, vectors: Mapping[str, Tensor]) -> float:
        scorer = _scorer(network, vectors)
        queries, answers = task.valid.T
        ranks = filtered_ranks(scorer.score_tails, queries, answers, until_valid)
        mrr = float((1 / ranks).mean())
        watch(mrr)
        return mrr

    network, vectors, course = train_network(
        data,
        task.edge_type,
        task.matrix("train"),
        settings,
        validate,
        seed=seed,
        device=device,
        checkpoint=checkpoint,
        identity=json.dumps(task.held_back, sort_keys=True),
    )
    return _scorer(network, vectors), course


def _scorer(network: LinkNetwork, vectors: Mapping[str, Tensor]) -> Vectors:
    head_kind, _, tail_kind = network.edge_type
    weights = {n: w.detach().cpu() for n, w in network.state_dict().items()}
    return Vectors(
        network.decoder.name,
        vectors[head_kind].detach().cpu(),
        vectors[tail_kind].detach().cpu(),
        network.relation().detach().cpu(),
        weights if network.depth else {},
    )
