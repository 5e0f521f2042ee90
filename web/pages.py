"""The pages: the answers of `answers`, by templates. No page needs a script to work."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import jinja2
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

import medkg
from medkg import entities
from medkg.core.errors import MedkgError, MissingError
from medkg.core.han import has_han
from medkg.core.json_reading import JsonError, parse_object
from medkg.core.temporary import temporary_folder

from . import answers, messages
from .forms import (
    Form,
    diagnosis_problem,
    diagnosis_request,
    diagnosis_values,
    read_form,
    read_note_form,
    treatment_request,
)
from .protection import SANDBOX_POLICY
from .sentences import marked
from .site import Site
from .translation import TranslatedLoader
from .visits import Visitor, site_of

_DATA = Path(__file__).parent / "data"
_REFUSED_SECONDS = 1.0  # before the next token can be tried

router = APIRouter(include_in_schema=False)
Fields = Annotated[Form, Depends(read_form)]
NoteFields = Annotated[Form, Depends(read_note_form)]


def _address(kind: str, identifier: str) -> str:
    """The address of an entity's page."""
    return f"/entity/{quote(kind, safe='')}/{quote(identifier, safe=':')}"


def _plain(relation: str) -> str:
    """A relation's name in words: `HAS_SYMPTOM` is `has symptom`."""
    return relation.replace("_", " ").lower()


def _number(value: float | None) -> str:
    """A probability with as many digits as it takes to tell it from nought."""
    if value is None:
        return ""
    return f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"


@cache
def _templates(language: str) -> jinja2.Environment:
    folder = _DATA / "templates"
    is_english = language == "en"
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder)
        if is_english
        else TranslatedLoader(folder, language),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(address=_address, marked=marked)
    templates.filters.update(plain=_plain, number=_number, zip=zip, dict=dict)
    return templates


def static_files() -> StaticFiles:
    """The site's style sheet and script."""
    # An editable install links to the files.
    return StaticFiles(directory=_DATA / "static", follow_symlink=True)


def _page(template: str, visit: Visitor, /, **values: Any) -> HTMLResponse:
    return _rendered(template, visit.site, visit, **values)


def _rendered(
    template: str, site: Site, visit: Visitor | None, status: int = 200, /, **values: Any
) -> HTMLResponse:
    """A page in the site's language; before the log-in nobody visits."""
    html = _templates(site.language).get_template(f"{template}.html").render(visit=visit, **values)
    return HTMLResponse(html, status)


def error_page(request: Request, status: int, reason: str) -> Response:
    """A page that says what went wrong; it knows who asks if the request came so far."""
    visit = getattr(request.state, "visit", None)
    return _rendered("error", site_of(request), visit, status, reason=reason)


# Logging in and out


@router.get("/login")
def login(request: Request) -> Response:
    """The page that asks for a token."""
    return _rendered("login", site_of(request), None, problem="")


@router.post("/login")
async def log_in(request: Request, form: Fields) -> Response:
    """Begin a session for whoever has a token."""
    site = site_of(request)
    account = site.tokens.account(form.text("token"))
    log = site.store.audit
    if log is not None:
        what = "log-in" if account else "refused log-in"
        name = f"site {account.name}" if account else "site"
        await run_in_threadpool(log.record, what, user=name)
    if account is None:
        await asyncio.sleep(_REFUSED_SECONDS)
        return _rendered("login", site, None, 401, problem="this is none of the tokens")
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        site.cookie, site.sessions.begin(account), httponly=True, samesite="strict", path="/"
    )
    return answer


