"""Molecules: SMILES or InChI to a settled structure, fingerprints, and how alike two are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.MolStandardize import rdMolStandardize
from scipy import sparse

from ...graph.kg import KnowledgeGraph

BITS = 2048
RADIUS = 2
MOST_CHARACTERS = 5_000
MOST_ATOMS = 600  # without hydrogens; larger ones are proteins, and take InChI minutes

# RDKit writes about every odd molecule to standard error; here the reason is given back instead.
RDLogger.DisableLog("rdApp.*")


class Parsed(NamedTuple):
    """A molecule, or why there is none (`reason`, a fixed phrase)."""

    molecule: Chem.Mol | None
    reason: str | None = None


def parse(text: str) -> Parsed:
    """The structure that a SMILES or InChI says, in the one form that fingerprints are taken of.

    Of several parts (salts, solvents) the largest organic one is kept, charges are neutralised
    where hydrogens allow it. The form is that of the standard InChI, which is the same however
    mobile hydrogens were drawn, with amides for the imidic acids that InChI's software makes of
    them. So a drug is the same molecule from its SMILES and from its InChI.
    """
    text = text.strip()
    if not text:
        return Parsed(None, "empty structure")
    if len(text) > MOST_CHARACTERS:
        return Parsed(None, f"structure of more than {MOST_CHARACTERS:,} characters")
    from_inchi = text.startswith("InChI=")
    found = Chem.MolFromInchi(text) if from_inchi else Chem.MolFromSmiles(text)
    if found is None:
        return Parsed(None, _problem(text, from_inchi))
    return settle(found, from_inchi=from_inchi)


def settle(molecule: Chem.Mol, *, from_inchi: bool = False) -> Parsed:
    """A molecule in the form that `parse` gives; `from_inchi` where it was made from one."""
    parts = Chem.GetMolFrags(molecule)
    if len(parts) > 1:
        molecule, from_inchi = _tools().fragments.choose(molecule), False
    if not molecule.GetNumHeavyAtoms():
        return Parsed(None, "no atoms")
    if molecule.GetNumHeavyAtoms() > MOST_ATOMS:
        return Parsed(None, f"more than {MOST_ATOMS} atoms")
    if any(atom.GetFormalCharge() for atom in molecule.GetAtoms()):
        molecule, from_inchi = _tools().uncharger.uncharge(molecule), False
    if not from_inchi:
        # Where InChI has no word for a structure it stays as it was drawn.
        molecule = Chem.MolFromInchi(Chem.MolToInchi(molecule)) or molecule
    return Parsed(_amides(molecule))


def _problem(text: str, from_inchi: bool) -> str:
    if from_inchi:
        return "no InChI"
    if Chem.MolFromSmiles(text, sanitize=False) is None:
        return "no SMILES"
    return "impossible structure (valences or aromatic rings)"


class _Tools(NamedTuple):
    fragments: Any
    uncharger: Any
    morgan: Any
    imidic: Chem.Mol


@cache
def _tools() -> _Tools:
    parameters = rdMolStandardize.CleanupParameters()
    parameters.preferOrganic = True
    return _Tools(
        fragments=rdMolStandardize.LargestFragmentChooser(parameters),
        uncharger=rdMolStandardize.Uncharger(),
        morgan=rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS),
        imidic=Chem.MolFromSmarts("[OX2H1][#6X3]=,:[#7X2]"),
    )


def _amides(molecule: Chem.Mol) -> Chem.Mol:
    """HO–C=N as O=C–NH, in rings too."""
    imidic = _tools().imidic
    if not molecule.HasSubstructMatch(imidic):
        return molecule
    edited = Chem.RWMol(molecule)
    Chem.Kekulize(edited, clearAromaticFlags=True)
    while match := edited.GetSubstructMatch(imidic):
        oxygen, carbon, nitrogen = match
        for end, order in (
            (oxygen, Chem.BondType.DOUBLE),
            (nitrogen, Chem.BondType.SINGLE),
        ):
            bond = edited.GetBondBetweenAtoms(carbon, end)
            bond.SetStereo(Chem.BondStereo.STEREONONE)
            bond.SetBondType(order)
        edited.GetAtomWithIdx(oxygen).SetNumExplicitHs(0)
        added = edited.GetAtomWithIdx(nitrogen)
        added.SetNumExplicitHs(added.GetNumExplicitHs() + 1)
        edited.UpdatePropertyCache(strict=False)
    try:
        Chem.SanitizeMol(edited)
    except ValueError:
        return molecule
    return edited.GetMol()


def skeleton(molecule: Chem.Mol) -> str:
    """The first block of the InChIKey: the same for stereoisomers, isotopes, tautomers."""
    return str(Chem.MolToInchiKey(molecule)).partition("-")[0]


def fingerprints(molecules: Sequence[Chem.Mol]) -> sparse.csr_matrix:
    """Morgan fingerprints of radius 2, folded to 2,048 bits: (molecules, bits), 0/1 float32.

    Source: Rogers and Hahn, Extended-Connectivity Fingerprints, 2010.
    """
    morgan = _tools().morgan
    bits = [np.array(morgan.GetFingerprint(m).GetOnBits(), dtype=np.int32) for m in molecules]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in bits])])
    columns = np.concatenate(bits) if bits else np.empty(0, dtype=np.int32)
    ones = np.ones(len(columns), dtype=np.float32)
    return sparse.csr_matrix((ones, columns, starts), shape=(len(bits), BITS))


def tanimoto(a: sparse.csr_matrix, b: sparse.csr_matrix) -> NDArray[np.float32]:
    """Tanimoto similarity |x ∧ y| / |x ∨ y| of each row of `a` with each of `b`: (n, m), dense.

    0 where both are empty.
    """
    shared: NDArray[np.float32] = np.asarray(a @ b.T.toarray(), dtype=np.float32)
    either = np.asarray(a.sum(1)) + np.asarray(b.sum(1)).T - shared
    np.divide(shared, either, out=shared, where=either > 0)
    return shared


class Structures(NamedTuple):
    """The structures of a graph's nodes.

    Attributes:
        ids: of the nodes that have one that could be read.
        molecules: in their order.
        unread: id and reason of those that could not be read.
    """

    ids: list[str]
    molecules: list[Chem.Mol]
    unread: dict[str, str]


def structures_of(kg: KnowledgeGraph, kind: str = "Drug") -> Structures:
    """The molecules of the nodes of a kind that have the property `smiles` or `inchi`."""
    rows = kg.nodes.filter(
        (pl.col("kind") == kind) & pl.col("properties").str.contains("(?i)smiles|inchi")
    )
    ids, molecules, unread = [], [], {}
    for node, properties in rows.select("id", "properties").iter_rows():
        text = structure_text(properties)
        if text is None:
            continue
        molecule, reason = parse(text)
        if molecule is None:
            unread[node] = reason or ""
        else:
            ids.append(node)
            molecules.append(molecule)
    return Structures(ids, molecules, unread)


def structure_text(properties: str | None) -> str | None:
    """The InChI, else the SMILES, among a node's properties (a JSON object)."""
    held = {name.lower(): value for name, value in json.loads(properties or "{}").items()}
    for name in ("inchi", "smiles"):
        if isinstance(held.get(name), str) and held[name].strip():
            return str(held[name])
    return None
