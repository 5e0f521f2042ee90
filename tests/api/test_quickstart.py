"""What `medkg quickstart` left behind: `.ci/run` names the folder in MEDKG_QUICKSTART."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkg.core.json_reading import parse_object
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.load import load_link_model

FOLDER = os.environ.get("MEDKG_QUICKSTART")

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="set MEDKG_QUICKSTART to the folder of a finished quickstart"
)


@pytest.fixture(scope="module")
def folder() -> Path:
    assert FOLDER is not None
    return Path(FOLDER)


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]  # the report's own shape


@pytest.fixture(scope="module")
def graph(folder: Path) -> KnowledgeGraph:
    return KnowledgeGraph.open(folder / "graph")


def test_the_graph_holds_the_whole_ontology_and_the_drugs(graph: KnowledgeGraph) -> None:
    assert graph.nodes.filter(kind="Disease").height > 12_000
    # Of a disease that OMIM and Orphanet describe, an edge has evidence of both.
    assert graph.edges.filter(relation="HAS_SYMPTOM").height > 240_000
    assert graph.evidence.filter(relation="HAS_SYMPTOM").height > 250_000
    assert graph.nodes.filter(kind="Drug").height >= 200
    assert graph.edges.filter(relation="TARGETS").height > 500


def test_the_text_adds_what_sources_do_not_hold(
    graph: KnowledgeGraph, report: dict[str, Any]
) -> None:
    only_text = graph.edges.filter(
        pl.col("sources") == pl.lit(["text"]),
        pl.col("relation").is_in(["TREATS", "CAUSES", "TARGETS", "HAS_SYMPTOM"]),
    )
    assert only_text.height == report["text"]["facts that no source holds"] > 0
    evidence = graph.evidence.filter(pl.col("edge").is_in(only_text["id"].implode()))
    assert evidence["sentence"].is_not_null().all()
    assert graph.nodes.filter(kind="Patient").height >= 16
    for context in ("negated", "possible", "hypothetical", "of the family", "historical"):
        assert report["text"][context] > 0, context


def test_models_are_reported_beside_their_baselines(report: dict[str, Any]) -> None:
    links = {row["model"]: row for row in report["links"]}
    assert {"degree", "neighbours"} < set(links)
    for row in links.values():
        assert 0 <= row["mrr"] <= 1
        assert row["n"] > 0
    assert "resnik" in {row["model"] for row in report["diagnosis"]}


def test_predictions_are_written_back_with_probability_rank_and_model(
    graph: KnowledgeGraph,
) -> None:
    predictions = graph.predictions
    assert set(predictions["relation"]) == {"TARGETS", "HAS_DISEASE"}
    assert predictions["probability"].is_between(0, 1).all()
    assert (predictions["rank"] >= 1).all()
    assert predictions["model"].n_unique() == 2


def test_cypher_answered_and_the_page_is_there(folder: Path, report: dict[str, Any]) -> None:
    for question in ("hypotheses", "diagnosis_of_note", "evidence"):
        assert report[question], question
    page = (folder / "hypothesis.html").read_text(encoding="utf-8")
    assert '"predicted": true' in page
    assert len(report["next"]) == 4


def test_it_ends_with_a_small_molecule_a_new_target_and_a_disease_that_drugs_like_it_treat(
    graph: KnowledgeGraph, report: dict[str, Any]
) -> None:
    first = report["hypothesis"]
    assert parse_object(graph.nodes.filter(id=first["drug"])["properties"][0])["inchi"]
    facts = set(graph.edges.select("subject", "relation", "object").iter_rows())
    assert (first["drug"], "TARGETS", first["target"]) not in facts
    assert not {relation for s, relation, o in facts if (s, o) == (first["drug"], first["disease"])}
    for like in first["like"]:
        assert (like, "TARGETS", first["target"]) in facts
        assert (like, "TREATS", first["disease"]) in facts
    for target in first["shared"]:
        assert (first["drug"], "TARGETS", target) in facts
        assert (first["like"][0], "TARGETS", target) in facts
    predicted = graph.predictions.filter(head=first["drug"], tail=first["target"])
    assert predicted["probability"].to_list() == [first["probability"]]
    names = dict(graph.nodes.select("id", "name").iter_rows())
    text = "\n".join(first["sentences"])
    for node in (first["drug"], first["target"], first["disease"], first["like"][0]):
        assert names[node] in text


def test_the_model_reads_structures(folder: Path, graph: KnowledgeGraph) -> None:
    from medkg.mining.molecules.targets import targets_of

    model = load_link_model(folder / "models" / "targets", graph)
    propranolol = targets_of(model, "CC(C)NCC(O)COc1cccc2ccccc12", known=True)
    assert [name for _, name in propranolol.same_nodes] == ["Propranolol"]
    assert {"ADRB1", "ADRB2"} <= set(propranolol.rows["tail_name"])
    icotinib = targets_of(model, "C#Cc1cccc(Nc2ncnc3cc4OCCOCCOCCOc4cc23)c1", 2)
    assert icotinib.same_nodes == []
    assert set(icotinib.rows["tail_name"]) == {"CYP3A4", "EGFR"}


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_the_pages_show_what_is_printed_today(page: str, report: dict[str, Any]) -> None:
    """Nearly: with every change of what is read or learnt the last digits are others."""
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    rows = dict(re.findall(r"│ (ranker|neighbours) +│ +\d+ │ ([\d.]+) │", text))
    measured = {row["model"]: row["mrr"] for row in report["links"]}
    assert {name: float(mrr) for name, mrr in rows.items()} == pytest.approx(
        {name: measured[name] for name in ("ranker", "neighbours")}, abs=0.04
    )
    # The second page shows the graph of the sources first.
    shown_nodes = (
        r"^nodes: ([\d,]+) added" if "docs" in page else r"^KnowledgeGraph\(([\d,]+) nodes"
    )
    [nodes] = re.findall(shown_nodes, text, re.MULTILINE)
    shown = int(nodes.replace(",", ""))
    assert shown == pytest.approx(report["graph"]["nodes"], rel=0.005)
