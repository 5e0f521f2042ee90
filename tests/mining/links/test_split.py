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


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
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
    leaks = find_leaks(kg, relation, parts["test"], parts["train"], out)
    assert leaks.rows.is_empty()
    assert "nearly the same compound" not in leaks.noted
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


def sizes(split: LinkSplit) -> list[int]:
    return [split.edges.filter(part=part).height for part in ("train", "valid", "test")]


def grid(drugs: int, genes: int) -> list[tuple[str, str, str]]:
    """Each drug with as many genes, each gene with one drug."""
    return [(f"d{a}", "TARGETS", f"g{a}0{b}") for a in range(drugs) for b in range(genes)]


@pytest.mark.parametrize(
    ("share", "expected"), [(0.1, [32, 4, 4]), (0.25, [20, 10, 10]), (0.11, [31, 4, 5])]
)
def test_random_parts_have_their_share(share: float, expected: list[int]) -> None:
    """Of forty edges; parts of an edge are rounded up, first for the test."""
    kg = graph(grid(10, 4))
    drawn = [split_links(kg, "TARGETS", seed=seed, share=share) for seed in range(3)]
    assert [sizes(split) for split in drawn] == [expected] * 3
    tested = [frozenset(ids_of(split, "test", "edge")) for split in drawn]
    assert len(set(tested)) == 3
    assert split_links(kg, "TARGETS", share=share).edges.equals(drawn[0].edges)
    assert split_links(kg, "TARGETS").report["share"] == 0.1


def test_new_nodes_are_drawn_whole_until_a_part_has_its_share() -> None:
    kg = graph(grid(10, 4))
    # A tenth is one head; 4.8 edges are begun with a second, and it is valid's that are fewer.
    for share, expected in ((0.1, [32, 4, 4]), (0.12, [28, 4, 8]), (0.2, [24, 8, 8])):
        for seed in range(3):
            split = split_links(kg, "TARGETS", "new-heads", seed=seed, share=share)
            assert sizes(split) == expected
            assert split.report["ends"]["test"] == {
                "heads": expected[2] // 4,
                "heads_new": expected[2] // 4,
                "tails": expected[2],
                "tails_new": expected[2],
            }
            assert split.report["ends"]["train"] == {
                "heads": expected[0] // 4,
                "heads_new": 0,
                "tails": expected[0],
                "tails_new": 0,
            }
    assert sizes(split_links(kg, "TARGETS", "new-tails")) == [32, 4, 4]


def test_a_node_with_more_edges_than_a_part_has_is_left_in_training() -> None:
    large = [("d0", "TARGETS", f"g{b}") for b in range(5)]
    small = [(f"d{a}", "TARGETS", f"g{a}") for a in range(10, 45)]
    for seed in range(6):
        split = split_links(graph([*large, *small]), "TARGETS", "new-heads", seed=seed, share=0.1)
        assert sizes(split) == [32, 4, 4]
        assert not {"drugbank:0"} & (ids_of(split, "test", "head") | ids_of(split, "valid", "head"))
    # One that is as large as a part may be drawn.
    drawn = [
        ids_of(
            split_links(graph([*large, *small]), "TARGETS", "new-heads", seed=seed, share=0.125),
            "test",
            "head",
        )
        for seed in range(30)
    ]
    assert any("drugbank:0" in heads for heads in drawn)


def test_ten_edges_have_parts_of_one() -> None:
    assert sizes(split_links(graph(grid(10, 1)), "TARGETS")) == [8, 1, 1]


def dated(rows: dict[tuple[int, int], list[str | None]]) -> KnowledgeGraph:
    """Thirty edges without a date, and some with evidence of these dates, a source each."""
    sources = ("papers", "chembl", "drugbank")
    more: list[dict[str, object]] = [
        {"subject": f"d{a}", "relation": "TARGETS", "object": f"g9{b}", "date": date}
        | {"source": source, "document": None}
        for (a, b), dates in rows.items()
        for date, source in zip(dates, sources, strict=False)
    ]
    return graph(grid(10, 3), more=more)


