"""What a patient must not be given, and what it did."""

from __future__ import annotations

import pytest
from spacy.language import Language
from spacy.tokens import Doc

from medkg.extract import sentences as _sentences  # noqa: F401 (likewise)
from medkg.extract.context import context as _context  # noqa: F401 (registers the component)
from medkg.extract.context.attributes import DEFAULTS

from ..marked import marked, pipeline


@pytest.fixture(scope="module")
def nlp() -> Language:
    return pipeline("medkg_sentences", "medkg_context")


def allergies(doc: Doc) -> dict[str, tuple[set[str], tuple[str, ...]]]:
    """By drug what differs from an allergy that the patient has, and what the drug did."""
    words = {mention.start: mention.text for mention in doc.spans["mentions"]}
    return {
        words[start]: (set(allergy.attributes.values()) - set(DEFAULTS.values()), allergy.reactions)
        for start, allergy in doc._.allergies.items()
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Allergic to [codeine|Drug].", {"codeine": (set(), ())}),
        (
            "Allergies: [PCN|Drug] ([hives|Symptom], severe [wheezing|Symptom]), [sulfa|Drug]",
            {"PCN": (set(), ("hives", "wheezing")), "sulfa": (set(), ())},
        ),
        (
            "Intolerances:\n- [Metformin|Drug]: [diarrhea|Symptom]\n- [Statins|Drug]\n",
            {"Metformin": (set(), ("diarrhea",)), "Statins": (set(), ())},
        ),
        (
            "Allergies:\n[Penicillin|Drug]\t[Hives|Symptom]\tsevere\n",
            {"Penicillin": (set(), ("Hives",))},
        ),
        ("History of [penicillin|Drug] allergy.", {"penicillin": (set(), ())}),
        ("Past medical history: [gout|Disease], [PCN|Drug] allergy.", {"PCN": (set(), ())}),
        ("[Penicillin|Drug]-allergic.", {"Penicillin": (set(), ())}),
        ("Anaphylaxis to [ceftriaxone|Drug] in 2015.", {"ceftriaxone": (set(), ())}),
        ("Allergies: [lisinopril|Drug] - cough, stopped 2019", {"lisinopril": (set(), ())}),
        ("No allergy to [penicillin|Drug].", {"penicillin": ({"negated"}, ())}),
        ("Possible allergy to [penicillin|Drug].", {"penicillin": ({"possible"}, ())}),
        ("Her father is allergic to [penicillin|Drug].", {"penicillin": ({"family"}, ())}),
        ("Mum herself is allergic to [sulfa|Drug].", {"sulfa": ({"family"}, ())}),
        ("Allergic to [PCN|Drug] - widespread itchy [rash|Symptom].", {"PCN": (set(), ("rash",))}),
        ("If allergic to [penicillin|Drug], give [clindamycin|Drug].",
         {"penicillin": ({"hypothetical"}, ())}),
        ("[Penicillin|Drug] allergy, outgrown.", {"Penicillin": ({"historical"}, ())}),
        ("He outgrew his [penicillin|Drug] allergy.", {"penicillin": ({"historical"}, ())}),
        ("[Penicillin|Drug] allergy has resolved.", {"Penicillin": ({"historical"}, ())}),
        (
            "Allergies: [penicillin|Drug] (delabelled 2020), [sulfa|Drug]",
            {"penicillin": ({"historical"}, ()), "sulfa": (set(), ())},
        ),
        ("Reaction to [penicillin|Drug], given [clindamycin|Drug].", {"penicillin": (set(), ())}),
        ("Allergic to [penicillin|Drug], resolved with [steroids|Drug].",
         {"penicillin": (set(), ())}),
        ("Allergic to [penicillin|Drug]; treated with [doxycycline|Drug].",
         {"penicillin": (set(), ())}),
        ("Allergic to [penicillin|Drug] ([hives|Symptom]); given [doxycycline|Drug] for flu.",
         {"penicillin": (set(), ("hives",))}),
        ("Intolerant of [statins|Drug] ([myalgia|Symptom]) and takes [ezetimibe|Drug].",
         {"statins": (set(), ("myalgia",))}),
        ("[PCN|Drug] allergy: [rash|Symptom].", {"PCN": (set(), ("rash",))}),
        ("[Codeine|Drug] intolerance: [nausea|Symptom].", {"Codeine": (set(), ())}),
        ("[Glucose intolerance|Disease]: [metformin|Drug].", {}),
        ("NKDA. Intolerances: [codeine|Drug], [statins|Drug].",
         {"codeine": (set(), ()), "statins": (set(), ())}),
        ("Allergies - [PCN|Drug] (rxn: [rash|Symptom])", {"PCN": (set(), ("rash",))}),
        ("Allergies: [aspirin|Drug] 81 mg daily - hives", {"aspirin": (set(), ())}),
        ("Allergic to [PCN|Drug] ([rash|Symptom]), [sulfa|Drug] and [codeine|Drug].",
         {"PCN": (set(), ("rash",)), "sulfa": (set(), ()), "codeine": (set(), ())}),
        ("Reaction to [PCN|Drug], [sulfa|Drug].", {"PCN": (set(), ()), "sulfa": (set(), ())}),
        ("Allergies: [penicillin|Drug], egg (outgrown)", {"penicillin": (set(), ())}),
        ("Outgrew egg allergy but allergic to [penicillin|Drug].", {"penicillin": (set(), ())}),
        ("[Penicillin|Drug] allergy has not been outgrown.", {"Penicillin": (set(), ())}),
        ("Allergies: [codeine|Drug] - not tolerated", {"codeine": (set(), ())}),
        ("[Codeine|Drug] makes her vomit.", {"Codeine": (set(), ())}),
        ("Gets [hives|Symptom] w/ [penicillin|Drug].", {"penicillin": (set(), ("hives",))}),
        ("Gets hives with use of [amoxicillin|Drug].", {"amoxicillin": (set(), ())}),
        (
            "| Allergen | Reaction |\n| [cefazolin|Drug] | [hives|Symptom] |\n\n[Aspirin|Drug]",
            {"cefazolin": (set(), ("hives",))},
        ),
        (
            "Allergies:\n| Allergen | Reaction |\n| [PCN|Drug] | [hives|Symptom] |\n[Sulfa|Drug]\n",
            {"PCN": (set(), ("hives",)), "Sulfa": (set(), ())},
        ),
        ("Adverse rxns: [PCN|Drug]\nPast med trials: [lithium|Drug]", {"PCN": (set(), ())}),
        ("Allergies: [PCN|Drug]. Medications: [aspirin|Drug].", {"PCN": (set(), ())}),
        ("Anaphylaxis to peanuts, [epinephrine|Drug] given.", {}),
        ("Allergies: peanuts - hives, has [EpiPen|Drug]", {}),
        ("Hives to arms and [prednisone|Drug] taken.", {}),
        ("Rash to both arms, [hydrocortisone|Drug] cream.", {}),
        ("Allergic to cats, uses [fluticasone|Drug].", {}),
        ("Allergy to bees (has [epinephrine|Drug])", {}),
        ("Allergic to [penicillin|Drug], home meds [lisinopril|Drug]", {"penicillin": (set(), ())}),
        ("[Fluticasone|Drug] - [allergic rhinitis|Disease]", {}),
        ("[Zyrtec|Drug] for allergies.", {}),
        ("Loratadine for [allergic rhinitis|Disease].", {}),
        ("Avoid [NSAIDs|Drug].", {}),
    ],
)  # fmt: skip
def test_allergies(
    nlp: Language, text: str, expected: dict[str, tuple[set[str], tuple[str, ...]]]
) -> None:
    doc = marked(nlp, text)
    doc._.note = True
    assert allergies(nlp.get_pipe("medkg_context")(doc)) == expected


