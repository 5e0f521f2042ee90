"""Which tokens a SMILES can go on with."""

from __future__ import annotations

import numpy as np
import pytest

from medkg.mining.molecules.generator.syntax import PartialSmiles, Syntax
from medkg.mining.molecules.generator.tokens import END, read_smiles, tokens

NAMES = ["C", "N", "c", "(", ")", "=", "1", "2", "%10", "[nH]", "Cl"]
SYNTAX = Syntax(NAMES)


def allowed_after(text: str) -> set[str]:
    partial = PartialSmiles(SYNTAX)
    for name in tokens(text):
        number = NAMES.index(name) + 1
        assert partial.allowed()[number], f"{name} in {text}"
        partial.add(number)
    return {("end" if n == END else SYNTAX.names[n]) for n in np.flatnonzero(partial.allowed())}


ATOMS = {"C", "N", "c", "[nH]", "Cl"}
RINGS = {"1", "2", "%10"}


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", ATOMS),  # nothing is opened before there is an atom
        ("C", ATOMS | RINGS | {"(", "=", "end"}),
        ("C(", ATOMS | {"="}),
        ("C(N", ATOMS | RINGS | {"(", ")", "="}),  # an open branch does not end
        ("C(N)", ATOMS | {"(", "=", "end"}),
        ("C=", ATOMS | RINGS),
        ("C1", ATOMS | RINGS - {"1"} | {"(", "="} | {"2"}),  # no bond of an atom to itself
        ("C1C", ATOMS | {"2", "%10", "(", "="}),  # nor a second one to its neighbour
        ("C1CC", ATOMS | RINGS | {"(", "="}),
        ("C1CC1", ATOMS | {"2", "%10", "(", "=", "end", "1"}),
        ("C1(CC", ATOMS | RINGS | {"(", ")", "="}),
    ],
)
def test_what_is_open_is_closed_and_nothing_else(text: str, allowed: set[str]) -> None:
    assert allowed_after(text) == allowed


def test_random_walks_are_of_good_form() -> None:
    """All that is wrong with a text drawn by chance is chemistry: never brackets or rings."""
    from rdkit import Chem

    plain = Syntax(["C", "(", ")", "1", "2"])  # carbon alone: only five bonds could be wrong
    rng, ended = np.random.default_rng(0), 0
    for _ in range(100):
        partial, text = PartialSmiles(plain), ""
        for _ in range(40):
            number = int(rng.choice(np.flatnonzero(partial.allowed())))
            if number == END:
                ended += 1
                assert Chem.MolFromSmiles(text, sanitize=False) is not None, text
                break
            partial.add(number)
            text += plain.names[number]
    assert ended > 20
    assert read_smiles("C1CC1") is not None
