"""The command line's words in the language of `--lang`, or of MEDKG_LANG.

The words are written in English where they are printed. `data/LANGUAGE.toml` has the others, by the
English ones: `[printed]` what a command prints, `[headings]` of tables, and `[messages]` that are
made elsewhere, errors and notes among them. What a table lacks stays English.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Literal

Language = Literal["en", "zh"]
_DATA = Path(__file__).parent / "data"
_PLACE = re.compile(r"\{(\w{1,30})\}")
_language: ContextVar[Language] = ContextVar("language", default="en")


def use(language: Language) -> None:
    """Print in a language from now on."""
    _language.set(language)


def current() -> Language:
    """The language that is printed in."""
    return _language.get()


@cache
def tables(language: str) -> Mapping[str, Mapping[str, str]]:
    """The tables `printed`, `headings` and `messages` of a language, each by the English words."""
    return tomllib.loads((_DATA / f"{language}.toml").read_text(encoding="utf-8"))


def _table(name: str) -> Mapping[str, str]:
    return {} if current() == "en" else tables(current())[name]


def words(text: str, /, **values: Any) -> str:
    """A text of a command's own, with values, if any, in its places as `str.format` puts them."""
    translated = _table("printed").get(text, text)
    return translated.format(**values) if values else translated


def heading(name: str) -> str:
    """The heading of a column in the language, or the name itself."""
    return _table("headings").get(name, name)


def message(text: str) -> str:
    """An error, note or other message that was made elsewhere, with its values in it.

    A value that is itself a message, such as the suggestion at its end, is translated too.
    """
    table = _table("messages")
    if text in table:
        return table[text]
    for template, translation in table.items():
        values = _values(template, text)
        if values is not None:
            return translation.format(**{name: message(each) for name, each in values.items()})
    return text


def _values(template: str, text: str) -> dict[str, str] | None:
    """What stands in a message at the places of a template; None where it is another message.

    Places are as short as what is written behind them allows; `{before}`, all messages of a row but
    the last, is as long.
    """
    first, *rest = _PLACE.split(template)
    if not rest or not text.startswith(first):
        return None
    values, start = {}, len(first)
    last = rest[-1]
    places = list(zip(rest[::2], rest[1::2], strict=True))
    for number, (name, literal) in enumerate(places, start=1):
        at_end = len(text) - len(last)
        find = text.rfind if name == "before" else text.find
        end = at_end if number == len(places) else find(literal, start)
        if end < start or not text.startswith(literal, end):
            return None
        values[name] = text[start:end]
        start = end + len(literal)
    return values
