"""Decoders against their formulas, and their one-sided forms against themselves."""

from __future__ import annotations

import pytest
import torch

from medkg.gnn.links.decoders import DECODERS, complex_score, distmult


def test_distmult_by_hand() -> None:
    h, r, t = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0]), torch.tensor([0.5, 4.0])
    assert distmult(h, r, t).item() == 1.5 - 8.0


def test_complex_against_complex_numbers() -> None:
    torch.manual_seed(0)
    h, r, t = torch.randn(3, 5, 8)
    as_complex = [torch.complex(*x.chunk(2, dim=-1)) for x in (h, r, t)]
    expected = (as_complex[0] * as_complex[1] * as_complex[2].conj()).sum(-1).real
    assert torch.allclose(complex_score(h, r, t), expected, atol=1e-5)


def test_complex_tells_the_directions_apart_and_distmult_does_not() -> None:
    torch.manual_seed(0)
    h, r, t = torch.randn(3, 8)
    assert torch.allclose(distmult(h, r, t), distmult(t, r, h))
    assert not torch.allclose(complex_score(h, r, t), complex_score(t, r, h))


@pytest.mark.parametrize("name", DECODERS)
def test_queries_give_the_score(name: str) -> None:
    torch.manual_seed(0)
    decoder = DECODERS[name]
    heads, tails, relation = torch.randn(4, 6), torch.randn(7, 6), torch.randn(6)
    expected = decoder.score(heads[:, None], relation, tails[None])
    assert torch.allclose(decoder.tail_query(heads, relation) @ tails.T, expected, atol=1e-5)
    by_heads = (decoder.head_query(tails, relation) @ heads.T).T
    assert torch.allclose(by_heads, expected, atol=1e-5)
