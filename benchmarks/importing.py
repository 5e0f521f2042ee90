"""A first load into a real Neo4j by its importer, and what `medkg write` finds there afterwards.

    python benchmarks/importing.py                        a million edges with evidence
    python benchmarks/importing.py --edges 10000000

The graph is that of `benchmarks/scale.py`; the other graph has a tenth of its edges, 100,000 at the
most. What is written into an empty server is such a graph of a million edges at the most
(--written), since a larger one takes hours. A cell holds the seconds, in brackets those of the
processors: of this process and of Neo4j's, the importer's or the server's. Needs Java 17 and
Maven, see `.ci/neo4j/start.py`.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
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
    me = psutil.Process()

    def spent() -> float:
        # What has ended is counted by its parent, what runs by itself.
        times = [me.cpu_times(), *(child.cpu_times() for child in me.children())]
        ended = times[0].children_user + times[0].children_system
        return float(ended + sum(each.user + each.system for each in times))

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
    with ExitStack() as held:
        with timed("start of the server; schema.cypher"):
            store = held.enter_context(served(home))
            constrained(store, files)
        with timed("medkg write of the same graph to the imported one"):
            again = changed(store.write(kg))
        if any(again.values()):
            raise SystemExit(f"a write of the imported graph changed {again}")
        with timed(f"medkg write of another graph of {other.edges.height:,} edges to it"):
            added = changed(store.write(other))
    print(f"\nThe other graph added or changed {added}.\n", flush=True)
    if not (folder / "written").is_dir():
        return
    for needed_no_more in (files, home):
        shutil.rmtree(needed_no_more)
    written = KnowledgeGraph.open(folder / "written")
    size = f"{written.edges.height:,} edges"
    with timed(f"medkg write of {size} into an empty server, its start and end"), served() as store:
        store.write(written)


def main() -> None:
    """Print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument(
        "--written", type=int, default=1_000_000,
        help="edges that are written into an empty server; 0: none are",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, help="where to put the graphs; default: temporary")
    given = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; load"
        f" average {os.getloadavg()[0]:.1f} at the start"
    )
    sizes = {
        "graph": given.edges,
        "other": min(given.edges // 10, 100_000),
        "written": min(given.edges, given.written),
    }
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="importing.") as name:
        for graph, size in sizes.items():
            if not size:
                continue
            parts = scale.made_up(size, other=graph == "other")
            kg = KnowledgeGraph.from_parts(parts, scale.SOURCES)
            kg.save(Path(name) / graph)
            if graph == "graph":
                counts = (f"{getattr(kg, part).height:,} {part}" for part in PARTS)
                print(f"{', '.join(counts)}\n\n| step | seconds (of processors) |\n|---|---:|")
            del kg  # its edges and evidence lie in memory or in temporary files
        measure(Path(name))
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
