"""Files at addresses, on a store that speaks S3's protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medkg.core import remote
from medkg.core.errors import DataError
from medkg.core.remote import RemoteFolder, is_address, name_of
from tests.object_store import bucket  # noqa: F401

HOME = "s3://hospital/graphs/all"


def keys(bucket: Any) -> list[str]:  # noqa: F811
    return sorted(each.key for each in bucket.objects.all())


def folder(home: Path, **files: str) -> Path:
    for name, text in files.items():
        file = home / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return home


def test_what_is_an_address() -> None:
    assert is_address("s3://bucket/notes")
    assert not any(is_address(path) for path in ("notes", "a.csv:TEXT", Path("C:/notes")))
    assert name_of("s3://bucket/notes/a.txt") == "a.txt"


@pytest.mark.parametrize("kind", ["ftp", "file", "memory"])
def test_what_is_no_store_is_refused(kind: str) -> None:
    with pytest.raises(DataError, match=f"begin with {kind}:// are not read"):
        RemoteFolder(f"{kind}:///tmp/file")


def test_files_are_sent_listed_and_fetched(
    bucket: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "_BLOCK", 3)
    there = RemoteFolder(HOME + "/")
    assert there.files() == []
    there.send(folder(tmp_path / "a", marker="1", nodes__one="many nodes"), marker="marker")
    assert keys(bucket) == ["graphs/all/marker", "graphs/all/nodes/one"]
    assert there.files() == ["marker", "nodes/one"]
    copy = tmp_path / "copy"
    there.fetch("nodes/one", copy)
    assert copy.read_text() == "many nodes"
    assert copy.stat().st_mode & 0o077 == 0
    assert RemoteFolder(HOME + "/nodes/one").files() == [""]
    # What an earlier folder had goes, its neighbours stay.
    bucket.put_object(Key="graphs/all.quarantine.jsonl", Body=b"{}")
    there.send(folder(tmp_path / "b", marker="2", edges__one="edges"), marker="marker")
    assert keys(bucket) == [
        "graphs/all.quarantine.jsonl",
        "graphs/all/edges/one",
        "graphs/all/marker",
    ]


def test_the_marker_is_there_only_while_all_else_is(
    bucket: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = RemoteFolder(HOME)
    there.send(folder(tmp_path / "a", marker="1", nodes="nodes"), marker="marker")

    def fails(source: Path, target: Path) -> None:
        raise OSError("the network is gone")

    monkeypatch.setattr(remote, "_copy", fails)
    with pytest.raises(DataError, match=r"the network is gone.*give the same command again"):
        there.send(folder(tmp_path / "b", marker="2", edges="edges"), marker="marker")
    assert "graphs/all/marker" not in keys(bucket)


def test_other_things_stay_as_they_are(bucket: Any, tmp_path: Path) -> None:  # noqa: F811
    bucket.put_object(Key="graphs/all/thesis.doc", Body=b"years of work")
    there = RemoteFolder(HOME)
    with pytest.raises(DataError, match="holds other things"):
        there.check_replaceable(marker="marker")
    with pytest.raises(DataError, match="holds other things"):
        there.send(folder(tmp_path, marker="1"), marker="marker")
    assert keys(bucket) == ["graphs/all/thesis.doc"]


def test_a_bucket_or_file_that_is_not_there_is_told(
    bucket: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match=r"s3://hospital/nothing.*is not there"):
        RemoteFolder("s3://hospital/nothing").fetch("", tmp_path / "copy")
    with pytest.raises(DataError, match=r"s3://hospital/nothing.*File name too long"):
        RemoteFolder("s3://hospital/nothing").fetch("", tmp_path / ("x" * 300))
    with pytest.raises(DataError, match=r"s3://elsewhere/notes"):
        RemoteFolder("s3://elsewhere/notes").send_file(Path(__file__), "a")
