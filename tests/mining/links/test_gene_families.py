"""Which genes are of one family: by HGNC's names and FamPlex, not by letters alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from medkg.gnn.data import identifiers, to_hetero_data
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links import similarities
from medkg.mining.links.gene_families import _beginnings, _family_name, gene_families

EDGE_TYPE = ("Drug", "TARGETS", "Target")


def graph_of(
    names: Mapping[str, str], xrefs: Mapping[str, list[str]] | None = None
) -> KnowledgeGraph:
    """A graph of targets, by identifier, and a drug of the first."""
    ids = list(names)
    of_ids = [(xrefs or {}).get(node, []) for node in ids]
    nodes = pl.DataFrame(
        {
            "id": ["drugbank:DB00001", *ids],
            "kind": ["Drug", *["Target"] * len(ids)],
            "name": ["Examplin", *names.values()],
            "xrefs": pl.Series([[], *of_ids], dtype=pl.List(pl.String)),
        }
    )
    evidence = pl.DataFrame(
        {"subject": ["drugbank:DB00001"], "relation": ["TARGETS"], "object": [ids[0]],
         "source": ["made"]}
    )  # fmt: skip
    return KnowledgeGraph.build(nodes, evidence, [Source("made", "1", "CC0-1.0", "")])


def shared(names: Mapping[str, str], xrefs: Mapping[str, list[str]] | None = None) -> list[int]:
    """How many families the first node has in common with each of the others."""
    kg = graph_of({**names, **by_symbol(["HTR6", "HTR7"])}, xrefs)  # two that are of one
    families = gene_families(kg, "Target", pl.Series([*names, "medkg:HTR6", "medkg:HTR7"]))
    assert families is not None
    return [int(n) for n in (families[[0]] @ families[1 : len(names)].T).toarray()[0]]


def by_symbol(symbols: Sequence[str]) -> dict[str, str]:
    return {f"medkg:{symbol}": symbol for symbol in symbols}


def test_the_same_letters_are_no_family() -> None:
    others = shared(by_symbol(["ACE", "ACE2", "ACER3", "ADA", "ADAM10"]))
    assert others[0] > 0
    assert others[1:] == [0, 0, 0]
    assert shared(by_symbol(["CRBN", "CRB1"])) == [0]
    # A hormone and its receptor, a number and a longer one, an enzyme and a receptor.
    assert shared(by_symbol(["GNRHR", "GNRH1"])) == [0]
    assert shared(by_symbol(["SLC2A1", "SLC22A1", "SLC2A4"])) == [0, 2]
    assert shared(by_symbol(["PTGFR", "PTGS1", "PTGIR"])) == [0, 1]
    # Nor is a sort of name that hundreds have, or one that says nothing.
    assert shared(by_symbol(["TMEM97", "TMEM98"])) == [0]
    assert shared(by_symbol(["CD4", "CD44"])) == [0]


def test_a_family_with_other_letters_is_famplexs() -> None:
    assert shared(by_symbol(["EGFR", "ERBB2", "EGF"])) == [1, 0]
    assert shared(by_symbol(["KDR", "FLT1", "KIT"])) == [1, 0]


def test_of_a_family_the_nearer_share_more() -> None:
    near, far, none = shared(by_symbol(["CYP2C9", "CYP2C19", "CYP3A4", "CYB5A"]))
    assert near > far > none == 0
    near, far = shared(by_symbol(["HTR2A", "HTR2B", "HTR1A"]))
    assert near > far > 0


def test_genes_are_known_by_identifier_reference_and_name() -> None:
    kinds = {
        "NCBIGene:1636": "angiotensin converting enzyme",
        "HGNC:13557": "?",  # ACE2
        "UniProtKB:Q9BYF1": "?",  # ACE2
        "medkg:a": "?",
        "medkg:b": "ACE2",
        "medkg:c": "ace2",  # as the mouse's are written
        "medkg:d": "DCP1",  # a previous symbol of ACE
        "medkg:e": "no gene",
    }
    *same, none = shared(kinds, {"medkg:a": ["UniProtKB:Q9BYF1", "NCBIGene:59272"]})
    assert none == 0
    assert all(same)


def test_what_no_gene_is_has_no_family() -> None:
    kg = graph_of(by_symbol(["GENE10", "GENE11", "ACE"]))  # ACE is the only one of its family
    nodes = pl.Series(["medkg:GENE10", "medkg:GENE11", "medkg:ACE"])
    assert gene_families(kg, "Target", nodes) is None


def test_the_ranker_compares_targets_by_family() -> None:
    kg = graph_of(by_symbol(["ACE", "ACE2", "ACER3"]))
    data = to_hetero_data(kg)
    targets = similarities.end_features(kg, data, "Target", EDGE_TYPE, heads=False)
    place = {node: n for n, node in enumerate(identifiers(kg, data, "Target"))}
    alike = targets.similarities[similarities.FAMILY]
    assert alike[place["medkg:ACE"], place["medkg:ACE2"]] == pytest.approx(1)
    assert alike[place["medkg:ACE"], place["medkg:ACER3"]] == 0
    drugs = similarities.end_features(kg, data, "Drug", EDGE_TYPE, heads=True)
    assert similarities.FAMILY not in drugs.similarities


@pytest.mark.parametrize(
    ("approved", "name"),
    [
        ("5-hydroxytryptamine receptor 2A", "hydroxytryptamine receptor"),
        ("cytochrome P450 family 2 subfamily C member 9", "cytochrome"),
        ("gamma-aminobutyric acid type A receptor subunit alpha1", "aminobutyric acid receptor"),
        ("coagulation factor II, thrombin", "coagulation factor"),
        ("ATP binding cassette subfamily G member 2 (JR blood group)", "atp binding cassette"),
        ("CD4 molecule", "cd4 molecule"),
        ("DNA topoisomerase II alpha", "dna topoisomerase"),
        ("7", ""),
    ],
)
def test_the_name_of_a_family(approved: str, name: str) -> None:
    assert _family_name(approved) == name


@pytest.mark.parametrize(
    ("symbol", "beginnings"),
    [
        ("CYP2C19", ["CYP", "CYP2", "CYP2C", "CYP2C19"]),
        ("F10", ["F", "F10"]),
        ("CA2", ["CA", "CA2"]),
        ("MAOA", ["MAO", "MAOA"]),
        ("MT-ND1", ["MT", "MT-", "MT-N", "MT-ND", "MT-ND1"]),
        ("AR", ["AR"]),
        ("7SK", ["7", "7S", "7SK"]),
    ],
)
def test_beginnings_of_a_symbol(symbol: str, beginnings: list[str]) -> None:
    assert list(_beginnings(symbol)) == beginnings
