"""Options: the fields of a class of settings, each with what it does and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from ..core.errors import DataError
from ..core.text import did_you_mean

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")
TunedValue = str | int | float | bool  # of a setting that is tuned


@dataclass(frozen=True)
class Range:
    """The range that `--tune` draws a number from, uniformly or (`log`) log-uniformly."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Option:
    """The description of a setting: what it does, and which values are allowed and tried.

    Attributes:
        about: what it does, for a reader of the file.
        choices: the values allowed, or the members allowed of a list; any if empty.
        least, below: the smallest number allowed, and the one that it must be less than.
        tune: the values, or the range, that `--tune` tries; not tuned if None.
    """

    about: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    below: float | None = None
    tune: Range | tuple[TunedValue, ...] | None = None


def option(
    default: object,
    about: str,
    *,
    choices: Sequence[str] = (),
    least: float | None = None,
    below: float | None = None,
    tune: Range | tuple[TunedValue, ...] | None = None,
) -> Any:
    """A dataclass field that is a setting; see `Option`."""
    return field(
        default=default,
        metadata={"option": Option(about, tuple(choices), least, below, tune)},
    )


def options(
    settings: DataclassInstance | type[DataclassInstance],
) -> dict[str, tuple[Field[Any], Option]]:
    """The fields of a class of settings that are options, by name."""
    return {f.name: (f, f.metadata["option"]) for f in fields(settings) if "option" in f.metadata}


def check(settings: DataclassInstance) -> None:
    """Check that the values of settings are allowed.

    Raises:
        DataError: names the setting, its value and what is allowed.
    """
    hints = get_type_hints(type(settings))
    for name, (_, about) in options(settings).items():
        check_value(name, getattr(settings, name), hints[name], about)


def check_value(name: str, value: object, expected: Any, about: Option) -> None:
    """Check a value, or each member of a list, against its type and the values allowed.

    Args:
        expected: the type, such as `int` or `tuple[str, ...]`.

    Raises:
        DataError: names the setting, its value and what is allowed.
    """
    if get_origin(expected) is tuple:
        if not isinstance(value, (tuple, list)):
            raise DataError(f"{name} is a list, not {value!r}")
        for member in value:
            check_value(f"each of {name}", member, get_args(expected)[0], about)
        return
    # A whole number is as good as another where numbers are wanted; true and false are no numbers.
    fits = isinstance(value, (int, float) if expected is float else expected)
    if not fits or (isinstance(value, bool) and expected is not bool):
        kinds = {str: "text in quotes", int: "a whole number", float: "a number"}
        raise DataError(f"{name} is {kinds.get(expected, 'true or false')}, not {value!r}")
    if about.choices and value not in about.choices:
        close = get_close_matches(str(value), about.choices, 1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise DataError(f"unknown {name} {value!r}; there are {', '.join(about.choices)}{meant}")
    if not isinstance(value, (int, float)):
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{name} is a finite number, not {value!r}")
    if about.least is not None and value < about.least:
        raise DataError(f"{name} is {about.least:g} at the least, not {value!r}")
    if about.below is not None and value >= about.below:
        raise DataError(f"{name} is less than {about.below:g}, not {value!r}")


def with_options(settings: S, values: Mapping[str, object]) -> S:
    """The settings with other values for some options.

    Raises:
        DataError: an unknown option, or a value that is not allowed.
    """
    allowed = options(settings)
    for name in values:
        if name not in allowed:
            raise DataError(unknown_option("option", name, [*allowed]))
    return replace(settings, **values)


def unknown_option(what: str, name: str, allowed: list[str]) -> str:
    """Say that there is no such option or table, and which was meant."""
    meant = did_you_mean(name, allowed, f"there are {', '.join(allowed)}")
    return f"unknown {what} {name!r}; {meant}"
