"""The ranker: the graph neural network and all other channels, read out to one score.

Trained on known patients as they would meet it: with what is known without their own publication.
Each counts twice, once with the other patients of the disease and once as if the first of it, so
that neither diseases with cases nor those without are forgotten. Where few patients are known, the
readouts are those that come with medkg, which learnt from published cases (`data/readout.md`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...core.checkpoint import Stages
from ...core.errors import DataError
from ...core.model_folder import named, part_named
from ...core.progress import track
from ...gnn.phenotype_network import Network
from ...gnn.phenotype_network import fit as fit_network
from ...graph.kg import KnowledgeGraph
from .cases import pmid
from .channels import (
    CHANNELS,
    NAMES,
    Channels,
    unseen,
    with_relative,
)
from .knowledge import Floats, Integers, Knowledge
from .open_set import OpenSet, enough, fit_open_set
from .patients import simulate
from .readout import (
    Example,
    Readout,
    score,
    train_readout,
)

READOUTS = Path(__file__).parent / "data" / "readout.safetensors"
# Known patients, and their diseases and publications, to teach readouts of one's own.
_ENOUGH, _DISEASES, _PUBLICATIONS = 200, 30, 5
_FOLDS = 3
_READOUTS = 3  # of different seeds, averaged
_EPOCHS = 6  # of the network
_PART = 50  # patients at a time: × 12,000 diseases × 25 channels are 60 MB
# What a patient counts as if the first of the disease, beside 1 with the others. Of 0.1, 0.2, 0.5,
# 0.2 did best on the validation cases of docs/diagnosis.md. The readouts that come with medkg, for
# graphs with few patients, count both the same.
_WITHOUT = 0.2
# Candidates that a readout is trained with: the best by each of these channels, and random ones.
_BEST_BY = ("surprise", "pooled_surprise", "patients_surprise", "nearest", "cover")
_BEST = 60
_RANDOM = 60


class Ranker:
    """Scores by the mean of the readouts over the channels."""

    def __init__(self, channels: Channels, readouts: Sequence[Readout]):
        self.channels = channels
        self.readouts = list(readouts)

    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Patients × diseases."""
        found = np.empty((len(patients), len(self.channels.knowledge.diseases)), dtype=np.float32)
        for start in range(0, len(patients), _PART):
            part = patients[start : start + _PART]
            found[start : start + _PART] = score(
                self.readouts, _named(self.channels.of(part), part)
            )
        return found

    def state(self) -> dict[str, Tensor]:
        """All weights by name."""
        found = named("network", self.channels.network.state_dict())
        for number, readout in enumerate(self.readouts):
            found |= named(f"readout.{number}", readout.state_dict())
        return found

    @classmethod
    def of_state(cls, knowledge: Knowledge, state: dict[str, Tensor]) -> Ranker:
        """The ranker of these weights."""
        network = network_of(knowledge, part_named("network", state))
        readouts = []
        for number in range(_READOUTS):
            readouts.append(_readout_of(part_named(f"readout.{number}", state)))
        return cls(Channels(knowledge, network), readouts)


def _readout_of(state: dict[str, Tensor]) -> Readout:
    readout = Readout(len(NAMES))
    readout.load_state_dict(state)
    return readout.eval()


def network_of(knowledge: Knowledge, state: dict[str, Tensor]) -> Network:
    """The network of these weights."""
    network = new_network(knowledge, dim=state["vectors"].shape[1])
    network.load_state_dict(state)
    network.eval()
    return network


def new_network(knowledge: Knowledge, *, dim: int = 128, seed: int = 0) -> Network:
    """An untrained network over what is stated and the known patients."""
    return Network(knowledge.as_stated, knowledge.patients_closed, dim=dim, seed=seed)


