"""Trained models by their folders, whatever they are for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medkg.access import read
from medkg.core.errors import ModelError
from medkg.core.extras import explained_imports
from medkg.core.json_reading import read_json
from medkg.graph.kg import KnowledgeGraph

if TYPE_CHECKING:
    from medkg.mining.course.model import CourseModel
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.links.model import LinkModel
    from medkg.mining.treatment.model import TreatmentModel


def model_kind(path: Path | str) -> str:
    """What a model folder is for: links, diagnosis, treatment or course.

    Raises:
        ModelError: no model folder, or a damaged one.
    """
    config = Path(path) / "config.json"
    if not config.is_file():
        raise ModelError(f"{path}: is no model folder (it has no config.json)")
    try:
        return str(read_json(config)["kind"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{config}: is damaged: {error}; train the model anew") from error


@explained_imports()
def load_model(
    path: Path | str, graph: KnowledgeGraph | Path | str | None = None
) -> LinkModel | DiagnosisModel | TreatmentModel | CourseModel:
    """Load a trained link-prediction, diagnosis, treatment or course model.

    Args:
        path: its folder.
        graph: the graph to predict on; by default the recorded one, its checksum verified.
            A course has none.

    Raises:
        ModelError: no model folder, a damaged one, or one of another version.

    Example:
        >>> kg = medkg.load("starter")
        >>> kg.save("starter")
        >>> _ = medkg.train_links(kg, model="degree", out="targets", graph_path="starter")
        >>> medkg.load_model("targets").predict(head="imatinib", top=3).height
        3
    """
    kind = model_kind(path)
    if isinstance(graph, str | Path):
        graph = read(graph)
    # Only what is asked for is imported: each kind of model takes a second or two.
    if kind == "links":
        from medkg.mining.links.load import load_link_model

        return load_link_model(path, graph)
    if kind == "diagnosis":
        from medkg.mining.diagnosis.model import load_diagnosis_model

        return load_diagnosis_model(path, graph)
    if kind == "treatment":
        from medkg.mining.treatment.model import load_treatment_model

        return load_treatment_model(path, graph)
    if kind == "course":
        from medkg.mining.course.model import CourseModel

        return CourseModel.open(path)
    raise ModelError(
        f"{path}: is a model for {kind!r}, which has a function of its own to load it; see the"
        " reference"
    )
