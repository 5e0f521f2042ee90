from __future__ import annotations

import json
from pathlib import Path

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import HealthCheck, given, reject, settings

from medkg.core.errors import DataError, SchemaError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.leaks import entailing, find_leaks, same_entities
from medkg.mining.links.split import (
    LinkSplit,
    held_back,
    read_edges,
    split_links,
)
from medkg.mining.links.split_options import HOWS
from medkg.mining.links.train import train_links
from tests.mining.links.split_graph import ALANINE, CAFFEINE, IBUPROFEN, MIRRORED, SALT, graph

STRUCTURES = {"d0": ALANINE, "d1": SALT, "d2": MIRRORED, "d3": CAFFEINE, "d4": IBUPROFEN}
RELATIONS = ("TARGETS", "BINDS", "BOUND_BY", "UPREGULATES", "REGULATES", "INTERACTS_WITH")


@st.composite
def graphs(draw: st.DrawFn) -> KnowledgeGraph:
    """Graphs of a few drugs and genes, alike ones among them, of several sources and dates."""
    number = st.integers(0, 7)
    pairs = draw(st.sets(st.tuples(number, number), min_size=14, max_size=40))
    within = draw(st.sets(st.tuples(number, number), min_size=14, max_size=30))
    others = draw(st.sets(st.tuples(st.sampled_from(RELATIONS[1:4]), number, number), max_size=30))
    rows = [(f"d{a}", "TARGETS", f"g{b}") for a, b in pairs]
    for relation in ("REGULATES", "INTERACTS_WITH"):
        rows += [(f"g{a}", relation, f"g{b}") for a, b in within if a != b]
    for relation, a, b in others:
        ends = (f"d{a}", relation, f"g{b}")
        rows.append(ends if relation != "BOUND_BY" else ends[::-1])
    sources = st.sampled_from(["chembl", "drugbank", "papers"])
    dates = st.sampled_from([None, "2001", "2010-05", "2020-01-02"])
    more: list[dict[str, object]] = [
        {
            "subject": s,
            "relation": r,
            "object": o,
            "source": draw(sources),
            "date": draw(dates),
            "level": "text-mined",
            "document": "PMID:1",
        }
        for s, r, o in sorted(rows)
    ]
    more += [
        {"subject": "PMID:1", "relation": "MENTIONS", "object": end, "source": "papers"}
        for end in ("d0", "g0", "g1")
    ]
    names = [{"id": "PMID:1", "kind": "Document", "name": "a paper", "properties": None}]
    structures = {name: STRUCTURES[name] for name in STRUCTURES}
    return graph([], structures, more=more, nodes=names)  # type: ignore[arg-type]


def options(how: str) -> dict[str, object]:
    return {"by-source": {"sources": ["chembl"]}, "by-date": {"since": "2010"}}.get(how, {})


