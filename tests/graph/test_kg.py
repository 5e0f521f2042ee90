from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from medkg.core.errors import DataError, MissingError, SchemaError
from medkg.core.quarantine import Quarantine
from medkg.graph import graph_frames, kg, spill
from medkg.graph.edges import edges_from
from medkg.graph.frames import (
    EVIDENCE,
    FRAMES,
    MERGES,
    Source,
    complete_nodes,
    conform,
    empty,
)
from medkg.graph.kg import KnowledgeGraph, Part
from medkg.graph.merge import merge
from medkg.graph.schema import Schema

from ..modes import readable_by_others
from .graphs import CURATED, TEXT, small

IMATINIB, KIT, EDEMA = "drugbank:DB00619", "NCBIGene:3815", "HP:0000969"
PREDICTED = pl.DataFrame(
    {"head": [IMATINIB], "relation": "TARGETS", "tail": "NCBIGene:5742", "model": "m", "score": 0.1}
)


def same(one: KnowledgeGraph, other: KnowledgeGraph) -> None:
    for name in FRAMES:
        assert_frame_equal(getattr(one, name), getattr(other, name))
    assert one.sources == other.sources


def edge(graph: KnowledgeGraph, subject: str, relation: str, tail: str) -> dict[str, object]:
    rows = graph.edges.filter(subject=subject, relation=relation, object=tail)
    assert rows.height == 1
    return rows.row(0, named=True)


def test_asserted_evidence_makes_an_edge_and_negated_evidence_does_not() -> None:
    graph = small()
    assert edge(graph, IMATINIB, "TARGETS", KIT)["properties"] == '{"action": "inhibitor"}'
    assert graph.edges.filter(subject="drugbank:DB00945", relation="CAUSES").is_empty()
    assert graph.evidence.filter(polarity="negated").height == 1


def test_of_equally_probable_values_the_latest_stays() -> None:
    nodes = pl.DataFrame({"id": ["patient:1", "LOINC:1-8"], "kind": ["Patient", "Procedure"]})
    rows = [
        ("2020-05-01", 1.0, {"value": "7", "unit": "g"}),
        ("2021-05-01", 1.0, {"value": "8"}),
        ("2021-06-01", 1.0, {"site": "left arm"}),
        (None, 1.0, {"value": "5"}),
        ("2022-05-01", 0.5, {"value": "9"}),
    ]
    for pieces in (rows, rows[::-1]):
        evidence = pl.DataFrame(
            {
                "subject": "patient:1",
                "relation": "UNDERWENT",
                "object": "LOINC:1-8",
                "source": "s",
                "date": [date for date, _, _ in pieces],
                "probability": [probability for _, probability, _ in pieces],
                "qualifiers": [json.dumps(qualifiers) for _, _, qualifiers in pieces],
            }
        )
        graph = KnowledgeGraph.build(nodes.with_columns(name="id"), evidence, [Source("s", "", "")])
        properties = json.loads(graph.edges["properties"].item())
        assert properties == {"value": "8"}  # without the unit of another measurement


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("polarity", "negated"),
        ("certainty", "hypothetical"),
        ("experiencer", "family"),
        ("temporality", "historical"),
    ],
)
def test_evidence_that_asserts_nothing_about_the_patient_now_is_no_edge(
    column: str, value: str
) -> None:
    graph = small()
    evidence = graph.evidence.with_columns(pl.lit(value).alias(column))
    again = KnowledgeGraph.build(graph.nodes, evidence.drop("id", "edge"), graph.sources)
    assert again.edges.is_empty()
    assert again.evidence.height == graph.evidence.height


