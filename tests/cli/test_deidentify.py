"""`medkg deidentify` from the command line: copies, review, key, styles and what is refused."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medkg.cli.app import app

from ..modes import readable_by_others

pytest.importorskip("presidio_analyzer")

FIRST = (
    "Dr. Quillfeather saw Ms. Amara Zorba on 3 March 2020. MRN 4455667. Bell's palsy."
    " A 94-year-old."
)
SECOND = "Seen by Dr. Halloumi and then by Dr. Quillfeather on 17 March 2020. Ms. Zorba is better."


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "notes.csv"
    with file.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["patient", "text"])
        writer.writerows([["zorba", FIRST], ["zorba", SECOND]])
    return file


def deidentify(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["deidentify", *map(str, arguments)])
    return result.exit_code, result.output


def texts_of(out: Path) -> list[str]:
    return [row["text"] for file in out.glob("tables/*.csv") for row in csv.DictReader(file.open())]


def test_copies_are_written_and_what_to_look_through_is_named(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed = deidentify(f"{rows}:patient,text", "--out", out)
    assert code == 0
    assert "2 documents" in printed
    assert "out.review.html" in printed.replace("\n", "")
    first, second = texts_of(out)
    assert "Bell's palsy" in first
    assert "A 90+-year-old" in first
    assert not re.search(r"Quillfeather|Zorba|Amara|4455667", first + second)
    # The secret is drawn anew: a date may be moved to another day of the same month.
    assert not re.search(r"\b3 March 2020", first)
    assert "17 March 2020" not in second
    for file in (tmp_path / "out.review.html", tmp_path / "out.review.csv", tmp_path / "out.key"):
        assert file.exists()
        assert not readable_by_others(file)
    with (tmp_path / "out.review.csv").open() as table:
        review = list(csv.DictReader(table))
    assert {row["written"] for row in review} >= {"Quillfeather", "4455667", "3 March 2020"}
    assert all(row["replacement"] in first + second for row in review)


def test_tags_are_the_same_for_a_person_in_all_texts_of_a_patient(
    rows: Path, tmp_path: Path
) -> None:
    code, _ = deidentify(f"{rows}:patient,text", "--out", tmp_path / "out", "--with", "tags")
    assert code == 0
    first, second = texts_of(tmp_path / "out")
    assert first.startswith("Dr. [NAME-1] saw Ms. [NAME-2] on [DATE-1]. MRN [MRN-1].")
    assert second.startswith("Seen by Dr. [NAME-3] and then by Dr. [NAME-1] on [DATE-2].")
    assert "Ms. [NAME-2] is better" in second


def test_json_tells_where_everything_lies_and_what_was_replaced(rows: Path, tmp_path: Path) -> None:
    out, key = tmp_path / "out", tmp_path / "secret"
    code, printed = deidentify(f"{rows}:patient,text", "--out", out, "--key", key, "--json")
    report = json.loads(printed)
    assert code == 0
    assert report["documents"] == 2
    assert report["kinds"]["MRN"] == 1
    assert report["key"] == str(key)
    assert key.exists()
    assert not (tmp_path / "out.key").exists()
    assert Path(report["review"]).exists()
    assert Path(report["table"]).exists()
    assert report["words_per_second"] > 0


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    code, printed = deidentify(tmp_path / "nowhere.txt", "--out", tmp_path / "out")
    assert code != 0
    assert not (tmp_path / "out").exists()
    (tmp_path / "note.txt").write_text(FIRST)
    both = ("--notes", "--papers")
    code, printed = deidentify(tmp_path / "note.txt", "--out", tmp_path / "out", *both)
    assert code == 2
    assert "or neither" in printed
    code, printed = deidentify(tmp_path / "note.txt", "--out", tmp_path / "out", "--with", "stars")
    assert code == 2
    assert "surrogates" in re.sub(r"\s+", " ", printed)
    assert not (tmp_path / "out").exists()
