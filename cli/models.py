"""Trained models opened by a command, with an error that says which command takes which kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.links.model import LinkModel
    from medkg.mining.treatment.model import TreatmentModel

# For an error: how a model of each kind is used.
_USED_BY = {
    "links": "by medkg predict",
    "diagnosis": "by medkg diagnose",
    "treatment": "by medkg recommend",
    "course": "by medkg course",
    "embeddings": "in Python, by medkg.gnn.embeddings.model.load_embeddings",
    "relation-paths": "in Python, by medkg.gnn.relation_paths.model.load_relation_paths",
}


def open_link_model(path: Path, graph: str | None, names: str | None = None) -> LinkModel:
    """Open a model of `medkg train links`, with the graph named instead of the recorded one.

    Args:
        names: the language in which entities are named where they have a name in it.
    """
    model: LinkModel = _open_model("links", path, graph)
    _name_in(names, model.names, model.graph)
    return model


def open_diagnosis_model(path: Path, graph: str | None, names: str | None = None) -> DiagnosisModel:
    """Open a model of `medkg train diagnosis`; see `open_link_model`."""
    model: DiagnosisModel = _open_model("diagnosis", path, graph)
    _name_in(names, model.names, model.kg)
    return model


def open_treatment_model(path: Path, graph: str | None, names: str | None = None) -> TreatmentModel:
    """Open a model of `medkg train treatment`; see `open_link_model`."""
    model: TreatmentModel = _open_model("treatment", path, graph)
    _name_in(names, model.names, model.graph)
    return model


def _name_in(language: str | None, names: dict[str, str], kg: KnowledgeGraph) -> None:
    """Give nodes their names in a language, in place of the English ones of `names`."""
    if language is not None:
        from medkg.graph.languages import names_in

        names.update(names_in(language, kg.nodes))


def _open_model(kind: str, path: Path, graph: str | None) -> Any:
    from medkg.core.errors import ModelError
    from medkg.models import load_model, model_kind

    own_kind = model_kind(path)
    if own_kind != kind:
        use = f"; it is asked {_USED_BY[own_kind]}" if own_kind in _USED_BY else ""
        raise ModelError(f"{path}: is a model for {own_kind}, not for {kind}{use}")
    return load_model(path, graph)
