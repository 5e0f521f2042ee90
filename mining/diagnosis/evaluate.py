"""How well a diagnosis model ranks the diagnoses of published cases: leaks looked for, baselines
beside, figures with intervals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import softmax

from ...core.calibration import CALIBRATED_CANDIDATES, quality
from ...core.errors import DataError, ModelError
from ...core.progress import progress
from ...core.ranking import best_rank
from ...core.statistics import Bootstrap, with_interval
from ...graph.kg import KnowledgeGraph
from .cases import Case, cases_of
from .knowledge import Floats, Integers
from .leaks import CaseLeaks, find_leaks
from .model import PART, DiagnosisModel
from .open_set import Ordered, auroc, coverage_of
from .similarity import naive_bayes, resnik

TOP = (1, 3, 10, 50)
BASELINES = {"resnik": resnik, "naive_bayes": naive_bayes}
ALL, CLOSED, OPEN = "all", "closed", "open"
ANNOTATED, OPEN_ANNOTATED = "reachable by knowledge alone", "open, reachable"
NOT_LEAKED = "without leaks"
COVERAGES = (0.8, 0.9, 0.95)
# A stratum of more cases than these in which a model is below Resnik is told of.
_MANY = 100
_COMPARED = ("top_1", "top_3", "top_10", "mrr")
_PHENOTYPES = (0, 1, 4, 7, 11, 21)  # where the bins of how many there are begin
_CASES = (0, 1, 2, 5, 10, 50)
_ANNOTATIONS = (0, 1, 5, 10, 20, 50)

Chosen = NDArray[np.bool_]
Chances = NDArray[np.float64]


@dataclass(frozen=True)
class Ranked:
    """What a model made of cases.

    Attributes:
        ranks: of the best ranked of each case's diseases, of equal scores the mean; infinite where
            none is a candidate, or no phenotype is known.
        series: likewise of the diseases that are of one series with one of them.
        first: row of the disease put first, -2 where nothing is known of the patient.
    """

    ranks: NDArray[np.float64]
    series: NDArray[np.float64]
    first: Integers

    @classmethod
    def of_nothing(cls, cases: int) -> Ranked:
        """All missed."""
        missed = np.full(cases, np.inf)
        return cls(missed, missed.copy(), np.full(cases, -2))


@dataclass(frozen=True)
class _Tested:
    """The cases, as a model sees them: columns of phenotypes; rows of the true diseases, and of all
    of their series; the number of their publication, and, of the rows, how many patients and
    annotated phenotypes the model knows."""

    cases: list[Case]
    present: list[Integers]
    excluded: list[Integers]
    rows: list[Integers]
    series: list[Integers]
    publications: Integers
    patients: Integers
    annotations: Integers

    @property
    def usable(self) -> Chosen:
        return np.array([len(columns) > 0 for columns in self.present])

    @property
    def known(self) -> Chosen:
        return np.array([len(rows) > 0 for rows in self.rows])

    @property
    def answers(self) -> Integers:
        """A number for each case's disease: its row, or below -10 where it is no candidate."""
        unknown: dict[str, int] = {}
        return np.array(
            [
                rows[0] if len(rows) else -10 - unknown.setdefault(case.diseases[0], len(unknown))
                for case, rows in zip(self.cases, self.rows, strict=True)
            ]
        )


