"""The embedded server: ArcadeDB from its wheel, a child process that speaks Bolt on 127.0.0.1.

A folder that is served holds the databases and `server.json` (address, process id, and a password
that changes with every start); only its owner may read any of it. Whoever uses the server holds the
lock of a file of its own in `users/`; the last one to let go stops the server. The operating system
lets go for a process that was killed, so a server that outlives its users is taken over by the next
one, who then stops it.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from ...core.atomic import atomic_file, make_folder, make_private
from ...core.disk import check_room, disk_error
from ...core.errors import StoreError
from ...core.json_reading import parse_json
from ...core.locks import locked, try_lock
from .accounts import ACCOUNTS, Account, groups_file
from .accounts import create as create_accounts

DATABASE = "kg"
USER = "root"
QUERY_SECONDS = 120

_STARTING_SECONDS = 1800  # as long as the process is there; a busy machine takes its time
_ANSWERING_SECONDS = 60  # for a server that was started before
_TRIES = 3  # of starting, each on other ports
_STOPPING_SECONDS = 30
_SESSION_SECONDS = 60  # an HTTP session that nobody uses for so long ends
HEAP = "MEDKG_SERVER_HEAP"


@dataclass(frozen=True)
class _Address:
    """What `server.json` says."""

    uri: str
    user: str
    password: str
    database: str
    http: str
    pid: int
    accounts: dict[str, str]  # passwords of `reader` and `writer`; none while it starts


class Server:
    """A share in the embedded server of a folder. `stop` lets go of it; the last share stops it.

    Attributes:
        folder: what it serves.
        uri, user, password, database: how any Neo4j driver or tool on this machine connects.
        http: the address of its HTTP interface.
        pid: its process.
        accounts: those of fewer rights, `reader` and `writer`, by name.
    """

    def __init__(self, folder: Path, address: _Address, share: FileLock):
        self.folder = folder
        self.uri = address.uri
        self.user = address.user
        self.password = address.password
        self.database = address.database
        self.http = address.http
        self.pid = address.pid
        self.accounts = {name: Account(name, word) for name, word in address.accounts.items()}
        self._address = address
        self._share: FileLock | None = share
        atexit.register(self.stop)

    def stop(self) -> bool:
        """Let go of the server, and stop it if nobody else uses it.

        Returns:
            Whether the server is stopped now; false where another process goes on using it.
        """
        if self._share is None:
            return True
        share, self._share = self._share, None
        atexit.unregister(self.stop)
        try:
            with locked(self.folder / "server.lock"):
                share.release()
                if has_users(self.folder):
                    return False
                _end(self.folder, self.pid)
                (self.folder / "server.json").unlink(missing_ok=True)
                return True
        finally:
            share.release()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Wait until no other process loads into this server, and keep the others waiting."""
        with locked(self.folder / "write.lock"):
            yield

    def running(self) -> bool:
        """Whether the process is there."""
        return _is_ours(self.folder, self.pid)

    def answers(self) -> bool:
        """Whether the server answers a query, or does so soon."""
        try:
            _wait_until_ready(self.folder, self._address, _ANSWERING_SECONDS)
        except StoreError:
            return False
        return True

    def end(self) -> None:
        """End the server, whoever uses it; the next `serve` starts it anew."""
        with locked(self.folder / "server.lock"):
            _end(self.folder, self.pid)

    @property
    def log(self) -> Path:
        """The file of what the server prints."""
        return _log(self.folder)

    def ran_out_of_memory(self, since: int) -> bool:
        """Whether the log says so, from so many bytes on."""
        with self.log.open("rb") as file:
            file.seek(since)
            return b"java.lang.OutOfMemoryError" in file.read()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def serve(folder: Path | str) -> Server:
    """Start the embedded server on a folder, or join the one that runs there.

    The heap is 1 GB; the environment variable MEDKG_SERVER_HEAP (such as `4g`) sets another.

    Raises:
        StoreError: the folder holds other things, or the server doesn't start.
    """
    folder = Path(folder).absolute()
    _prepare(folder)
    with locked(folder / "server.lock"):
        share = _join(folder)
        try:
            address = _running(folder) or _start(folder)
        except BaseException as error:
            share.release()
            if isinstance(error, StoreError):
                check_room(folder)
            raise
    return Server(folder, address, share)


