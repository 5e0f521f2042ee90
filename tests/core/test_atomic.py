from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from medkg.core.atomic import (
    atomic_file,
    atomic_folder,
    check_replaceable,
    sha256,
)
from medkg.core.errors import DataError


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with atomic_file(target) as draft:
        draft.write_text("one")
        assert not target.exists()
    assert target.read_text() == "one"
    with pytest.raises(RuntimeError), atomic_file(target) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert target.read_text() == "one"
    assert names(target.parent) == {"file.txt"}


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with atomic_folder(target, marker="mark") as draft:
        (draft / "mark").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(target, marker="mark") as draft:
        (draft / "mark").write_text("half")
        raise RuntimeError
    assert (target / "mark").read_text() == "old"
    with atomic_folder(target, marker="mark") as draft:
        (draft / "mark").write_text("new")
    assert (target / "mark").read_text() == "new"
    assert names(tmp_path) == {"folder"}


def test_what_a_killed_process_left_is_deleted_and_what_another_writes_is_not(
    tmp_path: Path,
) -> None:
    target = tmp_path / "folder"
    code = (
        "import os, signal, sys\n"
        "from medkg.core.atomic import atomic_folder\n"
        "with atomic_folder(sys.argv[1], marker='m') as draft:\n"
        "    (draft / 'secret').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert [path.name for path in tmp_path.rglob("secret")] == ["secret"]
    (tmp_path / ".folder.settings").mkdir()
    replaced = tmp_path / ".folder.old.x" / "folder"
    replaced.mkdir(parents=True)
    with atomic_folder(target, marker="m") as draft:
        assert not list(tmp_path.rglob("secret"))
        assert replaced.exists()  # it may be all there is
        (draft / "m").touch()
    with atomic_folder(target, marker="m") as draft:
        assert not replaced.parent.exists()
        (draft / "m").write_text("first")
        with atomic_folder(target, marker="m") as other:
            (other / "m").write_text("second")
        assert (target / "m").read_text() == "second"
    assert (target / "m").read_text() == "first"
    assert names(tmp_path) == {"folder", ".folder.settings"}


def test_files_and_foreign_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="is a file"), atomic_folder(tmp_path / "file", marker="m"):
        pass
    with pytest.raises(DataError, match="no m"), atomic_folder(tmp_path, marker="m"):
        pass
    assert names(tmp_path) == {"file"}


def test_sha256_is_the_files(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"medkg" * 100_000)
    assert sha256(tmp_path / "f") == hashlib.sha256(b"medkg" * 100_000).hexdigest()


def test_what_says_that_it_is_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mark").write_text('{"kind": "links"}')
    check_replaceable(tmp_path, marker="mark", kind="links")
    with pytest.raises(DataError, match=r"kind links, not diagnosis.*give another folder"):
        check_replaceable(tmp_path, marker="mark", kind="diagnosis")
    with pytest.raises(DataError, match=r"model None, not medkg_ner"):
        check_replaceable(tmp_path, marker="mark", model="medkg_ner")
    (tmp_path / "mark").write_text("not JSON")
    check_replaceable(tmp_path, marker="mark", kind="diagnosis")
