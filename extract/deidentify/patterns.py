"""Numbers, codes and addresses by their form, their check digits, or the words before them.

The patterns are in `patterns.toml`, those of Chinese texts in `patterns_zh.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import checksums

_FILES = [Path(__file__).parent / name for name in ("patterns.toml", "patterns_zh.toml")]


@dataclass(frozen=True)
class Pattern:
    """A pattern of a kind; group 1, if there is one, is the identifier.

    Attributes:
        score: how sure it is.
        check: what the text that matched must pass, such as a check digit.
    """

    kind: str
    expression: re.Pattern[str]
    score: float
    check: Callable[[str], bool] | None

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """The places of what the pattern finds."""
        group = 1 if self.expression.groups else 0
        for match in self.expression.finditer(text):
            if self.check is None or self.check(match[group]):
                yield match.span(group)


@cache
def patterns() -> tuple[Pattern, ...]:
    """All patterns, in the order of the files."""
    return tuple(pattern for file in _FILES for pattern in _patterns_of(file))


def _patterns_of(file: Path) -> Iterator[Pattern]:
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    pieces: dict[str, str] = {}
    for name, piece in table["pieces"].items():
        pieces[name] = _filled(piece, pieces)
    for row in table["patterns"]:
        yield _pattern(row, pieces)


def _pattern(row: Mapping[str, str | float], pieces: Mapping[str, str]) -> Pattern:
    form = str(row.get("form", ""))
    if not form:
        value = row.get("value", "<code>")
        form = rf"(?<![A-Za-z])(?:{row['after']})<between>{value}(?![A-Za-z0-9]|\.\d|\s?%)"
    check = getattr(checksums, str(row["check"])) if "check" in row else None
    expression = re.compile(_filled(form, pieces), re.IGNORECASE)
    return Pattern(str(row["kind"]), expression, float(row["score"]), check)


def _filled(form: str, pieces: Mapping[str, str]) -> str:
    return re.sub(r"(?<!\?P)<([a-z_0-9]+)>", lambda name: pieces[name[1]], form)
