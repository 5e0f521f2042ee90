"""Channels: every way in which a patient and a disease are alike, as one number each.

A channel is a message from the graph about a pair of patient and disease: along the phenotypes
that the graph states of the disease, along the known patients who have it, and along what a graph
neural network has learnt of both. None is of a certain disease, so what is learnt from some
diseases holds for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...core.sparse import unit_rows
from ...gnn.phenotype_network import Network
from .knowledge import (
    STATED_PATIENTS,
    Floats,
    Integers,
    Knowledge,
    closed,
)
from .similarity import naive_bayes, shared_information, surprise

STATED = (
    "surprise",  # of the phenotypes, given their parents (`similarity.surprise`)
    "cosine",  # of what both show, ancestors included, weighted by information
    "cover",  # the share of the disease's information that the patient shows
    "naive_bayes",
    "resnik",
    "relative",  # the share of the patient's information that the disease shows
    "exact",  # the share of the patient's phenotypes that the disease shows
    "annotations",  # log(1 + number of phenotypes stated)
)
SEEN = (
    "pooled_surprise",  # as `surprise`, with the share of known patients that show it
    "patients_surprise",  # the same from the known patients alone
    "nearest",  # cosine with the most similar known patient
    "nearest_exact",  # the same of exactly what both show
    "second",  # as `nearest`, of the second most similar publication
    "typical",  # how similar the disease's patients are to the nearest of another publication
    "centroid",  # cosine with the mean of the known patients
    "share",  # the share of the patient's phenotypes that any known patient shows
    "patients",  # log(1 + number)
    "publications",  # log(1 + number)
)
LEARNT = ("network", "network_nearest")
CONSTANT = ("typical", "patients", "publications")  # of SEEN, the same for every patient
# How a patient's list looks as a whole.
RELATIVE = ("surprise", "pooled_surprise", "nearest")
CHANNELS = (*STATED, *SEEN, *LEARNT)
_OF_PATIENTS = (*SEEN, "network_nearest")
NAMES = (*CHANNELS, *(f"{name}_to_best" for name in RELATIVE), "phenotypes")
# Known patients of one disease resemble those of other publications by so much, with the weight of
# so many, where there are too few to tell. (Their mean over the published cases of before 2018.)
_TYPICAL, _TYPICAL_WEIGHT = 0.35, 3.0


@dataclass(frozen=True)
class Profiles:
    """Groups of known patients of one disease, one after the other.

    Attributes:
        rows: the disease of each group.
        members: known patients, group after group.
        starts: where in `members` each group starts.
        publications: where in `members` each publication of a group starts.
        first_publication: where in `publications` each group starts.
        pooled, alone: phenotypes × groups, surprise.
        centroid: phenotypes × groups, columns of length 1.
        seen: phenotypes × groups, 1 where a member shows it.
        constants: groups × `CONSTANT`.
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


