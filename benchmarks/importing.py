"""A first load into a real Neo4j by its importer, and what `medkg write` finds there afterwards.

    python benchmarks/importing.py                        a million edges with evidence
    python benchmarks/importing.py --edges 10000000

The graph is that of `benchmarks/scale.py`. A cell holds the seconds, in brackets those of the
processors: of this process and of Neo4j's (the importer's, or the server's from its start to its
end, so that both ways pay for a start). Needs Java 17 and Maven, see `.ci/neo4j/start.py`.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import scale

from medkg.graph.export import export
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store, connect

sys.path.append(str(Path(__file__).resolve().parents[1] / ".ci" / "neo4j"))
import start

PARTS = ("nodes", "edges", "evidence")


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Print the seconds that the block took, and the processors'."""

    def spent() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    began, worked = time.perf_counter(), spent()
    yield
    seconds, cpu = time.perf_counter() - began, spent() - worked
    print(f"| {step} | {seconds:.1f} ({cpu:.1f}) |", flush=True)


@contextmanager
def served(home: Path | None = None) -> Iterator[Store]:
    """A Neo4j of that home folder's data, or an empty one."""
    with (
        start.served(home) as environment,
        connect(
            environment["NEO4J_URI"],
            user=environment["NEO4J_USERNAME"],
            password=environment["NEO4J_PASSWORD"],
        ) as store,
    ):
        yield store


def constrained(store: Store, files: Path) -> None:
    """Make the constraints and indexes of `schema.cypher`, and wait until they are there."""
    with store.connection.driver.session(database=store.database) as session:
        for statement in (files / "schema.cypher").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                session.run(statement).consume()
        session.run("CALL db.awaitIndexes(3600)").consume()


def changed(summary: Any) -> dict[str, int]:
    """How much a load added or changed."""
    given = summary.as_dict()
    return {name: given[name]["added"] + given[name]["changed"] for name in PARTS}


def measure(folder: Path) -> None:
    """Both ways, and what is written afterwards to what was imported."""
    kg, other = (KnowledgeGraph.open(folder / name) for name in ("graph", "other"))
    files, home = folder / "files", folder / "home"
    with timed("medkg export --format neo4j-import"):
        export(kg, files, "neo4j-import")
    with timed("neo4j-admin database import full"):
        start.imported(files, home)
    with timed("start of the server; schema.cypher; its end"), served(home) as store:
        constrained(store, files)
    with served(home) as store:
        constrained(store, files)
        with timed("medkg write of the same graph: the client's part"):
            again = changed(store.write(kg))
        if any(again.values()):
            raise SystemExit(f"a write of the imported graph changed {again}")
        with timed("medkg write of another graph of a tenth: the client's part"):
            added = changed(store.write(other))
    print(f"\nThe other graph added or changed {added}.\n", flush=True)
    with timed("medkg write into an empty server, its start and end"), served() as store:
        store.write(kg)


def main() -> None:
    """Print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to put the graphs; default: temporary")
    given = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; load"
        f" average {os.getloadavg()[0]:.1f} at the start"
    )
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="importing.") as name:
        for other in (False, True):
            size = given.edges // 10 if other else given.edges
            kg = KnowledgeGraph.from_parts(scale.made_up(size, other=other), scale.SOURCES)
            kg.save(Path(name) / ("other" if other else "graph"))
            if not other:
                counts = (f"{getattr(kg, part).height:,} {part}" for part in PARTS)
                print(f"{', '.join(counts)}\n\n| step | seconds (of processors) |\n|---|---:|")
        measure(Path(name))
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
