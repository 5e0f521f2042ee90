"""Embedded servers that nobody uses: which are known, what is said of them, and how they end."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from medkg.core.errors import StoreError
from medkg.graph.store import unused_servers
from medkg.graph.store.embedded import serve

from .test_embedded import alive, child, printed_pid, run, until_gone

RUNS = "the embedded server runs, and nobody uses it"
ENDED = "the embedded server ended without being stopped"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "a server ☂"


def test_one_whose_user_was_killed_is_ended_and_keeps_its_data(folder: Path) -> None:
    with serve(folder) as server:
        run(server, "CREATE (:Drug {id: 'x'})")
    assert unused_servers.problem(folder) is None
    other = child(folder, "os.kill(os.getpid(), signal.SIGKILL)")
    pid = printed_pid(other)
    other.wait(30)
    assert folder in unused_servers.known_folders()
    assert unused_servers.problem(folder) == RUNS
    assert alive(pid)
    unused_servers.clear(folder)
    assert until_gone(pid)
    assert unused_servers.problem(folder) is None
    assert folder not in unused_servers.known_folders()
    with serve(folder) as server:
        assert run(server, "MATCH (n:Drug) RETURN n.id") == [["x"]]


def test_one_that_is_used_stays(folder: Path) -> None:
    with serve(folder) as server:
        assert folder in unused_servers.known_folders()
        assert unused_servers.problem(folder) is None
        unused_servers.clear(folder)
        assert run(server, "RETURN 1") == [[1]]
        assert (folder / "server.json").exists()


def test_what_a_killed_one_left_is_cleared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = child(folder, "time.sleep(60)")
    os.kill(printed_pid(other), signal.SIGKILL)
    other.kill()
    other.wait(30)
    assert folder not in unused_servers.known_folders()
    monkeypatch.chdir(folder.parent)
    assert folder in unused_servers.known_folders()
    assert unused_servers.problem(folder) == ENDED
    unused_servers.clear(folder)
    assert unused_servers.problem(folder) is None
    with serve(folder) as server:
        assert run(server, "RETURN 1") == [[1]]


def test_a_damaged_server_json_that_keeps_one_from_starting_is_cleared(folder: Path) -> None:
    serve(folder).stop()
    (folder / "server.json").write_text(json.dumps({"pid": 1}))
    with pytest.raises(StoreError, match="can't be read"):
        serve(folder)
    assert unused_servers.problem(folder) == ENDED
    unused_servers.clear(folder)
    serve(folder).stop()


@pytest.mark.skipif(os.getuid() != 0, reason="root alone may give a folder away")
def test_one_of_another_user_is_not_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(folder).stop()
    monkeypatch.chdir(folder.parent)
    assert folder in unused_servers.known_folders()
    os.chown(folder, 12345, 12345)
    assert folder not in unused_servers.known_folders()


def test_a_folder_that_is_no_server_s_is_not_known(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "elsewhere" / "server").mkdir()
    (tmp_path / "elsewhere" / "server" / "server.lock").touch()
    (tmp_path / "elsewhere" / "notes").mkdir()
    assert not any(known.is_relative_to(tmp_path) for known in unused_servers.known_folders())
