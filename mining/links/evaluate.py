"""Evaluate a link model on held-back edges, after a search for leaks and beside baselines.

Every figure comes with an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...core.areas import PooledFigures
from ...core.calibration import CALIBRATED_CANDIDATES, quality
from ...core.errors import DataError, MissingError, ModelError
from ...core.progress import progress
from ...core.ranking import RankFigures, by_degree, pair_matrix, summarise
from ...core.sparse import without
from ...gnn.data import to_hetero_data
from ...graph.kg import KnowledgeGraph
from .adme_roles import adme_roles
from .baselines import Degree, Neighbours
from .leaks import Leaks, LinkLeakReport, find_leaks, same_entities
from .metrics import (
    EvaluatedCalibration,
    Scored,
    by_label,
    figures,
    first_candidates,
    paired_difference,
    pooled_over_queries,
    pooled_scores,
    score_pairs,
)
from .model import DIRECTIONS, LinkModel
from .scorers import LinkScorer
from .split import MANIFEST, read_edges
from .task import LinkTask

ALL, NOT_ADME, NOT_LEAKED = "all", "without adme", "without leaks"
# Which of the tested edges are in a part, (edges,).
EdgeMask = NDArray[np.bool_]
# By part of the edges, then by model (`model`, and the baselines).
PartFigures = dict[str, dict[str, RankFigures]]
# By `by_adme`, `by_tail_degree` and `by_head_degree`, then by model: a row for each stratum.
Strata = dict[str, dict[str, list[RankFigures]]]


class CandidateCounts(TypedDict):
    """How many tails, and how many heads, a pair's answer is ranked among."""

    tail: int
    head: int


class LinkEvaluation(TypedDict):
    """The evaluation of a link model on held-back edges; a side is what is ranked: tail or head.

    Attributes:
        refitted: whether what was measured knows the edges that training held back; it does where
            none of these is tested, and the model was refitted.
        edges: where the tested edges are from.
        tested: how many there are.
        training_graph: whether the graph of the training was there to look for leaks in.
        figures: by side and `both` (the ranks of both sides together), by part of the edges (`all`;
            `without adme`: tails without that property, ranked among all; `without leaks`), and by
            model (`model` and baselines); see `medkg.mining.links.metrics.figures`.
        paired: likewise, what the model has over each baseline.
        strata: by side, of all edges, by the degrees of tail and head in training and by the tail's
            `adme`.
        pooled: by model, of all tails of the tested heads together, known pairs left out; see
            `medkg.mining.links.metrics.pooled_over_queries`.
        calibration: by side, the quality of the probabilities of the first candidates of every
            query, and the `base_rate` that the model states. Of other edges than training held
            back, of the queries among them.
    """

    model: str
    refitted: bool
    relation: str
    edges: str
    tested: int
    seed: int
    training_graph: bool
    leaks: LinkLeakReport
    candidates: CandidateCounts
    figures: dict[str, PartFigures]
    paired: dict[str, PartFigures]
    strata: dict[str, Strata]
    pooled: dict[str, PooledFigures]
    calibration: dict[str, EvaluatedCalibration]


