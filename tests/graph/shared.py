"""Servers that end while they are read or written, and that two write to at once."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from medkg.graph.kg import KnowledgeGraph

from ..interrupted import Running, names, run
from .faults import Host, a_graph, contents, cut_off, hosted, moments, reached

SERVER_FAULTS = ("restarted while written", "restarted while read", "two write at once")
_EDGES = 1_000


def server_trial(host: Host, fault: str, moment: random.Random) -> dict[str, Any]:
    """Make one trial on a server that holds nothing.

    Returns:
        `stopped`: whether a command was; `clear`: whether it said why; `same`: whether the server,
        or what was read of it, is in the end as without a fault; `left` in the temporary folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        make = {
            "restarted while written": _written,
            "restarted while read": _read,
            "two write at once": _two_writers,
        }[fault]
        made = make(host, Path(folder), moment)
    return {**made, "good": made["clear"] and made["same"] and not made["left"]}


@contextmanager
def own(server: str) -> Iterator[Host]:
    """A server of one's own, and its password where `medkg` looks for it."""
    with hosted(server) as host, pytest.MonkeyPatch.context() as environment:
        if password := getattr(host, "password", None):
            environment.setenv("NEO4J_USERNAME", "neo4j")
            environment.setenv("NEO4J_PASSWORD", password)
        yield host


def _written(host: Host, folder: Path, moment: random.Random) -> dict[str, Any]:
    """The server is killed and started again while a graph is written; then it is written again."""
    kg = a_graph(_EDGES)
    kg.save(folder / "kg")
    rows = kg.nodes.height + kg.edges.height + kg.evidence.height
    stopped = cut_off(
        host, folder / "kg", "server", *moments(1, rows, moment.randrange(1 << 30))[0]
    )
    again = run(["write", str(folder / "kg"), "--into", host.uri], folder / "tmp")
    with reached(host) as store:
        same = again.code == 0 and store.read().checksum() == kg.checksum()
        held = contents(store)
    same = same and held["relationships"] == held["distinct"] == kg.edges.height
    left = names(folder / "tmp")
    return {"stopped": stopped, "clear": True, "same": same, "left": left, "message": again.output}


def _read(host: Host, folder: Path, moment: random.Random) -> dict[str, Any]:
    """The server is killed and started again while it is read; then it is read again."""
    kg = a_graph(_EDGES)
    with reached(host) as store:
        store.write(kg)
    arguments = ["read", host.uri, "--out", str(folder / "out")]
    seconds = run(arguments, folder / "tmp").seconds
    shutil.rmtree(folder / "out")
    reading = Running(arguments, folder / "tmp")
    time.sleep(moment.uniform(0, seconds))
    host.kill()
    host.start()
    first = reading.end()
    left = names(folder / "tmp")
    finished = first.code == 0
    whole = finished or names(folder) == ["tmp"]
    with reached(host):
        again = run(arguments, folder / "tmp")
    same = whole and again.code == 0
    same = same and KnowledgeGraph.open(folder / "out").checksum() == kg.checksum()
    return {
        "stopped": not finished,
        "clear": finished or first.is_clear,
        "same": same,
        "left": left + names(folder / "tmp"),
        "message": first.output[-500:] if again.code == 0 else again.output[-500:],
    }


def _two_writers(host: Host, folder: Path, moment: random.Random) -> dict[str, Any]:
    """Two processes write graphs that overlap; the server holds what both say, once."""
    graphs = [a_graph(_EDGES), a_graph(_EDGES // 2)]
    running = []
    for number, kg in enumerate(graphs):
        kg.save(folder / f"kg{number}")
        arguments = ["write", str(folder / f"kg{number}"), "--into", host.uri]
        running.append(Running(arguments, folder / "tmp"))
        time.sleep(moment.uniform(0, 1))
    ended = [each.end() for each in running]
    stopped = [each for each in ended if each.code != 0]
    with reached(host) as store:
        held = contents(store)
        same = held["relationships"] == held["distinct"] == graphs[0].edges.height
        same = same and store.read().checksum() == graphs[0].checksum() and not held["Journal"]
        same = same and [load["state"] for load in store.info()["loads"]] == ["complete"] * 2
    return {
        "stopped": bool(stopped),
        "clear": all(each.is_clear for each in stopped),
        "same": same and not stopped,
        "left": names(folder / "tmp"),
        "message": " ".join(each.output[-500:] for each in stopped),
    }
