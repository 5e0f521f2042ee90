"""PackStream, the binary form of values in Bolt messages: what the gateway needs of it.

Source: the PackStream specification in Neo4j's Bolt documentation, version 1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from ...core.errors import DataError

Value = object
_DEEPEST = 100  # values in values


class Structure(NamedTuple):
    """A tagged list of values, such as a message or a point in time."""

    tag: int
    fields: list[Value]


def unpack(data: bytes) -> Value:
    """The value that the bytes hold.

    Raises:
        DataError: they are no PackStream, or nested too deeply.
    """
    reader = _Reader(data)
    try:
        value = reader.value()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise DataError("a Bolt message can't be read: it is cut off, or no PackStream") from error
    return value


class _Reader:
    def __init__(self, data: bytes):
        self._data = data
        self._place = 0
        self._depth = 0

    def value(self) -> Value:
        marker = self._number("B")
        if marker < 0x80 or marker >= 0xF0:
            return marker if marker < 0x80 else marker - 0x100
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == 0xC1:
            return self._float()
        if marker in _INTEGERS:
            return self._number(_INTEGERS[marker])
        if marker in _SIZED:
            read, form = _SIZED[marker]
            return read(self, self._number(form))
        if tiny := _TINY.get(marker & 0xF0):
            return tiny(self, marker & 0x0F)
        raise DataError("a Bolt message can't be read: it has a value of unknown type")

    def _number(self, form: str) -> int:
        [number] = struct.unpack_from(f">{form}", self._data, self._place)
        self._place += struct.calcsize(form)
        return int(number)

    def _float(self) -> float:
        [number] = struct.unpack_from(">d", self._data, self._place)
        self._place += 8
        return float(number)

    def _bytes(self, size: int) -> bytes:
        end = self._place + size
        if end > len(self._data):
            raise IndexError
        part = self._data[self._place : end]
        self._place = end
        return part

    def _text(self, size: int) -> str:
        return self._bytes(size).decode()

    def _list(self, size: int) -> list[Value]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise DataError("a Bolt message is nested too deeply")
        values = [self.value() for _ in range(size)]
        self._depth -= 1
        return values

    def _map(self, size: int) -> dict[str, Value]:
        flat = self._list(2 * size)
        return dict(zip(map(str, flat[::2]), flat[1::2], strict=True))

    def _structure(self, size: int) -> Structure:
        return Structure(self._number("B"), self._list(size))


_Sized = Callable[[_Reader, int], Value]
_CONSTANTS: dict[int, Value] = {0xC0: None, 0xC2: False, 0xC3: True}
_INTEGERS = dict(zip((0xC8, 0xC9, 0xCA, 0xCB), "bhiq", strict=True))
_TINY: dict[int, _Sized] = {  # by the upper half of the marker; the lower half is the size
    0x80: _Reader._text,
    0x90: _Reader._list,
    0xA0: _Reader._map,
    0xB0: _Reader._structure,
}
_SIZED: dict[int, tuple[_Sized, str]] = {
    first + n: (read, form)
    for first, read in (
        (0xCC, _Reader._bytes),
        (0xD0, _Reader._text),
        (0xD4, _Reader._list),
        (0xD8, _Reader._map),
    )
    for n, form in enumerate("BHI")
}


def pack(value: Value) -> bytes:
    """The bytes of a value: text, bytes, number, boolean, None, list, map or structure.

    Raises:
        TypeError: a value of another type.
    """
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xcb" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xc1" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"\xd2" + struct.pack(">I", len(data)) + data
    if isinstance(value, bytes):
        return b"\xce" + struct.pack(">I", len(value)) + value
    if isinstance(value, Structure):
        head = bytes((0xB0 + len(value.fields), value.tag))
        return head + b"".join(map(pack, value.fields))
    if isinstance(value, dict):
        pairs = b"".join(pack(str(key)) + pack(each) for key, each in value.items())
        return b"\xda" + struct.pack(">I", len(value)) + pairs
    if isinstance(value, list):
        return b"\xd6" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
    raise TypeError(f"PackStream has no form for {type(value).__name__}")
