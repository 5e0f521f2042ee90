"""The context of mentions, phrase by phrase."""

from __future__ import annotations

import time

import pytest
from spacy.language import Language

from medkg.extract import sentences as _sentences  # noqa: F401 (likewise)
from medkg.extract.context import context as _context  # noqa: F401 (registers the component)
from medkg.extract.context.context import DEFAULTS, relation_context
from medkg.graph.frames import EVIDENCE_VALUES

from ..marked import marked, pipeline


@pytest.fixture(scope="module")
def nlp() -> Language:
    return pipeline("medkg_sentences", "medkg_context")


def said(nlp: Language, text: str) -> list[set[str]]:
    """Of each mention what differs from plain."""
    doc = marked(nlp, text)
    return [
        {getattr(mention._, name) for name in DEFAULTS} - set(DEFAULTS.values())
        for mention in doc.spans["mentions"]
    ]


NEGATED, POSSIBLE, HYPOTHETICAL = {"negated"}, {"possible"}, {"hypothetical"}
HISTORICAL, FAMILY, PLAIN = {"historical"}, {"family"}, set[str]()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He has [fever|Symptom].", [PLAIN]),
        ("[Fever|Symptom] (-), [cough|Symptom] (+).", [NEGATED, PLAIN]),
        ("(-) [fever|Symptom], (+) [cough|Symptom]", [NEGATED, PLAIN]),
        ("- [ ] [asthma|Disease]\n- [x] [gout|Disease]", [NEGATED, PLAIN]),
        ("He denies [fever|Symptom], [rash|Symptom] or [cough|Symptom].", [NEGATED] * 3),
        ("No [fever|Symptom], but [cough|Symptom] persists.", [NEGATED, PLAIN]),
        ("[Pneumonia|Disease] was ruled out.", [NEGATED]),
        ("He doesn’t have [gout|Disease].", [NEGATED]),
        ("Tests were negative for [lupus|Disease]; [rash|Symptom] is present.", [NEGATED, PLAIN]),
        ("Screened for [depression|Disease]; negative.", [{"negated", "hypothetical"}]),
        (
            "Screen for [gout|Disease]: result negative; [rash|Symptom] noted.",
            [{"negated", "hypothetical"}, PLAIN],
        ),
        ("[HIV|Target], negative\n[cough|Symptom]; negative family", [NEGATED, PLAIN]),
        ("There is no change in the [headache|Symptom].", [PLAIN]),
        ("Not only [fever|Symptom] but also [rash|Symptom].", [PLAIN, PLAIN]),
        ("Likely [pneumonia|Disease].", [POSSIBLE]),
        ("[Sarcoidosis|Disease] is suspected.", [POSSIBLE]),
        ("[Embolism|Disease] could not be excluded.", [POSSIBLE]),
        ("? [sepsis|Disease]", [POSSIBLE]),
        ("Return if [fever|Symptom] occurs.", [HYPOTHETICAL]),
        ("She was warned about [bleeding|Symptom].", [HYPOTHETICAL]),
        ("Allergies: [penicillin|Drug]", [HYPOTHETICAL]),
        ("Allergic to [codeine|Drug] - [hives|Symptom]", [HYPOTHETICAL, HISTORICAL]),
        (
            "Allergic to [PCN|Drug] ([rash|Symptom], severe [hives|Symptom]) and [sulfa|Drug].",
            [HYPOTHETICAL, HISTORICAL, HISTORICAL, HYPOTHETICAL],
        ),
        (
            "Allergies:\n- [Penicillin|Drug]: [anaphylaxis|Disease]\n- Peanuts - [hives|Symptom]",
            [HYPOTHETICAL, HISTORICAL, HISTORICAL],
        ),
        ("Allergies: [PCN|Drug] causes [rash|Symptom].", [HYPOTHETICAL, HISTORICAL]),
        ("Allergies: NKDA. [Rash|Symptom] today. [hay fever|Disease]", [PLAIN, PLAIN]),
        ("Allergic to [PCN|Drug], with [gout|Disease].", [HYPOTHETICAL, PLAIN]),
        ("[Ibuprofen|Drug] - [gout|Disease]", [PLAIN, PLAIN]),
        (
            "Allergic to [PCN|Drug] ([rash|Symptom]); takes [aspirin|Drug].",
            [
                HYPOTHETICAL,
                HISTORICAL,
                PLAIN,
            ],
        ),
        (
            "No allergy to [PCN|Drug]: [rash|Symptom] today.",
            [{"negated", "hypothetical"}, PLAIN],
        ),
        ("PMH: [gout|Disease] on [allopurinol|Drug]", [PLAIN, PLAIN]),
        (
            "PMH: [asthma|Disease], [gout|Disease] (on [allopurinol|Drug]), [stroke|Disease]",
            [HISTORICAL, PLAIN, PLAIN, HISTORICAL],
        ),
        ("h/o [epilepsy|Disease], well controlled on [phenytoin|Drug].", [PLAIN, PLAIN]),
        ("PMH: takes [metformin|Drug] 500 mg bd for [type 2 diabetes|Disease]", [PLAIN, PLAIN]),
        ("PMH: [stroke|Disease] on [aspirin|Drug]", [HISTORICAL, PLAIN]),
        (
            "PMH: [cancer|Disease], was on [tamoxifen|Drug], [gout|Disease] on [colchicine|Drug],"
            " previously [allopurinol|Drug]",
            [HISTORICAL, HISTORICAL, PLAIN, PLAIN, HISTORICAL],
        ),
        ("She has a history of [stroke|Disease].", [HISTORICAL]),
        ("He had [pneumonia|Disease] three years ago.", [HISTORICAL]),
        ("A 3-week history of [cough|Symptom].", [PLAIN]),
        ("Past history:\n[asthma|Disease]\nPlan: treat [gout|Disease].", [HISTORICAL, PLAIN]),
        ("[Aspirin|Drug] was stopped because of [bleeding|Symptom].", [HISTORICAL, PLAIN]),
        ("His mother had [gout|Disease]; he has [asthma|Disease].", [FAMILY, PLAIN]),
        ("[Cancer|Disease] in her sister.", [FAMILY]),
        ("Her mother noticed [seizures|Symptom].", [PLAIN]),
        ("Family history: [stroke|Disease].", [FAMILY]),
        ("Her parents report [vomiting|Symptom].", [PLAIN]),
        ("We warned his parents of [mouth ulcers|Symptom].", [HYPOTHETICAL]),
        ("[Asthma|Disease], [stroke|Disease] in 2015, [gout|Disease]", [PLAIN, HISTORICAL, PLAIN]),
        ("[Stroke|Disease] (2015), [asthma|Disease]", [HISTORICAL, PLAIN]),
        (
            "He has [asthma|Disease], [gout|Disease] in 2012 and [rash|Symptom].",
            [PLAIN, HISTORICAL, PLAIN],
        ),
        ("[Pneumonia|Disease], [sepsis|Disease] and [delirium|Symptom] in 2018.", [HISTORICAL] * 3),
        ("[Asthma|Disease], removal of the spleen in 1990.", [PLAIN]),
        ("In 2015 he had [gout|Disease] and [sepsis|Disease].", [HISTORICAL] * 2),
        ("About 3 years ago, she had [gout|Disease].", [HISTORICAL]),
        ("She reports that 3 years ago, she had a [stroke|Disease].", [HISTORICAL]),
        ("He was admitted in 2015, with [pneumonia|Disease].", [HISTORICAL]),
        ("Surgery in 1990 for [appendicitis|Disease].", [HISTORICAL]),
        ("[Pneumonia|Disease] 2 weeks ago with [fever|Symptom].", [HISTORICAL] * 2),
        (
            "[Asthma|Disease], [gout|Disease] with [rash|Symptom] in 2018.",
            [PLAIN, HISTORICAL, HISTORICAL],
        ),
        ("2 years ago [gout|Disease] (", [HISTORICAL]),
        (
            "PMH: [gout|Disease] treated with [allopurinol|Drug] 300 mg daily, [asthma|Disease]",
            [PLAIN, PLAIN, HISTORICAL],
        ),
        ("PMH: [gout|Disease], was given [prednisone|Drug] 30 mg daily.", [HISTORICAL] * 2),
        ("PMH: [pneumonia|Disease] treated with [amoxicillin|Drug] 500 mg tid", [HISTORICAL] * 2),
        ("PMH: [sertraline|Drug] 50 mg daily in the past", [HISTORICAL]),
        ("Formerly on [warfarin|Drug] 5 mg daily.", [HISTORICAL]),
        ("PMH: [sepsis|Disease] ([amoxicillin|Drug] 500 mg tid for 7 days).", [HISTORICAL] * 2),
        ("Hold [metformin|Drug], [furosemide|Drug] and [lisinopril|Drug].", [HISTORICAL] * 3),
        ("Stop [aspirin|Drug] and start [apixaban|Drug].", [HISTORICAL, PLAIN]),
        ("[Warfarin|Drug] was stopped and [heparin|Drug] given.", [HISTORICAL, PLAIN]),
        ("[Metformin|Drug] and [lisinopril|Drug] were held.", [HISTORICAL] * 2),
        ("[Metformin|Drug] and [lisinopril|Drug] was held.", [PLAIN, HISTORICAL]),
        ("Stop [metformin|Drug] and initiate [insulin|Drug].", [HISTORICAL, PLAIN]),
        ("Stop [aspirin|Drug] and [heparin|Drug] was begun.", [HISTORICAL, PLAIN]),
        ("He stopped smoking and [aspirin|Drug] was prescribed.", [PLAIN]),
        ("[Metoprolol|Drug] hold SBP<100, [lisinopril|Drug] 10 mg daily", [PLAIN, PLAIN]),
        ("STOP TAKING: [prednisone|Drug], [ibuprofen|Drug]", [HISTORICAL] * 2),
        ("Medications to stop: [ibuprofen|Drug], [naproxen|Drug].", [HISTORICAL] * 2),
        ("DISCONTINUED MEDICATIONS:\n[digoxin|Drug]\nPLAN:\n[aspirin|Drug]", [HISTORICAL, PLAIN]),
        ("[Heparin|Drug] 5000 U SC TID - d/c'd 3/4 for [HIT|Disease]", [HISTORICAL, PLAIN]),
        ("[Sertraline|Drug] 100 mg daily - HELD", [HISTORICAL]),
        ("[Digoxin|Drug] 125 mcg daily - on hold", [HISTORICAL]),
        ("[Aspirin|Drug] is to be held.", [HISTORICAL]),
        ("[Prednisone|Drug] was stopped but restarted 10 mg daily.", [PLAIN]),
        ("[Aspirin|Drug] was held on admission and resumed at discharge.", [PLAIN]),
        (
            "[Aspirin|Drug] and [apixaban|Drug] were held, [aspirin|Drug] was resumed.",
            [HISTORICAL, HISTORICAL, PLAIN],
        ),
        ("[Aspirin|Drug] was held, to be resumed in a week.", [HISTORICAL]),
        ("Ran out of [furosemide|Drug].", [HISTORICAL]),
        ("Discussed starting [adalimumab|Drug].", [HYPOTHETICAL]),
        ("Worried about [lung cancer|Disease].", [HYPOTHETICAL]),
        ("[Sarcoidosis|Disease]?", [POSSIBLE]),
        ("Seen today. FH: [breast cancer|Disease] (sister)", [FAMILY]),
        ("[Mum - epilepsy|Symptom]", [FAMILY]),
        ("Hold [lisinopril|Drug].", [HISTORICAL]),
        ("[Heparin|Drug] held.", [HISTORICAL]),
        ("[Vancomycin|Drug] d/c'd.", [HISTORICAL]),
        ("[Vancomycin|Drug] d/c'd, [linezolid|Drug] started.", [HISTORICAL, PLAIN]),
        ("Hold [lisinopril|Drug], start [amlodipine|Drug].", [HISTORICAL, PLAIN]),
        ("Continue [aspirin|Drug] until d/c.", [PLAIN]),
        ("D/C Rx [amoxicillin|Drug].", [PLAIN]),
        ("Admitted with [pneumonia|Disease], VS stable.", [PLAIN]),
        ("[NSAIDs|Drug] contraindicated in setting of [AKI|Disease].", [HYPOTHETICAL, PLAIN]),
        ("[Metformin|Drug] is contraindicated with his [CKD|Disease].", [HYPOTHETICAL, PLAIN]),
        ("[Aspirin|Drug] was considered but not given.", [NEGATED]),
        ("We advised [atorvastatin|Drug] but the patient declined.", [NEGATED]),
        ("[Dysuria|Symptom] denied.", [NEGATED]),
        ("Past trials: [quetiapine|Drug], [lamotrigine|Drug].", [HISTORICAL, HISTORICAL]),
        ("[DVT|Disease] prophylaxis with [heparin|Drug].", [HYPOTHETICAL, PLAIN]),
        ("[Appendicitis|Disease] vs. [colitis|Disease].", [POSSIBLE, POSSIBLE]),
        (
            "[Methotrexate|Drug] is contraindicated in patients with [renal failure|Disease].",
            [HYPOTHETICAL, HYPOTHETICAL],
        ),
        ("No family history of [cancer|Disease].", [FAMILY | NEGATED]),
    ],
)
def test_phrases(nlp: Language, text: str, expected: list[set[str]]) -> None:
    assert said(nlp, text) == expected


