"""What the site answers, on its pages and by its HTTP API: `medkg`'s functions, as messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

import polars as pl

from medkg import entities
from medkg.core.errors import DataError, MissingError
from medkg.core.json_reading import parse_object
from medkg.cypher import library
from medkg.diagnosis import (
    DiagnosisRequest,
    DiagnosisResult,
    diagnose,
    patient_graph,
    pseudonym,
)
from medkg.explanations import ExplanationParts
from medkg.fhir_bundle import diagnosis_bundle
from medkg.graph.look_up import SUGGESTED, suggestion
from medkg.predictions import as_on_server

from . import messages
from .curated_questions import curated_question
from .site import Visit

_EVIDENCE_SHOWN = 8  # pieces of an edge's
# The query that asks for hypotheses about an entity of a kind, and its parameter.
_HYPOTHESES = {
    "Drug": ("hypotheses_for_drug", "drug"),
    "Target": ("hypotheses_for_target", "target"),
    "Disease": ("drug_target_hypotheses", "disease"),
}


def overview(visit: Visit) -> messages.Overview:
    """What the graph holds, by kind and source, and what can be asked."""
    store, site = visit.store, visit.site
    shown = entities.kinds(store, private=visit.private)
    counts = {kind: entities.count(store, kind, private=visit.private) for kind in shown}
    sources = store.query(
        "MATCH (s:Source) RETURN s.name AS name, coalesce(s.release, '') AS release,"
        " coalesce(s.licence, '') AS licence ORDER BY name"
    )
    return messages.Overview(
        account=visit.account.name,
        sees_patients=visit.private,
        may_write=visit.account.may_write,
        kinds={kind: count for kind, count in counts.items() if count},
        sources=sources.to_dicts(),
        diagnosis=site.diagnosis.name if site.diagnosis else None,
        treatment=site.treatment.name if site.treatment else None,
        links=site.links.name if site.links else None,
    )


def search(visit: Visit, request: messages.SearchRequest) -> list[messages.Match]:
    """The entities that a text may mean."""
    rows = entities.search(
        visit.store, request.text, kind=request.kind, most=request.most, private=visit.private
    )
    return [messages.Match(**row) for row in rows.iter_rows(named=True)]


def entity(visit: Visit, request: messages.EntityRequest) -> messages.Entity:
    """A node with its facts and hypotheses.

    Raises:
        MissingError: there is none that the visitor may see.
    """
    store, private = visit.store, visit.private
    node = entities.entity(store, request.kind, request.id, private=private)
    facts = entities.facts(
        store,
        request.kind,
        request.id,
        relation=request.relation,
        most=request.most,
        private=private,
    )
    evidence = entities.evidence(store, facts["edge"].to_list(), private=private)
    predicted = entities.hypotheses(
        store, request.kind, request.id, most=request.most, private=private
    )
    properties = parse_object(node.pop("properties"))
    return messages.Entity(
        **node,
        properties=properties,
        facts=_by_relation(facts, evidence),
        hypotheses=[] if request.relation else _predicted(predicted),
    )


def _by_relation(facts: pl.DataFrame, evidence: pl.DataFrame) -> list[messages.Facts]:
    by_edge: dict[str, list[messages.Evidence]] = {}
    fields = list(messages.Evidence.model_fields)
    for row in evidence.select("edge", *fields).iter_rows(named=True):
        edge = row.pop("edge")
        pieces = by_edge.setdefault(edge, [])
        if len(pieces) < _EVIDENCE_SHOWN:
            pieces.append(messages.Evidence(**{**row, "references": row["references"] or []}))
    return [
        messages.Facts(
            **group,
            facts=[
                messages.Fact(
                    **{**row, "sources": row["sources"] or []},
                    evidence=by_edge.get(row["edge"], []),
                )
                for row in rows
            ],
        )
        for group, rows in _groups(facts)
    ]


def _predicted(frame: pl.DataFrame) -> list[messages.Hypotheses]:
    return [
        messages.Hypotheses(
            **group,
            hypotheses=[
                messages.Hypothesis(**{**row, "explanation": explanation_lines(row["explanation"])})
                for row in rows
            ],
        )
        for group, rows in _groups(frame)
    ]


def _groups(frame: pl.DataFrame) -> Iterator[tuple[dict[str, Any], Iterator[dict[str, Any]]]]:
    """The rows of each relation and direction, with how many there are of them in the graph."""
    columns = ("relation", "outgoing", "count")
    for _, part in frame.group_by("relation", "outgoing", maintain_order=True):
        group = dict(zip(columns, part.select(columns).row(0), strict=True))
        yield group, part.drop(columns).iter_rows(named=True)


def explanation_lines(explanation: str | None) -> list[str]:
    """A prediction's explanation in lines: the known pairs it rests on, its paths, what warns."""
    if not explanation:
        return []
    parts = ExplanationParts.of(explanation)
    lines = [*parts.reasons, *parts.paths, *parts.warnings]
    return lines or ([parts.others] if isinstance(parts.others, str) else [])


