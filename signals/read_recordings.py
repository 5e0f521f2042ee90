"""Recordings to findings, file by file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from ..core.quarantine import Quarantine
from .codes import Code
from .files import read_files
from .finding import Finding
from .recording import Examination, Recording

Result = TypeVar("Result")


def read_recordings(
    paths: Sequence[Path | str],
    examination: Examination,
    read: Callable[[Path], Recording],
    results_of: Callable[[Recording], Iterable[Result]],
    *,
    quarantine: Quarantine,
    remarks: list[str] | None,
) -> tuple[list[Result], int]:
    """What recordings give, such as findings, and the number of files that were read.

    Args:
        paths: files, or folders of them.
        read: a file; `results_of`: what it gives. What they refuse is set aside.
        quarantine: gets the files that can't be read.
        remarks: gets what was changed in reading, by file.
    """

    def read_one(path: Path) -> tuple[Iterable[Result], Iterable[str]]:
        recording = read(path)
        return results_of(recording), recording.remarks

    title = f"{examination.name.capitalize()}s"
    return read_files(
        paths, examination.suffixes, title, read_one, quarantine=quarantine, remarks=remarks
    )


def finding_in(
    recording: Recording,
    examination: Examination,
    code: Code,
    *,
    probability: float,
    present: bool,
    source: str,
    region: str,
    predicted: bool = True,
) -> Finding:
    """A finding of a recording; see `Finding`."""
    return Finding(
        code=code.code,
        name=code.name,
        probability=probability,
        present=present,
        procedure=examination.name,
        source=source,
        region=region,
        file=recording.file,
        checksum=recording.checksum,
        device=recording.device,
        date=recording.date,
        predicted=predicted,
        remarks=recording.remarks,
    )
