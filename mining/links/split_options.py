"""The options of splits of a relation's edges, checked, and as a split's report records them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypedDict

from ...core.errors import DataError

HOWS = ("random", "new-heads", "new-tails", "by-source", "by-date")


class SplitDates(TypedDict):
    """The dates of a split by date.

    Attributes:
        since: the cut-off, from which on edges are in the test, ISO 8601.
        earliest, latest: of the edges all of whose evidence has a date.
        rows: of the edges' evidence; `rows_without_date` of them have no date, and
            `edges_without_date` edges have at least one such row.
    """

    since: str
    earliest: str
    latest: str
    rows: int
    rows_without_date: int
    edges_without_date: int


@dataclass(frozen=True)
class SplitOptions:
    """How a relation's edges are split; see `split_links`.

    Raises:
        DataError: an unknown way, a value out of range, or an option of another way.
    """

    how: str
    seed: int
    share: float
    sources: tuple[str, ...]
    since: str | None
    without: tuple[str, ...]
    similarity: float

    def __post_init__(self) -> None:
        if self.how not in HOWS:
            raise DataError(f"unknown way to split {self.how!r}; there are {', '.join(HOWS)}")
        if self.since is not None and not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", self.since):
            raise DataError(f"a date is written 2020, 2020-05 or 2020-05-31, not {self.since!r}")
        if not 0 < self.share < 0.5:
            raise DataError(f"share is between 0 and 0.5, not {self.share}")
        for value, name, ways in (
            (self.sources, "sources", ("by-source",)),
            (self.since, "since", ("by-date",)),
            (self.without, "without", ("new-heads", "new-tails")),
        ):
            if value and self.how not in ways:
                raise DataError(f"{name} is for {' and '.join(ways)}, not for {self.how}")

    def recorded(self, dates: SplitDates | None) -> dict[str, object]:
        """The options as the split's report has them, with the dates of a split by date."""
        return {
            "how": self.how,
            "seed": self.seed,
            "share": self.share,
            **({"sources": sorted(self.sources)} if self.how == "by-source" else {}),
            **({} if dates is None else {"dates": dates}),
            **({"without": sorted(self.without)} if self.without else {}),
            "similarity": self.similarity,
        }