def test_probability_is_the_highest_in_a_document_noisy_or_across_and_capped() -> None:
    evidence = pl.DataFrame(
        {
            "subject": IMATINIB,
            "relation": "TARGETS",
            "object": KIT,
            "source": ["text", "text", "text", "curated"],
            "document": ["PMID:1", "PMID:1", "PMID:2", None],
            "start": [0, 9, 0, None],
            "probability": [0.3, 0.5, 0.5, 0.2],
        }
    )
    graph = KnowledgeGraph.build(small().nodes, evidence, [CURATED, TEXT])
    # Text: 1 - .5 * .5 = .75 (cap .8); curated: .2; together 1 - .25 * .8.
    assert edge(graph, IMATINIB, "TARGETS", KIT)["probability"] == pytest.approx(0.8)
    certain = evidence.with_columns(probability=pl.lit(1.0)).filter(source="text")
    graph = KnowledgeGraph.build(small().nodes, certain, [CURATED, TEXT])
    assert edge(graph, IMATINIB, "TARGETS", KIT)["probability"] == pytest.approx(0.8)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), min_size=1, max_size=8))
def test_combined_probability_ignores_order_and_never_falls_with_more(
    statements: list[tuple[str, float]],
) -> None:
    def combined(rows: list[tuple[str, float]]) -> float:
        evidence = pl.DataFrame(
            {
                "subject": IMATINIB,
                "relation": "TARGETS",
                "object": KIT,
                "source": "text",
                "document": [f"PMID:{document}" for document, _ in rows],
                "start": list(range(len(rows))),
                "probability": [p for _, p in rows],
            }
        )
        graph = KnowledgeGraph.build(small().nodes, evidence, [Source("text", "1", "CC0-1.0")])
        return float(graph.edges["probability"][0])

    assert combined(statements) == combined(statements[::-1])
    assert combined(statements) >= combined(statements[:-1] or statements) - 1e-6
    assert max(p for _, p in statements) - 1e-6 <= combined(statements) <= 1


def test_the_same_evidence_twice_is_one_and_the_later_release_stays() -> None:
    row = {"subject": [IMATINIB], "relation": ["TARGETS"], "object": [KIT], "source": ["text"]}
    old = pl.DataFrame({**row, "release": ["1"], "probability": [0.9]})
    new = pl.DataFrame({**row, "release": ["2"], "probability": [0.4]})
    for order in ([old, new], [new, old]):
        graph = KnowledgeGraph.build(small().nodes, pl.concat(order), [TEXT])
        assert graph.evidence.select("release", "probability").rows() == [("2", 0.4)]


def test_symmetric_relations_have_one_edge_whichever_way_round() -> None:
    evidence = pl.DataFrame(
        {
            "subject": [KIT, "NCBIGene:5742"],
            "relation": "INTERACTS_WITH",
            "object": ["NCBIGene:5742", KIT],
            "source": "curated",
        }
    )
    graph = KnowledgeGraph.build(small().nodes, evidence, [CURATED])
    assert graph.edges.height == 1


def test_bad_rows_are_set_aside_with_their_reason_and_good_ones_stay() -> None:
    nodes = pl.DataFrame(
        {
            "id": [IMATINIB, KIT, KIT, "no curie", "X:1"],
            "kind": ["Drug", "Target", "Drug", "Drug", "Gizmo"],
            "name": list("abcde"),
        }
    )
    evidence = pl.DataFrame(
        {
            "subject": [IMATINIB] * 6,
            "relation": ["TARGETS", "TREATS", "ADORES", "TARGETS", "TARGETS", "TARGETS"],
            "object": [KIT, KIT, KIT, "X:9", KIT, KIT],
            "source": ["curated", "curated", "curated", "curated", "rumour", "curated"],
            "probability": [1.0, 1.0, 1.0, 1.0, 1.0, 1.5],
        }
    )
    quarantine = Quarantine()
    graph = KnowledgeGraph.build(nodes, evidence, [CURATED], quarantine=quarantine, origin="f.tsv")
    assert graph.edges.height == 1
    assert quarantine.counts() == {
        "no CURIE": 1,
        "unknown kind": 1,
        "identifier of two kinds": 1,
        "ends of the wrong kinds": 1,
        "unknown relation": 1,
        "dangling end": 1,
        "undeclared source": 1,
        "value out of range": 1,
    }
    with pytest.raises(DataError, match="8 rows can't be used"):
        KnowledgeGraph.build(nodes, evidence, [CURATED])


