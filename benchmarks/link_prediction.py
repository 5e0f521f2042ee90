"""Drug → target link prediction on Hetionet v1.0.

Data: MEDKG_DATA (by default ../shared/data), folder hetionet with drug-target-split: edges held
back at random, and all edges of held-back drugs. Every true target is ranked among all genes in
the files, filtered by all known edges; ties count half. Training stops by validation MRR; settings
were chosen on the validation edges.

    python benchmarks/link_prediction.py [--seeds 3] [--models …] [--genes N] [--without IN_CLASS,…]
        [--splits random,new-drugs,polo,side-effects,pathways] [--out FILE] [--keep DIR]

The split `polo` is of drug → disease (CtD) edges, ranked among all diseases; `side-effects` of drug
→ side effect (CcSE), a tenth held back by chance for validation and test each; `pathways` likewise
of gene → pathway (GpPW), of which --genes keeps those of so many genes drawn at random; --without
leaves relations out of the graph; the model `structure` sees a drug's molecule alone.

Prints Markdown: MRR and Hits@1/3/10 on the test edges, with 95 % intervals by bootstrap over drugs;
trained models as the mean of their seeds. With --out the figures are kept as JSON, and a model that
is there already is not trained again. The model `ensemble` joins those before it in --models, which
are all trained for it; its CPU minutes are those of joining. With --keep the models are saved.
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
from medkg.mining.links.model import LinkModel
from medkg.mining.links.task import link_task
from medkg.mining.links.train import ensemble_links, train_links

Runs = dict[str, Any]  # by "SPLIT MODEL SEED": the metrics, and seconds of training
FIGURES = ("mrr", "hits@1", "hits@3", "hits@10")
# What a drug is joined to; the other relations between genes made no difference on validation.
CONTEXT = [
    "CAUSES",
    "DOWNREGULATES",
    "IN_CLASS",
    "PALLIATES",
    "RESEMBLES",
    "TREATS",
    "UPREGULATES",
]
NETWORK: Mapping[str, Any] = {"context_relations": CONTEXT}
MODELS: Mapping[str, Mapping[str, Any]] = {
    "ranker": {"model": "ranker"},
    "paths": {"model": "paths"},
    "structure": {"model": "structure"},
    "degree": {"model": "degree"},
    "neighbours": {"model": "neighbours"},
    "lookup-distmult": {**NETWORK, "encoder": "lookup", "decoder": "distmult"},
    "lookup-complex": {**NETWORK, "encoder": "lookup", "decoder": "complex"},
    "rgcn-distmult": {**NETWORK, "encoder": "rgcn", "decoder": "distmult"},
    "rgcn-complex": {**NETWORK, "encoder": "rgcn", "decoder": "complex"},
}


def options_of(name: str) -> dict[str, Any]:
    """What a model is trained with, by its name in MODELS, and options behind it."""
    model, *options = name.split(":")
    pairs = (option.split("=") for option in options)
    return {**MODELS[model], **{key: json.loads(value) for key, value in pairs}}


_RELATIONS = {"polo": "TREATS", "side-effects": "CAUSES", "pathways": "PARTICIPATES_IN"}


def relation_of(how: str) -> str:
    """The relation whose edges a split holds back."""
    return _RELATIONS.get(how, "TARGETS")


def held_back(kg: KnowledgeGraph, folder: Path, how: str) -> dict[str, list[str]]:
    """The ids of the split's validation and test edges."""
    if how in ("side-effects", "pathways"):
        return link_task(kg, relation_of(how)).held_back
    targets = kg.edges.filter(relation=relation_of(how)).select("id", "subject", "object")
    split = {}
    for part in ("valid", "test"):
        if how == "polo":
            file = folder / "polo-split" / f"{part.replace('valid', 'dev')}.txt"
            read = pl.read_csv(file, separator="\t", has_header=False)
        else:
            read = pl.read_csv(folder / "drug-target-split" / f"{how}-{part}.tsv", separator="\t")
        first, *_, last = read.columns
        pairs = read.select(
            subject=pl.col("source" if how != "polo" else first),
            object=pl.col("target" if how != "polo" else last),
        ).select(
            pl.col("subject").str.replace("Compound::", "drugbank:"),
            pl.col("object").str.replace("Gene::", "NCBIGene:").str.replace("Disease::", ""),
        )
        edges = targets.join(pairs, on=["subject", "object"])
        if edges.height != pairs.height:
            raise SystemExit(f"{pairs.height - edges.height} edges of {how}-{part} aren't there")
        split[part] = edges["id"].to_list()
    return split


def with_pathways_of(number: int, kg: KnowledgeGraph) -> KnowledgeGraph:
    """The graph with the pathways of so many genes alone, drawn at random."""
    edges = kg.edges.filter(relation=relation_of("pathways"))
    genes = edges["subject"].unique().sort().sample(number, seed=0)
    others = edges.filter(~pl.col("subject").is_in(genes.implode()))
    return kg.without_edges(others["id"])


