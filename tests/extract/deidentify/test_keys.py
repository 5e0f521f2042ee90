"""The secret of surrogates: made once, read again, and refused where it is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.extract.deidentify.keys import read_key

from ...modes import readable_by_others


def test_a_key_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "notes.key"
    key = read_key(file)
    assert len(key) == 32
    assert read_key(file) == key
    assert not readable_by_others(file)


@pytest.mark.parametrize("text", ["", "abcd", "no key", "00" * 31])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "notes.key"
    file.write_text(text)
    with pytest.raises(DataError, match="is no key"):
        read_key(file)
    assert file.read_text() == text


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.key"
    file.symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match="is a link to nothing"):
        read_key(file)
