"""The parameters of a query: their types, their values, and how Cypher writes these down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import SupportsFloat, SupportsInt

from ..core.errors import DataError
from ..core.json_reading import parse_json

REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """What a query wants to be given.

    Attributes:
        kinds: of an identifier's node; none where any is good.
        default: None is one too; of a required parameter it is a sign of its own (`required`).
        example: of a required parameter, a value to try the query with.
    """

    name: str
    type: str
    kinds: tuple[str, ...]
    default: object
    description: str
    example: object = None

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is REQUIRED

    @property
    def to_try(self) -> object:
        """A value to try the query with: the default, or the example."""
        return self.example if self.required else self.default

    def as_dict(self) -> dict[str, object]:
        """As plain values, for JSON."""
        return {
            "name": self.name,
            "type": self.type,
            "kinds": list(self.kinds),
            "required": self.required,
            "default": None if self.required else self.default,
            "example": self.example,
            "description": self.description,
        }

    def value(self, given: object) -> object:
        """The given value, or text of it, in the parameter's type.

        Raises:
            DataError: it is of another type.
        """
        if given is None and self.default is None:
            return None
        try:
            return _CONVERT[self.type](given)
        except (TypeError, ValueError, KeyError) as error:
            raise DataError(f"parameter {self.name} takes {self.type}, not {given!r}") from error


def literal(value: object) -> str:
    """A parameter's value as Cypher writes it.

    Raises:
        DataError: a value of another type than parameters have.
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
            return f"'{escaped}'"
        case list():
            return f"[{', '.join(map(literal, value))}]"
    raise DataError(f"{value!r} is no value of a parameter")


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise TypeError
    return given.strip()


def _texts(given: object) -> list[str]:
    if isinstance(given, str):
        given = parse_json(given) if given.lstrip().startswith("[") else given.split(",")
    if not isinstance(given, Iterable):
        raise TypeError
    texts = [_text(part) for part in given]
    if not texts:
        raise ValueError
    return list(dict.fromkeys(texts))


def _integer(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, str | SupportsInt):
        raise TypeError
    if isinstance(given, float) and not given.is_integer():
        raise TypeError
    number = int(given)
    if not -(2**63) <= number < 2**63:  # servers have no others
        raise ValueError
    return number


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, str | SupportsFloat):
        raise TypeError
    return float(given)


def _boolean(given: object) -> bool:
    if isinstance(given, bool):
        return given
    return {"true": True, "yes": True, "false": False, "no": False}[str(given).lower()]


_CONVERT = {
    "identifier": _text,
    "identifiers": _texts,
    "integer": _integer,
    "number": _number,
    "text": _text,
    "relation": _text,
    "load": _text,
    "boolean": _boolean,
}
