"""A command that can't be finished says why, leaves nothing half-done, and can be given again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .interrupted import Limits, python_of, run, undisturbed
from .refused import FORBIDDEN, NOBODY, forbidden, full_disk, limited, small_disk, twice_at_once

# `benchmarks/faults.py` tries more commands, and more sizes.


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that every user may get to, with a graph; those of other tests are their owner's."""
    folder = Path(tempfile.mkdtemp(prefix="medkg-test-"))
    folder.chmod(0o755)
    made = run(["load", "starter", "--out", str(folder / "inputs" / "starter")], folder / "tmp")
    assert made.code == 0, made.output
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[str, str]:
    """What undisturbed commands leave, by their names."""
    names = ("load", "view")
    return {name: undisturbed(name, folder / "inputs", folder / "work")[1] for name in names}


@pytest.mark.parametrize("temporary", [False, True])
@pytest.mark.parametrize(("name", "room"), [("load", 1 << 17), ("view", 0)])
def test_a_full_disk(
    folder: Path, expected: dict[str, str], name: str, room: int, temporary: bool
) -> None:
    try:
        with small_disk(folder / "tried"):
            pass
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk can't be mounted here")
    finally:
        shutil.rmtree(folder / "tried", ignore_errors=True)
    work = folder / "work"
    made = full_disk(name, folder / "inputs", work, expected[name], room, temporary=temporary)
    assert made.good, made
    assert made.finished == temporary  # neither has temporary files of this size
    assert made.finished or "the disk is full; make room on it" in made.message


def test_a_limit_on_the_size_of_files(folder: Path, expected: dict[str, str]) -> None:
    limits = Limits(file=1 << 14)
    made = limited("load", folder / "inputs", folder / "work", expected["load"], limits)
    assert made.good, made
    assert "(ulimit -f)" in made.message


@pytest.mark.parametrize("megabytes", [128, 512, 768])  # where Python, a library or polars ends
def test_a_limit_on_memory(folder: Path, expected: dict[str, str], megabytes: int) -> None:
    limits = Limits(memory=megabytes << 20)
    made = limited("load", folder / "inputs", folder / "work", expected["load"], limits)
    assert made.good, made
    assert not made.finished
    assert "the memory that this process may use is not enough" in made.message


def test_a_limit_on_memory_that_is_enough(folder: Path, expected: dict[str, str]) -> None:
    limits = Limits(memory=16 << 30)
    made = limited("load", folder / "inputs", folder / "work", expected["load"], limits)
    assert made.good, made
    assert made.finished


@pytest.mark.parametrize("what", FORBIDDEN)
def test_another_user(folder: Path, expected: dict[str, str], what: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    try:
        python_of(NOBODY)
    except OSError as error:
        pytest.skip(str(error))
    made = forbidden("view", folder / "inputs", folder / "work", expected["view"], what)
    assert made.good, made
    assert made.finished == (what == "temporary")  # a page needs none
    # A page that may not be read is taken for a slip in the command, in words that are wrapped.
    reason = "Invalid value" if what == "replace" else "permission denied"
    assert made.finished or reason in made.message


@pytest.mark.parametrize("name", ["load", "view"])
def test_the_same_command_twice_at_once(folder: Path, expected: dict[str, str], name: str) -> None:
    made = twice_at_once(name, folder / "inputs", folder / "work", expected[name])
    assert made.good, made
