"""Losses for embeddings: how far a true triple's score is from where it should be among others.

A new loss is an entry in `LOSSES`; the contract tests in `tests/contract/test_kge_parts.py` run on
every entry.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

# Of the true triples' scores (n,), the scores (n, m) with other nodes in the answer's place, and
# the margin; an other score of -inf is left out. Gives the mean loss.
Loss = Callable[[Tensor, Tensor, float], Tensor]


def cross_entropy(true: Tensor, others: Tensor, _margin: float) -> Tensor:
    """-log softmax of the true score among itself and the others; the margin is not used.

    Source: Lacroix et al., Canonical Tensor Decomposition for Knowledge Base Completion, ICML 2018
    (over all nodes; over a sample, as in Kotnis and Nastase, 2018).
    """
    return -torch.cat([true[:, None], others], dim=1).log_softmax(1)[:, 0].mean()


def binary(true: Tensor, others: Tensor, margin: float) -> Tensor:
    """Softplus, or binary cross-entropy: the true score plus margin above 0, the others' below.

    Source: Trouillon et al., Complex Embeddings for Simple Link Prediction, ICML 2016.
    """
    return (softplus(-true - margin) + softplus(others + margin).mean(1)).mean() / 2


def margin_ranking(true: Tensor, others: Tensor, margin: float) -> Tensor:
    """max(0, margin + other - true): every other score at least the margin below the true one.

    Source: Bordes et al., Translating Embeddings for Modeling Multi-relational Data, NIPS 2013.
    """
    return torch.relu(others - true[:, None] + margin).mean()


def self_adversarial(true: Tensor, others: Tensor, margin: float) -> Tensor:
    """Binary cross-entropy in which each other counts by its share in the softmax over the others.

    The temperature of that softmax is 1, and no gradient flows through the shares.

    Source: Sun et al., RotatE, ICLR 2019.
    """
    shares = others.detach().softmax(1)
    against = (shares * logsigmoid(-others - margin)).sum(1)
    return -(logsigmoid(true + margin) + against).mean() / 2


LOSSES: dict[str, Loss] = {
    "cross-entropy": cross_entropy,
    "binary": binary,
    "margin": margin_ranking,
    "self-adversarial": self_adversarial,
}
