"""Temporary folders go with their process, whichever way that ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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


def test_what_a_process_left_that_was_killed_while_it_made_or_deleted_one_goes_too(
    home: Path,
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    theirs = f"medkg.x.{os.getppid()}.new"
    (home / f"medkg.x.{ended.pid}.new").mkdir()
    (home / theirs).mkdir()
    folder = TemporaryFolder()
    (folder.path / "large").mkdir()
    assert {each.name for each in home.iterdir()} == {theirs, folder.path.name}
    # Whoever deletes takes the lock last, so that a half-deleted one is known by it.
    seen: list[bool] = []

    def killed(path: Path, **_: object) -> None:
        seen.append((path.parent / ".lock").is_file())
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.delete()
    assert seen == [True]


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
