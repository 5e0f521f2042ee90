"""The stand-off HAS_SYMPTOM labels fit the corpus that they point into."""

import csv
import tarfile
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    path = files("medkg.extract") / "data" / "maccrobat_has_symptom.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(lines, delimiter="\t"))


def span(row: dict[str, str], name: str) -> tuple[int, int]:
    return int(row[f"{name}_start"]), int(row[f"{name}_end"])


def test_counts_are_those_of_the_readme(rows: list[dict[str, str]]) -> None:
    assert len(rows) == 652
    assert sum(row["label"] == "1" for row in rows) == 208
    assert {row["label"] for row in rows} == {"0", "1"}
    assert len({(row["document"], row["sentence_start"]) for row in rows}) == 302


def test_the_split_is_by_document(rows: list[dict[str, str]]) -> None:
    splits = defaultdict(set)
    for row in rows:
        splits[row["document"]].add(row["split"])
    assert all(len(split) == 1 for split in splits.values())
    assert set.union(*splits.values()) == {"dev", "test"}


def test_spans_lie_in_their_sentence(rows: list[dict[str, str]]) -> None:
    for row in rows:
        first, last = span(row, "sentence")
        for name in ("disease", "symptom"):
            start, end = span(row, name)
            assert first <= start < end <= last


def test_spans_are_annotations_of_the_corpus(rows: list[dict[str, str]], shared_data: Path) -> None:
    archive = shared_data / "corpora" / "maccrobat" / "maccrobat.tar.xz"
    kinds: dict[str, dict[tuple[int, int], set[str]]] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name.endswith(".ann") else None
            if file is None:
                continue
            spans: dict[tuple[int, int], set[str]] = defaultdict(set)
            for line in file.read().decode("utf-8").splitlines():
                if line.startswith("T"):
                    kind, *offsets = line.split("\t")[1].replace(";", " ").split()
                    spans[int(offsets[0]), int(offsets[-1])].add(kind)
            kinds[Path(member.name).stem] = spans
    for row in rows:
        spans = kinds[row["document"]]
        assert "Disease_disorder" in spans[span(row, "disease")]
        assert "Sign_symptom" in spans[span(row, "symptom")]
