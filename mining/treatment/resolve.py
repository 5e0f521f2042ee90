"""From texts to identifiers of a graph, and from a patient of the graph to what is asked."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from datetime import date
from typing import Any

import polars as pl

from ...core.errors import DataError, MissingError
from ...graph.kg import KnowledgeGraph
from ...graph.obsolete import current_ids
from ...graph.units import parse_years
from ..safety.safety import ALLERGIC_TO, SEXES, Patient

Notices = list[str]
_ALLERGENS = ("Drug", "DrugClass", "Exposure")  # kinds of what one is allergic to
_PLURALS = {
    "Symptom": "symptoms",
    "Drug": "drugs",
    "DrugClass": "classes of drugs",
    "Exposure": "exposures",
}


def resolved(
    kg: KnowledgeGraph, texts: Sequence[str], kind: str, notices: Notices
) -> tuple[str, ...]:
    """Identifiers of a kind, each once; obsolete ones replaced, which `notices` is told.

    Raises:
        MissingError: none of that kind (near ones are named), or several.
    """
    replaced: dict[str, str] = {}
    if texts:
        current = current_ids([kg]).filter(kind=kind)
        replaced = dict(current.select("old", "new").iter_rows())
    found = []
    for text in texts:
        if text in replaced:
            notices.append(f"{text} is obsolete: {replaced[text]} was taken, which replaces it")
            text = replaced[text]
        if kind != "Disease" and len(same := _namesakes(kg, text, kind)) > 1:
            notices.append(f"{text} is {len(same)} {_PLURALS[kind]} of one name; all were taken")
            found += same
        else:
            found.append(_one(kg, text, kind))
    return tuple(dict.fromkeys(found))


def resolved_allergens(
    kg: KnowledgeGraph, texts: Sequence[str], notices: Notices
) -> tuple[str, ...]:
    """Identifiers of drugs, or else of classes of drugs or exposures, as `resolved` gives them.

    Raises:
        MissingError: nothing of these kinds (near drugs are named), or several.
    """
    found: list[str] = []
    for text in texts:
        known = (kind for kind in _ALLERGENS if not kg.find(text, kind).is_empty())
        found += resolved(kg, [text], next(known, "Drug"), notices)
    return tuple(dict.fromkeys(found))


def _namesakes(kg: KnowledgeGraph, text: str, kind: str) -> list[str]:
    """The nodes of a kind that a text names, if they have one name: unmerged sources have one each,
    and what warns may be about any."""
    rows = kg.find(text, kind)
    return rows["id"].to_list() if rows["name_key"].n_unique() == 1 else []


def _one(kg: KnowledgeGraph, text: str, kind: str) -> str:
    try:
        return kg.resolve(text, kind)
    except MissingError:
        other = kg.find(text)
        if other.is_empty() or kind in set(other["kind"]):
            raise
        first = other.row(0, named=True)
        raise MissingError(
            f"{text!r} is a {first['kind']} in the graph ({first['name']}, {first['id']}), not a"
            f" {kind}; give it where a {first['kind']} belongs, or the identifier of a {kind}"
        ) from None


def patient_of(
    kg: KnowledgeGraph,
    notices: Notices,
    *,
    candidates: Container[str],
    patient: str | None,
    diseases: tuple[str, ...],
    also: tuple[str, ...],
    symptoms: tuple[str, ...],
    taking: tuple[str, ...],
    allergic: tuple[str, ...],
    age: float | None,
    sex: str | None,
    pregnant: bool | None,
) -> Patient:
    """What is asked: what was given, and of a patient of the graph what it holds. What was given
    goes before what the graph holds.

    Of the diseases that the graph holds of a patient, those that are not among `candidates` are not
    sought for, as `notices` is told, but count for what speaks against a drug; unless none is.

    Raises:
        MissingError: no such patient.
        DataError: no disease to treat, or an age or sex that is none.
    """
    youngest = node = None
    if patient is not None:
        node = _one(kg, patient, "Patient")
        own = _held(kg, node)
        if not diseases:
            diseases = _sought(kg, own["HAS_DISEASE"], candidates, notices)
        also = (*also, *(d for d in own["HAS_DISEASE"] if d not in diseases))
        symptoms = (*symptoms, *own["HAS_PHENOTYPE"])
        taking = (*taking, *own["TAKES"])
        allergic = (*allergic, *own[ALLERGIC_TO])
        said = _properties(kg, node)
        sex = said.get("sex") if sex is None else sex
        if age is None:
            youngest, age = _ages(said)
        if not diseases:
            raise DataError(
                f"the graph records no disease of {node}; give one with --disease, or rank"
                " diseases for the patient's findings with medkg diagnose"
            )
    if not diseases:
        raise DataError(
            "give a disease to treat, or a patient who has one; medkg diagnose ranks diseases for"
            " symptoms"
        )
    if both := [d for d in also if d in diseases]:
        also = tuple(d for d in also if d not in both)
    return Patient(
        diseases=diseases,
        also=tuple(dict.fromkeys(also)),
        symptoms=tuple(dict.fromkeys(symptoms)),
        taking=tuple(dict.fromkeys(taking)),
        age=age,
        youngest=youngest,
        sex=sex,
        pregnant=pregnant,
        allergic=tuple(dict.fromkeys(allergic)),
        id=node,
    )


def _sought(
    kg: KnowledgeGraph, diseases: tuple[str, ...], candidates: Container[str], notices: Notices
) -> tuple[str, ...]:
    seen = tuple(disease for disease in diseases if disease in candidates)
    if not seen:
        return diseases
    for disease in diseases:
        if disease not in seen:
            name = kg.nodes.filter(id=disease)["name"][0]
            notices.append(
                f"the model has not seen {name} ({disease}), which the patient has: no drug is"
                " sought for it, but it counts for what speaks against one"
            )
    return seen


def _held(kg: KnowledgeGraph, patient: str) -> dict[str, tuple[str, ...]]:
    relations = ("HAS_DISEASE", "HAS_PHENOTYPE", "TAKES", ALLERGIC_TO)
    rows = (
        kg.scan("edges")
        .filter(pl.col("subject") == patient, pl.col("relation").is_in(list(relations)))
        .select("relation", "object")
        .collect()
        .sort("object")
    )
    return {name: tuple(rows.filter(relation=name)["object"]) for name in relations}


def _properties(kg: KnowledgeGraph, patient: str) -> dict[str, Any]:
    text = kg.nodes.filter(id=patient)["properties"][0]
    said: dict[str, Any] = json.loads(text or "{}")
    if said.get("sex") not in SEXES:  # unknown, other
        said.pop("sex", None)
    return said


def _ages(said: dict[str, Any]) -> tuple[float | None, float | None]:
    """The least age, where it isn't certain, and the age, in years: from an ISO 8601 duration, or
    from the year of birth, of which the least age is one less than the difference."""
    if (age := parse_years(str(said.get("age") or ""))) is not None:
        return None, age
    if isinstance(born := said.get("birth_year"), int):
        oldest = max(0, date.today().year - born)
        return float(max(0, oldest - 1)), float(oldest)
    return None, None
