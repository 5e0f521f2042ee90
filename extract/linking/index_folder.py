"""The cache's folder of name indexes: what lies in it, and what of it can't be used.

In a module of its own, since `medkg doctor` asks where spaCy is not installed too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl

from ...core.atomic import json_object, sha256
from ...core.cache import cache_folder, is_old
from ...core.errors import DataError

MANIFEST = "index.json"
_NAME = re.compile(r"([0-9a-f]{16}-)?[0-9a-f]{32}")  # once there was no hash of the code in it
_CODE = ("extract.linking", "extract.data", "graph.identifiers")  # what decides on an index


def home() -> Path:
    """The folder of all indexes."""
    return cache_folder() / "names"


def faulty_indexes() -> Iterator[tuple[Path, str]]:
    """Indexes in the cache that nobody can use, or will, each with what is wrong with it."""
    code = code_digest()
    for folder in sorted(home().glob("[!.]*")):
        if not _NAME.fullmatch(folder.name):  # not ours
            continue
        if not folder.name.startswith(f"{code}-"):
            if is_old(folder):
                yield folder, "an index of names by another medkg"
        else:
            try:
                verified(folder)
            except (OSError, DataError):
                yield folder, "a damaged index of names"


def code_digest() -> str:
    """A hash of what makes an index of names."""
    digest = blake2b(f"{pl.__version__} {np.__version__}".encode(), digest_size=8)
    for module in _CODE:
        path = Path(str(files("medkg"))).joinpath(*module.split("."))
        for file in [path.with_suffix(".py")] if not path.is_dir() else sorted(path.iterdir()):
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def verified(folder: Path) -> list[str]:
    """The files of an index.

    Raises:
        OSError, DataError: one is missing, or isn't what was written.
    """
    checksums = json_object(folder / MANIFEST)
    if checksums is None:
        raise DataError(f"{folder} holds no index")
    for file, checksum in checksums.items():
        if sha256(folder / file) != checksum:
            raise DataError(f"{folder / file} is damaged")
    return list(checksums)