def evaluate_model(
    model: LinkModel,
    *,
    edges: Path | str | None = None,
    split: Path | str | None = None,
    allow_leaks: bool = False,
    seed: int = 0,
) -> LinkEvaluation:
    """Measure a link model on held-back edges, beside the baselines on the same edges.

    Args:
        edges: a TSV file with the pairs to test (head and tail, or subject and object), as
            identifiers of the model's graph, or such as merging or a cross-reference joins to them.
        split: a folder of `medkg split`, whose test is taken. Without either, what training held
            back.
        allow_leaks: measure although training gives pairs away, with and without these.

    Raises:
        DataError: a file can't be read, or holds no edge.
        MissingError: an end that the model has not seen.
        ModelError: training gives pairs away, and leaks are not allowed.
    """
    pairs, place = _test_pairs(model, edges, split)
    numbers = _numbers(model, pairs)
    scorer, task = model.measured_by(numbers)
    training = _training_graph(model)
    leaks = _leaks(task, training or model.graph, pairs)
    if leaks.pairs.height and not allow_leaks:
        raise ModelError(_refusal(model, leaks))
    held_back = edges is None and split is None
    scorers: dict[str, LinkScorer] = {"model": scorer, **_baselines(model, task, training)}
    roles = _adme(model.graph, pairs)
    parts = _parts(pairs, roles, leaks)
    known = _known_pairs(model, task, pairs)
    with progress("Evaluating", len(DIRECTIONS) * len(scorers) * (1 + len(parts))) as step:
        sides = {s: _score_side(scorers, s, numbers, known, seed, step) for s in DIRECTIONS}
        by_side = {side: _figures(scored, parts, seed, step) for side, scored in sides.items()}
    both = _of_both_sides(sides, parts, numbers[:, 0], seed)
    return {
        "model": model.name,
        "refitted": model.refitted and scorer is model.scorer,
        "relation": model.task.edge_type[1],
        "edges": place,
        "tested": pairs.height,
        "seed": seed,
        "training_graph": training is not None,
        "leaks": leaks.to_dict(),
        "candidates": {"tail": len(model.task.tails), "head": len(model.task.heads)},
        "figures": {**by_side, "both": both},
        "paired": {side: _paired(scored, parts, seed) for side, scored in sides.items()},
        "strata": {side: _strata(task, scored, numbers, roles) for side, scored in sides.items()},
        "pooled": {
            name: pooled_over_queries(one.score_tails, numbers, known, seed)
            for name, one in scorers.items()
        },
        "calibration": {
            side: _calibration(model, scorer, side, numbers, known, held_back=held_back)
            for side in DIRECTIONS
        },
    }


def held_back_scores(model: LinkModel) -> dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """The scores behind the `pooled` figures that training measured, by model and baseline.

    They are those of all pairs of the test's heads with all tails, known pairs left out, by what
    was fitted without the test.

    Returns:
        For the model (by `label`) and each baseline the scores (pairs,) and which pairs are true.

    Raises:
        DataError: training held no edge back for the test.
    """
    task = model.task
    if not len(task.test):
        raise DataError(f"{model.name} has no test edges: its split held none back")
    known = task.matrix("train", "valid", "test")
    scorers = {model.label: model.judged, **_baselines(model, task, _training_graph(model))}
    return {
        name: pooled_scores(scorer.score_tails, task.test, known, model.seed)
        for name, scorer in scorers.items()
    }


# The tested pairs


def _known_pairs(model: LinkModel, task: LinkTask, tested: pl.DataFrame) -> sparse.csr_matrix:
    """The pairs of the graph, of training and of the test (head, tail), (heads, tails)."""
    return (
        model.pairs(model.graph.edges.filter(relation=model.task.edge_type[1]))
        + model.pairs(tested.rename({"head": "subject", "tail": "object"}))
        + task.matrix("train", "valid")
    ).tocsr()


def _test_pairs(
    model: LinkModel, edges: Path | str | None, split: Path | str | None
) -> tuple[pl.DataFrame, str]:
    """The pairs to test (head, tail) by the model's identifiers, and where they are from."""
    if edges is not None and split is not None:
        raise DataError("give a file of edges, or a split, not both")
    heads, tails = model.task.heads, model.task.tails
    if edges is None and split is None:
        rows = [(heads[h], tails[t]) for h, t in model.task.test.tolist()]
        schema = {"head": pl.String, "tail": pl.String}
        pairs, place = pl.DataFrame(rows, schema=schema, orient="row"), "held back by training"
    else:
        if split is not None and not (Path(split) / MANIFEST).is_file():
            raise DataError(f"is no split (it has no {MANIFEST})", path=split)
        file = Path(edges) if edges is not None else Path(str(split)) / "test.tsv"
        pairs, place = read_edges(file).select("head", "tail"), str(file)
        pairs = _by_model_identifiers(model, pairs).unique(maintain_order=True)
    if pairs.is_empty():
        raise DataError("there is no edge to test", path=place)
    return pairs, place


