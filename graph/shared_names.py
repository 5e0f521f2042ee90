"""Nodes that have the same name, and a second sign that they are the same thing.

An equal name alone says little: a gene's disease and that disease's subtype, or a finding and a
syndrome, are often called the same.
"""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path

import polars as pl

from .identifiers import compact_key

# Kinds whose names sources choose for themselves; of targets the symbol counts.
_KINDS = ("Disease", "Symptom", "Drug")
_LONGEST = 60  # letters; longer names are hardly given twice
_COLUMNS = ("kind", "id", "key")


def keys_of_names(own: pl.DataFrame) -> pl.DataFrame:
    """What nodes have in common with others that have their name: `kind`, `id` and `key`.

    Two nodes share a key where they share a name, and either Mondo refers to both as one disease,
    or they share a second name, and one of the two names is the node's own. A plural is no second
    name.

    Args:
        own: the nodes' own rows, `id`, `kind`, `name` and `synonyms` among them.
    """
    nodes = own.filter(pl.col("kind").is_in(_KINDS)).select("kind", "id", "name", "synonyms")
    own_names = nodes.select("kind", "id", name=_key(pl.col("name"))).filter(_is_usable)
    synonyms = nodes.select("kind", "id", synonym="synonyms").explode("synonym").drop_nulls()
    others = synonyms.with_columns(synonym=_key(pl.col("synonym"))).rename({"synonym": "name"})
    all_names = pl.concat([own_names, others.filter(_is_usable)]).unique()
    of_mondo = (
        all_names.filter(kind="Disease")
        .join(_disease_terms(), on="id")
        .with_columns(key=pl.format("{} and the name {}", "term", "name"))
    )
    second = own_names.join(all_names, on=["kind", "id"], suffix="_2").filter(
        pl.col("name") != pl.col("name_2")
    )
    first, last = (
        pl.min_horizontal("name", "name_2"),
        pl.max_horizontal("name", "name_2"),
    )
    of_names = second.with_columns(key=pl.format("the names {} and {}", first, last))
    return pl.concat([of_mondo.select(_COLUMNS), of_names.select(_COLUMNS)]).unique()


def _key(name: pl.Expr) -> pl.Expr:
    """A name's letters and digits, without the ending of a plural."""
    return compact_key(name).str.replace(r"(ies|es|y|s)$", "")


_is_usable = pl.col("name").str.len_chars().is_between(4, _LONGEST)


@cache
def _disease_terms() -> pl.DataFrame:
    """Identifiers of diseases (`id`) and the term of Mondo that refers to them (`term`)."""
    file = Path(__file__).parent / "data" / "disease_terms.tsv.xz"
    return pl.read_csv(lzma.decompress(file.read_bytes()), separator="\t")
