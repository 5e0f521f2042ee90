"""SMILES as tokens, and as molecules."""

from __future__ import annotations

import re

from rdkit import Chem

from ..structures import standardise

END = 0  # begins and ends each text; no token has this number
# An atom in brackets, a ring's number of two digits, an element of two letters, or one character.
_TOKEN = re.compile(r"\[[^\[\]]{1,20}\]|%[0-9][0-9]|Br|Cl|.")


def canonical_smiles(molecule: Chem.Mol) -> str:
    """RDKit's canonical SMILES of a standardised molecule, without stereochemistry.

    Fingerprints here don't see stereochemistry either; which isomer to make is left to the chemist.
    """
    return str(Chem.MolToSmiles(molecule, isomericSmiles=False))


def read_smiles(text: str) -> Chem.Mol | None:
    """The standardised molecule of a SMILES that a model wrote; None where there is none."""
    molecule = Chem.MolFromSmiles(text) if text else None
    return None if molecule is None else standardise(molecule).molecule


def tokens(smiles: str) -> list[str]:
    """The tokens of a SMILES; joined they give it again."""
    return _TOKEN.findall(smiles)
