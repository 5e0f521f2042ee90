"""Fitting a network to the heads' examples: schedule, early stopping, checkpoints."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...graph.atomic import atomic_folder
from ...graph.errors import ModelError
from ...graph.progress import progress
from .network import NerModel

_Text = TypeVar("_Text")


@dataclass(frozen=True)
class Example:
    """A text's tokens with the tags (`crf.encode`) that one head should give them."""

    head: str
    tokens: list[str]
    tags: list[int]


@dataclass(frozen=True)
class Recipe:
    """What differs between the encoders."""

    epochs: int
    batch: int  # tokens, padding included
    learning_rate: float  # of the encoder
    head_rate: float  # of the heads, which nothing has trained before
    weight_decay: float
    warm_up: float  # part of all steps; the rate then falls to zero in a straight line
    clip: float  # norm of the gradient
    patience: int  # epochs without a better judgement before training stops


BILSTM = Recipe(8, 2500, 3e-3, 3e-3, 0.0, 0.04, 5.0, 8)
TRANSFORMER = Recipe(10, 1024, 5e-5, 1e-3, 0.01, 0.1, 1.0, 2)
LORA = Recipe(20, 1024, 5e-4, 1e-3, 0.01, 0.1, 1.0, 3)

# The case reports are few and the only clinical ones: each epoch reads them twice.
_REPEATED = {"maccrobat": 2}


def checksum(data: Any) -> str:
    """Of what JSON can hold, so that a checkpoint is not taken up on other data or settings."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


class Checkpoint:
    """The last whole epoch of a training, in a folder beside the model's."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        self.state: dict[str, Any] | None = None
        if (folder / "state.json").is_file():
            state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            if state["settings"] != settings:
                raise ModelError(
                    f"{folder}: belongs to a training with other data or settings; finish that "
                    "one, or delete the folder"
                )
            self.state = state

    def save(
        self,
        model: NerModel,
        optimizer: torch.optim.Optimizer,
        epoch: int,
        history: list[float],
        best: dict[str, Tensor] | None,
    ) -> None:
        """Write what `restore` reads."""
        with atomic_folder(self.folder, marker="state.json") as draft:
            save_file(model.state_dict(), draft / "model.safetensors")
            slots = optimizer.state_dict()["state"]
            save_file(
                {f"{n}.{name}": value for n, slot in slots.items() for name, value in slot.items()},
                draft / "optimizer.safetensors",
            )
            if best is not None:
                save_file(best, draft / "best.safetensors")
            state: dict[str, Any] = {
                "settings": self.settings,
                "epoch": epoch,
                "history": history,
            }
            text = json.dumps(state, ensure_ascii=False)
            (draft / "state.json").write_text(text, encoding="utf-8")

    def restore(
        self, model: NerModel, optimizer: torch.optim.Optimizer
    ) -> tuple[int, list[float], dict[str, Tensor] | None]:
        """Epochs done, development F1 after each, weights of the best."""
        if self.state is None:
            return 0, [], None
        model.load_state_dict(load_file(self.folder / "model.safetensors"))
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in load_file(self.folder / "optimizer.safetensors").items():
            number, _, name = key.partition(".")
            slots.setdefault(int(number), {})[name] = value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": slots, "param_groups": groups})
        best = self.folder / "best.safetensors"
        return (
            self.state["epoch"],
            self.state["history"],
            load_file(best) if best.is_file() else None,
        )


