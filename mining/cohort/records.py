"""What a graph records of its patients, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from ...core.errors import DataError
from ...graph.frames import asserts_edge
from ...graph.kg import KnowledgeGraph
from ...graph.units import parse_years

RELATIONS = ("HAS_DISEASE", "HAS_PHENOTYPE", "TAKES", "UNDERWENT", "ALLERGIC_TO", "HAS_VARIANT_IN")
# From a kind of thing to what it is a kind of: what counts for the wider thing.
_NARROWER = ("SUBCLASS_OF", "IN_CLASS")
_NO_HAVING = "ALLERGIC_TO"  # who is allergic to a drug doesn't take it


@dataclass(frozen=True)
class Records:
    """What is so of patients, as the graph's edges have it; one row for each piece of evidence.

    Attributes:
        patients: identifiers, sorted, of all patients.
        facts: patient, relation, object, date (ISO 8601, of any length, or null), value (null where
            the fact has no number): of an examination all in its standard unit, or none.
        names: by identifier, of what facts are about.
        properties: patient, sex (female, male or null), age (years), birth_year.
        narrower: (narrower, wider), identifiers.
    """

    patients: tuple[str, ...]
    facts: pl.DataFrame
    names: dict[str, str]
    properties: pl.DataFrame
    narrower: pl.DataFrame

    @classmethod
    def of(cls, kg: KnowledgeGraph) -> Records:
        """Read them from a graph.

        Raises:
            DataError: the graph has no patient.
        """
        patients = kg.scan("nodes").filter(pl.col("kind") == "Patient").sort("id")
        own = patients.select("id", "properties").collect()
        if own.is_empty():
            raise DataError("the graph has no patient")
        edges = (
            kg.scan("edges")
            .filter(pl.col("relation").is_in(RELATIONS))
            .join(patients.select(subject="id"), on="subject", how="semi")
        )
        facts = (
            kg.scan("evidence")
            .filter(asserts_edge(), pl.col("polarity") == "asserted")
            .join(edges.select(edge="id"), on="edge", how="semi")
            .select(
                "relation",
                "object",
                "date",
                patient="subject",
                standard=_number("standard_value"),
                value=_number("value"),
            )
            # Numbers of one examination are all in its standard unit, or all as they were written.
            .with_columns(
                value=pl.when(pl.col("standard").is_not_null().any().over("relation", "object"))
                .then("standard")
                .otherwise("value")
            )
            .drop("standard")
            .collect()
        )
        narrower = kg.scan("edges").filter(pl.col("relation").is_in(_NARROWER))
        named = kg.scan("nodes").join(
            facts.lazy().select(id="object").unique(), on="id", how="semi"
        )
        return cls(
            tuple(own["id"]),
            facts.unique().sort("patient", "relation", "object", "date", "value"),
            dict(named.select("id", "name").collect().iter_rows()),
            _properties(own),
            narrower.select(narrower="subject", wider="object").collect(),
        )

    def kinds_of(self, thing: str) -> set[str]:
        """A thing, and all that is of its kind."""
        kinds, added = {thing}, {thing}
        while added:
            below = self.narrower.filter(pl.col("wider").is_in(list(added)))["narrower"]
            added = set(below) - kinds
            kinds |= added
        return kinds

    def is_having(self, things: Iterable[str]) -> pl.Expr:
        """Of facts, whether by them a patient has one of some things, or a kind of it.

        An allergy to a drug is none of these: it says nothing of who takes it.
        """
        kinds = {kind for thing in things for kind in self.kinds_of(thing)}
        return pl.col("object").is_in(sorted(kinds)) & (pl.col("relation") != _NO_HAVING)

    def having(self, thing: str) -> pl.DataFrame:
        """The patients who have a thing (or a kind of it); see `is_having`.

        Returns:
            patient, date: the first, null where no record of it has one.
        """
        rows = self.facts.filter(self.is_having([thing]))
        return rows.group_by("patient").agg(pl.col("date").min()).sort("patient")

    def having_all(self, things: Sequence[str]) -> pl.DataFrame:
        """The patients with all of some things.

        Returns:
            patient, date: the first at which they had all of them, null where that isn't known.
        """
        first, *others = (self.having(thing) for thing in things)
        for other in others:
            first = first.join(other, on="patient", suffix="_other").select(
                "patient",
                date=pl.when(
                    pl.col("date").is_not_null() & pl.col("date_other").is_not_null()
                ).then(pl.max_horizontal("date", "date_other")),
            )
        return first


def _number(name: str) -> pl.Expr:
    """A number of the qualifiers (JSON) of a result."""
    return pl.col("qualifiers").str.json_path_match(f"$.{name}").cast(pl.Float64, strict=False)


def _properties(patients: pl.DataFrame) -> pl.DataFrame:
    json = pl.col("properties")
    sex = json.str.json_path_match("$.sex").str.to_lowercase()
    ages = patients.select(json.str.json_path_match("$.age")).to_series()
    years = [None if age is None else parse_years(age) for age in ages]
    return patients.select(
        patient="id",
        sex=pl.when(sex.is_in(["female", "male"])).then(sex),
        age=pl.Series(years, dtype=pl.Float64),
        birth_year=json.str.json_path_match("$.birth_year").cast(pl.Float64, strict=False),
    )
