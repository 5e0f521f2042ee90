"""The embedded server's life: shared, taken over, never left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import neo4j
import pytest
from neo4j.exceptions import Neo4jError

from medkg.core.errors import StoreError
from medkg.graph.store import connect, embedded
from medkg.graph.store.embedded import Server, _command, serve

from ..modes import readable_by_others


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'a "server\'s" folder ☂'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tests ask and leave as it is; it was started in the plainest locale."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LC_ALL", "C")
        server = serve(tmp_path_factory.mktemp("running") / "the server's folder ☂")
    with server:
        yield server


@pytest.fixture(scope="module")
def _ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("ended") / "server"
    with serve(path):
        record = (path / "server.json").read_text()
    return path, record


@pytest.fixture
def ended(folder: Path, _ended: tuple[Path, str]) -> str:
    """Makes the folder one whose server has ended; what its `server.json` said."""
    shutil.copytree(_ended[0], folder)
    return _ended[1]


def run(server: Server, cypher: str) -> list[list[object]]:
    auth = (server.user, server.password)
    with (
        neo4j.GraphDatabase.driver(server.uri, auth=auth) as driver,
        driver.session(database=server.database) as session,
    ):
        return session.run(cypher).values()  # type: ignore[arg-type]  # the tests' own text


def child(folder: Path, body: str) -> subprocess.Popen[str]:
    """Another Python that runs `body` with the folder's `server`, once that answers."""
    code = f"""
import os, signal, sys, time
from medkg.graph.store.embedded import serve
server = serve({str(folder)!r})
print(server.pid, flush=True)
{body}
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def printed_pid(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_it_serves_and_stops(folder: Path) -> None:
    with serve(folder) as server:
        assert server.uri.startswith("bolt://127.0.0.1:")
        assert run(server, "RETURN 1") == [[1]]
        assert server.running()
    assert not server.running()
    assert until_gone(server.pid)
    assert not (folder / "server.json").exists()
    assert server.stop()


def test_a_start_that_takes_minutes_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FastClock:
        """A second is forty, so that a start takes minutes."""

        sleep = staticmethod(time.sleep)

        @staticmethod
        def monotonic() -> float:
            return 40 * time.monotonic()

    monkeypatch.setattr(embedded, "time", FastClock)
    with serve(folder) as server:
        monkeypatch.undo()
        assert run(server, "RETURN 1") == [[1]]


def test_it_starts_in_any_locale(running: Server) -> None:
    assert run(running, "RETURN 1") == [[1]]


def test_its_password_is_told_to_nobody(running: Server) -> None:
    folder = running.folder
    assert json.loads((folder / "server.json").read_text())["password"] == running.password
    assert not (folder / "server.args").exists()
    assert str(folder) in _command(running.pid)
    assert running.password not in _command(running.pid)


def test_all_that_it_writes_is_its_owners_alone(folder: Path, usual_umask: None) -> None:
    with serve(folder) as server:
        for number in range(3):  # files that are made on the way too
            run(server, f"CREATE (:Note{number} {{text: 'the sentence of a note'}})")
        assert not readable_by_others(folder)
        pages = [file for file in (folder / "databases").rglob("*") if file.is_file()]
        assert any(b"the sentence of a note" in file.read_bytes() for file in pages)
    assert not readable_by_others(folder)


def test_a_folder_that_others_could_read_is_mended(
    folder: Path, ended: str, usual_umask: None
) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with serve(folder) as server:
        assert not readable_by_others(folder)
        assert run(server, "RETURN 1") == [[1]]


def test_it_listens_on_this_machine_only(running: Server) -> None:
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("reads the listening sockets from /proc, which this system doesn't have")
    ports = {int(address.rsplit(":", 1)[1]) for address in (running.uri, running.http)}
    everywhere = set()
    for file in (table, Path("/proc/net/tcp6")):
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            address, port = line.split()[1].split(":")
            if int(port, 16) in ports and set(address) == {"0"}:
                everywhere.add(int(port, 16))
    assert not everywhere


def test_the_last_to_leave_stops_it(folder: Path) -> None:
    with serve(folder) as first:
        second = serve(folder)
        assert (second.pid, second.password) == (first.pid, first.password)
        assert not second.stop()
        assert run(first, "RETURN 1") == [[1]]
    assert not first.running()


def test_another_process_shares_it(folder: Path) -> None:
    other = child(folder, "time.sleep(60)")
    pid = printed_pid(other)
    server = serve(folder)
    assert server.pid == pid
    other.send_signal(signal.SIGTERM)
    other.wait(30)
    assert run(server, "RETURN 1") == [[1]]
    assert server.stop()
    assert until_gone(pid)


def test_it_is_taken_over_when_its_user_was_killed(folder: Path) -> None:
    other = child(folder, "os.kill(os.getpid(), signal.SIGKILL)")
    pid = printed_pid(other)
    other.wait(30)
    assert alive(pid)
    server = serve(folder)
    assert server.pid == pid
    assert server.stop()
    assert until_gone(pid)


def killed_start(folder: Path, step: str, when: str) -> int:
    """How a process ended that was to be killed at a step of the server's start."""
    code = f"""
import os, signal
from medkg.graph.store import connect, embedded
step = embedded.{step}
def killed(path, *arguments, **options):
    if {when}:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(path, *arguments, **options)
embedded.{step} = killed
embedded.serve({str(folder)!r})
"""
    return subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_a_start_that_was_killed_is_made_anew(folder: Path) -> None:
    # Each is killed later than the one before, so it has gone on from what that one left.
    for moment in [
        ("make_folder", "path.name == 'users'"),
        ("_write_private", "path.name == 'server.json'"),
        ("_wait_until_ready", "True"),
        ("create_accounts", "True"),
    ]:
        assert killed_start(folder, *moment) == -signal.SIGKILL, moment
    with connect(f"embedded:{folder}") as store:
        # As `reader`, an account that is made once the server answers.
        assert store.query("RETURN 1 AS n")["n"].to_list() == [1]
    running = [file for file in Path("/proc").glob("[0-9]*/cmdline") if file.is_file()]
    assert not any(str(folder).encode() in command(file) for file in running)


