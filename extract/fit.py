"""Fitting a network: schedule of the rate, clipping, early stopping, checkpoints."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..core.checkpoint import Checkpoint
from ..core.errors import ModelError
from ..core.progress import progress
from ..core.tensors import with_prefix, without_prefix

_Batch = TypeVar("_Batch")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained."""

    epochs: int
    batch: int  # tokens with padding (mentions), or pairs (relations)
    learning_rate: float  # of the encoder
    head_rate: float  # of the heads, which nothing has trained before
    weight_decay: float
    warm_up: float  # part of all steps; the rate then falls to zero in a straight line
    clip: float  # norm of the gradient
    patience: int  # epochs without a better score before training stops


def checksum(data: Any) -> str:
    """Of what JSON can hold, so that a checkpoint is not taken up on other data or settings."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


class FitCheckpoint:
    """The last whole epoch of a training, in a folder beside the model's.

    Raises:
        ModelError: the folder holds that of a training with other data or settings, or is damaged.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self._checkpoint = Checkpoint(folder, checksum(settings))
        if self._checkpoint.is_of_another():
            raise ModelError(
                f"{folder}: belongs to a training with other data or settings; finish that "
                "one, or delete the folder"
            )

    def save(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        epoch: int,
        history: list[float],
        best: dict[str, Tensor] | None,
    ) -> None:
        """Write what `restore` reads."""
        tensors = with_prefix("model", model.state_dict())
        for number, slot in optimizer.state_dict()["state"].items():
            tensors |= with_prefix(f"optimizer.{number}", slot)
        if best is not None:
            tensors |= with_prefix("best", best)
        self._checkpoint.write(tensors, {"epoch": epoch, "history": history})

    def restore(
        self, model: nn.Module, optimizer: torch.optim.Optimizer
    ) -> tuple[int, list[float], dict[str, Tensor] | None]:
        """Epochs done, the score after each, weights of the best.

        Raises:
            ModelError: the state is damaged.
        """
        state = self._checkpoint.read()
        if state is None:
            return 0, [], None
        with self._checkpoint.restoring():
            model.load_state_dict(without_prefix("model", state.tensors))
            slots: dict[int, dict[str, Tensor]] = {}
            for key, value in without_prefix("optimizer", state.tensors).items():
                number, _, name = key.partition(".")
                slots.setdefault(int(number), {})[name] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": slots, "param_groups": groups})
            best = without_prefix("best", state.tensors)
            return state.numbers["epoch"], state.numbers["history"], best or None


def fit(
    model: nn.Module,
    heads: Iterable[nn.Parameter],
    batches: Callable[[int], Sequence[_Batch]],
    loss_of: Callable[[_Batch], Tensor],
    recipe: Recipe,
    checkpoint: FitCheckpoint,
    *,
    seed: int,
    score: Callable[[], float] | None = None,
) -> None:
    """Train a model in place: warm-up and straight decline of the rate, clipped gradients.

    Mixed precision (bfloat16) on a GPU. Where there is a `score`, it measures the model after each
    epoch (higher is better); training stops when it is at the end of its patience, and the best
    epoch's weights are kept.

    Args:
        model: has an `encoder`; of its weights those that require a gradient are trained.
        heads: the weights on top of the encoder that are trained with it.
        batches: of an epoch, in order, as many in every epoch; follow from the number given.
        loss_of: of a batch, a scalar.
        seed: of all chance.
    """
    encoder = [weights for weights in model.encoder.parameters() if weights.requires_grad]  # type: ignore[union-attr]  # to mypy a Module or a Tensor
    steps = _Steps(encoder, list(heads), recipe)
    done, history, best = checkpoint.restore(model, steps.optimizer)
    device = next(model.parameters()).device
    with progress("Training", recipe.epochs) as advance:
        advance(done)
        for epoch in range(done, recipe.epochs):
            if _stalled(history, recipe.patience):
                break
            # All chance of an epoch follows from seed and epoch: resuming changes nothing.
            torch.manual_seed(seed * 1000 + epoch + 1)
            of_epoch = batches(seed * 1000 + epoch)
            model.train()
            total = 0.0
            for number, batch in enumerate(of_epoch):
                with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
                    loss = loss_of(batch)
                steps.step(loss, (epoch + number / len(of_epoch)) / recipe.epochs)
                total += loss.item()
                advance(1 / len(of_epoch), f"epoch {epoch + 1}, loss {total / (number + 1):.3f}")
            if score is not None:
                history.append(score())
                if history[-1] == max(history):
                    best = {name: value.clone() for name, value in model.state_dict().items()}
            checkpoint.save(model, steps.optimizer, epoch + 1, history, best)
    if best is not None:
        model.load_state_dict(best)


class _Steps:
    """Steps of AdamW, the rates of encoder and heads by the recipe, gradients clipped."""

    def __init__(
        self, encoder: list[nn.Parameter], heads: list[nn.Parameter], recipe: Recipe
    ) -> None:
        self.recipe = recipe
        self.weights = [*encoder, *heads]
        self.rates = [recipe.learning_rate, recipe.head_rate]
        groups = zip((encoder, heads), self.rates, strict=True)
        self.optimizer = torch.optim.AdamW(
            [{"params": weights, "lr": rate} for weights, rate in groups],
            weight_decay=recipe.weight_decay,
            fused=True,
        )

    def step(self, loss: Tensor, done: float) -> None:
        """Take a step down a loss; `done` is the part of all steps before it."""
        factor = rate_factor(done, self.recipe.warm_up)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(self.weights, self.recipe.clip)
        self.optimizer.step()


def _stalled(history: list[float], patience: int) -> bool:
    best = max(history[:-patience], default=0.0)
    # While nothing is found at all, training has not got going yet.
    return 0 < best >= max(history[-patience:])


def rate_factor(done: float, warm_up: float) -> float:
    """What the highest learning rate is multiplied by when the part `done` of all steps is."""
    return min(done / warm_up, (1 - done) / (1 - warm_up))


def check_rate(learning_rate: float | None) -> None:
    """Raise `ModelError` where a learning rate is given that is not above 0."""
    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise ModelError(f"a learning rate is above 0, not {learning_rate}")
