"""Reading chunks of documents in this process, or in worker processes."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

import polars as pl

from ..core.errors import MedkgError
from ..core.han import word_count
from ..core.quarantine import Quarantine
from ..core.threads import one_thread
from ..graph.kg import KnowledgeGraph
from .chunks import EVIDENCE_COLUMNS, NODE_COLUMNS, Chunk, ChunkResult, Settings
from .documents import TextDocument
from .pipeline import GraphRows, build_pipeline, process_documents
from .schedule import Schedule

# Documents of a chunk that go through the models together.
_BATCH = 16
# After so many seconds what is finished of a chunk is kept.
_SAVE_SECONDS = 20.0


class ChunkReader:
    """The models, and what turns a chunk into its part."""

    def __init__(self, settings: Settings, terminology: KnowledgeGraph) -> None:
        relations = settings.relations_model
        self.settings = settings
        self.nlp = build_pipeline(
            terminology,
            ner_model=settings.model,
            relations_model=None if relations is None else Path(relations),
            linker=settings.linker,
            language=settings.language,
            min_probability=settings.min_probability,
        )

    def read(self, documents: list[TextDocument], key: str) -> None:
        """Write the part of a chunk."""
        file, begun = self.settings.parts / key, self.settings.parts / f"begun-{key}"
        result = ChunkResult.of(begun)
        saved = time.monotonic()
        while batch := documents[result.done : result.done + _BATCH]:
            if time.monotonic() - saved > _SAVE_SECONDS:
                result.write(begun)
                saved = time.monotonic()
            self._read(batch, result)
        result.write(file)
        begun.unlink(missing_ok=True)

    def _read(self, documents: list[TextDocument], result: ChunkResult) -> None:
        aside = Quarantine()
        # What spaCy remembers of a text's words goes with the text.
        with self.nlp.memory_zone():
            for document, doc in process_documents(self.nlp, documents, aside):
                rows = GraphRows(self.settings.sentences, self.settings.reader)
                try:
                    rows.add(document, doc)
                except Exception as error:
                    reason = f"document can't be processed ({type(error).__name__})"
                    aside.add(reason, path=document.id)
                    continue
                for identifier, row in rows.nodes.items():
                    result.nodes.setdefault(identifier, [row.get(name) for name in NODE_COLUMNS])
                result.linked |= rows.linked
                result.evidence.append(pl.DataFrame(rows.evidence, schema=EVIDENCE_COLUMNS))
                result.count_form(document)
                result.counts["documents"] += 1
                result.counts["words"] += word_count(document.text)
                result.counts["mentions"] += len(doc.spans["mentions"])
                result.counts["relations"] += len(doc._.relations)
                result.counts["pairs_left_out"] += doc._.pairs_left_out
        result.aside += [[row.reason, row.path] for row in aside]
        result.done += len(documents)


def read_here(
    chunks: Iterator[Chunk], settings: Settings, terminology: KnowledgeGraph
) -> Generator[Chunk, None, None]:
    """The chunks in order, read in this process."""
    reader: ChunkReader | None = None
    for chunk in chunks:
        if not chunk.finished:
            reader = reader or ChunkReader(settings, terminology)
            reader.read(chunk.documents, chunk.key)
        yield chunk


def _work(settings: Settings, pipe: Connection) -> None:
    """What a worker process does: chunks come through the pipe, and go back when they are read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run's own process stops its workers
    try:
        with one_thread():
            reader = ChunkReader(settings, KnowledgeGraph.open(settings.terminology))
            pipe.send(None)
            while True:
                documents, key = pipe.recv()
                reader.read(documents, key)
                pipe.send(None)
    except EOFError:
        pass  # the run's process has ended
    except (MedkgError, OSError) as error:
        with suppress(OSError):
            pipe.send(str(error))


class Worker:
    """A worker process, and the chunk that it is at; at first none, while it loads the models."""

    def __init__(self, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, pipe = context.Pipe()
        self.process = context.Process(target=_work, args=(settings, pipe), daemon=True)
        self.process.start()
        pipe.close()
        self.busy = True
        self.chunk: Chunk | None = None

    def give(self, chunk: Chunk) -> None:
        """Let it read a chunk."""
        self.busy, self.chunk = True, chunk
        # One that has just ended is noticed when it is waited for.
        with suppress(OSError):
            self.pipe.send((chunk.documents, chunk.key))

    def end(self) -> None:
        """Stop it at once; what it has not finished is not there."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def read_by_workers(
    chunks: Iterator[Chunk], settings: Settings, count: int
) -> Generator[Chunk, None, None]:
    """The chunks in order, read by worker processes; see `Schedule.lost` for those that end."""
    workers: list[Worker] = []
    schedule = Schedule(chunks, settings, count)
    try:
        while True:
            yield from schedule.finished()
            if not schedule:
                return
            if len(workers) < min(count, schedule.waiting):
                workers.append(Worker(settings))
                continue
            for worker in workers:
                if not worker.busy and schedule.waiting:
                    worker.give(schedule.take())
            busy = {worker.pipe: worker for worker in workers if worker.busy}
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]  # wait gives what it was given
                try:
                    problem = worker.pipe.recv()
                except (EOFError, OSError):
                    workers.remove(worker)
                    _after_end(worker, schedule)
                    continue
                if problem is not None:
                    raise MedkgError(problem)
                if worker.chunk is not None:
                    worker.chunk.finished = True
                worker.busy, worker.chunk = False, None
    finally:
        for worker in workers:
            worker.end()


def _after_end(worker: Worker, schedule: Schedule) -> None:
    """See to the chunk of a worker that was ended."""
    worker.end()
    code = worker.process.exitcode
    if worker.chunk is None:
        raise MedkgError(
            f"a worker process ended while it loaded the models (exit code {code}); give fewer"
            " workers or more memory, and in a script of your own start the run under"
            ' if __name__ == "__main__":'
        )
    schedule.lost(worker.chunk, f"exit code {code}")
