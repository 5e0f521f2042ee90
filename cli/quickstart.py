"""The whole way in one command: sources, text, graph, server, models, hypotheses, a page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.text import Text

from medkg.access import Connection, connect, view
from medkg.cli import show
from medkg.cli.first_hypothesis import Hypothesis, first_hypothesis, in_words
from medkg.core.atomic import atomic_file, make_folder
from medkg.core.errors import DataError, MedkgError, ModelError
from medkg.core.json_reading import read_json
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.sources import load
from medkg.models import load_model
from medkg.reports import diagnosis_figures, link_figures
from medkg.texts import read_texts

if TYPE_CHECKING:
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.links.model import LinkModel

TOP_TARGETS = 10
TOP_DISEASES = 5
_DRAWN = 40  # nodes of the hypothesis's page, at first
# Icotinib, which the starter set lacks; it inhibits EGFR.
_NEW_MOLECULE = "C#Cc1cccc(Nc2ncnc3cc4OCCOCCOCCOc4cc23)c1"


class QuickstartRun:
    """One run: where it writes, what it found, and how it tells."""

    def __init__(self, out: Path, seed: int, as_json: bool):
        self.out, self.seed, self.quiet = out, seed, as_json
        self.report: dict[str, Any] = {"out": str(out), "seed": seed, "seconds": {}}

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step and time it."""
        if not self.quiet:
            show.out.rule(Text(title, "bold"), align="left")
        start = time.perf_counter()
        yield
        self.report["seconds"][title] = round(time.perf_counter() - start, 1)

    def print(self, text: str) -> None:
        """A line for people."""
        if not self.quiet:
            show.out.print(text, soft_wrap=True)

    def pairs(self, values: Mapping[str, Any], title: str) -> None:
        """Names and values for people."""
        if not self.quiet:
            show.pairs(values, title)

    def table(
        self, name: str, rows: pl.DataFrame, title: str, *, shown: Sequence[str] = (), most: int = 3
    ) -> None:
        """A table for people, of the columns `shown` (all, if none); the report keeps the whole."""
        self.report[name] = rows.to_dicts()
        if not self.quiet:
            show.frame(rows.select(shown or rows.columns), title, most=most)


def quickstart(out: Path, *, seed: int = 0, as_json: bool = False) -> dict[str, Any]:
    """Do the main job on the data that come with medkg; returns the report that it writes.

    What an earlier run into the same folder finished is taken over: the graph, and the models that
    were trained on it with this seed. Writing to the server adds only what isn't there. After an
    upgrade of medkg, give a new folder.

    Args:
        out: folder for graph, models, server data, page and report.
        seed: of simulation, initialisation and splits.
        as_json: print the report as JSON at the end and nothing else.
    """
    make_folder(out)
    run = QuickstartRun(out, seed, as_json)
    kg = _graph(run)
    with connect(f"embedded:{out / 'server'}") as store:
        _write(run, store, kg)
        links = _train_links(run, kg)
        diagnosis = _train_diagnosis(run, kg)
        kg = _predict(run, kg, store, links, diagnosis)
        best = first_hypothesis(kg, links.name)
        _ask(run, store, kg, best)
    _show(run, kg, links, best)
    with atomic_file(out / "report.json") as draft:
        draft.write_text(json.dumps(run.report, indent=1, default=str), encoding="utf-8")
    if as_json:
        show.as_json(run.report)
    return run.report


def _graph(run: QuickstartRun) -> KnowledgeGraph:
    folder = run.out / "graph"
    with run.step("Sources: the Human Phenotype Ontology, drugs and common diseases"):
        try:
            kg = KnowledgeGraph.open(folder)
            run.print(f"taken over from an earlier run: {kg}")
            run.report["graph"] = kg.info()
            return kg
        except MedkgError:
            # Not all names that come with medkg: the graph is to hold what is known of its nodes.
            sources = merge(load("starter"), load("hpo", quarantine=Quarantine()), load("common"))
        run.print(f"{sources}")
    with run.step("Text: clinical notes and abstracts to mentions, context, links, relations"):
        text = _extract(run, sources)
    with run.step("Graph: join text and sources"):
        kg = merge(sources, text)
        kg.save(folder)
        run.report["graph"] = kg.info()
        run.print(f"{kg} in {folder}")
    return kg


