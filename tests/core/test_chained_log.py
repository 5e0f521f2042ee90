"""A log that shows when a line was removed, changed, added or moved."""

from __future__ import annotations

import json
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from medkg.core.chained_log import ChainedLog
from medkg.core.errors import DataError


@pytest.fixture
def log(tmp_path: Path) -> ChainedLog:
    log = ChainedLog(tmp_path / "log.jsonl")
    for number in range(6):
        log.append({"user": "ann ☂", "rows": number, "values": ["x" * 30_000] * number})
    return log


def lines(log: ChainedLog) -> list[bytes]:
    return log.file.read_bytes().splitlines(keepends=True)


def test_lines_are_read_back_in_order_and_verified(log: ChainedLog) -> None:
    assert [entry["rows"] for entry in log.entries()] == list(range(6))
    assert [entry["number"] for entry in log.entries()] == [1, 2, 3, 4, 5, 6]
    count, last = log.verify()
    assert count == 6
    assert last == json.loads(lines(log)[-1])["hash"]
    assert stat.S_IMODE(log.file.stat().st_mode) == 0o600


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    log = ChainedLog(tmp_path / "none.jsonl")
    assert list(log.entries()) == []
    assert log.verify()[0] == 0


@pytest.mark.parametrize("removed", range(5))
def test_a_removed_line_shows(log: ChainedLog, removed: int) -> None:
    kept = lines(log)
    del kept[removed]
    log.file.write_bytes(b"".join(kept))
    with pytest.raises(DataError, match=f"line {removed + 1}: doesn't follow"):
        log.verify()


def test_a_moved_line_shows(log: ChainedLog) -> None:
    first, second, *rest = lines(log)
    log.file.write_bytes(b"".join([second, first, *rest]))
    with pytest.raises(DataError, match="line 1: doesn't follow"):
        log.verify()


@pytest.mark.parametrize("changed", ["user", "time", "rows"])
def test_a_changed_line_shows(log: ChainedLog, changed: str) -> None:
    kept = lines(log)
    entry = json.loads(kept[2])
    entry[changed] = "2000-01-01T00:00:00.000+00:00"
    kept[2] = json.dumps(entry).encode() + b"\n"
    log.file.write_bytes(b"".join(kept))
    with pytest.raises(DataError, match="line 3: was changed"):
        log.verify()


def test_lines_cut_off_at_the_end_show_by_a_noted_hash(log: ChainedLog) -> None:
    noted = log.verify()[1]
    log.append({"user": "bob"})
    assert log.verify(noted)[0] == 7
    log.file.write_bytes(b"".join(lines(log)[:4]))
    assert log.verify()[0] == 4
    with pytest.raises(DataError, match="no line has the hash"):
        log.verify(noted)


def test_a_line_that_a_crash_cut_off_is_taken_out_by_the_next(log: ChainedLog) -> None:
    whole = log.file.read_bytes()
    log.file.write_bytes(whole + b'{"number":7,"user":"half a li')
    assert len(list(log.entries())) == 6
    log.append({"user": "bob"})
    assert log.verify()[0] == 7


def test_what_something_else_wrote_is_named(log: ChainedLog) -> None:
    with log.file.open("ab") as file:
        file.write(b"hello\n")
    with pytest.raises(DataError, match="line 7: is no entry"):
        log.verify()
    with pytest.raises(DataError, match="Move the file away"):
        log.append({"user": "bob"})


def test_a_full_disk_leaves_the_log_as_it_was(log: ChainedLog) -> None:
    before = log.file.read_bytes()
    code = f"""
import resource, signal
from pathlib import Path
from medkg.core.chained_log import ChainedLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before)} + 20, {resource.RLIM_INFINITY}))
try:
    ChainedLog(Path({str(log.file)!r})).append({{"user": "bob"}})
except OSError as error:
    print("refused", error.errno)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused")
    assert log.file.read_bytes() == before


def test_processes_append_at_once(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    code = f"""
from pathlib import Path
from medkg.core.chained_log import ChainedLog
for number in range(40):
    ChainedLog(Path({str(file)!r})).append({{"number_of_mine": number}})
"""
    children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert ChainedLog(file).verify()[0] == 120
