"""Any table (CSV, TSV, parquet, a SQL query) to a graph, as a mapping says.

The mappings of `data/mappings` make sources of their own of published tables, by the same code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ..core.errors import MissingError
from ..core.input_files import COMPRESSED
from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..core.text import did_you_mean
from ..graph.frames import (
    EVIDENCE,
    NODES,
    empty,
)
from ..graph.kg import KnowledgeGraph, Part
from .databases import parquet_columns, parquet_files, sql_columns
from .info import Download, SourceInfo
from .mapping import (
    Table,
    TableMapping,
)
from .mapping_reader import read_mapping
from .table_rows import Origin, TableReader, separator_of, table_format, without_compression
from .text_tables import PART_ROWS, find_header

_SHIPPED = Path(__file__).parent / "data" / "mappings"


def load(path: Path | None, quarantine: Quarantine, *, mapping: str = "") -> KnowledgeGraph:
    """Tables as a graph.

    Args:
        path: a file, or the folder with the files that the mapping names.
        quarantine: gets the rows that can't be used.
        mapping: the mapping file; without one, the folder's own `mapping.yaml`.

    Raises:
        MissingError: no path, or a file is not there.
        DataError: the mapping is wrong, or doesn't fit the tables: nothing is read then.
    """
    return _load(_mapping_of(path, mapping), path, quarantine)


def dry_run(
    path: Path | None,
    source: str = "table",
    options: Mapping[str, str] | None = None,
    *,
    rows: int = 10,
) -> DryRun:
    """The first rows of each table as they would become, after all the checks that `load` makes.

    Args:
        source: `table`, or a source that comes with a mapping of its own.
        options: as `load` gets them: of `table`, its `mapping`.
        rows: how many rows of each table, of those that its conditions let through.

    Raises:
        MissingError, DataError: as `load`; also for a source that has no mapping.
    """
    remaining_options = dict(options or {})
    if source == "table":
        mapping = _mapping_of(path, remaining_options.pop("mapping", ""))
        if remaining_options:
            raise MissingError(
                f"table has no option {sorted(remaining_options)[0]!r}; it has: mapping"
            )
    elif source in _shipped():
        mapping = read_mapping(_shipped()[source], remaining_options)
    else:
        raise MissingError(
            f"{source} is not read by a mapping; a dry run is there for table,"
            f" {', '.join(sorted(_shipped()))}"
        )
    quarantine = Quarantine()

    def tables() -> Iterator[tuple[TableReader, Iterator[tuple[Origin, pl.DataFrame]]]]:
        for table, files in _checked(mapping, path):
            reader = TableReader(mapping, table, quarantine)
            yield reader, ((file, part) for file in files for part in reader.rows(file, rows=1000))

    return first_rows(tables(), quarantine, rows)


def first_rows(
    tables: Iterable[tuple[TableReader, Iterator[tuple[Origin, pl.DataFrame]]]],
    quarantine: Quarantine,
    rows: int,
) -> DryRun:
    """The first rows of each table as they would become.

    Args:
        tables: what reads a table, and its rows in parts, each with where it comes from.
        quarantine: that the tables' readers have.
        rows: how many of each table.
    """
    parts: list[Part] = []
    for reader, frames in tables:
        remaining = rows
        for origin, frame in frames:
            parts += reader.parts_of(origin, frame.head(remaining))
            remaining -= min(remaining, frame.height)
            if not remaining:
                break
    nodes = [part.nodes for part in parts if part.nodes is not None]
    evidence = [part.evidence for part in parts if part.evidence is not None]
    return DryRun(
        pl.concat(nodes).unique(maintain_order=True) if nodes else empty(NODES),
        pl.concat(evidence, how="diagonal") if evidence else empty(EVIDENCE),
        quarantine,
    )


class DryRun(NamedTuple):
    """Rows as they would become: nodes, pieces of evidence, and the rows set aside."""

    nodes: pl.DataFrame
    evidence: pl.DataFrame
    aside: Quarantine


def _mapping_of(path: Path | None, mapping: str) -> TableMapping:
    if mapping:
        return read_mapping(Path(mapping))
    if path is not None and not path.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    if path is None or not (path / "mapping.yaml").is_file():
        raise MissingError(
            f"{path or 'table'}: give the mapping (--mapping m.yaml); a folder's own is"
            " mapping.yaml. What one looks like: docs/sources.md"
        )
    return read_mapping(path / "mapping.yaml")


def _load_shipped(
    name: str, path: Path | None, quarantine: Quarantine, **options: str
) -> KnowledgeGraph:
    return _load(read_mapping(_shipped()[name], options), path, quarantine)


def _load(mapping: TableMapping, path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    return KnowledgeGraph.from_parts(
        _parts(mapping, _checked(mapping, path), quarantine),
        [mapping.source],
        schema=mapping.schema,
        quarantine=quarantine,
        origin=str(path or mapping.path),
    )


# Before the first row


def _checked(mapping: TableMapping, path: Path | None) -> list[tuple[Table, list[Path | str]]]:
    """Each table with its files (or its database), once all columns are known to be there."""
    checked: list[tuple[Table, list[Path | str]]] = []
    for table in mapping.tables:
        files = _files(mapping, table, path)
        for file in files:
            _check_columns(mapping, table, file)
        checked.append((table, files))
    if not any(files for _, files in checked):
        names = ", ".join(table.file for table in mapping.tables)
        raise MissingError(f"{path}: is or holds none of {names}")
    return checked


def _files(mapping: TableMapping, table: Table, path: Path | None) -> list[Path | str]:
    """A table's files in `path`, or the URL of its database."""
    if table.pattern is not None:
        mapping.fail(table.line, "is of a graph server: medkg read bolt://… --mapping FILE")
    if table.database:
        return [table.database]
    if path is None:
        raise MissingError(
            f"{mapping.source.name} needs a path (--path): the file or folder with"
            f" {', '.join(t.file or 'the table' for t in mapping.tables)}"
        )
    if not path.exists():
        hint = "; a database's URL goes into the mapping, under 'database'" if table.query else ""
        raise MissingError(f"{path}: there is no such file or folder{hint}")
    if table.query:
        return [f"sqlite:///{path}"]
    if path.is_file():
        fits = table.file and (
            path.match(table.file) or without_compression(path).match(table.file)
        )
        return [path] if fits or len(mapping.tables) == 1 else []
    if not table.file:
        if table_format(table, path) == "parquet":
            return list(parquet_files(path))
        mapping.fail(table.line, f"say which file of {path} the table is, under 'file'")
    if path.match(table.file):
        return list(parquet_files(path))
    names = [f"{table.file}{suffix}" for suffix in ("", *COMPRESSED)]
    files = sorted({file for name in names for file in path.glob(name)})
    if not files and not table.may_lack:
        raise MissingError(f"{path}: holds no {table.file}")
    folders = [file for file in files if file.is_dir()]
    parquets = [part for folder in folders for part in parquet_files(folder)]
    return [*(file for file in files if file.is_file()), *parquets]


