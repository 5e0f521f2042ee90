"""What every loss and every negative sampler must do: a new entry is done when these pass."""

from __future__ import annotations

import pytest
import torch

from medkg.gnn.losses import LOSSES
from medkg.gnn.negatives import SAMPLERS, Pool


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    loss = LOSSES[name]
    true, others = torch.tensor([0.5, -0.2]), torch.tensor([[0.4, -1.0], [0.1, 0.3]])
    true.requires_grad_()
    others.requires_grad_()
    value = loss(true, others, 2.0)
    assert value.shape == ()
    for_true, for_others = torch.autograd.grad(value, (true, others))
    # Descending raises what is true and lowers the rest.
    assert (for_true < 0).all()
    assert (for_others > 0).all()
    # A mean: the same triples twice make no difference.
    twice = loss(true.repeat(2), others.repeat(2, 1), 2.0)
    assert twice.item() == pytest.approx(value.item(), rel=1e-5)
    # Perfect scores cost next to nothing.
    best = loss(torch.full((2,), 50.0), torch.full((2, 2), -50.0), 1.0)
    assert best.item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_left_out_of_a_loss_has_no_part_in_it(name: str) -> None:
    true = torch.tensor([0.5, -0.2], requires_grad=True)
    others = torch.tensor([[0.4, -torch.inf], [0.1, 0.3]], requires_grad=True)
    value = LOSSES[name](true, others, 1.0)
    assert torch.isfinite(value)
    for gradient in torch.autograd.grad(value, (true, others)):
        assert torch.isfinite(gradient).all()
    masked = torch.autograd.grad(LOSSES[name](true, others, 1.0), others)[0][0, 1]
    assert masked == 0


def pool() -> Pool:
    answers = torch.tensor([30] * 50 + [31] * 5 + [45])
    return Pool.of(answers, 30, 50, 100)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name: str) -> None:
    sampler = SAMPLERS[name]
    drawn = [sampler.draw(pool(), 8, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    for nodes in drawn:
        assert nodes.dtype == torch.int64
        assert torch.equal(nodes, torch.unique(nodes))
        assert 0 < len(nodes) <= (20 if name == "all" else 8)
        assert nodes.min() >= 0
        assert nodes.max() < 100
    if name not in ("uniform", "mixed"):
        assert all(((nodes >= 30) & (nodes < 50)).all() for nodes in drawn)
    # Asked for more than there are: each of the kind once.
    many = sampler.draw(pool(), 1_000, torch.Generator().manual_seed(0))
    assert set(range(30, 50)) <= set(many.tolist())
