"""The query library: one `.cypher` file per question, which documents its parameters and columns.

A file begins with comments: title, topic, what it answers, then `Parameters` and `Columns`, a line
each:

    // Drugs that might be repurposed for a disease
    // Topic: treatment
    //
    // What the answer is, in a few lines.
    //
    // Parameters
    //   disease: identifier of Disease such as "DOID:2841". The disease.
    //   top: integer = 20. Rows at most.
    // Columns
    //   drug: the drug's identifier

An identifier may be of several kinds (`of Disease or Symptom`): the first that has such a node is
taken. One of any kind is declared without `of`. A folder of such files of one's own joins the
library: `--library`, or the environment variable MEDKG_LIBRARY.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import takewhile
from pathlib import Path

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.json_reading import parse_json
from ..graph.store import Store
from ..graph.store.guard import names_in, with_values
from ..graph.store.names import PREDICTED
from .parameters import REQUIRED, Parameter, literal
from .unknown_names import known_relation, near_names, refuse_unknown_load

__all__ = ["TOPICS", "Parameter", "Query", "by_topic", "get", "load", "names", "own", "parse"]

# In the order in which they are listed; questions of one's own without a topic come last.
TOPICS = {
    "hypotheses": "Hypotheses of a model",
    "treatment": "Treatments and repurposing",
    "safety": "Safety",
    "targets": "Targets and mechanisms",
    "diseases": "Diseases and phenotypes",
    "patients": "Patients",
    "evidence": "Evidence",
    "graph": "The graph as a whole",
    "own": "Your own questions",
}
LIBRARY = "MEDKG_LIBRARY"

_PARAMETER = re.compile(
    r"(\w+): (identifiers|identifier|integer|number|text|boolean|relation|load)"
    r"(?: of (\w+(?: or \w+)*))?(?: (=|such as) (.+?))?\. (.+)"
)
_COLUMN = re.compile(r"(\w+): (.+)")
_LIMIT = re.compile(r"\bLIMIT\s+\$(\w+)", re.IGNORECASE)
_FORMS = {
    "Parameters": (
        "as in 'disease: identifier of Disease such as \"DOID:2841\". The disease.' or"
        " 'top: integer = 20. Rows at most.'"
    ),
    "Columns": "as in 'drug: the drug's identifier'",
}


@dataclass(frozen=True)
class Query:
    """A question in Cypher: what it takes (`parameters`) and the `columns` that it gives.

    `topic` is one of TOPICS.
    """

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[str, str]
    cypher: str
    topic: str = "own"

    @property
    def predicted(self) -> tuple[str, ...]:
        """The relations of whose predictions it asks."""
        types = names_in(self.cypher).types
        return tuple(t.removeprefix(PREDICTED) for t in types if t.startswith(PREDICTED))

    def as_dict(self) -> dict[str, object]:
        """What it takes and gives as plain values, for JSON."""
        return {
            "name": self.name,
            "topic": self.topic,
            "title": self.title,
            "description": self.description,
            "parameters": [parameter.as_dict() for parameter in self.parameters],
            "columns": dict(self.columns),
        }

    def run(self, store: Store, /, **params: object) -> pl.DataFrame:
        """Ask a store. An entity may be given by identifier or by name.

        Raises:
            DataError: a parameter is unknown, missing, or of the wrong type.
            MissingError: the store has no such entity, or the name may mean several.
            StoreError: the server refuses, or doesn't answer.
        """
        self._check_names(params)
        given = {p.name: params.get(p.name, p.default) for p in self.parameters}
        frame = store.query(self.cypher, **self._values(given, store))
        # The embedded server names no columns where there are no rows.
        return pl.DataFrame(schema=list(self.columns)) if frame.is_empty() else frame

    def text(self, store: Store | None = None, /, **params: object) -> str:
        """The question with its comments and its parameters filled in, to be pasted anywhere.

        What isn't given has its default or, where it has none, the example of the file.

        Args:
            store: where names are looked up; without one, identifiers are taken as they are.

        Raises:
            DataError, MissingError, StoreError: as `run`.
        """
        self._check_names(params, all_required=False)
        given = {p.name: params.get(p.name, p.to_try) for p in self.parameters}
        values = self._values(given, store)
        texts = {name: literal(value) for name, value in values.items()}
        shown = "".join(f"//   {name}: {text}\n" for name, text in texts.items())
        return f"// {self.title}\n{shown}{with_values(self.cypher, texts)};\n"

    def entities(self, store: Store, /, **params: object) -> dict[str, tuple[str, str]]:
        """Kind and identifier of the node that each text means which is given for an entity.

        Raises:
            DataError, MissingError, StoreError: as `run`.
        """
        self._check_names(params)
        meant = {}
        for parameter in self.parameters:
            value = parameter.value(params.get(parameter.name, parameter.default))
            if parameter.type in ("identifier", "identifiers") and value is not None:
                for text in value if isinstance(value, list) else [str(value)]:
                    meant[text] = store.resolve(text, parameter.kinds)
        return meant

    def _values(self, given: Mapping[str, object], store: Store | None) -> dict[str, object]:
        """The parameters' values, entities by their identifiers."""
        values: dict[str, object] = {}
        limits = set(_LIMIT.findall(self.cypher))
        for parameter in self.parameters:
            value = parameter.value(given[parameter.name])
            if parameter.name in limits and isinstance(value, int) and value < 1:
                raise DataError(f"parameter {parameter.name} takes 1 or more, not {value}")
            if store is not None and value is not None:
                if parameter.type == "identifier":
                    value = store.resolve(str(value), parameter.kinds)[1]
                elif parameter.type == "identifiers" and isinstance(value, list):
                    meant = (store.resolve(text, parameter.kinds)[1] for text in value)
                    value = list(dict.fromkeys(meant))  # two names may mean one entity
                elif parameter.type == "load":
                    refuse_unknown_load(store, str(value))
            if parameter.type == "relation" and value is not None:
                value = known_relation(str(value), store)
            values[parameter.name] = value
        return values

    def _check_names(self, params: Mapping[str, object], *, all_required: bool = True) -> None:
        takes = ", ".join(p.name if p.required else f"[{p.name}]" for p in self.parameters)
        known = {parameter.name for parameter in self.parameters}
        if unknown := sorted(set(params) - known):
            raise DataError(f"query {self.name} has no parameter {unknown[0]!r}; it takes {takes}")
        required = {parameter.name for parameter in self.parameters if parameter.required}
        if all_required and (missing := sorted(required - set(params))):
            raise DataError(f"query {self.name} needs parameter {missing[0]!r}; it takes {takes}")


