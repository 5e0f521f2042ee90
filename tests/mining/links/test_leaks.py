from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError, SchemaError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.schema import Schema
from medkg.mining.links.leaks import (
    Leaks,
    entailing,
    find_leaks,
    group_nodes,
)
from tests.mining.links.split_graph import ALANINE, CAFFEINE, MIRRORED, SALT, graph, schema


def leaks_of(kg: KnowledgeGraph, pairs: list[tuple[str, str]], relation: str = "TARGETS") -> Leaks:
    """Leaks in a graph of whose relation's edges these pairs alone are held back."""
    test = pl.DataFrame(pairs, schema=["head", "tail"], orient="row")
    edges = kg.edges.filter(relation=relation).select("id", head="subject", tail="object")
    held = edges.join(test, on=["head", "tail"], how="semi")["id"].to_list()
    trained = edges.filter(~pl.col("id").is_in(held))
    return find_leaks(kg, relation, test, trained, held)


def test_what_entails_what() -> None:
    assert entailing(Schema.default(), "TARGETS") == ("TARGETS",)
    assert entailing(Schema.default(), "EXPRESSES") == ("EXPRESSES", "UPREGULATES")
    assert entailing(schema(), "TARGETS") == ("TARGETS", "BINDS", "BOUND_BY")
    assert entailing(schema(), "BINDS") == ("BINDS", "BOUND_BY")
    with pytest.raises(SchemaError, match="unknown relation"):
        entailing(schema(), "HITS")


def test_a_schema_entails_relations_that_it_has(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = '[relation.BINDS]\nbiolink="biolink:binds"\njoins=[["Drug","Target"]]\nentails=["{}"]\n'
    file.write_text(text.format("TARGETS"))
    mine = Schema.default().extended(file)
    assert entailing(mine, "TARGETS") == ("TARGETS", "BINDS")
    assert Schema.default().with_additions(mine.additions(), "graph.json") == mine
    file.write_text(text.format("TARGET"))
    with pytest.raises(DataError, match="BINDS entails unknown relation 'TARGET'"):
        Schema.default().extended(file)


def test_entailing_relations_in_both_directions_and_no_others() -> None:
    kg = graph(
        [
            ("d1", "TARGETS", "g1"),
            ("d2", "TARGETS", "g1"),
            ("d3", "TARGETS", "g1"),
            ("d1", "BINDS", "g1"),
            ("g1", "BOUND_BY", "d2"),
            ("d3", "UPREGULATES", "g1"),
            ("d3", "BINDS", "g2"),
        ]
    )
    pairs = [(f"drugbank:{n}", "NCBIGene:1") for n in (1, 2, 3)]
    leaks = leaks_of(kg, pairs)
    assert leaks.found.select("head", "leak", "subject", "relation").rows() == [
        ("drugbank:1", "entailed by BINDS", "drugbank:1", "BINDS"),
        ("drugbank:2", "entailed by BOUND_BY", "NCBIGene:1", "BOUND_BY"),
    ]
    told = leaks.to_dict()
    assert (told["pairs"], told["leaked"]) == (3, 2)
    assert told["by_sort"] == {"entailed by BINDS": 1, "entailed by BOUND_BY": 1}
    assert told["noted"] == {
        "also joined by UPREGULATES": {"pairs": 1, "example": "drugbank:3 – NCBIGene:1"}
    }


def test_the_other_direction_of_a_relation_within_a_kind() -> None:
    edges = [("g1", "REGULATES", "g2"), ("g2", "REGULATES", "g1"), ("g3", "REGULATES", "g2")]
    leaks = leaks_of(graph(edges), [("NCBIGene:1", "NCBIGene:2")], "REGULATES")
    assert leaks.found["leak"].to_list() == ["same pair, turned"]


def test_the_same_pair_after_merging_text_included() -> None:
    twin = {"id": "CHEBI:1", "kind": "Drug", "name": "twin", "xrefs": ["drugbank:1"]}
    gene = {"id": "HGNC:7", "kind": "Target", "name": "node g1", "xrefs": []}
    more = [
        {"subject": "CHEBI:1", "relation": "TARGETS", "object": "HGNC:7", "source": "papers"}
        | {"level": "text-mined", "document": "PMID:1"}
    ]
    kg = graph([("d1", "TARGETS", "g1"), ("d2", "TARGETS", "g1")], more=more, nodes=[twin, gene])  # type: ignore[arg-type]
    row = leaks_of(kg, [("drugbank:1", "NCBIGene:1")]).found.row(0, named=True)
    assert row["leak"] == "same pair"
    assert (row["subject"], row["object"]) == ("CHEBI:1", "HGNC:7")
    assert (row["sources"], row["levels"]) == ("papers", "text-mined")


def test_what_only_helps_is_noted() -> None:
    structures = {"d1": ALANINE, "d2": SALT, "d3": MIRRORED, "d4": CAFFEINE}
    more = [
        {"subject": "p1", "relation": "MENTIONS", "object": end, "source": "papers"}
        for end in ("d1", "g1")
    ]
    more += [
        {"subject": "d1", "relation": "TARGETS", "object": "g1", "source": "papers"}
        | {"document": "PMID:1"},
        {"subject": "d1", "relation": "IN_CLASS", "object": "NDFRT:1", "source": "drugbank"},
        {"subject": "d1", "relation": "IN_CLASS", "object": "NDFRT:2", "source": "drugbank"},
    ]
    classes = [
        {"id": "NDFRT:1", "kind": "DrugClass", "name": "Amino Acids"},
        {"id": "NDFRT:2", "kind": "DrugClass", "name": "Glycine Receptor Antagonists"},
    ]
    edges = [("d1", "TARGETS", "g1"), ("d2", "TARGETS", "g1"), ("d4", "TARGETS", "g1")]
    kg = graph(edges, structures, more=more, nodes=classes)  # type: ignore[arg-type]
    leaks = leaks_of(kg, [("drugbank:1", "NCBIGene:1"), ("drugbank:4", "NCBIGene:1")])
    assert leaks.found.is_empty()
    pair = "drugbank:1 – NCBIGene:1"
    assert {name: values["example"] for name, values in leaks.noted.items()} == {
        "nearly the same compound": f"{pair}, trained on drugbank:2 – NCBIGene:1",
        "class named by a mechanism": f"{pair}, Glycine Receptor Antagonists",
        "document that states it": f"{pair}, PMID:1",
    }
    assert {values["pairs"] for values in leaks.noted.values()} == {1}


def test_groups_of_compounds() -> None:
    structures = {"d1": ALANINE, "d2": SALT, "d3": MIRRORED, "d4": CAFFEINE, "d5": "no structure"}
    kg = graph([(f"d{n}", "TARGETS", "g1") for n in range(1, 7)], structures)
    groups = group_nodes(kg, kg.nodes["id"])
    assert groups.similar_compounds == {"drugbank:2": "drugbank:1", "drugbank:3": "drugbank:1"}
    assert (groups.with_structure, groups.compounds) == (4, 6)
    assert set(group_nodes(kg, kg.nodes["id"], 0.01).similar_compounds) == {
        "drugbank:2", "drugbank:3", "drugbank:4"
    }  # fmt: skip
    assert group_nodes(kg, ["NCBIGene:1"]).compounds == 0
