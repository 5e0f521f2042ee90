"""A writer that is killed, and what it had under way, which the server only gets to see later."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

# The writer is killed as it commits a statement, or sends a batch, that holds a given text. A
# process that it has forked keeps its connections, and nothing else of it: no lock, and not its
# process number. That process sends the rest when a file says so: what a slow network does.
_WRITER = """
import os, signal, sys, threading, time
import http.client
import neo4j
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import connect, write_edges
uri, graph, text, folder = sys.argv[1:]
write_edges._FEW = 10
once = threading.Lock()
def die_and_go_on_later(rest):
    once.acquire()
    if os.fork():
        os.kill(os.getpid(), signal.SIGKILL)
    for fd in os.listdir("/proc/self/fd"):
        if not os.path.realpath(f"/proc/self/fd/{fd}").split("/")[-1].startswith("socket:"):
            try:
                os.close(int(fd))
            except OSError:
                pass
    while not os.path.exists(f"{folder}/go"):
        time.sleep(0.05)
    try:
        outcome = rest()
    except Exception as error:
        outcome = str(error)
    try:
        with open(f"{folder}/.outcome", "w") as file:
            file.write(outcome)
        os.rename(f"{folder}/.outcome", f"{folder}/outcome")
    finally:
        os._exit(0)
run, commit = neo4j.Transaction.run, neo4j.Transaction.commit
def remember(self, query, *args, **params):
    self.texts = getattr(self, "texts", "") + query
    return run(self, query, *args, **params)
def commit_later(self):
    if text in self.texts:
        die_and_go_on_later(lambda: commit(self) or "done")
    return commit(self)
neo4j.Transaction.run, neo4j.Transaction.commit = remember, commit_later
send = http.client.HTTPConnection.send
def send_later(self, data):
    if text.encode() in data:
        send(self, data[:-1000])
        def rest():
            send(self, data[-1000:])
            return "done" if self.sock.recv(100).split()[1] == b"200" else "refused"
        die_and_go_on_later(rest)
    return send(self, data)
http.client.HTTPConnection.send = send_later
with connect(uri) as store:
    store.write(KnowledgeGraph.open(graph))
"""


class LateWriter:
    """A load that is killed as it commits, or sends, what holds `text`.

    The rest of it, a commit or the end of a batch, comes when `let_go` says so.

    Args:
        folder: an empty one, for the files by which the processes know of each other.
    """

    def __init__(self, uri: str, graph: Path, text: str, folder: Path):
        self._folder = folder
        folder.mkdir()
        command = [sys.executable, "-c", _WRITER, uri, str(graph), text, str(folder)]
        self.ended_with = subprocess.run(
            command, check=False, stderr=subprocess.DEVNULL, timeout=120
        ).returncode

    def let_go(self) -> str:
        """Have the rest sent; `done`, or the server's answer. Empty if that takes too long."""
        (self._folder / "go").touch()
        deadline = time.monotonic() + 20
        while not (outcome := self._folder / "outcome").exists():
            if time.monotonic() > deadline:
                return ""
            time.sleep(0.05)
        return outcome.read_text()
