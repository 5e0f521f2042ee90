"""Annotated documents as one self-contained HTML page, without server or network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from ..core.atomic import atomic_file
from ..core.errors import DataError
from ..graph.schema import Schema
from .annotated import SIGNS, AnnotatedText

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
        "signs": {value: "past" if sign == "H" else value for value, (sign, _) in SIGNS.items()},
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
    template = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    # Inside a script element nothing is mark-up but "<", which JSON may write otherwise.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return template.replace("{{DATA}}", text)


def write_page(texts: Sequence[AnnotatedText], path: Path | str) -> None:
    """Write `page` to a file that only its owner may read.

    Raises:
        DataError: see `page`.
    """
    text = page(texts)
    with atomic_file(path, mode=0o600) as draft:
        draft.write_text(text, encoding="utf-8")


def _document(text: AnnotatedText) -> dict[str, Any]:
    fields = text.as_dict()
    return {name: fields[name] for name in ("id", "text", "mentions")}