@router.post("/logout")
def log_out(request: Request, _visit: Visitor) -> Response:
    """End the session."""
    site = site_of(request)
    site.sessions.end(request.cookies.get(site.cookie, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(site.cookie, path="/", httponly=True, samesite="strict")
    return answer


# The graph


@router.get("/")
def home(visit: Visitor) -> Response:
    """What there is, and a search."""
    return _page("home", visit, overview=answers.overview(visit))


@router.post("/search")
def search(visit: Visitor, form: Fields) -> Response:
    """The entities that a text may mean. Sent as a body: a name may be a patient's."""
    text, kind = (form.text(name)[:200] for name in ("text", "kind"))
    request = messages.SearchRequest(text=text, kind=kind or None)
    matches = answers.search(visit, request)
    in_chinese = has_han(request.text)
    return _page("search", visit, text=request.text, matches=matches, in_chinese=in_chinese)


@router.get("/entity/{kind}/{identifier:path}/graph")
def graph(visit: Visitor, kind: str, identifier: str) -> Response:
    """The subgraph around an entity, as `medkg view` draws it."""
    visit.must_see_all()
    entities.entity(visit.store, kind, identifier, private=visit.private)
    with temporary_folder() as folder:
        medkg.view(visit.store, identifier, folder / "page.html")
        html = (folder / "page.html").read_text(encoding="utf-8")
    return HTMLResponse(html, headers={"content-security-policy": SANDBOX_POLICY})


@router.get("/entity/{kind}/{identifier:path}/facts/{relation}")
def relation(visit: Visitor, kind: str, identifier: str, relation: str) -> Response:
    """The facts of one relation, many of them."""
    request = _entity_request(kind=kind, id=identifier, relation=relation, most=500)
    return _page("entity", visit, entity=answers.entity(visit, request), whole=False)


@router.get("/entity/{kind}/{identifier:path}")
def entity(visit: Visitor, kind: str, identifier: str) -> Response:
    """An entity: facts by relation, with evidence, and hypotheses."""
    request = _entity_request(kind=kind, id=identifier)
    return _page("entity", visit, entity=answers.entity(visit, request), whole=True)


def _entity_request(**fields: Any) -> messages.EntityRequest:
    """The request of an address.

    Raises:
        MissingError: nothing can be of such a kind, identifier or relation.
    """
    try:
        return messages.EntityRequest(**fields)
    except ValidationError:
        raise MissingError("the address is no entity's") from None


@router.get("/hypotheses")
def hypotheses(visit: Visitor) -> Response:
    """The form that asks for hypotheses of drugs and targets."""
    return _page("hypotheses", visit, text="", known=False, table=None, problem="")


@router.post("/hypotheses")
def ask_hypotheses(visit: Visitor, form: Fields) -> Response:
    """Hypotheses for a drug, target or disease."""
    text, known = form.text("entity")[:200], bool(form.text("known"))
    table, problem = None, ""
    try:
        request = messages.HypothesesRequest(entity=text, known=known)
        table = answers.hypotheses(visit, request)
    except MedkgError as error:
        problem = str(error)
    return _page("hypotheses", visit, text=text, known=known, table=table, problem=problem)


@router.get("/explanation")
def explanation(visit: Visitor) -> Response:
    """The form that asks why a model gives a pair its score."""
    return _page("explanation", visit, head="", tail="", result=None, problem="")


@router.post("/explanation")
def ask_explanation(visit: Visitor, form: Fields) -> Response:
    """Why a model gives a pair its score."""
    head, tail = (form.text(name).strip()[:200] for name in ("head", "tail"))
    result, problem = None, ""
    try:
        request = messages.ExplanationRequest(head=head, tail=tail)
        result = answers.explanation(visit, request)
    except MedkgError as error:
        problem = str(error)
    return _page("explanation", visit, head=head, tail=tail, result=result, problem=problem)


@router.get("/cypher")
def cypher(visit: Visitor) -> Response:
    """The query library, and a box for Cypher."""
    return _page("cypher", visit, **_cypher_values())


@router.post("/cypher")
def ask_cypher(visit: Visitor, form: Fields) -> Response:
    """The answer of a query."""
    values = _cypher_values(name=form.text("name"), cypher=form.text("cypher"))
    values["parameters"] = form.text("parameters")
    name = values["name"] or None
    given: dict[str, Any] = {
        key.removeprefix("parameter."): form.text(key)
        for key in form.names()
        if key.startswith("parameter.") and form.text(key)
    }
    values["given"] = given
    try:
        if name is None and values["parameters"].strip():
            given = parse_object(values["parameters"])
        request = messages.QueryRequest(
            name=name, cypher=None if name else values["cypher"], parameters=given
        )
        values["table"] = answers.query(visit, request)
    except ValidationError as error:
        values["problem"] = error.errors()[0]["msg"]
    except JsonError as error:
        values["problem"] = f"the parameters are no JSON: {error}"
    except MedkgError as error:
        values["problem"] = str(error)
    return _page("cypher", visit, **values)


def _cypher_values(name: str = "", cypher: str = "") -> dict[str, Any]:
    queries = answers.queries()
    chosen = next((query for query in queries if query.name == name), None)
    return {
        "queries": queries,
        "chosen": chosen,
        "name": name,
        "cypher": cypher or (chosen.cypher if chosen else ""),
        "parameters": "",
        "given": {},
        "table": None,
        "problem": "",
    }


@router.get("/cypher/{name}")
def library_query(visit: Visitor, name: str) -> Response:
    """A query of the library with its parameters to be filled in."""
    return _page("cypher", visit, **_cypher_values(name=name))


# Diagnosis and treatment


@router.get("/diagnosis")
def diagnosis(visit: Visitor) -> Response:
    """The form that takes phenotypes or a note."""
    return _page("diagnosis", visit, **diagnosis_values(Form({})), findings=None, result=None)


@router.post("/diagnosis")
def ask_diagnosis(visit: Visitor, form: NoteFields) -> Response:
    """What a button of the page asks for: to read a note, to rank, to answer, a FHIR bundle."""
    values = diagnosis_values(form)
    findings, result = None, None
    try:
        if form.text("do") == "read":
            reading = answers.findings(visit, messages.NoteRequest(text=form.text("note")))
            findings = reading.findings
            values["sex"] = reading.sex or ""
            values["age"] = "" if reading.age is None else f"{reading.age:g}"
        else:
            request = diagnosis_request(form)
            values = {**values, **diagnosis_values(form, request)}
            if form.text("do") == "fhir":
                return _download(answers.fhir(visit, request), "diagnosis.fhir.json")
            if form.text("do") == "write":
                values["written"] = answers.write_patient(visit, request).patient
            result = answers.diagnosis(visit, request)
    except ValidationError as error:
        values["problem"] = diagnosis_problem(error)
    except MedkgError as error:
        values["problem"] = str(error)
    return _page("diagnosis", visit, **values, findings=findings, result=result)


def _download(content: object, name: str) -> Response:
    disposition = {"content-disposition": f'attachment; filename="{name}"'}
    return JSONResponse(content, headers=disposition, media_type="application/fhir+json")


@router.get("/treatment")
def treatment(visit: Visitor) -> Response:
    """The form that asks for drugs."""
    return _page("treatment", visit, form=Form({}), result=None, problem="")


@router.post("/treatment")
def ask_treatment(visit: Visitor, form: Fields) -> Response:
    """Drugs for a disease or a patient."""
    result, problem = None, ""
    try:
        result = answers.treatment(visit, treatment_request(form))
    except ValidationError:
        problem = "give at least one disease, and an age as a number"
    except MedkgError as error:
        problem = str(error)
    return _page("treatment", visit, form=form, result=result, problem=problem)


@router.get("/api")
def api(request: Request, visit: Visitor) -> Response:
    """What the HTTP API answers, from its own description."""
    description = request.app.openapi()
    return _page("api", visit, description=description)
