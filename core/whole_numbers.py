"""Whole numbers that somebody gave: how many, how far."""

from __future__ import annotations

from numbers import Integral

from .errors import DataError


def check_whole_number(what: str, number: int, least: int) -> int:
    """A whole number as it is.

    Args:
        what: it is, as the message names it.
        least: that is allowed.

    Raises:
        DataError: it is no whole number, or a smaller one.
    """
    if not isinstance(number, Integral) or number < least:
        raise DataError(f"{what} is a whole number, at least {least}, not {number!r}")
    return number
