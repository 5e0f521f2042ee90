"""Deriving edges from evidence: which evidence counts, and how its probabilities combine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import polars as pl

from .frames import EDGES, Source, asserts_edge, conform
from .schema import Schema

_TRIPLE = ("subject", "relation", "object")

# Qualifiers that describe one measurement. They are taken from a single piece of evidence, never
# put together from several.
_MEASUREMENT = ("value", "unit", "standard_value", "standard_unit", "interpretation")


def edges_from(evidence: pl.DataFrame, sources: Sequence[Source], schema: Schema) -> pl.DataFrame:
    """The edges that the evidence asserts, with their combined probability.

    Evidence counts when it is asserted, certain or possible, about the patient, and current. Its
    probabilities combine as the maximum within a document, noisy-or (1 - Π(1 - p)) across the
    documents of a source, capped at the source's reliability, and noisy-or across sources. They are
    rounded to six decimals, so that the order of rows can't be seen.

    Returns:
        A frame with the columns `EDGES`, sorted by id.
    """
    asserting = evidence.filter(asserts_edge(), pl.col("polarity") == "asserted")
    by_source = _capped_at_reliability(_combined_by_source(asserting), sources)
    edges = (
        _combined_across_sources(by_source)
        .join(_edge_properties(asserting, schema), on="edge", how="left")
        .rename({"edge": "id"})
        .with_columns(pl.col("probability").round(6))
    )
    return conform(edges, EDGES).sort("id")


def _noisy_or() -> pl.Expr:
    """Probability that at least one of independent statements is true: 1 - Π(1 - p)."""
    return (1 - (1 - pl.col("probability")).product()).alias("probability")


def _combined_by_source(asserting: pl.DataFrame) -> pl.DataFrame:
    """One row per edge and source: maximum within a document, noisy-or across documents.

    Evidence without a document counts as one document of its source.
    """
    is_shared = pl.col("edge").is_duplicated()
    combined = (
        asserting.filter(is_shared)
        .group_by("edge", "source", "document")
        .agg(pl.col(*_TRIPLE).first(), pl.col("probability").max(), evidence_count=pl.len())
        .group_by("edge", "source")
        .agg(pl.col(*_TRIPLE).first(), _noisy_or(), pl.col("evidence_count").sum())
    )
    # Most edges have one piece of evidence, which needs no grouping.
    single = asserting.filter(~is_shared).select(
        "edge",
        "source",
        *_TRIPLE,
        probability=1 - (1 - pl.col("probability")),  # noisy-or of one, to the last bit
        evidence_count=pl.lit(1, pl.get_index_type()),
    )
    return pl.concat([combined, single])


def _capped_at_reliability(by_source: pl.DataFrame, sources: Iterable[Source]) -> pl.DataFrame:
    """The probabilities, none above its source's reliability (the lowest of its releases')."""
    sources = list(sources)
    reliability = (
        pl.DataFrame(
            {
                "source": [source.name for source in sources],
                "reliability": [source.reliability for source in sources],
            },
            schema={"source": pl.String, "reliability": pl.Float64},
        )
        .group_by("source")
        .agg(pl.col("reliability").min())
    )
    return by_source.join(reliability, on="source", how="left").with_columns(
        pl.min_horizontal("probability", pl.col("reliability").fill_null(1.0))
    )


def _combined_across_sources(by_source: pl.DataFrame) -> pl.DataFrame:
    """One row per edge: noisy-or across sources."""
    is_shared = pl.col("edge").is_duplicated()
    combined = (
        by_source.filter(is_shared)
        .group_by("edge")
        .agg(
            pl.col(*_TRIPLE).first(),
            _noisy_or(),
            pl.col("evidence_count").sum(),
            sources=pl.col("source").unique().sort(),
        )
    )
    single = by_source.filter(~is_shared).select(
        "edge",
        *_TRIPLE,
        (1 - (1 - pl.col("probability"))).alias("probability"),
        "evidence_count",
        sources=pl.concat_list("source"),
    )
    return pl.concat([combined, single])


def _edge_properties(evidence: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The properties of edges: a JSON object of the qualifiers that their relation keeps.

    Where pieces of evidence differ, the most probable one's value stays; of equally probable ones
    the latest's, then the last in order of source and id. Qualifiers of one measurement are never
    put together from several.

    Returns:
        `edge` and `properties`; an edge without qualified evidence has no row.
    """
    kept_names = {name: relation.properties for name, relation in schema.relations.items()}
    qualified = evidence.filter(pl.col("qualifiers").is_not_null())
    frames = [pl.DataFrame(schema={"edge": pl.String, "properties": pl.String})]
    for (relation,), rows in qualified.partition_by("relation", as_dict=True).items():
        if names := kept_names.get(str(relation)):
            frames.append(_kept_qualifiers(rows, names))
    return pl.concat(frames)


def _kept_qualifiers(evidence: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Edges of one relation, with those of their qualifiers that have these names, as JSON."""
    # A qualifier may have the name of a column.
    columns = {name: f"={name}" for name in names}
    order = ["probability", "date", "source", "id"]
    values = evidence.select(
        "edge",
        *order,
        *(pl.col("qualifiers").str.json_path_match(f"$.{n}").alias(c) for n, c in columns.items()),
    )
    is_shared = pl.col("edge").is_duplicated()
    rows = pl.concat(
        [
            values.filter(is_shared)
            .sort(order, nulls_last=False)
            .group_by("edge")
            .agg(_last_values(columns)),
            values.filter(~is_shared).select("edge", *columns.values()),
        ]
    )
    # Many edges share a frequency or an action; each object is written once.
    distinct = rows.select(columns.values()).unique()
    objects = [
        {name: text for name, text in zip(names, row, strict=True) if text is not None}
        for row in distinct.iter_rows()
    ]
    texts = [json.dumps(o, ensure_ascii=False, sort_keys=True) if o else None for o in objects]
    distinct = distinct.with_columns(properties=pl.Series(texts, dtype=pl.String))
    return rows.join(distinct, on=list(columns.values()), nulls_equal=True).select(
        "edge", "properties"
    )


def _last_values(columns: dict[str, str]) -> list[pl.Expr]:
    """Of sorted evidence of an edge, each qualifier's last value; a measurement's from one piece.

    Args:
        columns: the column of each qualifier.
    """
    measured = [columns[name] for name in ("value", "interpretation") if name in columns]
    is_measured = pl.any_horizontal(pl.col(measured).is_not_null())
    return [
        pl.col(column).filter(is_measured).last()
        if measured and name in _MEASUREMENT
        else pl.col(column).drop_nulls().last()
        for name, column in columns.items()
    ]
