"""Document-level classification: which concepts of a document a relation joins.

Corpora relate the concepts of whole documents, and a quarter of BC5CDR's relations never stand in
one sentence. Every head with every tail of a document is a candidate; the mean of boosted trees
(Friedman 2001) and a logistic regression decides by `document_features`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from .document_features import (
    Candidates,
    FactTask,
    SentenceScores,
    candidate_features,
    concept_features,
)
from .passages import Passage


class HashedLinear(nn.Module):
    """Softmax regression over features given as strings, hashed; rows of features → logits.

    Each of a row's features weighs one over the root of their number.
    """

    SIZE = 1 << 16

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.weights = nn.EmbeddingBag(self.SIZE, labels, mode="sum")
        self.bias = nn.Parameter(torch.zeros(labels))
        nn.init.zeros_(self.weights.weight)

    @classmethod
    def hashed(cls, features: Iterable[str]) -> list[int]:
        """Where features lie."""
        return sorted({crc32(feature.encode()) % cls.SIZE for feature in features})

    def at(self, places: Sequence[Sequence[int]]) -> Tensor:
        """The logits of rows by where their features lie, see `hashed`."""
        sizes = np.array([len(row) for row in places], dtype=np.int64)
        weights = np.repeat([np.float32(size**-0.5) for size in sizes.tolist()], sizes)
        ids = np.fromiter(chain.from_iterable(places), np.int64, sizes.sum())
        of_bag = (ids, sizes.cumsum() - sizes, weights.astype(np.float32))
        bags = self.weights(*(torch.from_numpy(array).to(self.bias.device) for array in of_bag))
        logits: Tensor = bags + self.bias
        return logits


class BoostedTrees(nn.Module):
    """Boosted trees for two classes; rows of features → logits of the second."""

    TREES, DEPTH = 250, 4
    NODES = 2 ** (DEPTH + 1) - 1

    def __init__(self) -> None:
        super().__init__()
        shape = (self.TREES, self.NODES)
        for name in ("feature", "threshold", "left", "right", "value"):
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("start", torch.zeros(1))

    def forward(self, rows: Tensor) -> Tensor:
        """Logits, shape (rows); a leaf is its own child."""
        feature, threshold, left, right, value = (
            getattr(self, name).flatten()
            for name in ("feature", "threshold", "left", "right", "value")
        )
        feature, left, right = feature.long(), left.long(), right.long()
        root = torch.arange(self.TREES, device=rows.device) * self.NODES
        node = root.expand(len(rows), self.TREES)
        for _ in range(self.DEPTH):
            at_most = rows.gather(1, feature[node]) <= threshold[node]
            node = torch.where(at_most, left[node], right[node]) + root
        logits: Tensor = value[node].sum(1) + self.start
        return logits


class LinearScorer(nn.Module):
    """Logistic regression for two classes; rows of features → logits of the second."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(num_features))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, rows: Tensor) -> Tensor:
        """Logits, shape (rows)."""
        return rows @ self.weights + self.bias


class TreeLinearEnsemble(nn.Module):
    """The mean of boosted trees and logistic regression; rows of features → probabilities."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.trees = BoostedTrees()
        self.line = LinearScorer(num_features)

    def forward(self, rows: Tensor) -> Tensor:
        """Probabilities, shape (rows)."""
        both = [self.trees(rows).sigmoid(), self.line(rows).sigmoid()]
        return torch.stack(both).mean(0)


class DocumentClassifier(nn.Module):
    """Classifies a document's heads and tails, first each alone, then the two together."""

    def __init__(self, task: FactTask) -> None:
        super().__init__()
        self.task = task
        self.heads = HashedLinear(2)
        self.tails = HashedLinear(2)
        self.decide = TreeLinearEnsemble(task.num_features)

    @torch.inference_mode()
    def predict(
        self,
        documents: Sequence[Candidates],
        scores: Sequence[SentenceScores],
        cdr: Sequence[Mapping[tuple[str, str], float]] | None = None,
    ) -> list[dict[tuple[str, str], float]]:
        """For each document, of every head with every tail, how probably they are related.

        Args:
            documents: of each the heads and tails.
            scores: what the sentences of each give.
            cdr: what BC5CDR's classifier gives, where the task asks for it.
        """
        keys: list[list[tuple[str, str]]] = []
        rows = []
        for number, candidates in enumerate(documents):
            if not candidates.heads or not candidates.tails:
                keys.append([])
                continue
            of_document, features = candidate_features(
                candidates,
                self.task,
                scores[number],
                self._alone(self.heads, candidates.passage, candidates.heads),
                self._alone(self.tails, candidates.passage, candidates.tails),
                None if cdr is None else cdr[number],
            )
            keys.append(of_document)
            rows.append(torch.from_numpy(features).to(self.decide.line.bias.device))
        # All rows at once: most documents have few.
        probabilities = iter(self.decide(torch.cat(rows)).tolist() if rows else ())
        return [{key: next(probabilities) for key in of_document} for of_document in keys]

    @staticmethod
    def _alone(
        linear: HashedLinear, passage: Passage, concepts: Mapping[str, Sequence[int]]
    ) -> dict[str, float]:
        """How probably the relation joins each concept to another of the passage."""
        places = passage.feature_places
        missing = {name: m for name, m in concepts.items() if tuple(m) not in places}
        for name, features in concept_features(passage, missing):
            places[tuple(missing[name])] = linear.hashed(features)
        logits = linear.at([places[tuple(mentions)] for mentions in concepts.values()])
        return dict(zip(concepts, logits.softmax(1)[:, 1].tolist(), strict=True))
