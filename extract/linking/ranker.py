"""The probability that a mention means a node: gradient-boosted trees, stored as plain arrays.

Trained by `train.py`; the features are computed in `features.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ...core.errors import ModelError
from ...core.model_folder import COMMON_FIELDS, WEIGHTS, read_config, save_files

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

SHIPPED = Path(__file__).parent.parent / "model" / "linker"
KIND = "linker"

# What the trees see of a mention and a node, in this order. NaN: not known.
FEATURES = (
    "level",  # loosest form that was needed: name 5, spelling 4, loose 3, stripped 2, similarity 1
    "primary",  # the name is the node's own, not a synonym
    "similarity",  # Levenshtein similarity, of the words in order of the alphabet
    "set_similarity",  # the same of the words that both have
    "loose_similarity",  # Levenshtein similarity of the loose forms
    "length_share",  # the shorter's length as a share of the longer's
    "longest_same",  # the longest word is the same
    "last_same",  # the last word is the same
    "numbers_differ",
    "unmatched_mention",  # share of the mention's words' weight (IDF) that the name lacks
    "unmatched_name",  # share of the name's words' weight that the mention lacks
    "length",  # of the mention, characters
    "words",  # of the mention
    "case_differs",  # a short name is written in another case
    "name_share",  # of the annotated mentions of this name, the share that means the node
    "name_count",  # logarithm of the number of annotated mentions of this name that mean it
    "node_count",  # logarithm of the number of annotated mentions that mean it
    "homonyms",  # other nodes (with other own names) that match at the same level
    "lead",  # how far its similarity is above the best other node's, below 0 if it is less
    "spelled_out",  # 1: by what the document spells the mention out as; −1: by its short form;
    # 2: by a part of it ("breast and ovarian cancer"); 0: none of these
    "elsewhere",  # other mentions of the document that have exactly a name of the node
    "part_of",  # the mention is a part of a longer one, that has exactly a name of the node
    "chemical",  # a drug or a protein
)
_INCREASING = ("level", "similarity", "set_similarity", "loose_similarity", "name_share", "lead")
_DECREASING = ("unmatched_mention", "homonyms", "numbers_differ")
_ARRAYS = ("feature", "threshold", "left", "right", "missing_left", "value")


class LinkingRanker:
    """Trees that add up to the log-odds of a link.

    Arrays are (trees, nodes of a tree): `feature` is −1 at a leaf, whose `left` and `right` are
    itself.
    """

    def __init__(self, arrays: dict[str, npt.NDArray[Any]], about: dict[str, Any]) -> None:
        self.arrays = arrays
        self.about = about
        self.threshold = float(about["threshold"])
        # All trees' nodes in one row each, so that a node is one number.
        trees, size = arrays["feature"].shape
        self._roots = np.arange(trees) * size
        self._flat = {name: array.ravel() for name, array in arrays.items()}
        self._flat["feature"] = np.maximum(self._flat["feature"], 0).astype(np.int64)
        for side in ("left", "right"):
            self._flat[side] = (arrays[side] + self._roots[:, None]).ravel()

    @classmethod
    def load(cls, folder: Path | None = None) -> LinkingRanker:
        """Read a model's folder; None: the one that ships.

        Raises:
            ModelError: it is missing, damaged, or another model.
        """
        folder = folder or SHIPPED
        needed: dict[str, type] = {
            "features": list,
            "bias": float,
            "threshold": float,
            "depth": int,
        }
        about = read_config(folder, KIND, needed)
        if tuple(about["features"]) != FEATURES:
            raise ModelError(f"{folder}: was trained on other features; train it again")
        try:
            arrays = load_file(folder / WEIGHTS)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{folder}: its weights can't be read; train it again") from error
        if set(arrays) != set(_ARRAYS):
            raise ModelError(f"{folder}: its weights don't fit its config; train it again")
        return cls(arrays, about)

    def save(self, folder: Path, card: str) -> None:
        """Write the model's folder; it takes the place of one that is there."""

        def write(draft: Path) -> None:
            save_file(self.arrays, draft / WEIGHTS)

        config = {name: value for name, value in self.about.items() if name not in COMMON_FIELDS}
        save_files(folder, KIND, config, card, write)

    def probabilities(self, inputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(rows, features) → the probability of each row's link."""
        if not len(inputs):
            return np.empty(0)
        flat, columns = self._flat, inputs.shape[1]
        values, missing = inputs.ravel(), np.isnan(inputs).ravel()
        start = np.arange(len(inputs))[:, None] * columns
        node = np.tile(self._roots, (len(inputs), 1))
        for _ in range(self.about["depth"]):
            inputs_at = start + flat["feature"].take(node)
            left = values.take(inputs_at) <= flat["threshold"].take(node)
            left |= missing.take(inputs_at) & flat["missing_left"].take(node)
            node = np.where(left, flat["left"].take(node), flat["right"].take(node))
        logits = flat["value"].take(node).sum(1) + self.about["bias"]
        slope, shift = self.about["calibration"]
        result: npt.NDArray[np.float64] = 1 / (1 + np.exp(-(slope * logits + shift)))
        return result


def classifier(seed: int = 0) -> HistGradientBoostingClassifier:
    """The untrained trees, scikit-learn's."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    constraints = [(name in _INCREASING) - (name in _DECREASING) for name in FEATURES]
    return HistGradientBoostingClassifier(
        max_iter=120,
        max_leaf_nodes=12,
        learning_rate=0.1,
        min_samples_leaf=40,
        l2_regularization=5.0,
        monotonic_cst=constraints,
        early_stopping=False,
        random_state=seed,
    )


def fit(
    inputs: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], seed: int = 0
) -> LinkingRanker:
    """Train trees on rows of features and whether each link is right.

    Args:
        inputs: (rows, FEATURES).
        right: (rows,).
    """
    model = classifier(seed).fit(inputs, right)
    # The only place where scikit-learn keeps the trees; the test compares with `predict_proba`.
    trees = [stage[0].nodes for stage in model._predictors]
    size = max(len(nodes) for nodes in trees)
    arrays: dict[str, npt.NDArray[Any]] = {
        "feature": np.full((len(trees), size), -1, np.int16),
        "threshold": np.zeros((len(trees), size), np.float64),
        "left": np.tile(np.arange(size, dtype=np.int16), (len(trees), 1)),
        "right": np.tile(np.arange(size, dtype=np.int16), (len(trees), 1)),
        "missing_left": np.ones((len(trees), size), np.bool_),
        "value": np.zeros((len(trees), size), np.float64),
    }
    for place, nodes in enumerate(trees):
        inner = ~nodes["is_leaf"].astype(bool)
        at = np.flatnonzero(inner)
        arrays["feature"][place, at] = nodes["feature_idx"][inner]
        arrays["threshold"][place, at] = nodes["num_threshold"][inner]
        arrays["left"][place, at] = nodes["left"][inner]
        arrays["right"][place, at] = nodes["right"][inner]
        arrays["missing_left"][place, at] = nodes["missing_go_to_left"][inner]
        leaves = np.flatnonzero(~inner)
        arrays["value"][place, leaves] = nodes["value"][~inner]
    about = {
        "encoder": "gradient-boosted trees",
        "features": list(FEATURES),
        "bias": float(model._baseline_prediction.item()),
        "depth": max(int(nodes["depth"].max()) for nodes in trees),
        "threshold": 0.5,
        "calibration": [1.0, 0.0],
    }
    return LinkingRanker(arrays, about)