def test_an_edge_is_as_old_as_its_oldest_evidence() -> None:
    kg = dated(
        {
            (1, 1): ["2020-05", "2021"],
            (2, 2): ["2020-05", "2009"],
            (3, 3): ["2022", None],
            (4, 4): ["2019-12-31"],
            (5, 5): ["2020"],
        }
    )
    for since, share, tested in (
        ("2020", 0.1, {1, 5}),
        ("2020-05", 0.1, {1}),
        ("2009", 0.1, {1, 2, 4, 5}),
        (None, 0.06, {1, 5}),  # of 35 edges 2.1
        (None, 0.075, {1, 4, 5}),
        (None, 0.01, {1}),
        (None, 0.4, {1, 2, 4, 5}),
    ):
        split = split_links(kg, "TARGETS", "by-date", since=since, share=share)
        assert ids_of(split, "test", "tail") == {f"NCBIGene:9{number}" for number in tested}
        oldest = {1: "2020-05", 2: "2020", 3: "2019-12-31", 4: "2009"}[len(tested)]
        assert split.report["dates"] == {
            "since": since or oldest,
            "earliest": "2009",
            "latest": "2020-05",
            "rows": 38,
            "rows_without_date": 31,
            "edges_without_date": 31,
        }
    assert split.report["counts"] == {"train": 17, "valid": 14, "test": 4, "removed": 0}
    with pytest.raises(DataError, match="every edge has evidence without a date"):
        split_links(dated({(3, 3): ["2022", None]}), "TARGETS", "by-date")


def test_the_report_counts_what_was_kept_together_and_removed() -> None:
    more: list[dict[str, object]] = [
        {"subject": s, "relation": r, "object": o, "source": "papers", "level": level}
        for s, r, o, level in (
            ("d0", "TARGETS", "g1", "text-mined"),
            ("d1", "TARGETS", "g1", "curated"),
            ("d2", "TARGETS", "g1", "text-mined"),
            ("d3", "TARGETS", "g90", "curated"),
            ("d0", "BINDS", "g1", "curated"),
            ("g1", "BOUND_BY", "d3", "curated"),
        )
    ]
    few = {"d0": ALANINE, "d1": SALT, "d3": CAFFEINE}
    kg = graph([(f"d{a}", "TARGETS", f"g{a}") for a in range(4, 14)], few, more=more)
    split = split_links(kg, "TARGETS", "by-source", sources=["papers"])
    report = split.report
    assert report["kept_together"] == {
        "compounds": 14,
        "with_structure": 3,
        "alike": 2,
        "groups": 1,
        "edges_of_one_pair": 2,
        "identifiers_joined": 0,
    }
    assert report["text_evidence"] == {"edges": 2, "rows": 2}
    assert report["removed"] == {"BINDS entails TARGETS": 1}
    assert report["removed_by_relation"] == {"BINDS": 1}
    assert report["edges"] == 14
    assert report["edge_type"] == ["Drug", "TARGETS", "Target"]
    assert report["ends"]["test"] == {"heads": 4, "heads_new": 4, "tails": 2, "tails_new": 2}
    assert (report["similarity"], report["seed"], report["sources"]) == (0.9, 0, ["papers"])
    assert split.edges.columns == ["part", "head", "relation", "tail", "edge"]
    listed = split.edges.select("part", "head", "tail").rows()
    assert listed == sorted(listed)


