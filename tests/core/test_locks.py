from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from medkg.core.locks import locked, try_lock

HOLDER = """
import sys, time
from pathlib import Path
from medkg.core.locks import try_lock
lock = try_lock(Path(sys.argv[1]))
print("held" if lock else "refused", flush=True)
time.sleep(60)
"""


def holder(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)], stdout=subprocess.PIPE, text=True
    )


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "lock")
    assert lock is not None
    assert try_lock(tmp_path / "lock") is None
    other = try_lock(tmp_path / "other")
    assert other is not None
    other.release()
    lock.release()
    again = try_lock(tmp_path / "lock")
    assert again is not None
    again.release()


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with holder(file) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert try_lock(file) is None
        process.kill()
    lock = try_lock(file)
    assert lock is not None
    lock.release()


def test_locked_waits_for_another_process(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with holder(file) as process:
        assert process.stdout is not None
        process.stdout.readline()
        killed = 0.0

        def kill() -> None:
            nonlocal killed
            killed = time.monotonic()
            process.kill()

        threading.Timer(0.3, kill).start()
        with locked(file):
            assert 0.0 < killed <= time.monotonic()
            assert try_lock(file) is None


def test_locked_lets_go_on_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), locked(tmp_path / "lock"):
        raise RuntimeError
    lock = try_lock(tmp_path / "lock")
    assert lock is not None
    lock.release()


def test_another_thread_may_let_go(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "lock")
    assert lock is not None
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    assert not lock.is_locked
    again = try_lock(tmp_path / "lock")
    assert again is not None
    again.release()


def test_a_place_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        try_lock(tmp_path / "file" / "lock")
