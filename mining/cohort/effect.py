"""What a treatment does, from records: crude, and with the confounders that are recorded balanced.

Two arms of patients are compared. Who was treated is explained by the covariates from before (the
propensity); patients are weighted by the inverse of the propensity of their arm, or compared within
fifths of it. What isn't recorded can't be balanced: the E-value says how strong it had to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ...core.errors import DataError
from ...core.extras import explained_imports
from ...core.statistics import DRAWS, drawn_counts
from ...graph.kg import KnowledgeGraph
from .arms import Arms, arms_of
from .characteristics import resolved
from .covariates import UNLIKE, Covariates, Floats, Mask, covariates_of, differences, means_of
from .records import Records

_STRATA = 5
_OVERLAP = 0.05  # of the preference, on both sides, outside of which no patient is compared
_TAILS = (0.025, 0.975)
_TREATMENTS = ("Drug", "DrugClass", "Procedure")
_OUTCOMES = ("Disease", "Symptom", "Procedure")
ESTIMATES = ("crude", "weighted", "stratified")


@dataclass(frozen=True)
class TreatmentEffect:
    """What became of two arms of patients, and in what they differ.

    Attributes:
        treatment, others, outcome, among: what was compared, by name.
        arms: `treated` and `others`: patients, events.
        estimates: by name (`ESTIMATES`): the risks of the `treated` and the `others`, their
            difference and ratio (None where no other has the outcome), with 95 % intervals.
        covariates: name, relation, is_number, treated, others (shares or means), smd and, with the
            weights, smd_weighted; smd_outcome, between those with and without the outcome (each
            None too where it is infinite); confounder, unbalanced: whether it is one of those.
        confounders: names of covariates that differ both between the arms and with the outcome, by
            0.1 standard deviations or more, the strongest first; `unbalanced`: those that still
            differ between the weighted arms, or that differ where these are empty.
        overlap: `outside`, patients that are like none of the other arm, and so are not in the
            weighted and the stratified estimate; `unpaired`, those besides who are in a fifth with
            one arm alone, and so not in the stratified one; the `effective` numbers of the weighted
            arms.
        e_value: how strongly (as risk ratios with both) something unrecorded would have to go with
            treatment and outcome to explain the weighted estimate away, and its interval (`bound`,
            1 where it holds no effect); None where there is no ratio.
        left_out: patients of neither arm, by reason.
        notes: what to bear in mind.
    """

    treatment: str
    others: str
    outcome: str
    among: str
    arms: dict[str, dict[str, int]]
    estimates: dict[str, dict[str, Any]]
    covariates: pl.DataFrame
    confounders: tuple[str, ...]
    unbalanced: tuple[str, ...]
    overlap: dict[str, float]
    e_value: dict[str, float] | None
    left_out: dict[str, int]
    notes: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """All of it as JSON's types."""
        return {**self.__dict__, "covariates": self.covariates.to_dicts()}


