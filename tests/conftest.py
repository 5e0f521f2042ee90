"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .servers import embedded_uri, neo4j_uri, store

__all__ = ["embedded_uri", "neo4j_uri", "shared_data", "store"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: MEDKG_DATA, or ../shared/data beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MEDKG_DATA", default))
    if not folder.is_dir():
        pytest.skip("the real data are not here: set MEDKG_DATA to the folder that holds them")
    return folder
