"""Answers of queries for people: paths, sentences and sources in place of maps and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.table import Table
from rich.text import Text

from medkg.cli import show
from medkg.cli.language import words
from medkg.explanations import ExplanationParts

if TYPE_CHECKING:
    from medkg.cypher.library import Parameter, Query

_SHOWN = 3  # parts of a cell's list of evidence
_STEP = re.compile(r" (?:-[A-Z_]{1,64}(->)|<-[A-Z_]{1,64}-) ")  # of a path that a model explains by


def answer(rows: pl.DataFrame, question: Query | None, note: str) -> None:
    """Print the answer of a question, or of Cypher of one's own, which is shown as it is.

    Args:
        note: what is printed under it.
    """
    if question is None:
        show.frame(rows, as_written=True)
    else:
        _print_answer(rows, question)
    if note:
        show.out.print(note)


def _print_answer(rows: pl.DataFrame, question: Query) -> None:
    shown = readable(rows)
    show.frame(shown, words(question.title))
    if shown.width < rows.width and shown.height:
        show.out.print(
            words("identifiers: --json; all columns as a table: --csv FILE, --parquet FILE")
        )


def readable(rows: pl.DataFrame) -> pl.DataFrame:
    """An answer without the identifiers of what is named beside, and without columns of nothing.

    Evidence is a sentence or, where there is none, its source; an explanation is in words.
    """
    named = [column for column in rows.columns if f"{column}_name" in rows.columns]
    path_says_it = "path" in rows.columns
    ends = (
        "drug_name",
        "target_name",
        "other_name",
        "subject_name",
        "object_name",
        "effect_name",
        "nodes",
    )
    told_by_path = [column for column in ends if path_says_it and column in rows.columns]
    columns = [
        pl.Series(
            column.removesuffix("_name") if column.removesuffix("_name") in named else column,
            _readable(rows[column].to_list(), column),
            strict=False,
        )
        for column in rows.columns
        if column not in named and column not in told_by_path
    ]
    return pl.DataFrame([each for each in columns if each.is_not_null().any() or rows.is_empty()])


def _readable(values: list[Any], column: str) -> list[Any]:
    if column == "explanation":
        return [None if value is None else _explanation(value) for value in values]
    if any(isinstance(value, list) for value in values):
        return [None if value is None else _list(value) for value in values]
    return values


def _list(values: list[Any]) -> str:
    """A list as a text; of evidence its first pieces, each once."""
    if not any(isinstance(value, Mapping) for value in values):
        return "; ".join(show.cell(value) for value in values if value is not None)
    texts = list(dict.fromkeys(_evidence(value) for value in values if value))
    more = words(" … and {more} more", more=len(texts) - _SHOWN) if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def _evidence(piece: Mapping[str, Any]) -> str:
    """A piece of evidence: its sentence and document, or its source and what that cites."""
    if "source" not in piece:
        return show.cell(piece)
    against = words("against it: ") if piece.get("polarity") == "negated" else ""
    if piece.get("sentence"):
        place = piece.get("document") or piece["source"]
        return f"{against}“{piece['sentence']}” ({place})"
    cited = ", ".join(piece.get("references") or ())
    return f"{against}{piece['source']}" + (f" ({cited})" if cited else "")


def _explanation(text: str) -> str:
    """A model's explanation in words: the reasons that it names, and the heaviest path."""
    parts = ExplanationParts.of(text)
    return "; ".join([*parts.reasons, *map(_arrows, parts.paths[:1])]) or show.cell(parts.others)


def _arrows(path: str) -> str:
    """`a -TARGETS-> b <-ASSOCIATED_WITH- c` as `a → b ← c`."""
    return _STEP.sub(lambda match: " → " if match[1] else " ← ", path)


def flat(rows: pl.DataFrame) -> pl.DataFrame:
    """An answer as CSV can hold it: lists and maps as JSON."""
    nested = [name for name, dtype in rows.schema.items() if dtype.is_nested()]
    texts = [
        pl.Series(
            name,
            [
                None if value is None else json.dumps(value, ensure_ascii=False, default=str)
                for value in rows[name].to_list()
            ],
            dtype=pl.String,
        )
        for name in nested
    ]
    return rows.with_columns(texts)


def library(queries: Iterable[Query], as_json: bool) -> None:
    """Print the questions there are, by topic."""
    from medkg.cypher.library import TOPICS, by_topic

    if as_json:
        return show.as_json(
            [
                {
                    "name": query.name,
                    "topic": query.topic,
                    "title": query.title,
                    "parameters": [parameter.name for parameter in query.parameters],
                }
                for query in queries
            ]
        )
    for topic, of_topic in by_topic(queries).items():
        show.out.print(Text(words(TOPICS[topic]), "bold"))
        show.out.print(_named({query.name: words(query.title) for query in of_topic}))
    show.out.print(words("medkg query NAME --list: what one takes and gives; --print: its Cypher"))
    return None


def description(query: Query, as_json: bool) -> None:
    """Print what a question takes and gives."""
    if as_json:
        return show.as_json(query.as_dict())
    show.out.print(Text(words(query.title), "bold"))
    show.out.print(query.description)
    for title, rows in (
        (words("Parameters"), {p.name: _takes(p) for p in query.parameters}),
        (words("Columns"), query.columns),
    ):
        if not rows:
            continue
        show.out.print(Text(title, "bold"))
        show.out.print(_named(rows))
    return None


def _named(rows: Mapping[str, str]) -> Table:
    """Names, each with what is said of it beside."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, about in rows.items():
        table.add_row(name, about)
    return table


def _takes(parameter: Parameter) -> str:
    kind = f" of {' or '.join(parameter.kinds)}" if parameter.kinds else ""
    form = ", as a,b or given again" if parameter.type == "identifiers" else ""
    default = "" if parameter.required else f", by default {show.cell(parameter.default) or 'none'}"
    return f"{parameter.type}{kind}{form}{default}. {parameter.description}"
