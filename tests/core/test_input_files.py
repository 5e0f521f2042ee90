"""Input files are opened where they are files, and unpacked within limits."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from medkg.core import input_files
from medkg.core.errors import DataError
from medkg.core.input_files import (
    InputError,
    archived_files,
    byte_lines,
    opened,
    read_at_most,
    read_whole,
    require_regular,
    unpacked,
)

TEXT = b"A cough.\nA fever.\n"
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}


def _zipped(data: bytes, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("a.txt",):
            archive.writestr(name, data)
    return buffer.getvalue()


PACKERS[".zip"] = _zipped


@pytest.mark.parametrize("suffix", ["", *PACKERS, ".GZ"])
def test_a_file_is_read_plain_and_compressed(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.txt{suffix}"
    file.write_bytes(PACKERS.get(suffix.lower(), bytes)(TEXT))
    assert read_whole(file) == TEXT
    with opened(file) as stream:
        assert list(byte_lines(stream, file)) == TEXT.splitlines(keepends=True)


def _fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _socket(path: Path) -> Path:
    socket.socket(socket.AF_UNIX).bind(str(path))
    return path


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (_fifo, "a pipe, a device or a socket"),
        (_socket, "a pipe, a device or a socket"),
        (lambda path: Path("/dev/zero"), "a pipe, a device or a socket"),
        (lambda path: path.parent, "is a folder"),
        (lambda path: path, "can't be read: No such file"),
        (lambda path: path.with_name("a\0b"), "can't be read"),
        (lambda path: path.with_name("x" * 300), "can't be read: File name too long"),
    ],
)
def test_what_is_no_file_is_refused(
    make: Callable[[Path], Path], problem: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "p")
    for read in (require_regular, read_whole, lambda path: list(archived_files(path))):
        with pytest.raises(InputError, match=problem):
            read(path)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_file_that_unpacks_without_end_is_refused(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_files, "UNPACKED_FREELY", 1 << 20)
    bomb = tmp_path / f"a{suffix}"
    bomb.write_bytes(PACKERS[suffix](bytes(20 << 20)))
    count = 0
    with pytest.raises(InputError, match="more than 200 times its size"), opened(bomb) as stream:
        while block := stream.read(1 << 16):
            count += len(block)
    assert count <= max(1 << 20, 200 * bomb.stat().st_size)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_damaged_file_is_an_error_as_it_is_read(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"a{suffix}"
    packed = PACKERS[suffix](os.urandom(100_000))
    file.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match="can't be read"):
        read_whole(file)
    file.write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match="can't be read"):
        read_whole(file)


def test_a_zip_of_several_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(_zipped(TEXT, "a", "b"))
    with pytest.raises(InputError, match=r"several or none \(2\)"):
        read_whole(tmp_path / "a.zip")


@pytest.mark.parametrize("suffix", PACKERS)
def test_what_is_packed_is_known_by_its_first_bytes(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(PACKERS[suffix](TEXT))
    assert [content.read() for content in unpacked(file)] == [TEXT]
    file.write_bytes(TEXT)
    assert list(unpacked(file)) == []


def test_the_files_of_a_tar_are_unpacked_and_of_a_compressed_one_the_tar(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("a", "b"):
            member = tarfile.TarInfo(name)
            member.size = len(TEXT)
            archive.addfile(member, io.BytesIO(TEXT))
    (tmp_path / "a").write_bytes(packed.getvalue())
    assert [content.read() for content in unpacked(tmp_path / "a")] == [TEXT, TEXT]
    (tmp_path / "b").write_bytes(gzip.compress(packed.getvalue()))
    assert [content.read() for content in unpacked(tmp_path / "b")] == [packed.getvalue()]


def test_all_files_of_a_zip_are_unpacked_within_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.docx"
    file.write_bytes(_zipped(TEXT, "a", "folder/", "folder/b"))
    assert [content.read() for content in unpacked(file)] == [TEXT, TEXT]
    packed = bytearray(_zipped(os.urandom(10_000)))
    packed[5_000] ^= 1
    file.write_bytes(packed)
    with pytest.raises(InputError, match="can't be read"):
        [content.read() for content in unpacked(file)]
    monkeypatch.setattr(input_files, "UNPACKED_FREELY", 1 << 20)
    file.write_bytes(_zipped(bytes(600_000), "a", "b"))
    with pytest.raises(InputError, match="more than 200 times its size"):
        list(unpacked(file))


def test_lines_and_whole_files_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_files, "MOST_LINE", 10)
    with pytest.raises(InputError, match=r"a\.txt, line 2: has a line"):
        list(byte_lines(io.BytesIO(b"123\n" + b"x" * 11), "a.txt"))
    assert len(list(byte_lines(io.BytesIO(b"123456789\n" * 3), "a.txt"))) == 3
    (tmp_path / "a").write_bytes(b"x" * 11)
    with pytest.raises(InputError, match="to be read at once"):
        read_whole(tmp_path / "a", 10)


@pytest.mark.parametrize("packer", [bytes, gzip.compress, lzma.compress, bz2.compress])
def test_an_archive_gives_its_files_and_no_links(
    packer: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, type_ in (
            ("../../escaped.txt", tarfile.REGTYPE),
            ("link", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("pipe", tarfile.FIFOTYPE),
            ("device", tarfile.CHRTYPE),
            ("sparse", tarfile.GNUTYPE_SPARSE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = type_, "/etc/passwd"
            member.size = len(TEXT) if type_ == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(TEXT))
    file = tmp_path / "a.tar"
    file.write_bytes(packer(buffer.getvalue()))
    given = [(name, content.read()) for name, content in archived_files(file)]
    assert given == [("../../escaped.txt", TEXT)]
    assert list(tmp_path.iterdir()) == [file]


def test_a_small_file_takes_little_memory(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    sizes = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            sizes.append(size)
            return super().read(size)

    assert read_at_most(Counted(TEXT), "a") == TEXT
    assert all(size is not None and 0 <= size <= 1 << 20 for size in sizes)


def test_a_table_in_memory_is_no_path() -> None:
    assert input_files.as_path("a.csv") == input_files.as_path(Path("a.csv")) == Path("a.csv")
    with pytest.raises(DataError, match="a DataFrame is no path of a file; save a table first"):
        input_files.as_path(pl.DataFrame({"text": ["No fever."]}))
