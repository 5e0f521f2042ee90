"""JSON from files that anyone may have written: within limits, whole or as a stream.

Python's parser and ijson both take what they are given: a few kilobytes of brackets or digits can
end the process or take all of its memory. So every JSON that medkg reads comes through here. What
breaks a limit, and what is no JSON, is a `JsonError` with a fixed phrase that quotes nothing.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

from .input_files import InputError, read_whole


class JsonError(InputError, ValueError):
    """JSON that can't be read."""


@dataclass(frozen=True)
class JsonLimits:
    """What JSON may hold.

    Attributes:
        depth: objects and lists inside each other.
        digits: characters of a number.
        string: bytes of a string.
        values: numbers, strings, objects, … of one record: of a whole text, or of one of the values
            that are read one at a time.
        size: bytes of one record.
    """

    depth: int = 200
    digits: int = 1_000
    string: int = 64 << 20
    values: int = 2_000_000
    size: int = 256 << 20


RECORD = JsonLimits()
# The vocabulary of a model has a string for each node of the graph that it was trained on.
VOCABULARY_LIMITS = JsonLimits(values=50_000_000, size=2 << 30)

NO_JSON = "is not whole, valid JSON"
_BLOCK = 1 << 16  # bytes that are read at once; the values in them are held together
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NUMBERS = bytes(ord("0") if chr(byte) in "-+.0123456789eE" else byte for byte in range(256))
# One step down for a bracket that opens, and up (-1 as a signed byte) for one that closes.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


class JsonGuard:
    """Holds JSON against limits before it is parsed, a block of bytes at a time.

    It looks at brackets, quotes and the length of numbers alone: what it lets pass may still be no
    JSON, but can be given to a parser.

    Args:
        record_depth: how many objects and lists stand around a record; all is one record without.
    """

    def __init__(self, limits: JsonLimits = RECORD, record_depth: int = -1) -> None:
        self._limits, self._record_depth = limits, record_depth
        self._long_number = b"0" * (limits.digits + 1)
        self._depth = self._values = self._size = self._string = 0
        self._in_string = self._escaped = False
        self._before = b""

    def check(self, data: bytes) -> None:
        """Look at the next bytes.

        Raises:
            JsonError: a limit is broken.
        """
        for start in range(0, len(data), _BLOCK):
            self._check_block(data[start : start + _BLOCK])

    @property
    def unfinished_string(self) -> int:
        """Bytes of the string that the last block has begun and not ended; 0: none."""
        return self._string if self._in_string else 0

    def _check_block(self, block: bytes) -> None:
        size = len(block)
        if self._escaped:
            block = block[1:]
        self._escaped = (len(block) - len(block.rstrip(b"\\"))) % 2 == 1
        pieces = block.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        # Every other piece is outside strings, from the first or the second one on.
        outside = b'"'.join(pieces[int(self._in_string) :: 2])
        self._check_string(pieces)
        joined = self._before + outside.translate(_NUMBERS)
        if self._long_number in joined:
            raise JsonError(f"has a number of more than {self._limits.digits:,} characters")
        # A number goes on over the end of a block only where no string has ended it.
        self._before = b"" if self._in_string else joined[-self._limits.digits :]
        self._check_records(outside, size)

    def _check_string(self, pieces: list[bytes]) -> None:
        """Count the bytes of a string that goes on over the end of a block: blocks are short."""
        if self._in_string:
            self._string += len(pieces[0])
        if len(pieces) > 1:
            self._in_string ^= len(pieces) % 2 == 0
            self._string = len(pieces[-1]) if self._in_string else 0
        if self._string > self._limits.string:
            raise JsonError(f"has a string of more than {self._limits.string >> 20} MB")

    def _check_records(self, outside: bytes, size: int) -> None:
        brackets = outside.translate(None, _ALL_BUT_BRACKETS)
        values = outside.count(b",") + (len(brackets) + 1) // 2
        lowest = self._depth
        if brackets:
            import numpy as np

            steps = np.frombuffer(brackets.translate(_STEPS), np.int8)
            depths = self._depth + np.cumsum(steps, dtype=np.int64)
            if depths.max() > self._limits.depth:
                raise JsonError(f"is nested more than {self._limits.depth} deep")
            lowest, self._depth = min(lowest, int(depths.min())), int(depths[-1])
        if lowest <= self._record_depth:
            self._values = self._size = 0
        self._values += values
        self._size += size
        if self._values > self._limits.values:
            raise JsonError(f"has more than {self._limits.values:,} values in one record")
        if self._size > self._limits.size:
            raise JsonError(f"has a record of more than {self._limits.size >> 20} MB")


