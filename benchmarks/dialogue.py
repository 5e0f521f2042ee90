"""What is found in visits' dialogues: recognised speech beside people's transcript, and the note.

1. ACI-Bench (Yim et al. 2023, CC BY 4.0), validation: findings of the recognised text against those
   of the same dialogue as people corrected or transcribed it. A finding is a phenotype that is
   observed, or one that is denied; F1 over all dialogues of a part.
2. MTS-Dialog (Ben Abacha et al. 2023, CC BY 4.0), validation, and PriMock57 (Papadopoulos
   Korfiatis et al. 2022, CC BY 4.0): findings of the dialogue against those that medkg reads in the
   clinician's note. A note leaves out what doesn't matter, and medkg misses some of either, so that
   these say how reading as dialogue compares with reading as a note, and not how good either is.

Each as read with `medkg_dialogue` (who says what), and as a note.

    python benchmarks/dialogue.py [--part train] [--most 40]

Prints Markdown. Rules were written on the training parts.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from spacy.language import Language

import medkg
from medkg.core.quarantine import Quarantine
from medkg.diagnosis import findings_in_text
from medkg.extract.annotate import annotate_documents
from medkg.extract.documents import TextDocument
from medkg.extract.pipeline import build_pipeline
from medkg.graph.kg import KnowledgeGraph

ROOT = Path(__file__).resolve().parents[1]
WAYS = ("as a note", "as dialogue")
_RECOGNISED = {
    "train": (),
    "valid": (("aci_asr", "aci_asrcorr"), ("virtscribe_asr", "virtscribe_humantrans")),
}
_INTERVAL = re.compile(
    r'xmin = ([0-9.]+)[ \t]*\n[ \t]*xmax = [0-9.]+[ \t]*\n[ \t]*text = "((?:[^"\n]|"")*)"'
)
_MARKUP = re.compile(r"<[^>\n]{0,40}>")
FindingSet = set[tuple[str, str, str]]  # text, phenotype, yes or no


def main() -> None:
    """Read all texts once each way, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=("train", "valid"), default="valid")
    parser.add_argument("--most", type=int, help="Texts of each corpus.")
    arguments = parser.parse_args()
    data = Path(os.environ.get("MEDKG_DATA", ROOT.parent / "shared" / "data"))
    folder, most = data / "patients" / "dialogue", arguments.most
    kg = medkg.load("hpo")
    nlp = build_pipeline(kg)
    print("| recognised text against people's | dialogues | | precision | recall | F1 |")
    print("|---" * 6 + "|")
    all_told: dict[str, FindingSet] = {way: set() for way in WAYS}
    all_truth: dict[str, FindingSet] = {way: set() for way in WAYS}
    number = 0
    for recognised, people in _RECOGNISED[arguments.part]:
        pairs = [aci(folder, arguments.part, name, most) for name in (recognised, people)]
        shared = pairs[0].keys() & pairs[1].keys()
        texts = [{id_: pair[id_] for id_ in sorted(shared)} for pair in pairs]
        for way in WAYS:
            predicted, truth = (findings(nlp, kg, own, way) for own in texts)
            line(f"{recognised}, {people}", len(shared), way, predicted, truth)
            all_told[way] |= predicted
            all_truth[way] |= truth
        number += len(shared)
    for way in WAYS if number else ():
        line("both", number, way, all_told[way], all_truth[way])
    print("\n| dialogue against note | dialogues | | precision | recall | F1 |")
    print("|---" * 6 + "|")
    corpora = {"MTS-Dialog": mts(folder, arguments.part, most)}
    if arguments.part == "valid":
        corpora["PriMock57"] = primock(folder, most)
    else:
        corpora["ACI-Bench"] = aci_notes(folder, most)
    for name, pairs in corpora.items():
        dialogues = {id_: dialogue for id_, (dialogue, _) in pairs.items()}
        truth = findings(nlp, kg, {id_: note for id_, (_, note) in pairs.items()}, "as a note")
        for way in WAYS:
            predicted = findings(nlp, kg, dialogues, way)
            for keep, what in (("yes", "observed"), ("no", "denied")):
                own, theirs = ({f for f in each if f[2] == keep} for each in (predicted, truth))
                line(f"{name}, {what}", len(pairs), way, own, theirs)


