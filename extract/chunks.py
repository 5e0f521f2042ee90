"""Chunks of documents, and the files (parts) that hold what was read in them.

A chunk's size depends on its documents alone, so that neither the number of workers nor an
interruption changes the result. What was read in a chunk is written to a file of its own, named by
the checksum of all that it came from: the same run again takes it over.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict, get_args

import polars as pl

from ..core.atomic import atomic_file, folder_of_one_run
from ..core.json_reading import parse_json
from ..graph.frames import EVIDENCE, NODES, empty
from ..graph.kg import Part
from .documents import TextDocument

# A chunk is full with so many documents or characters.
_MAX_DOCUMENTS = 64
_MAX_CHARACTERS = 100_000
EVIDENCE_COLUMNS = {name: dtype for name, dtype in EVIDENCE.items() if name not in ("id", "edge")}
NODE_COLUMNS = ("id", "kind", "name", "properties")


@dataclass(frozen=True)
class Settings:
    """What every worker of a run reads with.

    Attributes:
        terminology: a graph folder of which the nodes are used.
        model, relations_model, linker, language: as for `build_pipeline`.
        sentences: whether sentences are kept.
        min_probability: relations of sentences that are less probable are left out.
        reader: names all of these, and medkg's own models and rules, by their content.
        parts: the folder that parts are written to.
    """

    terminology: Path
    model: str | None
    relations_model: str | None
    linker: str | None
    language: str | None
    sentences: bool
    min_probability: float
    reader: str
    parts: Path


@contextmanager
def locked_folder(folder: Path) -> Iterator[Path]:
    """A folder for the parts of one run at a time."""
    with folder_of_one_run(folder):
        try:
            yield folder
        finally:
            if not any(folder.glob("*.parquet")):
                clear(folder)  # nothing is finished that the same run could go on from


def clear(keep: Path) -> None:
    """Delete what a run kept, when its graph is saved."""
    shutil.rmtree(keep, ignore_errors=True)


@dataclass
class Chunk:
    """Documents that are read together.

    Attributes:
        key: the checksum of all that their part comes from, and its file's name.
        finished: whether the part is there; `resumed`: since an earlier run.
    """

    documents: list[TextDocument]
    key: str
    finished: bool = False
    resumed: bool = False

    @classmethod
    def of(cls, documents: list[TextDocument], settings: Settings) -> Chunk:
        """The chunk, finished if its part is there."""
        digest = hashlib.sha256(settings.reader.encode())
        for document in documents:
            fields = (
                document.id,
                document.patient,
                document.form,
                document.origin,
                document.sha256,
            )
            digest.update("".join(f"\0{value}" for value in fields).encode())
        key = f"{digest.hexdigest()}.parquet"
        is_finished = (settings.parts / key).exists()
        return cls(documents, key, is_finished, is_finished)


def chunked(documents: Iterable[TextDocument], settings: Settings) -> Iterator[Chunk]:
    """The documents in chunks."""
    chunk: list[TextDocument] = []
    characters = 0
    for document in documents:
        chunk.append(document)
        characters += len(document.text)
        if len(chunk) >= _MAX_DOCUMENTS or characters >= _MAX_CHARACTERS:
            yield Chunk.of(chunk, settings)
            chunk, characters = [], 0
    if chunk:
        yield Chunk.of(chunk, settings)


class PartMetadata(TypedDict):
    """What a part holds beside evidence, see `ChunkResult`."""

    nodes: list[list[str | None]]
    linked: list[str]
    aside: list[list[str]]
    done: int
    taken_over: tuple[int, int]
    in_doubt: list[str]
    documents: int
    words: int
    mentions: int
    relations: int
    pairs_left_out: int
    notes: int
    papers: int
    notes_by_form: int
    papers_by_form: int


Count = Literal[
    "documents",
    "words",
    "mentions",
    "relations",
    "pairs_left_out",
    "notes",
    "papers",
    "notes_by_form",
    "papers_by_form",
]
COUNTS: tuple[Count, ...] = get_args(Count)


@dataclass
class ChunkResult:
    """What was read in the first documents of a chunk.

    Attributes:
        nodes: by identifier the values of `NODE_COLUMNS`.
        linked: identifiers of the terminology's nodes that are mentioned.
        aside: reason and name of each document that can't be read.
        done: documents that were read or set aside.
        taken_over: documents and words that an earlier run had read.
        in_doubt: identifiers of the documents whose form left it open what they are.
    """

    nodes: dict[str, list[str | None]] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)
    evidence: list[pl.DataFrame] = field(default_factory=list)
    aside: list[list[str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    done: int = 0
    taken_over: tuple[int, int] = (0, 0)
    in_doubt: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, file: Path) -> ChunkResult:
        """What a file holds; nothing, where there is none."""
        if not file.exists():
            return cls()
        metadata = part_metadata(file)
        return cls(
            nodes={str(row[0]): row for row in metadata["nodes"]},
            linked=set(metadata["linked"]),
            evidence=[pl.read_parquet(file)],
            aside=metadata["aside"],
            counts={name: metadata[name] for name in COUNTS},
            done=metadata["done"],
            taken_over=(metadata["documents"], metadata["words"]),
            in_doubt=metadata["in_doubt"],
        )

    def count_form(self, document: TextDocument) -> None:
        """Count whether a document was read as a note or as a paper, and what decided it."""
        read_as = "notes" if document.patient is not None else "papers"
        self.counts[read_as] += 1
        if document.form == "doubt":
            self.in_doubt.append(document.id)
        elif document.form is not None:
            self.counts[f"{read_as}_by_form"] += 1

    def write(self, file: Path) -> None:
        """Write it as a part."""
        metadata = {
            "nodes": list(self.nodes.values()),
            "linked": sorted(self.linked),
            "aside": self.aside,
            "done": self.done,
            "taken_over": self.taken_over,
            "in_doubt": self.in_doubt,
            **self.counts,
        }
        evidence = pl.concat([empty(EVIDENCE_COLUMNS), *self.evidence])
        with atomic_file(file) as draft:
            evidence.write_parquet(draft, metadata={"about": json.dumps(metadata)})


def part_metadata(file: Path) -> PartMetadata:
    """What a part's file holds beside evidence."""
    metadata: PartMetadata = parse_json(pl.read_parquet_metadata(file)["about"])
    return metadata


def graph_parts(folder: Path, keys: list[str], terminology: pl.DataFrame) -> Iterator[Part]:
    """The parts of a graph: those of chunks, and the terminology's nodes that they mention."""
    schema = {name: NODES[name] for name in NODE_COLUMNS}
    linked: set[str] = set()
    for key in keys:
        metadata = part_metadata(folder / key)
        linked.update(metadata["linked"])
        nodes = pl.DataFrame(metadata["nodes"], schema=schema, orient="row")
        yield Part(nodes, pl.read_parquet(folder / key))
    ids = pl.Series(sorted(linked), dtype=pl.String)
    yield Part(terminology.filter(pl.col("id").is_in(ids.implode())))