@pytest.mark.parametrize(
    ("text", "stopped"),
    [
        ("Hold [aspirin|Drug].", True),
        ("[Aspirin|Drug] was stopped.", True),
        ("Do not stop [aspirin|Drug].", False),
        ("She has not stopped [aspirin|Drug].", False),
        ("Hold [metoprolol|Drug] if SBP < 100.", False),
        ("Consider stopping [warfarin|Drug].", False),
        ("His mother stopped [warfarin|Drug].", False),
        ("[Metformin|Drug] was held on admission and resumed at discharge.", False),
    ],
)
def test_what_stops_a_drug_for_certain(nlp: Language, text: str, stopped: bool) -> None:
    assert bool(marked(nlp, text)._.stopped) == stopped


def test_context_ends_with_the_sentence(nlp: Language) -> None:
    assert said(nlp, "He has no [fever|Symptom]. [Cough|Symptom] began today.") == [NEGATED, PLAIN]


def test_a_trigger_inside_a_mention_is_part_of_its_name(nlp: Language) -> None:
    assert said(nlp, "She has [no-reflow phenomenon|Disease].") == [PLAIN]


def test_every_value_is_one_that_evidence_may_have(nlp: Language) -> None:
    doc = marked(nlp, "His father may have had no [gout|Disease] in the past.")
    mention = doc.spans["mentions"][0]
    assert all(getattr(mention._, name) in EVIDENCE_VALUES[name] for name in DEFAULTS)


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("[Aspirin|Drug] did not cause the [rash|Symptom].", "polarity", "negated"),
        ("[Aspirin|Drug] caused a [rash|Symptom].", "polarity", "asserted"),
        ("[Aspirin|Drug] had no effect on [COX-2|Target].", "polarity", "negated"),
        ("[Aspirin|Drug] caused no [rash|Symptom].", "polarity", "negated"),
        ("Possible [rash|Symptom] after [aspirin|Drug].", "certainty", "possible"),
        ("Her sister took [aspirin|Drug] for [gout|Disease].", "experiencer", "family"),
        ("Previously [aspirin|Drug] for [gout|Disease].", "temporality", "historical"),
    ],
)
def test_a_relation_has_the_context_of_its_sentence(
    nlp: Language, text: str, attribute: str, value: str
) -> None:
    doc = marked(nlp, text)
    first, second = doc.spans["mentions"]
    assert relation_context(first, second)[attribute] == value