def test_only_what_no_other_source_records_is_tested() -> None:
    more: list[dict[str, object]] = [
        {"subject": s, "relation": "TARGETS", "object": o, "source": source}
        for s, o, sources in (
            ("d0", "g90", ("papers",)),
            ("d1", "g91", ("chembl",)),
            ("d2", "g92", ("papers", "chembl")),
            ("d3", "g93", ("papers", "drugbank")),
        )
        for source in sources
    ]
    kg = graph(grid(10, 2), more=more)
    for sources, tested in (
        (["papers"], {90}),
        (["chembl"], {91}),
        (["papers", "chembl"], {90, 91, 92}),
    ):
        split = split_links(kg, "TARGETS", "by-source", sources=sources, share=0.2)
        assert ids_of(split, "test", "tail") == {f"NCBIGene:{number}" for number in tested}
        assert sizes(split)[1] == 5  # a fifth of all edges, at random
        assert split_links(kg, "TARGETS", "by-source", sources=sources, share=0.2).edges.equals(
            split.edges
        )
    with pytest.raises(
        DataError,
        match=r"no edge is from 'ttd'; the graph has drugbank \(21 edges\), .*papers \(3 edges\)",
    ):
        split_links(kg, "TARGETS", "by-source", sources=["papers", "ttd"])
    shared = graph(grid(10, 2), more=more[2:])
    with pytest.raises(DataError, match="no edge is recorded by papers alone; the graph has"):
        split_links(shared, "TARGETS", "by-source", sources=["papers"])


def test_what_new_tails_lose_is_theirs() -> None:
    more: list[dict[str, object]] = [
        {"subject": f"d{a}", "relation": "UPREGULATES", "object": f"g{a}00", "source": "drugbank"}
        for a in range(10)
    ]
    kg = graph(grid(10, 1), more=more)
    split = split_links(kg, "TARGETS", "new-tails", without=["UPREGULATES"])
    held = ids_of(split, "test", "tail") | ids_of(split, "valid", "tail")
    assert len(held) == 2
    assert set(split.removed["tail"]) == held
    assert split.report["without"] == ["UPREGULATES"]
    assert split.report["removed_by_relation"] == {"UPREGULATES": 2}
    with pytest.raises(DataError, match="TARGETS is split; its held-back edges are left out any"):
        split_links(kg, "TARGETS", "new-heads", without=["UPREGULATES", "TARGETS"])


def test_edges_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "edges.tsv"
    file.write_text('subject\tobject\tnote\na\tb\t"\nc\td\t\n')
    assert read_edges(file).to_dict(as_series=False) == {"head": ["a", "c"], "tail": ["b", "d"]}
    file.write_text("edge\ttail\thead\n7\tb\ta\n")
    assert read_edges(file).rows(named=True) == [{"head": "a", "tail": "b", "edge": "7"}]
    file.write_text("head\ttail\na\tb\nc\t\n")
    with pytest.raises(DataError, match=r"edges.tsv, line 3: lacks an end"):
        read_edges(file)
    file.write_text("head\ttail\na\tb\n\td\n")
    with pytest.raises(DataError, match="lacks an end"):
        read_edges(file)
    file.write_text("head\tother\na\tb\n")
    with pytest.raises(DataError, match=r"lacks the columns \['tail'\] \(or subject and object\)"):
        read_edges(file)
    with pytest.raises(DataError, match="can't be read: No such file"):
        read_edges(tmp_path / "none.tsv")


def test_the_files_of_a_split(tmp_path: Path) -> None:
    kg = graph(grid(10, 1))
    split = split_links(kg, "TARGETS")
    split.save(tmp_path / "split")
    for part in ("train", "valid", "test"):
        rows = read_edges(tmp_path / "split" / f"{part}.tsv")
        assert rows.equals(split.edges.filter(part=part).select("head", "tail", "edge"))
    assert (
        tmp_path / "split" / "removed.tsv"
    ).read_text() == "reason\thead\trelation\ttail\tedge\n"
    manifest = tmp_path / "split" / "split.json"
    saved = json.loads(manifest.read_text(encoding="utf-8"))
    assert saved["split_version"] == 1
    assert next(iter(saved)) == "split_version"
    for version in (0, 2):
        manifest.write_text(json.dumps({**saved, "split_version": version}), encoding="utf-8")
        with pytest.raises(DataError, match=f"has version {version}; split again"):
            held_back(tmp_path / "split", kg, "TARGETS")
    with pytest.raises(DataError, match="none would be left for"):
        split_links(kg, "TARGETS", "by-source", sources=["drugbank"])