def load(folder: Path | str | None = None) -> dict[str, Query]:
    """Every query of the library, by name.

    Args:
        folder: one's own questions, which go before those of the same name; by default that of
            MEDKG_LIBRARY, if it is set.

    Raises:
        DataError: no such folder.
    """
    folder = folder or os.environ.get(LIBRARY)
    queries = _shipped() if not folder else {**_shipped(), **own(folder)}
    return dict(sorted(queries.items()))


@cache
def _shipped() -> dict[str, Query]:
    files = (f for f in resources.files(__package__).iterdir() if f.name.endswith(".cypher"))
    queries = [parse(f.name.removesuffix(".cypher"), f.read_text(encoding="utf-8")) for f in files]
    return {query.name: query for query in queries}


def own(folder: Path | str) -> dict[str, Query]:
    """The questions of a folder, by name. A file that is none is left out, with a warning.

    Raises:
        DataError: no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError("is no folder of questions (.cypher)", path=folder)
    queries = {}
    for file in sorted(folder.glob("*.cypher")):
        try:
            queries[file.stem] = _read(file)
        except DataError as error:
            warnings.warn(f"{error}; the file is left out", stacklevel=2)
    return queries


def _read(file: Path) -> Query:
    """The question of a file of one's own."""
    if not file.stem.isidentifier():
        raise DataError("a question's name has only letters, digits and _", path=file)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError("is not UTF-8", path=file) from None
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", path=file) from None
    return parse(file.stem, text, file)


def names(folder: Path | str | None = None) -> list[str]:
    """The names of all queries; see `load`."""
    return list(load(folder))


def by_topic(queries: Iterable[Query]) -> dict[str, list[Query]]:
    """Queries by their topics, in the order of TOPICS."""
    queries = list(queries)
    listed = {topic: [query for query in queries if query.topic == topic] for topic in TOPICS}
    return {topic: of_topic for topic, of_topic in listed.items() if of_topic}


def get(name: str, folder: Path | str | None = None) -> Query:
    """The query of that name; see `load`.

    Raises:
        DataError: no such folder, or the query's file has a head that is not as it should be.
        MissingError: there is none; it lists those that are near or, where none is, all.
    """
    folder = folder or os.environ.get(LIBRARY)
    if folder and name.isidentifier() and (file := Path(folder) / f"{name}.cypher").is_file():
        return _read(file)
    if (folder is None or Path(folder).is_dir()) and name in _shipped():
        return _shipped()[name]
    raise MissingError(f"no query {name!r}{near_names(name, load(folder))}")


def parse(name: str, text: str, path: Path | str | None = None) -> Query:
    """A query from the text of its file.

    Args:
        path: what the file is called in an error; by default the name with `.cypher`.

    Raises:
        DataError: the comments at its head are not as they should be.
    """
    path = path or f"{name}.cypher"
    lines = text.splitlines()
    section, topic, description = "", "own", []
    parameters: list[Parameter] = []
    columns: dict[str, str] = {}
    head = takewhile(lambda line: line.startswith("//") or not line.strip(), lines)
    for number, line in enumerate(head, start=1):
        comment = line.removeprefix("//").strip()
        if not line.strip():
            continue
        if comment in ("Parameters", "Columns"):
            section = comment
        elif not section and comment.startswith("Topic: "):
            topic = comment.removeprefix("Topic: ")
        elif not section:
            description.append(comment)
        elif section == "Parameters" and (match := _PARAMETER.fullmatch(comment)):
            parameters.append(_parameter(*match.groups()))
        elif section == "Columns" and (match := _COLUMN.fullmatch(comment)):
            columns[match[1]] = match[2]
        else:
            what = f"is no line of {section.lower()}: {comment!r}; write {_FORMS[section]}"
            raise DataError(what, path=path, line=number)
    if not columns or not description:
        raise DataError("lacks a title or its columns", path=path)
    if topic not in TOPICS:
        raise DataError(f"no topic {topic!r}; there are {', '.join(TOPICS)}", path=path)
    return Query(
        name=name,
        title=description[0].rstrip("."),
        description=" ".join(filter(None, description[1:])),
        parameters=tuple(parameters),
        columns=columns,
        cypher="\n".join(line for line in lines if not line.startswith("//")).strip().rstrip(";"),
        topic=topic,
    )


def _parameter(
    name: str, type_: str, kinds: str | None, sign: str | None, value: str | None, about: str
) -> Parameter:
    of = tuple(kinds.split(" or ")) if kinds else ()
    stated = None if value is None else parse_json(value)
    if sign == "=":
        return Parameter(name, type_, of, stated, about)
    return Parameter(name, type_, of, REQUIRED, about, example=stated)
