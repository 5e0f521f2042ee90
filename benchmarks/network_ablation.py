"""What the graph neural network adds to the diagnosis ranker: the same ranker with and without it.

    python benchmarks/network_ablation.py [--round valid] [--seeds 3] [--out ablation.json]

Protocol A (`benchmarks/diagnosis.py`). Of each seed the networks are trained once, and two sets of
scoring heads on the same patients and candidates: with the network's two features, and with these
constant, so that they get no weight. Once with the earlier cases known, and once with the knowledge
alone, where the heads learn from the earlier cases as those that come with medkg do and no patient
is known to the ranker.

Prints Markdown: top 1, 3 and 10 of both as means over the seeds, and what the network adds, paired
by case (each case's mean over the seeds) with 95 % intervals by bootstrap over publications. With
--out every finished seed is kept in the file, and the same command takes up where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from diagnosis import ROOT, split_of

from medkg.core.atomic import atomic_file
from medkg.core.checkpoint import Stages
from medkg.core.statistics import Bootstrap
from medkg.core.threads import one_thread
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.mining.diagnosis.cross_fitting import CrossFitting
from medkg.mining.diagnosis.evaluate import rank_cases
from medkg.mining.diagnosis.evaluated_cases import EvaluatedCases
from medkg.mining.diagnosis.features import NETWORK_FEATURES, SCORED_FEATURES, DiagnosisFeatures
from medkg.mining.diagnosis.figures import means_with_intervals, top_k_hits
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.leaks import CaseLeaks
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.networks import NetworkTraining
from medkg.mining.diagnosis.ranker import DiagnosisRanker
from medkg.mining.diagnosis.scorers import UntrainedScorer
from medkg.mining.diagnosis.scoring_head import ScoringHead, TrainingPatient
from medkg.mining.diagnosis.split import Round

SIMULATED = 2_800  # patients an epoch, as `train diagnosis` has them
ARMS = ("with the network", "without")
KNOWN = ("earlier cases known", "knowledge alone")
COLUMNS = [SCORED_FEATURES.index(name) for name in NETWORK_FEATURES]
TOP = ("top_1", "top_3", "top_10")


def without_network(fitting: CrossFitting) -> list[ScoringHead]:
    """The scoring heads of the same examples, to which the network says nothing.

    What is constant in training gets no weight, whatever it is later.
    """
    seen = fitting.examples
    fitting.examples = [[blind(example) for example in fold] for fold in seen]
    heads = fitting.heads()
    fitting.examples = seen
    return heads


def blind(example: TrainingPatient) -> TrainingPatient:
    """The patient without the network's features."""
    features = example.features.copy()
    features[:, COLUMNS] = 0
    return replace(example, features=features)


def rankers(split_round: Round, known: str, seed: int) -> dict[str, DiagnosisModel]:
    """The ranker with and without its network."""
    kg, cases = split_round.knowledge, split_round.earlier
    with_cases = known == KNOWN[0]
    training = NetworkTraining(SIMULATED, seed, "cpu", Stages(None))
    fitting = CrossFitting(
        kg, cases, Knowledge.of(kg, cases), training, train_on_patients=with_cases
    )
    knowledge = Knowledge.of(kg, cases if with_cases else None)
    network = training.network(knowledge, np.arange(len(knowledge.patient_rows)), "network")
    features = DiagnosisFeatures(knowledge, network)
    settings = {"simulated": SIMULATED, "seed": seed, "cases": 0, "learnt_from": []}
    return {
        arm: DiagnosisModel(
            kg, "ranker", knowledge, DiagnosisRanker(features, heads), 1.0, settings, {}
        )
        for arm, heads in zip(ARMS, (fitting.heads(), without_network(fitting)), strict=True)
    }


@one_thread()
def measure(split_round: Round, known: str, seed: int) -> dict[str, list[float | None]]:
    """The rank of every case by both; null where it is missed."""
    ranks = {}
    for arm, model in rankers(split_round, known, seed).items():
        evaluated = EvaluatedCases.of(model, split_round.cases)
        ranked, _ = rank_cases(model, evaluated, {}, use_excluded=False, seed=seed)
        ranks[arm] = [float(r) if np.isfinite(r) else None for r in ranked["model"].ranks]
    return ranks


def show(known: str, parts: EvaluatedCases, by_seed: Sequence[dict[str, Any]]) -> None:
    """Print the figures of both and their difference, by part."""
    hits = {}
    for arm in ARMS:
        ranks = np.array([[np.inf if r is None else r for r in run[arm]] for run in by_seed])
        of_seeds = [top_k_hits(row) for row in ranks]
        hits[arm] = {name: np.mean([each[name] for each in of_seeds], axis=0) for name in TOP}
    for part, mask in parts.parts(CaseLeaks({}, {})).items():
        bootstrap = Bootstrap.over(parts.publications[mask], 0, 2000)
        for prefix, over in (("", "micro"), ("macro_", "macro")):
            cells = []
            for arm in ARMS:
                means = {}
                for name in TOP:
                    means |= means_with_intervals(bootstrap, name, hits[arm][name][mask])
                cells.append(" ".join(f"{means[prefix + name]:.3f}" for name in TOP))
            for name in TOP:
                own = hits[ARMS[0]][name][mask] - hits[ARMS[1]][name][mask]
                means = means_with_intervals(bootstrap, name, own, difference=True)
                low, high = means[f"{prefix}{name}_interval"]
                cells.append(f"{means[prefix + name]:+.3f} ({low:+.3f} to {high:+.3f})")
            sizes = f"{mask.sum():,} of {len(bootstrap.sizes)}"
            print(f"| {known} | {part}, {sizes} | {over} | {' | '.join(cells)} |")


def parts_of(kg: KnowledgeGraph, split_round: Round) -> EvaluatedCases:
    """The cases, by what the earlier ones and the knowledge have of their diseases."""
    knowledge = Knowledge.of(kg, split_round.earlier)
    model = DiagnosisModel(
        kg, "conditional", knowledge, UntrainedScorer("conditional", knowledge), 1.0, {}, {}
    )
    return EvaluatedCases.of(model, split_round.cases)


def main() -> None:
    """Train, rank, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--round", choices=("valid", "test"), default="valid")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache")
    parser.add_argument("--out", type=Path, help="a JSON file that keeps every finished seed")
    arguments = parser.parse_args()
    kept: dict[str, Any] = {}
    if arguments.out is not None and arguments.out.is_file():
        kept = json.loads(arguments.out.read_text(encoding="utf-8"))
    data = Path(os.environ.get("MEDKG_DATA", ROOT.parent / "shared" / "data"))
    cases = load("phenopackets", data / "phenopackets" / "phenopackets-train.tar.xz")
    split_round = getattr(split_of("A", cases, arguments.cache), arguments.round)
    for seed in range(arguments.seeds):
        for known in KNOWN:
            key = f"{arguments.round}, {known}, seed {seed}"
            if key in kept:
                continue
            start = time.perf_counter()
            kept[key] = measure(split_round, known, seed)
            print(f"{key}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
            if arguments.out is not None:
                with atomic_file(arguments.out) as draft:
                    draft.write_text(json.dumps(kept), encoding="utf-8")
    print(
        "| ranker | part: cases, publications | over | with | without | " + " | ".join(TOP) + " |"
    )
    print("|---" * 8 + "|")
    parts = parts_of(split_round.knowledge, split_round)
    for known in KNOWN:
        runs = [kept[f"{arguments.round}, {known}, seed {s}"] for s in range(arguments.seeds)]
        show(known, parts, runs)


if __name__ == "__main__":
    main()