def evaluate_diagnosis(
    model: DiagnosisModel,
    cases: KnowledgeGraph,
    *,
    use_excluded: bool = False,
    allow_leaks: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
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
        baseline: what the model has over it (`paired_difference`); `strata`: by number of
        phenotypes that are known, by number of the disease's patients and annotations that are;
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
    tested = _tested(model, cases)
    learnt_from = model.settings.get("learnt_from", ())
    leaks = find_leaks(model.kg, model.knowledge, tested.cases, learnt_from)
    if leaks.cases and not allow_leaks:
        raise ModelError(_refusal(model, leaks, len(tested.cases)))
    ranked, measured = _ranked(model, tested, use_excluded=use_excluded, seed=seed)
    parts = _parts(tested, leaks)
    strata = {**{name: {name: chosen} for name, chosen in parts.items()}, **_strata(tested)}
    compared = {
        by: [_stratum(label, ranked, tested, chosen, seed) for label, chosen in labels.items()]
        for by, labels in strata.items()
    }
    shown = [id_ for case in tested.cases for id_ in case.present]
    return {
        "model": model.name,
        "use_excluded": use_excluded,
        "seed": seed,
        "n": len(tested.cases),
        "publications": len(np.unique(tested.publications)),
        "candidates": len(model.knowledge.diseases),
        "known": int(tested.known.sum()),
        "known_publications": _round(_by_group(tested.known, tested.publications).mean()),
        "undiagnosed": cases.nodes.filter(kind="Patient").height - len(tested.cases),
        "without_phenotype": int((~tested.usable).sum()),
        "phenotypes": len(shown),
        "unknown_phenotypes": sum(id_ not in model.knowledge.phenotype_columns for id_ in shown),
        "leaks": leaks.to_dict(),
        "figures": {
            part: {
                name: figures_of(
                    found.ranks[chosen],
                    found.first[chosen],
                    _answered(tested, found)[chosen],
                    tested.publications[chosen],
                    series=found.series[chosen],
                    seed=seed,
                )
                for name, found in ranked.items()
            }
            for part, chosen in parts.items()
        },
        "paired": {
            part: {
                name: paired_difference(
                    ranked["model"].ranks[chosen],
                    found.ranks[chosen],
                    tested.publications[chosen],
                    seed=seed,
                )
                for name, found in ranked.items()
                if name != "model"
            }
            for part, chosen in parts.items()
        },
        "strata": {by: rows for by, rows in compared.items() if by not in parts},
        "below_resnik": [
            {**below, "stratum": by if by in parts else f"{by}, {below['stratum']}"}
            for by, rows in compared.items()
            for row in rows
            for below in _below(row)
        ],
        **measured,
        "ranks": [
            {"case": case.id, "publication": case.publication, "diseases": list(case.diseases)}
            | {name: _finite(found.ranks[number]) for name, found in ranked.items()}
            for number, case in enumerate(tested.cases)
        ],
    }


# The cases


def _tested(model: DiagnosisModel, graph: KnowledgeGraph) -> _Tested:
    cases = [case for case in cases_of(graph) if case.diseases]
    if not cases:
        raise DataError("no case has a diagnosis (HAS_DISEASE), so nothing can be evaluated")
    knowledge = model.knowledge
    names = dict(
        pl.concat(
            kg.nodes.filter(kind="Disease").select("id", "name_key") for kg in (graph, model.kg)
        ).iter_rows()
    )
    of_series: dict[str, list[int]] = {}
    for row, disease in enumerate(knowledge.diseases):
        of_series.setdefault(series_of(names.get(disease) or disease), []).append(row)
    rows, series = [], []
    for case in cases:
        own = {knowledge.disease_rows[d] for d in case.diseases if d in knowledge.disease_rows}
        keys = {series_of(names.get(disease) or disease) for disease in case.diseases}
        keys |= {series_of(names.get(d) or d) for d in (knowledge.diseases[row] for row in own)}
        alike = own.union(*(of_series.get(key, ()) for key in keys))
        rows.append(np.array(sorted(own), dtype=np.int64))
        series.append(np.array(sorted(alike), dtype=np.int64))
    size = len(knowledge.diseases)
    stated = model.kg.edges.filter(relation="HAS_SYMPTOM")["subject"]
    places = [knowledge.disease_rows[d] for d in stated if d in knowledge.disease_rows]
    counts = {
        "patients": np.bincount(knowledge.patient_rows, minlength=size),
        "annotations": np.bincount(np.array(places, dtype=np.int64), minlength=size),
    }
    return _Tested(
        cases,
        [knowledge.columns_of(case.present) for case in cases],
        [knowledge.columns_of(case.excluded) for case in cases],
        rows,
        series,
        np.unique([case.publication for case in cases], return_inverse=True)[1].astype(np.int64),
        **{
            name: np.array([count[own].max(initial=0) for own in rows])
            for name, count in counts.items()
        },
    )


_ROMAN = r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})"
_NUMBER = rf"(?:\d{{1,3}}[a-z]?\d*|{_ROMAN}[a-d]?)"
_SERIES = re.compile(
    rf" (?:(?:type|group|form|subtype) (?:{_NUMBER}|[a-z]\d?)|{_NUMBER})(?: {_NUMBER})?$"
)


def series_of(name_key: str) -> str:
    """What a name is a series of: without its number at the end, as `noonan syndrome 3`,
    `waardenburg syndrome type 2e`, `mucopolysaccharidosis type iii` and `fanconi anemia
    complementation group d2` have one; a name without is its own, and so is one whose number is a
    chromosome's (`trisomy 13`).

    Args:
        name_key: as `KnowledgeGraph.nodes` has it.
    """
    series = _SERIES.sub("", name_key)
    return name_key if series.endswith(("chromosome", "somy")) else series


