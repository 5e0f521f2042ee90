"""Open the folder of a link model."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from ...core.errors import ModelError
from ...core.model_folder import open_model
from ...core.tensors import without_prefix
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import GraphRecord, open_training_graph
from .card import LinkMetrics
from .model import KIND, LinkModel
from .saved_scorers import LinkModelSettings, calibrations_from_settings, scorer_from_tensors
from .task import LinkTask, pairs_from_tensors


def load_link_model(path: Path | str, graph: KnowledgeGraph | None = None) -> LinkModel:
    """Read a link model's folder, and the graph that it records, or read it against `graph`.

    Raises:
        ModelError: no model folder, a damaged one, one of another version; or, without `graph`, the
            recorded graph is not where it was or is no longer the same.
    """
    folder = open_model(path, KIND)
    graph, same_graph = open_training_graph(
        path, folder.graph, graph, other="entities that are new in it have no predictions"
    )
    try:
        saved = dict(folder.settings)
        head_kind, relation, tail_kind = saved.pop("edge_type")
        task = LinkTask(
            edge_type=(head_kind, relation, tail_kind),
            heads=folder.vocabulary["heads"],
            tails=folder.vocabulary["tails"],
            **pairs_from_tensors(folder.tensors),
            held_back=dict(folder.split),
            symmetric=saved.pop("symmetric"),
        )
        calibrations = calibrations_from_settings(saved.pop("calibrations"))
        stated = calibrations_from_settings(saved.pop("stated"))
        settings = cast(LinkModelSettings, saved)
        refitted = settings.get("refitted", False)
        scorer = scorer_from_tensors(settings, without_prefix("scorer", folder.tensors), task)
        judged = None
        if refitted:
            tensors = without_prefix("judged", folder.tensors)
            judged = scorer_from_tensors(settings, tensors, task, judged=True)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: lacks {error}; train the model anew") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return LinkModel(
        scorer,
        task,
        settings,
        folder.seed,
        cast(LinkMetrics, folder.metrics),
        calibrations,
        stated,
        graph,
        cast(GraphRecord, folder.graph),
        judged=judged,
        same_graph=same_graph,
    )
