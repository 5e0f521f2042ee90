"""Documents for an annotator, and back: Doccano and brat.

The forms are those that the programs document: Doccano's JSON lines with relations
(https://github.com/doccano/doccano/pull/1703, https://github.com/doccano/doccano/pull/1823) and
brat's standoff and configuration (https://brat.nlplab.org/standoff.html,
https://brat.nlplab.org/configuration.html).
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.brat import read_brat
from medkg.extract.corpora.document import Document
from medkg.extract.corpora.jsonl import read_jsonl
from medkg.extract.corpora.readers import read_annotated
from medkg.extract.relations.pairs import TASKS
from medkg.extract.relations.train import load_training_data
from medkg.extract.relations.training_pairs import LabelledPair, annotated_pairs
from medkg.extract.review import (
    doubt,
    most_doubtful,
    score,
    write_brat,
    write_doccano,
)

from .made_texts import TEXT, asthma_text, kinase_text
from .relation_corpora import write_relation_corpora

PROPOSED = [
    (0, 10, "Drug", "Budesonide"),
    (20, 26, "Disease", "asthma"),
    (32, 45, "Symptom", "night\r\nsweats"),
    (50, 55, "Symptom", "fever"),
]


def _mentions(document: Document) -> list[tuple[int, int, str, str]]:
    return [(m.start, m.end, m.kind, document.text[m.start : m.end]) for m in document.mentions]


def test_doubt_is_highest_at_one_half() -> None:
    assert [doubt(p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0.0, 0.5, 1.0, 0.5, 0.0]


def test_the_score_sums_doubts_for_100_words() -> None:
    text = asthma_text(0.9)
    # Three mentions of .95, one of .9, one relation of .6; less than 100 words.
    assert score(text) == pytest.approx(3 * 0.1 + 0.2 + 0.8)
    long = type(text)(text.id, f"{TEXT} {'word ' * 389}", text.mentions, (), text.relations)
    assert score(long) == pytest.approx(1.3 / 4)


def test_the_most_doubtful_come_first_and_equal_ones_in_their_order() -> None:
    texts = [asthma_text(p, f"note:{n}") for n, p in enumerate((0.99, 0.5, 0.7, 0.5))]
    assert [text.id for _, text in most_doubtful(texts, 3)] == ["note:1", "note:3", "note:2"]
    assert [points for points, _ in most_doubtful(texts, 1)] == [score(texts[1])]


def test_doccano_gets_what_it_documents_and_gives_it_back(tmp_path: Path) -> None:
    file = tmp_path / "review.jsonl"
    write_doccano([(1.0, asthma_text(0.55))], file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (row,) = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert row["text"] == TEXT
    assert row["entities"][1] == {"id": 1, "label": "Disease", "start_offset": 20, "end_offset": 26}
    assert row["relations"] == [{"id": 0, "from_id": 0, "to_id": 1, "type": "TREATS"}]
    assert (row["document"], row["score"]) == ("note:a/b", 1.0)
    assert row["doubtful"] == "asthma (Disease 0.55); Budesonide TREATS asthma (0.60)"
    quarantine = Quarantine()
    (document,) = read_jsonl(file, quarantine)
    assert not quarantine.rows
    assert document.text == TEXT
    assert _mentions(document) == PROPOSED
    keys = {mention.key: mention.kind for mention in document.mentions}
    assert [(r.kind, keys[r.head], keys[r.tail]) for r in document.relations] == [
        ("TREATS", "Drug", "Disease")
    ]


def test_brat_gets_what_it_documents_and_gives_it_back(tmp_path: Path) -> None:
    folder = tmp_path / "review"
    texts = [(1.0, asthma_text(0.55)), (0.5, asthma_text(0.9, "note:second"))]
    write_brat(texts, folder)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "1-note_a_b.ann", "1-note_a_b.txt", "2-note_second.ann", "2-note_second.txt",
        "annotation.conf",
    ]  # fmt: skip
    assert (folder / "1-note_a_b.txt").read_bytes() == TEXT.encode()
    for name in names[:4]:
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "1-note_a_b.ann").read_text(encoding="utf-8").splitlines() == [
        "T1\tDrug 0 10\tBudesonide",
        "T2\tDisease 20 26\tasthma",
        "T3\tSymptom 32 37;39 45\tnight sweats",
        "T4\tSymptom 50 55\tfever",
        "A1\tPolarity T3 negated",
        "A2\tCertainty T4 possible",
        "A3\tExperiencer T4 family",
        "R1\tTREATS Arg1:T1 Arg2:T2",
        "#1\tAnnotatorNotes T1\tdrugbank:DB01222 Budesonide",
        "#2\tAnnotatorNotes T2\tDOID:2841 asthma; doubtful: probability 0.55",
        "#3\tAnnotatorNotes T3\tHP:0030166 Night sweats",
        "#4\tAnnotatorNotes R1\tdoubtful: probability 0.60",
    ]
    quarantine = Quarantine()
    documents = read_brat(folder, quarantine)
    assert not quarantine.rows
    assert [_mentions(document) for document in documents] == [PROPOSED, PROPOSED]
    assert [(r.kind, r.head, r.tail) for r in documents[0].relations] == [("TREATS", "T1", "T2")]


def test_brat_knows_every_label_that_is_written(tmp_path: Path) -> None:
    write_brat([(1.0, asthma_text())], tmp_path / "review")
    sections = re.split(
        r"^\[(\w+)\]$", (tmp_path / "review" / "annotation.conf").read_text(), flags=re.MULTILINE
    )
    lines = {
        name: [line for line in body.splitlines() if line]
        for name, body in zip(sections[1::2], sections[2::2], strict=True)
    }
    assert list(lines) == ["entities", "relations", "events", "attributes"]
    assert lines["entities"] == ["Disease", "Drug", "Procedure", "Symptom", "Target"]
    assert "TREATS\tArg1:Drug, Arg2:Disease|Symptom" in lines["relations"]
    assert "Certainty\tArg:<ENTITY>, Value:possible|hypothetical" in lines["attributes"]


def test_a_correction_changes_what_is_trained_on(tmp_path: Path) -> None:
    """As an annotator would: fever goes, the night's sweats lose the night, cold is new."""
    file = tmp_path / "review.jsonl"
    write_doccano([(1.0, asthma_text())], file)
    row = json.loads(file.read_text(encoding="utf-8"))
    row["entities"].pop(3)
    row["entities"][2]["start_offset"] = 39
    row["entities"].append({"id": 9, "label": "Target", "start_offset": 64, "end_offset": 70})
    row["relations"] = []
    # Doccano writes an id and comments of its own.
    corrected = tmp_path / "corrected.jsonl"
    corrected.write_text(json.dumps({"id": 17, **row, "Comments": []}) + "\n", encoding="utf-8")
    quarantine = Quarantine()
    (document,) = read_annotated(corrected, quarantine, labels={})
    assert not quarantine.rows
    assert _mentions(document) == [
        *PROPOSED[:2],
        (39, 45, "Symptom", "sweats"),
        (64, 70, "Target", TEXT[64:70]),
    ]
    assert not document.relations


