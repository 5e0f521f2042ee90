"""What the loaders share: reading text tables line by line, JSON columns."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from ..graph.errors import DataError, MissingError
from ..graph.quarantine import Quarantine
from ..graph.text import decode

_DECOMPRESS = {".gz": gzip.decompress, ".xz": lzma.decompress, ".bz2": bz2.decompress}


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, plain or compressed (.gz, .xz, .bz2).

    Raises:
        DataError: the file can't be read or decompressed, is empty, or isn't UTF-8.
    """
    try:
        data = path.read_bytes()
        data = _DECOMPRESS.get(path.suffix, bytes)(data)
    # A bz2 file that is cut short is a ValueError.
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"can't be read: {error}", path=path) from error
    return decode(data, path)


def read_table(
    path: Path,
    columns: Mapping[str, Sequence[str]] | Sequence[str],
    quarantine: Quarantine,
    optional: Sequence[str] = (),
) -> pl.DataFrame:
    """These columns of a tab-separated file with a header, as text, and `line`, counted from 1.

    Args:
        columns: names in the header; or, for each of our names, the names the header may use.
        quarantine: gets rows with another number of fields than the header.
        optional: columns that are null throughout where the header lacks them.

    The header is the first line that names all columns (a leading # aside); lines before it, and
    lines that start with # after it, are comments. Empty fields are null.

    Raises:
        DataError: the file can't be read, or no line names all columns.
    """
    if not isinstance(columns, Mapping):
        columns = {name: [name] for name in columns}
    lines = pl.DataFrame({"text": read_text(path).split("\n")}).with_row_index("line", offset=1)
    start, header = _header(lines.head(100), list(columns.values()))
    if not header:
        wanted = ", ".join(names[0] for names in columns.values())
        raise DataError(f"has no header line with the columns {wanted}", path=path)
    rows = lines.filter(
        pl.col("line") > start,
        pl.col("text").str.strip_chars("\r\t ") != "",
        ~pl.col("text").str.starts_with("#"),
    ).with_columns(fields=pl.col("text").str.strip_suffix("\r").str.split("\t"))
    sound = pl.col("fields").list.len() == len(header)
    for line, text in rows.filter(~sound).select("line", "text").iter_rows():
        quarantine.add("wrong number of columns", path=path, line=line, row=text.rstrip("\r"))
    rows = rows.filter(sound)
    picked = {}
    for ours, names in columns.items():
        at = next(header.index(name) for name in names if name in header)
        picked[ours] = _field(at)
    for name in optional:
        picked[name] = _field(header.index(name)) if name in header else pl.lit(None, pl.String)
    return rows.select(**picked, line=pl.col("line").cast(pl.Int64))


def _header(lines: pl.DataFrame, columns: Sequence[Sequence[str]]) -> tuple[int, list[str]]:
    for line, text in lines.rows():
        # HPO's older gene files write the header as "#Format: a<tab>b".
        text = text.rstrip("\r").removeprefix("#Format: ").lstrip("#").replace("<tab>", "\t")
        header = text.split("\t")
        if all(any(name in header for name in names) for names in columns):
            return line, header
    return 0, []


def _field(at: int) -> pl.Expr:
    text = pl.col("fields").list.get(at).str.strip_chars()
    return pl.when(text != "").then(text)


def published_file(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of these files that the folder has, plain or compressed."""
    for name in names:
        for suffix in ("", *_DECOMPRESS):
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    return None


def need_folder(path: Path) -> Path:
    """The path, if it is a folder.

    Raises:
        MissingError: nothing is there.
        DataError: it is a file.
    """
    if not path.exists():
        raise MissingError(f"{path}: there is no such folder")
    if not path.is_dir():
        raise DataError("is a file; give the folder that holds the published files", path=path)
    return path


def json_column(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """For each row a JSON object of these columns, without nulls; null where all are null."""
    values = frame.select(columns)
    distinct = values.unique(maintain_order=True)
    texts = []
    for row in distinct.iter_rows(named=True):
        given = {name: value for name, value in row.items() if value is not None}
        texts.append(json.dumps(given, ensure_ascii=False, sort_keys=True) if given else None)
    distinct = distinct.with_columns(_json=pl.Series(texts, dtype=pl.String))
    return values.join(
        distinct, on=list(columns), how="left", nulls_equal=True, maintain_order="left"
    )["_json"]


def adme_roles(symbols: pl.Series) -> pl.Series:
    """What a gene's product does with many drugs: enzyme, transporter or carrier; null for others.

    The rules are in `data/adme.tsv`: a gene takes the role of the first pattern that fits its
    whole symbol.
    """
    path = Path(__file__).parent / "data" / "adme.tsv"
    rules = read_table(path, ["pattern", "role"], Quarantine())
    role: pl.Expr = pl.lit(None, dtype=pl.String)
    for pattern, name in reversed(rules.select("pattern", "role").rows()):
        fits = pl.col("symbol").str.contains(f"^(?:{pattern})$")
        value = pl.lit(None if name == "none" else name, dtype=pl.String)
        role = pl.when(fits).then(value).otherwise(role)
    return pl.DataFrame({"symbol": symbols}).select(adme=role)["adme"]
