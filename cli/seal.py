"""Commands on folders with patients as encrypted files: seal, open-sealed, seal-key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, TypedDict

import typer

from medkg.cli.app import app
from medkg.cli.options import Json

Passphrase = Annotated[
    Path | None,
    typer.Option(help="File with the passphrase; or set MEDKG_SEAL_PASSPHRASE to it."),
]


@app.command(epilog="Example: medkg seal graphs/patients notes/ --to age1… --out patients.age")
def seal(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    out: Annotated[Path, typer.Option(help="The encrypted file to write.")],
    to: Annotated[
        list[str] | None,
        typer.Option(help="Public key (age1…), or a file of some; may be repeated."),
    ] = None,
    passphrase: Passphrase = None,
    as_json: Json = False,
) -> None:
    """Encrypt folders with patients into one file, for public keys or by a passphrase.

    The file is in the format of the program age. Secrets are read from files or the environment.
    """
    from medkg.core import sealing

    if to and passphrase:
        raise typer.BadParameter("give either --to or --passphrase")
    for path in paths:
        _check_not_served(path)
    secret = None if to else _secret(passphrase, sealing.PASSPHRASE)
    if not to and secret is None:
        raise typer.BadParameter(
            f"give a public key by --to (medkg seal-key makes one), or a passphrase by --passphrase"
            f" or {sealing.PASSPHRASE}"
        )
    recipients = [key for text in to or () for key in _public_keys(text)]
    sealed = sealing.seal(paths, out, recipients=recipients, passphrase=secret)
    _print(out, sealed, "sealed", as_json)


@app.command("open-sealed", epilog="Example: medkg open-sealed patients.age --key key --out back")
def open_sealed(
    file: Annotated[Path, typer.Argument(help="What medkg seal wrote.")],
    out: Annotated[Path, typer.Option(help="Folder to write, a new or an empty one.")],
    key: Annotated[
        Path | None, typer.Option(help="File with the secret key; or set MEDKG_SEAL_KEY to it.")
    ] = None,
    passphrase: Passphrase = None,
    as_json: Json = False,
) -> None:
    """Decrypt what was sealed into a new folder, once all of it was verified."""
    from medkg.core import sealing

    opened = sealing.open_sealed(file, out, **sealing_secrets(key, passphrase))
    _print(out, opened, "opened", as_json)


@app.command("seal-key", epilog="Example: medkg seal-key --out ~/.config/medkg/key")
def seal_key(
    out: Annotated[Path, typer.Option(help="File for the secret key; keep a copy elsewhere.")],
) -> None:
    """Make a key to seal for: the secret one into a file, the public one printed."""
    from medkg.core.atomic import atomic_file
    from medkg.core.errors import DataError
    from medkg.core.sealing import new_key

    if out.exists():
        raise DataError("is there already, and a key is never replaced", path=out)
    secret, public = new_key()
    with atomic_file(out) as draft:
        draft.write_text(f"# public key: {public}\n{secret}\n", encoding="ascii")
    print(public)


def _check_not_served(path: Path) -> None:
    """What a running server has not written yet would be missing from a copy of its files."""
    from medkg.core.errors import StoreError

    for file in path.rglob("server.json"):
        if (file.parent / "server.lock").exists():
            raise StoreError(
                f"{file.parent} is served, or its server was killed; end it (after a kill, medkg"
                " serve and Ctrl-C) and seal again"
            )


class SealingSecrets(TypedDict):
    """What opens sealed files."""

    keys: list[str]
    passphrase: str | None


def sealing_secrets(key: Path | None, passphrase: Path | None = None) -> SealingSecrets:
    """The secrets in files, or else of the environment."""
    from medkg.core import sealing

    return {
        "keys": _lines(_secret(key, sealing.KEY) or ""),
        "passphrase": _secret(passphrase, sealing.PASSPHRASE),
    }


def _secret(file: Path | None, variable: str) -> str | None:
    """A secret of a file, or else of the environment; None where there is none."""
    from medkg.core.text import decode

    if file is None:
        return os.environ.get(variable) or None
    return decode(file.read_bytes(), file).rstrip("\r\n")


def _public_keys(text: str) -> list[str]:
    from medkg.core.text import decode

    file = Path(text)
    return _lines(decode(file.read_bytes(), file)) if file.is_file() else [text]


def _lines(text: str) -> list[str]:
    lines = map(str.strip, text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _print(place: Path, sealed: tuple[int, int], done: str, as_json: bool) -> None:
    from medkg.cli import show

    files, size = sealed
    if as_json:
        show.as_json({"written": str(place), "files": files, "bytes": size})
    else:
        noun = "file" if files == 1 else "files"
        show.out.print(f"{place}: {files:,} {noun} {done}, {size:,} bytes")
