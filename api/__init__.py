"""medkg: clinical text and curated sources to one evidence-backed graph, mined and explained.

    import medkg

    kg = medkg.merge(medkg.load("starter"), medkg.load("hpo"))
    kg = medkg.merge(kg, medkg.read_texts(["note.txt"]))
    model = medkg.train_links(kg, relation="TARGETS")
    model.predict(head="imatinib", top=10)

Each name is imported when it is first used, so that `import medkg` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medkg import (
        cypher,
        diagnosis,
        extract,
        gnn,
        graph,
        loaders,
        mining,
    )
    from medkg.access import (
        annotate,
        connect,
        default_terminology,
        load_model,
        open,
        read,
        read_texts,
        review,
        view,
    )
    from medkg.core.errors import MedkgError
    from medkg.diagnosis import DiagnosisRequest, diagnose
    from medkg.graph.check import check
    from medkg.graph.clean import fix
    from medkg.graph.export import export
    from medkg.graph.forget import forget
    from medkg.graph.kg import KnowledgeGraph
    from medkg.graph.merge import merge, unmerge
    from medkg.loaders.sources import load
    from medkg.mining.diagnosis.train import train_diagnosis
    from medkg.mining.links.train import train_links
    from medkg.mining.treatment.train import train_treatment

_HOMES = {
    "DiagnosisRequest": "medkg.diagnosis",
    "diagnose": "medkg.diagnosis",
    "annotate": "medkg.access",
    "connect": "medkg.access",
    "default_terminology": "medkg.access",
    "load_model": "medkg.access",
    "open": "medkg.access",
    "read": "medkg.access",
    "read_texts": "medkg.access",
    "review": "medkg.access",
    "view": "medkg.access",
    "train_diagnosis": "medkg.mining.diagnosis.train",
    "train_links": "medkg.mining.links.train",
    "train_treatment": "medkg.mining.treatment.train",
    "check": "medkg.graph.check",
    "fix": "medkg.graph.clean",
    "MedkgError": "medkg.core.errors",
    "export": "medkg.graph.export",
    "forget": "medkg.graph.forget",
    "KnowledgeGraph": "medkg.graph.kg",
    "merge": "medkg.graph.merge",
    "unmerge": "medkg.graph.merge",
    "load": "medkg.loaders.sources",
}
_PACKAGES = ("cypher", "diagnosis", "extract", "gnn", "graph", "loaders", "mining")

__all__ = [
    "DiagnosisRequest",
    "KnowledgeGraph",
    "MedkgError",
    "annotate",
    "check",
    "connect",
    "cypher",
    "default_terminology",
    "diagnose",
    "diagnosis",
    "export",
    "extract",
    "fix",
    "forget",
    "gnn",
    "graph",
    "load",
    "load_model",
    "loaders",
    "merge",
    "mining",
    "open",
    "read",
    "read_texts",
    "review",
    "train_diagnosis",
    "train_links",
    "train_treatment",
    "unmerge",
    "view",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES and name not in _PACKAGES:
        raise AttributeError(f"module 'medkg' has no attribute {name!r}")
    from medkg.core.extras import explained_imports

    value: Any
    with explained_imports():
        if name in _HOMES:
            value = getattr(import_module(_HOMES[name]), name)
        else:
            value = import_module(f"medkg.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
