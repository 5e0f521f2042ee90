"""Training the model that restores pictures, measured on pictures of other files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.atomic import check_replaceable
from ....core.checkpoint import Stages, remove_checkpoints
from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.model_folder import CONFIG
from ....core.quarantine import Quarantine
from ..picture import Grey
from .corpus import Corpus, read_corpus
from .model import Restorer
from .network import (
    ROUNDS,
    TASKS,
    enlarged,
    first_weights,
    halved,
    network_of,
    train_round,
    with_noise,
)

Figures = dict[str, Any]
NOISE = 0.1  # standard deviation of the noise to take out, unless another is asked for


@explained_imports()
def train_restoration(
    folder: Path | str,
    out: Path | str,
    *,
    task: str = TASKS[0],
    noise: float | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Figures:
    """Train the model on four fifths of a folder's pictures.

    What was finished is kept beside `out` until all is done, so that the same call goes on.

    Args:
        folder, quarantine: see `corpus.read_corpus`.
        out: model folder to write.
        task: what to learn: "noise", to take noise out, or "size", to double height and width.
        noise: of the first task: its standard deviation, of 0–1; by default `NOISE`.

    Returns:
        The figures of the other fifth, see `figures_of`.

    Raises:
        DataError: there is no such task or noise, the folder has too few pictures, or `out` holds
            other things.
    """
    out = Path(out)
    check_replaceable(out, marker=CONFIG)
    level = level_of(task, noise)
    corpus = read_corpus(folder, quarantine=quarantine)
    kept = out.with_name(f"{out.name}.checkpoint")
    stages = Stages(kept, lambda: [corpus.checksum, level, seed])
    weights = first_weights(seed)
    for number in range(ROUNDS):
        step = partial(train_round, weights, corpus.learnt, level, seed, number)
        weights = stages.get(f"round-{number}", step)
    config: dict[str, Any] = {
        "version": "1",
        "task": task,
        "noise": level,
        "seed": seed,
        "corpus": corpus.checksum,
        "patches": len(corpus.learnt),
    }
    restorer = Restorer(network_of(weights), config)
    config["figures"] = figures = figures_of(corpus, restorer)
    restorer.save(out, card_of(config))
    remove_checkpoints(kept)
    return figures


def level_of(task: str, noise: float | None) -> float | None:
    """The noise to learn from; None where the task is another.

    Raises:
        DataError: there is no such task, or it has no such noise.
    """
    if task not in TASKS:
        raise DataError(f"there is no task {task}: it is {' or '.join(TASKS)}")
    if task != TASKS[0]:
        if noise is not None:
            raise DataError(f"noise goes with the task {TASKS[0]}")
        return None
    level = NOISE if noise is None else noise
    if not 0 < level <= 1:
        raise DataError(
            f"noise of {level:g}: its deviation is over 0 and at most 1 (black to white)"
        )
    return level


def figures_of(corpus: Corpus, restorer: Restorer) -> Figures:
    """The peak signal-to-noise ratio of patches that were not learnt from, in dB, the mean of each.

    Returns:
        `patches`; `restored`, that of the model; beside it `given`, of patches with noise and
        `median` and `gaussian`, of filters; or `bicubic`, of bicubic interpolation.
    """
    true, noise = corpus.held, restorer.config["noise"]
    if noise is None:
        given = halved(true)
        baselines = {"bicubic": enlarged(given)}
    else:
        given = with_noise(true, noise, np.random.default_rng(restorer.config["seed"]))
        baselines = {"given": given, **filtered(given)}
    made = {**baselines, "restored": restorer.restore(given)}
    return {
        "patches": len(true),
        **{name: float(psnr_of(pixels, true).mean()) for name, pixels in made.items()},
    }


def filtered(pixels: Grey) -> dict[str, Grey]:
    """(n, height, width) pictures by filters that take noise out, the baselines.

    A median of 3 × 3 pixels, and a Gaussian of a deviation of .7 pixels.
    """
    from scipy.ndimage import gaussian_filter, median_filter

    return {
        "median": median_filter(pixels, (1, 3, 3)),
        "gaussian": gaussian_filter(pixels, (0, 0.7, 0.7)),
    }


def psnr_of(pixels: Grey, true: Grey) -> NDArray[np.float64]:
    """(n,): the peak signal-to-noise ratio of each picture, in dB."""
    error = np.square(pixels.astype(float) - true).mean((1, 2))
    return np.asarray(-10 * np.log10(error.clip(1e-10)))


def card_of(config: Mapping[str, Any]) -> str:
    """The model card, Markdown."""
    figures, noise = config["figures"], config["noise"]
    done = (
        "Makes pictures twice as high and wide"
        if noise is None
        else f"Takes Gaussian noise of a standard deviation of {noise:g} (of 0–1) out of pictures"
    )
    rows = "\n".join(
        f"| {name} | {value:.2f} |" for name, value in figures.items() if name != "patches"
    )
    options = "--task size" if noise is None else f"--noise {noise:g}"
    return f"""# Pictures restored

{done}, read in grey, by residual convolutions.

- Made by `medkg train restoration FOLDER --out MODEL {options} --seed {config["seed"]}`.
- Trained on {config["patches"]:,} patches (checksum of the pictures {config["corpus"][:16]}).
- On {figures["patches"]:,} patches of other pictures, the peak signal-to-noise ratio in dB:

| | dB |
|---|---|
{rows}

- Limits: it was measured on the noise, or the loss of size, that was made; a device's own is
  another. Detail that is restored is what is usual in the training pictures, and may not be the
  patient's. It is no medical device.
"""