def unordered(rows: pl.DataFrame, ends: tuple[str, str] = ("head", "tail")) -> set[frozenset[str]]:
    return {frozenset(pair) for pair in rows.select(ends).iter_rows()}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kg=graphs(),
    relation=st.sampled_from(["TARGETS", "REGULATES", "INTERACTS_WITH"]),
    how=st.sampled_from(HOWS),
    seed=st.integers(0, 9),
)
def test_no_split_leaks(kg: KnowledgeGraph, relation: str, how: str, seed: int) -> None:
    edges = kg.edges.filter(relation=relation)
    try:
        split = split_links(kg, relation, how, seed=seed, share=0.2, **options(how))  # type: ignore[arg-type]
    except DataError:  # so few edges that a part would be empty
        reject()
    # Parts are disjoint, and with what was removed they are all edges.
    ids = split.edges["edge"].to_list()
    removed = split.removed.filter(relation=relation)["edge"].to_list()
    assert sorted(ids + removed) == sorted(edges["id"])
    assert set(split.edges["part"]) == {"train", "valid", "test"}
    assert split.report["counts"]["removed"] == len(removed)
    assert not set(split.removed["edge"]) & set(ids)
    # No test pair is in training: not turned, not by a relation that says the same.
    out = {edge for part in split.held_back().values() for edge in part}
    trained = kg.edges.filter(~pl.col("id").is_in(sorted(out)))
    says_so = trained.filter(pl.col("relation").is_in(entailing(kg.schema, relation)))
    parts = {part: split.edges.filter(part=part) for part in ("train", "valid", "test")}
    for part in ("valid", "test"):
        assert not unordered(says_so, ("subject", "object")) & unordered(parts[part])
    assert not unordered(parts["valid"]) & unordered(parts["test"])
    # Nor by a compound that is nearly the same: of alanine there are three.
    one = dict.fromkeys([f"drugbank:{n}" for n in range(3)], "drugbank:0")
    pairs = {
        part: unordered(rows.with_columns(pl.col("head", "tail").replace(one)))
        for part, rows in parts.items()
    }
    assert not pairs["train"] & (pairs["valid"] | pairs["test"])
    assert not pairs["valid"] & pairs["test"]
    found = find_leaks(kg, relation, parts["test"], parts["train"], out)
    assert found.found.is_empty()
    assert "nearly the same compound" not in found.noted
    # The same seed gives the same.
    again = split_links(kg, relation, how, seed=seed, share=0.2, **options(how))  # type: ignore[arg-type]
    assert again.edges.equals(split.edges)
    assert again.removed.equals(split.removed)


def drugs_and_genes(**more: object) -> KnowledgeGraph:
    edges = [(f"d{a}", "TARGETS", f"g{b % 12}") for a in range(12) for b in (a, a + 1)]
    return graph(edges, STRUCTURES, **more)  # type: ignore[arg-type]


def ids_of(split: LinkSplit, part: str, column: str) -> set[str]:
    return set(split.edges.filter(part=part)[column])


def test_new_heads_have_no_edge_left_and_alike_compounds_stay_together() -> None:
    kg = drugs_and_genes()
    for seed in range(4):
        split = split_links(kg, "TARGETS", "new-heads", seed=seed, share=0.3)
        parts = {part: ids_of(split, part, "head") for part in ("train", "valid", "test")}
        assert not parts["train"] & parts["test"]
        assert not parts["train"] & parts["valid"]
        assert not parts["valid"] & parts["test"]
        alanine = {"drugbank:0", "drugbank:1", "drugbank:2"}
        assert sum(bool(alanine & heads) for heads in parts.values()) == 1
        assert split.report["ends"]["test"]["heads_new"] == len(parts["test"])
    assert split.report["kept_together"]["alike"] == 3
    assert split.report["kept_together"]["groups"] == 1
    tails = split_links(kg, "TARGETS", "new-tails", share=0.3)
    assert not ids_of(tails, "train", "tail") & ids_of(tails, "test", "tail")


def test_new_nodes_of_a_symmetric_relation_have_no_edge_left_at_either_end() -> None:
    ring = [(f"g{a}", "INTERACTS_WITH", f"g{(a + 1) % 30:d}") for a in range(30)]
    split = split_links(graph(ring), "INTERACTS_WITH", "new-heads", share=0.2)
    ends = {
        part: ids_of(split, part, "head") | ids_of(split, part, "tail")
        for part in ("train", "test")
    }
    new = {end for end in ends["test"] if end not in ends["train"]}
    tested = split.edges.filter(part="test")
    assert new
    assert tested.select(pl.any_horizontal(pl.col("head", "tail").is_in(sorted(new))).all()).item()


