"""The memory that reading takes, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_MEASURE = """
import resource
rows = 0
for part in parts:
    rows += sum(frame.height for frame in part if frame is not None)
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak_memory(parts: str, path: Path) -> tuple[int, int]:
    """Rows of all parts, and the peak in MB of a process that reads them.

    Args:
        parts: Python text that sets `parts`, of the path `sys.argv[1]`.
    """
    done = subprocess.run(
        [sys.executable, "-c", parts + _MEASURE, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows, peak = done.stdout.split()
    return int(rows), int(peak)
