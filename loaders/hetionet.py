"""Hetionet v1.0: an integrative network of 24 relations between 11 kinds (Himmelstein et al., 2017,
https://doi.org/10.7554/eLife.26726).

Reads the published nodes (`*nodes*.tsv`) and edges (`*edges*.sif`, or several `*edges*.tsv`), plain
or compressed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ..graph.errors import DataError, MissingError
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph
from ..graph.progress import track
from ..graph.quarantine import Quarantine
from .base import adme_roles, json_column, need_folder, read_table
from .info import SourceInfo

SOURCE = Source(
    "hetionet",
    "1.0",
    "CC0-1.0; some edges under their own sources' terms, see https://github.com/hetio/hetionet",
    "https://het.io",
    reliability=0.95,
)


class Metaedge(NamedTuple):
    """What a type of edge becomes. `turned`: our subject is Hetionet's target."""

    relation: str
    level: str
    turned: bool = False


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
    "PCiC": Metaedge("IN_CLASS", "curated", turned=True),
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


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """Hetionet as a graph.

    A node that only edges name (13 genes of the published files) is added under its identifier.

    Args:
        path: folder with the published files.

    Raises:
        MissingError: no path, or a file is not there.
        DataError: a file can't be read as what it should be.
    """
    if path is None:
        raise MissingError(
            "hetionet needs a path (--path): a folder with hetionet-v1.0-nodes.tsv and"
            " hetionet-v1.0-edges.sif.gz from https://github.com/hetio/hetionet"
        )
    folder = need_folder(path)
    node_files = _files(folder, "*nodes*.tsv*")
    edge_files = _files(folder, "*edges*.sif*", "*edges*.tsv*")
    nodes = pl.concat(
        [_read_nodes(file, quarantine) for file in node_files], how="vertical"
    ).unique("id", keep="first", maintain_order=True)
    edges = pl.concat([_read_edges(file, quarantine) for file in track(edge_files, "hetionet")])
    nodes = pl.concat([nodes, _unlisted(nodes, edges)], how="diagonal")
    nodes = nodes.with_columns(
        adme=pl.when(pl.col("kind") == "Target").then(adme_roles(nodes["name"]))
    )
    return KnowledgeGraph.build(
        nodes.select("id", "kind", "name", properties=json_column(nodes, ["adme", "inchi"])),
        edges.select(
            "subject",
            "relation",
            "object",
            "level",
            source=pl.lit(SOURCE.name),
            release=pl.lit(SOURCE.release),
        ),
        [SOURCE],
        quarantine=quarantine,
        origin=str(folder),
    )


def _files(folder: Path, *patterns: str) -> list[Path]:
    files = sorted({file for pattern in patterns for file in folder.glob(pattern)})
    if not files:
        raise MissingError(f"{folder} has no {' or '.join(patterns)} of Hetionet")
    return files


def _identifiers(column: str) -> tuple[pl.Expr, pl.Expr]:
    """`Kind::id` as our kind and CURIE; null where it is neither."""
    kinds = {theirs: ours for theirs, (ours, _) in _KINDS.items()}
    prefixes = {theirs: prefix for theirs, (_, prefix) in _KINDS.items()}
    theirs = pl.col(column).str.extract(r"^([^:]+)::\S+$", 1)
    local = pl.col(column).str.extract(r"^[^:]+::(\S+)$", 1)
    # Pathway Commons' and WikiPathways' identifiers, the latter with the revision that was used.
    local = (
        pl.when(theirs == "Pathway")
        .then(local.str.replace(r"^PC7_", "PC7:").str.replace(r"^(WP\d+)(_r\d+)?$", "WP:${1}"))
        .otherwise(local)
    )
    kind = theirs.replace_strict(kinds, default=None, return_dtype=pl.String)
    prefix = theirs.replace_strict(prefixes, default=None, return_dtype=pl.String)
    return kind, prefix + local


def _read_nodes(path: Path, quarantine: Quarantine) -> pl.DataFrame:
    rows = read_table(path, ["id", "name", "kind"], quarantine, optional=["inchi"])
    kind, curie = _identifiers("id")
    rows = rows.select("line", "name", "inchi", kind=kind, id=curie, given="id")
    for line, given in rows.filter(pl.col("id").is_null()).select("line", "given").rows():
        quarantine.add("no Hetionet identifier", path=path, line=line, row=given or "")
    return rows.filter(pl.col("id").is_not_null()).select("id", "kind", "name", "inchi")


def _read_edges(path: Path, quarantine: Quarantine) -> pl.DataFrame:
    rows = read_table(path, ["source", "metaedge", "target"], quarantine)
    source_kind, source = _identifiers("source")
    target_kind, target = _identifiers("target")
    ends = rows.with_columns(
        source_id=source, source_kind=source_kind, target_id=target, target_kind=target_kind
    )
    types = pl.DataFrame(
        [(name, *metaedge) for name, metaedge in METAEDGES.items()],
        schema=["metaedge", "relation", "level", "turned"],
        orient="row",
    )
    edges = ends.join(types, on="metaedge", how="left", maintain_order="left").with_columns(
        problem=pl.when(pl.col("relation").is_null())
        .then(pl.lit("unknown metaedge"))
        .when(pl.any_horizontal(pl.col("source_id", "target_id").is_null()))
        .then(pl.lit("no Hetionet identifier"))
    )
    bad = edges.filter(pl.col("problem").is_not_null())
    for line, problem, *held in bad.select(
        "line", "problem", "source", "metaedge", "target"
    ).rows():
        quarantine.add(problem, path=path, line=line, row=" ".join(text or "" for text in held))
    if bad.height == edges.height:
        raise DataError("holds no edge of Hetionet", path=path)
    edges = edges.filter(pl.col("problem").is_null())
    turned = pl.col("turned")
    return edges.select(
        "relation",
        "level",
        subject=pl.when(turned).then("target_id").otherwise("source_id"),
        subject_kind=pl.when(turned).then("target_kind").otherwise("source_kind"),
        object=pl.when(turned).then("source_id").otherwise("target_id"),
        object_kind=pl.when(turned).then("source_kind").otherwise("target_kind"),
    )


def _unlisted(nodes: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """Nodes that only occur as ends of edges, named by their identifier."""
    ends = pl.concat(
        [
            edges.select(id="subject", kind="subject_kind"),
            edges.select(id="object", kind="object_kind"),
        ]
    ).unique()
    unlisted = ends.join(nodes, on="id", how="anti").sort("id").with_columns(name="id")
    if unlisted.height:
        logging.getLogger(__name__).warning(
            "%d nodes occur only as ends of edges; they are named by their identifier",
            unlisted.height,
        )
    return unlisted


INFO = SourceInfo(
    "hetionet",
    "Hetionet: drugs, diseases, genes and what joins them, integrated from 29 sources",
    SOURCE.licence,
    SOURCE.home_page,
    SOURCE.release,
    "folder with *nodes*.tsv and *edges*.sif or .tsv, plain or .gz, .xz, .bz2",
    "all of its 24 relations, as the schema names them",
    True,
    load,
)
