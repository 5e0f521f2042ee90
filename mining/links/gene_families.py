"""The families of genes: FamPlex's, and those that HGNC's approved symbols and names tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import polars as pl
from scipy import sparse

from ...core.ranking import pair_matrix
from ...graph.kg import KnowledgeGraph
from ...loaders.hgnc import PREFIXES, gene_table, names_table

_LARGEST = 100  # genes; more have a sort of name in common, as zinc fingers, rather than a family
_BEGINNING = 3  # characters of a symbol, or all its letters before a number where these are fewer
_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau"
# Words by which members of a family are told apart, or that say that it is one.
_OF_MEMBERS = {*_GREEK.split(), "omega", "class", "type", "family", "subfamily", "subtype",
               "member", "subunit", "isoform", "chain", "of", "the", "and"}  # fmt: skip
_WORD = re.compile(r"[a-z0-9]+")
_ROMAN = re.compile(r"[ivx]+")


def gene_families(kg: KnowledgeGraph, kind: str, nodes: pl.Series) -> sparse.csr_matrix | None:
    """Which families genes are of, (nodes, families), 1 where one is; None where none is of any.

    A family is FamPlex's, or the genes whose approved names are the same but for what tells members
    apart ("5-hydroxytryptamine receptor 2A") and whose approved symbols begin alike; the longer
    that beginning, the closer (HTR, HTR2). So ACE2 is of ACE's family, and ACER3 is not.

    Args:
        nodes: identifiers of nodes of a kind. They are genes by these, by their cross-references,
            or by their names: symbols, approved or previous.
    """
    genes = _genes_of(kg.nodes.filter(kind=kind), nodes)
    members = genes.join(_members(), on="gene").select("row", "family")
    shared = members.filter(pl.len().over("family") > 1)
    if shared.is_empty():
        return None
    numbers = {family: n for n, family in enumerate(shared["family"].unique().sort())}
    families = shared["family"].replace_strict(numbers, return_dtype=pl.Int64)
    pairs = np.stack([shared["row"].to_numpy(), families.to_numpy()], 1)
    return pair_matrix(pairs.astype(np.int64), (len(nodes), len(numbers)))


def _genes_of(kinds_nodes: pl.DataFrame, nodes: pl.Series) -> pl.DataFrame:
    """Columns row (of `nodes`) and gene (HGNC's identifier), the first that fits."""
    keys = (
        nodes.to_frame("id")
        .with_row_index("row")
        .join(kinds_nodes.select("id", "name", "xrefs"), on="id")
        .select("row", key=pl.concat_list("id", "xrefs", pl.col("name").str.to_uppercase()))
        .explode("key")
    )
    return (
        keys.join(_keys(), on="key")
        .sort("row", "place")
        .unique("row", keep="first", maintain_order=True)
        .select("row", "gene")
    )


@cache
def _keys() -> pl.DataFrame:
    """What HGNC's genes are called by: columns key, gene, place (the less, the surer)."""
    genes = gene_table()
    lists = [
        pl.concat_list("id"),
        *(
            pl.col(column).str.split("|").list.eval(pl.lit(f"{prefix}:") + pl.element())
            for column, prefix in PREFIXES.items()
        ),
        pl.concat_list(pl.col("symbol").str.to_uppercase()),
        pl.col("previous").str.to_uppercase().str.split("|"),
    ]
    return pl.concat(
        genes.select(place=pl.lit(place), gene="id", key=keys).explode("key").drop_nulls()
        for place, keys in enumerate(lists)
    )


@cache
def _members() -> pl.DataFrame:
    """Columns gene and family, of families of no more than a hundred genes, no two of the same."""
    genes = gene_table().select("id", "symbol", "name").drop_nulls()
    by_name = [
        (gene, f"{beginning} {words}")
        for gene, symbol, name in genes.iter_rows()
        if (words := _family_name(name))
        for beginning in _beginnings(symbol.upper())
    ]
    of_famplex = (
        names_table("families.tsv.xz")
        .select(gene=pl.col("members").str.split("|"), family="id")
        .explode("gene")
        .drop_nulls()
    )
    named = pl.DataFrame(by_name, schema=of_famplex.schema, orient="row")
    members = pl.concat([named, of_famplex])
    small = members.filter(pl.len().over("family") <= _LARGEST)
    different = (
        small.sort("gene")
        .group_by("family", maintain_order=True)
        .agg(pl.col("gene").str.join("|").alias("genes"))
        .sort("family")
        .unique("genes", keep="first")
    )
    return small.join(different, on="family", how="semi")


def _family_name(approved: str) -> str:
    """An approved name without what tells a gene from others of its family.

    "cytochrome P450 family 2 subfamily C member 9" → "cytochrome"; empty where nothing is left.
    """
    kept: list[str] = []
    for word in _WORD.findall(re.split(r", | \(", approved, maxsplit=1)[0].lower()):
        has_number = any(character.isdigit() for character in word)
        numbered = word.isdigit() or (has_number and bool(kept))  # of "CD4 molecule" it's the name
        if not (numbered or len(word) == 1 or word in _OF_MEMBERS or _ROMAN.fullmatch(word)):
            kept.append(word)
    return " ".join(kept)


def _beginnings(symbol: str) -> Iterator[str]:
    """A symbol's beginnings that end in no number's midst: of CYP2C19 CYP, CYP2, CYP2C and all."""
    letters = len(symbol) - len(symbol.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    for end in range(max(1, min(_BEGINNING, letters)), len(symbol) + 1):
        if not (symbol[end - 1].isdigit() and symbol[end : end + 1].isdigit()):
            yield symbol[:end]
