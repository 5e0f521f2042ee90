"""Turtle (https://www.w3.org/TR/turtle/) by Biolink, for triple stores and SPARQL.

A fact is a triple of Biolink's predicate. Beside it, each piece of evidence is a node of RDF's
reification (rdf:subject, rdf:predicate, rdf:object) with its source, level, publications and, as
`medkg:` properties, the rest. What is negated, hypothetical, historical or about a relative has no
triple of its own, and a prediction none either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

import polars as pl

from ..frames import Row
from .facts import ExportFacts
from .kgx import (
    DIRECTIONS,
    LEVELS,
    NEGATIVE,
    node_rows,
)
from .slices import Slices

if TYPE_CHECKING:
    from curies import Converter


_PREFIXES = {
    "biolink": "https://w3id.org/biolink/vocab/",
    "infores": "https://w3id.org/biolink/infores/",
    "medkg": "urn:medkg:vocab:",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}
_ENTITY = "urn:medkg:entity:"  # of a CURIE whose prefix no registry knows
_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_TO_ESCAPE = re.compile(r'[\\"\x00-\x1f\x7f]')
# Evidence that Biolink or RDF has a name for; the rest is medkg's.
_NAMED = ("subject", "relation", "object", "source", "level", "references", "id", "edge")


def write(given: Slices, folder: Path) -> ExportFacts:
    """`graph.ttl`."""
    relations = given.schema.relations
    predicates = {name: relation.biolink for name, relation in relations.items()}
    counts = dict.fromkeys(("nodes", "edges", "evidence", "predictions"), 0)
    with (folder / "graph.ttl").open("w", encoding="utf-8", newline="\n") as file:
        for prefix, address in sorted(_PREFIXES.items()):
            file.write(f"@prefix {prefix}: <{address}> .\n")
        for source in given.sources:
            about = (
                ("rdfs:label", literal(source.name)),
                ("medkg:release", literal(source.release)),
                ("dcterms:license", literal(source.licence)),
                ("rdfs:seeAlso", literal(source.home_page)),
            )
            # Two releases of a source are two descriptions of it.
            _write(file, "[]", [("dcterms:source", _source(source.name)), *about])
        for part in given.of("nodes"):
            categories = node_rows(part, given.schema)["category"].list.first()
            for row, category in zip(part.iter_rows(named=True), categories, strict=True):
                _write(file, iri(row["id"]), _of_node(row, category))
            counts["nodes"] += part.height
        for part in given.of("edges"):
            ends = part.filter(~pl.col("relation").is_in(NEGATIVE))
            for subject, relation, tail in ends.select("subject", "relation", "object").iter_rows():
                file.write(f"{iri(subject)} {predicates[relation]} {iri(tail)} .\n")
            counts["edges"] += part.height
        for part in given.of("evidence"):
            for row in part.iter_rows(named=True):
                _write(file, f"medkg:evidence_{row['id']}", _of_evidence(row, predicates))
            counts["evidence"] += part.height
        for part in given.of("predictions"):
            for row in part.iter_rows(named=True):
                _write(file, "[]", _of_prediction(row, predicates))
            counts["predictions"] += part.height
    return {"counts": counts}


def _of_node(row: Row, category: str) -> Iterable[tuple[str, str]]:
    yield "biolink:category", category
    yield "medkg:kind", literal(row["kind"])
    yield "dcterms:identifier", literal(row["id"])
    yield "rdfs:label", literal(row["name"])
    for synonym in row["synonyms"]:
        yield "biolink:synonym", literal(synonym)
    for xref in row["xrefs"]:
        yield "biolink:xref", literal(xref)
    if row["properties"] is not None:
        yield "medkg:properties", literal(row["properties"])


def _of_evidence(row: Row, predicates: dict[str, str]) -> Iterable[tuple[str, str]]:
    relation = row["relation"]
    knowledge, agent = LEVELS[row["level"]]
    negated = (row["polarity"] == "negated") != (relation in NEGATIVE)
    yield "rdf:type", "biolink:Association"
    yield from _triple(row["subject"], relation, row["object"], predicates)
    yield "biolink:primary_knowledge_source", _source(row["source"])
    yield "biolink:knowledge_level", literal(knowledge)
    yield "biolink:agent_type", literal(agent)
    if negated:
        yield "biolink:negated", "true"
    for reference in row["references"]:
        yield "biolink:publications", literal(reference)
    for name, value in row.items():
        if value is not None and name not in _NAMED:
            yield f"medkg:{name}", literal(value)


def _of_prediction(row: Row, predicates: dict[str, str]) -> Iterable[tuple[str, str]]:
    yield "rdf:type", "medkg:Prediction"
    yield from _triple(row["head"], row["relation"], row["tail"], predicates)
    yield "biolink:knowledge_level", literal("prediction")
    yield "biolink:agent_type", literal("computational_model")
    for name, value in row.items():
        if value is not None and name not in ("head", "relation", "tail"):
            yield f"medkg:{name}", literal(value)


def _triple(
    subject: str, relation: str, tail: str, predicates: dict[str, str]
) -> Iterable[tuple[str, str]]:
    yield "rdf:subject", iri(subject)
    yield "rdf:predicate", predicates[relation]
    yield "rdf:object", iri(tail)
    yield "medkg:relation", literal(relation)
    if relation in DIRECTIONS:
        yield "biolink:qualified_predicate", "biolink:causes"
        yield "biolink:object_aspect_qualifier", literal("expression")
        yield "biolink:object_direction_qualifier", literal(DIRECTIONS[relation])


def _write(file: IO[str], subject: str, about: Iterable[tuple[str, str]]) -> None:
    file.write(f"{subject} {' ; '.join(f'{name} {value}' for name, value in about)} .\n")


def _source(name: str) -> str:
    return f"<{_PREFIXES['infores']}{quote(name)}>"


def literal(value: object) -> str:
    """A value as Turtle has it: text quoted, numbers and truth values with their type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f'"{value!r}"^^xsd:double'
    text = _TO_ESCAPE.sub(lambda m: _ESCAPES.get(m[0]) or f"\\u{ord(m[0]):04X}", str(value))
    return f'"{text}"'


@lru_cache(200_000)
def iri(curie: str) -> str:
    """The address that the registry of prefixes gives an identifier."""
    prefix, _, local = curie.partition(":")
    address = _converter().expand_pair(prefix, local)
    return f"<{_quoted(address or f'{_ENTITY}{prefix}:{local}')}>"


def _quoted(address: str) -> str:
    return quote(address, safe=":/?#[]@!$&'()*+,;=%~-._")


@cache
def _converter() -> Converter:
    from curies import Converter

    return Converter.from_extended_prefix_map(Path(__file__).parents[1] / "prefixes.json")
