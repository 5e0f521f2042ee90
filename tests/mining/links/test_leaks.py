from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError, SchemaError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.schema import Schema
from medkg.mining.links import leaks as leaks_module
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
    assert leaks.rows.select("head", "leak", "subject", "relation").rows() == [
        ("drugbank:1", "entailed by BINDS", "drugbank:1", "BINDS"),
        ("drugbank:2", "entailed by BOUND_BY", "NCBIGene:1", "BOUND_BY"),
    ]
    report = leaks.to_dict()
    assert (report["pairs"], report["leaked"]) == (3, 2)
    assert report["by_sort"] == {"entailed by BINDS": 1, "entailed by BOUND_BY": 1}
    assert report["noted"] == {
        "also joined by UPREGULATES": {"pairs": 1, "example": "drugbank:3 – NCBIGene:1"}
    }


def test_the_other_direction_of_a_relation_within_a_kind() -> None:
    edges = [("g1", "REGULATES", "g2"), ("g2", "REGULATES", "g1"), ("g3", "REGULATES", "g2")]
    leaks = leaks_of(graph(edges), [("NCBIGene:1", "NCBIGene:2")], "REGULATES")
    assert leaks.rows["leak"].to_list() == ["same pair, turned"]


def test_the_same_pair_after_merging_text_included() -> None:
    twin = {"id": "CHEBI:1", "kind": "Drug", "name": "twin", "xrefs": ["drugbank:1"]}
    gene = {"id": "HGNC:7", "kind": "Target", "name": "node g1", "xrefs": []}
    more = [
        {"subject": "CHEBI:1", "relation": "TARGETS", "object": "HGNC:7", "source": "papers"}
        | {"level": "text-mined", "document": "PMID:1"}
    ]
    kg = graph([("d1", "TARGETS", "g1"), ("d2", "TARGETS", "g1")], more=more, nodes=[twin, gene])  # type: ignore[arg-type]
    row = leaks_of(kg, [("drugbank:1", "NCBIGene:1")]).rows.row(0, named=True)
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
    assert leaks.rows.is_empty()
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


# Acids of five, six and eight carbon atoms.
HEXANOIC, OCTANOIC, PENTANOIC = "CCCCCC(=O)O", "CCCCCCCC(=O)O", "CCCCC(=O)O"


