"""The query library measured: how well `repurposing` ranks, and how long every question takes.

    python benchmarks/queries.py rank DATA/hetionet SERVER   Hetionet, written to an empty SERVER
    python benchmarks/queries.py beside DATA/hetionet SERVER [--seeds 3]   to an empty SERVER
    python benchmarks/queries.py time SERVER [--busiest]     whatever graph the server holds
    python benchmarks/queries.py patients SERVER             made patients, to an empty SERVER

SERVER is a folder of the embedded server, or the address of a Neo4j.

rank: for each of Hetionet's 77 diseases with a treatment, the area under the ROC curve of the known
treatments among all drugs, by the score of the query, which uses no path over the edge between the
two. Beside it each sort of path alone and, as a baseline, how many other diseases the drug treats.
The sorts of paths were chosen on the diseases of which the SHA-256 of the identifier is even, so
the figure of the others is the one to trust.

beside: the same on a published split (PoLo's), beside the treatment model: the graph without the
held-back treatments is written to SERVER and trained on, and of each disease with a treatment in
the test, those are to be ranked before the drugs that are no treatment of it.

time: each question with the values that its file gives as an example, three times after a first
one; the median, in brackets the server's processor seconds (of a Neo4j where --pid tells its
process). With a Neo4j, also which operators of its plan read all nodes or relationships. --busiest
asks about the entities with most relationships instead, where the graph has enough of their kind:
the worst that a question can take.

patients: the questions about groups of patients in the same way, on 5,000 made patients, most of
whom have the disease that is asked about, with some 13 dated facts of 400 phenotypes, 100 diseases
and 100 drugs each, a few of which most patients have.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from treatment import polo

import medkg
from medkg.access import Connection
from medkg.core.errors import MissingError
from medkg.cypher import library
from medkg.cypher.library import Query
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.treatment.train import train_treatment

_SORTS = ("by_target", "by_shared_target", "by_structure", "by_class", "by_disease")
_SCANS = ("AllNodesScan", "AllRelationshipsScan", "NodeByLabelScan", "RelationshipTypeScan")
_REPEATS = 3
_GROUPS = ("cohort", "cohort_characteristics", "outcomes_by_treatment", "patients_by_year")


def connection(server: str) -> Connection:
    return medkg.connect(server if "://" in server else f"embedded:{server}")


def auroc(scores: np.ndarray, known: np.ndarray) -> float:
    """The share of pairs of a known drug and another in which the known one scores more."""
    positives, negatives = scores[known], scores[~known]
    above = (positives[:, None] > negatives).mean()
    return float(above + (positives[:, None] == negatives).mean() / 2)


def ranked(store: Connection, disease: str, drugs: list[str], uses: Mapping[str, int]) -> Any:
    """AUROC of a disease's treatments by the score, by each part of it, and by the baseline."""
    answer = store.query("repurposing", disease=disease, known=True, top=len(drugs))
    scored = pl.DataFrame({"drug": drugs}).join(answer, on="drug", how="left")
    treating = store.query(
        "MATCH (d:Drug)-[:TREATS]->(:Disease {id: $disease}) RETURN d.id AS id", disease=disease
    )["id"]
    known = scored["drug"].is_in(treating.implode()).to_numpy()
    others = np.array([uses.get(drug, 0) for drug in drugs]) - known
    by = {name: scored[name].fill_null(0.0).to_numpy() for name in ("score", *_SORTS)}
    return {name: auroc(values, known) for name, values in (*by.items(), ("degree", others))}


def rank(data: Path, server: str) -> None:
    with connection(server) as store:
        if store.query("MATCH (d:Drug) RETURN count(d) AS n")["n"][0] == 0:
            store.write(medkg.load("hetionet", path=data))
        drugs = store.query("MATCH (d:Drug) RETURN d.id AS id ORDER BY id")["id"].to_list()
        treats = store.query(
            "MATCH (d:Drug)-[:TREATS]->(e:Disease) RETURN d.id AS drug, e.id AS disease"
        )
        uses = dict(treats["drug"].value_counts().iter_rows())
        rows = []
        for disease in sorted(set(treats["disease"])):
            digest = hashlib.sha256(disease.encode()).digest()
            chosen_on = digest[-1] % 2 == 0
            rows.append({"chosen_on": chosen_on, **ranked(store, disease, drugs, uses)})
    figures = pl.DataFrame(rows)
    print(f"{figures.height} diseases, {treats.height} treatments, {len(drugs)} drugs")
    print(
        "\n| score | diseases that paths were chosen on | other diseases | all |\n|---|---|---|---|"
    )
    for name in ("score", *_SORTS, "degree"):
        parts = (figures.filter("chosen_on"), figures.filter(~pl.col("chosen_on")), figures)
        means = " | ".join(f"{part[name].mean():.3f}" for part in parts)
        print(f"| {name} | {means} |")
    print("\ndiseases per part:", figures["chosen_on"].sum(), (~figures["chosen_on"]).sum())


