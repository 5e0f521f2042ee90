"""Whether pictures that a DCGAN makes help where few are labelled, beside flips and shifts.

    python benchmarks/gan_augmentation.py DATA [--seeds 0 1 2] [--pictures FILE]

DATA is the folder of PneumoniaMNIST's npz file (`xray-pneumonia`). Of its training part alone: fold
SEED of five is measured on; of the others 50 normal films and 500 with pneumonia, drawn by the
seed, are learnt from. Each arm trains medkg's network, which turns, shifts, scales and mirrors all
that it reads. The arms differ in what stands beside the 50 normal films: nothing, the same films
once more until they are as many as the others, and pictures of a DCGAN that has seen these 50.
Repeating tells what comes of the number of normal pictures alone. `--pictures` writes a sheet of
films and made pictures (PNG) of the first seed.

Source of the network: Radford et al., Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks, ICLR 2016.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from medkg.core.threads import one_thread
from medkg.signals.images.corpus import Corpus, folds_of, read_corpus
from medkg.signals.images.network import PictureNetwork, class_log_odds, train_network
from medkg.signals.images.picture import Grey

CLASSES = ("normal", "pneumonia")
NORMAL, ILL = 50, 500  # films that are learnt from
ADDED = (150, 450)  # pictures that a DCGAN adds to the normal ones
NOISE, STEPS, BATCH, RATE, FIRST_MOMENT = 64, 1500, 32, 2e-4, 0.5
SHIFT = 2  # pixels by which films are shifted before the discriminator sees them, at most
SHEET = 8  # films, and made pictures, in each row of a sheet


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.data, labels=CLASSES)
    arms = ["flips and shifts", f"{NORMAL} normal films repeated to {ILL}"]
    arms += [f"{n} pictures of a DCGAN added" for n in ADDED]
    table = []
    for seed in arguments.seeds:
        began = time.process_time()
        normal, aucs = of_seed(corpus, seed)
        table.append(aucs)
        print(f"seed {seed}: {time.process_time() - began:.0f} CPU seconds", flush=True)
        if arguments.pictures is not None and seed == arguments.seeds[0]:
            write_sheet(normal, seed, arguments.pictures)
    seeds = " | ".join(f"seed {seed}" for seed in arguments.seeds)
    print(f"\n| beside {NORMAL} normal films | {seeds} | less the first, mean |")
    print("|---" * (2 + len(table)) + "|")
    for arm, name in enumerate(arms):
        cells = " | ".join(f"{aucs[arm]:.3f}" for aucs in table)
        gain = float(np.mean([aucs[arm] - aucs[0] for aucs in table]))
        print(f"| {name} | {cells} | {gain:+.3f} |")


def of_seed(corpus: Corpus, seed: int) -> tuple[Grey, list[float]]:
    """The normal films that were learnt from, and the AUC of each arm."""
    seen, judged = folds_of(corpus)[seed % 5]
    rng = np.random.default_rng(seed)
    normal, ill = (
        corpus.pixels[rng.permutation(seen[corpus.labels[seen] == label])[:n]]
        for label, n in ((0, NORMAL), (1, ILL))
    )
    made = drawn(trained(normal, seed), max(ADDED), seed)
    beside = [normal[:0], np.tile(normal, (ILL // NORMAL - 1, 1, 1)), *(made[:n] for n in ADDED)]
    aucs = []
    for added in beside:
        pixels = np.concatenate([normal, added, ill])
        labels = np.repeat([0, 1], [len(normal) + len(added), len(ill)])
        network = train_network(pixels, labels, lambda: PictureNetwork(len(CLASSES)), seed)
        odds = class_log_odds(network, corpus.pixels[judged])[:, 1]
        aucs.append(float(roc_auc_score(corpus.labels[judged] == 1, odds)))
    return normal, aucs


def generator() -> nn.Sequential:
    """(n, NOISE, 1, 1) → (n, 1, 28, 28), -1 to 1."""
    return nn.Sequential(
        nn.ConvTranspose2d(NOISE, 64, 7, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1),
        nn.Tanh(),
    )


def discriminator() -> nn.Sequential:
    """(n, 1, 28, 28) → (n, 1) logits that a picture is a film."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 1),
    )


@one_thread()
def trained(films: Grey, seed: int) -> nn.Sequential:
    """A generator of pictures like (n, 28, 28) films."""
    torch.manual_seed(seed)
    make, judge = generator(), discriminator()
    moments = (FIRST_MOMENT, 0.999)
    of_make, of_judge = (
        torch.optim.Adam(each.parameters(), RATE, moments) for each in (make, judge)
    )
    real = torch.from_numpy(films)[:, None] * 2 - 1
    for _ in range(STEPS):
        rows = torch.randint(len(real), (BATCH,))
        made = make(torch.randn(BATCH, NOISE, 1, 1))
        loss = logistic(judge(shifted(real[rows])), 1) + logistic(judge(made.detach()), 0)
        step(loss, of_judge)
        step(logistic(judge(made), 1), of_make)
    return make.eval()


def shifted(films: Tensor) -> Tensor:
    """Films mirrored and shifted at random, their edges drawn out."""
    side = films.shape[-1]
    films = torch.where(torch.rand(len(films), 1, 1, 1) < 0.5, films, films.flip(3))
    padded = functional.pad(films, [SHIFT] * 4, mode="replicate")
    down, across = torch.randint(2 * SHIFT + 1, (2,)).tolist()
    return padded[..., down : down + side, across : across + side]


def logistic(logits: Tensor, label: int) -> Tensor:
    """Cross-entropy of logits that all should be of one label."""
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def step(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """One step of an optimiser."""
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()


@one_thread()
@torch.no_grad()
def drawn(make: nn.Sequential, n: int, seed: int) -> Grey:
    """(n, 28, 28) pictures, 0–1."""
    noise = torch.randn(n, NOISE, 1, 1, generator=torch.Generator().manual_seed(seed))
    return np.asarray((make(noise)[:, 0] + 1).numpy() / 2, np.float32)


def write_sheet(films: Grey, seed: int, path: Path) -> None:
    """Two rows of films over two rows of made pictures."""
    made = drawn(trained(films, seed), 2 * SHEET, seed)

    def row(pictures: Grey) -> NDArray[np.float32]:
        return np.concatenate(list(pictures), 1)

    parts = (films[:SHEET], films[SHEET : 2 * SHEET], made[:SHEET], made[SHEET:])
    sheet = np.concatenate([row(part) for part in parts])
    Image.fromarray((255 * sheet).astype(np.uint8)).resize((896, 448), 0).save(path)


if __name__ == "__main__":
    main()
