"""Temporary folders go with their process, whichever way that ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from medkg.core import temporary
from medkg.core.temporary import (
    TemporaryFolder,
    abandoned,
    delete_abandoned,
    temporary_folder,
)

from ..killed import kill_when


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "tmp"
    home.mkdir()
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return home


def test_it_goes_with_its_object_and_with_its_block(home: Path) -> None:
    folder = TemporaryFolder()
    (folder.path / "file").write_text("x")
    assert folder.path.parent == home
    assert folder.path.stat().st_mode & 0o777 == 0o700
    del folder
    with temporary_folder() as path:
        assert path.is_dir()
    assert list(home.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next(home: Path) -> None:
    kill_when(
        lambda: list(home.glob("medkg.*/file")),
        "import time\nfrom medkg.core.temporary import TemporaryFolder\n"
        "folder = TemporaryFolder()\n(folder.path / 'file').write_text('x')\ntime.sleep(60)\n",
    )
    (left,) = home.iterdir()
    with temporary_folder() as path:
        assert not left.exists()
        with temporary_folder() as other:
            assert path.is_dir()
            assert other != path
    assert list(home.iterdir()) == []


def test_what_a_killed_process_left_is_listed_and_stays_until_it_is_deleted(home: Path) -> None:
    kill_when(
        lambda: list(home.glob("medkg.*/file")),
        "import time\nfrom medkg.core.temporary import TemporaryFolder\n"
        "folder = TemporaryFolder()\n(folder.path / 'file').write_text('x')\ntime.sleep(60)\n",
    )
    (left,) = home.iterdir()
    used = TemporaryFolder(keep_abandoned=True)
    assert abandoned(home) == [left]
    assert (left / "file").exists()
    delete_abandoned(home, left.name)  # whose lock nobody holds any more
    assert list(home.iterdir()) == [used.path]
    assert abandoned(home) == []


def test_one_that_is_just_being_made_is_not_taken_for_abandoned(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = temporary.try_lock

    def while_another_looks(file: Path) -> object:
        delete_abandoned(home, "medkg.")
        return lock(file)

    monkeypatch.setattr(temporary, "try_lock", while_another_looks)
    folder = TemporaryFolder()
    monkeypatch.undo()
    assert folder.path.is_dir()
    assert (folder.path / ".lock").is_file()


# A program that makes and deletes a folder, and is killed before the n-th change to the disk.
KILLED = """
import os, signal, sys
from pathlib import Path
from medkg.core.temporary import TemporaryFolder

left, home = int(sys.argv[1]), Path(sys.argv[2])


def kill(event, arguments):
    global left
    writes = event == "open" and arguments[2] & os.O_CREAT
    if writes or event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(kill)
folder = TemporaryFolder(home)
(folder.path / "file").touch()
(folder.path / "within").mkdir()
(folder.path / "within" / "file").touch()
folder.delete()
"""


def test_whenever_a_process_is_killed_the_next_deletes_what_it_left(home: Path) -> None:
    for changes in range(40):
        program = [sys.executable, "-c", KILLED, str(changes), str(home)]
        ended = subprocess.run(program, check=False)
        left = list(home.iterdir())
        delete_abandoned(home, "medkg.")
        assert list(home.iterdir()) == [], f"{left} stays after {changes} changes"
        if ended.returncode == 0:
            break
    assert ended.returncode == 0
    assert changes > 8


def test_a_lock_that_another_makes_anew_while_a_folder_is_deleted_goes_with_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = TemporaryFolder()
    delete = shutil.rmtree
    late = iter([True])

    def deleting(path: Path, **arguments: Any) -> None:
        if next(late, False):
            (path / ".lock").touch()  # and the deletion, which had listed the folder, fails
            return
        delete(path, **arguments)

    monkeypatch.setattr(shutil, "rmtree", deleting)
    folder.delete()
    assert list(home.iterdir()) == []


def test_what_a_running_process_makes_stays(home: Path) -> None:
    theirs = home / f"medkg.x.{os.getppid()}.new"
    theirs.mkdir()
    delete_abandoned(home, "medkg.")
    assert list(home.iterdir()) == [theirs]


def test_what_is_not_an_abandoned_folder_of_ours_stays(home: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / ".lock").touch()
    (home / "medkg.link").symlink_to(others)
    (home / "medkg.plain").mkdir()
    (home / "medkg.file").touch()
    if os.getuid() == 0:
        (home / "medkg.theirs").mkdir()
        (home / "medkg.theirs" / ".lock").touch()
        os.chown(home / "medkg.theirs", 12345, 12345)
    before = sorted(home.iterdir())
    with temporary_folder():
        pass
    assert sorted(home.iterdir()) == before
    assert list(others.iterdir()) == [others / ".lock"]
