"""Patients' reviews of drugs, from tables.

The columns are those of Druglib's reviews (Gräßer et al. 2018, UCI Machine Learning Repository, CC
BY 4.0), or plainer names for the same.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import DataError
from ...core.input_files import read_whole
from ...core.quarantine import Quarantine
from ...core.text import decode
from ..formats.rows import DELIMITERS

PARTS = ("benefits", "side effects", "comments")
SIGNS = ("negative", "mixed", "positive")  # -1, 0, 1
# What is told of a review, by the column that has its label.
ASPECTS = ("rating", "effect", "side effects")
_COLUMNS = {
    "urldrugname": "drug",
    "drug": "drug",
    "rating": "rating",
    "effectiveness": "effect",
    "sideeffects": "side effects",
    "benefitsreview": "benefits",
    "benefits": "benefits",
    "sideeffectsreview": "side effects text",
    "sideeffectstext": "side effects text",
    "commentsreview": "comments",
    "comments": "comments",
    "text": "comments",
}
_WORDS = {
    "ineffective": "negative",
    "marginally effective": "mixed",
    "moderately effective": "mixed",
    "considerably effective": "positive",
    "highly effective": "positive",
    "no side effects": "positive",
    "mild side effects": "positive",
    "moderate side effects": "mixed",
    "severe side effects": "negative",
    "extremely severe side effects": "negative",
    **{sign: sign for sign in SIGNS},
}
_NUMBERED = re.compile(r"[0-9]+\t")
_NOT_LETTERS = re.compile(r"[^a-z]")


@dataclass(frozen=True)
class Review:
    """What a patient wrote of a drug.

    Attributes:
        name: of the review: the drug where it is known, and the row.
        texts: of each of `PARTS`; "" where nothing was written.
        labels: by the `ASPECTS` that are known, one of `SIGNS`. A rating of 1 to 4 is negative, 5
            to 7 mixed, 8 to 10 positive; no or mild side effects are positive.
    """

    name: str
    texts: tuple[str, str, str]
    labels: Mapping[str, str]

    @property
    def whole(self) -> str:
        """All texts, one after the other."""
        return "\n".join(self.texts)


def read_reviews(path: Path, quarantine: Quarantine) -> list[Review]:
    """The reviews of a table (.tsv, .tab, .csv).

    Args:
        quarantine: gets rows without a text, with another number of columns, or with a rating or a
            word for an effect that is none.

    Raises:
        DataError: it is no such table, or has no review.
    """
    if path.suffix.lower() not in DELIMITERS:
        raise DataError(f"is no table ({', '.join(DELIMITERS)})", path=path)
    text = decode(read_whole(path), path)
    rows = _rows(text, DELIMITERS[path.suffix.lower()], path)
    _, header = next(rows, (1, []))
    columns = [_COLUMNS.get(_NOT_LETTERS.sub("", name.lower()), "") for name in header]
    if not {"benefits", "side effects text", "comments"} & set(columns):
        problem = "has no column benefits, side effects text, comments or text"
        raise DataError(problem, path=path, line=1)
    reviews = []
    for number, (line, row) in enumerate(rows, start=1):
        if len(row) != len(header):
            quarantine.add("wrong number of columns", path=path, line=line)
            continue
        try:
            reviews.append(_review(dict(zip(columns, row, strict=True)), number))
        except ValueError as error:
            quarantine.add(str(error), path=path, line=line)
    if not reviews:
        raise DataError("has no review that can be read", path=path)
    return reviews


def _review(row: Mapping[str, str], number: int) -> Review:
    """One review.

    Raises:
        ValueError: why it is none.
    """
    benefits, harms, comments = (
        row.get(column, "").strip() for column in ("benefits", "side effects text", "comments")
    )
    if not (benefits or harms or comments):
        raise ValueError("a review without a text")
    labels = {}
    if rating := row.get("rating", "").strip():
        labels["rating"] = _sign_of_rating(rating)
    for aspect in ("effect", "side effects"):
        if word := row.get(aspect, "").strip().lower():
            if word not in _WORDS:
                raise ValueError(f"unknown word for {aspect}")
            labels[aspect] = _WORDS[word]
    name = f"{row.get('drug', '').strip()} (row {number})".strip()
    return Review(name, (benefits, harms, comments), labels)


def _sign_of_rating(text: str) -> str:
    if text.lower() in SIGNS:
        return text.lower()
    try:
        rating = float(text)
    except ValueError:
        rating = 0.0
    if not 1 <= rating <= 10:
        raise ValueError("a rating that isn't from 1 to 10")
    return "negative" if rating < 5 else "mixed" if rating < 8 else "positive"


def _rows(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with their lines."""
    if text.startswith("\t"):
        yield from _numbered_rows(text)
        return
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in rows:
            if row:
                yield rows.line_num, row
    except csv.Error as error:
        raise DataError(f"is no table: {error}", path=path, line=rows.line_num) from error


def _numbered_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of Druglib's table, each of which begins with a number.

    Lines between are the rest of a text that was cut at its line breaks, and filled up with empty
    columns.
    """
    lines = text.splitlines()
    yield 1, lines[0].split("\t")
    starts = [number for number, line in enumerate(lines) if _NUMBERED.match(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        parts = [line for line in lines[start:end] if line.strip("\t")]
        row = parts[0] if len(parts) == 1 else "\n".join(line.rstrip("\t") for line in parts)
        yield start + 1, [_unquoted(field) for field in row.split("\t")]


def _unquoted(field: str) -> str:
    if len(field) > 1 and field[0] == field[-1] == '"':
        return field[1:-1].replace('""', '"')
    return field
