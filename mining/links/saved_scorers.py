"""The scorers of link models as their folders hold them: settings and tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...core.calibration import Calibration
from ...core.model_folder import without_prefix
from ...gnn.vectors import Vectors
from .baselines import Degree, Neighbours
from .ensemble import Ensemble, EnsembleMember
from .scorers import LinkScorer
from .task import LinkTask

Settings = Mapping[str, Any]  # of a model of any sort, as JSON holds them


def model_label(settings: Settings) -> str:
    """What sort of model these settings are of, such as `links-degree`, `links-rgcn-distmult`."""
    if settings["model"] != "network":
        return f"links-{settings['model']}"
    return f"links-{settings['network']['encoder']}-{settings['network']['decoder']}"


def scorer_from_tensors(
    settings: Settings, tensors: Mapping[str, Tensor], task: LinkTask
) -> LinkScorer:
    """The scorer that gave these tensors."""
    model = settings["model"]
    if model == "degree":
        return Degree.from_tensors(tensors)
    if model == "neighbours":
        return Neighbours.from_tensors(tensors)
    if model == "ranker":
        from .ranker import LinkRanker

        return LinkRanker.from_tensors(tensors)
    if model == "structure":
        from ..molecules.structure_ranker import StructureScorer

        return StructureScorer.from_tensors(tensors)
    if model == "ensemble":
        members = [
            EnsembleMember(
                scorer_from_tensors(member["settings"], without_prefix(str(number), tensors), task),
                calibrations_from_settings(member["calibrations"]),
            )
            for number, member in enumerate(settings["members"])
        ]
        return Ensemble(members, tensors["weights"].numpy(), task.matrix("train"))
    return Vectors.from_tensors(settings["network"]["decoder"], tensors)


def calibrations_from_settings(
    values: Mapping[str, Mapping[str, float]],
) -> dict[str, Calibration]:
    """The calibrations by direction that gave these numbers."""
    return {direction: Calibration.from_dict(numbers) for direction, numbers in values.items()}