def _check_columns(mapping: TableMapping, table: Table, file: Path | str) -> None:
    used = {name: line for name, line in table.used().items() if name not in table.optional}
    aliases_by_name = {name: table.columns.get(name, (name,)) for name in used}
    if isinstance(file, str):
        names = sql_columns(file, table.query)
        file = "the query"
    elif table_format(table, file) == "parquet":
        names = parquet_columns(file)
    elif table.header:
        names = list(table.header)
    else:
        separator = separator_of(table, file)
        names = find_header(file, aliases_by_name, separator=separator, quoted=table.quoted).names
    for name_, aliases in aliases_by_name.items():
        if not any(name in names for name in aliases):
            meant = did_you_mean(aliases[0], names, f"it has {', '.join(names)[:500]}")
            if len(names) == 1 and (separator_match := re.search(r"[;,|\t]", names[0])):
                meant = (
                    f"its header is one column; is the table's 'separator' {separator_match[0]!r}?"
                )
            mapping.fail(used[name_], f"{file} has no column {' or '.join(aliases)}; {meant}")


# Row by row


def _parts(
    mapping: TableMapping, tables: list[tuple[Table, list[Path | str]]], quarantine: Quarantine
) -> Iterator[Part]:
    """What the rows of all tables become."""
    with progress(mapping.source.name) as advance:
        for table, files in tables:
            reader = TableReader(mapping, table, quarantine)
            for file in files:
                for rows in reader.rows(file, rows=PART_ROWS):
                    yield from reader.parts_of(file, rows)
                    advance(rows.height)


# What comes with medkg


def _shipped() -> dict[str, Path]:
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.yaml"))}


def _info(name: str, path: Path) -> SourceInfo:
    mapping = read_mapping(path)
    return SourceInfo(
        name,
        mapping.about["title"],
        mapping.source.licence,
        mapping.source.home_page,
        mapping.source.release,
        mapping.about["published_format"],
        mapping.about["yields"],
        needs_path=name not in _DOWNLOADS,
        load=partial(_load_shipped, name),
        options=mapping.options,
        downloads=_DOWNLOADS.get(name, ()),
    )


_STRING = "https://stringdb-downloads.org/download"
_DOWNLOADS = {
    "dgidb": (Download("https://dgidb.org/data/latest/interactions.tsv", "interactions.tsv"),),
    "drugcentral": (
        Download(
            "https://unmtid-dbs.net/download/DrugCentral/2021_09_01/drug.target.interaction.tsv.gz",
            "drug.target.interaction.tsv.gz",
        ),
    ),
    "string": tuple(
        Download(
            f"{_STRING}/protein.{part}.v12.0/9606.protein.{part}.v12.0.txt.gz",
            f"9606.protein.{part}.v12.0.txt.gz",
        )
        for part in ("links", "info", "aliases")
    ),
}


INFOS = (
    SourceInfo(
        "table",
        "Any table of your own",
        "what the mapping states",
        "",
        "what the mapping states",
        "CSV, TSV, parquet or a SQL query, and a mapping that says which column is what",
        "what the mapping says",
        needs_path=False,
        load=load,
        options={"mapping": "the YAML file that says which column is what"},
    ),
    *(_info(name, path) for name, path in _shipped().items()),
)