def beside(data: Path, server: str, seeds: int) -> None:
    kg = medkg.load("hetionet", path=data)
    split = polo(kg, data)
    held_back = [edge for part in split.values() for edge in part]
    models = [train_treatment(kg, seed=seed, split=split) for seed in range(seeds)]
    task = models[0].task
    drugs = pl.DataFrame({"drug": task.heads})
    treats = kg.edges.filter(relation="TREATS")
    test = treats.filter(pl.col("id").is_in(split["test"]))
    rows = []
    with connection(server) as store:
        if store.query("MATCH (d:Drug) RETURN count(d) AS n")["n"][0] == 0:
            store.write(kg.without_edges(held_back))
        for disease in sorted(set(test["object"])):
            answer = store.query("repurposing", disease=disease, known=True, top=drugs.height)
            score = drugs.join(answer, on="drug", how="left", maintain_order="left")["score"]
            number = np.array([task.tails.index(disease)])
            scores = {"repurposing": score.fill_null(0.0).to_numpy()} | {
                f"model, seed {seed}": model.scores(number)[0] for seed, model in enumerate(models)
            }
            hidden = drugs["drug"].is_in(test.filter(object=disease)["subject"].implode())
            treating = drugs["drug"].is_in(treats.filter(object=disease)["subject"].implode())
            ranked = (hidden | ~treating).to_numpy()
            known = hidden.to_numpy()[ranked]
            rows.append({name: auroc(of[ranked], known) for name, of in scores.items()})
    figures = pl.DataFrame(rows)
    print(f"{figures.height} diseases, {test.height} treatments of the test, {drugs.height} drugs")
    print("\n| score | AUROC, mean over diseases |\n|---|---|")
    for name in figures.columns:
        print(f"| {name} | {figures[name].mean():.3f} |")
    query, model = (
        figures["repurposing"].to_numpy(),
        figures.drop("repurposing").to_numpy().mean(axis=1),
    )
    draws = np.random.default_rng(0).integers(figures.height, size=(2_000, figures.height))
    low, high = np.quantile((model - query)[draws].mean(axis=1), (0.025, 0.975))
    print(f"\nmodel less query {(model - query).mean():+.3f} ({low:+.3f} to {high:+.3f})")


def worked(pid: int | None) -> float:
    """Processor seconds of a process until now; 0 where it isn't known."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def made_patients(patients: int = 5_000, seed: int = 0) -> KnowledgeGraph:
    """Patients with dated facts, among them the examples of the library's files."""
    rng = np.random.default_rng(seed)
    kinds = {
        "HAS_PHENOTYPE": ("Symptom", "HP:0002094", 1.5, 12, 400),
        "HAS_DISEASE": ("Disease", "DOID:2841", 1.4, 4, 100),
        "TAKES": ("Drug", "drugbank:DB00619", 1.4, 5, 100),
    }
    rows, nodes = [], {f"patient:{k}": "Patient" for k in range(patients)}
    for patient in list(nodes):
        for relation, (kind, example, slope, draws, most) in kinds.items():
            for number in sorted(set(rng.zipf(slope, draws) % most)):
                prefix = example.partition(":")[0]
                thing = example if number == 1 else f"{prefix}:made{number}"
                nodes[thing] = kind
                rows.append((patient, relation, thing, f"{2010 + rng.integers(10)}-01-01"))
    return KnowledgeGraph.build(
        pl.DataFrame([(i, k, i) for i, k in nodes.items()], ["id", "kind", "name"], orient="row"),
        pl.DataFrame(rows, ["subject", "relation", "object", "date"], orient="row").with_columns(
            source=pl.lit("made")
        ),
        [Source("made", "1", "CC0-1.0")],
    )


