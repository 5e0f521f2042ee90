"""Several diagnosis models, and all baselines, on the same published cases, paired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np

from ...core.statistics import Bootstrap
from ...graph.kg import KnowledgeGraph
from .calibration import CalibrationReport
from .evaluate import CaseRanks, Score, leaks_of, rank_cases
from .evaluated_cases import EvaluatedCases, Mask
from .figures import (
    PAIRED_FIGURES,
    Figures,
    Ranks,
    finite_rank,
    means_with_intervals,
    paired_difference,
    top_k_hits,
)
from .leaks import CaseLeaks, LeakReport
from .model import DiagnosisModel
from .scorers import UNTRAINED, UntrainedScorer


class Compared(TypedDict):
    """The models on some of the cases.

    Attributes:
        cases, publications: how many there are.
        figures: of each model and baseline: `top_1`, `top_3`, `top_10` and `mrr`, over cases and
            over publications (`macro_…`), each with its interval.
        differences: the first model's figures minus those of each other one, paired by case; the
            intervals are by bootstrap over publications.
    """

    cases: int
    publications: int
    figures: dict[str, Figures]
    differences: dict[str, Figures]


class ComparedModel(CalibrationReport):
    """A model of a comparison: what it is of, what it knows, and how sure it is."""

    model: str
    candidates: int
    known: int
    leaks: LeakReport


class _Figures(TypedDict):
    """Figures by part and stratum, and the ranks of each case, by model."""

    parts: dict[str, Compared]
    strata: dict[str, dict[str, Compared]]
    ranks: list[CaseRanks]


class Comparison(_Figures):
    """What `compare_diagnosis` gives; see there."""

    models: dict[str, ComparedModel]
    baselines: list[str]
    use_excluded: bool
    seed: int


def compare_diagnosis(
    models: Mapping[str, DiagnosisModel],
    cases: KnowledgeGraph,
    *,
    use_excluded: bool = False,
    allow_leaks: bool = False,
    seed: int = 0,
) -> Comparison:
    """How several models rank the diagnosis of the same published cases, all baselines beside.

    Args:
        models: by the name that they have in the report; the others, and the baselines, are
            compared with the first.
        cases, use_excluded, allow_leaks, seed: as for `evaluate_diagnosis`.

    Returns:
        `models`; `parts` and `strata`, as `evaluate_diagnosis` has them, where a patient or an
        annotation of a disease counts that any of the models knows; and `ranks`, of each case by
        each model, null where missed. The baselines are all that need no training, with the
        knowledge of the first model, but what it is itself.

    Raises:
        DataError: no case has a diagnosis.
        ModelError: a model knows some of the cases, and leaks are not allowed.
    """
    seen_by = {name: EvaluatedCases.of(model, cases) for name, model in models.items()}
    leaks = {
        name: leaks_of(model, seen_by[name], allow_leaks=allow_leaks)
        for name, model in models.items()
    }
    ranks: dict[str, Ranks] = {}
    of_baselines: dict[str, Ranks] = {}
    described: dict[str, ComparedModel] = {}
    for name, model in models.items():
        ranked, calibration = rank_cases(
            model,
            seen_by[name],
            {} if ranks else _baselines(model),
            use_excluded=use_excluded,
            seed=seed,
        )
        ranks[name] = ranked.pop("model").ranks
        of_baselines |= {baseline: result.ranks for baseline, result in ranked.items()}
        described[name] = {
            "model": model.name,
            "candidates": len(model.knowledge.diseases),
            "known": int(seen_by[name].known.sum()),
            "leaks": leaks[name].to_dict(),
            **calibration,
        }
    together = _Together(_known_to_any(seen_by), {**ranks, **of_baselines}, seed)
    leaked = CaseLeaks({name: sorted(each.cases) for name, each in leaks.items()}, {})
    return {
        "models": described,
        "baselines": list(of_baselines),
        "use_excluded": use_excluded,
        "seed": seed,
        **together.report(leaked),
    }


def _baselines(model: DiagnosisModel) -> dict[str, Score]:
    """The models without weights, of what a model knows."""
    knowledge = model.knowledge
    return {
        name: UntrainedScorer(name, knowledge).scores
        for name in UNTRAINED
        if name != model.name and (name != "nearest" or len(knowledge.patient_rows))
    }


def _known_to_any(seen_by: Mapping[str, EvaluatedCases]) -> EvaluatedCases:
    """The cases, with as many patients and annotations of a disease as the model has that knows
    the most of them."""
    first, *_ = seen_by.values()
    return replace(
        first,
        patients=np.max([cases.patients for cases in seen_by.values()], axis=0),
        annotations=np.max([cases.annotations for cases in seen_by.values()], axis=0),
    )


@dataclass(frozen=True)
class _Together:
    """Models on the same cases.

    Attributes:
        ranks: by name, of each case; the first is what the others are compared with.
        seed: of the bootstrap.
    """

    cases: EvaluatedCases
    ranks: Mapping[str, Ranks]
    seed: int

    def report(self, leaks: CaseLeaks) -> _Figures:
        """The models on each part and stratum, and the ranks of each case."""
        return {
            "parts": {part: self.compared(mask) for part, mask in self.cases.parts(leaks).items()},
            "strata": {
                by: {label: self.compared(mask) for label, mask in masks.items()}
                for by, masks in self.cases.strata().items()
            },
            "ranks": list(self.rank_rows()),
        }

    def compared(self, mask: Mask) -> Compared:
        """The models on some of the cases."""
        groups = self.cases.publications[mask]
        bootstrap = Bootstrap.over(groups, self.seed)
        first, *others = self.ranks
        return {
            "cases": len(groups),
            "publications": len(bootstrap.sizes),
            "figures": {name: _means(bootstrap, ranks[mask]) for name, ranks in self.ranks.items()},
            "differences": {
                name: paired_difference(
                    self.ranks[first][mask], self.ranks[name][mask], groups, seed=self.seed
                )
                for name in others
            },
        }

    def rank_rows(self) -> Iterator[CaseRanks]:
        """Each case with its rank by each, null where missed."""
        for number, case in enumerate(self.cases.cases):
            row: dict[str, Any] = {
                "case": case.id,
                "publication": case.publication,
                "diseases": list(case.diseases),
            }
            yield row | {name: finite_rank(ranks[number]) for name, ranks in self.ranks.items()}


def _means(bootstrap: Bootstrap, ranks: Ranks) -> Figures:
    values = {**top_k_hits(ranks), "mrr": 1 / ranks}
    figures: Figures = {}
    for name in PAIRED_FIGURES:
        figures |= means_with_intervals(bootstrap, name, values[name])
    return figures
