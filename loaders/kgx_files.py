"""KGX's files: finding them in a folder or an archive, and reading them in parts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ..core.disk import writing
from ..core.errors import DataError, MissingError
from ..core.input_files import COMPRESSED, archived_files
from ..core.json_reading import JsonError, parse_json
from ..core.quarantine import Quarantine
from ..core.temporary import temporary_folder
from ..graph.export import MANIFEST
from ..graph.export.kgx import (
    FILES,
    OWN,
)
from ..graph.frames import (
    STRING_LIST,
)
from .frames import JsonValue, columns_frame
from .stream import text_lines
from .text_tables import PART_ROWS, find_header, read_table_parts


class Files(NamedTuple):
    """The files of a graph.

    Attributes:
        nodes: KGX's files of nodes.
        edges: KGX's files of edges.
        others: of medkg's own export the further files, by what they hold.
        manifest: of medkg's own export.
    """

    nodes: list[Path]
    edges: list[Path]
    others: dict[str, Path]
    manifest: Path | None


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The path, or a folder for the time of the block with what an archive holds of KGX."""
    if not path.is_file() or (".tar" not in path.suffixes and path.suffix != ".tgz"):
        yield path
        return
    with temporary_folder() as draft:
        for member, content in archived_files(path):
            name = Path(member).name
            if _content_of(name) or name == MANIFEST:
                with writing(draft), (draft / name).open("wb") as file:
                    shutil.copyfileobj(content, file, 1 << 20)
        yield draft


def _content_of(name: str) -> str | None:
    """What a file of that name holds: nodes, edges, or what else medkg exports."""
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    stem, _, suffix = name.rpartition(".")
    if suffix not in ("tsv", "jsonl"):
        return None
    for content in ("unasserted", "predictions", "merges"):
        if stem == FILES[content]:
            return content
    return next((content for content in ("nodes", "edges") if stem.endswith(content)), None)


def find_files(location: Path, path: Path) -> Files:
    """The files of a graph in a folder, or beside one of them.

    Args:
        location: the folder or file, unpacked.
        path: the one that the user named, for messages.

    Raises:
        MissingError: nothing is there, or nodes or edges are missing.
        DataError: the file is none of KGX's.
    """
    if not location.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    files = sorted(location.iterdir() if location.is_dir() else location.parent.iterdir())
    if location.is_file():
        # Of several graphs in a folder the one that this file is of.
        content = _content_of(location.name)
        if content is None:
            raise DataError("is neither NAME_nodes nor NAME_edges, .tsv or .jsonl", path=path)
        stem = location.name.rpartition(content)[0] if content in ("nodes", "edges") else f"{OWN}"
        files = [file for file in files if file.name.startswith(stem) or file.name == MANIFEST]
    contents = {file: _content_of(file.name) for file in files if file.is_file()}
    nodes = [file for file, content in contents.items() if content == "nodes"]
    edges = [file for file, content in contents.items() if content == "edges"]
    if not nodes or not edges:
        lacking = "nodes" if not nodes else "edges"
        raise MissingError(f"{path} has no NAME_{lacking}.tsv or NAME_{lacking}.jsonl")
    others = {
        content: file
        for file, content in contents.items()
        if content and content not in ("nodes", "edges")
    }
    manifest = next((file for file in files if file.name == MANIFEST), None)
    return Files(nodes, edges, others, manifest)


# Reading either form


def is_json(path: Path) -> bool:
    """Whether a file holds lines of JSON, not a TSV."""
    return ".jsonl" in path.suffixes


def column_names(path: Path) -> list[str]:
    """The columns of a TSV; of JSON lines, the members of its first object."""
    if path.stat().st_size == 0:
        return []
    if not is_json(path):
        columns = {name: [name] for name in ("id", "subject", "predicate", "object")}
        return find_header(path, columns).names
    for _, record in _records(path, Quarantine()):
        return list(record)
    return []


def _records(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    for line, text in text_lines(path):
        if not text.strip():
            continue
        try:
            record = parse_json(text)
        except JsonError:
            record = None
        if isinstance(record, dict):
            yield line, record
        else:
            quarantine.add("no JSON object", path=path, line=line, row=text[:200])


def read_rows(path: Path, names: Sequence[str], quarantine: Quarantine) -> Iterator[pl.DataFrame]:
    """These columns that the file has, and `line`: text from a TSV, text or lists from JSON."""
    if path.stat().st_size == 0:
        return
    if not is_json(path):
        present = [name for name in dict.fromkeys(names) if name in column_names(path)]
        if not present:
            raise DataError(f"has no header with any of the columns {', '.join(names)}", path=path)
        yield from read_table_parts(path, present, quarantine, quoted=False, comment="")
        return
    records = _records(path, quarantine)
    while batch := list(islice(records, PART_ROWS)):
        columns: dict[str, Sequence[object]] = {"line": [line for line, _ in batch]}
        schema: dict[str, pl.DataType | type[pl.DataType]] = {"line": pl.Int64}
        for name in dict.fromkeys(names):
            values = [record.get(name) for _, record in batch]
            if any(isinstance(value, list) for value in values):
                columns[name], schema[name] = [_items(value) for value in values], STRING_LIST
            elif any(value is not None for value in values):
                columns[name], schema[name] = [_text(value) for value in values], pl.String
        yield columns_frame(columns, schema)


def _text(value: JsonValue) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _items(value: JsonValue) -> list[str | None] | None:
    if value is None:
        return None
    return [_text(one) for one in value] if isinstance(value, list) else [_text(value)]
