"""Findings of a patient as a graph: the examination and what it shows of the patient."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from ..core.errors import DataError
from ..graph.frames import Row, Source
from ..graph.identifiers import CURIE
from ..graph.kg import KnowledgeGraph
from .finding import Finding

SOURCE = Source("signals", "1", "of the examination's owner")
_KINDS = {"HP": "Symptom"}


def findings_graph(findings: Sequence[Finding], patient: str) -> KnowledgeGraph:
    """The findings of one patient as a graph.

    The patient UNDERWENT each examination (Procedure), which SHOWS its findings; what is present is
    a HAS_PHENOTYPE or HAS_DISEASE edge with the finding's probability, what is not is evidence.

    Args:
        patient: a name of the user's choice, or a CURIE.

    Raises:
        DataError: the patient has no name.
    """
    if not patient.strip():
        raise DataError("name the patient")
    subject = patient if CURIE.fullmatch(patient) else f"patient:{'_'.join(patient.split())}"
    nodes: list[Row] = [{"id": subject, "kind": "Patient", "name": patient, "properties": None}]
    evidence: list[Row] = []
    for finding in findings:
        kind = _KINDS.get(finding.code.partition(":")[0], "Disease")
        examination = f"examination:{(finding.checksum or finding.procedure)[:16]}"
        about = {n: getattr(finding, n) for n in ("date", "device", "checksum", "file")}
        nodes.append({"id": finding.code, "kind": kind, "name": finding.name, "properties": None})
        nodes.append(
            {
                "id": examination,
                "kind": "Procedure",
                "name": finding.procedure,
                "properties": json.dumps({n: value for n, value in about.items() if value}),
            }
        )
        phenotype = "HAS_PHENOTYPE" if kind == "Symptom" else "HAS_DISEASE"
        evidence.append(_row(subject, "UNDERWENT", examination, None))
        evidence.append(_row(examination, "SHOWS", finding.code, finding))
        evidence.append(_row(subject, phenotype, finding.code, finding))
    columns = {"id": pl.String, "kind": pl.String, "name": pl.String, "properties": pl.String}
    frame = pl.DataFrame(nodes, schema=columns).unique("id", keep="first", maintain_order=True)
    rows = pl.DataFrame(evidence, schema=_EVIDENCE).unique(maintain_order=True)
    return KnowledgeGraph.build(frame, rows, [SOURCE])


_EVIDENCE = {
    "subject": pl.String,
    "relation": pl.String,
    "object": pl.String,
    "source": pl.String,
    "release": pl.String,
    "level": pl.String,
    "extractor": pl.String,
    "certainty": pl.String,
    "probability": pl.Float64,
    "date": pl.String,
    "qualifiers": pl.String,
}


def _row(subject: str, relation: str, object_: str, finding: Finding | None) -> Row:
    row: Row = {
        "subject": subject,
        "relation": relation,
        "object": object_,
        "source": SOURCE.name,
        "release": SOURCE.release,
        "level": "observed",
        "certainty": "certain",
        "probability": 1.0,
    }
    if finding is not None:
        row |= {
            "extractor": finding.source,
            # Hypothetical evidence makes no edge.
            "certainty": "certain" if finding.present else "hypothetical",
            "probability": finding.probability,
            "date": finding.date or None,
            "qualifiers": json.dumps({"region": finding.region}) if finding.region else None,
        }
    return row
