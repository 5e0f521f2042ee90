"""What is printed for people."""

from __future__ import annotations

import os
import subprocess
import sys

import polars as pl
import pytest

from medkg.cli import show


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


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1.000"), (0.9996, ">0.999"), (0.99949, "0.999"), (0.0004, "4.0e-04"), (0.0, "0.000")],
)
def test_what_is_nearly_one_is_not_one(value: float, text: str) -> None:
    assert show.cell(value) == text


def test_what_goes_to_a_pipe_is_wide() -> None:
    program = "from medkg.cli import show; print(show.out.width, show.err.width)"
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    for more, width in (({}, "200 200"), ({"COLUMNS": "90"}, "90 90")):
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stdout.strip() == width
