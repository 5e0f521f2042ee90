"""The tables of rules and words that ship in `data/`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from ..core.text import rows_of


def table_rows(name: str) -> Iterator[list[str]]:
    """The rows of a table of `data/` as their cells, without comments, blank lines and header.

    Args:
        name: of its file; a comment is a line that begins with `#`.
    """
    text = resources.files("medkg.extract").joinpath("data", name).read_text(encoding="utf-8")
    return rows_of(text)
