"""The columns of a graph's data frames: nodes, edges, evidence, predictions and merges.

Edges have no content of their own: an edge exists because evidence asserts it, so merging graphs
is joining their evidence, and removing a source is removing its evidence (`medkg.graph.edges`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..core.errors import DataError
from .identifiers import content_id_column, name_key
from .schema import Schema

Columns = Mapping[str, pl.DataType | type[pl.DataType]]
Row = dict[str, Any]  # a row of a frame by column, as `iter_rows(named=True)` gives it
STRING_LIST = pl.List(pl.String)

NODES: Columns = {
    "id": pl.String,  # CURIE
    "kind": pl.String,
    "name": pl.String,
    "name_key": pl.String,
    "synonyms": STRING_LIST,
    "xrefs": STRING_LIST,  # CURIEs of the same thing elsewhere
    "properties": pl.String,  # JSON object, or null
}
EDGES: Columns = {
    "id": pl.String,  # content id of (subject, relation, object)
    "subject": pl.String,
    "relation": pl.String,
    "object": pl.String,
    "probability": pl.Float64,
    "evidence_count": pl.UInt32,
    "sources": STRING_LIST,
    "properties": pl.String,
}
EVIDENCE: Columns = {
    "id": pl.String,
    "edge": pl.String,  # content id of the triple it speaks of, whether or not that is an edge
    "subject": pl.String,
    "relation": pl.String,
    "object": pl.String,
    "original_subject": pl.String,  # the end before merging renamed it, or null (KGX's name)
    "original_object": pl.String,
    "source": pl.String,
    "release": pl.String,
    "date": pl.String,  # ISO 8601
    "level": pl.String,  # curated, text-mined, observed or predicted
    "document": pl.String,  # CURIE of the Document node
    "sentence": pl.String,
    "start": pl.Int64,  # offsets of the sentence in the document, in characters
    "end": pl.Int64,
    "extractor": pl.String,  # name and version of what read it
    "polarity": pl.String,  # asserted or negated
    "certainty": pl.String,  # certain, possible or hypothetical
    "experiencer": pl.String,  # patient, family or other
    "temporality": pl.String,  # current or historical
    "probability": pl.Float64,
    "references": STRING_LIST,
    "qualifiers": pl.String,  # JSON object, or null
}
PREDICTIONS: Columns = {
    "head": pl.String,
    "relation": pl.String,
    "tail": pl.String,
    "model": pl.String,
    "score": pl.Float64,
    "probability": pl.Float64,
    "base_rate": pl.Float64,  # share of true pairs that the probability was calibrated at
    "rank": pl.UInt32,
    "direction": pl.String,  # what was ranked: tail (of the head) or head (of the tail)
    "known": pl.Boolean,
    "date": pl.String,
    "explanation": pl.String,  # JSON, or null
}
MERGES: Columns = {
    "kept": pl.String,
    "merged": pl.String,
    "kind": pl.String,
    "reason": pl.String,
    "applied": pl.Boolean,  # false: a conflict, reported and left alone, or a merge undone
    "was": pl.String,  # JSON object: the rows of both nodes before merging; null where not merged
}
FRAMES = {
    "nodes": NODES,
    "edges": EDGES,
    "evidence": EVIDENCE,
    "predictions": PREDICTIONS,
    "merges": MERGES,
}

_EVIDENCE_DEFAULTS = {
    "level": "curated",
    "polarity": "asserted",
    "certainty": "certain",
    "experiencer": "patient",
    "temporality": "current",
    "probability": 1.0,
}
EVIDENCE_VALUES = {
    "level": ("curated", "text-mined", "observed", "predicted"),
    "polarity": ("asserted", "negated"),
    "certainty": ("certain", "possible", "hypothetical"),
    "experiencer": ("patient", "family", "other"),
    "temporality": ("current", "historical"),
}

# What makes two rows the same piece of evidence, beside the triple as its source gave it (so that
# merging nodes changes no piece's identity and makes no two pieces one). Release, date, extractor
# and probability are not in it: a newer reading of the same passage takes the older one's place.
_EVIDENCE_IDENTITY = (
    "source",
    "document",
    "start",
    "end",
    "polarity",
    "certainty",
    "experiencer",
    "temporality",
    "qualifiers",
)


@dataclass(frozen=True, order=True)
class Source:
    """Where evidence comes from. `reliability` caps what all of the source's evidence can give."""

    name: str
    release: str
    licence: str
    home_page: str = ""
    reliability: float = 1.0


def empty(columns: Columns) -> pl.DataFrame:
    """A frame with these columns and no rows."""
    return pl.DataFrame(schema=dict(columns))


