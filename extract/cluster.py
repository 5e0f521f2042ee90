"""Reading chunks of documents by the processes of a Ray cluster: this machine, or many.

[Ray](https://docs.ray.io) (Moritz et al., OSDI 2018) brings documents to processes that hold the
models, on whichever machine they are, and what they read back. A process that is lost, with its
machine or by what it reads, costs no other document.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.parse import urlsplit

from ..core.atomic import atomic_file
from ..core.errors import MedkgError
from ..core.temporary import TemporaryFolder, temporary_folder
from ..core.threads import one_thread
from ..graph.kg import KnowledgeGraph
from .chunks import Chunk, Settings
from .fingerprint import fingerprint
from .schedule import Schedule
from .workers import ChunkReader

# A process that ends while it loads the models is replaced so many times in a row.
_FAILED_LOADS = 3
_CONNECT_SECONDS = 10.0
# Documents and parts pass through this memory; neither is large.
_OBJECT_STORE_BYTES = 256 * 2**20
# Of a cluster that medkg starts: it is reached from this machine alone, with a password, and tells
# nobody that it runs. The first is Ray's own setting for listening on 127.0.0.1 only.
_LOCAL = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
}


class RemoteReader:
    """What a process of the cluster does. It answers with a problem in words where it can't."""

    def load(self, settings: Settings, terminology: KnowledgeGraph) -> str | None:
        """Load the models, which have to be those of the run's own process."""
        self.folder = TemporaryFolder()
        settings = replace(settings, parts=self.folder.path)
        try:
            reader = fingerprint(
                terminology.nodes,
                settings.model,
                settings.relations_model,
                settings.sentences,
                settings.linker,
                settings.language,
                settings.min_probability,
            )
            if reader != settings.reader:
                return (
                    "a machine of the cluster has another version of medkg, of its models, or of"
                    " the model that was named: install and copy the same on all"
                )
            with one_thread():
                self.reader = ChunkReader(settings, terminology)
        except (MedkgError, OSError) as error:
            return str(error)
        return None

    def read(self, chunk: Chunk) -> bytes | str:
        """The part of a chunk, as a file holds it."""
        part = self.folder.path / chunk.key
        try:
            with one_thread():
                self.reader.read(chunk.documents, chunk.key)
            content = part.read_bytes()
            part.unlink()
        except (MedkgError, OSError) as error:
            return str(error)
        return content


def read_by_ray(
    chunks: Iterator[Chunk],
    settings: Settings,
    terminology: KnowledgeGraph,
    count: int | None,
    address: str | None,
) -> Generator[Chunk, None, None]:
    """The chunks in order, read by processes of a Ray cluster.

    Args:
        terminology: of which the nodes alone are needed, in memory.
        count: processes; None: as many as the cluster has CPUs.
        address: of a cluster that runs ("auto", `HOST:6379`, `ray://HOST:10001`); None: one is
            started on this machine, for this run.

    Raises:
        MedkgError: the cluster can't be reached or started, or its processes can't load the models.
    """
    with _cluster(address, count) as ray:
        count = count or max(1, int(ray.cluster_resources().get("CPU", 1)))
        schedule = Schedule(chunks, settings, count)
        readers = _Readers(ray, settings, terminology)
        try:
            while True:
                yield from schedule.finished()
                if not schedule:
                    return
                while readers.idle and schedule.waiting:
                    readers.give(schedule.take())
                for _ in range(min(count - len(readers), schedule.waiting)):
                    readers.start()
                if lost := readers.wait():
                    schedule.lost(lost, "a process of the cluster")
        finally:
            readers.end()


class _Readers:
    """The processes of a run.

    Attributes:
        idle: those that wait for a chunk.
    """

    def __init__(self, ray: Any, settings: Settings, terminology: KnowledgeGraph) -> None:
        self._ray = ray
        self._parts = settings.parts
        self._loading = (settings, ray.put(terminology))
        self._new = ray.remote(num_cpus=1, max_restarts=0)(RemoteReader)
        self._busy: dict[Any, tuple[Any, Chunk | None]] = {}
        self._failed_loads = 0
        self.idle: list[Any] = []

    def __len__(self) -> int:
        return len(self._busy) + len(self.idle)

    def start(self) -> None:
        """Start one, which loads its models."""
        reader = self._new.remote()
        self._busy[reader.load.remote(*self._loading)] = (reader, None)

    def give(self, chunk: Chunk) -> None:
        """Let an idle one read a chunk."""
        reader = self.idle.pop()
        self._busy[reader.read.remote(chunk)] = (reader, chunk)

    def wait(self) -> Chunk | None:
        """Wait until one is ready, and keep what it read. Gives the chunk that ended it, if any.

        Raises:
            MedkgError: it can't load the models, or write on its machine.
        """
        answered = self._ray.wait(list(self._busy))[0][0]
        reader, chunk = self._busy.pop(answered)
        try:
            answer: bytes | str | None = self._ray.get(answered)
        except self._ray.exceptions.RayActorError as error:
            self._failed_loads += chunk is None
            if self._failed_loads == _FAILED_LOADS:
                raise MedkgError(_NO_LOADING) from error
            return chunk
        if isinstance(answer, str):
            raise MedkgError(answer)
        if chunk is not None and answer is not None:
            with atomic_file(self._parts / chunk.key) as draft:
                draft.write_bytes(answer)
            chunk.finished = True
        self._failed_loads = 0
        self.idle.append(reader)
        return None

    def end(self) -> None:
        """Stop all of them at once."""
        for reader in [*self.idle, *(reader for reader, _ in self._busy.values())]:
            self._ray.kill(reader)


_NO_LOADING = (
    "processes of the cluster end while they load the models: give fewer workers, or machines with"
    " more memory (each process takes about 1.2 GB)"
)


@contextmanager
def _cluster(address: str | None, count: int | None) -> Iterator[Any]:
    """Ray, joined with a cluster.

    Raises:
        MedkgError: it can't be reached or started.
    """
    with ExitStack() as stack:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if address is not None:
            _check_reachable(address)
        else:
            # Not TMPDIR: sockets lie in it, whose paths have at most 104 characters.
            folder = stack.enter_context(temporary_folder(Path("/tmp")))
            options |= {
                "num_cpus": count,
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE_BYTES,
                "_temp_dir": str(folder),
            }
            _keep_to_this_machine()
        import ray

        if not ray.is_initialized():
            stack.callback(ray.shutdown)
            try:
                ray.init(address=address or "local", **options)
            except (RuntimeError, ConnectionError, ValueError, TimeoutError, OSError) as error:
                where = f"at {address}" if address else "on this machine"
                raise MedkgError(f"the Ray cluster {where} can't be joined: {error}") from error
        yield ray


def _check_reachable(address: str) -> None:
    """Try an address, since Ray itself tries one that isn't there for many minutes.

    Raises:
        MedkgError: nobody listens there.
    """
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.hostname is None or place.port is None:
        return  # "auto"
    try:
        create_connection((place.hostname, place.port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise MedkgError(f"no Ray cluster answers at {address}: {error}") from error


def _keep_to_this_machine() -> None:
    """Set what Ray reads when it is imported, once for all clusters that this process starts.

    Raises:
        MedkgError: it was imported before.
    """
    if "RAY_AUTH_TOKEN" in os.environ:
        return
    if "ray" in sys.modules:
        if sys.modules["ray"].is_initialized():
            return  # a cluster of the caller's
        raise MedkgError(
            "Ray was imported before the run, and would listen to other machines: import it later,"
            " or start or join a cluster of your own first (ray.init)"
        )
    os.environ.update(_LOCAL)
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
