"""What candidate genes, sex and onset add to a diagnosis.

    medkg train diagnosis graphs/hpo-2021-10 --model naive_bayes --out models/diagnosis
    python benchmarks/circumstances.py models/diagnosis --cases phenopackets.tar.xz [--seed 0]

The cases are published ones with a PMID above 34,600,000, later than any that HPO's annotations of
2021-10 cite, one of each publication, whose disease the model knows and which name a gene. Their
genes are of the published diagnosis, which is the best that sequencing can give; so they are mixed
with others, drawn from the genes that any disease is associated with, and left out in a last row.
Onset is the one that the case states of its disease. Prints Markdown: top-1, top-3, top-10 with
95 % intervals by bootstrap over cases; and what the factors of sex and age are chosen by: of the
cases of diseases that the model knows, how many are male where inheritance is X-linked recessive,
and how many began a month before the earliest onset that is annotated, beside what chance gives.
"""

from __future__ import annotations

import argparse
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import beta

import medkg
from medkg.cases import open_cases
from medkg.core.errors import DataError
from medkg.core.progress import track
from medkg.core.quarantine import Quarantine
from medkg.core.ranking import best_rank
from medkg.core.statistics import draws_one_by_one, percentile_bounds
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.cases import cases_of
from medkg.mining.diagnosis.circumstances import (
    A_MONTH,
    Circumstances,
    earliest_onsets,
    x_recessive_rows,
    years_of_onset,
)
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.posterior import factors_for, posterior

LATER_THAN = 34_600_000
TOP = (1, 3, 10)


def later_cases(
    model: DiagnosisModel, cases: KnowledgeGraph, rng: np.random.Generator
) -> list[Any]:
    """One case of each later publication: phenotypes, row of the disease, gene, sex and onset."""
    # Genes of cases and of annotations have identifiers of two sources, and one symbol.
    symbols = dict(cases.nodes.filter(kind="Target").select("id", "name").iter_rows())
    own = set(model.kg.nodes.filter(kind="Target")["name"])
    genes = dict(
        cases.edges.filter(relation="HAS_VARIANT_IN").select("subject", "object").iter_rows()
    )
    sexes = _stated(cases.nodes.filter(kind="Patient"), "id", "sex")
    onsets = _stated(cases.edges.filter(relation="HAS_DISEASE"), "subject", "onset")
    by_publication: dict[str, list[Any]] = {}
    rows = model.knowledge.disease_rows
    for case in cases_of(cases):
        pmid = re.fullmatch(r"PMID:(\d+)", case.publication)
        diseases = [rows[disease] for disease in case.diseases if disease in rows]
        gene = symbols.get(genes.get(case.id, ""))
        present = model.knowledge.columns_of(case.present)
        if pmid and int(pmid[1]) > LATER_THAN and diseases and gene in own and len(present):
            sex = sexes.get(case.id)
            sex = sex if sex in ("female", "male") else None
            about = (present, diseases[0], gene, sex, _onset(onsets.get(case.id)))
            by_publication.setdefault(case.publication, []).append(about)
    return [of[int(rng.integers(len(of)))] for _, of in sorted(by_publication.items())]


def of_x_recessive(model: DiagnosisModel, cases: KnowledgeGraph) -> tuple[int, int, int]:
    """Of the cases whose disease is X-linked recessive: how many there are, male ones, diseases."""
    men = x_recessive_rows(model.kg, model.knowledge)
    sexes = _stated(cases.nodes.filter(kind="Patient"), "id", "sex")
    rows = model.knowledge.disease_rows
    of = [
        (rows[case.diseases[0]], sexes[case.id])
        for case in cases_of(cases)
        if case.diseases
        and rows.get(case.diseases[0]) in men
        and sexes.get(case.id) in ("female", "male")
    ]
    return len(of), sum(sex == "male" for _, sex in of), len({row for row, _ in of})


