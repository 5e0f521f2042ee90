"""Simulated patients: diseases drawn at random, their phenotypes from the graph's annotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from .knowledge import Floats, Integers, Knowledge


@dataclass(frozen=True)
class Noise:
    """How simulated patients differ from what is annotated.

    Attributes:
        exact, broader, narrower, beside, unrelated: mean shares of a patient's phenotypes that are
            annotated, a parent or a child of an annotated one, a sibling of one, or of any disease.
        evenness: how similar patients are in these shares (the concentration of a Dirichlet
            distribution).
        number: median number of phenotypes.
        spread: standard deviation of the logarithm of their number.

    Published cases whose disease HPO's annotations of 2021-10 had (2,586 cases of before mid-2021,
    each publication counted once) show .50, .04, .15, .08 and .23, and a median of 8 phenotypes.
    But the annotations were partly made from these publications, so the defaults are noisier.
    """

    exact: float = 0.3
    broader: float = 0.05
    narrower: float = 0.15
    beside: float = 0.15
    unrelated: float = 0.35
    evenness: float = 2.0
    number: float = 8.0
    spread: float = 0.65

    @property
    def shares(self) -> Floats:
        """The shares, as parameters of the Dirichlet distribution."""
        shares = (self.exact, self.broader, self.narrower, self.beside, self.unrelated)
        return np.array(shares, dtype=np.float32) * self.evenness


@dataclass(frozen=True)
class SimulatedPatients:
    """Simulated patients: the columns of their phenotypes, and the rows of their diseases.

    Attributes:
        phenotypes: for each patient the columns of `Knowledge.annotated` that they show, ascending.
        diseases: for each patient the row of their disease, (patients,).
    """

    phenotypes: list[Integers]
    diseases: Integers


def simulate(
    knowledge: Knowledge, number: int, rng: np.random.Generator, noise: Noise | None = None
) -> SimulatedPatients:
    """Simulate patients: a disease drawn uniformly, its phenotypes by frequency, made imprecise.

    Diseases of which no phenotype is stated have none. A phenotype that is missed is one that isn't
    drawn; so all patients have omissions.
    """
    noise = noise or Noise()
    children = knowledge.parents.T.tocsr()
    usual = np.asarray(knowledge.annotated.sum(axis=0)).ravel()
    usual /= usual.sum()
    has_any = np.flatnonzero(np.diff(knowledge.annotated.indptr))
    diseases = has_any[rng.integers(len(has_any), size=number)]
    sizes = np.exp(rng.normal(np.log(noise.number), noise.spread, size=number))
    phenotypes = []
    for disease, size in zip(diseases, sizes.round().clip(1, 40).astype(int), strict=True):
        changes = rng.choice(len(noise.shares), size=size, p=rng.dirichlet(noise.shares))
        unrelated = int((changes == _UNRELATED).sum())
        begin, end = knowledge.annotated.indptr[disease : disease + 2]
        frequency = knowledge.annotated.data[begin:end].astype(np.float64)
        drawn = rng.choice(
            knowledge.annotated.indices[begin:end],
            size=min(size - unrelated, end - begin),
            replace=False,
            p=frequency / frequency.sum(),
        )
        patient = set(rng.choice(len(usual), size=unrelated, p=usual).tolist())
        for column, change in zip(drawn, changes[changes != _UNRELATED], strict=False):
            if change in (_BROADER, _BESIDE):
                column = _step(knowledge.parents, column, rng)
            if change in (_NARROWER, _BESIDE):
                column = _step(children, column, rng)
            patient.add(int(column))
        phenotypes.append(np.array(sorted(patient), dtype=np.int64))
    return SimulatedPatients(phenotypes, diseases)


_BROADER, _NARROWER, _BESIDE, _UNRELATED = 1, 2, 3, 4  # in the order of Noise.shares


def _step(neighbours: sp.csr_matrix, column: int, rng: np.random.Generator) -> int:
    """A random neighbour; the phenotype itself where it has none."""
    begin, end = neighbours.indptr[column : column + 2]
    return int(neighbours.indices[rng.integers(begin, end)]) if end > begin else column
