"""What a paper states of animals alone says so; all sentences are made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import medkg
from medkg.extract.species import animals_of


@pytest.mark.parametrize(
    ("text", "animals"),
    [
        ("Twelve mice and eight Wistar rats were fed.", "mouse, rat"),
        ("A murine knockout.", "mouse"),
        ("Mice and 12 patients were compared.", ""),
        ("Aspirin lowered fever.", ""),
        ("The women kept a dog.", ""),
        ("Their ratio and dogma.", ""),
    ],
)
def test_animals_count_where_no_people_are_named(text: str, animals: str) -> None:
    assert animals_of(text) == animals


def test_statements_of_animals_say_so(tmp_path: Path) -> None:
    harm = "Cisplatin-induced nephrotoxicity in {}. We report that cisplatin caused nephrotoxicity."
    for bearers in ("mice", "patients"):
        (tmp_path / f"{bearers}.txt").write_text(harm.format(bearers), encoding="utf-8")
    evidence = medkg.read_texts(tmp_path, texts="papers").evidence.filter(relation="CAUSES")
    species = {
        (document, json.loads(qualifiers).get("species"))
        for document, qualifiers in evidence.select("document", "qualifiers").iter_rows()
    }
    assert species == {("note:mice", "mouse"), ("note:patients", None)}
