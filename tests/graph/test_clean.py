"""Mending damaged graphs: what is safe, no more, and nothing lost without a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkg.core.errors import DataError
from medkg.graph import spill
from medkg.graph.check import check
from medkg.graph.clean import Fixed, fix, open_unverified
from medkg.graph.frames import (
    EVIDENCE,
    FRAMES,
    NODES,
    conform,
)
from medkg.graph.kg import KnowledgeGraph

from .graphs import CURATED, TEXT, small


def damaged(
    nodes: list[dict[str, Any]] = [],  # noqa: B006 (only read)
    evidence: list[dict[str, Any]] = [],  # noqa: B006
    **frames: pl.DataFrame,
) -> KnowledgeGraph:
    """The small graph with rows that nobody checked, as somebody's own parquet files may have."""
    graph = small()
    given_ = {name: getattr(graph, name) for name in FRAMES} | frames
    row = {"kind": "Disease", "name": "x", "name_key": "x", "synonyms": [], "xrefs": []}
    more_nodes = pl.DataFrame([row | node for node in nodes], schema_overrides=dict(NODES))
    defaults = {
        "source": "curated",
        "release": "2026-01",
        "level": "curated",
        "polarity": "asserted",
        "certainty": "certain",
        "experiencer": "patient",
        "temporality": "current",
        "probability": 1.0,
    }
    rows = [{"id": f"e{n}", **defaults, **piece} for n, piece in enumerate(evidence)]
    more_evidence = pl.DataFrame(rows, schema_overrides=dict(EVIDENCE))
    if nodes:
        given_["nodes"] = pl.concat([given_["nodes"], conform(more_nodes, NODES)])
    if evidence:
        given_["evidence"] = pl.concat([given_["evidence"], conform(more_evidence, EVIDENCE)])
    return KnowledgeGraph(given_, [CURATED, TEXT])


def counts(graph: KnowledgeGraph) -> dict[str, int]:
    return {finding.name: finding.count for finding in check(graph)}


def again(fixed: Fixed) -> None:
    """Mending a mended graph does nothing."""
    second = fix(fixed.graph)
    assert second.done == {}
    assert len(second.aside) == 0
    for name in FRAMES:
        assert getattr(second.graph, name).equals(getattr(fixed.graph, name)), name


def test_a_sound_graph_stays_as_it_is() -> None:
    graph = small()
    fixed = fix(graph)
    assert fixed.done == {}
    for name in FRAMES:
        assert getattr(fixed.graph, name).equals(getattr(graph, name)), name


TRIPLE = {"subject": "drugbank:DB00619", "relation": "TREATS", "object": "OMIM:606764"}


@pytest.mark.parametrize(
    ("nodes", "evidence", "finding", "reason"),
    [
        ([{"id": "no curie"}], [], "malformed identifier", "no CURIE"),
        ([{"id": "OMIM:7", "kind": "Spaceship"}], [], "unknown kind", "unknown kind"),
        ([], [TRIPLE | {"relation": "ADMIRES"}], "unknown relation", "unknown relation"),
        ([], [TRIPLE | {"object": "OMIM:999999"}], "dangling end", "dangling end"),
        (
            [],
            [TRIPLE | {"relation": "TARGETS", "object": "HP:0002027"}],
            "ends of the wrong kinds",
            "ends of the wrong kinds",
        ),
        ([], [TRIPLE | {"probability": 1.5}], "value out of range", "value out of range"),
        ([], [TRIPLE | {"polarity": "perhaps"}], "value out of range", "value out of range"),
    ],
)
def test_what_no_graph_may_hold_is_set_aside(
    nodes: list[dict[str, Any]], evidence: list[dict[str, Any]], finding: str, reason: str
) -> None:
    graph = damaged(nodes, evidence)
    assert counts(graph)[finding] == 1
    fixed = fix(graph)
    assert fixed.done[reason] == 1
    (row,) = [row for row in fixed.aside if row.reason == reason]
    # The whole row is there, to put it back.
    assert json.loads(row.row).items() >= (nodes or evidence)[0].items()
    assert finding not in counts(fixed.graph)
    assert fixed.graph.checksum() == small().checksum()
    again(fixed)