def test_without_takes_the_new_heads_other_edges() -> None:
    kg = drugs_and_genes(
        more=[
            {"subject": f"d{n}", "relation": r, "object": o, "source": "drugbank"}
            for n in range(12)
            for r, o in (("IN_CLASS", "c1"), ("UPREGULATES", "g0"))
        ]
    )
    split = split_links(kg, "TARGETS", "new-heads", share=0.2, without=["IN_CLASS"])
    held = ids_of(split, "test", "head") | ids_of(split, "valid", "head")
    assert set(split.removed["relation"]) == {"IN_CLASS"}
    assert set(split.removed["head"]) == held
    split = split_links(kg, "TARGETS", "new-heads", share=0.2, without=["all"])
    assert set(split.removed["relation"]) == {"IN_CLASS", "UPREGULATES"}
    with pytest.raises(SchemaError, match="unknown relation 'IN_CLAS'"):
        split_links(kg, "TARGETS", "new-heads", without=["IN_CLAS"])
    with pytest.raises(DataError, match="without is for new-heads and new-tails, not for random"):
        split_links(kg, "TARGETS", "random", without=["IN_CLASS"])


def test_by_source_tests_what_only_it_records() -> None:
    more = [
        {"subject": s, "relation": "TARGETS", "object": o, "source": "chembl"}
        for s, o in (("d0", "g0"), ("d3", "g7"), ("d4", "g7"), ("d1", "g6"), ("d0", "g6"))
    ]
    more.append({"subject": "d2", "relation": "TARGETS", "object": "g6", "source": "drugbank"})
    split = split_links(drugs_and_genes(more=more), "TARGETS", "by-source", sources=["chembl"])
    tested = split.edges.filter(part="test")
    assert set(tested.select("head", "tail").iter_rows()) == {
        ("drugbank:3", "NCBIGene:7"),
        ("drugbank:4", "NCBIGene:7"),
        ("drugbank:0", "NCBIGene:6"),
        ("drugbank:1", "NCBIGene:6"),
    }
    # drugbank has that pair of d2, which is the mirror image of d0.
    removed = split.removed.row(0, named=True)
    assert removed["reason"] == "nearly the same compound"
    assert (removed["head"], removed["tail"]) == ("drugbank:2", "NCBIGene:6")
    with pytest.raises(DataError, match=r"the graph has drugbank \(24 edges\)"):
        split_links(drugs_and_genes(), "TARGETS", "by-source", sources=["chembl"])


def test_by_date_says_what_has_none() -> None:
    with pytest.raises(DataError, match="none of the 24 rows of evidence has a date"):
        split_links(drugs_and_genes(), "TARGETS", "by-date")
    dated = [
        {"subject": f"d{n}", "relation": "TARGETS", "object": f"g{n + 20}", "source": "papers"}
        | {"date": f"20{n:02}-03"}
        for n in range(3, 12)
    ]
    late = {"subject": "d5", "relation": "UPREGULATES", "object": "g1", "source": "papers"}
    kg = drugs_and_genes(more=[*dated, {**late, "date": "2015"}])
    split = split_links(kg, "TARGETS", "by-date", since="2010")
    assert ids_of(split, "test", "head") == {"drugbank:10", "drugbank:11"}
    dates = split.report["dates"]
    assert (dates["rows"], dates["rows_without_date"]) == (33, 24)
    assert split.removed.rows() == [
        ("dated since the cut", "drugbank:5", "UPREGULATES", "NCBIGene:1", split.removed["edge"][0])
    ]
    # Without a date given, the latest are taken.
    split = split_links(kg, "TARGETS", "by-date", share=0.1)
    assert split.report["dates"]["since"] == "2009-03"
    assert split.edges.filter(part="test").height == 3
    with pytest.raises(DataError, match="a date is written"):
        split_links(kg, "TARGETS", "by-date", since="yesterday")
    with pytest.raises(DataError, match="no edge is dated 2030 or later; the latest is 2011-03"):
        split_links(kg, "TARGETS", "by-date", since="2030")


