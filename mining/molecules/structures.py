"""Molecules: SMILES or InChI to a settled structure, fingerprints, and how alike two are."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.MolStandardize import rdMolStandardize
from rdkit.DataStructs import BitVectToBinaryText
from scipy import sparse

from ...core.ranking import pair_matrix
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
    if molecule.HasSubstructMatch(_tools().charged):
        molecule, from_inchi = _tools().uncharger.uncharge(molecule), False
    molecule = _amides(molecule)
    if not from_inchi and _mobile(molecule):
        # Where InChI has no word for a structure it stays as it was drawn.
        molecule = _amides(Chem.MolFromInchi(Chem.MolToInchi(molecule)) or molecule)
    return Parsed(molecule)


def _mobile(molecule: Chem.Mol) -> bool:
    """Whether a hydrogen may have been drawn elsewhere, amides aside.

    The way through InChI takes most of the time that a molecule needs, and three of four drugs
    come back from it as they were.
    """
    tools = _tools()
    has = molecule.HasSubstructMatch
    return bool(
        (has(tools.acceptor) and has(tools.donor))
        or has(tools.vinylogous)
        or (has(tools.pyrrolic) and has(tools.oxo))
    )


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
    paths: Any
    charged: Chem.Mol
    imidic: Chem.Mol
    acceptor: Chem.Mol
    donor: Chem.Mol
    vinylogous: Chem.Mol
    pyrrolic: Chem.Mol
    oxo: Chem.Mol
    acid: Chem.Mol
    base: Chem.Mol
    halogen: Chem.Mol


@cache
def _tools() -> _Tools:
    parameters = rdMolStandardize.CleanupParameters()
    parameters.preferOrganic = True
    return _Tools(
        fragments=rdMolStandardize.LargestFragmentChooser(parameters),
        uncharger=rdMolStandardize.Uncharger(),
        morgan=rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS),
        paths=rdFingerprintGenerator.GetRDKitFPGenerator(
            maxPath=4, fpSize=BITS, numBitsPerFeature=1
        ),
        charged=Chem.MolFromSmarts("[!+0]"),
        imidic=Chem.MolFromSmarts("[OX2H1][CX3]=[NX2]"),
        acceptor=Chem.MolFromSmarts("[$([#7X2]=,:*)]"),
        donor=Chem.MolFromSmarts("[$([#7,#8,#16;!H0]-,=,:[$([#6,#7]=,:*)])]"),
        vinylogous=Chem.MolFromSmarts("[#7;!H0]~[#6]=,:[#6]~[#6]=[O,S]"),
        pyrrolic=Chem.MolFromSmarts("[nH]"),
        oxo=Chem.MolFromSmarts("c=[O,S,N]"),
        acid=Chem.MolFromSmarts("[$(C(=O)[OX2H1]),$(P(=O)[OX2H1]),$(S(=O)(=O)[OX2H1])]"),
        base=Chem.MolFromSmarts("[NX3;!$(N-C=[O,N,S]);!$(N-S=O);!$(N-[c,n]);!$(N-C#N)]"),
        halogen=Chem.MolFromSmarts("[F,Cl,Br,I]"),
    )


def _amides(molecule: Chem.Mol) -> Chem.Mol:
    """HO–C=N as O=C–NH, but not in aromatic rings, where it has no one answer."""
    imidic = _tools().imidic
    if not molecule.HasSubstructMatch(imidic):
        return molecule
    edited = Chem.RWMol(molecule)
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
    return _bits(_tools().morgan, molecules)


class Features(NamedTuple):
    """What a model sees of molecules.

    Attributes:
        morgan: see `fingerprints`.
        paths: (molecules, bits): RDKit's fingerprint of paths of up to four bonds, branched or not.
        numbers: (molecules, 9), float32: sizes and counts of groups, as log(1 + x), and the charge.
    """

    morgan: sparse.csr_matrix
    paths: sparse.csr_matrix
    numbers: NDArray[np.float32]

    def rows(self, chosen: NDArray[np.int64]) -> Features:
        """Those of some of the molecules."""
        return Features(self.morgan[chosen], self.paths[chosen], self.numbers[chosen])


def features(molecules: Sequence[Chem.Mol]) -> Features:
    """The features of molecules in the form that `parse` gives."""
    tools = _tools()
    numbers = np.array([_numbers(m) for m in molecules], dtype=np.float32).reshape(-1, 9)
    return Features(fingerprints(molecules), _bits(tools.paths, molecules), numbers)


def _numbers(molecule: Chem.Mol) -> list[float]:
    tools = _tools()
    counts = (
        molecule.GetNumHeavyAtoms(),
        rdMolDescriptors.CalcTPSA(molecule),
        rdMolDescriptors.CalcNumHBD(molecule),
        rdMolDescriptors.CalcNumRings(molecule),
        rdMolDescriptors.CalcNumAromaticRings(molecule),
        len(molecule.GetSubstructMatches(tools.acid)),
        len(molecule.GetSubstructMatches(tools.base)),
        len(molecule.GetSubstructMatches(tools.halogen)),
    )
    return [*map(math.log1p, counts), float(Chem.GetFormalCharge(molecule))]


def _bits(generator: Any, molecules: Sequence[Chem.Mol]) -> sparse.csr_matrix:
    # Packed, and unpacked together: an array for each molecule takes as long as its fingerprint.
    packed = b"".join(map(BitVectToBinaryText, generator.GetFingerprints(molecules)))
    bits = np.frombuffer(packed, dtype=np.uint8).reshape(len(molecules), BITS // 8)
    rows = np.unpackbits(bits, axis=1, bitorder="little")
    return sparse.csr_matrix(rows, dtype=np.float32)


def tanimoto(a: sparse.csr_matrix, b: sparse.csr_matrix) -> NDArray[np.float32]:
    """Tanimoto similarity |x ∧ y| / |x ∨ y| of each row of `a` with each of `b`: (n, m), dense.

    0 where both are empty.
    """
    return Compared.to(b).similarity(a)


class Compared(NamedTuple):
    """Fingerprints that others are compared with, part by part.

    Attributes:
        columns: (bits, m), dense.
        sizes: (m,): how many bits each has.
    """

    columns: NDArray[np.float32]
    sizes: NDArray[np.float32]

    @classmethod
    def to(cls, b: sparse.csr_matrix) -> Compared:
        """To the rows of `b` (m, bits)."""
        # A product with columns that lie otherwise copies all of them first.
        return cls(b.T.toarray(order="C"), np.asarray(b.sum(1)).ravel())

    def similarity(self, a: sparse.csr_matrix) -> NDArray[np.float32]:
        """See `tanimoto`."""
        shared: NDArray[np.float32] = np.asarray(a @ self.columns, dtype=np.float32)
        either = np.asarray(a.sum(1)) + self.sizes - shared
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


class Molecules(NamedTuple):
    """The molecules of a graph's nodes of one kind.

    Attributes:
        features: of the nodes that have a structure that could be read.
        nodes: (molecules,): their numbers.
    """

    features: Features
    nodes: NDArray[np.int64]

    def among(self, n_nodes: int) -> Features:
        """The features of all `n_nodes` nodes, 0 for those without a structure."""
        spread = pair_matrix(
            np.stack([self.nodes, np.arange(len(self.nodes))], 1), (n_nodes, len(self.nodes))
        )
        return Features(
            (spread @ self.features.morgan).tocsr(),
            (spread @ self.features.paths).tocsr(),
            np.asarray(spread @ self.features.numbers),
        )


def molecules_of(kg: KnowledgeGraph, kind: str, nodes: Sequence[str]) -> Molecules:
    """The molecules of these nodes of a kind."""
    found = structures_of(kg, kind)
    number = {node: n for n, node in enumerate(nodes)}
    numbers = np.array([number[node] for node in found.ids], dtype=np.int64)
    return Molecules(features(found.molecules), numbers)


def structure_text(properties: str | None) -> str | None:
    """The InChI, else the SMILES, among a node's properties (a JSON object)."""
    held = {name.lower(): value for name, value in json.loads(properties or "{}").items()}
    for name in ("inchi", "smiles"):
        if isinstance(held.get(name), str) and held[name].strip():
            return str(held[name])
    return None
