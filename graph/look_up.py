"""The nodes that a text means: by identifier, reference, name, synonym, or another spelling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import polars as pl

from ..core.errors import MissingError
from .identifiers import CURIE, compact_key, compact_key_of, name_key, name_key_of

_LISTED = 8  # entities named where a text means several
_SUGGESTED = 3  # entities named where a text means none
_MIN_NAME_SIMILARITY = 75  # of suggested names, rapidfuzz's ratio from 0 to 100

# Runs a query over a graph's frames.
Collect = Callable[[pl.LazyFrame], pl.DataFrame]


@cache
def ordinary_words() -> frozenset[str]:
    """Words of everyday English that are names of genes too ("was", "cat", "rest")."""
    file = Path(__file__).parent / "data" / "ordinary_words.txt"
    text = file.read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if line[:1] != "#" for word in line.split())


def is_ordinary(text: str) -> bool:
    """Whether a text, as it is written, is an ordinary word rather than a gene of that name."""
    return text.strip().lower() in ordinary_words() and not text.isupper()


def look_up(nodes: pl.LazyFrame, merges: pl.LazyFrame, collect: Collect, text: str) -> pl.DataFrame:
    """The nodes that a text means, in the first of these ways that finds any.

    Their identifier; one that they had before merging; a cross-reference; their name; a synonym; a
    name or synonym in another spelling (`identifiers.compact_key`). A name in capital letters that
    is an ordinary word ("WAS") is meant only by a text in capital letters.
    """
    if CURIE.fullmatch(text):
        exact = collect(nodes.filter(pl.col("id") == text))
        if exact.height:
            return exact
        kept = merges.filter("applied", merged=text).select(id="kept").unique()
        became = collect(nodes.join(kept, on="id", how="semi"))
        if became.height:
            return became
        return collect(nodes.filter(pl.col("xrefs").list.contains(text)))
    for ids in _by_name(nodes, collect, text):
        if len(ids):
            return collect(nodes.filter(pl.col("id").is_in(ids.unique().sort().implode())))
    return collect(nodes.clear())


def _by_name(nodes: pl.LazyFrame, collect: Collect, text: str) -> Iterator[pl.Series]:
    """Identifiers of the nodes with a name, ever looser ways of comparing one after the other."""
    is_meant = pl.lit(True)
    if is_ordinary(text):
        in_capitals = pl.col("text").str.to_uppercase() == pl.col("text")
        is_meant = ~in_capitals
    key = name_key_of(text)
    own = nodes.select("id", "name_key", text="name")
    yield collect(own.filter(pl.col("name_key") == key, is_meant))["id"]
    synonyms = nodes.select("id", text="synonyms").explode("text").drop_nulls("text")
    # Keys are costly to make, so most synonyms are excluded by the longest word first; what
    # isn't ASCII may be written in several ways.
    word = max(key.split(), key=len, default="")
    may_match = pl.col("text").str.to_lowercase().str.contains(word, literal=True)
    may_match |= pl.col("text").str.contains(r"[^\x00-\x7F]")
    candidates = collect(synonyms.filter(may_match, is_meant))
    yield candidates.filter(name_key(pl.col("text")) == key)["id"]
    compact = compact_key_of(text)
    if compact:
        names = pl.concat([own.drop("name_key"), synonyms]).filter(is_meant)
        yield collect(names.filter(compact_key(pl.col("text")) == compact))["id"]


def resolve(
    nodes: pl.LazyFrame, merges: pl.LazyFrame, collect: Collect, text: str, kind: str | None
) -> str:
    """The one identifier that a text means; see `look_up`.

    Args:
        kind: what the nodes are called in a message; None: entities.

    Raises:
        MissingError: none, or several (they are listed).
    """
    matches = look_up(nodes, merges, collect, text)
    if matches.is_empty():
        suggestion = _suggestion(nodes, collect, text)
        raise MissingError(f"the graph has no {kind or 'entity'} {text!r}{suggestion}")
    if matches.height > 1:
        listed = ", ".join(f"{i} ({k}, {n})" for i, k, n, *_ in matches.head(_LISTED).iter_rows())
        raise MissingError(
            f"{text!r} may be {matches.height} entities: {listed}; give the identifier"
        )
    return str(matches["id"][0])


def _suggestion(nodes: pl.LazyFrame, collect: Collect, text: str) -> str:
    """The end of a message: nodes with names similar to a text, if there are any."""
    from rapidfuzz import process

    named = collect(nodes.select("id", "name", "name_key"))
    matches = process.extract(
        name_key_of(text),
        named["name_key"].to_list(),
        limit=_SUGGESTED,
        score_cutoff=_MIN_NAME_SIMILARITY,
    )
    names = [f"{named['name'][row]} ({named['id'][row]})" for _, _, row in matches]
    return f"; near: {', '.join(names)}" if names else ""