@explained_imports()
def treatment_effect(
    kg: KnowledgeGraph,
    treatment: Sequence[str] | str,
    outcome: str,
    *,
    among: Sequence[str] | str = (),
    instead_of: Sequence[str] | str = (),
    seed: int = 0,
) -> TreatmentEffect:
    """How often an outcome follows a treatment, beside patients without it.

    All things are given by identifier or name, and kinds of a thing (drugs of a class, forms of a
    disease) count for it. What is dated after the begin of the treatment is no covariate, and who
    had the outcome before is left out; what has no date counts as if it came before.

    Args:
        treatment: drugs or procedures; several are a plan, of which a patient has all.
        outcome: a disease, phenotype or procedure.
        among: what all compared patients have, such as the disease that is treated.
        instead_of: what the others have in its place; by default those are all without the
            treatment. Two treatments of one disease are compared more fairly.
        seed: of the bootstrap over patients (for intervals), and of the dates from which others who
            begin nothing count: as long after `among` (or a first record) as a treated one, drawn.

    Raises:
        MissingError: the graph has no such entity, or the name may mean several.
        DataError: the graph has no patient, an arm fewer than five, or nobody the outcome; what is
            given is no treatment, or no outcome.

    Example:
        >>> import polars as pl
        >>> from medkg.graph.frames import Source
        >>> rows = [(f"patient:{k}", "TAKES", "RX:1") for k in range(0, 40, 2)]
        >>> rows += [(f"patient:{k}", "HAS_PHENOTYPE", "HP:1") for k in range(0, 40, 4)]
        >>> named = {"RX:1": "Drug", "HP:1": "Symptom"}
        >>> named |= {f"patient:{k}": "Patient" for k in range(40)}
        >>> kg = medkg.KnowledgeGraph.build(
        ...     pl.DataFrame([(i, kind, i) for i, kind in named.items()],
        ...                  schema=["id", "kind", "name"], orient="row"),
        ...     pl.DataFrame(rows, schema=["subject", "relation", "object"], orient="row")
        ...     .with_columns(source=pl.lit("ward")),
        ...     [Source("ward", "1", "CC0-1.0")])
        >>> effect = medkg.treatment_effect(kg, "RX:1", "HP:1")
        >>> effect.estimates["crude"]["difference"]
        0.5
    """
    records = Records.of(kg)
    treated, others, within = (resolved(kg, things) for things in (treatment, instead_of, among))
    [result] = resolved(kg, outcome)
    _check_kinds(kg, [*treated, *others], _TREATMENTS, "treatment")
    _check_kinds(kg, [result], _OUTCOMES, "outcome")
    arms = arms_of(records, treated, result, within, others, seed)
    defining = [*treated, *others, *within, result]
    every = covariates_of(records, arms.patients, defining)
    covariates = every.of_both(arms.treated)
    propensity = _propensity(covariates, arms.treated)
    inside = np.abs(_preference(propensity, arms.treated) - 0.5) <= 0.5 - _OVERLAP
    weights = inside / np.where(arms.treated, propensity, 1 - propensity)
    strata = _strata(propensity, inside)
    estimates = _estimates(arms, weights, strata, seed)
    table = _balance(covariates, arms, weights)
    named = _names(kg, defining)
    return TreatmentEffect(
        treatment=" and ".join(named[thing] for thing in treated),
        others=" and ".join(named[thing] for thing in others),
        outcome=named[result],
        among=" and ".join(named[thing] for thing in within),
        arms={"treated": _counts(arms, arms.treated), "others": _counts(arms, ~arms.treated)},
        estimates=estimates,
        covariates=table,
        confounders=tuple(table.filter("confounder")["name"]),
        unbalanced=tuple(table.filter("unbalanced")["name"]),
        overlap=_overlap(arms, weights, strata),
        e_value=_e_values(estimates["weighted"]),
        left_out=arms.left_out,
        notes=_notes(arms, every, covariates, comparator=bool(others)),
    )


def _check_kinds(
    kg: KnowledgeGraph, things: Sequence[str], kinds: Sequence[str], role: str
) -> None:
    """Raise an error where an entity is of none of the kinds that can have a role."""
    rows = kg.scan("nodes").filter(pl.col("id").is_in(list(things)), ~pl.col("kind").is_in(kinds))
    for name, kind in rows.select("name", "kind").collect().iter_rows():
        raise DataError(f"{name!r} is a {kind}, and no {role}: {', '.join(kinds)}")


def _names(kg: KnowledgeGraph, things: Sequence[str]) -> dict[str, str]:
    rows = kg.scan("nodes").filter(pl.col("id").is_in(list(things))).select("id", "name")
    return dict(rows.collect().iter_rows())


def _counts(arms: Arms, of: Mask) -> dict[str, int]:
    return {"patients": int(of.sum()), "events": int(arms.events[of].sum())}


def _propensity(covariates: Covariates, treated: Mask) -> Floats:
    """(n,): how probable the treatment is, by logistic regression with a ridge penalty."""
    from sklearn.linear_model import LogisticRegression

    features = covariates.standardised()
    if not features.shape[1]:
        return np.full(len(treated), treated.mean())
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit(features, treated)
    return np.asarray(fitted.predict_proba(features)[:, 1])


