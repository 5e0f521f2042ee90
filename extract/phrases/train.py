"""Training of the model of phrases: first the vectors of words, then what tells right from wrong.

The vectors begin as those that a sentence encoder gives single words, and learn from pairs of names
of one phenotype, which are to be liker than names of others ("Learning a similarity metric
discriminatively", Chopra et al., CVPR 2005; here with a softmax over the other names of a batch and
the likest wrong ones), with filling words put in, as people speak. A small network then learns from
notes whose findings are annotated how likely a run of words means the phenotype that it is likest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .candidates import FEATURES, Names
from .model import PhraseModel
from .vectors import MAX_WORDS, PhraseVectors, Rows

# Words that are put into names in training, since people put them into what they say.
_FILLING = frozenset(
    "a the of in and is was has had his her my he she it very little some bit quite since for last"  # noqa: SIM905
    " week days months now again often sometimes always just about over after before with on at to"
    " from that which lot more this all when while too so up out off".split()
)
_TEMPERATURE = 0.06  # by which likeness is divided in the softmax
_LEARNING_RATE = 2e-3  # of the directions; the lengths learn ten times as fast
_LAY_WEIGHT = 3.0  # how often a lay name is drawn, for each time that another is
_UNITS = 24  # of a network's hidden layer


@dataclass(frozen=True)
class VectorSettings:
    """How the vectors of words are trained.

    Attributes:
        dimensions: of a vector.
        epochs: over all names, twice.
        batch_size: names of a step.
        seed: of everything random.
    """

    dimensions: int = 64
    epochs: int = 3
    batch_size: int = 512
    seed: int = 0


class _Words(nn.Module):
    """Vectors of words as direction and length."""

    def __init__(self, directions: NDArray[np.float32], lengths: NDArray[np.float32]) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.from_numpy(directions))
        self.logs = nn.Parameter(torch.from_numpy(np.log(lengths)))

    def vectors(self) -> Tensor:
        """(words + 1, dimensions); row 0 is zero."""
        vectors = self.directions * torch.exp(self.logs)[:, None]
        return torch.cat([vectors.new_zeros(1, vectors.shape[1]), vectors])

    def encode(self, rows: Tensor) -> Tensor:
        """Unit vectors of phrases, given the rows of their words."""
        return functional.normalize(
            functional.embedding_bag(rows, self.vectors(), mode="sum", padding_idx=0), dim=-1
        )


def train_vectors(
    named: Sequence[tuple[str, str, bool]],
    words: Sequence[str],
    encoded: NDArray[np.float32],
    frequency_rank: NDArray[np.intp],
    settings: VectorSettings = VectorSettings(),
) -> PhraseVectors:
    """Vectors of words, by which names of one phenotype are like each other.

    Args:
        named: phenotypes, names of them, and whether it is a lay name.
        words: that get vectors.
        encoded: their vectors by a sentence encoder, (words, any).
        frequency_rank: the place of each in a list of words by how frequent they are.
        settings: of the training.
    """
    torch.manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    rows = {word: row for row, word in enumerate(words, start=1)}
    start = PhraseVectors(rows, _principal(encoded, settings.dimensions))
    names = Names.of(start, named)
    network = _Words(start.vectors[1:], _first_lengths(names, len(words), frequency_rank))
    optimiser = torch.optim.Adam(
        [
            {"params": [network.directions], "lr": _LEARNING_RATE},
            {"params": [network.logs], "lr": 10 * _LEARNING_RATE},
        ]
    )
    filling = np.array([rows[word] for word in sorted(_FILLING) if word in rows])
    of_phenotype = defaultdict(list)
    for number, phenotype in enumerate(names.phenotype):
        of_phenotype[phenotype].append(number)
    drawn = np.where(names.is_lay, _LAY_WEIGHT, 1.0)
    drawn /= drawn.sum()
    for _ in range(settings.epochs):
        wrong = _likest_wrong(network, names)
        for _ in range(2 * len(names.texts) // settings.batch_size):
            anchors = random.choice(len(drawn), settings.batch_size, p=drawn)
            same = [random.choice(of_phenotype[names.phenotype[n]]) for n in anchors]
            hard = wrong[anchors, random.integers(0, wrong.shape[1], settings.batch_size)]
            others = np.concatenate([np.array(same), hard])
            spoken = _spoken(names.rows[anchors], filling, len(words), random)
            logits = (
                network.encode(torch.from_numpy(spoken))
                @ network.encode(torch.from_numpy(names.rows[others])).T
            )
            is_same = names.phenotype[anchors][:, None] == names.phenotype[others][None]
            np.fill_diagonal(is_same, val=False)
            logits = (logits / _TEMPERATURE).masked_fill(torch.from_numpy(is_same), -1e4)
            loss = functional.cross_entropy(logits, torch.arange(settings.batch_size))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            optimiser.step()
    vectors = network.vectors().detach().numpy()
    # Likeness leaves it open how long all vectors are: on average one.
    return PhraseVectors(rows, vectors / np.linalg.norm(vectors[1:], axis=1).mean())


def _principal(encoded: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The first principal components of the words' vectors, under a row of zeros."""
    centred = encoded - encoded.mean(axis=0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    components = left[:, :dimensions] * scale[:dimensions]
    components *= 0.1 / components.std()
    padded = np.concatenate([np.zeros((1, dimensions)), components])
    return np.asarray(padded, dtype=np.float32)


def _first_lengths(
    names: Names, words: int, frequency_rank: NDArray[np.intp]
) -> NDArray[np.float32]:
    """How much words matter before training: the less, the more frequent they are.

    ("A simple but tough-to-beat baseline for sentence embeddings", Arora et al., ICLR 2017.)
    """
    counts = np.bincount(names.rows.ravel(), minlength=words + 1)[1:]
    rare = 1e-3 / (1e-3 + np.maximum(counts, 1) / counts.sum())
    lengths = np.clip(rare * np.minimum(1, (frequency_rank + 1) / 800), 0.02, 1)
    return np.asarray(lengths, dtype=np.float32)


@torch.no_grad()
def _likest_wrong(network: _Words, names: Names, most: int = 12) -> Rows:
    """For each name the likest names of other phenotypes, (names, most)."""
    vectors = network.encode(torch.from_numpy(names.rows))
    phenotype = torch.from_numpy(names.phenotype)
    wrong = []
    for first in range(0, len(vectors), 2048):
        chunk = slice(first, first + 2048)
        likeness = vectors[chunk] @ vectors.T
        likeness[phenotype[chunk, None] == phenotype[None]] = -1
        wrong.append(likeness.topk(most, dim=1).indices)
    return torch.cat(wrong).numpy()


def _spoken(rows: Rows, filling: Rows, words: int, random: np.random.Generator) -> Rows:
    """Names as people might say them: with filling words, now and then one left out or added."""
    spoken = np.zeros_like(rows)
    for number, row in enumerate(rows):
        in_name = row[row > 0].tolist()
        if len(in_name) > 3 and random.random() < 0.15:
            in_name.pop(random.integers(len(in_name)))
        for _ in range(random.integers(0, 4)):
            in_name.insert(random.integers(len(in_name) + 1), random.choice(filling))
        if random.random() < 0.1:
            in_name.insert(0, random.integers(1, words + 1))
        spoken[number, : len(in_name)] = in_name[:MAX_WORDS]
    return spoken


def train_model(
    vectors: PhraseVectors,
    features: NDArray[np.float32],
    is_right: NDArray[np.bool_],
    weights: NDArray[np.float32],
    *,
    members: int = 5,
    epochs: int = 15,
) -> PhraseModel:
    """The model that tells right rows of features from wrong ones.

    Args:
        vectors: of words, from which the features come.
        features: (rows, `FEATURES`).
        is_right: (rows,).
        weights: how much each row counts, (rows,).
        members: networks whose probabilities are averaged.
        epochs: over all rows.
    """
    torch.manual_seed(0)
    means, deviations = features.mean(axis=0), features.std(axis=0) + 1e-6
    inputs = torch.from_numpy((features - means) / deviations)
    targets, weighted = torch.from_numpy(is_right.astype(np.float32)), torch.from_numpy(weights)
    hidden, output = [], []
    for _ in range(members):
        network = nn.Sequential(nn.Linear(len(FEATURES), _UNITS), nn.Tanh(), nn.Linear(_UNITS, 1))
        optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
        for _ in range(epochs):
            for batch in torch.split(torch.randperm(len(inputs)), 512):
                loss = functional.binary_cross_entropy_with_logits(
                    network(inputs[batch])[:, 0], targets[batch], weighted[batch]
                )
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch's own
                optimiser.step()
            schedule.step()
        fitted = {name: value.detach() for name, value in network.state_dict().items()}
        hidden.append(torch.cat([fitted["0.weight"].T, fitted["0.bias"][None]]))
        output.append(torch.cat([fitted["2.weight"][0], fitted["2.bias"]]))
    return PhraseModel(
        vectors, means, deviations, torch.stack(hidden).numpy(), torch.stack(output).numpy()
    )