def test_missing_and_unknown_columns_are_named() -> None:
    with pytest.raises(DataError, match="lack the columns \\['name'\\]"):
        KnowledgeGraph.build(small().nodes.drop("name"), small().evidence, [CURATED, TEXT])
    evidence = small().evidence.with_columns(colour=pl.lit("red"))
    with pytest.raises(DataError, match="colour"):
        KnowledgeGraph.build(small().nodes, evidence, [CURATED, TEXT])


def test_save_and_open_round_trip_exactly(tmp_path: Path) -> None:
    graph = small().with_predictions(
        pl.DataFrame(
            {
                "head": [IMATINIB],
                "relation": ["TARGETS"],
                "tail": ["NCBIGene:5742"],
                "model": ["m"],
                "score": [0.1],
                "rank": [1],
            }
        )
    )
    graph.save(tmp_path / "graph")
    again = KnowledgeGraph.open(tmp_path / "graph")
    assert again.counts == graph.counts
    assert again.scan("edges").collect().equals(graph.edges)
    same(graph, again)
    assert again.checksum() == graph.checksum()
    graph.save(tmp_path / "graph")
    assert [path.name for path in tmp_path.iterdir()] == ["graph"]


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Whatever has more than three rows is too large for memory; where its files are put."""
    monkeypatch.setattr(spill, "MOST_IN_MEMORY", 3)
    monkeypatch.setattr(spill, "_FLUSH", 3)
    monkeypatch.setattr(spill, "BATCH", 2)
    monkeypatch.setattr(spill, "_HASHED", 0)
    monkeypatch.setattr(graph_frames, "_SMALL_FILE", 0)
    monkeypatch.setattr(kg, "_NODES_STACKED", 2)
    home = tmp_path / "temporary"
    home.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(home))
    return home


def parts(graph: KnowledgeGraph, size: int) -> Iterator[Part]:
    """The graph's evidence first, then its nodes, a few rows at a time."""
    for rows in graph.evidence.drop("id", "edge").iter_slices(size):
        yield Part(evidence=rows)
    for rows in graph.nodes.drop("name_key").iter_slices(size):
        yield Part(nodes=rows)


@pytest.mark.parametrize("kind", ["Patient", "Document"])
def test_a_graph_of_patients_is_its_owner_s_alone(
    tmp_path: Path, usual_umask: None, kind: str
) -> None:
    nodes = pl.DataFrame({"id": ["x:1"], "kind": [kind], "name": ["One"]})
    KnowledgeGraph.build(nodes, empty(EVIDENCE), []).save(tmp_path / "graph")
    assert not readable_by_others(tmp_path / "graph")


@pytest.mark.parametrize("column", ["sentence", "extractor"])
def test_a_graph_that_was_read_in_a_text_is_its_owner_s_alone(
    tmp_path: Path, usual_umask: None, column: str
) -> None:
    nodes = pl.DataFrame({"id": ["x:1", "x:2"], "kind": ["Drug", "Target"], "name": ["a", "b"]})
    row = {"subject": "x:1", "relation": "TARGETS", "object": "x:2", "source": "curated"}
    evidence = pl.DataFrame([{**row, column: "a"}])
    KnowledgeGraph.build(nodes, evidence, [CURATED]).save(tmp_path / "graph")
    assert not readable_by_others(tmp_path / "graph")


