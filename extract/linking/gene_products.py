"""The name in a target's name that is none as a whole: "EGFR kinase", "serum IL-6"."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..mentions.neighbours import any_of

_SYMBOL = r"(?P<symbol>(?=\S*[A-Z0-9])\w[\w-]+)"
_WHAT = rf"(?:{any_of('product')}|(?P<acting>{any_of('acting')})|(?P<receptor>receptors?))"
_NAME = re.compile(rf"(?:(?i:{any_of('state')}) )?{_SYMBOL}(?:(?: {any_of('kind')})? {_WHAT})?")
_OF_PROTEIN = re.compile(r"(?P<protein>[\w-]{4,}(?: [\w-]+){0,3}) (?:gene|mRNA|protein)")


class Product(NamedTuple):
    """What a target's name says.

    Attributes:
        symbol: that it holds.
        is_receptor: whether it is called a receptor ("EGF receptor" isn't EGF).
        is_acting: whether it may act on what the symbol stands for ("AMP kinase").
    """

    symbol: str
    is_receptor: bool
    is_acting: bool


def product_of(name: str) -> Product | None:
    """What a target's name says beside its symbol; None where it is a symbol, or has none."""
    match = _NAME.fullmatch(name)
    if match is None or match["symbol"] == name:
        return None
    return Product(match["symbol"], match["receptor"] is not None, match["acting"] is not None)


def protein_of(name: str) -> str | None:
    """The protein whose gene or product a name is, "dystrophin gene"; None where it is no such."""
    match = _OF_PROTEIN.fullmatch(name)
    return match["protein"] if match else None
