"""Cases from wherever they lie: a graph folder, a table, or phenopackets."""

from __future__ import annotations

from pathlib import Path

from medkg.core.errors import MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.graph_frames import MANIFEST
from medkg.graph.kg import KnowledgeGraph

_TABLES = (".tsv", ".tab", ".txt", ".csv")


def open_cases(path: Path, quarantine: Quarantine) -> KnowledgeGraph:
    """Patients with phenotypes and diagnoses.

    Args:
        path: a graph folder; a table of cases divided by tabs (`medkg.mining.diagnosis.cases`); or
            phenopackets: a .json file, a folder of them, or a tar archive.
        quarantine: gets what can't be used, with file, line and reason.

    Raises:
        MissingError: nothing is there.
        DataError: it can't be read, or holds no case.
    """
    if not path.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    if (path / MANIFEST).is_file():
        return KnowledgeGraph.open(path)
    if path.suffix.lower() in _TABLES:
        from medkg.mining.diagnosis.cases import read_cases

        return read_cases(path, quarantine)
    from medkg.loaders.sources import load

    return load("phenopackets", path, quarantine=quarantine)
