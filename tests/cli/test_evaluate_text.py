"""`medkg evaluate ner`, `relations` and `linking` of a brat folder, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_train_ner import run

TEXT = "Imatinib inhibits KIT. It is indicated for the treatment of chest pain."


@pytest.fixture
def brat(tmp_path: Path) -> Path:
    folder = tmp_path / "brat"
    folder.mkdir()
    (folder / "1.txt").write_text(TEXT, encoding="utf-8")
    lines = ["R1\tTARGETS-inhibitor Arg1:T1 Arg2:T2", "N1\tReference T3 HP:0100749\tchest pain",
             "N2\tReference T2", "R2\tNEAR Arg1:T1 Arg2:T2"]  # fmt: skip
    for number, (name, label) in enumerate(
        [("Imatinib", "Substance"), ("KIT", "Gene"), ("chest pain", "Symptom")], start=1
    ):
        start = TEXT.index(name)
        lines.append(f"T{number}\t{label} {start} {start + len(name)}\t{name}")
    (folder / "1.ann").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("what", ["ner", "relations", "linking"])
def test_a_brat_folder_is_scored(
    what: str,
    brat: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = ("evaluate", what, "--corpus", brat)
    code, _, err = run(monkeypatch, capsys, *call)
    assert code == 1
    assert "Substance (1); say --label Substance=KIND" in err
    more = ("--format", "brat", "--label", "Substance=Drug", "--json")
    code, out, err = run(monkeypatch, capsys, *call, *more)
    assert code == 0
    assert "1.ann, line 3" in err
    assert "KIT" not in err
    rows = json.loads(out)
    if what == "relations":
        assert "1 × relation that medkg does not find" in err
        assert {(r["relation"], r["method"]): r["f1"] for r in rows}["TARGETS", "medkg"] == 1
    if what == "linking":
        # Without --names, the names that `extract` links to: HPO's are among them.
        scored = {(r["kind"], r["method"]): r for r in rows}["Symptom", "linker"]
        assert (scored["mentions"], scored["accuracy"]) == (1, 1.0)
    if what == "ner":
        assert {r["kind"]: r["gold"] for r in rows}["micro"] == 3


def test_a_corpus_with_nothing_to_score_says_so(
    brat: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mentions = [line for line in (brat / "1.ann").read_text().splitlines() if line[0] == "T"]
    (brat / "1.ann").write_text("\n".join(mentions) + "\n", encoding="utf-8")
    for what, message in (("relations", "holds no relation"), ("linking", "has an identifier")):
        call = ("evaluate", what, "--corpus", brat, "--label", "Substance=Drug")
        code, _, err = run(monkeypatch, capsys, *call)
        assert code == 1
        assert message in err
