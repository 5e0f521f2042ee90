"""Train a link model, and measure it beside the baselines on held-back edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch_geometric.data import HeteroData

from ...core.atomic import check_replaceable
from ...core.checkpoint import remove_checkpoints
from ...core.errors import MissingError, ModelError
from ...core.model_folder import CONFIG
from ...core.ranking import RankFigures
from ...gnn import parallel
from ...gnn.data import to_hetero_data
from ...gnn.options import with_options
from ...gnn.settings import NetworkSettings, PathSettings
from ...gnn.training import context_of, device_of
from ...graph.kg import KnowledgeGraph
from .baselines import Degree, Neighbours
from .ensemble import Ensemble, EnsembleMember, choose_weights
from .fit_network import fit_link_network
from .measure import measured, rank_figures
from .model import KIND, LinkModel
from .node_features import add_features
from .saved_scorers import LinkModelSettings
from .scorers import FittedScorer, LinkScorer
from .task import LinkTask, link_task
from .training_stages import training_stages

MODELS = ("ranker", "network", "paths", "structure", "degree", "neighbours")


def evaluate_links(
    model: LinkModel,
    edges: pl.DataFrame,
    kg: KnowledgeGraph,
    *,
    direction: str = "tail",
    candidates: Sequence[str] | None = None,
    seed: int = 0,
) -> RankFigures:
    """Rank true edges among all candidates that no known edge joins to the query.

    Args:
        model: if it was refitted to some of these edges, what it was judged by is measured.
        edges: the true edges: frame with subject and object.
        kg: its edges of the relation are the known ones, left out of the rankings.
        direction: `tail` ranks tails for each head, `head` heads for each tail.
        candidates: identifiers to rank among; all nodes of the kind if not given.

    Returns:
        `direction`, `n`, `groups` (queries), `candidates`, `mrr`, `hits@1`, `hits@3`, `hits@10`,
        their 95 % intervals (bootstrap over queries) and `by_degree`: figures by the number of
        training edges that the answer has.

    Raises:
        MissingError: an end of an edge, or a candidate, that the model has not seen.
    """
    heads, tails = model.node_numbers
    for column, numbers in (("subject", heads), ("object", tails)):
        if unseen := sorted(set(edges[column]) - set(numbers)):
            raise MissingError(f"{model.name} has not seen {len(unseen)} ends, as {unseen[0]}")
    pairs = np.array(
        [[numbers[i] for i in edges[c]] for c, numbers in (("subject", heads), ("object", tails))],
        dtype=np.int64,
    ).T
    numbers = tails if direction == "tail" else heads
    if candidates is not None and (unseen := sorted(set(candidates) - set(numbers))):
        raise MissingError(f"{model.name} has not seen {len(unseen)} candidates, as {unseen[0]}")
    scorer, task = model.measured_by(pairs)
    known = (
        model.pairs(kg.edges.filter(relation=task.edge_type[1]))
        + model.pairs(edges)
        + task.matrix("train")
    )
    chosen = None if candidates is None else np.array([numbers[c] for c in candidates])
    return rank_figures(scorer, task, pairs, known, direction, chosen, seed)


def train_links(
    kg: KnowledgeGraph,
    relation: str = "TARGETS",
    *,
    model: str | None = None,
    seed: int = 0,
    split: Mapping[str, Iterable[str]] | None = None,
    context_relations: Sequence[str] | None = None,
    out: Path | str | None = None,
    graph_path: Path | str | None = None,
    device: str | None = None,
    refit: bool | None = None,
    ablate: bool = False,
    **options: object,
) -> LinkModel:
    """Train a model that predicts edges of a relation, and measure it beside the baselines.

    Args:
        model: `ranker` (see `medkg.mining.links.ranker`), the default; `network` (encoder ×
            decoder), the default where one of its options is given, or `context_relations`;
            `paths` (see `path_scorer`); `structure` (the heads' molecules alone); or a baseline,
            `degree` or `neighbours`.
        split: edge ids to hold back, under `valid` and `test`; else a random tenth each.
        context_relations: that a `network` learns from, too; by default those that have the
            relation's kinds at an end, the smallest first, up to 500,000 edges.
        out: a folder to save the model in; a killed training is gone on with by the same call.
        graph_path: where the graph is saved, recorded in the model's folder.
        device: where networks are trained: `cpu`, `cuda`, …. If not given, `network` and `paths`
            are trained on a GPU where there is one, small networks of other models on the CPU.
        refit: whether the model, once measured, answers by the edges held back, too (a `network`
            can't); by default where no `split` is given.
        ablate: also measure what each part of the ranker adds, see `medkg.mining.links.ablation`.
        options: of `network` or `paths`, see `medkg.gnn.settings`, such as encoder, dim, epochs.

    Raises:
        DataError: too few edges, a split that doesn't fit the graph, `out` holds other things, or
            an option that the model doesn't have or with a value that is not allowed.
        ModelError: no such model or device, or one without `refit` or several processes.

    Example:
        >>> model = medkg.train_links(medkg.load("starter"), model="neighbours")
        >>> model.score([("imatinib", "KIT")])["status"].to_list()
        ['known']
    """
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG, kind=KIND)
    given = {name: value for name, value in options.items() if value is not None}
    model = _model_name(model, given, context_relations, refit, ablate)
    of_model = _settings_of(model, given)
    task = link_task(kg, relation, split, seed)
    data = to_hetero_data(kg, exclude_edges=task.excluded)
    if isinstance(of_model, NetworkSettings):
        of_model = replace(of_model, context=context_of(data, task.edge_type, context_relations))
    settings: LinkModelSettings = {"model": model}
    if of_model is not None:
        settings["network"] = of_model.to_dict()
    checkpoint = None if out is None else Path(f"{out}.checkpoint")
    refit = split is None if refit is None else refit
    with training_stages(model, ablate=ablate, refit=refit):
        fitted = _fit(model, kg, data, task, of_model, seed, device, checkpoint, refit, ablate)
        trained = measured(kg, data, task, fitted, settings, seed=seed, graph_path=graph_path)
    if out is not None and parallel.rank() == 0:
        trained.save(out)
        remove_checkpoints(checkpoint)
    return trained


def _settings_of(
    model: str, options: Mapping[str, object]
) -> NetworkSettings | PathSettings | None:
    """The settings of a network or a path network with these options; other models have none."""
    if model == "paths":
        return with_options(PathSettings(), options)
    return with_options(NetworkSettings(), options) if model == "network" else None


def _model_name(
    model: str | None,
    options: Mapping[str, object],
    context_relations: Sequence[str] | None,
    refit: bool | None,
    ablate: bool,
) -> str:
    """The model that is trained: the one named, or the one that the options are of.

    Raises:
        ModelError: no such model, options for one without any, several processes for one that is
            no network, or one that can't be refitted is to be.
    """
    has_options = bool(options) or context_relations is not None
    model = model or ("network" if has_options else "ranker")
    if model not in MODELS:
        raise ModelError(f"unknown model {model!r}; there are {', '.join(MODELS)}")
    if context_relations is not None and model != "network":
        raise ModelError(f"context_relations: an option of the model network, not of {model}")
    if options and model not in ("network", "paths"):
        raise ModelError(
            f"{', '.join(options)}: an option of the models network and paths, not of {model}"
        )
    if ablate and model != "ranker":
        raise ModelError(f"an ablation is of the parts of a ranker; a {model} has none")
    if refit and model == "network":
        raise ModelError("network: can't be refitted to all edges; give a split of few edges")
    if parallel.size() > 1 and model != "network":
        raise ModelError(
            f"several processes share the batches of a network alone: start the model {model}"
            " without torchrun"
        )
    return model


def _fit(
    model: str,
    kg: KnowledgeGraph,
    data: HeteroData,
    task: LinkTask,
    settings: NetworkSettings | PathSettings | None,
    seed: int,
    named: str | None,
    checkpoint: Path | None,
    refit: bool,
    ablate: bool,
) -> FittedScorer:
    """Fit a model of that name on the device named, a network with its `settings`."""
    device = None if named is None else device_of(named)
    if model == "ranker":
        from .fit_ranker import fit_ranker  # LightGBM is loaded where it is needed

        return fit_ranker(
            kg, data, task, seed=seed, device=device, checkpoint=checkpoint, refit=refit,
            with_ablation=ablate,
        )  # fmt: skip
    where = device or device_of(None)
    if isinstance(settings, PathSettings):
        from .path_scorer import fit_paths

        return fit_paths(
            kg, data, task, settings, seed=seed, device=where, checkpoint=checkpoint, refit=refit
        )
    if isinstance(settings, NetworkSettings):
        add_features(data, kg, settings.features)
        fitted = fit_link_network(
            data, task, settings, seed=seed, device=where, checkpoint=checkpoint
        )
        return FittedScorer(*fitted)
    scorer = _fit_at_once(model, kg, data, task, seed, device)
    if not refit:
        return FittedScorer(scorer, {})
    whole = task.whole
    all_edges = to_hetero_data(kg, exclude_edges=whole.excluded)
    return FittedScorer(scorer, {}, _fit_at_once(model, kg, all_edges, whole, seed, device))


def _fit_at_once(
    model: str,
    kg: KnowledgeGraph,
    data: HeteroData,
    task: LinkTask,
    seed: int,
    device: torch.device | None,
) -> LinkScorer:
    """Fit a model that looks at no validation edge."""
    trained = task.matrix("train")
    if model == "degree":
        return Degree.fit(trained)
    if model == "neighbours":
        return Neighbours.fit(data, task.edge_type, trained)
    from ..molecules.structure_ranker import StructureScorer

    return StructureScorer.fit(
        kg, task.edge_type, trained, exclude_edges=task.excluded, seed=seed, device=device
    )


def ensemble_links(
    models: Sequence[LinkModel],
    *,
    seed: int = 0,
    out: Path | str | None = None,
    graph_path: Path | str | None = None,
) -> LinkModel:
    """Combine trained models into an ensemble, and measure it; see `medkg.mining.links.ensemble`.

    Args:
        models: of one relation, trained on one graph with the same edges held back.
        seed: of which validation queries weights are chosen on, where these are many.
        out, graph_path: see `train_links`.

    Raises:
        DataError: `out` holds other things.
        ModelError: fewer than two models, or two that were not trained alike.
    """
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG, kind=KIND)
    if len(models) < 2:
        raise ModelError("an ensemble needs two trained models or more")
    _check_members(models)
    first = models[0]
    kg, task = first.graph, first.task
    judged = [EnsembleMember(model.judged, model.calibrations) for model in models]
    weights, _ = choose_weights(judged, task, seed=seed)
    refitted = None
    if any(model.refitted for model in models):
        answering = [EnsembleMember(model.scorer, model.calibrations) for model in models]
        refitted = Ensemble(answering, weights, task.whole.matrix("train"))
    settings: LinkModelSettings = {
        "model": "ensemble",
        "members": [
            {
                "name": model.name,
                "settings": model.settings,
                "calibrations": {d: c.to_dict() for d, c in model.calibrations.items()},
            }
            for model in models
        ],
    }
    by_name = {m.name: round(float(w), 4) for m, w in zip(models, weights, strict=True)}
    fitted = measured(
        kg,
        to_hetero_data(kg, exclude_edges=task.excluded),
        task,
        FittedScorer(
            Ensemble(judged, weights, task.matrix("train")), {"weights": by_name}, refitted
        ),
        settings,
        seed=seed,
        graph_path=graph_path or first.record["path"],
    )
    if out is not None:
        fitted.save(out)
    return fitted


def _check_members(models: Sequence[LinkModel]) -> None:
    """Check that members were trained on one graph with one split.

    Raises:
        ModelError: names the models and what differs.
    """
    for model in models:
        if not model.same_graph:
            raise ModelError(
                f"{model.name} was trained on another graph than it is given now; give the members"
                " the graph they were trained on"
            )
    first, *others = models
    for other in others:
        for what, one, same in (
            ("the graph", other.record["checksum"], first.record["checksum"]),
            ("the relation", other.task.edge_type, first.task.edge_type),
            ("the edges held back", other.task.held_back, first.task.held_back),
        ):
            if one != same:
                raise ModelError(
                    f"{other.name} and {first.name} can't be joined: {what} they were trained with"
                    " differ; train them on one graph with one --split, or one --seed"
                )
