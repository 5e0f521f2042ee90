"""The query library: one `.cypher` file per question, which documents its parameters and columns.

A file begins with comments: title, what it answers, then `Parameters` and `Columns`, a line each:

    // Parameters
    //   disease: identifier of Disease. The disease.
    //   top: integer = 20. Rows at most.
    // Columns
    //   drug: the drug's identifier

An identifier of any kind is declared without `of`; where the text writes `:__name__`, the label
of its kind is put in, since servers find a node fast only by label and id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import SupportsFloat, SupportsInt

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.json_reading import parse_json
from ..graph.store import Store

_PARAMETER = re.compile(
    r"(\w+): (identifiers|identifier|integer|number|text|boolean)"
    r"(?: of (\w+))?(?: = (.+?))?\. (.+)"
)
_COLUMN = re.compile(r"(\w+): (.+)")
_REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """A query's parameter. `kind` is that of an identifier's node, None where any is good."""

    name: str
    type: str
    kind: str | None
    default: object
    description: str

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is _REQUIRED

    def value(self, given: object) -> object:
        """The given value, or text of it, in the parameter's type.

        Raises:
            DataError: it is of another type.
        """
        if given is None and self.default is None:
            return None
        try:
            return _CONVERT[self.type](given)
        except (TypeError, ValueError, KeyError) as error:
            raise DataError(f"parameter {self.name} takes {self.type}, not {given!r}") from error


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise TypeError
    return given.strip()


def _texts(given: object) -> list[str]:
    if isinstance(given, str):
        given = parse_json(given) if given.lstrip().startswith("[") else given.split(",")
    if not isinstance(given, Iterable):
        raise TypeError
    texts = [_text(part) for part in given]
    if not texts:
        raise ValueError
    return list(dict.fromkeys(texts))


def _integer(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, str | SupportsInt):
        raise TypeError
    if isinstance(given, float) and not given.is_integer():
        raise TypeError
    return int(given)


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, str | SupportsFloat):
        raise TypeError
    return float(given)


def _boolean(given: object) -> bool:
    if isinstance(given, bool):
        return given
    return {"true": True, "yes": True, "false": False, "no": False}[str(given).lower()]


_CONVERT = {
    "identifier": _text,
    "identifiers": _texts,
    "integer": _integer,
    "number": _number,
    "text": _text,
    "boolean": _boolean,
}


@dataclass(frozen=True)
class Query:
    """A question in Cypher: what it takes (`parameters`) and the `columns` that it gives."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[str, str]
    cypher: str

    def run(self, store: Store, /, **params: object) -> pl.DataFrame:
        """Ask a store. An entity may be given by identifier or by name.

        Raises:
            DataError: a parameter is unknown, missing, or of the wrong type.
            MissingError: the store has no such entity, or the name may mean several.
            StoreError: the server refuses, or doesn't answer.
        """
        self._check_names(params)
        values: dict[str, object] = {}
        cypher = self.cypher
        for parameter in self.parameters:
            given = params.get(parameter.name, parameter.default)
            value = parameter.value(given)
            if parameter.type == "identifier" and isinstance(value, str):
                kind, value = store.resolve(value, parameter.kind)
                cypher = cypher.replace(
                    f":__{parameter.name}__", f":{store.connection.names.label(kind)}"
                )
            elif parameter.type == "identifiers" and isinstance(value, list):
                value = [store.resolve(text, parameter.kind)[1] for text in value]
            values[parameter.name] = value
        frame = store.query(cypher, **values)
        # The embedded server names no columns where there are no rows.
        return pl.DataFrame(schema=list(self.columns)) if frame.is_empty() else frame

    def _check_names(self, params: Mapping[str, object]) -> None:
        takes = ", ".join(p.name if p.required else f"[{p.name}]" for p in self.parameters)
        known = {parameter.name for parameter in self.parameters}
        if unknown := sorted(set(params) - known):
            raise DataError(f"query {self.name} has no parameter {unknown[0]!r}; it takes {takes}")
        required = {parameter.name for parameter in self.parameters if parameter.required}
        if missing := sorted(required - set(params)):
            raise DataError(f"query {self.name} needs parameter {missing[0]!r}; it takes {takes}")


@cache
def load() -> dict[str, Query]:
    """Every query of the library, by name."""
    files = (f for f in resources.files(__package__).iterdir() if f.name.endswith(".cypher"))
    queries = [parse(f.name.removesuffix(".cypher"), f.read_text(encoding="utf-8")) for f in files]
    return {query.name: query for query in sorted(queries, key=lambda query: query.name)}


def names() -> list[str]:
    """The names of all queries."""
    return list(load())


def get(name: str) -> Query:
    """The query of that name.

    Raises:
        MissingError: there is none; it lists those there are.
    """
    try:
        return load()[name]
    except KeyError:
        raise MissingError(f"no query {name!r}; there are {', '.join(names())}") from None


def parse(name: str, text: str) -> Query:
    """A query from the text of its file.

    Raises:
        DataError: the comments at its head are not as they should be.
    """
    path = f"{name}.cypher"
    lines = text.splitlines()
    head = [line for line in lines if line.startswith("//")]
    section, description = "", []
    parameters: list[Parameter] = []
    columns: dict[str, str] = {}
    for number, line in enumerate(head, start=1):
        comment = line.removeprefix("//").strip()
        if comment in ("Parameters", "Columns"):
            section = comment
        elif not section:
            description.append(comment)
        elif section == "Parameters" and (match := _PARAMETER.fullmatch(comment)):
            parameter, type_, kind, default, about = match.groups()
            value = _REQUIRED if default is None else parse_json(default)
            parameters.append(Parameter(parameter, type_, kind, value, about))
        elif section == "Columns" and (match := _COLUMN.fullmatch(comment)):
            columns[match[1]] = match[2]
        else:
            raise DataError(f"is no line of {section.lower()}: {comment!r}", path=path, line=number)
    if not columns or not description:
        raise DataError("lacks a title or its columns", path=path)
    return Query(
        name=name,
        title=description[0].rstrip("."),
        description=" ".join(filter(None, description[1:])),
        parameters=tuple(parameters),
        columns=columns,
        cypher="\n".join(line for line in lines if not line.startswith("//")).strip(),
    )
