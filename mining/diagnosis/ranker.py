"""The ranker: scoring heads over the features of patients and diseases.

Trained on known patients as they would meet it: with what is known without their own publication.
Each counts twice, once with the other patients of the disease and once as if the first of it, so
that neither diseases with cases nor those without are forgotten. Where few patients are known, the
heads are those that come with medkg, which learnt from published cases (`data/readout.md`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...core.checkpoint import Stages
from ...core.errors import DataError, ModelError
from ...core.json_reading import parse_json
from ...core.tensors import with_prefix, without_prefix
from ...graph.kg import KnowledgeGraph
from .cross_fitting import BATCH_SIZE, HEADS, CrossFitting
from .features import SCORED_FEATURES, DiagnosisFeatures, with_relative_features
from .knowledge import Floats, Integers, Knowledge
from .open_set import OpenSet
from .scoring_head import ScoringHead, head_of, score

SHIPPED_WEIGHTS = Path(__file__).parent / "data" / "readout.safetensors"
# The fewest known patients, and their diseases and publications, to train heads on.
_FEWEST_PATIENTS, _FEWEST_DISEASES, _FEWEST_PUBLICATIONS = 200, 30, 5


class DiagnosisRanker:
    """Scores by the mean of several scoring heads over the features."""

    def __init__(self, features: DiagnosisFeatures, heads: Sequence[ScoringHead]):
        self.features = features
        self.heads = list(heads)

    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Scores, patients × diseases."""
        diseases = self.features.knowledge.diseases
        scores = np.empty((len(patients), len(diseases)), dtype=np.float32)
        for start in range(0, len(patients), BATCH_SIZE):
            batch = patients[start : start + BATCH_SIZE]
            numbers = np.array([len(patient) for patient in batch])
            table = with_relative_features(self.features.table(batch), numbers)
            scores[start : start + BATCH_SIZE] = score(self.heads, table)
        return scores

    def state(self) -> dict[str, Tensor]:
        """All weights by name."""
        state: dict[str, Tensor] = {}
        for number, head in enumerate(self.heads):
            state |= with_prefix(f"readout.{number}", head.state_dict())
        return state

    @classmethod
    def of_state(cls, knowledge: Knowledge, state: dict[str, Tensor]) -> DiagnosisRanker:
        """The ranker of these weights.

        Raises:
            ModelError: they are of other features than this medkg's.
        """
        heads = [head_of(without_prefix(f"readout.{number}", state)) for number in range(HEADS)]
        if (size := len(heads[0].mean)) != len(SCORED_FEATURES):
            raise ModelError(
                f"the ranker is of another medkg: it has {size} features, and this one's have"
                f" {len(SCORED_FEATURES)}; train the model anew"
            )
        return cls(DiagnosisFeatures(knowledge), heads)


def train_ranker(
    kg: KnowledgeGraph,
    cases: KnowledgeGraph | None,
    knowledge: Knowledge,
    *,
    seed: int,
    stages: Stages,
) -> tuple[DiagnosisRanker, OpenSet | None, list[str]]:
    """A ranker, the open set of its scores, and the publications of further patients behind them.

    Args:
        kg, cases: what `knowledge` is of.
        stages: keep what takes long, so that a training that was cut off goes on.

    Returns:
        With enough known patients, heads and an open set fitted to these, and no further
        publication; else the ranker has the heads that come with medkg, and the open set and the
        publications are theirs.
    """
    few = (
        len(knowledge.patient_rows) < _FEWEST_PATIENTS
        or len(np.unique(knowledge.patient_rows)) < _FEWEST_DISEASES
        or len(np.unique(knowledge.publication_numbers)) < _FEWEST_PUBLICATIONS
    )
    features = DiagnosisFeatures(knowledge)
    if few:
        ranker = DiagnosisRanker(features, shipped_heads())
        return ranker, shipped_open_set(knowledge), shipped_publications()
    fitting = CrossFitting(kg, cases, knowledge, seed=seed, stages=stages)
    return DiagnosisRanker(features, fitting.heads()), fitting.open_set(), []


def shipped_heads() -> list[ScoringHead]:
    """The scoring heads that come with medkg."""
    state = load_file(SHIPPED_WEIGHTS)
    return [head_of(without_prefix(str(number), state)) for number in range(HEADS)]


def shipped_publications() -> list[str]:
    """The publications of the patients that the shipped heads were trained on."""
    return _shipped_metadata()["publications"].split()


def shipped_open_set(knowledge: Knowledge) -> OpenSet | None:
    """The open set of the shipped heads; none where there are less than half as many candidates as
    it was fitted with, since the scale of the scores depends on their number."""
    metadata = _shipped_metadata()
    if len(knowledge.diseases) < int(metadata["candidates"]) / 2:
        return None
    return OpenSet.from_dict(parse_json(metadata["open_set"]))


def _shipped_metadata() -> dict[str, str]:
    with safe_open(SHIPPED_WEIGHTS, framework="pt") as file:
        return dict(file.metadata())


def train_shipped_heads(
    kg: KnowledgeGraph, cases: KnowledgeGraph, base_rate: float, seed: int = 0
) -> None:
    """Train the heads that come with medkg, fit their open set, and write them where they lie.

    Their open set is of the cases as where no patient is known.

    Args:
        base_rate: how often the disease of later cases is none of the candidates.

    Raises:
        DataError: too few of the cases have a disease that the graph describes.
    """
    knowledge = Knowledge.of(kg, cases)
    fitting = CrossFitting(
        kg, cases, knowledge, seed=seed, stages=Stages(None), patients_known=False
    )
    state: dict[str, Tensor] = {}
    for number, head in enumerate(fitting.heads()):
        state |= with_prefix(str(number), head.state_dict())
    state = {name: tensor.contiguous() for name, tensor in state.items()}
    open_set = fitting.open_set(base_rate)
    if open_set is None:
        raise DataError("too few of the cases have a disease that the graph describes")
    metadata = {
        "publications": " ".join(sorted(set(knowledge.patient_publications))),
        "candidates": str(len(knowledge.diseases)),
        "open_set": json.dumps(
            {
                **open_set.to_dict(),
                "conformity": [round(c, 6) for c in open_set.conformity],
                "figures": {**open_set.figures, "shipped": True},
            }
        ),
    }
    save_file(state, SHIPPED_WEIGHTS, metadata=metadata)
