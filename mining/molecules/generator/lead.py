"""Changes of a given molecule at one place: each new one forms a matched pair with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rdkit import Chem, rdBase

_WAYS = 60  # tries to write a kept part so that it ends at the atom that was cut
_LEAST_KEPT = 0.5  # of the heavy atoms, so that what changes is a part and not the molecule
# A single bond that is not in a ring, between heavy atoms.
_CUT = Chem.MolFromSmarts("[!#1]-;!@[!#1]")


def beginnings_of_changes(
    lead: Chem.Mol, keep: Chem.Mol | None = None, *, seed: int = 0
) -> list[str]:
    """What is kept of a molecule when one of its parts is cut off, to be gone on from.

    Each bond between heavy atoms that is in no ring is cut in turn; the larger part stays, and
    is written so that its last atom is the one that was cut from: a generator grows a new part
    there. So is the whole molecule from each atom that carries a hydrogen.

    Source: matched molecular pairs, Hussain and Rea, 2010.

    Args:
        lead: standardised.
        keep: a scaffold that the part that stays must hold.
        seed: of the order in which atoms are written.

    Returns:
        SMILES without stereochemistry, each once; none where the scaffold is not in the molecule.
    """
    plain = Chem.Mol(lead)
    Chem.RemoveStereochemistry(plain)
    rng = np.random.default_rng(seed)
    texts: dict[str, None] = {}
    for part, atom in _kept_parts(plain):
        if keep is not None and not part.HasSubstructMatch(keep):
            continue
        if (text := _ending_at(part, atom, rng)) is not None:
            texts[text] = None
    return list(texts)


def _kept_parts(molecule: Chem.Mol) -> Iterator[tuple[Chem.Mol, int]]:
    """Parts of a molecule, and the atom of each at which it was cut or can grow."""
    for atom in molecule.GetAtoms():
        if atom.GetTotalNumHs():
            yield molecule, atom.GetIdx()
    for a, b in molecule.GetSubstructMatches(_CUT):
        for kept, lost in ((a, b), (b, a)):
            editable = Chem.RWMol(molecule)
            editable.RemoveBond(kept, lost)
            for part in Chem.GetMolFrags(editable):
                if kept in part and len(part) >= _LEAST_KEPT * molecule.GetNumAtoms():
                    yield from _part(editable, part, kept)


def _part(molecule: Chem.RWMol, atoms: tuple[int, ...], cut: int) -> Iterator[tuple[Chem.Mol, int]]:
    """The molecule of some atoms; none where it can't be one, as an aromatic ring's piece."""
    whole = Chem.RWMol(molecule)
    for n in sorted(set(range(whole.GetNumAtoms())) - set(atoms), reverse=True):
        whole.RemoveAtom(n)
    with rdBase.BlockLogs():
        if Chem.SanitizeMol(whole, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE:
            yield whole.GetMol(), sorted(atoms).index(cut)


def _ending_at(molecule: Chem.Mol, atom: int, rng: np.random.Generator) -> str | None:
    """A SMILES whose last atom is the one given; None where no try ends there."""
    for _ in range(_WAYS):
        order = rng.permutation(molecule.GetNumAtoms()).tolist()
        shuffled = Chem.RenumberAtoms(molecule, order)
        text = str(Chem.MolToSmiles(shuffled, canonical=False))
        written = shuffled.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"]
        if order[written[len(written) - 1]] == atom:
            return text
    return None