def conform(
    frame: pl.DataFrame,
    columns: Columns,
    defaults: Mapping[str, object] | None = None,
) -> pl.DataFrame:
    """The frame with exactly these columns, in order; missing ones and nulls filled by `defaults`.

    Raises:
        DataError: it is no polars frame, or has a column that is not among them.
    """
    if not isinstance(frame, pl.DataFrame):
        raise DataError(
            f"a {type(frame).__name__} is no polars frame; of one of pandas: polars.from_pandas(…)"
        )
    unknown = sorted(set(frame.columns) - set(columns))
    if unknown:
        raise DataError(f"unknown columns {unknown}; allowed are {list(columns)}")
    defaults = defaults or {}
    selected = []
    for name, dtype in columns.items():
        column = (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype)
        if name in defaults:
            column = column.fill_null(defaults[name])
        selected.append(column.alias(name))
    return frame.select(selected)


def complete_nodes(nodes: pl.DataFrame) -> pl.DataFrame:
    """Fill in the derived and optional columns of nodes that have at least id, kind and name."""
    nodes = conform(nodes, NODES)
    none = pl.lit([], dtype=STRING_LIST)
    return nodes.with_columns(
        name=pl.col("name").fill_null(pl.col("id")),
        synonyms=pl.col("synonyms").fill_null(none).list.unique().list.sort(),
        xrefs=pl.col("xrefs").fill_null(none).list.set_difference(pl.concat_list("id")).list.sort(),
    ).with_columns(name_key=name_key(pl.col("name")))


def edge_ids(frame: pl.DataFrame, head: str = "subject", tail: str = "object") -> pl.Series:
    """The content id of each row's (subject, relation, object)."""
    rows = frame.select(pl.concat_str(head, "relation", tail, separator="\x1f").fill_null(""))
    return content_id_column(rows.to_series()).alias("edge")


def complete_evidence(evidence: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Evidence with at least subject, relation, object and source, `identified` and `latest`."""
    return latest(identified(evidence, schema))


def latest(evidence: pl.DataFrame) -> pl.DataFrame:
    """Of rows with one id, the latest release's (then the latest date's), sorted by id."""
    several = evidence["id"].is_duplicated()
    if several.any():
        one = (
            evidence.filter(several)
            .sort("id", "release", "date", "probability", "extractor", "sentence", nulls_last=False)
            .unique("id", keep="last", maintain_order=True)
        )
        evidence = pl.concat([evidence.filter(~several), one])
    return evidence.sort("id")


def identified(evidence: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Fill in ids and defaults of evidence with at least subject, relation, object and source.

    The ends of a symmetric relation are put in order, so that A–B and B–A are one edge.
    """
    evidence = conform(evidence, EVIDENCE, _EVIDENCE_DEFAULTS)
    symmetric = pl.col("relation").is_in([n for n, r in schema.relations.items() if r.symmetric])
    first = pl.coalesce("original_subject", "subject")
    last = pl.coalesce("original_object", "object")
    turned = symmetric & (
        (pl.col("subject") > pl.col("object"))
        | ((pl.col("subject") == pl.col("object")) & (first > last))
    )
    evidence = evidence.with_columns(
        *(
            pl.when(turned).then(other).otherwise(one).alias(one)
            for one, other in (*_ENDS, *((other, one) for one, other in _ENDS))
        ),
        references=pl.col("references").fill_null(pl.lit([], dtype=STRING_LIST)),
    ).with_columns(
        pl.when(pl.col(f"original_{end}") != pl.col(end)).then(f"original_{end}")
        for end in ("subject", "object")
    )
    evidence = evidence.with_columns(edge=edge_ids(evidence))
    return evidence.with_columns(id=_evidence_ids(evidence, symmetric))


_ENDS = (("subject", "object"), ("original_subject", "original_object"))


def _evidence_ids(evidence: pl.DataFrame, symmetric: pl.Expr) -> pl.Series:
    first = pl.coalesce("original_subject", "subject")
    last = pl.coalesce("original_object", "object")
    renamed = pl.any_horizontal(pl.col("original_subject", "original_object").is_not_null())
    originals = evidence.with_row_index("_row").filter(renamed)
    originals = originals.select(
        "_row",
        "relation",
        subject=pl.when(symmetric).then(pl.min_horizontal(first, last)).otherwise(first),
        object=pl.when(symmetric).then(pl.max_horizontal(first, last)).otherwise(last),
    )
    triple = evidence["edge"].scatter(originals["_row"], edge_ids(originals))
    identity = pl.concat_str(
        pl.lit(triple),
        pl.col(_EVIDENCE_IDENTITY).cast(pl.String).fill_null(""),
        pl.col("references").list.join("|"),
        separator="\x1f",
    )
    return content_id_column(evidence.select(identity).to_series())


def asserts_edge() -> pl.Expr:
    """Whether evidence bears on an edge: it is certain or possible, about the patient, and current.

    Its `polarity` then tells whether it supports the edge (asserted) or denies it (negated).
    """
    return (
        (pl.col("certainty") != "hypothetical")
        & (pl.col("experiencer") == "patient")
        & (pl.col("temporality") == "current")
    )


# The same of a node `e` of a server, in Cypher.
ASSERTS_EDGE = (
    "e.certainty <> 'hypothetical' AND e.experiencer = 'patient' AND e.temporality = 'current'"
)
