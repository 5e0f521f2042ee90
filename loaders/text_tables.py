"""Tables as text (CSV, TSV), read in parts whose size doesn't depend on the file's."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypedDict, Unpack

import polars as pl

from ..core.errors import DataError
from ..core.quarantine import Quarantine
from .stream import read_blocks

PART_ROWS = 200_000  # rows of a part: enough for polars to be quick, few enough for memory
_LONGEST_RECORD = 32 << 20  # characters: a quote that is open for longer was never meant as one
_OF_SPREADSHEETS = ",;"  # what separates fields that may be quoted
_LAST_HEADER_LINE = 100  # a header that comes later is none

# The default is 131,072 characters, which a field of text may well exceed.
csv.field_size_limit(_LONGEST_RECORD)

# Names in a header; or, for each of our names, the names that the header may use.
ColumnNames = Mapping[str, Sequence[str]] | Sequence[str]


def column_aliases(columns: ColumnNames) -> dict[str, Sequence[str]]:
    """For each of our column names, the names that a header may use for it."""
    return dict(columns) if isinstance(columns, Mapping) else {name: [name] for name in columns}


class TextFormat(TypedDict, total=False):
    """How a text table is written; `read_table_parts` explains each option."""

    separator: str
    quoted: bool | None
    comment: str
    names: Sequence[str]
    empty_rows: bool


def read_table(
    path: Path,
    columns: ColumnNames,
    quarantine: Quarantine,
    optional: ColumnNames = (),
    **text_format: Unpack[TextFormat],
) -> pl.DataFrame:
    """A small table whole: the parts of `read_table_parts`, one below the other."""
    schema = {**dict.fromkeys([*columns, *optional], pl.String), "line": pl.Int64}
    parts = read_table_parts(path, columns, quarantine, optional, **text_format)
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def read_table_parts(
    path: Path,
    columns: ColumnNames,
    quarantine: Quarantine,
    optional: ColumnNames = (),
    *,
    separator: str = "\t",
    quoted: bool | None = None,
    comment: str = "#",
    names: Sequence[str] = (),
    empty_rows: bool = False,
    rows: int = PART_ROWS,
) -> Iterator[pl.DataFrame]:
    """Columns of a text table as strings, and `line`, counted from 1, in parts.

    Memory depends on the part (at most `rows` rows, about 8 MB of text), not on the file. The file
    may be compressed, begin with a byte-order mark and end its lines with CRLF. Values are without
    white space at their ends; empty ones are null.

    Without `names`, the header is the first of 100 lines that names all columns (a leading #
    aside); lines before it are comments.

    Args:
        path: the file.
        columns: names in the header; or, for each of our names, the names the header may use.
        quarantine: gets rows with another number of fields than the header, and rows whose quotes
            don't match, with their line.
        optional: columns that are null throughout where the header lacks them.
        separator: the character between fields.
        quoted: whether fields may stand in double quotes, with separators, line ends and doubled
            quotes in them (RFC 4180). By default, where the separator is a comma or a semicolon, as
            spreadsheets write them.
        comment: lines that begin so are left out; "" for none.
        names: the columns, for a file without a header.
        empty_rows: rows of nothing but separators are rows, too.
        rows: the most rows of a part.

    Raises:
        DataError: the file can't be read, is empty, isn't UTF-8, or no line names all columns.
    """
    quoted = separator in _OF_SPREADSHEETS if quoted is None else quoted
    required, others = column_aliases(columns), column_aliases(optional)
    header = (
        Header(0, list(names))
        if names
        else find_header(path, required, separator=separator, quoted=quoted)
    )
    _require_columns(header, required, path)
    positions = {name: header.position(aliases) for name, aliases in required.items()}
    positions |= {name: header.position(aliases) for name, aliases in others.items()}
    table = _Table(path, separator, comment, header, positions, quarantine, empty_rows)
    frames = _quoted_frames(table) if quoted else map(table.split, _lines(path))
    for frame in frames:
        yield from (part for part in frame.iter_slices(rows) if part.height)


def _require_columns(header: Header, required: Mapping[str, Sequence[str]], path: Path) -> None:
    if missing := header.missing(required):
        raise DataError(
            f"has no header line with the columns {', '.join(a[0] for a in required.values())}:"
            f" it lacks {', '.join(missing)}, and line {header.line} has"
            f" {', '.join(header.names)[:500]}",
            path=path,
        )


def _quoted_frames(table: _Table) -> Iterator[pl.DataFrame]:
    """The rows of a table whose fields may be quoted, and so may hold line ends."""
    unfinished = pl.DataFrame(schema=_LINES)
    for lines in chain(_lines(table.path), [None]):
        waiting = unfinished if lines is None else pl.concat([unfinished, lines])
        plain_lines, records, unfinished = table.records(waiting, last=lines is None)
        frame = table.split(plain_lines)
        yield pl.concat([frame, records]).sort("line") if records.height else frame


class Header(NamedTuple):
    """The header of a text table: its line (0: the file has none) and the names in it."""

    line: int
    names: list[str]

    def position(self, names: Sequence[str]) -> int | None:
        """Where the first of these names stands, or None."""
        return next((self.names.index(name) for name in names if name in self.names), None)

    def missing(self, columns: Mapping[str, Sequence[str]]) -> list[str]:
        """Of the columns (ours: the names it may use), the first names of those it lacks."""
        return [names[0] for names in columns.values() if self.position(names) is None]


def find_header(
    path: Path,
    columns: Mapping[str, Sequence[str]],
    *,
    separator: str = "\t",
    quoted: bool | None = None,
) -> Header:
    """The line among the first 100 that names most of the columns; the first of equals.

    Args as of `read_table_parts`.

    Raises:
        DataError: the file can't be read, is empty, or isn't UTF-8.
    """
    quoted = separator in _OF_SPREADSHEETS if quoted is None else quoted
    best = Header(0, [])
    for lines in _lines(path):
        for line, text in lines.filter(pl.col("line") <= _LAST_HEADER_LINE).iter_rows():
            # HPO's older gene files write the header as "#Format: a<tab>b".
            text = text.rstrip("\r").removeprefix("#Format: ").lstrip("#").replace("<tab>", "\t")
            fields = _parse(text, separator)[0] if quoted else text.split(separator)
            header = Header(line, [name.strip() for name in fields or []])
            fewer = len(header.missing(columns)) < len(best.missing(columns))
            if fewer or (not any(best.names) and any(header.names)):
                best = header
            if any(best.names) and not best.missing(columns):
                return best
        if lines["line"][-1] >= _LAST_HEADER_LINE:
            break
    return best


_LINES = {"line": pl.Int64, "text": pl.String}


def _lines(path: Path) -> Iterator[pl.DataFrame]:
    """The lines of a file, `line` and `text`; a file of blank lines is an error."""
    empty = True
    for lines in read_lines(read_blocks(path), path):
        empty = empty and not lines["text"].str.contains(r"\S").any()
        yield lines
    if empty:
        raise DataError("is empty", path=path)


def read_lines(blocks: Iterable[bytes], path: Path) -> Iterator[pl.DataFrame]:
    """The lines of a UTF-8 file, `line` (from 1) and `text`, in frames of about a block's size.

    Raises:
        DataError: it isn't UTF-8.
    """
    line, first = 1, True
    pieces: list[bytes] = []
    for block in chain(blocks, [b""]):
        # The last line may lack its end; a longer one than a block is in several pieces.
        cut = block.rfind(b"\n") + 1 if block else 0
        if block and not cut:
            pieces.append(block)
            continue
        data, pieces = b"".join([*pieces, block[:cut]]), [block[cut:]]
        if not data:
            continue
        try:
            text = data.decode("utf-8-sig" if first else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                "is not UTF-8 text; convert it to UTF-8",
                path=path,
                line=line + data.count(b"\n", 0, error.start),
            ) from error
        first = False
        texts = pl.Series("text", [text.removesuffix("\n")]).str.split("\n").explode()
        frame = pl.DataFrame({"line": range(line, line + len(texts)), "text": texts}, schema=_LINES)
        line += frame.height
        yield frame


class _Table(NamedTuple):
    """How the lines of one table become columns."""

    path: Path
    separator: str
    comment: str
    header: Header
    positions: Mapping[str, int | None]
    quarantine: Quarantine
    empty_rows: bool

    @property
    def width(self) -> int:
        return len(self.header.names)

    def _is_row(self) -> pl.Expr:
        """Lines after the header that are neither blank nor comments."""
        text = pl.col("text")
        blank = "\r " if self.empty_rows else f"\r {self.separator}"
        return (
            (pl.col("line") > self.header.line)
            & (text.str.strip_chars(blank) != "")
            & (~text.str.starts_with(self.comment) if self.comment else pl.lit(True))
        )

    def split(self, lines: pl.DataFrame) -> pl.DataFrame:
        """The columns of lines without quotes; those with another number of fields set aside."""
        lines = lines.filter(self._is_row()).with_columns(pl.col("text").str.strip_suffix("\r"))
        is_sound = lines["text"].str.count_matches(self.separator, literal=True) == self.width - 1
        if not is_sound.all():
            for line, text in lines.filter(~is_sound).iter_rows():
                self._set_aside("wrong number of columns", line, text)
            lines = lines.filter(is_sound)
        fields = lines["text"].str.split_exact(self.separator, self.width - 1)
        return self._columns(
            pl.DataFrame({"line": lines["line"]}).with_columns(fields.struct.unnest())
        )

    def records(
        self, lines: pl.DataFrame, *, last: bool
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Separate the lines whose fields are quoted, and join those of one record.

        Args:
            lines: consecutive lines of the file.
            last: whether these are the file's last lines.

        Returns:
            The lines without quotes; the columns of the records with quotes; and the lines that
            must wait for those that follow, from a quote on that is not closed (none where these
            are the last lines, or it is open for so long that it can't be meant).
        """
        with_quote = lines["text"].str.contains('"', literal=True)
        quotes = with_quote.arg_true().to_list()
        starts = lines.select(with_quote & self._is_row()).to_series().arg_true().to_list()
        if not starts:
            return lines, self._records_frame([], []), pl.DataFrame(schema=_LINES)
        texts = lines["text"].to_list()
        is_plain = [True] * lines.height
        numbers: list[int] = []
        records: list[list[str]] = []
        first_line, end, complete = lines["line"][0], 0, lines.height
        for start in starts:
            if start < end:
                continue  # within the record before
            fields, is_open, end = self._join_record(texts, start, quotes)
            if is_open and not last and sum(map(len, texts[start:])) < _LONGEST_RECORD:
                complete = start
                break
            if fields is not None and len(fields) == self.width:
                is_plain[start:end] = [False] * (end - start)
                numbers.append(first_line + start)
                records.append(fields)
            else:
                # Of a record that makes no sense only the first line is bad: what follows may be
                # sound.
                end = start + 1
                is_plain[start] = False
                problem = "quotes that don't match" if not fields else "wrong number of columns"
                self._set_aside(problem, first_line + start, texts[start])
        plain_lines = lines.filter(pl.Series(is_plain)).filter(
            pl.col("line") < first_line + complete
        )
        return plain_lines, self._records_frame(numbers, records), lines[complete:]

    def _join_record(
        self, texts: Sequence[str], start: int, quotes: Sequence[int]
    ) -> tuple[list[str] | None, bool, int]:
        """The fields of the record that starts in a line, whether a quote stays open, its end.

        Args:
            texts: the lines.
            start: index of the record's first line.
            quotes: indices of all lines with a quote, ascending.
        """
        end = start + 1
        record = texts[start]
        fields, is_open = _parse(record, self.separator)
        # A field with line ends goes on at least to the next line that has a quote.
        for close in quotes[bisect_right(quotes, start) :] if is_open else ():
            record = "\n".join([record, *texts[end : close + 1]])
            end = close + 1
            fields, is_open = _parse(record, self.separator)
            if not is_open or len(record) > _LONGEST_RECORD:
                break
        return fields, is_open, end

    def _records_frame(self, lines: list[int], records: list[list[str]]) -> pl.DataFrame:
        names = [f"field_{at}" for at in range(self.width)]
        fields = pl.DataFrame(records, schema=dict.fromkeys(names, pl.String), orient="row")
        return self._columns(fields.with_columns(line=pl.Series(lines, dtype=pl.Int64)))

    def _columns(self, fields: pl.DataFrame) -> pl.DataFrame:
        columns = {}
        for name, position in self.positions.items():
            if position is None:
                columns[name] = pl.lit(None, pl.String)
                continue
            text = pl.col(f"field_{position}").str.strip_chars()
            columns[name] = pl.when(text != "").then(text)
        return fields.select(**columns, line=pl.col("line"))

    def _set_aside(self, reason: str, line: int, text: str) -> None:
        self.quarantine.add(reason, path=self.path, line=line, row=text.rstrip("\r")[:500])


def _parse(record: str, separator: str) -> tuple[list[str] | None, bool]:
    """The fields of a record (None: its quotes don't match), and whether a quote is still open."""
    try:
        reader = csv.reader([record.removesuffix("\r")], delimiter=separator, strict=True)
        return next(reader, []), False
    except csv.Error as error:
        return None, str(error) == "unexpected end of data"