def test_a_graph_of_curated_sources_may_be_shared(tmp_path: Path, usual_umask: None) -> None:
    nodes = pl.DataFrame({"id": ["x:1"], "kind": ["Drug"], "name": ["One"]})
    KnowledgeGraph.build(nodes, empty(EVIDENCE), []).save(tmp_path / "graph")
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "graph").iterdir()}
    assert modes == {0o644}
    assert (tmp_path / "graph").stat().st_mode & 0o777 == 0o755


def test_a_graph_that_outgrows_memory_is_the_same(little_memory: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as plenty:
        plenty.setattr(spill, "MOST_IN_MEMORY", 1_000)
        graph = small()
    large = KnowledgeGraph.from_parts(parts(graph, 3), graph.sources)
    assert list(little_memory.rglob("evidence.parquet"))
    assert large.counts == graph.counts
    assert large.checksum() == graph.checksum()
    assert large.info() == graph.info()
    large.save(tmp_path / "large")
    del large
    gc.collect()
    assert not list(little_memory.iterdir())
    large = KnowledgeGraph.open(tmp_path / "large")
    manifest = tmp_path / "large" / "graph.json"
    assert json.loads(manifest.read_text())["hashes"]["edges"] == pl.__version__
    # Another version of polars may hash otherwise; then the ends themselves are compared.
    manifest.write_text(
        manifest.read_text().replace(f'"edges": "{pl.__version__}"', '"edges": "1"')
    )
    other = KnowledgeGraph.open(tmp_path / "large")
    same(other.neighbourhood("KIT", hops=2), graph.neighbourhood("KIT", hops=2))
    with pytest.MonkeyPatch.context() as many:
        many.setattr(kg, "_FEW_NODES", 0)
        for given in ({"hops": 9}, {"hops": 2, "min_probability": 0.9}):
            same(other.neighbourhood("KIT", **given), graph.neighbourhood("KIT", **given))
    for part, whole in (
        (large.neighbourhood("gleevec", hops=2), graph.neighbourhood("gleevec", hops=2)),
        (
            large.neighbourhood("KIT", min_probability=0.9),
            graph.neighbourhood("KIT", min_probability=0.9),
        ),
        (large.without_edges(graph.edges["id"][:2]), graph.without_edges(graph.edges["id"][:2])),
        (merge(large, graph), merge(graph)),
        (KnowledgeGraph.from_parts(parts(graph, 2), graph.sources), graph),
        (large, graph),
    ):
        same(part, whole)


def test_bad_rows_are_set_aside_beyond_memory_too(little_memory: Path) -> None:
    graph = small()
    lost = graph.nodes.filter(pl.col("id") != EDEMA)
    quarantine = Quarantine()
    left = KnowledgeGraph.from_parts(
        [
            Part(lost),
            *parts(graph.subgraph([]), 2),
            Part(evidence=graph.evidence.drop("id", "edge")),
        ],
        graph.sources,
        quarantine=quarantine,
    )
    assert quarantine.counts() == {"dangling end": 3}
    assert left.counts["evidence"] == 5
    with pytest.raises(DataError, match="3 rows can't be used"):
        KnowledgeGraph.from_parts([Part(lost, graph.evidence.drop("id", "edge"))], graph.sources)
    gc.collect()
    assert not list(little_memory.iterdir()) or left


def test_parts_that_name_one_node_are_united() -> None:
    columns = {"id": pl.String, "kind": pl.String, "name": pl.String, "xrefs": pl.List(pl.String)}
    rows = [
        ("HP:1", "Symptom", "HP:1", ["UMLS:2"]),
        ("HP:1", "Symptom", "Pain", ["UMLS:1", "HP:1"]),
    ]
    graph = KnowledgeGraph.from_parts(
        (Part(pl.DataFrame([row], columns, orient="row")) for row in [*rows, rows[0]]), []
    )
    assert graph.nodes.select("name", "name_key", "xrefs").rows() == [
        ("Pain", "pain", ["UMLS:1", "UMLS:2"])
    ]


def test_a_graph_replaced_while_open_is_an_error_and_never_another_graphs_rows(
    little_memory: Path, tmp_path: Path
) -> None:
    graph, folder = small(), tmp_path / "graph"
    graph.save(folder)
    one, two = KnowledgeGraph.open(folder), KnowledgeGraph.open(folder)
    # What saving onto itself leaves as it was, others who have it open can go on using.
    one.with_predictions(PREDICTED).save(folder)
    assert two.neighbourhood("KIT").nodes.height == 2
    same(one, graph.with_frames(predictions=one.predictions))
    with pytest.raises(DataError, match=r"predictions\.parquet: was replaced"):
        _ = two.predictions
    again = KnowledgeGraph.open(folder)
    assert again.predictions.height == 1
    again.without_edges(graph.edges["id"][:1]).save(folder)
    with pytest.raises(DataError, match=r"edges\.parquet: was replaced"):
        again.neighbourhood("KIT")
    with pytest.raises(DataError, match=r"evidence\.parquet: was replaced"):
        again.save(tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()
    assert KnowledgeGraph.open(folder).counts["edges"] == graph.counts["edges"] - 1


def test_damage_is_found_by_verifying_and_by_copying(little_memory: Path, tmp_path: Path) -> None:
    small().save(tmp_path / "graph")
    file = tmp_path / "graph" / "evidence.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    damaged = KnowledgeGraph.open(tmp_path / "graph")
    with pytest.raises(DataError, match="doesn't match the checksum"):
        damaged.verify()
    with pytest.raises(DataError, match="doesn't match the checksum"):
        damaged.save(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    file.write_bytes(whole[:-8] + b"\0" * 8)
    with pytest.raises(DataError, match=r"evidence\.parquet: doesn't match the checksum"):
        KnowledgeGraph.open(tmp_path / "graph")


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="other things in it"):
        small().save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_damage_is_found_and_named(tmp_path: Path) -> None:
    small().save(tmp_path / "graph")
    file = tmp_path / "graph" / "edges.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(DataError, match=r"edges\.parquet: doesn't match the checksum"):
        KnowledgeGraph.open(tmp_path / "graph")
    file.unlink()
    with pytest.raises(DataError, match=r"edges\.parquet: is missing"):
        KnowledgeGraph.open(tmp_path / "graph")
    manifest = tmp_path / "graph" / "graph.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema_version": 99}))
    with pytest.raises(DataError, match="schema version 99"):
        KnowledgeGraph.open(tmp_path / "graph")
    for damage in (b"{", b"\xff\xfe{"):
        manifest.write_bytes(damage)
        with pytest.raises(DataError, match="is damaged"):
            KnowledgeGraph.open(tmp_path / "graph")
    with pytest.raises(DataError, match="is no graph folder"):
        KnowledgeGraph.open(tmp_path)


