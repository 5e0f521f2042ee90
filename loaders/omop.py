"""OMOP CDM (version 5.4; 5.3 as far as it has the same columns): a database of patients.

Reads the tables person, death, condition_occurrence, drug_exposure, measurement,
procedure_occurrence and observation, visit_occurrence for dates that are missing, and of the
vocabulary concept, concept_relationship ("Maps to") and concept_ancestor (ingredients). They are
files, .csv, .tsv, .txt or .parquet, in upper or lower case, plain or compressed, or tables of an
SQL database. Only person, concept and one table of events are needed.

Format: https://ohdsi.github.io/CommonDataModel/cdm54.html; the vocabulary's files, tab-separated
and without quoting whatever their suffix: https://athena.ohdsi.org

What of a patient comes into the graph: sex, year of birth, whether deceased, and what is coded.
Source values, notes and values that are text do not.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..core.text import day
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph, Part
from .clinical import (
    PSEUDONYMS,
    RELEASE,
    MeasuredValue,
    PartBuffer,
    Patients,
    Qualifiers,
    yes_or_no,
)
from .info import SourceInfo
from .omop_tables import SqlTables, Tables, open_tables
from .omop_vocabulary import Vocabulary, whole_number

SOURCE = Source(
    "omop",
    "",
    "that of the institution whose patients they are; personal data. The vocabularies have licences"
    " of their own",
    "https://ohdsi.github.io/CommonDataModel/",
)
_RELATIONS = {
    "Disease": "HAS_DISEASE",
    "Symptom": "HAS_PHENOTYPE",
    "Drug": "TAKES",
    "Procedure": "UNDERWENT",
}
_SEXES = {"8507": "male", "8532": "female"}
_OPERATORS = {
    "4171756": "<",
    "4171754": "<=",
    "4172704": ">",
    "4171755": ">=",
}


@dataclass(frozen=True)
class _EventTable:
    """A table of events: what its columns are called."""

    table: str
    concept: str
    date: str
    id: str
    concepts: Sequence[str] = ()  # columns that hold further concepts
    others: Sequence[str] = ()

    @property
    def source_concept(self) -> str:
        return self.concept.replace("_concept_id", "_source_concept_id")

    @property
    def required(self) -> list[str]:
        return ["person_id", self.concept, self.date]

    @property
    def numbers(self) -> list[str]:
        """The optional columns that hold identifiers."""
        return [self.id, self.source_concept, "visit_occurrence_id", *self.concepts]

    @property
    def optional(self) -> list[str]:
        return [*self.numbers, *self.others]


_VALUE = ("value_as_concept_id", "unit_concept_id", "operator_concept_id")
_EVENT_TABLES = (
    _EventTable(
        "condition_occurrence",
        "condition_concept_id",
        "condition_start_date",
        "condition_occurrence_id",
        ("condition_status_concept_id",),
        ("condition_end_date",),
    ),
    _EventTable(
        "drug_exposure",
        "drug_concept_id",
        "drug_exposure_start_date",
        "drug_exposure_id",
        ("route_concept_id",),
        ("drug_exposure_end_date", "quantity", "days_supply"),
    ),
    _EventTable(
        "measurement",
        "measurement_concept_id",
        "measurement_date",
        "measurement_id",
        _VALUE,
        ("value_as_number", "range_low", "range_high"),
    ),
    _EventTable(
        "procedure_occurrence",
        "procedure_concept_id",
        "procedure_date",
        "procedure_occurrence_id",
        ("modifier_concept_id",),
    ),
    _EventTable(
        "observation",
        "observation_concept_id",
        "observation_date",
        "observation_id",
        ("value_as_concept_id", "unit_concept_id", "qualifier_concept_id"),
        ("value_as_number",),
    ),
)


def load(
    path: Path | None,
    quarantine: Quarantine,
    vocabulary: str | None = None,
    schema: str | None = None,
    pseudonyms: str | None = None,
    birth_year: str = "yes",
    release: str = "",
) -> KnowledgeGraph:
    """Patients as a graph.

    - Concepts of the domain Condition: HAS_DISEASE; HAS_PHENOTYPE of HPO's, and of SNOMED CT's
      findings where the vocabulary separates them from disorders (it does since 2023). A
      preliminary diagnosis is possible.
    - Drug: TAKES each ingredient (the product in the qualifiers), or what was given where the
      ingredients aren't known; with route, quantity and days.
    - Measurement, Procedure, Observation: UNDERWENT, with value, unit, range, and the value in
      standard units.

    A concept that is not standard becomes what it maps to. A row with concept 0 uses its source
    concept, and is set aside where that is 0 too. An end in the past ends nothing here: claims
    give every condition the end of its visit.

    Args:
        path: a folder, an SQLite file, or an SQLAlchemy URL such as postgresql://host/database.
        quarantine: gets the rows that can't be used, by the event's identifier.
        vocabulary: folder, or in SQL the schema, of the vocabulary's tables where they are not
            among the others.
        schema: in SQL, the schema of the tables.
        pseudonyms: a secret of 16 to 64 characters, or @FILE that holds it. With it, person_id and
            the events' ids are keyed hashes.
        birth_year: yes or no, whether the year of birth is kept.
        release: of the tables, as evidence will state it.

    Raises:
        MissingError: no path, or a table that is needed is not there.
        DataError: a table can't be read.
    """
    if path is None:
        raise MissingError(
            "omop needs a path (--path): a folder of tables, or a database as sqlite:///FILE or by"
            " another SQLAlchemy URL"
        )
    tables = open_tables(path, schema, quarantine)
    concepts = tables
    if vocabulary is not None:
        in_sql = isinstance(tables, SqlTables)
        concepts = open_tables(path if in_sql else Path(vocabulary), vocabulary, quarantine)
    source = replace(SOURCE, release=release)
    reader = _DatabaseReader(
        source,
        tables,
        concepts,
        Patients(pseudonyms),
        quarantine,
        birth_year=yes_or_no("birth_year", birth_year),
    )
    return KnowledgeGraph.from_parts(
        reader.parts(), [source], quarantine=quarantine, origin=tables.shown
    )


# Events


class _DatabaseReader:
    """Turns the tables into nodes and evidence."""

    def __init__(
        self,
        source: Source,
        tables: Tables,
        concepts: Tables,
        patients: Patients,
        quarantine: Quarantine,
        *,
        birth_year: bool,
    ):
        self._tables = tables
        self._concepts = concepts
        self._patients = patients
        self._quarantine = quarantine
        self._birth_year = birth_year
        self._buffer = PartBuffer(source, "observed")
        self._vocabulary = Vocabulary()
        self._visits: dict[str, str] = {}
        self._without_kind = Counter[str]()

    def parts(self) -> Iterator[Part]:
        """The graph, in parts."""
        self._tables.require("person")
        self._concepts.require("concept")
        events = [event for event in _EVENT_TABLES if self._tables.has(event.table)]
        if not events:
            raise MissingError(f"{self._tables.shown} has no table of events of the OMOP CDM")
        with progress("omop") as advance:
            self._look_up(events)
            for part in self._people():
                yield part
                advance()
            for event in events:
                needed = event.required
                for frame in self._tables.parts(event.table, needed, event.optional):
                    cells = frame.drop("line").iter_rows(named=True)
                    for line, row in zip(frame["line"], cells, strict=True):
                        self._add_event(event, row, line)
                        if self._buffer.is_full:
                            yield self._buffer.take_part()
                    advance(frame.height)
        if self._without_kind:
            counts = ", ".join(f"{d}: {n}" for d, n in sorted(self._without_kind.items()))
            logging.getLogger(__name__).warning("omop: events without a kind here: %s", counts)
        yield self._buffer.take_part()

    def _look_up(self, events: Iterable[_EventTable]) -> None:
        """Find out which concepts and visits the events need, then read those."""
        used: set[str] = set()
        undated: set[str] = set()
        for event in events:
            columns = [event.concept, event.source_concept, *event.concepts]
            optional = [event.source_concept, "visit_occurrence_id", *event.concepts]
            for part in self._tables.parts(event.table, [event.concept, event.date], optional):
                for column in columns:
                    used |= set(part.select(whole_number(column).unique()).to_series().drop_nulls())
                missing = part.filter(pl.col(event.date).is_null())
                visits = missing.select(whole_number("visit_occurrence_id")).to_series()
                undated |= set(visits.drop_nulls())
        self._vocabulary = Vocabulary.read(self._concepts, used - {"0"})
        if undated and self._tables.has("visit_occurrence"):
            visit_ids = pl.Series(sorted(undated), dtype=pl.String).implode()
            columns = ["visit_occurrence_id", "visit_start_date"]
            for part in self._tables.parts("visit_occurrence", columns):
                dated = part.with_columns(whole_number("visit_occurrence_id"))
                dated = dated.filter(pl.col("visit_occurrence_id").is_in(visit_ids))
                self._visits.update(dated.select(columns).drop_nulls().iter_rows())

    def _people(self) -> Iterator[Part]:
        died: set[str] = set()
        if self._tables.has("death"):
            for part in self._tables.parts("death", ["person_id"]):
                died |= set(part["person_id"].drop_nulls())
        optional = ["gender_concept_id", "year_of_birth"]
        people = 0
        for part in self._tables.parts("person", ["person_id"], optional):
            for row in part.with_columns(whole_number("gender_concept_id")).iter_rows(named=True):
                person_id = row["person_id"]
                if person_id is None:
                    place = self._tables.place("person")
                    self._quarantine.add("no person_id", path=place, line=row["line"])
                    continue
                identifier = self._patients.identifier(person_id)
                born = re.match(r"\d{4}", row["year_of_birth"] or "")
                facts = {
                    "sex": _SEXES.get(row["gender_concept_id"] or ""),
                    "birth_year": int(born[0]) if born and self._birth_year else None,
                    "deceased": True if person_id in died else None,
                }
                self._buffer.add_node(identifier, "Patient", identifier, properties=facts)
                people += 1
                if self._buffer.is_full:
                    yield self._buffer.take_part()
        if not people:
            raise DataError("holds no person that can be read", path=self._tables.place("person"))

    def _add_event(self, event: _EventTable, row: Mapping[str, str | None], line: int) -> None:
        """Add what one row of a table of events says, or set it aside."""
        cells = dict(row)
        for column in (event.concept, *event.numbers):
            cells[column] = (cells[column] or "").removesuffix(".0")
        concepts = (cells[event.concept] or "", cells[event.source_concept] or "")
        concept_id = next((c for c in concepts if c not in ("", "0")), "")
        record_id = cells[event.id]
        problem = ""
        if not concept_id:
            problem = "concept 0"
        elif concept_id not in self._vocabulary.concepts:
            problem = "concept that the vocabulary lacks"
        person_id = cells["person_id"]
        if person_id is None:
            problem = "no person_id"
        try:
            qualifiers = self._qualifiers(cells)
        except ValueError:
            problem = "value that is no number"
        if problem or person_id is None:
            shown = "" if self._patients.pseudonymous else f"{event.id} {record_id or ''}"
            place = self._tables.place(event.table)
            self._quarantine.add(problem, path=place, line=line, row=shown)
            return
        if record_id:
            qualifiers["record"] = self._patients.record(f"{event.table}/{record_id}")
        status = str(qualifiers.get("status") or "")
        visit_day = _day(self._visits.get(cells["visit_occurrence_id"] or ""))
        for meaning in self._vocabulary.meanings(concept_id):
            concept = self._vocabulary.concepts[meaning.concept_id]
            if concept.node is None:
                self._without_kind[event.table] += 1
                continue
            kind = self._buffer.add_node(concept.node, concept.kind, concept.name)
            product = meaning.product_id and self._vocabulary.concepts[meaning.product_id].node
            self._buffer.add_evidence(
                self._patients.identifier(person_id),
                _RELATIONS[kind],
                concept.node,
                {**qualifiers, "product": product},
                date=_day(cells[event.date]) or visit_day,
                certainty="possible" if "preliminary" in status.lower() else "certain",
            )

    def _qualifiers(self, cells: Mapping[str, str | None]) -> Qualifiers:
        """What an event's row says beside its concept.

        Raises:
            ValueError: what should be a number is none.
        """
        concepts = self._vocabulary.concepts

        def name(column: str) -> str | None:
            concept = concepts.get(cells.get(column) or "")
            return concept.name if concept else None

        qualifiers: Qualifiers = {
            "status": name("condition_status_concept_id"),
            "end": _day(cells.get("condition_end_date") or cells.get("drug_exposure_end_date")),
            "route": name("route_concept_id"),
            "quantity": _number(cells.get("quantity")),
            "days": _number(cells.get("days_supply")),
            "modifier": name("modifier_concept_id") or name("qualifier_concept_id"),
            "comparator": _OPERATORS.get(cells.get("operator_concept_id") or ""),
        }
        value = _number(cells.get("value_as_number"))
        if value is not None:
            unit = concepts.get(cells.get("unit_concept_id") or "")
            unit_name = unit.code if unit and unit.vocabulary == "UCUM" else unit and unit.name
            low, high = _number(cells.get("range_low")), _number(cells.get("range_high"))
            qualifiers |= MeasuredValue(value, unit_name, low, high).qualifiers()
        elif answer := name("value_as_concept_id"):
            qualifiers["value"] = answer
        return qualifiers


def _number(text: str | None) -> float | None:
    number = None if text is None else float(text)
    if number is not None and not isfinite(number):
        raise ValueError("not finite")
    return number


def _day(text: str | None) -> str | None:
    """A date; some exports write 20200131."""
    if text is not None and re.fullmatch(r"\d{8}", text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return day(text)


INFO = SourceInfo(
    "omop",
    "A database of patients in the OMOP Common Data Model",
    SOURCE.licence,
    SOURCE.home_page,
    "that of the tables given",
    "OMOP CDM 5.4 with its vocabulary: folder of .csv, .tsv or .parquet, SQLite file, or"
    " SQLAlchemy URL",
    "Patient HAS_DISEASE Disease, HAS_PHENOTYPE Symptom, TAKES Drug (ingredients), UNDERWENT"
    " Procedure (with value and unit)",
    True,
    load,
    options={
        "vocabulary": "folder (in SQL: schema) of the vocabulary's tables, if not with the others",
        "schema": "in SQL, the schema of the tables",
        "pseudonyms": PSEUDONYMS,
        "birth_year": "yes (the default) or no: whether the year of birth is kept",
        "release": RELEASE,
    },
)
