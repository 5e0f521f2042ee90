"""What patients and plain notes call a phenotype or a drug, beside the names of ontologies."""

from __future__ import annotations

from functools import cache
from importlib import resources

import polars as pl

from ..graph.kg import KnowledgeGraph
from ..graph.languages import name_property

_TABLE = "data/lay_names.tsv"
_CHINESE = "data/lay_names_zh.tsv"


@cache
def lay_names(file: str = _TABLE) -> pl.DataFrame:
    """Phenotypes and drugs (`id`) and the lay names known of each (`words`, a list)."""
    table = resources.files("medkg.extract").joinpath(file).read_bytes()
    rows = pl.read_csv(table, separator="\t", comment_prefix="#", quote_char=None)
    return rows.select("id", pl.col("words").str.split("; "))


def with_lay_names(terminology: KnowledgeGraph) -> KnowledgeGraph:
    """The graph with lay names as further synonyms of its phenotypes and drugs.

    Chinese ones too, of those that have a Chinese name.
    """
    nodes = terminology.nodes
    is_chinese = pl.col("properties").str.contains(f'"{name_property("zh")}"', literal=True)
    for rows, table in ((nodes, _TABLE), (nodes.filter(is_chinese), _CHINESE)):
        more = rows.select("id").join(lay_names(table), on="id")
        more = nodes.join(more, on="id").select(
            "id", synonyms=pl.concat_list(pl.col("synonyms").fill_null([]), "words")
        )
        nodes = nodes.update(more, on="id")
    return terminology.with_frames(nodes=nodes)
