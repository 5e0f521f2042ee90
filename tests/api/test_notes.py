"""The notes that ship with the package, and their annotations, are what their README says."""

import json
from importlib.resources import files
from typing import Any

import pytest

NOTES = files("medkg") / "data" / "notes"

VALUES = {
    "kind": {"Disease", "Symptom", "Drug", "Target", "Procedure"},
    "polarity": {"asserted", "negated"},
    "certainty": {"certain", "possible", "hypothetical"},
    "experiencer": {"patient", "family"},
    "temporality": {"current", "historical"},
}
KINDS = {
    "TREATS": ({"Drug"}, {"Disease"}),
    "CAUSES": ({"Drug"}, {"Disease", "Symptom"}),
    "TARGETS": ({"Drug"}, {"Target"}),
    "HAS_SYMPTOM": ({"Disease"}, {"Symptom"}),
}


@pytest.fixture(scope="module")
def gold() -> list[dict[str, Any]]:
    lines = (NOTES / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read(document: str) -> str:
    return (NOTES / f"{document}.txt").read_bytes().decode("utf-8")


def test_every_text_is_annotated_once(gold: list[dict[str, Any]]) -> None:
    texts = sorted(f.name.removesuffix(".txt") for f in NOTES.iterdir() if f.name.endswith(".txt"))
    assert [row["document"] for row in gold] == texts
    assert len(texts) >= 24
    assert sum(name.startswith("note-") for name in texts) >= 14
    assert sum(name.startswith("abstract-") for name in texts) >= 10


def test_texts_are_plain_and_of_a_notes_length(gold: list[dict[str, Any]]) -> None:
    texts = [read(row["document"]) for row in gold]
    assert all("\r" not in text and "\t" not in text for text in texts)
    assert all(80 <= len(text.split()) <= 260 for text in texts)
    assert any("µg" in text for text in texts)


def test_spans_hold_their_text(gold: list[dict[str, Any]]) -> None:
    for row in gold:
        text = read(row["document"])
        end = 0
        for mention in row["mentions"]:
            assert end <= mention["start"] < mention["end"] <= len(text), row["document"]
            assert text[mention["start"] : mention["end"]] == mention["text"]
            end = mention["end"]


def test_values_are_allowed_and_each_occurs(gold: list[dict[str, Any]]) -> None:
    mentions = [mention for row in gold for mention in row["mentions"]]
    for field, allowed in VALUES.items():
        assert {mention[field] for mention in mentions} == allowed
    assert all(mention["name"] is None or mention["name"].strip() for mention in mentions)


def test_relations_join_mentions_of_the_right_kinds(gold: list[dict[str, Any]]) -> None:
    seen = set()
    for row in gold:
        kind = {mention["id"]: mention["kind"] for mention in row["mentions"]}
        assert len(kind) == len(row["mentions"])
        triples = [(r["head"], r["relation"], r["tail"]) for r in row["relations"]]
        assert len(set(triples)) == len(triples)
        for head, relation, tail in triples:
            heads, tails = KINDS[relation]
            assert kind[head] in heads
            assert kind[tail] in tails
            seen.add(relation)
    assert seen == set(KINDS)