def _by_model_identifiers(model: LinkModel, pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs (head, tail) by the model's identifiers, found by merges and cross-references.

    Raises:
        MissingError: an end that the model has not seen.
    """
    ends = ("head", model.task.heads, 0), ("tail", model.task.tails, 2)
    unseen = {end: set(pairs[end]) - set(names) for end, names, _ in ends}
    if not any(unseen.values()):
        return pairs
    same = same_entities(model.graph)
    for end, names, place in ends:
        nodes = model.graph.nodes.filter(kind=model.task.edge_type[place])
        referred = nodes.select("id", xref="xrefs").explode("xref").drop_nulls()
        referred = referred.filter(pl.col("xref").is_unique())
        became = dict(referred.select("xref", "id").iter_rows()) | same
        renamed = {name: became[name] for name in unseen[end] if name in became}
        lost = sorted(name for name in unseen[end] if renamed.get(name) not in set(names))
        if lost:
            raise MissingError(
                f"{model.name} has not seen {len(lost)} ends, as {lost[0]}; take their edges out,"
                " or train it on a graph that holds them"
            )
        pairs = pairs.with_columns(pl.col(end).replace(renamed))
    return pairs


def _numbers(model: LinkModel, pairs: pl.DataFrame) -> NDArray[np.int64]:
    """The numbers of pairs' ends, (n, 2)."""
    heads, tails = model.node_numbers
    rows = [(heads[head], tails[tail]) for head, tail in pairs.iter_rows()]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def _adme(kg: KnowledgeGraph, pairs: pl.DataFrame) -> list[str]:
    """The role that each pair's tail has as a handler of many drugs, or `none`."""
    roles = adme_roles(kg)
    return [roles.get(tail, "none") for tail in pairs["tail"]]


def _parts(pairs: pl.DataFrame, roles: list[str], leaks: Leaks) -> dict[str, EdgeMask]:
    """Which of the edges are in which part; a part that has all or none of them is left out."""
    leaked = set(leaks.pairs.iter_rows())
    parts = {
        NOT_ADME: np.array([role == "none" for role in roles]),
        NOT_LEAKED: np.array([pair not in leaked for pair in pairs.iter_rows()]),
    }
    return {
        ALL: np.ones(pairs.height, dtype=bool),
        **{name: chosen for name, chosen in parts.items() if chosen.any() and not chosen.all()},
    }


# Leaks from the training graph, and baselines fitted to it


def _training_graph(model: LinkModel) -> KnowledgeGraph | None:
    """The graph that the model was trained on, if it is still where it was."""
    if model.same_graph:
        return model.graph
    place = model.record["path"]
    if place is None or not Path(place).is_dir():
        return None
    kg = KnowledgeGraph.open(place)
    return kg if kg.checksum() == model.record["checksum"] else None


def _leaks(task: LinkTask, kg: KnowledgeGraph, pairs: pl.DataFrame) -> Leaks:
    """The leaks of pairs (head, tail) in the graph of a model's training."""
    heads = np.array(task.heads, dtype=object)
    tails = np.array(task.tails, dtype=object)
    trained = pl.DataFrame(
        {"head": heads[task.train[:, 0]], "tail": tails[task.train[:, 1]]},
        schema={"head": pl.String, "tail": pl.String},
    )
    return find_leaks(kg, task.edge_type[1], pairs, trained, task.excluded)


def _refusal(model: LinkModel, leaks: Leaks) -> str:
    """The message that refuses to measure pairs that training gives away."""
    report = leaks.to_dict()
    sorts = ", ".join(f"{count:,} × {sort}" for sort, count in report["by_sort"].items())
    first = "\n".join(
        f"  {row['head']} – {row['tail']}: {row['subject']} {row['relation']} {row['object']}"
        f" ({row['leak']}; {row['levels']}, from {row['sources']})"
        for row in report["first"]
    )
    return (
        f"{leaks.pairs.height:,} of {leaks.tested:,} test pairs are in the graph that {model.name}"
        f" was trained on ({sorts}), so that its figures would mean nothing:\n{first}\n"
        "test other edges, train on a split that medkg split makes, or give --allow-leaks for the"
        " figures with and without them"
    )


def _baselines(
    model: LinkModel, task: LinkTask, training: KnowledgeGraph | None
) -> dict[str, LinkScorer]:
    """Fit the baselines to the model's training pairs, but for one that is the model itself.

    Nearest neighbours need the training graph, and are left out without it.
    """
    trained = task.matrix("train")
    baselines: dict[str, LinkScorer] = {}
    if model.settings["model"] != "degree":
        baselines["degree"] = Degree.fit(trained)
    if training is not None and model.settings["model"] != "neighbours":
        data = to_hetero_data(training, exclude_edges=task.excluded)
        baselines["neighbours"] = Neighbours.fit(data, task.edge_type, trained)
    return baselines


# Figures


def _score_side(
    scorers: Mapping[str, LinkScorer],
    side: str,
    numbers: NDArray[np.int64],
    known: sparse.csr_matrix,
    seed: int,
    step: Callable[..., None],
) -> dict[str, Scored]:
    """The tested pairs scored by each model, with tails or heads ranked."""
    queries, answers = (numbers if side == "tail" else numbers[:, ::-1]).T
    known = known if side == "tail" else known.T.tocsr()
    scored: dict[str, Scored] = {}
    for name, scorer in scorers.items():
        score = scorer.score_tails if side == "tail" else scorer.score_heads
        scored[name] = score_pairs(score, queries, answers, known, seed=seed)
        step()
    return scored


def _figures(
    scored: Mapping[str, Scored],
    parts: Mapping[str, EdgeMask],
    seed: int,
    step: Callable[..., None],
) -> PartFigures:
    """The figures of each part of the edges, by model."""
    by_part: PartFigures = {}
    for part, chosen in parts.items():
        by_part[part] = {}
        for name, all_edges in scored.items():
            by_part[part][name] = figures(all_edges.where(chosen), seed=seed)
            step()
    return by_part


def _calibration(
    model: LinkModel,
    scorer: LinkScorer,
    side: str,
    numbers: NDArray[np.int64],
    known: sparse.csr_matrix,
    *,
    held_back: bool,
) -> EvaluatedCalibration:
    """Measure the calibration of the probabilities of the queries' first candidates.

    Pairs that are known and not tested are no candidates.

    Args:
        held_back: whether the edges that training held back are tested: then the queries are all
            with an edge, else those of the tested pairs.
    """
    of_pairs = np.unique(numbers[:, 0 if side == "tail" else 1])
    queries = model.task.with_edges(side) if held_back else of_pairs
    known = known if side == "tail" else known.T.tocsr()
    tested = pair_matrix(numbers if side == "tail" else numbers[:, ::-1], known.shape)
    if model.task.symmetric:
        tested = tested.maximum(tested.T).tocsr()
    score = scorer.score_tails if side == "tail" else scorer.score_heads
    scores, ranks, true = first_candidates(score, queries, without(known, tested), tested)
    calibration, stated = model.calibrations[side], model.stated[side]
    return {
        "base_rate": round(calibration.base_rate, 6),
        "queries": len(queries),
        "first": CALIBRATED_CANDIDATES,
        "expected": round(float(calibration.probability(scores, ranks).sum()), 1),
        "expected_of_new": round(float(stated.probability(scores, ranks).sum()), 1),
        **quality(calibration.probability(scores, ranks), true),
    }


def _of_both_sides(
    sides: Mapping[str, Mapping[str, Scored]],
    parts: Mapping[str, EdgeMask],
    heads: NDArray[np.int64],
    seed: int,
) -> PartFigures:
    """Figures over the ranks of both sides together, with intervals by bootstrap over heads."""
    by_part: PartFigures = {}
    for part, chosen in parts.items():
        groups = np.concatenate([heads[chosen]] * len(sides))
        by_part[part] = {
            name: summarise(
                np.concatenate([scored[name].ranks[chosen] for scored in sides.values()]),
                groups,
                seed=seed,
            )
            for name in next(iter(sides.values()))
        }
    return by_part


def _paired(scored: Mapping[str, Scored], parts: Mapping[str, EdgeMask], seed: int) -> PartFigures:
    """Paired differences of the model and each baseline, by part."""
    ours = scored["model"]
    return {
        part: {
            name: paired_difference(ours.where(chosen), theirs.where(chosen), seed=seed)
            for name, theirs in scored.items()
            if name != "model"
        }
        for part, chosen in parts.items()
    }


def _strata(
    task: LinkTask, scored: Mapping[str, Scored], numbers: NDArray[np.int64], roles: list[str]
) -> Strata:
    """Figures by the degree of the tail, and of the head, in training, and by adme role."""
    strata: Strata = {}
    if len(set(roles)) > 1:
        strata["by_adme"] = {name: by_label(s.ranks, roles) for name, s in scored.items()}
    for end, column in (("tail", 1), ("head", 0)):
        own = task.train[:, column]
        size = len(task.tails if column else task.heads)
        degrees = np.bincount(own, minlength=size)
        if task.symmetric:
            degrees += np.bincount(task.train[:, 1 - column], minlength=size)
        strata[f"by_{end}_degree"] = {
            name: by_degree(s.ranks, degrees[numbers[:, column]]) for name, s in scored.items()
        }
    return strata
