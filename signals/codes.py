"""The codes that the labels of models stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..core.errors import DataError
from ..core.text import read_toml


class Code(NamedTuple):
    """The CURIE and name of a Symptom or Disease."""

    code: str
    name: str


def read_codes(shipped: Path, own: Path | str | None = None) -> Mapping[str, Code]:
    """Codes by label, of the table that ships and of the user's own, which goes before it.

    Raises:
        DataError: the user's file can't be read, or an entry lacks its code or name.
    """
    codes = _codes_of(shipped)
    return codes if own is None else {**codes, **_codes_of(Path(own))}


def check_codes(classes: Sequence[str], codes: Mapping[str, Code]) -> None:
    """Raise where a class but the first has no code.

    Raises:
        DataError: so it is.
    """
    if missing := [name for name in classes[1:] if name not in codes]:
        raise DataError(
            f"the model's classes {', '.join(missing)} have no code: give --codes with"
            f' [{missing[0]}], code = "HP:…", name = "…"'
        )


def _codes_of(path: Path) -> dict[str, Code]:
    codes = {}
    for label, entry in read_toml(path).items():
        match entry:
            case {"code": str(code), "name": str(name), **more} if (
                ":" in code and name and not more
            ):
                codes[label] = Code(code, name)
            case _:
                raise DataError(
                    f'[{label}] needs code = "HP:…" and name = "…", and nothing else', path=path
                )
    return codes
