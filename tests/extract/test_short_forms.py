"""What notes write short."""

from __future__ import annotations

import pytest

from medkg.extract import sentences as _sentences  # noqa: F401 (registers the component)
from medkg.extract.abbreviations import abbreviations_of
from medkg.extract.context.values import measurement
from medkg.extract.corpora.labels import MENTION_KINDS
from medkg.extract.pipeline import build_pipeline
from medkg.extract.short_forms import short_forms, with_short_forms, words_of
from medkg.terminology import default_terminology

from .marked import marked, pipeline


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTN, CKD", [("HTN", "Disease"), ("CKD", "Disease")]),
        ("htn; HTNs; a HTN-like state", []),
        ("Na 138, K of 4.2", [("Na", "Procedure"), ("K", "Procedure")]),
        ("vitamin K was given, K 40 mEq PO", []),
        ("HTN/HLD", [("HTN", "Disease"), ("HLD", "Disease")]),
        ("Na      112    133-146\nK\t7.1\nMg | 0.3 |\n",
         [("Na", "Procedure"), ("K", "Procedure"), ("Mg", "Procedure")]),
        ("P 112 BP 98/60", [("P", "Procedure"), ("BP", "Procedure")]),
        ("BP 98/60, P 112", [("BP", "Procedure"), ("P", "Procedure")]),
        ("P 112. group P 12 T 3, P = 0.04; P 80 T 60. Dr Brady saw him.", []),
        ("K    \n1. Bloods", []),
        ("tachy, new RBBB", [("tachy", "Symptom"), ("RBBB", "Disease")]),
        ("[pCO2 38|Procedure] mmHg", [("pCO2", "Procedure")]),
        ("[eGFR|Target] 45", [("eGFR", "Procedure")]),
        ("[CAD risk score|Procedure]", [("CAD risk score", "Procedure")]),
        ("takes [PO|Procedure]", []),
        ("denies [CP|Drug]", [("CP", "Symptom")]),
        ("fever, CP/SOB", [("CP", "Symptom"), ("SOB", "Symptom")]),
        ("[CP|Drug] since birth; [CP|Disease] 5 mg", []),
        ("no CP angle mass; Jane Doe, CP clear; spastic CP and cough", []),
        ("no PE; DVT/PE", [("PE", "Disease"), ("DVT", "Disease"), ("PE", "Disease")]),
        ("r/o PE, PE on CTA", [("PE", "Disease"), ("PE", "Disease")]),
        ("PE: clear\nPE\nOn PE he looked well. PE shows nothing. Weekly PE x5", []),
        ("History and PE reviewed. H&P/PE normal, bilateral PE tubes, limited PE due to pain", []),
        ("Na 138 K 4.0 Mg 2.1", [("Na", "Procedure"), ("K", "Procedure"), ("Mg", "Procedure")]),
        ("[Troponin I 0|Target].04 ng/mL", [("Troponin I", "Procedure")]),
        ("[hemoglobin 9|Target], [hemoglobin A|Target]",
         [("hemoglobin", "Procedure"), ("hemoglobin A", "Target")]),
        ("hydroxytryptamine notes (HTN). [HTN|Target]", [("HTN", "Target")]),
        ("PMH: HTN", [("HTN", "Disease")]),
        ("76F, ASA 3; ASA 81 mg, ASA 325mg daily", [("ASA", "Drug"), ("ASA", "Drug")]),
        ("PCN allergy; right PCN tube", [("PCN", "Drug")]),
        ("PE unlikely; PE is very unlikely", [("PE", "Disease"), ("PE", "Disease")]),
        ("Return to the ED for CP, syncope", [("CP", "Symptom")]),
        ("PMH: HTN, RA, DM2. Seropositive RA on MTX",
         [("HTN", "Disease"), ("RA", "Disease"), ("DM2", "Disease"), ("RA", "Disease")]),
        ("Comfortable, RA. Allergies worse; Calcium 600 + D, Magnesium 400 BID, Glucose 5% IV", []),
        ("98% on RA, O2 off; 95% 2L, RA, 80; LA dilated, RA, RV normal; RA pressure 8", []),
        ("start [insulin|Target], [insulin resistance|Symptom]; fasting insulin 12",
         [("insulin", "Drug"), ("insulin resistance", "Symptom"),
          ("fasting insulin", "Procedure")]),
        ("Insulin-dependent diabetes; [Insulin|Target]-dependent",
         [("Insulin-dependent diabetes", "Disease")]),
    ],
)  # fmt: skip
def test_short_forms_are_mentions(text: str, expected: list[tuple[str, str]]) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    mentions, _ = with_short_forms(doc, doc.spans["mentions"])
    assert [(mention.text, mention.label_) for mention in mentions] == expected


