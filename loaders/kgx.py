"""KGX: anybody's graph by Biolink, as TSV or JSON lines (https://github.com/biolink/kgx).

Reads `*nodes.tsv` and `*edges.tsv`, or `.jsonl`, plain or compressed, from a folder or a tar
archive: those of medkg itself, which come back as they went out, and those of others (Monarch,
Translator, RTX-KG2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.json_reading import read_json
from ..core.quarantine import Quarantine
from ..graph.export.kgx import (
    EDGE_NAMES,
    ID_COLUMNS,
    NODE_NAMES,
    OWN,
    PREDICTION_NAMES,
    our_id,
    unescaped,
)
from ..graph.frames import (
    EVIDENCE,
    MERGES,
    NODES,
    PREDICTIONS,
    STRING_LIST,
    Columns,
    Source,
    conform,
)
from ..graph.kg import KnowledgeGraph, Part
from ..graph.schema import Schema
from .info import SourceInfo
from .kgx_biolink import EDGE_FIELDS, biolink_parts, our_fields, source_name
from .kgx_files import Files, column_names, find_files, is_json, read_rows, unpacked

HOME_PAGE = "https://github.com/biolink/kgx"


def load(
    path: Path | None,
    quarantine: Quarantine,
    release: str = "",
    licence: str = "",
    schema: str = "",
) -> KnowledgeGraph:
    """A graph in KGX's form.

    A node takes the kind of the most specific of its categories that the schema knows; an edge
    takes the relation that its predicate, its qualifiers and the kinds of its ends mean. What the
    schema has no kind or relation for is set aside with its category or predicate, and so are
    other models' predictions.

    Args:
        path: folder, tar archive, or one of the files, the other beside it.
        quarantine: gets the rows that can't be used.
        release: of the sources that the edges name.
        licence: of those sources; by default what each of them states is pointed to.
        schema: a TOML file with kinds and relations beside medkg's own.

    Raises:
        MissingError: no path, or a file is not there.
        DataError: a file can't be read as what it should be.
    """
    if path is None:
        raise MissingError(
            "kgx needs a path (--path): a folder or tar archive with NAME_nodes.tsv and"
            " NAME_edges.tsv, or the same as .jsonl"
        )
    graph_schema = Schema.default().extended(schema) if schema else Schema.default()
    with unpacked(path) as folder:
        files = find_files(folder, path)
        own = _is_own(files)
        sources = _sources(files, own, release, licence)
        parts = (
            _own_parts(files, quarantine)
            if own
            else biolink_parts(files, release, graph_schema, quarantine)
        )
        graph = KnowledgeGraph.from_parts(
            parts, sources, schema=graph_schema, quarantine=quarantine, origin=str(path)
        )
        return _with_the_rest(graph, files, quarantine) if own else graph


def _sources(files: Files, own: bool, release: str, licence: str) -> list[Source]:
    """Those of medkg's manifest; else what the edges name, which is a reading of its own."""
    if files.manifest is not None:
        try:
            manifest = read_json(files.manifest)
            return [Source(**source) for source in manifest["sources"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"is damaged: {error}", path=files.manifest) from error
    fields = {"source": (f"{OWN}source",) if own else EDGE_FIELDS["source"]}
    names: set[str] = set()
    for file in files.edges + [
        file for content, file in files.others.items() if content == "unasserted"
    ]:
        for rows in read_rows(file, ["subject", *fields["source"]], Quarantine()):
            names |= set(our_fields(rows, fields).select(source_name(pl.col("source")))["source"])
    stated = "as stated by the source: https://w3id.org/information-resource-registry/{}"
    return [
        Source(name, release, licence or stated.format(name), HOME_PAGE) for name in sorted(names)
    ]


# medkg's own graphs


def _is_own(files: Files) -> bool:
    if files.manifest is not None:
        return True
    names = {name for file in [*files.nodes, *files.edges] for name in column_names(file)}
    return {f"{OWN}kind", f"{OWN}relation"} & names != set()


def _own_parts(files: Files, quarantine: Quarantine) -> Iterator[Part]:
    for file in files.nodes:
        for rows in _own_rows(file, NODES, NODE_NAMES, quarantine):
            yield Part(nodes=rows)
    unasserted = [file for content, file in files.others.items() if content == "unasserted"]
    for file in [*files.edges, *unasserted]:
        for rows in _own_rows(file, EVIDENCE, EDGE_NAMES, quarantine):
            yield Part(evidence=rows)


def _with_the_rest(graph: KnowledgeGraph, files: Files, quarantine: Quarantine) -> KnowledgeGraph:
    """The graph with the predictions and merges that were exported with it."""
    if file := files.others.get("predictions"):
        rows = _own_rows(file, PREDICTIONS, PREDICTION_NAMES, quarantine)
        graph = graph.with_predictions(pl.concat(rows))
    if file := files.others.get("merges"):
        merges = pl.concat(_own_rows(file, MERGES, {name: name for name in MERGES}, quarantine))
        graph = graph.with_frames(merges=merges)
    return graph


def _own_rows(
    path: Path, columns: Columns, names: Mapping[str, str], quarantine: Quarantine
) -> Iterator[pl.DataFrame]:
    """The rows of a file as a frame of ours; one with a value of the wrong type is set aside."""
    file_columns = {column: names.get(column, f"{OWN}{column}") for column in columns}
    for rows in read_rows(path, list(file_columns.values()), quarantine):
        typed: dict[str, pl.Expr] = {}
        is_wrong = [pl.lit(False)]
        for column, dtype in columns.items():
            name = file_columns[column]
            if name not in rows.columns:
                continue
            typed[column] = _typed(name, rows.schema[name], dtype, escapes=not is_json(path))
            if column in ID_COLUMNS:
                typed[column] = our_id(typed[column])
            is_wrong.append(typed[column].is_null() & pl.col(name).is_not_null())
        converted = rows.with_columns(pl.any_horizontal(is_wrong).alias("wrong"))
        for row in converted.filter("wrong").iter_rows(named=True):
            shown = " ".join(
                str(row[name]) for name in list(file_columns.values())[:4] if name in row
            )
            quarantine.add("value of the wrong type", path=path, line=row["line"], row=shown)
        yield conform(converted.filter(~pl.col("wrong")).select(**typed), columns)


def _typed(
    name: str, dtype: pl.DataType, wanted_dtype: pl.DataType | type[pl.DataType], *, escapes: bool
) -> pl.Expr:
    column = pl.col(name)
    if wanted_dtype == STRING_LIST:
        if not escapes:
            return column if isinstance(dtype, pl.List) else pl.concat_list(column)
        return column.str.split("|").list.eval(unescaped(pl.element()))
    if isinstance(dtype, pl.List):
        column = column.list.first()
    text = unescaped(column) if escapes else column
    if wanted_dtype == pl.Boolean:
        return text.replace_strict({"true": True, "false": False}, default=None)
    return text.cast(wanted_dtype, strict=False)


INFO = SourceInfo(
    "kgx",
    "KGX: anybody's graph by Biolink, and medkg's own as it was exported",
    "as stated by the sources that the edges name",
    HOME_PAGE,
    "that of the files given",
    "folder or tar archive with *nodes.tsv and *edges.tsv, or the same as .jsonl",
    "what the schema has of the categories and predicates there",
    True,
    load,
    options={
        "release": "the release of the sources that the edges name",
        "licence": "the licence of those sources",
        "schema": "a TOML file with kinds and relations beside medkg's own",
    },
)
