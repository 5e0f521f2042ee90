"""Drug-likeness of molecules."""

from __future__ import annotations

import pytest
from rdkit import Chem

from medkg.mining.molecules.drug_likeness import drug_likeness


def test_drug_likeness_is_rdkits() -> None:
    aspirin = drug_likeness(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"))
    assert aspirin["weight"] == pytest.approx(180.16)
    assert (aspirin["donors"], aspirin["acceptors"], aspirin["lipinski"]) == (1, 4, 0)
    assert aspirin["qed"] == pytest.approx(0.55, abs=0.01)
    assert aspirin["alerts"] == []
    quinone = drug_likeness(Chem.MolFromSmiles("O=C1C=CC(=O)C=C1"))
    assert quinone["alerts"] == ["quinone_A(370)"]
    assert drug_likeness(Chem.MolFromSmiles("C" * 60))["lipinski"] == 2