def test_what_is_written_short_is_linked_as_what_it_stands_for() -> None:
    terminology = default_terminology()
    nlp, names = build_pipeline(terminology), dict(terminology.nodes.select("id", "name").rows())
    doc = nlp.make_doc("Denies CP. JVD to the jaw. CT chest shows DVT/PE.")
    doc._.note = True
    for _, component in nlp.pipeline:
        doc = component(doc)
    assert {m.text: names.get(m._.identifier) for m in doc.spans["mentions"] if m._.stands_for} == {
        "CP": "Chest pain",
        "JVD": "Elevated jugular venous pressure",
        "DVT": "Deep venous thrombosis",
        "PE": "Pulmonary embolism",
    }


def test_the_table_is_sound() -> None:
    for short, form in short_forms().items():
        assert form.kind in (*MENTION_KINDS, "none"), short
        assert not form.long or form.kind != "none", short


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("AKI 2/2 sepsis", "AKI secondary to sepsis"),
        ("AKI 2/2 to sepsis", "AKI secondary to sepsis"),
        ("Rash (likely 2/2 PCN)", "Rash ( likely secondary to PCN )"),
        ("Rash 2° amoxicillin", "Rash secondary to amoxicillin"),
        ("Gout 2ary to HCTZ", "Gout secondary to HCTZ"),
        ("Gout d/t HCTZ", "Gout due to HCTZ"),
        ("Seen for D/Tx of asthma, AKI d/tsepsis", "Seen for D / Tx of asthma , AKI d / tsepsis"),
        ("seen on 2/2 for cough", "seen on 2 / 2 for cough"),
        ("2/2 bottles; pulses 2/2 today", "2 / 2 bottles ; pulses 2 / 2 today"),
        ("murmur 2/6, 12/2/2020, 2/25", "murmur 2 / 6 , 12 / 2 / 2020 , 2 / 25"),
        ("ECG: 2° AV block, 37.2 °C", "ECG : 2 ° AV block , 37 . 2 ° C"),
    ],
)
def test_secondary_to_is_read_where_a_note_writes_it_short(text: str, read: str) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    plain = " ".join(token.text for token in doc)
    for note in (False, True):
        doc = marked(pipeline("medkg_sentences"), text)
        doc._.note = note
        words = " ".join(word for sentence in doc.sents for word in words_of(sentence)[1])
        assert words == (read if note else plain)


def test_secondary_to_is_no_value() -> None:
    doc = marked(pipeline("medkg_sentences"), "Raised [creatinine|Procedure] 2/2 dehydration")
    doc._.note = True
    (test,) = doc.spans["mentions"]
    assert measurement(test) == {"interpretation": "high"}


def test_abbreviations_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    doc = marked(pipeline("medkg_sentences"), "Chronic kidney disease (CKD). [CKD|Disease]")
    looked = []
    monkeypatch.setattr(
        "medkg.extract.abbreviations.find_abbreviations", lambda text: looked.append(text) or []
    )
    with_short_forms(doc, doc.spans["mentions"])
    abbreviations_of(doc)
    assert len(looked) == 1
