"""Hetionet v1.0: an integrative network of 24 relations between 11 kinds (Himmelstein et al., 2017,
https://doi.org/10.7554/eLife.26726).

Reads the published JSON (`hetionet-v1.0.json.bz2`), which has properties, references and licences
of nodes and edges; or the nodes (`*nodes*.tsv`) and edges (`*edges*.sif`, or several
`*edges*.tsv`), which have none. Plain or compressed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.json_reading import JsonError, json_lists, parse_object
from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..graph.frames import STRING_LIST, Columns, Source
from ..graph.identifiers import normalise_curies
from ..graph.kg import KnowledgeGraph, Part
from .adme import adme_roles
from .frames import JsonValue, as_json, columns_frame
from .info import Download, SourceInfo
from .stream import plain_suffix, read_blocks
from .text_tables import read_table_parts

SOURCE = Source(
    "hetionet",
    "1.0",
    "CC0-1.0; some edges under their own sources' terms, see https://github.com/hetio/hetionet",
    "https://het.io",
    reliability=0.95,
)


class Metaedge(NamedTuple):
    """What a type of edge becomes. `is_reversed`: our subject is Hetionet's target."""

    relation: str
    level: str
    is_reversed: bool = False


# Levels as Hetionet's paper describes the sources: text-mined are SIDER's drug labels and
# co-occurrence in MEDLINE, observed are expression, perturbation and similarity measurements.
METAEDGES = {
    "AdG": Metaedge("DOWNREGULATES", "observed"),
    "AeG": Metaedge("EXPRESSES", "observed"),
    "AuG": Metaedge("UPREGULATES", "observed"),
    "CbG": Metaedge("TARGETS", "curated"),
    "CcSE": Metaedge("CAUSES", "text-mined"),
    "CdG": Metaedge("DOWNREGULATES", "observed"),
    "CpD": Metaedge("PALLIATES", "curated"),
    "CrC": Metaedge("RESEMBLES", "observed"),
    "CtD": Metaedge("TREATS", "curated"),
    "CuG": Metaedge("UPREGULATES", "observed"),
    "DaG": Metaedge("ASSOCIATED_WITH", "curated"),
    "DdG": Metaedge("DOWNREGULATES", "observed"),
    "DlA": Metaedge("LOCALIZES_TO", "text-mined"),
    "DpS": Metaedge("HAS_SYMPTOM", "text-mined"),
    "DrD": Metaedge("RESEMBLES", "text-mined"),
    "DuG": Metaedge("UPREGULATES", "observed"),
    "GcG": Metaedge("COVARIES_WITH", "observed"),
    "GiG": Metaedge("INTERACTS_WITH", "curated"),
    "GpBP": Metaedge("PARTICIPATES_IN", "curated"),
    "GpCC": Metaedge("PARTICIPATES_IN", "curated"),
    "GpMF": Metaedge("PARTICIPATES_IN", "curated"),
    "GpPW": Metaedge("PARTICIPATES_IN", "curated"),
    "Gr>G": Metaedge("REGULATES", "observed"),
    "PCiC": Metaedge("IN_CLASS", "curated", is_reversed=True),
}

# Hetionet's kinds: ours, and the prefix that makes its identifiers CURIEs (none where they are).
_KINDS = {
    "Anatomy": ("Anatomy", ""),
    "Biological Process": ("BiologicalProcess", ""),
    "Cellular Component": ("CellularComponent", ""),
    "Compound": ("Drug", "drugbank:"),
    "Disease": ("Disease", ""),
    "Gene": ("Target", "NCBIGene:"),
    "Molecular Function": ("MolecularFunction", ""),
    "Pathway": ("Pathway", ""),
    "Pharmacologic Class": ("DrugClass", "NDFRT:"),
    "Side Effect": ("Symptom", "UMLS:"),
    "Symptom": ("Symptom", "MESH:"),
}


_NO_IDENTIFIER = pl.Series(["no Hetionet identifier"])

# Objects of the JSON that are held at once; they take ten times the room of table rows.
_JSON_ROWS = 50_000

