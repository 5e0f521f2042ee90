"""Features of a patient and a disease: similarities and log-likelihood ratios, one number each.

They compare the patient with the phenotypes that the graph states of the disease, and with the
known patients who have it. None is of a certain disease, so that what is learnt from some diseases
holds for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...core.sparse import l2_normalised_rows
from .knowledge import (
    STATED_PATIENTS,
    Floats,
    Integers,
    Knowledge,
    closed,
)
from .similarity import conditional_log_ratios, naive_bayes, shared_information

ANNOTATION_FEATURES = (
    "log_ratio",  # of the phenotypes, given their parents (`similarity.conditional_log_ratios`)
    "cosine",  # of the phenotypes of both, ancestors included, weighted by information content
    "disease_information",  # share of the disease's information content that the patient shows
    "naive_bayes",
    "resnik",
    "patient_information",  # share of the patient's information content that the disease shows
    "exact",  # share of the patient's phenotypes that the disease shows
    "annotations",  # log(1 + number of phenotypes stated)
)
PATIENT_FEATURES = (
    "pooled_log_ratio",  # as `log_ratio`, with the share of known patients that show it
    "patients_log_ratio",  # the same from the known patients alone
    "nearest",  # cosine with the most similar known patient
    "nearest_exact",  # the same of exactly the phenotypes of both, without ancestors
    "second",  # as `nearest`, of the second most similar publication
    "typical",  # how similar the disease's patients are to the nearest of another publication
    "centroid",  # cosine with the mean of the known patients
    "share",  # share of the patient's phenotypes that any known patient shows
    "patients",  # log(1 + number)
    "publications",  # log(1 + number)
)
DISEASE_CONSTANTS = ("typical", "patients", "publications")  # the same for every patient
# Features of which the distance from the patient's best candidate is one more feature.
RELATIVE_FEATURES = ("log_ratio", "pooled_log_ratio", "nearest")
PAIR_FEATURES = (*ANNOTATION_FEATURES, *PATIENT_FEATURES)
SCORED_FEATURES = (*PAIR_FEATURES, *(f"{name}_to_best" for name in RELATIVE_FEATURES), "phenotypes")
# Mean similarity of known patients of one disease to those of other publications, over the
# published cases of before 2018; the prior mean, and its weight in patients, of `typical`.
_TYPICAL_SIMILARITY, _TYPICAL_WEIGHT = 0.35, 3.0


@dataclass(frozen=True)
class PatientProfiles:
    """Groups of known patients, each of one disease, concatenated.

    Attributes:
        rows: the disease of each group.
        members: known patients, group after group.
        starts: where in `members` each group starts.
        publications: where in `members` each publication of a group starts.
        first_publication: where in `publications` each group starts.
        pooled, alone: phenotypes × groups, conditional_log_ratios.
        centroid: phenotypes × groups, columns of length 1.
        seen: phenotypes × groups, 1 where a member shows it.
        constants: groups × `DISEASE_CONSTANTS`.
    """

    rows: Integers
    members: Integers
    starts: Integers
    publications: Integers
    first_publication: Integers
    pooled: sp.csr_matrix
    alone: sp.csr_matrix
    centroid: sp.csr_matrix
    seen: sp.csr_matrix
    constants: Floats


class DiagnosisFeatures:
    """The features of patients and all diseases of a knowledge.

    Args:
        knowledge: with the known patients.
    """

    def __init__(self, knowledge: Knowledge):
        self.knowledge = knowledge
        self.stated = knowledge.as_stated
        self._log_ratios = conditional_log_ratios(self.stated)
        self._information = sp.diags(self.stated.information)
        weighted = (self.stated.frequency @ self._information).tocsr()
        self._normalised_diseases = l2_normalised_rows(weighted).T.tocsr()
        totals = np.asarray(weighted.sum(axis=1)).ravel()
        self._information_shares = (sp.diags(1 / np.maximum(totals, 1e-6)) @ weighted).T.tocsr()
        self._annotations = np.log1p(np.diff(self.stated.annotated.indptr))
        self._patient_weights = sp.diags(self._patient_information())
        self._normalised_exact = l2_normalised_rows(knowledge.patients @ self._patient_weights)
        self._normalised_closed = l2_normalised_rows(
            knowledge.patients_closed @ self._patient_weights
        )
        rows = knowledge.patient_rows
        groups = [(int(row), np.flatnonzero(rows == row)) for row in np.unique(rows)]
        self.profiles = self.profiles_of(groups)

    def _patient_information(self) -> Floats:
        """Information content of each phenotype: the mean of that over diseases and that over the
        publications of known patients."""
        publications = self.knowledge.publication_numbers
        number = int(publications.max(initial=-1)) + 1
        membership = sp.csr_matrix(
            (
                np.ones(len(publications), dtype=np.float32),
                (publications, np.arange(len(publications))),
            ),
            shape=(number, len(publications)),
        )
        having = np.asarray(((membership @ self.knowledge.patients_closed) > 0).sum(axis=0)).ravel()
        observed = -np.log((having + 0.5) / (number + 1))
        stated = np.minimum(self.stated.information, observed.max(initial=0))
        return np.asarray((observed + stated) / 2, dtype=np.float32)

    def profiles_of(self, groups: Sequence[tuple[int, Integers]]) -> PatientProfiles:
        """The profiles of groups, each a disease (row) and some of its known patients."""
        rows = np.array([row for row, _ in groups], dtype=np.int64)
        members: list[Integers] = []
        starts, publications, first = [0], list[int](), list[int]()
        constants = np.zeros((len(groups), len(DISEASE_CONSTANTS)), dtype=np.float32)
        for number, (_, group) in enumerate(groups):
            published = self.knowledge.publication_numbers[group]
            order = np.argsort(published, kind="stable")
            ordered, published = group[order], published[order]
            begin = np.flatnonzero(np.r_[True, published[1:] != published[:-1]])
            first.append(len(publications))
            publications += (starts[-1] + begin).tolist()
            members.append(ordered)
            starts.append(starts[-1] + len(ordered))
            counts = np.log1p(len(ordered)), np.log1p(len(begin))
            constants[number] = (self._typical_similarity(ordered), *counts)
        patients = np.concatenate([*members, np.empty(0, dtype=np.int64)])
        sizes = np.diff(starts)
        membership = sp.csr_matrix(
            (np.ones(len(patients), dtype=np.float32), patients, np.array(starts)),
            shape=(len(groups), len(self.knowledge.patient_rows)),
        )
        having, size = (membership @ self.knowledge.patients_closed).tocsr(), np.maximum(sizes, 1)
        stated = self.stated.frequency[rows]
        prior = np.where(np.diff(stated.indptr) > 0, STATED_PATIENTS, 0)
        pooled = sp.diags(1 / (prior + size)) @ (sp.diags(prior) @ stated + having)
        centroid = l2_normalised_rows(sp.diags(1 / size) @ having @ self._patient_weights)
        return PatientProfiles(
            rows=rows,
            members=patients,
            starts=np.array(starts[:-1], dtype=np.int64),
            publications=np.array(publications, dtype=np.int64),
            first_publication=np.array(first, dtype=np.int64),
            pooled=conditional_log_ratios(self.stated, pooled.astype(np.float32).tocsr()),
            alone=conditional_log_ratios(
                self.stated, (sp.diags(1 / size) @ having).astype(np.float32).tocsr()
            ),
            centroid=centroid.T.tocsr(),
            seen=((membership @ self.knowledge.patients) > 0).astype(np.float32).T.tocsr(),
            constants=constants,
        )

    def _typical_similarity(self, group: Integers) -> float:
        """How similar a group's patients are to the nearest of another publication, smoothed."""
        exact, closure = self._normalised_exact[group], self._normalised_closed[group]
        similarity = ((exact @ exact.T).toarray() + (closure @ closure.T).toarray()) / 2
        published = self.knowledge.publication_numbers[group]
        similarity[published[:, None] == published[None, :]] = -1
        best = similarity.max(axis=1)
        best = best[best >= 0]
        weight = _TYPICAL_WEIGHT
        return float((best.sum() + _TYPICAL_SIMILARITY * weight) / (len(best) + weight))

    def table(self, patients: Sequence[Integers]) -> Floats:
        """The features, patients × diseases × `PAIR_FEATURES`.

        Args:
            patients: columns of the knowledge.
        """
        table = np.zeros(
            (len(patients), len(self.knowledge.diseases), len(PAIR_FEATURES)), np.float32
        )
        table[:, :, : len(ANNOTATION_FEATURES)] = self._annotation_features(patients)
        table[:, :, _COLUMN["pooled_log_ratio"]] = table[:, :, _COLUMN["log_ratio"]]
        of_profiles = self._patient_features(patients, self.profiles)
        table[:, self.profiles.rows[:, None], _PATIENT_COLUMNS] = of_profiles
        return table

    def leave_publication_out(
        self, table: Floats, patients: Sequence[Integers], publications: Integers
    ) -> None:
        """Change the features of known patients to what they are without their own publication.

        Args:
            table: of `table(patients)`, changed in place.
            publications: the number of each patient's publication.
        """
        rows, numbers = self.knowledge.patient_rows, self.knowledge.publication_numbers
        pairs = sorted(
            {
                (int(row), int(publication))
                for publication in np.unique(publications)
                for row in rows[numbers == publication]
            }
        )
        groups = [(row, np.flatnonzero((rows == row) & (numbers != p))) for row, p in pairs]
        nonempty = [number for number, (_, group) in enumerate(groups) if len(group)]
        profiles = self.profiles_of([groups[number] for number in nonempty])
        of_profiles = self._patient_features(patients, profiles)
        place_of = {number: place for place, number in enumerate(nonempty)}
        for number, (row, publication) in enumerate(pairs):
            own = np.flatnonzero(publications == publication)
            if number in place_of:
                features = of_profiles[own, place_of[number]]
                table[own[:, None], row, _PATIENT_COLUMNS] = features
            else:
                table[own, row] = without_patients(table[own, row])

    def _annotation_features(self, patients: Sequence[Integers]) -> Floats:
        """patients × diseases × `ANNOTATION_FEATURES`."""
        stated = self.stated
        shown = stated.with_ancestors(patients)
        shared = shared_information(stated, patients)
        table = np.zeros(
            (len(patients), len(stated.diseases), len(ANNOTATION_FEATURES)), np.float32
        )
        feature = {name: table[:, :, place] for place, name in enumerate(ANNOTATION_FEATURES)}
        normalised = l2_normalised_rows(shown @ self._information)
        feature["log_ratio"][:] = (shown @ self._log_ratios).toarray()
        feature["cosine"][:] = (normalised @ self._normalised_diseases).toarray()
        feature["disease_information"][:] = (shown @ self._information_shares).toarray()
        feature["naive_bayes"][:] = naive_bayes(stated, patients)
        for row, patient in enumerate(patients):
            if not len(patient):
                continue
            own = stated.information[patient][:, None]
            of_phenotypes = np.stack([shared[int(phenotype)] for phenotype in patient])
            share = of_phenotypes.sum(axis=0) / np.maximum(own.sum(), 1e-6)
            feature["resnik"][row] = of_phenotypes.mean(axis=0)
            feature["patient_information"][row] = share
            feature["exact"][row] = (of_phenotypes >= 0.999 * own).mean(axis=0)
        feature["annotations"][:] = self._annotations
        return table

    def _patient_features(self, patients: Sequence[Integers], profiles: PatientProfiles) -> Floats:
        """patients × profiles × `PATIENT_FEATURES`."""
        knowledge = self.knowledge
        table = np.zeros((len(patients), len(profiles.rows), len(PATIENT_FEATURES)), np.float32)
        if not len(profiles.rows):
            return table
        feature = {name: table[:, :, place] for place, name in enumerate(PATIENT_FEATURES)}
        present = knowledge.present(patients)
        shown = closed(present, knowledge.closure)
        exact = (
            l2_normalised_rows(present @ self._patient_weights) @ self._normalised_exact.T
        ).toarray()
        weighted = l2_normalised_rows(shown @ self._patient_weights)
        similarity = (exact + (weighted @ self._normalised_closed.T).toarray()) / 2
        members, starts = profiles.members, profiles.starts
        by_publication = np.maximum.reduceat(similarity[:, members], profiles.publications, axis=1)
        first = profiles.first_publication
        number = np.maximum(np.diff(present.indptr), 1)[:, None]
        feature["pooled_log_ratio"][:] = (shown @ profiles.pooled).toarray()
        feature["patients_log_ratio"][:] = (shown @ profiles.alone).toarray()
        feature["nearest"][:] = np.maximum.reduceat(by_publication, first, axis=1)
        feature["nearest_exact"][:] = np.maximum.reduceat(exact[:, members], starts, axis=1)
        feature["second"][:] = _second_highest(by_publication, feature["nearest"], first)
        feature["centroid"][:] = (weighted @ profiles.centroid).toarray()
        feature["share"][:] = (present @ profiles.seen).toarray() / number
        for place, name in enumerate(DISEASE_CONSTANTS):
            feature[name][:] = profiles.constants[:, place]
        return table


