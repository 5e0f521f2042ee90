"""How a source's test module offers a small example to the contract of all sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """A small example of a source in its published format.

    Attributes:
        write: writes it into a folder (which it makes) and returns the path to load.
        write_bad: the same with at least one row more that can't be used, and no good row more.
        options: those that the load needs; `{folder}` in a value stands for the folder written to.
        sources: names of the sources that its evidence gives; by default the loader's own.
    """

    write: Callable[[Path], Path]
    write_bad: Callable[[Path], Path]
    options: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
