"""Folders with patients as one encrypted file, and back: a tar archive in the format `age`.

The format, https://age-encryption.org/v1, is that of the program `age`, by `pyrage`: whoever has
the key can open the file without medkg, by `age -d | tar x`. Every 64 KiB of it are authenticated,
and so is its end, so that a changed, shortened or lengthened file is never taken for a whole one.
"""

from __future__ import annotations

import io
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from .atomic import atomic_file, atomic_folder, check_replaceable
from .disk import disk_error
from .errors import DataError, MedkgError
from .extras import require
from .input_files import require_regular
from .progress import progress

PASSPHRASE = "MEDKG_SEAL_PASSPHRASE"  # the environment's variables that hold secrets
KEY = "MEDKG_SEAL_KEY"

# What is sealed by a passphrase is encrypted in memory: pyrage can't do it in parts.
MOST_BY_PASSPHRASE = 1 << 30
_BLOCK = 1 << 20
_MAGIC = b"age-encryption.org/v1\n"
_BY_PASSPHRASE = b"-> scrypt "
# No folder has it, so that opening never takes the place of one with something in it.
_MARKER = "medkg.sealed"


class SealError(MedkgError):
    """A key that is none or the wrong one, or a sealed file that is damaged."""


class Sealed(NamedTuple):
    """What was sealed or opened: the number of files, and their bytes."""

    files: int
    size: int


class _Entry(NamedTuple):
    """A file or a folder that is sealed, and what of it tells whether it changed meanwhile."""

    name: str
    path: Path
    is_folder: bool
    mode: int
    size: int
    nanoseconds: int
    inode: int


def new_key() -> tuple[str, str]:
    """A new key: the secret one (`AGE-SECRET-KEY-1…`), and the public one that belongs to it."""
    require("pyrage", "seal")
    from pyrage import x25519

    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def seal(
    paths: Sequence[Path | str],
    out: Path | str,
    *,
    recipients: Sequence[str] = (),
    passphrase: str | None = None,
) -> Sealed:
    """Write files and folders, encrypted, to one file that only its owner may read.

    Args:
        out: the file; an older sealed one is replaced.
        recipients: public keys (`age1…`), each of whose secret keys opens the file.
        passphrase: in their place, for up to a gigabyte.

    Raises:
        DataError: a path is not there, is or holds a link, changes while it is sealed, or is too
            large for a passphrase; `out` is another file than a sealed one.
        SealError: no key and no passphrase, both, or a text that is no public key.
        DiskError: the disk takes no more.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("note.txt").write_text("She takes metformin.")
        >>> medkg.seal(["note.txt"], "note.age", passphrase="correct horse").files
        1
    """
    require("pyrage", "seal")
    import pyrage

    out = Path(out)
    if bool(recipients) == bool(passphrase):
        raise SealError("sealing needs either public keys or a passphrase")
    keys = [_recipient(text) for text in recipients]
    entries = _entries(paths)
    _check_target(out, paths)
    size = sum(entry.size for entry in entries)
    if passphrase and size > MOST_BY_PASSPHRASE:
        raise DataError(
            f"{size:,} bytes are too many to be sealed by a passphrase (at most"
            f" {MOST_BY_PASSPHRASE:,}); seal them for a key: medkg seal-key makes one"
        )
    with progress("Sealing, MiB", size >> 20) as advance:
        archive = _Archive(_tar(entries, paths, advance))
        with atomic_file(out) as draft, draft.open("wb") as file:
            try:
                if passphrase:
                    file.write(pyrage.passphrase.encrypt(archive.readall(), passphrase))
                else:
                    pyrage.encrypt_io(archive, file, keys)
            except pyrage.EncryptError as error:
                raise archive.error or disk_error(error, out) or error from error
    return Sealed(sum(not entry.is_folder for entry in entries), size)


def seal_again(
    file: Path, paths: Sequence[Path], keys: Sequence[str], passphrase: str | None
) -> None:
    """Replace a sealed file, opened by a secret, by one that the same secret opens.

    Raises:
        DataError, SealError, DiskError: as `seal`.
    """
    from pyrage import x25519

    if _is_by_passphrase(file):
        seal(paths, file, passphrase=passphrase)
    else:
        public = [str(x25519.Identity.from_str(key).to_public()) for key in keys]
        seal(paths, file, recipients=public)


