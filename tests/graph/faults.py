"""Loads that are cut off at a random moment, and the same load again: for tests and a benchmark."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from medkg.core.errors import StoreError
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store, connect
from medkg.graph.store.embedded import serve

ROOT = Path(__file__).resolve().parents[2]

# It says how many rows are in, and sends few at a time, so that there is much to cut off.
WRITER = """
import sys
from contextlib import contextmanager
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import batching, connect, create, write
@contextmanager
def told(title, total):
    done = [0]
    def advance(rows):
        done[0] += rows
        print(done[0], flush=True)
    yield advance
write.progress = told
kg = KnowledgeGraph.open(sys.argv[2])
few = kg.edges.height // 8
create._ROWS, create._BULK_ROWS, batching.SLICE_ROWS = few, 2 * few, 8 * few
with connect(sys.argv[1]) as store:
    print(0, flush=True)
    store.write(kg)
"""


def a_graph(edges: int) -> KnowledgeGraph:
    """Diseases with symptoms, and evidence for and against them."""
    count = edges // 10
    ids = [f"OMIM:{number}" for number in range(count)]
    symptoms = [f"HP:{number}" for number in range(20)]
    nodes = pl.DataFrame(
        {"id": [*ids, *symptoms], "kind": ["Disease"] * count + ["Symptom"] * len(symptoms)}
    ).with_columns(name="id", properties=pl.lit('{"n": 1}'))
    evidence = pl.DataFrame(
        {
            "subject": ids * 11,
            "relation": "HAS_SYMPTOM",
            "object": [symptoms[at // count] for at in range(11 * count)],
            "source": "made-up",
            "polarity": ["asserted"] * (10 * count) + ["negated"] * count,
            "qualifiers": '{"frequency": "1/2"}',
            "sentence": "Some words that were found in a text. " * 3,
        }
    )
    return KnowledgeGraph.build(nodes, evidence, [Source("made-up", "1", "CC0-1.0")])


class Host(Protocol):
    """A server that can be killed and started again on the same data."""

    uri: str

    def kill(self) -> None:
        """Kill the server with SIGKILL."""

    def start(self) -> None:
        """Start it on what is left."""

    def stop(self) -> None:
        """Stop it in good order."""


class Embedded:
    """The embedded server on a folder, of which this holds a share, so that it runs on."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.uri = f"embedded:{folder}"
        self.start()

    def start(self) -> None:
        self._share = serve(self.folder)

    def kill(self) -> None:
        os.kill(self._share.pid, signal.SIGKILL)
        self._share.stop()

    def stop(self) -> None:
        self._share.stop()


class Neo4j:
    """A Neo4j of our own on a folder, by the jars that `.ci/neo4j/start.py` keeps.

    Args:
        certificate: it encrypts with this one, whose key lies beside it, and takes no connection
            that isn't encrypted.
    """

    def __init__(self, folder: Path, certificate: Path | None = None):
        spec = importlib.util.spec_from_file_location("start", ROOT / ".ci" / "neo4j" / "start.py")
        assert spec is not None
        assert spec.loader is not None
        self._ci = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._ci)
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._certificate = certificate
        self.uri = f"bolt{'' if certificate is None else '+ssc'}://127.0.0.1:{self.port}"
        self.password = "a password of a test"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self._ci._set_password(self.uri, self.password, self._process, self._log)

    @property
    def _log(self) -> Path:
        return self.folder.with_suffix(".log")

    def start(self) -> None:
        main = ROOT / "tests" / "graph" / "Neo4jServer.java"
        lib = self._ci.jars()
        certificate = [] if self._certificate is None else [str(self._certificate)]
        arguments = [str(self.folder), str(self.port), *certificate]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                ["java", "-Xmx1g", "-cp", f"{lib}/*", str(main), *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()


def contents(store: Store) -> dict[str, Any]:
    """Counts and checksums of what a server holds: in its own words, and as it reads back."""
    back = store.read()
    answer = store.query(
        "MATCH (s)-[r]->(o) RETURN s.id, type(r), o.id, r.id, r.probability, r.evidence_count,"
        " r.frequency"
    )
    rows = sorted(map(str, answer.rows()))
    counts = {
        label: store.query(f"MATCH (n:{label}) RETURN count(n) AS n")["n"][0]
        for label in ("Disease", "Symptom", "Evidence", "Source", "Journal")
    }
    return {
        **counts,
        "relationships": len(rows),
        "distinct": len(set(rows)),
        "rows": hash(tuple(rows)),
        "checksum": back.checksum(),
        "edges": back.edges.height,
    }


def reached(host: Host) -> Store:
    """A connection to a server that may just be starting."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return connect(host.uri)
        except StoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def cut_off(host: Host, graph: Path, what: str, rows: int, seconds: float) -> bool:
    """Write in a process of its own, and kill it or the server while it does.

    Args:
        what: `client` or `server`.
        rows: kill when so many rows are in, and `seconds` later.

    Returns:
        Whether the write was still under way.
    """
    command = [sys.executable, "-c", WRITER, host.uri, str(graph)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= rows:
                break
        time.sleep(seconds)
        under_way = writer.poll() is None
        if what == "client":
            writer.kill()
        else:
            host.kill()
            host.start()
        for _ in writer.stdout:
            pass
    return under_way


class Cutter:
    """A TCP proxy to a server that cuts all connections three times, each after so many bytes."""

    def __init__(self, port: int, after: int):
        self.target = port
        self.after = self.left = after
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self._open += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pipe, args=(one, other), daemon=True).start()

    def _pipe(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                self.left -= len(data)
                if self.left < 0 and self.cuts < 3:
                    self.cuts += 1
                    self.left = self.after
                    for each in self._open:
                        _end(each)
                    self._open.clear()
                    return
                other.sendall(data)
        except OSError:
            pass
        finally:
            _end(one)
            _end(other)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


def _end(connection: socket.socket) -> None:
    """End a connection; closing alone does not end what another thread is waiting for."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def hosted(server: str) -> Iterator[Host]:
    """A server of one's own on an empty folder: `embedded` or `neo4j`."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="medkg-faults-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        host: Host = (
            Embedded(folder / "server") if server == "embedded" else Neo4j(folder / "server")
        )
        stack.callback(host.stop)
        yield host


def moments(count: int, rows: int, seed: int) -> list[tuple[int, float]]:
    """Random moments: how many of the rows are in, and a while after that."""
    chosen = random.Random(seed)
    return [(chosen.randrange(rows), chosen.uniform(0, 0.3)) for _ in range(count)]