def test_nearly_the_same_is_as_similar_as_said_or_more() -> None:
    """Hexanoic and octanoic acid share 16 of 17 bits, hexanoic and pentanoic acid fewer than .9."""
    structures = {"d1": HEXANOIC, "d2": OCTANOIC, "d3": PENTANOIC}
    kg = graph([(f"d{n}", "TARGETS", "g1") for n in range(1, 4)], structures)
    grouped = {"drugbank:2": "drugbank:1"}
    assert group_nodes(kg, kg.nodes["id"]).similar_compounds == grouped
    assert group_nodes(kg, kg.nodes["id"]).similarity == 0.9
    assert group_nodes(kg, kg.nodes["id"], 16 / 17).similar_compounds == grouped
    assert group_nodes(kg, kg.nodes["id"], 0.95).similar_compounds == {}
    assert group_nodes(kg, ["drugbank:2", "drugbank:3"]).similar_compounds == {}


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_how_many_compounds_are_compared_at_a_time_does_not_matter(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chains = [PENTANOIC, CAFFEINE, HEXANOIC, ALANINE, OCTANOIC, SALT]
    structures = {f"d{n}": smiles for n, smiles in enumerate(chains, start=1)}
    kg = graph([(name, "TARGETS", "g1") for name in structures], structures)
    monkeypatch.setattr(leaks_module, "_ROWS", rows)
    assert group_nodes(kg, kg.nodes["id"]).similar_compounds == {
        "drugbank:5": "drugbank:3",
        "drugbank:6": "drugbank:4",
    }


def test_the_first_of_what_is_noted_is_the_example() -> None:
    structures = {"d1": ALANINE, "d2": SALT, "d3": HEXANOIC, "d4": OCTANOIC, "d6": OCTANOIC}
    edges = [(f"d{a}", "TARGETS", f"g{b}") for a, b in ((1, 1), (2, 1), (3, 2), (4, 2), (6, 2))]
    edges += [(f"d{a}", "UPREGULATES", f"g{b}") for a, b in ((1, 1), (3, 2), (3, 1))]
    more: list[dict[str, object]] = [
        {"subject": f"d{a}", "relation": "IN_CLASS", "object": f"NDFRT:{b}", "source": "drugbank"}
        for a, b in ((1, 1), (1, 2), (3, 1))
    ]
    for a, b, document in ((1, 1, "1"), (1, 1, "2"), (3, 2, "2")):
        more += [
            {"subject": f"d{a}", "relation": "TARGETS", "object": f"g{b}", "source": "papers"}
            | {"document": f"PMID:{document}"},
            *(
                {"subject": f"p{document}", "relation": "MENTIONS", "object": end}
                | {"source": "papers"}
                for end in (f"d{a}", f"g{b}")
            ),
        ]
    classes = [
        {"id": "NDFRT:1", "kind": "DrugClass", "name": "Opsin Inhibitor"},
        {"id": "NDFRT:2", "kind": "DrugClass", "name": "Avidin Inhibitor"},
    ]
    kg = graph(edges, structures, more=more, nodes=classes)  # type: ignore[arg-type]
    leaks = leaks_of(kg, [("drugbank:3", "NCBIGene:2"), ("drugbank:1", "NCBIGene:1")])
    first = "drugbank:1 – NCBIGene:1"
    assert leaks.noted == {
        "nearly the same compound": {
            "pairs": 2,
            "example": f"{first}, trained on drugbank:2 – NCBIGene:1",
        },
        "class named by a mechanism": {"pairs": 2, "example": f"{first}, Avidin Inhibitor"},
        "document that states it": {"pairs": 2, "example": f"{first}, PMID:1"},
        "also joined by UPREGULATES": {"pairs": 2, "example": first},
    }
    assert leaks.tested == 2
    assert leaks.pairs.is_empty()
    other = leaks_of(kg, [("drugbank:3", "NCBIGene:2")]).noted["nearly the same compound"]
    assert other["example"] == "drugbank:3 – NCBIGene:2, trained on drugbank:4 – NCBIGene:2"


def test_what_states_or_mentions_something_else_is_not_noted() -> None:
    more: list[dict[str, object]] = [
        {"subject": "d1", "relation": relation, "object": "g1", "source": "papers"}
        | {"document": document}
        for relation, document in (
            ("DOWNREGULATES", "PMID:1"),
            ("UPREGULATES", "PMID:1"),
            ("TARGETS", "PMID:2"),
            ("TARGETS", "PMID:3"),
        )
    ]
    more += [
        {"subject": f"p{number}", "relation": "MENTIONS", "object": end, "source": "papers"}
        for number, end in ((1, "d1"), (1, "g1"), (2, "d1"), (3, "g1"))
    ]
    classes = [{"id": "NDFRT:1", "kind": "DrugClass", "name": "Opsin Inhibitor"}]
    kg = graph(
        [("d2", "TARGETS", "g1"), ("d2", "IN_CLASS", "NDFRT:1")],
        more=more,
        nodes=classes,  # type: ignore[arg-type]
    )
    assert set(leaks_of(kg, [("drugbank:1", "NCBIGene:1")]).noted) == {
        "also joined by DOWNREGULATES",
        "also joined by UPREGULATES",
    }


def test_the_report_names_five_leaks() -> None:
    pairs = [(f"drugbank:{a}", f"NCBIGene:{a % 2}") for a in range(1, 8)]
    edges = [(f"d{a}", "TARGETS", f"g{a % 2}") for a in range(1, 9)]
    edges += [(f"d{a}", "BINDS", f"g{a % 2}") for a in range(1, 8)] + [("g1", "BOUND_BY", "d1")]
    leaks = leaks_of(graph(edges), pairs)
    report = leaks.to_dict()
    assert (report["pairs"], report["leaked"]) == (7, 7)
    assert report["by_sort"] == {"entailed by BINDS": 7, "entailed by BOUND_BY": 1}
    assert [(leak["head"], leak["leak"][12:]) for leak in report["first"]] == [
        ("drugbank:1", "BINDS"),
        ("drugbank:1", "BOUND_BY"),
        ("drugbank:2", "BINDS"),
        ("drugbank:3", "BINDS"),
        ("drugbank:4", "BINDS"),
    ]
    assert leaks.pairs.rows() == pairs


def test_a_symmetric_relation_has_no_other_direction() -> None:
    """The pair as it is under another identifier's merging, or turned: both are the same pair."""
    twin = {"id": "HGNC:7", "kind": "Target", "name": "node g1", "xrefs": ["NCBIGene:1"]}
    more = [
        {"subject": one, "relation": "INTERACTS_WITH", "object": other, "source": "papers"}
        for one, other in (("HGNC:7", "g2"), ("g3", "g2"))
    ]
    kg = graph([("g1", "INTERACTS_WITH", "g2")], more=more, nodes=[twin])  # type: ignore[arg-type]
    edge = kg.edges.filter(relation="INTERACTS_WITH").sort("id").select("subject", "object")
    held = next(row for row in edge.iter_rows() if "NCBIGene:1" in row)
    for pair in (held, held[::-1]):
        test = pl.DataFrame([pair], schema=["head", "tail"], orient="row")
        rows = kg.edges.filter(relation="INTERACTS_WITH")
        trained = rows.select(head="subject", tail="object").join(
            pl.DataFrame([held], schema=["head", "tail"], orient="row"),
            on=["head", "tail"],
            how="anti",
        )
        assert find_leaks(kg, "INTERACTS_WITH", test, trained, []).rows["leak"].to_list() == [
            "same pair"
        ]