def open_sealed(
    file: Path | str,
    out: Path | str,
    *,
    keys: Sequence[str] = (),
    passphrase: str | None = None,
) -> Sealed:
    """Decrypt a sealed file into a new folder, which is there once all of it was verified.

    Args:
        out: the folder, for its owner alone; not there yet, or empty.
        keys: secret keys (`AGE-SECRET-KEY-1…`), one of which opens the file.
        passphrase: of a file that was sealed by one.

    Raises:
        InputError: `file` isn't there, or is a folder.
        DataError: it is no sealed file, or holds what no sealed file does: a link, a name that
            leads elsewhere, the same name twice. `out` has something in it.
        SealError: the key or passphrase is missing or another one, or the file was changed or cut.
        DiskError: the disk takes no more.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("note.txt").write_text("She takes metformin.")
        >>> _ = medkg.seal(["note.txt"], "note.age", passphrase="correct horse")
        >>> _ = medkg.open_sealed("note.age", "back", passphrase="correct horse")
        >>> Path("back/note.txt").read_text()
        'She takes metformin.'
    """
    require("pyrage", "seal")
    file, out = Path(file), Path(out)
    check_replaceable(out, marker=_MARKER)
    by_passphrase = _is_by_passphrase(file)
    if by_passphrase and not passphrase:
        raise SealError(
            f"{file}: is sealed by a passphrase; give it by --passphrase or {PASSPHRASE}"
        )
    if not by_passphrase and not keys:
        raise SealError(f"{file}: is sealed for a key; give the secret one by --key or {KEY}")
    with (
        atomic_folder(out, marker=_MARKER) as draft,
        # It has no name, so that a killed process leaves nothing of it.
        tempfile.TemporaryFile(dir=draft.parent) as archive,
    ):
        if by_passphrase:
            archive.write(_by_passphrase(file, str(passphrase)))
        else:
            _by_keys(file, archive, keys)
        archive.seek(0)
        return _unpack(archive, draft, file)


def _recipient(text: str) -> Any:
    from pyrage import RecipientError, x25519

    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise SealError("a secret key was given as a public one; the public one begins with age1")
    try:
        return x25519.Recipient.from_str(text)
    except RecipientError as error:
        raise SealError(f"{text!r} is no public key; those begin with age1") from error


def _check_target(out: Path, paths: Iterable[Path | str]) -> None:
    if any(out.resolve().is_relative_to(Path(path).resolve()) for path in paths):
        raise DataError("lies in what is sealed; give another place", path=out)
    if out.exists() and not (out.is_file() and _begins(out, _MAGIC)):
        raise DataError("is there already, and is no sealed file; give another name", path=out)


def _begins(file: Path, magic: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(magic)) == magic


def _entries(paths: Iterable[Path | str]) -> list[_Entry]:
    """All files and folders to be sealed, by the names that they get."""
    entries: list[_Entry] = []
    for path in paths:
        top = Path(path).resolve()
        if not top.exists():
            raise DataError("is not there", path=path)
        for each in (top, *sorted(top.rglob("*"))):
            status = each.lstat()
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                raise DataError("is a link, or no file; seal what it stands for", path=each)
            is_folder = stat.S_ISDIR(status.st_mode)
            entries.append(
                _Entry(
                    name=each.relative_to(top.parent).as_posix(),
                    path=each,
                    is_folder=is_folder,
                    mode=0o700 if status.st_mode & stat.S_IXUSR else 0o600,
                    size=0 if is_folder else status.st_size,
                    nanoseconds=status.st_mtime_ns,
                    inode=status.st_ino,
                )
            )
    names = {entry.name: entry for entry in entries}
    for entry in entries:
        if names[entry.name] is not entry:
            raise DataError("is given twice, or another has its name; rename one", path=entry.path)
    return entries


