"""Readers that fail as none should, for the test of `benchmarks/fuzz.py`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from fuzz_inputs import Reader

from medkg.core.errors import DataError
from medkg.core.input_files import read_whole


def _sound(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a.txt").write_text("A cough.\n", encoding="utf-8")
    return folder / "a.txt"


def _is_sound(path: Path) -> bool:
    return read_whole(path) == b"A cough.\n"


def _hang(path: Path) -> None:
    while not _is_sound(path):
        time.sleep(0.01)


def _end(path: Path) -> None:
    if not _is_sound(path):
        os.kill(os.getpid(), signal.SIGKILL)


def _fill(path: Path) -> None:
    if not _is_sound(path):
        bytearray(8 << 30)


def _break(path: Path) -> None:
    if not _is_sound(path):
        raise KeyError("a cough")


def _refuse(path: Path) -> None:
    if not _is_sound(path):
        raise DataError("is not sound")


def _made() -> dict[str, Reader]:
    reads = {"hang": _hang, "crash": _end, "memory": _fill, "traceback": _break, "refused": _refuse}
    return {name: Reader(_sound, read) for name, read in reads.items()}


FAMILIES = {"bad": _made}
