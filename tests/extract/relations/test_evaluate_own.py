"""Relations of one's own annotated text (brat, Doccano, PubTator), scored.

brat's form: https://brat.nlplab.org/standoff.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.extract.annotated import AnnotatedText, Mention, Related
from medkg.extract.relations.evaluate import evaluate_relations
from medkg.extract.review import write_brat, write_doccano

TEXT = (
    "Imatinib inhibits KIT. Budesonide is indicated for the treatment of asthma. "
    "Warfarin is contraindicated in haemophilia. Salbutamol does not cause nausea."
)
KINDS = {
    "Imatinib": "Drug",
    "KIT": "Target",
    "Budesonide": "Drug",
    "asthma": "Disease",
    "Warfarin": "Drug",
    "haemophilia": "Disease",
    "nausea": "Symptom",
    "Salbutamol": "Drug",
}
NAMES = list(KINDS)
STATED = [
    ("Imatinib", "TARGETS-inhibitor", "KIT"),
    ("Budesonide", "TREATS", "asthma"),
    ("Warfarin", "CONTRAINDICATED_FOR", "haemophilia"),
]


def annotated(stated: list[tuple[str, str, str]] = STATED) -> list[tuple[float, AnnotatedText]]:
    mentions = tuple(
        Mention(TEXT.index(n), TEXT.index(n) + len(n), n, kind, 1.0, None, None, 0.0, ())
        for n, kind in KINDS.items()
    )
    relations = []
    for head, name, tail in stated:
        relation, _, action = name.partition("-")
        ends = NAMES.index(head), NAMES.index(tail)
        relations.append(Related(ends[0], relation, ends[1], 0.9, action or None))
    return [(1.0, AnnotatedText("one", TEXT, mentions, (), tuple(relations)))]


def rows(corpus: Path, **more: Any) -> dict[tuple[str, str], tuple[float, float, int]]:
    table = evaluate_relations(None, corpus, **more)
    return {
        (r["relation"], r["method"]): (r["precision"], r["recall"], r["true"])
        for r in table.iter_rows(named=True)
    }


@pytest.mark.parametrize("form", ["brat", "jsonl"])
def test_what_is_exported_for_correction_is_scored(form: str, tmp_path: Path) -> None:
    out = tmp_path / ("review" if form == "brat" else "review.jsonl")
    (write_brat if form == "brat" else write_doccano)(annotated(), out)
    scores = rows(out)
    assert scores == rows(out, format=form)
    assert {key for key, _ in scores} == {"TARGETS", "TREATS", "CONTRAINDICATED_FOR"}
    assert scores["TARGETS", "medkg"] == (1, 1, 1)
    assert scores["TREATS", "medkg"] == (1, 1, 1)
    assert scores["CONTRAINDICATED_FOR", "medkg"] == (1, 1, 1)
    # Each sentence has one pair, and the denied one is a pair too.
    assert scores["TREATS", "all pairs of a sentence"] == (0.3333, 1, 1)
    assert scores["TARGETS", "all pairs of a sentence"] == (1, 1, 1)


def test_an_action_must_be_right_where_the_corpus_gives_it(tmp_path: Path) -> None:
    write_brat(annotated([("Imatinib", "TARGETS-agonist", "KIT")]), tmp_path / "wrong")
    assert rows(tmp_path / "wrong")["TARGETS", "medkg"] == (0, 0, 1)
    write_brat(annotated([("Imatinib", "TARGETS", "KIT")]), tmp_path / "none")
    assert rows(tmp_path / "none")["TARGETS", "medkg"] == (1, 1, 1)


def test_missed_and_denied_relations_count(tmp_path: Path) -> None:
    stated = [*STATED, ("Warfarin", "TREATS", "asthma"), ("Salbutamol", "CAUSES", "nausea")]
    write_brat(annotated(stated), tmp_path / "brat")
    scores = rows(tmp_path / "brat")
    assert scores["TREATS", "medkg"] == (1, 0.5, 2)
    assert scores["CAUSES", "medkg"] == (0, 0, 1)


def brat(folder: Path, *annotations: str) -> Path:
    folder.mkdir()
    (folder / "1.txt").write_text(TEXT, encoding="utf-8")
    mentions = []
    for number, (name, kind) in enumerate(KINDS.items(), start=1):
        start = TEXT.index(name)
        mentions.append(f"T{number}\t{kind} {start} {start + len(name)}\t{name}")
    lines = "\n".join([*mentions, *annotations])
    (folder / "1.ann").write_text(lines + "\n", encoding="utf-8")
    return folder


def test_what_can_t_be_scored_is_set_aside(tmp_path: Path) -> None:
    corpus = brat(
        tmp_path / "brat",
        "R1\tTREATS Arg1:T3 Arg2:T4",
        "R2\tTREATS Arg1:T4 Arg2:T6",
        "R3\tNEAR Arg1:T3 Arg2:T4",
        "R4\tTREATS Arg1:T3 Arg2:T99",
        "R5 TREATS",
    )
    aside = Quarantine()
    assert rows(corpus, quarantine=aside)["TREATS", "medkg"] == (1, 1, 1)
    assert [(row.reason, row.line) for row in aside.rows] == [
        ("not the form KEY, tab, KIND Arg1:KEY Arg2:KEY", 13),
        ("relation of an unknown mention", 12),
        ("relation between kinds that it doesn't join", None),
        ("relation that medkg does not find", None),
    ]
    assert aside.rows[2].row == "1\tTREATS\tT4\tT6"
    assert not any("asthma" in row.row for row in aside.rows)


def test_an_annotator_may_begin_at_either_end(tmp_path: Path) -> None:
    corpus = brat(tmp_path / "brat", "R1\tTREATS Arg1:T4 Arg2:T3")
    assert rows(corpus)["TREATS", "medkg"] == (1, 1, 1)


def test_other_labels_are_named_by_the_user(tmp_path: Path) -> None:
    corpus = brat(tmp_path / "brat", "R1\tTREATS Arg1:T3 Arg2:T4")
    file = corpus / "1.ann"
    file.write_text(file.read_text().replace("\tDrug ", "\tSubstance "))
    with pytest.raises(DataError, match=r"Substance \(4\); say --label Substance=KIND"):
        rows(corpus)
    assert rows(corpus, labels={"Substance": "Drug"})["TREATS", "medkg"] == (1, 1, 1)


def test_mentions_with_one_identifier_are_one_concept(tmp_path: Path) -> None:
    text = "Budesonide, or BUD, is indicated for the treatment of asthma."
    folder = tmp_path / "brat"
    folder.mkdir()
    (folder / "1.txt").write_text(text, encoding="utf-8")
    mentions = "T1\tDrug 0 10\tBudesonide\nT2\tDrug 15 18\tBUD\nT3\tDisease 54 60\tasthma\n"
    for number, more in enumerate(["", "N1\tReference T1 X:1\tb\nN2\tReference T2 X:1\tb\n"]):
        (folder / "1.ann").write_text(
            f"{mentions}R1\tTREATS Arg1:T1 Arg2:T3\nR2\tTREATS Arg1:T2 Arg2:T3\n{more}"
        )
        assert rows(folder)["TREATS", "all pairs of a sentence"][2] == 2 - number


def test_a_corpus_without_relations_is_refused(tmp_path: Path) -> None:
    corpus = brat(tmp_path / "brat", "R1\tNEAR Arg1:T3 Arg2:T4")
    with pytest.raises(DataError, match=r"holds no relation to score .*; it holds NEAR \(1\)"):
        rows(corpus)
    empty = brat(tmp_path / "empty")
    with pytest.raises(DataError, match="it holds none"):
        rows(empty)


def test_pubtator_with_relations_under_medkg_s_names(tmp_path: Path) -> None:
    title = "Budesonide is indicated for the treatment of asthma."
    lines = [
        f"1|t|{title}",
        "1|a|",
        "1\t0\t10\tBudesonide\tChemical\tD019819",
        "1\t45\t51\tasthma\tDisease\tD001249",
    ]
    corpus = tmp_path / "own.txt"
    corpus.write_text("\n".join([*lines, "1\tTREATS\tD019819\tD001249", ""]), encoding="utf-8")
    assert rows(corpus)["TREATS", "medkg"] == (1, 1, 1)
    corpus.write_text("\n".join([*lines, ""]), encoding="utf-8")
    with pytest.raises(DataError, match=r"\(CID, or TARGETS, CAUSES.*it holds none"):
        rows(corpus)
