"""What a graph records of one of its patients: diseases, symptoms, drugs, allergies, sex, age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypedDict, cast

import polars as pl

from ...core.json_reading import parse_object
from ...graph.kg import KnowledgeGraph
from ...graph.units import parse_years
from .query import SEXES
from .warning import ALLERGIC_TO

_RELATIONS = ("HAS_DISEASE", "HAS_PHENOTYPE", "TAKES", ALLERGIC_TO)


@dataclass(frozen=True)
class PatientRecord:
    """What a graph records of a patient; identifiers of the graph, sorted.

    Attributes:
        youngest, age: the least age, where it isn't certain, and the (highest) age, in years.
        sex: `female` or `male`; None where it is neither or not recorded.
    """

    diseases: tuple[str, ...]
    symptoms: tuple[str, ...]
    taking: tuple[str, ...]
    allergic: tuple[str, ...]
    sex: str | None
    youngest: float | None
    age: float | None


class _Properties(TypedDict, total=False):
    """A patient's properties that are read here.

    Attributes:
        age: an ISO 8601 duration, such as `P70Y2M`.
        birth_year: instead of it.
    """

    sex: str
    age: str
    birth_year: int


def patient_record(kg: KnowledgeGraph, patient: str) -> PatientRecord:
    """What the graph records of a patient (an identifier)."""
    rows = (
        kg.scan("edges")
        .filter(pl.col("subject") == patient, pl.col("relation").is_in(list(_RELATIONS)))
        .select("relation", "object")
        .collect()
        .sort("object")
    )
    objects = {relation: tuple(rows.filter(relation=relation)["object"]) for relation in _RELATIONS}
    text = kg.nodes.filter(id=patient)["properties"][0]
    properties = cast("_Properties", parse_object(text))
    sex = properties.get("sex")
    youngest, age = _ages(properties)
    return PatientRecord(
        diseases=objects["HAS_DISEASE"],
        symptoms=objects["HAS_PHENOTYPE"],
        taking=objects["TAKES"],
        allergic=objects[ALLERGIC_TO],
        sex=sex if sex in SEXES else None,
        youngest=youngest,
        age=age,
    )


def _ages(properties: _Properties) -> tuple[float | None, float | None]:
    """The least age, where it isn't certain, and the age, in years: from an ISO 8601 duration, or
    from the year of birth, of which the least age is one less than the difference."""
    if (age := parse_years(str(properties.get("age") or ""))) is not None:
        return None, age
    if isinstance(born := properties.get("birth_year"), int):
        oldest = max(0, date.today().year - born)
        return float(max(0, oldest - 1)), float(oldest)
    return None, None