_COLUMN = {name: place for place, name in enumerate(PAIR_FEATURES)}
_PATIENT_COLUMNS = np.array([_COLUMN[name] for name in PATIENT_FEATURES])


def without_patients(features: NDArray[np.float32]) -> Floats:
    """Features (…, `PAIR_FEATURES`) as they would be if no patient of the disease were known."""
    changed = features.copy()
    changed[..., _PATIENT_COLUMNS] = 0
    changed[..., _COLUMN["pooled_log_ratio"]] = features[..., _COLUMN["log_ratio"]]
    return changed


def with_relative_features(features: Floats, phenotypes: Integers) -> Floats:
    """Features as they are scored, patients × diseases × `SCORED_FEATURES`.

    To those of the pairs come how far some are below the patient's best candidate, and the
    logarithm of one more than the number of the patient's phenotypes.

    Args:
        features: patients × diseases × `PAIR_FEATURES`.
        phenotypes: how many each patient has.
    """
    relative = features[:, :, [_COLUMN[name] for name in RELATIVE_FEATURES]]
    number = np.broadcast_to(np.log1p(phenotypes)[:, None, None], (*features.shape[:2], 1))
    return np.concatenate(
        [features, relative - relative.max(axis=1, keepdims=True), number.astype(np.float32)],
        axis=2,
    )


def _second_highest(values: Floats, highest: Floats, first: Integers) -> Floats:
    """The second highest of each group's columns, 0 where there is one column.

    Args:
        values: rows × columns.
        highest: the highest of each group.
        first: the column at which each group starts.
    """
    sizes = np.diff(np.append(first, values.shape[1]))
    equal = values == np.repeat(highest, sizes, axis=1)
    # Of equal ones only the first is taken out.
    before = np.cumsum(equal, axis=1) - equal
    start = np.repeat(before[:, first], sizes, axis=1)
    rest = np.where(equal & (before == start), 0, values)
    return np.asarray(np.maximum.reduceat(rest, first, axis=1))
