"""How fast a graph goes into a server and comes back, beside plain batches of UNWIND … MERGE.

    python benchmarks/loading.py                         a made-up graph, embedded server
    python benchmarks/loading.py --graph medkg-quickstart/graph
    python .ci/neo4j/start.py -- python benchmarks/loading.py    a real Neo4j too

Both ways write every node, relationship and piece of evidence with all their properties, under the
same constraints and indexes; medkg writes a checksum with each, by which it knows them again, and a
node's properties as values too. Without evidence only nodes and relationships are written.
`--growth` prints what a load costs as the graph grows. NEO4J_URI must be an empty database; on it a
small load by each way goes before, so that neither pays for a server that has just started.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from medkg.core.errors import MedkgError
from medkg.graph.frames import FRAMES, Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store, connect
from medkg.graph.store.constraints import make_constraints

BATCH = 5_000
VALUES = ("id", "probability", "evidence_count", "sources")


def made_up(nodes: int, edges: int, seed: int = 0) -> KnowledgeGraph:
    """Diseases with symptoms and genes, in the proportions of the Human Phenotype Ontology."""
    random = np.random.default_rng(seed)
    counts = {"Disease": nodes * 35 // 100, "Target": nodes * 15 // 100}
    counts["Symptom"] = nodes - sum(counts.values())
    prefixes = {"Disease": "OMIM", "Symptom": "HP", "Target": "NCBIGene"}
    ids = {kind: [f"{prefixes[kind]}:{n:07}" for n in range(m)] for kind, m in counts.items()}
    frame = pl.concat(
        pl.DataFrame({"id": ids[kind], "kind": kind, "name": [f"{kind} number {i}" for i in own]})
        for kind, own in ((kind, range(count)) for kind, count in counts.items())
    ).with_columns(
        synonyms=pl.concat_list(pl.col("name") + ", familial", pl.col("name") + ", sporadic"),
        xrefs=pl.concat_list("UMLS:" + pl.col("id").str.replace(":", "")),
        properties=pl.lit(json.dumps({"definition": "Some words that say what it is. " * 4})),
    )

    def evidence(relation: str, kind: str, count: int) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "subject": random.choice(ids["Disease"], count),
                "relation": relation,
                "object": random.choice(ids[kind], count),
                "source": "made-up",
                "release": "1",
                "references": [[f"PMID:{number}"] for number in range(count)],
                "qualifiers": json.dumps({"frequency": "3/7"}),
            }
        )

    both = [evidence("HAS_SYMPTOM", "Symptom", edges * 9 // 10)]
    both.append(evidence("ASSOCIATED_WITH", "Target", edges - both[0].height))
    return KnowledgeGraph.build(frame, pl.concat(both), [Source("made-up", "1", "CC0-1.0")])


def plain(store: Store, kg: KnowledgeGraph) -> None:
    """Write the graph as a script with the driver would."""
    kinds = dict(kg.nodes.select("id", "kind").iter_rows())

    def send(statement: str, rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            store.connection.driver.execute_query(
                statement, {"rows": part}, database_=store.database
            )

    make_constraints(store.connection, sorted(kg.nodes["kind"].unique()))
    for (kind,), part in kg.nodes.group_by("kind"):
        send(
            f"UNWIND $rows AS row MERGE (n:{kind} {{id: row.id}}) SET n += row",
            part.drop("kind").to_dicts(),
        )
    ends = kg.edges.with_columns(
        head=pl.col("subject").replace_strict(kinds), tail=pl.col("object").replace_strict(kinds)
    )
    for (head, relation, tail), part in ends.group_by("head", "relation", "tail"):
        send(
            f"UNWIND $rows AS row MATCH (s:{head} {{id: row.subject}})"
            f" MATCH (o:{tail} {{id: row.object}}) MERGE (s)-[r:{relation}]->(o)"
            " SET r += row.values",
            [
                {
                    "subject": row["subject"],
                    "object": row["object"],
                    "values": {
                        **{name: row[name] for name in VALUES},
                        **json.loads(row["properties"] or "{}"),
                    },
                }
                for row in part.iter_rows(named=True)
            ],
        )
    send("UNWIND $rows AS row MERGE (n:Evidence {id: row.id}) SET n += row", kg.evidence.to_dicts())


def measure(uri: str, kg: KnowledgeGraph, open_store: Callable[[], Store]) -> None:
    """Time both ways into an empty server, with evidence and without; print a row each."""
    bare = KnowledgeGraph(
        {**{name: getattr(kg, name) for name in FRAMES}, "evidence": kg.evidence.clear()},
        kg.sources,
    )
    small = made_up(2_000, 5_000, seed=1)
    for evidence in (False, True):
        given = kg if evidence else bare
        what = "with evidence" if evidence else "without evidence"
        with open_store() as store:
            server = store.info()["server"].removeprefix("Neo4j/5.26.0 compatible ").strip("()")
            if store.query("MATCH (n) RETURN count(n) AS n")["n"][0]:
                raise MedkgError(f"{uri} holds data; give an empty database")
            if store.server is None:
                plain(store, small)
                empty(store)
            by_hand = timed(plain, store, given)
            empty(store)
        with open_store() as store:
            if store.server is None:
                store.write(small)
                empty(store)
            first = timed(store.write, kg, evidence=evidence)
            again = timed(store.write, kg, evidence=evidence)
            back = timed(store.read)
            if evidence and not store.read().evidence.equals(kg.evidence):
                raise MedkgError("what was read is not what was written")
            empty(store)
        rows = given.nodes.height + given.edges.height + given.evidence.height
        for way, seconds, ratio in (
            ("UNWIND … MERGE by hand", by_hand, ""),
            ("medkg: write", first, f"{by_hand / first:.1f} times as fast as by hand"),
            ("medkg: write again", again, f"{first / again:.1f} times as fast as the first"),
            ("medkg: read", back, ""),
        ):
            print(
                f"| {server}, {what} | {way} | {seconds:.1f} | {rows / seconds:,.0f} | {ratio} |",
                flush=True,
            )


def timed(work: Callable[..., object], *given: Any, **named: Any) -> float:
    """Seconds that something takes."""
    start = time.perf_counter()
    work(*given, **named)
    return time.perf_counter() - start


def grow(uri: str, edges: int, open_store: Callable[[], Store]) -> None:
    """Time a first load, the same again, and reading, as the graph grows tenfold."""
    for count in (edges // 100, edges // 10, edges):
        kg = made_up(max(count // 10, 20), count)
        with open_store() as store:
            first = timed(store.write, kg)
            again = timed(store.write, kg)
            back = timed(store.read)
            print(f"| {uri} | {count:,} | {first:.1f} | {again:.1f} | {back:.1f} |", flush=True)
            empty(store)


def empty(store: Store) -> None:
    """Take everything out again, unless the server is a folder of this run's."""
    if store.server is None:
        with store.connection.driver.session(database=store.database) as session:
            session.run(
                "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
            ).consume()
            for name in ("CONSTRAINT medkg_Evidence_id", "INDEX medkg_Evidence_edge"):
                session.run(f"DROP {name} IF EXISTS").consume()
            session.run("DROP INDEX medkg_Evidence_subject IF EXISTS").consume()


