"""Examinations as a graph: added to what is there, without the names of files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError
from medkg.examinations import added_to
from medkg.graph.check import check
from medkg.signals.finding import Finding
from medkg.signals.to_graph import findings_graph
from tests.signals.ecg.made import regular, signal, write_csv

BEATS = Finding(
    "HP:0006682", "Premature ventricular contraction", 0.9, True, "electrocardiogram", "model 1",
    region="3 s", file="John_Smith.csv", checksum="a" * 64,
)  # fmt: skip
CHEST = replace(
    BEATS, code="HP:0002090", name="Pneumonia", procedure="chest radiograph", checksum="b" * 64
)


def triples(kg: medkg.KnowledgeGraph) -> set[tuple[str, ...]]:
    return set(kg.edges.select("subject", "relation", "object").iter_rows())


def test_the_name_of_a_file_is_nowhere_in_the_graph() -> None:
    kg = findings_graph([BEATS], "ann")
    assert "John" not in kg.nodes.write_ndjson() + kg.evidence.write_ndjson()


def test_each_piece_of_evidence_names_its_examination() -> None:
    kg = findings_graph([BEATS], "ann")
    [examination] = kg.nodes.filter(kind="Procedure")["id"]
    named = [json.loads(each)["seen_in"] for each in kg.evidence["qualifiers"]]
    assert named == [examination] * kg.evidence.height


def test_another_examination_is_added() -> None:
    both = added_to(findings_graph([BEATS], "ann"), findings_graph([CHEST], "ann"))
    assert triples(both) == triples(findings_graph([BEATS, CHEST], "ann"))


def test_two_examinations_of_a_kind_are_no_candidates_to_be_one() -> None:
    other = replace(BEATS, checksum="c" * 64)
    kg = findings_graph([BEATS, other], "ann")
    assert kg.nodes.filter(kind="Procedure").height == 2
    assert not [each for each in check(kg) if each.name == "same name, several nodes"]


def test_an_examination_that_is_read_again_replaces_what_it_gave() -> None:
    before = findings_graph([BEATS, CHEST], "ann")
    again = findings_graph([replace(BEATS, present=False, probability=0.1, region="4 s")], "ann")
    kg = added_to(before, again)
    assert set(kg.edges["object"]) & {"HP:0006682", "HP:0002090"} == {"HP:0002090"}
    assert kg.evidence.filter(object="HP:0006682")["probability"].to_list() == [0.1, 0.1]


def test_evidence_that_names_no_examination_stays() -> None:
    kg = findings_graph([CHEST], "ann")
    unnamed = kg.evidence.with_columns(qualifiers=None)
    before = medkg.KnowledgeGraph.build(kg.nodes, unnamed, kg.sources)
    both = added_to(before, findings_graph([BEATS], "ann"))
    assert triples(both) == triples(findings_graph([BEATS, CHEST], "ann"))


def test_a_graph_of_something_else_stays_as_it_is() -> None:
    with pytest.raises(DataError, match="is a graph of common; write examinations to a folder"):
        added_to(medkg.load("common"), findings_graph([BEATS], "ann"))


def test_the_commands_add_to_a_folder(tmp_path: Path) -> None:
    write_csv(tmp_path / "rest.csv", signal(regular(30, 0.5), 30, 360))
    (tmp_path / "labs.csv").write_text("patient,test,value,unit\nann,sodium,118,mmol/L\n")
    out = ["--patient", "ann", "--out", str(tmp_path / "graph")]
    ecg = ["signals", "ecg", str(tmp_path / "rest.csv"), "--rate", "360", *out]
    runner = CliRunner()
    for command in (ecg, ["signals", "labs", str(tmp_path / "labs.csv"), *out], ecg):
        ended = runner.invoke(app, command)
        assert ended.exit_code == 0, ended.output
    assert "added to the examinations that it has" in ended.stdout
    kg = medkg.KnowledgeGraph.open(tmp_path / "graph")
    shown = kg.edges.filter(relation="HAS_PHENOTYPE", subject="patient:ann")["object"]
    assert {"HP:0001649", "HP:0002902"} <= set(shown)
    assert kg.nodes.filter(kind="Procedure").height == 2
    medkg.load("common").save(tmp_path / "graph")
    ended = runner.invoke(app, ecg)
    assert isinstance(ended.exception, DataError)
    assert "is a graph of common" in str(ended.exception)
