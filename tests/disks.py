"""Disks that take no more: small ones of their own, and a limit on how large a file may get."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounts a disk with the options given, such as `size=100k`, and gives its folder."""
    with ExitStack() as mounted:

        def mount(options: str) -> Path:
            folder = tmp_path / "disk"
            folder.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
            try:
                subprocess.run(command, capture_output=True, check=True)
            except (OSError, subprocess.CalledProcessError):
                pytest.skip("a small disk can't be mounted here")
            # Lazily: a file there may still be open.
            mounted.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
            return folder

        yield mount


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file of this process may get larger, so that writing on ends with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def forbidden_folder() -> Iterator[Path]:
    """A folder in which this process may write nothing during the block."""
    folder = Path(tempfile.mkdtemp(prefix="medkg-test-"))
    is_root = os.geteuid() == 0
    folder.chmod(0o555)
    if is_root:  # whom no permission stops
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        with suppress(OSError):
            folder.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