class _Archive(io.RawIOBase):
    """Blocks of bytes as a file to read; keeps the error that ends them, which pyrage doesn't."""

    def __init__(self, blocks: Iterator[bytes]):
        self._blocks = blocks
        self._rest = memoryview(b"")
        self.error: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._blocks))
        except StopIteration:
            return 0
        except Exception as error:
            self.error = error
            raise
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _tar(
    entries: list[_Entry], paths: Sequence[Path | str], advance: Callable[..., None]
) -> Iterator[bytes]:
    """The bytes of the archive."""
    done = 0
    for entry in entries:
        info = tarfile.TarInfo(entry.name)
        info.type = tarfile.DIRTYPE if entry.is_folder else tarfile.REGTYPE
        info.mode, info.size, info.mtime = entry.mode, entry.size, entry.nanoseconds // 10**9
        yield info.tobuf(tarfile.PAX_FORMAT)
        if entry.is_folder:
            continue
        left = entry.size
        with entry.path.open("rb") as file:
            while block := file.read(min(_BLOCK, left)):
                left -= len(block)
                yield block
                advance((done + len(block) >> 20) - (done >> 20))
                done += len(block)
        if left:
            break  # it is shorter now
        yield bytes(-entry.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)
    for entry in set(_entries(paths)).symmetric_difference(entries):
        raise DataError(
            "changed while it was sealed; end what writes there, and seal again", path=entry.path
        )


def _is_by_passphrase(file: Path) -> bool:
    require_regular(file)
    if not _begins(file, _MAGIC):
        raise DataError("is no sealed file", path=file)
    return _begins(file, _MAGIC + _BY_PASSPHRASE)


def _by_passphrase(file: Path, passphrase: str) -> bytes:
    import pyrage

    if file.stat().st_size > 2 * MOST_BY_PASSPHRASE:
        raise DataError("is too large to be opened by a passphrase; use age -d", path=file)
    try:
        return bytes(pyrage.passphrase.decrypt(file.read_bytes(), passphrase))
    except pyrage.DecryptError as error:
        raise SealError(f"{file}: the passphrase is another one, or the file is damaged") from error


def _by_keys(file: Path, archive: IO[bytes], keys: Sequence[str]) -> None:
    import pyrage

    try:
        identities = [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError as error:
        raise SealError("a key is no secret key; those begin with AGE-SECRET-KEY-1") from error
    try:
        with (
            file.open("rb") as sealed,
            progress("Opening, MiB", file.stat().st_size >> 20) as advance,
        ):
            pyrage.decrypt_io(_Counted(sealed, advance), archive, identities)
    except pyrage.DecryptError as error:
        raise SealError(
            f"{file}: none of the keys opens it (for which it is sealed, it doesn't say), or its"
            " beginning is damaged"
        ) from error
    except OSError as error:
        if error.errno is not None or disk_error(error) is not None:
            raise
        raise SealError(f"{file}: is damaged, cut or changed; nothing of it was kept") from error


class _Counted:
    """A file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], advance: Callable[..., None]):
        self._file = file
        self._advance = advance
        self._done = 0

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._advance((self._done + len(block) >> 20) - (self._done >> 20))
        self._done += len(block)
        return block


def _unpack(archive: IO[bytes], folder: Path, file: Path) -> Sealed:
    """Make the archive's files and folders, and nothing that leads out of the folder."""
    seen: set[PurePosixPath] = set()
    files = size = 0
    try:
        # Not compressed, so that no small file becomes a large one.
        with tarfile.TarFile(fileobj=archive, mode="r") as tar:
            for member in tar:
                place = _place(member, file)
                if place in seen:
                    raise DataError(f"holds {member.name!r} twice; it was not opened", path=file)
                seen.add(place)
                target = folder / place
                if member.isdir():
                    target.mkdir(mode=0o700, parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                content = tar.extractfile(member)
                assert content is not None
                with target.open("xb") as made:
                    while block := content.read(_BLOCK):
                        made.write(block)
                target.chmod(0o700 if member.mode & stat.S_IXUSR else 0o600)
                files, size = files + 1, size + member.size
    except (
        *(tarfile.TarError, ValueError, RecursionError),  # of headers that hold headers
        *(FileExistsError, NotADirectoryError),  # of a file where a folder is to be
    ) as error:
        raise DataError(
            f"holds no sound archive ({error}); it was not opened", path=file
        ) from error
    return Sealed(files, size)


def _place(member: tarfile.TarInfo, file: Path) -> PurePosixPath:
    """Where a member goes, relative to the folder."""
    place = PurePosixPath(member.name)
    plain = (member.isdir() or member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)) and (
        member.sparse is None
    )
    parts = member.name.rstrip("/").split("/")
    if not plain or any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        raise DataError(
            f"holds {member.name!r}, which is a link, no plain file, or leads elsewhere; it was"
            " not opened",
            path=file,
        )
    return place
