"""The secret key of surrogates: a file that its owner alone may read."""

from __future__ import annotations

import secrets
from pathlib import Path

from ...core.atomic import write_once
from ...core.errors import DataError

_LENGTH = 32  # bytes


def key_file_of(out: Path) -> Path:
    """Where the key of a folder lies: beside it, so that it isn't given away with it."""
    return out.with_name(f"{out.name}.key")


def read_key(file: Path) -> bytes:
    """The key in a file, which is made where it isn't there.

    Raises:
        DataError: it is too short to be one, or no file.
    """
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        if file.is_symlink():
            raise DataError("is a link to nothing; name another file", path=file) from None
        write_once(file, f"{secrets.token_hex(_LENGTH)}\n".encode("ascii"))
        return read_key(file)
    except (OSError, ValueError) as error:
        raise DataError("is no key; name another file, or one to be made", path=file) from error
    if len(key) < _LENGTH:
        raise DataError(f"is no key of {_LENGTH} bytes; name another file", path=file)
    return key
