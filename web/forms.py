"""What a page's form sends, and the request that it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from medkg.graph.identifiers import is_curie
from medkg.graph.units import OLDEST

from . import messages
from .answers import lines

_MOST_FIELDS = 4_000
_MOST_FIELDS_OF_A_NOTE = 200_000  # two for each sentence


class Form:
    """The fields of a form; a field that wasn't sent is empty."""

    def __init__(self, fields: Mapping[str, Sequence[str]]):
        self._fields = fields

    def text(self, name: str) -> str:
        """The value of a field, the last if it was sent several times."""
        return self.texts(name)[-1] if self.texts(name) else ""

    def texts(self, name: str) -> Sequence[str]:
        """All values of a field."""
        return self._fields.get(name, ())

    def names(self) -> Sequence[str]:
        """The fields that were sent."""
        return list(self._fields)


async def read_form(request: Request) -> Form:
    """The form in a request's body.

    Raises:
        HTTPException: see `read_note_form`.
    """
    return await _read_form(request, _MOST_FIELDS)


async def read_note_form(request: Request) -> Form:
    """The form in a request's body, which may hold all that was read in a note.

    Reading so many fields takes a while: it is for who is logged in.

    Raises:
        HTTPException: 415 for what is no form, 400 for one that can't be read.
    """
    return await _read_form(request, _MOST_FIELDS_OF_A_NOTE)


async def _read_form(request: Request, most_fields: int) -> Form:
    if request.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415, "this address takes a form")
    body = await request.body()
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=most_fields)
    except ValueError:
        raise HTTPException(400, "the form can't be read") from None
    return Form(fields)


def diagnosis_request(form: Form) -> messages.DiagnosisRequestMessage:
    """The request of a form of phenotypes: typed, read in a note and corrected, and answered.

    Raises:
        ValidationError: no phenotype, or too many.
    """
    present, absent = (
        [_identifier(line) for line in lines(form.text(name))] for name in ("present", "absent")
    )
    rows = zip(form.texts("keep"), form.texts("phenotype"), strict=False)
    for keep, phenotype in rows:
        chosen = {"yes": present, "maybe": present, "no": absent}.get(keep)
        if chosen is not None and phenotype.strip():
            chosen.append(phenotype.strip())
    unknown = lines(form.text("unknown"))
    answer, _, phenotype = form.text("answer").partition(" ")
    chosen = {"yes": present, "no": absent, "unknown": unknown}.get(answer)
    if chosen is not None and phenotype:
        chosen.append(phenotype)
    return messages.DiagnosisRequestMessage.model_validate(
        {
            "present": list(dict.fromkeys(present)),
            "absent": list(dict.fromkeys(absent)),
            "unknown": list(dict.fromkeys(unknown)),
            "genes": lines(form.text("genes")),
            "onset": form.text("onset").strip() or None,
            "sex": form.text("sex") or None,
            "age": form.text("age").strip() or None,
        }
    )


def diagnosis_problem(error: ValidationError) -> str:
    """What is wrong with a form of phenotypes: its age, what there is too much of, or that there is
    none."""
    first = error.errors()[0]
    if first["loc"][0] == "age":
        return f"an age is a number of years from 0 to {OLDEST}; leave it out if it isn't known"
    most = first.get("ctx", {}).get("max_length")
    if first["type"] == "too_long":
        what = "genes" if first["loc"][0] == "genes" else "phenotypes"
        return f"at most {most:,} {what} of a kind are taken; leave some out"
    if first["type"] == "string_too_long":
        what = "note" if first["loc"][0] == "text" else "name"
        return f"a {what} may have at most {most:,} characters"
    return "give a note to read, or at least one phenotype that is seen"


def _identifier(line: str) -> str:
    """The identifier in a line as the page writes it, `Seizure (HP:0001250)`; else the line."""
    _, _, end = line.rpartition(" (")
    return end[:-1] if end.endswith(")") and is_curie(end[:-1]) else line


def diagnosis_values(
    form: Form, request: messages.DiagnosisRequestMessage | None = None
) -> dict[str, Any]:
    """What the fields of a form of phenotypes show: as sent, or as a request has it."""
    fields = ("present", "absent", "unknown", "genes")
    values: dict[str, Any] = {
        name: form.text(name) if request is None else "\n".join(getattr(request, name))
        for name in fields
    }
    return {
        **values,
        "note": form.text("note") if form.text("do") == "read" else "",
        "onset": form.text("onset"),
        "sex": form.text("sex"),
        "age": form.text("age"),
        "problem": "",
        "written": "",
    }


def treatment_request(form: Form) -> messages.TreatmentRequest:
    """The request of a form of a disease and a patient.

    Raises:
        ValidationError: no disease, or an age that is none.
    """
    pregnant = {"yes": True, "no": False}.get(form.text("pregnant"))
    return messages.TreatmentRequest.model_validate(
        {
            "diseases": lines(form.text("diseases")),
            "also": lines(form.text("also")),
            "symptoms": lines(form.text("symptoms")),
            "taking": lines(form.text("taking")),
            "allergic": lines(form.text("allergic")),
            "age": form.text("age").strip() or None,
            "sex": form.text("sex") or None,
            "pregnant": pregnant,
        }
    )
