"""The SMILES of a library, in the form that generators learn and write."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ....core.errors import DataError
from ....core.progress import progress
from ....core.quarantine import Quarantine
from ..library import library_entries
from .tokens import canonical_smiles

LEAST_MOLECULES = 100  # to train on
_HELD_OUT = 10_000  # molecules of which nothing is learned, or a tenth of a small library


class LibraryParts(NamedTuple):
    """A library, parted.

    Attributes:
        learned, held_out: canonical SMILES, each once.
    """

    learned: list[str]
    held_out: list[str]


def library_smiles(path: Path | str, quarantine: Quarantine) -> list[str]:
    """The canonical SMILES of a library's molecules, standardised, each once; sorted.

    Raises:
        DataError: no such file, no known kind of library, or no molecule in it.
    """
    path = Path(path)
    canonical: set[str] = set()
    with progress(f"Read {path.name}") as advance:
        for entry in library_entries(path, quarantine):
            molecule, reason = entry.parsed()
            if molecule is None:
                quarantine.add(reason or "", path=path, line=entry.line, row=entry.name)
            else:
                canonical.add(canonical_smiles(molecule))
            advance()
    if not canonical:
        first = next(iter(quarantine), None)
        why = f" (line {first.line}: {first.reason})" if first else ""
        raise DataError(f"holds no molecule{why}", path=path)
    return sorted(canonical)


def parts_of(smiles: Sequence[str], seed: int) -> LibraryParts:
    """Hold back a random part of a library, of which nothing is learned."""
    order = np.random.default_rng(seed).permutation(len(smiles))
    most = min(_HELD_OUT, len(smiles) // 10)
    return LibraryParts([smiles[n] for n in order[most:]], [smiles[n] for n in order[:most]])


def checksum(smiles: Sequence[str]) -> str:
    """The SHA-256 of a library's sorted SMILES, whatever file they came in."""
    return hashlib.sha256("\n".join(smiles).encode()).hexdigest()
