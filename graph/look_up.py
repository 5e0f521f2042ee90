"""The nodes that a text means: by identifier, reference, name, synonym, or another spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.han import has_han, simplified
from ..core.whole_numbers import check_whole_number
from .identifiers import (
    CURIE,
    compact_key,
    compact_key_of,
    name_key,
    name_key_of,
    spellings_of_curie,
)

_LISTED = 8  # entities named where a text means several
SUGGESTED = 3  # entities named where a text means none
_MIN_LIKENESS = 75  # of suggested names, rapidfuzz's ratio from 0 to 100
_MOST_COMPARED = 200_000  # names whose letters are compared for a suggestion

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

    Their identifier; one that they had before merging; a cross-reference (all of these also where
    the prefix is spelt otherwise, `UniProt:P00533`); their name; a synonym; a name or synonym in
    another spelling (`identifiers.compact_key`), or in simplified characters where the text has
    traditional ones. A name in capital letters that is an ordinary word ("WAS") is meant only by a
    text in capital letters.

    Raises:
        DataError: it is no text.
    """
    if not isinstance(text, str):
        raise DataError(f"an identifier or a name is a text, not {text!r}")
    if CURIE.fullmatch(text):
        for curie in spellings_of_curie(text):
            kept = merges.filter("applied", merged=curie).select(id="kept").unique()
            for meant in (
                nodes.filter(pl.col("id") == curie),
                nodes.join(kept, on="id", how="semi"),
                nodes.filter(pl.col("xrefs").list.contains(curie)),
            ):
                matches = collect(meant)
                if matches.height:
                    return matches
        return collect(nodes.clear())
    for ids in chain.from_iterable(_by_name(nodes, collect, each) for each in _spellings(text)):
        if len(ids):
            return collect(nodes.filter(pl.col("id").is_in(ids.unique().sort().implode())))
    return collect(nodes.clear())


def _spellings(text: str) -> list[str]:
    """A text, and in traditional characters the same in simplified ones."""
    return list(dict.fromkeys((text, simplified(text))))


def _by_name(nodes: pl.LazyFrame, collect: Collect, text: str) -> Iterator[pl.Series]:
    """Identifiers of the nodes with a name, ever looser ways of comparing one after the other."""
    key = name_key_of(text)
    if not key:  # that of all names without a letter or digit
        return
    is_meant = pl.lit(True)
    if is_ordinary(text):
        in_capitals = pl.col("text").str.to_uppercase() == pl.col("text")
        is_meant = ~in_capitals
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


def check_hops(hops: int) -> int:
    """A number of hops as it is.

    Raises:
        DataError: it is no whole number, or below 0.
    """
    return check_whole_number("hops, how far to go,", hops, 0)


def resolve(
    nodes: pl.LazyFrame, merges: pl.LazyFrame, collect: Collect, text: str, kind: str | None
) -> str:
    """The one identifier that a text means; see `look_up`.

    Args:
        kind: of the node; None: any.

    Raises:
        MissingError: none, or several (they are listed).
    """
    of_kind = nodes if kind is None else nodes.filter(kind=kind)
    matches = look_up(of_kind, merges, collect, text)
    if matches.is_empty():
        elsewhere = matches if kind is None else look_up(nodes, merges, collect, text)
        rows = list(elsewhere.select("id", "kind", "name").iter_rows())
        near = alike(of_kind, collect, text, SUGGESTED)
        hint = may_be_meant(rows, near, text)
        if not hint and CURIE.fullmatch(text):
            known = pl.concat_list("id", pl.col("xrefs").fill_null([])).explode()
            prefixes = known.str.split(":").list.first().unique().alias("prefix")
            hint = about_prefixes(collect(of_kind.select(prefixes))["prefix"], text)
        raise MissingError(f"the graph has no {kind or 'entity'} {text!r}{hint}")
    if matches.height > 1:
        listed = ", ".join(f"{i} ({k}, {n})" for i, k, n, *_ in matches.head(_LISTED).iter_rows())
        raise MissingError(
            f"{text!r} may be {matches.height} entities: {listed}; give the identifier"
        )
    return str(matches["id"][0])