def hypotheses(visit: Visit, request: messages.HypothesesRequest) -> messages.Table:
    """Hypotheses of drugs and targets for a drug, a target or a disease.

    What the graph says of them besides, and why, is for who may see documents: it may have been
    read in one.

    Raises:
        MissingError: no such drug, target or disease, or several.
    """
    kind, identifier = _resolved(visit, request.entity)
    name, parameter = _HYPOTHESES[kind]
    # One more than wanted tells whether there are more.
    values = {parameter: identifier, "known": request.known, "top": request.most + 1}
    question = library.get(name)
    if not visit.private:
        question = curated_question(question, kind)
    frame = question.run(visit.store, **values)
    note = _note(visit, question, frame, values)
    if "explanation" in frame.columns and frame.height:
        lines = [explanation_lines(text) for text in frame["explanation"].to_list()]
        frame = frame.with_columns(pl.Series("explanation", lines, dtype=pl.List(pl.String)))
    return _table(frame, request.most, note)


def explanation(visit: Visit, request: messages.ExplanationRequest) -> messages.Explanation:
    """Why the site's model gives a pair its score, made anew.

    Raises:
        NotAllowedError: the account may see no sentences.
        MissingError: the site has no such model, or there is no such entity, or the model hasn't
            seen it.
    """
    visit.must_see_sentences()
    model = visit.site.explaining()
    with visit.site.turns.turn():
        explained = model.explain(request.head, request.tail)
    return messages.Explanation(
        model=model.name, text=str(explained), explanation=explained.to_dict()
    )


def _resolved(visit: Visit, text: str) -> tuple[str, str]:
    """Kind and identifier of the one drug, target or disease that a text means."""
    matches, problems = [], []
    for kind in _HYPOTHESES:
        try:
            matches.append(visit.store.resolve(text, kind))
        except MissingError as error:
            problems.append(error)
    if not matches:
        several = [problem for problem in problems if "may be" in str(problem)]
        if several:
            raise several[0]
        near = entities.search(visit.store, text, most=SUGGESTED, private=False)
        hint = suggestion(near.rename({"matched": "alike"}), text)
        raise MissingError(f"no drug, target or disease {text!r}{hint}")
    if len(matches) > 1:
        listed = ", ".join(f"{identifier} ({kind})" for kind, identifier in matches)
        raise MissingError(f"{text!r} may be: {listed}; give the identifier")
    return matches[0]


def queries() -> list[messages.LibraryQuery]:
    """The queries of the library."""
    return [
        messages.LibraryQuery(
            name=query.name,
            title=query.title,
            description=query.description,
            parameters=[
                messages.QueryParameter(
                    name=each.name,
                    type=each.type,
                    kinds=list(each.kinds),
                    required=each.required,
                    default=None if each.required else each.default,
                    description=each.description,
                )
                for each in query.parameters
            ],
            columns=dict(query.columns),
            cypher=query.cypher,
        )
        for query in library.load().values()
    ]


def query(visit: Visit, request: messages.QueryRequest) -> messages.Table:
    """The answer of a query of the library, or of Cypher.

    Raises:
        NotAllowedError: the graph holds what the account may not see.
        DataError: neither or both are given, or a parameter is wrong.
    """
    visit.must_see_all()
    if (request.name is None) == (request.cypher is None):
        raise DataError("give the name of a query, or Cypher")
    if request.name is not None:
        question = library.get(request.name)
        frame = question.run(visit.store, **request.parameters)
        note = _note(visit, question, frame, request.parameters)
        table = _table(frame, request.most, note)
        return table.model_copy(
            update={"truncated": table.truncated or _reaches_top(question, frame, request)}
        )
    assert request.cypher is not None
    # One row more than wanted tells whether there are more; the rest is never read.
    pages = visit.store.pages(request.cypher, request.most + 1, **request.parameters)
    first = next(islice(pages, 1), pl.DataFrame())
    pages.close()
    return _table(first, request.most)


def _reaches_top(
    question: library.Query, frame: pl.DataFrame, request: messages.QueryRequest
) -> bool:
    """Whether an answer has as many rows as the question's own `top` lets it have."""
    tops = [parameter for parameter in question.parameters if parameter.name == "top"]
    given = [top.value(request.parameters.get("top", top.default)) for top in tops]
    return any(isinstance(most, int) and frame.height >= most for most in given)


