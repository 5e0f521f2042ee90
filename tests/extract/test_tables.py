"""The tables of `extract/data`: what of a file is a row."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from medkg.extract.tables import table_rows


def test_comments_blank_lines_and_the_header_are_no_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    table = "# what it is\n\nname\tkind\n# between\na\t\n\nb #1\tDrug\n"
    (tmp_path / "data" / "some.tsv").write_text(table, encoding="utf-8")
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    assert list(table_rows("some.tsv")) == [["a", ""], ["b #1", "Drug"]]
