"""Files for `neo4j-admin database import full`: the first load of a very large graph into Neo4j.

What the importer makes of them is what `medkg write` makes: labels, relationship types, evidence,
sources, merges, predictions, checksums. So `medkg write`, `read` and `query` go on from there.

List items are separated by U+001F, since the importer has no way to write `;` within an item.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

import polars as pl

from ...core.errors import DataError
from ..frames import (
    EVIDENCE,
    FRAMES,
    MERGES,
    NODES,
    STRING_LIST,
    Row,
)
from ..identifiers import content_ids
from ..merge_record import aliases_of
from ..store.constraints import constraint_statements
from ..store.names import OWN_LABELS, PREDICTED, Names
from ..store.rows import (
    EDGE_VALUES,
    native,
    with_checksum,
    with_id,
)
from .facts import ExportFacts
from .slices import Slices

_BETWEEN = "\x1f"
_IDS = "medkg"  # the importer's name for the space of our identifiers
_TYPES: dict[pl.DataType | type[pl.DataType], str] = {
    pl.String: "string",
    pl.Float64: "double",
    pl.Int64: "long",
    pl.UInt32: "long",
    pl.Boolean: "boolean",
    pl.List(pl.String): "string[]",
}
_NO_NAME = re.compile(r"[(){}\n\r]")  # in a header they mean something else
_NATIVE_TYPES = {str: "string", int: "long", float: "double", bool: "boolean"}
_OPTIONS = (
    "--id-type=string",
    "--array-delimiter=U+001F",
    "--multiline-fields=true",
    "--read-buffer-size=16m",
)


def write(given: Slices, folder: Path) -> ExportFacts:
    """Nodes and relationships as CSV, `import.sh` and `schema.cypher`."""
    (folder / "nodes").mkdir()
    (folder / "relationships").mkdir()
    with ExitStack() as stack:
        files = _Files(folder, stack)
        _write_nodes(given, files)
        for part in given.of("edges"):
            _write_edges(part, given, files)
        for part in given.of("predictions"):
            _write_predictions(part, given, files)
        load = _load(given)
        files.nodes("Load", load)
        for part in given.of("evidence"):
            rows = with_checksum(part, EVIDENCE).with_columns(load=pl.lit(load["id"][0]))
            files.nodes("Evidence", rows)
        for part in given.of("merges"):
            files.nodes("Merge", with_id(part, list(MERGES)))
        if given.sources:
            sources = pl.DataFrame([asdict(source) for source in given.sources])
            files.nodes("Source", with_id(sources, sources.columns))
    command = _command(files)
    script = folder / "import.sh"
    script.write_text(
        "#!/bin/sh\n"
        "# Makes a database of these files: ./import.sh [NAME OF THE DATABASE], on the machine of\n"
        "# the server, which must not serve that database meanwhile. Afterwards start it, and run\n"
        "#   cypher-shell -d NAME -f schema.cypher\n"
        'cd "$(dirname "$0")" || exit\n'
        f"exec {command}\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    kinds = sorted({label for label, _ in files.headers["nodes"]} & set(given.schema.kinds))
    statements = constraint_statements(Names(given.schema), kinds)
    schema = "".join(f"{statement};\n" for statement in statements)
    (folder / "schema.cypher").write_text(schema, encoding="utf-8")
    return {"command": command, "counts": files.counts}


def _load(given: Slices) -> pl.DataFrame:
    """The import as one load, which every piece of evidence can be traced to."""
    sources = [f"{source.name} {source.release}".strip() for source in given.sources]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    counts = {name: {"added": given.count(name)} for name in FRAMES}
    checksum = given.checksum()
    return pl.DataFrame(
        {
            "id": content_ids([f"import {checksum}"]),
            "name": ", ".join(sources),
            "time": now,
            "finished": now,
            "state": "complete",
            "sources": [sources],
            "graph": checksum,
            "how": "import",
            "medkg": version("medkg"),
            "counts": json.dumps(counts),
        },
        schema_overrides={"sources": STRING_LIST},
    )


class _Files:
    """The CSV files, by label or type and by header; each header in a file of its own."""

    def __init__(self, folder: Path, stack: ExitStack):
        self.folder = folder
        self.stack = stack
        self.headers: dict[str, dict[tuple[str, str], str]] = {"nodes": {}, "relationships": {}}
        self.counts: dict[str, int] = {}
        self._open: dict[str, IO[bytes]] = {}

    def nodes(self, label: str, rows: pl.DataFrame, types: Mapping[str, str] | None = None) -> None:
        """Write nodes: all columns are properties. `types` of columns that are text already."""
        self._add("nodes", label, rows, types or {})

    def relationships(self, name: str, rows: pl.DataFrame) -> None:
        """Write relationships between the nodes of `:START_ID` and `:END_ID`."""
        self._add("relationships", name, rows, {})

    def _add(self, sort: str, name: str, rows: pl.DataFrame, types: Mapping[str, str]) -> None:
        if rows.is_empty():
            return
        header = _header(rows, types, sort == "nodes" and name not in OWN_LABELS)
        known = self.headers[sort]
        stem = known.get((name, header))
        if stem is None:
            others = sum(label == name for label, _ in known)
            stem = known[name, header] = f"{sort}/{name}" + (f"-{others + 1}" if others else "")
            (self.folder / f"{stem}-header.csv").write_text(header, encoding="utf-8")
            file = (self.folder / f"{stem}.csv").open("wb")
            self._open[stem] = self.stack.enter_context(file)
        _fields(rows).write_csv(self._open[stem], include_header=False)
        self.counts[name] = self.counts.get(name, 0) + rows.height


def _header(rows: pl.DataFrame, types: Mapping[str, str], identified: bool) -> str:
    names = []
    for name, dtype in rows.schema.items():
        if name in (":START_ID", ":END_ID"):
            names.append(f"{name}({_IDS})")
        elif name == "id" and identified:
            names.append(f"id:ID({_IDS})")
        else:
            names.append(f"{name}:{types.get(name) or _TYPES[dtype]}")
    return pl.DataFrame([names], orient="row").write_csv(include_header=False)


def _fields(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with lists as text."""
    lists = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.List)]
    joined = rows.with_columns(pl.col(name).list.join(_BETWEEN) for name in lists)
    for name in lists:
        betweens = joined[name].str.count_matches(_BETWEEN, literal=True).cast(pl.Int64)
        items = rows[name].list.len().cast(pl.Int64)
        torn = (betweens > pl.select(pl.max_horizontal(items - 1, 0)).to_series()).fill_null(False)
        if torn.any():
            text = rows.filter(torn)[name][0].to_list()
            raise DataError(f"{name} {text!r} holds U+001F, which can't be exported for Neo4j")
    return joined