class Channels:
    """All channels of a knowledge.

    Args:
        knowledge: with the known patients.
        network: a trained network on the same knowledge.
    """

    def __init__(self, knowledge: Knowledge, network: Network):
        self.knowledge = knowledge
        self.network = network
        self.stated = knowledge.as_stated
        self._surprise = surprise(self.stated)
        information = sp.diags(self.stated.information)
        self._information = information
        shown = (self.stated.frequency @ information).tocsr()
        self._unit_diseases = unit_rows(shown).T.tocsr()
        whole = np.asarray(shown.sum(axis=1)).ravel()
        self._shown = (sp.diags(1 / np.maximum(whole, 1e-6)) @ shown).T.tocsr()
        self._annotations = np.log1p(np.diff(self.stated.annotated.indptr))
        self._weights = sp.diags(self._patients_information())
        self._unit_exact = unit_rows(knowledge.patients @ self._weights)
        self._unit_closed = unit_rows(knowledge.patients_closed @ self._weights)
        everyone = {
            int(row): np.flatnonzero(knowledge.patient_rows == row)
            for row in np.unique(knowledge.patient_rows)
        }
        self.profiles = self.profiles_of(list(everyone.items()))

    def _patients_information(self) -> Floats:
        """Mean of the information that diseases and that publications of known patients give."""
        publications = self.knowledge.publication_numbers
        number = int(publications.max(initial=-1)) + 1
        told = sp.csr_matrix(
            (
                np.ones(len(publications), dtype=np.float32),
                (publications, np.arange(len(publications))),
            ),
            shape=(number, len(publications)),
        )
        having = np.asarray(((told @ self.knowledge.patients_closed) > 0).sum(axis=0)).ravel()
        observed = -np.log((having + 0.5) / (number + 1))
        stated = np.minimum(self.stated.information, observed.max(initial=0))
        return np.asarray((observed + stated) / 2, dtype=np.float32)

    def profiles_of(self, groups: Sequence[tuple[int, Integers]]) -> Profiles:
        """The profiles of these (disease, known patients)."""
        rows = np.array([row for row, _ in groups], dtype=np.int64)
        members: list[Integers] = []
        starts, publications, first = [0], list[int](), list[int]()
        constants = np.zeros((len(groups), len(CONSTANT)), dtype=np.float32)
        for at, (_, group) in enumerate(groups):
            of_group = self.knowledge.publication_numbers[group]
            order = np.argsort(of_group, kind="stable")
            ordered, of_each = group[order], of_group[order]
            begin = np.flatnonzero(np.r_[True, of_each[1:] != of_each[:-1]])
            first.append(len(publications))
            publications += (starts[-1] + begin).tolist()
            members.append(ordered)
            starts.append(starts[-1] + len(ordered))
            constants[at] = self._typical(ordered), np.log1p(len(ordered)), np.log1p(len(begin))
        patients = np.concatenate([*members, np.empty(0, dtype=np.int64)])
        sizes = np.diff(starts)
        joined = sp.csr_matrix(
            (np.ones(len(patients), dtype=np.float32), patients, np.array(starts)),
            shape=(len(groups), len(self.knowledge.patient_rows)),
        )
        having, size = (joined @ self.knowledge.patients_closed).tocsr(), np.maximum(sizes, 1)
        stated = self.stated.frequency[rows]
        worth = np.where(np.diff(stated.indptr) > 0, STATED_PATIENTS, 0)
        pooled = sp.diags(1 / (worth + size)) @ (sp.diags(worth) @ stated + having)
        centroid = unit_rows(sp.diags(1 / size) @ having @ self._weights)
        return Profiles(
            rows=rows,
            members=patients,
            starts=np.array(starts[:-1], dtype=np.int64),
            publications=np.array(publications, dtype=np.int64),
            first_publication=np.array(first, dtype=np.int64),
            pooled=surprise(self.stated, pooled.astype(np.float32).tocsr()),
            alone=surprise(self.stated, (sp.diags(1 / size) @ having).astype(np.float32).tocsr()),
            centroid=centroid.T.tocsr(),
            seen=((joined @ self.knowledge.patients) > 0).astype(np.float32).T.tocsr(),
            constants=constants,
        )

    def _typical(self, group: Integers) -> float:
        exact, whole = self._unit_exact[group], self._unit_closed[group]
        alike = ((exact @ exact.T).toarray() + (whole @ whole.T).toarray()) / 2
        own = self.knowledge.publication_numbers[group]
        alike[own[:, None] == own[None, :]] = -1
        best = alike.max(axis=1)
        best = best[best >= 0]
        weight = _TYPICAL_WEIGHT
        return float((best.sum() + _TYPICAL * weight) / (len(best) + weight))

    def of(self, patients: Sequence[Integers]) -> Floats:
        """patients × diseases × `CHANNELS`."""
        found = np.zeros((len(patients), len(self.knowledge.diseases), len(CHANNELS)), np.float32)
        found[:, :, : len(STATED)] = self._of_stated(patients)
        embedded = self.network.embed(patients)
        found[:, :, _AT["network"]] = embedded @ self.network.diseases.T
        found[:, :, _AT["pooled_surprise"]] = found[:, :, _AT["surprise"]]
        seen = self._of_profiles(patients, embedded, self.profiles)
        found[:, self.profiles.rows[:, None], _OF_PATIENTS_AT] = seen
        return found

    def without_publication(
        self, found: Floats, patients: Sequence[Integers], publications: Integers
    ) -> None:
        """Change channels of known patients to what they are without their own publication."""
        rows, numbers = self.knowledge.patient_rows, self.knowledge.publication_numbers
        pairs = sorted(
            {
                (int(row), int(publication))
                for publication in np.unique(publications)
                for row in rows[numbers == publication]
            }
        )
        groups = [(row, np.flatnonzero((rows == row) & (numbers != p))) for row, p in pairs]
        kept = [at for at, (_, group) in enumerate(groups) if len(group)]
        profiles = self.profiles_of([groups[at] for at in kept])
        seen = self._of_profiles(patients, self.network.embed(patients), profiles)
        place = {at: number for number, at in enumerate(kept)}
        for at, (row, publication) in enumerate(pairs):
            own = np.flatnonzero(publications == publication)
            if at in place:
                found[own[:, None], row, _OF_PATIENTS_AT] = seen[own, place[at]]
            else:
                found[own, row] = unseen(found[own, row])

    def _of_stated(self, patients: Sequence[Integers]) -> Floats:
        stated = self.stated
        shown = stated.with_ancestors(patients)
        shared = shared_information(stated, patients)
        channels = np.zeros((len(patients), len(stated.diseases), len(STATED)), np.float32)
        found = {name: channels[:, :, place] for place, name in enumerate(STATED)}
        found["surprise"][:] = (shown @ self._surprise).toarray()
        found["cosine"][:] = (unit_rows(shown @ self._information) @ self._unit_diseases).toarray()
        found["cover"][:] = (shown @ self._shown).toarray()
        found["naive_bayes"][:] = naive_bayes(stated, patients)
        for row, patient in enumerate(patients):
            if not len(patient):
                continue
            own = stated.information[patient][:, None]
            of_each = np.stack([shared[int(phenotype)] for phenotype in patient])
            found["resnik"][row] = of_each.mean(axis=0)
            found["relative"][row] = of_each.sum(axis=0) / np.maximum(own.sum(), 1e-6)
            found["exact"][row] = (of_each >= 0.999 * own).mean(axis=0)
        found["annotations"][:] = self._annotations
        return channels

    def _of_profiles(
        self, patients: Sequence[Integers], embedded: Floats, profiles: Profiles
    ) -> Floats:
        """patients × profiles × `_OF_PATIENTS`."""
        knowledge, groups = self.knowledge, profiles
        channels = np.zeros((len(patients), len(groups.rows), len(_OF_PATIENTS)), np.float32)
        if not len(groups.rows):
            return channels
        found = {name: channels[:, :, place] for place, name in enumerate(_OF_PATIENTS)}
        present = knowledge.present(patients)
        shown = closed(present, knowledge.closure)
        exact = (unit_rows(present @ self._weights) @ self._unit_exact.T).toarray()
        weighted = unit_rows(shown @ self._weights)
        alike = (exact + (weighted @ self._unit_closed.T).toarray()) / 2
        learnt = embedded @ self.network.patients.T
        best = np.maximum.reduceat(alike[:, groups.members], groups.publications, axis=1)
        first, members = groups.first_publication, groups.members
        number = np.maximum(np.diff(present.indptr), 1)[:, None]
        found["pooled_surprise"][:] = (shown @ groups.pooled).toarray()
        found["patients_surprise"][:] = (shown @ groups.alone).toarray()
        found["nearest"][:] = np.maximum.reduceat(best, first, axis=1)
        found["nearest_exact"][:] = np.maximum.reduceat(exact[:, members], groups.starts, axis=1)
        found["second"][:] = _second(best, found["nearest"], first)
        found["centroid"][:] = (weighted @ groups.centroid).toarray()
        found["share"][:] = (present @ groups.seen).toarray() / number
        for place, name in enumerate(CONSTANT):
            found[name][:] = groups.constants[:, place]
        found["network_nearest"][:] = np.maximum.reduceat(learnt[:, members], groups.starts, axis=1)
        return channels


