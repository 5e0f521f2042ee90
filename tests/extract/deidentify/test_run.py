"""Copies, report and key; runs that go on; graphs of texts without identifiers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import medkg
from medkg.core.atomic import folder_of_one_run
from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.extract.deidentify import run
from medkg.extract.deidentify.review import review_files
from medkg.extract.run import Summary

from ..test_document_form import TRIAL

NOTE = "Dr. Quillfeather saw Ms. Zorba on 3 March 2020 at 10:15, MRN 4455667. Parkinson disease."
SECRETS = ("Quillfeather", "Zorba", "3 March 2020", "4455667")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "zorba_quillfeather.txt").write_text(NOTE)
    (folder / "rows.jsonl").write_text(
        "".join(
            json.dumps({"id": "zorba", "text": f"{n} {NOTE}", "more": "Zorba"}) + "\n"
            for n in range(2)
        )
    )
    (folder / "bad.txt").write_bytes(b"\xff\xff\xff\x00")
    return folder


def everything(folder: Path) -> str:
    names = " ".join(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return names + " ".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_copies_hold_no_identifier_and_the_report_all(notes: Path, tmp_path: Path) -> None:
    out, quarantine = tmp_path / "out", Quarantine()
    summary = medkg.deidentify(notes, out, quarantine=quarantine)
    assert summary.documents == 3
    assert summary.kinds["NAME"] >= 6
    content = everything(out)
    assert not [secret for secret in (*SECRETS, "zorba", "quillfeather") if secret in content]
    assert "Parkinson disease" in content
    rows = [json.loads(line) for file in out.glob("tables/*.jsonl") for line in file.open()]
    assert len(rows) == 2
    assert rows[0]["id"] == rows[1]["id"] != "zorba"
    assert rows[0]["text"][1:] == rows[1]["text"][1:]  # one patient: the same surrogates
    page, table = review_files(out)
    scores = [float(row["score"]) for row in csv.DictReader(table.open())]
    assert scores == sorted(scores)
    assert all(secret in page.read_text() for secret in SECRETS)
    for file in (page, table, tmp_path / "out.key"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert quarantine.counts()
    assert not (tmp_path / ".out.parts").exists()


def test_the_same_key_gives_the_same_copies_and_another_others(notes: Path, tmp_path: Path) -> None:
    def copy(name: str, key: str) -> str:
        medkg.deidentify(notes, tmp_path / name, key_file=tmp_path / key, quarantine=Quarantine())
        return "".join(sorted(p.read_text() for p in (tmp_path / name / "texts").iterdir()))

    assert copy("a", "key1") == copy("b", "key1") != copy("c", "key2")


def test_a_run_that_was_cut_off_goes_on(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run, "_write", stop)
        medkg.deidentify(notes, out, quarantine=Quarantine())
    assert not out.exists()
    assert medkg.deidentify(notes, out, quarantine=Quarantine()).resumed == 3


def test_two_texts_of_one_name_are_not_one_given_twice(tmp_path: Path) -> None:
    files = [tmp_path / name / "note.txt" for name in ("a", "b")]
    for number, file in enumerate(files):
        file.parent.mkdir()
        file.write_text(f"{number} {NOTE}")
    for given, reason in ((files, "another document has this name"), (files[:1] * 2, "twice")):
        quarantine = Quarantine()
        assert medkg.deidentify(given, tmp_path / reason, quarantine=quarantine).documents == 1
        assert [row.row for row in quarantine if reason in row.reason] == ["note:note"]


def test_a_folder_with_other_things_is_left(notes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="other things"):
        medkg.deidentify(notes, out)
    assert (out / "mine.txt").read_text() == "x"


def test_two_runs_don_t_write_to_one_place(notes: Path, tmp_path: Path) -> None:
    with (
        folder_of_one_run(tmp_path / ".out.parts"),
        pytest.raises(DataError, match="another run"),
    ):
        medkg.deidentify(notes, tmp_path / "out", quarantine=Quarantine())


@pytest.mark.parametrize("key", [None, "my.key"])
def test_a_run_that_is_refused_leaves_nothing(tmp_path: Path, key: str | None) -> None:
    (tmp_path / "empty").mkdir()
    for given in ("empty", "absent.txt"):
        with pytest.raises(DataError):
            medkg.deidentify(tmp_path / given, tmp_path / "out", key_file=key and tmp_path / key)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_run_that_is_refused_leaves_the_key_and_the_parts_that_were_there(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(OSError, match="full"):
        patch.setattr(run, "_write", lambda *_: (_ for _ in ()).throw(OSError("full")))
        medkg.deidentify(notes, out, quarantine=Quarantine())
    before = sorted((tmp_path / ".out.parts").glob("*.json"))
    with pytest.raises(DataError):
        medkg.deidentify(tmp_path / "absent.txt", out)
    assert sorted((tmp_path / ".out.parts").glob("*.json")) == before != []
    assert (tmp_path / "out.key").exists()


def test_what_is_no_key_is_refused(notes: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short")
    with pytest.raises(DataError, match="no key"):
        medkg.deidentify(notes, tmp_path / "out", key_file=tmp_path / "key")


def test_a_graph_of_texts_without_identifiers_holds_none(notes: Path, tmp_path: Path) -> None:
    file = notes / "zorba_quillfeather.txt"
    graph = medkg.read_texts([file], deidentify_key=tmp_path / "key")
    graph.save(tmp_path / "graph")
    rows = str([graph.nodes.to_dicts(), graph.evidence.to_dicts()])
    assert "Parkinson" in rows
    assert not [secret for secret in (*SECRETS, "zorba") if secret in rows]


def test_the_component_marks_identifiers() -> None:
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("medkg_deidentify")
    doc = nlp("MRN: 4455667 of Dr. Quillfeather")
    spans = doc.spans["identifiers"]
    assert {(span.text, span.label_) for span in spans} >= {
        ("4455667", "MRN"),
        ("Quillfeather", "NAME"),
    }


def test_a_paper_by_its_form_has_no_patient_without_identifiers_either(tmp_path: Path) -> None:
    file = tmp_path / "zorba.txt"
    file.write_text(TRIAL)
    summary = Summary()
    graph = medkg.read_texts([file], deidentify_key=tmp_path / "key", summary=summary)
    assert graph.nodes.filter(kind="Patient").is_empty()
    assert (summary.papers, summary.papers_by_form) == (1, 1)
    assert not graph.nodes["id"].str.contains("zorba").any()
