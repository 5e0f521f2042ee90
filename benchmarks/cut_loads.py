"""Loads cut off at random moments: whether the same command then ends as an uninterrupted load.

    python benchmarks/cut_loads.py                              the embedded server
    python benchmarks/cut_loads.py --server neo4j --moments 30  a Neo4j of its own (see .ci/neo4j)

Half of the moments kill the client with SIGKILL, half the server. Compared are counts of nodes,
relationships and evidence, every relationship with its properties, and the checksum of what is read
back.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.graph.faults import a_graph, contents, cut_off, hosted, moments, reached


def main() -> None:
    """Print the table, as Markdown, and end with an error if a load ended otherwise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--server", choices=["embedded", "neo4j"], default="embedded")
    parser.add_argument("--moments", type=int, default=30)
    parser.add_argument("--edges", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    kg = a_graph(given.edges)
    rows = kg.nodes.height + kg.edges.height + kg.evidence.height
    wrong = 0
    print(
        "| killed | times | under way | equal | seconds again (mean) |\n|---|---:|---:|---:|---:|"
    )
    with tempfile.TemporaryDirectory() as folder:
        kg.save(Path(folder) / "kg")
        expected = None
        for what in ("client", "server"):
            half = moments(given.moments // 2, rows, given.seed + len(what))
            cut = equal = 0
            seconds = 0.0
            for moment in half:
                with hosted(given.server) as host:
                    os.environ["NEO4J_USERNAME"] = "neo4j"
                    os.environ["NEO4J_PASSWORD"] = getattr(host, "password", "")
                    if expected is None:
                        with hosted(given.server) as whole:
                            os.environ["NEO4J_PASSWORD"] = getattr(whole, "password", "")
                            with reached(whole) as store:
                                store.write(kg)
                                expected = contents(store)
                        os.environ["NEO4J_PASSWORD"] = getattr(host, "password", "")
                    cut += cut_off(host, Path(folder) / "kg", what, *moment)
                    with reached(host) as store:
                        start = time.perf_counter()
                        store.write(kg)
                        seconds += time.perf_counter() - start
                        equal += contents(store) == expected
            wrong += len(half) - equal
            mean = seconds / max(len(half), 1)
            print(f"| {what} | {len(half)} | {cut} | {equal} | {mean:.1f} |", flush=True)
    if wrong:
        sys.exit(f"{wrong} loads ended otherwise")


if __name__ == "__main__":
    main()