# How a metaedge is abbreviated (https://het.io/about/metagraph): its kinds and verb, GpBP.
_ABBREVIATIONS = {
    "Anatomy": "A",
    "Biological Process": "BP",
    "Cellular Component": "CC",
    "Compound": "C",
    "Disease": "D",
    "Gene": "G",
    "Molecular Function": "MF",
    "Pathway": "PW",
    "Pharmacologic Class": "PC",
    "Side Effect": "SE",
    "Symptom": "S",
}


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """Hetionet as a graph.

    A node that only edges name (13 genes of the published files) is added under its identifier.

    Args:
        path: the JSON file, or a folder with it or with the published tables.
        quarantine: gets the rows that can't be used.

    Raises:
        MissingError: no path, or a file is not there.
        DataError: a file can't be read as what it should be.
    """
    if path is None:
        raise MissingError(
            "hetionet needs a path (--path): the folder with the nodes and edges of"
            " https://github.com/hetio/hetionet"
        )
    if not path.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    if path.is_file() and plain_suffix(path) != ".json":
        raise DataError("is no .json file; of the tables give the folder they are in", path=path)
    json_files = [path] if path.is_file() else sorted(path.glob("*hetionet-v*.json*"))
    json_files = [file for file in json_files if "metagraph" not in file.name]
    if json_files:
        rows = _json_rows(json_files[0], quarantine)
    else:
        rows = _table_rows(
            _files(path, "*nodes*.tsv*"), _files(path, "*edges*.sif*", "*edges*.tsv*"), quarantine
        )
    return KnowledgeGraph.from_parts(
        _parts(rows, quarantine), [SOURCE], quarantine=quarantine, origin=str(path)
    )


def _files(folder: Path, *patterns: str) -> list[Path]:
    files = sorted({file for pattern in patterns for file in folder.glob(pattern)})
    if not files:
        raise MissingError(f"{folder} has no {' or '.join(patterns)} of Hetionet")
    return files


class _Rows(NamedTuple):
    """Rows of one file: nodes (id, name, properties) or edges (source, metaedge, target, …).

    Both with `line`, and with identifiers as Hetionet's tables write them, `Kind::identifier`.
    """

    path: Path
    nodes: pl.DataFrame | None = None
    edges: pl.DataFrame | None = None


def _table_rows(
    node_files: list[Path], edge_files: list[Path], quarantine: Quarantine
) -> Iterator[_Rows]:
    for file in node_files:
        for rows in read_table_parts(file, ["id", "name", "kind"], quarantine, ["inchi"]):
            inchi = pl.col("inchi").map_elements(_inchi, return_dtype=pl.String)
            yield _Rows(file, nodes=rows.select("line", "id", "name", properties=inchi))
    for file in edge_files:
        for rows in read_table_parts(file, ["source", "metaedge", "target"], quarantine):
            yield _Rows(file, edges=rows)


def _inchi(text: str) -> str:
    return json.dumps({"inchi": text})


def _json_rows(path: Path, quarantine: Quarantine) -> Iterator[_Rows]:
    """The rows of the JSON form (https://github.com/hetio/hetionet/tree/main/hetnet/json)."""
    # Both lists are taken from one pass: the file is slow to decompress.
    counts = {"nodes": 0, "edges": 0}
    try:
        for name, items in json_lists(read_blocks(path), counts, _JSON_ROWS):
            rows = _json_frame(name, items, counts[name], path, quarantine)
            counts[name] += len(items)
            yield _Rows(path, **{name: rows})
    except JsonError as error:
        raise JsonError(error.reason, path=path) from None
    if not counts["edges"]:
        raise DataError("holds no edge of Hetionet", path=path)


def _json_frame(
    name: str, items: list[Any], before: int, path: Path, quarantine: Quarantine
) -> pl.DataFrame:
    """Nodes or edges of the JSON as rows; `line` is their place in the list."""
    row_of: Callable[[Any], tuple[object, ...]]
    row_of = _json_node if name == "nodes" else _json_edge
    numbered = []
    for number, item in enumerate(items, start=before + 1):
        try:
            numbered.append((number, *row_of(item)))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            row = f"{name}, number {number}"
            quarantine.add("no Hetionet JSON", path=path, line=number, row=row)
    schema = _JSON_COLUMNS[name]
    columns = zip(*numbered, strict=True) if numbered else [()] * len(schema)
    return columns_frame(dict(zip(schema, columns, strict=True)), schema)


class _JsonNode(TypedDict):
    """A node of the JSON; files may hold anything in place of it."""

    kind: str
    identifier: str | int
    name: str
    data: dict[str, JsonValue]