def main() -> None:
    """Print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=50_000)
    parser.add_argument("--edges", type=int, default=500_000)
    parser.add_argument("--growth", action="store_true", help="a table of growing graphs instead")
    parser.add_argument("--graph", type=Path, help="a graph folder, instead of a made-up one")
    given = parser.parse_args()
    kg = KnowledgeGraph.open(given.graph) if given.graph else made_up(given.nodes, given.edges)
    print(
        f"{kg.nodes.height:,} nodes, {kg.edges.height:,} edges, {kg.evidence.height:,} pieces of"
        f" evidence; {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at"
        f" the start; Python {platform.python_version()}, neo4j driver {version('neo4j')}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        folders = (Path(folder) / str(number) for number in range(4))

        def fresh() -> Store:
            return connect(f"embedded:{next(folders)}")

        uri = os.environ.get("NEO4J_URI")
        if given.growth:
            print("| server | edges | first load | again | read |\n|---|---:|---:|---:|---:|")
            grow("embedded", given.edges, fresh)
            if uri:
                grow("Neo4j", given.edges, lambda: connect(uri))
            return
        print("| server | what | seconds | rows a second | |\n|---|---|---:|---:|---|")
        measure("embedded", kg, fresh)
        if uri:
            measure(uri, kg, lambda: connect(uri))


if __name__ == "__main__":
    main()
