"""What a diagnosis starts from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medkg.diagnose import phenotypes
from medkg.graph.errors import DataError, MissingError
from tests.graph.graphs import small


def case(identifier: str) -> str:
    """A phenopacket of schema 2.0: one phenotype seen, one looked for and not found."""
    return json.dumps(
        {
            "id": identifier,
            "subject": {"id": identifier},
            "phenotypicFeatures": [
                {"type": {"id": "HP:0002027", "label": "Abdominal pain"}},
                {"type": {"id": "HP:0000969", "label": "Edema"}, "excluded": True},
            ],
            "metaData": {"phenopacketSchemaVersion": "2.0"},
        }
    )


def test_names_identifiers_and_a_phenopacket_give_phenotypes(tmp_path: Path) -> None:
    assert phenotypes(small(), ["stomach ache"], ["HP:0000969"], None, None) == (
        ["HP:0002027"],
        ["HP:0000969"],
    )
    (tmp_path / "case.json").write_text(case("one"))
    assert phenotypes(small(), [], [], None, tmp_path / "case.json") == (
        ["HP:0002027"],
        ["HP:0000969"],
    )


def test_a_note_is_read_for_what_the_patient_has_and_lacks(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("She has abdominal pain. There is no edema.")
    assert phenotypes(small(), [], [], note, None) == (["HP:0002027"], ["HP:0000969"])
    note.write_text("Well today.")
    with pytest.raises(DataError, match=r"note\.txt: no phenotype"):
        phenotypes(small(), [], [], note, None)


def test_several_patients_and_unknown_names_are_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(case(name))
    with pytest.raises(DataError, match="has 2 patients"):
        phenotypes(small(), [], [], None, tmp_path)
    with pytest.raises(MissingError, match="no Symptom 'Imatinib'"):
        phenotypes(small(), ["Imatinib"], [], None, None)
