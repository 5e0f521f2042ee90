"""Phenotypes are found by what people write, and findings have no contradictions."""

from __future__ import annotations

import re

import pytest

from medkg.core.errors import MissingError
from medkg.mining.diagnosis.phenotypes import Phenotypes
from tests.mining.diagnosis.clinic import clinic


@pytest.fixture(scope="module")
def look() -> Phenotypes:
    return Phenotypes(clinic())


@pytest.mark.parametrize(
    ("text", "identifier", "note"),
    [
        ("HP:0000021", "HP:0000021", None),
        ("Phenotype 21", "HP:0000021", None),
        (
            "HP:0001199",
            "HP:0000011",
            r"HP:0001199 is obsolete: replaced by HP:0000011 \(phenotype 11\)",
        ),
        ("UMLS:C21", "HP:0000021", r"UMLS:C21 is taken as HP:0000021 \(phenotype 21\)"),
    ],
)
def test_what_names_a_phenotype(
    look: Phenotypes, text: str, identifier: str, note: str | None
) -> None:
    findings = look.clean([text], [])
    assert findings.present == (identifier,)
    assert len(findings.notes) == (note is not None)
    assert all(re.match(note or "", message) for message in findings.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("HP:9999999", "HP:9999999 is no phenotype of the graph"),
        ("OMIM:100001", "OMIM:100001 is a Disease and no phenotype"),
        ("SNOMEDCT:386661006", r"of another vocabulary \(SNOMEDCT\).*give a term of HP"),
        ("ward:7", r"of no vocabulary that is known \(ward\)"),
        ("greenness", "no Symptom 'greenness'"),
    ],
)
def test_what_names_none(look: Phenotypes, text: str, message: str) -> None:
    with pytest.raises(MissingError, match=message):
        look.clean([], [], ([text], []))
    findings = look.clean([text, "HP:0000021"], [])
    assert findings.present == ("HP:0000021",)
    assert findings.notes[0].startswith("left out: ")


def test_contradictions_are_settled_for_what_was_observed(look: Phenotypes) -> None:
    findings = look.clean(
        ["HP:0000111", "HP:0000021"], ["HP:0000021", "HP:0000001", "HP:0000022", "HP:0000111"]
    )
    assert findings.present == ("HP:0000111", "HP:0000021")
    assert findings.excluded == ("HP:0000022",)
    assert "HP:0000021 (phenotype 21) is both observed and excluded: observed" in findings.notes
    above = next(note for note in findings.notes if note.startswith("HP:0000001 "))
    assert "HP:0000111 (phenotype 111), which is one, is observed" in above


def test_a_kind_of_what_is_observed_may_be_excluded(look: Phenotypes) -> None:
    assert look.clean(["HP:0000001"], ["HP:0000011"]).excluded == ("HP:0000011",)


def test_each_counts_once(look: Phenotypes) -> None:
    findings = look.clean(["HP:0000011", "HP:0001199", "phenotype 11"], [])
    assert findings.present == ("HP:0000011",)
