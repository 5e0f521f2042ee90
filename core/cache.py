"""The folder of what medkg keeps to be quicker next time."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pooch

_KEPT_FOR = 7 * 86_400  # seconds that what medkg can make again stays after it was last touched


def cache_folder() -> Path:
    """Where fetched sources and tables are kept: MEDKG_CACHE, or the user's cache folder."""
    folder = os.environ.get("MEDKG_CACHE")
    return Path(folder) if folder else Path(pooch.os_cache("medkg"))


def is_old(path: Path) -> bool:
    """Whether something in the cache was not touched for a week."""
    return time.time() - path.stat().st_mtime > _KEPT_FOR


def remove_old_beside(folder: Path) -> None:
    """Delete what lies beside a folder of the cache and is old."""
    for other in folder.parent.iterdir():
        if other != folder and is_old(other):
            shutil.rmtree(other, ignore_errors=True)
