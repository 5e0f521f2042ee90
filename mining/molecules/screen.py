"""Virtual screening: the best molecules of a library for one target, by structure alone."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from ...core.errors import DataError
from ...core.progress import progress
from ...core.quarantine import BadRow, Quarantine
from ...core.threads import one_thread
from .drug_likeness import DrugLikeness, drug_likeness, series_leaders
from .fingerprints import molecule_features, morgan_fingerprints, tanimoto
from .library import LibraryEntry, library_entries
from .molecule_probability import MoleculeProbability, molecule_probability
from .nearest_ligands import UNLIKE, KnownLigands, structure_ranker_of
from .structure_ranker import StructureRanker

if TYPE_CHECKING:
    from ..links.model import LinkModel  # which takes each process seconds to import

_CHUNK = 512  # molecules that a process takes at a time
_FEW_CHUNKS = 4  # a library of fewer is done before another process has started
_MOST_WAITING = 100  # chunks that are scored before an earlier one is
_RECENT = 200_000  # hashes kept in a set before they join the sorted ones
_SERIES = 10  # molecules kept for each series that is asked for
_LONGEST_NAME = 200  # characters of the name of a bad molecule


class ScreenedMolecule(DrugLikeness):
    """One of the best molecules of a library.

    Attributes:
        rank: from 1. line: of the library.
        probability: see `molecule_probability`; that of a molecule that the graph doesn't hold.
        series: the rank of the best molecule of its series of similar molecules.
        nearest_id, nearest_name, nearest_similarity, nearest_sources: the nearest known ligand;
            None (no sources) where none is similar.
        largest_similarity: to a known ligand of whatever target; below `UNLIKE` little can be told.
        known: whether it is the nearest known ligand.
    """

    rank: int
    name: str
    line: int
    smiles: str
    score: float
    probability: float
    series: int
    nearest_id: str | None
    nearest_name: str | None
    nearest_similarity: float | None
    nearest_sources: list[str]
    largest_similarity: float
    known: bool


class ScreeningCounts(TypedDict):
    """Molecules of a library; `read` is the sum of the others."""

    read: int
    ranked: int
    duplicates: int
    invalid: int


@dataclass(frozen=True)
class ScreeningResult:
    """A library ranked for a target.

    Attributes:
        target, target_name: what for.
        rows: the best molecules, in order.
        probability: at which base rate, and what it says.
    """

    target: str
    target_name: str
    rows: list[ScreenedMolecule]
    counts: ScreeningCounts
    probability: MoleculeProbability

    @property
    def unlike(self) -> int:
        """How many of the best are unlike all known ligands."""
        return sum(row["largest_similarity"] < UNLIKE for row in self.rows)


class _ScoredMolecule(NamedTuple):
    line: int
    name: str
    smiles: str
    score: float


class _ScoredChunk(NamedTuple):
    """A chunk scored, without its `duplicates`. What is scored together, and so a score's last
    digits, is the same however many processes there are."""

    molecules: list[_ScoredMolecule]
    duplicates: int
    bad: list[tuple[int, str, str]]  # line, name, reason

    @property
    def size(self) -> int:
        return len(self.molecules) + self.duplicates + len(self.bad)


def screen(
    model: LinkModel,
    target: str,
    library: Path | str,
    *,
    top: int = 100,
    diverse: bool = False,
    workers: int | None = None,
    quarantine: Quarantine | None = None,
) -> ScreeningResult:
    """Rank a library of molecules for a target, by structure alone.

    The library is read once, in chunks; only the best molecules and eight bytes for each other
    are kept. The order and the figures don't depend on the number of workers.

    Args:
        target: an identifier or a name.
        library: `.smi` (SMILES and name), `.csv` or `.tsv` (a column `smiles` or `inchi`), `.sdf`;
            each plain or `.gz`.
        diverse: take only the best of each series of similar molecules.
        workers: processes; as many as there are processors if not given.
        quarantine: gets what can't be read, with its line (in an SDF the line a record begins at).

    Raises:
        DataError: the file is not there, of no known kind, or holds no molecule.
        MissingError: no such target, or one that the model has not seen.
        ModelError: the model has no part that ranks by structure.
    """
    ranker = structure_ranker_of(model)
    tail = model.query_number(target, "head")
    path = Path(library)
    quarantine = Quarantine() if quarantine is None else quarantine
    best = _BestMolecules(top * _SERIES if diverse else top)
    counts = _scan(_Scoring(ranker, tail), path, best, quarantine, workers or os.cpu_count() or 1)
    if not counts["ranked"]:
        first = next(iter(quarantine), None)
        why = f" (line {first.line}: {first.reason})" if first else ""
        raise DataError(f"holds no molecule{why}", path=path)
    ligands = KnownLigands(model, ranker)
    stated = molecule_probability(model, ranker)
    rows = _described(ranker, ligands, tail, best.in_order(), stated)
    if diverse:
        rows = [row for row in rows if row["series"] == row["rank"]][:top]
        for rank, row in enumerate(rows, 1):
            row["rank"] = row["series"] = rank
    node = model.task.tails[tail]
    return ScreeningResult(node, ligands.names.get(node, node), rows, counts, stated)


def _scan(
    scoring: _Scoring, path: Path, best: _BestMolecules, quarantine: Quarantine, workers: int
) -> ScreeningCounts:
    """Score a whole library, and keep the best molecules in `best`."""
    before = len(quarantine)
    seen, ranked, duplicates = _SeenBefore(), 0, 0
    with (
        progress(f"Screen {path.name}") as advance,
        closing(library_entries(path, quarantine)) as entries,
        closing(_scored_chunks(scoring, _chunks(entries), workers)) as chunks,
    ):
        for chunk in chunks:
            for line, name, reason in chunk.bad:
                quarantine.extend([BadRow(reason, str(path), line, name)])
            duplicates += chunk.duplicates
            for molecule in chunk.molecules:
                if seen.before(molecule.smiles):
                    duplicates += 1
                    continue
                ranked += 1
                best.add(molecule)
            advance(chunk.size, f"{ranked:,} molecules")
    invalid = len(quarantine) - before
    return {
        "read": ranked + duplicates + invalid,
        "ranked": ranked,
        "duplicates": duplicates,
        "invalid": invalid,
    }


class _BestMolecules:
    """The molecules with the highest scores, at most `most`; of equal ones the earlier lines."""

    def __init__(self, most: int):
        self._most = most
        self._heap: list[tuple[float, int, _ScoredMolecule]] = []  # the worst first

    def add(self, molecule: _ScoredMolecule) -> None:
        entry = (molecule.score, -molecule.line, molecule)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        elif entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def in_order(self) -> list[_ScoredMolecule]:
        """The best first."""
        return [molecule for *_, molecule in sorted(self._heap, reverse=True)]


class _SeenBefore:
    """Which texts there were: eight bytes each, in a sorted array, the last ones in a set."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._sorted: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    def before(self, text: str) -> bool:
        """Whether there was this text before; it is remembered."""
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        if number in self._recent:
            return True
        place = int(np.searchsorted(self._sorted, np.uint64(number)))
        if place < len(self._sorted) and int(self._sorted[place]) == number:
            return True
        self._recent.add(number)
        if len(self._recent) > _RECENT:
            more = np.fromiter(self._recent, dtype=np.uint64, count=len(self._recent))
            self._sorted = np.sort(np.concatenate([self._sorted, more]), kind="stable")
            self._recent.clear()
        return False


