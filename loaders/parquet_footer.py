"""How many rows a parquet file says that it has, before any is read.

What reads the rows makes room for as many as a row group claims, and a file of some kilobytes can
claim a thousand million: the process would end for lack of memory. The footer is a struct in
Thrift's compact protocol (https://github.com/apache/parquet-format); of it the counts of the row
groups are read, and the rest is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..core.errors import DataError

# The most rows of a row group: no common writer makes larger ones.
MOST_ROWS = 1 << 26
# Rows that any file may have, and how many more for each of its bytes.
_ROWS_FREELY, _ROWS_A_BYTE = 1_000_000, 100
_MOST_FOOTER = 32 << 20  # bytes
_MOST_INSIDE = 32  # structs within each other
# Thrift's types.
_BOOLEANS, _BYTE, _INTEGERS, _DOUBLE, _BINARY = (1, 2), 3, (4, 5, 6), 7, 8
_LISTS, _MAP, _STRUCT = (9, 10), 11, 12


def check_row_groups(path: Path) -> None:
    """Refuse a parquet file that claims more rows than it can be believed.

    Raises:
        DataError: it does, or its footer is damaged.
    """
    size = path.stat().st_size
    most = _ROWS_FREELY + _ROWS_A_BYTE * size
    try:
        rows = _row_group_rows(_footer(path, size))
    except (ValueError, IndexError) as error:
        reason = f"its footer is damaged, or has more than {_MOST_FOOTER >> 20} MB"
        raise DataError(f"can't be read as parquet: {reason}", path=path) from error
    for number in rows:
        if not 0 <= number <= MOST_ROWS:
            raise DataError(
                f"a row group claims {number} rows; no more than {MOST_ROWS} are read", path=path
            )
    if sum(rows) > most:
        raise DataError(f"claims {sum(rows)} rows in {size} bytes", path=path)


def _footer(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        end = file.read(8)
        length = int.from_bytes(end[:4], "little")
        if end[4:] != b"PAR1" or length > min(size - 8, _MOST_FOOTER):
            raise ValueError("no footer")
        file.seek(size - 8 - length)
        return file.read(length)


def _row_group_rows(footer: bytes) -> list[int]:
    """The number of rows of each row group."""
    compact = _Compact(footer)
    rows = []
    for field, kind in compact.fields():
        if (field, kind) == (4, _LISTS[0]):
            number, element = compact.list_header()
            if number and element != _STRUCT:
                raise ValueError("row groups are no structs")
            rows += [_rows_of_group(compact) for _ in range(number)]
        else:
            compact.skip(kind)
    return rows


def _rows_of_group(compact: _Compact) -> int:
    rows = 0
    for field, kind in compact.fields():
        if field == 3 and kind in _INTEGERS:
            rows = compact.integer()
        else:
            compact.skip(kind)
    return rows


class _Compact:
    """Reads values in Thrift's compact protocol; beyond the end it is an IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """The fields of a struct, by number and type; whoever iterates reads or skips each."""
        field = 0
        while header := self._byte():
            field = field + (header >> 4) if header >> 4 else self.integer()
            yield field, header & 15

    def integer(self) -> int:
        """A number with a sign."""
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def list_header(self) -> tuple[int, int]:
        """The number of elements of a list, and their type."""
        header = self._byte()
        return (header >> 4 if header >> 4 < 15 else self._varint()), header & 15

    def skip(self, kind: int, inside: int = 0) -> None:
        """Pass over a value of a type; `inside` is in how many others it stands."""
        if inside > _MOST_INSIDE:
            raise ValueError("nested too deep")
        if kind in _INTEGERS:
            self._varint()
        elif kind == _BINARY:
            self._pass(self._varint())
        elif kind == _STRUCT:
            for _, of_field in self.fields():
                self.skip(of_field, inside + 1)
        elif kind in _LISTS:
            number, element = self.list_header()
            self._skip_elements([element], number, inside)
        elif kind == _MAP:
            if number := self._varint():
                kinds = self._byte()
                self._skip_elements([kinds >> 4, kinds & 15], number, inside)
        elif kind in (_BYTE, _DOUBLE):
            self._pass(1 if kind == _BYTE else 8)
        elif kind not in _BOOLEANS:  # of which a field's type is the value
            raise ValueError("unknown type")

    def _skip_elements(self, kinds: list[int], number: int, inside: int) -> None:
        for _ in range(number):
            for kind in kinds:
                if kind in _BOOLEANS:
                    self._byte()
                else:
                    self.skip(kind, inside + 1)

    def _byte(self) -> int:
        byte = self._data[self._at]
        self._at += 1
        return byte

    def _pass(self, number: int) -> None:
        self._at += number
        if self._at > len(self._data):
            raise IndexError

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
            if shift > 63:
                raise ValueError("a number is too long")
