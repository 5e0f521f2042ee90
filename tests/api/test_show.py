"""What is printed for people."""

from __future__ import annotations

import polars as pl
import pytest

from medkg import show


def test_names_have_spaces_but_for_relations_and_what_a_query_returns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show.pairs({"evidence_by_source": 1, "INTERACTS_WITH": 2})
    show.frame(pl.DataFrame({"drug_name": ["a"], "r.evidence_count": [1], "max(e.name_key)": "b"}))
    printed = capsys.readouterr().out
    for name in (
        "evidence by source",
        "INTERACTS_WITH",
        "drug name",
        "r.evidence_count",
        "max(e.name_key)",
    ):
        assert name in printed
