"""Decoders against their formulas."""

from __future__ import annotations

import pytest
import torch

from medkg.gnn.decoders import (
    complex_score,
    distmult,
    rotate,
    transe,
)


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


def test_transe_by_hand() -> None:
    h, r, t = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0]), torch.tensor([1.0, 5.0])
    assert transe(h, r, t).item() == -5.0
    assert transe(h, r, h + r).item() == 0.0


def test_rotate_against_complex_numbers() -> None:
    torch.manual_seed(0)
    h, t = torch.randn(2, 5, 8)
    phases = torch.randn(5, 4)
    h_complex, t_complex = (torch.complex(*x.chunk(2, dim=-1)) for x in (h, t))
    turned = h_complex * torch.polar(torch.ones(5, 4), phases)
    expected = -(turned - t_complex).abs().square().sum(-1).sqrt()
    rotation = torch.cat([phases.cos(), phases.sin()], dim=-1)
    assert torch.allclose(rotate(h, rotation, t), expected, atol=1e-5)
    # Only the direction of a relation's numbers counts.
    assert torch.allclose(rotate(h, 3 * rotation, t), expected, atol=1e-5)


def test_rotate_twice_by_half_a_turn_leads_back() -> None:
    torch.manual_seed(0)
    h = torch.randn(8)
    half = torch.cat([-torch.ones(4), torch.zeros(4)])
    there = -h
    assert rotate(h, half, there).item() == pytest.approx(0, abs=1e-5)
    assert rotate(there, half, h).item() == pytest.approx(0, abs=1e-5)
