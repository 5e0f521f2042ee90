from __future__ import annotations

import json
from pathlib import Path

from medkg.graph.quarantine import Quarantine


def test_rows_are_counted_by_reason_and_saved(tmp_path: Path) -> None:
    aside = Quarantine()
    aside.add("no CURIE", path="a.tsv", line=3, row="x")
    aside.add("dangling end", path="a.tsv", line=4)
    aside.add("no CURIE", path="b.tsv", line=1, row="ü")
    assert aside.counts() == {"no CURIE": 2, "dangling end": 1}
    aside.save(tmp_path / "q.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text("utf-8").splitlines()]
    assert rows[2] == {"reason": "no CURIE", "path": "b.tsv", "line": 1, "row": "ü"}