@pytest.mark.parametrize(
    ("frame", "column"),
    [
        ("nodes", "kind"),
        ("merges", "kind"),
        ("edges", "relation"),
        ("evidence", "relation"),
        ("predictions", "relation"),
    ],
)
def test_a_folder_with_names_that_no_schema_has_is_not_opened(
    tmp_path: Path, frame: str, column: str
) -> None:
    graph = small().with_predictions(PREDICTED)
    merges = pl.DataFrame(
        {"kept": [KIT], "merged": ["HGNC:6342"], "kind": ["Target"], "reason": ["joined"]}
    )
    graph = graph.with_frames(merges=conform(merges, MERGES))
    graph.save(tmp_path / "graph")
    KnowledgeGraph.open(tmp_path / "graph")
    rows = getattr(graph, frame).with_columns(pl.lit("Gizmo]->(").alias(column))
    graph.with_frames(**{frame: rows}).save(tmp_path / "graph")
    message = (
        rf"{frame}\.parquet: {frame} have the {column} 'Gizmo\]->\(', which the schema lacks;"
        " make the graph anew, with a schema that declares it"
    )
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.open(tmp_path / "graph")


def test_a_folder_with_a_schema_of_its_own_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[kind.Gizmo]\nbiolink = "biolink:Device"\nprefixes = ["gizmo"]\n'
        '[relation.USES]\nbiolink = "biolink:uses"\njoins = [["Drug", "Gizmo"]]\n'
    )
    nodes = pl.DataFrame(
        {"id": [IMATINIB, "gizmo:1"], "kind": ["Drug", "Gizmo"], "name": ["Imatinib", "a gizmo"]}
    )
    evidence = pl.DataFrame(
        {"subject": [IMATINIB], "relation": ["USES"], "object": ["gizmo:1"], "source": ["s"]}
    )
    sources = [Source("s", "1", "CC0-1.0")]
    schema = Schema.default().extended(file)
    KnowledgeGraph.build(nodes, evidence, sources, schema=schema).save(tmp_path / "graph")
    opened = KnowledgeGraph.open(tmp_path / "graph")
    assert opened.edges["relation"].to_list() == ["USES"]


