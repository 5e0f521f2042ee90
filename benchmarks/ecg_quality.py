"""Where beats stand out: windows of recorded and of fast beats beside noise, hum and sines.

    python benchmarks/ecg_quality.py data/ecg-mitbih [--seed 0]

`DS1_beats.npz` has beats that were cut out of their recordings. Those of a record are put together
again, each from half of the interval before it to half of the one after, and cut into windows of
ten seconds. Fast rhythms are made of the same beats, closer together: of each record's first 60
normal beats, and of its ventricular ones where it has 20, with intervals that vary by 1 %. Noise of
an hour is made from the seed. Of both leads the better one counts. Prints Markdown: how many
windows there are, the least kurtosis (`signals/ecg/quality.py`) and its median, the least likeness,
its median and the highest, the share of windows in which beats stand out, by kurtosis alone and by
either; of fast rhythms also the share in which the rate that is read is within 5 % of the made one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medkg.signals.ecg.beats import r_peaks
from medkg.signals.ecg.corpus import CLASSES, Corpus, read_corpus
from medkg.signals.ecg.features import LENGTH, R_PEAK, RATE, Floats
from medkg.signals.ecg.quality import (
    LEAST_KURTOSIS,
    LEAST_LIKENESS,
    WINDOW,
    Measures,
    measures_of_windows,
)

_SECONDS = 3600
_FAST = {"N": (150, 180, 220, 240), "V": (120, 150, 180, 220)}  # beats a minute
_FIRST = 60  # beats of which a rhythm is made
_FEWEST = 20


def put_together(corpus: Corpus, rows: slice) -> Floats:
    """(2, samples) of a record's beats, one after the other."""
    parts = []
    for beat, (before, after) in zip(corpus.forms[rows], corpus.intervals[rows], strict=True):
        begin = max(0, R_PEAK - int(before / 2 * RATE))
        end = min(LENGTH, R_PEAK + int(after / 2 * RATE))
        parts.append(beat[:, begin:end] - np.median(beat, axis=-1, keepdims=True))
    return np.concatenate(parts, axis=1)


def fast_rhythm(beats: Floats, rate: float, rng: np.random.Generator) -> Floats:
    """(2, samples) of a window of beats at a rate, each without what would lie in the next one."""
    gaps = 60 / rate * (1 + rng.normal(0, 0.01, 2 * WINDOW * RATE))
    parts = []
    for i in range(int(rate * WINDOW / 60) + 1):
        begin = R_PEAK - int(gaps[i] / 2 * RATE)
        part = beats[i % len(beats)][:, begin : begin + int(gaps[i] * RATE)]
        # A line from its first to its last value is taken off, so that beats join without a step.
        ends = part[:, :1], part[:, -1:]
        parts.append(part - ends[0] - np.linspace(0, 1, part.shape[1]) * (ends[1] - ends[0]))
    return np.concatenate(parts, axis=1)


def fast_rhythms(corpus: Corpus, rng: np.random.Generator) -> Iterator[tuple[str, Measures, float]]:
    """Of each made rhythm its kind, its measures, and by which factor its rate is misread."""
    for _, rows in corpus.of_each_record():
        for kind, rates in _FAST.items():
            beats = corpus.forms[rows][corpus.labels[rows] == CLASSES.index(kind)][:_FIRST]
            if len(beats) < _FEWEST:
                continue
            for rate in rates:
                signal = fast_rhythm(beats, rate, rng)
                read = 60 * RATE / float(np.median(np.diff(r_peaks(signal))))
                yield f"{kind}, {rate} a minute", measures_of_windows(signal), read / rate


def noises(rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """(samples,) by kind, in mV."""
    n = _SECONDS * RATE
    time = np.arange(n) / RATE
    spectrum = np.fft.rfft(rng.normal(0, 1, n))
    slower = np.maximum(np.arange(len(spectrum)), 1)
    return {
        "white noise": rng.normal(0, 0.3, n),
        "pink noise": np.fft.irfft(spectrum / np.sqrt(slower), n),
        "brown noise": np.cumsum(rng.normal(0, 0.05, n)),
        "mains, 50 Hz": np.sin(2 * np.pi * 50 * time) + rng.normal(0, 0.02, n),
        "sine, 1 Hz": np.sin(2 * np.pi * time),
        "sine, 3 Hz, and noise": np.sin(2 * np.pi * 3 * time) + rng.normal(0, 0.1, n),
    }


def print_row(name: str, measures: list[Measures], right: str = "") -> None:
    kurtosis = np.concatenate([each.kurtosis.max(axis=0) for each in measures])
    likeness = np.concatenate([each.likeness.max(axis=0) for each in measures])
    tall = kurtosis >= LEAST_KURTOSIS
    cells = [
        *(f"{value:.2f}" for value in np.quantile(kurtosis, (0, 0.5))),
        *(f"{value:.2f}" for value in np.quantile(likeness, (0, 0.5, 1))),
        f"{tall.mean():.4f}",
        f"{(tall | (likeness >= LEAST_LIKENESS)).mean():.4f}",
    ]
    print(f"| {' | '.join([name, f'{len(kurtosis):,}', *cells, right])} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="DS1_beats.npz, or the folder that it is in")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    corpus, rng = read_corpus(arguments.data), np.random.default_rng(arguments.seed)
    print("| | windows | kurtosis: least | median | likeness: least | median | highest |", end="")
    print(" kurtosis tells | either tells | rate right |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    records = [
        measures_of_windows(put_together(corpus, rows)) for _, rows in corpus.of_each_record()
    ]
    print_row("MIT-BIH DS1", records)
    made = list(fast_rhythms(corpus, rng))
    for kind in sorted({kind for kind, _, _ in made}, key=[kind for kind, _, _ in made].index):
        factors = np.array([factor for name, _, factor in made if name == kind])
        right = f"{(np.abs(factors - 1) < 0.05).mean():.2f}"
        print_row(kind, [measures for name, measures, _ in made if name == kind], right)
    for kind, samples in noises(rng).items():
        print_row(kind, [measures_of_windows(samples[None].astype(np.float32))])


if __name__ == "__main__":
    main()
