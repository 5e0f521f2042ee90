"""The folder of what medkg keeps to be quicker next time."""

from __future__ import annotations

import os
from pathlib import Path

import pooch


def cache_folder() -> Path:
    """Where fetched sources and tables are kept: MEDKG_CACHE, or the user's cache folder."""
    folder = os.environ.get("MEDKG_CACHE")
    return Path(folder) if folder else Path(pooch.os_cache("medkg"))
