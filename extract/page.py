"""Annotated documents as one self-contained HTML page, without server or network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.atomic import atomic_file
from ..core.errors import DataError
from ..core.html_page import fill_template, json_block
from ..graph.schema import Schema
from .annotated import CONTEXT_MARKS, AnnotatedText

MOST_DOCUMENTS = 1000


def page(texts: Sequence[AnnotatedText]) -> str:
    """The HTML of a page of texts with their mentions, and a table of the triples.

    Raises:
        DataError: there is no document, or there are more than `MOST_DOCUMENTS`.
    """
    if not 0 < len(texts) <= MOST_DOCUMENTS:
        raise DataError(
            f"a page shows 1 to {MOST_DOCUMENTS:,} documents, these are {len(texts):,}; give fewer"
        )
    number = f"{len(texts):,} document{'s' if len(texts) > 1 else ''}"
    data = {
        "title": f"Read by medkg: {texts[0].id if len(texts) == 1 else number}",
        "foot": f"This page holds the whole text of {number}: keep it as safe as the originals. It"
        " loads nothing and sends nothing. For research, not for care.",
        "kinds": {kind.label: kind.colour for kind in Schema.default().kinds.values()},
        "marks": {
            value: "past" if mark == "H" else value for value, (mark, _) in CONTEXT_MARKS.items()
        },
        "legend": "Struck through: negated. Dashed: possible or hypothetical.",
        "documents": [_document(text) for text in texts],
        "triples": [
            {"document": number, **triple}
            for number, text in enumerate(texts)
            for triple in sorted(
                text.as_dict()["triples"],
                key=lambda t: (t["start"], t["subject"]["start"] is None),
            )
        ],
    }
    return fill_template(str(__package__), "page.html", DATA=json_block(data))


def write_page(texts: Sequence[AnnotatedText], path: Path | str) -> None:
    """Write `page` to a file that only its owner may read.

    Raises:
        DataError: see `page`.
    """
    text = page(texts)
    with atomic_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _document(text: AnnotatedText) -> dict[str, Any]:
    fields = text.as_dict()
    return {name: fields[name] for name in ("id", "text", "mentions")}
