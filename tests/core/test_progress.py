"""What is told of long steps where nobody sees a bar."""

from __future__ import annotations

import pytest

from medkg.core import progress as module
from medkg.core.progress import progress, track


def test_a_log_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 13))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    with progress("Reading", 2000) as advance:
        for step in range(5):
            advance(300, f"part {step}")
        advance(1 / 3)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "Reading: 900 of 2,000 in 39 s, part 2",
        "Reading: 1,500.3 of 2,000 in 78 s",
    ]


def test_short_steps_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(5), "Counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""