class _JsonEdge(TypedDict):
    """An edge of the JSON; its ends are pairs of kind and identifier."""

    source_id: tuple[str, str | int]
    target_id: tuple[str, str | int]
    kind: str
    direction: str
    data: dict[str, Any]


_JSON_COLUMNS: dict[str, Columns] = {
    "nodes": {"line": pl.Int64, "id": pl.String, "name": pl.String, "properties": pl.String},
    "edges": {
        "line": pl.Int64,
        "source": pl.String,
        "metaedge": pl.String,
        "target": pl.String,
        "references": STRING_LIST,
        "qualifiers": pl.String,
    },
}


def _json_node(node: _JsonNode) -> tuple[str, str, str | None]:
    """The columns of a node but for its line."""
    identifier = f"{node['kind']}::{node['identifier']}"
    return identifier, str(node["name"]), as_json(node.get("data", {}))


def _json_edge(edge: _JsonEdge) -> tuple[str, str, str, list[str], str | None]:
    """The columns of an edge but for its line."""
    source, target, verb = edge["source_id"], edge["target_id"], edge["kind"]
    arrow = ">" if edge["direction"] == "forward" else ""
    ends = (_ABBREVIATIONS.get(source[0], "?"), _ABBREVIATIONS.get(target[0], "?"))
    data = dict(edge.get("data", {}))
    references = [f"PMID:{number}" for number in data.pop("pubmed_ids", ())]
    if actions := data.pop("actions", ()):
        data["action"] = ", ".join(actions)
    return (
        f"{source[0]}::{source[1]}",
        f"{ends[0]}{verb[0]}{arrow}{ends[1]}",
        f"{target[0]}::{target[1]}",
        references,
        as_json(data),
    )


def _parts(rows: Iterator[_Rows], quarantine: Quarantine) -> Iterator[Part]:
    known: set[str] = set()
    unlisted: dict[str, str] = {}  # what only edges name: identifier, kind
    edge_counts: dict[Path, int] = {}
    with progress("hetionet") as advance:
        for path, nodes, file_edges in rows:
            if nodes is not None:
                nodes = _nodes(path, nodes, quarantine)
                known.update(nodes["id"])
                yield Part(nodes=nodes)
            if file_edges is not None:
                evidence = _edges(path, file_edges, quarantine)
                edge_counts[path] = edge_counts.get(path, 0) + evidence.height
                for end in ("subject", "object"):
                    ends = evidence.select(end, f"{end}_kind").unique()
                    unlisted |= {i: kind for i, kind in ends.iter_rows() if i not in known}
                yield Part(evidence=evidence.drop("subject_kind", "object_kind"))
            advance(0 if file_edges is None else file_edges.height)
    if empty := [path for path, count in edge_counts.items() if not count]:
        raise DataError("holds no edge of Hetionet", path=empty[0])
    # The JSON may name an edge's ends before the nodes.
    unlisted = {curie: kind for curie, kind in sorted(unlisted.items()) if curie not in known}
    if unlisted:
        logging.getLogger(__name__).warning(
            "%d nodes occur only as ends of edges; they are named by their identifier",
            len(unlisted),
        )
        ids = list(unlisted)
        yield Part(nodes=pl.DataFrame({"id": ids, "kind": list(unlisted.values()), "name": ids}))


def _identifiers(column: str) -> tuple[pl.Expr, pl.Expr]:
    """`Kind::id` as our kind and CURIE; null where it is neither."""
    kinds = {hetionet_kind: ours for hetionet_kind, (ours, _) in _KINDS.items()}
    prefixes = {hetionet_kind: prefix for hetionet_kind, (_, prefix) in _KINDS.items()}
    hetionet_kind = pl.col(column).str.extract(r"^([^:]+)::\S+$", 1)
    local = pl.col(column).str.extract(r"^[^:]+::(\S+)$", 1)
    # Pathway Commons' and WikiPathways' identifiers, the latter with the revision that was used.
    local = (
        pl.when(hetionet_kind == "Pathway")
        .then(local.str.replace(r"^PC7_", "PC7:").str.replace(r"^(WP\d+)(_r\d+)?$", "WP:${1}"))
        .otherwise(local)
    )
    kind = hetionet_kind.replace_strict(kinds, default=None, return_dtype=pl.String)
    prefix = hetionet_kind.replace_strict(prefixes, default=None, return_dtype=pl.String)
    return kind, prefix + local


