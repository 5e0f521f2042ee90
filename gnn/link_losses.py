"""The losses of a link network's training: of the predicted relation, and of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from scipy import sparse
from torch import Tensor

from .data import EdgeType
from .losses import LOSSES
from .network import LinkNetwork
from .settings import NetworkSettings
from .training_steps import TrainingGraph, TrainingStep

_CONTEXT_SAMPLE = 512  # edges of each other relation, and negative samples, in a step


def link_loss(
    network: LinkNetwork,
    vectors: Mapping[str, Tensor],
    step: TrainingStep,
    graph: TrainingGraph,
    settings: NetworkSettings,
) -> Tensor:
    """The loss of a step's edges: of their tails for the heads, and of their heads for the tails.

    Args:
        vectors: of the step's nodes by kind, (nodes, dim).
    """
    head_kind, _, tail_kind = network.edge_type
    relation, decoder = network.relation(), network.decoder

    def head(numbers: Tensor) -> Tensor:
        return vectors[head_kind][step.places(head_kind, numbers)]

    def tail(numbers: Tensor) -> Tensor:
        return vectors[tail_kind][step.places(tail_kind, numbers)]

    for_tails = _ranking_loss(
        lambda queries, pool: decoder.score_tails(head(queries), relation, tail(pool)),
        step.learned,
        step.tails,
        graph.known[0],
        settings,
    )
    for_heads = _ranking_loss(
        lambda queries, pool: decoder.score_heads(tail(queries), relation, head(pool)),
        step.learned.flip(0),
        step.heads,
        graph.known[1],
        settings,
    )
    loss = (1 - settings.head_weight) * for_tails + settings.head_weight * for_heads
    if settings.n3:
        ends = (head(step.learned[0]), tail(step.learned[1]))
        loss = loss + settings.n3 * sum((x.abs() ** 3).sum(1).mean() for x in ends)
    return loss


def _ranking_loss(
    score: Callable[[Tensor, Tensor], Tensor],
    learned: Tensor,
    candidates: Tensor,
    known: sparse.csr_matrix,
    settings: NetworkSettings,
) -> Tensor:
    """Mean over pairs (query, answer) of the loss of the answer among candidates, filtered."""
    of_pairs, answers = learned
    queries, row = torch.unique(of_pairs, return_inverse=True)
    scores = score(queries, candidates)
    true = scores[row, torch.searchsorted(candidates, answers)]
    rows, cells = known[queries.cpu().numpy()][:, candidates.cpu().numpy()].nonzero()
    scores = scores.index_put(
        tuple(torch.from_numpy(x).long().to(scores.device) for x in (rows, cells)),
        scores.new_tensor(-torch.inf),
    )
    if settings.loss == "cross-entropy":
        # Of the others it needs their sum alone: one number a query instead of a row an edge.
        scores = scores.logsumexp(1, keepdim=True)
    return LOSSES[settings.loss](true, scores[row], settings.margin)


def context_loss(
    network: LinkNetwork,
    vectors: Mapping[str, Tensor],
    edges: Mapping[EdgeType, Tensor],
    settings: NetworkSettings,
    generator: torch.Generator,
) -> Tensor:
    """The loss of the other relations' edges, which a lookup learns, too: of a sample, with
    negative samples at both ends."""
    losses = []
    for edge_type in settings.context:
        head_kind, _, tail_kind = edge_type
        n_edges = edges[edge_type].shape[1]
        rows = torch.randint(n_edges, (min(n_edges, _CONTEXT_SAMPLE),), generator=generator)
        heads, tails = edges[edge_type][:, rows.to(edges[edge_type].device)]
        relation = network.relation(edge_type)
        h, t = vectors[head_kind][heads], vectors[tail_kind][tails]
        true = network.decoder.score(h, relation, t)
        for query, pool in (
            (network.decoder.tail_query(h, relation), tail_kind),
            (network.decoder.head_query(t, relation), head_kind),
        ):
            drawn = torch.randint(len(vectors[pool]), (_CONTEXT_SAMPLE,), generator=generator)
            others = network.decoder.match(query, vectors[pool][drawn.to(true.device)])
            losses.append(LOSSES[settings.loss](true, others, settings.margin))
    return torch.stack(losses).mean() if losses else torch.zeros(())
