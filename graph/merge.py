"""Joining graphs: the same identifier, a cross-reference, or a gene's approved symbol."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise

import networkx as nx
import polars as pl

from .frames import MERGES, complete_evidence, complete_nodes, conform, edges_from, empty
from .kg import KnowledgeGraph
from .schema import Schema


def merge(*graphs: KnowledgeGraph) -> KnowledgeGraph:
    """One graph of several; no piece of evidence is lost, none is counted twice.

    Nodes of one kind become one where they have the same identifier, where a cross-reference joins
    them one to one, or, for targets, where their names are the same approved symbol. The
    identifier whose prefix the schema prefers stays; the name is the earliest graph's. A
    cross-reference to several identifiers of one prefix joins nothing. Where two graphs use one
    identifier for nodes of two kinds, the later's becomes `identifier#Kind`. `merges` records each
    of these with its reason.

    Args:
        graphs: at least one; the earlier ones' names and properties go before the later ones'.
    """
    schema = graphs[0].schema
    separated = _of_one_kind(graphs)
    nodes, became, merges = _joined_to_the_end(_rename_nodes(graphs, separated), schema)
    evidence = pl.concat(
        _renamed(_renamed(graph.evidence, "subject", names), "object", names)
        for graph, names in zip(graphs, separated, strict=True)
    )
    predictions = pl.concat(
        _renamed(_renamed(graph.predictions, "head", names), "tail", names)
        for graph, names in zip(graphs, separated, strict=True)
    )
    evidence = _renamed(_renamed(evidence, "subject", became), "object", became)
    predictions = _renamed(_renamed(predictions, "head", became), "tail", became)
    evidence = complete_evidence(evidence, schema)
    sources = {source for graph in graphs for source in graph.sources}
    frames = {
        "nodes": nodes,
        "edges": edges_from(evidence, sorted(sources), schema),
        "evidence": evidence,
        "predictions": predictions.unique(
            ["model", "head", "relation", "tail"], keep="last", maintain_order=True
        ).sort("model", "head", "relation", "tail"),
        "merges": pl.concat(
            [graph.merges for graph in graphs] + _kind_clashes(separated) + [merges]
        )
        .unique()
        .sort(*MERGES),
    }
    return KnowledgeGraph(frames, sources, schema)


def _joined_to_the_end(
    stacked: pl.DataFrame, schema: Schema
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Join until nothing is left to join: a joined node has the cross-references of both.

    Returns:
        The nodes, which identifier became which, and the rows of `merges`.
    """
    became = stacked.clear().select("kind", old="id", new="id")
    nodes = _joined(stacked, became)
    applied: list[pl.DataFrame] = []
    while True:
        merges = _equivalences(nodes, schema)
        step = merges.filter("applied").select("kind", old="merged", new="kept")
        if step.is_empty():
            return nodes, became, pl.concat([*applied, merges])
        applied.append(merges.filter("applied"))
        nodes = _joined(nodes.with_columns(_order=pl.lit(0)), step)
        became = pl.concat([_renamed(became, "new", step), step])


def _of_one_kind(graphs: tuple[KnowledgeGraph, ...]) -> list[pl.DataFrame]:
    """For each graph the identifiers to rename, since an earlier graph has them as another kind."""
    first = empty({"id": pl.String, "first": pl.String})
    renames = []
    for graph in graphs:
        clashes = graph.nodes.join(first, on="id").filter(pl.col("kind") != pl.col("first"))
        renames.append(
            clashes.select("kind", old="id", new=pl.concat_str("id", pl.lit("#"), "kind"))
        )
        first = pl.concat([first, graph.nodes.select("id", first="kind")]).unique(
            "id", keep="first", maintain_order=True
        )
    return renames


def _kind_clashes(separated: list[pl.DataFrame]) -> list[pl.DataFrame]:
    return [
        conform(
            names.select(
                "kind",
                kept="new",
                merged="old",
                reason=pl.lit("identifier of two kinds"),
                applied=pl.lit(False),
            ),
            MERGES,
        )
        for names in separated
    ]


def _renamed(frame: pl.DataFrame, column: str, names: pl.DataFrame) -> pl.DataFrame:
    if names.is_empty():
        return frame
    names = names.select(_old_name="old", _new_name="new")
    joined = frame.join(names, left_on=column, right_on="_old_name", how="left")
    return joined.with_columns(pl.coalesce("_new_name", column).alias(column)).drop("_new_name")


