"""Annotated notes in this project's own form: `gold.jsonl` and a text for each document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from .readers import read_text


def read_gold(folder: Path) -> list[dict[str, Any]]:
    """The lines of `gold.jsonl`, each with the `text` of its document (`DOCUMENT.txt`) added.

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
    gold = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            row = json.loads(line)
            row["text"] = read_text(folder / f"{row['document']}.txt")
            for mention in row["mentions"]:
                if row["text"][mention["start"] : mention["end"]] != mention["text"]:
                    raise DataError("offsets don't match the text", path=path, line=number)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"a line lacks a field: {error}", path=path, line=number) from error
        gold.append(row)
    return gold