def _extract(run: QuickstartRun, sources: KnowledgeGraph) -> KnowledgeGraph:
    quarantine = Quarantine()
    with as_file(files("medkg").joinpath("data/notes")) as folder:
        text = read_texts(
            sorted(folder.glob("*-*.txt")), terminology=sources, quarantine=quarantine
        )
    run.print(f"{text}; {len(quarantine)} documents set aside")
    statements = text.evidence.filter(pl.col("relation") != "MENTIONS")
    new = text.edges.join(sources.edges, on="id", how="anti").filter(
        pl.col("relation").is_in(["TREATS", "CAUSES", "TARGETS", "HAS_SYMPTOM"])
    )
    counts = {
        "statements about entities and patients": statements.height,
        "negated": statements.filter(polarity="negated").height
        + statements.filter(relation="LACKS_PHENOTYPE").height,
        "possible": statements.filter(certainty="possible").height,
        "hypothetical": statements.filter(certainty="hypothetical").height,
        "of the family": statements.filter(experiencer="family").height,
        "historical": statements.filter(temporality="historical").height,
        "facts that no source holds": new.height,
    }
    run.report["text"] = counts
    run.pairs(counts, "What the text says")
    return text


def _write(run: QuickstartRun, store: Connection, kg: KnowledgeGraph) -> None:
    with run.step("Server: write the graph into the embedded server over Bolt"):
        summary = store.write(kg)
        run.print(f"{summary}")
        run.report["written"] = summary.as_dict()


def _train_links(run: QuickstartRun, kg: KnowledgeGraph) -> LinkModel:
    from medkg.mining.links.model import LinkModel
    from medkg.mining.links.train import train_links

    folder = run.out / "models" / "targets"
    with run.step("Train: link prediction, drug → target"):
        taken = _trained(folder, kg, run.seed)
        model = (
            taken
            if isinstance(taken, LinkModel)
            else train_links(kg, "TARGETS", seed=run.seed, out=folder, graph_path=run.out / "graph")
        )
        run.print("A set this small only checks that all is wired right; the measure is")
        run.print("docs/benchmarks/, on Hetionet.")
        run.table(
            "links",
            link_figures(model.name, model.metrics),
            "Held-out drug → target edges, filtered ranks",
        )
    return model


def _train_diagnosis(run: QuickstartRun, kg: KnowledgeGraph) -> DiagnosisModel:
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.diagnosis.train import train_diagnosis

    folder = run.out / "models" / "diagnosis"
    with run.step("Train: diagnosis, the patient's node classified"):
        taken = _trained(folder, kg, run.seed)
        model = (
            taken
            if isinstance(taken, DiagnosisModel)
            else train_diagnosis(kg, seed=run.seed, out=folder, graph_path=run.out / "graph")
        )
        run.print(
            "These patients are simulated from the annotations that the model learnt from, so"
        )
        run.print("this too is only a check; docs/benchmarks/ has published cases.")
        figures = diagnosis_figures(model.metrics)
        run.table(
            "diagnosis",
            figures,
            f"Held-out simulated patients, n = {figures['n'][0]}",
            shown=("model", "accuracy", "precision", "recall", "f1", "top_10", "mrr_95"),
        )
    return model


def _trained(folder: Path, kg: KnowledgeGraph, seed: int) -> LinkModel | DiagnosisModel | None:
    """The model of an earlier run, if it was trained on this graph with this seed."""
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.links.model import LinkModel

    try:
        config = read_json(folder / "config.json")
        if config["seed"] == seed and config["graph"]["checksum"] == kg.checksum():
            loaded = load_model(folder, kg)
            return loaded if isinstance(loaded, LinkModel | DiagnosisModel) else None
    except (DataError, KeyError, TypeError, ModelError):
        pass
    return None


def _predict(
    run: QuickstartRun,
    kg: KnowledgeGraph,
    store: Connection,
    links: LinkModel,
    diagnosis: DiagnosisModel,
) -> KnowledgeGraph:
    today = date.today().isoformat()
    with run.step("Predict: targets of every drug, diseases of every patient; write them back"):
        drugs = kg.edges.filter(relation="TARGETS")["subject"].unique().sort().to_list()
        targets = links.predictions(drugs, TOP_TARGETS, date=today)
        with_patients = kg.nodes.filter(pl.col("kind").is_in(["Patient", "Symptom"]))
        diagnoses = diagnosis.predictions(kg.subgraph(with_patients["id"]), top=TOP_DISEASES)
        kg = kg.with_predictions(pl.concat([targets, diagnoses]))
        kg.save(run.out / "graph")
        ends = pl.concat([kg.predictions["head"], kg.predictions["tail"]]).unique()
        summary = store.write(kg.subgraph(ends, relations=[]).with_predictions(kg.predictions))
        counts = {
            "drug-target hypotheses that the graph doesn't hold": targets.height,
            "diagnoses": diagnoses.height,
            "patients": diagnoses["head"].n_unique(),
            "written to the server": str(summary.predictions),
        }
        run.report["predictions"] = counts
        run.pairs(counts, "Predictions")
    return kg


