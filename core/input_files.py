"""Files that anyone may have written: opened only where they are files, unpacked within limits.

A pipe, a device or a socket would keep a reader waiting for ever or give it bytes without end, and
a small compressed file can unpack to more than any disk holds. So every input file is opened here.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from .disk import writing
from .errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# The endings of compressed files.
COMPRESSED = (".gz", ".xz", ".bz2", ".zip")
# A file that unpacks to more than this must do so to no more than this many times its size. Tables
# and JSON that repeat themselves reach 50 times.
UNPACKED_FREELY = 256 << 20  # bytes
MOST_RATIO = 200
# Bytes of a file that is read whole, and of a line.
MOST_WHOLE = 256 << 20
MOST_LINE = 64 << 20

_OPEN: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


def as_path(given: object) -> Path:
    """A path that somebody gave.

    Raises:
        DataError: it is none, such as a table in memory.
    """
    if not isinstance(given, str | os.PathLike):
        raise DataError(
            f"a {type(given).__name__} is no path of a file; save a table first (write_csv)"
        )
    return Path(given)


# What compressed files begin with; archives are known by it, whatever their names.
_MAGIC = {b"\x1f\x8b": ".gz", b"\xfd7zXZ\0": ".xz", b"BZh": ".bz2"}
_ZIP_MAGIC = b"PK\x03\x04"
PDF_MAGIC = b"%PDF-"
_TAR_MAGIC = b"ustar"  # at the end of the first bytes that are looked at
_START = 262  # bytes
_BLOCK = 1 << 18  # bytes that are read at once
_DAMAGED = (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, MemoryError)


class InputError(DataError):
    """A file that can't be read, or not within limits.

    Attributes:
        reason: why, as a fixed phrase that quotes nothing and is fit for a quarantine.
        line: of the file, where it is known.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(f"{reason}{detail}", path=path, line=line)
        self.reason, self.line = reason, line


def require_regular(path: Path, *, may_lack: bool = False) -> None:
    """Ask whether a path is a file, before anything opens it.

    Args:
        may_lack: nothing need be there.

    Raises:
        InputError: nothing is there, or it is a folder, a pipe, a device or a socket.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        if may_lack and isinstance(error, FileNotFoundError):
            return
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(mode):
        raise InputError(
            "is a folder; give a file"
            if stat.S_ISDIR(mode)
            else "is no file but a pipe, a device or a socket; save what it gives to a file",
            path=path,
        )


@contextmanager
def opened(path: Path, compression: str | None = None) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked if its ending is one of a compression.

    Args:
        compression: the ending of the compression that it has, whatever its own ending.

    Raises:
        InputError: it is no file, can't be read or unpacked (also while the block reads it), or
            unpacks to far more than its size.
    """
    require_regular(path)
    compression = path.suffix.lower() if compression is None else compression
    try:
        # Without waiting, in case a pipe has come into the file's place.
        plain = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    with plain:
        try:
            if compression == ".zip":
                file, size = _only_member(zipfile.ZipFile(plain), path)
            else:
                file = _OPEN[compression](plain, "rb") if compression in _OPEN else plain
                size = os.fstat(plain.fileno()).st_size
        except (*_DAMAGED, NotImplementedError) as error:
            raise _unreadable(path, error) from error
        most = None if file is plain else most_unpacked(size)
        with io.BufferedReader(_Input(file, path, most), _BLOCK) as buffered:
            yield cast("IO[bytes]", buffered)


class _Input(io.RawIOBase):
    """A file whose damage is a DataError, and which ends in one where it unpacks to too much."""

    def __init__(self, file: io.BufferedIOBase, path: Path, most: int | None) -> None:
        self._file, self._path, self._most = file, path, most
        self._count = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._most is None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self._most is not None:
            raise io.UnsupportedOperation("a compressed file is read from start to end")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        try:
            # What stands before damage is given: `read` would wait for all, and give none of it.
            data = self._file.read1(len(view))
        except _DAMAGED as error:
            raise _unreadable(self._path, error) from error
        self._count += len(data)
        if self._most is not None and self._count > self._most:
            raise _too_large(self._path)
        view[: len(data)] = data
        return len(data)


