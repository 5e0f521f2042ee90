"""How well a diagnosis model ranks the diagnoses of published cases: leaks looked for, baselines
beside, figures with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ModelError
from ...core.progress import progress
from ...core.statistics import Bootstrap
from ...graph.kg import KnowledgeGraph
from .calibration import CalibrationRecord, CalibrationReport
from .evaluated_cases import EvaluatedCases, Mask
from .figures import (
    PAIRED_FIGURES,
    Figures,
    Ranks,
    best_ranks,
    figures_of,
    finite_rank,
    first_of,
    means_with_intervals,
    paired_difference,
    rounded,
    top_k_hits,
)
from .knowledge import Floats, Integers
from .leaks import CaseLeaks, LeakReport, find_leaks
from .model import BATCH_SIZE, DiagnosisModel
from .scorers import BASELINES

# A stratum of more cases than these in which a model is below Resnik is reported.
_MANY = 100
_NONE_FIRST = -2  # the row put first where nothing is known of a patient


class Evaluation(CalibrationReport):
    """What `evaluate_diagnosis` gives; see there."""

    model: str
    use_excluded: bool
    seed: int
    n: int
    publications: int
    candidates: int
    known: int
    known_publications: float
    undiagnosed: int
    without_phenotype: int
    phenotypes: int
    unknown_phenotypes: int
    leaks: LeakReport
    figures: dict[str, dict[str, Figures]]
    paired: dict[str, dict[str, Figures]]
    strata: dict[str, list[Stratum]]
    below_resnik: list[BelowResnik]
    ranks: list[CaseRanks]


# A stratum: `stratum`, `n`, `publications`, the figures of each model, and `over_resnik`.
Stratum = dict[str, Any]
# What ranks by phenotypes alone: patients, as columns of a knowledge, × diseases.
Score = Callable[[Sequence[Integers]], Floats]
# A case: `case`, `publication`, `diseases`, and the rank by each model, null where missed.
CaseRanks = dict[str, Any]


class BelowResnik(TypedDict):
    """A figure of a stratum in which a model is below Resnik."""

    stratum: str
    n: int
    publications: int
    figure: str
    model: float
    resnik: float
    difference: float
    interval: list[float]


@dataclass(frozen=True)
class RankedCases:
    """How a model ranked cases.

    Attributes:
        ranks: of the best ranked of each case's diseases, of equal scores the mean; infinite where
            none is a candidate, or no phenotype is known.
        series: likewise of the diseases that are of one series with one of them.
        first: row of the disease put first, -2 where nothing is known of the patient.
    """

    ranks: Ranks
    series: Ranks
    first: Integers

    @classmethod
    def all_missed(cls, cases: int) -> RankedCases:
        """As many cases, none of which is ranked."""
        missed = np.full(cases, np.inf)
        return cls(missed, missed.copy(), np.full(cases, _NONE_FIRST))


def evaluate_diagnosis(
    model: DiagnosisModel,
    cases: KnowledgeGraph,
    *,
    use_excluded: bool = False,
    allow_leaks: bool = False,
    seed: int = 0,
) -> Evaluation:
    """How a model ranks the diagnosis of published cases, Resnik and naive Bayes beside it.

    A case counts by the best ranked of its diseases. One whose disease is no candidate, or that has
    no phenotype which the model knows, counts as missed. Cases without a diagnosis are left out.

    Args:
        cases: Patient nodes with HAS_PHENOTYPE and HAS_DISEASE.
        use_excluded: use LACKS_PHENOTYPE too (the model alone, not the baselines). In published
            collections what is excluded gives the publication away, so headline figures leave it
            out.
        allow_leaks: measure although the model knows some of the cases, with and without these.
        seed: of the choice among equal scores, and of the bootstrap.

    Returns:
        `n`, `publications`, `candidates`, `known` (cases whose disease is a candidate: no figure
        can be above their share), `known_publications` (likewise, the mean of the shares of the
        publications), `undiagnosed` (left out), `without_phenotype`, `phenotypes` and
        `unknown_phenotypes` (of the cases, and those of them that the model doesn't know); `leaks`
        (`CaseLeaks.to_dict`). `figures`, by part and model (`figures_of`); `paired`, by part and
        baseline: the model's minus its (`paired_difference`); `strata`: by number of phenotypes
        that are known, by number of the disease's patients and annotations that are, by sex, by
        age of onset, and by the publication's PMID, in the order of time;
        `below_resnik`: where, with more than 100 cases, a figure is below Resnik's; `calibration`
        of the first rank and of the first 100 candidates, and `open_set`, if the model has one,
        both by what was seen alone; and `ranks`: of each case, by model, null where missed.

        The parts: `closed` (the model had patients with the disease), `open` (it had none),
        `reachable by knowledge alone` (the graph annotates the disease), `open, reachable` (both),
        and `without leaks`. Those that hold no case or all are left out.

    Raises:
        DataError: no case has a diagnosis.
        ModelError: the model knows some of the cases, and leaks are not allowed.
    """
    evaluated = EvaluatedCases.of(model, cases)
    leaks = leaks_of(model, evaluated, allow_leaks=allow_leaks)
    undiagnosed = cases.nodes.filter(kind="Patient").height - len(evaluated.cases)
    baselines = {
        name: partial(score, model.knowledge)
        for name, score in BASELINES.items()
        if name != model.name
    }
    ranked, calibration = rank_cases(
        model, evaluated, baselines, use_excluded=use_excluded, seed=seed
    )
    return _report(
        _Comparison(model, evaluated, ranked, seed), leaks, calibration, undiagnosed, use_excluded
    )


def _report(
    comparison: _Comparison,
    leaks: CaseLeaks,
    calibration: CalibrationReport,
    undiagnosed: int,
    use_excluded: bool,
) -> Evaluation:
    model, evaluated = comparison.model, comparison.evaluated
    parts = evaluated.parts(leaks)
    by_part = {part: comparison.stratum(part, mask) for part, mask in parts.items()}
    strata = {
        by: [comparison.stratum(label, mask) for label, mask in masks.items()]
        for by, masks in evaluated.strata().items()
    }
    phenotypes = [id_ for case in evaluated.cases for id_ in case.present]
    known_phenotypes = model.knowledge.phenotype_columns
    return {
        "model": model.name,
        "use_excluded": use_excluded,
        "seed": comparison.seed,
        "n": len(evaluated.cases),
        "publications": len(np.unique(evaluated.publications)),
        "candidates": len(model.knowledge.diseases),
        "known": int(evaluated.known.sum()),
        "known_publications": rounded(_group_means(evaluated.known, evaluated.publications).mean()),
        "undiagnosed": undiagnosed,
        "without_phenotype": int((~evaluated.usable).sum()),
        "phenotypes": len(phenotypes),
        "unknown_phenotypes": sum(id_ not in known_phenotypes for id_ in phenotypes),
        "leaks": leaks.to_dict(),
        "figures": {part: comparison.figures(mask) for part, mask in parts.items()},
        "paired": {part: comparison.paired(mask) for part, mask in parts.items()},
        "strata": strata,
        "below_resnik": [
            *(below for part, row in by_part.items() for below in _below(row, part)),
            *(
                below
                for by, rows in strata.items()
                for row in rows
                for below in _below(row, f"{by}, {row['stratum']}")
            ),
        ],
        "calibration": calibration["calibration"],
        "open_set": calibration["open_set"],
        "ranks": list(comparison.rank_rows()),
    }


def leaks_of(model: DiagnosisModel, evaluated: EvaluatedCases, *, allow_leaks: bool) -> CaseLeaks:
    """Which of the cases a model knows already.

    Raises:
        ModelError: it knows some, and leaks are not allowed.
    """
    learnt_from = model.settings.get("learnt_from", ())
    leaks = find_leaks(model.kg, model.knowledge, evaluated.cases, learnt_from)
    if leaks.cases and not allow_leaks:
        raise ModelError(_refusal(model, leaks, len(evaluated.cases)))
    return leaks


def _refusal(model: DiagnosisModel, leaks: CaseLeaks, cases: int) -> str:
    report = leaks.to_dict()
    sorts = "\n".join(
        f"  {count:,} × {sort}, as {report['first'][sort][0]}"
        for sort, count in report["by_sort"].items()
    )
    return (
        f"{report['leaked']:,} of {cases:,} cases are known to {model.name} already, so that its"
        f" figures would mean nothing:\n{sorts}\n"
        "test other cases, train on what medkg split --cases makes, or give --allow-leaks for the"
        " figures with and without them"
    )


def rank_cases(
    model: DiagnosisModel,
    cases: EvaluatedCases,
    baselines: Mapping[str, Score],
    *,
    use_excluded: bool,
    seed: int,
) -> tuple[dict[str, RankedCases], CalibrationReport]:
    """How a model (`model`) and baselines rank the cases; calibration and open set of the model.

    Args:
        cases: as this model sees them.
        baselines: by name, of the same knowledge.
    """
    ranked = {name: RankedCases.all_missed(len(cases.cases)) for name in ("model", *baselines)}
    record = CalibrationRecord(model, cases)
    usable = np.flatnonzero(cases.usable)
    starts = range(0, len(usable), BATCH_SIZE)
    with progress("Diagnosing", len(starts) * len(ranked)) as step:
        for start in starts:
            batch = usable[start : start + BATCH_SIZE]
            present = [cases.present[case] for case in batch]
            scores = model.scores(present)
            record.add(scores, batch)
            if use_excluded:
                excluded = [cases.excluded[case] for case in batch]
                scores = model.log_probabilities(present, excluded, scores=scores)
            for name, result in ranked.items():
                if name != "model":
                    scores = baselines[name](present)
                result.first[batch] = first_of(scores, seed)
                result.ranks[batch] = best_ranks(scores, [cases.rows[case] for case in batch])
                result.series[batch] = best_ranks(scores, [cases.series[case] for case in batch])
                step()
    return ranked, record.report()


@dataclass(frozen=True)
class _Comparison:
    """A model and the baselines on the same cases.

    Attributes:
        ranked: by name; the model is `model`.
        seed: of the bootstrap.
    """

    model: DiagnosisModel
    evaluated: EvaluatedCases
    ranked: Mapping[str, RankedCases]
    seed: int

    def figures(self, mask: Mask) -> dict[str, Figures]:
        """The figures of each on some of the cases."""
        return {
            name: figures_of(
                result.ranks[mask],
                result.first[mask],
                self._answers(result)[mask],
                self.evaluated.publications[mask],
                series=result.series[mask],
                seed=self.seed,
            )
            for name, result in self.ranked.items()
        }

    def _answers(self, result: RankedCases) -> Integers:
        """The number of each case's disease: of several, that which was put first, if one was."""
        cases = self.evaluated
        return np.array(
            [
                first if first in rows else answer
                for first, rows, answer in zip(result.first, cases.rows, cases.answers, strict=True)
            ]
        )

    def paired(self, mask: Mask) -> dict[str, Figures]:
        """The model's figures minus each baseline's on some of the cases."""
        return {
            name: paired_difference(
                self.ranked["model"].ranks[mask],
                result.ranks[mask],
                self.evaluated.publications[mask],
                seed=self.seed,
            )
            for name, result in self.ranked.items()
            if name != "model"
        }

    def stratum(self, label: str, mask: Mask) -> Stratum:
        """A stratum's size, the figures of each in it, and the model's minus Resnik's."""
        groups = self.evaluated.publications[mask]
        bootstrap = Bootstrap.over(groups, self.seed, 1)
        row: Stratum = {
            "stratum": label,
            "n": len(groups),
            "publications": len(bootstrap.sizes),
        }
        for name, result in self.ranked.items():
            ranks = result.ranks[mask]
            means: Figures = {}
            for figure, value in {**top_k_hits(ranks), "mrr": 1 / ranks}.items():
                means |= means_with_intervals(bootstrap, figure, value)
            row[name] = {k: v for k, v in means.items() if not k.endswith("_interval")}
        if "resnik" in self.ranked:
            ours, theirs = (self.ranked[name].ranks[mask] for name in ("model", "resnik"))
            row["over_resnik"] = paired_difference(ours, theirs, groups, seed=self.seed)
        return row

    def rank_rows(self) -> Iterator[CaseRanks]:
        """Each case with its rank by each, null where missed."""
        for number, case in enumerate(self.evaluated.cases):
            row = {
                "case": case.id,
                "publication": case.publication,
                "diseases": list(case.diseases),
            }
            ranks = {name: finite_rank(r.ranks[number]) for name, r in self.ranked.items()}
            yield row | ranks


def _below(row: Stratum, stratum: str) -> list[BelowResnik]:
    """The figures of a large stratum that are below Resnik's."""
    over = row.get("over_resnik", {}) if row["n"] > _MANY else {}
    return [
        {
            "stratum": stratum,
            "n": row["n"],
            "publications": row["publications"],
            "figure": figure,
            "model": row["model"][figure],
            "resnik": row["resnik"][figure],
            "difference": over[figure],
            "interval": over[f"{figure}_interval"],
        }
        for name in PAIRED_FIGURES
        for figure in (name, f"macro_{name}")
        if over.get(figure, 0) < 0
    ]


def _group_means(value: Mask, groups: Integers) -> NDArray[np.float64]:
    return np.asarray(np.bincount(groups, weights=value) / np.bincount(groups))