# Scoring, by several processes


class _Scoring(NamedTuple):
    """What scores molecules for one target."""

    ranker: StructureRanker
    tail: int

    def chunk(self, entries: list[LibraryEntry]) -> _ScoredChunk:
        """Parse and score a chunk of a library."""
        entry_of: dict[str, LibraryEntry] = {}  # by SMILES
        molecules, duplicates, bad = [], 0, []
        for entry in entries:
            molecule, reason = entry.parsed()
            if molecule is None:
                bad.append((entry.line, entry.name[:_LONGEST_NAME], reason or ""))
            elif (smiles := str(Chem.MolToSmiles(molecule))) in entry_of:
                duplicates += 1
            else:
                entry_of[smiles] = entry
                molecules.append(molecule)
        if not molecules:
            return _ScoredChunk([], duplicates, bad)
        tails = np.array([self.tail])
        scores = self.ranker.score(molecule_features(molecules), tails)[:, 0].tolist()
        scored = [
            _ScoredMolecule(entry.line, entry.name or f"line {entry.line}", smiles, score)
            for (smiles, entry), score in zip(entry_of.items(), scores, strict=True)
        ]
        return _ScoredChunk(scored, duplicates, bad)


def _chunks(entries: Iterator[LibraryEntry]) -> Iterator[list[LibraryEntry]]:
    while chunk := list(itertools.islice(entries, _CHUNK)):
        yield chunk


