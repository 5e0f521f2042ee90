"""What is printed where Ctrl-C stops a command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from medkg.cli import main
from medkg.core.atomic import folder_of_one_run
from tests.graph.graphs import small


def stop() -> None:
    raise KeyboardInterrupt


def stop_in_what_fails_then() -> None:
    """As a driver does that is left while it reads."""
    buffer = bytearray(8)
    with memoryview(buffer):
        try:
            raise KeyboardInterrupt
        finally:
            buffer.clear()


def stop_with_nothing_finished() -> None:
    with folder_of_one_run(Path("out.parts")):
        raise KeyboardInterrupt


def stop_with_something_kept() -> None:
    with folder_of_one_run(Path("out.parts")) as folder:
        (folder / "part").write_text("finished")
        raise KeyboardInterrupt


def stop_as_the_pager_ends() -> None:
    try:
        raise KeyboardInterrupt
    finally:
        raise BrokenPipeError


@pytest.mark.parametrize(
    ("stopped", "line"),
    [
        (stop, "medkg: stopped"),
        (stop_in_what_fails_then, "medkg: stopped"),
        (stop_with_nothing_finished, "medkg: stopped"),
        (stop_as_the_pager_ends, "medkg: stopped"),
        (
            stop_with_something_kept,
            "medkg: stopped; the same command goes on from what was finished",
        ),
    ],
)
def test_ctrl_c_ends_with_code_130_and_a_line(
    stopped: Callable[[], None],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small().save(tmp_path / "kg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("medkg.core.interruption._keeps", False)
    monkeypatch.setattr("medkg.graph.merge.merge", lambda *_: stopped())
    monkeypatch.setattr(sys, "argv", ["medkg", "merge", "kg", "--out", "out"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err.strip() == line
