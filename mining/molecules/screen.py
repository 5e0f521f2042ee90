"""Questions by structure: the targets of one molecule, and the best of a library for one target."""

from __future__ import annotations

import csv
import gzip
import hashlib
import heapq
import itertools
import multiprocessing
import os
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors, FilterCatalog, rdMolDescriptors

from ...core.errors import DataError, ModelError
from ...core.progress import progress
from ...core.quarantine import BadRow, Quarantine
from ...core.threads import one_thread
from .structure_ranker import Structure
from .structures import (
    features,
    fingerprints,
    parse,
    settle,
    skeleton,
    structure_text,
    tanimoto,
)

if TYPE_CHECKING:
    from ..links.model import LinkModel  # which takes each process seconds to import

_CHUNK = 512  # molecules that a process takes at a time
_MOST_LINE = 1_000_000  # characters of a line, or bytes of an SDF record, that are read at all
_MOST_SKIPPED = 1_000_000_000  # characters of one line after which a file is given up
_ALIKE = 0.6  # Tanimoto from which two molecules are of one series
_MOST_WAITING = 100  # chunks that are scored before an earlier one is
_LEAST_ALIKE = 0.005  # Tanimoto below which a ligand is not named; it would be shown as 0.00
_RECENT = 200_000  # hashes kept in a set before they join the sorted ones

NO_LIGAND = "no known ligand is like it"

_STRUCTURE_COLUMNS = ("smiles", "canonical_smiles", "isomeric_smiles", "structure", "inchi")
_NAME_COLUMNS = ("id", "name", "title", "compound_id", "molecule_chembl_id", "zinc_id")


# One molecule


class Asked(NamedTuple):
    """What a molecule's targets were asked of.

    Attributes:
        smiles: the molecule in the form that the model sees.
        held: identifier and name of the graph's nodes with the same InChIKey skeleton (the same
            structure but for stereochemistry and isotopes).
        rows: rank, tail, tail_name, score, probability, known (the graph holds the pair), ligands
            (the nearest known ones, with similarity and sources; null where none is like it). The
            probability was judged for a molecule's first `medkg.core.calibration.FIRST` tails; past
            them it follows the score along the same curve.
        left_out: how many pairs that training used are not among the rows.
    """

    smiles: str
    held: list[tuple[str, str]]
    rows: pl.DataFrame
    left_out: int


def part_of(model: LinkModel) -> Structure:
    """The part of a model that ranks by structure alone.

    Raises:
        ModelError: it has none.
    """
    found = getattr(model.scorer, "structure", None)
    if not isinstance(found, Structure):
        raise ModelError(
            f"{model.name} ranks nodes of its graph only; for structures train one on a graph whose"
            " drugs have a SMILES or InChI: medkg train links KG --model structure --out MODEL"
        )
    return found


def targets_of(
    model: LinkModel,
    text: str,
    top: int = 20,
    *,
    nearest: int = 3,
    include_trained: bool = False,
) -> Asked:
    """The most probable tails of a molecule, by its SMILES or InChI alone.

    Args:
        nearest: known ligands shown for each tail.
        include_trained: rank the pairs that the model was trained on, too; see
            `LinkModel.predict`. They are those of the graph's nodes with the same structure.

    Raises:
        DataError: the text is no molecule.
        ModelError: the model has no part that ranks by structure.
    """
    structure = part_of(model)
    molecule, reason = parse(text)
    if molecule is None:
        raise DataError(f"{text[:60]!r} can't be read: {reason}; give a SMILES or an InChI")
    made = features([molecule])
    with one_thread():
        scores = structure.score(made)[0]
    held = _held(model, molecule)
    heads = [model._numbers[0][node] for node, _ in held if node in model._numbers[0]]
    left_out = [] if include_trained else sorted({*model._trained[heads].indices.tolist()})
    scores[left_out] = -np.inf
    order = np.argsort(-scores, kind="stable")[:top]
    order = order[scores[order] > -np.inf]
    names = dict(model.graph.nodes.select("id", "name").iter_rows())
    known = np.isin(order, model._known[heads].indices)
    recorded = model.graph.edges.filter(relation=model.task.edge_type[1])
    alike = tanimoto(made.morgan, structure.ligands.morgan)[0]
    tails = [model.task.tails[n] for n in order]
    rows = pl.DataFrame(
        {
            "rank": np.arange(1, len(order) + 1),
            "tail": pl.Series(tails, dtype=pl.String),
            "tail_name": pl.Series([names.get(tail) for tail in tails], dtype=pl.String),
            "score": scores[order].astype(np.float64),
            "probability": structure.probability(scores[order]),
            "known": pl.Series(known.tolist() if held else [None] * len(order), dtype=pl.Boolean),
            "ligands": pl.Series(
                [
                    "; ".join(
                        map(
                            str, _nearest(model, structure, int(n), alike, names, recorded, nearest)
                        )
                    )
                    or None
                    for n in order
                ],
                dtype=pl.String,
            ),
        }
    )
    return Asked(str(Chem.MolToSmiles(molecule)), held, rows, len(left_out))


