from __future__ import annotations

import json
from pathlib import Path

import pytest

from medkg.core import quarantine as module
from medkg.core.quarantine import BadRow, Quarantine


def test_rows_are_counted_by_reason_and_saved(tmp_path: Path) -> None:
    aside = Quarantine()
    aside.add("no CURIE", path="a.tsv", line=3, row="x")
    aside.add("dangling end", path="a.tsv", line=4)
    aside.add("no CURIE", path="b.tsv", line=1, row="ü")
    assert aside.counts() == {"no CURIE": 2, "dangling end": 1}
    aside.save(tmp_path / "q.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text("utf-8").splitlines()]
    assert rows[2] == {"reason": "no CURIE", "path": "b.tsv", "line": 1, "row": "ü"}


def test_more_rows_than_fit_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    aside, other = Quarantine(), Quarantine()
    for line in range(10):
        aside.add("odd" if line % 2 else "even", path="a.tsv", line=line, row="ü\n☂")
        other.add("other", path="b.tsv", line=line)
    assert len(aside.rows) == 3
    aside.extend(other)
    assert len(aside) == 20
    assert aside.counts() == {"other": 10, "even": 5, "odd": 5}
    assert [row.line for row in aside] == [*range(10), *range(10)]
    assert list(aside)[9] == BadRow("odd", "a.tsv", 9, "ü\n☂")
    # Rows added while they are read come last.
    seen = []
    for row in aside:
        seen.append(row.line)
        if len(seen) == 5:
            aside.add("late", path="c.tsv", line=99)
    assert seen == [*range(10), *range(10), 99]
    aside.save(tmp_path / "q.jsonl")
    saved = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text("utf-8").splitlines()]
    assert [BadRow(**row) for row in saved] == list(aside)


def test_a_source_of_bad_rows_keeps_the_memory(tmp_path: Path) -> None:
    aside = Quarantine()
    for line in range(2 * module.KEPT):
        aside.add("bad", path="a.tsv", line=line)
    assert len(aside) == 2 * module.KEPT
    assert len(aside.rows) == module.KEPT
    assert sum(1 for _ in aside) == 2 * module.KEPT
