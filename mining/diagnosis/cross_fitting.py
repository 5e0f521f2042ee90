"""Cross-fitting: features of known patients by networks that were not trained on them.

A network is fitted to the patients that it is trained on, and its similarities of these are not
those of new patients. So the scoring heads, and the probabilities, are fitted to features that a
network of another fold gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.progress import track
from ...gnn.phenotype_network import Network
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
from .networks import NetworkTraining
from .open_set import OpenSet, enough, fit_open_set
from .scoring_head import ScoringHead, TrainingPatient, score, train_scoring_head

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

    A patient who counts with the disease's other patients meets a network that was trained on those
    and not on the patient's publication; one who counts without them, a network that was trained on
    no patient of the disease.

    Args:
        kg, cases: what `knowledge` is of.
        training: how the networks are trained.
        train_on_patients: whether the networks are trained on known patients.

    Attributes:
        knowledge: without what the patients' publications state, which would give them away.
        patients: the columns of each known patient's phenotypes.
        fold, disease_fold: the fold of each patient by publication and by disease.
        examples: training examples by fold.
    """

    def __init__(
        self,
        kg: KnowledgeGraph,
        cases: KnowledgeGraph | None,
        knowledge: Knowledge,
        training: NetworkTraining,
        *,
        train_on_patients: bool = True,
    ):
        self.training, self.train_on_patients = training, train_on_patients
        self.knowledge = Knowledge.of(kg, cases, without=set(knowledge.patient_publications))
        self.patients = self.knowledge.known_patients()
        self.publications = self.knowledge.publication_numbers
        self.weights = 1 / np.sqrt(np.bincount(self.publications)[self.publications])
        rng = np.random.default_rng([training.seed, 2])
        rows = self.knowledge.patient_rows
        self.disease_fold = rng.permutation(len(self.knowledge.diseases))[rows] % _FOLDS
        publication_order = rng.permutation(self.publications.max() + 1)
        self.fold = publication_order[self.publications] % _FOLDS
        self.examples: list[list[TrainingPatient]] = [[] for _ in range(_FOLDS)]
        self.networks = (
            self._networks("without publications", self.fold)
            if train_on_patients
            else [self._network("without patients", rows[:0])] * _FOLDS
        )
        self.features = DiagnosisFeatures(self.knowledge, self.networks[0])
        has_others = self._add_examples_with_others(rng)
        self.networks_without_disease = (
            self._networks("without diseases", self.disease_fold)
            if train_on_patients
            else self.networks
        )
        self._add_examples_as_first(has_others, rng)

    def _network(self, name: str, known: Integers) -> Network:
        return self.training.network(self.knowledge, known, f"network {name}")

    def _networks(self, name: str, folds: Integers) -> list[Network]:
        """A network for each fold, trained on the others."""
        return [
            self._network(f"{name} {fold + 1}", np.flatnonzero(folds != fold))
            for fold in range(_FOLDS)
        ]

    def _add_examples_with_others(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Add each patient with the disease's other patients; whether there are any."""
        rows = self.knowledge.patient_rows
        has_others = np.zeros(len(rows), dtype=bool)
        for fold, batch, table in self._feature_batches(self.fold, self.networks, "known patients"):
            own = table[np.arange(len(batch)), rows[batch]]
            has_others[batch] = own[:, PAIR_FEATURES.index("patients")] > 0
            for patient, features in zip(batch, table, strict=True):
                as_first = not has_others[patient]
                self.examples[fold] += self._example(patient, features, rng, as_first=as_first)
        return has_others

    def _add_examples_as_first(
        self, has_others: NDArray[np.bool_], rng: np.random.Generator
    ) -> None:
        """Add each patient that has others once more, as if the first of the disease."""
        folds = np.where(has_others, self.disease_fold, -1)
        batches = self._feature_batches(
            folds, self.networks_without_disease, "as if the first of their disease"
        )
        for _, batch, table in batches:
            for patient, features in zip(batch, table, strict=True):
                example = self._example(patient, features, rng, as_first=True)
                self.examples[self.fold[patient]] += example

    def _feature_batches(
        self, folds: Integers, networks: Sequence[Network], label: str
    ) -> Iterator[tuple[int, Integers, Floats]]:
        """The fold, the numbers and the features of patients, without their own publication.

        Args:
            folds: of each patient; those of a negative one are left out.
            networks: for each fold.
        """
        batches = []
        for fold in range(_FOLDS):
            members = np.flatnonzero(folds == fold)
            members = members[np.argsort(self.publications[members], kind="stable")]
            batches += [
                (fold, members[start : start + BATCH_SIZE])
                for start in range(0, len(members), BATCH_SIZE)
            ]
        for fold, batch in track(batches, label, len(batches)):
            self.features.network = networks[fold]
            patients = [self.patients[number] for number in batch]
            table = self.features.table(patients)
            self.features.leave_publication_out(table, patients, self.publications[batch])
            yield fold, batch, table

    def _example(
        self, patient: int, features: Floats, rng: np.random.Generator, *, as_first: bool
    ) -> list[TrainingPatient]:
        """The patient with the disease's other patients or as if the first; none where the disease
        could not be known."""
        truth = self.knowledge.patient_rows[patient]
        candidates = features[_candidates(features, truth, rng)]
        weight = float(self.weights[patient])
        if as_first:
            if candidates[0, PAIR_FEATURES.index("annotations")] == 0:
                return []
            candidates[0] = without_patients(candidates[0])
            weight *= _FIRST_PATIENT_WEIGHT if self.train_on_patients else 1.0
        number = np.array([len(self.patients[patient])])
        return [TrainingPatient(with_relative_features(candidates[None], number)[0], weight)]

    def heads(self) -> list[ScoringHead]:
        """The scoring heads trained on all patients."""
        examples = [example for fold in self.examples for example in fold]
        return _train_heads(examples, self.training.seed, "")

    def open_set(self, base_rate: float | None = None) -> OpenSet | None:
        """The open set, fitted to scores by heads and networks of other folds.

        The patients' publications had no part in the heads, nor in the networks; and in those of
        the first of a disease, the disease had none. A patient counts as new ones come: with the
        disease's other patients, or, if none had been published before, as the first of the
        disease. Where networks aren't trained on patients, all count as where no patient of any
        disease is known.

        Args:
            base_rate: see `fit_open_set`.

        Returns:
            None where there are too few patients.
        """
        heads = [
            _train_heads(
                [e for other in range(_FOLDS) if other != fold for e in self.examples[other]],
                self.training.seed,
                f"without part {fold + 1}",
            )
            for fold in range(_FOLDS)
        ]
        scores = np.empty((len(self.patients), len(self.knowledge.diseases)), dtype=np.float32)
        truth = self.knowledge.patient_rows.copy()
        first = first_of_disease(truth, self.knowledge.patient_publications, self.training.seed)
        if not self.train_on_patients:
            first[:] = True
        self._score(heads, ~first, as_first=False, scores=scores, truth=truth)
        self._score(heads, first, as_first=True, scores=scores, truth=truth)
        if not enough(truth, self.publications):
            return None
        evidence = PatientEvidence(self.knowledge.as_stated, self.patients)
        return fit_open_set(
            scores,
            truth,
            evidence,
            self.publications,
            base_rate=base_rate,
            seed=self.training.seed,
        )

    def _score(
        self,
        heads: Sequence[Sequence[ScoringHead]],
        chosen: NDArray[np.bool_],
        *,
        as_first: bool,
        scores: Floats,
        truth: Integers,
    ) -> None:
        """Fill in the scores of the chosen patients, and -1 for a disease that could not be known.

        Args:
            heads: for each fold, those that were trained without it.
        """
        known_by = [PAIR_FEATURES.index("annotations"), PAIR_FEATURES.index("patients")]
        networks = self.networks_without_disease if as_first else self.networks
        folds = np.where(chosen, self.disease_fold if as_first else self.fold, -1)
        for _, batch, table in self._feature_batches(folds, networks, "probabilities"):
            places = np.arange(len(batch))
            if not self.train_on_patients:
                table = without_patients(table)
            elif as_first:
                table[places, truth[batch]] = without_patients(table[places, truth[batch]])
            for fold in np.unique(self.fold[batch]):
                own = np.flatnonzero(self.fold[batch] == fold)
                numbers = np.array([len(self.patients[patient]) for patient in batch[own]])
                scores[batch[own]] = score(heads[fold], with_relative_features(table[own], numbers))
            # Neither stated nor seen in another publication: it could not be known.
            of_truth = table[places, truth[batch]][:, known_by]
            truth[batch[(of_truth == 0).all(axis=1)]] = -1


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


def _train_heads(examples: Sequence[TrainingPatient], seed: int, note: str) -> list[ScoringHead]:
    return [
        train_scoring_head(examples, seed=seed * HEADS + number, note=note)
        for number in range(HEADS)
    ]


def _candidates(features: Floats, truth: int, rng: np.random.Generator) -> Integers:
    """The rows of the candidates that an example has: the patient's disease, then others.

    Args:
        features: diseases × `PAIR_FEATURES`.
    """
    size = len(features)
    number = min(_BEST, size - 1)
    columns = [PAIR_FEATURES.index(name) for name in _BEST_BY]
    best = [np.argpartition(-features[:, column], number)[:number] for column in columns]
    rows = np.unique(np.concatenate([*best, rng.integers(size, size=_RANDOM)]))
    return np.concatenate([[truth], rows[rows != truth]])
