"""The files for Neo4j's importer, imported by the importer itself and served.

Form: https://neo4j.com/docs/operations-manual/5/tutorial/neo4j-admin-import/
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.graph.export import export
from medkg.graph.frames import FRAMES
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store, connect

from ..servers import change
from .exported import full

STARTER = Path(__file__).resolve().parents[2] / ".ci" / "neo4j" / "start.py"
EVERY_NODE = "MATCH (n) WHERE NOT n:Load RETURN labels(n), properties(n)"
EVERY_RELATIONSHIP = "MATCH (a)-[r]->(b) RETURN a.id, type(r), b.id, properties(r)"


def _starter() -> Any:
    spec = spec_from_file_location("start", STARTER)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A server of the graph as the importer made it."""
    there = (_starter().CACHE / "lib").is_dir() and shutil.which("java") is not None
    if "NEO4J_URI" not in os.environ or not there:
        pytest.skip("no Neo4j: run `python .ci/neo4j/start.py -- pytest -m neo4j`")
    folder = tmp_path_factory.mktemp("import")
    export(full(), folder / "files", "neo4j-import")
    _starter().imported(folder / "files", folder / "home")
    with (
        _starter().served(folder / "home") as environment,
        connect(
            environment["NEO4J_URI"],
            user=environment["NEO4J_USERNAME"],
            password=environment["NEO4J_PASSWORD"],
        ) as opened,
    ):
        for statement in (folder / "files" / "schema.cypher").read_text().split(";\n"):
            if statement.strip():
                change(opened, statement)
        yield opened


def assert_equal(graph: KnowledgeGraph, other: KnowledgeGraph) -> None:
    for name in FRAMES:
        left, right = (
            frame.sort(pl.all().exclude(pl.List(pl.String)))
            for frame in (getattr(graph, name), getattr(other, name))
        )
        assert left.equals(right), name
    assert graph.sources == other.sources


@pytest.mark.neo4j
def test_the_graph_comes_back_equal(imported: Store) -> None:
    assert_equal(imported.read(), full())


@pytest.mark.neo4j
def test_the_importer_makes_what_write_makes(imported: Store, neo4j_uri: str) -> None:
    def held(store: Store, query: str) -> list[str]:
        return sorted(repr(_sorted(row)) for row in store.connection.rows(query))

    with connect(neo4j_uri) as written:
        try:
            written.write(full())
            for query in (EVERY_NODE, EVERY_RELATIONSHIP):
                assert held(imported, query) == held(written, query)
            summary = imported.write(full()).as_dict()
        finally:
            change(written, "MATCH (n) DETACH DELETE n")
    for name in ("nodes", "edges", "evidence", "predictions", "merges"):
        assert summary[name]["added"] == summary[name]["changed"] == 0


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        # The importer can't make an empty list; each load has an id of its own.
        kept = {name: part for name, part in value.items() if part != [] and name != "load"}
        return sorted((name, _sorted(part)) for name, part in kept.items())
    return [_sorted(part) for part in value] if isinstance(value, list) else value


def test_names_of_files_command_and_constraints(tmp_path: Path) -> None:
    facts = export(full(), tmp_path / "out", "neo4j-import")
    script = (tmp_path / "out" / "import.sh").read_text()
    assert facts["command"] in script
    assert os.access(tmp_path / "out" / "import.sh", os.X_OK)
    for part in shlex.split(facts["command"])[5:]:
        if part.startswith(("--nodes=", "--relationships=")):
            for file in part.split("=", 2)[2].split(","):
                assert (tmp_path / "out" / file).is_file()
    load = (tmp_path / "out" / "nodes" / "Load-header.csv").read_text()
    assert "graph:string" in load.split(",")  # the checksum, where `info` looks for it
    schema = (tmp_path / "out" / "schema.cypher").read_text()
    assert "FOR (n:`Drug`) REQUIRE n.id IS UNIQUE;" in schema
    assert "FOR (n:`Evidence`) ON (n.`edge`);" in schema


def test_a_name_that_a_header_cant_have_stays_in_the_json(tmp_path: Path) -> None:
    nodes = pl.DataFrame(
        {
            "id": ["HP:1"],
            "kind": ["Symptom"],
            "name": ["Pain"],
            "properties": ['{"a (b)": 1, "c": 2}'],
        }
    )
    evidence = pl.DataFrame(
        schema=dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    )
    export(KnowledgeGraph.build(nodes, evidence, []), tmp_path / "out", "neo4j-import")
    header = (tmp_path / "out" / "nodes" / "Symptom-header.csv").read_text()
    assert "c:long" in header
    assert "a (b)" not in header
    assert "a (b)" in (tmp_path / "out" / "nodes" / "Symptom.csv").read_text()


def test_what_lists_cant_hold_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    graph = full()
    nodes = graph.nodes.with_columns(synonyms=pl.lit(["a\x1fb"], dtype=pl.List(pl.String)))
    frames = {name: getattr(graph, name) for name in FRAMES} | {"nodes": nodes}
    with pytest.raises(DataError, match=r"synonyms .* holds U\+001F"):
        export(KnowledgeGraph(frames, graph.sources), tmp_path / "out", "neo4j-import")
    assert list(tmp_path.iterdir()) == []
