"""`medkg central`: as a table, as JSON, into a file, of a folder and of a server."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from medkg.access import connect
from medkg.cli import app, show
from medkg.graph.centrality import CENTRALITY
from tests.graph.graphs import small
from tests.servers import EVERYTHING, change


def run(*arguments: object, code: int = 0) -> str:
    """What the command prints on a terminal of 80 columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(show.out, "width", 80)
        result = CliRunner().invoke(app, ["central", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def test_of_a_folder(tmp_path: Path) -> None:
    small().save(tmp_path / "graph")
    table = run(tmp_path / "graph")
    assert "imatinib" in table.lower()
    assert "community" in table
    rows = json.loads(run(tmp_path / "graph", "--json"))
    assert list(rows[0]) == list(CENTRALITY)
    file = tmp_path / "central.csv"
    run(tmp_path / "graph", "--csv", file)
    assert pl.read_csv(file)["id"].to_list() == [row["id"] for row in rows]
    assert "not both" in run(tmp_path / "graph", "--csv", file, "--json", code=2)


def test_of_a_server_and_of_some_relations(embedded_uri: str) -> None:
    with connect(embedded_uri) as store:
        store.write(small())
        rows = json.loads(run("--on", embedded_uri, "--relation", "TARGETS", "--json"))
        change(store, EVERYTHING)
    ends = small().edges.filter(relation="TARGETS").select("subject", "object")
    assert {row["id"] for row in rows} == {*ends["subject"], *ends["object"]}


def test_one_of_folder_and_server_is_asked(tmp_path: Path) -> None:
    assert "give a graph folder, or a server" in run(code=2)
    assert "give a graph folder, or a server" in run(tmp_path, "--on", "embedded:x", code=2)
