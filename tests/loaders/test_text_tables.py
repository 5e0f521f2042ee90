from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.loaders import stream
from medkg.loaders.text_tables import read_table, read_table_parts


def rows_of(
    path: Path, columns: list[str], **form: object
) -> tuple[list[tuple[object, ...]], Quarantine]:
    quarantine = Quarantine()
    frame = read_table(path, columns, quarantine, **form)
    return frame.rows(), quarantine


def test_a_tab_separated_file_with_every_oddity(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(
        b"\xef\xbb\xbf# made by hand\r\n#id\tname\textra\r\n"
        b'1\tone "quoted" word\t\r\n'
        b"\r\n"
        b"# a comment\r\n"
        b"2\t  two  \tx\r\n"
        b"3\tthree\r\n"
        b"4\tfour\tx\ty\r\n"
        b"\t\t\r\n"
        b"5\t\tlast without an end"
    )
    rows, aside = rows_of(path, ["id", "name"], optional=["extra", "absent"])
    assert rows == [
        ("1", 'one "quoted" word', None, None, 3),
        ("2", "two", "x", None, 6),
        ("5", None, "last without an end", None, 10),
    ]
    assert [(row.line, row.reason, row.row) for row in aside.rows] == [
        (7, "wrong number of columns", "3\tthree"),
        (8, "wrong number of columns", "4\tfour\tx\ty"),
    ]


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_quoted_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(stream, "_BLOCK", block)
    path = tmp_path / "t.csv"
    path.write_text(
        'id,name,"a, b"\r\n'
        "1,plain,x\r\n"
        '2,"with, comma","with ""doubled"" quotes"\r\n'
        '3,"over\r\n# two,\nlines",z\r\n'
        '4,5" of it,w\r\n'
        '5,"wrong"here,w\r\n'
        '6,"never closed,w\r\n'
        "7,seven,w\r\n"
        '"8","eight"\r\n'
        '"9","","w"\r\n',
        encoding="utf-8",
        newline="",
    )
    rows, aside = rows_of(path, ["id", "name", "a, b"], separator=",")
    assert rows == [
        ("1", "plain", "x", 2),
        ("2", "with, comma", 'with "doubled" quotes', 3),
        ("3", "over\r\n# two,\nlines", "z", 4),
        ("4", '5" of it', "w", 7),
        ("7", "seven", "w", 10),
        ("9", None, "w", 12),
    ]
    assert [(row.line, row.reason) for row in aside.rows] == [
        (8, "quotes that don't match"),
        (9, "quotes that don't match"),
        (11, "wrong number of columns"),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_what_the_csv_module_writes_is_read_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(stream, "_BLOCK", 50)
    chance = random.Random(seed)
    written = [
        tuple("".join(chance.choices('ab,"\n é', k=chance.randrange(1, 9))) + "." for _ in "xyz")
        for _ in range(200)
    ]
    text = io.StringIO()
    csv.writer(text).writerows([("x", "y", "z"), *written])
    path = tmp_path / "t.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    rows, aside = rows_of(path, ["x", "y", "z"], separator=",", comment="")
    assert aside.rows == []
    assert [row[:3] for row in rows] == [tuple(v.strip() for v in row) for row in written]


def test_a_file_without_a_header_and_with_another_separator(tmp_path: Path) -> None:
    path = tmp_path / "t.RRF"
    path.write_text("C1|ENG||\n#C2|GER|x|\n", encoding="utf-8")
    rows, aside = rows_of(
        path, ["cui", "text"], separator="|", comment="", names=["cui", "lang", "text", "end"]
    )
    assert rows == [("C1", None, 1), ("#C2", "x", 2)]
    assert aside.rows == []


def test_a_table_of_one_column(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("id\na\n\nb\n", encoding="utf-8")
    assert rows_of(path, ["id"])[0] == [("a", 2), ("b", 4)]


def test_a_line_longer_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    long = "x" * 12_000_000
    path.write_text(f"id\tname\n1\t{long}\n2\tshort\n", encoding="utf-8")
    for form in ({}, {"quoted": True}):
        rows, _ = rows_of(path, ["id", "name"], **form)
        assert rows == [("1", long, 2), ("2", "short", 3)]
    path.write_text(f'id\tname\n1\t"{long}\n"\n2\tshort\n', encoding="utf-8")
    assert rows_of(path, ["id", "name"], quoted=True)[0] == [("1", long, 2), ("2", "short", 4)]


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".bz2", ".zip"])
def test_compressed_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.tsv{suffix}"
    data = b"id\tname\n" + b"".join(b"%d\tn%d\n" % (i, i) for i in range(1000))
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.mkdir("folder")
            archive.writestr("folder/t.tsv", data)
    else:
        pack = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
        path.write_bytes(pack[suffix](data))
    assert [row[1] for row in rows_of(path, ["id", "name"])[0]] == [f"n{i}" for i in range(1000)]


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a", "id\n1\n")
        archive.writestr("b", "id\n2\n")
    with pytest.raises(DataError, match=r"holds not one file but several or none \(2\)"):
        rows_of(tmp_path / "t.zip", ["id"])
    (tmp_path / "u.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"u\.zip: can't be read"):
        rows_of(tmp_path / "u.zip", ["id"])


def test_a_header_that_lacks_columns_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("made by hand\nid\tname\n1\tone\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"lacks kind, type, and line 2 has id, name"):
        rows_of(path, ["id", "kind", "type"])


def test_what_isnt_utf8_names_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_BLOCK", 10)
    path = tmp_path / "t.tsv"
    path.write_bytes(b"id\tname\n1\tone\n2\ttwo\n3\tthr\xe9e\n")
    with pytest.raises(DataError, match=r"line 4: is not UTF-8"):
        rows_of(path, ["id"])


def test_parts_have_at_most_the_rows_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("id\n" + "".join(f"{i}\n" for i in range(2500)), encoding="utf-8")
    parts = list(read_table_parts(path, ["id"], Quarantine(), rows=1000))
    assert [part.height for part in parts] == [1000, 1000, 500]
    assert pl.concat(parts)["line"].to_list() == list(range(2, 2502))


PEAK = """
import resource, sys
from pathlib import Path
from medkg.core.quarantine import Quarantine
from medkg.loaders.text_tables import read_table_parts

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def rows(path, **form):
    return sum(p.height for p in read_table_parts(Path(path), ["id", "text"], Quarantine(), **form))

small, large = sys.argv[1:]
form = {"separator": ","} if large.endswith("csv") else {}
rows(small, **form)
before = peak()
print(rows(large, **form), peak() - before)
"""


@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    # 30 MB have warmed up what does not grow; 300 MB may then take a few blocks more.
    row = '"{i}","and ""so"" on, {filler}"\n' if name.endswith("csv") else "{i}\t{filler}\n"
    block = "".join(row.format(i=i, filler="x" * 2_900) for i in range(1_000))
    header = "id,text\n" if name.endswith("csv") else "id\ttext\n"
    for file, blocks in (("small", 10), ("large", 100)):
        with (tmp_path / f"{file}-{name}").open("w", encoding="utf-8") as out:
            out.write(header)
            for _ in range(blocks):
                out.write(block)
    assert (tmp_path / f"large-{name}").stat().st_size > 280_000_000
    files = [str(tmp_path / f"{file}-{name}") for file in ("small", "large")]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *files], capture_output=True, text=True, check=True
    )
    rows, grown = map(int, done.stdout.split())
    assert rows == 100_000
    assert grown < 150, f"{grown} MB more for the file of 300 MB than for that of 30 MB"
