from __future__ import annotations

import _pydecimal
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from medkg.core import quarantine
from medkg.core.atomic import atomic_file, atomic_folder
from medkg.core.disk import DiskError, check_room, writing
from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine

from ..disks import Disk, file_limit, forbidden_folder

NUMBERS = np.random.default_rng(0).random(200_000)


def plainly(file: Path) -> None:
    file.write_bytes(NUMBERS.tobytes())


def in_a_table(file: Path) -> None:
    pl.DataFrame({"n": NUMBERS}).write_parquet(file)


def in_parts(file: Path) -> None:
    pl.LazyFrame({"n": NUMBERS}).sink_parquet(file)


def as_tensors(file: Path) -> None:
    save_file({"n": NUMBERS}, file)


def by_copy(file: Path) -> None:
    shutil.copyfile(_pydecimal.__file__, file)  # some 230 kB


def in_a_database(file: Path) -> None:
    database = sqlite3.connect(file)
    try:
        database.execute("CREATE TABLE t (n)")
        database.executemany("INSERT INTO t VALUES (?)", ((n,) for n in NUMBERS.tolist()))
        database.commit()
    finally:
        database.close()


WRITERS = [plainly, in_a_table, in_parts, as_tensors, by_copy]
Writer = Callable[[Path], None]


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_is_named_and_nothing_is_left(disk: Disk, write: Writer) -> None:
    folder = disk("size=100k")
    (folder / "file").write_text("before")
    message = f"^{re.escape(str(folder / 'file'))}: the disk is full; make room"
    with pytest.raises(DiskError, match=message), atomic_file(folder / "file") as draft:
        write(draft)
    assert [file.name for file in folder.iterdir()] == ["file"]
    assert (folder / "file").read_text() == "before"


def test_a_database_that_finds_the_disk_full_is_understood(disk: Disk) -> None:
    file = disk("size=100k") / "database"
    with pytest.raises(DiskError, match="database: the disk is full"), writing(file):
        in_a_database(file)


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_that_may_not_be_as_large_is_named(tmp_path: Path, write: Writer) -> None:
    message = (
        rf"^{re.escape(str(tmp_path / 'folder'))}: a file would be larger than .*\(ulimit -f\)"
    )
    with (
        pytest.raises(DiskError, match=message),
        file_limit(50_000),
        atomic_folder(tmp_path / "folder", marker="m") as draft,
    ):
        write(draft / "m")
    assert not list(tmp_path.iterdir())


def test_a_disk_that_has_no_room_for_the_end_of_a_table_is_named(disk: Disk) -> None:
    folder = disk("size=4m")
    in_parts(folder / "whole")
    size = (folder / "whole").stat().st_size
    (folder / "whole").unlink()
    with (
        pytest.raises(DiskError, match=r"a file would be larger than .*\(ulimit -f\)"),
        file_limit(size - 10),
        atomic_file(folder / "file") as draft,
    ):
        in_parts(draft)
    assert not list(folder.iterdir())
    error = pl.exceptions.ComputeError("parquet: Invalid thrift: transport error")
    with pytest.raises(pl.exceptions.ComputeError), atomic_file(folder / "file"):
        raise error  # where there is room it was something else
    (folder / "filling").write_bytes(b"x" * ((4 << 20) - (1 << 16)))
    with pytest.raises(DiskError, match="the disk is full"), atomic_file(folder / "file"):
        raise error


def test_a_disk_that_can_only_be_read_is_named(disk: Disk) -> None:
    folder = disk("ro")
    message = f"^{re.escape(str(folder / 'file'))}: the file system is read-only; write to"
    with pytest.raises(DiskError, match=message), atomic_file(folder / "file"):
        pass
    message = message.replace("file:", "folder:")
    with pytest.raises(DiskError, match=message), atomic_folder(folder / "folder", marker="m"):
        pass


def test_a_folder_that_may_not_be_written_to_is_named() -> None:
    with forbidden_folder() as folder:
        for make in (atomic_file, lambda path: atomic_folder(path, marker="m")):
            message = f"^{re.escape(str(folder / 'out'))}: permission denied; ask its owner"
            with pytest.raises(DiskError, match=message), make(folder / "out"):
                pass


@pytest.mark.skipif(sys.platform != "linux", reason="the place is Linux's")
def test_a_place_where_nothing_can_be_made_is_named() -> None:
    with (
        pytest.raises(DiskError, match=r"^/proc/out: can't be written: No such file or directory$"),
        atomic_folder("/proc/out", marker="m"),
    ):
        pass


def test_an_input_that_may_not_be_read_is_not_mistaken_for_the_output(tmp_path: Path) -> None:
    with (
        forbidden_folder() as folder,
        pytest.raises(DiskError) as refused,
        writing(tmp_path / "out"),
    ):
        (folder / "input").touch()
    assert str(refused.value).startswith(f"{folder / 'input'}: permission denied")


def test_other_errors_stay_as_they_are(tmp_path: Path) -> None:
    for error in (FileNotFoundError(2, "No such file"), ValueError("x"), DataError("[Errno 28]")):
        with pytest.raises(type(error)) as raised, writing(tmp_path):
            raise error
        assert raised.value is error


def test_rows_set_aside_on_a_full_disk_name_the_temporary_folder(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = disk("size=100k")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(quarantine, "KEPT", 0)
    message = f"^{re.escape(str(folder))}: the disk is full.* TMPDIR says where"
    rows = Quarantine()
    with pytest.raises(DiskError, match=message):
        rows.add("bad", path="x", row="x" * 200_000)


def test_room_is_looked_for_and_left_as_it_was(disk: Disk, tmp_path: Path) -> None:
    check_room(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DiskError, match="the disk is full"):
        check_room(disk("size=1m"))
