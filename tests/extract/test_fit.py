"""Fitting any network: the schedule, clipping, when it stops, and going on after it was cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from medkg.core.errors import ModelError
from medkg.core.tensors import load_tensors, save_tensors
from medkg.extract.fit import (
    FitCheckpoint,
    Recipe,
    fit,
    rate_factor,
)

RECIPE = Recipe(8, 4, 0.1, 0.1, 0.01, 0.1, 0.5, 2)
SETTINGS = {"learning_rate": 0.1, "epochs": 8, "seed": 3}


class Line(nn.Module):
    """A line with dropout before it, so that a training has chance in it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Dropout(0.3), nn.Linear(3, 2))
        self.head = nn.Linear(2, 1)

    def forward(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.head(self.encoder(rows))
        return scores


def batches(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return list(torch.randn(5, 4, 3, generator=generator))


def train(folder: Path, score: Callable[[], float] | None, model: Line | None = None) -> Line:
    model = model or Line()
    network = model

    def loss_of(rows: Tensor) -> Tensor:
        return 1e3 * (network(rows) - rows.sum(1, keepdim=True)).pow(2).mean()

    state = FitCheckpoint(folder, SETTINGS)
    fit(model, model.head.parameters(), batches, loss_of, RECIPE, state, seed=3, score=score)
    return model


def test_the_rate_rises_and_falls_to_nothing() -> None:
    factors = [rate_factor(done, 0.1) for done in (0, 0.05, 0.1, 0.55, 1)]
    assert factors == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_gradients_are_clipped(tmp_path: Path) -> None:
    model = train(tmp_path / "state", None)
    grads = [weights.grad for weights in model.parameters() if weights.grad is not None]
    assert len(grads) == 4
    assert torch.cat([grad.flatten() for grad in grads]).norm() <= RECIPE.clip + 1e-4


def test_it_stops_at_the_end_of_its_patience_and_keeps_the_best(tmp_path: Path) -> None:
    model, seen = Line(), []
    scores = iter([0.0, 0.0, 0.0, 0.2, 0.7, 0.5, 0.6, 0.9])

    def score() -> float:
        seen.append(model.head.weight.detach().clone())
        return next(scores)

    train(tmp_path / "state", score, model)
    # Nothing found yet is no reason to stop; two epochs without a better one than .7 are.
    assert len(seen) == 7
    assert torch.equal(model.head.weight, seen[4])
    assert not torch.equal(model.head.weight, seen[6])


def cut_off(after: int) -> Iterator[float]:
    yield from [0.1 * (n + 1) for n in range(after)]
    raise KeyboardInterrupt


def test_cut_off_it_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    scores = iter([0.1 * (n + 1) for n in range(8)])
    whole = train(tmp_path / "whole", lambda: next(scores))
    few = cut_off(3)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "state", lambda: next(few))
    rest = iter([0.4, 0.5, 0.6, 0.7, 0.8])
    resumed = train(tmp_path / "state", lambda: next(rest))
    assert next(rest, None) is None
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)
    with pytest.raises(ModelError, match="other data or settings"):
        FitCheckpoint(tmp_path / "state", {**SETTINGS, "seed": 4})


def test_a_state_without_its_weights_is_damaged(tmp_path: Path) -> None:
    few = cut_off(3)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "state", lambda: next(few))
    file = tmp_path / "state" / "state.safetensors"
    tensors = load_tensors(file)
    save_tensors({n: t for n, t in tensors.items() if n != "model.head.weight"}, file)
    with pytest.raises(ModelError, match=r"state: the checkpoint is damaged.*remove it"):
        train(tmp_path / "state", None)
