"""Nodes whose names are nearly the same, and so may be one thing: candidates for a person to check.

Names differ in the order of their words, in a plural, or in one letter.
"""

from __future__ import annotations

import polars as pl

from .identifiers import is_standard

# Shorter words differ by a letter without being misspelt.
_MIN_LENGTH = 6
# More words than these that share a half and stand beside the same words are names that somebody
# numbered with letters; to compare them all would take the square of their number.
_MAX_BLOCK = 1_000


def similar_names(nodes: pl.DataFrame) -> pl.DataFrame:
    """Pairs of nodes of one kind whose names differ in the order or number of their words, or by a
    letter in one word of at least six.

    Two identifiers of one published vocabulary whose names differ by a letter are left out: who
    gave them meant two things (adduction, abduction). So are words with digits, and the names of
    targets, which are symbols. Names with the same key (`name_key`) are the same, not nearly so.

    Compared are only names that share all words but one, and half of that word, so the time grows
    with the number of names, not with its square.

    Args:
        nodes: id, kind, name, name_key.

    Returns:
        kind, id, id_2, name, name_2 and in what they differ; the first identifier is the smaller.
    """
    named = nodes.filter(
        ~pl.col("kind").is_in(["Patient", "Document", "Target"]), pl.col("name_key") != ""
    ).select("kind", "id", "name", "name_key")
    pairs = pl.concat([_reordered(named), _misspelt(named)])
    return pairs.unique(["id", "id_2"], keep="first", maintain_order=True).sort(
        "kind", "id", "id_2"
    )


def _reordered(named: pl.DataFrame) -> pl.DataFrame:
    """Pairs of names that have the same words, in the singular, in another order."""
    singular = (
        pl.col("name_key")
        .str.replace_all(r"(\w{3,})ies\b", "${1}y")
        .str.replace_all(r"(\w{3,}[^siu\W])s\b", "${1}")
    )
    words = named.with_columns(words=singular.str.split(" ").list.sort().list.join(" "))
    words = words.filter(pl.len().over("kind", "words") > 1)
    # The order of numbers tells (1.0, 0.1).
    digits, digits_2 = (pl.col(c).str.replace_all(r"\D+", " ") for c in ("name_key", "name_key_2"))
    pairs = words.join(words, on=["kind", "words"], suffix="_2").filter(
        pl.col("id") < pl.col("id_2"),
        pl.col("name_key") != pl.col("name_key_2"),
        digits.str.strip_chars() == digits_2.str.strip_chars(),
    )
    return _pairs(pairs, "order or number of words")


def _misspelt(named: pl.DataFrame) -> pl.DataFrame:
    """Pairs of names that differ by a letter in one word."""
    # A node of the graph has one name; several nodes may have the same.
    keys = named.select("kind", "name_key").unique()
    close = _one_edit_apart(_candidates(_long_words(keys)))
    pairs = (
        close.join(named, on=["kind", "name_key"])
        .join(
            named.rename({"id": "id_2", "name": "name_2", "name_key": "name_key_2"}),
            on=["kind", "name_key_2"],
        )
        .filter(pl.col("id") != pl.col("id_2"))
    )
    prefix, prefix_2 = (pl.col(c).str.split(":").list.first() for c in ("id", "id_2"))
    standard = [p for p in named["id"].str.split(":").list.first().unique() if is_standard(p)]
    pairs = pairs.filter((prefix != prefix_2) | ~prefix.is_in(standard))
    is_reversed = pl.col("id") > pl.col("id_2")
    ends = (("id", "id_2"), ("name", "name_2"), ("id_2", "id"), ("name_2", "name"))
    ordered = (pl.when(is_reversed).then(other).otherwise(one).alias(one) for one, other in ends)
    return _pairs(pairs.with_columns(*ordered), "one letter")


def _long_words(keys: pl.DataFrame) -> pl.DataFrame:
    """Each word of a name that is long enough, with the name's other words (`rest`), sorted.

    Words are left out whose `rest` no other name of the kind has.
    """
    return (
        keys.with_columns(words=pl.col("name_key").str.split(" ").list.sort())
        .with_columns(word=pl.col("words").list.unique())
        .explode("word")
        .filter(pl.col("word").str.contains(rf"^\p{{L}}{{{_MIN_LENGTH},}}$"))
        .with_columns(
            rest=pl.col("words")
            .list.set_difference(pl.concat_list("word"))
            .list.sort()
            .list.join(" "),
            length=pl.col("word").str.len_chars(),
        )
        .drop("words")
        .filter(pl.len().over("kind", "rest") > 1)
    )


def _candidates(words: pl.DataFrame) -> pl.DataFrame:
    """Pairs of words beside the same rest that share a half, and so may differ by a letter.

    An edit leaves the first or the second half of a word as it is. A half is taken with one letter
    more or less too, as the lengths may differ by one.
    """
    half = pl.col("length") // 2
    halves = pl.concat(
        [
            *(words.with_columns(half=pl.col("word").str.head(half - n) + "-") for n in (0, 1)),
            *(words.with_columns(half="-" + pl.col("word").str.tail(half + n)) for n in (0, 1)),
        ]
    ).unique(["kind", "name_key", "word", "half"])
    block = ["kind", "rest", "half"]
    halves = halves.filter(pl.len().over(block).is_between(2, _MAX_BLOCK)).select(
        *block, "name_key", "word", "length"
    )
    length, length_2 = (pl.col(c).cast(pl.Int32) for c in ("length", "length_2"))
    return (
        halves.join(halves, on=block, suffix="_2")
        .filter(pl.col("word") < pl.col("word_2"), (length - length_2).abs() <= 1)
        .unique(["kind", "name_key", "name_key_2"])
    )


def _one_edit_apart(candidates: pl.DataFrame) -> pl.DataFrame:
    """The pairs of names whose words differ by one letter, added, lost, replaced or transposed."""
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import cpdist

    distance = cpdist(
        candidates["word"].to_list(),
        candidates["word_2"].to_list(),
        scorer=OSA.distance,
        score_cutoff=1,
    )
    return candidates.filter(pl.Series(distance == 1)).select("kind", "name_key", "name_key_2")


def _pairs(pairs: pl.DataFrame, differ: str) -> pl.DataFrame:
    return pairs.select("kind", "id", "id_2", "name", "name_2", differ=pl.lit(differ))
