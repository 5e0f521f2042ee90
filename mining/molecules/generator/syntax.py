"""What a text can go on with.

Of a SMILES, what is open is closed, and nothing is closed that isn't open. This is the form alone:
valences and aromatic rings, the chemistry, are left to the network. SELFIES know no wrong order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .tokens import END

Mask = NDArray[np.bool_]

_BONDS = frozenset("-=#:/\\.~")


class PartialText(Protocol):
    """A text while it is written."""

    def add(self, number: int) -> None:
        """Go on with a token, which is not `END`."""

    def allowed(self) -> Mask:
        """The tokens that it can go on with, (size,); there is always one."""


class Form(Protocol):
    """What can follow what, in a vocabulary's texts."""

    def begin(self) -> PartialText:
        """A text of which nothing is written yet."""


class AnyOrder:
    """Tokens in any order, but for the first.

    Args:
        begins: of each token, from number 1 on, whether a text can begin with it.
    """

    def __init__(self, begins: Sequence[bool]):
        self.first: Mask = np.array([False, *begins])
        self.all: Mask = np.ones(len(self.first), dtype=bool)

    def begin(self) -> PartialText:
        """As `Form.begin`."""
        return _PartialAny(self)


class _PartialAny:
    def __init__(self, form: AnyOrder):
        self._form, self._empty = form, True

    def add(self, _number: int) -> None:
        self._empty = False

    def allowed(self) -> Mask:
        return self._form.first if self._empty else self._form.all


class Syntax:
    """The tokens of a vocabulary, by what they do in a SMILES.

    Args:
        names: the tokens whose numbers are 1 and up.
    """

    def __init__(self, names: Sequence[str]):
        size = len(names) + 1
        self.names = ["", *names]
        self.rings: Mask = np.array([_is_ring(name) for name in self.names])
        self.bonds: Mask = np.array([name in _BONDS for name in self.names])
        self.opens: Mask = np.array([name == "(" for name in self.names])
        self.closes: Mask = np.array([name == ")" for name in self.names])
        self.ends: Mask = np.arange(size) == END
        rest = self.rings | self.bonds | self.opens | self.closes | self.ends
        self.atoms: Mask = ~rest
        # After a bond or an opened branch comes an atom; also a bond after a branch's opening,
        # and a ring's number after a bond.
        self.after_bond: Mask = self.atoms | self.rings
        self.after_opening: Mask = self.atoms | self.bonds

    def begin(self) -> PartialText:
        """As `Form.begin`."""
        return PartialSmiles(self)


class PartialSmiles:
    """A SMILES while it is written.

    Attributes:
        syntax: of its vocabulary.
    """

    def __init__(self, syntax: Syntax):
        self.syntax = syntax
        self._atom = -1  # the last one's number; the next is bonded to it
        self._atoms = 0
        self._bonded: set[tuple[int, int]] = set()
        self._branches: list[int] = []  # atoms that the closing of a branch goes back to
        self._open: dict[int, int] = {}  # by the number of a ring's token, the atom it began at
        self._last = END

    def add(self, number: int) -> None:
        """Go on with a token, which is not `END`."""
        syntax = self.syntax
        if syntax.atoms[number]:
            if self._atom >= 0:
                self._bonded.add((self._atom, self._atoms))
            self._atom = self._atoms
            self._atoms += 1
        elif syntax.opens[number]:
            self._branches.append(self._atom)
        elif syntax.closes[number] and self._branches:
            self._atom = self._branches.pop()
        elif syntax.rings[number]:
            begun = self._open.pop(number, None)
            if begun is None:
                self._open[number] = self._atom
            else:
                self._bonded.add((min(begun, self._atom), max(begun, self._atom)))
        self._last = number

    def allowed(self) -> Mask:
        """The tokens that it can go on with, (size,); there is always one, an atom."""
        syntax, last = self.syntax, self._last
        if last == END:
            return syntax.atoms
        if syntax.opens[last]:
            return syntax.after_opening
        mask: Mask = syntax.after_bond.copy() if syntax.bonds[last] else ~syntax.ends
        if not syntax.bonds[last]:
            if not self._branches:
                mask &= ~syntax.closes
            mask[END] = not self._branches and not self._open
        if syntax.closes[last]:
            mask &= ~syntax.rings
        for number, begun in self._open.items():
            # A ring's bond joins two atoms that are not bonded already.
            pair = (min(begun, self._atom), max(begun, self._atom))
            mask[number] &= begun != self._atom and pair not in self._bonded
        return mask


def _is_ring(name: str) -> bool:
    return name.isdigit() or (name.startswith("%") and name[1:].isdigit())