def _normal(curies: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The CURIEs in the standard spelling, and why some are none."""
    normal, reasons = normalise_curies(curies)
    return normal, reasons.zip_with(curies.is_not_null(), _NO_IDENTIFIER)


def _nodes(path: Path, rows: pl.DataFrame, quarantine: Quarantine) -> pl.DataFrame:
    kind, curie = _identifiers("id")
    rows = rows.select("line", "name", "properties", kind=kind, id=curie, written="id")
    curies, problems = _normal(rows["id"])
    rows = rows.with_columns(id=curies, problem=problems)
    for line, problem, written in (
        rows.filter(pl.col("id").is_null()).select("line", "problem", "written").rows()
    ):
        quarantine.add(problem, path=path, line=line, row=written or "")
    rows = rows.filter(pl.col("id").is_not_null())
    role = pl.when(pl.col("kind") == "Target").then(adme_roles(rows["name"]))
    rows = rows.with_columns(adme=role)
    # Few genes have a role, so their objects are written anew one by one.
    with_role = pl.struct("properties", "adme").map_elements(_with_role, return_dtype=pl.String)
    return rows.select(
        "id",
        "kind",
        "name",
        properties=pl.when(pl.col("adme").is_null()).then("properties").otherwise(with_role),
    )


def _with_role(row: Mapping[str, str | None]) -> str | None:
    if row["adme"] is None:
        return None
    return as_json({**parse_object(row["properties"]), "adme": row["adme"]})


def _edges(path: Path, rows: pl.DataFrame, quarantine: Quarantine) -> pl.DataFrame:
    source_kind, source = _identifiers("source")
    target_kind, target = _identifiers("target")
    ends = rows.with_columns(
        source_id=source, source_kind=source_kind, target_id=target, target_kind=target_kind
    )
    for end in ("source", "target"):
        curies, problems = _normal(ends[f"{end}_id"])
        ends = ends.with_columns(curies.alias(f"{end}_id"), problems.alias(f"{end}_problem"))
    types = pl.DataFrame(
        [(name, *metaedge) for name, metaedge in METAEDGES.items()],
        schema=["metaedge", "relation", "level", "is_reversed"],
        orient="row",
    )
    edges = ends.join(types, on="metaedge", how="left", maintain_order="left").with_columns(
        problem=pl.when(pl.col("relation").is_null())
        .then(pl.lit("unknown metaedge"))
        .otherwise(pl.coalesce("source_problem", "target_problem"))
    )
    unusable = edges.filter(pl.col("problem").is_not_null())
    for line, problem, *held in unusable.select(
        "line", "problem", "source", "metaedge", "target"
    ).rows():
        quarantine.add(problem, path=path, line=line, row=" ".join(text or "" for text in held))
    edges = edges.filter(pl.col("problem").is_null())
    is_reversed = pl.col("is_reversed")
    return edges.select(
        "relation",
        "level",
        *(name for name in ("references", "qualifiers") if name in edges.columns),
        subject=pl.when(is_reversed).then("target_id").otherwise("source_id"),
        subject_kind=pl.when(is_reversed).then("target_kind").otherwise("source_kind"),
        object=pl.when(is_reversed).then("source_id").otherwise("target_id"),
        object_kind=pl.when(is_reversed).then("source_kind").otherwise("target_kind"),
        source=pl.lit(SOURCE.name),
        release=pl.lit(SOURCE.release),
    )


_FILES = "https://github.com/hetio/hetionet/raw/main/hetnet/tsv"

INFO = SourceInfo(
    "hetionet",
    "Hetionet: drugs, diseases, genes and what joins them, integrated from 29 sources",
    SOURCE.licence,
    SOURCE.home_page,
    SOURCE.release,
    "hetionet-v1.0.json, or a folder with *nodes*.tsv and *edges*.sif or .tsv; plain or compressed",
    "all of its 24 relations, as the schema names them",
    False,
    load,
    downloads=(
        Download(f"{_FILES}/hetionet-v1.0-nodes.tsv", "hetionet-v1.0-nodes.tsv"),
        Download(f"{_FILES}/hetionet-v1.0-edges.sif.gz", "hetionet-v1.0-edges.sif.gz"),
    ),
)
