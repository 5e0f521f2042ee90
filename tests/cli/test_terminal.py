"""Commands whose arguments, files and graphs hold what would steer a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp[/red][bold]"
STYLE = re.compile(r"\x1b\[[0-9;]*m")  # what rich itself writes for colours


def run(*arguments: str | Path, folder: Path) -> tuple[int, str]:
    """A command's exit code, and all that it writes to a terminal."""
    main, side = pty.openpty()
    code = "import sys; from medkg.cli import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=side,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "250"},
    ) as process:
        os.close(side)
        written = b""
        while True:
            try:
                part = os.read(main, 65_536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            written += part
    os.close(main)
    return process.returncode, written.decode()


def plain(written: str) -> str:
    """The text, which holds nothing that steers but colours."""
    text = STYLE.sub("", written).replace("\r\n", "\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), repr(
        text
    )
    return text


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    nodes = pl.DataFrame(
        {"id": ["drugbank:1", "MONDO:1"], "kind": ["Drug", "Disease"], "name": [HOSTILE, "gout"]}
    )
    evidence = pl.DataFrame(
        {
            "subject": ["drugbank:1"],
            "relation": ["TREATS"],
            "object": ["MONDO:1"],
            "source": [HOSTILE],
        }
    )
    kg = KnowledgeGraph.build(nodes, evidence, [Source(HOSTILE, HOSTILE, HOSTILE, HOSTILE)])
    kg.save(tmp_path / "graph")
    return tmp_path / "graph"


def test_names_of_a_graph_are_shown_and_do_nothing(graph: Path, tmp_path: Path) -> None:
    code, written = run("info", graph, folder=tmp_path)
    assert code == 0
    assert "�]0;owned��[2J�31m�gnp[/red][bold]" in plain(written).replace("\n", "")


def test_json_is_escaped_and_means_the_same(graph: Path, tmp_path: Path) -> None:
    code, written = run("info", graph, "--json", folder=tmp_path)
    assert code == 0
    assert json.loads(plain(written))["sources"][0]["name"] == HOSTILE


@pytest.mark.parametrize("name", ["[/red]x.html", f"{HOSTILE.replace('/', '|')}.html"])
def test_a_file_of_any_name_is_written_and_named(graph: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "[").mkdir()
    code, written = run("view", graph, "gout", "--out", name, folder=tmp_path)
    assert code == 0, written
    assert (tmp_path / name).exists()
    assert "2 nodes shown, 0 held back" in plain(written)


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["info", HOSTILE], 1),
        (["view", "graph", "no such \x1b[2J\u202e[/red]", "--out", "x.html"], 1),
        (["write", "graph", "--into", HOSTILE], 1),
        (["query", HOSTILE, "--on", HOSTILE], 1),
        (["load", HOSTILE, "--out", "x"], 1),
        ([HOSTILE], 2),
        (["view", "graph", "gout", "--hops", HOSTILE, "--out", "x.html"], 2),
    ],
)
def test_errors_name_it_and_do_nothing(
    graph: Path, tmp_path: Path, arguments: list[str], exit_code: int
) -> None:
    assert graph.is_dir()
    code, written = run(*arguments, folder=tmp_path)
    assert code == exit_code, written
    assert "Traceback" not in plain(written)