@pytest.mark.parametrize(
    "text",
    [
        "Avoid [ibuprofen|Drug] in patients with a history of [ulcers|Disease].",
        "[Ibuprofen|Drug] should not be given in [renal failure|Disease].",
    ],
)
def test_a_contraindication_is_asserted_certain_and_of_now(nlp: Language, text: str) -> None:
    doc = marked(nlp, text)
    assert relation_context(*doc.spans["mentions"], "CONTRAINDICATED_FOR") == DEFAULTS
    assert relation_context(*doc.spans["mentions"], "TREATS") != DEFAULTS


def test_a_reaction_is_certain_and_past(nlp: Language) -> None:
    doc = marked(nlp, "Allergic to [codeine|Drug] - [hives|Symptom], [rash|Symptom].")
    drug, *reactions = doc.spans["mentions"]
    for reaction in reactions:
        assert (drug.start, reaction.start) in doc._.reactions
        context = relation_context(drug, reaction, "CAUSES")
        assert context == {**DEFAULTS, "temporality": "historical"}


@pytest.mark.parametrize("after", ["since 3 h", "(today)", "for two days", "this morning"])
def test_a_complaint_of_now_is_no_reaction(nlp: Language, after: str) -> None:
    doc = marked(nlp, f"Allergic to [penicillin|Drug]: [chest pain|Symptom] {after}.")
    assert doc._.reactions == set()
    assert doc.spans["mentions"][1]._.temporality == "current"


def test_a_note_without_a_full_stop_takes_no_cube_of_its_length(nlp: Language) -> None:
    unit = "[fever|Symptom] without [cough|Symptom] and [gout|Disease], no [rash|Symptom] but "
    doc = marked(nlp, unit * 400)
    assert len(list(doc.sents)) == 1
    component = nlp.get_pipe("medkg_context")
    start = time.process_time()
    found = [categories for _, categories in component.categories(doc)]
    assert time.process_time() - start < 20  # it was minutes when each mention sought all stops
    assert found == [set(), NEGATED, NEGATED, NEGATED] * 400
