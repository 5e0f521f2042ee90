"""Passages of PriMock57 and ACI-Bench that were marked by hand, without their text.

`passages.jsonl` holds, for each passage, its part, the file and document that it is from, its place
there, the sha256 of its text, and the place and kind of each identifier in it; the text itself is
read from the data folder (both corpora: CC BY 4.0). `README.md` says how they were chosen and what
was marked.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from .spans import MarkedNote, Part, Span, with_neighbours

PRIMOCK = "primock57_notes_transcripts.tar.gz"
ACI = ("aci-bench_train_aci_asrcorr.csv", "aci-bench_train_virtscribe_asr.csv")
MARKS = Path(__file__).with_name("passages.jsonl")

TURNS = (5, 12)  # turns, or lines of a note, of a passage
EACH = 25  # passages of each corpus and way of choosing

_INTERVAL = re.compile(
    r'intervals \[\d+\]:\s*xmin = ([\d.]+)\s*xmax = [\d.]+\s*text = "((?:[^"]|"")*)"'
)
_TAG = re.compile(r"<[^>]*>")
# What often comes with an identifier: a title or greeting and a word, a month and a number, two
# words with capital letters after one without, or how somebody is asked who and where they are.
_CANDIDATE = re.compile(
    r"(?i:\b(?:mr|mrs|ms|miss|dr|doctor|hi|hey|hello|thanks|bye)\b[.,]?"
    r" (?!there|how|what|and|of|so)\w+)"
    r"|(?i:\b(?:my name|your name|full name|of birth|birthday|address|post ?code|email|moved to"
    r"|christmas|thanksgiving|easter|referred by|hospital in|fly to|flew to|vacation|visiting)\b)"
    r"|(?i:\b(?:january|february|march|april|june|july|august|september|october|november|december)\b)"
    r"|(?<=[a-z,;] )[A-Z][a-z]+ [A-Z][a-z]+|\b\d{1,2}/\d{1,2}/\d{2,4}\b"
)


def passages(folder: Path, part: Part) -> list[MarkedNote]:
    """A part's passages with what was marked in them.

    Args:
        folder: the dialogues' folder, with the files of `PRIMOCK` and `ACI`.

    Raises:
        ValueError: a passage's text is another than the one that was marked.
    """
    texts = {(file, document): text for file, document, text in documents(folder)}
    read = []
    for line in MARKS.read_text(encoding="utf-8").splitlines():
        mark = json.loads(line)
        if mark["part"] != part:
            continue
        document, start = mark["document"], mark["start"]
        text = texts.get((mark["file"], document), "")[start : mark["end"]]
        if hashlib.sha256(text.encode()).hexdigest() != mark["sha256"]:
            raise ValueError(
                f"{mark['file']}: document {document} at {start} is not the text that was marked; "
                "fetch the corpus again"
            )
        spans = [Span(**identifier) for identifier in mark["identifiers"]]
        visit = document.partition("/")[0]  # a visit's dialogue and note name the same people
        read.append(MarkedNote(f"{document}@{start}", visit, text, with_neighbours(text, spans)))
    return read


def documents(folder: Path) -> Iterator[tuple[str, str, str]]:
    """The dialogues and notes of the train parts: file, document and text, a turn or line a row."""
    with tarfile.open(folder / PRIMOCK) as archive:
        for name in sorted(archive.getnames()):
            if name.endswith("_doctor.TextGrid"):
                yield (
                    PRIMOCK,
                    Path(name).name.removesuffix("_doctor.TextGrid"),
                    _dialogue(archive, name),
                )
    for file in ACI:
        with (folder / file).open(encoding="utf-8-sig", newline="") as rows:
            for row in csv.DictReader(rows):
                yield file, f"{row['id']}/dialogue", row["dialogue"]
                yield file, f"{row['id']}/note", row["note"]


def _dialogue(archive: tarfile.TarFile, doctor: str) -> str:
    """Both speakers' turns in the order in which they began."""
    turns = []
    for speaker, name in (
        ("Doctor", doctor),
        ("Patient", doctor.replace("_doctor.", "_patient.")),
    ):
        member = archive.extractfile(name)
        if member is None:
            raise ValueError(f"{name} in {PRIMOCK} is no file: fetch the archive again")
        for start, text in _INTERVAL.findall(member.read().decode("utf-8")):
            words = " ".join(_TAG.sub("", text).split())
            if words:
                turns.append((float(start), f"{speaker}: {words}"))
    return "\n".join(turn for _, turn in sorted(turns))


def windows(text: str, generator: random.Random) -> Iterator[tuple[int, int]]:
    """Where the passages of a document begin and end: a few rows each, one after the other."""
    ends = [match.end() for match in re.finditer(r"[^\n]+", text)]
    starts = [match.start() for match in re.finditer(r"[^\n]+", text)]
    first = 0
    while first < len(starts):
        rows = generator.randint(*TURNS)
        last = min(first + rows, len(starts)) - 1
        if last - first + 1 >= TURNS[0]:
            yield starts[first], ends[last]
        first = last + 1


def sample(folder: Path, seed: int = 0) -> list[tuple[str, str, int, int]]:
    """The passages that were marked: file, document, start and end of each.

    Half have a candidate for an identifier, half are drawn from all; each document gives at most
    one of a half, as long as there are documents.
    """
    generator = random.Random(seed)
    drawn: list[tuple[str, str, int, int]] = []
    of_corpus: dict[bool, list[tuple[str, str, int, int, str]]] = {True: [], False: []}
    for file, document, text in documents(folder):
        for start, end in windows(text, generator):
            place = (file, document, start, end, text[start:end])
            of_corpus[file == PRIMOCK].append(place)
    for places in of_corpus.values():
        for only_candidates in (True, False):
            generator.shuffle(places)
            documents_drawn: set[tuple[str, str]] = set()
            half: list[tuple[str, str, int, int]] = []
            for file, document, start, end, text in places:
                if (file, document, start, end) in drawn or (file, document) in documents_drawn:
                    continue
                if not only_candidates or _CANDIDATE.search(_without_speakers(text)):
                    half.append((file, document, start, end))
                    documents_drawn.add((file, document))
                if len(half) == EACH:
                    break
            drawn += half
    return drawn


def _without_speakers(text: str) -> str:
    return re.sub(r"(?m)^(?:\[\w+\]|Doctor:|Patient:) ", "", text)