def command(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def test_it_stops_when_its_user_ends_or_is_interrupted(folder: Path) -> None:
    other = child(folder, "")
    pid = printed_pid(other)
    assert other.wait(30) == 0
    assert until_gone(pid)
    other = child(folder, "time.sleep(60)")
    pid = printed_pid(other)
    other.send_signal(signal.SIGINT)
    other.wait(30)
    assert until_gone(pid)


def test_data_outlive_a_killed_server_and_its_password_does_not(folder: Path) -> None:
    server = serve(folder)
    run(server, "CREATE (:Drug {id: 'x'})")
    os.kill(server.pid, signal.SIGKILL)
    with serve(folder) as after:
        assert after.pid != server.pid
        assert after.password != server.password
        assert run(after, "MATCH (n:Drug) RETURN n.id") == [["x"]]
        server.stop()
        assert after.running()


def test_a_number_that_another_process_got_is_left_alone(folder: Path, ended: str) -> None:
    record = json.dumps({**json.loads(ended), "pid": os.getpid()})
    (folder / "server.json").write_text(record)
    with serve(folder) as server:
        assert server.pid != os.getpid()
        assert server.running()
    assert not server.running()


def test_the_server_reads_no_files(running: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    with pytest.raises(Neo4jError, match="LOAD CSV"):
        run(running, f"LOAD CSV FROM '{secret.as_uri()}' AS line RETURN line")


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(StoreError, match="other things in it"):
        serve(tmp_path)
    with pytest.raises(StoreError, match="is a file"):
        serve(tmp_path / "thesis.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_damaged_server_json_is_named(folder: Path, ended: str) -> None:
    (folder / "server.json").write_text("{")
    with pytest.raises(StoreError, match=r"server\.json can't be read"):
        serve(folder)


def test_a_port_that_another_program_took_is_exchanged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = embedded._free_ports
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        # Bound and not listening: as busy to a server as one that is.
        taken = int(other.getsockname()[1])
        tries = iter([[taken, chosen(1)[0]], chosen(2)])
        monkeypatch.setattr(embedded, "_free_ports", lambda count: next(tries))
        with serve(folder) as server:
            assert not server.uri.endswith(f":{taken}")
            assert next(tries, None) is None


def test_a_start_that_fails_says_why_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDKG_SERVER_HEAP", "plenty")
    with pytest.raises(StoreError, match=r"didn't start.*it said: .*"):
        serve(folder)
    assert not (folder / "server.json").exists()
    assert not (folder / "server.args").exists()
    monkeypatch.delenv("MEDKG_SERVER_HEAP")
    with serve(folder) as server:
        assert run(server, "RETURN 1") == [[1]]
