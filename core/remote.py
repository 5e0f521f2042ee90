"""Files at addresses (`s3://BUCKET/KEY`, `gs://…`, `az://…`), by fsspec and obstore.

A file is fetched or sent whole, in blocks, so that memory doesn't grow with it. Log-ins come from
the environment, as the store's own tools have them (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast

from .disk import writing
from .errors import DataError
from .extras import explained_imports

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_STORES = ("s3", "s3a", "gs", "az", "abfs", "abfss")  # that obstore serves
# How obstore's open files, which know no types of errors, put a refusal (of an archived file, say).
_DENIED = "The operation lacked the necessary privileges"
_BLOCK = 8 << 20  # bytes


def is_address(path: object) -> bool:
    """Whether a path as a user gives it is an address, and not a file of this machine."""
    return "://" in str(path)


class WithheldError(DataError):
    """A file that its store doesn't hold, or denies, while it may well give others.

    Attributes:
        reason: why, as a fixed phrase that is fit for a quarantine.
    """

    def __init__(self, reason: str, problem: str, *, path: str) -> None:
        super().__init__(problem, path=path)
        self.reason = reason


class RemoteFolder:
    """What is at an address: a file, or all files whose names begin with it as a folder's do.

    Attributes:
        address: as given, without a slash at its end.
    """

    def __init__(self, address: str):
        """
        Raises:
            DataError: no such kind of address is known.
            MissingExtraError: the extra `cloud` is not installed.
        """
        self.address = address.rstrip("/")
        self.protocol = address.partition("://")[0]
        self._system = _system(self.protocol)
        self._root = self.address.partition("://")[2]

    def files(self) -> list[str]:
        """The paths of its files, relative to it, sorted; "" alone if it is a file itself.

        Raises:
            DataError: it can't be listed.
        """
        with self._errors(self.address):
            self._system.invalidate_cache()
            try:
                names = self._system.find(self._root)
            except FileNotFoundError:
                return []
        root = self._system._strip_protocol(self._root).strip("/")
        relative = (
            name.strip("/").removeprefix(root).strip("/") for name in names if name[-1:] != "/"
        )
        return sorted(relative)

    def address_of(self, file: str) -> str:
        """The address of one of its files."""
        return f"{self.address}/{file}" if file else self.address

    def fetch(self, file: str, to: Path) -> None:
        """Copy a file of it to a new file of this machine, which only its owner may read.

        Raises:
            WithheldError: it is not there, or may not be read.
            DataError: the store doesn't answer.
        """
        with self._errors(self.address_of(file)), writing(to.parent):
            to.touch(mode=0o600)
            self._system.info(self._path(file))
            with self._system.open(self._path(file), "rb") as remote, to.open("wb") as copy:
                _copy(remote, copy)

    def send(self, folder: Path, *, marker: str) -> None:
        """Put the files of a folder there, in place of those of an earlier one.

        The marker goes first and comes last: whoever sees it sees all of the files beside it.

        Raises:
            DataError: there are other things at the address, or the store doesn't take them.
        """
        before = self.files()
        self._check(before, marker)
        files = sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*"))
        files = [each for each in files if (folder / each).is_file() and each != marker]
        for file in [marker] * (marker in before):
            self._delete(file)
        for file in [*files, marker]:
            self.send_file(folder / file, file)
        for file in set(before) - {*files, marker}:
            self._delete(file)

    def check_replaceable(self, *, marker: str) -> None:
        """Ask before long work whether `send` would put a folder there.

        Raises:
            DataError: there are other things at the address, or it can't be listed.
        """
        self._check(self.files(), marker)

    def send_file(self, source: Path, file: str) -> None:
        """Put a file there.

        Raises:
            DataError: the store doesn't take it.
        """
        with (
            self._errors(self.address_of(file)),
            source.open("rb") as own,
            self._system.open(self._path(file), "wb") as remote,
        ):
            _copy(own, remote)

    def _check(self, files: list[str], marker: str) -> None:
        if files and marker not in files:
            raise DataError(
                f"holds other things (no {marker}); give an address where nothing is",
                path=self.address,
            )

    def _delete(self, file: str) -> None:
        with self._errors(self.address_of(file)):
            self._system.rm_file(self._path(file))

    def _path(self, file: str) -> str:
        return f"{self._root}/{file}" if file else self._root

    @contextmanager
    def _errors(self, address: str) -> Iterator[None]:
        """Say of a store's refusal where it was and what to do."""
        from obstore.exceptions import BaseError, PermissionDeniedError

        try:
            yield
        except FileNotFoundError as error:
            raise WithheldError("is not there", "is not there", path=address) from error
        except (BaseError, OSError, ValueError) as error:
            is_type = isinstance(error, PermissionError | PermissionDeniedError)
            if is_type or str(error).startswith(_DENIED):
                raise WithheldError("permission denied", _refusal(error), path=address) from error
            raise DataError(_refusal(error), path=address) from error


def _refusal(error: Exception) -> str:
    """What a store said, in its first line, and what to do."""
    lines = str(error).strip().splitlines()
    return (
        f"can't be used ({lines[0] if lines else type(error).__name__}); look at the address and"
        " the store's variables of the environment, and give the same command again"
    )


def name_of(address: str) -> str:
    """The last part of an address."""
    return PurePosixPath(address.partition("://")[2]).name


@explained_imports()
def _system(protocol: str) -> AbstractFileSystem:
    """The file system of a kind of address."""
    if protocol not in _STORES:
        raise DataError(
            f"addresses that begin with {protocol}:// are not read; these are: {', '.join(_STORES)}"
        )
    from obstore.fsspec import FsspecStore

    # Not one of an earlier call, which may have had another environment. Its types know the options
    # of each store and not those of fsspec.
    make: Any = FsspecStore
    return cast("AbstractFileSystem", make(protocol, skip_instance_cache=True))


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    shutil.copyfileobj(source, target, _BLOCK)