def _only_member(archive: zipfile.ZipFile, path: Path) -> tuple[io.BufferedIOBase, int]:
    """The one file of a zip archive, and its size there."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise InputError(
            "holds not one file but several or none",
            path=path,
            detail=f" ({len(members)}); unpack the one that is meant",
        )
    try:
        member = cast("io.BufferedIOBase", archive.open(members[0]))
        return member, members[0].compress_size
    except RuntimeError as error:  # it is encrypted, or compressed in a way that zipfile lacks
        raise InputError(
            "can't be unpacked", path=path, detail=f": {error}; unpack it yourself"
        ) from error


def read_whole(path: Path, most: int = MOST_WHOLE) -> bytes:
    """The bytes of a file, unpacked.

    Raises:
        InputError: it can't be read (see `opened`), or has more than `most` bytes.
    """
    with opened(path) as file:
        return read_at_most(file, path, most)


def read_at_most(file: IO[bytes], path: Path | str, most: int = MOST_WHOLE) -> bytes:
    """The rest of an open file; `path` is for the message.

    Raises:
        InputError: it has more than `most` bytes.
    """
    data = bytearray()
    # In parts: to read so many at once takes that much memory, however small the file.
    while part := file.read(_BLOCK):
        data += part
        if len(data) > most:
            raise InputError(
                f"has more than {most >> 20} MB to be read at once; divide it", path=path
            )
    return bytes(data)


def byte_lines(file: IO[bytes], path: Path | str) -> Iterator[bytes]:
    """The lines of an open file, with their ends; `path` is for the message.

    Raises:
        InputError: a line is too long to be one.
    """
    number = 0
    while line := file.readline(MOST_LINE):
        number += 1
        if len(line) == MOST_LINE and not line.endswith(b"\n"):
            raise InputError(
                f"has a line of more than {MOST_LINE >> 20} MB", path=path, line=number
            )
        yield line


def archived_files(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The names and contents of the files in a tar archive, of any compression.

    Links, devices and sparse files are passed over. A content is to be read before the next is
    asked for; nothing is written anywhere.

    Raises:
        InputError: it is no whole tar archive (what came before has been given), or unpacks to far
            more than its size.
    """
    with opened(path, compression=_compression_of(_start_of(path))) as file:
        try:
            with tarfile.open(fileobj=file, mode="r|") as archive:
                for member in archive:
                    content = archive.extractfile(member) if _is_plain(member) else None
                    if content is not None:
                        yield member.name, content
                    # The archive's list of members would grow with it.
                    archive.members = []  # type: ignore[attr-defined]  # typeshed leaves it out
        except (tarfile.TarError, *_DAMAGED) as error:
            raise InputError(
                "is no whole, readable tar archive; fetch or make it anew", path=path
            ) from error


def is_packed(content: io.BufferedReader) -> bool:
    """Whether a content, of which nothing was read, begins as `unpacked` and PDFs' readers know."""
    start = content.peek(_START)[:_START]
    return start.startswith((*_MAGIC, _ZIP_MAGIC, PDF_MAGIC)) or start.endswith(_TAR_MAGIC)


def unpacked(path: Path) -> Iterator[io.BufferedReader]:
    """What is packed in a file, known by how it begins: one content, or the files of an archive.

    Of a compressed archive that is the archive. Of a file that isn't packed there is none. A
    content is to be read before the next is asked for.

    Raises:
        InputError: it can't be unpacked (also while a content is read), or unpacks to far more than
            its size.
    """
    start = _start_of(path)
    if compression := _compression_of(start):
        with opened(path, compression) as file:
            yield cast("io.BufferedReader", file)
    elif start.startswith(_ZIP_MAGIC):
        yield from _zipped(path)
    elif start.endswith(_TAR_MAGIC):
        for _, content in archived_files(path):
            yield cast("io.BufferedReader", content)


def most_unpacked(size: int) -> int:
    """The most bytes that a file of so many may unpack to."""
    return max(UNPACKED_FREELY, MOST_RATIO * size)


def _start_of(path: Path) -> bytes:
    with opened(path, compression="") as file:
        return file.read(_START)


def _compression_of(start: bytes) -> str:
    """The ending of the compression of a file that begins so; "" where it is none."""
    return next((ending for magic, ending in _MAGIC.items() if start.startswith(magic)), "")


def _zipped(path: Path) -> Iterator[io.BufferedReader]:
    with opened(path, compression="") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                most = _check_unpacked_size(members, path)
                for member in members:
                    content = cast("io.BufferedIOBase", archive.open(member))
                    with io.BufferedReader(_Input(content, path, most), _BLOCK) as buffered:
                        yield cast("io.BufferedReader", buffered)
        # It is damaged, encrypted, or compressed in a way that zipfile lacks.
        except (*_DAMAGED, RuntimeError) as error:
            raise _unreadable(path, error) from error


def _check_unpacked_size(members: Iterable[zipfile.ZipInfo], path: Path) -> int:
    """The most bytes that a zip archive may unpack to; a member unpacks to no more than it states.

    Raises:
        InputError: these members unpack to more.
    """
    most = most_unpacked(path.stat().st_size)
    if sum(member.file_size for member in members) > most:
        raise _too_large(path)
    return most


def unpack_zip(path: Path, folder: Path, patterns: Iterable[str]) -> None:
    """Unpack the files of a zip archive whose names, without their folders, fit a pattern.

    Nothing is written outside the folder, whatever the names, and no link.

    Raises:
        InputError: it is no whole zip archive, or unpacks to far more than its size.
    """
    with opened(path, compression="") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                wanted = [
                    member
                    for member in archive.infolist()
                    if any(fnmatch(Path(member.filename).name, pattern) for pattern in patterns)
                ]
                _check_unpacked_size(wanted, path)
                for member in wanted:
                    with writing(folder):
                        archive.extract(member, folder)
        except (*_DAMAGED, RuntimeError, ValueError) as error:
            raise InputError(
                "is no readable zip archive", path=path, detail=f": {error}"
            ) from error


def _too_large(path: Path) -> InputError:
    return InputError(
        f"unpacks to more than {MOST_RATIO} times its size",
        path=path,
        detail="; if it is meant to, unpack it yourself",
    )


def _is_plain(member: tarfile.TarInfo) -> bool:
    return member.isreg() and not member.issparse()


def _unreadable(path: Path, error: BaseException) -> InputError:
    problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return InputError("can't be read", path=path, detail=f": {problem}")
