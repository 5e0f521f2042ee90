"""Findings of patients as a graph: examinations, what they show, and the patients' phenotypes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import polars as pl

from ..core.errors import DataError
from ..graph.frames import Row, Source
from ..graph.identifiers import CURIE
from ..graph.kg import KnowledgeGraph
from .finding import Finding

SOURCE = Source("signals", "1", "of the examination's owner")
_KINDS = {"HP": "Symptom"}


def findings_graph(findings: Sequence[Finding], patient: str) -> KnowledgeGraph:
    """The findings of one patient as a graph; see `patients_graph`.

    Raises:
        DataError: the patient has no name.
    """
    return patients_graph({patient: findings})


def patients_graph(findings: Mapping[str, Sequence[Finding]]) -> KnowledgeGraph:
    """The findings of patients as a graph.

    A patient UNDERWENT each examination (Procedure), which SHOWS its findings; what is present is
    a HAS_PHENOTYPE or HAS_DISEASE edge with the finding's probability, what is excluded a
    LACKS_PHENOTYPE edge, and the rest is evidence alone.

    Args:
        findings: by patient, a name of the user's choice or a CURIE.

    Raises:
        DataError: a patient has no name.
    """
    nodes: list[Row] = []
    evidence: list[Row] = []
    for patient, own in findings.items():
        _add_patient(patient, own, nodes, evidence)
    columns = {"id": pl.String, "kind": pl.String, "name": pl.String, "properties": pl.String}
    frame = pl.DataFrame(nodes, schema=columns).unique("id", keep="first", maintain_order=True)
    rows = pl.DataFrame(evidence, schema=_EVIDENCE).unique(maintain_order=True)
    return KnowledgeGraph.build(frame, rows, [SOURCE])


def _add_patient(
    patient: str, findings: Sequence[Finding], nodes: list[Row], evidence: list[Row]
) -> None:
    if not patient.strip():
        raise DataError("name the patient")
    subject = patient if CURIE.fullmatch(patient) else f"patient:{quote(patient.strip(), safe='')}"
    nodes.append({"id": subject, "kind": "Patient", "name": patient, "properties": None})
    for finding in findings:
        kind = _KINDS.get(finding.code.partition(":")[0], "Disease")
        # One file may hold several patients' examinations, of several days.
        key = "\t".join((subject, finding.procedure, finding.checksum, finding.date))
        examination = f"examination:{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        about = {n: getattr(finding, n) for n in ("date", "device", "checksum")}
        about["file"] = Path(finding.file).name  # where it lies is nobody else's business
        nodes.append({"id": finding.code, "kind": kind, "name": finding.name, "properties": None})
        nodes.append(
            {
                "id": examination,
                "kind": "Procedure",
                "name": finding.procedure,
                "properties": json.dumps({n: value for n, value in about.items() if value}),
            }
        )
        evidence.append(_row(subject, "UNDERWENT", examination, None))
        if finding.excluded:
            evidence.append(_row(subject, "LACKS_PHENOTYPE", finding.code, finding))
            continue
        phenotype = "HAS_PHENOTYPE" if kind == "Symptom" else "HAS_DISEASE"
        evidence.append(_row(examination, "SHOWS", finding.code, finding))
        evidence.append(_row(subject, phenotype, finding.code, finding))


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
            "level": "predicted" if finding.predicted else "observed",
            "extractor": finding.source,
            # Hypothetical evidence makes no edge.
            "certainty": "certain" if finding.present or finding.excluded else "hypothetical",
            "probability": finding.probability,
            "date": finding.date or None,
            "qualifiers": json.dumps({"region": finding.region}) if finding.region else None,
        }
    return row