def _parts(tested: _Tested, leaks: CaseLeaks) -> dict[str, Chosen]:
    """Which of the cases are in which part."""
    closed, annotated = tested.patients > 0, tested.annotations > 0
    leaked = leaks.cases
    parts = {
        CLOSED: closed,
        OPEN: ~closed,
        ANNOTATED: annotated,
        OPEN_ANNOTATED: ~closed & annotated,
        NOT_LEAKED: np.array([case.id not in leaked for case in tested.cases]),
    }
    return {
        ALL: np.ones(len(closed), dtype=bool),
        **{name: chosen for name, chosen in parts.items() if chosen.any() and not chosen.all()},
    }


def _strata(tested: _Tested) -> dict[str, dict[str, Chosen]]:
    phenotypes = np.array([len(columns) for columns in tested.present])
    return {
        "by phenotypes": _bins(phenotypes, _PHENOTYPES),
        "by patients of the disease": _bins(tested.patients, _CASES),
        "by annotations of the disease": _bins(tested.annotations, _ANNOTATIONS),
    }


def _bins(numbers: Integers, starts: Sequence[int]) -> dict[str, Chosen]:
    """The bins that hold something, by what they hold: `0`, `1–3`, `21 and more`."""
    ends = [*(start - 1 for start in starts[1:]), None]
    found = {}
    for start, end in zip(starts, ends, strict=True):
        if end is None:
            label, chosen = f"{start} and more", numbers >= start
        else:
            label = f"{start}–{end}" if end > start else f"{start}"
            chosen = (numbers >= start) & (numbers <= end)
        if chosen.any():
            found[label] = chosen
    return found


def _refusal(model: DiagnosisModel, leaks: CaseLeaks, tested: int) -> str:
    told = leaks.to_dict()
    sorts = "\n".join(
        f"  {count:,} × {sort}, as {told['first'][sort][0]}"
        for sort, count in told["by_sort"].items()
    )
    return (
        f"{told['leaked']:,} of {tested:,} cases are known to {model.name} already, so that its"
        f" figures would mean nothing:\n{sorts}\n"
        "test other cases, train on what medkg split --cases makes, or give --allow-leaks for the"
        " figures with and without them"
    )


# Ranks


def _ranked(
    model: DiagnosisModel, tested: _Tested, *, use_excluded: bool, seed: int
) -> tuple[dict[str, Ranked], dict[str, Any]]:
    """What the model and the baselines make of the cases; calibration and open set."""
    baselines = {name: score for name, score in BASELINES.items() if name != model.name}
    found = {name: Ranked.of_nothing(len(tested.cases)) for name in ("model", *baselines)}
    certain = _Certainty(model, tested)
    usable = np.flatnonzero(tested.usable)
    starts = range(0, len(usable), PART)
    with progress("Diagnosing", len(starts) * len(found)) as step:
        for start in starts:
            part = usable[start : start + PART]
            present = [tested.present[case] for case in part]
            scores = model.scores(present)
            certain.add(scores, part)
            if use_excluded:
                excluded = [tested.excluded[case] for case in part]
                scores = model.log_probabilities(present, excluded, scores=scores)
            for name, ranked in found.items():
                if name != "model":
                    scores = baselines[name](model.knowledge, present)
                ranked.first[part] = first_of(scores, seed)
                ranked.ranks[part] = best_ranks(scores, [tested.rows[case] for case in part])
                ranked.series[part] = best_ranks(scores, [tested.series[case] for case in part])
                step()
    return found, certain.figures()