class Ligand(NamedTuple):
    """A known ligand: identifier, name, Tanimoto similarity (Morgan), sources of the edge."""

    id: str
    name: str
    similarity: float
    sources: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.similarity:.2f} ({', '.join(self.sources)})"


def _nearest(
    model: LinkModel,
    structure: Structure,
    tail: int,
    alike: NDArray[np.float32],
    names: dict[str, str],
    recorded: pl.DataFrame,
    most: int,
) -> list[Ligand]:
    """The ligands of a tail that a molecule is most like; `alike`: its similarities to all;
    `recorded`: the relation's edges. Ligands that it is not like at all are left out."""
    having = structure.known[:, [tail]].nonzero()[0]
    having = having[alike[having] >= _LEAST_ALIKE]
    first = having[np.argsort(-alike[having], kind="stable")[:most]]
    heads = [model.task.heads[structure.heads[n]] for n in first]
    edges = recorded.filter(
        pl.col("object") == model.task.tails[tail], pl.col("subject").is_in(heads)
    )
    sources = {
        subject: tuple(given) for subject, given in edges.select("subject", "sources").rows()
    }
    return [
        Ligand(head, names.get(head, head), float(alike[n]), sources.get(head, ()))
        for head, n in zip(heads, first, strict=True)
    ]


def _held(model: LinkModel, molecule: Chem.Mol) -> list[tuple[str, str]]:
    """The graph's heads that are this molecule: identifier and name."""
    key, formula = skeleton(molecule), str(Chem.MolToInchi(molecule)).split("/")[1:2]
    rows = model.graph.nodes.filter(
        pl.col("kind") == model.task.edge_type[0],
        pl.col("properties").str.contains("(?i)smiles|inchi"),
    )
    found = []
    for node, name, properties in rows.select("id", "name", "properties").iter_rows():
        text = structure_text(properties) or ""
        layers = text.split("/")
        whole = "." not in text and not any(layer[:1] in "pq" for layer in layers[2:] if layer)
        if text.startswith("InChI=") and whole and layers[1:2] != formula:
            continue  # neither salt nor ion, and another formula: no need to read it
        other = parse(text).molecule
        if other is not None and skeleton(other) == key:
            found.append((node, name))
    return found


# A library


@dataclass(frozen=True)
class Screened:
    """A library ranked for a target.

    Attributes:
        target, target_name: what for.
        rows: the best, in order: rank, name, line, smiles, score, probability, series (the rank of
            the best molecule it is alike), the nearest known ligand (nearest_id, _name,
            _similarity, _sources; null where none is like it), known (it is that ligand), and
            drug-likeness: weight, logp, donors, acceptors, polar_area, rotatable, qed, lipinski
            (rules broken), alerts (PAINS).
        counts: `read`, `ranked`, `duplicates`, `invalid`.
    """

    target: str
    target_name: str
    rows: list[dict[str, Any]]
    counts: dict[str, int]


class _Entry(NamedTuple):
    line: int
    name: str
    text: str


class _Scored(NamedTuple):
    line: int
    name: str
    smiles: str
    score: float


