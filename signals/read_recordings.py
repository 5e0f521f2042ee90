"""Recordings to findings, file by file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..core.errors import DataError
from ..core.progress import track
from ..core.quarantine import Quarantine
from .codes import Code
from .files import files_under
from .finding import Finding
from .recording import Examination, Recording


def read_recordings(
    paths: Sequence[Path | str],
    examination: Examination,
    read: Callable[[Path], Recording],
    findings_of: Callable[[Recording], list[Finding]],
    *,
    quarantine: Quarantine,
    remarks: list[str] | None,
) -> tuple[list[Finding], int]:
    """The findings of recordings, and the number of files that were read.

    Args:
        paths: files, or folders of them.
        read: a file; `findings_of`: what it shows. What they refuse is set aside.
        quarantine: gets the files that can't be read.
        remarks: gets what was changed in reading, by file.
    """
    findings: list[Finding] = []
    n_read = 0
    title = f"{examination.name.capitalize()}s"
    for path in track(files_under(paths, examination.suffixes), title):
        try:
            recording = read(path)
            findings += findings_of(recording)
        except DataError as error:
            quarantine.add(str(error).removeprefix(f"{path}: "), path=path)
            continue
        n_read += 1
        if remarks is not None:
            remarks += [f"{path.name}: {remark}" for remark in recording.remarks]
    return findings, n_read


def finding_in(
    recording: Recording,
    examination: Examination,
    code: Code,
    *,
    probability: float,
    present: bool,
    source: str,
    region: str,
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
    )
