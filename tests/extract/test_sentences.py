"""Sentences and sections: what a clinical note would break a general splitter on."""

from __future__ import annotations

import re

import pytest

from medkg.extract import sentences as _components  # noqa: F401 (registers the component)
from medkg.extract.sentences import headings, section_of
from medkg.extract.tokens import blank

from ..adversarial import processor_limit


def split(text: str) -> list[str]:
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    return [" ".join(sentence.text.split()) for sentence in nlp(text).sents]


def test_a_heading_of_markdown_ends_a_section_whatever_it_says() -> None:
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    doc = nlp("## Family history\nMother: gout.\n\n## Visit of 3 May\nFever today.\n# 2 tablets\n")
    fever = next(token.i for token in doc if token.text == "Fever")
    gout = next(token.i for token in doc if token.text == "gout")
    assert [section_of(doc[at : at + 1]) for at in (gout, fever)] == ["family", "other"]
    assert [span.text for span in doc.spans["headings"]] == ["## Family history"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Bell gave 2.5 mg of warfarin.",
        "He takes metformin 500 mg b.i.d. with food.",
        "Seen e.g. in Fig. 2 and by others vs. controls.",
        "This was No. 3 of the series.",
        "J. Smith agreed.",
        "Potassium was 3.4 mmol/L (ref. 3.5 to 5.1).",
        "Start 1 tab. daily and review.",
        "Take one q.d. and two b.i.d. with food.",
        "Ceftriaxone 2 g i.v. and fluids.",
        "Seen by St. Luke's at 10 a.m. by the team.",
        "E. coli grew in approx. 30 min. or less.",
        "Pt. c/o pain and hx. of gout.",
        "Cr. 1.2 mg/dL and K. 4.1 mmol/L.",
        "Mr. J. R. Brown is a 65 y.o. man.",
        "Dyspnea? No.",
        "Lesion (approx. 2 cm, cf. Fig. 3).",
    ],
)
def test_an_abbreviation_or_a_decimal_ends_no_sentence(sentence: str) -> None:
    assert split(f"{sentence} She left.") == [sentence, "She left."]


