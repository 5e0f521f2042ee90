"""The model of reviews: logistic regressions of rating, effect and side effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from ...core.errors import ModelError
from ...core.json_reading import VOCABULARY_LIMITS, read_json
from ...core.model_folder import VOCABULARY, WEIGHTS, read_config, save_files
from ...core.tensors import load_tensors, save_tensors, with_prefix, without_prefix
from .features import EncoderMeans, ReviewFeatures, WeightedWords
from .reviews import SIGNS, Review

KIND = "sentiment"
_FIELDS = {"aspects": list, "figures": dict, "seed": int}
_STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # of an encoder's features, to choose from by inner folds


class Opinion(TypedDict):
    """What is told of one aspect of a review; `sign` is -1, 0 or 1."""

    aspect: str
    label: str
    sign: int
    probability: float


@dataclass(frozen=True)
class Head:
    """A logistic regression: weights (labels, features) and intercepts (labels,)."""

    weights: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    @classmethod
    def learn(cls, features: csr_matrix, labels: Sequence[str], *, dense: bool) -> Head:
        """The regression of labels, each label with the same weight in all.

        Args:
            dense: whether the features are an encoder's: how far weights are drawn to zero is then
                chosen by three folds, since it depends on the encoder.
        """
        signs = np.array([SIGNS.index(label) for label in labels])
        regression: Any = LogisticRegression(max_iter=1000, class_weight="balanced")
        if dense:
            search = GridSearchCV(regression, {"C": _STRENGTHS}, scoring="f1_macro", cv=3)
            regression = search.fit(features, signs).best_estimator_
        else:
            regression.fit(features, signs)
        weights = np.zeros((len(SIGNS), features.shape[1]), np.float32)
        intercepts = np.full(len(SIGNS), -np.inf, np.float32)  # of labels that weren't learnt
        coefficients, constants = regression.coef_, regression.intercept_
        if len(regression.classes_) == 2:  # scikit-learn keeps those of the second alone
            coefficients = np.vstack([0 * coefficients, coefficients])
            constants = np.concatenate([[0.0], constants])
        weights[regression.classes_], intercepts[regression.classes_] = coefficients, constants
        return cls(weights, intercepts)

    def probabilities(self, features: csr_matrix) -> NDArray[np.float64]:
        """(reviews, labels)."""
        scores = np.asarray(features @ self.weights.T) + self.intercepts
        return np.asarray(softmax(scores, axis=1), dtype=np.float64)


@dataclass(frozen=True)
class SentimentModel:
    """Tells how a patient rates a drug, and its effect and side effects, by what is written.

    Attributes:
        heads: by aspect.
        config: `figures` of its training, `seed`, and perhaps `encoder`.
    """

    features: ReviewFeatures
    heads: Mapping[str, Head]
    config: Mapping[str, Any]

    def opinions(self, reviews: Sequence[Review]) -> list[list[Opinion]]:
        """Of each review what is told of each aspect; nothing where no word of it is known."""
        matrix = self.features.matrix(reviews)
        is_known = matrix.getnnz(axis=1) > 0
        predicted: list[list[Opinion]] = [[] for _ in reviews]
        for aspect, head in self.heads.items():
            probabilities = head.probabilities(matrix)
            for own, row, known in zip(predicted, probabilities, is_known, strict=True):
                if not known:
                    continue
                best = int(row.argmax())
                own.append(
                    {
                        "aspect": aspect,
                        "label": SIGNS[best],
                        "sign": best - 1,
                        "probability": float(row[best]),
                    }
                )
        return predicted

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        tensors: dict[str, torch.Tensor] = {}
        for aspect, head in self.heads.items():
            arrays = {"weights": head.weights, "intercepts": head.intercepts}
            tensors |= with_prefix(aspect, {n: torch.from_numpy(a) for n, a in arrays.items()})
        vocabulary: dict[str, list[str]] = {}
        if isinstance(self.features, WeightedWords):
            tensors |= with_prefix("frequencies", self.features.weights())
            vocabulary = self.features.vocabulary()

        def write(folder: Path) -> None:
            save_tensors(tensors, folder / WEIGHTS)
            if vocabulary:
                _write_vocabulary(vocabulary, folder)

        save_files(path, KIND, {**self.config, "aspects": list(self.heads)}, card, write)

    @classmethod
    def open(cls, path: Path | str) -> SentimentModel:
        """Read a model's folder.

        Raises:
            ModelError: there is none, it is damaged, or its encoder can't be read.
        """
        folder = Path(path)
        config = read_config(folder, KIND, _FIELDS)
        try:
            tensors = load_tensors(folder / WEIGHTS)
            heads = {}
            for aspect in config["aspects"]:
                own = without_prefix(aspect, tensors)
                heads[aspect] = Head(own["weights"].numpy(), own["intercepts"].numpy())
            features: ReviewFeatures
            if encoder := config.get("encoder"):
                features = EncoderMeans(encoder)
            else:
                vocabulary = read_json(folder / VOCABULARY, limits=VOCABULARY_LIMITS)
                weights = without_prefix("frequencies", tensors)
                features = WeightedWords.restored(vocabulary, weights)
        except (KeyError, ValueError, OSError) as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        kept = {k: v for k, v in config.items() if k in ("figures", "seed", "encoder")}
        return cls(features, heads, kept)


def _write_vocabulary(vocabulary: Mapping[str, list[str]], folder: Path) -> None:
    import json

    text = json.dumps(vocabulary, ensure_ascii=False, indent=0)
    (folder / VOCABULARY).write_text(text + "\n", encoding="utf-8")
