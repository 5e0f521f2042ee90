"""Reading by the processes of a Ray cluster, started for a run or already there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from medkg.core.errors import MedkgError
from medkg.core.quarantine import Quarantine
from medkg.core.temporary import temporary_folder
from medkg.extract import chunks, cluster
from medkg.extract.documents import iter_documents
from medkg.extract.run import Summary, read_documents
from medkg.graph.kg import KnowledgeGraph
from tests.extract.made_graph import graph

from . import deadly
from .test_run import COMMAND, notes, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recogniser that finds fever, with the component of `deadly`, here and in the cluster."""
    folder = str(deadly.installed(tmp_path / "installed"))
    monkeypatch.syspath_prepend(folder)
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([folder, before]))
    monkeypatch.setattr(chunks, "_MAX_DOCUMENTS", 4)
    return deadly.model(tmp_path / "model")


def listeners() -> set[str]:
    """The addresses that Ray's processes listen on; one that has died since listens on none."""
    addresses = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            connections = process.net_connections("inet")
            addresses.update(
                connection.laddr.ip.removeprefix("::ffff:")
                for connection in connections
                if connection.status == psutil.CONN_LISTEN
            )
    return addresses


def test_a_cluster_reads_what_one_process_reads_and_listens_to_this_machine_alone(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"Fever {word}." for word in ("a", "b", "c", "trouble", "d", "boom", "e", "memory")]
    documents = notes(*texts, *(f"No fever {n}." for n in range(8)))
    seen: set[str] = set()
    write = chunks.atomic_file

    def noting(path: Path) -> object:
        seen.update(listeners())
        return write(path)

    monkeypatch.setattr(cluster, "atomic_file", noting)
    quarantine, summary = Quarantine(), Summary()
    # The cluster of a run without an address; the two runs share it, since Ray starts slowly.
    with cluster._cluster(None, 2) as ray:
        kg = read_documents(
            documents, graph(), model=model, engine="ray", workers=2, quarantine=quarantine,
            summary=summary, keep=tmp_path / "keep",
        )  # fmt: skip
        with pytest.raises(MedkgError, match="nothing_such"):
            read_documents(notes("Fever."), graph(), model="nothing_such", engine="ray", workers=1)
        assert ray.is_initialized()
    assert not ray.is_initialized()
    assert {row.path: row.reason for row in quarantine} == {
        "note:3": "document can't be processed (ValueError)",
        "note:5": "document ends the process that reads it (a process of the cluster)",
        "note:7": "document can't be processed (MemoryError)",
    }
    good = [document for n, document in enumerate(documents) if n not in (3, 5, 7)]
    here = read_documents(good, graph(), model=model)
    assert kg.checksum() == here.checksum()
    assert summary.documents == len(good)
    assert seen == {"127.0.0.1"}
    resumed = Summary()
    read_documents(documents[8:], graph(), model=model, keep=tmp_path / "keep", summary=resumed)
    assert resumed.resumed == 8


def test_a_cluster_that_is_not_there_is_an_error() -> None:
    with pytest.raises(MedkgError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        read_documents(notes("Fever."), graph(), engine="ray", address="127.0.0.1:1")


def test_a_cluster_that_runs_is_joined_by_its_address(model: Path, tmp_path: Path) -> None:
    graph().save(tmp_path / "terms")
    (tmp_path / "notes").mkdir()
    for number in range(6):
        (tmp_path / "notes" / f"{number}.txt").write_text(f"Fever {number}.", encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    port = address.rpartition(":")[2]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    clean |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    options = ["--head", "--block", f"--port={port}", "--num-cpus=1", "--include-dashboard=false"]
    with temporary_folder(Path("/tmp")) as folder, open(tmp_path / "ray.log", "w") as log:
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), "start", *options, f"--temp-dir={folder}"],
            env=clean, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            wait_until(lambda: "Ray runtime started" in (tmp_path / "ray.log").read_text())
            command = ["extract", "notes", "--out", "out", "--graph", "terms", "--model", "model"]
            run = subprocess.run(
                [sys.executable, "-c", COMMAND, *command, "--engine", "ray", "--address", address],
                cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
        finally:
            os.killpg(head.pid, signal.SIGKILL)
            head.wait()
    assert run.returncode == 0, run.stderr
    assert "6 documents read" in run.stdout
    here = read_documents(
        iter_documents(tmp_path / "notes", Quarantine()), graph(), model=tmp_path / "model"
    )
    assert KnowledgeGraph.open(tmp_path / "out").checksum() == here.checksum()
