"""medkg: clinical text and curated sources to one evidence-backed graph, mined and explained.

    import medkg

    kg = medkg.merge(medkg.load("starter"), medkg.load("hpo"))
    kg = medkg.merge(kg, medkg.read_texts(["note.txt"]))
    model = medkg.train_links(kg, relation="TARGETS")
    model.predict(head="imatinib", top=10)

Each name is imported when it is first used, so that `import medkg` is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medkg.core.lazy import lazy_names

if TYPE_CHECKING:
    from medkg import (
        cypher,
        diagnosis,
        extract,
        gnn,
        graph,
        loaders,
        mining,
        plots,
    )
    from medkg.access import centrality, connect, open, read, view
    from medkg.core.errors import MedkgError
    from medkg.core.progress import ProgressStep, report_progress
    from medkg.core.sealing import open_sealed, seal
    from medkg.diagnosis import DiagnosisRequest, diagnose
    from medkg.examinations import (
        band_powers,
        measure_nuclei,
        read_detections,
        read_ecg,
        read_eeg,
        read_images,
        read_slides,
    )
    from medkg.extract.sentiment.train import train_sentiment
    from medkg.graph.check import check
    from medkg.graph.clean import fix
    from medkg.graph.export import export
    from medkg.graph.forget import forget
    from medkg.graph.kg import KnowledgeGraph
    from medkg.graph.merge import merge, unmerge
    from medkg.laboratory import read_labs
    from medkg.loaders.sources import load
    from medkg.mining.cohort.characteristics import cohort
    from medkg.mining.cohort.effect import treatment_effect
    from medkg.mining.course.train import train_course
    from medkg.mining.diagnosis.train import train_diagnosis
    from medkg.mining.links.train import train_links
    from medkg.mining.molecules.generator.between import interpolate_molecules
    from medkg.mining.molecules.generator.generate import generate_molecules
    from medkg.mining.molecules.generator.hypotheses import molecule_hypotheses
    from medkg.mining.molecules.generator.train import train_generator
    from medkg.mining.treatment.train import train_treatment
    from medkg.models import load_model
    from medkg.opinions import sentiment
    from medkg.predictions import write_predictions
    from medkg.restoration import restore_pictures
    from medkg.speech import transcribe
    from medkg.terminology import default_terminology
    from medkg.texts import annotate, deidentify, read_texts, review
    from medkg.translation import translate_pictures

_HOMES = {
    "DiagnosisRequest": ".diagnosis",
    "diagnose": ".diagnosis",
    "annotate": ".texts",
    "band_powers": ".examinations",
    "centrality": ".access",
    "connect": ".access",
    "default_terminology": ".terminology",
    "deidentify": ".texts",
    "load_model": ".models",
    "measure_nuclei": ".examinations",
    "open": ".access",
    "read": ".access",
    "read_detections": ".examinations",
    "read_ecg": ".examinations",
    "read_eeg": ".examinations",
    "read_images": ".examinations",
    "read_labs": ".laboratory",
    "read_slides": ".examinations",
    "read_texts": ".texts",
    "review": ".texts",
    "sentiment": ".opinions",
    "transcribe": ".speech",
    "restore_pictures": ".restoration",
    "translate_pictures": ".translation",
    "view": ".access",
    "write_predictions": ".predictions",
    "cohort": ".mining.cohort.characteristics",
    "treatment_effect": ".mining.cohort.effect",
    "train_course": ".mining.course.train",
    "generate_molecules": ".mining.molecules.generator.generate",
    "interpolate_molecules": ".mining.molecules.generator.between",
    "molecule_hypotheses": ".mining.molecules.generator.hypotheses",
    "train_generator": ".mining.molecules.generator.train",
    "train_diagnosis": ".mining.diagnosis.train",
    "train_links": ".mining.links.train",
    "train_sentiment": ".extract.sentiment.train",
    "train_treatment": ".mining.treatment.train",
    "check": ".graph.check",
    "fix": ".graph.clean",
    "MedkgError": ".core.errors",
    "ProgressStep": ".core.progress",
    "report_progress": ".core.progress",
    "open_sealed": ".core.sealing",
    "seal": ".core.sealing",
    "export": ".graph.export",
    "forget": ".graph.forget",
    "KnowledgeGraph": ".graph.kg",
    "merge": ".graph.merge",
    "unmerge": ".graph.merge",
    "load": ".loaders.sources",
    "cypher": ".cypher",
    "diagnosis": ".diagnosis",
    "extract": ".extract",
    "gnn": ".gnn",
    "graph": ".graph",
    "loaders": ".loaders",
    "mining": ".mining",
    "plots": ".plots",
}

__all__ = [
    "DiagnosisRequest",
    "KnowledgeGraph",
    "MedkgError",
    "ProgressStep",
    "annotate",
    "band_powers",
    "centrality",
    "check",
    "cohort",
    "connect",
    "cypher",
    "default_terminology",
    "deidentify",
    "diagnose",
    "diagnosis",
    "export",
    "extract",
    "fix",
    "forget",
    "generate_molecules",
    "gnn",
    "graph",
    "interpolate_molecules",
    "load",
    "load_model",
    "loaders",
    "measure_nuclei",
    "merge",
    "mining",
    "molecule_hypotheses",
    "open",
    "open_sealed",
    "plots",
    "read",
    "read_detections",
    "read_ecg",
    "read_eeg",
    "read_images",
    "read_labs",
    "read_slides",
    "read_texts",
    "report_progress",
    "restore_pictures",
    "review",
    "seal",
    "sentiment",
    "train_course",
    "train_diagnosis",
    "train_generator",
    "train_links",
    "train_sentiment",
    "train_treatment",
    "transcribe",
    "translate_pictures",
    "treatment_effect",
    "unmerge",
    "view",
    "write_predictions",
]


__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
