"""Generated molecules in a graph: a kind of their own, never drugs, and forgotten whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, MissingError
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.molecules.generator.generate import Generation
from medkg.mining.molecules.generator.hypotheses import (
    generation_name,
    molecule_hypotheses,
    with_hypotheses,
)
from tests.graph.other_server import server_graph

Trained = tuple[Path, dict[str, Any]]
TARGET, DRUG = "NCBIGene:1", "drugbank:DB00001"
LIGANDS = {f"drugbank:DB{n:05}": "C" * n + "Nc1ccncc1" for n in range(2, 14)}


def graph_with(drugs: dict[str, str]) -> KnowledgeGraph:
    """Drugs with their SMILES, which all act on one target."""
    nodes = pl.DataFrame(
        [
            {"id": TARGET, "kind": "Target", "name": "T1", "properties": None},
            *(
                {"id": id_, "kind": "Drug", "name": id_, "properties": json.dumps({"smiles": text})}
                for id_, text in drugs.items()
            ),
        ]
    )
    evidence = pl.DataFrame(
        [{"subject": id_, "relation": "TARGETS", "object": TARGET} for id_ in drugs]
    ).with_columns(source=pl.lit("made"))
    return KnowledgeGraph.build(nodes, evidence, [Source("made", "1", "CC0-1.0")])


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return graph_with(LIGANDS)


@pytest.fixture(scope="module")
def made(lstm: Trained, kg: KnowledgeGraph) -> Generation:
    return medkg.generate_molecules(lstm[0], kg=kg, target="T1", n=5)


def test_molecules_are_nodes_of_their_own_kind(made: Generation, kg: KnowledgeGraph) -> None:
    new = molecule_hypotheses(made, kg, "T1", on="2026-01-02")
    molecules = new.nodes.filter(kind="Molecule")
    assert molecules.height == len(made.molecules) > 0
    assert new.nodes.filter(kind="Drug").is_empty()
    assert new.edges.is_empty()
    assert all(id_.startswith("INCHIKEY:") for id_ in molecules["id"])
    best = new.predictions.sort("rank").row(0, named=True)
    assert (best["relation"], best["tail"], best["date"]) == ("TARGETS", TARGET, "2026-01-02")
    assert best["score"] == made.molecules[0]["similarity"]
    assert best["probability"] is None
    explained = json.loads(best["explanation"])
    assert explained["model"] == "lstm"
    assert len(explained["weights"]) == 64
    assert explained["library"] == "made.smi"
    assert (explained["ligands"], explained["ranked_by"]) == (len(LIGANDS), "similarity")
    properties = json.loads(molecules.filter(id=best["head"])["properties"][0])
    assert properties["smiles"] == made.molecules[0]["smiles"]


def test_the_same_generation_has_the_same_name_and_another_has_not(
    lstm: Trained, made: Generation, kg: KnowledgeGraph
) -> None:
    again = medkg.generate_molecules(lstm[0], kg=kg, target="T1", n=5)
    other = medkg.generate_molecules(lstm[0], kg=kg, target="T1", n=5, seed=1)
    assert generation_name(again, TARGET) == generation_name(made, TARGET)
    names = {generation_name(made, TARGET), generation_name(made, "NCBIGene:2")}
    assert len(names | {generation_name(other, TARGET)}) == 3


def test_what_the_graph_holds_as_a_drug_is_left_out(made: Generation, kg: KnowledgeGraph) -> None:
    first = made.molecules[0]["smiles"]
    held = graph_with({**LIGANDS, "drugbank:DB99999": first})
    new = molecule_hypotheses(made, held, "T1")
    assert new.predictions.height == len(made.molecules) - 1
    assert f'"{first}"' not in "".join(new.nodes["properties"].drop_nulls())
    with pytest.raises(MissingError):
        molecule_hypotheses(made, kg, "no such target")


def test_nothing_can_be_stated_of_a_molecule(made: Generation, kg: KnowledgeGraph) -> None:
    new = with_hypotheses(kg, molecule_hypotheses(made, kg, "T1"))
    molecule = new.nodes.filter(kind="Molecule")["id"][0]
    row = {"subject": molecule, "relation": "TARGETS", "object": TARGET, "source": "made"}
    with pytest.raises(DataError, match="ends of the wrong kinds"):
        KnowledgeGraph.build(new.nodes, pl.DataFrame([row]), new.sources)


def test_a_graph_gets_hypotheses_and_forgets_them(made: Generation, kg: KnowledgeGraph) -> None:
    new = with_hypotheses(kg, molecule_hypotheses(made, kg, "T1"))
    assert new.edges.equals(kg.edges)
    assert new.predictions.height == len(made.molecules)
    twice = with_hypotheses(new, molecule_hypotheses(made, kg, "T1"))
    assert twice.nodes.equals(new.nodes)
    assert twice.predictions.height == new.predictions.height
    left, summary = medkg.forget(new, model=generation_name(made, TARGET))
    assert left.nodes.equals(kg.nodes)
    assert left.predictions.is_empty()
    assert summary.nodes == len(made.molecules)
    # A model trained on the graph sees its drugs alone.
    assert set(new.nodes.filter(kind="Drug")["id"]) == set(LIGANDS)


def test_a_server_finds_them_by_a_question_and_forgets_them(
    made: Generation, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    with medkg.connect(f"embedded:{tmp_path / 'server'}") as server:
        server.write(kg)
        before = server.read()
        drugs = server.query("drugs_on_target", target="T1")
        server.write(molecule_hypotheses(made, kg, "T1"))
        rows = server.query("new_molecules", target="T1")
        assert rows["smiles"].to_list() == [row["smiles"] for row in made.molecules]
        assert rows["qed"].to_list() == [row["qed"] for row in made.molecules]
        assert server.query("drugs_on_target", target="T1").equals(drugs)
        assert server.query("hypotheses_for_target", target="T1").is_empty()
        assert server.query("MATCH (d:Drug) RETURN d").height == len(LIGANDS)
        summary = server.forget(model=generation_name(made, TARGET))
        assert (summary.nodes, summary.predictions) == (rows.height, rows.height)
        assert server.read().nodes.equals(before.nodes)


def test_what_a_server_holds_as_a_drug_is_left_out(
    lstm: Trained, made: Generation, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    graph, server = tmp_path / "graph", f"embedded:{tmp_path / 'server'}"
    kg.save(graph)
    words = ["generate", str(lstm[0]), "--graph", str(graph), "--target", "T1", "-n", "5"]
    with medkg.connect(server) as connection:
        connection.write(graph_with({"drugbank:DB99999": made.molecules[0]["smiles"]}))
        result = CliRunner().invoke(app, [*words, "--into", server, "--json"])
        assert result.exit_code == 0, result.output
        written = json.loads(result.stdout)["written"]
        assert (written["molecules"], written["left_out"]) == (len(made.molecules) - 1, 1)
        assert connection.query("new_molecules", target="T1").height == written["molecules"]


def test_the_target_is_the_servers_own(
    lstm: Trained, made: Generation, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    graph, server = tmp_path / "graph", f"embedded:{tmp_path / 'server'}"
    kg.save(graph)
    there = server_graph(("Target", TARGET, "HGNC:1"))
    words = ["generate", str(lstm[0]), "--graph", str(graph), "--target", "T1", "-n", "5"]
    with medkg.connect(server) as connection:
        connection.write(there)
        result = CliRunner().invoke(app, [*words, "--into", server, "--json"])
        assert result.exit_code == 0, result.output
        assert connection.query("new_molecules", target="HGNC:1").height == len(made.molecules)
        assert connection.read().nodes.filter(kind="Target").equals(there.nodes)


def test_a_wrong_place_is_told_before_anything_is_generated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def generated(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("medkg.mining.molecules.generator.generate.generate_molecules", generated)
    graph_with({"drugbank:DB00002": "CCO"}).save(tmp_path / "other")
    words = ["generate", "--target", "EGFR", "--into", str(tmp_path / "other")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert isinstance(result.exception, MissingError | SystemExit)


def test_what_an_earlier_run_of_a_generation_wrote_is_replaced(
    made: Generation, kg: KnowledgeGraph
) -> None:
    hypotheses = molecule_hypotheses(made, kg, "T1")
    gone = hypotheses.predictions["head"][0]
    others = hypotheses.predictions.filter(pl.col("head") != gone)
    fewer = hypotheses.with_frames(predictions=others)
    written = with_hypotheses(with_hypotheses(kg, hypotheses), fewer)
    assert gone not in set(written.nodes["id"])
    assert written.nodes.filter(kind="Molecule").height == written.predictions.height


def test_every_export_keeps_them_apart(
    made: Generation, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    new = with_hypotheses(kg, molecule_hypotheses(made, kg, "T1"))
    medkg.export(new, tmp_path / "kgx", "kgx")
    back = medkg.load("kgx", tmp_path / "kgx")
    assert back.nodes.equals(new.nodes)
    assert back.predictions.equals(new.predictions)


def test_the_command_writes_into_folders(lstm: Trained, kg: KnowledgeGraph, tmp_path: Path) -> None:
    graph, apart = tmp_path / "graph", tmp_path / "apart"
    kg.save(graph)
    words = ["generate", str(lstm[0]), "--graph", str(graph), "--target", "T1", "-n", "3"]
    for into in (apart, graph):
        result = CliRunner().invoke(app, [*words, "--into", str(into), "--json"])
        assert result.exit_code == 0, result.output
        printed = json.loads(result.stdout)
        report, generated = printed["written"], len(printed["molecules"])
        opened = KnowledgeGraph.open(into)
        # Another processor's roundings may give a network this small fewer than it is asked for.
        assert 1 <= generated <= 3
        assert opened.nodes.filter(kind="Molecule").height == report["molecules"] == generated
        assert opened.predictions["model"].unique().to_list() == [report["model"]]
    assert opened.nodes.filter(kind="Drug").height == len(LIGANDS)
    shown = CliRunner().invoke(app, [*words, "--into", str(graph)])
    assert f"{generated} hypotheses of the kind Molecule" in shown.stdout
    refused = CliRunner().invoke(app, ["generate", "--like", "CCO", "--into", str(graph)])
    assert refused.exit_code == 2
