"""The command `medkg query`: the query library, or Cypher of one's own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import app
from medkg.cli.language import message, words
from medkg.cli.options import Json, Language, name_and_value

if TYPE_CHECKING:
    import polars as pl

    from medkg.cypher.library import Query

Parameters = Annotated[
    list[str] | None,
    typer.Option(
        help="name=value, as often as needed; identifiers as a,b, or given again. For --cypher,"
        " numbers and JSON are read as such: p=123 is a number, p='\"123\"' a text."
    ),
]


@app.command(epilog="Example: medkg query repurposing --on embedded:server --param disease=asthma")
def query(
    name: Annotated[str | None, typer.Argument(help="A query of the library; none: list.")] = None,
    on: Annotated[str | None, typer.Option(help="The server, by URI.")] = None,
    param: Parameters = None,
    cypher: Annotated[str | None, typer.Option(help="Cypher of your own; it can't write.")] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="List the library by topic; with a name, describe it.")
    ] = False,
    print_text: Annotated[
        bool,
        typer.Option(
            "--print",
            help="Print the Cypher with its parameters filled in, to be pasted into Neo4j Browser;"
            " with --on, names are looked up.",
        ),
    ] = False,
    library: Annotated[
        Path | None,
        typer.Option(help="Folder of questions of your own (.cypher); or set MEDKG_LIBRARY."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write all columns into this file.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write all columns into this file.")] = None,
    style: Annotated[
        Path | None,
        typer.Option(
            help="Write medkg's colours as a style file (.grass) for Neo4j Browser, or as a"
            " perspective (.json) for Neo4j Bloom."
        ),
    ] = None,
    names: Language = None,
    as_json: Json = False,
) -> None:
    """Ask the query library, or Cypher of your own, read-only."""
    from medkg.cli import show, show_query
    from medkg.cypher import library as queries

    if style is not None:
        return _write_style(style)
    if name is None and cypher is None:
        return show_query.library(queries.load(library).values(), as_json)
    if name is not None and cypher is not None:
        raise typer.BadParameter("give a query's name or --cypher, not both")
    if cypher is not None and print_text:
        raise typer.BadParameter("--print is for a query of the library, not for --cypher")
    if as_json and (csv is not None or parquet is not None):
        raise typer.BadParameter("give --json, or files with --csv and --parquet, not both")
    question = None if name is None else _question(name, library)
    if question is not None and listing:
        return show_query.description(question, as_json)
    parameters = _parameters(param or [], question)
    if question is not None and print_text:
        return show.plain(_text(question, on, parameters))
    if on is None:
        raise typer.BadParameter("give the server with --on; medkg query NAME --list describes one")
    answer, note = _answer(question, cypher, on, parameters, names)
    if csv is not None or parquet is not None:
        return _write(answer, csv, parquet)
    if as_json:
        return show.as_json(answer)
    return show_query.answer(answer, question, note)


def _question(name: str, library: Path | None) -> Query:
    """The query of this name, unless the name is Cypher."""
    from medkg.cypher import library as queries

    if len(name.split()) > 1:
        raise typer.BadParameter("a query's name has no spaces; Cypher of your own is for --cypher")
    return queries.get(name, library)


def _parameters(given: list[str], question: Query | None) -> dict[str, Any]:
    """Parameters by their names: as text, which questions read by its type; values for Cypher."""
    lists = {
        parameter.name
        for parameter in (question.parameters if question is not None else ())
        if parameter.type == "identifiers"
    }
    parameters: dict[str, Any] = {}
    for name, text in map(name_and_value, given):
        if name not in parameters:
            parameters[name] = _json_or_text(text) if question is None else text
        elif name in lists:
            parameters[name] += f",{text}"
        else:
            raise typer.BadParameter(f"--param {name} was given twice; it takes one value")
    return parameters


def _json_or_text(text: str) -> Any:
    """A parameter of one's own Cypher: a number, list or the like, else the text as it stands."""
    from medkg.core.json_reading import JsonError, parse_json

    try:
        value = parse_json(text)
    except JsonError:
        return text
    return value if _is_storable(value) else text


def _is_storable(value: Any) -> bool:
    """Whether servers have such a value: integers of 64 bits, and numbers that are finite."""
    if isinstance(value, list | dict):
        return all(map(_is_storable, value.values() if isinstance(value, dict) else value))
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, float) or math.isfinite(value)


def _text(question: Query, on: str | None, parameters: dict[str, Any]) -> str:
    from medkg.access import connect, existing_server

    if on is None:
        _say_what_is_no_identifier(question, parameters)
        return question.text(**parameters)
    with connect(existing_server(on)) as connection:
        return question.text(connection, **parameters)


def _say_what_is_no_identifier(question: Query, parameters: dict[str, Any]) -> None:
    from medkg.cli import show

    names = [
        text
        for parameter in question.parameters
        if parameter.type in ("identifier", "identifiers")
        for text in parameters.get(parameter.name, "").split(",")
        if text and ":" not in text
    ]
    if names:
        line = words(
            "taken as identifiers: {names}; with --on names are looked up", names=", ".join(names)
        )
        show.err.print(line, soft_wrap=True)


def _answer(
    question: Query | None,
    cypher: str | None,
    on: str,
    parameters: dict[str, Any],
    names: str | None,
) -> tuple[pl.DataFrame, str]:
    """The answer, and what names meant in it, and what helps where it has no rows."""
    from medkg.access import connect, existing_server
    from medkg.entities import answer_in, names_meant, why_no_answer

    with connect(existing_server(on)) as connection:
        if question is None:
            assert cypher is not None
            return connection.query(cypher, **parameters), ""
        rows = question.run(connection, **parameters)
        notes = [
            message(line)
            for line in names_meant(connection, question.entities(connection, **parameters))
        ]
        if names is not None:
            rows = answer_in(names, connection, rows)
        if rows.is_empty():
            notes += map(message, why_no_answer(connection, question, **parameters))
        return rows, "\n".join(notes)


def _write(answer: pl.DataFrame, csv: Path | None, parquet: Path | None) -> None:
    """Write an answer into files; what CSV can't hold, lists and maps, as JSON."""
    from medkg.cli import show
    from medkg.cli.show_query import flat
    from medkg.core.atomic import atomic_file

    for path in filter(None, (csv, parquet)):
        with atomic_file(path) as draft:
            flat(answer).write_csv(draft) if path is csv else answer.write_parquet(draft)
        written = words(
            "{path}: {rows:,} rows, {columns} columns",
            path=path,
            rows=answer.height,
            columns=answer.width,
        )
        show.out.print(written, soft_wrap=True)


def _write_style(path: Path) -> None:
    from medkg.cli import show
    from medkg.core.atomic import atomic_file
    from medkg.cypher.bloom_perspective import bloom_perspective
    from medkg.cypher.browser_style import browser_style
    from medkg.graph.schema import Schema

    forms = {
        ".grass": (browser_style, words("drop it onto Neo4j Browser's window")),
        ".json": (
            bloom_perspective,
            words("import it in Neo4j Bloom's gallery of perspectives"),
        ),
    }
    if path.suffix not in forms:
        raise typer.BadParameter(
            f"{path}: a style file's name ends in .grass (Neo4j Browser) or .json (Neo4j Bloom)"
        )
    form, what_to_do = forms[path.suffix]
    with atomic_file(path) as draft:
        draft.write_text(form(Schema.default()), encoding="utf-8")
    show.out.print(f"{path}: {what_to_do}", soft_wrap=True)