def screen(
    model: LinkModel,
    target: str,
    library: Path | str,
    *,
    top: int = 100,
    diverse: bool = False,
    workers: int | None = None,
    quarantine: Quarantine | None = None,
) -> Screened:
    """Rank a library of molecules for a target, by structure alone.

    The library is read once, in parts; only the best molecules and eight bytes for each other
    are kept. The order and the figures don't depend on the number of workers.

    Args:
        target: an identifier or a name.
        library: `.smi` (SMILES and name), `.csv` or `.tsv` (a column `smiles` or `inchi`), `.sdf`;
            each plain or `.gz`.
        diverse: of each series of molecules that are alike take the best only.
        workers: processes; as many as there are processors if not given.
        quarantine: gets what can't be read, with its line (in an SDF the line a record begins at).

    Raises:
        DataError: the file is not there, of no known kind, or holds no molecule.
        MissingError: no such target, or one that the model has not seen.
        ModelError: the model has no part that ranks by structure.
    """
    structure = part_of(model)
    tail = model._number(target, "head")
    path = Path(library)
    aside = Quarantine() if quarantine is None else quarantine
    before = len(aside)
    workers = workers or os.cpu_count() or 1
    kept: list[tuple[float, int, _Scored]] = []  # a heap, the worst first
    most = top * 10 if diverse else top
    seen, counts = _SeenBefore(), {"read": 0, "ranked": 0, "duplicates": 0, "invalid": 0}
    with (
        progress(f"Screen {path.name}") as advance,
        closing(_entries(path, aside)) as entries,
        closing(_scored(structure, tail, _chunks(entries), workers)) as parts,
    ):
        for part in parts:
            for line, name, reason in part.bad:
                aside.extend([BadRow(reason, str(path), line, name)])
            counts["duplicates"] += part.duplicates
            for molecule in part.scored:
                if seen.before(molecule.smiles):
                    counts["duplicates"] += 1
                    continue
                counts["ranked"] += 1
                entry = (molecule.score, -molecule.line, molecule)
                if len(kept) < most:
                    heapq.heappush(kept, entry)
                elif entry > kept[0]:
                    heapq.heapreplace(kept, entry)
            size = len(part.scored) + part.duplicates + len(part.bad)
            advance(size, f"{counts['ranked']:,} molecules")
    counts["invalid"] = len(aside) - before
    counts["read"] = counts["ranked"] + counts["duplicates"] + counts["invalid"]
    if not counts["ranked"]:
        first = next(iter(aside), None)
        why = f" (line {first.line}: {first.reason})" if first else ""
        raise DataError(f"holds no molecule{why}", path=path)
    best = [molecule for *_, molecule in sorted(kept, reverse=True)]
    names = dict(model.graph.nodes.select("id", "name").iter_rows())
    rows = _described(model, structure, tail, best, names)
    if diverse:
        rows = [row for row in rows if row["series"] == row["rank"]][:top]
        for rank, row in enumerate(rows, 1):
            row["rank"] = row["series"] = rank
    node = model.task.tails[tail]
    return Screened(node, names.get(node, node), rows, counts)


class _SeenBefore:
    """Which texts there were: eight bytes each, in a sorted array, the last ones in a set."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._sorted: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    def before(self, text: str) -> bool:
        """Whether the text was asked for before; it is remembered."""
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


class _Part(NamedTuple):
    """A chunk scored, without its `duplicates`. What is scored together, and so a score's last
    digits, is the same however many processes there are."""

    scored: list[_Scored]
    duplicates: int
    bad: list[tuple[int, str, str]]  # line, name, reason


def _scored(
    structure: Structure, tail: int, chunks: Iterator[list[_Entry]], workers: int
) -> Generator[_Part, None, None]:
    """The chunks scored, in their order, by this process and by `workers` - 1 others."""
    first = list(itertools.islice(chunks, 4))
    chunks = itertools.chain(first, chunks)
    with one_thread():
        if workers == 1 or len(first) < 4:  # a process takes seconds to begin
            for chunk in chunks:
                yield _score_chunk(structure, tail, chunk)
            return
        others = workers - 1
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(others, context, _begin, (structure, tail))
        waiting: deque[Future[_Part]] = deque()
        try:
            for chunk in chunks:
                if sum(not part.done() for part in waiting) < 2 * others:
                    waiting.append(pool.submit(_work, chunk))
                else:
                    own: Future[_Part] = Future()
                    own.set_result(_score_chunk(structure, tail, chunk))
                    waiting.append(own)
                while waiting and (waiting[0].done() or len(waiting) > _MOST_WAITING):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_given: list[Any] = []  # of a worker's process: the structure part and the tail


def _begin(structure: Structure, tail: int) -> None:
    import torch

    torch.set_num_threads(1)
    _given[:] = [structure, tail]


def _work(chunk: list[_Entry]) -> _Part:
    structure, tail = _given
    return _score_chunk(structure, tail, chunk)


def _score_chunk(structure: Structure, tail: int, chunk: list[_Entry]) -> _Part:
    found: dict[str, _Entry] = {}  # by SMILES
    molecules, duplicates, bad = [], 0, []
    for entry in chunk:
        molecule, reason = _read(entry.text)
        if molecule is None:
            bad.append((entry.line, entry.name[:200], reason or ""))
        elif (smiles := str(Chem.MolToSmiles(molecule))) in found:
            duplicates += 1
        else:
            found[smiles] = entry
            molecules.append(molecule)
    if not molecules:
        return _Part([], duplicates, bad)
    scores = structure.score(features(molecules), np.array([tail]))[:, 0].tolist()
    scored = [
        _Scored(entry.line, entry.name or f"line {entry.line}", smiles, score)
        for (smiles, entry), score in zip(found.items(), scores, strict=True)
    ]
    return _Part(scored, duplicates, bad)


def _read(text: str) -> tuple[Chem.Mol | None, str | None]:
    """A molecule of a SMILES, an InChI, or an SDF record."""
    if "\n" not in text:
        return parse(text)
    drawn = Chem.MolFromMolBlock(text)
    if drawn is None:
        return None, "no mol block, or an impossible structure"
    return settle(drawn)


# Reading


def _chunks(entries: Iterator[_Entry]) -> Iterator[list[_Entry]]:
    while chunk := list(itertools.islice(entries, _CHUNK)):
        yield chunk


def _entries(path: Path, aside: Quarantine) -> Generator[_Entry, None, None]:
    """The molecules of a library, unread; what is too long or cut off goes to the quarantine."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if packed else suffixes)[-1:]
    readers: dict[str, Callable[[Iterator[_Line], Path, Quarantine], Iterator[_Entry]]] = {
        ".smi": _smiles_entries,
        ".smiles": _smiles_entries,
        ".txt": _smiles_entries,
        ".csv": _table_entries,
        ".tsv": _table_entries,
        ".sdf": _sdf_entries,
        ".sd": _sdf_entries,
    }
    if not path.is_file():
        raise DataError("there is no such file", path=path)
    if not kind or kind[0] not in readers:
        raise DataError(
            "is no library of a known kind; give .smi, .csv, .tsv or .sdf, plain or .gz", path=path
        )
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        yield from readers[kind[0]](_lines(file, path, aside), path, aside)  # type: ignore[arg-type]


