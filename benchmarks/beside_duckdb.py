"""The same questions of a graph folder's files, by medkg and by DuckDB (https://duckdb.org, MIT).

    pip install duckdb
    python benchmarks/beside_duckdb.py GRAPH [--around DOID:...] [--rounds 5]

GRAPH is a folder that was saved (`scale.py` makes large ones). DuckDB reads the same Parquet files
as they are, without an index of its own. Each question is asked in a process of its own, so that
opening counts; a cell has the median of the rounds' wall seconds, in brackets of processor seconds,
and the most memory. The answers of both are compared by their number of rows.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import polars as pl

QUESTIONS = {
    "edges": "edges of a node",
    "neighbourhood": "edges and evidence among a node and its neighbours",
    "evidence": "evidence between a node and its first neighbour",
    "relations": "edges by relation",
}


def by_medkg(folder: Path, around: str) -> dict[str, Callable[[], int]]:
    """The questions as functions that return their number of rows."""
    from medkg.graph.kg import KnowledgeGraph

    def evidence() -> int:
        kg = KnowledgeGraph.open(folder)
        edges = kg.edges_at([around]).select("subject", "object")
        ends = edges.sort("subject", "object").row(0)
        both = kg.subgraph(list(ends)).evidence
        return int(both.filter(subject=ends[0], object=ends[1]).height)

    def neighbourhood() -> int:
        near = KnowledgeGraph.open(folder).neighbourhood(around)
        return near.edges.height + near.evidence.height

    def relations() -> int:
        edges = KnowledgeGraph.open(folder).scan("edges")
        return int(edges.group_by("relation").agg(pl.len()).collect().height)

    return {
        "edges": lambda: KnowledgeGraph.open(folder).edges_at([around]).height,
        "neighbourhood": neighbourhood,
        "evidence": evidence,
        "relations": relations,
    }


def by_duckdb(folder: Path, around: str) -> dict[str, Callable[[], int]]:
    """The same, as SQL over the Parquet files."""
    import duckdb

    edges, evidence = (f"read_parquet('{folder / name}.parquet')" for name in ("edges", "evidence"))
    at = f"SELECT * FROM {edges} WHERE subject = $1 OR object = $1"
    near, near_evidence = (
        f"WITH near AS (SELECT subject AS id FROM ({at}) UNION SELECT object FROM ({at}))"
        f" SELECT * FROM {rows} WHERE subject IN (FROM near) AND object IN (FROM near)"
        for rows in (edges, evidence)
    )
    first = f"SELECT subject, object FROM ({at}) ORDER BY subject, object LIMIT 1"
    between = f"SELECT e.* FROM {evidence} e JOIN ({first}) f USING (subject, object)"
    counts = f"SELECT relation, count(*) FROM {edges} GROUP BY relation"

    def rows(*queries: str) -> Callable[[], int]:
        connection = duckdb.connect()
        given = [[around] if "$1" in query else [] for query in queries]
        return lambda: sum(
            len(connection.execute(query, values).fetchall())
            for query, values in zip(queries, given, strict=True)
        )

    return {
        "edges": rows(at),
        "neighbourhood": rows(near, near_evidence),
        "evidence": rows(between),
        "relations": rows(counts),
    }


def ask(folder: Path, around: str, engine: str, question: str) -> None:
    """Answer one question and print what it took."""
    ways = by_medkg(folder, around) if engine == "medkg" else by_duckdb(folder, around)
    start, worked = time.perf_counter(), time.process_time()
    rows = ways[question]()
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": time.perf_counter() - start,
                "cpu": time.process_time() - worked,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
            }
        )
    )


def main() -> None:
    """Print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--around", default="MONDO:0000077")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ask", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask:
        ask(given.folder, given.around, *given.ask)
    else:
        compare(given.folder, given.around, given.rounds)


def compare(folder: Path, around: str, rounds: int) -> None:
    """Print the table of both."""
    print("| question | rows | medkg | DuckDB |\n|---|---:|---|---|")
    for question, words in QUESTIONS.items():
        cells, sizes = [], set()
        for engine in ("medkg", "duckdb"):
            command = [sys.executable, __file__, str(folder), "--around", around]
            results = [
                json.loads(
                    subprocess.run(
                        [*command, "--ask", engine, question], check=True, stdout=subprocess.PIPE
                    ).stdout
                )
                for _ in range(rounds)
            ]
            sizes |= {result["rows"] for result in results}
            seconds, cpu, peak = (
                median(result[name] for result in results) for name in ("seconds", "cpu", "peak")
            )
            cells.append(f"{seconds:.2f} s ({cpu:.2f}), {peak:.1f} GB")
        if len(sizes) > 1:
            sys.exit(f"{words}: the answers differ, {sorted(sizes)} rows")
        print(f"| {words} | {sizes.pop():,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