def test_what_is_tolerated_is_taken_where_it_goes_well(nlp: Language) -> None:
    doc = marked(nlp, "Allergies: NKDA\nPlan: tolerates [metformin|Drug] well.")
    doc._.note = True
    doc = nlp.get_pipe("medkg_context")(doc)
    assert [mention._.certainty for mention in doc.spans["mentions"]] == ["certain"]


def test_what_a_paper_says_of_reactions_is_certain(nlp: Language) -> None:
    doc = marked(
        nlp, "Thrombocytopenia is a reaction to [heparin|Drug], or [statin|Drug] intolerance."
    )
    assert allergies(doc) == {}
    assert {mention._.certainty for mention in doc.spans["mentions"]} == {"certain"}


@pytest.mark.parametrize(
    "text",
    [
        "Allergies: [PCN|Drug] - tolerates [cefazolin|Drug]",
        "Allergic to [PCN|Drug]; skin testing for [cefazolin|Drug] was negative.",
        "Allergies: [PCN|Drug], tolerates [cefazolin|Drug], [sulfa|Drug]",
        "Allergic to [PCN|Drug]. Skin testing was negative to [cefazolin|Drug].",
        "Allergies: [PCN|Drug].\nPlan: has taken [cefazolin|Drug] without problems.",
    ],
)
def test_what_is_tolerated_is_neither_an_allergy_nor_taken(nlp: Language, text: str) -> None:
    doc = marked(nlp, text)
    doc._.note = True
    doc = nlp.get_pipe("medkg_context")(doc)
    pcn, cefazolin, *others = doc.spans["mentions"]
    assert list(allergies(doc)) == [pcn.text, *(other.text for other in others)]
    assert cefazolin._.certainty == "hypothetical"


@pytest.mark.parametrize("text", ["Tolerates [cefazolin|Drug] despite [PCN|Drug] allergy.",
                                  "Tolerated [cefazolin|Drug]; [PCN|Drug] allergy."])  # fmt: skip
def test_what_is_tolerated_says_nothing_of_what_is_not(nlp: Language, text: str) -> None:
    assert list(allergies(marked(nlp, text))) == ["PCN"]


def test_what_has_a_dose_below_an_empty_list_of_allergies_is_taken(nlp: Language) -> None:
    doc = marked(nlp, "Allergies: NKDA\n[lisinopril|Drug] 10 mg\n[metformin|Drug] bid\n")
    assert allergies(doc) == {}
    assert [mention._.certainty for mention in doc.spans["mentions"]] == ["certain"] * 2
