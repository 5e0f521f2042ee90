"""`medkg train links` by a file of settings."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from medkg.cli import app
from medkg.mining.links.load import load_link_model
from tests.gnn.graphs import family_graph


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settings") / "graph"
    family_graph().save(folder)
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_settings_are_printed_without_a_graph() -> None:
    printed = run("train", "links", "--print-config")
    read = tomllib.loads(printed)
    assert read["links"]["relation"] == "TARGETS"
    assert read["network"]["encoder"] == "rgcn"
    assert "# Numbers in a vector." in printed


def test_an_option_goes_before_the_file_and_the_file_before_the_default(
    graph: Path, tmp_path: Path
) -> None:
    file = tmp_path / "my.toml"
    file.write_text(
        '[links]\nseed = 5\nmodel = "network"\n'
        '[network]\nencoder = "compgcn"\ndim = 8\nepochs = 50\nbases = 2\n'
    )
    arguments = ("train", "links", graph, "--out", tmp_path / "model", "--config", file)
    figures = json.loads(run(*arguments, "--epochs", 3, "--json"))
    assert figures["training"]["epochs"] == 3
    model = load_link_model(tmp_path / "model")
    assert model.seed == 5
    network = model.settings["network"]
    assert (network["encoder"], network["dim"], network["dropout"]) == ("compgcn", 8, 0.5)


def test_a_path_network_has_settings_of_its_own(graph: Path, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[paths]\ndim = 4\nlayers = 2\nheads = 4\n")
    out = tmp_path / "model"
    arguments = ("train", "links", graph, "--out", out, "--config", file, "--epochs", 1)
    assert len(json.loads(run(*arguments, "--json"))["training"]["valid_mrr"]) == 1
    model = load_link_model(out)
    assert model.settings["network"] == {
        "dim": 4, "layers": 2, "heads": 4, "epochs": 1, "learning_rate": 0.005, "edges": 800_000,
        "precision": "auto",
    }  # fmt: skip
    assert model.scorer.network["relations"].shape[::2] == (2, 4)  # type: ignore[attr-defined]
    refused = CliRunner().invoke(app, [*map(str, arguments), "--encoder", "hgt"])
    assert "--encoder and --decoder are of" in refused.output
    refused = CliRunner().invoke(app, [*map(str, arguments), "--model", "ranker"])
    assert "the table paths is of the model paths" in refused.output


def test_tuned_settings_train_the_model(graph: Path, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[network]\ndim = 8\nepochs = 2\nlayers = 1\n[links]\nmodel = 'network'\n")
    out = tmp_path / "model"
    run("train", "links", graph, "--out", out, "--config", file, "--tune", 2)
    best = tomllib.loads((tmp_path / "model.tuning" / "best.toml").read_text())["network"]
    trained = load_link_model(out).settings["network"]
    assert {name: trained[name] for name in best} == best
    assert (best["dim"], best["layers"]) == (8, 1)


def test_a_wrong_setting_ends_before_the_graph_is_read(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[network]\ndimm = 8\n")
    result = CliRunner().invoke(
        app, ["train", "links", "nowhere", "--out", str(tmp_path / "m"), "--config", str(file)]
    )
    assert result.exit_code != 0
    assert "did you mean dim?" in str(result.exception)


def test_predictions_as_json_say_at_what_base_rate(graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    run("train", "links", graph, "--model", "degree", "--out", out)
    model = load_link_model(out)
    for direction, end in (("tail", ("--head", "drug 0-3")), ("head", ("--tail", "GENE10"))):
        rows = json.loads(run("predict", out, *end, "--top", 4, "--json"))
        assert len(rows) == 4
        assert {row["base_rate"] for row in rows} == {model.calibrations[direction].base_rate}


def test_what_is_made_for_one_target_is_said_to_be(tmp_path: Path) -> None:
    kg = family_graph()
    nodes = kg.nodes.with_columns(
        properties=pl.when(name="drug 0-3")
        .then(pl.lit('{"modality": "siRNA"}'))
        .otherwise("properties")
    )
    kg.with_frames(nodes=nodes).save(tmp_path / "graph")
    run("train", "links", tmp_path / "graph", "--model", "degree", "--out", tmp_path / "model")
    output = " ".join(run("predict", tmp_path / "model", "--head", "drug 0-3").split())
    assert "New TARGETS of drug 0-3: none drug 0-3 is no small molecule (siRNA)" in output
    assert "base rate" not in output
    known = " ".join(run("predict", tmp_path / "model", "--head", "drug 0-3", "--known").split())
    assert "Known TARGETS of drug 0-3" in known
    assert "siRNA" not in known
    assert "known pairs have no probability, since a source records them; rank: that" in known
    assert "base rate" not in known


def test_trained_models_are_joined(graph: Path, tmp_path: Path) -> None:
    members = []
    for name in ("degree", "neighbours"):
        members += ["--ensemble", tmp_path / name]
        run("train", "links", graph, "--model", name, "--out", tmp_path / name)
    arguments = ("train", "links", graph, *members, "--out", tmp_path / "both")
    output = run(*arguments)
    assert "weights: links-degree-" in output
    model = load_link_model(tmp_path / "both")
    assert model.label == "links-ensemble"
    best = max(
        load_link_model(tmp_path / n).metrics["valid"]["mrr"] for n in ("degree", "neighbours")
    )
    assert model.metrics["valid"]["mrr"] >= best
    assert json.loads(run(*arguments, "--json")) == json.loads(json.dumps(model.metrics))
    refused = CliRunner().invoke(app, [*map(str, arguments), "--model", "ranker"])
    assert refused.exit_code == 2
    assert "not for --ensemble" in refused.output


def test_what_can_not_be_asked_is_refused(graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    tuned = ["train", "links", str(graph), "--model", "ranker", "--tune", "1", "--out", str(out)]
    refused = CliRunner().invoke(app, tuned)
    assert refused.exit_code == 2
    assert "--tune is for networks" in refused.output
    run("train", "embeddings", graph, "--dim", "8", "--epochs", "1", "--out", out)
    refused = CliRunner().invoke(app, ["predict", str(out), "--head", "x"])
    assert "load_embeddings" in str(refused.exception)
