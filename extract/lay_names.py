"""What patients and plain notes call a phenotype, beside the names that an ontology gives it."""

from __future__ import annotations

from functools import cache
from importlib import resources

import polars as pl

from ..graph.kg import KnowledgeGraph

_TABLE = "data/lay_names.tsv"


@cache
def lay_names() -> pl.DataFrame:
    """Phenotypes (`id`) and the lay names that this project knows of each (`words`, a list)."""
    table = resources.files("medkg.extract").joinpath(_TABLE).read_bytes()
    rows = pl.read_csv(table, separator="\t", comment_prefix="#", quote_char=None)
    return rows.select("id", pl.col("words").str.split("; "))


def with_lay_names(terminology: KnowledgeGraph) -> KnowledgeGraph:
    """The graph with lay names as further synonyms of its phenotypes."""
    nodes = terminology.nodes
    more = nodes.join(lay_names(), on="id").select(
        "id", synonyms=pl.concat_list(pl.col("synonyms").fill_null([]), "words")
    )
    return terminology.with_frames(nodes=nodes.update(more, on="id"))
