"""How much earlier the right disease is among the first ten: docs/benchmarks/diagnosis.md.

The cases are protocol A's or B's (`diagnosis.py`): published later than what the model knows, or
of publications that it does not know. Of them those whose phenotypes began at two ages or more, as
the case states them: an age, or an onset of
childhood, of which the end of the range counts (congenital 0, neonatal 28 days, infantile 1 year,
childhood 5, juvenile 16), so that no phenotype counts before it had surely begun. At each of these
ages the disease is ranked by what had begun until then. What has no age is known at the last one.

"Earlier" is how long before the last age the disease is among the first ten and stays there to the
end; it is 0 where only everything together gets it there. When these patients were diagnosed is not
stated, so that the last age stands for when the picture was whole.

    python benchmarks/early_diagnosis.py [--protocol A] [--round test]
        [--models resnik,naive_bayes]

Prints Markdown: shares of cases with 95 % intervals by bootstrap over publications, and the
quartiles of the years.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from diagnosis import ROOT, split_of
from numpy.typing import NDArray
from uncertain_findings import row_of

from medkg.core.ranking import ordinal_rank
from medkg.core.statistics import Bootstrap, percentile_bounds
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.units import parse_years
from medkg.loaders.sources import load
from medkg.mining.diagnosis.cases import Case, cases_of
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.posterior import posterior
from medkg.mining.diagnosis.train import train_diagnosis

ENDS = {
    "Antenatal onset": 0.0,
    "Fetal onset": 0.0,
    "Congenital onset": 0.0,
    "Neonatal onset": 0.077,
    "Infantile onset": 1.0,
    "Childhood onset": 5.0,
    "Juvenile onset": 16.0,
}
TOP = 10


@dataclass(frozen=True)
class Course:
    """A case's ages, rising, and what it shows at each: `shown[k]` until `ages[k]`."""

    case: Case
    ages: tuple[float, ...]
    shown: tuple[tuple[str, ...], ...]


def main() -> None:
    """Train, rank at each age, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--protocol", choices=("A", "B"), default="A")
    parser.add_argument("--round", choices=("valid", "test"), default="test")
    parser.add_argument("--models", default="resnik,naive_bayes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache")
    arguments = parser.parse_args()
    data = Path(os.environ.get("MEDKG_DATA", ROOT.parent / "shared" / "data"))
    cases = load("phenopackets", data / "phenopackets" / "phenopackets-train.tar.xz")
    split_round = getattr(split_of(arguments.protocol, cases, arguments.cache), arguments.round)
    courses = courses_of(split_round.cases)
    spans = [course.ages[-1] - course.ages[0] for course in courses]
    publications = {course.case.publication for course in courses}
    print(
        f"protocol {arguments.protocol}, {arguments.round}: {len(courses)} cases of"
        f" {len(publications)} publications"
        f" have two ages or more; from the first to the last {quartiles(spans)} years\n"
    )
    print(
        "| model | cases | first age | half of the ages | everything | earlier, of those among the"
        " ten at last | a year or more | years earlier: quartiles |\n" + "|---" * 8 + "|"
    )
    for name in arguments.models.split(","):
        model = train_diagnosis(
            split_round.knowledge, model=name, cases=split_round.earlier, seed=arguments.seed
        )
        print(row_for(name, model, courses), flush=True)


def courses_of(kg: KnowledgeGraph) -> list[Course]:
    """The cases whose phenotypes began at several ages."""
    rows = kg.evidence.filter(relation="HAS_PHENOTYPE").select(
        "subject", "object", onset=pl.col("qualifiers").str.json_path_match("$.onset")
    )
    ages: dict[str, dict[str, float]] = {}
    for patient, phenotype, onset in rows.drop_nulls("onset").iter_rows():
        age = ENDS.get(onset, parse_years(onset))
        if age is not None:
            known = ages.setdefault(patient, {})
            known[phenotype] = min(age, known.get(phenotype, age))
    courses = []
    for case in cases_of(kg):
        began = {p: age for p, age in ages.get(case.id, {}).items() if p in case.present}
        steps = sorted(set(began.values()))
        if len(steps) < 2:
            continue
        shown = [tuple(p for p in began if began[p] <= step) for step in steps[:-1]]
        courses.append(Course(case, tuple(steps), (*shown, case.present)))
    return courses


def row_for(name: str, model: DiagnosisModel, courses: Sequence[Course]) -> str:
    """A row of the table."""
    known = [course for course in courses if row_of(model, course.case) is not None]
    publications = np.array([course.case.publication for course in known])
    hits = [ranks_of(model, course) <= TOP for course in known]
    cells = [name, f"{len(known):,}"]
    stages = (
        [h[0] for h in hits],
        [h[(len(h) - 1) // 2] for h in hits],
        [h[-1] for h in hits],
    )
    cells += [share(np.array(stage, float), publications) for stage in stages]
    reached = [k for k, h in enumerate(hits) if h[-1]]
    years = [years_earlier(known[k], hits[k]) for k in reached]
    of_reached = publications[reached]
    cells.append(share(np.array([y > 0 for y in years], float), of_reached))
    cells.append(share(np.array([y >= 1 for y in years], float), of_reached))
    return f"| {' | '.join(cells)} | {quartiles(years)} |"


def ranks_of(model: DiagnosisModel, course: Course) -> NDArray[np.int64]:
    """The rank of the disease at each age."""
    row = row_of(model, course.case)
    assert row is not None
    columns = [model.knowledge.columns_of(shown) for shown in course.shown]
    nothing = [model.knowledge.columns_of([])] * len(columns)
    logs = posterior(model, columns, nothing, None)
    return np.array([ordinal_rank(each, row) for each in logs])


def years_earlier(course: Course, hits: NDArray[np.bool_]) -> float:
    """How long before the last age the disease is among the first, and stays there."""
    missed = np.flatnonzero(~hits)
    since = 0 if not len(missed) else int(missed[-1]) + 1
    return course.ages[-1] - course.ages[since]


def share(values: NDArray[np.float64], publications: NDArray[np.str_]) -> str:
    """A mean with its interval."""
    low, high = percentile_bounds(Bootstrap.over(publications, 0, 2000).means(values))
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def quartiles(values: Sequence[float]) -> str:
    return ", ".join(f"{q:.1f}" for q in np.quantile(values, [0.25, 0.5, 0.75]))


if __name__ == "__main__":
    main()