class _Line(NamedTuple):
    number: int
    text: str


def _lines(file: IO[bytes], path: Path, aside: Quarantine) -> Iterator[_Line]:
    """Lines without their end. One that is too long is set aside unread, so that none fills the
    memory; after a gigabyte without a line's end the rest of the file is."""
    number = 0
    try:
        while line := file.readline(_MOST_LINE):
            number += 1
            if len(line) < _MOST_LINE or line.endswith(b"\n"):
                yield _Line(number, line.decode("utf-8", "replace").rstrip("\r\n"))
                continue
            skipped = len(line)
            while line and not line.endswith(b"\n") and skipped < _MOST_SKIPPED:
                line = file.readline(_MOST_LINE)
                skipped += len(line)
            aside.add(f"line of more than {_MOST_LINE:,} bytes", path=path, line=number)
            if skipped >= _MOST_SKIPPED:
                return
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        aside.add("file is damaged or cut off here", path=path, line=number + 1, row=str(error))


def _smiles_entries(
    lines: Iterator[_Line], path: Path, aside: Quarantine
) -> Generator[_Entry, None, None]:
    for number, text in lines:
        words = text.split(None, 1)
        if not words or words[0].startswith("#"):
            continue
        if number == 1 and words[0].lower() in _STRUCTURE_COLUMNS:
            continue  # a header
        yield _Entry(number, words[1].strip() if len(words) > 1 else "", words[0])


def _table_entries(
    lines: Iterator[_Line], path: Path, aside: Quarantine
) -> Generator[_Entry, None, None]:
    header = next(lines, None)
    if header is None:
        return
    separator = max(",\t;", key=header.text.count)
    names = [name.strip().strip('"').lower() for name in header.text.split(separator)]
    column = next((names.index(name) for name in _STRUCTURE_COLUMNS if name in names), None)
    if column is None:
        raise DataError(
            f"has no column {', '.join(_STRUCTURE_COLUMNS)}; its columns are {', '.join(names)}",
            path=path,
            line=1,
        )
    named = next((names.index(name) for name in _NAME_COLUMNS if name in names), None)
    for number, text in lines:
        if not text.strip():
            continue
        try:
            row = next(csv.reader([text], delimiter=separator))
            name = row[named].strip() if named is not None else ""
            yield _Entry(number, name, row[column].strip())
        except (csv.Error, IndexError, StopIteration):
            aside.add("row with too few columns", path=path, line=number, row=text[:200])