def _preference(propensity: Floats, treated: Mask) -> Floats:
    """(n,): the propensity as it were if half of the patients were treated.

    By the propensity itself nobody could be compared where a treatment is rare.

    Source: Walker et al., A Tool for Assessing the Feasibility of Comparative Effectiveness
    Research, Comparative Effectiveness Research 2013.
    """
    odds = propensity / (1 - propensity) * (1 - treated.mean()) / treated.mean()
    return np.asarray(odds / (1 + odds))


def _strata(propensity: Floats, inside: Mask) -> NDArray[np.int64]:
    """(n,): in which fifth of the propensity each patient inside is; -1 outside."""
    if not inside.any():
        return np.full(len(inside), -1)
    bounds = np.quantile(propensity[inside], np.linspace(0, 1, _STRATA + 1)[1:-1])
    return np.where(inside, np.searchsorted(bounds, propensity, side="right"), -1)


def _estimates(
    arms: Arms, weights: Floats, strata: NDArray[np.int64], seed: int
) -> dict[str, dict[str, Any]]:
    """Each estimate, with intervals by bootstrap over patients; propensities stay as they are."""
    columns = {"crude": [_sums(arms, np.ones(len(weights)))], "weighted": [_sums(arms, weights)]}
    columns["stratified"] = [_sums(arms, 1.0 * (strata == k)) for k in range(_STRATA)]
    every = np.hstack([part for parts in columns.values() for part in parts])
    drawn = np.stack(
        [drawn_counts(len(weights), seed + k, 1)[0] @ every for k in range(DRAWS)], dtype=float
    )
    estimates, place = {}, 0
    for name, parts in columns.items():
        width = 4 * len(parts)
        own = np.vstack([every[:, place : place + width].sum(0), drawn[:, place : place + width]])
        estimates[name] = _estimate(*_risks(own))
        place += width
    return estimates


def _sums(arms: Arms, weights: Floats) -> Floats:
    """(n, 4): each patient's part of the sums of an arm's weights, and of its events."""
    treated, events = arms.treated.astype(float), arms.events.astype(float)
    parts = [treated, treated * events, 1 - treated, (1 - treated) * events]
    return np.asarray(np.stack(parts, 1) * weights[:, None])