def test_spellings_become_one_and_duplicates_unite() -> None:
    graph = damaged(
        [
            {"id": "mim:606764", "name": "GIST, sporadic", "xrefs": ["do:9253"]},
            {"id": "HP_0002027", "kind": "Symptom", "name": "Abdominal pain"},
        ],
        [
            TRIPLE | {"object": "mim:606764"},
            {"subject": "MIM:606764", "relation": "HAS_SYMPTOM", "object": "HP_0002027"},
        ],
    )
    doubts = counts(graph)
    assert doubts["identifier in another spelling"] == 3
    assert doubts["dangling end"] == 1
    fixed = fix(graph)
    assert fixed.done["identifier in another spelling"] == 3
    assert fixed.done["identifier there twice"] == 2
    assert fixed.done["evidence there twice"] == 1
    assert set(fixed.graph.nodes["id"]) == set(small().nodes["id"])
    node = fixed.graph.nodes.row(by_predicate=pl.col("id") == "OMIM:606764", named=True)
    assert node["name"] == "Gastrointestinal stromal tumor"
    assert set(node["synonyms"]) == {"GIST", "GIST, sporadic"}
    assert node["xrefs"] == ["DOID:9253"]
    # TREATS was said before; HAS_SYMPTOM without a frequency was not.
    assert fixed.graph.evidence.height == small().evidence.height + 1
    again(fixed)


def test_obsolete_identifiers_are_replaced() -> None:
    graph = damaged(
        [
            {"id": "OMIM:1", "name": "old", "name_key": "old"},
            {"id": "OMIM:2", "properties": '{"replaces": ["OMIM:1"]}', "name": "new"},
        ],
        [TRIPLE | {"object": "OMIM:1"}],
    )
    assert counts(graph)["obsolete identifier"] == 1
    fixed = fix(graph)
    assert fixed.done["obsolete identifier"] == 1
    moved = fixed.graph.evidence.filter(object="OMIM:2").row(0, named=True)
    assert moved["original_object"] == "OMIM:1"
    assert "OMIM:1" not in fixed.graph.nodes["id"]
    assert fixed.graph.merges["reason"].to_list() == ["obsolete, replaced by"]
    assert "obsolete identifier" not in counts(fixed.graph)
    again(fixed)


def test_contradictions_and_doubtful_names_are_left_alone() -> None:
    graph = damaged(
        [
            {"id": "OMIM:8", "name": "Tumors, stromal", "name_key": "tumors stromal"},
            {"id": "ORPHA:8", "name": "stromal tumor", "name_key": "stromal tumor"},
            {"id": "HP:12", "kind": "Symptom", "name": "y", "name_key": "y"},
        ],
        [
            TRIPLE | {"relation": "CONTRAINDICATED_FOR"},
            TRIPLE | {"polarity": "negated"},
            TRIPLE | {"object": "OMIM:8"},
            TRIPLE | {"object": "ORPHA:8"},
            {"subject": "OMIM:8", "relation": "HAS_SYMPTOM", "object": "HP:12"},
        ],
    )
    doubts = {
        "treatment that is contraindicated": 1,
        "asserted and denied": 1,
        "malformed identifier": 1,
        "nearly the same name": 1,
    }
    fixed = fix(graph)
    assert counts(fixed.graph) == doubts
    assert fixed.graph.evidence.height == graph.evidence.height
    again(fixed)


