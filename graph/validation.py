"""Rows that a new graph may hold: nodes united by identifier, bad rows quarantined."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ..core.quarantine import Quarantine
from .frames import EVIDENCE_VALUES, Source
from .identifiers import CURIE
from .schema import Schema


def unite_nodes(stacked: list[pl.DataFrame]) -> pl.DataFrame:
    """One row for each identifier and kind, in the order in which they first occur.

    The first name (that isn't the identifier) and the first properties stay, and all synonyms and
    cross-references.
    """
    nodes = pl.concat(stacked)
    repeated = nodes.filter(pl.col("id").is_duplicated())
    lists = (pl.col(c).explode().drop_nulls().unique().sort() for c in ("synonyms", "xrefs"))
    named = pl.col("name") != pl.col("id")
    united = repeated.group_by("id", "kind", maintain_order=True).agg(
        *(
            pl.col(c).filter(named).first().fill_null(pl.col(c).first())
            for c in ("name", "name_key")
        ),
        *lists,
        pl.col("properties").drop_nulls().first(),
    )
    return pl.concat([nodes.filter(~pl.col("id").is_duplicated()), united.select(nodes.columns)])


def valid_nodes(
    nodes: pl.DataFrame, schema: Schema, quarantine: Quarantine, origin: str
) -> pl.DataFrame:
    """Nodes with a CURIE, a known kind, and no second row of the same identifier."""
    valid = pl.col("id").str.contains(rf"^{CURIE.pattern}$").fill_null(False)
    known = pl.col("kind").is_in(list(schema.kinds)).fill_null(False)
    for row in nodes.filter(~valid).iter_rows(named=True):
        quarantine.add("no CURIE", path=origin, row=f"{row['id']} {row['name']}")
    for row in nodes.filter(valid & ~known).iter_rows(named=True):
        quarantine.add("unknown kind", path=origin, row=f"{row['id']} {row['kind']}")
    nodes = nodes.filter(valid & known)
    first = pl.col("kind").first().over("id")
    for row in nodes.filter(pl.col("kind") != first).iter_rows(named=True):
        quarantine.add("identifier of two kinds", path=origin, row=f"{row['id']} {row['kind']}")
    return nodes.filter(pl.col("kind") == first).unique("id", keep="first").sort("id")


def valid_evidence(
    evidence: pl.DataFrame,
    nodes: pl.DataFrame,
    schema: Schema,
    sources: Sequence[Source],
    quarantine: Quarantine,
    origin: str,
) -> pl.DataFrame:
    """Evidence of known relations and sources whose ends are nodes of the right kinds."""
    checked = with_end_kinds(evidence, nodes, schema)
    # A null gets its default value later.
    wrong_value = pl.any_horizontal(
        *(~pl.col(column).is_in(list(values)) for column, values in EVIDENCE_VALUES.items()),
        ~pl.col("probability").is_between(0, 1),
    ).fill_null(False)
    is_declared = pl.col("source").is_in([source.name for source in sources]).fill_null(False)
    reason = pl.coalesce(
        structural_problem(schema),
        pl.when(~is_declared)
        .then(pl.lit("undeclared source"))
        .when(wrong_value)
        .then(pl.lit("value out of range")),
    )
    checked = checked.with_columns(_reason=reason)
    for row in checked.filter(pl.col("_reason").is_not_null()).iter_rows(named=True):
        triple = f"{row['subject']} {row['relation']} {row['object']}"
        quarantine.add(row["_reason"], path=origin, row=triple)
    return checked.filter(pl.col("_reason").is_null()).select(evidence.columns)


def with_end_kinds(evidence: pl.DataFrame, nodes: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Evidence with the kinds of its ends, and whether its relation may join them.

    Returns:
        The rows in order, with `_head` and `_tail`, null where an end is no node, and `_allowed`,
        null where the schema doesn't have the relation between such nodes.
    """
    joins = [(r.name, *pair, True) for r in schema.relations.values() for pair in r.joins]
    allowed = pl.DataFrame(joins, schema=["relation", "_head", "_tail", "_allowed"], orient="row")
    kinds = nodes.select("id", "kind")
    return (
        evidence.join(kinds.rename({"id": "subject", "kind": "_head"}), on="subject", how="left")
        .join(kinds.rename({"id": "object", "kind": "_tail"}), on="object", how="left")
        .join(allowed, on=["relation", "_head", "_tail"], how="left", maintain_order="left")
    )


def structural_problem(schema: Schema) -> pl.Expr:
    """Why a row (of `with_end_kinds`) can't be an edge of the schema; null where it can."""
    return (
        pl.when(~pl.col("relation").is_in(list(schema.relations)).fill_null(False))
        .then(pl.lit("unknown relation"))
        .when(pl.col("_head").is_null() | pl.col("_tail").is_null())
        .then(pl.lit("dangling end"))
        .when(pl.col("_allowed").is_null())
        .then(pl.lit("ends of the wrong kinds"))
    )