def train_network(
    knowledge: Knowledge,
    known: Integers,
    *,
    simulated: int,
    seed: int,
    device: str,
    epochs: int = _EPOCHS,
    label: str = "network",
) -> Network:
    """A network trained on simulated patients (so many an epoch) and on some known ones."""
    network = new_network(knowledge, seed=seed).to(device)
    rng = np.random.default_rng([seed, len(known)])
    patients = simulate(knowledge.as_stated, simulated * epochs, rng)
    rows, publications = knowledge.patient_rows, knowledge.publication_numbers
    fit_network(network, patients, known, rows, publications, epochs=epochs, seed=seed, label=label)
    return network.cpu()


def train_ranker(
    kg: KnowledgeGraph,
    cases: KnowledgeGraph | None,
    knowledge: Knowledge,
    *,
    simulated: int,
    seed: int,
    device: str,
    stages: Stages,
) -> tuple[Ranker, OpenSet | None, list[str]]:
    """A ranker; the open set of its scores, of known patients where there are enough, else the one
    that comes with medkg; and the publications of further patients that it learnt from.

    Args:
        kg, cases: what `knowledge` is of.
        simulated: number of simulated patients an epoch.
        stages: keep the networks, which take most of the time.
    """
    everyone = np.arange(len(knowledge.patient_rows))
    few = (
        len(everyone) < _ENOUGH
        or len(np.unique(knowledge.patient_rows)) < _DISEASES
        or len(np.unique(knowledge.publication_numbers)) < _PUBLICATIONS
    )
    # The readouts that come with medkg learnt to read a network that saw no known patient.
    known = everyone[:0] if few else everyone
    network = _taught(
        knowledge, known, stages, "network", simulated=simulated, seed=seed, device=device
    )
    channels = Channels(knowledge, network)
    if few:
        return Ranker(channels, own_readouts()), own_open_set(knowledge), learnt_from()
    learnt = _Known(
        kg, cases, knowledge, simulated=simulated, seed=seed, device=device, stages=stages
    )
    return Ranker(channels, learnt.readouts()), learnt.open_set(), []


def _taught(
    knowledge: Knowledge,
    known: Integers,
    stages: Stages,
    name: str,
    *,
    simulated: int,
    seed: int,
    device: str,
) -> Network:
    """A network as `train_network` gives it, or the stage of that name that was finished before."""

    def train() -> dict[str, Tensor]:
        return train_network(
            knowledge, known, simulated=simulated, seed=seed, device=device, label=name
        ).state_dict()

    return network_of(knowledge, stages.get(name.replace(" ", "-"), train))


def own_readouts() -> list[Readout]:
    """The readouts that come with medkg."""
    state = load_file(READOUTS)
    return [_readout_of(part_named(str(number), state)) for number in range(_READOUTS)]


def learnt_from() -> list[str]:
    """The publications of the patients that they learnt from."""
    return _about_own()["publications"].split()


def own_open_set(knowledge: Knowledge) -> OpenSet | None:
    """The open set of the readouts that come with medkg; none where there are less than half as
    many candidates as it was fitted with, since how sure scores look depends on these."""
    about = _about_own()
    if len(knowledge.diseases) < int(about["candidates"]) / 2:
        return None
    return OpenSet.from_dict(json.loads(about["open_set"]))


def _about_own() -> dict[str, str]:
    with safe_open(READOUTS, framework="pt") as file:
        return dict(file.metadata())


