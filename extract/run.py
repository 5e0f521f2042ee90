"""Reading of many documents into one graph: in chunks, here or in worker processes, resumable.

Nodes of that graph: the documents (with the checksum of their text and of what read it), their
patients, the terminology's nodes that are mentioned (with name, synonyms and cross-references, so
that merging joins them), and mentions that link to nothing as `text:` nodes where the recogniser is
sure of them. Evidence, all "text-mined":

- Document–MENTIONS–node, offsets in the qualifiers;
- relations of a sentence, with its context. Probability: the relation's times both ends' link
  scores (an unlinked end counts with its mention's probability);
- of a patient: HAS_PHENOTYPE, HAS_DISEASE, UNDERWENT and TAKES (dose, route, frequency) with the
  mention's context, LACKS_PHENOTYPE for a denied symptom. Probability: the mention's times its link
  score.

`chunks` says what is kept of an interrupted run, `workers` and `cluster` how processes share the
reading, `schedule` what becomes of a document that ends one. Memory does not grow with the number
of documents, but for nodes.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.errors import DataError
from ..core.model_folder import read_config
from ..core.progress import progress
from ..core.quarantine import BadRow, Quarantine
from ..core.temporary import temporary_folder
from ..core.threads import one_thread
from ..graph.document_readings import TEXT_SOURCE
from ..graph.frames import FRAMES, Source, empty
from ..graph.kg import KnowledgeGraph, Part
from .chunks import (
    COUNTS,
    Chunk,
    PartMetadata,
    Settings,
    chunked,
    graph_parts,
    locked_folder,
    part_metadata,
)
from .documents import TextDocument
from .fingerprint import fingerprint
from .relations.model import MODEL as RELATIONS_MODEL
from .relations.model import SHIPPED as SHIPPED_RELATIONS
from .workers import read_by_workers, read_here

Engine = Literal["processes", "ray"]
# Of what text mining asserts, however often it does.
RELIABILITY = 0.9
_COUNTED = (*COUNTS, "unchanged", "resumed")
# So many of the documents in doubt are named.
_NAMED_IN_DOUBT = 3


@dataclass
class Summary:
    """What a run did.

    Attributes:
        documents: that were read, those `resumed` among them.
        words: of these, as white space parts them.
        mentions, relations: that were found in them; the relations of sentences alone.
        pairs_left_out: pairs of mentions in crowded sentences that no relation was looked for in
            (`relations.candidates`).
        notes, papers: as what the documents were read, and of these `notes_by_form` and
            `papers_by_form` since their form told (`document_form`).
        in_doubt: identifiers of the notes whose form left open whether they are papers.
        unchanged: documents left alone, since the graph holds this very reading of them.
        resumed: documents that an interrupted run had finished.
        seconds: the reading took, loading models included.
        read_words: words of the documents that no earlier run had finished.
    """

    documents: int = 0
    words: int = 0
    mentions: int = 0
    relations: int = 0
    pairs_left_out: int = 0
    notes: int = 0
    papers: int = 0
    notes_by_form: int = 0
    papers_by_form: int = 0
    in_doubt: list[str] = field(default_factory=list)
    unchanged: int = 0
    resumed: int = 0
    seconds: float = 0.0
    read_words: int = 0

    @property
    def words_per_second(self) -> float:
        """How fast the documents were read that no earlier run had finished."""
        return round(self.read_words / self.seconds, 1) if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON; of the documents in doubt the number, and the first few."""
        return {
            **{name: getattr(self, name) for name in _COUNTED},
            "in_doubt": len(self.in_doubt),
            "first_in_doubt": self.in_doubt[:_NAMED_IN_DOUBT],
            "seconds": round(self.seconds, 2),
            "words_per_second": self.words_per_second,
        }

    def add(self, metadata: PartMetadata, *, resumed: bool) -> None:
        """Count a part."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + metadata[name])
        self.in_doubt += metadata["in_doubt"]
        taken, words = (
            (metadata["documents"], metadata["words"]) if resumed else metadata["taken_over"]
        )
        self.resumed += taken
        self.read_words += metadata["words"] - words


def read_documents(
    documents: Iterable[TextDocument],
    terminology: KnowledgeGraph,
    *,
    model: Path | str | None = None,
    relations_model: Path | None = None,
    linker: str | None = None,
    language: str | None = None,
    sentences: bool = True,
    min_probability: float = 0.0,
    quarantine: Quarantine | None = None,
    workers: int | None = None,
    engine: Engine = "processes",
    address: str | None = None,
    keep: Path | None = None,
    known: Mapping[str, str] | None = None,
    summary: Summary | None = None,
) -> KnowledgeGraph:
    """Read documents into a graph of their own, to be merged with the terminology's.

    Args:
        model: folder of a recogniser, or any spaCy model by name or folder; None: the shipped one.
        relations_model, linker, language, min_probability: as for `build_pipeline`.
        sentences: keep the sentences; without, only their offsets.
        quarantine: gets the documents that can't be read, by name.
        workers: processes that read; by default this one, or with Ray one a CPU of the cluster.
        engine: "processes" of this machine, or "ray" (the extra `cluster`).
        address: of a Ray cluster; None: one is started here.
        keep: folder for finished chunks, which the same run takes over if it was interrupted; see
            `chunks.clear`.
        known: readings by document (`medkg.graph.document_readings`); the same aren't done again.
        summary: gets what was done.

    Raises:
        ModelError: a model is missing or damaged.
        DataError: without a quarantine, a document can't be read; another run uses `keep`.
    """
    start = time.perf_counter()
    summary = Summary() if summary is None else summary
    options = sentences, linker, language, min_probability
    with ExitStack() as stack:
        settings = Settings(
            terminology=stack.enter_context(temporary_folder()) / "terminology",
            model=_absolute(model),
            relations_model=_absolute(relations_model),
            linker=linker,
            language=language,
            sentences=sentences,
            min_probability=min_probability,
            reader=fingerprint(terminology.nodes, model, relations_model, *options),
            parts=stack.enter_context(temporary_folder() if keep is None else locked_folder(keep)),
        )
        chunks = chunked(_changed(documents, settings.reader, known or {}, summary), settings)
        finished = _read_chunks(chunks, settings, terminology, workers, engine, address)
        stack.enter_context(one_thread())
        keys = _count(finished, settings.parts, summary, quarantine)
        graph = _graph(graph_parts(settings.parts, keys, terminology.nodes), terminology, settings)
    summary.seconds = time.perf_counter() - start
    return graph


def _graph(
    parts: Iterable[Part], terminology: KnowledgeGraph, settings: Settings
) -> KnowledgeGraph:
    """The graph of what was read, with its source."""
    relations_model = settings.relations_model
    licence = _licence(None if relations_model is None else Path(relations_model))
    return KnowledgeGraph.from_parts(
        parts, [_source(licence)], schema=terminology.schema, origin=TEXT_SOURCE
    )


def _absolute(model: Path | str | None) -> str | None:
    """A model's folder as other processes, which run elsewhere, know it; a name stays one."""
    if model is None or not Path(model).is_dir():
        return None if model is None else str(model)
    return str(Path(model).absolute())


