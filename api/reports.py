"""The figures that a trained model keeps, as tables: its own beside the baselines'."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from medkg.graph.kg import KnowledgeGraph
from medkg.graph.quarantine import Quarantine

if TYPE_CHECKING:
    from medkg.gnn.diagnosis.model import DiagnosisModel

_LINK_FIGURES = ("n", "mrr", "hits@1", "hits@3", "hits@10")
_DIAGNOSIS_FIGURES = (
    *("n", "accuracy", "precision", "recall", "f1"),
    *("top_1", "top_3", "top_10", "mrr"),
)


def link_figures(name: str, metrics: Mapping[str, Any]) -> pl.DataFrame:
    """Filtered ranks of held-back edges' tails, a row a model; `mrr_95` is a 95 % interval."""
    models = {_short(name): metrics["test"], **metrics["baselines"]}
    return _rows({model: found["tail"] for model, found in models.items()}, _LINK_FIGURES)


def _short(name: str) -> str:
    """`links-rgcn-distmult-1f3a9c02` without what is the same for all and the signature."""
    return name.removeprefix("links-").rpartition("-")[0]


def ner_figures(metrics: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """Strict scores of mentions on the held-out documents, a row a corpus and kind."""
    rows = [
        {"corpus": corpus, "kind": kind, **row}
        for corpus, kinds in metrics.items()
        for kind, row in kinds.items()
    ]
    return pl.DataFrame(rows)


def embedding_figures(name: str, metrics: Mapping[str, Any]) -> pl.DataFrame:
    """Filtered ranks of held-back edges of all relations, both sides, a row a model."""
    return _rows({name: metrics["valid"], "degree": metrics["degree"]}, _LINK_FIGURES)


def diagnosis_figures(metrics: Mapping[str, Any]) -> pl.DataFrame:
    """Held-out simulated patients: a row a model; `mrr_95` is its 95 % interval."""
    return _rows(metrics, _DIAGNOSIS_FIGURES)


def _rows(models: Mapping[str, Mapping[str, Any]], names: tuple[str, ...]) -> pl.DataFrame:
    rows = []
    for model, found in models.items():
        low, high = found["mrr_interval"]
        rows.append(
            {
                "model": model,
                **{name: found[name] for name in names},
                "mrr_95": f"{low:.3f}–{high:.3f}",
            }
        )
    return pl.DataFrame(rows)


_RANKED = {"tail": "tails", "head": "heads", "both": "both"}


def link_evaluation(report: Mapping[str, Any]) -> list[tuple[str, pl.DataFrame]]:
    """What `medkg.gnn.links.evaluate.evaluate_model` found, as titled tables."""
    sides = [side for side in _RANKED if side != "both"]
    tables = []
    for part in report["figures"]["tail"]:
        ranks = [
            {"ranked": what, "model": name}
            | {"mrr": found["mrr"], "mrr_95": _bounds(found["mrr_interval"])}
            | {key: found[key] for key in _LINK_FIGURES[2:]}
            for side, what in _RANKED.items()
            for name, found in _named(report, report["figures"][side][part])
        ]
        count = report["figures"]["tail"][part]["model"]["n"]
        tables.append((f"Filtered ranks of {count:,} edges, {part}", pl.DataFrame(ranks)))
    rows = [
        ({"ranked": _RANKED[side], "model": name}, found)
        for side in sides
        for name, found in _named(report, report["figures"][side]["all"])
    ]
    early = [row | _starting(found, "precision@", "ef@") for row, found in rows]
    for side in sides:
        best = report["figures"][side]["all"]["model"]
        kept = {k.removeprefix("best_"): v for k, v in _starting(best, "best_").items()}
        early.append({"ranked": _RANKED[side], "model": "(perfect)", **kept})
    tables.append(("The first of each list", pl.DataFrame(early, infer_schema_length=None)))
    for key in ("auroc", "auprc"):
        drawn = [row | _starting(found, f"{key}@") for row, found in rows]
        tables.append((f"{key.upper()}, a true pair to so many others drawn", pl.DataFrame(drawn)))
    over = [
        {"ranked": _RANKED[side], "edges": part, "over": baseline, "mrr": found["mrr"]}
        | {"mrr_95": _bounds(found["mrr_interval"]), "hits@10": found["hits@10"]}
        for side in sides
        for part, baselines in report["paired"][side].items()
        for baseline, found in baselines.items()
    ]
    if over:
        tables.append(("What the model has over the baselines, paired", pl.DataFrame(over)))
    strata = [
        {"ranked": _RANKED[side], **_stratum(report, by, models, row)}
        for side in sides
        for by, models in report["strata"][side].items()
        for row in range(len(models["model"]))
    ]
    tables.append(("MRR by degree in training, and by adme", pl.DataFrame(strata)))
    return tables


def _named(report: Mapping[str, Any], models: Mapping[str, Any]) -> list[tuple[str, Any]]:
    name = _short(report["model"])
    return [(name if model == "model" else model, found) for model, found in models.items()]


def _stratum(
    report: Mapping[str, Any], by: str, models: Mapping[str, Any], row: int
) -> dict[str, Any]:
    """A stratum's name and size, and the MRR that the models have in it."""
    first = models["model"][row]
    name = f"{by.removeprefix('by_').replace('_', ' ')} {first.get('degree') or first['label']}"
    named = {model: rows[row]["mrr"] for model, rows in _named(report, models)}
    return {"stratum": name, "n": first["n"], **named}


def _starting(found: Mapping[str, Any], *prefixes: str) -> dict[str, Any]:
    """Figures whose names start so, without their intervals; names short enough for a terminal."""
    return {
        key.replace("precision@", "p@").replace("auroc@", "").replace("auprc@", ""): value
        for key, value in found.items()
        if key.startswith(prefixes) and not key.endswith("_interval")
    }


def _bounds(interval: Any) -> str:
    return "{:.3f} to {:.3f}".format(*interval)


def evaluate_on_cases(
    model: DiagnosisModel, cases: Path, *, use_excluded: bool = False
) -> dict[str, Any]:
    """A diagnosis model's figures on phenopackets, or on the patients of a graph folder."""
    from medkg.gnn.diagnosis.evaluate import evaluate_diagnosis
    from medkg.loaders.sources import load

    if (cases / "graph.json").is_file():
        patients = KnowledgeGraph.open(cases)
    else:
        patients = load("phenopackets", cases, quarantine=Quarantine())
    return evaluate_diagnosis(model, patients, use_excluded=use_excluded)
