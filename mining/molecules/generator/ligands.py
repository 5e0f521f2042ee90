"""Known ligands that generation is guided by: of a target in a graph, or of a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rdkit import Chem
from scipy import sparse

from ....core.errors import DataError
from ....core.quarantine import Quarantine
from ....graph.kg import KnowledgeGraph
from ..fingerprints import TanimotoIndex, morgan_fingerprints
from ..library import library_entries
from ..structures import parse, structure_text
from .tokens import canonical_smiles

_RELATION = "TARGETS"


@dataclass(frozen=True)
class LigandSet:
    """Molecules that are known to bind.

    Attributes:
        names: of each.
        molecules: standardised.
    """

    names: list[str]
    molecules: list[Chem.Mol]

    @cached_property
    def smiles(self) -> list[str]:
        """Canonical, as generators write them."""
        return [canonical_smiles(molecule) for molecule in self.molecules]

    @cached_property
    def _index(self) -> TanimotoIndex:
        return TanimotoIndex.of(morgan_fingerprints(self.molecules))

    def similarity(self, bits: sparse.csr_matrix) -> NDArray[np.float32]:
        """Tanimoto similarities (n, ligands) of fingerprints (n, bits) with each ligand."""
        return self._index.similarity(bits)


def ligands_of_target(kg: KnowledgeGraph, target: str) -> LigandSet:
    """The drugs that a graph says act on a target, those with a structure.

    Args:
        target: an identifier or a name.

    Raises:
        MissingError: the graph has no such target.
        DataError: none of its drugs has a structure that can be read.
    """
    node = kg.resolve(target, "Target")
    heads = kg.edges.filter(relation=_RELATION, object=node)["subject"].unique()
    rows = kg.nodes.filter(pl.col("id").is_in(heads.implode())).sort("id")
    names, molecules = [], []
    for name, properties in rows.select("name", "properties").iter_rows():
        molecule = parse(structure_text(properties) or "").molecule
        if molecule is not None:
            names.append(name)
            molecules.append(molecule)
    if not molecules:
        raise DataError(
            f"of {len(heads)} drugs that act on {target} in the graph none has a structure"
            " (property smiles or inchi); give known ligands as a file"
        )
    return LigandSet(names, molecules)


def ligand_of_drug(kg: KnowledgeGraph, drug: str) -> tuple[str, Chem.Mol]:
    """The name and the standardised structure of a graph's drug.

    Raises:
        MissingError: the graph has no such drug.
        DataError: it has no structure that can be read.
    """
    node = kg.resolve(drug, "Drug")
    name, properties = kg.nodes.filter(id=node).select("name", "properties").row(0)
    molecule = parse(structure_text(properties) or "").molecule
    if molecule is None:
        raise DataError(f"{name} ({node}) has no structure in the graph that can be read")
    return name, molecule


def ligands_of_file(path: Path | str, quarantine: Quarantine) -> LigandSet:
    """The molecules of a file (.smi, .csv, .tsv, .sdf); what can't be read is set aside.

    Raises:
        DataError: no such file, no known kind of file, or no molecule in it.
    """
    path = Path(path)
    names, molecules = [], []
    for entry in library_entries(path, quarantine):
        molecule, reason = entry.parsed()
        if molecule is None:
            quarantine.add(reason or "", path=path, line=entry.line, row=entry.name)
        else:
            names.append(entry.name or f"line {entry.line}")
            molecules.append(molecule)
    if not molecules:
        raise DataError("holds no molecule that can be read", path=path)
    return LigandSet(names, molecules)


def ligands_of_smiles(texts: Iterable[str]) -> LigandSet:
    """Ligands by their SMILES or InChI, which are their names too.

    Raises:
        DataError: one of them can't be read, or there is none.
    """
    texts = list(texts)
    molecules = [read_molecule(text) for text in texts]
    if not molecules:
        raise DataError("no ligand was given")
    return LigandSet(texts, molecules)


def read_molecule(text: str) -> Chem.Mol:
    """The standardised molecule of a SMILES or InChI.

    Raises:
        DataError: the text is neither.
    """
    molecule, reason = parse(text)
    if molecule is None:
        raise DataError(f"{text[:60]!r} can't be read: {reason}; give a SMILES or InChI")
    return molecule