def _sdf_entries(
    lines: Iterator[_Line], path: Path, aside: Quarantine
) -> Generator[_Entry, None, None]:
    """Records up to their `M  END`; the properties after it are not kept."""
    block: list[str] = []
    start, size, ended = 1, 0, False
    for number, text in lines:
        if text.startswith("$$$$"):
            if block:
                yield from _sdf_entry(block, start, size, path, aside)
            block, start, size, ended = [], number + 1, 0, False
            continue
        if not ended:
            size += len(text) + 1
            if size <= _MOST_LINE:
                block.append(text)
        ended = ended or text.startswith("M  END")
    if any(line.strip() for line in block):
        yield from _sdf_entry(block, start, size, path, aside)


def _sdf_entry(
    block: list[str], start: int, size: int, path: Path, aside: Quarantine
) -> Generator[_Entry, None, None]:
    if size > _MOST_LINE:
        aside.add(f"record of more than {_MOST_LINE:,} characters", path=path, line=start)
    else:
        yield _Entry(start, block[0].strip(), "\n".join([*block, ""]))


# What is told of the best


def _described(
    model: LinkModel,
    structure: Structure,
    tail: int,
    best: Sequence[_Scored],
    names: dict[str, str],
) -> list[dict[str, Any]]:
    molecules = [Chem.MolFromSmiles(found.smiles) for found in best]
    bits = fingerprints(molecules)
    alike = tanimoto(bits, structure.ligands.morgan)
    probabilities = structure.probability(np.array([found.score for found in best]))
    series = _series(tanimoto(bits, bits))
    recorded = model.graph.edges.filter(relation=model.task.edge_type[1])
    rows = []
    for n, (found, molecule) in enumerate(zip(best, molecules, strict=True)):
        nearest = next(iter(_nearest(model, structure, tail, alike[n], names, recorded, 1)), None)
        rows.append(
            {
                "rank": n + 1,
                "name": found.name,
                "line": found.line,
                "smiles": found.smiles,
                "score": found.score,
                "probability": float(probabilities[n]),
                "series": series[n] + 1,
                "nearest_id": nearest and nearest.id,
                "nearest_name": nearest and nearest.name,
                "nearest_similarity": nearest and nearest.similarity,
                "nearest_sources": list(nearest.sources) if nearest else [],
                "known": nearest is not None and _same(model, nearest, molecule),
                **drug_likeness(molecule),
            }
        )
    return rows


def _same(model: LinkModel, ligand: Ligand, molecule: Chem.Mol) -> bool:
    """Whether a known ligand is this molecule."""
    if ligand.similarity < 1:
        return False
    properties = model.graph.nodes.filter(id=ligand.id)["properties"][0]
    other = parse(structure_text(properties) or "").molecule
    return other is not None and skeleton(other) == skeleton(molecule)


def _series(alike: NDArray[np.float32]) -> list[int]:
    """For each molecule the first one that it is alike among those that begin a series (sphere
    exclusion, the best first: Gobbi and Lee, DISE, 2003)."""
    begun: list[int] = []
    series = []
    for n, row in enumerate(alike):
        found = next((leader for leader in begun if row[leader] >= _ALIKE), n)
        if found == n:
            begun.append(n)
        series.append(found)
    return series


_pains: list[Any] = []


def drug_likeness(molecule: Chem.Mol) -> dict[str, Any]:
    """QED (Bickerton et al., 2012), the rules of five broken (Lipinski et al., 1997), and the
    names of PAINS alerts (Baell and Holloway, 2010)."""
    if not _pains:
        parameters = FilterCatalog.FilterCatalogParams()
        parameters.AddCatalog(FilterCatalog.FilterCatalogParams.FilterCatalogs.PAINS)
        _pains.append(FilterCatalog.FilterCatalog(parameters))
    weight, logp = float(Descriptors.MolWt(molecule)), float(Crippen.MolLogP(molecule))
    donors = int(rdMolDescriptors.CalcNumLipinskiHBD(molecule))
    acceptors = int(rdMolDescriptors.CalcNumLipinskiHBA(molecule))
    return {
        "weight": round(weight, 2),
        "logp": round(logp, 2),
        "donors": donors,
        "acceptors": acceptors,
        "polar_area": round(float(rdMolDescriptors.CalcTPSA(molecule)), 1),
        "rotatable": int(rdMolDescriptors.CalcNumRotatableBonds(molecule)),
        "qed": round(float(QED.qed(molecule)), 3),
        "lipinski": int(weight > 500) + int(logp > 5) + int(donors > 5) + int(acceptors > 10),
        "alerts": [str(match.GetDescription()) for match in _pains[0].GetMatches(molecule)],
    }