def _risks(sums: Floats) -> tuple[Floats, Floats]:
    """(draws,) each: the risks of both arms, of (draws, 4 strata) sums.

    Strata weigh what both of their arms have together; one in which an arm is empty has no part.
    """
    parts = sums.reshape(len(sums), -1, 4)
    sizes = np.where((parts[..., 0] > 0) & (parts[..., 2] > 0), parts[..., 0] + parts[..., 2], 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = sizes / sizes.sum(1, keepdims=True)
        treated = (shares * np.where(sizes > 0, parts[..., 1] / parts[..., 0], 0)).sum(1)
        others = (shares * np.where(sizes > 0, parts[..., 3] / parts[..., 2], 0)).sum(1)
    comparable = sizes.sum(1) > 0
    return np.where(comparable, treated, np.nan), np.where(comparable, others, np.nan)


def _estimate(treated: Floats, others: Floats) -> dict[str, Any]:
    """An estimate of (1 + draws,) risks, the first of which is of the patients themselves."""
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = {"difference": treated - others, "ratio": treated / others}
    row: dict[str, Any] = {"treated": _rounded(treated[0]), "others": _rounded(others[0])}
    for name, values in figures.items():
        drawn = values[1:][~np.isnan(values[1:])]
        bounds = np.quantile(drawn, _TAILS, method="nearest") if len(drawn) else (np.nan, np.nan)
        row[name] = _rounded(values[0])
        row[f"{name}_interval"] = [_rounded(bound) for bound in bounds]
    return row


def _rounded(value: float | np.floating[Any]) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _balance(covariates: Covariates, arms: Arms, weights: Floats) -> pl.DataFrame:
    """The covariates with their differences; see `TreatmentEffect.covariates`."""
    values, treated = covariates.values, arms.treated.astype(float)
    events = arms.events.astype(float)
    columns: dict[str, Any] = {
        "treated": means_of(values, treated)[0],
        "others": means_of(values, 1.0 - treated)[0],
        "smd": differences(values, treated, 1.0 - treated),
        "smd_weighted": differences(values, treated * weights, (1.0 - treated) * weights),
        "smd_outcome": differences(values, events, 1.0 - events),
    }
    named = {"name": list(covariates.names), "relation": list(covariates.relations)}
    strings = dict.fromkeys(named, pl.String)
    frame = pl.DataFrame(
        {**named, "is_number": covariates.is_number, **columns}, schema_overrides=strings
    )
    strength = (pl.col("smd") * pl.col("smd_outcome")).abs()
    unlike = {name: pl.col(name).abs() >= UNLIKE for name in columns if name.startswith("smd")}
    return (
        frame.with_columns(pl.col(list(columns)).fill_nan(None))
        .with_columns(
            confounder=(unlike["smd"] & unlike["smd_outcome"]).fill_null(False),
            unbalanced=pl.coalesce(unlike["smd_weighted"], unlike["smd"]).fill_null(False),
        )
        .sort(strength.fill_nan(None), "name", descending=[True, False], nulls_last=True)
        # JSON has no infinite numbers.
        .with_columns(pl.when(pl.col(name).is_finite()).then(name).alias(name) for name in columns)
    )


def _overlap(arms: Arms, weights: Floats, strata: NDArray[np.int64]) -> dict[str, float]:
    """Patients without any like them in the other arm, and Kish's effective sizes of the arms."""
    sizes: dict[str, float] = {"outside": int((strata < 0).sum())}
    fifths = [strata == k for k in range(_STRATA)]
    alone = [of for of in fifths if not (of & arms.treated).any() or not (of & ~arms.treated).any()]
    sizes["unpaired"] = sum(int(of.sum()) for of in alone)
    for name, of in (("treated", arms.treated), ("others", ~arms.treated)):
        squares = float((weights[of] ** 2).sum())
        sizes[f"effective_{name}"] = round(weights[of].sum() ** 2 / squares, 1) if squares else 0.0
    return sizes


def _e_values(estimate: dict[str, Any]) -> dict[str, float] | None:
    """The E-values of a risk ratio and of the bound of its interval that is nearer to 1.

    Source: VanderWeele and Ding, Sensitivity Analysis in Observational Research: Introducing the
    E-Value, Annals of Internal Medicine 2017.
    """
    ratio, (low, high) = estimate["ratio"], estimate["ratio_interval"]
    if not ratio or low is None:
        return None
    bound = low if ratio >= 1 else high
    crosses = bound is None or (low <= 1 and (high is None or high >= 1))
    return {"estimate": _e_value(ratio), "bound": 1.0 if crosses else _e_value(bound)}


def _e_value(ratio: float) -> float:
    above = max(ratio, 1 / ratio)
    return round(float(above + np.sqrt(above * (above - 1))), 2)


def _notes(
    arms: Arms, every: Covariates, covariates: Covariates, *, comparator: bool
) -> tuple[str, ...]:
    notes = []
    if arms.undated:
        notes.append(
            f"of {arms.undated} of {len(arms.treated)} patients the begin or the outcome has no"
            " date: what came after the treatment may count as if it came before"
        )
    if not comparator:
        notes.append(
            "the others begin nothing, and count from dates that are drawn from the delays of the"
            " treated where there are dates; who of them was still followed then isn't known, and"
            " who lived or stayed long enough to be treated may differ by that alone: compare with"
            " another treatment (instead_of) where there is one"
        )
    pairs = set(zip(every.relations, every.names, strict=True))
    pairs -= set(zip(covariates.relations, covariates.names, strict=True))
    if one_sided := sorted({name for _, name in pairs}):
        notes.append(f"known or taken in one group alone, and not balanced: {', '.join(one_sided)}")
    if not covariates.names:
        notes.append("no covariate is recorded of enough patients: nothing is balanced")
    notes.append(
        "what is not recorded counts as not there, and patients are followed unequally long"
    )
    return tuple(notes)
