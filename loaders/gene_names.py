"""Every name of the genes that a graph has, from the table that comes with medkg."""

from __future__ import annotations

import polars as pl

from ..graph.kg import KnowledgeGraph
from .hgnc import PREFIXES, gene_table

# Identifiers that say which gene it is; one of another species' has no row in the table.
_OF_GENES = ("HGNC:", "NCBIGene:", "ENSEMBL:")


def with_gene_names(kg: KnowledgeGraph) -> KnowledgeGraph:
    """The graph with HGNC's names of its Targets as further synonyms.

    A target is a gene by its identifier or cross-references, where these name one gene alone; one
    that has none of HGNC's, NCBI's and Ensembl's is the gene whose approved symbol is its name.
    """
    targets = kg.scan("nodes").filter(kind="Target").select("id", "name", "synonyms", "xrefs")
    nodes = targets.collect()
    if nodes.is_empty():
        return kg
    named = _genes_of(nodes).join(gene_table().select(gene="id", more="synonyms"), on="gene")
    more = nodes.join(named, on="id").select(
        "id",
        synonyms=pl.concat_list(pl.col("synonyms").fill_null([]), "more", pl.col("symbol"))
        .list.unique(maintain_order=True)
        .list.set_difference(pl.concat_list("name")),
    )
    return kg.with_frames(nodes=kg.nodes.update(more, on="id"))


def _genes_of(targets: pl.DataFrame) -> pl.DataFrame:
    """The gene (`gene`, `symbol`) of each target (`id`) that is one."""
    genes = gene_table()
    references = pl.concat(
        [
            genes.select("symbol", gene="id", reference="id"),
            *(
                genes.select("symbol", gene="id", reference=pl.lit(f"{prefix}:") + pl.col(column))
                for column, prefix in PREFIXES.items()
            ),
        ]
    ).drop_nulls("reference")
    own = targets.select("id", reference=pl.concat_list("id", pl.col("xrefs").fill_null([])))
    own = own.explode("reference")
    by_reference = own.join(references, on="reference").select("id", "gene", "symbol").unique()
    identified = own.filter(
        pl.any_horizontal(pl.col("reference").str.starts_with(prefix) for prefix in _OF_GENES)
    )
    by_symbol = (
        targets.join(identified, on="id", how="anti")
        .join(genes, left_on="name", right_on="symbol")
        .select("id", gene="id_right", symbol="name")
    )
    of_targets = pl.concat([by_reference, by_symbol]).unique()
    return of_targets.filter(pl.len().over("id") == 1)
