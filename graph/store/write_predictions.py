"""Predictions written to a server, in place of what the same models answered before."""

from __future__ import annotations

import polars as pl

from ..kg import KnowledgeGraph
from .connection import Connection
from .names import PREDICTED
from .read import read_predictions
from .rows import Advance, delete_predictions, dicts, groups, with_id
from .stored import new_or_changed
from .summary import WriteSummary

_NOT_PROPERTIES = ("head", "relation", "tail", "_head", "_tail")


def write_predictions(
    connection: Connection, kg: KnowledgeGraph, summary: WriteSummary, advance: Advance
) -> None:
    """Write a graph's predictions, and count them in the summary.

    A model's predictions for a head (or tail) replace what the server has of that model for it.
    """
    given = with_id(kg.predictions, ["model", "head", "relation", "tail"])
    if given.is_empty():
        return
    stored = read_predictions(connection, sorted(given["model"].unique()))
    question = ["model", "relation", "direction", "_queried"]
    superseded = _with_queried(stored.join(given, on="id", how="anti")).join(
        _with_queried(given), on=question, how="semi"
    )
    delete_predictions(connection, superseded)
    summary.replaced = superseded.height
    rows, summary.predictions = new_or_changed(given, stored.select("id", "checksum"))
    advance(summary.predictions.unchanged)
    kinds = kg.nodes.select("id", "kind")
    rows = rows.join(kinds.rename({"id": "head", "kind": "_head"}), on="head").join(
        kinds.rename({"id": "tail", "kind": "_tail"}), on="tail"
    )
    names = connection.names
    for (head, name, tail), part in groups(rows, "_head", "relation", "_tail"):
        connection.send(
            f"UNWIND $rows AS row MATCH (h:{names.label(head)} {{id: row.head}})"
            f" MATCH (t:{names.label(tail)} {{id: row.tail}})"
            f" MERGE (h)-[p:{names.type_(PREDICTED + name)} {{id: row.id}}]->(t)"
            " SET p += row.values",
            (
                {
                    "id": row["id"],
                    "head": row["head"],
                    "tail": row["tail"],
                    "values": {n: v for n, v in row.items() if n not in _NOT_PROPERTIES},
                }
                for row in dicts(part)
            ),
            advance,
        )


def _with_queried(predictions: pl.DataFrame) -> pl.DataFrame:
    """Predictions with the node that was asked about: the head, where tails were ranked."""
    queried = pl.when(pl.col("direction") == "head").then("tail").otherwise("head")
    return predictions.with_columns(_queried=queried)
