"""Programs that are killed at a certain point."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable


def kill_when(ready: Callable[[], object], program: str) -> None:
    """Run Python code in a process of its own and kill it as soon as `ready` is true.

    It ends too when the program does, or after five minutes; the caller looks at what is left.
    """
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            wait_until(ready, lambda: process.poll() is None)
        finally:
            process.kill()


def wait_until(ready: Callable[[], object], is_running: Callable[[], object]) -> None:
    """Wait until something is ready or no longer runs, five minutes at most."""
    deadline = time.monotonic() + 300
    while not ready() and is_running() and time.monotonic() < deadline:
        time.sleep(0.01)
