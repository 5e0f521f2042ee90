"""Where beats stand out: windows of recorded beats beside noise, hum and sines.

    python benchmarks/ecg_quality.py data/ecg-mitbih [--seed 0]

`DS1_beats.npz` has beats that were cut out of their recordings. Those of a record are put together
again, each from half of the interval before it to half of the one after, and cut into windows of
ten seconds; of both leads the better one counts. Noise of an hour is made from the seed. Prints
Markdown: how many windows there are, the least kurtosis (`signals/ecg/quality.py`), its 1st and
50th percentile and the highest, and the share of windows in which beats stand out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medkg.signals.ecg.corpus import Corpus, read_corpus
from medkg.signals.ecg.features import LENGTH, R_PEAK, RATE, Floats
from medkg.signals.ecg.quality import LEAST, kurtosis_of_windows

_SECONDS = 3600


def put_together(corpus: Corpus, rows: slice) -> Floats:
    """(2, samples) of a record's beats, one after the other."""
    parts = []
    for beat, (before, after) in zip(corpus.forms[rows], corpus.intervals[rows], strict=True):
        begin = max(0, R_PEAK - int(before / 2 * RATE))
        end = min(LENGTH, R_PEAK + int(after / 2 * RATE))
        parts.append(beat[:, begin:end] - np.median(beat, axis=-1, keepdims=True))
    return np.concatenate(parts, axis=1)


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
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="DS1_beats.npz, or the folder that it is in")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.data)
    windows = {
        "MIT-BIH DS1": np.concatenate(
            [
                kurtosis_of_windows(put_together(corpus, rows)).max(axis=0)
                for _, rows in corpus.of_each_record()
            ]
        )
    }
    for kind, samples in noises(np.random.default_rng(arguments.seed)).items():
        windows[kind] = kurtosis_of_windows(samples[None].astype(np.float32))[0]
    print("| | windows | least | 1 % | median | highest | beats stand out |")
    print("|---|---|---|---|---|---|---|")
    for name, values in windows.items():
        cells = [f"{value:.2f}" for value in np.quantile(values, (0, 0.01, 0.5, 1))]
        share = f"{(values >= LEAST).mean():.4f}"
        print(f"| {' | '.join([name, f'{len(values):,}', *cells, share])} |")


if __name__ == "__main__":
    main()
