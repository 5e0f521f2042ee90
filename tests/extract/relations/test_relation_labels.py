"""The stand-off labels of relations fit the corpora that they point into."""

import csv
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path

import pytest

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.brat import read_brat
from medkg.extract.corpora.chemprot import read_chemprot
from medkg.extract.corpora.document import Document, flat_mentions
from medkg.extract.corpora.pubtator import read_pubtator

HEADS = {"ASSOCIATED_WITH": "Target", "CONTRAINDICATED_FOR": "Drug"}
# The kinds that a corpus annotates itself.
GOLD = {
    "bc5cdr": ("pubtator", {"Disease", "Drug"}),
    "maccrobat": ("brat", {"Disease", "Symptom", "Drug"}),
    "ncbi": ("ncbi", {"Disease"}),
    "chemprot": ("chemprot", {"Drug", "Target"}),
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    path = files("medkg.extract") / "data" / "relation_labels.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(lines, delimiter="\t"))


def span(row: dict[str, str], name: str) -> tuple[int, int]:
    return int(row[f"{name}_start"]), int(row[f"{name}_end"])


def test_counts_are_those_of_the_readme(rows: list[dict[str, str]]) -> None:
    assert Counter((row["relation"], row["label"]) for row in rows) == {
        ("ASSOCIATED_WITH", "1"): 336,
        ("ASSOCIATED_WITH", "0"): 379,
        ("ASSOCIATED_WITH", "-1"): 35,
        ("CONTRAINDICATED_FOR", "1"): 32,
        ("CONTRAINDICATED_FOR", "0"): 777,
        ("CONTRAINDICATED_FOR", "-1"): 3,
    }
    assert len({(row["corpus"], row["document"], row["sentence_start"]) for row in rows}) == 567
    assert len({row["document"] for row in rows}) == 437


def test_the_split_is_by_document(rows: list[dict[str, str]]) -> None:
    splits = defaultdict(set)
    for row in rows:
        splits[row["document"]].add(row["split"])
    assert all(len(split) == 1 for split in splits.values())
    assert set.union(*splits.values()) == {"dev", "test"}


def test_spans_lie_apart_in_their_sentence(rows: list[dict[str, str]]) -> None:
    for row in rows:
        first, last = span(row, "sentence")
        (a, b), (c, d) = span(row, "head"), span(row, "tail")
        assert first <= a < b <= last
        assert first <= c < d <= last
        assert b <= c or d <= a


def test_spans_are_whole_words_of_the_corpora(
    rows: list[dict[str, str]], shared_data: Path
) -> None:
    documents = _documents(shared_data / "corpora")
    by_hand = set()
    for row in rows:
        document = documents[row["corpus"], row["document"]]
        text = document.text
        for start, end in (span(row, "head"), span(row, "tail"), span(row, "sentence")):
            assert text[start:end] == text[start:end].strip()
            assert end == len(text) or not (text[end - 1].isalnum() and text[end].isalpha())
        corpus_format, kinds = GOLD[row["corpus"]]
        gold = {(m.start, m.end): m.kind for m in flat_mentions(document, corpus_format)}
        for name, kind in (("head", HEADS[row["relation"]]), ("tail", row["tail_kind"])):
            if kind in kinds and gold.get(span(row, name)) != kind:
                by_hand.add((document.id, span(row, name)))
    assert len(by_hand) == 3


def _documents(corpora: Path) -> dict[tuple[str, str], Document]:
    quarantine = Quarantine()
    read = {
        "bc5cdr": [
            *read_pubtator(corpora / "bc5cdr/CDR_TrainingSet.PubTator.txt.xz", quarantine),
            *read_pubtator(corpora / "bc5cdr/CDR_DevelopmentSet.PubTator.txt.xz", quarantine),
        ],
        "maccrobat": read_brat(corpora / "maccrobat/maccrobat.tar.xz", quarantine),
        "ncbi": read_pubtator(corpora / "ncbi_disease/NCBItrainset_corpus.txt.xz", quarantine),
        "chemprot": read_chemprot(
            corpora / "chemprot/chemprot_training_abstracts.tsv.xz", quarantine
        ),
    }
    return {(name, d.id): d for name, documents in read.items() for d in documents}