def _write_nodes(given: Slices, files: _Files) -> None:
    types: dict[tuple[str, str], set[str]] = {}
    for part in given.of("nodes"):
        for kind, text in part.drop_nulls("properties").select("kind", "properties").iter_rows():
            for name, value in _members(text).items():
                types.setdefault((kind, name), set()).add(_type(value))
    merged = given.lazy("merges").select("kept", "merged", "applied").collect()
    nodes = given.lazy("nodes").select("id").join(merged.lazy(), left_on="id", right_on="merged")
    aliases = aliases_of(merged, nodes.collect()["id"])
    for part in given.of("nodes"):
        checked = with_checksum(part, NODES).join(
            aliases, on="id", how="left", maintain_order="left"
        )
        for (kind,), rows in checked.partition_by("kind", as_dict=True).items():
            given.schema.kind(str(kind))  # it becomes a file's name
            own = {name: sorts for (label, name), sorts in types.items() if label == kind}
            for variant, some in _variants(rows.drop("kind"), own):
                files.nodes(str(kind), some, variant)


def _members(properties: str | None) -> Row:
    """What `medkg write` keeps of a node's properties as values of their own.

    A name that the importer's header can't have stays in the JSON text alone.
    """
    members = native(properties)
    return {name: value for name, value in members.items() if not _NO_NAME.search(name)}


def _type(value: object) -> str:
    if isinstance(value, list):
        return f"{_NATIVE_TYPES[type(value[0])]}[]"
    return _NATIVE_TYPES[type(value)]


def _variants(
    rows: pl.DataFrame, types: Mapping[str, set[str]]
) -> Iterator[tuple[dict[str, str], pl.DataFrame]]:
    """The rows with their members as columns, apart where a name has values of several types."""
    members = [_members(text) for text in rows["properties"]]
    mixed = [name for name, sorts in types.items() if len(sorts) > 1]
    keys = [tuple(_type(m[n]) if n in m else "" for n in mixed) for m in members] if mixed else []
    plain = {name: next(iter(sorts)) for name, sorts in sorted(types.items()) if len(sorts) == 1}
    for key in sorted(set(keys)) or [()]:
        chosen = [at for at, own in enumerate(keys) if own == key] if mixed else range(len(members))
        variant = plain | {n: t for n, t in zip(mixed, key, strict=True) if t}
        columns = {
            name: pl.Series([_text(members[at].get(name)) for at in chosen], dtype=pl.String)
            for name in variant
        }
        some = rows[list(chosen)] if mixed else rows
        yield variant, some.with_columns(**columns)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        return _BETWEEN.join(map(str, map(_text, value)))
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def _write_edges(edges: pl.DataFrame, given: Slices, files: _Files) -> None:
    for (relation,), rows in edges.partition_by("relation", as_dict=True).items():
        kept = given.schema.relation(str(relation)).properties
        files.relationships(
            str(relation),
            rows.select(
                pl.col("subject").alias(":START_ID"),
                pl.col("object").alias(":END_ID"),
                *EDGE_VALUES,
                *(
                    pl.col("properties").str.json_path_match(f"$.{name}").alias(name)
                    for name in kept
                ),
            ),
        )


def _write_predictions(predictions: pl.DataFrame, given: Slices, files: _Files) -> None:
    rows = with_id(predictions, ["model", "head", "relation", "tail"])
    for (relation,), some in rows.partition_by("relation", as_dict=True).items():
        files.relationships(
            PREDICTED + given.schema.relation(str(relation)).name,
            some.rename({"head": ":START_ID", "tail": ":END_ID"}).drop("relation"),
        )


def _command(files: _Files) -> str:
    """The importer's command, to be run in the folder."""
    sets = [
        f"--{sort}={name}={stem}-header.csv,{stem}.csv"
        for sort, headers in files.headers.items()
        for (name, _), stem in sorted(headers.items(), key=lambda item: item[1])
    ]
    words: Iterable[str] = (*map(shlex.quote, _OPTIONS), *map(shlex.quote, sets))
    return " \\\n  ".join(['neo4j-admin database import full "${1:-neo4j}"', *words])
