"""Mending what `medkg.graph.check` finds, as far as it can be mended without guessing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from .check import wrong_values
from .frames import (
    EVIDENCE,
    MERGES,
    NODES,
    PREDICTIONS,
    Source,
    complete_nodes,
    conform,
    edges_from,
    identified,
    latest,
)
from .identifiers import NO_CURIE, is_curie, normalise_curies
from .kg import KnowledgeGraph
from .obsolete import (
    current_ids,
    moved_evidence,
    moved_merges,
    moved_nodes,
    present,
    renamed,
    united,
)
from .quarantine import Quarantine
from .schema import Schema

UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True)
class Fixed:
    """A mended graph.

    Attributes:
        done: for each finding, how many of it were mended.
        aside: what was taken out, with the whole row but for sentences.
    """

    graph: KnowledgeGraph
    done: dict[str, int]
    aside: Quarantine


def fix(kg: KnowledgeGraph, *, drop_isolated: bool = False) -> Fixed:
    """The graph with what is safely mended mended; the same again for a graph that has been.

    Identifiers get their standard spelling, obsolete ones are replaced, rows of one identifier
    united, edges made anew from the evidence. Set aside is what no graph may hold (no CURIE,
    unknown kinds and relations, dangling ends, ends of the wrong kinds, values out of range),
    evidence that only merging made speak of one node twice, and, of evidence there twice, the
    earlier release's. Contradictions, names and malformed identifiers are left for a person.

    Args:
        drop_isolated: set nodes aside that nothing speaks of, too.
    """
    aside = Quarantine()
    done: dict[str, int] = {}
    nodes, evidence, predictions, merges = (
        conform(kg.scan(name).collect(), columns)
        for name, columns in (
            ("nodes", NODES),
            ("evidence", EVIDENCE),
            ("predictions", PREDICTIONS),
            ("merges", MERGES),
        )
    )

    ends = [f"{was}{end}" for was in ("", "original_") for end in ("subject", "object")]
    columns = [nodes["id"], *(evidence[end] for end in [*ends, "document"])]
    names = _standard_names([*columns, predictions["head"], predictions["tail"]], kg.schema)
    done["identifier in another spelling"] = _count(nodes["id"], names)
    nodes = _spelt(nodes, ["id"], names)
    evidence = _spelt(evidence, [*ends, "document"], names)
    predictions = _spelt(predictions, ["head", "tail"], names)
    merges = _spelt(merges, ["kept", "merged"], names)

    nodes = _sound_nodes(nodes, kg.schema, aside)
    rows = nodes.height
    nodes = united(nodes)
    done["identifier there twice"] = rows - nodes.height

    current = current_ids([KnowledgeGraph({"nodes": nodes}, [], kg.schema)])
    names = present(nodes, current)
    done["obsolete identifier"] = names.height
    nodes = moved_nodes(nodes, current)
    evidence = moved_evidence(evidence, names)
    predictions = renamed(renamed(predictions, "head", names), "tail", names)
    merges = moved_merges(merges, names)

    declared = {source.name for source in kg.sources}
    unknown = sorted(set(evidence["source"].drop_nulls().unique()) - declared)
    done["undeclared source"] = len(unknown)
    sources = [*kg.sources, *(Source(name, "", UNKNOWN_LICENCE) for name in unknown)]

    evidence = _sound_evidence(identified(evidence, kg.schema), nodes, kg.schema, aside)
    rows = evidence.height
    kept = latest(evidence.with_row_index("_row"))
    if kept.height < rows:
        again = evidence.with_row_index("_row").join(kept, on="_row", how="anti").drop("_row")
        _set_aside(again, "evidence there twice", aside)
    evidence = kept.drop("_row")

    about = pl.all_horizontal(pl.col(end).is_in(nodes["id"].implode()) for end in ("head", "tail"))
    _set_aside(predictions.filter(~about), "prediction about no node", aside)
    predictions = predictions.filter(about).unique(
        ["model", "head", "relation", "tail"], keep="last", maintain_order=True
    )
    if drop_isolated:
        named = pl.concat(
            [evidence[end] for end in ("subject", "object", "document")]
            + [predictions[end] for end in ("head", "tail")]
        )
        isolated = ~pl.col("id").is_in(named.unique().implode())
        _set_aside(nodes.filter(isolated), "isolated node", aside)
        nodes = nodes.filter(~isolated)

    edges = edges_from(evidence, sources, kg.schema)
    done["edge out of step"] = _changed(kg, edges)
    frames = {
        "nodes": nodes,
        "edges": edges,
        "evidence": evidence,
        "predictions": predictions,
        "merges": merges,
    }
    done |= aside.counts()
    done = {name: count for name, count in done.items() if count}
    return Fixed(KnowledgeGraph(frames, sources, kg.schema), done, aside)


# Identifiers


def _standard_names(columns: Iterable[pl.Series], schema: Schema) -> pl.DataFrame:
    """The identifiers that are spelt otherwise than the standard, as old and new."""
    ids = pl.concat([column.drop_nulls().unique().rename("old") for column in columns]).unique()
    # What merging makes of an identifier that two kinds have: MESH:D000001#Symptom.
    kinds = "|".join(schema.kinds)
    parts = ids.to_frame().select(
        "old",
        own=pl.col("old").str.replace(rf"#(?:{kinds})$", ""),
        kind=pl.col("old").str.extract(rf"(#(?:{kinds}))$").fill_null(""),
    )
    standard, _ = normalise_curies(parts["own"])
    names = parts.select("old", new=standard + pl.col("kind"))
    return names.filter(pl.col("new").is_not_null(), pl.col("new") != pl.col("old"))


def _count(ids: pl.Series, names: pl.DataFrame) -> int:
    return int(ids.is_in(names["old"].implode()).sum())


def _spelt(frame: pl.DataFrame, columns: Iterable[str], names: pl.DataFrame) -> pl.DataFrame:
    for column in columns:
        frame = renamed(frame, column, names)
    return frame


# Rows that no graph may hold


def _sound_nodes(nodes: pl.DataFrame, schema: Schema, aside: Quarantine) -> pl.DataFrame:
    """The nodes with a CURIE and a known kind, of one kind for each identifier."""
    nodes = complete_nodes(nodes)
    curie = nodes["id"].map_elements(is_curie, return_dtype=pl.Boolean, skip_nulls=True)
    problem = (
        pl.when(~curie.fill_null(False))
        .then(pl.lit(NO_CURIE))
        .when(~pl.col("kind").is_in(list(schema.kinds)).fill_null(False))
        .then(pl.lit("unknown kind"))
    )
    nodes = _without(nodes, problem, aside)
    other = pl.col("kind") != pl.col("kind").first().over("id")
    return _without(nodes, pl.when(other).then(pl.lit("identifier of two kinds")), aside)


def _sound_evidence(
    evidence: pl.DataFrame, nodes: pl.DataFrame, schema: Schema, aside: Quarantine
) -> pl.DataFrame:
    """The evidence of known relations between nodes of the right kinds."""
    joins = [(r.name, *pair, True) for r in schema.relations.values() for pair in r.joins]
    allowed = pl.DataFrame(joins, schema=["relation", "_head", "_tail", "_allowed"], orient="row")
    kinds = nodes.select("id", "kind")
    with_kinds = (
        evidence.join(kinds.rename({"id": "subject", "kind": "_head"}), on="subject", how="left")
        .join(kinds.rename({"id": "object", "kind": "_tail"}), on="object", how="left")
        .join(allowed, on=["relation", "_head", "_tail"], how="left", maintain_order="left")
    )
    originals = [
        pl.coalesce(f"original_{end}", end).alias(f"_{end}") for end in ("subject", "object")
    ]
    problem = (
        pl.when(~pl.col("relation").is_in(list(schema.relations)).fill_null(False))
        .then(pl.lit("unknown relation"))
        .when(pl.any_horizontal(pl.col("_head", "_tail").is_null()))
        .then(pl.lit("dangling end"))
        .when(pl.col("_allowed").is_null())
        .then(pl.lit("ends of the wrong kinds"))
        .when(pl.any_horizontal(wrong_values().values()))
        .then(pl.lit("value out of range"))
        .when((pl.col("subject") == pl.col("object")) & (originals[0] != originals[1]))
        .then(pl.lit("edge to itself by merging"))
    )
    return _without(with_kinds, problem, aside).select(evidence.columns)


def _without(frame: pl.DataFrame, problem: pl.Expr, aside: Quarantine) -> pl.DataFrame:
    """The rows that have no problem; the others are set aside with it as the reason."""
    frame = frame.with_columns(_problem=problem)
    for (reason,), rows in frame.filter(pl.col("_problem").is_not_null()).group_by(
        "_problem", maintain_order=True
    ):
        _set_aside(rows, str(reason), aside)
    return frame.filter(pl.col("_problem").is_null()).drop("_problem")


def _set_aside(rows: pl.DataFrame, reason: str, aside: Quarantine) -> None:
    # A row as JSON, so that it can be put back; sentences may not leave the graph.
    shown = [name for name in rows.columns if name != "sentence" and not name.startswith("_")]
    for row in rows.select(shown).iter_rows(named=True):
        given = {name: value for name, value in row.items() if value not in (None, [])}
        aside.add(reason, path="", row=json.dumps(given, ensure_ascii=False))


def _changed(kg: KnowledgeGraph, edges: pl.DataFrame) -> int:
    """How many edges the graph hasn't, or not with so many pieces of evidence."""
    before = kg.scan("edges").select("id", "evidence_count").collect()
    after = edges.select("id", "evidence_count")
    gone = before.join(after, on="id", how="anti").height
    return gone + after.join(before, on=["id", "evidence_count"], how="anti").height
