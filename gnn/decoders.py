"""Decoders: the score of a triple, as a pure function of head, relation and tail.

Every decoder moves one end of the triple by the relation and compares where it arrives with the
other end, so that the scores of many queries with many candidates are one matrix product:

    score(h, r, t) = match(tail_query(h, r), t) = match(head_query(t, r), h)

Heads, relations and tails are real vectors of one length. Where the formula has complex numbers the
first half of a vector holds the real parts, the second half the imaginary ones.

A new decoder is an entry in `DECODERS`, with a function for its score; the contract tests in
`tests/contract/test_decoders.py` run on every entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.linalg import vecdot

_TINY = 1e-12  # keeps the gradient of a root finite at zero


def distmult(head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
    """DistMult: Σ_i h_i r_i t_i.

    Args:
        head, relation, tail: (…, dim), broadcast against each other.

    Returns:
        (…): the scores.

    Source: Yang et al., Embedding Entities and Relations for Learning and Inference in Knowledge
    Bases, ICLR 2015.
    """
    return _dot_of_pairs(head * relation, tail)


def complex_score(head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
    """ComplEx: Re(Σ_i h_i r_i conj(t_i)), which can tell (h, r, t) from (t, r, h).

    Args:
        head, relation, tail: (…, dim) with an even dim: dim / 2 complex numbers. Broadcast against
            each other.

    Returns:
        (…): the scores.

    Source: Trouillon et al., Complex Embeddings for Simple Link Prediction, ICML 2016.
    """
    return _dot_of_pairs(_complex_product(head, relation), tail)


def transe(head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
    """TransE: -‖h + r - t‖, with the Euclidean (L2) norm.

    Args:
        head, relation, tail: (…, dim), broadcast against each other.

    Returns:
        (…): the scores, never above 0.

    Source: Bordes et al., Translating Embeddings for Modeling Multi-relational Data, NIPS 2013.
    """
    return _negative_distance_of_pairs(head + relation, tail)


def rotate(head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
    """RotatE: -‖h ∘ r - t‖, where each r_i is a rotation: a complex number of modulus 1.

    The norm is the Euclidean one, the root of Σ_i |h_i r_i - t_i|² (the authors' own code sums the
    moduli). Relations are given as any complex numbers and divided by their moduli here.

    Args:
        head, relation, tail: (…, dim) with an even dim: dim / 2 complex numbers. Broadcast against
            each other.

    Returns:
        (…): the scores, never above 0.

    Source: Sun et al., RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space,
    ICLR 2019.
    """
    return _negative_distance_of_pairs(_complex_product(head, _rotation(relation)), tail)


@dataclass(frozen=True)
class Decoder:
    """A decoder and its one-sided forms.

    Attributes:
        name: by which settings choose it.
        score: of (head, relation, tail), each (…, dim) → (…).
        tail_query: of (head, relation) → (…, dim): what tails are to match.
        head_query: of (tail, relation) → (…, dim): what heads are to match.
        match: of queries (n, dim) and candidates (m, dim) → (n, m): all scores, by matrix product.
        match_pairs: of queries (…, dim) and candidates (…, dim) → (…): of each query with the
            candidate in its place.
        identity: of dim → (dim,): the relation whose queries are the nodes' own vectors;
            relations start from it.
        complex: whether vectors are of complex numbers, so that dim has to be even.
        distance: whether scores are minus distances, not products.
    """

    name: str
    score: Callable[[Tensor, Tensor, Tensor], Tensor]
    tail_query: Callable[[Tensor, Tensor], Tensor]
    head_query: Callable[[Tensor, Tensor], Tensor]
    match: Callable[[Tensor, Tensor], Tensor]
    match_pairs: Callable[[Tensor, Tensor], Tensor]
    identity: Callable[[int], Tensor]
    complex: bool = False
    distance: bool = False

    def score_tails(self, heads: Tensor, relation: Tensor, tails: Tensor) -> Tensor:
        """Scores of heads (n, dim) by a relation (dim,) or (n, dim) with tails (m, dim): (n, m)."""
        return self.match(self.tail_query(heads, relation), tails)

    def score_heads(self, tails: Tensor, relation: Tensor, heads: Tensor) -> Tensor:
        """Scores of tails (n, dim) by a relation (dim,) or (n, dim) with heads (m, dim): (n, m)."""
        return self.match(self.head_query(tails, relation), heads)


def _dot(queries: Tensor, candidates: Tensor) -> Tensor:
    return queries @ candidates.T


def _dot_of_pairs(queries: Tensor, candidates: Tensor) -> Tensor:
    return (queries * candidates).sum(-1)


class _NegativeDistance(torch.autograd.Function):
    """Minus the distances of all queries (n, dim) from all candidates (m, dim), shape (n, m).

    ‖a - b‖² = ‖a‖² + ‖b‖² - 2 a·b: a matrix product instead of n × m differences, and two more for
    the gradient, where autograd of the single operations takes a dozen passes.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, candidates: Tensor) -> Tensor:
        lengths = vecdot(queries, queries)[:, None] + vecdot(candidates, candidates)
        squares = torch.addmm(lengths, queries, candidates.T, alpha=-2.0)
        distances = squares.clamp_min(_TINY).sqrt()
        ctx.save_for_backward(queries, candidates, distances)
        return -distances

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        queries, candidates, distances = ctx.saved_tensors
        # The gradient of -‖a - b‖ by a is -(a - b) / ‖a - b‖, and zero where the two are equal.
        weights = (gradient / distances).masked_fill(distances <= _TINY**0.5, 0.0)
        by_query, by_candidate = weights.sum(1).unsqueeze(1), weights.sum(0).unsqueeze(1)
        return (
            torch.addmm(queries * by_query, weights, candidates, beta=-1.0),
            torch.addmm(candidates * by_candidate, weights.T, queries, beta=-1.0),
        )


