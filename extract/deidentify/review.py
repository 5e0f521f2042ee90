"""What was replaced, for a person to look through: a page and a table, least sure first."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ...core.atomic import atomic_file
from ...core.html_page import fill_template, json_block

MOST_ON_PAGE = 5_000


@dataclass(frozen=True)
class ReviewRow:
    """An identifier that was replaced, and what stood around it.

    Attributes:
        document: its new name; `original`: the one it had.
        score: how sure the finder was, 0 to 1.
    """

    document: str
    original: str
    kind: str
    score: float
    start: int
    before: str
    written: str
    after: str
    replacement: str


def review_files(out: Path) -> tuple[Path, Path]:
    """The page and the table of a folder: beside it, since they hold what was taken out."""
    return out.with_name(f"{out.name}.review.html"), out.with_name(f"{out.name}.review.csv")


def write_review(rows: Iterable[ReviewRow], out: Path) -> None:
    """Write the page and the table of a folder; only their owner may read them."""
    ordered = sorted(rows, key=lambda row: (row.score, row.document, row.start))
    page, table = review_files(out)
    with atomic_file(table) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [each.name for each in fields(ReviewRow)])
        writer.writeheader()
        writer.writerows(map(asdict, ordered))
    with atomic_file(page) as draft:
        draft.write_text(page_of(ordered), encoding="utf-8")


def page_of(ordered: Sequence[ReviewRow]) -> str:
    """The HTML of the page."""
    data = {
        "kinds": dict(Counter(row.kind for row in ordered).most_common()),
        "documents": len({row.document for row in ordered}),
        "rows": [asdict(row) for row in ordered[:MOST_ON_PAGE]],
    }
    return fill_template(str(__package__), "review.html", DATA=json_block(data))
