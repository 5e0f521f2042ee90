"""`medkg serve` and `medkg audit` as a user runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import neo4j
import pytest
from typer.testing import CliRunner

from medkg.cli import app
from tests.graph.clinic import ANNA, clinic

MEDKG = [sys.executable, "-c", "import sys; from medkg.cli import main; sys.exit(main())"]


def test_what_is_served_is_read_with_the_printed_account_and_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    serving = subprocess.Popen([*MEDKG, "serve", str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert serving.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            printed += (line := serving.stdout.readline())
            assert line, printed
        values = dict(re.findall(r"(uri|reader|writer)\W+?([\w:/.\-]+)\s*│", printed))
        with neo4j.GraphDatabase.driver(values["uri"], auth=("reader", values["reader"])) as driver:
            [record] = driver.execute_query("RETURN $id AS id", id="patient:7").records
        assert record["id"] == "patient:7"
    finally:
        serving.send_signal(signal.SIGINT)
        assert serving.wait(60) == 0
    runner = CliRunner()
    shown = runner.invoke(app, ["audit", str(folder), "--about", "patient:7", "--json"])
    log = json.loads(shown.stdout)
    assert [entry["user"] for entry in log["entries"]] == ["reader"]
    assert log["lines"] > 1
    noted = runner.invoke(app, ["audit", str(folder), "--noted", log["last_hash"]])
    assert noted.exit_code == 0
    assert "RETURN $ id AS id" in noted.stdout
    file = folder / "audit.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    removed = runner.invoke(app, ["audit", str(folder)])
    assert removed.exit_code != 0
    assert "doesn't follow from the line before" in str(removed.exception)


@pytest.mark.parametrize("server", ["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def test_a_site_is_served_to_who_has_a_printed_token(
    server: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("fastapi", reason="NOT RUN: the site; install the extra web")
    where = tmp_path / "server" if server == "embedded" else request.getfixturevalue("neo4j_uri")
    (tmp_path / "server").mkdir()
    command = [*MEDKG, "serve", str(where), "--ui"]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert serving.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            printed += (line := serving.stdout.readline())
            assert line, printed
        values = dict(re.findall(r"(site|visitor)\W+?([\w:/.\-]+)\s*│", printed))
        token = {"Authorization": f"Bearer {values['visitor']}"}
        address = f"{values['site']}api/overview"
        with urllib.request.urlopen(urllib.request.Request(address, headers=token)) as answer:
            assert json.load(answer)["account"] == "visitor"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address)
    finally:
        serving.send_signal(signal.SIGINT)
        assert serving.wait(60) == 0


def test_what_a_site_takes_is_refused_without_one(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["serve", str(tmp_path / "server"), "--ui-port", "8000"])
    assert refused.exit_code == 2
    assert not (tmp_path / "server").exists()


@pytest.mark.parametrize("options", [[], ["--ui"]])
def test_a_misspelled_folder_is_no_new_server(options: list[str], tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["serve", str(tmp_path / "sever"), *options])
    assert refused.exit_code != 0
    assert "no such folder" in str(refused.exception)
    assert not (tmp_path / "sever").exists()


@pytest.mark.parametrize("options", [[], ["--ui", "--port", "7687"]])
def test_a_neo4j_is_served_already(options: list[str]) -> None:
    refused = CliRunner().invoke(app, ["serve", "bolt://127.0.0.1:1", *options])
    assert refused.exit_code == 2
    assert "--ui" in refused.output


def test_a_server_that_ends_by_itself_is_said_to_have_ended(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    serving = subprocess.Popen(
        [*MEDKG, "serve", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert serving.stdout is not None
    while "Ctrl-C" not in (line := serving.stdout.readline()):
        assert line
    os.kill(json.loads((folder / "server.json").read_text())["pid"], signal.SIGKILL)
    _, problem = serving.communicate(timeout=60)
    assert serving.returncode == 1
    assert "has ended" in " ".join(problem.split())


def test_forgetting_looks_for_copies_where_it_is_told(tmp_path: Path) -> None:
    for name in ("all", "part"):
        clinic().save(tmp_path / name)
    (tmp_path / "page.html").write_text(f"about {ANNA}")
    runner = CliRunner()
    arguments = ["forget", str(tmp_path / "all"), "--patient", ANNA, "--search", str(tmp_path)]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert f"{tmp_path / 'part'} (graph): they are out of it" in done.output
    assert f"{tmp_path / 'page.html'} (file): names them" in done.output
    again = json.loads(runner.invoke(app, [*arguments, "--json"]).stdout)
    assert [Path(copy["path"]).name for copy in again["copies"]] == ["page.html"]
    without = runner.invoke(app, arguments[:4])
    assert "were not looked for" in without.output
    sources_only = runner.invoke(
        app, ["forget", str(tmp_path / "all"), "--source", "notes", "--search", str(tmp_path)]
    )
    assert sources_only.exit_code == 2


def test_forgetting_in_a_sealed_copy_takes_a_key_from_a_file(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("pyrage")
    from medkg.core.sealing import new_key, seal

    folder = tmp_path_factory.mktemp("sealed")
    clinic().save(folder / "part")
    clinic().save(tmp_path / "all")
    secret, public = new_key()
    (folder / "key").write_text(f"# a key\n{secret}\n")
    seal([folder / "part"], tmp_path / "x.age", recipients=[public])
    arguments = ["forget", str(tmp_path / "all"), "--patient", ANNA, "--search", str(tmp_path)]
    done = CliRunner().invoke(app, [*arguments, "--key", str(folder / "key")])
    assert done.exit_code == 0, done.output
    assert "x.age: part (graph): they are out of it; the file is sealed for your key" in done.output