def _prepare(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file; give a folder for the embedded server")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "server.lock").exists():
        raise StoreError(
            f"{folder} is a folder with other things in it (no server.lock); give the embedded"
            " server a new or an empty one"
        )
    try:
        make_folder(folder)
        (folder / "server.lock").touch(mode=0o600)  # first: the folder is known by it
        for name in ("databases", "log", "users"):
            make_folder(folder / name)
        make_private(folder)  # its databases hold sentences of notes
    except OSError as error:
        raise disk_error(error, folder) or StoreError(
            f"{folder} can't be written to: {error.strerror}"
        ) from error


def _join(folder: Path) -> FileLock:
    """Become a user of the folder's server, until the lock is released."""
    share = try_lock(folder / "users" / f"{secrets.token_hex(8)}.lock")
    if share is None:
        raise StoreError(f"{folder / 'users'} can't be locked")
    return share


def has_users(folder: Path) -> bool:
    """Whether anybody uses the folder's server; forgets those who let go of it or were killed."""
    for file in (folder / "users").iterdir():
        share = try_lock(file)
        if share is None:
            return True
        share.release()
        file.unlink()
    return False


def _running(folder: Path) -> _Address | None:
    """The address of the server that runs on the folder; one that doesn't answer is ended."""
    file = folder / "server.json"
    try:
        address = _Address(**parse_json(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(
            f"{file} can't be read ({error}); end the server of this folder, if one runs, and"
            " delete the file"
        ) from error
    if not _is_ours(folder, address.pid):
        return None
    if not address.accounts:  # who started it was killed meanwhile
        _end(folder, address.pid)
        return None
    try:
        _wait_until_ready(folder, address, _ANSWERING_SECONDS)
    except StoreError:
        _end(folder, address.pid)
        return None
    return address


def _start(folder: Path) -> _Address:
    end_all(folder)
    for _ in range(_TRIES - 1):
        try:
            return _start_once(folder)
        except StoreError:
            # Another program may have taken a port between its choice and the server's start.
            if not _lacks_port(folder):
                raise
    return _start_once(folder)


def processes(folder: Path) -> list[int]:
    """The servers of the folder, also one that no file tells of: its starter was killed at once."""
    numbers = (int(process.name) for process in Path("/proc").glob("[0-9]*"))
    return [number for number in numbers if _is_ours(folder, number)]


def end_all(folder: Path) -> None:
    """End the servers of the folder."""
    for number in processes(folder):
        _end(folder, number)


def _start_once(folder: Path) -> _Address:
    bolt, http = _free_ports(2)
    password = secrets.token_urlsafe(24)
    # The server keeps the password of its first start unless its users are made anew.
    make_folder(folder / "config")
    (folder / "config" / "server-users.jsonl").unlink(missing_ok=True)
    _write_private(folder / "config" / "server-groups.json", groups_file(DATABASE))
    # Arguments go through a file: a command line is readable by every user of the machine.
    arguments = arguments_file(folder)
    _write_private(arguments, "\n".join(_arguments(folder, bolt, http, password)))
    log = _log(folder)
    log.touch(mode=0o600)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(_wheel() / "jre" / "bin" / "java"), f"@{arguments}"],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C.UTF-8"},  # or Java can't read a path with an umlaut
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            umask=0o077,  # its databases hold sentences of notes
            start_new_session=True,  # Ctrl-C is for its user, who then stops it in good order
        )
    try:
        address = _Address(
            uri=f"bolt://127.0.0.1:{bolt}",
            user=USER,
            password=password,
            database=DATABASE,
            http=f"http://127.0.0.1:{http}",
            pid=process.pid,
            accounts={},
        )
        _write_address(folder, address)
        _wait_until_ready(folder, address, _STARTING_SECONDS, process)
        accounts = [Account(name, secrets.token_urlsafe(24)) for name in ACCOUNTS]
        create_accounts(address.http, Account(USER, password), DATABASE, accounts)
        address.accounts.update(accounts)
        _write_address(folder, address)
    except BaseException:
        _end(folder, process.pid)
        (folder / "server.json").unlink(missing_ok=True)
        raise
    finally:
        arguments.unlink(missing_ok=True)
    return address


def _lacks_port(folder: Path) -> bool:
    """Whether the server says that it can't have a port; its process may run on then."""
    return "Unable to listen" in _log(folder).read_text(encoding="utf-8", errors="replace")


def is_server(folder: Path) -> bool:
    """Whether it is the folder of an embedded server, running or not."""
    return (folder / "server.lock").is_file() and (folder / "databases").is_dir()


def _write_address(folder: Path, address: _Address) -> None:
    _write_private(folder / "server.json", json.dumps(asdict(address), indent=1))


def _wheel() -> Path:
    spec = importlib.util.find_spec("arcadedb_embedded")
    if spec is None or spec.origin is None:
        raise StoreError(
            "the embedded server is not installed: pip install arcadedb-embedded, or give the URI"
            " of a Neo4j server (bolt://…)"
        )
    return Path(spec.origin).parent


def _log(folder: Path) -> Path:
    return folder / "log" / "server.out"


def arguments_file(folder: Path) -> Path:
    return folder / "server.args"


def _arguments(folder: Path, bolt: int, http: int, password: str) -> list[str]:
    settings = {
        "server.rootPath": str(folder),
        "server.rootPassword": password,
        "server.defaultDatabases": f"{DATABASE}[{USER}]",
        "server.mode": "development",
        "server.httpIncomingHost": "127.0.0.1",
        "server.httpIncomingPort": str(http),
        "server.httpSessionExpireTimeout": str(_SESSION_SECONDS),
        "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "bolt.host": "127.0.0.1",
        "bolt.port": str(bolt),
        "command.timeout": str(QUERY_SECONDS * 1000),
        "opencypher.loadCsv.allowFileUrls": "false",
        "opencypher.loadCsv.allowRemoteUrls": "false",
    }
    arguments = [
        f"-Xmx{os.environ.get(HEAP, '1g')}",
        "-XX:+UseCompactObjectHeaders",
        "-XX:ErrorFile=log/crash-%p.log",
        "-Dfile.encoding=UTF8",
        "-Djava.awt.headless=true",
        "-Dpolyglot.engine.WarnInterpreterOnly=false",
        "--add-modules=jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED",
        "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
        "--add-opens=java.base/java.nio.channels.spi=ALL-UNNAMED",
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        *(f"-Darcadedb.{name}={value}" for name, value in settings.items()),
        "-cp",
        str(_wheel() / "jars" / "*"),
        "com.arcadedb.server.ArcadeDBServer",
    ]
    return [
        '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"' for argument in arguments
    ]


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, in place at once."""
    with atomic_file(file) as draft:
        draft.write_text(text, encoding="utf-8")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _wait_until_ready(
    folder: Path,
    address: _Address,
    seconds: float,
    process: subprocess.Popen[bytes] | None = None,
) -> None:
    """Wait until a query is answered: the port opens before the database does.

    Args:
        seconds: how long, unless the process ends before.
        process: the server, where it was started here.
    """
    import neo4j
    from neo4j.exceptions import DriverError, Neo4jError

    deadline = time.monotonic() + seconds
    while True:
        # A driver tried on a port that isn't open yet waits for a second by itself.
        if _port_open(address.uri) and _port_open(address.http):
            try:
                with (
                    neo4j.GraphDatabase.driver(
                        address.uri, auth=(address.user, address.password)
                    ) as driver,
                    driver.session(
                        database=address.database, default_access_mode="READ"
                    ) as session,
                ):
                    session.run("RETURN 1").consume()
                return
            except (DriverError, Neo4jError) as error:
                problem = str(error)
        else:
            problem = "it doesn't listen"
        if process is None:
            ended = not _is_ours(folder, address.pid)
        else:
            ended = process.poll() is not None or _lacks_port(folder)
        if ended or time.monotonic() > deadline:
            log = _log(folder)
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            output = f"; it said: {lines[-1][:300]}" if ended and lines else ""
            raise StoreError(
                f"the embedded server of {folder} didn't start ({problem}){output}; see {log}"
            )
        time.sleep(0.1)


def _port_open(uri: str) -> bool:
    host, port = uri.rpartition("/")[2].split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except OSError:
        return False


def _is_ours(folder: Path, pid: int) -> bool:
    """Whether the process is this folder's server, and not another that got its number."""
    try:
        command = _command(pid)
    except OSError:
        return False
    return f"@{arguments_file(folder)}" in command


def _command(pid: int) -> str:
    """The command line of a process; empty once it has ended, whether or not its parent knows."""
    if Path("/proc/self/cmdline").exists():
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    listing = ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)]
    listed = subprocess.run(listing, capture_output=True, text=True, check=False).stdout
    return "" if listed.startswith("Z") else listed


def _end(folder: Path, pid: int) -> None:
    """Ask the server to end, which closes its database; kill it if it doesn't."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        if not _is_ours(folder, pid):
            return
        os.kill(pid, signal_number)
        deadline = time.monotonic() + _STOPPING_SECONDS
        while time.monotonic() < deadline:
            if not _is_ours(folder, pid):
                with contextlib.suppress(ChildProcessError):  # another process's child
                    os.waitpid(pid, 0)
                return
            time.sleep(0.05)
    raise StoreError(f"the embedded server of {folder} (process {pid}) doesn't end; kill it")
