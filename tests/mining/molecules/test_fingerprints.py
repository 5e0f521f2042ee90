"""Fingerprints are RDKit's, and their similarity is Tanimoto's."""

from __future__ import annotations

import numpy as np
from rdkit.Chem import rdFingerprintGenerator

from medkg.mining.molecules.fingerprints import (
    BITS,
    molecule_features,
    morgan_fingerprints,
    tanimoto,
)
from medkg.mining.molecules.structures import parse


def test_tanimoto_is_shared_bits_over_all_bits() -> None:
    molecules = [parse(x).molecule for x in ("CCO", "CCN", "c1ccccc1O", "CCO")]
    bits = morgan_fingerprints(molecules)
    assert bits.shape == (4, BITS)
    rows = bits.toarray() > 0
    expected = [[(a & b).sum() / (a | b).sum() for b in rows] for a in rows]
    similarities = tanimoto(bits, bits)
    assert similarities.dtype == np.float32
    np.testing.assert_allclose(similarities, expected, rtol=1e-6)
    assert similarities[0, 3] == 1


def test_fingerprints_are_rdkits() -> None:
    molecules = [parse(x).molecule for x in ("CCO", "CC(=O)Nc1ccc(O)cc1", "[Na+]")]
    made = molecule_features(molecules)
    generators = (
        (made.morgan, rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)),
        (
            made.paths,
            rdFingerprintGenerator.GetRDKitFPGenerator(maxPath=4, fpSize=BITS, numBitsPerFeature=1),
        ),
    )
    for bits, generator in generators:
        assert bits.dtype == np.float32
        for row, molecule in zip(bits, molecules, strict=True):
            assert set(row.data) <= {1}
            assert row.indices.tolist() == list(generator.GetFingerprint(molecule).GetOnBits())
    assert molecule_features([]).morgan.shape == (0, BITS)
