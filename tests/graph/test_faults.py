"""A load that is cut off, by whatever, and given again ends as one that was not."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from medkg.core.disk import DiskError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import connect

from ..disks import Disk
from ..servers import EVERYTHING, change
from .faults import Cutter, Host, a_graph, contents, cut_off, reached
from .shared import SERVER_FAULTS, own, server_trial

SERVERS = ["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)]
EDGES = 1_000


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return a_graph(EDGES)


@pytest.fixture(scope="module")
def folder(kg: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "kg"
    kg.save(path)
    return path


@pytest.fixture(scope="module", params=SERVERS)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A server of this module's own, as it is killed."""
    if request.param == "neo4j":
        request.getfixturevalue("neo4j_uri")  # the one that others use says whether to test it
    with own(request.param) as opened:
        yield opened


def test_a_load_that_was_killed_goes_on(host: Host, kg: KnowledgeGraph, folder: Path) -> None:
    with reached(host) as store:
        change(store, EVERYTHING)
        store.write(kg)
        expected = contents(store)
        change(store, EVERYTHING)
    # `benchmarks/cut_loads.py` tries many more moments.
    # Nodes and evidence are in, and half of the relationships.
    assert cut_off(
        host, folder, "client", rows=kg.nodes.height + kg.evidence.height + EDGES // 2, seconds=0
    )
    with reached(host) as store:
        store.write(kg)
        assert contents(store) == expected
        assert [load["state"] for load in store.info()["loads"]][-1] == "complete"
        change(store, EVERYTHING)


def test_a_lost_connection_is_made_again(host: Host, kg: KnowledgeGraph) -> None:
    with reached(host) as store:
        change(store, EVERYTHING)
        store.write(kg)
        expected = contents(store)
        change(store, EVERYTHING)
        server = store.server
        bolt = host.uri if server is None else server.uri
        proxy = Cutter(int(bolt.rsplit(":", 1)[1]), after=50_000)
        login = {} if server is None else {"user": server.user, "password": server.password}
        database = None if server is None else server.database
        uri = f"bolt://127.0.0.1:{proxy.port}"
        with connect(uri, database=database, **login) as through:
            if server is None:
                through.write(kg)
            else:  # over Bolt alone the embedded server is written to as a Neo4j is
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(through.connection, "server", server)
                    through.write(kg)
        proxy.close()
        assert server is not None or proxy.cuts == 3
        assert contents(store) == expected
        change(store, EVERYTHING)


@pytest.mark.parametrize("fault", SERVER_FAULTS)
def test_a_server_is_read_and_written_as_if_it_had_not_been_disturbed(
    host: Host, fault: str
) -> None:
    with reached(host) as store:
        change(store, EVERYTHING)
    # `benchmarks/faults.py` tries many more moments.
    made = server_trial(host, fault, random.Random(f"{type(host).__name__} {fault}"))
    assert made["good"], made


@pytest.mark.parametrize("size", ["1m", "6m"])  # it doesn't start, or can't write all
def test_a_full_disk_is_named_and_the_load_goes_on(
    disk: Disk, kg: KnowledgeGraph, size: str
) -> None:
    folder = disk(f"size={size}")
    server = folder / "server"
    with (
        pytest.raises(DiskError, match=f"^{re.escape(str(server))}: the disk is full; make room"),
        connect(f"embedded:{server}") as store,
    ):
        store.write(kg)
    subprocess.run(["mount", "-o", "remount,size=400m", str(folder)], check=True)
    with connect(f"embedded:{server}") as store:
        store.write(kg)
        back = store.read()
        held = contents(store)
    assert back.checksum() == kg.checksum()
    assert held["relationships"] == held["distinct"] == kg.edges.height
