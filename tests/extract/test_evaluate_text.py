"""Scores of notes on small made-up gold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from medkg.core.errors import DataError
from medkg.extract.corpora.gold import read_gold
from medkg.extract.evaluate_text import evaluate_notes
from medkg.extract.pipeline import build_pipeline
from medkg.extract.relations.evaluate_rules import evaluate_symptoms
from tests.extract.made_graph import graph

TEXT = "He takes aspirin. No fever was found. Marfan syndrome is characterised by dyspnea."
MENTIONS = [
    ("aspirin", "Drug", "Aspirin", {}),
    ("fever", "Symptom", "Fever", {"polarity": "negated"}),
    ("Marfan syndrome", "Disease", "Marfan syndrome", {}),
    ("dyspnea", "Symptom", "Dyspnoea", {}),
]
PLAIN = {
    "polarity": "asserted",
    "certainty": "certain",
    "experiencer": "patient",
    "temporality": "current",
}


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    mentions = [
        {
            "id": f"m{n}",
            "start": TEXT.index(text),
            "end": TEXT.index(text) + len(text),
            "text": text,
            "kind": kind,
            "name": name,
            **PLAIN,
            **values,
        }
        for n, (text, kind, name, values) in enumerate(MENTIONS)
    ]
    relations = [{"head": "m2", "relation": "HAS_SYMPTOM", "tail": "m3"}]
    row = {"document": "a", "mentions": mentions, "relations": relations}
    (tmp_path / "gold.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def test_a_folder_without_gold_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no gold\.jsonl"):
        read_gold(tmp_path)


def test_a_text_that_breaks_a_component_is_said(gold: Path) -> None:
    nlp, kg = build_pipeline(graph()), graph()
    nlp.max_length = len(TEXT) - 1
    with pytest.raises(DataError, match="1 of its texts can't be scored: document is too long"):
        evaluate_notes(gold, nlp, kg)


def test_notes_are_scored_part_by_part(gold: Path) -> None:
    torch.set_num_threads(1)
    nlp = build_pipeline(graph())
    parts = {row["part"]: row for row in evaluate_notes(gold, nlp, graph()).iter_rows(named=True)}
    assert parts["mentions"]["true"] == 4
    assert parts["mentions"]["f1"] == 1.0
    assert parts["links"]["f1"] == 1.0
    assert parts["context of mentions found: negated"]["f1"] == 1.0
    assert parts["relations: HAS_SYMPTOM"]["f1"] == 1.0
    assert parts["relations: TREATS"]["true"] == 0


def test_a_missed_mention_costs_recall_and_its_relation(gold: Path) -> None:
    torch.set_num_threads(1)
    nlp = build_pipeline(graph())
    row = json.loads((gold / "gold.jsonl").read_text(encoding="utf-8"))
    start = TEXT.index("found")
    row["mentions"].append({**row["mentions"][0], "id": "m9", "start": start, "end": start + 5,
                            "text": "found", "kind": "Disease", "name": None})  # fmt: skip
    row["relations"].append({"head": "m9", "relation": "HAS_SYMPTOM", "tail": "m3"})
    (gold / "gold.jsonl").write_text(json.dumps(row), encoding="utf-8")
    parts = {r["part"]: r for r in evaluate_notes(gold, nlp, graph()).iter_rows(named=True)}
    assert parts["mentions"]["recall"] == 0.8
    assert parts["relations: HAS_SYMPTOM"]["recall"] == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mentions": [{"start": 0, "end": 2, "text": "xx"}]}, "mention 1, at 0 to 2"),
        ({"mentions": [{"start": 0}]}, "lacks a field"),
        ({"document": "missing"}, "can't be read"),
    ],
)
def test_gold_that_does_not_fit_is_refused(
    gold: Path, change: dict[str, object], message: str
) -> None:
    row = json.loads((gold / "gold.jsonl").read_text(encoding="utf-8"))
    (gold / "gold.jsonl").write_text(json.dumps({**row, **change}), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_gold(gold)


def test_the_rules_for_symptoms_beat_all_pairs_on_real_sentences(shared_data: Path) -> None:
    table = evaluate_symptoms(shared_data / "corpora" / "maccrobat" / "maccrobat.tar.xz", "dev")
    f1 = dict(table.select("method", "f1").iter_rows())
    assert f1["rules"] > f1["all pairs"] + 0.1
