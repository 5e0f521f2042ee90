from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError, MissingError
from medkg.loaders.databases import read_parquet_parts, read_sql_parts
from medkg.loaders.parquet_footer import check_row_groups


def test_parquet_files_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    for number, file in enumerate(["part-0.snappy.parquet", "sub/part-1.parquet"]):
        pl.DataFrame(
            {
                "targetId": [f"ENSG{number}"] * 3,
                "score": [0.25, 1.0, None],
                "names": [["a", "b"], [], None],
                "other": [1, 2, 3],
            }
        ).write_parquet(folder / file)
    (folder / "_SUCCESS").touch()
    parts = list(
        read_parquet_parts(
            folder,
            {"target": ["target_id", "targetId"], "score": ["score"]},
            ["names", "no"],
            rows=2,
        )
    )
    assert all(part.height <= 2 for part in parts)
    assert pl.concat(parts).rows() == [
        (f"ENSG{number}", score, names, None, line)
        for number in (0, 1)
        for score, names, line in (("0.25", ["a", "b"], 1), ("1.0", [], 2), (None, None, 3))
    ]
    with pytest.raises(DataError, match=r"lacks the columns gene; it has targetId, score"):
        list(read_parquet_parts(folder, ["gene"]))
    (folder / "part-0.snappy.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="can't be read as parquet"):
        list(read_parquet_parts(folder, ["score"]))
    with pytest.raises(MissingError, match=r"holds no \.parquet"):
        list(read_parquet_parts(tmp_path / "set" / "none", ["score"]))


@pytest.mark.parametrize("through", ["sqlite3", "sqlalchemy"])
def test_a_query(tmp_path: Path, through: str) -> None:
    file = tmp_path / "lab.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE t (id INTEGER, value)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(1, 0.5), (2, " text "), (3, None)])
    database.close()
    url = f"sqlite:///{file}" if through == "sqlite3" else f"sqlite+pysqlite:///{file}"
    parts = list(read_sql_parts(url, "SELECT id, value AS v FROM t ORDER BY id", rows=2))
    assert [part.height for part in parts] == [2, 1]
    assert pl.concat(parts).rows() == [("1", "0.5", 1), ("2", "text", 2), ("3", None, 3)]
    with pytest.raises(DataError, match=r"the query fails: .*no such table"):
        list(read_sql_parts(url, "SELECT * FROM absent"))


def test_a_query_can_not_change_the_database(tmp_path: Path) -> None:
    file = tmp_path / "lab.db"
    sqlite3.connect(file).execute("CREATE TABLE t (id INTEGER)").connection.close()
    with pytest.raises(DataError, match="readonly"):
        list(read_sql_parts(f"sqlite:///{file}", "INSERT INTO t VALUES (1)"))
    with pytest.raises(MissingError, match=r"none\.db: there is no such file"):
        list(read_sql_parts(f"sqlite:///{tmp_path}/none.db", "SELECT 1"))


# Rows without an end, each of which comes at once; and a single one that never comes.
_ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
_SLOW = f"SELECT COUNT(*) AS x FROM ({_ENDLESS})"


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+pysqlite"])
@pytest.mark.parametrize("query", [_ENDLESS, _SLOW])
def test_a_slow_query_is_ended(
    query: str, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medkg.loaders.databases.QUERY_SECONDS", 0.3)
    sqlite3.connect(tmp_path / "lab.db").close()
    with pytest.raises(DataError, match=r"takes more than 0\.3 seconds of the database"):
        for part in read_sql_parts(f"{scheme}:///{tmp_path / 'lab.db'}", query):
            assert part.columns == ["x", "line"]


def _claiming(file: Path, rows: int, to: int) -> None:
    """Let the row groups of a parquet file that have some number of rows claim another one."""
    data = file.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[start:-8].replace(_varint(2 * rows), _varint(2 * to))
    file.write_bytes(data[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def _varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


@pytest.mark.parametrize("rows", [10**9, 2**31 - 1, 2**40, 2**62])
def test_a_parquet_file_that_claims_endless_rows_is_refused(rows: int, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pl.DataFrame({"a": ["x"] * 12345}).write_parquet(file)
    _claiming(file, 12345, rows)
    with pytest.raises(DataError, match=f"a row group claims {rows} rows"):
        list(read_parquet_parts(file, ["a"]))


def test_a_parquet_file_has_no_more_rows_than_its_size_lets_believe(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pl.DataFrame({"a": ["x"] * 12345}).write_parquet(file)
    _claiming(file, 12345, 60_000_000)
    with pytest.raises(DataError, match=r"claims 60000000 rows in \d+ bytes"):
        list(read_parquet_parts(file, ["a"]))


def test_a_parquet_file_of_the_same_row_many_times_is_read(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    frame = pl.DataFrame({"a": ["x"] * 900_000, "b": [[1.5]] * 900_000, "c": [{"d": 1}] * 900_000})
    frame.write_parquet(file, row_group_size=100_000, metadata={"about": "a text"})
    assert file.stat().st_size < 100_000
    assert sum(part.height for part in read_parquet_parts(file, ["a", "b", "c"])) == 900_000


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_footer_is_told(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pl.DataFrame({"a": ["x"] * 100, "b": range(100)}).write_parquet(file)
    data = file.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    chance = random.Random(seed)
    reasons = []
    for _ in range(300):
        damaged = bytearray(data)
        damaged[len(data) - 8 - chance.randrange(1, length)] = chance.randrange(256)
        file.write_bytes(damaged)
        try:
            check_row_groups(file)
        except DataError as error:
            reasons.append(str(error))
    assert len(reasons) > 30
    assert all("footer is damaged" in reason or "claims" in reason for reason in reasons)