class _Certainty:
    """Collects, part by part, how sure a model is of what, and whether that was so."""

    def __init__(self, model: DiagnosisModel, tested: _Tested):
        self._open = model.open_set
        self._temperature = model.temperature
        self._tested = tested
        self._first: list[tuple[float, bool]] = []
        self._many: list[tuple[Chances, Chosen]] = []
        self._none: list[Chances] = []
        self._sets: dict[float, list[Integers]] = {coverage: [] for coverage in COVERAGES}

    def add(self, scores: Floats, part: Integers) -> None:
        """The scores of some cases, patients × diseases."""
        rows = [self._tested.rows[case] for case in part]
        numbers = np.array([len(self._tested.present[case]) for case in part])
        if self._open is None:
            chances = softmax(scores.astype(np.float64) / self._temperature, axis=1)
        else:
            given = self._open.probabilities(scores, numbers)
            chances, none = given[:, :-1], given[:, -1]
            self._none.append(none)
            ordered = Ordered.of(given)
            for coverage, sets in self._sets.items():
                sets += ordered.sets(self._open.limit(coverage))
        most = min(CALIBRATED_CANDIDATES, chances.shape[1])
        for row, true in zip(chances, rows, strict=True):
            order = np.argsort(-row, kind="stable")[:most]
            right = np.isin(order, true)
            self._first.append((float(row[order[0]]), bool(right[0])))
            self._many.append((row[order], right))

    def figures(self) -> dict[str, Any]:
        """`calibration`, and with an open set `open_set`."""
        if not self._first:
            return {"calibration": None, "open_set": None}
        first = np.array(self._first)
        chances, right = zip(*self._many, strict=True)
        return {
            "calibration": {
                "first": quality(first[:, 0], first[:, 1].astype(bool)),
                f"first_{CALIBRATED_CANDIDATES}": quality(
                    np.concatenate(chances), np.concatenate(right)
                ),
            },
            "open_set": self._of_open_set(),
        }

    def _of_open_set(self) -> dict[str, Any] | None:
        if self._open is None:
            return None
        usable = self._tested.usable
        none, lacking = np.concatenate(self._none), ~self._tested.known[usable]
        rows = [row for row, use in zip(self._tested.rows, usable, strict=True) if use]
        publications = self._tested.publications[usable]
        return {
            "fitted": {
                "n": self._open.figures["n"],
                "base_rate": round(self._open.base_rate, 4),
                "auroc": self._open.figures["auroc"],
            },
            "none": quality(none, lacking),
            "auroc": auroc(none[~lacking], none[lacking]),
            "sets": [
                coverage_of(sets, rows, publications, coverage)
                for coverage, sets in self._sets.items()
            ],
        }


def best_ranks(scores: Floats, rows: Sequence[Integers]) -> NDArray[np.float64]:
    """The rank of the best of each patient's diseases (see `best_rank`), infinite without any.

    Args:
        scores: patients × diseases.
        rows: of each patient, those of the diseases that count.
    """
    ranks = np.full(len(rows), np.inf)
    for number, (row, right) in enumerate(zip(scores, rows, strict=True)):
        if len(right):
            ranks[number] = best_rank(row, right)
    return ranks


def ranks_of(scores: Floats, answers: Integers) -> NDArray[np.float64]:
    """The rank of each patient's disease, of equal scores the mean; infinite where unknown (-1)."""
    rows = [np.array([row for row in (answer,) if row >= 0], dtype=np.int64) for answer in answers]
    return best_ranks(scores, rows)


def first_of(scores: Floats, seed: int) -> Integers:
    """The row of each patient's highest score, of equal ones any: not the first, since identifiers
    that sort first are more often a case's diagnosis."""
    rng = np.random.default_rng(seed)
    highest = scores.max(axis=1, keepdims=True)
    return np.array([rng.choice(np.flatnonzero(row)) for row in scores == highest])


def _answered(tested: _Tested, found: Ranked) -> Integers:
    """The number of each case's disease: of several, that which was put first, if one was."""
    return np.array(
        [
            first if first in rows else answer
            for first, rows, answer in zip(found.first, tested.rows, tested.answers, strict=True)
        ]
    )


# Figures


def figures_of(
    ranks: NDArray[np.float64],
    first: Integers,
    answers: Integers,
    groups: Integers,
    *,
    series: NDArray[np.float64] | None = None,
    seed: int = 0,
    draws: int = 1000,
) -> dict[str, Any]:
    """Figures of ranked patients.

    Args:
        ranks: of the patients' diseases; infinite where missed.
        first: the disease put first, by number; -2 where none was.
        answers: the right one, by number; negative where it is no candidate.
        groups: number of each patient's publication; bootstrap draws these, whole.
        series: ranks of the best of each disease's series.

    Returns:
        `n`, `publications`, `known` (patients whose disease is a candidate); `top_1`, `top_3`,
        `top_10`, `top_50` and `mrr`, over patients, and (`macro_…`) as the mean over publications,
        each with a 95 % interval; `series_top_1` and so on likewise; `median_rank` over patients
        and over publications (of their medians), null where it is beyond all candidates; and of
        the first rank `accuracy`, `precision`, `recall` and `f1`, as means over the diseases, and
        `precision_micro`, `recall_micro`, `f1_micro`, over patients.
    """
    values = {**_hits(ranks), "mrr": 1 / ranks}
    if series is not None:
        values |= {f"series_{name}": value for name, value in _hits(series).items()}
    bootstrap = Bootstrap.over(groups, seed, draws)
    result: dict[str, Any] = {
        "n": len(ranks),
        "publications": len(bootstrap.sizes),
        "known": int((answers >= 0).sum()),
    }
    for name, value in values.items():
        result |= means_with_intervals(bootstrap, name, value)
    of_publications = [np.median(ranks[bootstrap.groups == g]) for g in range(len(bootstrap.sizes))]
    for name, rank in (("", np.median(ranks)), ("macro_", np.median(of_publications))):
        result[f"{name}median_rank"] = _finite(rank)
    return {**result, **_of_first_rank(first, answers)}


