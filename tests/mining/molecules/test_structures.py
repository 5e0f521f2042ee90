"""Structures are read to one form, whatever they were written as."""

from __future__ import annotations

import json

import polars as pl
import pytest
from rdkit import Chem

from medkg.graph.kg import KnowledgeGraph, Part
from medkg.mining.molecules.fingerprints import morgan_fingerprints, tanimoto
from medkg.mining.molecules.structures import (
    MOST_CHARACTERS,
    inchikey_skeleton,
    parse,
    structures_of,
)

ACETAMINOPHEN = "InChI=1S/C8H9NO2/c1-6(10)9-7-2-4-8(11)5-3-7/h2-5,11H,1H3,(H,9,10)"


def smiles(text: str) -> str:
    parsed = parse(text)
    assert parsed.molecule is not None, parsed.reason
    return str(Chem.MolToSmiles(parsed.molecule))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ACETAMINOPHEN, "CC(=O)Nc1ccc(O)cc1"),
        ("CC(O)=Nc1ccc(O)cc1", "CC(=O)Nc1ccc(O)cc1"),  # an imidic acid is drawn for the amide
        ("Oc1ccccn1", "O=c1cccc[nH]1"),  # in a ring
        ("Cc1c[nH]cn1", "Cc1cnc[nH]1"),  # annular tautomers
        ("CC(=O)[O-].[Na+]", "CC(=O)O"),  # a salt
        ("CN(C)CCO.Cl", "CN(C)CCO"),
        ("C[NH+](C)CCO", "CN(C)CCO"),  # a charge
        ("C[N+](C)(C)CCO.[Cl-]", "C[N+](C)(C)CCO"),  # one that stays
    ],
)
def test_what_is_the_same_molecule_gets_the_same_form(one: str, other: str) -> None:
    assert smiles(one) == smiles(other)
    assert tanimoto(*(morgan_fingerprints([parse(x).molecule]) for x in (one, other)))[0, 0] == 1


def test_the_form_is_parsed_to_itself() -> None:
    for text in (ACETAMINOPHEN, "N=C(N)NCCCC(N)C(=O)O", "Nc1nc2c(ncn2COCCO)c(=O)[nH]1"):
        assert smiles(smiles(text)) == smiles(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty structure"),
        ("  \t", "empty structure"),
        ("aspirin", "no SMILES"),
        ("C1CC", "no SMILES"),
        ("InChI=1S/rubbish", "no InChI"),
        ("C(C)(C)(C)(C)C", "impossible structure (valences or aromatic rings)"),
        ("c1cccc1", "impossible structure (valences or aromatic rings)"),
        ("C" * (MOST_CHARACTERS + 1), "structure of more than 5,000 characters"),
        ("C" * 601, "more than 600 atoms"),
    ],
)
def test_what_is_no_molecule_says_why(
    text: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert parse(text) == (None, reason)
    assert capfd.readouterr().err == ""


def test_skeletons_are_the_same_for_stereoisomers_only() -> None:
    left, right, other = (
        inchikey_skeleton(parse(x).molecule)
        for x in ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "NCC(=O)O")
    )
    assert left == right != other
    assert len(left) == 14


def test_structures_of_a_graph_are_those_of_its_drugs() -> None:
    held = {
        "drugbank:DB00001": {"inchi": ACETAMINOPHEN, "smiles": "C"},
        "drugbank:DB00002": {"SMILES": "CCO", "mass": "46"},
        "drugbank:DB00003": {"smiles": "aspirin"},
        "drugbank:DB00004": {"mass": "5 inchis"},
        "drugbank:DB00005": None,
    }
    nodes = pl.DataFrame(
        {
            "id": list(held),
            "kind": "Drug",
            "name": list(held),
            "properties": [v and json.dumps(v) for v in held.values()],
        }
    )
    structures = structures_of(KnowledgeGraph.from_parts([Part(nodes=nodes)], []))
    assert structures.ids == ["drugbank:DB00001", "drugbank:DB00002"]
    assert [Chem.MolToSmiles(m) for m in structures.molecules] == ["CC(=O)Nc1ccc(O)cc1", "CCO"]
    assert structures.rejected == {"drugbank:DB00003": "no SMILES"}
