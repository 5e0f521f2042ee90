"""How a generator writes molecules: as SMILES, or as SELFIES, in which nearly each text is one.

Source of SELFIES: Krenn et al., 2020; Lo et al., 2023, whose library `selfies` translates.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

from ....core.errors import DataError
from ....core.extras import require
from .syntax import AnyOrder, Form, Syntax
from .tokens import tokens


class Notation(Protocol):
    """A way to write molecules.

    Attributes:
        name: one of `NOTATIONS`.
    """

    name: str

    def split(self, smiles: str) -> list[str] | None:
        """The tokens of a SMILES in this notation; None where it can't be written so."""

    def joined(self, names: Sequence[str]) -> str:
        """The SMILES of tokens; perhaps one of no molecule."""

    def form(self, names: Sequence[str]) -> Form:
        """What can follow what, of the tokens whose numbers are 1 and up."""


class Smiles:
    """SMILES as they are."""

    name = "smiles"

    def split(self, smiles: str) -> list[str] | None:
        """As `Notation.split`."""
        return tokens(smiles)

    def joined(self, names: Sequence[str]) -> str:
        """As `Notation.joined`."""
        return "".join(names)

    def form(self, names: Sequence[str]) -> Form:
        """As `Notation.form`."""
        return Syntax(names)


class Selfies:
    """SELFIES, by the valences that the library `selfies` sets if nothing else is said.

    Raises:
        MissingExtraError: that library is not installed.
    """

    name = "selfies"

    def __init__(self) -> None:
        require("selfies", "selfies")

    def split(self, smiles: str) -> list[str] | None:
        """As `Notation.split`; None of an atom with more bonds than the rules of SELFIES allow."""
        import selfies

        try:
            names = selfies.split_selfies(selfies.encoder(smiles))
        except selfies.EncoderError:
            return None
        return list(map(sys.intern, names))  # a library's few names, each kept once

    def joined(self, names: Sequence[str]) -> str:
        """As `Notation.joined`."""
        import selfies

        return str(selfies.decoder("".join(names)))

    def form(self, names: Sequence[str]) -> Form:
        """As `Notation.form`: a text begins with an atom, else it may be of no molecule."""
        return AnyOrder(["Branch" not in name and "Ring" not in name for name in names])


NOTATIONS: dict[str, type[Smiles] | type[Selfies]] = {"smiles": Smiles, "selfies": Selfies}


def notation_of(name: str) -> Notation:
    """The notation of a name.

    Raises:
        DataError: there is none.
        MissingExtraError: it needs the library `selfies`, which is not installed.
    """
    if name not in NOTATIONS:
        raise DataError(f"there is no notation {name!r}; take one of {', '.join(NOTATIONS)}")
    return NOTATIONS[name]()
