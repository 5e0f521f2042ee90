"""The name indexes of a graph, kept in the user's cache folder so that they are built once.

Kept are indexes of graphs that hold curated sources alone: what was read in a patient's text goes
into no cache. Processes share the memory of an index's files. A folder is known by a hash of the
code that makes an index and one of the graph's names, so another release of either makes another
one; one that isn't what it was written as is made anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl

from ...core.atomic import atomic_folder, sha256
from ...core.cache import remove_old_beside
from ...core.disk import DiskError
from ...core.errors import DataError
from ...graph.document_readings import TEXT_SOURCE
from ...graph.kg import KnowledgeGraph
from .index_folder import MANIFEST, code_digest, home, verified
from .links import KINDS
from .name_index import Arrays, NameIndex, index_arrays, names_of

_AT_ONCE = 20_000  # nodes that are text at a time
_FEWEST = 10_000  # nodes; an index of fewer is built as fast as it is read


def name_indexes(graph: KnowledgeGraph) -> dict[str, NameIndex]:
    """The indexes of a graph's names by the kind of a mention; some kinds share one."""
    groups = sorted({frozenset(kinds) for kinds in KINDS.values()}, key=sorted)
    if graph.counts["nodes"] < _FEWEST or not _is_curated(graph):
        return _by_kind(groups, _arrays(graph, groups))
    folder = home() / f"{code_digest()}-{_digest(graph)}"
    with suppress(OSError, DataError):  # not there, or damaged
        return _by_kind(groups, _read(folder, len(groups)))
    arrays = _arrays(graph, groups)
    with suppress(OSError, DataError, DiskError):  # where nothing can be written only time is lost
        _write(folder, arrays)
        remove_old_beside(folder)
        arrays = _read(folder, len(groups))
    return _by_kind(groups, arrays)


def _is_curated(graph: KnowledgeGraph) -> bool:
    # Of a graph whose evidence was left out, its sources say what it held.
    return graph.is_public() and all(source.name != TEXT_SOURCE for source in graph.sources)


def _by_kind(groups: Sequence[frozenset[str]], arrays: Sequence[Arrays]) -> dict[str, NameIndex]:
    indexes = [NameIndex(of_group) for of_group in arrays]
    return {
        kind: index for group, index in zip(groups, indexes, strict=True) for kind in sorted(group)
    }


def _arrays(graph: KnowledgeGraph, groups: Sequence[frozenset[str]]) -> list[Arrays]:
    names = names_of(graph, KINDS)
    return [index_arrays(names.filter(pl.col("kind").is_in(sorted(group)))) for group in groups]


def _digest(graph: KnowledgeGraph) -> str:
    """A hash of a graph's names."""
    digest = blake2b(digest_size=16)
    prefixes = {kind.label: kind.prefixes for kind in graph.schema.kinds.values()}
    digest.update(json.dumps(prefixes).encode())
    nodes = graph.nodes.filter(pl.col("kind").is_in(list(KINDS)))
    nodes = nodes.select("id", "kind", "name", "synonyms", "xrefs", "properties")
    for start in range(0, nodes.height, _AT_ONCE):
        rows = nodes.slice(start, _AT_ONCE).select(pl.struct(pl.all()).struct.json_encode())
        digest.update("\n".join(rows.to_series()).encode())
    return digest.hexdigest()


def _write(folder: Path, arrays: Sequence[Arrays]) -> None:
    with atomic_folder(folder, marker=MANIFEST) as draft:
        for place, of_group in enumerate(arrays):
            for name, values in of_group.items():
                np.save(draft / f"{place}-{name}.npy", values, allow_pickle=False)
        checksums = {file.name: sha256(file) for file in sorted(draft.iterdir())}
        (draft / MANIFEST).write_text(json.dumps(checksums), encoding="utf-8")


def _read(folder: Path, count: int) -> list[Arrays]:
    """The arrays of each index, in memory that is the files'.

    Raises:
        OSError, DataError: a file is missing, or isn't what was written.
    """
    arrays: list[Arrays] = [{} for _ in range(count)]
    for file in verified(folder):
        place, name = file.removesuffix(".npy").split("-", 1)
        mapped = np.load(folder / file, mmap_mode="r", allow_pickle=False)
        # As a plain array, which gives single values in half the time.
        arrays[int(place)][name] = mapped.view(np.ndarray)
    with suppress(OSError):
        os.utime(folder)  # by which it is known that it is used
    return arrays