def busiest_of(store: Connection, kind: str) -> list[str]:
    """The three entities of a kind with most relationships."""
    rows = store.query(
        f"MATCH (n:{kind}) RETURN n.id AS id ORDER BY COUNT {{ (n)--() }} DESC, id LIMIT 3"
    )
    return list(rows["id"]) if rows.height else []


def busiest_values(store: Connection, query: Query, of: dict[str, list[str]]) -> dict[str, object]:
    """For the entities that a question has to be given, those with most relationships.

    Where the graph hasn't enough of a kind there is no value, and the question has its example.

    Args:
        of: these by kind, as far as they are known; what else is needed is added.
    """
    values: dict[str, object] = {}
    used: dict[str, int] = {}
    for parameter in query.parameters:
        if not (parameter.required and parameter.kinds):
            continue
        kind = parameter.kinds[0]
        if kind not in of:
            of[kind] = busiest_of(store, kind)
        rest = of[kind][used.get(kind, 0) :]
        if not rest:
            continue
        if parameter.type == "identifiers":
            values[parameter.name] = rest
        else:
            values[parameter.name] = rest[0]
            used[kind] = used.get(kind, 0) + 1
    return values


def measure(server: str, pid: int | None, names: Collection[str], *, busiest: bool = False) -> None:
    of: dict[str, list[str]] = {}
    with connection(server) as store:
        if store.connection.server is not None:
            pid = store.connection.server.pid
        is_neo4j = store.connection.is_neo4j()
        print(f"load average {os.getloadavg()[0]:.1f} at the start\n")
        print("| question | rows | seconds |" + (" scans |" if is_neo4j else ""))
        print("|---|---|---|" + ("---|" if is_neo4j else ""))
        for query in (library.get(name) for name in names):
            try:
                values = busiest_values(store, query, of) if busiest else {}
                text = query.text(store, **values).rstrip().rstrip(";")
            except MissingError:
                print(f"| {query.name} | its example is not in this graph | |")
                continue
            taken = []
            for _ in range(_REPEATS + 1):
                start, cpu = time.perf_counter(), worked(pid)
                rows = store.query(text).height
                taken.append((time.perf_counter() - start, worked(pid) - cpu))
            seconds, cpu = (statistics.median(each) for each in zip(*taken[1:], strict=True))
            scans = f" {', '.join(plan_scans(store, text)) or 'none'} |" if is_neo4j else ""
            print(f"| {query.name} | {rows} | {seconds:.2f} ({cpu:.2f}) |{scans}", flush=True)
        print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


def plan_scans(store: Connection, cypher: str) -> list[str]:
    """The operators of a Neo4j's plan that read all nodes or relationships (of a label or type)."""
    with store.connection.driver.session(database=store.database) as session:
        plan = session.run(f"EXPLAIN {cypher}").consume().plan
    operators: list[str] = []
    rest = [plan]
    while rest:
        step = rest.pop()
        if step is not None:
            name = step["operatorType"].partition("@")[0]
            if any(scan in name for scan in _SCANS):
                operators.append(name)
            rest += step.get("children", [])
    return sorted(set(operators))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    ranking = commands.add_parser("rank")
    ranking.add_argument("data", type=Path)
    ranking.add_argument("server")
    comparing = commands.add_parser("beside")
    comparing.add_argument("data", type=Path)
    comparing.add_argument("server")
    comparing.add_argument("--seeds", type=int, default=3)
    timing = commands.add_parser("time")
    timing.add_argument("server")
    timing.add_argument("--busiest", action="store_true")
    timing.add_argument("--pid", type=int, help="of the server's process, where it is a Neo4j")
    patients = commands.add_parser("patients")
    patients.add_argument("server")
    arguments = parser.parse_args()
    if arguments.command == "rank":
        rank(arguments.data, arguments.server)
    elif arguments.command == "beside":
        beside(arguments.data, arguments.server, arguments.seeds)
    elif arguments.command == "time":
        measure(arguments.server, arguments.pid, library.names(), busiest=arguments.busiest)
    else:
        with connection(arguments.server) as store:
            if store.query("MATCH (p:Patient) RETURN count(p) AS n")["n"][0] == 0:
                store.write(made_patients())
        measure(arguments.server, None, _GROUPS)


if __name__ == "__main__":
    main()
