"""What a plain text is by its form; each sign in texts that have it and texts that don't."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.core.errors import DataError
from medkg.extract.document_form import (
    check_texts,
    form_of,
    paper_probability,
    signs,
    signs_in,
)

TRIAL = (
    "Amifostine before cisplatin in ovarian cancer\n\n"
    "Background: Cisplatin is a nephrotoxic drug. Methods: We randomised 242 patients to cisplatin"
    " with or without amifostine.\nResults: Nephrotoxicity was less frequent with amifostine"
    " (p = 0.02).\nConclusion: Amifostine protects the kidney.\n"
)
CASE_REPORT = (
    "Toxic epidermal necrolysis after lamotrigine: a case report\n\n"
    "A 34-year-old woman with epilepsy developed fever and a rash two weeks after lamotrigine was"
    " started. She had oral ulcers. Lamotrigine was withdrawn and she recovered. The reaction has"
    " been reported before, and clinicians should be aware of it.\n"
)
VISIT = (
    "54-year-old man presents with cough. Denies fever. BP 120/80. Start amoxicillin 500 mg tid."
)
LETTER = (
    "Dear Dr Ode,\n\nI saw Mrs Lunt in clinic today. Patients with her condition may develop renal"
    " failure, and a mutation in the gene has been reported, but her creatinine is normal.\n"
)
SENTENCE = "Fever in patients with lupus may be caused by infection."


@pytest.mark.parametrize("text", [TRIAL, CASE_REPORT, TRIAL.replace("\n", "\r\n")])
def test_an_abstract_is_a_paper(text: str) -> None:
    assert form_of(text) == "paper"


@pytest.mark.parametrize("text", [VISIT, LETTER, "Fever.", "", "Noncontributory.\n"])
def test_a_note_is_a_note(text: str) -> None:
    assert form_of(text) == "note"


def test_between_both_is_doubt() -> None:
    assert form_of(SENTENCE) == "doubt"
    assert 0.2 < paper_probability(SENTENCE) < 0.9


# Of each sign a text that has it, and one that nearly does.
SIGNS = {
    "title": (
        f"Statins for the elderly\n{'Each of them had been treated for years. ' * 4}",
        f"CHEST PAIN\n{'Each of them had been treated for years. ' * 4}",
    ),
    "heading of a paper's beginning": ("Background: asthma", "a background of asthma"),
    "heading of methods": ("MATERIALS AND METHODS: mice", "other methods were tried"),
    "heading of a paper's end": ("Conclusions: It works.", "the conclusions: none"),
    "authors as we": ("Here we describe a boy", "we will see him in May"),
    "this study": ("In the present study it fell", "this study was normal"),
    "so many patients": ("in 38 consecutive patients", "for 38 years"),
    "patients as a group": ("patients with lupus", "the patient with lupus"),
    "animals and cells": ("in Wistar rats", "generated"),
    "molecules": ("an inhibitor of the receptor", "an uninhibited man"),
    "statistics": ("fell (P < 0.05)", "P 80"),
    "comparison": ("significantly higher", "a significant other"),
    "design of a study": ("a double-blind study", "blind in one eye"),
    "literature": ("has been reported", "he reported to us"),
    "general statement": ("It is a rare disorder of iron.", "it is better"),
    "publication": ("doi: 10.1000/182", "seen 10.10."),
    "he or she": ("She came", "shed"),
    "denies and reports": ("denies pain", "undeniable pain"),
    "shorthand": ("hx of asthma", "history of asthma"),
    "mr and dear": ("Mrs Lunt", "MRSA"),
    "vital signs": ("BP 120/80", "blood pressure fell"),
    "headings of a note": ("Medications: none", "the medications: none"),
    "date of a visit": ("on 12/03/2021 at 8:30", "ratio 12/03, HLA-B*58:01"),
    "the patient is": ("The patient is well", "a patient is rarely well"),
    "age at the start": ("A 54-year-old man", f"{'Long before this. ' * 9}A 54-year-old man"),
    "first person": ("I saw", "grade II"),
    "dose with its times": ("metformin 500 mg bid", "500 mg of it"),
    "orders": ("Cough. Start amoxicillin", "they start late"),
    "lists and short lines": ("- cough\n- fever\n", "- cough\n"),
    "letter heads and places": ("seen in clinic", "clinical"),
    "life": ("Lives with his wife", "wives"),
    "normal findings": ("Unremarkable", "remarkable"),
}


def test_every_sign_has_its_texts() -> None:
    assert {sign.name for sign in signs()} == {*SIGNS, "any text"}
    assert len(signs()) == len(SIGNS) + 1


@pytest.mark.parametrize("name", SIGNS)
def test_a_sign_is_seen_where_it_is(name: str) -> None:
    with_sign, without_sign = SIGNS[name]
    assert name in [sign.name for sign in signs_in(with_sign)]
    assert name not in [sign.name for sign in signs_in(without_sign)]


def test_a_sign_weighs_to_the_side_of_its_form() -> None:
    assert {sign.form for sign in signs()} == {"note", "paper"}
    for sign in signs():
        assert sign.weight >= 0.5 if sign.form == "paper" else sign.weight <= -0.5


def test_weights_are_added_up() -> None:
    weights = {sign.name: sign.weight for sign in signs()}
    points = weights["any text"] + weights["he or she"] + weights["design of a study"]
    assert paper_probability("She is on placebo.") == pytest.approx(1 / (1 + math.exp(-points)))


def test_what_is_far_behind_does_not_count() -> None:
    filler = "lorem ipsum. " * 400
    assert paper_probability(filler + TRIAL) == paper_probability(filler)


@given(st.text(max_size=300))
def test_any_text_has_a_form(text: str) -> None:
    assert 0 < paper_probability(text) < 1
    assert form_of(text) in ("note", "paper", "doubt")


def test_another_value_is_refused() -> None:
    with pytest.raises(DataError, match="auto, notes, papers"):
        check_texts("abstracts")
