"""Notes, annotated texts and models of texts that the pages take for granted."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from pathlib import Path

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.pubtator import read_pubtator

from ..extract.corpora.test_euadr import table
from ..extract.made_corpus import document, write_corpus
from ..extract.mentions.test_classifier import LABELS, config, write_tokenizer
from ..extract.relation_corpora import write_relation_corpora
from ..extract.test_documents import PUBMED
from .workplace import Maker, Shelf, written

_LETTERS = (
    "ID,PATIENT,TEXT\n"
    '1,p7,"Ms Doe, 52, has asthma. She takes salbutamol."\n'
    '2,p8,"Mr Roe denies chest pain. He was seen on 3 May 2024."\n'
)
_BRAT = "Aspirin relieved headache. Fever was absent.\n"
_BRAT_MENTIONS = (
    "T1\tDrug 0 7\tAspirin\nT2\tDisease 17 25\theadache\nR1\tTREATS Arg1:T1 Arg2:T2\n"
    "N1\tReference T1 MESH:D001241\tAspirin\nN2\tReference T2 MESH:D006261\tHeadache\n"
)
_CHINESE = "患者发热三天，无咳嗽。既往有高血压，口服阿司匹林。\n"


def _chinese_notes(_: Shelf, path: Path) -> None:
    path.mkdir()
    (path / "a.txt").write_text(_CHINESE, encoding="utf-8")


def _pubtator(seed: int, documents: int = 12) -> Maker:
    def make(_: Shelf, path: Path) -> None:
        generator = random.Random(seed)
        texts = [document(generator, f"{seed}{number:02}") for number in range(documents)]
        path.write_text("\n".join(texts), encoding="utf-8")

    return make


def _linked(_: Shelf, path: Path) -> None:
    """Annotated text whose mentions have identifiers."""
    text = "Aspirin and headache.\nAspirin relieved headache."
    names = {"Aspirin": ("Chemical", "D001241"), "headache": ("Disease", "D006261")}
    lines = ["1|t|Aspirin and headache.", "1|a|Aspirin relieved headache."]
    for name, (kind, node) in names.items():
        for start in (text.index(name), text.rindex(name)):
            lines.append(f"1\t{start}\t{start + len(name)}\t{name}\t{kind}\t{node}")
    lines.append("1\tCID\tD001241\tD006261")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _doccano(seed: int, label: str = "Drug") -> Maker:
    """An export of Doccano: a few documents, drugs by a label of one's own."""

    def make(shelf: Shelf, path: Path) -> None:
        texts = path.with_suffix(".pubtator.txt")
        _pubtator(seed, 14)(shelf, texts)
        labels = {"Chemical": label, "Disease": "Disease"}
        rows = []
        for number, each in enumerate(read_pubtator(texts, Quarantine())):
            spans = [[m.start, m.end, labels[m.kind]] for m in each.mentions]
            rows.append({"id": number, "text": each.text, "label": spans, "document": f"n{number}"})
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    return make


def _brat(_: Shelf, path: Path) -> None:
    path.mkdir()
    (path / "a.txt").write_text(_BRAT, encoding="utf-8")
    (path / "a.ann").write_text(_BRAT_MENTIONS, encoding="utf-8")


def _of_corpora(name: str) -> Maker:
    """A file of the corpora; those beside it go to the page's folder, which is the current one."""

    def make(shelf: Shelf, path: Path) -> None:
        source = next(shelf.get("corpora").rglob(name))
        for file in {*source.parent.iterdir()} - {source}:
            shutil.copy(file, Path.cwd())
        shutil.copy(source, path)

    return make


def _euadr(_: Shelf, path: Path) -> None:
    sentence = "Imatinib strongly inhibits KIT, not LCK."
    drug, gene, other = ("Imatinib", "drug"), ("KIT", "gene"), ("LCK", "gene")
    table(path, ("PA", "7", 0, gene, drug, sentence), ("NA", "7", 0, other, drug, sentence))


def _recogniser(kind: str) -> Maker:
    def make(shelf: Shelf, path: Path) -> None:
        line = f"train ner {{file}} --model {kind} --out {{out}}"
        shelf.run(line, file=shelf.get("corrected.jsonl"), out=path)

    return make


def _relations(shelf: Shelf, path: Path) -> None:
    shelf.run("train relations {corpora} --out {out}", corpora=shelf.get("corpora"), out=path)


def _bert(_: Shelf, path: Path) -> None:
    """A folder as the hub has for BioBERT, of a few thousand random weights."""
    from transformers import BertModel

    BertModel(config(write_tokenizer(path))).save_pretrained(path)


def _classifier(_: Shelf, path: Path) -> None:
    """A folder as the hub has for a recogniser: a tiny BERT that names tokens at random."""
    from transformers import BertForTokenClassification

    vocabulary = write_tokenizer(path)
    labels = dict(enumerate(LABELS))
    numbers = {label: number for number, label in labels.items()}
    settings = config(vocabulary, num_labels=len(labels), id2label=labels, label2id=numbers)
    BertForTokenClassification(settings).save_pretrained(path)


TEXTS: dict[str, Maker] = {
    "letters.csv": written(_LETTERS),
    "pubmed25n0001.xml.gz": lambda _, path: path.write_bytes(gzip.compress(PUBMED.encode())),
    "chinese:notes": _chinese_notes,
    "README.zh:notes": _chinese_notes,
    "CDR_Dev.PubTator.txt": _pubtator(3),
    "held_out.txt": _linked,
    "train.txt": _linked,
    "notes.brat": _brat,
    "corrected.brat": _brat,
    "corrected.jsonl": _doccano(5),
    "other.jsonl": _doccano(6),
    "ward.jsonl": _doccano(7),
    "corpora": lambda _, path: write_corpus(write_relation_corpora(path, 12), train=12),
    "CDR_DevelopmentSet.PubTator.txt": _of_corpora("CDR_DevelopmentSet.PubTator.txt"),
    "chemprot_development_abstracts.tsv": _of_corpora("chemprot_development_abstracts.tsv"),
    "Dev.PubTator": _of_corpora("Dev.PubTator"),
    "EUADR_drug_target.csv": _euadr,
    "models/crf": _recogniser("crf"),
    "models/mine": _recogniser("crf"),
    "models/ner": _recogniser("default"),
    "models/relations": _relations,
    "models/bert": _bert,
    "models/biobert": _bert,
    "models/classifier": _classifier,
}
