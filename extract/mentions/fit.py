"""Fitting a recogniser's network to the heads' examples."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

from ..fit import FitCheckpoint, Recipe, fit
from .network import NerModel

_Text = TypeVar("_Text")


@dataclass(frozen=True)
class Example:
    """A text's tokens with the tags (`crf.encode`) that one head should give them."""

    head: str
    tokens: list[str]
    tags: list[int]


BILSTM = Recipe(8, 2500, 3e-3, 3e-3, 0.0, 0.04, 5.0, 8)
TRANSFORMER = Recipe(10, 1024, 5e-5, 1e-3, 0.01, 0.1, 1.0, 2)
LORA = Recipe(20, 1024, 5e-4, 1e-3, 0.01, 0.1, 1.0, 3)

# The case reports are few and the only clinical ones: each epoch reads them twice.
_REPEATED = {"maccrobat": 2}


def fit_heads(
    model: NerModel,
    examples: Mapping[str, Sequence[Example]],
    recipe: Recipe,
    settings: Mapping[str, Any],
    checkpoint: FitCheckpoint,
    validation_score: Callable[[], float] | None = None,
    objective: Callable[[NerModel, Sequence[Example]], Tensor] | None = None,
) -> None:
    """Train the encoder and all corpora's heads in place, see `fit.fit`.

    Args:
        objective: the loss of a batch of one corpus, summed over its texts; None: the negative log
            likelihood of the corpus' tags.
    """
    objective = _likelihood if objective is None else objective
    recipe = replace(recipe, epochs=settings["epochs"], learning_rate=settings["learning_rate"])

    def loss_of(batch: Sequence[Example]) -> Tensor:
        # Per 25 tokens, a sentence or so: the scale on which gradients are clipped.
        return 25 * objective(model, batch) / sum(len(e.tokens) for e in batch)

    heads = [*model.scores.parameters(), *model.crfs.parameters()]
    fit(
        model,
        heads,
        lambda seed: _batches(examples, recipe.batch, seed),
        loss_of,
        recipe,
        checkpoint,
        seed=settings["seed"],
        score=validation_score,
    )


def _likelihood(model: NerModel, batch: Sequence[Example]) -> Tensor:
    return model.loss([e.tokens for e in batch], [e.tags for e in batch], batch[0].head)


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
