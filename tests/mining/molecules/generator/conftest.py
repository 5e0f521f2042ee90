"""Generators of a made library of chains and rings, trained once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import medkg
from medkg.mining.molecules.generator import figures, generate

RINGS = ("c1ccccc1", "c1ccncc1", "C1CCNCC1", "C1CCOCC1")
LIBRARY = [
    "C" * n + middle + ring
    for n in range(1, 13)
    for middle in ("", "N", "O", "C(=O)N", "S")
    for ring in RINGS
]


@pytest.fixture(scope="session", autouse=True)
def _few_texts() -> Iterator[None]:
    """Write and judge fewer texts, so that the tests are quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "WRITTEN", 300)
        patch.setattr(generate, "_LEAST_TEXTS", 300)
        patch.setattr(generate, "_TEXTS", 1)
        yield


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "made.smi"
    path.write_text("\n".join(f"{text} m{n}" for n, text in enumerate(LIBRARY)) + "\n")
    return path


@pytest.fixture(scope="session")
def lstm(library: Path) -> tuple[Path, dict[str, Any]]:
    """The folder of a network, and its figures."""
    out = library.parent / "lstm"
    return out, medkg.train_generator(library, out, epochs=25)


@pytest.fixture(scope="session")
def ngram(library: Path) -> tuple[Path, dict[str, Any]]:
    out = library.parent / "ngram"
    return out, medkg.train_generator(library, out, model="ngram")
