"""How hard a molecule looks to make, by RDKit's contributed score."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

from rdkit import Chem, RDConfig

from ....core.errors import DataError


def synthetic_accessibility(molecule: Chem.Mol) -> float:
    """From 1 (looks easy) to 10: how common its fragments are, and how complex its rings.

    It knows no reactions: it ranks, and plans no synthesis.

    Source: Ertl and Schuffenhauer, Estimation of synthetic accessibility score, 2009.

    Raises:
        DataError: this build of RDKit lacks the contribution.
    """
    return float(_scorer().calculateScore(molecule))


@cache
def _scorer() -> ModuleType:
    """RDKit ships the score beside its package, as a script in a folder of contributions."""
    file = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = importlib.util.spec_from_file_location("medkg_sascorer", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise DataError("RDKit was installed without it; install RDKit's wheel", path=file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