def test_resolve_by_identifier_reference_name_and_synonym() -> None:
    graph = small()
    for text in (IMATINIB, "MESH:D000068877", "imatinib", "GLEEVEC"):
        assert graph.resolve(text) == IMATINIB
    assert graph.resolve("Abdominal  pain", kind="Symptom") == "HP:0002027"
    with pytest.raises(MissingError, match=r"'伊马替尼'; Chinese names .*--language zh"):
        graph.resolve("伊马替尼")
    for text in ("imatinab", "DB00619", "db00619"):
        with pytest.raises(MissingError, match=r"near: Imatinib \(drugbank:DB00619\)"):
            graph.resolve(text)
    drug_class = pl.DataFrame({"id": ["ATC:C10AA"], "kind": ["DrugClass"], "name": ["statin"]})
    statins = pl.DataFrame({"id": ["drugbank:DB1"], "kind": ["Drug"], "name": ["Statins"]})
    both = pl.concat([complete_nodes(drug_class), complete_nodes(statins)])
    with pytest.raises(MissingError, match=r"Statins \(.*\) is of kind Drug; near: statin \(ATC"):
        graph.with_frames(nodes=both).resolve("statins", "DrugClass")
    with pytest.raises(MissingError, match=r"no Target 'imatinib'; Imatinib .* is of kind Drug$"):
        graph.resolve("imatinib", kind="Target")
    with pytest.raises(SchemaError, match="unknown kind 'Gizmo'"):
        graph.resolve("imatinib", kind="Gizmo")


def test_an_identifier_is_meant_however_its_prefix_is_spelt() -> None:
    graph = small()
    for text in ("DRUGBANK:DB00619", "mesh:D000068877", "MSH:D000068877"):
        assert graph.resolve(text, "Drug") == IMATINIB, text
    merged = pl.DataFrame(
        {"kept": [KIT], "merged": ["UniProtKB:P10721"], "kind": ["Target"], "applied": [True]}
    )
    graph = graph.with_frames(merges=conform(merged, MERGES))
    assert graph.resolve("uniprot:P10721") == KIT


def test_an_identifier_of_elsewhere_is_told_what_identifiers_are_there() -> None:
    graph = small()
    here = "HP:, MESH:, NCBIGene:, OMIM:, PMID:, UMLS:, drugbank:; a name can be given instead"
    with pytest.raises(
        MissingError, match=rf"no entity 'CHEMBL.COMPOUND:CHEMBL941'; .* begin with {here}$"
    ):
        graph.resolve("CHEMBL.COMPOUND:CHEMBL941")
    with pytest.raises(MissingError, match=r"here begin with NCBIGene:; a name"):
        graph.resolve("HGNC:6342", "Target")
    for text in ("ncbigene:999999", "NCBIGene:malformed"):
        with pytest.raises(MissingError, match=rf"no Target '{text}'$"):
            graph.resolve(text, "Target")
    with pytest.raises(MissingError, match=r"near: Abdominal pain \(HP:0002027\)$"):
        graph.resolve("C0000737")  # a cross-reference but for its prefix