def _ask(run: QuickstartRun, store: Connection, kg: KnowledgeGraph, best: Hypothesis) -> None:
    """Ask in Cypher what users ask."""
    names = dict(kg.nodes.select("id", "name").iter_rows())
    with run.step("Ask, in Cypher"):
        run.table(
            "hypotheses",
            store.query("hypotheses_for_drug", drug=best.drug),
            f"What may {names[best.drug]} act on, besides what is known?",
            shown=("target_name", "probability", "rank"),
        )
        patient = _patient_to_show(kg)
        run.table(
            "diagnosis_of_note",
            store.query("diagnosis_of_patient", patient=patient),
            f"What may {patient.replace('patient:', '')} have? (for research, not for care)",
            shown=("rank", "disease_name", "probability", "matching", "unexpected", "absent"),
        )
        subject, tail = _text_edge(kg)
        run.table(
            "evidence",
            store.query("evidence_of_edge", subject=subject, object=tail),
            f"Who says what of {names[subject]} and {names[tail]}?",
            shown=("relation", "polarity", "certainty", "source", "document", "sentence"),
        )


def _patient_to_show(kg: KnowledgeGraph) -> str:
    """The patient with most phenotypes, if possible one whose note names no disease."""
    counts = kg.edges.filter(relation="HAS_PHENOTYPE").group_by("subject").len()
    named = kg.edges.filter(relation="HAS_DISEASE")["subject"]
    undiagnosed = counts.filter(~pl.col("subject").is_in(named.implode()))
    counts = counts if undiagnosed.is_empty() else undiagnosed
    return str(counts.sort("len", "subject", descending=[True, False])["subject"][0])


def _text_edge(kg: KnowledgeGraph) -> tuple[str, str]:
    """The statement about a drug for which the text has most sentences."""
    statements = kg.evidence.filter(
        pl.col("sentence").is_not_null(), pl.col("relation").is_in(["CAUSES", "TREATS", "TARGETS"])
    )
    counts = statements.group_by("edge", "subject", "object").len()
    row = counts.sort("len", "edge", descending=[True, False]).row(0, named=True)
    return row["subject"], row["object"]


def _show(run: QuickstartRun, kg: KnowledgeGraph, links: LinkModel, best: Hypothesis) -> None:
    page = run.out / "hypothesis.html"
    names = dict(kg.nodes.select("id", "name").iter_rows())
    drug, target = names[best.drug], names[best.target]
    with run.step(f"The first hypothesis: {drug} → {target} → {names[best.disease]}"):
        base_rate = links.stated["tail"].base_rate
        sentences = in_words(best, kg, links.meaning, base_rate)
        for sentence in sentences:
            run.print(sentence)
        run.report["hypothesis"] = {**asdict(best), "sentences": sentences}
        around = [best.drug, best.target, best.disease, best.like[0]]
        # Few enough that who has never seen one can follow it.
        shown = view(kg, around, page, limit=_DRAWN).choice.shown
        run.print(f"{page}: {len(shown)} nodes around {', '.join(names[i] for i in around)}")
    with run.step("Go on"):
        models = run.out / "models"
        commands = [
            f"medkg explain {models}/targets --head '{drug}' --tail '{target}'",
            f"medkg predict {models}/targets --smiles '{_NEW_MOLECULE}' --top 5",
            f"medkg diagnose {models}/diagnosis --symptom 'Arachnodactyly'"
            " --symptom 'Ectopia lentis' --symptom 'Aortic root aneurysm'",
            f"medkg query treatments_for_disease --on embedded:{run.out}/server"
            f" --param disease={best.disease}",
        ]
        run.report["next"] = commands
        run.print("Commands to try next (the second: a molecule that this graph doesn't hold):")
        for command in commands:
            run.print(f"  {command}")
        run.print(f"Whole run: {sum(run.report['seconds'].values()):.0f} s; {run.out}/report.json")