def test_one_entity_under_two_identifiers_is_one() -> None:
    twin = {"id": "CHEBI:1", "kind": "Drug", "name": "twin", "properties": None}
    twin["xrefs"] = ["drugbank:3"]  # type: ignore[assignment]
    rows = [
        {"subject": "CHEBI:1", "relation": "TARGETS", "object": f"g{b}", "source": "chembl"}
        for b in range(8)
    ]
    rows += [
        {"subject": "d3", "relation": "TARGETS", "object": f"g{b}", "source": "drugbank"}
        for b in range(8)
    ]
    kg = graph([], more=rows, nodes=[twin])  # type: ignore[arg-type]
    assert same_entities(kg) == {"CHEBI:1": "drugbank:3"}
    split = split_links(kg, "TARGETS", "random", share=0.2)
    assert not ids_of(split, "train", "tail") & ids_of(split, "test", "tail")


def test_what_a_stating_document_mentions_is_removed() -> None:
    more = [
        {"subject": "d7", "relation": "TARGETS", "object": "g9", "source": "papers"}
        | {"document": "PMID:7", "level": "text-mined"}
    ]
    more += [
        {"subject": "p7", "relation": "MENTIONS", "object": o, "source": "papers"}
        for o in ("d7", "g9", "g0")
    ]
    kg = drugs_and_genes(more=more)
    split = split_links(kg, "TARGETS", "by-source", sources=["papers"])
    assert split.removed.select("head", "tail").rows() == [
        ("PMID:7", "NCBIGene:9"),
        ("PMID:7", "drugbank:7"),
    ]
    assert split.report["text_evidence"] == {"edges": 1, "rows": 1}


def test_a_saved_split_trains(tmp_path: Path) -> None:
    kg = drugs_and_genes(
        more=[{"subject": "d5", "relation": "BINDS", "object": "g1", "source": "chembl"}]
    )
    split = split_links(kg, "TARGETS", "random", share=0.3)
    split.save(tmp_path / "split")
    held = held_back(tmp_path / "split", kg, "TARGETS")
    assert held == split.held_back()
    report = json.loads((tmp_path / "split" / "split.json").read_text())
    assert report["graph"] == kg.checksum()
    assert report["counts"] == split.report["counts"]
    assert read_edges(tmp_path / "split" / "train.tsv").height == report["counts"]["train"]
    model = train_links(kg, model="degree", split=held)
    assert {part: sorted(ids) for part, ids in model.task.held_back.items()} == {
        part: sorted(ids) for part, ids in held.items() if ids
    }
    assert len(model.task.train) == report["counts"]["train"]


def test_split_of_another_graph_or_none(tmp_path: Path) -> None:
    kg = drugs_and_genes()
    split_links(kg, "TARGETS", share=0.3).save(tmp_path / "split")
    with pytest.raises(DataError, match="was made of another graph"):
        held_back(tmp_path / "split", kg.without_edges(kg.edges["id"].head(1)), "TARGETS")
    with pytest.raises(DataError, match="splits TARGETS, not TREATS"):
        held_back(tmp_path / "split", kg, "TREATS")
    with pytest.raises(DataError, match="is no split"):
        held_back(tmp_path, kg, "TARGETS")
    (tmp_path / "split" / "test.tsv").write_text("head\ttail\na\n")
    with pytest.raises(DataError):
        held_back(tmp_path / "split", kg, "TARGETS")
    (tmp_path / "split" / "split.json").write_text("{}")
    with pytest.raises(DataError, match="is damaged"):
        held_back(tmp_path / "split", kg, "TARGETS")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"how": "fair"}, "unknown way to split"),
        ({"share": 0.6}, "share is between"),
        ({"sources": ["x"]}, "sources is for by-source, not for random"),
        ({"how": "by-source"}, "needs the sources"),
    ],
)
def test_wrong_wishes(given: dict[str, object], says: str) -> None:
    with pytest.raises(DataError, match=says):
        split_links(drugs_and_genes(), "TARGETS", **given)  # type: ignore[arg-type]