def test_near_names_are_of_synonyms_and_whole_words_too() -> None:
    names: dict[str, list[str]] = {
        "Polydipsia": ["Excessive thirst"],
        "Thistle tube shaped pulp": [],
        "Warfarin": ["Coumadin"],
        "Warfarin sodium clathrate": [],
        "Warfein": [],
    }
    nodes = pl.DataFrame(
        [(f"HP:{i:07}", "Symptom", name, own) for i, (name, own) in enumerate(names.items())],
        schema={"id": pl.String, "kind": pl.String, "name": pl.String, "synonyms": pl.List(str)},
        orient="row",
    )
    graph = KnowledgeGraph.build(nodes, small().evidence.head(0), [Source("s", "1", "CC0-1.0")])
    for text, near in {
        "thirst": r"near: Polydipsia \(HP:0000000: Excessive thirst\)$",
        "Warfrin": r"near: Warfarin \(HP:0000002\), Warfein",
        "coumadine": r"near: Warfarin \(HP:0000002: Coumadin\)$",
        "warfarin clathrate": r"near: Warfarin sodium clathrate \(HP:0000003\)$",
    }.items():
        with pytest.raises(MissingError, match=near):
            graph.resolve(text)
    for text in ("greenness", "(", "x"):
        with pytest.raises(MissingError, match=r"no entity '[^']*'$"):
            graph.resolve(text)


def test_an_ambiguous_name_lists_the_candidates() -> None:
    graph = small()
    twins = graph.nodes.with_columns(
        name=pl.when(pl.col("kind") == "Target").then(pl.lit("COX")).otherwise("name")
    )
    graph = KnowledgeGraph.build(twins, graph.evidence.drop("id", "edge"), graph.sources)
    with pytest.raises(MissingError, match=r"NCBIGene:3815 .* NCBIGene:5742"):
        graph.resolve("cox")


def test_neighbourhood_follows_hops_relations_and_limits() -> None:
    graph = small()
    assert set(graph.neighbourhood("KIT").nodes["id"]) == {KIT, IMATINIB}
    two = graph.neighbourhood("KIT", hops=2)
    assert set(two.nodes["id"]) == {KIT, IMATINIB, "OMIM:606764", EDEMA, "PMID:1"}
    assert two.evidence.height == 5
    only = graph.neighbourhood("KIT", hops=2, relations=["TARGETS", "TREATS"])
    assert set(only.nodes["id"]) == {KIT, IMATINIB, "OMIM:606764"}
    assert graph.neighbourhood(IMATINIB, most=1).nodes.height == 2


@pytest.mark.parametrize("hops", [-1, 1.5, "1", None])
def test_hops_are_a_whole_number(hops: Any) -> None:
    with pytest.raises(DataError, match="hops, how far to go, is a whole number, at least 0"):
        small().neighbourhood("aspirin", hops)


def test_what_is_no_text_is_not_looked_up() -> None:
    for look_up in (small().find, small().resolve):
        with pytest.raises(DataError, match="is a text, not None"):
            look_up(None)  # type: ignore[arg-type]


def test_neighbourhood_by_kinds_and_probability() -> None:
    graph = small()
    drugs = graph.neighbourhood(KIT, hops=2, kinds=["Drug", "Disease"])
    assert set(drugs.nodes["id"]) == {KIT, IMATINIB, "OMIM:606764"}
    sure = graph.neighbourhood(IMATINIB, min_probability=0.8)
    assert set(sure.nodes["id"]) == {KIT, IMATINIB, "OMIM:606764", "PMID:1"}
    part = graph.subgraph([IMATINIB, "drugbank:DB00945", EDEMA], min_probability=0.8)
    assert part.edges.is_empty()
    # What was denied makes no edge, probable or not.
    assert part.evidence["polarity"].to_list() == ["negated"]
    assert_frame_equal(edges_from(part.evidence, part.sources, Schema.default()), part.edges)
    with pytest.raises(SchemaError, match="unknown kind 'Gizmo'"):
        graph.neighbourhood(KIT, kinds=["Gizmo"])