def _note(
    visit: Visit, question: library.Query, frame: pl.DataFrame, params: Mapping[str, object]
) -> str:
    """What helps where a question has no rows."""
    if frame.height:
        return ""
    return "; ".join(entities.why_no_answer(visit.store, question, **params))


def _table(frame: pl.DataFrame, most: int, note: str = "") -> messages.Table:
    return messages.Table(
        columns=frame.columns,
        rows=[list(row) for row in frame.head(most).iter_rows()],
        truncated=frame.height > most,
        note=note,
    )


def findings(visit: Visit, request: messages.NoteRequest) -> messages.NoteReading:
    """What is read in a note, to be corrected."""
    with visit.site.turns.turn():
        reading = visit.site.notes.read(request.text)
    return messages.NoteReading(
        findings=[messages.NoteFinding(**row) for row in reading.findings.iter_rows(named=True)],
        sex=reading.demographics.sex,
        age=reading.demographics.age,
    )


def diagnosis(visit: Visit, request: messages.DiagnosisRequestMessage) -> messages.Diagnosis:
    """Diseases ranked for what is known of a patient, explained, and what to ask next.

    Raises:
        NotAllowedError: the account may not see what the model's graph was read in.
        MissingError: a phenotype or gene that the graph has not.
    """
    model = visit.site.diagnosing()
    visit.must_see_texts_of(model.kg)
    with visit.site.turns.turn():
        wanted, result = _diagnosed(visit, request)
        case = result.cases[0]
        questions = model.questions(
            case["present"],
            case["excluded"],
            unknown=request.unknown,
            top=3,
            circumstances=wanted.circumstances,
        )
    named = {*case["present"], *case["excluded"], *request.unknown}
    return messages.Diagnosis(
        model=model.name,
        case=cast(dict[str, Any], result.reports()[0]),
        names={each: model.names.get(each, each) for each in sorted(named)},
        questions=[messages.Question(**row) for row in questions.iter_rows(named=True)],
    )


def _diagnosed(
    visit: Visit, request: messages.DiagnosisRequestMessage
) -> tuple[DiagnosisRequest, DiagnosisResult]:
    wanted = DiagnosisRequest(
        symptoms=request.present,
        absent=request.absent,
        genes=request.genes,
        onset=request.onset,
        sex=request.sex,
        age=request.age,
        top=request.most,
        explain=True,
    )
    return wanted, diagnose(visit.site.diagnosing(), wanted)


def fhir(visit: Visit, request: messages.DiagnosisRequestMessage) -> dict[str, Any]:
    """The diagnosis as a FHIR R4 Bundle; the patient is called `patient`.

    Raises:
        NotAllowedError, MissingError: as `diagnosis`.
    """
    model = visit.site.diagnosing()
    visit.must_see_texts_of(model.kg)
    with visit.site.turns.turn():
        _, result = _diagnosed(visit, request)
    return diagnosis_bundle(model, result.cases[0])


def write_patient(
    visit: Visit, request: messages.DiagnosisRequestMessage
) -> messages.WrittenPatient:
    """Write a patient and what is predicted of them to the graph, under a random pseudonym.

    What follows from phenotypes alone is written: genes, onset and sex don't count.

    Raises:
        NotAllowedError: the account may only read.
    """
    visit.must_write()
    model = visit.site.diagnosing()
    with visit.site.turns.turn():
        _, result = _diagnosed(visit, request)
        name = pseudonym(None, result.patients[0].id)
        graph = patient_graph({name: result.patients[0]}, model, request.most)
    visit.store.write(as_on_server(graph, visit.store))
    return messages.WrittenPatient(patient=name)


def treatment(visit: Visit, request: messages.TreatmentRequest) -> dict[str, Any]:
    """Drugs for a disease or a patient, with what speaks against each, as `medkg recommend` has it.

    Raises:
        NotAllowedError: the account may not see what the model's graph was read in.
        MissingError: no such entity, or none that the model has seen.
    """
    model = visit.site.treating()
    visit.must_see_texts_of(model.graph)
    with visit.site.turns.turn():
        recommendation = model.recommend(
            request.diseases,
            also=request.also,
            symptoms=request.symptoms,
            taking=request.taking,
            allergic=request.allergic,
            age=request.age,
            sex=request.sex,
            pregnant=request.pregnant,
            top=request.most,
        )
    return recommendation.to_dict()


def lines(text: str) -> list[str]:
    """What is on the lines of a text field, or between semicolons."""
    parts: Iterable[str] = text.replace(";", "\n").splitlines()
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))