def paired_difference(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    groups: Integers,
    *,
    seed: int = 0,
    draws: int = 1000,
) -> dict[str, Any]:
    """What one model's ranks of the same patients have over another's: differences of `top_1`,
    `top_3`, `top_10` and `mrr`, over patients and over publications (`macro_…`), each with a 95 %
    interval by bootstrap over publications."""
    bootstrap = Bootstrap.over(groups, seed, draws)
    one, two = ({**_hits(ranks), "mrr": 1 / ranks} for ranks in (ours, theirs))
    found: dict[str, Any] = {}
    for name in _COMPARED:
        found |= means_with_intervals(bootstrap, name, one[name] - two[name], difference=True)
    return found


def _hits(ranks: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {f"top_{k}": (ranks <= k).astype(float) for k in TOP}


def means_with_intervals(
    bootstrap: Bootstrap, name: str, value: NDArray[np.float64], *, difference: bool = False
) -> dict[str, Any]:
    """The mean over patients, and that over publications, each with its 95 % interval.

    Args:
        bootstrap: over the patients' publications.
        value: (patients,), between 0 and 1 but for a difference.
    """
    publications = len(bootstrap.sizes)
    of = None if difference else publications
    shares = bootstrap.sums(value) / bootstrap.sizes
    return {
        **with_interval(name, value.mean(), bootstrap.means(value), of),
        **with_interval(f"macro_{name}", shares.mean(), bootstrap.group_means(value), of),
    }


def _of_first_rank(first: Integers, answers: Integers) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of what was put first: over patients, and as means over
    the diseases that are a patient's or were put first; one that was never put first has a
    precision of 0."""
    diseases = np.union1d(first[first >= 0], answers)
    right = np.array([((first == d) & (answers == d)).sum() for d in diseases])
    put_first = np.array([(first == d).sum() for d in diseases])
    given = np.array([(answers == d).sum() for d in diseases])
    answered = max(int((first >= 0).sum()), 1)
    return {
        "accuracy": _round((first == answers).mean()),
        "precision": _round((right / np.maximum(put_first, 1)).mean()),
        "recall": _round((right / np.maximum(given, 1)).mean()),
        "f1": _round((2 * right / np.maximum(put_first + given, 1)).mean()),
        "precision_micro": _round(right.sum() / answered),
        "recall_micro": _round(right.sum() / len(answers)),
        "f1_micro": _round(2 * right.sum() / (answered + len(answers))),
    }


def _stratum(
    label: str, ranked: Mapping[str, Ranked], tested: _Tested, chosen: Chosen, seed: int
) -> dict[str, Any]:
    """A stratum's size, what each model reaches in it, and what the model has over Resnik."""
    groups = tested.publications[chosen]
    bootstrap = Bootstrap.over(groups, seed, 1)
    row: dict[str, Any] = {"stratum": label, "n": len(groups), "publications": len(bootstrap.sizes)}
    for name, found in ranked.items():
        ranks = found.ranks[chosen]
        means: dict[str, Any] = {}
        for figure, value in {**_hits(ranks), "mrr": 1 / ranks}.items():
            means |= means_with_intervals(bootstrap, figure, value)
        row[name] = {k: v for k, v in means.items() if not k.endswith("_interval")}
    if "resnik" in ranked:
        ours, theirs = ranked["model"].ranks[chosen], ranked["resnik"].ranks[chosen]
        row["over_resnik"] = paired_difference(ours, theirs, groups, seed=seed)
    return row


def _below(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The figures of a large stratum that are below Resnik's."""
    over = row.get("over_resnik", {}) if row["n"] > _MANY else {}
    return [
        {
            **{name: row[name] for name in ("stratum", "n", "publications")},
            "figure": figure,
            "model": row["model"][figure],
            "resnik": row["resnik"][figure],
            "difference": over[figure],
            "interval": over[f"{figure}_interval"],
        }
        for name in _COMPARED
        for figure in (name, f"macro_{name}")
        if over.get(figure, 0) < 0
    ]


def _by_group(value: Chosen, groups: Integers) -> NDArray[np.float64]:
    return np.asarray(np.bincount(groups, weights=value) / np.bincount(groups))


def _finite(rank: float | np.floating[Any]) -> float | None:
    """A rank as JSON can hold it."""
    return float(rank) if np.isfinite(rank) else None


def _round(value: float) -> float:
    return round(float(value), 4)
