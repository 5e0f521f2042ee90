"""Diagnosis as a clinician-researcher does it: findings in, checked and corrected; a ranking out.

Phenotypes come typed, from a note and examinations that are read, from a table of findings that a
person has corrected, or from phenopackets:

    request = medkg.DiagnosisRequest(symptoms=["Seizure", "HP:0001252"], top=5)
    result = medkg.diagnose(model, request)
    result.cases[0]["diagnoses"]

Patients go into a graph under pseudonyms, with what was predicted of them. The text of a note is
written nowhere but where the user asks for it.
"""

from __future__ import annotations

from medkg.diagnosis.dialogue import ask_for_phenotypes
from medkg.diagnosis.findings import (
    FINDINGS,
    NO_FINDING,
    Finding,
    NoteReader,
    NoteReading,
    findings_in_note,
    findings_in_text,
    kept_findings,
    read_findings,
    resolve_findings,
    review_findings,
    typed_phenotypes,
    write_findings,
)
from medkg.diagnosis.patient_graph import patient_graph, pseudonym
from medkg.diagnosis.patients import PatientFindings, read_phenopackets
from medkg.diagnosis.ranking import OpenSetResult, PatientDiagnosis, diagnose_patients
from medkg.diagnosis.request import (
    CaseReport,
    DiagnosisRequest,
    DiagnosisResult,
    RequestedPatients,
    check_coverage,
    diagnose,
    diagnose_requested,
    read_files,
    read_requested,
)

__all__ = [
    "FINDINGS",
    "NO_FINDING",
    "CaseReport",
    "DiagnosisRequest",
    "DiagnosisResult",
    "Finding",
    "NoteReader",
    "NoteReading",
    "OpenSetResult",
    "PatientDiagnosis",
    "PatientFindings",
    "RequestedPatients",
    "ask_for_phenotypes",
    "check_coverage",
    "diagnose",
    "diagnose_patients",
    "diagnose_requested",
    "findings_in_note",
    "findings_in_text",
    "kept_findings",
    "patient_graph",
    "pseudonym",
    "read_files",
    "read_findings",
    "read_phenopackets",
    "read_requested",
    "resolve_findings",
    "review_findings",
    "typed_phenotypes",
    "write_findings",
]
