"""From one's own annotations to a model, its scores, and a graph, at the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from medkg.cli import main
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.pubtator import read_pubtator
from medkg.graph.kg import KnowledgeGraph
from medkg.reports import ner_figures
from tests.extract.made_corpus import write_corpus
from tests.graph.graphs import small


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["medkg", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture(scope="module")
def doccano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of Doccano with labels of the annotators' own, and a bad row in it."""
    folder = tmp_path_factory.mktemp("own")
    made = write_corpus(folder, train=40, development=1) / "made" / "train.pubtator.txt"
    labels = {"Chemical": "Substance", "Disease": "Disease"}
    rows = [
        {
            "id": n,
            "text": document.text,
            "label": [[m.start, m.end, labels[m.kind]] for m in document.mentions],
            "document": f"note:{n}",
        }
        for n, document in enumerate(read_pubtator(made, Quarantine()))
    ]
    rows[3]["label"] = [[0, 99_999, "Disease"]]
    path = folder / "ward.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_annotations_become_a_model_and_a_graph(
    doccano: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = tmp_path / "model"
    train = ["train", "ner", doccano, "--model", "crf", "--out", model, "--json"]
    code, _, err = run(monkeypatch, capsys, *train)
    assert code == 1
    assert "Substance (" in err
    assert "--label Substance=KIND" in err
    assert not model.exists()
    code, _, err = run(monkeypatch, capsys, *train, "--label", "Substance")
    assert (code, "give LABEL=KIND" in err) == (1, True)
    code, out, err = run(monkeypatch, capsys, *train, "--label", "Substance=Drug")
    assert code == 0
    assert json.loads(out)["ward"]["micro"]["f1"] > 0.9
    assert "set aside: 1 × offsets don't match the text (" in err
    assert "ward.jsonl, line 4)" in err
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    assert config["documents"] == {"ward": {"train": 32, "development": 8}}
    assert len(config["held_out"]["ward"]) == 8

    score = ["evaluate", "ner", "--corpus", doccano, "--label", "Substance=", "--model", model]
    code, out, _ = run(monkeypatch, capsys, *score, "--model", model, "--head", "ward", "--json")
    assert code == 0
    rows = json.loads(out)
    assert [(r["model"], r["head"], r["kind"]) for r in rows[:2]] == [
        (str(model), "ward", "Disease"),
        (str(model), "ward", "micro"),
    ]
    assert len(rows) == 4
    code, out, err = run(monkeypatch, capsys, *score)
    assert code == 0
    assert "trained_on" not in out
    assert f"{model} was trained on 32 of these 40 documents" in " ".join(err.split())

    note = tmp_path / "note.txt"
    note.write_text("Lumirol relieved night palsy in 7 patients.", encoding="utf-8")
    small().save(tmp_path / "terms")
    code, _, err = run(
        monkeypatch,
        capsys,
        *["extract", note, "--model", model, "--graph", tmp_path / "terms"],
        *["--out", tmp_path / "graph"],
    )
    assert code == 0, err
    names = set(KnowledgeGraph.open(tmp_path / "graph").nodes["name"].str.to_lowercase())
    assert {"lumirol", "night palsy"} <= names


def test_figures_are_a_row_for_each_corpus_and_kind() -> None:
    score = {"precision": 0.5, "recall": 1.0, "f1": 0.667}
    rows = ner_figures({"ward": {"Drug": score, "micro": score}, "own": {"micro": score}})
    assert rows.columns == ["corpus", "kind", *score]
    assert rows.select("corpus", "kind").rows() == [
        ("ward", "Drug"), ("ward", "micro"), ("own", "micro"),
    ]  # fmt: skip