class _GuardedFile:
    """An open file whose bytes are held against limits before a parser gets them."""

    def __init__(self, file: IO[bytes], guard: JsonGuard) -> None:
        self._file, self._guard = file, guard
        self._is_start = True

    def read(self, size: int = -1) -> bytes:
        # The parser goes through all of an unfinished string again at each block.
        block = self._file.read(max(size, self._guard.unfinished_string) if size > 0 else size)
        if self._is_start and size:
            self._is_start = False
            if block.startswith(codecs.BOM_UTF8):
                block = block.removeprefix(codecs.BOM_UTF8) or self._file.read(size)
        self._guard.check(block)
        return block


def parse_json(text: str | bytes, limits: JsonLimits = RECORD) -> Any:
    """The value of a JSON text; bytes are UTF-8, with or without a byte-order mark.

    Raises:
        JsonError: it is no JSON, or breaks a limit.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        if len(text) > limits.digits or text.count("[") + text.count("{") > limits.depth:
            JsonGuard(limits).check(text.encode("utf-8", "surrogatepass"))
        return json.loads(text)
    except JsonError:
        raise
    except (ValueError, RecursionError):
        # The parser's message may quote the text.
        raise JsonError(NO_JSON) from None


def parse_object(text: str | None) -> dict[str, Any]:
    """The members of a JSON object; none of no text.

    Raises:
        JsonError: it is no JSON object, or breaks a limit.
    """
    value = parse_json(text) if text else {}
    if not isinstance(value, dict):
        raise JsonError("is no JSON object")
    return value


def read_json(path: Path, limits: JsonLimits = RECORD) -> Any:
    """The value of a whole JSON file, plain or compressed.

    Raises:
        InputError: the file can't be read.
        JsonError: it is no JSON, or breaks a limit.
    """
    try:
        return parse_json(read_whole(path, limits.size), limits)
    except JsonError as error:
        raise JsonError(error.reason, path=path) from None


def json_items(file: IO[bytes], place: str) -> Iterator[Any]:
    """The values at a place of a JSON stream, one at a time; it may hold several texts.

    Args:
        place: as ijson writes it: `entry.item` are those of the list `entry`. Integers must fit
            into 64 bits.

    Raises:
        JsonError: it is no JSON, or breaks a limit; what came before has been given.
    """
    import ijson

    guard = JsonGuard(record_depth=place.count(".") + 1 if place else 0)
    guarded = _GuardedFile(file, guard)
    yield from _json_errors(
        ijson.items(guarded, place, use_float=True, multiple_values=True, buf_size=_BLOCK)
    )


def json_events(file: IO[bytes]) -> Iterator[tuple[str, str, object]]:
    """The events of a JSON stream (place, event, value), as `ijson.parse` gives them.

    Raises:
        JsonError: it is no JSON, or breaks a limit.
    """
    import ijson

    guarded = _GuardedFile(file, JsonGuard(record_depth=RECORD.depth))
    yield from _json_errors(
        ijson.parse(guarded, use_float=True, multiple_values=True, buf_size=_BLOCK)
    )


def json_lists(
    blocks: Iterable[bytes], names: Iterable[str], most: int
) -> Iterator[tuple[str, list[Any]]]:
    """The lists that are members of a JSON object, in parts, from one pass over its bytes.

    Args:
        names: of the members.
        most: a part is given when a list has more than these items.

    Raises:
        JsonError: it is no JSON, or breaks a limit.
    """
    import ijson

    guard = JsonGuard(record_depth=2)
    lists = {name: ijson.sendable_list() for name in names}
    takers = {name: ijson.items_coro(lists[name], f"{name}.item", use_float=True) for name in lists}
    started = set()
    for block in chain(blocks, [b""]):  # by the empty one the parser knows the end
        guard.check(block)
        try:
            for taker in takers.values():
                with suppress(StopIteration):
                    taker.send(block)
        except (ijson.JSONError, UnicodeDecodeError):
            raise JsonError(NO_JSON) from None
        if block and max(map(len, lists.values())) < most:
            continue
        for name, items in lists.items():
            if items:
                started.add(name)
                yield name, list(items)
                items.clear()
            elif name in started:
                takers.pop(name, None)  # that list is over; the others are read now


def _json_errors(values: Iterator[Any]) -> Iterator[Any]:
    """What a parser of ijson gives, with its errors as JsonError."""
    import ijson

    try:
        yield from values
    except (ijson.JSONError, UnicodeDecodeError, RecursionError):
        raise JsonError(NO_JSON) from None
