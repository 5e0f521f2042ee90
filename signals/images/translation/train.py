"""Training the model that translates between two kinds of pictures, measured on held-out ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ....core.atomic import check_replaceable
from ....core.checkpoint import Stages, remove_checkpoints
from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.model_folder import CONFIG
from ....core.quarantine import Quarantine
from ..picture import Grey
from .corpus import Corpus, read_corpus
from .model import Translator
from .network import ROUNDS, first_weights, generator_weights, generators_of, train_round

Figures = dict[str, Any]


@explained_imports()
def train_translation(
    first: Path | str,
    second: Path | str,
    out: Path | str,
    *,
    side: int | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """Train the model on four fifths of the pictures of two kinds; no picture belongs to another.

    What was finished is kept beside `out` until all is done, so that the same call goes on.

    Args:
        first, second, side, quarantine: see `corpus.read_corpus`. The folders' names are those of
            the kinds.
        out: model folder to write.

    Returns:
        The figures of the other fifth, see `figures_of`.

    Raises:
        DataError: a folder has too few pictures, both have one name, or `out` holds other things.
    """
    out = Path(out)
    check_replaceable(out, marker=CONFIG)
    kinds = [Path(folder).resolve().name for folder in (first, second)]
    if kinds[0] == kinds[1]:
        raise DataError(f"both folders are called {kinds[0]}: their names are those of the kinds")
    corpus = read_corpus(first, second, side=side, quarantine=quarantine)
    kept = out.with_name(f"{out.name}.checkpoint")
    stages = Stages(kept, lambda: [corpus.checksum, corpus.first.shape, seed])
    weights = first_weights(seed)
    for number in range(ROUNDS):
        step = partial(train_round, weights, corpus.first, corpus.second, seed, number)
        weights = stages.get(f"round-{number}", step)
    config = {
        "version": "1",
        "kinds": kinds,
        "side": corpus.first.shape[1],
        "seed": seed,
        "corpus": corpus.checksum,
    }
    translator = Translator(generators_of(generator_weights(weights)), config)
    config["figures"] = figures = figures_of(corpus, translator)
    translator.save(out, card_of(corpus, config))
    remove_checkpoints(kept)
    return figures


def figures_of(corpus: Corpus, translator: Translator) -> Figures:
    """How held-out pictures are translated, by the kind that they are translated to.

    Returns:
        For each kind `pictures`; `cycle`: the mean distance of a picture from the one that comes of
        translating it and back (of 0–1); `taken`: the share of translated pictures that logistic
        regression on pixels, learnt on the other pictures, takes for the kind; beside it
        `taken_before`, of the pictures as they are, and `taken_scaled`, the baseline: of pictures
        brought to the kind's mean and deviation of brightness.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    learnt = np.concatenate([corpus.first, corpus.second])
    judge.fit(
        learnt.reshape(len(learnt), -1), np.repeat([0, 1], [len(corpus.first), len(corpus.second)])
    )

    def taken(pixels: Grey, kind: int) -> float:
        return float((judge.predict(pixels.reshape(len(pixels), -1)) == kind).mean())

    figures = {}
    ways = (
        (corpus.held_first, corpus.first, corpus.second),
        (corpus.held_second, corpus.second, corpus.first),
    )
    for number, (held, own, other) in enumerate(ways):
        origin, to = (translator.config["kinds"][k] for k in (number, 1 - number))
        made = translator.translate(held, to)
        figures[to] = {
            "pictures": len(held),
            "cycle": float(np.abs(translator.translate(made, origin) - held).mean()),
            "taken": taken(made, 1 - number),
            "taken_scaled": taken(scaled(held, own, other), 1 - number),
            "taken_before": taken(held, 1 - number),
        }
    return figures


def scaled(pixels: Grey, own: Grey, other: Grey) -> Grey:
    """Pictures of one kind with the mean and deviation of brightness of the other."""
    standard = (pixels - own.mean()) / max(float(own.std()), 1e-6)
    return np.asarray(np.clip(standard * other.std() + other.mean(), 0, 1), np.float32)


def card_of(corpus: Corpus, config: Mapping[str, Any]) -> str:
    """The model card, Markdown."""
    rows = "\n".join(
        f"| {kind} | {row['pictures']:,} | {row['cycle']:.3f} | {row['taken']:.3f} |"
        f" {row['taken_scaled']:.3f} | {row['taken_before']:.3f} |"
        for kind, row in config["figures"].items()
    )
    first, second = config["kinds"]
    side = config["side"]
    return f"""# {first} and {second}, translated

Makes pictures of {first} look like {second} and back, read in grey as {side} × {side} pixels, by
CycleGAN.

- Made by `medkg train translation {first} {second} --out MODEL --seed {config["seed"]}`.
- Trained on {len(corpus.first):,} pictures of {first} and {len(corpus.second):,} of {second}, none
  of which belongs to another (checksum {config["corpus"][:16]}).
- On pictures that were not learnt from: how far a picture is from itself after both ways (0–1), and
  the share that logistic regression on pixels takes for the kind: translated, brought to its
  brightness alone, and as they are.

| to | pictures | both ways | translated | brightness | as they are |
|---|---|---|---|---|---|
{rows}

- Limits: what a translated picture shows is made up to look like its kind. It may lack what the
  original shows, and show what isn't there. Nothing is to be read from it; it is no medical device.
"""
