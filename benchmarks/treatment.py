"""Drugs ranked for a disease on Hetionet v1.0, by the hybrid and each of its members.

Data: MEDKG_DATA (by default ../shared/data), folder hetionet with polo-split. The split `polo`
holds back the CtD edges of a published split (483 / 121 / 151); `new-diseases` all CtD edges of
some diseases, a tenth, drawn anew for each seed (`medkg split --how new-tails`), so that training
knows no drug of any tested disease. Settings and weights were chosen on validation edges alone.

    python benchmarks/treatment.py [--splits polo,new-diseases] [--seeds 3] [--out FILE]

Prints Markdown: means over seeds, with the means of the bounds of 95 % intervals by bootstrap over
diseases. With --out the figures are kept as JSON, and a model that is there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from medkg.core.atomic import atomic_file
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.mining.links.split import split_links
from medkg.mining.treatment.train import train_treatment

EDGES = ("mrr", "hits@1", "hits@3", "hits@10")
LISTS = ("precision@10", "recall@10", "ndcg@10", "coverage@10", "novelty@10")
PAIRED = ("mrr", "hits@10", "ndcg@10", "recall@10")


def polo(kg: KnowledgeGraph, folder: Path) -> dict[str, list[str]]:
    """The ids of the published split's validation and test edges."""
    edges = kg.edges.filter(relation="TREATS").select("id", "subject", "object")
    split = {}
    for part, file in (("valid", "dev"), ("test", "test")):
        read = pl.read_csv(
            folder / "polo-split" / f"{file}.txt",
            separator="\t",
            has_header=False,
            new_columns=["subject", "metaedge", "object"],
        ).with_columns(
            pl.col("subject").str.replace("Compound::", "drugbank:"),
            pl.col("object").str.replace("Disease::", ""),
        )
        matched = edges.join(read, on=["subject", "object"])
        if matched.height != read.height:
            raise SystemExit(f"{read.height - matched.height} edges of {file} aren't there")
        split[part] = matched["id"].to_list()
    return split


def main() -> None:
    parser = argparse.ArgumentParser(description="Drugs ranked for a disease on Hetionet.")
    parser.add_argument("--splits", default="polo,new-diseases")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MEDKG_DATA", default)) / "hetionet"
    kg = load("hetionet", folder)
    kept: dict[str, Any] = {}
    if arguments.out is not None and arguments.out.is_file():
        kept = json.loads(arguments.out.read_text(encoding="utf-8"))
    for seed in range(arguments.seeds):
        for how in arguments.splits.split(","):
            if (key := f"{how} {seed}") in kept:
                continue
            if how == "polo":
                split = polo(kg, folder)
            else:
                split = split_links(kg, "TREATS", "new-tails", seed=seed).held_back()
            start = time.process_time()
            model = train_treatment(kg, seed=seed, split=split)
            minutes = round((time.process_time() - start) / 60, 1)
            kept[key] = {"weights": model.weights, "minutes": minutes, **model.metrics}
            print(key, minutes, model.weights, file=sys.stderr)
            if arguments.out is not None:
                with atomic_file(arguments.out) as file:
                    file.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    for how in arguments.splits.split(","):
        report(how, [run for key, run in kept.items() if key.startswith(f"{how} ")])


def report(how: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """The tables of a split."""
    tests = [run["test"] for run in runs]
    first = tests[0]
    print(
        f"\n## {how}: {first['edges']} edges of {first['diseases']} diseases, {len(runs)} seeds\n"
    )
    print(f"CPU minutes: {', '.join(str(run['minutes']) for run in runs)}")
    for run in runs:
        chosen = run["training"]["collaborative"]
        print(
            f"weights {run['weights']}, {chosen['factors']} factors, λ {chosen['regularisation']};"
            f" validation {run['training']['validation']}"
        )
    for names in (EDGES, LISTS):
        table(names, {name: [t["figures"][name] for t in tests] for name in first["figures"]})
    print("\nOver all pairs of drugs and diseases:")
    print("\n| | AUROC | AUPRC |\n|---|---|---|")
    for name in first["pooled"]:
        rows = [test["pooled"][name] for test in tests]
        cells = (f"{np.mean([row[figure] for row in rows]):.3f}" for figure in ("auroc", "auprc"))
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\nOf {first['pooled']['hybrid']['pairs']:,} pairs {first['pooled']['hybrid']['true']}")
    print("\nThe hybrid's lead, paired:")
    table(PAIRED, {name: [t["paired"][name] for t in tests] for name in first["paired"]})
    for stratum in first["strata"]:
        have = [t["strata"][stratum] for t in tests if stratum in t["strata"]]
        sizes = ", ".join(f"{rows['hybrid']['edges']}" for rows in have)
        print(f"\nDiseases with {stratum} known drugs in training ({sizes} edges):")
        table(PAIRED, {name: [rows[name] for rows in have] for name in have[0]})
    print("\nProbabilities on the test:")
    for run in runs:
        print({name: run["calibration"][name] for name in ("base_rate", "n", "true", "brier",
              "brier_of_base_rate", "ece")})  # fmt: skip


def table(names: Sequence[str], rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """A row a model, a column a figure."""
    print(f"\n| | {' | '.join(names)} |")
    print("|---" * (len(names) + 1) + "|")
    for model, runs in rows.items():
        print(f"| {model} | {' | '.join(cell(runs, name) for name in names)} |")


def cell(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    """The mean over seeds, and the means of the intervals' bounds."""
    if name == "coverage@10":
        return f"{np.mean([run[name] for run in runs]):.3f}"
    low, high = np.mean([run[f"{name}_interval"] for run in runs], axis=0)
    return f"{np.mean([run[name] for run in runs]):.3f} ({low:.3f}–{high:.3f})"


if __name__ == "__main__":
    main()
