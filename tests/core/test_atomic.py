from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from medkg.core.atomic import (
    abandoned_drafts,
    atomic_file,
    atomic_folder,
    check_replaceable,
    folder_of_one_run,
    make_private,
    remove_folder,
    sha256,
    take_away,
    write_once,
)
from medkg.core.disk import DiskError
from medkg.core.errors import DataError

from ..killed import kill_when
from ..modes import readable_by_others


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
    (replaced.parent / ".lock").touch()
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


WRITER = """
import time
from medkg.core.atomic import atomic_file, atomic_folder
with atomic_file({file!r}) as draft, atomic_folder({folder!r}, marker="mark"):
    draft.write_text("half")
    time.sleep(60)
"""


def test_what_a_killed_process_was_writing_is_listed(tmp_path: Path) -> None:
    (tmp_path / ".file.draft.by_hand").mkdir()
    with atomic_file(tmp_path / "used"):
        kill_when(
            lambda: len(list(tmp_path.glob(".f*.draft.*/f*"))) == 2,
            WRITER.format(file=str(tmp_path / "file"), folder=str(tmp_path / "folder")),
        )
        names_of_drafts = [draft.name for draft in abandoned_drafts(tmp_path)]
    assert [name.rpartition(".")[0] for name in names_of_drafts] == [".file.draft", ".folder.draft"]


def test_what_was_replaced_is_listed_only_where_something_has_its_place(tmp_path: Path) -> None:
    old = tmp_path / ".folder.old.abc"
    old.mkdir()
    (old / ".lock").touch()
    assert abandoned_drafts(tmp_path) == []
    (tmp_path / "folder").mkdir()
    assert abandoned_drafts(tmp_path) == [old]


def test_what_is_taken_away_is_gone_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "file").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    for name in ("folder", "file", "link"):
        take_away(tmp_path / name)
    assert names(tmp_path) == {"kept"}


def test_a_file_that_a_killed_process_was_writing_is_deleted_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "file"
    code = (
        "import os, signal, sys\n"
        "from medkg.core.atomic import atomic_file\n"
        "with atomic_file(sys.argv[1]) as draft:\n"
        "    draft.write_text('secret')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert len(names(tmp_path)) == 1
    with atomic_file(target) as draft:
        draft.write_text("whole")
    assert names(tmp_path) == {"file"}
    assert target.read_text() == "whole"


def test_two_processes_write_one_folder_and_the_last_one_stays(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    code = (
        "import sys\n"
        "from medkg.core.atomic import atomic_folder\n"
        "for number in range(300):\n"
        "    with atomic_folder(sys.argv[1], marker='m') as draft:\n"
        "        (draft / 'm').write_text(sys.argv[2])\n"
        "        (draft / 'other').write_text(sys.argv[2])\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(target), name], stderr=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    assert [writer.communicate()[1] for writer in writers] == ["", ""]
    assert (target / "m").read_text() == (target / "other").read_text()
    assert names(tmp_path) == {"folder"}


def test_what_is_there_stays_where_the_new_folder_can_t_be_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder"
    with atomic_folder(target, marker="m") as draft:
        (draft / "m").write_text("old")
    rename = Path.rename

    def refused(path: Path, to: Path) -> Path:
        if to == target and path.parent.name.startswith(".folder.draft."):
            raise PermissionError(errno.EPERM, "no", str(path))
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(DiskError), atomic_folder(target, marker="m") as draft:
        (draft / "m").write_text("new")
    assert (target / "m").read_text() == "old"
    assert names(tmp_path) == {"folder"}


def test_what_a_killed_process_leaves_of_a_folder_it_removes_lacks_its_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        with atomic_folder(tmp_path / "all" / name, marker="m") as draft:
            (draft / "m").touch()
            (draft / "other").touch()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_folder(tmp_path / "all", marker="m")
    assert not list(tmp_path.rglob("m"))
    remove_folder(tmp_path / "all", marker="m")
    remove_folder(tmp_path / "all", marker="m")
    assert not names(tmp_path)


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


def test_what_is_written_is_its_owner_s_alone(tmp_path: Path, usual_umask: None) -> None:
    with atomic_file(tmp_path / "new" / "deep" / "file") as draft:
        draft.write_text("x")
        assert not readable_by_others(tmp_path / "new")
    with atomic_folder(tmp_path / "other" / "folder", marker="m") as folder:
        (folder / "m").touch()
        (folder / "inner").mkdir()
        (folder / "inner" / "run").touch(mode=0o755)
        assert folder.parent.stat().st_mode & 0o077 == 0  # nor while it is written
    assert not readable_by_others(tmp_path / "new")
    assert not readable_by_others(tmp_path / "other")
    assert os.access(tmp_path / "other" / "folder" / "inner" / "run", os.X_OK)


def test_what_is_shared_is_so_as_far_as_the_umask_allows(tmp_path: Path, usual_umask: None) -> None:
    with atomic_file(tmp_path / "file", shared=True) as draft:
        draft.write_text("x")
    with atomic_folder(tmp_path / "a" / "folder", marker="m", shared=True) as folder:
        (folder / "m").touch()
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"file": 0o644, "a": 0o755, "folder": 0o755, "m": 0o644}
    os.umask(0o077)
    with atomic_folder(tmp_path / "a" / "folder", marker="m", shared=True) as folder:
        (folder / "m").touch()
    assert not readable_by_others(tmp_path / "a" / "folder")


def test_a_folder_is_taken_from_others_but_not_what_its_links_name(
    tmp_path: Path, usual_umask: None
) -> None:
    (tmp_path / "outside").touch()
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "file").touch()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "outside")
    make_private(tmp_path / "folder")
    assert not readable_by_others(tmp_path / "folder")
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("has_links", [True, False], ids=["hard links", "none"])
def test_what_is_written_once_stays_and_is_its_owner_s_alone(
    tmp_path: Path, usual_umask: None, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    file = tmp_path / "new" / "key"
    for content in (b"first", b"second"):
        write_once(file, content)
        assert file.read_bytes() == b"first"
    assert names(file.parent) == {"key"}
    assert not readable_by_others(file.parent)


def test_a_folder_of_one_run_is_refused_to_another_until_it_ends(
    tmp_path: Path, usual_umask: None
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "part").touch()
    with pytest.raises(RuntimeError), folder_of_one_run(folder) as mine:
        assert mine == folder
        assert not readable_by_others(folder)
        with pytest.raises(DataError, match="another run"), folder_of_one_run(folder):
            pass
        raise RuntimeError
    with folder_of_one_run(folder):
        pass
