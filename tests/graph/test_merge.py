from __future__ import annotations

import polars as pl
from polars.testing import assert_frame_equal

from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge

from .graphs import CURATED, TEXT, small
from .test_kg import same


def graph(
    nodes: list[tuple[str, str, str, list[str]]], *triples: tuple[str, str, str]
) -> KnowledgeGraph:
    columns = {"id": pl.String, "kind": pl.String, "name": pl.String, "xrefs": pl.List(pl.String)}
    evidence = pl.DataFrame(
        [(*triple, "curated") for triple in triples],
        schema=dict.fromkeys(("subject", "relation", "object", "source"), pl.String),
        orient="row",
    )
    return KnowledgeGraph.build(pl.DataFrame(nodes, columns, orient="row"), evidence, [CURATED])


def test_merging_with_itself_changes_nothing() -> None:
    same(merge(small(), small()), small())
    same(merge(small()), small())


def test_cross_references_join_and_the_preferred_identifier_stays() -> None:
    hpo = graph(
        [("OMIM:1", "Disease", "Gout, familial", []), ("HP:1", "Symptom", "Pain", [])],
        ("OMIM:1", "HAS_SYMPTOM", "HP:1"),
    )
    starter = graph(
        [("DOID:9", "Disease", "gout", ["OMIM:1"]), ("drugbank:1", "Drug", "D", [])],
        ("drugbank:1", "TREATS", "DOID:9"),
    )
    joined = merge(starter, hpo)
    gout = joined.nodes.filter(id="OMIM:1").row(0, named=True)
    assert gout["name"] == "gout"
    assert gout["synonyms"] == ["Gout, familial"]
    assert gout["xrefs"] == ["DOID:9"]
    assert set(joined.edges.select("subject", "object").rows()) == {
        ("OMIM:1", "HP:1"),
        ("drugbank:1", "OMIM:1"),
    }
    assert joined.merges.rows() == [("OMIM:1", "DOID:9", "Disease", "joined by OMIM:1", True)]
    assert joined.resolve("DOID:9") == "OMIM:1"


def test_genes_join_by_symbol_and_diseases_do_not_join_by_name() -> None:
    one = graph([("NCBIGene:1", "Target", "KIT", []), ("OMIM:1", "Disease", "Gout", [])])
    two = graph([("HGNC:6", "Target", "KIT", []), ("DOID:1", "Disease", "Gout", [])])
    assert set(merge(one, two).nodes["id"]) == {"HGNC:6", "OMIM:1", "DOID:1"}


def test_a_reference_to_several_of_one_prefix_joins_nothing_and_is_reported() -> None:
    one = graph([("UMLS:C1", "Symptom", "Pain", [])])
    two = graph(
        [("HP:1", "Symptom", "Pain", ["UMLS:C1"]), ("HP:2", "Symptom", "Ache", ["UMLS:C1"])]
    )
    joined = merge(one, two)
    assert joined.nodes.height == 3
    assert joined.merges["applied"].to_list() == [False, False]


def test_a_chain_that_would_join_two_of_one_prefix_is_left_alone() -> None:
    chain = graph(
        [
            ("OMIM:1", "Disease", "a", ["MESH:1"]),
            ("MESH:1", "Disease", "b", ["DOID:1"]),
            ("DOID:1", "Disease", "c", ["ORPHA:1"]),
            ("ORPHA:1", "Disease", "d", ["UMLS:1"]),
            ("UMLS:1", "Disease", "e", []),
            ("OMIM:2", "Disease", "f", ["UMLS:1"]),
        ]
    )
    joined = merge(chain)
    assert joined.nodes.height == 6
    assert joined.merges.filter("applied").is_empty()
    assert joined.merges.height == 5


def test_one_identifier_of_two_kinds_stays_two_nodes_with_their_edges() -> None:
    one = graph(
        [("MESH:1", "Disease", "Fever", []), ("drugbank:1", "Drug", "D", [])],
        ("drugbank:1", "TREATS", "MESH:1"),
    )
    two = graph(
        [("MESH:1", "Symptom", "Fever", []), ("drugbank:1", "Drug", "D", [])],
        ("drugbank:1", "CAUSES", "MESH:1"),
    )
    joined = merge(one, two)
    assert set(joined.edges.select("relation", "object").rows()) == {
        ("TREATS", "MESH:1"),
        ("CAUSES", "MESH:1#Symptom"),
    }
    assert joined.merges["reason"].to_list() == ["identifier of two kinds"]


def test_order_of_graphs_changes_names_but_neither_identifiers_nor_evidence() -> None:
    one = small()
    two = graph(
        [
            ("MESH:D000068877", "Drug", "imatinib mesylate", []),
            ("NCBIGene:3815", "Target", "KIT", []),
        ],
        ("MESH:D000068877", "TARGETS", "NCBIGene:3815"),
    )
    forth, back = merge(one, two), merge(two, one)
    assert_frame_equal(forth.evidence, back.evidence)
    assert_frame_equal(forth.edges, back.edges)
    assert forth.nodes["id"].to_list() == back.nodes["id"].to_list()
    assert set(forth.sources) == {CURATED, TEXT}


def test_what_joining_brings_together_is_joined_too() -> None:
    # OMIM:1 gets DOID:1's reference to UMLS:1, and so joins it.
    chain = graph(
        [
            ("OMIM:1", "Disease", "a", []),
            ("DOID:1", "Disease", "b", ["OMIM:1", "MESH:1"]),
            ("MESH:1", "Disease", "c", []),
            ("MESH:2", "Disease", "d", ["DOID:1"]),
            ("UMLS:1", "Disease", "e", ["OMIM:1"]),
        ]
    )
    once = merge(chain)
    same(merge(once), once)
    assert_frame_equal(merge(once, chain).nodes, once.nodes)
    assert once.nodes["id"].to_list() == ["MESH:1", "MESH:2", "OMIM:1"]
