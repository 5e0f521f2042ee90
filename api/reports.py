"""The figures that a trained model keeps, as tables: its own beside the baselines'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

_LINK_FIGURES = ("n", "mrr", "hits@1", "hits@3", "hits@10")
_DIAGNOSIS_FIGURES = (
    *("n", "accuracy", "precision", "recall", "f1"),
    *("top_1", "top_3", "top_10", "mrr"),
)


def link_figures(name: str, metrics: Mapping[str, Any]) -> pl.DataFrame:
    """Filtered ranks of held-back edges' tails, a row a model; `mrr_95` is a 95 % interval."""
    models = {_short(name): metrics["test"], **metrics["baselines"]}
    return _rows({model: figures["tail"] for model, figures in models.items()}, _LINK_FIGURES)


def link_ablation(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """What each part of a ranker adds (`train links --ablate`), a row a variant.

    `lost` is of the MRR of what it is compared with (the model, or what stands before the comma of
    its name), `lost_95` its 95 % interval.
    """
    return pl.DataFrame(
        [
            {
                "variant": row["variant"],
                "mrr": row["mrr"],
                "hits@10": row["hits_at_10"],
                "lost": row.get("lost"),
                "lost_95": _bounds(row["lost_interval"]) if "lost_interval" in row else None,
            }
            for row in rows
        ]
    )


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
    for model, figures in models.items():
        low, high = figures["mrr_interval"]
        rows.append(
            {
                "model": model,
                **{name: figures[name] for name in names},
                "mrr_95": f"{low:.3f}–{high:.3f}",
            }
        )
    return pl.DataFrame(rows)


_RANKED = {"tail": "tails", "head": "heads", "both": "both"}


def link_evaluation(report: Mapping[str, Any]) -> list[tuple[str, pl.DataFrame]]:
    """The report of `medkg.mining.links.evaluate.evaluate_model` as titled tables."""
    sides = [side for side in _RANKED if side != "both"]
    tables = []
    for part in report["figures"]["tail"]:
        ranks = [
            {"ranked": what, "model": name}
            | {"mrr": figures["mrr"], "mrr_95": _bounds(figures["mrr_interval"])}
            | {key: figures[key] for key in _LINK_FIGURES[2:]}
            for side, what in _RANKED.items()
            for name, figures in _named(report, report["figures"][side][part])
        ]
        count = report["figures"]["tail"][part]["model"]["n"]
        tables.append((f"Filtered ranks of {count:,} edges, {part}", pl.DataFrame(ranks)))
    rows = [
        ({"ranked": _RANKED[side], "model": name}, figures)
        for side in sides
        for name, figures in _named(report, report["figures"][side]["all"])
    ]
    early = [row | _starting(figures, "precision@", "ef@") for row, figures in rows]
    for side in sides:
        best = report["figures"][side]["all"]["model"]
        kept = {k.removeprefix("best_"): v for k, v in _starting(best, "best_").items()}
        early.append({"ranked": _RANKED[side], "model": "(perfect)", **kept})
    tables.append(("The first of each list", pl.DataFrame(early, infer_schema_length=None)))
    for key in ("auroc", "auprc"):
        drawn = [row | _starting(figures, f"{key}@") for row, figures in rows]
        tables.append((f"{key.upper()}, a true pair to so many others drawn", pl.DataFrame(drawn)))
    pooled = [{"model": name} | figures for name, figures in _named(report, report["pooled"])]
    tables.append(("Scores compared across heads, known pairs left out", pl.DataFrame(pooled)))
    over = [
        {"ranked": _RANKED[side], "edges": part, "over": baseline, "mrr": figures["mrr"]}
        | {"mrr_95": _bounds(figures["mrr_interval"]), "hits@10": figures["hits@10"]}
        for side in sides
        for part, baselines in report["paired"][side].items()
        for baseline, figures in baselines.items()
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
    for side in sides:
        figures = report["calibration"][side]
        title = (
            f"Probabilities of the first {figures['first']} {_RANKED[side]} of"
            f" {figures['queries']:,} queries: Brier {figures['brier']:.5f} (of the base rate alone"
            f" {figures['brier_of_base_rate']:.5f}), ECE {figures['ece']:.4f};"
            f" {figures['expected']:,.0f} expected to be true and {figures['true']:,} are; as new"
            f" pairs {figures['expected_of_new']:,.0f} were expected"
        )
        tables.append((title, pl.DataFrame(figures["reliability"])))
    return tables


def _named(report: Mapping[str, Any], models: Mapping[str, Any]) -> list[tuple[str, Any]]:
    name = _short(report["model"])
    return [(name if model == "model" else model, figures) for model, figures in models.items()]


def _stratum(
    report: Mapping[str, Any], by: str, models: Mapping[str, Any], row: int
) -> dict[str, Any]:
    """A stratum's name and size, and the MRR that the models have in it."""
    first = models["model"][row]
    name = f"{by.removeprefix('by_').replace('_', ' ')} {first.get('degree') or first['label']}"
    named = {model: rows[row]["mrr"] for model, rows in _named(report, models)}
    return {"stratum": name, "n": first["n"], **named}


def _starting(figures: Mapping[str, Any], *prefixes: str) -> dict[str, Any]:
    """Figures whose names start so, without their intervals; names short enough for a terminal."""
    return {
        key.replace("precision@", "p@").replace("auroc@", "").replace("auprc@", ""): value
        for key, value in figures.items()
        if key.startswith(prefixes) and not key.endswith("_interval")
    }


def _bounds(interval: Any) -> str:
    return "{:.3f} to {:.3f}".format(*interval)


def diagnosis_evaluation(report: Mapping[str, Any]) -> list[tuple[str, pl.DataFrame]]:
    """The report of `medkg.mining.diagnosis.evaluate.evaluate_diagnosis` as titled tables."""
    tables = [*_rank_tables(report), *_paired_table(report), *_strata_tables(report)]
    for ranking, figures in (report["calibration"] or {}).items():
        title = (
            f"Calibration, {ranking.replace('_', ' ')}: ECE {figures['ece']:.4f}, Brier"
            f" {figures['brier']:.4f} (of the base rate alone {figures['brier_of_base_rate']:.4f})"
        )
        tables.append((title, pl.DataFrame(figures["reliability"])))
    if report["open_set"] is not None:
        sets = pl.DataFrame(report["open_set"]["sets"])
        tables.append(("Sets that hold the disease, or that none of these is it", sets))
    return tables


def diagnosis_comparison(report: Mapping[str, Any]) -> list[tuple[str, pl.DataFrame]]:
    """The report of `medkg.mining.compare_diagnosis` as titled tables, 80 columns wide."""
    first, *_ = report["models"]
    tables = []
    for part, compared in report["parts"].items():
        size = f"{part}: {compared['cases']:,} cases, {compared['publications']:,} publications"
        figures = [
            {"model": name, "over": over}
            | {f"top_{k}": of_model[f"{prefix}top_{k}"] for k in _COMPARED_TOP}
            for prefix, over in reversed(_OVER.items())
            for name, of_model in compared["figures"].items()
        ]
        differences = [
            {f"{first} less": name, "top": k}
            | {
                f"over {over}": _difference(of_model, f"{prefix}top_{k}")
                for prefix, over in reversed(_OVER.items())
            }
            for name, of_model in compared["differences"].items()
            for k in _COMPARED_TOP
        ]
        tables.append((size, pl.DataFrame(figures)))
        tables.append((f"{first} less the others, {part}", pl.DataFrame(differences)))
    for by, strata in report["strata"].items():
        rows = [
            {"stratum": label, "cases": compared["cases"], "model": name}
            | {figure: of_model[f"macro_{figure}"] for figure in ("top_1", "top_10")}
            | {f"{first} less it, top 10": _difference_or_none(compared, name)}
            for label, compared in strata.items()
            for name, of_model in compared["figures"].items()
        ]
        tables.append((f"{by}, over publications", pl.DataFrame(rows, infer_schema_length=None)))
    return tables


def _difference_or_none(compared: Mapping[str, Any], name: str) -> str | None:
    """How the first model differs from another over publications, of the first ten."""
    if name not in compared["differences"]:
        return None
    return _difference(compared["differences"][name], "macro_top_10")


_COMPARED_TOP = (1, 3, 10)


def _by_model(
    report: Mapping[str, Any], models: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Figures by model, the model that is measured under its own name."""
    return [(report["model"] if m == "model" else m, figures) for m, figures in models.items()]


def _rank_tables(report: Mapping[str, Any]) -> list[tuple[str, pl.DataFrame]]:
    """Ranks of the diagnosis: by part of the cases, with a disease's series, and of the first."""
    tables = []
    for part, models in report["figures"].items():
        rows = [
            {"over": over, "model": name}
            | {
                "top_1": figures[f"{prefix}top_1"],
                "95 %": _bounds(figures[f"{prefix}top_1_interval"]),
            }
            | {figure: figures[f"{prefix}{figure}"] for figure in _RANK_FIGURES}
            for prefix, over in _OVER.items()
            for name, figures in _by_model(report, models)
        ]
        size = models["model"]
        title = f"{part}: {size['n']:,} cases, {size['publications']:,} publications"
        tables.append((title, pl.DataFrame(rows, infer_schema_length=None)))
    everything = _by_model(report, report["figures"]["all"])
    series = [
        {"over": over, "model": name}
        | {f"top_{k}": figures[f"{prefix}series_top_{k}"] for k in (1, 3, 10, 50)}
        for prefix, over in _OVER.items()
        for name, figures in everything
    ]
    tables.append(("A disease of the same series counts as found", pl.DataFrame(series)))
    firsts = [
        {"model": name} | {figure: figures[figure] for figure in _FIRST_FIGURES}
        for name, figures in everything
    ]
    tables.append(("The first rank (means over diseases; micro: over cases)", pl.DataFrame(firsts)))
    return tables


def _paired_table(report: Mapping[str, Any]) -> list[tuple[str, pl.DataFrame]]:
    """Paired differences to the baselines, where there are some."""
    rows = [
        {"part": part, "baseline": name, "over": over}
        | {figure: _difference(figures, prefix + figure) for figure in ("top_1", "top_10")}
        for part, baselines in report["paired"].items()
        for name, figures in baselines.items()
        for prefix, over in _OVER.items()
    ]
    return [("What the model has over the baselines, paired", pl.DataFrame(rows))] if rows else []


def _strata_tables(report: Mapping[str, Any]) -> list[tuple[str, pl.DataFrame]]:
    """The model's figures by stratum, Resnik's beside where they were measured."""
    tables = []
    for by, strata in report["strata"].items():
        rows = [
            {name: row[name] for name in ("stratum", "n", "publications")}
            | {
                f"{figure} {name}": row["model" if name == report["model"] else name][figure]
                for figure in ("top_1", "top_10")
                for name in (report["model"], *("resnik",) * ("resnik" in row))
            }
            for row in strata
        ]
        tables.append((by, pl.DataFrame(rows)))
    return tables


def _difference(figures: Mapping[str, Any], figure: str) -> str:
    low, high = figures[f"{figure}_interval"]
    return f"{figures[figure]:+.3f} ({low:.3f}, {high:.3f})"


_OVER = {"": "cases", "macro_": "publications"}
_RANK_FIGURES = ("top_3", "top_10", "top_50", "mrr", "median_rank")
_FIRST_FIGURES = (
    *("accuracy", "precision", "recall", "f1"),
    *("precision_micro", "recall_micro", "f1_micro"),
)
