"""Every name and identifier of the genes that a graph has, from the table that comes with medkg."""

from __future__ import annotations

from functools import cache

import polars as pl

from ..graph.kg import KnowledgeGraph
from .hgnc import PREFIXES, gene_table

# Identifiers that say which gene it is; one of another species' has no row in the table.
_OF_GENES = ("HGNC:", "NCBIGene:", "ENSEMBL:", "UniProtKB:")


def with_gene_names(kg: KnowledgeGraph) -> KnowledgeGraph:
    """The graph with HGNC's names of its Targets as further synonyms, and their cross-references.

    A target is a gene by its identifier or cross-references, where these name one gene alone; one
    that has none of HGNC's, NCBI's, Ensembl's and UniProt's is the gene whose approved symbol is
    its name, which gives it names and no references. References are those to HGNC, NCBI and
    UniProt; not to a protein that several genes encode.
    """
    targets = kg.scan("nodes").filter(kind="Target").select("id", "name", "synonyms", "xrefs")
    nodes = targets.collect()
    if nodes.is_empty():
        return kg
    genes = gene_table().select(gene="id", more="synonyms").join(_references(), on="gene")
    xrefs = pl.col("xrefs").fill_null([]).list.set_union("references")
    more = (
        nodes.join(_genes_of(nodes), on="id")
        .join(genes, on="gene")
        .select(
            "id",
            synonyms=pl.concat_list(pl.col("synonyms").fill_null([]), "more", pl.col("symbol"))
            .list.unique(maintain_order=True)
            .list.set_difference(pl.concat_list("name")),
            xrefs=pl.when("identified")
            .then(xrefs.list.set_difference(pl.concat_list("id")).list.sort())
            .otherwise("xrefs"),
        )
    )
    return kg.with_frames(nodes=kg.nodes.update(more, on="id"))


def _references() -> pl.DataFrame:
    """What refers to each `gene` and to no other: `references`."""
    rows = _identifiers().filter(pl.len().over("reference") == 1)
    return rows.group_by("gene").agg(references="reference")


def _genes_of(targets: pl.DataFrame) -> pl.DataFrame:
    """The gene (`gene`, `symbol`) of each target (`id`) that is one, and by what.

    `identified` says whether its identifier or a reference names the gene, or its symbol alone.
    """
    genes = gene_table()
    own = targets.select("id", reference=pl.concat_list("id", pl.col("xrefs").fill_null([])))
    own = own.explode("reference")
    by_reference = own.join(_identifiers(), on="reference").select("id", "gene", "symbol").unique()
    identified = own.filter(
        pl.any_horizontal(pl.col("reference").str.starts_with(prefix) for prefix in _OF_GENES)
    )
    by_symbol = (
        targets.join(identified, on="id", how="anti")
        .join(genes, left_on="name", right_on="symbol")
        .select("id", gene="id_right", symbol="name")
    )
    of_targets = pl.concat(
        [
            by_reference.with_columns(identified=pl.lit(True)),
            by_symbol.with_columns(identified=pl.lit(False)),
        ]
    )
    return of_targets.filter(pl.len().over("id") == 1)


@cache
def _identifiers() -> pl.DataFrame:
    """Every identifier (`reference`) of each `gene`, with its `symbol`."""
    genes = gene_table()
    references = [
        pl.col("id"),
        *(pl.lit(f"{prefix}:") + pl.col(column) for column, prefix in PREFIXES.items()),
    ]
    return pl.concat(
        [genes.select("symbol", gene="id", reference=each) for each in references]
    ).drop_nulls("reference")
