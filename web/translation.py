"""The templates in another language: their words are replaced as they are loaded.

A template stays as it is written, in English; `data/LANGUAGE.toml` has what stands in it, piece by
piece. What sources and models say is shown as it is.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import jinja2

_DATA = Path(__file__).parent / "data"
LANGUAGES = ("en", "zh")
# Comments, statements, expressions and tags; between them stands text.
CODE = re.compile(r"(\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>)", re.S)
ATTRIBUTE = re.compile(r'(?<=placeholder=")[^"{]+(?=")|(?<=aria-label=")[^"{]+(?=")')
STRING = re.compile(r'(?<=")[^"]*(?=")')


@cache
def words(language: str) -> Mapping[str, Mapping[str, str]]:
    """The tables `text` and `strings` of a language."""
    return tomllib.loads((_DATA / f"{language}.toml").read_text(encoding="utf-8"))


def translated(source: str, language: str) -> str:
    """A template in another language; what its table lacks stays English."""
    text, strings = words(language)["text"], words(language)["strings"]

    def piece(part: str) -> str:
        if part.startswith(("{%", "{{")):
            return STRING.sub(lambda match: strings.get(match[0], match[0]), part)
        if part.startswith("<"):
            return ATTRIBUTE.sub(lambda match: text.get(match[0], match[0]), part)
        bare = " ".join(part.split())
        if bare not in text:
            return part
        before, after = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
        return f"{before}{text[bare]}{after}"

    pieces = CODE.split(source)
    return "".join(map(piece, pieces)).replace('<html lang="en">', f'<html lang="{language}">')


class TranslatedLoader(jinja2.FileSystemLoader):
    """Loads templates in a language."""

    def __init__(self, folder: Path, language: str) -> None:
        super().__init__(folder)
        self._language = language

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """A template's source, translated."""
        source, name, is_current = super().get_source(environment, template)
        return translated(source, self._language), name, is_current
