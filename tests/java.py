"""How the Java of the tests' servers starts sooner."""

from __future__ import annotations

import hashlib
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import connect, embedded

_OPTIONS = "JDK_JAVA_OPTIONS"


def start_sooner(cache: Path) -> None:
    """Have the servers of these tests start in about half the time.

    They end before code of Java's second, slower compiler pays off; and their classes come from an
    archive in the cache, as one server had read and checked them. It is made where it isn't there.
    """
    os.environ.setdefault(_OPTIONS, "-XX:TieredStopAtLevel=1")
    wheel = find_spec("arcadedb_embedded")
    if wheel is None or wheel.origin is None or "-XX:AOTCache=" in os.environ[_OPTIONS]:
        return
    # It holds for these jars at this place alone.
    installed = f"{wheel.origin} {Path(wheel.origin).stat().st_mtime_ns}"
    archive = cache / f"server-{hashlib.sha256(installed.encode()).hexdigest()[:16]}.aot"
    if not archive.is_file():
        _make(archive)
    if not archive.is_file():  # this Java makes none
        return
    # Another Java, a Neo4j's, may be too old to know the option.
    os.environ[_OPTIONS] += f" -XX:+IgnoreUnrecognizedVMOptions -XX:AOTCache={archive}"


def _make(archive: Path) -> None:
    """Write what a server, which is written to and asked, has read of classes."""
    ids = ["OMIM:1", "HP:1"]
    nodes = pl.DataFrame({"id": ids, "kind": ["Disease", "Symptom"], "name": ids})
    evidence = pl.DataFrame(
        {"subject": ids[:1], "relation": "HAS_SYMPTOM", "object": ids[1:], "source": "made-up"}
    )
    kg = KnowledgeGraph.build(nodes, evidence, [Source("made-up", "1", "CC0-1.0")])
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=archive.parent) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        draft = Path(folder) / archive.name
        patch.setenv(_OPTIONS, f"{os.environ[_OPTIONS]} -XX:AOTCacheOutput={draft}")
        patch.setattr(embedded, "_STOPPING_SECONDS", 600)  # it writes as it ends
        with connect(f"embedded:{folder}/server") as store:
            store.write(kg)
            store.read()
        if draft.is_file():
            draft.rename(archive)
