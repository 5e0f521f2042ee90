"""Molecular fingerprints and descriptors, and the Tanimoto similarity of fingerprints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors
from rdkit.DataStructs import BitVectToBinaryText, ExplicitBitVect
from scipy import sparse
from torch import Tensor

from ...core.ranking import pair_matrix
from ...core.sparse import matrix_from_tensors, matrix_tensors
from ...graph.kg import KnowledgeGraph
from .structures import structures_of

BITS = 2048
RADIUS = 2  # bonds, of the environments that Morgan fingerprints hash
LONGEST_PATH = 4  # bonds, of the paths that RDKit's fingerprints hash
N_DESCRIPTORS = 9


class _FingerprintGenerator(Protocol):
    def GetFingerprints(self, mols: Sequence[Chem.Mol]) -> tuple[ExplicitBitVect, ...]: ...


class _Descriptors(NamedTuple):
    """SMARTS patterns of the functional groups that descriptors count."""

    acid: Chem.Mol
    base: Chem.Mol
    halogen: Chem.Mol


@cache
def _morgan_generator() -> _FingerprintGenerator:
    generator: _FingerprintGenerator = rdFingerprintGenerator.GetMorganGenerator(
        radius=RADIUS, fpSize=BITS
    )
    return generator


@cache
def _path_generator() -> _FingerprintGenerator:
    generator: _FingerprintGenerator = rdFingerprintGenerator.GetRDKitFPGenerator(
        maxPath=LONGEST_PATH, fpSize=BITS, numBitsPerFeature=1
    )
    return generator


@cache
def _groups() -> _Descriptors:
    return _Descriptors(
        acid=Chem.MolFromSmarts("[$(C(=O)[OX2H1]),$(P(=O)[OX2H1]),$(S(=O)(=O)[OX2H1])]"),
        base=Chem.MolFromSmarts("[NX3;!$(N-C=[O,N,S]);!$(N-S=O);!$(N-[c,n]);!$(N-C#N)]"),
        halogen=Chem.MolFromSmarts("[F,Cl,Br,I]"),
    )


def morgan_fingerprints(molecules: Sequence[Chem.Mol]) -> sparse.csr_matrix:
    """Morgan fingerprints of radius 2, folded to 2,048 bits: (molecules, bits), 0/1 float32.

    Source: Rogers and Hahn, Extended-Connectivity Fingerprints, 2010.
    """
    return _bits(_morgan_generator(), molecules)


class MoleculeFeatures(NamedTuple):
    """What the models see of molecules.

    Attributes:
        morgan: (molecules, bits): see `morgan_fingerprints`.
        paths: (molecules, bits): RDKit's fingerprint of paths of up to four bonds, branched or not.
        descriptors: (molecules, 9), float32: sizes and counts of groups, as log(1 + x), and the
            formal charge.
    """

    morgan: sparse.csr_matrix
    paths: sparse.csr_matrix
    descriptors: NDArray[np.float32]

    def rows(self, chosen: NDArray[np.int64]) -> MoleculeFeatures:
        """The features of some of the molecules."""
        return MoleculeFeatures(self.morgan[chosen], self.paths[chosen], self.descriptors[chosen])

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        return {
            **matrix_tensors("morgan", self.morgan),
            **matrix_tensors("paths", self.paths),
            "numbers": torch.from_numpy(self.descriptors),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> MoleculeFeatures:
        """The features that gave these among `tensors`."""
        return cls(
            matrix_from_tensors("morgan", tensors),
            matrix_from_tensors("paths", tensors),
            tensors["numbers"].numpy(),
        )


def molecule_features(molecules: Sequence[Chem.Mol]) -> MoleculeFeatures:
    """The features of molecules that `structures.parse` standardised."""
    descriptors = np.array([_descriptors(m) for m in molecules], dtype=np.float32)
    return MoleculeFeatures(
        morgan_fingerprints(molecules),
        _bits(_path_generator(), molecules),
        descriptors.reshape(-1, N_DESCRIPTORS),
    )


def _descriptors(molecule: Chem.Mol) -> list[float]:
    groups = _groups()
    counts = (
        molecule.GetNumHeavyAtoms(),
        rdMolDescriptors.CalcTPSA(molecule),
        rdMolDescriptors.CalcNumHBD(molecule),
        rdMolDescriptors.CalcNumRings(molecule),
        rdMolDescriptors.CalcNumAromaticRings(molecule),
        len(molecule.GetSubstructMatches(groups.acid)),
        len(molecule.GetSubstructMatches(groups.base)),
        len(molecule.GetSubstructMatches(groups.halogen)),
    )
    return [*map(math.log1p, counts), float(Chem.GetFormalCharge(molecule))]


def _bits(generator: _FingerprintGenerator, molecules: Sequence[Chem.Mol]) -> sparse.csr_matrix:
    # Packed, and unpacked together: an array for each molecule takes as long as its fingerprint.
    packed = b"".join(map(BitVectToBinaryText, generator.GetFingerprints(molecules)))
    bits = np.frombuffer(packed, dtype=np.uint8).reshape(len(molecules), BITS // 8)
    rows = np.unpackbits(bits, axis=1, bitorder="little")
    return sparse.csr_matrix(rows, dtype=np.float32)


def tanimoto(a: sparse.csr_matrix, b: sparse.csr_matrix) -> NDArray[np.float32]:
    """Tanimoto similarity |x ∧ y| / |x ∨ y| of each row of `a` with each of `b`: (n, m), dense.

    0 where both are empty.
    """
    return TanimotoIndex.of(b).similarity(a)


class TanimotoIndex(NamedTuple):
    """Reference fingerprints that others are compared with, batch by batch.

    Attributes:
        columns: (bits, m), dense.
        sizes: (m,): how many bits each has.
    """

    columns: NDArray[np.float32]
    sizes: NDArray[np.float32]

    @classmethod
    def of(cls, b: sparse.csr_matrix) -> TanimotoIndex:
        """An index of the rows of `b` (m, bits)."""
        # Dense and in C order: a product with columns in another order copies all of them first.
        return cls(b.T.toarray(order="C"), np.asarray(b.sum(1)).ravel())

    def similarity(self, a: sparse.csr_matrix) -> NDArray[np.float32]:
        """Tanimoto similarities (n, m) of the rows of `a` (n, bits); see `tanimoto`."""
        shared: NDArray[np.float32] = np.asarray(a @ self.columns, dtype=np.float32)
        either = np.asarray(a.sum(1)) + self.sizes - shared
        np.divide(shared, either, out=shared, where=either > 0)
        return shared


class NodeMolecules(NamedTuple):
    """The molecules of a graph's nodes of one kind.

    Attributes:
        features: of the nodes whose structure could be parsed.
        nodes: (molecules,): the numbers of these nodes.
    """

    features: MoleculeFeatures
    nodes: NDArray[np.int64]

    def spread_over(self, n_nodes: int) -> MoleculeFeatures:
        """The features of all `n_nodes` nodes, 0 for those without a structure."""
        spread = pair_matrix(
            np.stack([self.nodes, np.arange(len(self.nodes))], 1), (n_nodes, len(self.nodes))
        )
        return MoleculeFeatures(
            (spread @ self.features.morgan).tocsr(),
            (spread @ self.features.paths).tocsr(),
            np.asarray(spread @ self.features.descriptors),
        )


def molecules_of(kg: KnowledgeGraph, kind: str, nodes: Sequence[str]) -> NodeMolecules:
    """The molecules of these nodes of a kind."""
    structures = structures_of(kg, kind)
    number = {node: n for n, node in enumerate(nodes)}
    numbers = np.array([number[node] for node in structures.ids], dtype=np.int64)
    return NodeMolecules(molecule_features(structures.molecules), numbers)
