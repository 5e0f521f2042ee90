"""Decoders: how likely a triple is, as a pure function of head, relation and tail.

Every decoder here is linear in each of its three arguments, so that the scores of one head with all
tails are one matrix product: score(h, r, t) = tail_query(h, r) · t = head_query(t, r) · h.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def distmult(head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
    """DistMult: Σ_i h_i r_i t_i.

    Args:
        head, relation, tail: (…, dim), broadcast against each other.

    Returns:
        (…): the scores.

    Source: Yang et al., Embedding Entities and Relations for Learning and Inference in Knowledge
    Bases, ICLR 2015.
    """
    return (head * relation * tail).sum(-1)


def complex_score(head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
    """ComplEx: Re(Σ_i h_i r_i conj(t_i)), which can tell (h, r, t) from (t, r, h).

    Args:
        head, relation, tail: (…, dim) with an even dim; the first half holds the real parts, the
            second the imaginary ones. Broadcast against each other.

    Returns:
        (…): the scores.

    Source: Trouillon et al., Complex Embeddings for Simple Link Prediction, ICML 2016.
    """
    return (_complex_product(head, relation) * tail).sum(-1)


def _complex_product(a: Tensor, b: Tensor) -> Tensor:
    a_re, a_im = a.chunk(2, dim=-1)
    b_re, b_im = b.chunk(2, dim=-1)
    return torch.cat([a_re * b_re - a_im * b_im, a_re * b_im + a_im * b_re], dim=-1)


def _complex_head_query(tail: Tensor, relation: Tensor) -> Tensor:
    # Re(h r conj(t)) = Re(h conj(t conj(r))), and as a real product it is h · (t conj(r)).
    re, im = relation.chunk(2, dim=-1)
    return _complex_product(tail, torch.cat([re, -im], dim=-1))


@dataclass(frozen=True)
class Decoder:
    """A decoder and its two one-sided forms.

    Attributes:
        score: of (head, relation, tail), each (…, dim) → (…).
        tail_query: of (head, relation): what to take the dot product of tails with.
        head_query: of (tail, relation): what to take the dot product of heads with.
    """

    name: str
    score: Callable[[Tensor, Tensor, Tensor], Tensor]
    tail_query: Callable[[Tensor, Tensor], Tensor]
    head_query: Callable[[Tensor, Tensor], Tensor]


DECODERS = {
    decoder.name: decoder
    for decoder in (
        Decoder("distmult", distmult, torch.mul, torch.mul),
        Decoder("complex", complex_score, _complex_product, _complex_head_query),
    )
}
