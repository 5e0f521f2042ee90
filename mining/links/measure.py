"""Calibrate a trained link model, and measure it beside the baselines on held-back edges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from torch_geometric.data import HeteroData

from ...core import calibration
from ...core.calibration import Calibration
from ...core.progress import progress
from ...core.ranking import RankFigures, by_degree, filtered_ranks, summarise
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import training_graph_record
from .baselines import Degree, Neighbours
from .card import LinkMetrics
from .metrics import MeasuredCalibration, first_candidates, pooled_over_queries
from .missing_pairs import estimate_missing
from .model import DIRECTIONS, LinkModel
from .saved_scorers import LinkModelSettings
from .score_attribution import weighted_scorers
from .scorers import FittedScorer, LinkScorer, is_ranked
from .task import LinkTask
from .training_stages import MEASURING


def measured(
    kg: KnowledgeGraph,
    data: HeteroData,
    task: LinkTask,
    fitted: FittedScorer,
    settings: LinkModelSettings,
    *,
    seed: int,
    graph_path: Path | str | None,
) -> LinkModel:
    """Make a model of a trained scorer: measure it and the baselines, and calibrate it."""
    scorer = fitted.scorer
    answers, answered = fitted.refitted or scorer, task.whole if fitted.refitted else task
    with progress(MEASURING, 3) as step:
        baselines: dict[str, LinkScorer] = {
            "degree": Degree.fit(task.matrix("train")),
            "neighbours": Neighbours.fit(data, task.edge_type, task.matrix("train")),
        }
        calibrations, measured, reached = _calibrate(scorer, task)
        step(1)
        missing = estimate_missing(kg, answered, seed)
        stated = calibrations
        if missing is not None:
            among_first = {d: missing["missing"] * share for d, share in reached.items()}
            stated = _expecting(among_first, calibrations, answers, answered)
        step(1)
        metrics = _metrics(scorer, settings, baselines, task, measured, seed)
        step(1)
    if fitted.course:
        metrics = {"training": fitted.course, **metrics}
    if missing is not None:
        metrics["missing"] = missing
    record = training_graph_record(kg, graph_path)
    judged = None
    if fitted.refitted is not None:
        judged, settings["refitted"] = scorer, True
    return LinkModel(
        answers, task, settings, seed, metrics, calibrations, stated, kg, record, judged=judged
    )


def _metrics(
    scorer: LinkScorer,
    settings: LinkModelSettings,
    baselines: Mapping[str, LinkScorer],
    task: LinkTask,
    measured: dict[str, MeasuredCalibration],
    seed: int,
) -> LinkMetrics:
    """The figures of a scorer, whose calibrations have the quality `measured`, and of baselines."""
    known = task.matrix("train", "valid", "test")
    choosers = [member.chooser for member in weighted_scorers(scorer, settings)]
    metrics: LinkMetrics = {
        "valid": rank_figures(scorer, task, task.valid, known, "tail"),
        "test": {d: rank_figures(scorer, task, task.test, known, d) for d in DIRECTIONS},
        "baselines": {
            name: {d: rank_figures(baseline, task, task.test, known, d) for d in DIRECTIONS}
            for name, baseline in baselines.items()
        },
        "calibration": measured,
        "unranked": sum(not is_ranked(choosers, head, tail) for head, tail in task.test.tolist()),
    }
    if len(task.test):
        scorers = {"model": scorer, **baselines}
        metrics["pooled"] = {
            name: pooled_over_queries(one.score_tails, task.test, known, seed)
            for name, one in scorers.items()
        }
    return metrics


def _calibrate(
    scorer: LinkScorer, task: LinkTask
) -> tuple[dict[str, Calibration], dict[str, MeasuredCalibration], dict[str, float]]:
    """Fit calibrations on the validation edges, and measure them on the test edges.

    Returns:
        By direction: the calibrations; their quality, where there are test edges; and the share of
        the validation pairs that is among the first candidates, which they are fitted on.
    """
    calibrations: dict[str, Calibration] = {}
    measured: dict[str, MeasuredCalibration] = {}
    reached: dict[str, float] = {}
    held_out = (task.matrix("valid") - task.loops()).nnz
    for direction in DIRECTIONS:
        scores, ranks, true = _first_candidates(scorer, task, direction, "valid", "test")
        calibrations[direction] = calibration.fit(scores, ranks, true)
        reached[direction] = float(true.sum()) / held_out
        if len(task.test):
            scores, ranks, true = _first_candidates(scorer, task, direction, "test", "valid")
            probabilities = calibrations[direction].probability(scores, ranks)
            measured[direction] = {
                "base_rate": round(calibrations[direction].base_rate, 6),
                **calibration.quality(probabilities, true),
            }
    return calibrations, measured, reached


def _expecting(
    expected: Mapping[str, float],
    calibrations: Mapping[str, Calibration],
    scorer: LinkScorer,
    task: LinkTask,
) -> dict[str, Calibration]:
    """The calibrations at so many true pairs among the first new candidates, by direction.

    Args:
        scorer: what answers.
        task: with the edges that it was fitted on to train on.
    """
    stated = {}
    for direction, fitted in calibrations.items():
        scores, ranks, _ = _first_candidates(scorer, task, direction, "valid", "test")
        stated[direction] = fitted.expecting(expected[direction], scores, ranks)
    return stated


def _first_candidates(
    scorer: LinkScorer, task: LinkTask, direction: str, part: str, other: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """The first candidates of every query with an edge, those trained on or in the other part left
    out, and whether they are in this part."""
    left_out, true = task.matrix("train", other), task.matrix(part) - task.loops()
    if direction == "head":
        left_out, true = left_out.T.tocsr(), true.T.tocsr()
    score = scorer.score_tails if direction == "tail" else scorer.score_heads
    return first_candidates(score, task.with_edges(direction), left_out, true)


def rank_figures(
    scorer: LinkScorer,
    task: LinkTask,
    pairs: NDArray[np.int64],
    known: sparse.csr_matrix,
    direction: str,
    candidates: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> RankFigures:
    """The figures of a scorer on pairs (n, 2); see `train.evaluate_links`."""
    forward = direction == "tail"
    queries, answers = (pairs if forward else pairs[:, ::-1]).T
    known = (known if forward else known.T).tocsr()
    score = scorer.score_tails if forward else scorer.score_heads
    ranks = filtered_ranks(score, queries, answers, known, candidates)
    degrees = np.bincount(task.train[:, 1 if forward else 0], minlength=known.shape[1])
    return {
        "direction": direction,
        "candidates": known.shape[1] if candidates is None else len(candidates),
        **summarise(ranks, queries, seed=seed),
        "by_degree": by_degree(ranks, degrees[answers]),
    }
