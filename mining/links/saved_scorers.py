"""Rebuild the scorers of link models from the settings and tensors in their folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from torch import Tensor

from ...core.calibration import Calibration
from ...core.tensors import without_prefix
from ...gnn.vectors import Vectors
from .baselines import Degree, Neighbours
from .candidate_scores import CandidateScores, scores_from_tensors
from .ensemble import Ensemble, EnsembleMember
from .scorers import LinkScorer
from .task import LinkTask


class MemberSettings(TypedDict):
    """The settings of an ensemble's member."""

    name: str
    settings: LinkModelSettings
    calibrations: Mapping[str, Mapping[str, float]]


class LinkModelSettings(TypedDict):
    """The settings of a link model, as its folder holds them.

    Attributes:
        model: what sort of model it is, such as `ranker`.
        network: of a network, those of `NetworkSettings`, of a path network `PathSettings`.
        refitted: whether its answers know the edges that were held back to judge it.
        members: of an ensemble.
    """

    model: str
    network: NotRequired[Mapping[str, Any]]
    refitted: NotRequired[bool]
    members: NotRequired[list[MemberSettings]]


def model_label(settings: LinkModelSettings) -> str:
    """The label of a model with these settings, such as `links-degree`, `links-rgcn-distmult`."""
    if settings["model"] != "network":
        return f"links-{settings['model']}"
    return f"links-{settings['network']['encoder']}-{settings['network']['decoder']}"


def scorer_from_tensors(
    settings: LinkModelSettings,
    tensors: Mapping[str, Tensor],
    task: LinkTask,
    *,
    judged: bool = False,
) -> LinkScorer:
    """Rebuild the scorer that these tensors are of.

    Args:
        task: of the model, with its split.
        judged: whether it is what a refitted model was judged by, see `FittedScorer`.
    """
    model = settings["model"]
    if judged and model in ("ranker", "paths"):
        return CandidateScores(*scores_from_tensors(tensors))
    if model == "degree":
        return Degree.from_tensors(tensors)
    if model == "neighbours":
        return Neighbours.from_tensors(tensors)
    if model == "ranker":
        from .ranker import LinkRanker

        return LinkRanker.from_tensors(tensors)
    if model == "paths":
        from ...gnn.settings import PathSettings
        from .path_scorer import PathScorer

        PathSettings(
            **settings["network"]
        )  # none in a folder of before: refused here, not by `explain`
        return PathScorer.from_tensors(tensors)
    if model == "structure":
        from ..molecules.structure_ranker import StructureScorer

        return StructureScorer.from_tensors(tensors)
    if model == "ensemble":
        members = [
            EnsembleMember(
                scorer_from_tensors(
                    member["settings"],
                    without_prefix(str(number), tensors),
                    task,
                    judged=judged and member["settings"].get("refitted", False),
                ),
                calibrations_from_settings(member["calibrations"]),
            )
            for number, member in enumerate(settings["members"])
        ]
        is_refitted = settings.get("refitted", False) and not judged
        known = task.whole if is_refitted else task
        return Ensemble(members, tensors["weights"].numpy(), known.matrix("train"))
    return Vectors.from_tensors(settings["network"]["decoder"], tensors)


def calibrations_from_settings(
    values: Mapping[str, Mapping[str, float]],
) -> dict[str, Calibration]:
    """Rebuild the calibrations, by direction, from their parameters."""
    return {direction: Calibration.from_dict(numbers) for direction, numbers in values.items()}
