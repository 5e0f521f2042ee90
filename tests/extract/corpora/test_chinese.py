"""cMedQANER and CMDD, in the forms in which ChineseBLUE publishes them."""

import gzip
import json
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.chinese import read_cmdd, read_cmedqaner
from medkg.extract.corpora.document import flat_mentions
from medkg.extract.corpora.published import published_corpora
from medkg.extract.corpora.readers import format_of

# https://github.com/alibaba-research/ChineseBLUE: a character and its tag a line, also for a blank.
QUESTIONS = (
    "心 B_disease\n衰 I_disease\n  O\n吃 O\n地 B_drug\n高 I_drug\n辛 I_drug\n\n"
    "咳 B_symptom\n嗽 I_symptom\n查 O\nC B_test\nT I_test\n上 X_body\n\n"
)


def _turn(speaker: str, sentence: str, label: str, *names: tuple[str, str]) -> dict[str, object]:
    return {
        "speaker": speaker,
        "sentence": sentence,
        "label": label,
        "normalized": [name for name, _ in names],
        "type": [status for _, status in names],
    }


DIALOGUE = {
    "data-split": "train",
    "example-id": "1",
    "dialogue-content": [
        _turn("医生", "有咳嗽吗", "OBIO", ("咳嗽", "1")),
        _turn("患者", "不烧，考虑肠炎", "OBOOOBI", ("发热", "2"), ("肠炎", "3")),
        _turn("患者", "没有", "O"),
    ],
}


def test_characters_become_texts_and_mentions(tmp_path: Path) -> None:
    file = tmp_path / "cMedQANER-train.txt"
    file.write_text(QUESTIONS, encoding="utf-8")
    quarantine = Quarantine()
    first, second = read_cmedqaner(file, quarantine)
    assert first.text == "心衰 吃地高辛"
    assert [(first.text[m.start : m.end], m.kind) for m in first.mentions] == [
        ("心衰", "disease"),
        ("地高辛", "drug"),
    ]
    assert [(m.start, m.end, m.kind) for m in flat_mentions(second, "cmedqaner")] == [
        (0, 2, "Symptom"),
        (3, 5, "Procedure"),
    ]
    assert quarantine.counts() == {"row without a character and its tag": 1}
    assert format_of(file) == "cmedqaner"


def test_dialogues_become_texts_with_names_and_statuses(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl.gz"
    file.write_bytes(gzip.compress(f"{json.dumps(DIALOGUE, ensure_ascii=False)}\nno\n".encode()))
    quarantine = Quarantine()
    (document,) = read_cmdd(file, quarantine)
    assert document.text == "有咳嗽吗\n不烧，考虑肠炎\n没有"
    mentions = [(document.text[m.start : m.end], m.identifier) for m in document.mentions]
    assert mentions == [("咳嗽", "咳嗽"), ("烧", "发热"), ("肠炎", "肠炎")]
    statuses = document.fields["statuses"]
    assert isinstance(statuses, dict)
    assert [statuses[m.key] for m in document.mentions] == ["present", "absent", "uncertain"]
    assert quarantine.counts() == {"row is not JSON": 1, "labels don't fit their sentence": 1}
    assert format_of(file) == "cmdd"


def test_files_of_nothing_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("{}\n")
    with pytest.raises(DataError, match="holds no dialogue"):
        read_cmdd(file, Quarantine())
    file.write_text(" ")
    with pytest.raises(DataError, match="is empty"):
        read_cmedqaner(file, Quarantine())


def test_the_published_corpora_are_found(tmp_path: Path) -> None:
    for name in ("train", "dev"):
        folder = tmp_path / "cmedqa-ner"
        folder.mkdir(exist_ok=True)
        (folder / f"cMedQANER-{name}.txt").write_text(QUESTIONS, encoding="utf-8")
        (tmp_path / "cmdd").mkdir(exist_ok=True)
        packed = gzip.compress(json.dumps(DIALOGUE).encode())
        (tmp_path / "cmdd" / f"{name}.jsonl.gz").write_bytes(packed)
    read = published_corpora(tmp_path, Quarantine())
    assert [(c.name, len(c.train), len(c.development)) for c in read] == [
        ("cmedqaner", 2, 2),
        ("cmdd", 1, 1),
    ]
