"""The fingerprint of what reads documents: models, rules, terminology and settings."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import polars as pl
from spacy.util import get_package_path, is_package

from ..core.atomic import sha256


def fingerprint(
    nodes: pl.DataFrame,
    model: Path | str | None,
    relations_model: Path | str | None,
    sentences: bool,
    linker: str | None = None,
    language: str | None = None,
    min_probability: float = 0.0,
) -> str:
    """What names models, rules, terminology and settings by their content, 16 hexadecimal digits.

    Args:
        nodes: of the terminology.
    """
    digest = hashlib.sha256(
        f"{version('medkg')} {sentences} {linker} {language} {min_probability}"
        f" {_package_checksum()}".encode()
    )
    for given in (model, relations_model):
        folder = _folder(given)
        digest.update(f"\0{given if folder is None else _checksum(folder)}".encode())
    named = nodes.select("id", "kind", "name", "synonyms", "xrefs").sort("id")
    for part in named.iter_slices(100_000):
        digest.update(part.write_ndjson().encode())
    return digest.hexdigest()[:16]


def _folder(model: Path | str | None) -> Path | None:
    """Where a model lies, if it is a folder or a package that is installed."""
    if model is None or Path(model).is_dir():
        return None if model is None else Path(model)
    name = str(model)
    return Path(get_package_path(name)) if is_package(name) else None


@cache
def _package_checksum() -> str:
    """The checksum of this package: code, rules and the models that ship."""
    return _checksum(Path(__file__).parent)


def _checksum(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"\0{file.relative_to(folder)}\0{sha256(file)}".encode())
    return digest.hexdigest()