_AT = {name: place for place, name in enumerate(CHANNELS)}
_OF_PATIENTS_AT = np.array([_AT[name] for name in _OF_PATIENTS])


def unseen(found: NDArray[np.float32]) -> Floats:
    """Channels (…, `CHANNELS`) as they would be if no patient of the disease were known."""
    changed = found.copy()
    changed[..., _OF_PATIENTS_AT] = 0
    changed[..., _AT["pooled_surprise"]] = found[..., _AT["surprise"]]
    return changed


def with_relative(found: Floats, phenotypes: Integers) -> Floats:
    """patients × diseases × `NAMES`: the channels, how far some are below the patient's best, and
    the logarithm of one more than the number of the patient's phenotypes."""
    of = found[:, :, [_AT[name] for name in RELATIVE]]
    number = np.broadcast_to(np.log1p(phenotypes)[:, None, None], (*found.shape[:2], 1))
    return np.concatenate(
        [found, of - of.max(axis=1, keepdims=True), number.astype(np.float32)], axis=2
    )


def _second(best: Floats, highest: Floats, first: Integers) -> Floats:
    """The second highest of each group's columns, 0 where there is one."""
    sizes = np.diff(np.append(first, best.shape[1]))
    equal = best == np.repeat(highest, sizes, axis=1)
    # Of equal ones only the first is taken out.
    before = np.cumsum(equal, axis=1) - equal
    start = np.repeat(before[:, first], sizes, axis=1)
    rest = np.where(equal & (before == start), 0, best)
    return np.asarray(np.maximum.reduceat(rest, first, axis=1))
