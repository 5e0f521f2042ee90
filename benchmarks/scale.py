"""What a large graph costs: seconds and memory of each step, each in a process of its own.

A cell holds the seconds, in brackets the processor's (of all cores together, which other work on
the machine doesn't change), and the most memory that the process held until then.

    python benchmarks/scale.py                                  ten million edges with evidence
    python benchmarks/scale.py --edges 100000 1000000 10000000   the cost as the graph grows
    python benchmarks/scale.py --hetionet PATH                  the published Hetionet too

The graph is made up: a node for every twenty edges, a piece of evidence for each, half of them
curated with references, half from text with the sentence. The other graph that it is merged with
has a tenth of its edges; a third of its nodes are joined by identifier, a third by cross-reference.
The folder for all this (--folder) needs about 1 GB for a million edges.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from medkg.core.quarantine import Quarantine
from medkg.graph.check import check
from medkg.graph.export import export
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph, Part
from medkg.graph.merge import merge

PART = 200_000
MAC = sys.platform == "darwin"  # where the peak is in bytes, not in kilobytes
SOURCES = [
    Source("curated", "2026-01", "CC0-1.0", reliability=0.95),
    Source("text", "1", "CC BY 4.0", reliability=0.8),
]
# Kind: prefix, share of the nodes.
KINDS = {
    "Disease": ("MONDO", 0.2),
    "Symptom": ("HP", 0.1),
    "Target": ("NCBIGene", 0.4),
    "Drug": ("CHEBI", 0.3),
}
RELATIONS = (
    ("Disease", "HAS_SYMPTOM", "Symptom"),
    ("Disease", "ASSOCIATED_WITH", "Target"),
    ("Drug", "TARGETS", "Target"),
    ("Drug", "TREATS", "Disease"),
    ("Target", "INTERACTS_WITH", "Target"),
)
FOCUS = "MONDO:0000077"


def made_up(edges: int, other: bool = False) -> Iterator[Part]:
    """The graph in parts, or the other one that it is merged with."""
    counts = {kind: max(100, int(edges / 20 * share)) for kind, (_, share) in KINDS.items()}
    for kind, (prefix, _) in KINDS.items():
        frame = pl.select(number=pl.int_range(counts[kind]).cast(pl.String).str.zfill(7))
        ours = pl.lit(f"{prefix}:") + pl.col("number")
        name = pl.lit(f"{kind} number ") + pl.col("number")
        nodes = frame.select(
            id=_identifier(ours, other),
            kind=pl.lit(kind),
            name=name,
            synonyms=pl.concat_list(name + ", familial", pl.lit("old ") + name),
            xrefs=pl.concat_list(_in_umls(ours)),
            properties=pl.lit(json.dumps({"definition": "Some words that say what it is."})),
        )
        yield from (Part(nodes=part) for part in nodes.iter_slices(PART))
    for start in range(0, edges, PART):
        random = np.random.default_rng([start, other])
        yield Part(evidence=_evidence(random, min(PART, edges - start), start, counts, other))


def _identifier(ours: pl.Expr, other: bool) -> pl.Expr:
    """The other graph has a third of the identifiers, a third by another name, a third not."""
    if not other:
        return ours
    third = ours.str.slice(-2).cast(pl.Int64) % 3
    return (
        pl.when(third == 0)
        .then(ours)
        .when(third == 1)
        .then(_in_umls(ours))
        .otherwise(pl.lit("other:") + ours.str.replace(":", ""))
    )


def _in_umls(ours: pl.Expr) -> pl.Expr:
    """The UMLS's identifier of a node, of which there are fewer than a million of each kind."""
    digits = {prefix: str(digit) for digit, (prefix, _) in enumerate(KINDS.values())}
    kind = ours.str.split(":").list.first().replace_strict(digits, return_dtype=pl.String)
    return pl.concat_str(pl.lit("UMLS:C"), kind, ours.str.slice(-6))


def _evidence(
    random: np.random.Generator, rows: int, start: int, counts: dict[str, int], other: bool
) -> pl.DataFrame:
    frames = []
    for number, (head, relation, tail) in enumerate(RELATIONS):
        size = rows // len(RELATIONS) + (number < rows % len(RELATIONS))
        # A few tails have many edges, as in life.
        tails = (random.random(size) ** 2 * counts[tail]).astype(int)
        frames.append(
            pl.DataFrame({"head": random.integers(0, counts[head], size), "tail": tails}).select(
                subject=_end(head, "head"),
                relation=pl.lit(relation),
                object=_end(tail, "tail"),
            )
        )
    evidence = pl.concat(frames).with_columns(
        pl.col(end).pipe(_identifier, other) for end in ("subject", "object")
    )
    row = pl.int_range(start, start + rows)
    text = pl.int_range(rows) % 2 == 1
    paper = pl.lit("PMID:") + (row * 7919 % 30_000_000).cast(pl.String)
    return evidence.with_columns(
        source=pl.when(text).then(pl.lit("text")).otherwise(pl.lit("curated")),
        release=pl.when(text).then(pl.lit("1")).otherwise(pl.lit("2026-01")),
        level=pl.when(text).then(pl.lit("text-mined")).otherwise(pl.lit("curated")),
        probability=pl.when(text).then(pl.lit(random.random(rows).round(3))).otherwise(1.0),
        document=pl.when(text).then(paper),
        start=pl.when(text).then(row % 2_000),
        end=pl.when(text).then(row % 2_000 + 90),
        sentence=pl.when(text).then(
            pl.format("In {} patients we saw that {} {} {}.", row, "subject", "relation", "object")
        ),
        extractor=pl.when(text).then(pl.lit("medkg 0.2")),
        references=pl.when(~text).then(pl.concat_list(paper)),
        qualifiers=pl.when(row % 50 == 0).then(pl.lit('{"frequency": "0.4"}')),
    )


