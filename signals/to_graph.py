"""Findings of patients as a graph: examinations, what they show, and the patients' phenotypes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import polars as pl

from ..core.errors import DataError
from ..graph.frames import Row, Source
from ..graph.identifiers import CURIE
from ..graph.kg import KnowledgeGraph
from .finding import Finding

SOURCE = Source("signals", "1", "of the examination's owner")
_KINDS = {"HP": "Symptom"}
_EXAMINATION = "seen_in"  # a qualifier of evidence


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
    LACKS_PHENOTYPE edge, and the rest is evidence alone. Each piece of evidence names its
    examination; no file's name is kept, which often is the patient's.

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
        about = {n: getattr(finding, n) for n in ("date", "device", "checksum", "remarks")}
        nodes.append({"id": finding.code, "kind": kind, "name": finding.name, "properties": None})
        nodes.append(
            {
                "id": examination,
                "kind": "Procedure",
                "name": finding.procedure,
                "properties": json.dumps({n: value for n, value in about.items() if value}),
            }
        )
        evidence.append(_row(subject, "UNDERWENT", examination, examination))
        if finding.excluded:
            evidence.append(_row(subject, "LACKS_PHENOTYPE", finding.code, examination, finding))
            continue
        phenotype = "HAS_PHENOTYPE" if kind == "Symptom" else "HAS_DISEASE"
        evidence.append(_row(examination, "SHOWS", finding.code, examination, finding))
        evidence.append(_row(subject, phenotype, finding.code, examination, finding))


def added_to(kg: KnowledgeGraph, findings: KnowledgeGraph) -> KnowledgeGraph:
    """A graph of examinations with more of them; one that is read again replaces its findings.

    Raises:
        DataError: the graph is of something else than examinations.
    """
    if others := sorted({source.name for source in kg.sources} - {SOURCE.name}):
        raise DataError(
            f"is a graph of {', '.join(others)}; write examinations to a folder of their own, and"
            " join both with medkg merge"
        )
    read_again = _examinations_of(findings.evidence).unique()
    replaced = _examinations_of(kg.evidence).is_in(read_again.implode()).fill_null(False)
    evidence = kg.evidence.filter(~replaced)
    nodes = pl.concat([findings.nodes, kg.nodes]).unique("id", keep="first", maintain_order=True)
    return KnowledgeGraph.build(
        nodes.select("id", "kind", "name", "properties"),
        pl.concat([evidence, findings.evidence]).select(list(_EVIDENCE)),
        [SOURCE],
    )


def _examinations_of(evidence: pl.DataFrame) -> pl.Series:
    return evidence["qualifiers"].str.json_path_match(f"$.{_EXAMINATION}")


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


def _row(
    subject: str, relation: str, object_: str, examination: str, finding: Finding | None = None
) -> Row:
    row: Row = {
        "subject": subject,
        "relation": relation,
        "object": object_,
        "source": SOURCE.name,
        "release": SOURCE.release,
        "level": "observed",
        "certainty": "certain",
        "probability": 1.0,
        "qualifiers": json.dumps({_EXAMINATION: examination}),
    }
    if finding is not None:
        row |= {
            "level": "predicted" if finding.predicted else "observed",
            "extractor": finding.source,
            # Hypothetical evidence makes no edge.
            "certainty": "certain" if finding.present or finding.excluded else "hypothetical",
            "probability": finding.probability,
            "date": finding.date or None,
            "qualifiers": json.dumps(
                ({"region": finding.region} if finding.region else {}) | {_EXAMINATION: examination}
            ),
        }
    return row
