"""What is told of long steps where nobody sees a bar."""

from __future__ import annotations

import pytest

from medkg.core import progress as module
from medkg.core.progress import ProgressStep, progress, report_progress, stages, track


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


def test_stages_share_one_percentage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 31))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    with stages("Training", {"First": 1, "Left out": 1, "Last": 2}):
        with progress("First", 4) as advance:
            advance()
            advance(2)
        with progress("Beside", 10) as advance:  # is no stage
            advance(10)
        with stages("Inner", {"Last": 1}), progress("Last", 2) as advance:
            advance(1, "half")
            advance(3)  # more than its total
    with progress("After", 2) as advance:
        advance()
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" in ")[0] for line in lines] == [
        "Training: 6 %",
        "Training: 19 %",
        "Training: 25 %",
        "Training: 75 %",
        "Training: 100 %",
        "After: 1 of 2",
    ]
    assert lines[3].endswith("; Last: 1 of 2 in 31 s, half")


def test_after_a_failure_in_a_stage_bars_are_single_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TELL_EVERY", 0.0)
    with pytest.raises(ZeroDivisionError), stages("Training", {"First": 1}), progress("First", 4):
        _ = 1 / 0
    with progress("Reading", 2) as advance:
        advance()
    assert capsys.readouterr().err.startswith("Reading: 1 of 2 in ")


def test_a_program_is_told_in_place_of_bars(capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[ProgressStep] = []
    with (
        report_progress(steps.append),
        stages("Training", {"First": 1, "Last": 3}),
    ):
        with progress("First", 4) as advance:
            advance(2, "half")
        assert list(track("ab", "Last")) == ["a", "b"]
    assert steps == [
        ProgressStep("First", 0, 4, "", 0.0),
        ProgressStep("First", 2, 4, "half", 0.125),
        ProgressStep("First", 2, 4, "", 0.25),
        ProgressStep("Last", 0, 2, "", 0.25),
        ProgressStep("Last", 1, 2, "", 0.625),
        ProgressStep("Last", 2, 2, "", 1.0),
        ProgressStep("Last", 2, 2, "", 1.0),
    ]
    assert capsys.readouterr() == ("", "")


def test_nobody_is_told_and_bars_are_back_after_the_block(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TELL_EVERY", 0.0)
    with report_progress(None), stages("Training", {"Counting": 1}):
        assert list(track(range(3), "Counting")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")
    assert list(track(range(1), "Counting")) == [0]
    assert capsys.readouterr().err.startswith("Counting: 1 of 1")


def test_what_a_callback_raises_ends_the_call_and_its_block() -> None:
    class Cancelled(Exception):
        pass

    def cancel(step: ProgressStep) -> None:
        if step.done == 2:
            raise Cancelled

    done = []
    with pytest.raises(Cancelled), report_progress(cancel):
        done.extend(track(range(5), "Counting"))
    assert module._REPORT.get() is None