def train_own_readouts(kg: KnowledgeGraph, cases: KnowledgeGraph, seed: int = 0) -> None:
    """Train the readouts that come with medkg, fit their open set, and write them where they lie.

    The network they read has seen no patient, as it hasn't where they will be used; and their open
    set is of the cases as where no patient is known.
    """
    knowledge = Knowledge.of(kg, cases)
    learnt = _Known(
        kg,
        cases,
        knowledge,
        simulated=2_800,
        seed=seed,
        device="cpu",
        stages=Stages(None),
        learn=False,
    )
    state: dict[str, Tensor] = {}
    for number, readout in enumerate(learnt.readouts()):
        state |= named(str(number), readout.state_dict())
    state = {name: tensor.contiguous() for name, tensor in state.items()}
    open_set = learnt.open_set()
    if open_set is None:
        raise DataError("too few of the cases have a disease that the graph describes")
    about = {
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
    save_file(state, READOUTS, metadata=about)


class _Known:
    """Known patients as new ones would meet the ranker.

    A network is taught by patients, and what it makes of those it was taught by is not what it
    makes of new ones. So a patient who is to count with the disease's other patients meets a
    network that was taught by those and not by the patient's publication; who is to count without
    them, one that was taught by no patient of the disease.

    Args:
        learn: whether the networks are taught by known patients.
    """

    def __init__(
        self,
        kg: KnowledgeGraph,
        cases: KnowledgeGraph | None,
        knowledge: Knowledge,
        *,
        simulated: int,
        seed: int,
        device: str,
        stages: Stages,
        learn: bool = True,
    ):
        self.seed, self.learn = seed, learn
        # What a publication says of a disease would give its own patients away.
        publications = set(knowledge.patient_publications)
        self.knowledge = Knowledge.of(kg, cases, without=publications)
        self.patients = self.knowledge.known_patients()
        self.publications = self.knowledge.publication_numbers
        self.weights = 1 / np.sqrt(np.bincount(self.publications)[self.publications])
        rng = np.random.default_rng([seed, 2])
        rows = self.knowledge.patient_rows
        by_disease = rng.permutation(len(self.knowledge.diseases))[rows] % _FOLDS
        self.fold = rng.permutation(self.publications.max() + 1)[self.publications] % _FOLDS

        def taught_by(name: str, known: Integers) -> Network:
            return _taught(
                self.knowledge,
                known,
                stages,
                f"network {name}",
                simulated=simulated,
                seed=seed,
                device=device,
            )

        def taught(name: str, folds: Integers) -> list[Network]:
            """A network for each fold, taught by the others."""
            return [
                taught_by(f"{name} {fold + 1}", np.flatnonzero(folds != fold))
                for fold in range(_FOLDS)
            ]

        self.networks = (
            taught("without publications", self.fold)
            if learn
            else [taught_by("without patients", rows[:0])] * _FOLDS
        )
        self.channels = Channels(self.knowledge, self.networks[0])
        self.examples: list[list[Example]] = [[] for _ in range(_FOLDS)]
        has_others = np.zeros(len(rows), dtype=bool)
        for fold, part, found in self._met(self.fold, self.networks, "known patients"):
            own = found[np.arange(len(part)), rows[part]]
            has_others[part] = own[:, CHANNELS.index("patients")] > 0
            for at, channels in zip(part, found, strict=True):
                example = self._example(at, channels, rng, alone=not has_others[at])
                self.examples[fold] += example
        self.by_disease = by_disease
        self.networks_without_disease = (
            taught("without diseases", by_disease) if learn else self.networks
        )
        folds = np.where(has_others, by_disease, -1)
        met = self._met(folds, self.networks_without_disease, "as if the first of their disease")
        for _, part, found in met:
            for at, channels in zip(part, found, strict=True):
                self.examples[self.fold[at]] += self._example(at, channels, rng, alone=True)

    def _met(
        self, folds: Integers, networks: Sequence[Network], label: str
    ) -> Iterator[tuple[int, Integers, Floats]]:
        """The fold, the places and the channels of patients, without their own publication."""
        parts = []
        for fold in range(_FOLDS):
            members = np.flatnonzero(folds == fold)
            members = members[np.argsort(self.publications[members], kind="stable")]
            parts += [
                (fold, members[start : start + _PART]) for start in range(0, len(members), _PART)
            ]
        for fold, part in track(parts, label, len(parts)):
            self.channels.network = networks[fold]
            patients = [self.patients[at] for at in part]
            found = self.channels.of(patients)
            self.channels.without_publication(found, patients, self.publications[part])
            yield fold, part, found

    def _example(
        self, at: int, found: Floats, rng: np.random.Generator, *, alone: bool
    ) -> list[Example]:
        """The patient with the disease's other patients or without; none where the disease could
        not be known."""
        truth = self.knowledge.patient_rows[at]
        chosen = found[_candidates(found, truth, rng)]
        weight = float(self.weights[at])
        if alone:
            if chosen[0, CHANNELS.index("annotations")] == 0:
                return []
            chosen[0] = unseen(chosen[0])
            weight *= _WITHOUT if self.learn else 1.0
        number = np.array([len(self.patients[at])])
        return [Example(with_relative(chosen[None], number)[0], weight)]

    def readouts(self) -> list[Readout]:
        """The readouts that all patients teach."""
        return _readouts([example for fold in self.examples for example in fold], self.seed, "")

    def open_set(self) -> OpenSet | None:
        """Of scores by readouts that the patients' publications had no part in, and by networks
        that were not taught by the publication or, of the first of a disease, by the disease.

        A patient counts as new ones come: with the disease's other patients, or, if none had been
        published before, as the first of the disease. Where networks aren't taught by patients, all
        count as where no patient of any disease is known.
        """
        readouts = [
            _readouts(
                [e for other in range(_FOLDS) if other != fold for e in self.examples[other]],
                self.seed,
                f"without part {fold + 1}",
            )
            for fold in range(_FOLDS)
        ]
        scores = np.empty((len(self.patients), len(self.knowledge.diseases)), dtype=np.float32)
        truth = self.knowledge.patient_rows.copy()
        first = first_of_disease(truth, self.knowledge.patient_publications, self.seed)
        if not self.learn:
            first[:] = True
        names = [CHANNELS.index("annotations"), CHANNELS.index("patients")]
        for alone, folds, networks in (
            (False, self.fold, self.networks),
            (True, self.by_disease, self.networks_without_disease),
        ):
            folds = np.where(first == alone, folds, -1)
            for _, part, found in self._met(folds, networks, "probabilities"):
                places = np.arange(len(part))
                if not self.learn:
                    found = unseen(found)
                elif alone:
                    found[places, truth[part]] = unseen(found[places, truth[part]])
                for fold in np.unique(self.fold[part]):
                    own = np.flatnonzero(self.fold[part] == fold)
                    patients = [self.patients[at] for at in part[own]]
                    scores[part[own]] = score(readouts[fold], _named(found[own], patients))
                # Neither stated nor seen in another publication: it could not be known.
                of_truth = found[places, truth[part]][:, names]
                truth[part[(of_truth == 0).all(axis=1)]] = -1
        numbers = np.array([len(patient) for patient in self.patients])
        if not enough(truth, self.publications):
            return None
        return fit_open_set(scores, truth, numbers, self.publications, seed=self.seed)


def first_of_disease(
    diseases: Integers, publications: Sequence[str], seed: int
) -> NDArray[np.bool_]:
    """Whether each patient is of the publication that was the first to have the disease.

    Publications are in order of their PMIDs; those without one are before, in an order by chance.
    """
    names, of = np.unique(publications, return_inverse=True)
    chance = np.random.default_rng([seed, 3]).permutation(len(names))
    order = np.empty(len(names), dtype=np.int64)
    numbers = np.array([pmid(name) for name in names])
    order[np.lexsort((chance, numbers))] = np.arange(len(names))
    earliest = np.full(diseases.max() + 1, len(names))
    np.minimum.at(earliest, diseases, order[of])
    return np.asarray(order[of] == earliest[diseases])


def _readouts(examples: Sequence[Example], seed: int, note: str) -> list[Readout]:
    return [
        train_readout(examples, seed=seed * _READOUTS + number, note=note)
        for number in range(_READOUTS)
    ]


def _candidates(found: Floats, truth: int, rng: np.random.Generator) -> Integers:
    """The patient's disease first, then others."""
    size = len(found)
    best = min(_BEST, size - 1)
    chosen = [np.argpartition(-found[:, CHANNELS.index(name)], best)[:best] for name in _BEST_BY]
    rest = np.unique(np.concatenate([*chosen, rng.integers(size, size=_RANDOM)]))
    return np.concatenate([[truth], rest[rest != truth]])


def _named(found: Floats, patients: Sequence[Integers]) -> Floats:
    return with_relative(found, np.array([len(patient) for patient in patients]))
