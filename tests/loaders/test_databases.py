from __future__ import annotations

import sqlite3
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError, MissingError
from medkg.loaders.databases import read_parquet_parts, read_sql_parts


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
