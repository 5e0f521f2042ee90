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


def _smiles(texts: list[str]) -> str:
    return "".join(f"{text} m{number}\n" for number, text in enumerate(texts))


def _known(_: Shelf, path: Path) -> None:
    path.write_text("smiles\n" + "".join(f"{text}\n" for text in _KINASE_INHIBITORS))


def _library(_: Shelf, path: Path) -> None:
    path.write_bytes(gzip.compress(_smiles(LIBRARY).encode()))


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
