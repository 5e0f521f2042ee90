"""What a probability of a finding adds to diagnosis, over a finding that is there or isn't.

The cases are protocol A's validation or test (`diagnosis.py`). Of each, the phenotypes that one
kind of examination shows are taken away, and given back through a detector. Only the detector is
simulated: for each label of a panel (the 20 terms of this kind that earlier cases have most often)
it has a normally distributed score, whose means for those who have the finding and those who don't
lie so far apart that the threshold in the middle has the stated sensitivity and specificity, and
it states the probability that follows from the score and from how often earlier cases of the kind
have the finding. Then the disease is ranked with

- hidden: nothing of the examination;
- hard: the findings whose probability is at least .5;
- soft: the probabilities: with that of each state of the uncertain findings (each is there, or
  nothing is known of it), P(disease) = Σ P(state) P(disease | state), which is Jeffrey's rule (The
  Logic of Decision, 1965, chapter 11);
- true: the panel's findings as they are.

    python benchmarks/uncertain_findings.py [--round test] [--model ranker] [--seed 0]

Prints Markdown: top 10 over cases, and paired differences with 95 % intervals by bootstrap over
publications.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from diagnosis import ROOT, split_of
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from medkg.core.ranking import ordinal_rank
from medkg.core.statistics import Bootstrap, percentile_bounds
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.mining.diagnosis.cases import Case, cases_of
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.posterior import posterior, uncertain_posterior
from medkg.mining.diagnosis.train import train_diagnosis

EXAMINATIONS = {
    "skeletal radiograph": "HP:0011842",
    "brain imaging": "HP:0012443",
    "echocardiogram": "HP:0001627",
    "EEG": "HP:0002353",
}
DETECTORS = ((0.80, 0.80), (0.90, 0.90), (0.95, 0.95))
PANEL = 20
WAYS = ("hidden", "hard", "soft", "true")
TOP = 10


def main() -> None:
    """Train, take away, give back, rank, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--round", choices=("valid", "test"), default="valid")
    parser.add_argument("--model", default="ranker")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache")
    arguments = parser.parse_args()
    data = Path(os.environ.get("MEDKG_DATA", ROOT.parent / "shared" / "data"))
    cases = load("phenopackets", data / "phenopackets" / "phenopackets-train.tar.xz")
    split_round = getattr(split_of("A", cases, arguments.cache), arguments.round)
    model = train_diagnosis(
        split_round.knowledge,
        model=arguments.model,
        cases=split_round.earlier,
        seed=arguments.seed,
    )
    earlier, later = cases_of(split_round.earlier), cases_of(split_round.cases)
    later = [case for case in later if row_of(model, case) is not None]
    print(f"{arguments.model}, protocol A, {arguments.round}: {len(later):,} cases\n")
    differences = "soft less hard (95 %) | hard less hidden (95 %)"
    print(
        f"| examination | cases | sensitivity, specificity | {' | '.join(WAYS)} | {differences} |"
    )
    print("|---" * 9 + "|")
    for name, root in EXAMINATIONS.items():
        terms = terms_under(split_round.knowledge, root)
        shown = [case for case in later if terms.intersection(case.present)]
        frequency = panel_of(earlier, terms, model)
        for sensitivity, specificity in DETECTORS:
            generator = np.random.default_rng(arguments.seed)
            distance = float(norm.ppf(sensitivity) + norm.ppf(specificity))
            ranks = np.array(
                [list(ranks_of(model, case, terms, frequency, distance, generator))
                 for case in shown]
            )  # fmt: skip
            hits = ranks <= TOP
            cells = [f"{hits[:, place].mean():.3f}" for place in range(len(WAYS))]
            publications = np.array([case.publication for case in shown])
            for more, less in (("soft", "hard"), ("hard", "hidden")):
                gain = hits[:, WAYS.index(more)].astype(float) - hits[:, WAYS.index(less)]
                cells.append(difference(gain, publications))
            print(
                f"| {name} | {len(shown):,} ({len(shown) / len(later):.0%})"
                f" | {sensitivity:.2f}, {specificity:.2f} | {' | '.join(cells)} |",
                flush=True,
            )


def terms_under(knowledge: KnowledgeGraph, root: str) -> set[str]:
    """A term and all that is below it."""
    children: dict[str, list[str]] = {}
    for child, parent in (
        knowledge.edges.filter(relation="SUBCLASS_OF").select("subject", "object").iter_rows()
    ):
        children.setdefault(parent, []).append(child)
    below, todo = set[str](), [root]
    while todo:
        term = todo.pop()
        if term not in below:
            below.add(term)
            todo += children.get(term, [])
    return below


def panel_of(earlier: Sequence[Case], terms: set[str], model: DiagnosisModel) -> dict[str, float]:
    """The most frequent terms of an examination, and their share of the cases that have some."""
    counts: Counter[str] = Counter()
    number = 0
    for case in earlier:
        own = terms.intersection(case.present)
        number += bool(own)
        counts.update(own & model.knowledge.phenotype_columns.keys())
    return {term: count / number for term, count in counts.most_common(PANEL)}


def row_of(model: DiagnosisModel, case: Case) -> int | None:
    """The row of a case's disease, None if it is no candidate."""
    rows = (model.knowledge.disease_rows.get(disease) for disease in case.diseases)
    return next((row for row in rows if row is not None), None)


def ranks_of(
    model: DiagnosisModel,
    case: Case,
    terms: set[str],
    frequency: dict[str, float],
    distance: float,
    generator: np.random.Generator,
) -> Iterator[int]:
    """The rank of a case's disease in each of `WAYS`."""
    knowledge = model.knowledge
    row = row_of(model, case)
    assert row is not None
    others = knowledge.columns_of([term for term in case.present if term not in terms])
    panel = list(frequency)
    has = np.array([term in case.present for term in panel])
    score = generator.normal(distance * has)
    stated = expit(logit(np.array(list(frequency.values()))) + distance * score - distance**2 / 2)
    nothing = knowledge.columns_of([])
    uncertain = {
        int(knowledge.phenotype_columns[term]): float(p)
        for term, p in zip(panel, stated, strict=True)
    }
    certain = (
        [],
        [term for term, p in zip(panel, stated, strict=True) if p >= 0.5],
        None,
        [term for term in panel if term in case.present],
    )
    for given in certain:
        if given is None:
            logs = uncertain_posterior(model, others, nothing, uncertain, None)
        else:
            own = np.union1d(others, knowledge.columns_of(given)).astype(np.int64)
            logs = posterior(model, [own], [nothing], None)[0]
        yield ordinal_rank(logs, row)


def difference(gain: NDArray[np.float64], publications: NDArray[np.str_]) -> str:
    """A mean difference with its interval."""
    low, high = percentile_bounds(Bootstrap.over(publications, 0, 2000).means(gain))
    return f"{gain.mean():+.3f} ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