def may_be_meant(elsewhere: Sequence[tuple[str, str, str]], near: pl.DataFrame, text: str) -> str:
    """The end of a message: what a text that means no node may be meant for.

    Args:
        elsewhere: nodes (id, kind, name) that it means, of kinds that aren't asked for.
        near: nodes of the kind asked for with a name like it, see `alike`.
    """
    if not elsewhere:
        return suggestion(near, text)
    listed = [f"{name} ({id_}) is of kind {kind}" for id_, kind, name in elsewhere[:SUGGESTED]]
    return f"; {', '.join(listed)}" + ("" if near.is_empty() else suggestion(near, text))


def suggestion(near: pl.DataFrame, text: str) -> str:
    """The end of a message: nodes with a name like a text (see `alike`), if there are any."""
    listed = ", ".join(
        f"{name} ({id_})" if alike == name else f"{name} ({id_}: {alike})"
        for id_, name, alike in near.select("id", "name", "alike").iter_rows()
    )
    return f"; near: {listed}" if listed else about_chinese_names(text)


def about_prefixes(prefixes: Iterable[str], curie: str) -> str:
    """The end of a message: how the identifiers begin that are there, if none does as the CURIE."""
    there = sorted(prefixes)
    written = {spelt.partition(":")[0].lower() for spelt in spellings_of_curie(curie)}
    if not there or not written.isdisjoint(prefix.lower() for prefix in there):
        return ""
    listed = ", ".join([*(f"{each}:" for each in there[:_LISTED]), *["…"] * (len(there) > _LISTED)])
    return f"; identifiers here begin with {listed}; a name can be given instead"


def about_chinese_names(text: str) -> str:
    """The end of a message that a graph knows nothing of a text, if the text has Chinese in it."""
    if has_han(text):
        return "; Chinese names are those that a graph was loaded with: medkg load … --language zh"
    return ""


def alike(nodes: pl.LazyFrame, collect: Collect, text: str, most: int) -> pl.DataFrame:
    """The nodes with a name or synonym most like a text: id, name, and that name (`alike`).

    First come those whose identifier or cross-reference, without its prefix, it is.
    Likeness is rapidfuzz's ratio; of names in which all words of the text stand, more the fewer
    others they have, and always enough. Of the other names those are compared that aren't too long
    or short and have a third of the text unbroken, as any with two slips of a finger has, and no
    more of them than a message may take time for.
    """
    from rapidfuzz import fuzz, process

    written = text.strip().lower()
    third = len(written) // 3
    own = nodes.select("id", "name", "xrefs", alike="name")
    synonyms = nodes.select("id", "name", alike="synonyms").explode("alike")
    names = pl.concat([own.drop("xrefs"), synonyms]).drop_nulls("alike")
    if not third:
        return collect(names.clear())
    parts = [written[:third], written[third:-third], written[-third:]]
    identifiers = pl.concat_list("id", pl.col("xrefs").fill_null([]))
    is_meant = (
        identifiers.list.join(" ").str.to_lowercase().str.contains(rf":{re.escape(written)}(?: |$)")
    )
    without_prefix = collect(own.drop_nulls("alike").filter(is_meant)).select(
        "id", "name", "alike", likeness=100.0
    )
    words = written.split()
    may_be = pl.col("alike").str.contains_any(
        [*parts, max(words, key=len)], ascii_case_insensitive=True
    )
    length = pl.col("alike").str.len_chars()
    comparable = collect(names.filter(may_be)).with_columns(
        key=pl.col("alike").str.to_lowercase(), share=len(written) / length
    )
    holding = (
        comparable.filter(pl.col("key").str.contains(rf"\b{re.escape(word)}\b") for word in words)
        .with_columns(likeness=_MIN_LIKENESS + (100 - _MIN_LIKENESS) * pl.col("share"))
        .select("id", "name", "alike", "likeness")
    )
    # Below the least likeness whatever the letters, by their number.
    longest = 200 / _MIN_LIKENESS - 1
    near = comparable.filter(pl.col("share").is_between(1 / longest, longest)).head(_MOST_COMPARED)
    ratios = process.cdist([written], near["key"].to_list(), scorer=fuzz.ratio)[0]
    near = near.select("id", "name", "alike", likeness=pl.Series(ratios, dtype=pl.Float64))
    return (
        pl.concat([without_prefix, holding, near])
        .filter(pl.col("likeness") >= _MIN_LIKENESS)
        .sort(-pl.col("likeness"), length, "id", maintain_order=True)
        .unique("id", keep="first", maintain_order=True)
        .head(most)
        .select("id", "name", "alike")
    )
