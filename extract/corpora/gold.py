"""Annotated notes in this project's own form: `gold.jsonl` and a text for each document."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...core.errors import DataError
from ...core.json_reading import parse_json
from ..context.attributes import DEFAULTS
from .files import read_text


@dataclass(frozen=True)
class GoldMention:
    """Characters [start, end) of a note, their kind, and their context by attribute.

    `name` is that of the node which the mention means; None: there is none.
    """

    id: str
    start: int
    end: int
    kind: str
    name: str | None
    context: dict[str, str]


@dataclass(frozen=True)
class GoldRelation:
    """A relation between two mentions, by their ids."""

    head: str
    relation: str
    tail: str


@dataclass(frozen=True)
class GoldNote:
    """An annotated note; `document` is its file's name without the ending."""

    document: str
    text: str
    mentions: list[GoldMention]
    relations: list[GoldRelation]


def read_gold(folder: Path) -> list[GoldNote]:
    """The annotated notes of a folder: its `gold.jsonl`, and `DOCUMENT.txt` for each line of it.

    Raises:
        DataError: a file is missing or damaged, or an offset doesn't match its text.
    """
    path = folder / "gold.jsonl"
    if not path.is_file():
        raise DataError(
            "has no gold.jsonl (document, mentions, relations: docs/text.md); of brat's and other"
            " forms `evaluate ner`, `linking` and `relations` score the parts",
            path=folder,
        )
    notes = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            row = parse_json(line)
            text = read_text(folder / f"{row['document']}.txt")
            for place, mention in enumerate(row["mentions"], start=1):
                if text[mention["start"] : mention["end"]] != mention["text"]:
                    # Neither text is repeated: it may be private.
                    raise DataError(
                        f"offsets don't match the text: mention {place}, at {mention['start']} to"
                        f" {mention['end']}, counted in characters from 0",
                        path=path,
                        line=number,
                    )
            mentions = [
                GoldMention(
                    # What only the relations and the links are scored with may be left out.
                    m.get("id", f"m{place}"),
                    m["start"],
                    m["end"],
                    m["kind"],
                    m.get("name"),
                    {attribute: m[attribute] for attribute in DEFAULTS},
                )
                for place, m in enumerate(row["mentions"], start=1)
            ]
            relations = [
                GoldRelation(r["head"], r["relation"], r["tail"]) for r in row.get("relations", [])
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"a line lacks a field: {error}", path=path, line=number) from error
        notes.append(GoldNote(row["document"], text, mentions, relations))
    return notes