def test_edges_are_made_anew_and_predictions_about_nothing_go() -> None:
    graph = small()
    edges = pl.concat(
        [
            graph.edges.head(3).with_columns(evidence_count=pl.lit(9, pl.UInt32)),
            graph.edges.tail(1).with_columns(id=pl.lit("made up"), probability=2.0),
        ]
    )
    predictions = (
        small()
        .with_predictions(
            pl.DataFrame(
                {
                    "head": ["drugbank:DB00945"] * 2,
                    "relation": ["TREATS"] * 2,
                    "tail": ["OMIM:606764", "HP:0002027"],
                    "model": ["m"] * 2,
                    "explanation": ['{"sentence": "Words of a note."}'] * 2,
                }
            )
        )
        .predictions
    )
    lost = predictions.with_columns(tail=pl.col("tail").replace("HP:0002027", "HP:0000001"))
    graph = damaged(edges=edges, predictions=lost)
    doubts = counts(graph)
    assert doubts["edge out of step"] == graph.edges.height + small().edges.height - 3
    assert doubts["edge probability out of range"] == 1
    assert doubts["prediction about no node"] == 1
    assert doubts["prediction without a probability"] == 2
    fixed = fix(graph)
    assert fixed.graph.edges.equals(small().edges)
    assert fixed.graph.predictions["tail"].to_list() == ["OMIM:606764"]
    assert fixed.done["prediction about no node"] == 1
    assert "Words of a note" not in str(list(fixed.aside))
    again(fixed)


def test_loops_made_by_merging_go_and_true_ones_stay() -> None:
    loop = {"relation": "REGULATES", "object": "NCBIGene:3815", "subject": "NCBIGene:3815"}
    graph = damaged([], [loop, loop | {"original_object": "NCBIGene:1"}])
    assert counts(graph)["edge out of step"] == 1
    fixed = fix(graph)
    assert fixed.done["edge to itself by merging"] == 1
    assert counts(fixed.graph)["edge to itself"] == 1
    again(fixed)


def test_isolated_nodes_go_only_if_asked() -> None:
    graph = damaged([{"id": "OMIM:7", "name": "seven", "name_key": "seven"}])
    assert "OMIM:7" in fix(graph).graph.nodes["id"]
    fixed = fix(graph, drop_isolated=True)
    assert fixed.done == {"isolated node": 1}
    assert fixed.graph.checksum() == small().checksum()


def test_undeclared_sources_are_declared_and_circles_found() -> None:
    graph = damaged(
        [{"id": f"OMIM:{n}", "name": f"n{n}", "name_key": f"n{n}"} for n in (1, 2, 3)],
        [
            {"subject": s, "relation": "SUBCLASS_OF", "object": o, "source": "mine"}
            for s, o in (("OMIM:1", "OMIM:2"), ("OMIM:2", "OMIM:1"), ("OMIM:3", "OMIM:1"))
        ],
    )
    doubts = counts(graph)
    assert doubts["undeclared source"] == 1
    fixed = fix(graph)
    assert {s.name: s.licence for s in fixed.graph.sources}["mine"] == "unknown"
    assert counts(fixed.graph)["circle of subclasses"] == 2


def test_the_report_has_every_row(tmp_path: Path) -> None:
    nodes = [{"id": f"OMIM:{n}", "name": f"n{n}", "name_key": f"n{n}"} for n in range(1, 21)]
    graph = damaged(nodes, [TRIPLE | {"source": "mine"}])
    graph.save(tmp_path / "kg")
    findings = check(KnowledgeGraph.open(tmp_path / "kg"), report=tmp_path / "doubts.jsonl")
    lines = (tmp_path / "doubts.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert {f.name: f.count for f in findings} == {
        name: sum(row["finding"] == name for row in rows)
        for name in {row["finding"] for row in rows}
    }
    isolated = next(finding for finding in findings if finding.name == "isolated node")
    assert isolated.count == 20
    assert len(isolated.examples) == 5
    assert isolated.fix
    assert {"finding": "isolated node", "id": "OMIM:20", "name": "n20"} in rows


def test_units_that_are_missing_or_not_known_are_reported() -> None:
    patient = [
        {"id": "patient:1", "kind": "Patient", "name": "1"},
        {"id": "LOINC:2345-7", "kind": "Procedure", "name": "Glucose", "name_key": "glucose"},
    ]
    measured = {"subject": "patient:1", "relation": "UNDERWENT", "object": "LOINC:2345-7"}
    graph = damaged(
        patient,
        [
            measured | {"qualifiers": json.dumps({"value": 5, "unit": unit})}
            for unit in ("mmol/L", "blobs", None)
        ]
        + [measured | {"qualifiers": json.dumps({"value": "positive"})}],
    )
    examples = {finding.name: finding.examples for finding in check(graph)}
    assert examples["unknown unit"] == ("UNDERWENT blobs 1",)
    assert examples["value without a unit"] == ("UNDERWENT LOINC:2345-7 1",)