def _negative_distance(queries: Tensor, candidates: Tensor) -> Tensor:
    scores: Tensor = _NegativeDistance.apply(queries, candidates)  # type: ignore[no-untyped-call]
    return scores


def _negative_distance_of_pairs(queries: Tensor, candidates: Tensor) -> Tensor:
    distance: Tensor = torch.linalg.vector_norm(queries - candidates, dim=-1)
    return -distance


def _complex_product(a: Tensor, b: Tensor) -> Tensor:
    a_re, a_im = a.chunk(2, dim=-1)
    b_re, b_im = b.chunk(2, dim=-1)
    return torch.cat([a_re * b_re - a_im * b_im, a_re * b_im + a_im * b_re], dim=-1)


def _conjugate(a: Tensor) -> Tensor:
    re, im = a.chunk(2, dim=-1)
    return torch.cat([re, -im], dim=-1)


def _rotation(relation: Tensor) -> Tensor:
    re, im = relation.chunk(2, dim=-1)
    scale = (re * re + im * im + _TINY).rsqrt()
    return torch.cat([re * scale, im * scale], dim=-1)


def _complex_ones(dim: int) -> Tensor:
    return torch.cat([torch.ones(dim // 2), torch.zeros(dim // 2)])


DECODERS = {
    decoder.name: decoder
    for decoder in (
        Decoder("distmult", distmult, torch.mul, torch.mul, _dot, _dot_of_pairs, torch.ones),
        Decoder(
            "complex",
            complex_score,
            _complex_product,
            # Re(h r conj(t)) = Re(h conj(t conj(r))), and as a real product it is h · (t conj(r)).
            lambda tail, relation: _complex_product(tail, _conjugate(relation)),
            _dot,
            _dot_of_pairs,
            _complex_ones,
            complex=True,
        ),
        Decoder(
            "transe",
            transe,
            torch.add,
            torch.sub,
            _negative_distance,
            _negative_distance_of_pairs,
            torch.zeros,
            distance=True,
        ),
        Decoder(
            "rotate",
            rotate,
            lambda head, relation: _complex_product(head, _rotation(relation)),
            # A rotation keeps lengths and is undone by its conjugate.
            lambda tail, relation: _complex_product(tail, _conjugate(_rotation(relation))),
            _negative_distance,
            _negative_distance_of_pairs,
            _complex_ones,
            complex=True,
            distance=True,
        ),
    )
}