def main() -> None:
    """Train and measure the models, and print a table a split."""
    parser = argparse.ArgumentParser(description="Drug → target link prediction on Hetionet.")
    parser.add_argument("--splits", default="random,new-drugs")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--genes", type=int, help="Of pathways: keep those of so many genes.")
    parser.add_argument("--without", default="", help="Relations left out of the graph.")
    parser.add_argument("--out", type=Path, help="A file of the runs, which is gone on with.")
    parser.add_argument("--keep", type=Path, help="A folder for the graph and the models.")
    arguments = parser.parse_args()
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MEDKG_DATA", default)) / "hetionet"
    kg = load("hetionet", folder)
    if arguments.without:
        left_out = pl.col("relation").is_in(arguments.without.split(","))
        kg = kg.without_edges(kg.edges.filter(left_out)["id"])
    if arguments.genes is not None:
        kg = with_pathways_of(arguments.genes, kg)
    if arguments.keep is not None:
        kg.save(arguments.keep / "graph")
    splits, names = arguments.splits.split(","), arguments.models.split(",")
    runs: Runs = {}
    if arguments.out is not None and arguments.out.is_file():
        runs = json.loads(arguments.out.read_text(encoding="utf-8"))
    # Seeds outermost, so that an unfinished benchmark has figures for every model.
    for seed in range(arguments.seeds):
        for how in splits:
            split = held_back(kg, folder, how)
            run_models(kg, how, split, names, seed, runs, arguments.out, arguments.keep)
    for how in splits:
        print_table(how, names, range(arguments.seeds), runs)


def run_models(
    kg: KnowledgeGraph,
    how: str,
    split: Mapping[str, list[str]],
    names: Sequence[str],
    seed: int,
    runs: Runs,
    out: Path | None,
    keep: Path | None,
) -> None:
    """Train the models that have no run of this split and seed, and add their runs to `runs`.

    Args:
        how: the name of the split.
        out: a file that the runs are written to after each.
        keep: a folder that the models are saved in.
    """
    members: list[LinkModel] = []
    for name in names:
        key = f"{how} {name} {seed}"
        is_done = key in runs and "ensemble" not in names
        if is_done or (seed > 0 and name in ("degree", "neighbours")):
            continue
        start, cpu = time.perf_counter(), time.process_time()
        if name == "ensemble":
            model = ensemble_links(members, seed=seed)
            print(f"{key}: weights {model.metrics['training']['weights']}", file=sys.stderr)
        else:
            model = train_links(
                kg,
                relation_of(how),
                split=split,
                seed=seed,
                out=None if keep is None else keep / f"{how}-{name}-{seed}",
                graph_path=None if keep is None else keep / "graph",
                **options_of(name),
            )
            members.append(model)
        runs[key] = {
            "metrics": model.metrics,
            "seconds": round(time.perf_counter() - start),
            "cpu_seconds": round(time.process_time() - cpu),
        }
        figures = json.dumps(model.metrics["test"]["tail"])
        print(key, figures, runs[key]["cpu_seconds"], file=sys.stderr)
        if out is not None:
            with atomic_file(out) as file:
                file.write_text(json.dumps(runs, indent=1), encoding="utf-8")


def print_table(how: str, names: Sequence[str], seeds: Sequence[int], runs: Runs) -> None:
    """Print the models' figures on a split as a table in Markdown."""
    of_models = {
        name: [runs[key] for seed in seeds if (key := f"{how} {name} {seed}") in runs]
        for name in names
    }
    figures = next(iter(of_models.values()))[0]["metrics"]["test"]["tail"]
    print(
        f"\n{how}: {figures['n']:,} test edges of {figures['groups']:,} heads,"
        f" {figures['candidates']:,} candidates.\n"
    )
    print("| model | seeds | validation MRR | MRR | Hits@1 | Hits@3 | Hits@10 | CPU minutes |")
    print("|---|---|---|---|---|---|---|---|")
    for name, of_seeds in of_models.items():
        valid = np.mean([run["metrics"]["valid"]["mrr"] for run in of_seeds])
        cells = [cell([run["metrics"]["test"]["tail"] for run in of_seeds], f) for f in FIGURES]
        minutes = np.mean([run["cpu_seconds"] for run in of_seeds]) / 60
        row = (name, str(len(of_seeds)), f"{valid:.3f}", *cells, f"{minutes:.1f}")
        print(f"| {' | '.join(row)} |")


def cell(runs: list[dict[str, Any]], figure: str) -> str:
    """The mean over seeds, and the means of the intervals' bounds."""
    low, high = np.mean([run[f"{figure}_interval"] for run in runs], axis=0)
    return f"{np.mean([run[figure] for run in runs]):.3f} ({low:.3f}–{high:.3f})"


if __name__ == "__main__":
    main()
