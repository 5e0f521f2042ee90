"""The whole way in one command: sources, text, graph, server, models, hypotheses, a page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import polars as pl

from medkg import show
from medkg.access import Connection, connect, default_terminology, extract, load_model, view
from medkg.diagnose import of_patient
from medkg.graph.atomic import atomic_file
from medkg.graph.errors import MedkgError, ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.graph.quarantine import Quarantine

TOP_LINKS = 10
TOP_DISEASES = 5


class Run:
    """One run: where it writes, what it found, and how it tells."""

    def __init__(self, out: Path, seed: int, as_json: bool):
        self.out, self.seed, self.quiet = out, seed, as_json
        self.report: dict[str, Any] = {"out": str(out), "seed": seed, "seconds": {}}

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step and time it."""
        if not self.quiet:
            show.out.rule(f"[bold]{title}", align="left")
        start = time.perf_counter()
        yield
        self.report["seconds"][title] = round(time.perf_counter() - start, 1)

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.quiet:
            show.out.print(text, markup=False)

    def table(self, name: str, rows: pl.DataFrame, title: str, most: int = 10) -> None:
        """A table for people, kept in the report too."""
        self.report[name] = rows.to_dicts()
        if not self.quiet:
            show.frame(rows, title, most=most)


def run(out: Path, *, seed: int = 0, as_json: bool = False) -> dict[str, Any]:
    """Do the main job on the data that come with medkg; returns the report that it writes.

    What an earlier run with the same medkg finished is taken over: the graph, and the models that
    were trained on it with this seed. Writing to the server adds only what isn't there.

    Args:
        out: folder for graph, models, server data, page and report.
        seed: of simulation, initialisation and splits.
        as_json: print the report as JSON at the end and nothing else.
    """
    out.mkdir(parents=True, exist_ok=True)
    this = Run(out, seed, as_json)
    kg = _graph(this)
    with this.step("Server: write the graph into the embedded server over Bolt"):
        store = connect(f"embedded:{out / 'server'}")
    try:
        _write(this, store, kg)
        links = _train_links(this, kg)
        diagnosis = _train_diagnosis(this, kg)
        kg = _predict(this, kg, links, diagnosis)
        best = _ask(this, store, kg)
    finally:
        store.close()
    _show(this, kg, best)
    with atomic_file(out / "report.json") as draft:
        draft.write_text(json.dumps(this.report, indent=1, default=str), encoding="utf-8")
    if as_json:
        show.as_json(this.report)
    return this.report


def _graph(this: Run) -> KnowledgeGraph:
    folder = this.out / "graph"
    with this.step("Sources: the Human Phenotype Ontology and the starter drugs"):
        try:
            kg = KnowledgeGraph.open(folder)
            this.say(f"taken over from an earlier run: {kg}")
            this.report["graph"] = kg.info()
            return kg
        except MedkgError:
            sources = default_terminology()
        this.say(f"{sources}")
    with this.step("Text: clinical notes and abstracts to mentions, context, links, relations"):
        text = _extract(this, sources)
    with this.step("Graph: join text and sources"):
        kg = merge(sources, text)
        kg.save(folder)
        this.report["graph"] = kg.info()
        this.say(f"{kg} in {folder}")
    return kg


def _extract(this: Run, sources: KnowledgeGraph) -> KnowledgeGraph:
    aside = Quarantine()
    with as_file(files("medkg").joinpath("data/notes")) as folder:
        notes = extract(sorted(folder.glob("note-*.txt")), terminology=sources, quarantine=aside)
        abstracts = extract(
            sorted(folder.glob("abstract-*.txt")),
            terminology=sources,
            patients=False,
            quarantine=aside,
        )
    text = merge(notes, abstracts)
    this.say(f"{text}; {len(aside)} documents set aside")
    said = text.evidence.filter(pl.col("relation") != "MENTIONS")
    new = text.edges.join(sources.edges, on="id", how="anti").filter(
        pl.col("relation").is_in(["TREATS", "CAUSES", "TARGETS", "HAS_SYMPTOM"])
    )
    counts = {
        "statements about entities and patients": said.height,
        "negated": said.filter(polarity="negated").height
        + said.filter(relation="LACKS_PHENOTYPE").height,
        "possible": said.filter(certainty="possible").height,
        "hypothetical": said.filter(certainty="hypothetical").height,
        "of the family": said.filter(experiencer="family").height,
        "historical": said.filter(temporality="historical").height,
        "facts that no source holds": new.height,
    }
    this.report["text"] = counts
    if not this.quiet:
        show.pairs(counts, "What the text says")
    return text


def _write(this: Run, store: Connection, kg: KnowledgeGraph) -> None:
    title = "Server: write the graph into the embedded server over Bolt"
    start = time.perf_counter()
    summary = store.write(kg)
    this.say(f"{summary}")
    this.report["written"] = summary.as_dict()
    this.report["seconds"][title] += round(time.perf_counter() - start, 1)


def _train_links(this: Run, kg: KnowledgeGraph) -> Any:
    from medkg.gnn.links import train_links

    folder = this.out / "models" / "targets"
    with this.step("Train: link prediction, drug → target"):
        model = _trained(folder, kg, this.seed) or train_links(
            kg, "TARGETS", seed=this.seed, out=folder, graph_path=this.out / "graph"
        )
        this.report["links"] = model.metrics
        this.say(CHECK_ONLY)
        if not this.quiet:
            show.frame(model.report(), f"Held-out {model.relation} edges")
    return model


def _train_diagnosis(this: Run, kg: KnowledgeGraph) -> Any:
    from medkg.gnn.diagnosis import train_diagnosis

    folder = this.out / "models" / "diagnosis"
    with this.step("Train: diagnosis as classification of the patient's node"):
        model = _trained(folder, kg, this.seed) or train_diagnosis(
            kg, seed=this.seed, out=folder, graph_path=this.out / "graph"
        )
        this.report["diagnosis"] = model.metrics
        this.say("The patients are simulated from the annotations that the models know; see")
        this.say("docs/benchmarks.md for published cases.")
        if not this.quiet:
            show.frame(model.report(), "Held-out simulated patients")
    return model


def _trained(folder: Path, kg: KnowledgeGraph, seed: int) -> Any:
    """The model of an earlier run, if it was trained on this graph with this seed."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config["seed"] == seed and config["graph"]["checksum"] == kg.checksum():
            return load_model(folder, kg)
    except (OSError, ValueError, KeyError, ModelError):
        pass
    return None


def _predict(this: Run, kg: KnowledgeGraph, links: Any, diagnosis: Any) -> KnowledgeGraph:
    today = date.today().isoformat()
    with this.step("Predict: targets of every drug, diseases of every patient in the notes"):
        drugs = kg.edges.filter(relation="TARGETS")["subject"].unique().sort().to_list()
        targets = links.predictions(heads=drugs, top=TOP_LINKS, date=today)
        patients = kg.subgraph(kg.nodes.filter(pl.col("kind").is_in(["Patient", "Symptom"]))["id"])
        diagnoses = diagnosis.predictions(patients, top=TOP_DISEASES, date=today)
        self_made = pl.concat([targets, diagnoses])
        kg = kg.with_predictions(self_made)
        kg.save(this.out / "graph")
        this.say(
            f"{targets.filter(~pl.col('known')).height:,} new drug–target hypotheses,"
            f" {diagnoses.height} diagnoses of {diagnoses['head'].n_unique()} patients"
        )
    return kg