def line(name: str, number: int, way: str, predicted: FindingSet, truth: FindingSet) -> None:
    """Print the scores of what was found."""
    hits = len(predicted & truth)
    precision, recall = hits / max(1, len(predicted)), hits / max(1, len(truth))
    f1 = 2 * hits / max(1, len(predicted) + len(truth))
    print(f"| {name} | {number} | {way} | {precision:.3f} | {recall:.3f} | {f1:.3f} |", flush=True)


def findings(nlp: Language, kg: KnowledgeGraph, texts: Mapping[str, str], way: str) -> FindingSet:
    """The findings of texts by name."""
    documents = [
        TextDocument(id=f"note:{id_}", text=text, patient=f"patient:{id_}")
        for id_, text in texts.items()
        if text.strip()
    ]
    left_out = [] if way == "as dialogue" else ["medkg_dialogue"]
    with nlp.select_pipes(disable=["medkg_chinese", "medkg_relations", *left_out]):
        read = list(annotate_documents(nlp, documents, kg, Quarantine()))
    rows: FindingSet = set()
    for text in read:
        own = findings_in_text(text, kg)
        observed = set(own.filter(keep="yes")["phenotype"])
        denied = set(own.filter(keep="no")["phenotype"]) - observed
        rows |= {(text.id, phenotype, "yes") for phenotype in observed}
        rows |= {(text.id, phenotype, "no") for phenotype in denied}
    return rows


def table(file: Path, most: int | None) -> Iterator[Mapping[str, str]]:
    """The rows of a CSV file."""
    with file.open(encoding="utf-8", newline="") as opened:
        yield from islice(csv.DictReader(opened), most)


def aci(folder: Path, part: str, version: str, most: int | None) -> dict[str, str]:
    """The dialogues of a version of ACI-Bench."""
    rows = table(folder / f"aci-bench_{part}_{version}.csv", most)
    return {row["id"]: row["dialogue"] for row in rows}


def aci_notes(folder: Path, most: int | None) -> dict[str, tuple[str, str]]:
    """The dialogues of ACI-Bench's training part as recognised, with their notes."""
    files = ("aci_asrcorr", "virtscribe_asr")
    rows = (row for name in files for row in table(folder / f"aci-bench_train_{name}.csv", most))
    return {row["id"]: (row["dialogue"], row["note"]) for row in rows}


def mts(folder: Path, part: str, most: int | None) -> dict[str, tuple[str, str]]:
    """The dialogues of MTS-Dialog with the sections of their notes."""
    name = {"train": "Training", "valid": "Validation"}[part]
    rows = table(folder / f"MTS-Dialog-{name}Set.csv", most)
    return {row["ID"]: (row["dialogue"], row["section_text"]) for row in rows}


def primock(folder: Path, most: int | None) -> dict[str, tuple[str, str]]:
    """The consultations of PriMock57 with their notes."""
    visits: dict[str, tuple[str, str]] = {}
    with tarfile.open(folder / "primock57_notes_transcripts.tar.gz") as archive:

        def content(name: str) -> str:
            opened = archive.extractfile(name)
            assert opened is not None
            return io.TextIOWrapper(opened, encoding="utf-8").read()

        notes = sorted(name for name in archive.getnames() if name.endswith(".json"))
        for name in notes[:most]:
            visit = Path(name).stem
            utterances = [
                (start, speaker, text)
                for speaker in ("doctor", "patient")
                for start, text in spoken(content(f"transcripts/{visit}_{speaker}.TextGrid"))
            ]
            visits[visit] = (joined(sorted(utterances)), json.loads(content(name))["note"])
    return visits


def spoken(grid: str) -> Iterator[tuple[float, str]]:
    """When something is said in a TextGrid, and what."""
    for start, text in _INTERVAL.findall(grid):
        if words := _MARKUP.sub("", text).strip():
            yield float(start), words


def joined(utterances: Iterable[tuple[float, str, str]]) -> str:
    """A dialogue of what is said in order: what one says before another does is a line."""
    lines: list[tuple[str, list[str]]] = []
    for _, speaker, words in utterances:
        if not lines or lines[-1][0] != speaker:
            lines.append((speaker, []))
        lines[-1][1].append(words)
    return "\n".join(f"[{speaker}] {' '.join(words)}" for speaker, words in lines)


if __name__ == "__main__":
    main()
