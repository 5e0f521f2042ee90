"""Counterparts: nodes of a graph that other sources hold under another identifier."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import polars as pl

from ...graph.identifiers import name_key
from ...graph.kg import KnowledgeGraph


class Counterparts:
    """Which nodes have the same name or cross-reference, of unmerged sources.

    A key is a name, a synonym or an identifier that a node has. It is `broad` where several nodes
    of one kind, prefix and different names have it (a chapter of ICD), so that it is of a group and
    not of one of them.
    """

    def __init__(self, kg: KnowledgeGraph):
        self._kg = kg

    @cached_property
    def finding_keys(self) -> pl.DataFrame:
        """Of diseases and symptoms: id, kind, key, broad."""
        return self._keys(["Disease", "Symptom"])

    @cached_property
    def drug_keys(self) -> pl.DataFrame:
        """Of drugs and their classes: id, kind, key, broad.

        Without the plural's s: a class is called penicillins, an allergy to it penicillin.
        """
        keys = self._keys(["Drug", "DrugClass"])
        is_name = ~pl.col("key").str.contains(":", literal=True)  # and no identifier
        singular = pl.col("key").str.strip_suffix("s")
        return keys.with_columns(key=pl.when(is_name).then(singular).otherwise(pl.col("key")))

    def _keys(self, kinds: Sequence[str]) -> pl.DataFrame:
        nodes = self._kg.nodes.filter(pl.col("kind").is_in(list(kinds)))
        names = nodes.select("id", "kind", key=name_key(pl.col("name")))
        synonyms = (
            nodes.select("id", "kind", key="synonyms")
            .explode("key")
            .drop_nulls()
            .with_columns(key=name_key(pl.col("key")))
        )
        xrefs = nodes.select("id", "kind", key="xrefs").explode("key").drop_nulls()
        own = nodes.select("id", "kind", key="id")
        shown_name = pl.when(pl.col("name_key") != "").then("name_key").otherwise("id")
        broad = (
            pl.concat([xrefs, own])
            .join(nodes.select("id", name=shown_name), on="id")
            .group_by("key", "kind", prefix=pl.col("id").str.extract(r"^([^:]*):"))
            .agg(pl.col("name").n_unique())
            .filter(pl.col("name") > 1)
        )
        keys = pl.concat([names, synonyms, xrefs, own]).filter(pl.col("key") != "").unique()
        return keys.with_columns(broad=pl.col("key").is_in(broad["key"].unique().implode()))


def counterparts_of(nodes: Sequence[str], keys: pl.DataFrame) -> dict[str, tuple[str, bool]]:
    """Other nodes that share a key with one of these.

    Args:
        keys: `Counterparts.finding_keys` or `drug_keys`.

    Returns:
        By identifier of the other node: which of `nodes` it is the counterpart of, and whether
        they share broad keys alone.
    """
    if not nodes:
        return {}
    own = keys.filter(pl.col("id").is_in(list(nodes)))
    shared = (
        own.join(keys, on="key", suffix="_other")
        .filter(~pl.col("id_other").is_in(list(nodes)))
        .sort("broad", "id", "id_other")
        .unique("id_other", keep="first", maintain_order=True)
    )
    return {
        other: (node, broad)
        for other, node, broad in shared.select("id_other", "id", "broad").iter_rows()
    }
