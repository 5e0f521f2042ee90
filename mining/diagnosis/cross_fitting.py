"""Cross-fitting: known patients are scored as new ones would be.

Their features are what they would be without their own publication, and the probabilities are
fitted to scores by heads that were not trained on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...core.checkpoint import Stages
from ...core.progress import track
from ...graph.kg import KnowledgeGraph
from .cases import pmid
from .explained import PatientEvidence
from .features import (
    PAIR_FEATURES,
    DiagnosisFeatures,
    with_relative_features,
    without_patients,
)
from .knowledge import Floats, Integers, Knowledge
from .open_set import OpenSet, enough, fit_open_set
from .scoring_head import ScoringHead, TrainingPatient, head_of, score, train_scoring_head

BATCH_SIZE = 50  # patients at a time: × 12,000 diseases × 25 features are 60 MB
HEADS = 3  # of different seeds, averaged
_FOLDS = 3
# Weight of a patient as if the first of the disease, beside 1 with the others. Of 0.1, 0.2, 0.5,
# 0.2 did best on the validation cases of docs/diagnosis.md. The heads that come with medkg, for
# graphs with few patients, weigh both the same.
_FIRST_PATIENT_WEIGHT = 0.2
# Candidates that a head is trained with: the best by each of these features, and random ones.
_BEST_BY = ("log_ratio", "pooled_log_ratio", "patients_log_ratio", "nearest", "disease_information")
_BEST = 60
_RANDOM = 60


class CrossFitting:
    """Known patients as new ones would meet the ranker.

    Each counts with the disease's other patients, and once more as if the first of the disease.

    Args:
        kg, cases: what `knowledge` is of.
        stages: keep what is trained, so that a training that was cut off goes on.
        patients_known: whether patients will be known where the heads are used.

    Attributes:
        knowledge: without what the patients' publications state, which would give them away.
        patients: the columns of each known patient's phenotypes.
        fold: of each patient, by publication.
        examples: training examples by fold.
    """

    def __init__(
        self,
        kg: KnowledgeGraph,
        cases: KnowledgeGraph | None,
        knowledge: Knowledge,
        *,
        seed: int,
        stages: Stages,
        patients_known: bool = True,
    ):
        self.seed, self.stages, self.patients_known = seed, stages, patients_known
        self.knowledge = Knowledge.of(kg, cases, without=set(knowledge.patient_publications))
        self.patients = self.knowledge.known_patients()
        self.publications = self.knowledge.publication_numbers
        self.weights = 1 / np.sqrt(np.bincount(self.publications)[self.publications])
        rng = np.random.default_rng([seed, 2])
        self.fold = rng.permutation(self.publications.max() + 1)[self.publications] % _FOLDS
        self.examples: list[list[TrainingPatient]] = [[] for _ in range(_FOLDS)]
        self.features = DiagnosisFeatures(self.knowledge)
        self._add_examples(rng)

    def _add_examples(self, rng: np.random.Generator) -> None:
        """Add each patient with the disease's other patients, where there are any, and as if the
        first of it."""
        rows = self.knowledge.patient_rows
        for batch, table in self._feature_batches("known patients"):
            own = table[np.arange(len(batch)), rows[batch]]
            has_others = own[:, PAIR_FEATURES.index("patients")] > 0
            for patient, features, others in zip(batch, table, has_others, strict=True):
                for as_first in (False, True) if others else (True,):
                    example = self._example(patient, features, rng, as_first=as_first)
                    self.examples[self.fold[patient]] += example

    def _feature_batches(self, label: str) -> Iterator[tuple[Integers, Floats]]:
        """The numbers and the features of patients, without their own publication."""
        order = np.argsort(self.publications, kind="stable")
        batches = [order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE)]
        for batch in track(batches, label, len(batches)):
            patients = [self.patients[number] for number in batch]
            table = self.features.table(patients)
            self.features.leave_publication_out(table, patients, self.publications[batch])
            yield batch, table

    def _example(
        self, patient: int, features: Floats, rng: np.random.Generator, *, as_first: bool
    ) -> list[TrainingPatient]:
        """The patient with the disease's other patients or as if the first; none where the disease
        could not be known."""
        truth = int(self.knowledge.patient_rows[patient])
        candidates = features[_candidates(features, truth, rng)]
        weight = float(self.weights[patient])
        if as_first:
            if candidates[0, PAIR_FEATURES.index("annotations")] == 0:
                return []
            candidates[0] = without_patients(candidates[0])
            weight *= _FIRST_PATIENT_WEIGHT if self.patients_known else 1.0
        number = np.array([len(self.patients[patient])])
        return [TrainingPatient(with_relative_features(candidates[None], number)[0], weight)]

    def heads(self) -> list[ScoringHead]:
        """The scoring heads trained on all patients."""
        return self._heads("all", range(_FOLDS))

    def _heads(self, name: str, folds: Iterable[int]) -> list[ScoringHead]:
        """The heads trained on the patients of some folds."""
        examples = [example for fold in folds for example in self.examples[fold]]

        def head(number: int) -> dict[str, Tensor]:
            seed = self.seed * HEADS + number
            return train_scoring_head(examples, seed=seed, note=f"{name} {number + 1}").state_dict()

        stage = name.replace(" ", "-")
        return [
            head_of(self.stages.get(f"head-{stage}-{number + 1}", partial(head, number)))
            for number in range(HEADS)
        ]

    def open_set(self, base_rate: float | None = None) -> OpenSet | None:
        """The open set, fitted to scores by heads of other folds.

        The patients' publications had no part in the heads. A patient counts as new ones come: with
        the disease's other patients, or, if none had been published before, as the first of the
        disease; where no patients will be known, all as where no patient of any disease is.

        Args:
            base_rate: see `fit_open_set`.

        Returns:
            None where there are too few patients.
        """
        heads = [
            self._heads(f"without part {fold + 1}", set(range(_FOLDS)) - {fold})
            for fold in range(_FOLDS)
        ]
        truth = self.knowledge.patient_rows.copy()
        scores = self._scores(heads, truth)
        if not enough(truth, self.publications):
            return None
        evidence = PatientEvidence(self.knowledge.as_stated, self.patients)
        return fit_open_set(
            scores, truth, evidence, self.publications, base_rate=base_rate, seed=self.seed
        )

    def _scores(self, heads: Sequence[Sequence[ScoringHead]], truth: Integers) -> Floats:
        """The scores of all patients, patients × diseases.

        Args:
            heads: for each fold, those that were trained without it.
            truth: of each patient the row of the disease; -1 is filled in for one that could not
                be known.
        """
        first = first_of_disease(truth, self.knowledge.patient_publications, self.seed)
        known_by = [PAIR_FEATURES.index("annotations"), PAIR_FEATURES.index("patients")]
        scores = np.empty((len(self.patients), len(self.knowledge.diseases)), dtype=np.float32)
        for batch, table in self._feature_batches("probabilities"):
            if not self.patients_known:
                table = without_patients(table)
            as_first = np.flatnonzero(first[batch])
            rows = truth[batch[as_first]]
            table[as_first, rows] = without_patients(table[as_first, rows])
            for fold in np.unique(self.fold[batch]):
                members = np.flatnonzero(self.fold[batch] == fold)
                own = batch[members]
                numbers = np.array([len(self.patients[patient]) for patient in own])
                relative = with_relative_features(table[members], numbers)
                scores[own] = score(heads[fold], relative)
            # Neither stated nor seen in another publication: it could not be known.
            of_truth = table[np.arange(len(batch)), truth[batch]][:, known_by]
            truth[batch[(of_truth == 0).all(axis=1)]] = -1
        return scores


def first_of_disease(
    diseases: Integers, publications: Sequence[str], seed: int
) -> NDArray[np.bool_]:
    """Whether each patient is of the publication that was the first to have the disease.

    Publications are in order of their PMIDs; those without one are before, in random order.

    Args:
        diseases, publications: the disease (row) and the publication of each patient.
    """
    names, number = np.unique(publications, return_inverse=True)
    chance = np.random.default_rng([seed, 3]).permutation(len(names))
    order = np.empty(len(names), dtype=np.int64)
    pmids = np.array([pmid(name) for name in names])
    order[np.lexsort((chance, pmids))] = np.arange(len(names))
    earliest = np.full(diseases.max() + 1, len(names))
    np.minimum.at(earliest, diseases, order[number])
    return np.asarray(order[number] == earliest[diseases])


def _candidates(features: Floats, truth: int, rng: np.random.Generator) -> Integers:
    """The rows of the candidates that an example has: the patient's disease, then others.

    Args:
        features: diseases × `PAIR_FEATURES`.
    """
    number = min(_BEST, len(features) - 1)
    columns = [PAIR_FEATURES.index(name) for name in _BEST_BY]
    best = [np.argpartition(-features[:, column], number)[:number] for column in columns]
    rows = np.unique(np.concatenate([*best, rng.integers(len(features), size=_RANDOM)]))
    return np.concatenate([[truth], rows[rows != truth]])
