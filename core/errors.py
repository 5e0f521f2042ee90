"""Errors that a user can act on: what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path


class MedkgError(Exception):
    """Something the user can put right: printed without a traceback, exit code 1."""


class DataError(MedkgError):
    """A file, row or value that can't be used.

    Args:
        problem: what is wrong and what to do, in one sentence.
        path: the file it was found in.
        line: the line of that file, counted from 1.
    """

    def __init__(self, problem: str, *, path: Path | str | None = None, line: int | None = None):
        where = "" if path is None else f"{path}{'' if line is None else f', line {line}'}: "
        super().__init__(f"{where}{problem}")


class NothingReadError(DataError):
    """Files of which nothing could be used; each is set aside with its reason."""


class SchemaError(MedkgError):
    """A kind, relation or identifier that the schema doesn't know or doesn't allow there."""


class StoreError(MedkgError):
    """A graph server that is not there, refuses the log-in, or refuses a query."""


class ModelError(MedkgError):
    """A model folder that is missing, damaged, or was made for something else."""


class MissingError(MedkgError):
    """A name or identifier that the graph, the model or the query library doesn't hold."""
