"""Texts that are read from an object store, and graphs that are written to one."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from medkg.cli import app
from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.core.remote import RemoteFolder
from medkg.extract.documents import iter_documents
from medkg.graph.kg import KnowledgeGraph
from tests.extract.made_graph import graph
from tests.object_store import bucket  # noqa: F401

NOTES = {"anna/1.txt": "She has fever.", "anna/2.md": "No **cough**.", "ben/1.txt": "Asthma."}


@pytest.fixture
def notes(bucket: Any, tmp_path: Path) -> Path:  # noqa: F811
    """The same notes in a folder and at `s3://hospital/notes`, with a file that is not read."""
    for name, text in {**NOTES, "anna/scan.png": "…"}.items():
        file = tmp_path / "notes" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        bucket.put_object(Key=f"notes/{name}", Body=text.encode())
    return tmp_path / "notes"


def test_the_same_documents_as_of_a_folder(notes: Path) -> None:
    here, there = Quarantine(), Quarantine()
    address = "s3://hospital/notes"
    documents = list(iter_documents(notes, here))
    assert list(iter_documents(address, there)) == documents
    assert [document.id for document in documents] == ["note:anna/1", "note:anna/2", "note:ben/1"]
    assert [row.reason for row in there] == [row.reason for row in here]
    assert [row.path for row in there] == [f"{address}/anna/scan.png"]
    again = [document.origin for document in iter_documents(address, Quarantine())]
    assert again == [document.origin for document in iter_documents(address, Quarantine())]


def test_files_columns_and_what_is_not_there(notes: Path, bucket: Any) -> None:  # noqa: F811
    [one] = iter_documents("s3://hospital/notes/ben/1.txt", Quarantine())
    assert one.text == "Asthma."
    bucket.put_object(Key="visits.csv", Body=b"id,text\n7,Fever.\n8,Cough.\n")
    rows = iter_documents("s3://hospital/visits.csv:id,text", Quarantine())
    assert [row.text for row in rows] == ["Fever.", "Cough."]
    for address, reason in (
        ("s3://hospital/visits.csv", "is a table"),
        ("s3://hospital/nothing", "is not there"),
        ("s3://hospital/nothing.csv:text", "is not there"),
    ):
        with pytest.raises(DataError, match=reason):
            list(iter_documents(address, Quarantine()))


def test_an_object_that_the_store_withholds_is_set_aside(
    notes: Path,
    bucket: Any,  # noqa: F811
) -> None:
    bucket.put_object(Key="notes/anna/0.txt", Body=b"Archived.", StorageClass="GLACIER")
    address, quarantine = "s3://hospital/notes", Quarantine()
    documents = iter_documents(address, quarantine)
    read = [next(documents)]
    bucket.Object("notes/anna/2.md").delete()  # after it was listed
    read += documents
    assert [document.id for document in read] == ["note:anna/1", "note:ben/1"]
    withheld = {row.path: row.reason for row in quarantine if "didn't give" in row.reason}
    assert {path: reason.partition(": ")[2] for path, reason in withheld.items()} == {
        f"{address}/anna/0.txt": "permission denied",
        f"{address}/anna/2.md": "is not there",
    }
    # Of one that was given by its own name, the user is told.
    with pytest.raises(DataError, match=r"anna/0\.txt: can't be used"):
        list(iter_documents(f"{address}/anna/0.txt", Quarantine()))


def test_a_key_longer_than_a_file_s_name_may_be(bucket: Any) -> None:  # noqa: F811
    long = "b." + "x" * 300
    bucket.put_object(Key=f"long/{long}.txt", Body=b"Fever.")
    bucket.put_object(Key=f"long/other.{long}.TXT.gz", Body=gzip.compress(b"Cough."))
    bucket.put_object(Key=f"alone.{long}", Body=b"Asthma.")
    address = "s3://hospital/long"
    read = list(iter_documents(address, Quarantine()))
    assert [(document.id, document.text) for document in read] == [
        (f"note:{long}", "Fever."),
        (f"note:other.{long}", "Cough."),
    ]
    # What a run that goes on knows a document by doesn't depend on its copy's number.
    bucket.put_object(Key="long/a.txt", Body=b"Rash.")
    again = list(iter_documents(address, Quarantine()))
    assert again[1:] == read
    assert [each.origin for each in again[1:]] == [each.origin for each in read]
    [alone] = iter_documents(f"s3://hospital/alone.{long}", Quarantine())
    assert alone.text == "Asthma."


def test_a_copy_is_its_owner_s_alone_and_goes_when_it_is_read(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "temporary"
    home.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    for _ in iter_documents("s3://hospital/notes", Quarantine()):
        copies = [file for file in home.rglob("*") if file.suffix in (".txt", ".md")]
        assert len(copies) == 1
        for path in (copies[0], copies[0].parent):
            assert path.stat().st_mode & 0o077 == 0
    assert list(home.iterdir()) == []


@pytest.mark.slow
def test_a_graph_goes_to_an_address_and_an_interrupted_run_goes_on(
    notes: Path,
    bucket: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEDKG_CACHE", str(tmp_path / "cache"))
    graph().save(tmp_path / "terms")
    options = ["--json", "--graph", str(tmp_path / "terms")]
    command = ["extract", "s3://hospital/notes", *options]
    address = "s3://hospital/graphs/notes"

    def fails(*files: object) -> None:
        raise OSError("the network is gone")

    with monkeypatch.context() as context:
        context.setattr(RemoteFolder, "send", fails)
        assert CliRunner().invoke(app, [*command, "--out", address]).exit_code != 0
    result = CliRunner().invoke(app, [*command, "--out", address])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["written"], report["resumed"]) == (address, len(NOTES))
    assert report["quarantine"] == f"{address}.quarantine.jsonl"
    assert not [file for file in (tmp_path / "cache" / "remote").rglob("*") if file.is_file()]
    local = ["extract", str(notes), *options, "--out", str(tmp_path / "local")]
    assert CliRunner().invoke(app, local).exit_code == 0
    copy = tmp_path / "copy"
    there = RemoteFolder(address)
    for file in there.files():
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        there.fetch(file, copy / file)
    mine, theirs = (KnowledgeGraph.open(each) for each in (tmp_path / "local", copy))
    assert mine.edges.height > 0
    assert mine.edges.equals(theirs.edges)
