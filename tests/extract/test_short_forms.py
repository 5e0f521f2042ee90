"""What notes write short."""

from __future__ import annotations

import pytest

from medkg.extract import sentences as _sentences  # noqa: F401 (registers the component)
from medkg.extract.corpora.labels import MENTION_KINDS
from medkg.extract.short_forms import short_forms, with_short_forms

from .marked import marked, pipeline


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTN, CKD", [("HTN", "Disease"), ("CKD", "Disease")]),
        ("htn; HTNs; a HTN-like state", []),
        ("Na 138, K of 4.2", [("Na", "Procedure"), ("K", "Procedure")]),
        ("vitamin K was given, K 40 mEq PO", []),
        ("HTN/HLD", [("HTN", "Disease"), ("HLD", "Disease")]),
        ("[pCO2 38|Procedure] mmHg", [("pCO2", "Procedure")]),
        ("[eGFR|Target] 45", [("eGFR", "Procedure")]),
        ("[CAD risk score|Procedure]", [("CAD risk score", "Procedure")]),
        ("denies [CP|Drug] and [PO|Procedure]", []),
        ("hydroxytryptamine notes (HTN). [HTN|Target]", [("HTN", "Target")]),
        ("PMH: HTN", [("HTN", "Disease")]),
    ],
)
def test_short_forms_are_mentions(text: str, expected: list[tuple[str, str]]) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    found = with_short_forms(doc, doc.spans["mentions"])
    assert [(mention.text, mention.label_) for mention in found] == expected


def test_the_table_is_sound() -> None:
    for short, form in short_forms().items():
        assert form.kind in (*MENTION_KINDS, "none"), short
        assert not form.long or form.kind in ("Disease", "Symptom"), short