def test_files_of_somebody_s_own_are_checked_as_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small().save(tmp_path / "kg")
    opened = open_unverified(tmp_path / "kg")
    assert opened.checksum() == small().checksum()
    assert caplog.records == []
    # Other rows under the old graph.json
    evidence = small().evidence
    turned = evidence.with_columns(
        relation=pl.when(pl.col("relation") == "TREATS")
        .then(pl.lit("ADMIRES"))
        .otherwise("relation")
    )
    turned.write_parquet(tmp_path / "kg" / "evidence.parquet")
    changed = open_unverified(tmp_path / "kg")
    assert "evidence.parquet" in caplog.text
    assert counts(changed) == {"unknown relation": 1}
    assert fix(changed).graph.sources == small().sources
    # Nothing but two tables, with the least of columns
    own = tmp_path / "own"
    own.mkdir()
    small().nodes.select("id", "kind", "name", mine="id").write_parquet(own / "nodes.parquet")
    evidence.select("subject", "relation", "object", "source", "document").write_parquet(
        own / "evidence.parquet"
    )
    bare = fix(open_unverified(own))
    assert bare.done["undeclared source"] == 2
    assert bare.graph.nodes["name_key"].null_count() == 0
    assert set(bare.graph.edges["id"]) == set(small().edges["id"]) | set(
        evidence.filter(polarity="negated")["edge"]
    )
    again(bare)


def test_what_can_t_be_read_at_all_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no graph folder"):
        open_unverified(tmp_path)
    small().save(tmp_path / "kg")
    (tmp_path / "kg" / "nodes.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"nodes\.parquet"):
        open_unverified(tmp_path / "kg")


IDS = st.sampled_from(
    ["OMIM:606764", "mim:606764", "drugbank:DB00619", "HP:0002027", "HP_0002027", "x", "OMIM:5"]
)
NODE = st.fixed_dictionaries(
    {
        "id": IDS,
        "kind": st.sampled_from(["Disease", "Symptom", "Drug", "Thing"]),
        "name": st.sampled_from(["a", "b"]),
        "properties": st.sampled_from([None, '{"replaces": ["OMIM:606764"]}', '{"a": 1}']),
    }
)
PIECE = st.fixed_dictionaries(
    {
        "subject": IDS,
        "object": IDS,
        "relation": st.sampled_from(["TREATS", "HAS_SYMPTOM", "RESEMBLES", "SUBCLASS_OF", "NO"]),
        "source": st.sampled_from(["curated", "mine"]),
        "release": st.sampled_from([None, "1", "2"]),
        "probability": st.sampled_from([None, 0.5, 2.0]),
        "polarity": st.sampled_from([None, "asserted", "negated", "both"]),
    }
)


@settings(max_examples=60)
@given(st.lists(NODE, max_size=4), st.lists(PIECE, max_size=5), st.booleans())
def test_any_damage_is_mended_once_and_nothing_is_lost_unseen(
    nodes: list[dict[str, Any]], evidence: list[dict[str, Any]], in_parts: bool
) -> None:
    graph = damaged(nodes, evidence)
    most, flush = spill.MOST_IN_MEMORY, spill._FLUSH
    try:
        if in_parts:
            spill.MOST_IN_MEMORY, spill._FLUSH = 3, 2
        fixed = fix(graph)
        again(fixed)
    finally:
        spill.MOST_IN_MEMORY, spill._FLUSH = most, flush
    left = counts(fixed.graph)
    assert not left.keys() & {
        "identifier in another spelling",
        "identifier there twice",
        "unknown kind",
        "unknown relation",
        "dangling end",
        "ends of the wrong kinds",
        "value out of range",
        "evidence there twice",
        "edge out of step",
        "undeclared source",
    }
    pieces = [row for row in fixed.aside if "subject" in json.loads(row.row)]
    assert fixed.graph.evidence.height + len(pieces) == graph.evidence.height
