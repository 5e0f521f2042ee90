"""What a command that Ctrl-C stops leaves for the same command to go on from."""

from __future__ import annotations

_keeps = False


def mark_kept() -> None:
    """State that this process keeps what it has finished, for the same command to go on from."""
    global _keeps
    _keeps = True


def is_kept() -> bool:
    """Whether this process has kept anything so."""
    return _keeps


def was_interrupted(error: BaseException | None) -> bool:
    """Whether an error is Ctrl-C, or came while the code that this stopped was left.

    What a library does on its way out may fail too, as its state is that of any moment.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