def _changed(
    documents: Iterable[TextDocument], reader: str, known: Mapping[str, str], summary: Summary
) -> Iterator[TextDocument]:
    """The documents that `known` has no such reading of; the others are counted."""
    for document in documents:
        if known.get(document.id) == f"{document.sha256} {document.reading(reader)}":
            summary.unchanged += 1
        else:
            yield document


def _read_chunks(
    chunks: Iterator[Chunk],
    settings: Settings,
    terminology: KnowledgeGraph,
    workers: int | None,
    engine: Engine,
    address: str | None,
) -> Generator[Chunk, None, None]:
    """Read chunks by a cluster, by worker processes, or here where there is one worker.

    Raises:
        DataError: there is no such engine.
    """
    if engine not in get_args(Engine):
        raise DataError(f"no engine {engine!r}; there are {', '.join(get_args(Engine))}")
    if engine == "ray":
        from .cluster import read_by_ray

        nodes_in_memory = _only_nodes(terminology).with_frames(nodes=terminology.nodes)
        return read_by_ray(chunks, settings, nodes_in_memory, workers, address)
    if workers is None or workers <= 1:
        return read_here(chunks, settings, terminology)
    _only_nodes(terminology).save(settings.terminology)
    return read_by_workers(chunks, settings, workers)


def _count(
    chunks: Generator[Chunk, None, None],
    parts: Path,
    summary: Summary,
    quarantine: Quarantine | None,
) -> list[str]:
    """The keys of the chunks as they are finished, counted in the summary.

    Raises:
        DataError: a document can't be read, and there is no quarantine for it.
    """
    refused = Quarantine()
    start = time.perf_counter()
    keys: list[str] = []
    with progress("Extract") as advance, closing(chunks):
        for chunk in chunks:
            metadata = part_metadata(parts / chunk.key)
            summary.add(metadata, resumed=chunk.resumed)
            refused.extend(BadRow(reason, name, None, "") for reason, name in metadata["aside"])
            keys.append(chunk.key)
            speed = summary.documents / (time.perf_counter() - start)
            advance(len(chunk.documents), f"{speed:,.1f} documents/s")
    _check_refused(refused, quarantine)
    return keys


def _check_refused(refused: Quarantine, quarantine: Quarantine | None) -> None:
    """Hand on the documents that can't be read.

    Raises:
        DataError: there is one, and no quarantine for it.
    """
    if quarantine is not None:
        quarantine.extend(refused)
    elif len(refused):
        first = refused.rows[0]
        raise DataError(
            f"{len(refused)} documents can't be read; the first: {first.reason}", path=first.path
        )


def _source(licence: str) -> Source:
    return Source(
        TEXT_SOURCE,
        version("medkg"),
        f"text: its owner's; extracted with models of {licence}",
        reliability=RELIABILITY,
    )


def _only_nodes(kg: KnowledgeGraph) -> KnowledgeGraph:
    others = {name: empty(columns) for name, columns in FRAMES.items() if name != "nodes"}
    return kg.with_frames(**others)


def _licence(relations_model: Path | None) -> str:
    config = read_config(relations_model or SHIPPED_RELATIONS, RELATIONS_MODEL)
    return str(config.get("licence", "their own licence"))
