"""Training of the networks over entity pairs: the towers, and a fine-tuned transformer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from ...core.progress import progress
from ..fit import FitCheckpoint, Recipe, fit
from ..mentions.vectors import count_words, skip_gram, word_form
from ..tokens import words_of
from .calibrate import task_probabilities
from .model import RelationModel
from .networks import PLACEHOLDERS, PairTowers
from .pairs import TASKS
from .training_pairs import LabelledPair

TOWER_EPOCHS = 8
_TOWERS = 2
_TOWER_BATCH = 64  # pairs
_TOWER_LEARNING_RATE = 2e-3
_VECTOR_WORDS = 8000  # with a vector of their own


def new_towers(texts: Sequence[str], recogniser: Path, seed: int) -> PairTowers:
    """Towers with word vectors that are trained on raw text."""
    tokens = [[word_form(word) for word in words_of(text)] for text in texts]
    counts = dict(list(count_words(tokens).items())[:_VECTOR_WORDS])
    vectors = skip_gram(tokens, counts, seed=seed)
    towers = PairTowers([*PLACEHOLDERS, *counts], _TOWERS, recogniser)
    start = 1 + len(PLACEHOLDERS)
    # Longer than skip-gram leaves them: as the other embeddings start.
    towers.embedding.weight.data[start : start + len(counts)] = vectors / vectors.std() * 0.3
    return towers


def fine_tune(
    model: RelationModel,
    training: Sequence[LabelledPair],
    held_out: Sequence[LabelledPair],
    recipe: Recipe,
    seed: int,
    checkpoint: FitCheckpoint,
) -> None:
    """Train a transformer and its layers; the F1 on what is held out says when to stop."""

    def loss_of(batch: Sequence[LabelledPair]) -> torch.Tensor:
        (logits,) = model(model.encoder.prepare([x.pair for x in batch]), batch[0].task)
        labels = torch.tensor([x.fine_label for x in batch], device=logits.device)
        return functional.cross_entropy(logits, labels)

    fit(
        model,
        model.layers.parameters(),
        lambda epoch_seed: _batches(training, recipe.batch, random.Random(epoch_seed)),
        loss_of,
        recipe,
        checkpoint,
        seed=seed,
        score=(lambda: _mean_f1(model, held_out)) if held_out else None,
    )


def _mean_f1(model: RelationModel, rows: Sequence[LabelledPair]) -> float:
    """F1 of the likeliest labels of pairs, the mean over the tasks that they are of."""
    f1s = []
    for task in sorted({row.task for row in rows}):
        of_task = [row for row in rows if row.task == task]
        probabilities, labels = task_probabilities(model, of_task, task)
        predicted = probabilities.argmax(1)
        right = int(((predicted == labels) & (labels > 0)).sum())
        f1s.append(2 * right / max(1, int((predicted > 0).sum() + (labels > 0).sum())))
    return sum(f1s) / len(f1s)


def fit_towers(
    model: RelationModel, training: Sequence[LabelledPair], *, epochs: int, seed: int
) -> None:
    """Train the towers: Adam over batches of one task each, the rate warmed up, then falling."""
    training = [row for row in training if row.task in model.layers]
    prepared = dict(
        zip(map(id, training), model.encoder.prepare([x.pair for x in training]), strict=True)
    )
    weights = [*model.encoder.parameters(), *model.layers.parameters()]
    optimizer = torch.optim.Adam(weights, lr=_TOWER_LEARNING_RATE)
    generator = random.Random(seed)
    steps = epochs * len(_batches(training, _TOWER_BATCH, random.Random(0)))
    warm_up = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm_up, max(0.02, (steps - step) / (steps - warm_up + 1))),
    )
    model.train()
    with progress("Relations", steps) as advance:
        for _ in range(epochs):
            for batch in _batches(training, _TOWER_BATCH, generator):
                logits = model([prepared[id(row)] for row in batch], batch[0].task)
                labels = torch.tensor([row.fine_label for row in batch], device=logits.device)
                # Each tower learns as if it were alone.
                loss = functional.cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)))
                loss = loss * len(logits)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                advance()


def _batches(
    training: Sequence[LabelledPair], size: int, generator: random.Random
) -> list[list[LabelledPair]]:
    """Batches of one task and of similar lengths, in random order."""
    batches = []
    for task in TASKS:
        rows = [row for row in training if row.task == task]
        generator.shuffle(rows)
        for first in range(0, len(rows), 50 * size):
            similar = sorted(rows[first : first + 50 * size], key=lambda x: len(x.pair.words))
            batches += [similar[n : n + size] for n in range(0, len(similar), size)]
    generator.shuffle(batches)
    return batches
