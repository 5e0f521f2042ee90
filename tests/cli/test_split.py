"""`medkg split`, `train links --split` and `evaluate links` on the graph that comes with medkg."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.loaders.sources import load


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("split")
    load("starter", None, quarantine=Quarantine()).save(folder / "graph")
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())  # however the terminal broke its lines


def test_split_train_evaluate(starter: Path) -> None:
    graph, split, model = (starter / name for name in ("graph", "new-drugs", "model"))
    output = run("split", graph, "--how", "new-heads", "--without", "IN_CLASS", "--out", split)
    assert "Drug TARGETS Target, new-heads, seed 0" in output
    assert "left out of what held-back ends keep" in output
    report = json.loads(run("split", graph, "--how", "new-heads", "--out", split, "--json"))
    assert report == {
        key: value
        for key, value in json.loads((split / "split.json").read_text()).items()
        if key != "split_version"
    }
    run("train", "links", graph, "--split", split, "--model", "neighbours", "--out", model)
    output = run("evaluate", "links", model)
    assert "leaks: 0 of" in output
    assert "without adme" in output
    figures = json.loads(run("evaluate", "links", model, "--split", split, "--json"))
    assert figures["tested"] == report["counts"]["test"]
    assert figures["leaks"]["leaked"] == 0
    first = figures["strata"]["tail"]["by_head_degree"]["model"]
    assert [row["degree"] for row in first] == ["0"]
    # What training saw is refused, or measured apart.
    with pytest.raises(ModelError, match="test pairs are in the graph that links-neighbours"):
        run("evaluate", "links", model, "--edges", split / "train.tsv")
    few = starter / "few.tsv"
    tested = (split / "test.tsv").read_text().splitlines()
    few.write_text("\n".join([*tested, (split / "train.tsv").read_text().splitlines()[1]]))
    output = run("evaluate", "links", model, "--edges", few, "--allow-leaks")
    assert "leaks: 1 of" in output
    assert f"Filtered ranks of {len(tested) - 1} edges, without leaks" in output


def test_refusals_leave_nothing(starter: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of the .* rows of evidence has a date"):
        run("split", starter / "graph", "--how", "by-date", "--out", tmp_path / "split")
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="other things in it"):
        run("split", starter / "graph", "--out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
