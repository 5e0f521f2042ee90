"""The frames as plain parquet files for other tools, with a README of their columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ..frames import FRAMES
from .facts import ExportFacts
from .slices import Slices

_SAYS = {
    "nodes": "One row a thing: a drug, a disease, a gene, …",
    "edges": "One row a fact, which one piece of evidence or more asserts.",
    "evidence": "One row a piece of evidence, with where it comes from; also what only denies, or"
    " supposes, a fact.",
    "predictions": "One row a pair that a model predicts. None is a fact.",
    "merges": "One row an identifier that became another, and why.",
}
_COLUMNS = {
    "id": "identifier: of a node a CURIE; of an edge or a piece of evidence a hash of its content",
    "name": "the preferred name",
    "synonyms": "other names",
    "source": "name of the source that says so; its licence: LICENCES.txt",
    "model": "name of the model",
    "score": "the model's raw score; only its order means something",
    "kind": "kind of thing: Drug, Disease, Symptom, Target, …",
    "name_key": "the name in lower case, letters and digits only, for look-up",
    "xrefs": "identifiers of the same thing elsewhere",
    "properties": "JSON object of what else is known",
    "subject": "identifier of the node that the edge starts from",
    "relation": "TREATS, TARGETS, HAS_SYMPTOM, …",
    "object": "identifier of the node that the edge leads to",
    "original_subject": "the subject's identifier before nodes were merged, where it was another",
    "original_object": "the object's identifier before nodes were merged, where it was another",
    "probability": "0 to 1; of an edge, of all its evidence combined",
    "evidence_count": "number of pieces of evidence that assert the edge",
    "sources": "names of the sources of that evidence; their licences: LICENCES.txt",
    "edge": "id of the edge that it speaks of, in edges.parquet if it is asserted",
    "release": "release of the source",
    "date": "ISO 8601",
    "level": "curated, text-mined, observed or predicted",
    "document": "identifier of the document that says so",
    "sentence": "the text; empty where sentences were left out",
    "start": "offset of the sentence in the document, in characters",
    "end": "offset of the sentence's end",
    "extractor": "name and version of what read it",
    "polarity": "asserted or negated",
    "certainty": "certain, possible or hypothetical",
    "experiencer": "patient, family or other",
    "temporality": "current or historical",
    "references": "publications",
    "qualifiers": "JSON object: dose, frequency, action, …",
    "head": "identifier of the node that the pair starts from",
    "tail": "identifier of the node that the pair leads to",
    "base_rate": "share of true pairs that the probability was calibrated at",
    "rank": "among all that the model was asked about, from 1",
    "direction": "what was ranked: tail (of the head) or head (of the tail)",
    "known": "whether the graph already holds the pair",
    "explanation": "JSON: the paths and evidence behind the prediction",
    "kept": "the identifier that stays",
    "merged": "the identifier that became it",
    "reason": "what joined them, or kept them apart",
    "applied": "whether they were merged",
    "was": "JSON object of both nodes as they were",
}


def write(given: Slices, folder: Path) -> ExportFacts:
    """A parquet file for each frame, and README.md."""
    lines = [
        "# A medical knowledge graph",
        "",
        "Made by medkg. The sources and their licences are in LICENCES.txt.",
    ]
    counts = {}
    for name in FRAMES:
        given.lazy(name).sink_parquet(folder / f"{name}.parquet", compression="zstd")
        counts[name] = given.count(name)
        lines += ["", f"## {name}.parquet: {counts[name]:,} rows", "", _SAYS[name], ""]
        lines += ["| column | type | what it is |", "|---|---|---|"]
        for column, dtype in given.schema_of(name).items():
            of = "list of text" if isinstance(dtype, pl.List) else str(dtype).lower()
            lines.append(f"| {column} | {of} | {_COLUMNS.get(column, '')} |")
    (folder / "README.md").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return {"counts": counts}