def test_a_vitamin_may_end_a_sentence() -> None:
    assert split("He lacks vitamin D. It was low.") == ["He lacks vitamin D.", "It was low."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Given 2 g i.v. Fever fell.", ["Given 2 g i.v.", "Fever fell."]),
        ("Blood group A. Rh positive.", ["Blood group A.", "Rh positive."]),
        ("Weight 60 kg. Height 1.6 m.", ["Weight 60 kg.", "Height 1.6 m."]),
        ("T 37.2 C, HR 80. Alert.", ["T 37.2 C, HR 80.", "Alert."]),
        ("Cough? Yes. Fever? No.", ["Cough? Yes.", "Fever? No."]),
        ("Is it gout? We think so.", ["Is it gout?", "We think so."]),
        ("Diagnoses: 1. Gout. 2. Asthma.", ["Diagnoses:", "1. Gout.", "2. Asthma."]),
        ("Fever: no\nCough: yes", ["Fever: no", "Cough: yes"]),
        ("1) aspirin 75 mg\n2) statin", ["1) aspirin 75 mg", "2) statin"]),
        ("a) rash\nb) fever", ["a) rash", "b) fever"]),
        ("* cough\n* chills", ["* cough", "* chills"]),
        ("PLAN: Rest.\nReview.", ["PLAN:", "Rest.", "Review."]),
        ("COPD: continue albuterol", ["COPD: continue albuterol"]),
        ("No PE. h/o DVT. s/p fall", ["No PE.", "h/o DVT.", "s/p fall"]),
        ("**Plan:** rest", ["**Plan:**", "rest"]),
        ("NKDA.\nNo meds.", ["NKDA.", "No meds."]),
        (
            "She was seen in the clinic for follow-up of her diabetes and was found\n"
            "to be well. No changes.",
            [
                "She was seen in the clinic for follow-up of her diabetes and was found "
                "to be well.",
                "No changes.",
            ],
        ),
    ],
)
def test_splits(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@pytest.mark.parametrize(
    "heading",
    ["Family Hx:", "FAMILY HISTORY", "3. Family history:", "## Family history", "**FH:**"],
)
def test_a_heading_may_be_written_in_many_ways(heading: str) -> None:
    assert [kind for *_, kind in headings(f"Some text.\n{heading}\nfather: gout")] == ["family"]


def test_a_note_in_small_letters_has_sentences() -> None:
    assert split("he walks slowly. his writing is tiny. no ext. swelling, e.g. of the legs.") == [
        "he walks slowly.",
        "his writing is tiny.",
        "no ext. swelling, e.g. of the legs.",
    ]
    assert split("denies strep. Fever since Monday.") == ["denies strep.", "Fever since Monday."]
    assert split("wound culture of e. coli grew") == ["wound culture of e. coli grew"]
    assert split("She has a rash. on the legs.") == ["She has a rash. on the legs."]


def test_a_short_heading_begins_a_sentence_without_its_colon() -> None:
    text = "Pain for two days, worse today, with vomiting and no D.\nPMHx asthma. DHx nil."
    assert split(text)[1] == "PMHx asthma."
    wrapped = (
        "Pain for two days, worse today, with vomiting and no fever until\nnow that he is here."
    )
    assert len(split(wrapped)) == 1


def test_closing_signs_stay_with_their_sentence() -> None:
    assert split('He said "no." (He meant it.) Then he left.') == [
        'He said "no."',
        "(He meant it.)",
        "Then he left.",
    ]


def test_items_of_a_list_are_sentences_and_wrapped_lines_are_not() -> None:
    text = (
        "Problems seen at this visit, as the patient and her husband described:\n"
        "- hypertension\n"
        "- gout\n"
        "1. Stop allopurinol because it was followed by a rash on both forearms,\n"
        "which has since faded.\n"
    )
    assert split(text)[1:] == [
        "- hypertension",
        "- gout",
        "1. Stop allopurinol because it was followed by a rash on both forearms,"
        " which has since faded.",
    ]


def test_an_intolerance_is_a_list_of_allergies() -> None:
    text = "Intolerance: statins\nDrug intolerance: codeine"
    assert [kind for _, _, kind in headings(text)] == ["allergies", "allergies"]


def test_headings_open_sections() -> None:
    text = (
        "Past Medical History:\nasthma\nFAMILY HISTORY: father had gout.\n"
        "Medications\naspirin\nWOUND CARE: daily"
    )
    assert [(text[a:b], kind) for a, b, kind in headings(text)] == [
        ("Past Medical History:", "historical"),
        ("FAMILY HISTORY:", "family"),
        ("Medications", "medications"),
        ("WOUND CARE:", "other"),
    ]
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    doc = nlp(text)
    at = {word: doc.char_span(text.index(word), text.index(word) + len(word)) for word in
          ("asthma", "gout", "aspirin", "daily")}  # fmt: skip
    assert {word: section_of(span) for word, span in at.items()} == {
        "asthma": "historical",
        "gout": "family",
        "aspirin": "medications",
        "daily": "other",
    }


def test_a_heading_with_text_on_its_line_speaks_for_its_paragraph() -> None:
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    text = "Family history: father had gout,\nmother is well.\nShe has asthma."
    doc = nlp(text)
    sections = [section_of(doc.char_span(text.index(w), text.index(w) + len(w)))
                for w in ("gout", "mother", "asthma")]  # fmt: skip
    assert sections == ["family", "family", ""]


def test_what_is_said_of_the_patient_ends_a_family_history() -> None:
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    wrapped = "Family history: a sister with gout; no family history of any disease of the blood.\n"
    for following, section in (
        ("She reports fever.", ""),
        ("The patient has fever.", ""),
        ("Current: fever.", "present"),
        ("Her brother had fever.", "family"),
    ):
        doc = nlp(wrapped + following)
        fever = doc.char_span(doc.text.index("fever"), doc.text.index("fever") + 5)
        assert section_of(fever) == section


@pytest.mark.parametrize(
    ("history", "section"),
    [
        ("FHx: neg for cancer. Fever for 3 days.", ""),
        ("Family history: non-contributory. She has fever.", ""),
        ("FH: nil. Presents with fever.", ""),
        ("Family history: negative for cancer. Positive for fever.", "family"),
        ("FHx: negative for breast cancer. Asthma, fever.", "family"),
        ("FH: none of note\nfever in a sister.", "family"),
        ("FHx: mother had gout. Fever.", "family"),
        ("FHx: no gout. Fever.", "family"),
        ("FH: mother had gout.\nPE: BP 138/86, fever.", "examination"),
        ("FH: mother had gout.\nP/E: fever.", "examination"),
    ],
)
def test_a_family_history_of_nothing_is_one_sentence(history: str, section: str) -> None:
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    doc = nlp(history)
    fever = re.search("fever", history, re.IGNORECASE)
    assert fever is not None
    assert section_of(doc.char_span(*fever.span())) == section


@pytest.mark.parametrize("text", ["", " ", "\n\n", "fever", "...", "a\r\nb.\r\n"])
def test_any_text_is_covered_by_its_sentences(text: str) -> None:
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    doc = nlp(text)
    assert "".join(token.text_with_ws for s in doc.sents for token in s) == doc.text


def test_many_tokens_take_no_square_of_their_number() -> None:
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    doc = nlp.make_doc("| Hb | 9.2 g/dL | low |\n" * 10_000)
    with processor_limit(20):
        doc = nlp.get_pipe("medkg_sentences")(doc)
    assert len(list(doc.sents)) > 1
    assert doc[0].is_sent_start
    assert doc[1].is_sent_start is False
