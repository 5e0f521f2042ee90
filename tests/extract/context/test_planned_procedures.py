"""Procedures that a note asks for are hypothetical, those that it tells of are not."""

from __future__ import annotations

import pytest

from ..marked import marked, pipeline


def certainties(text: str, *, note: bool = True) -> list[str]:
    doc = marked(pipeline("medkg_sentences", "medkg_context"), text, note=note)
    return [m._.certainty for m in doc.spans["mentions"] if m.label_ == "Procedure"]


@pytest.mark.parametrize(
    "text",
    [
        "[MRI|Procedure] tomorrow.",
        "[Colonoscopy|Procedure] planned.",
        "For [echocardiogram|Procedure] next week.",
        "She will have a [biopsy|Procedure] on Friday.",
        "Please organise a [colonoscopy|Procedure].",
        "[Echocardiogram|Procedure] to be done as outpatient.",
        "I have requested an [ultrasound|Procedure] of the thyroid.",
        "Order [chest X-ray|Procedure].",
        "She has been booked for an [MRI|Procedure].",
        "He is to be scheduled for [biopsy|Procedure].",
        "[MRI|Procedure] requested to exclude [metastases|Disease].",
        "[MRI|Procedure] to be performed if the [biopsy|Procedure] is positive.",
        "[Colonoscopy|Procedure] arranged if abnormal.",
        "[Cholecystectomy|Procedure] next Tuesday.",
    ],
)
def test_what_is_asked_for_was_not_done(text: str) -> None:
    assert certainties(text)[0] == "hypothetical"


@pytest.mark.parametrize(
    "text",
    [
        "I ordered an [MRI|Procedure], which showed a [lesion|Symptom].",
        "A [chest X-ray|Procedure] was ordered due to cough and showed [consolidation|Symptom].",
        "The requested [ultrasound|Procedure] revealed [gallstones|Disease].",
        "[Biopsy|Procedure] ordered last week was benign.",
        "[Echocardiogram|Procedure] was booked and performed.",
        "[Chest X-ray|Procedure] was ordered. It showed [consolidation|Symptom].",
        "[Biopsy|Procedure] performed, results next week.",
        "After [cholecystectomy|Procedure], a diet was arranged.",
        "Tests ordered today: [potassium|Procedure] 5.9 mmol/L.",
        "Please order [potassium|Procedure] 5.9 mmol/L.",
        "[Biopsy|Procedure] was performed on Monday.",
        "In order to avoid it a [biopsy|Procedure] was taken.",
    ],
)
def test_what_a_note_tells_of_was_done(text: str) -> None:
    assert certainties(text)[0] == "certain"


def test_a_scope_ends_where_another_procedure_was_done() -> None:
    text = "[MRI|Procedure] was normal; [colonoscopy|Procedure] tomorrow."
    assert certainties(text) == ["certain", "hypothetical"]


def test_in_a_paper_nothing_is_planned_for_a_patient() -> None:
    assert certainties("[Biopsy|Procedure] tomorrow.", note=False) == ["certain"]
