"""A graph in the forms of other tools: KGX, Neo4j's importer, GraphML, Turtle, parquet.

Everything is written slice by slice, so that memory doesn't grow with the graph.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from ...core.atomic import atomic_folder
from ...core.errors import DataError
from ..kg import KnowledgeGraph
from . import (
    graphml,
    kgx,
    neo4j,
    parquet,
    turtle,
)
from .facts import ExportFacts, ExportManifest
from .slices import Slices

MANIFEST = "medkg-export.json"
LICENCES = "LICENCES.txt"


def export(
    kg: KnowledgeGraph, path: Path | str, form: str, *, sentences: bool = True
) -> ExportManifest:
    """Write a graph to a folder in one of `FORMS`.

    Beside it lie the licences of the graph's sources and what the folder holds (`MANIFEST`). The
    folder is written to one side and moved into place.

    Args:
        sentences: without, the text of sentences is left out; their offsets stay.

    Returns:
        What the manifest says: form, counts, sources, and whatever the form adds.

    Raises:
        DataError: no such form, `path` is a folder with other things in it, or the graph holds
            what the form can't.

    Example:
        >>> manifest = medkg.export(medkg.load("common"), "kgx", "kgx")
        >>> manifest["counts"]["evidence"]
        5789
    """
    forms: dict[str, Callable[[Slices, Path], ExportFacts]] = {
        "kgx": kgx.write_tsv,
        "kgx-jsonl": kgx.write_jsonl,
        "neo4j-import": neo4j.write,
        "graphml": graphml.write,
        "turtle": turtle.write,
        "parquet": parquet.write,
    }
    if form not in forms:
        raise DataError(f"{form!r} is no form of export; there are {', '.join(forms)}")
    is_public = kg.is_public()
    with atomic_folder(path, marker=MANIFEST, shared=is_public) as folder:
        given = Slices(kg, sentences)
        facts: ExportManifest = {
            "format": form,
            "medkg_version": version("medkg"),
            "sentences": sentences,
            "sources": [asdict(source) for source in kg.sources],
            "graph": None if is_public else kg.checksum(),
            **forms[form](given, folder),
        }
        (folder / LICENCES).write_text(_licences(kg), encoding="utf-8")
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        (folder / MANIFEST).write_text(text, encoding="utf-8")
    return facts


def _licences(kg: KnowledgeGraph) -> str:
    lines = ["Where this graph comes from, and on what terms each source gives it:", ""]
    for source in kg.sources:
        release = f" {source.release}" if source.release else ""
        lines += [f"{source.name}{release}", f"  licence: {source.licence}"]
        lines += [f"  {source.home_page}"] if source.home_page else []
    return "\n".join([*lines, ""])
