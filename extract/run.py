"""A run of extraction: documents in chunks, read here or by worker processes, finished ones kept.

A chunk's size depends on its documents alone, so that neither the number of workers nor an
interruption changes the result. What was found in a chunk is written to a file of its own (a part),
named by the checksum of all that it came from: the same run again takes it over. Of a chunk that
takes long, what is finished is written every so many seconds.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import polars as pl
from spacy.util import get_package_path, is_package

from ..core.atomic import atomic_file, sha256
from ..core.errors import DataError, MedkgError
from ..core.locks import try_lock
from ..core.model_folder import read_config
from ..core.progress import progress
from ..core.quarantine import BadRow, Quarantine
from ..core.threads import one_thread
from ..graph.document_readings import TEXT_SOURCE
from ..graph.frames import (
    EVIDENCE,
    FRAMES,
    NODES,
    Source,
    empty,
)
from ..graph.kg import KnowledgeGraph, Part
from .documents import TextDocument
from .pipeline import _read, _Rows, build_pipeline
from .relations.model import MODEL as RELATIONS_MODEL
from .relations.model import SHIPPED as SHIPPED_RELATIONS

# Of what text mining asserts, however often it does.
RELIABILITY = 0.9
# A chunk is full with so many documents or characters.
_DOCUMENTS = 64
_CHARACTERS = 100_000
# Documents of a chunk that go through the models together.
_TOGETHER = 16
# After so many seconds what is finished of a chunk is kept.
_SECONDS = 20.0
# Chunks a worker that are read ahead of the first that isn't finished.
_AHEAD = 3


@dataclass
class Summary:
    """What a run did.

    Attributes:
        documents: that were read, those `resumed` among them.
        words: of these, as white space parts them.
        mentions, relations: that were found in them; the relations of sentences alone.
        unchanged: documents left alone, since the graph holds this very reading of them.
        resumed: documents that an interrupted run had finished.
        seconds: the reading took, loading models included.
        read_words: words of the documents that no earlier run had finished.
    """

    documents: int = 0
    words: int = 0
    mentions: int = 0
    relations: int = 0
    unchanged: int = 0
    resumed: int = 0
    seconds: float = 0.0
    read_words: int = 0

    @property
    def words_per_second(self) -> float:
        """How fast the documents were read that no earlier run had finished."""
        return round(self.read_words / self.seconds, 1) if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        names = ("documents", "words", "mentions", "relations", "unchanged", "resumed")
        return {
            **{name: getattr(self, name) for name in names},
            "seconds": round(self.seconds, 2),
            "words_per_second": self.words_per_second,
        }

    def add(self, about: Mapping[str, Any], *, resumed: bool) -> None:
        """Count a part."""
        self.documents += about["documents"]
        self.words += about["words"]
        self.mentions += about["mentions"]
        self.relations += about["relations"]
        taken, words = (about["documents"], about["words"]) if resumed else about["taken_over"]
        self.resumed += taken
        self.read_words += about["words"] - words


@dataclass(frozen=True)
class Settings:
    """What every worker of a run reads with.

    Attributes:
        terminology: a graph folder of which the nodes are used.
        model, relations_model, linker: as for `build_pipeline`.
        sentences: whether sentences are kept.
        reader: names all of these, and medkg's own models and rules, by their content.
        parts: the folder that parts are written to.
    """

    terminology: Path
    model: str | None
    relations_model: str | None
    linker: str | None
    sentences: bool
    reader: str
    parts: Path


def read_documents(
    documents: Iterable[TextDocument],
    terminology: KnowledgeGraph,
    *,
    model: Path | str | None = None,
    relations_model: Path | None = None,
    linker: str | None = None,
    sentences: bool = True,
    quarantine: Quarantine | None = None,
    workers: int = 1,
    keep: Path | None = None,
    known: Mapping[str, str] | None = None,
    summary: Summary | None = None,
) -> KnowledgeGraph:
    """Read documents into a graph of their own, to be merged with the terminology's.

    Nodes: the documents (with the checksum of their text and of what read it), their patients, the
    terminology's nodes that are mentioned (with name, synonyms and cross-references, so that
    merging joins them), and mentions that link to nothing as `text:` nodes where the recogniser is
    sure of them. Evidence, all "text-mined":

    - Document–MENTIONS–node, offsets in the qualifiers;
    - relations of a sentence, with its context. Probability: the relation's times both ends' link
      scores (an unlinked end counts with its mention's probability);
    - of a patient: HAS_PHENOTYPE, HAS_DISEASE, UNDERWENT and TAKES (dose, route, frequency) with
      the mention's context, LACKS_PHENOTYPE for a denied symptom. Probability: the mention's times
      its link score.

    Memory does not grow with the number of documents, but for their nodes.

    Args:
        model: folder of a mention recogniser, or any spaCy model by name or folder; None: the one
            that ships.
        relations_model: folder of a relation model; None: the one that ships.
        linker: `scispacy_linker:umls` (or mesh, rxnorm, go, hpo) for scispaCy's; None: medkg's.
        sentences: keep the sentences; without, only their offsets.
        quarantine: gets the documents that can't be read, by name.
        workers: processes that read; with one, it is this. A document that ends a worker is set
            aside, where it would end this process.
        keep: folder for what is finished, which an interrupted run leaves there and the same run
            then takes over. The caller deletes it when the graph is saved (`clear`).
        known: readings of documents by their identifier (`medkg.graph.document_readings`); a
            document of which this would be the same reading is left alone.
        summary: is told what was done.

    Raises:
        ModelError: a model is missing or damaged.
        DataError: without a quarantine, a document can't be read; another run uses `keep`.
    """
    start = time.perf_counter()
    own = Quarantine()
    summary = Summary() if summary is None else summary
    licence = _licence(relations_model)
    nodes = terminology.nodes
    with ExitStack() as stack:
        settings = Settings(
            terminology=stack.enter_context(_temporary()) / "terminology",
            model=None if model is None else str(model),
            relations_model=None if relations_model is None else str(relations_model),
            linker=linker,
            sentences=sentences,
            reader=fingerprint(nodes, model, relations_model, sentences, linker),
            parts=stack.enter_context(_temporary() if keep is None else _locked(keep)),
        )
        tasks = _tasks(documents, settings, known or {}, summary)
        if workers > 1:
            _only_nodes(terminology).save(settings.terminology)
            done = _by_workers(tasks, settings, workers)
        else:
            done = _here(tasks, settings, terminology)
        stack.enter_context(one_thread())
        keys: list[str] = []
        advance = stack.enter_context(progress("Extract"))
        with closing(done):
            for task in done:
                part = _about(settings.parts / task.key)
                summary.add(part, resumed=task.resumed)
                own.extend(BadRow(reason, name, None, "") for reason, name in part["aside"])
                keys.append(task.key)
                speed = summary.documents / (time.perf_counter() - start)
                advance(len(task.documents), f"{speed:,.1f} documents/s")
        if quarantine is not None:
            quarantine.extend(own)
        elif len(own):
            first = own.rows[0]
            raise DataError(
                f"{len(own)} documents can't be read; the first: {first.reason}", path=first.path
            )
        source = Source(
            TEXT_SOURCE,
            version("medkg"),
            f"text: its owner's; extracted with models of {licence}",
            reliability=RELIABILITY,
        )
        graph = KnowledgeGraph.from_parts(
            _graph_parts(settings.parts, keys, nodes),
            [source],
            schema=terminology.schema,
            origin=TEXT_SOURCE,
        )
    summary.seconds = time.perf_counter() - start
    return graph


def _only_nodes(kg: KnowledgeGraph) -> KnowledgeGraph:
    others = {name: empty(columns) for name, columns in FRAMES.items() if name != "nodes"}
    return kg.with_frames(**others)


def _licence(relations_model: Path | None) -> str:
    config = read_config(relations_model or SHIPPED_RELATIONS, RELATIONS_MODEL)
    return str(config.get("licence", "their own licence"))


# What a reading depends on


def fingerprint(
    nodes: pl.DataFrame,
    model: Path | str | None,
    relations_model: Path | None,
    sentences: bool,
    linker: str | None = None,
) -> str:
    """What names models, rules, terminology and settings by their content, 16 hexadecimal digits.

    Args:
        nodes: of the terminology.
    """
    digest = hashlib.sha256(f"{version('medkg')} {sentences} {linker} {_own_files()}".encode())
    for given in (model, relations_model):
        folder = _folder(given)
        digest.update(f"\0{given if folder is None else _checksum(folder)}".encode())
    named = nodes.select("id", "kind", "name", "synonyms", "xrefs").sort("id")
    for part in named.iter_slices(100_000):
        digest.update(part.write_ndjson().encode())
    return digest.hexdigest()[:16]


def _folder(model: Path | str | None) -> Path | None:
    """Where a model lies, if it is a folder or a package that is installed."""
    if model is None or Path(model).is_dir():
        return None if model is None else Path(model)
    name = str(model)
    return Path(get_package_path(name)) if is_package(name) else None


@cache
def _own_files() -> str:
    """The checksum of this package: code, rules and the models that ship."""
    return _checksum(Path(__file__).parent)


def _checksum(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"\0{file.relative_to(folder)}\0{sha256(file)}".encode())
    return digest.hexdigest()


# Parts


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="medkg.") as name:
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """A folder for the parts of one run at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # it may hold sentences
    lock = try_lock(folder / ".lock")
    if lock is None:
        raise DataError("another run is writing there; wait for it", path=folder)
    try:
        yield folder
    finally:
        if not any(folder.glob("*.parquet")):
            clear(folder)  # nothing is finished that the same run could go on from
        lock.release()


def clear(keep: Path) -> None:
    """Delete what a run kept, when its graph is saved."""
    shutil.rmtree(keep, ignore_errors=True)


@dataclass
class _Task:
    """A chunk: documents that are read together.

    Attributes:
        key: the checksum of all that their part comes from, and its file's name.
        finished: whether the part is there; `resumed`: since an earlier run.
    """

    documents: list[TextDocument]
    key: str
    finished: bool = False
    resumed: bool = False

    @classmethod
    def of(cls, documents: list[TextDocument], settings: Settings) -> _Task:
        """The task, finished if its part is there."""
        digest = hashlib.sha256(settings.reader.encode())
        for document in documents:
            about = (document.id, document.patient, document.origin, document.sha256)
            digest.update("".join(f"\0{part}" for part in about).encode())
        key = f"{digest.hexdigest()}.parquet"
        there = (settings.parts / key).exists()
        return cls(documents, key, there, there)


def _tasks(
    documents: Iterable[TextDocument],
    settings: Settings,
    known: Mapping[str, str],
    summary: Summary,
) -> Iterator[_Task]:
    """The documents that `known` has no such reading of, in chunks."""
    chunk: list[TextDocument] = []
    characters = 0
    for document in documents:
        if known.get(document.id) == f"{document.sha256} {settings.reader}":
            summary.unchanged += 1
            continue
        chunk.append(document)
        characters += len(document.text)
        if len(chunk) >= _DOCUMENTS or characters >= _CHARACTERS:
            yield _Task.of(chunk, settings)
            chunk, characters = [], 0
    if chunk:
        yield _Task.of(chunk, settings)


_PART = {name: dtype for name, dtype in EVIDENCE.items() if name not in ("id", "edge")}
_OWN_NODES = ("id", "kind", "name", "properties")


class _Reading:
    """The models, and what turns a chunk into its part."""

    def __init__(self, settings: Settings, terminology: KnowledgeGraph) -> None:
        relations = settings.relations_model
        self.settings = settings
        self.nlp = build_pipeline(
            terminology,
            ner_model=settings.model,
            relations_model=None if relations is None else Path(relations),
            linker=settings.linker,
        )

    def read(self, documents: list[TextDocument], key: str) -> None:
        """Write the part of a chunk."""
        file, begun = self.settings.parts / key, self.settings.parts / f"begun-{key}"
        found = _Found.of(begun)
        kept = time.monotonic()
        while rest := documents[found.done : found.done + _TOGETHER]:
            if time.monotonic() - kept > _SECONDS:
                found.write(begun)
                kept = time.monotonic()
            self._read(rest, found)
        found.write(file)
        begun.unlink(missing_ok=True)

    def _read(self, documents: list[TextDocument], found: _Found) -> None:
        aside = Quarantine()
        # What spaCy remembers of a text's words goes with the text.
        with self.nlp.memory_zone():
            for document, doc in _read(self.nlp, documents, aside):
                rows = _Rows(self.settings.sentences, self.settings.reader)
                try:
                    rows.add(document, doc)
                except Exception as error:
                    reason = f"document can't be processed ({type(error).__name__})"
                    aside.add(reason, path=document.id)
                    continue
                for identifier, row in rows.nodes.items():
                    found.nodes.setdefault(identifier, [row.get(name) for name in _OWN_NODES])
                found.linked |= rows.linked
                found.evidence.append(pl.DataFrame(rows.evidence, schema=_PART))
                found.counts["documents"] += 1
                found.counts["words"] += len(document.text.split())
                found.counts["mentions"] += len(doc.spans["mentions"])
                found.counts["relations"] += len(doc._.relations)
        found.aside += [[row.reason, row.path] for row in aside]
        found.done += len(documents)


_COUNTS = ("documents", "words", "mentions", "relations")


@dataclass
class _Found:
    """What was found in the first documents of a chunk.

    Attributes:
        done: documents that were read or set aside.
        taken_over: documents and words that an earlier run had read.
    """

    nodes: dict[str, list[Any]] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)
    evidence: list[pl.DataFrame] = field(default_factory=list)
    aside: list[list[str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    done: int = 0
    taken_over: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, file: Path) -> _Found:
        """What a file holds; nothing, where there is none."""
        if not file.exists():
            return cls()
        about = _about(file)
        return cls(
            nodes={row[0]: row for row in about["nodes"]},
            linked=set(about["linked"]),
            evidence=[pl.read_parquet(file)],
            aside=about["aside"],
            counts={name: about[name] for name in _COUNTS},
            done=about["done"],
            taken_over=(about["documents"], about["words"]),
        )

    def write(self, file: Path) -> None:
        """Write it as a part."""
        about = {
            "nodes": list(self.nodes.values()),
            "linked": sorted(self.linked),
            "aside": self.aside,
            "done": self.done,
            "taken_over": self.taken_over,
            **self.counts,
        }
        evidence = pl.concat([empty(_PART), *self.evidence])
        with atomic_file(file, mode=0o600) as draft:
            evidence.write_parquet(draft, metadata={"about": json.dumps(about)})


def _about(file: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(pl.read_parquet_metadata(file)["about"])
    return about


def _graph_parts(folder: Path, keys: list[str], terminology: pl.DataFrame) -> Iterator[Part]:
    own = {name: NODES[name] for name in _OWN_NODES}
    linked: set[str] = set()
    for key in keys:
        about = _about(folder / key)
        linked.update(about["linked"])
        nodes = pl.DataFrame(about["nodes"], schema=own, orient="row")
        yield Part(nodes, pl.read_parquet(folder / key))
    ids = pl.Series(sorted(linked), dtype=pl.String)
    yield Part(terminology.filter(pl.col("id").is_in(ids.implode())))


# Reading in this process, or in others


def _here(
    tasks: Iterator[_Task], settings: Settings, terminology: KnowledgeGraph
) -> Generator[_Task, None, None]:
    reading: _Reading | None = None
    for task in tasks:
        if not task.finished:
            reading = reading or _Reading(settings, terminology)
            reading.read(task.documents, task.key)
        yield task


def _work(settings: Settings, pipe: Connection) -> None:
    """What a worker process does: chunks come through the pipe, and go back when they are read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run's own process stops its workers
    try:
        with one_thread():
            reading = _Reading(settings, KnowledgeGraph.open(settings.terminology))
            pipe.send(None)
            while True:
                documents, key = pipe.recv()
                reading.read(documents, key)
                pipe.send(None)
    except EOFError:
        pass  # the run's process has ended
    except (MedkgError, OSError) as error:
        with suppress(OSError):
            pipe.send(str(error))


class _Worker:
    """A worker process, and the task that it is at; at first none, while it loads the models."""

    def __init__(self, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, pipe = context.Pipe()
        self.process = context.Process(target=_work, args=(settings, pipe), daemon=True)
        self.process.start()
        pipe.close()
        self.busy = True
        self.task: _Task | None = None

    def give(self, task: _Task) -> None:
        """Let it read a chunk."""
        self.busy, self.task = True, task
        # One that has just ended is noticed when it is waited for.
        with suppress(OSError):
            self.pipe.send((task.documents, task.key))

    def end(self) -> None:
        """Stop it at once; what it has not finished is not there."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _by_workers(
    tasks: Iterator[_Task], settings: Settings, count: int
) -> Generator[_Task, None, None]:
    """The tasks in order, read by worker processes.

    When a worker is ended by what it reads, its chunk's documents are read one by one; one that
    ends a worker alone is set aside.
    """
    workers: list[_Worker] = []
    order: deque[_Task] = deque()
    waiting: deque[_Task] = deque()
    try:
        while True:
            while len(order) < _AHEAD * count and (task := next(tasks, None)) is not None:
                order.append(task)
                if not task.finished:
                    waiting.append(task)
            if len(workers) < min(count, len(waiting)):
                workers.append(_Worker(settings))
                continue
            for worker in workers:
                if not worker.busy and waiting:
                    worker.give(waiting.popleft())
            while order and order[0].finished:
                yield order.popleft()
            busy = {worker.pipe: worker for worker in workers if worker.busy}
            if not order:
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]  # wait gives what it was given
                try:
                    problem = worker.pipe.recv()
                except (EOFError, OSError):
                    workers.remove(worker)
                    _after_end(worker, settings, order, waiting)
                    continue
                if problem is not None:
                    raise MedkgError(problem)
                if worker.task is not None:
                    worker.task.finished = True
                worker.busy, worker.task = False, None
    finally:
        for worker in workers:
            worker.end()


def _after_end(
    worker: _Worker, settings: Settings, order: deque[_Task], waiting: deque[_Task]
) -> None:
    """See to the task of a worker that was ended."""
    worker.end()
    code, task = worker.process.exitcode, worker.task
    if task is None:
        raise MedkgError(
            f"a worker process ended while it loaded the models (exit code {code}); give fewer"
            " workers or more memory, and in a script of your own start the run under"
            ' if __name__ == "__main__":'
        )
    if len(task.documents) > 1:
        alone = [_Task.of([document], settings) for document in task.documents]
        at = order.index(task)
        order.remove(task)
        for place, each in enumerate(alone, start=at):
            order.insert(place, each)
        waiting.extendleft(each for each in reversed(alone) if not each.finished)
        return
    reason = f"document ends the process that reads it (exit code {code})"
    found = _Found(aside=[[reason, task.documents[0].id]], done=1)
    found.write(settings.parts / task.key)
    task.finished = True
