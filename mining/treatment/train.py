"""Train a treatment model: each member on the training pairs, their weights on validation."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...core import calibration
from ...core.atomic import check_replaceable
from ...core.calibration import Calibration
from ...core.errors import DataError, ModelError
from ...core.model_folder import CONFIG
from ...core.progress import progress
from ...core.ranking import pair_matrix
from ...gnn.data import to_hetero_data
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import training_graph_record
from ..links.baselines import Degree
from ..links.model import LinkModel, load_link_model
from ..links.split import split_links
from ..links.task import LinkTask, link_task
from ..links.train import train_links
from .collaborative import Collaborative
from .content import Content
from .evaluate import compare
from .members import (
    HYBRID,
    MEMBERS,
    Member,
    blend,
    choose_weights,
    levels,
    raw_scores,
)
from .model import KIND, RELATION, TreatmentModel

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

MODELS = (HYBRID, *MEMBERS)
_FACTORS, _REGULARISATIONS = (8, 16, 32, 64), (0.1, 1.0)  # tried on validation


def train_treatment(
    kg: KnowledgeGraph,
    *,
    model: str = HYBRID,
    seed: int = 0,
    split: Mapping[str, Iterable[str]] | None = None,
    out: Path | str | None = None,
    graph_path: Path | str | None = None,
) -> TreatmentModel:
    """Train a model that ranks drugs for a disease, and measure it beside its members.

    Args:
        kg: a graph with TREATS edges; where it has patients who take drugs (TAKES), the
            collaborative member learns from them, too.
        model: `hybrid`, or a member alone: `popularity`, `content`, `collaborative`, `links` (the
            default model of link prediction).
        split: ids of TREATS edges to hold back, under `valid` and `test`, and of any others that
            training must not see, under `removed`; by default the random split of
            `medkg.mining.links.split`. PALLIATES edges of held-back pairs are taken out too.
        out: a folder to save the model in. Beside it the link predictor is kept until all is done,
            so that the same call goes on after a kill.
        graph_path: where the graph is saved, recorded in the model's folder.

    Raises:
        DataError: too few TREATS edges, a split that doesn't fit the graph or has an empty part,
            or `out` holds other things.
        ModelError: no such model.
    """
    if model not in MODELS:
        raise ModelError(f"unknown model {model!r}; there are {', '.join(MODELS)}")
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG, kind=KIND)
    kept = split_links(kg, RELATION, seed=seed).held_back() if split is None else dict(split)
    task = link_task(kg, RELATION, _without_palliation(kg, kept), seed)
    for part in ("train", "valid", "test"):
        if not len(getattr(task, part)):
            raise DataError(
                f"no TREATS edge is left for {part}; load more treatments, or give a split whose"
                " parts all hold some (medkg split)"
            )
    data = to_hetero_data(kg, exclude_edges=task.excluded)
    trained, valid = task.matrix("train"), task.matrix("valid")
    wanted = MEMBERS if model == HYBRID else tuple(dict.fromkeys((model, "popularity")))
    checkpoint = None if out is None else Path(f"{out}.checkpoint")
    members: dict[str, Member] = {}
    course: dict[str, Any] = {}
    with progress("Training members", len(wanted)) as step:
        for name in MEMBERS:
            if name not in wanted:
                continue
            if name == "popularity":
                members[name] = Degree.fit(trained)
            elif name == "content":
                content = Content.fit(kg, data, task.edge_type, trained, seed=seed)
                members[name], course[name] = content, content.weights
            elif name == "collaborative":
                taken = _taken(data, trained.shape[0])
                members[name], course[name] = _factorise(trained, valid, taken, seed)
            else:
                members[name] = _links(kg, task, seed, checkpoint).scorer
            step(1, name)
    if model == HYBRID:
        weights, course["validation"] = choose_weights(members, trained, valid, seed)
    else:
        weights = {model: 1.0}
    scales, calibrated, measured = _calibrate(members, weights, task)
    fitted = TreatmentModel(
        members,
        weights,
        scales,
        calibrated,
        task,
        {"model": model},
        seed,
        {},
        kg,
        training_graph_record(kg, graph_path),
    )
    known = task.matrix("train", "valid", "test")
    fitted.metrics = {
        "training": course,
        "test": compare(fitted, task.matrix("test"), known, 0),
        "calibration": measured,
    }
    if out is not None:
        fitted.save(out)
        if checkpoint is not None:
            shutil.rmtree(checkpoint, ignore_errors=True)
    return fitted


def _without_palliation(
    kg: KnowledgeGraph, split: Mapping[str, Iterable[str]]
) -> dict[str, list[str]]:
    """The split, with PALLIATES edges of held-back pairs among what is removed: that a drug eases a
    disease says so much of whether it treats it that it would give the pair away."""
    parts = {name: list(ids) for name, ids in split.items()}
    held = [edge for part in ("valid", "test") for edge in parts.get(part, ())]
    edges = kg.edges.select("id", "subject", "relation", "object")
    pairs = edges.filter(pl.col("id").is_in(held)).select("subject", "object")
    eased = edges.filter(relation="PALLIATES").join(pairs, on=["subject", "object"], how="semi")
    if eased.height:
        parts["removed"] = sorted({*parts.get("removed", ()), *eased["id"]})
    return parts


def _taken(data: HeteroData, n_drugs: int) -> sparse.csr_matrix:
    """What patients take, (patients, drugs); without rows where there are none."""
    edge_type = ("Patient", "TAKES", "Drug")
    if edge_type not in data.edge_types:
        return sparse.csr_matrix((0, n_drugs), dtype=np.float32)
    pairs = data[edge_type].edge_index.numpy().T
    return pair_matrix(pairs, (data["Patient"].num_nodes, n_drugs))


def _factorise(
    trained: sparse.csr_matrix, valid: sparse.csr_matrix, taken: sparse.csr_matrix, seed: int
) -> tuple[Collaborative, dict[str, Any]]:
    """The factorisation that ranks the validation pairs best, and what was tried."""
    tried = []
    for factors in _FACTORS:
        for regularisation in _REGULARISATIONS:
            found = Collaborative.fit(
                trained, taken, factors=factors, regularisation=regularisation, seed=seed
            )
            figure = choose_weights({"collaborative": found}, trained, valid, seed)[1][HYBRID]
            tried.append((figure, factors, regularisation, found))
    figure, factors, regularisation, best = max(tried, key=lambda one: one[0])
    return best, {
        "factors": factors,
        "regularisation": regularisation,
        "patients": best.patients,
        "tried": [
            {"factors": f, "regularisation": r, "validation": value} for value, f, r, _ in tried
        ],
    }


def _links(kg: KnowledgeGraph, task: LinkTask, seed: int, checkpoint: Path | None) -> LinkModel:
    """The link predictor; that of an interrupted run where it is the same."""
    place = None if checkpoint is None else checkpoint / "links"
    if place is not None and (place / CONFIG).is_file():
        kept = load_link_model(place, kg)
        if kept.same_graph and kept.task.held_back == task.held_back and kept.seed == seed:
            return kept
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
    return train_links(kg, RELATION, model="ranker", seed=seed, split=task.held_back, out=place)


def _calibrate(
    members: Mapping[str, Member], weights: Mapping[str, float], task: LinkTask
) -> tuple[dict[str, tuple[float, float]], Calibration, dict[str, Any]]:
    """The members' scales and the calibration, fitted on the validation pairs; and how good the
    probabilities are, measured on the test pairs."""
    edges = task.matrix("train", "valid", "test")
    diseases = np.flatnonzero(np.asarray(edges.sum(0)).ravel()).astype(np.int64)
    raw = raw_scores(members, diseases)
    seen = task.matrix("train")[:, diseases].T.toarray().astype(np.float64)
    blended = blend(raw, weights, seen)
    scales = {name: _scale(raw[name], blended, seen) for name in weights}
    level = levels(raw, weights, scales, blended, seen)

    def first(part: str, other: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
        """Level, rank, and whether true, of each disease's first candidates."""
        out = task.matrix("train", other)[:, diseases].T.toarray() > 0
        true = task.matrix(part)[:, diseases].T.toarray() > 0
        scores = np.where(out, -np.inf, blended)
        order = np.argsort(-scores, axis=1, kind="stable")[:, : calibration.CALIBRATED_CANDIDATES]
        there = np.take_along_axis(scores, order, 1) > -np.inf
        ranks = np.broadcast_to(np.arange(1.0, order.shape[1] + 1), order.shape)
        levels_of = np.broadcast_to(level[:, None], order.shape)
        return levels_of[there], ranks[there], np.take_along_axis(true, order, 1)[there]

    fitted = calibration.fit(*first("valid", "test"))
    strength, ranks, true = first("test", "valid")
    probabilities = fitted.probability(strength, ranks)
    return (
        scales,
        fitted,
        {
            "base_rate": round(fitted.base_rate, 6),
            **calibration.quality(probabilities, true),
        },
    )


def _scale(
    scores: NDArray[np.float64], blended: NDArray[np.float64], seen: NDArray[np.float64]
) -> tuple[float, float]:
    """Median and spread (that of 80 % of a normal distribution) of a member's scores of the first
    candidates; a few scores far off, as a ranker gives to what is no candidate, don't count."""
    order = np.argsort(-np.where(seen > 0, -np.inf, blended), axis=1, kind="stable")
    first = np.take_along_axis(scores, order[:, : calibration.CALIBRATED_CANDIDATES], 1)
    low, middle, high = np.quantile(first, [0.1, 0.5, 0.9])
    return float(middle), float((high - low) / 2.5631) or 1.0