def younger_than_onset(model: DiagnosisModel, cases: KnowledgeGraph) -> tuple[int, float, float]:
    """Of the cases with an onset whose disease has one annotated: how many, the share that began
    more than a month before the earliest, and the same with the onsets of all such diseases."""
    earliest = earliest_onsets(model.kg, model.knowledge)
    onsets = _stated(cases.edges.filter(relation="HAS_DISEASE"), "subject", "onset")
    rows = model.knowledge.disease_rows
    pairs = [
        (years_of_onset(onset)[0], earliest[rows[case.diseases[0]]])
        for case in cases_of(cases)
        if case.diseases
        and rows.get(case.diseases[0]) in earliest
        and (onset := _onset(onsets.get(case.id)))
    ]
    began, first = np.array(pairs).T - [[0], [A_MONTH]]
    by_chance = float((began[:, None] < first[None, :]).mean())
    return len(pairs), float((began < first).mean()), by_chance


def _stated(rows: pl.DataFrame, key: str, name: str) -> dict[str, str]:
    value = pl.col("properties").str.json_path_match(f"$.{name}")
    return dict(rows.select(key, value=value).drop_nulls().iter_rows())


def _onset(text: str | None) -> str | None:
    try:
        return text if text and years_of_onset(text) else None
    except DataError:
        return None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = medkg.load_model(args.model)
    assert isinstance(model, DiagnosisModel)
    cases = open_cases(args.cases, Quarantine())
    rng = np.random.default_rng(args.seed)
    patients = later_cases(model, cases, rng)
    others = model.kg.edges.filter(relation="ASSOCIATED_WITH")["object"].unique().sort().to_list()
    drawn = [rng.choice(others, 100, replace=False).tolist() for _ in patients]
    known = partial(Circumstances, prevalence=False)
    ways: dict[str, Any] = {
        "phenotypes alone": lambda n, gene, sex, onset: known(),
        "and sex": lambda n, gene, sex, onset: known(sex=sex),
        "and onset": lambda n, gene, sex, onset: known(onset=onset),
        "and the gene": lambda n, gene, sex, onset: known((gene,)),
        "and the gene among 10": lambda n, gene, sex, onset: known((gene, *drawn[n][:9])),
        "and the gene among 100": lambda n, gene, sex, onset: known((gene, *drawn[n][:99])),
        "and 10 genes, not it": lambda n, gene, sex, onset: known(tuple(drawn[n][:10])),
    }
    stated = {"sex": 3, "onset": 4}
    counts = {name: sum(p[at] is not None for p in patients) for name, at in stated.items()}
    print(f"{len(patients)} cases, model {model.name}; stated: {json.dumps(counts)}\n")
    print("| known | top-1 | top-3 | top-10 |\n|---|---|---|---|")
    for name, way in ways.items():
        ranks = []
        for n, (present, disease, *about) in enumerate(track(patients, name)):
            given = way(n, *about)
            factors = factors_for(model, given)
            logs = posterior(model, [present], [present[:0]], factors)[0]
            ranks.append(best_rank(logs, [disease]))
        of_all = np.array(ranks)
        counts = draws_one_by_one(len(of_all), rng, 2000)
        cells = []
        for k in TOP:
            low, high = percentile_bounds(counts @ (of_all <= k) / len(of_all))
            cells.append(f"{(of_all <= k).mean():.2f} ({low:.2f}-{high:.2f})")
        print(f"| {name} | {' | '.join(cells)} |")
    number, men, diseases = of_x_recessive(model, cases)
    low, high = beta.interval(0.95, men + 0.5, number - men + 0.5)
    print(f"\nX-linked recessive: {men} of {number} cases of {diseases} diseases are male", end=" ")
    print(f"({low:.3f}-{high:.3f})")
    number, share, by_chance = younger_than_onset(model, cases)
    print(
        f"Onset before what is annotated: {share:.4f} of {number} cases, {by_chance:.4f} by chance"
    )


if __name__ == "__main__":
    main()