def test_a_text_without_a_letter_or_digit_means_no_node_that_is_named_so() -> None:
    graph = small()
    unnamed = pl.DataFrame({"id": ["NCBIGene:1"], "kind": ["Target"], "name": ["-"]})
    graph = graph.with_frames(nodes=pl.concat([graph.nodes, complete_nodes(unnamed)]))
    for text in ("", " ", "-"):
        assert graph.find(text).is_empty()
        with pytest.raises(MissingError, match=f"no entity '{text}'"):
            graph.resolve(text)


def test_parts_are_taken_by_names_as_the_neighbourhood_is() -> None:
    graph = small()
    part = graph.subgraph(["Gleevec", KIT])
    assert set(part.nodes["id"]) == {IMATINIB, KIT}
    assert part.edges["relation"].to_list() == ["TARGETS"]
    assert_frame_equal(graph.edges_at("Gleevec"), graph.edges_at([IMATINIB]))
    for ask in (graph.subgraph, graph.edges_at):
        with pytest.raises(MissingError, match=r"no entity 'imatinb'; near: Imatinib"):
            ask(["imatinb", KIT])
        with pytest.raises(MissingError, match="no entity 'drugbank:DB99999'"):
            ask(["drugbank:DB99999"])


def test_predictions_are_kept_apart_and_a_models_are_replaced() -> None:
    graph = small()
    row = {"head": ["drugbank:DB00945"], "relation": ["TARGETS"], "tail": [KIT], "model": ["m"]}
    first = graph.with_predictions(pl.DataFrame({**row, "score": [0.1]}))
    assert_frame_equal(first.edges, graph.edges)
    other = pl.DataFrame({**row, "model": ["n"], "score": [0.3]})
    second = first.with_predictions(other).with_predictions(pl.DataFrame({**row, "score": [0.2]}))
    assert second.predictions.select("model", "score").rows() == [("m", 0.2), ("n", 0.3)]
    assert first.neighbourhood(KIT).predictions.is_empty()
    around = first.neighbourhood(KIT, predictions=True)
    assert "drugbank:DB00945" in set(around.nodes["id"])
    assert around.predictions.height == 1
    with pytest.raises(DataError, match="unknown nodes"):
        graph.with_predictions(pl.DataFrame({**row, "tail": ["NCBIGene:0"]}))
    with pytest.raises(DataError, match=r"probability 1\.7 is not between"):
        graph.with_predictions(pl.DataFrame({**row, "probability": [1.7]}))
    with pytest.raises(DataError, match=r"a dict is no polars frame; .*from_pandas"):
        graph.with_predictions(row)  # type: ignore[arg-type]


def test_without_edges_takes_their_evidence_too() -> None:
    graph = small()
    gone = graph.without_edges([str(edge(graph, IMATINIB, "TARGETS", KIT)["id"])])
    assert gone.edges.height == graph.edges.height - 1
    assert gone.evidence.height == graph.evidence.height - 1
    assert gone.nodes.height == graph.nodes.height


def test_networkx_has_the_same_nodes_and_edges() -> None:
    graph = small()
    networkx = graph.to_networkx()
    assert networkx.number_of_nodes() == graph.nodes.height
    assert networkx.edges[IMATINIB, KIT, "TARGETS"]["probability"] == pytest.approx(0.95)


def test_edges_come_from_evidence_alone() -> None:
    graph = small()
    assert_frame_equal(edges_from(graph.evidence, graph.sources, Schema.default()), graph.edges)
