"""One progress bar for every long step, on standard error, so that results can be piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from .terminal import printable, terminal

T = TypeVar("T")
_TELL_EVERY = 30.0  # seconds


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show a bar while the block runs; call what it yields with the number of steps done.

    `advance(n, note)` moves the bar by `n` and, where `note` is given, shows it (never note text).
    Where standard error is not a terminal (a log, a batch job) a line tells how far it is, at most
    twice a minute.
    """
    console = terminal(stderr=True)
    title = printable(title)
    begun = reported = time.monotonic()
    done: float = 0
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total, note="")

        def advance(steps: float = 1, note: str | None = None) -> None:
            nonlocal done, reported
            done += steps
            note = None if note is None else printable(note)
            now = time.monotonic()
            if not console.is_terminal and now - reported >= _TELL_EVERY:
                reported = now
                of = "" if total is None else f" of {total:,}"
                suffix = f", {note}" if note else ""
                # Not by the console, which would break the line at 80 characters.
                print(
                    f"{title}: {round(done, 1):,}{of} in {now - begun:.0f} s{suffix}",
                    file=sys.stderr,
                )
            if note is None:
                bar.update(task, advance=steps)
            else:
                bar.update(task, advance=steps, note=note)

        yield advance


def track(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, with a bar that moves one step for each."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress(title, total) as advance:
        for item in items:
            yield item
            advance()
