"""One progress bar for every long step, on standard error, so that results can be piped.

Who calls from Python may take what the bars would show (`report_progress`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from .terminal import printable, terminal

T = TypeVar("T")
_TELL_EVERY = 30.0  # seconds


@dataclass(frozen=True)
class ProgressStep:
    """How far one step of a long call is.

    Attributes:
        title: what is being done.
        done: of `total`, in whatever is counted: rows, documents, epochs.
        total: None where it isn't known.
        note: a remark on where it is, or empty; never text of patients.
        whole: the share, 0 to 1, of all steps of the task that is done where their shares of its
            time are known; else None.

    Example:
        >>> medkg.ProgressStep("Reading", 3, 12).done
        3
    """

    title: str
    done: float
    total: int | None = None
    note: str = ""
    whole: float | None = None


Report = Callable[[ProgressStep], object]


def _tell_nobody(_: ProgressStep) -> None: ...


_REPORT: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def report_progress(callback: Report | None) -> Iterator[None]:
    """Take what long calls in the block say of their progress, in place of bars on standard error.

    For programs with a display of their own, and for those that want none. Of calls in the same
    thread, or asyncio task.

    Args:
        callback: called with a `ProgressStep` when a step begins, each time it moves, and when it
            ends well; what it raises ends the call. None: nobody is told.

    Example:
        >>> kg = medkg.load("starter")
        >>> titles = []
        >>> with medkg.report_progress(lambda step: titles.append(step.title)):
        ...     model = medkg.train_links(kg, model="neighbours")
        >>> len(titles) > 0
        True
    """
    token = _REPORT.set(callback or _tell_nobody)
    try:
        yield
    finally:
        _REPORT.reset(token)


@dataclass
class _Overall:
    """A task of several stages: the bar that all of them share, and how far the task is."""

    bar: Progress
    title: str
    begun: float
    reported: float
    before: dict[str, float]  # the percentage that is done when a stage begins
    shares: dict[str, float]  # the percentage that a stage is
    row: TaskID
    done: float = 0.0

    def reach(self, stage: str, part: float) -> None:
        """Move on to a part, from 0 to 1, of a stage; never back."""
        if stage in self.shares:
            at = self.before[stage] + self.shares[stage] * min(part, 1.0)
            self.done = max(self.done, at)
            self.bar.update(self.row, completed=round(self.done))


_OVERALL: ContextVar[_Overall | None] = ContextVar("overall", default=None)


@contextmanager
def stages(title: str, shares: Mapping[str, float]) -> Iterator[None]:
    """Show one more bar, in percent, over all the `progress` of these titles in the block.

    A stage that is left out, since it was finished before a kill, counts as done when the next one
    begins. Bars of other titles move nothing. Inside other stages the block shows none of its own.

    Args:
        shares: of each stage, by title and in their order, the share of the whole time.
    """
    if _OVERALL.get() is not None:
        yield
        return
    percentages = {name: 100 * share / sum(shares.values()) for name, share in shares.items()}
    ends = accumulate(percentages.values())
    before = {name: end - percentages[name] for name, end in zip(percentages, ends, strict=True)}
    title, begun = printable(title), time.monotonic()
    with _bar() as bar:
        row = bar.add_task(title, total=100, note="%")
        token = _OVERALL.set(_Overall(bar, title, begun, begun, before, percentages, row))
        try:
            yield
        finally:
            _OVERALL.reset(token)
        bar.update(row, completed=100)


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show a bar while the block runs; call what it yields with the number of steps done.

    `advance(n, note)` moves the bar by `n` and, where `note` is given, shows it (never note text).
    Where standard error is not a terminal (a log, a batch job) a line tells how far it is, at most
    twice a minute; of a task of several `stages` also how far the whole is.
    """
    title = printable(title)
    begun = reported = time.monotonic()
    done: float = 0
    overall = _OVERALL.get()
    if overall is not None:
        overall.reach(title, 0)
    if (report := _REPORT.get()) is not None:
        with _reported(report, title, total, overall) as advance:
            yield advance
        return
    with _bar() if overall is None else nullcontext(overall.bar) as bar:
        task = bar.add_task(title, total=total, note="")

        def advance(steps: float = 1, note: str | None = None) -> None:
            nonlocal done, reported
            done += steps
            note = None if note is None else printable(note)
            if overall is not None and total:
                overall.reach(title, done / total)
            now = time.monotonic()
            last = reported if overall is None else overall.reported
            if not bar.console.is_terminal and now - last >= _TELL_EVERY:
                reported = now
                line = _line(title, done, total, now - begun, note)
                if overall is not None:
                    overall.reported = now
                    whole = f"{overall.title}: {overall.done:.0f} % in {now - overall.begun:.0f} s"
                    line = f"{whole}; {line}"
                # Not by the console, which would break the line at 80 characters.
                print(line, file=sys.stderr)
            if note is None:
                bar.update(task, advance=steps)
            else:
                bar.update(task, advance=steps, note=note)

        yield advance
        if overall is not None:
            overall.reach(title, 1)
            bar.remove_task(task)


@contextmanager
def _reported(
    report: Report, title: str, total: int | None, overall: _Overall | None
) -> Iterator[Callable[..., None]]:
    """What `progress` does where somebody wants to be told, in the place of a bar."""
    done: float = 0

    def tell(note: str = "") -> None:
        whole = None if overall is None else overall.done / 100
        report(ProgressStep(title, done, total, note, whole))

    def advance(steps: float = 1, note: str | None = None) -> None:
        nonlocal done
        done += steps
        if overall is not None and total:
            overall.reach(title, done / total)
        tell(note or "")

    tell()
    yield advance
    if overall is not None:
        overall.reach(title, 1)
    tell()


def _bar() -> Progress:
    console = terminal(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    is_shown = console.is_terminal and _REPORT.get() is None
    return Progress(*columns, console=console, disable=not is_shown)


def _line(title: str, done: float, total: int | None, seconds: float, note: str | None) -> str:
    of = "" if total is None else f" of {total:,}"
    suffix = f", {note}" if note else ""
    return f"{title}: {round(done, 1):,}{of} in {seconds:.0f} s{suffix}"


def track(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, with a bar that moves one step for each."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress(title, total) as advance:
        for item in items:
            yield item
            advance()
