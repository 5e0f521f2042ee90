"""Fitting a recogniser's network to the heads' examples."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from ...core.progress import progress
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
ADDED_HEAD = Recipe(20, 1000, 0.0, 1e-2, 0.0, 0.04, 5.0, 20)  # on an encoder that stays as it is

_TOKENS = 8192  # of a batch of texts whose corpora are learned

# How often an epoch reads what is little beside the others: the case reports, which are the only
# clinical ones, and of Chinese the questions, of which all the dialogues' kinds but one are learnt.
_REPEATED = {"maccrobat": 2, "cmedqaner": 7}


def fit_heads(
    model: NerModel,
    examples: Mapping[str, Sequence[Example]],
    recipe: Recipe,
    settings: Mapping[str, Any],
    checkpoint: FitCheckpoint,
    validation_score: Callable[[], float] | None = None,
    objective: Callable[[NerModel, Sequence[Example]], Tensor] | None = None,
) -> None:
    """Train the encoder and the corpora's heads in place, see `fit.fit`.

    Args:
        objective: the loss of a batch of one corpus, summed over its texts; None: the negative log
            likelihood of the corpus' tags.
    """
    objective = _likelihood if objective is None else objective
    recipe = replace(recipe, epochs=settings["epochs"], learning_rate=settings["learning_rate"])

    def loss_of(batch: Sequence[Example]) -> Tensor:
        # Per 25 tokens, a sentence or so: the scale on which gradients are clipped.
        return 25 * objective(model, batch) / sum(len(e.tokens) for e in batch)

    modules = [part[name] for part in (model.scores, model.crfs) for name in examples]
    heads = [weights for module in modules for weights in module.parameters()]
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


def fit_likeness(model: NerModel, examples: Mapping[str, Sequence[Example]]) -> None:
    """Let a model know the texts of these heads' corpora, so that it tells which a text is like.

    In place: the mean of the texts' mean states, and the covariance within the corpora, which count
    alike, however many texts they have. What it knows of other heads' corpora stays.
    """
    heads = list(model.kinds)
    others = len(heads) - len(examples)
    total = others * model.covariance
    for name, of_corpus in examples.items():
        means = _mean_states(model, of_corpus)
        model.centres[heads.index(name)] = means.mean(0)
        total = total + torch.cov(means.T, correction=0)
    model.covariance.copy_(total / len(heads))


def _mean_states(model: NerModel, examples: Sequence[Example]) -> Tensor:
    """The mean state of each of a corpus' texts, (texts, width)."""
    batches = by_length([example.tokens for example in examples], len, _TOKENS, random.Random(0))
    means = []
    with progress("Texts of a corpus", len(examples)) as step:
        for batch in batches:
            means.append(model.mean_states(batch))
            step(len(batch))
    return torch.cat(means)