def _rename_nodes(
    graphs: tuple[KnowledgeGraph, ...], separated: list[pl.DataFrame]
) -> pl.DataFrame:
    return pl.concat(
        _renamed(graph.nodes, "id", names).with_columns(_order=pl.lit(order))
        for order, (graph, names) in enumerate(zip(graphs, separated, strict=True))
    )


def _equivalences(nodes: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Which identifiers become which, and which were held back, as a merges frame."""
    keys = pl.concat(
        [
            nodes.select("kind", "id", key="id"),
            nodes.select("kind", "id", key="xrefs").explode("key").drop_nulls(),
            nodes.filter(kind="Target").select(
                "kind", "id", key=pl.lit("symbol ") + pl.col("name")
            ),
        ]
    ).unique()
    keys = keys.filter(pl.len().over("kind", "key") > 1).with_columns(
        prefix=pl.col("id").str.split(":").list.first()
    )
    # Two identifiers of one prefix are two things to whoever gave them.
    pairs = (
        keys.join(keys, on=["kind", "key"], suffix="_2")
        .filter(pl.col("prefix") != pl.col("prefix_2"))
        .sort("key")
        .unique(["id", "id_2"], keep="first", maintain_order=True)
        .with_columns(one=pl.len().over("id", "prefix_2") == 1)
        .with_columns(mutual=pl.col("one") & (pl.len().over("id_2", "prefix") == 1))
        .filter(pl.col("id") < pl.col("id_2"))
        .sort("id", "id_2")
    )
    rows: list[tuple[str, str, str, str, bool]] = [
        (one, other, kind, f"{key} joins several of one prefix", False)
        for one, other, kind, key in pairs.filter(~pl.col("mutual"))
        .select("id", "id_2", "kind", "key")
        .iter_rows()
    ]
    links = nx.Graph()
    for one, other, kind, key in (
        pairs.filter("mutual").select("id", "id_2", "kind", "key").iter_rows()
    ):
        links.add_edge(one, other, kind=kind, key=key)
    for group in nx.connected_components(links):
        some = next(iter(links.edges(group, data=True)))[2]
        preferred = schema.kind(some["kind"]).prefixes
        prefixes = [identifier.split(":")[0] for identifier in group]
        order = {prefix: place for place, prefix in enumerate(preferred)}
        kept, *others = sorted(group, key=lambda i: (order.get(i.split(":")[0], len(preferred)), i))
        whole = len(set(prefixes)) == len(prefixes)
        for other in others:
            path = nx.shortest_path(links, kept, other)
            via = " and ".join(dict.fromkeys(links.edges[a, b]["key"] for a, b in pairwise(path)))
            reason = f"joined by {via}" if whole else f"{via} would join two of one prefix"
            rows.append((kept, other, some["kind"], reason, whole))
    return pl.DataFrame(rows, schema=dict(MERGES), orient="row")


def _joined(stacked: pl.DataFrame, became: pl.DataFrame) -> pl.DataFrame:
    """One row for each identifier that stays; the others' names and identifiers are kept in it."""
    nodes = _renamed(stacked.with_columns(_old=pl.col("id")), "id", became)
    alone = pl.col("id").is_unique()
    several = (
        nodes.filter(~alone)
        # A name that only repeats the identifier is no name.
        .sort("id", pl.col("name") == pl.col("_old"), "_order", maintain_order=True)
        .with_columns(
            synonyms=pl.concat_list("name", "synonyms"), xrefs=pl.concat_list("_old", "xrefs")
        )
        .group_by("id", maintain_order=True)
        .agg(
            pl.col("kind", "name").first(),
            pl.col("synonyms", "xrefs").explode().drop_nulls().unique(),
            pl.col("properties").drop_nulls(),
        )
        .with_columns(
            pl.col("synonyms").list.set_difference(pl.concat_list("name")),
            pl.col("xrefs").list.set_difference(pl.concat_list("id")),
        )
    )
    texts = [_union(objects) for objects in several["properties"]]
    several = several.with_columns(properties=pl.Series(texts, dtype=pl.String))
    columns = ["id", "kind", "name", "synonyms", "xrefs", "properties"]
    single = nodes.filter(alone).select(columns)
    return complete_nodes(pl.concat([single, several.select(columns)])).sort("id")


def _union(objects: Iterable[str]) -> str | None:
    """One JSON object of several, the earlier ones' values going before."""
    union: dict[str, object] = {}
    for text in objects:
        union = {**json.loads(text), **union}
    return json.dumps(union, ensure_ascii=False, sort_keys=True) if union else None
