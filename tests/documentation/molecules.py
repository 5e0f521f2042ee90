"""Molecules and models of them that the pages take for granted."""

from __future__ import annotations

import gzip
from pathlib import Path

import medkg

from ..mining.molecules.generator.conftest import LIBRARY
from .workplace import Maker, Shelf

_KINASE_INHIBITORS = (
    "COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1",
    "COCCOc1cc2ncnc(Nc3cccc(C#C)c3)c2cc1OCCOC",
    "CN(C)C/C=C/C(=O)Nc1cc2c(Nc3ccc(F)c(Cl)c3)ncnc2cc1OC1CCOC1",
)
_IMATINIB = "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1"
_PARACETAMOL = "CC(=O)Nc1ccc(O)cc1"
# Rare atoms are left out, so that what the pages name comes with chains of several lengths.
_LEARNED = LIBRARY[:100] + [
    "C" * n + text for n in range(12) for text in (*_KINASE_INHIBITORS, _IMATINIB, _PARACETAMOL)
]


def _smiles(texts: list[str]) -> str:
    return "".join(f"{text} m{number}\n" for number, text in enumerate(texts))


def _known(_: Shelf, path: Path) -> None:
    path.write_text("smiles\n" + "".join(f"{text}\n" for text in _KINASE_INHIBITORS))


def _library(_: Shelf, path: Path) -> None:
    path.write_bytes(gzip.compress(_smiles(_LEARNED).encode()))


def _generator(model: str) -> Maker:
    def make(shelf: Shelf, path: Path) -> None:
        medkg.train_generator(shelf.get("zinc250k.smi.gz"), path, model=model, epochs=3)

    return make


MOLECULES: dict[str, Maker] = {
    "known.csv": _known,
    "zinc250k.smi.gz": _library,
    "molecules.smi": lambda _, path: path.write_text(_smiles(list(_KINASE_INHIBITORS))),
    "molecules.smi.gz": _library,
    "models/generator": _generator("lstm"),
    "models/aae": _generator("aae"),
}
