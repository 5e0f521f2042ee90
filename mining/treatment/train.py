"""Train a treatment model: each member on the training pairs, their weights on validation."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...core import calibration
from ...core.atomic import check_replaceable
from ...core.checkpoint import remove_checkpoints
from ...core.errors import DataError, ModelError
from ...core.model_folder import CONFIG
from ...core.progress import progress
from ...core.ranking import pair_matrix
from ...gnn.data import to_hetero_data
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import training_graph_record
from ..links.baselines import Degree
from ..links.load import load_link_model
from ..links.model import LinkModel
from ..links.split import split_links
from ..links.task import LinkTask, link_task
from ..links.train import train_links
from .collaborative import Collaborative
from .content import Content
from .ensemble import TreatmentEnsemble
from .evaluate import compare
from .members import (
    COLLABORATIVE,
    CONTENT,
    HYBRID,
    MEMBERS,
    POPULARITY,
    ScoreRarity,
    TreatmentMember,
    blend,
    choose_weights,
    fit_rarities,
    member_scores,
)
from .model import KIND, RELATION, TreatmentModel

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

MODELS = (HYBRID, *MEMBERS)
_FACTORS, _REGULARISATIONS = (8, 16, 32, 64), (0.1, 1.0)  # compared on validation

Floats = NDArray[np.float64]


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

    Example:
        >>> model = medkg.train_treatment(medkg.load("starter"), model="popularity")
        >>> len(model.recommend("hypertension", top=3).recorded)
        3
    """
    if model not in MODELS:
        raise ModelError(f"unknown model {model!r}; there are {', '.join(MODELS)}")
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG, kind=KIND)
    task = _training_task(kg, split, seed)
    checkpoint = None if out is None else Path(f"{out}.checkpoint")
    names = MEMBERS if model == HYBRID else tuple(dict.fromkeys((model, POPULARITY)))
    members, course = _train_members(kg, task, names, seed, checkpoint)
    weights = {model: 1.0}
    rarities = fit_rarities(members, task.matrix("train"), seed)
    if model == HYBRID:
        weights, course["validation"] = choose_weights(
            members, rarities, task.matrix("train"), task.matrix("valid"), seed
        )
    ensemble, calibration_metrics = _calibrated(members, rarities, weights, task)
    record = training_graph_record(kg, graph_path)
    fitted = TreatmentModel(ensemble, task, {"model": model}, seed, {}, kg, record)
    known = task.matrix("train", "valid", "test")
    fitted.metrics = {
        "training": course,
        "test": compare(fitted, task.matrix("test"), known, 0),
        "calibration": calibration_metrics,
    }
    if out is not None:
        fitted.save(out)
        remove_checkpoints(checkpoint)
    return fitted


def _training_task(
    kg: KnowledgeGraph, split: Mapping[str, Iterable[str]] | None, seed: int
) -> LinkTask:
    """The TREATS edges in parts; see `train_treatment`.

    Raises:
        DataError: a part is empty.
    """
    held_back = split_links(kg, RELATION, seed=seed).held_back() if split is None else split
    task = link_task(kg, RELATION, _without_palliation(kg, held_back), seed)
    for part in ("train", "valid", "test"):
        if not len(getattr(task, part)):
            raise DataError(
                f"no TREATS edge is left for {part}; load more treatments, or give a split whose"
                " parts all hold some (medkg split)"
            )
    return task


def _train_members(
    kg: KnowledgeGraph,
    task: LinkTask,
    names: Container[str],
    seed: int,
    checkpoint: Path | None,
) -> tuple[dict[str, TreatmentMember], dict[str, Any]]:
    """The members of these names, trained, and what training reports of each."""
    data = to_hetero_data(kg, exclude_edges=task.excluded)
    trained, valid = task.matrix("train"), task.matrix("valid")
    wanted = [name for name in MEMBERS if name in names]
    members: dict[str, TreatmentMember] = {}
    course: dict[str, Any] = {}
    with progress("Training members", len(wanted)) as step:
        for name in wanted:
            if name == POPULARITY:
                members[name] = Degree.fit(trained)
            elif name == CONTENT:
                content = Content.fit(kg, data, task.edge_type, trained, seed=seed)
                members[name], course[name] = content, content.weights
            elif name == COLLABORATIVE:
                taken = _taken(data, trained.shape[0])
                members[name], course[name] = _factorise(trained, valid, taken, seed)
            else:
                members[name] = _link_model(kg, task, seed, checkpoint).scorer
            step(1, name)
    return members, course


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
    grid = []
    for factors in _FACTORS:
        for regularisation in _REGULARISATIONS:
            member = Collaborative.fit(
                trained, taken, factors=factors, regularisation=regularisation, seed=seed
            )
            alone = {COLLABORATIVE: member}
            _, gains = choose_weights(
                alone, fit_rarities(alone, trained, seed), trained, valid, seed
            )
            grid.append((gains[HYBRID], factors, regularisation, member))
    _, factors, regularisation, best = max(grid, key=lambda entry: entry[0])
    return best, {
        "factors": factors,
        "regularisation": regularisation,
        "patients": best.patients,
        "tried": [
            {"factors": f, "regularisation": r, "validation": value} for value, f, r, _ in grid
        ],
    }


def _link_model(
    kg: KnowledgeGraph, task: LinkTask, seed: int, checkpoint: Path | None
) -> LinkModel:
    """The link predictor; that of an interrupted run where it is the same."""
    place = None if checkpoint is None else checkpoint / "links"
    if place is not None and (place / CONFIG).is_file():
        kept = load_link_model(place, kg)
        if kept.same_graph and kept.task.held_back == task.held_back and kept.seed == seed:
            return kept
    return train_links(kg, RELATION, model="ranker", seed=seed, split=task.held_back, out=place)


def _calibrated(
    members: Mapping[str, TreatmentMember],
    rarities: Mapping[str, ScoreRarity],
    weights: Mapping[str, float],
    task: LinkTask,
) -> tuple[TreatmentEnsemble, dict[str, Any]]:
    """The ensemble, its calibration fitted on the validation pairs; and how good the
    probabilities are, measured on the test pairs."""
    edges = task.matrix("train", "valid", "test")
    diseases = np.flatnonzero(np.asarray(edges.sum(0)).ravel()).astype(np.int64)
    scores = member_scores({name: members[name] for name in weights}, diseases)
    blended = blend({name: rarities[name].of(scores[name]) for name in weights}, weights)

    def first_candidates(part: str, other: str) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Score, rank, and whether true, of each disease's first candidates."""
        excluded = task.matrix("train", other)[:, diseases].T.toarray() > 0
        true = task.matrix(part)[:, diseases].T.toarray() > 0
        candidate_scores = np.where(excluded, -np.inf, blended)
        order = np.argsort(-candidate_scores, axis=1, kind="stable")[
            :, : calibration.CALIBRATED_CANDIDATES
        ]
        is_candidate = np.take_along_axis(candidate_scores, order, 1) > -np.inf
        ranks = np.broadcast_to(np.arange(1.0, order.shape[1] + 1), order.shape)
        return (
            np.take_along_axis(candidate_scores, order, 1)[is_candidate],
            ranks[is_candidate],
            np.take_along_axis(true, order, 1)[is_candidate],
        )

    fitted = calibration.fit(*first_candidates("valid", "test"))
    first, ranks, true = first_candidates("test", "valid")
    quality = calibration.quality(fitted.probability(first, ranks), true)
    ensemble = TreatmentEnsemble(members, weights, rarities, fitted, task.matrix("train"))
    return ensemble, {"base_rate": round(fitted.base_rate, 6), **quality}