def _scored_chunks(
    scoring: _Scoring, chunks: Iterator[list[LibraryEntry]], workers: int
) -> Generator[_ScoredChunk, None, None]:
    """The chunks scored, in their order, by this process and by `workers` - 1 others."""
    first = list(itertools.islice(chunks, _FEW_CHUNKS))
    chunks = itertools.chain(first, chunks)
    with one_thread():
        if workers == 1 or len(first) < _FEW_CHUNKS:  # a process takes seconds to begin
            for chunk in chunks:
                yield scoring.chunk(chunk)
            return
        others = workers - 1
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(others, context, _start_worker, (scoring,))
        waiting: deque[Future[_ScoredChunk]] = deque()
        try:
            for chunk in chunks:
                if sum(not future.done() for future in waiting) < 2 * others:
                    waiting.append(pool.submit(_score_in_worker, chunk))
                else:
                    own: Future[_ScoredChunk] = Future()
                    own.set_result(scoring.chunk(chunk))
                    waiting.append(own)
                while waiting and (waiting[0].done() or len(waiting) > _MOST_WAITING):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_worker_scoring: list[_Scoring] = []  # of a worker's process: one


def _start_worker(scoring: _Scoring) -> None:
    import torch

    torch.set_num_threads(1)
    _worker_scoring[:] = [scoring]


def _score_in_worker(entries: list[LibraryEntry]) -> _ScoredChunk:
    return _worker_scoring[0].chunk(entries)


# Describing the best


def _described(
    ranker: StructureRanker,
    ligands: KnownLigands,
    tail: int,
    best: Sequence[_ScoredMolecule],
    stated: MoleculeProbability,
) -> list[ScreenedMolecule]:
    molecules = [Chem.MolFromSmiles(scored.smiles) for scored in best]
    bits = morgan_fingerprints(molecules)
    similarity = tanimoto(bits, ranker.ligands.morgan)
    scores = np.array([scored.score for scored in best])
    probabilities = stated.calibration.probability(scores, np.ones(len(best)))
    leaders = series_leaders(tanimoto(bits, bits))
    rows: list[ScreenedMolecule] = []
    for n, (scored, molecule) in enumerate(zip(best, molecules, strict=True)):
        nearest = next(iter(ligands.nearest(tail, similarity[n], 1)), None)
        rows.append(
            {
                "rank": n + 1,
                "name": scored.name,
                "line": scored.line,
                "smiles": scored.smiles,
                "score": scored.score,
                "probability": float(probabilities[n]),
                "series": leaders[n] + 1,
                "nearest_id": nearest.id if nearest else None,
                "nearest_name": nearest.name if nearest else None,
                "nearest_similarity": nearest.similarity if nearest else None,
                "nearest_sources": list(nearest.sources) if nearest else [],
                "largest_similarity": float(similarity[n].max()),
                "known": nearest is not None and ligands.is_same(nearest, molecule),
                **drug_likeness(molecule),
            }
        )
    return rows