def _labels(labelled: Iterable[LabelledPair]) -> dict[tuple[str, str, str], str]:
    labels = {}
    for one in labelled:
        head, tail = (
            " ".join(one.pair.words[entity.start : entity.end])
            for entity in (one.pair.head, one.pair.tail)
        )
        labels[head, tail, one.task] = TASKS[one.task][one.label]
    return labels


@pytest.mark.parametrize("form", ["doccano", "brat"])
def test_relations_and_what_is_corrected_in_them_are_trained_on(form: str, tmp_path: Path) -> None:
    corpora = write_relation_corpora(tmp_path / "corpora", 12)
    out = tmp_path / ("review" if form == "brat" else "review.jsonl")
    write = write_brat if form == "brat" else write_doccano
    write([(1.0, kinase_text()), (0.5, asthma_text())], out)

    def learnt() -> dict[tuple[str, str, str], str]:
        quarantine = Quarantine()
        data = load_training_data(corpora, quarantine, out)
        assert not quarantine.rows
        mine = {d.id for d in read_annotated(out, quarantine, labels={})}
        assert len(data.pairs) > len(mine)
        assert mine <= {document.id for document in data.cdr}
        return _labels(x for x in data.pairs if x.document in mine)

    drafted = learnt()
    assert drafted == {
        ("Imatinib", "KIT", "targets"): "inhibitor",
        ("aspirin", "KIT", "targets"): "none",
        ("Budesonide", "asthma", "treats"): "treats",
        ("Budesonide", "asthma", "causes"): "none",
    }
    corrected = out / "2-note_a_b.ann" if form == "brat" else out
    text = corrected.read_text(encoding="utf-8").replace("TREATS", "CAUSES")
    corrected.write_text(text, encoding="utf-8")
    assert learnt() == drafted | {
        ("Budesonide", "asthma", "treats"): "none",
        ("Budesonide", "asthma", "causes"): "causes",
    }


def test_a_target_without_its_action_teaches_nothing(tmp_path: Path) -> None:
    file = tmp_path / "review.jsonl"
    write_doccano([(1.0, kinase_text())], file)
    file.write_text(file.read_text().replace("TARGETS-inhibitor", "TARGETS"))
    documents = read_annotated(file, Quarantine(), labels={})
    assert _labels(annotated_pairs(documents)) == {("aspirin", "KIT", "targets"): "none"}
