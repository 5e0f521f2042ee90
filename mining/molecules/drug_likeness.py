"""Drug-likeness of molecules, and series of similar molecules."""

from __future__ import annotations

from functools import cache
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors, FilterCatalog, rdMolDescriptors

SERIES_SIMILARITY = 0.6  # Tanimoto from which two molecules belong to one series


class DrugLikeness(TypedDict):
    """Descriptors of a molecule; those of the rule of five, and more.

    Attributes:
        weight: g/mol. polar_area: topological, Å². logp: Crippen's estimate.
        donors, acceptors: of hydrogen bonds. rotatable: bonds.
        qed: from 0 to 1.
        lipinski: how many of the rules of five are broken, 0 to 4.
        alerts: names of the PAINS patterns in it.
    """

    weight: float
    logp: float
    donors: int
    acceptors: int
    polar_area: float
    rotatable: int
    qed: float
    lipinski: int
    alerts: list[str]


def drug_likeness(molecule: Chem.Mol) -> DrugLikeness:
    """QED (Bickerton et al., 2012), the rules of five broken (Lipinski et al., 1997), and the
    names of PAINS alerts (Baell and Holloway, 2010)."""
    weight, logp = float(Descriptors.MolWt(molecule)), float(Crippen.MolLogP(molecule))
    donors = int(rdMolDescriptors.CalcNumLipinskiHBD(molecule))
    acceptors = int(rdMolDescriptors.CalcNumLipinskiHBA(molecule))
    return {
        "weight": round(weight, 2),
        "logp": round(logp, 2),
        "donors": donors,
        "acceptors": acceptors,
        "polar_area": round(float(rdMolDescriptors.CalcTPSA(molecule)), 1),
        "rotatable": int(rdMolDescriptors.CalcNumRotatableBonds(molecule)),
        "qed": round(float(QED.qed(molecule)), 3),
        "lipinski": int(weight > 500) + int(logp > 5) + int(donors > 5) + int(acceptors > 10),
        "alerts": [str(match.GetDescription()) for match in _pains().GetMatches(molecule)],
    }


@cache
def _pains() -> FilterCatalog.FilterCatalog:
    parameters = FilterCatalog.FilterCatalogParams()
    parameters.AddCatalog(FilterCatalog.FilterCatalogParams.FilterCatalogs.PAINS)
    return FilterCatalog.FilterCatalog(parameters)


def series_leaders(similarity: NDArray[np.float32]) -> list[int]:
    """For each molecule the first one that it is similar to among those that lead a series.

    Sphere exclusion, the best molecules first.

    Args:
        similarity: (molecules, molecules): Tanimoto, the best molecule first.

    Source: Gobbi and Lee, DISE: Directed Sphere Exclusion, 2003.
    """
    leaders: list[int] = []
    leader_of = []
    for n, row in enumerate(similarity):
        own = next((leader for leader in leaders if row[leader] >= SERIES_SIMILARITY), n)
        if own == n:
            leaders.append(n)
        leader_of.append(own)
    return leader_of
