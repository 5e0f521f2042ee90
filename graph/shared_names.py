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
    own_names, synonyms = _names(own)
    all_names = pl.concat([own_names, synonyms]).unique()
    of_mondo = (
        all_names.filter(kind="Disease")
        .join(_disease_terms().select("id", "term"), on="id")
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


def name_agreement(own: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of nodes that have a name in common, and how good a sign that is.

    Args:
        own: the nodes' own rows.
        pairs: `id` and `id_2`.

    Returns:
        `id`, `id_2`, `agreement` (2: it is both nodes' own name, 1: it is one's) and `name`.
    """
    members = pl.concat([pairs["id"], pairs["id_2"]]).unique().to_frame("id")
    own_names, synonyms = _names(own.join(members, on="id", how="semi"))
    names = pl.concat([own_names.with_columns(own=pl.lit(1)), synonyms.with_columns(own=pl.lit(0))])
    names = names.group_by("id", "name").agg(pl.col("own").max())
    return (
        pairs.select("id", "id_2")
        .join(names, on="id")
        .join(names, left_on=["id_2", "name"], right_on=["id", "name"], suffix="_2")
        .select("id", "id_2", "name", agreement=pl.col("own") + pl.col("own_2"))
        .filter(pl.col("agreement") > 0)
        .sort("agreement", "name", descending=[True, False])
        .unique(["id", "id_2"], keep="first", maintain_order=True)
    )


def pairs_of_one_name(own: pl.DataFrame) -> pl.DataFrame:
    """Pairs of nodes of one kind and different prefixes whose own names are the same.

    Returns:
        `kind`, `id`, `id_2` (the first the smaller) and `name`.
    """
    names, _ = _names(own)
    names = names.filter(pl.len().over("kind", "name") > 1)
    prefix, prefix_2 = (pl.col(end).str.split(":").list.first() for end in ("id", "id_2"))
    pairs = names.join(names, on=["kind", "name"], suffix="_2")
    return pairs.filter(pl.col("id") < pl.col("id_2"), prefix != prefix_2).sort("id", "id_2")


def two_to_mondo(one: str, other: str) -> bool:
    """Whether Mondo refers to both diseases, by no term that refers to both."""
    terms, others = (_terms_by_disease().get(disease) for disease in (one, other))
    return terms is not None and others is not None and not terms & others


def one_to_mondo(diseases: pl.Series) -> pl.DataFrame:
    """Pairs of these identifiers that one term of Mondo refers to, as to one disease.

    Only where the term refers to no other identifier of either's vocabulary, and no other term to
    them: else one of them is wider.

    Returns:
        `id` and `id_2` (the first the smaller).
    """
    terms = (
        _disease_terms()
        .select("id", "term")
        .with_columns(prefix=pl.col("id").str.extract("^([^:]*):"))
    )
    alone = pl.len().over("id") == 1, pl.len().over("term", "prefix") == 1
    terms = terms.filter(*alone).filter(pl.col("id").is_in(diseases.implode()))
    pairs = terms.join(terms, on="term", suffix="_2").filter(pl.col("id") < pl.col("id_2"))
    return pairs.select("id", "id_2").sort("id", "id_2")


def has_forms(disease: str) -> bool:
    """Whether OMIM has numbers for forms of a disease, by what Mondo lists below it."""
    return disease in _diseases_with_forms()


def _names(own: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The usable names that nodes of these kinds have as their own, and as synonyms."""
    nodes = own.filter(pl.col("kind").is_in(_KINDS)).select("kind", "id", "name", "synonyms")
    own_names = nodes.select("kind", "id", name=_key(pl.col("name"))).filter(_is_usable)
    synonyms = nodes.select("kind", "id", name="synonyms").explode("name").drop_nulls()
    return own_names, synonyms.with_columns(name=_key(pl.col("name"))).filter(_is_usable)


def _key(name: pl.Expr) -> pl.Expr:
    """A name's letters and digits, without the ending of a plural."""
    return compact_key(name).str.replace(r"(ies|es|y|s)$", "")


_is_usable = pl.col("name").str.len_chars().is_between(4, _LONGEST)


@cache
def _disease_terms() -> pl.DataFrame:
    """Identifiers of diseases, the term of Mondo that refers to each, and how many `forms` it has.

    Forms are narrower terms that refer to OMIM.
    """
    file = Path(__file__).parent / "data" / "disease_terms.tsv.xz"
    return pl.read_csv(lzma.decompress(file.read_bytes()), separator="\t")


@cache
def _terms_by_disease() -> dict[str, frozenset[str]]:
    grouped = _disease_terms().group_by("id").agg("term")
    return {disease: frozenset(terms) for disease, terms in grouped.iter_rows()}


@cache
def _diseases_with_forms() -> frozenset[str]:
    return frozenset(_disease_terms().filter(pl.col("forms") > 0)["id"])