def fit(
    model: NerModel,
    examples: Mapping[str, Sequence[Example]],
    recipe: Recipe,
    settings: Mapping[str, Any],
    checkpoint: Checkpoint,
    judge: Callable[[], float] | None = None,
    objective: Callable[[NerModel, Sequence[Example]], Tensor] | None = None,
) -> None:
    """Train a model in place: warm-up and straight decline of the rate, clipped gradients.

    Mixed precision (bfloat16) on a GPU. Where there is a `judge`, it says after each epoch how
    good the model is now; training stops when it is at the end of its patience, and the best
    epoch's weights are kept.

    Args:
        settings: `learning_rate`, `epochs` and `seed`; what the checkpoint is known by.
        objective: the loss of a batch of one corpus, summed over its texts; None: the negative log
            likelihood of the corpus' tags.
    """
    objective = _likelihood if objective is None else objective
    encoder_rate, epochs = settings["learning_rate"], settings["epochs"]
    encoder = [weights for weights in model.encoder.parameters() if weights.requires_grad]
    heads = [*model.scores.parameters(), *model.crfs.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": encoder, "lr": encoder_rate}, {"params": heads, "lr": recipe.head_rate}],
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    rates = [group["lr"] for group in optimizer.param_groups]
    done, history, best = checkpoint.restore(model, optimizer)
    place = next(model.parameters()).device
    with progress("Training", epochs) as advance:
        advance(done)
        for epoch in range(done, epochs):
            if _stalled(history, recipe.patience):
                break
            # All chance of an epoch follows from seed and epoch: resuming changes nothing.
            torch.manual_seed(settings["seed"] * 1000 + epoch + 1)
            batches = _batches(examples, recipe.batch, settings["seed"] * 1000 + epoch)
            model.train()
            total = 0.0
            for number, batch in enumerate(batches):
                part = (epoch + number / len(batches)) / epochs
                factor = rate_factor(part, recipe.warm_up)
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * factor
                with torch.autocast("cuda", torch.bfloat16, enabled=place.type == "cuda"):
                    loss = objective(model, batch)
                # Per 25 tokens, a sentence or so: the scale on which gradients are clipped.
                loss = 25 * loss / sum(len(e.tokens) for e in batch)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
                optimizer.step()
                total += loss.item()
                advance(1 / len(batches), f"epoch {epoch + 1}, loss {total / (number + 1):.3f}")
            if judge is not None:
                history.append(judge())
                if history[-1] == max(history):
                    best = {name: value.clone() for name, value in model.state_dict().items()}
            checkpoint.save(model, optimizer, epoch + 1, history, best)
    if best is not None:
        model.load_state_dict(best)


def _stalled(history: list[float], patience: int) -> bool:
    best = max(history[:-patience], default=0.0)
    # While nothing is found at all, training has not got going yet.
    return 0 < best >= max(history[-patience:])


def _likelihood(model: NerModel, batch: Sequence[Example]) -> Tensor:
    return model.loss([e.tokens for e in batch], [e.tags for e in batch], batch[0].head)


def rate_factor(done: float, warm_up: float) -> float:
    """What the highest learning rate is multiplied by when the part `done` of all steps is."""
    return min(done / warm_up, (1 - done) / (1 - warm_up))


def by_length(
    texts: Sequence[_Text], length: Callable[[_Text], int], most: int, generator: random.Random
) -> list[list[_Text]]:
    """Batches of at most `most` tokens, padding included, of texts about equally long."""
    lengths = [length(text) * generator.uniform(0.85, 1.15) for text in texts]
    batches: list[list[_Text]] = []
    batch: list[_Text] = []
    longest = 0
    for n in sorted(range(len(texts)), key=lengths.__getitem__):
        longest = max(longest, length(texts[n]))
        if batch and longest * (len(batch) + 1) > most:
            batches.append(batch)
            batch, longest = [], length(texts[n])
        batch.append(texts[n])
    return [*batches, batch] if batch else batches


def _batches(
    examples: Mapping[str, Sequence[Example]], most: int, seed: int
) -> list[list[Example]]:
    """Batches of one corpus each, in random order."""
    generator = random.Random(seed)
    batches = [
        batch
        for name, part in examples.items()
        for _ in range(_REPEATED.get(name, 1))
        for batch in by_length(part, lambda example: len(example.tokens), most, generator)
    ]
    generator.shuffle(batches)
    return batches
