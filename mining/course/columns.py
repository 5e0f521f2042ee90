"""Which columns of a table of visits hold what."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.input_files import read_whole
from ...core.text import decode

_SHIPPED = Path(__file__).parent / "data"
_MOST_BYTES = 1 << 20
_LISTS = ("covariates", "categorical")


@dataclass(frozen=True)
class Columns:
    """The columns of a table of visits; any other one is not looked at.

    Attributes:
        patient: whose visit a row is. A table without it has one visit of each patient, who is
            named by the number of the row.
        time: of the visit, in any unit, since whatever began. A table without it has visits at 0.
        event: 1 where the patient had the event, 0 where the observation ended without it; the same
            in all of a patient's rows.
        event_time: of the event, or of the end of the observation, as `time` is counted.
        covariates: what a risk may depend on; none: every other column.
        categorical: covariates whose numbers are codes. What isn't numbers is categorical anyway.
        unit: of the times, for what is printed.
    """

    patient: str = "patient"
    time: str = "time"
    event: str = "event"
    event_time: str = "event_time"
    covariates: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    unit: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The names by what the columns hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Columns:
        """The columns of these names.

        Raises:
            DataError: a key or a value that is not a name or a list of names.
        """
        known = [field.name for field in fields(cls)]
        for key, value in values.items():
            if key not in known:
                raise DataError(f"{key!r} is no key; the keys are {', '.join(known)}")
            names = value if key in _LISTS else [value]
            if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
                form = "a list of columns' names" if key in _LISTS else "a column's name"
                raise DataError(f"{key} = {value!r}: give {form}")
        whole: dict[str, Any] = {k: tuple(v) if k in _LISTS else v for k, v in values.items()}
        return cls(**whole)


def read_columns(source: Path | str | None) -> Columns:
    """Columns by a TOML file with the attributes of `Columns` as keys, or by a known data set.

    Args:
        source: the file, or `support` or `pbc2`; none: the names that `Columns` has by itself.

    Raises:
        DataError: there is no such file, or it is not of this form.
    """
    if source is None:
        return Columns()
    shipped = _SHIPPED / f"{source}.toml"
    if str(source) == Path(source).stem and shipped.is_file():
        source = shipped
    path = Path(source)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in _SHIPPED.glob("*.toml")))
        raise DataError(
            f"there is no such file of columns, and the known tables are {known}", path=path
        )
    try:
        return Columns.from_dict(tomllib.loads(decode(read_whole(path, _MOST_BYTES), path)))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"is no TOML: {error}", path=path) from error
    except DataError as error:
        raise DataError(str(error), path=path) from error