def _end(kind: str, column: str) -> pl.Expr:
    return pl.lit(f"{KINDS[kind][0]}:") + pl.col(column).cast(pl.String).str.zfill(7)


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Print the seconds that the block took, and the most memory of this process until its end."""
    start, worked = time.perf_counter(), time.process_time()
    yield
    seconds, cpu = time.perf_counter() - start, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if MAC else 1024)
    print(json.dumps({"step": name, "seconds": seconds, "cpu": cpu, "peak": peak}), flush=True)


# Steps, each in a process of its own: what is timed, by name.


def make(folder: Path, edges: int) -> None:
    with timed("build"):
        kg = KnowledgeGraph.from_parts(made_up(edges), SOURCES)
    with timed("save"):
        kg.save(folder / "graph")
    other = KnowledgeGraph.from_parts(made_up(edges // 10, other=True), SOURCES)
    other.save(folder / "other")


def around(folder: Path, edges: int) -> None:
    with timed("open and one neighbourhood"):
        near = KnowledgeGraph.open(folder / "graph").neighbourhood(FOCUS)
    assert near.counts["edges"], "the neighbourhood is empty"
    with timed("open, find a synonym, two hops"):
        kg = KnowledgeGraph.open(folder / "graph")
        kg.neighbourhood(kg.resolve("old Disease number 0000077"), hops=2, min_probability=0.7)


def read(folder: Path, edges: int) -> None:
    with timed("open and info"):
        KnowledgeGraph.open(folder / "graph").info()
    with timed("checksum"):
        KnowledgeGraph.open(folder / "graph").checksum()
    with timed("verify"):
        KnowledgeGraph.open(folder / "graph").verify()


def checking(folder: Path, edges: int) -> None:
    with timed("check"):
        check(KnowledgeGraph.open(folder / "graph"))


def merging(folder: Path, edges: int) -> None:
    with timed("merge with another and save"):
        both = [KnowledgeGraph.open(folder / name) for name in ("graph", "other")]
        merge(*both).save(folder / "merged")


def exporting(folder: Path, edges: int) -> None:
    with timed("export to neo4j-admin form"):
        export(KnowledgeGraph.open(folder / "graph"), folder / "import", "neo4j-import")


def tensors(folder: Path, edges: int) -> None:
    from medkg.gnn import to_hetero_data

    with timed("tensors of PyG"):
        data = to_hetero_data(KnowledgeGraph.open(folder / "graph"))
    assert data.num_edges, "no edges"


def hetionet(folder: Path, edges: int) -> None:
    from medkg.loaders.hetionet import load

    with timed("Hetionet: read"):
        kg = load((folder / "published").resolve(), Quarantine())
    with timed("Hetionet: check"):
        check(kg)
    with timed("Hetionet: save"):
        kg.save(folder / "hetionet")


STEPS: dict[str, Callable[[Path, int], None]] = {
    "make": make,
    "around": around,
    "read": read,
    "check": checking,
    "merge": merging,
    "export": exporting,
    "tensors": tensors,
    "hetionet": hetionet,
}


def measured(step: str, folder: Path, edges: int) -> list[dict[str, Any]]:
    """Run a step in a process of its own."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    done = subprocess.run(
        [*command, "--edges", str(edges)], stdout=subprocess.PIPE, text=True, check=False
    )
    for line in done.stdout.splitlines():
        print(f"  {line}", file=sys.stderr)
    if done.returncode:
        raise SystemExit(f"{step} failed with exit code {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(columns: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: a row a step; seconds, those of all cores together, and gigabytes."""
    lines = [
        f"| step | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for rows in zip(*columns.values(), strict=True):
        cells = (
            f"{row['seconds']:.1f} s ({row['cpu']:.1f}), {row['peak'] / 1e9:.1f} GB" for row in rows
        )
        lines.append(f"| {rows[0]['step']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edges", type=int, nargs="+", default=[10_000_000])
    parser.add_argument("--hetionet", type=Path, help="folder with the published files")
    parser.add_argument("--folder", type=Path, help="where to put the graphs; default: temporary")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    steps = [step for step in STEPS if step != "hetionet"]
    parser.add_argument(
        "--steps", nargs="+", choices=steps, default=steps, help="only these; default: all"
    )
    given = parser.parse_args()
    if given.step:
        STEPS[given.step](given.folder, given.edges[0])
        return
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, polars {pl.__version__};"
        f" load average {os.getloadavg()[0]:.1f} at the start\n"
    )
    columns = {}
    for edges in given.edges:
        with tempfile.TemporaryDirectory(dir=given.folder, prefix="scale.") as name:
            rows = [row for step in given.steps for row in measured(step, Path(name), edges)]
        columns[f"{edges:,} edges"] = rows
    print(table(columns))
    if given.hetionet:
        with tempfile.TemporaryDirectory(dir=given.folder, prefix="scale.") as name:
            (Path(name) / "published").symlink_to(given.hetionet.resolve())
            print("\n" + table({"Hetionet": measured("hetionet", Path(name), 0)}))
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
