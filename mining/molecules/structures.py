"""Chemical structures: SMILES or InChI to a standardised molecule, and the molecules of a graph."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import polars as pl
from rdkit import Chem, RDLogger
from rdkit.Chem.MolStandardize import rdMolStandardize

from ...core.json_reading import parse_object
from ...graph.kg import KnowledgeGraph

MOST_CHARACTERS = 5_000
MOST_ATOMS = 600  # without hydrogens; larger ones are proteins, and take InChI minutes

# RDKit writes about every odd molecule to standard error; `parse` returns the reason instead.
RDLogger.DisableLog("rdApp.*")


class ParsedStructure(NamedTuple):
    """A molecule, or why there is none (`reason`, a fixed phrase)."""

    molecule: Chem.Mol | None
    reason: str | None = None


def parse(text: str) -> ParsedStructure:
    """Parse a SMILES or InChI to the standardised molecule that fingerprints are computed from.

    Of several fragments (salts, solvents) the largest organic one is kept, and charges are
    neutralised where hydrogens allow it. The tautomer is that of the standard InChI, which is the
    same wherever mobile hydrogens were drawn, except that amides replace the imidic acids that
    InChI's software writes. So a drug gives the same molecule from its SMILES and from its InChI.
    """
    text = text.strip()
    if not text:
        return ParsedStructure(None, "empty structure")
    if len(text) > MOST_CHARACTERS:
        return ParsedStructure(None, f"structure of more than {MOST_CHARACTERS:,} characters")
    from_inchi = text.startswith("InChI=")
    molecule = Chem.MolFromInchi(text) if from_inchi else Chem.MolFromSmiles(text)
    if molecule is None:
        return ParsedStructure(None, _parse_error(text, from_inchi))
    return standardise(molecule, from_inchi=from_inchi)


def standardise(molecule: Chem.Mol, *, from_inchi: bool = False) -> ParsedStructure:
    """Standardise a molecule as `parse` does; `from_inchi` where it was made from an InChI."""
    fragments = Chem.GetMolFrags(molecule)
    if len(fragments) > 1:
        molecule, from_inchi = _standardisers().fragments.choose(molecule), False
    if not molecule.GetNumHeavyAtoms():
        return ParsedStructure(None, "no atoms")
    if molecule.GetNumHeavyAtoms() > MOST_ATOMS:
        return ParsedStructure(None, f"more than {MOST_ATOMS} atoms")
    if molecule.HasSubstructMatch(_standardisers().charged):
        molecule, from_inchi = _standardisers().uncharger.uncharge(molecule), False
    molecule = _imidic_acids_to_amides(molecule)
    if not from_inchi and _has_mobile_hydrogen(molecule):
        # Where InChI can't represent a structure it stays as it was drawn.
        round_trip = Chem.MolFromInchi(Chem.MolToInchi(molecule)) or molecule
        molecule = _imidic_acids_to_amides(round_trip)
    return ParsedStructure(molecule)


def _has_mobile_hydrogen(molecule: Chem.Mol) -> bool:
    """Whether a hydrogen may have been drawn elsewhere, amides aside.

    The round trip through InChI takes most of the time that a molecule needs, and three of four
    drugs come back from it unchanged.
    """
    patterns = _standardisers()
    has = molecule.HasSubstructMatch
    return bool(
        (has(patterns.acceptor) and has(patterns.donor))
        or has(patterns.vinylogous)
        or (has(patterns.pyrrolic) and has(patterns.oxo))
    )


def _parse_error(text: str, from_inchi: bool) -> str:
    if from_inchi:
        return "no InChI"
    if Chem.MolFromSmiles(text, sanitize=False) is None:
        return "no SMILES"
    return "impossible structure (valences or aromatic rings)"


class _Standardisers(NamedTuple):
    """RDKit's standardisers, and the SMARTS patterns that say which molecules need them."""

    fragments: rdMolStandardize.LargestFragmentChooser
    uncharger: rdMolStandardize.Uncharger
    charged: Chem.Mol
    imidic: Chem.Mol
    acceptor: Chem.Mol
    donor: Chem.Mol
    vinylogous: Chem.Mol
    pyrrolic: Chem.Mol
    oxo: Chem.Mol


@cache
def _standardisers() -> _Standardisers:
    parameters = rdMolStandardize.CleanupParameters()
    parameters.preferOrganic = True
    return _Standardisers(
        fragments=rdMolStandardize.LargestFragmentChooser(parameters),
        uncharger=rdMolStandardize.Uncharger(),
        charged=Chem.MolFromSmarts("[!+0]"),
        imidic=Chem.MolFromSmarts("[OX2H1][CX3]=[NX2]"),
        acceptor=Chem.MolFromSmarts("[$([#7X2]=,:*)]"),
        donor=Chem.MolFromSmarts("[$([#7,#8,#16;!H0]-,=,:[$([#6,#7]=,:*)])]"),
        vinylogous=Chem.MolFromSmarts("[#7;!H0]~[#6]=,:[#6]~[#6]=[O,S]"),
        pyrrolic=Chem.MolFromSmarts("[nH]"),
        oxo=Chem.MolFromSmarts("c=[O,S,N]"),
    )


def _imidic_acids_to_amides(molecule: Chem.Mol) -> Chem.Mol:
    """HO–C=N as O=C–NH, but not in aromatic rings, where the answer is ambiguous."""
    imidic = _standardisers().imidic
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
        protonated = edited.GetAtomWithIdx(nitrogen)
        protonated.SetNumExplicitHs(protonated.GetNumExplicitHs() + 1)
        edited.UpdatePropertyCache(strict=False)
    try:
        Chem.SanitizeMol(edited)
    except ValueError:
        return molecule
    return edited.GetMol()


def inchikey_skeleton(molecule: Chem.Mol) -> str:
    """The first block of the InChIKey: the same for stereoisomers, isotopes, tautomers."""
    return str(Chem.MolToInchiKey(molecule)).partition("-")[0]


class NodeStructures(NamedTuple):
    """The structures of a graph's nodes.

    Attributes:
        ids: the nodes whose structure could be parsed.
        molecules: in the same order.
        rejected: the other nodes with a structure, and why it could not be parsed.
    """

    ids: list[str]
    molecules: list[Chem.Mol]
    rejected: dict[str, str]


def structures_of(kg: KnowledgeGraph, kind: str = "Drug") -> NodeStructures:
    """The molecules of the nodes of a kind that have the property `smiles` or `inchi`."""
    rows = kg.nodes.filter(
        (pl.col("kind") == kind) & pl.col("properties").str.contains("(?i)smiles|inchi")
    )
    ids, molecules, rejected = [], [], {}
    for node, properties in rows.select("id", "properties").iter_rows():
        text = structure_text(properties)
        if text is None:
            continue
        molecule, reason = parse(text)
        if molecule is None:
            rejected[node] = reason or ""
        else:
            ids.append(node)
            molecules.append(molecule)
    return NodeStructures(ids, molecules, rejected)


def structure_text(properties: str | None) -> str | None:
    """The InChI, else the SMILES, among a node's properties (a JSON object)."""
    values = {name.lower(): value for name, value in parse_object(properties).items()}
    for name in ("inchi", "smiles"):
        if isinstance(values.get(name), str) and values[name].strip():
            return str(values[name])
    return None
