"""What medkg installs: its licences, and the hashes that its packages are held to."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_PINNED = re.compile(r"([\w.-]+)==([^ ;\\]+)")


def pinned(file: Path) -> dict[str, str]:
    """The version of each package in a file of requirements, by its name in small letters."""
    return {
        match[1].lower().replace("_", "-").replace(".", "-"): match[2]
        for line in file.read_text(encoding="utf-8").splitlines()
        if (match := _PINNED.match(line))
    }


def test_the_lock_holds_every_tested_version_with_its_hashes() -> None:
    lock, tested = pinned(ROOT / "requirements.lock"), pinned(ROOT / "constraints.txt")
    assert tested
    assert {name: lock.get(name) for name in tested} == tested
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    packages = re.split(r"\n(?=[a-z])", text)
    assert len(packages) == len(lock)
    for package in packages:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", package), package.split()[0]
    assert "://" not in text


def run_licences(folder: Path, without: str) -> subprocess.CompletedProcess[str]:
    """The licences of the light base, where one licence is taken off the list."""
    shutil.copy(ROOT / ".ci" / "licences.py", folder)
    rules = (ROOT / ".ci" / "licences.toml").read_text(encoding="utf-8")
    lines = [line for line in rules.splitlines() if not line.startswith(f'  "{without}"')]
    (folder / "licences.toml").write_text("\n".join(lines), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(folder / "licences.py"), "--extras"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("without", "refused"),
    [
        ("a licence that is not there", None),
        ("MIT", "polars "),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "arcadedb-embedded "),
        ("MPL-2.0", "certifi "),
    ],
)
def test_a_licence_that_is_not_on_the_list_is_refused(
    tmp_path: Path, without: str, refused: str | None
) -> None:
    result = run_licences(tmp_path, without)
    if refused is None:
        assert (result.returncode, result.stderr) == (0, "")
        assert "numpy " in result.stdout
    else:
        assert result.returncode == 1
        assert any(line.startswith(refused) for line in result.stderr.splitlines())
