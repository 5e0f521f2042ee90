"""What a link model says of given pairs, such as those of one's own experiment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from ...core.errors import DataError, MissingError
from .candidate_ranks import CandidateRanks, Standing
from .task import LinkTask

# An end of a pair: the number of its node, or why it has none.
End = int | str

_ENDS = {"head": pl.String, "tail": pl.String}
_COLUMNS = {
    "head": pl.String,
    "tail": pl.String,
    "relation": pl.String,
    "known": pl.Boolean,
    "rank": pl.UInt32,
    "score": pl.Float64,
    "probability": pl.Float64,
    "note": pl.String,
}


def pairs_frame(pairs: pl.DataFrame | Iterable[tuple[str | None, str | None]]) -> pl.DataFrame:
    """Pairs as a frame of columns head and tail, both text.

    Raises:
        DataError: a frame lacks one of them, or what is given are no pairs.
    """
    if not isinstance(pairs, pl.DataFrame):
        if hasattr(pairs, "columns"):
            raise DataError("pairs are no polars frame; give polars.from_pandas(pairs)")
        rows = list(pairs)
        for number, pair in enumerate(rows):
            is_pair = isinstance(pair, list | tuple) and len(pair) == len(_ENDS)
            if not is_pair or not all(isinstance(end, str | None) for end in pair):
                raise DataError(f"pair {number} is no pair of head and tail: {pair!r}")
        return pl.DataFrame(rows, schema=_ENDS, orient="row")
    if missing := {"head", "tail"}.difference(pairs.columns):
        there = ", ".join(pairs.columns)
        raise DataError(f"pairs need columns head and tail; no {' and no '.join(sorted(missing))}"
                        f" among {there}")  # fmt: skip
    return pairs.select(pl.col("head", "tail").cast(pl.String))


def scored_pairs(
    given: pl.DataFrame,
    heads: Sequence[End],
    tails: Sequence[End],
    ranks: CandidateRanks,
    task: LinkTask,
) -> pl.DataFrame:
    """Rank, score and probability of pairs, in their order.

    Args:
        given: columns head and tail, as they were given.
        heads, tails: the ends of each.

    Returns:
        Columns head, tail (identifiers, or what was given where there is no such node), relation,
        known, rank, score, probability, note (why what is null is so).
    """
    numbered = [
        (row, head, tail)
        for row, (head, tail) in enumerate(zip(heads, tails, strict=True))
        if isinstance(head, int) and isinstance(tail, int)
    ]
    standings = ranks.of_pairs([(head, tail) for _, head, tail in numbered])
    lines: list[dict[str, object]] = [
        {
            "head": task.heads[head] if isinstance(head, int) else texts[0],
            "tail": task.tails[tail] if isinstance(tail, int) else texts[1],
            "relation": task.edge_type[1],
            "note": "; ".join(end for end in (head, tail) if isinstance(end, str)) or None,
        }
        for head, tail, texts in zip(heads, tails, given.iter_rows(), strict=True)
    ]
    for (row, head, tail), standing in zip(numbered, standings, strict=True):
        lines[row]["known"] = ranks.is_recorded(head, tail)
        lines[row] |= standing._asdict() if isinstance(standing, Standing) else {"note": standing}
    return pl.DataFrame(lines, schema=_COLUMNS)


def named_queries(
    head: str | None, tail: str | None, heads: Sequence[str] | None, tails: Sequence[str] | None
) -> tuple[str, Sequence[str]]:
    """What is to be ranked, `tail` or `head`, and for which entities, of which one is given.

    Raises:
        MissingError: none or several are given, or a name in place of a list.
    """
    given = [
        ("head", "tail", None if head is None else [head]),
        ("tail", "head", None if tail is None else [tail]),
        ("heads", "tail", heads),
        ("tails", "head", tails),
    ]
    named = [(name, direction, texts) for name, direction, texts in given if texts is not None]
    if not named:
        raise MissingError("give a head, a tail, heads or tails to predict for")
    if len(named) > 1:
        names = " and ".join(name for name, *_ in named)
        raise MissingError(f"give one of {names} to predict the other ends; score is of pairs")
    _, direction, texts = named[0]
    if isinstance(texts, str):
        raise MissingError(f"heads and tails are lists: [{texts!r}]")
    if any(not isinstance(text, str) for text in texts):
        raise MissingError("head and tail are one name each; give several as heads or tails")
    return direction, texts
