"""A page as a browser makes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="NOT RUN: pages in a browser; install chromium"
)


def opened(html: str, folder: Path) -> str:
    """The document that a browser makes of a page, scripts run."""
    assert CHROMIUM
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    return subprocess.run(
        [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            *("--disable-sync", "--no-first-run", f"--user-data-dir={folder / 'profile'}"),
            *("--virtual-time-budget=2000", "--dump-dom", str(file)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
