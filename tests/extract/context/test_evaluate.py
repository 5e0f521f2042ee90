"""The scores of context and of values, on texts whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.extract.context.attributes import DEFAULTS
from medkg.extract.context.evaluate import evaluate_context, maccrobat, own_sentences
from medkg.extract.context.evaluate_values import evaluate_values
from medkg.graph.frames import EVIDENCE_VALUES


def test_the_own_sentences_are_whole() -> None:
    texts = own_sentences("dev") + own_sentences("test")
    assert len(texts) >= 300
    assert len({text.text for text in texts}) == len(texts)
    for text in texts:
        assert text.mentions
        for labelled in text.mentions:
            inside = text.text[labelled.mention.start : labelled.mention.end]
            assert inside == inside.strip() != ""
            assert all(labelled.attributes[name] in EVIDENCE_VALUES[name] for name in DEFAULTS)


def test_the_rules_do_better_than_the_baselines_on_their_development_sentences() -> None:
    rows = evaluate_context(part="dev").iter_rows(named=True)
    f1 = {(row["method"], row["value"]): row["f1"] for row in rows}
    for value in ("negated", "possible", "hypothetical", "historical", "family"):
        assert f1["medkg_context", value] > 0.9
        assert f1["all asserted", value] == 0
    assert f1["medkg_context", "negated"] > f1["NegEx", "negated"] + 0.2


def test_a_part_that_is_not_there() -> None:
    with pytest.raises(DataError, match="no part 'train'; one of dev, test"):
        evaluate_context(part="train")


@pytest.fixture
def brat(tmp_path: Path) -> Path:
    """A brat folder (https://brat.nlplab.org/standoff.html) with MACCROBAT's attributes."""
    text = "No fever. The rash has resolved. Gout is suspected. Hb was 9.2 g/dL.\n"
    entities = [
        ("Sign_symptom", "fever"), ("Sign_symptom", "rash"), ("Disease_disorder", "Gout"),
        ("Diagnostic_procedure", "Hb"), ("Lab_value", "9.2 g/dL"),
    ]  # fmt: skip
    lines = []
    for number, (kind, words) in enumerate(entities, start=1):
        start = text.index(words)
        lines += [f"T{number}\t{kind} {start} {start + len(words)}\t{words}"]
        lines += [f"E{number}\t{kind}:T{number} "]
    lines += ["A1\tPOLARITY E1 NEG", "A2\tPOLARITY E2 NEG", "A3\tPOLARITY E3 UNCERTAIN"]
    lines += ["R1\tMODIFY Arg1:E5 Arg2:E4\t"]
    (tmp_path / "1.txt").write_text(text, encoding="utf-8")
    (tmp_path / "1.ann").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_maccrobat_s_polarity(brat: Path) -> None:
    (document,) = maccrobat(brat, "dev")
    assert [labelled.attributes.get("polarity") for labelled in document.mentions] == [
        "negated", "negated", "asserted", "asserted",
    ]  # fmt: skip
    rows = {
        row["value"]: row
        for row in evaluate_context(brat, "dev").iter_rows(named=True)
        if row["method"] == "medkg_context"
    }
    # What is over is historical here, and NEG there: only "absent" counts it as found.
    assert (rows["negated"]["precision"], rows["negated"]["recall"]) == (1, 0.5)
    assert (rows["absent"]["f1"], rows["possible"]["f1"]) == (1, 1)


def test_values_are_scored_by_what_modifies_the_test(brat: Path) -> None:
    (row,) = evaluate_values(brat).filter(what="number").iter_rows(named=True)
    assert (row["f1"], row["true"]) == (1, 1)


def test_notes_of_one_s_own(tmp_path: Path) -> None:
    context = {"polarity": "negated", "certainty": "certain", "experiencer": "patient",
            "temporality": "current"}  # fmt: skip
    mention = {"start": 3, "end": 8, "text": "fever", "kind": "Symptom", **context}
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps({"document": "a", "mentions": [mention]}), encoding="utf-8")
    (tmp_path / "a.txt").write_text("No fever.", encoding="utf-8")
    rows = evaluate_context(tmp_path).filter(method="medkg_context", value="negated")
    assert rows["f1"].to_list() == [1]
    (tmp_path / "a.txt").write_text("No  fever.", encoding="utf-8")
    with pytest.raises(DataError, match="offsets"):
        evaluate_context(tmp_path)
