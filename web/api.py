"""The HTTP API: JSON in, JSON out. What people type goes in bodies and never in addresses."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from . import answers, messages
from .visits import API, Visitor

DESCRIPTION = """\
Send a token that `medkg serve SERVER --ui` printed: `Authorization: Bearer TOKEN`. The account
`visitor` sees no patient, no document and no fact that was read in documents alone, and asks no
model of a graph that holds some; `reader` sees everything; `writer` may write, too.
Everything is for research, not for care.
"""

router = APIRouter(prefix=API.rstrip("/"))


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, _visit: Visitor) -> dict[str, Any]:
    """This description."""
    description: dict[str, Any] = request.app.openapi()
    return description


@router.get("/overview", tags=["graph"])
def overview(visit: Visitor) -> messages.Overview:
    """What the graph holds, and what can be asked of this site."""
    return answers.overview(visit)


@router.post("/search", tags=["graph"])
def search(visit: Visitor, request: messages.SearchRequest) -> list[messages.Match]:
    """The entities that a text may mean."""
    return answers.search(visit, request)


@router.post("/entity", tags=["graph"])
def entity(visit: Visitor, request: messages.EntityRequest) -> messages.Entity:
    """An entity with its facts, their evidence, and hypotheses."""
    return answers.entity(visit, request)


@router.post("/hypotheses", tags=["graph"])
def hypotheses(visit: Visitor, request: messages.HypothesesRequest) -> messages.Table:
    """Hypotheses of drugs and targets for a drug, a target or a disease, explained."""
    return answers.hypotheses(visit, request)


@router.post("/explanation", tags=["graph"])
def explanation(visit: Visitor, request: messages.ExplanationRequest) -> messages.Explanation:
    """Why the site's model gives a pair its score: paths and evidence (`reader`, `writer`)."""
    return answers.explanation(visit, request)


@router.get("/queries", tags=["Cypher"])
def queries(_visit: Visitor) -> list[messages.LibraryQuery]:
    """The queries of the library."""
    return answers.queries()


@router.post("/query", tags=["Cypher"])
def query(visit: Visitor, request: messages.QueryRequest) -> messages.Table:
    """The answer of a query of the library, or of Cypher that only reads."""
    return answers.query(visit, request)


@router.post("/findings", tags=["diagnosis"])
def findings(visit: Visitor, request: messages.NoteRequest) -> messages.NoteReading:
    """What is read in a note, to be corrected. The note is kept nowhere."""
    return answers.findings(visit, request)


@router.post("/diagnosis", tags=["diagnosis"])
def diagnosis(visit: Visitor, request: messages.DiagnosisRequestMessage) -> messages.Diagnosis:
    """Diseases ranked for what is known of a patient, explained, and what to ask next."""
    return answers.diagnosis(visit, request)


@router.post("/patients", tags=["diagnosis"])
def patients(visit: Visitor, request: messages.DiagnosisRequestMessage) -> messages.WrittenPatient:
    """Write a patient, with what is predicted, to the graph under a random pseudonym (`writer`)."""
    return answers.write_patient(visit, request)


@router.post("/diagnosis/fhir", tags=["diagnosis"])
def fhir(visit: Visitor, request: messages.DiagnosisRequestMessage) -> Response:
    """A diagnosis as a FHIR R4 Bundle."""
    return JSONResponse(answers.fhir(visit, request), media_type="application/fhir+json")


@router.post("/treatment", tags=["treatment"])
def treatment(visit: Visitor, request: messages.TreatmentRequest) -> dict[str, Any]:
    """Drugs for a disease or a patient, with what speaks against each."""
    return answers.treatment(visit, request)
