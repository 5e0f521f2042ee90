"""The context of mentions, phrase by phrase."""

from __future__ import annotations

import time

import pytest
from spacy.language import Language

from medkg.extract import sentences as _sentences  # noqa: F401 (likewise)
from medkg.extract.context import context as _context  # noqa: F401 (registers the component)
from medkg.extract.context.attributes import DEFAULTS
from medkg.extract.context.context import relation_context
from medkg.graph.frames import EVIDENCE_VALUES

from ..marked import marked, pipeline


@pytest.fixture(scope="module")
def nlp() -> Language:
    return pipeline("medkg_sentences", "medkg_context")


def contexts(nlp: Language, text: str) -> list[set[str]]:
    """Of each mention what differs from plain."""
    doc = marked(nlp, text)
    return [
        {getattr(mention._, name) for name in DEFAULTS} - set(DEFAULTS.values())
        for mention in doc.spans["mentions"]
    ]


NEGATED, POSSIBLE, HYPOTHETICAL = {"negated"}, {"possible"}, {"hypothetical"}
UNLIKELY = {"negated", "possible"}
HISTORICAL, FAMILY, OTHER, PLAIN = {"historical"}, {"family"}, {"other"}, set[str]()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He has [fever|Symptom].", [PLAIN]),
        ("I don't have [chest pain|Symptom].", [NEGATED]),
        ("I don’t have any [cough|Symptom], I have [fever|Symptom].", [NEGATED, PLAIN]),
        ("I haven't got [gout|Disease].", [NEGATED]),
        ("She hadn't had [fits|Symptom].", [NEGATED]),
        ("I have never had a [stroke|Disease].", [NEGATED]),
        ("We have not seen him have a [seizure|Symptom].", [NEGATED]),
        ("She saw things that were not there and had [insomnia|Symptom].", [PLAIN]),
        ("Nobody in the family had [breast cancer|Disease].", [FAMILY]),
        ("No one in our family has [asthma|Disease].", [FAMILY]),
        ("Nobody else in the house has a [cough|Symptom].", [OTHER]),
        ("Our 3-year-old son keeps getting [boils|Symptom].", [PLAIN]),
        ("Our little daughter has [fever|Symptom].", [PLAIN]),
        ("My 3 year old daughter has [fever|Symptom].", [PLAIN]),
        ("Our son has [spina bifida|Disease].", [FAMILY]),
        ("My son is 30 and has [epilepsy|Disease].", [FAMILY]),
        ("My daughter has [asthma|Disease].", [FAMILY]),
        ("No longer takes [warfarin|Drug], on [apixaban|Drug].", [HISTORICAL, PLAIN]),
        # What a drug didn't help is there.
        ("[Ibuprofen|Drug] did not help her [migraine|Disease].", [PLAIN, PLAIN]),
        ("[Paracetamol|Drug] has not helped the [headache|Symptom].", [PLAIN, PLAIN]),
        ("[Codeine|Drug] doesn't help his [pain|Symptom].", [PLAIN, PLAIN]),
        ("[Vincristine|Drug], but not [vinblastine|Drug], often causes [neuropathy|Disease].",
         [PLAIN, NEGATED, PLAIN]),
        # How much a denial among findings denies is unclear, unless "or" says it.
        ("[Red eyes|Symptom] but no [pus|Symptom], [oedema|Symptom], a [rash|Symptom].",
         [PLAIN, NEGATED, POSSIBLE, PLAIN]),
        ("[Fever|Symptom], no [cough|Symptom], [sore throat|Symptom].", [PLAIN, NEGATED, POSSIBLE]),
        ("[Fever|Symptom], no [cough|Symptom], [rash|Symptom] for 2 or 3 days.",
         [PLAIN, NEGATED, POSSIBLE]),
        ("[Fever|Symptom], no [cough|Symptom], the [rash|Symptom] persists.",
         [PLAIN, NEGATED, PLAIN]),
        ("[Headache|Symptom] without [nausea|Symptom], [vomiting|Symptom] and [fever|Symptom].",
         [PLAIN, NEGATED, NEGATED, NEGATED]),
        ("Denies worsening [cough|Symptom], [fever|Symptom].", [NEGATED, NEGATED]),
        ("She is not having [fever|Symptom], [cough|Symptom].", [NEGATED, NEGATED]),
        ("No morning [stiffness|Symptom], [rash|Symptom].", [NEGATED, NEGATED]),
        ("[Fever|Symptom], no [cough|Symptom], [rash|Symptom] or [pain|Symptom].",
         [PLAIN, NEGATED, NEGATED, NEGATED]),
        ("No [cough|Symptom], [rash|Symptom], [pain|Symptom].", [NEGATED] * 3),
        ("[Dyspnea|Symptom] without [fever|Symptom], [cough|Symptom].",
         [PLAIN, NEGATED, POSSIBLE]),
        ("Without [fever|Symptom], [cough|Symptom].", [NEGATED, NEGATED]),
        ("Not sleeping, [irritable|Symptom].", [PLAIN]),
        ("Heavier without eating more, [tired|Symptom].", [PLAIN]),
        ("Not [vomiting|Symptom], [coughing|Symptom].", [NEGATED, NEGATED]),
        ("[Fever|Symptom] (-), [cough|Symptom] (+).", [NEGATED, PLAIN]),
        ("(-) [fever|Symptom], (+) [cough|Symptom]", [NEGATED, PLAIN]),
        ("+ [nausea|Symptom], - [vomiting|Symptom], -[rash|Symptom], +[cough|Symptom]",
         [PLAIN, NEGATED, NEGATED, PLAIN]),
        ("-[fever|Symptom], -[cough|Symptom]", [NEGATED, NEGATED]),
        ("Denies [fever|Symptom], [chills|Symptom], +[cough|Symptom]", [NEGATED, NEGATED, PLAIN]),
        ("- [fever|Symptom], [cough|Symptom]\n- [rash|Symptom]", [PLAIN] * 3),
        ("[Pain|Symptom] - [nausea|Symptom], [sulfa|Drug] - [hives|Symptom]", [PLAIN] * 4),
        ("Avoid [NSAIDs|Drug] (e.g. [ibuprofen|Drug], [naproxen|Drug]); take [codeine|Drug]",
         [HYPOTHETICAL] * 3 + [PLAIN]),
        ("Avoid [ibuprofen|Drug], use [acetaminophen|Drug]", [HYPOTHETICAL, PLAIN]),
        ("If [pain|Symptom], take [ibuprofen|Drug]", [HYPOTHETICAL] * 2),
        ("Add [spironolactone|Drug] 25 mg if confirmed.", [HYPOTHETICAL]),
        ("[Nifedipine|Drug] and [sildenafil|Drug] was not tolerated.", [HISTORICAL] * 2),
        ("[CPAP|Procedure] was not tolerated.", [PLAIN]),
        ("Home [simvastatin|Drug] and [candesartan|Drug] withheld.", [HISTORICAL] * 2),
        ("Omit [metoclopramide|Drug].", [HYPOTHETICAL]),
        ("Switch to [docetaxel|Drug] was discussed.", [HYPOTHETICAL]),
        ("Asking about [clozapine|Drug].", [HYPOTHETICAL]),
        ("Avoid [NSAIDs|Drug]; hold [metoprolol|Drug].", [HYPOTHETICAL, HISTORICAL]),
        ("[Cancer|Disease] (EGFR mutant, [HER2|Target] negative)", [PLAIN, NEGATED]),
        ("[Gout|Disease] (no [flare|Symptom] since 2021), [asthma|Disease]",
         [PLAIN, NEGATED, PLAIN]),
        ("[Gout|Disease] (no flare since 2021), [asthma|Disease] (HER2 negative)", [PLAIN] * 2),
        ("[Influenza|Disease] (swab negative), [gout|Disease]", [NEGATED, PLAIN]),
        ("(Possible) [pneumonia|Disease], (h/o) [asthma|Disease]", [POSSIBLE, HISTORICAL]),
        ("[Statin|Drug] (recently stopped), [stroke|Disease] (highly unlikely)",
         [HISTORICAL, UNLIKELY]),
        ("[Amlodipine|Drug] 5 mg; discontinued [lisinopril|Drug] due to [cough|Symptom].",
         [PLAIN, HISTORICAL, PLAIN]),
        ("[Atorvastatin|Drug] 40 mg; stop smoking.", [PLAIN]),
        ("On [lisinopril|Drug] but declined [statin|Drug].", [PLAIN, NEGATED]),
        ("Never tried [lisinopril|Drug].", [NEGATED]),
        ("Uses [albuterol|Drug], smoked pot but stopped it.", [PLAIN]),
        ("[Lisinopril|Drug] since 2018-03; [aspirin|Drug] 2015-16, still taking.", [PLAIN] * 2),
        ("Side effects: [nausea|Symptom] since starting [metformin|Drug].", [PLAIN] * 2),
        ("Avoid [NSAIDs|Drug] given [CKD|Disease] and continue [aspirin|Drug].",
         [HYPOTHETICAL, PLAIN, PLAIN]),
        ("Offered reassurance and continued [metformin|Drug].", [PLAIN]),
        ("[DM2|Disease] dx 2015.", [PLAIN]),
        ("Meds: [metformin|Drug], - [aspirin|Drug], - [lisinopril|Drug]", [PLAIN] * 3),
        ("[Rash|Symptom] (resolved), [cough|Symptom] (absent)", [HISTORICAL, NEGATED]),
        ("[Gout|Disease] ruled out (TSH 1.9)", [NEGATED]),
        ("[Lupus|Disease] was considered but ruled out.", [NEGATED]),
        ("[Migraine|Disease] was considered and rejected.", [{"possible"}]),
        # What is rejected may be the treatment, so that nothing is denied.
        ("[Warfarin|Drug] for [fibrillation|Disease] was considered but rejected.",
         [{"possible"}, {"possible"}]),
        ("[Headaches|Symptom] persist daily; [vomiting|Symptom] has not recurred.",
         [PLAIN, NEGATED]),
        ("No complaints, without treatment-related [neuropathy|Symptom].", [NEGATED]),
        ("Well, without medication side effects such as [nausea|Symptom].", [NEGATED]),
        ("[Embolism|Disease] was considered but excluded by [CT|Procedure].", [NEGATED, PLAIN]),
        ("[Gout|Disease] had been considered and was excluded.", [NEGATED]),
        ("[Fever|Symptom] has not recurred since Monday.", [NEGATED]),
        ("Her [melanoma|Disease] hasn't recurred.", [HISTORICAL]),
        ("Without treatment the [ataxia|Symptom] worsened.", [PLAIN]),
        ("Without therapy her [gout|Disease] flared, without [fever|Symptom].", [PLAIN, NEGATED]),
        ("She had a [rash|Symptom] on [osimertinib|Drug], now resolved.", [HISTORICAL, PLAIN]),
        ("[Anorexia|Disease] in her teens, now in full remission", [HISTORICAL]),
        ("Had [colitis|Disease] 2021. [Gout|Disease] hx.", [HISTORICAL] * 2),
        ("6/12 hx of [acne|Symptom]; 3 day h/o [fever|Symptom]", [PLAIN] * 2),
        ("[Doxazosin|Drug] 4mg   STOP\n[statin|Drug] 10 mg", [HISTORICAL, PLAIN]),
        ("[Lorazepam|Drug] | 0.5 mg prn | not taking", [NEGATED]),
        ("[Sertraline|Drug] 100 (weaned off), [statin|Drug]", [HISTORICAL, PLAIN]),
        ("[Clopidogrel|Drug] and [aspirin|Drug] have both been discontinued.", [HISTORICAL] * 2),
        ("[DKA|Disease] x1 (2016), none since.", [HISTORICAL]),
        ("[B12|Drug] injections start next week.", [HYPOTHETICAL]),
        ("Sick contact: grandson w/ [influenza|Disease].", [{"other"}]),
        ("Not taking: [lisinopril|Drug] (ran out), [sertraline|Drug]", [NEGATED] * 2),
        ("Past med trials: [fluoxetine|Drug] 40 mg, [bupropion|Drug]", [HISTORICAL] * 2),
        ("[Vancomycin|Drug] d/c'd given [AKI|Disease]; [statin|Drug] self-discontinued",
         [HISTORICAL, PLAIN, HISTORICAL]),
        ("[Fluconazole|Drug] 200 mg daily; stop.", [HISTORICAL]),
        ("[Etanercept|Drug] 2019-21, [statin|Drug] 10 mg", [HISTORICAL, PLAIN]),
        ("Options discussed, including [docetaxel|Drug], [cisplatin|Drug]", [HYPOTHETICAL] * 2),
        ("Offered [varenicline|Drug] - declined.", [{"negated", "hypothetical"}]),
        ("Counselled re: [myalgia|Symptom], [nosebleeds|Symptom]", [HYPOTHETICAL] * 2),
        ("Lives w/ wife, [hypertension|Disease]", [PLAIN]),
        ("[Biopsy|Procedure] recommended. [MRI|Procedure] deferred.", [HYPOTHETICAL, NEGATED]),
        ("Never had [colonoscopy|Procedure]; [biopsy|Procedure] refused.", [NEGATED] * 2),
        ("[Cinacalcet|Drug] 30, [Bactrim|Drug] stopped", [PLAIN, HISTORICAL]),
        ("[Cinacalcet|Drug] 30 and [Bactrim|Drug] stopped", [HISTORICAL] * 2),
        ("Gets [hives|Symptom] with [amoxicillin|Drug].", [HISTORICAL, HYPOTHETICAL]),
        ("[Penicillin|Drug] gives her a [rash|Symptom].", [HYPOTHETICAL, HISTORICAL]),
        ("Was given [amoxicillin|Drug], [rash|Symptom] after 2 days, stopped it.",
         [HISTORICAL, PLAIN]),
        # A clause behind says that the drug was stopped, or changed to another.
        ("[Lisinopril|Drug] caused [cough|Symptom] and was stopped.", [HISTORICAL, PLAIN]),
        ("[Lisinopril|Drug], which was held last week, helped.", [HISTORICAL]),
        ("He took [lisinopril|Drug] but it has since been discontinued.", [HISTORICAL]),
        ("[Ramipril|Drug] caused [cough|Symptom], so it was switched to [losartan|Drug].",
         [HISTORICAL, PLAIN, PLAIN]),
        ("[Ramipril|Drug] was started, and was changed to [ramipril|Drug] 10 mg.", [PLAIN] * 2),
        ("[Ramipril|Drug] was given and was stopped but later restarted.", [PLAIN]),
        ("She takes [lithium|Drug]; if she shakes and it was stopped, call.", [PLAIN]),
        ("He was given [heparin|Drug] and was held overnight.", [PLAIN]),
        ("[Bleeding|Symptom] occurred on [warfarin|Drug] and was stopped with sutures.",
         [PLAIN, PLAIN]),
        ("[Aspirin|Drug] daily; on [codeine|Drug] but stopped it; [statin|Drug] daily",
         [PLAIN, HISTORICAL, PLAIN]),
        ("- [ ] [asthma|Disease]\n- [x] [gout|Disease]", [NEGATED, PLAIN]),
        ("He denies [fever|Symptom], [rash|Symptom] or [cough|Symptom].", [NEGATED] * 3),
        ("No [fever|Symptom], but [cough|Symptom] persists.", [NEGATED, PLAIN]),
        ("[Pneumonia|Disease] was ruled out.", [NEGATED]),
        ("He doesn’t have [gout|Disease].", [NEGATED]),
        ("He doesnt have [gout|Disease].", [NEGATED]),
        ("He hasnt had a [seizure|Symptom].", [NEGATED]),
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
        ("ROS: (-) [fever|Symptom], (-) abd [pain|Symptom], (+) [fatigue|Symptom]",
         [NEGATED, NEGATED, PLAIN]),
        ("No longer takes [amlodipine|Drug].", [HISTORICAL]),
        ("Off [warfarin|Drug], off-label [sertraline|Drug].", [HISTORICAL, PLAIN]),
        ("[Propranolol|Drug] held for [hypotension|Symptom].", [HISTORICAL, PLAIN]),
        ("[Lisinopril|Drug] d/c'd because of [cough|Symptom].", [HISTORICAL, PLAIN]),
        ("Was on [warfarin|Drug], switched to [apixaban|Drug].", [HISTORICAL, PLAIN]),
        ("[Furosemide|Drug] switched to 20 mg.", [PLAIN]),
        ("On [aspirin|Drug], [metoprolol|Drug] and daily [lisinopril|Drug] 10 mg switched to PO.",
         [PLAIN, PLAIN, HISTORICAL]),
        ("[Propranolol|Drug] not restarted.", [HISTORICAL]),
        ("I have not started her on [prednisone|Drug].", [NEGATED]),
        ("Mom has [depression|Disease] and takes [sertraline|Drug].", [FAMILY, FAMILY]),
        ("Her daughter takes [montelukast|Drug].", [FAMILY]),
        ("[CHF|Disease] ([EF|Procedure] 35% in 2021)", [PLAIN, HISTORICAL]),
        ("[AKI|Disease] on [CKD|Disease], likely cardiorenal.", [PLAIN, PLAIN]),
        ("[Cough|Symptom], most likely viral in origin.", [PLAIN]),
        ("[Chest pain|Symptom], likely [ischemia|Disease].", [PLAIN, POSSIBLE]),
        ("[Cough|Symptom], likely [viral pneumonia|Disease].", [PLAIN, POSSIBLE]),
        ("[Rash|Symptom] and possible [gout|Disease] or [flu|Disease]", [PLAIN, *[POSSIBLE] * 2]),
        ("[Fever|Symptom], [gout|Disease] likely with [rash|Symptom]", [PLAIN, POSSIBLE, PLAIN]),
        ("[Fever|Symptom], [gout|Disease] and [lupus|Disease] are likely.", [POSSIBLE] * 3),
        ("[Rash|Symptom], [lupus|Disease] unlikely.", [PLAIN, UNLIKELY]),
        ("[Rash|Symptom]; [lupus|Disease] is unlikely.", [PLAIN, UNLIKELY]),
        ("[Chest pain|Symptom], unlikely cardiac.", [PLAIN]),
        ("[Seizure|Symptom], very likely.", [POSSIBLE]),
        ("[Gout|Disease], quite possible.", [POSSIBLE]),
        ("[Asthma|Disease], suspected since childhood.", [POSSIBLE]),
        ("[Lupus|Disease], probable: [rash|Symptom].", [POSSIBLE, PLAIN]),
        ("[Lupus|Disease] likely - [fever|Symptom].", [POSSIBLE, PLAIN]),
        ("Likely, [gout|Disease].", [POSSIBLE]),
        ("[Lupus|Disease] likely causing [arthritis|Disease]", [POSSIBLE, PLAIN]),
        ("[Pneumonia|Disease] suspected by GP, [fever|Symptom]", [POSSIBLE, PLAIN]),
        ("[Lupus|Disease] is more likely than [gout|Disease]", [POSSIBLE, POSSIBLE]),
        ("[Asthma|Disease], [gout|Disease] and [lupus|Disease] remain possible", [POSSIBLE] * 3),
        ("[Gout|Disease], or [lupus|Disease] was considered unlikely", [UNLIKELY, UNLIKELY]),
        ("[Fever|Symptom] and [cough|Symptom], [gout|Disease] unlikely", [PLAIN, PLAIN, UNLIKELY]),
        ("It is unlikely that she has [gout|Disease].", [UNLIKELY]),
        ("[Fever|Symptom], [pain|Symptom] without [pus|Symptom], [rash|Symptom] and [flu|Disease]",
         [PLAIN, PLAIN, NEGATED, POSSIBLE, POSSIBLE]),
        ("[Headache|Symptom] without [nausea|Symptom], [fever|Symptom] and [rash|Symptom]",
         [PLAIN, NEGATED, NEGATED, NEGATED]),
        ("My daughter is 9 years old and has [fever|Symptom].", [PLAIN]),
        ("My son, 14 months old, has had [fever|Symptom].", [PLAIN]),
        ("My daughter has [flu|Disease].", [FAMILY]),
        ("My mother, 82, has [gout|Disease].", [FAMILY]),
        ("Her mother, a healthy 58-year-old woman, has [gout|Disease].", [FAMILY]),
        ("Her mother (58) has [gout|Disease]. She has [asthma|Disease].", [FAMILY, PLAIN]),
        ("[Pneumonia|Disease], likely.", [POSSIBLE]),
        ("[AKI|Disease] likely from [sepsis|Disease].", [PLAIN, POSSIBLE]),
        ("Past trials: [quetiapine|Drug], [lamotrigine|Drug].", [HISTORICAL, HISTORICAL]),
        ("[DVT|Disease] prophylaxis with [heparin|Drug].", [HYPOTHETICAL, PLAIN]),
        ("[Appendicitis|Disease] vs. [colitis|Disease].", [POSSIBLE, POSSIBLE]),
        (
            "[Methotrexate|Drug] is contraindicated in patients with [renal failure|Disease].",
            [HYPOTHETICAL, HYPOTHETICAL],
        ),
        ("No family history of [cancer|Disease].", [FAMILY | NEGATED]),
        ("I do not think she has [vasculitis|Disease].", [NEGATED]),
        ("I don't think this is [lupus|Disease].", [NEGATED]),
        ("I doubt he has [sarcoidosis|Disease].", [NEGATED]),
        ("I do not think that the [rash|Symptom] is due to [penicillin|Drug].", [PLAIN, PLAIN]),
        ("She worries about [osteoporosis|Disease].", [HYPOTHETICAL]),
        ("Her father has [diabetes|Disease], and she has [gout|Disease].", [FAMILY, PLAIN]),
        ("Mum has [asthma|Disease]; the child has no [rash|Symptom].", [FAMILY, NEGATED]),
        ("Return if she has [fever|Symptom].", [HYPOTHETICAL]),
        ("Call if the patient develops [rash|Symptom] or [fever|Symptom].", [HYPOTHETICAL] * 2),
        ("Ask whether he has [pain|Symptom].", [HYPOTHETICAL]),
        ("Return if you are [nauseated|Symptom].", [HYPOTHETICAL]),
        ("Give [ibuprofen|Drug] if he has [fever|Symptom].", [HYPOTHETICAL] * 2),
        ("If the patient's [asthma|Disease] worsens, call.", [PLAIN]),
        ("She has [fever|Symptom] if untreated.", [PLAIN]),
        ("[Gout|Disease] - ruled out.", [NEGATED]),
        ("[Gout|Disease] (ruled out).", [NEGATED]),
        ("[Gout|Disease]: excluded.", [NEGATED]),
        ("[Gout|Disease], ruled out.", [NEGATED]),
        ("[Gout|Disease] - not ruled out.", [POSSIBLE]),
        ("[Gout|Disease] was on the differential but excluded.", [NEGATED]),
        ("[Gout|Disease]: excluded foods are on the list.", [PLAIN]),
        ("[Pancreatitis|Disease]: ruled out [gallstones|Disease].", [PLAIN, NEGATED]),
        ("[Asthma|Disease] and [gout|Disease], [lupus|Disease] - ruled out.",
         [PLAIN, PLAIN, NEGATED]),
        ("Admitted with [gout|Disease], [lupus|Disease] ruled out.", [PLAIN, NEGATED]),
        ("[Lupus|Disease] was in the differential but ruled out.", [NEGATED]),
        ("Her GP thought this was [asthma|Disease].", [POSSIBLE]),
        ("She thinks it is worse at night with [wheeze|Symptom].", [PLAIN]),
        ("His wife takes [aspirin|Drug] for [gout|Disease].", [OTHER, OTHER]),
        ("His wife takes him to dialysis for [ESRD|Disease].", [PLAIN]),
        ("His wife takes care of his [gout|Disease].", [PLAIN]),
        ("Her husband is taking [aspirin|Drug].", [OTHER]),
        ("Her partner is on [aspirin|Drug], and she takes [heparin|Drug].", [OTHER, PLAIN]),
        ("[Prednisone|Drug] tapered off 2022.", [HISTORICAL]),
        ("On [methotrexate|Drug], tapered off [prednisone|Drug].", [PLAIN, HISTORICAL]),
        ("[Prednisone|Drug] is to be tapered off.", [PLAIN]),
        ("[Prednisone|Drug] tapered to 5 mg.", [PLAIN]),
        ("[Nausea|Symptom] on [codeine|Drug] in past.", [PLAIN, HISTORICAL]),
    ],
)  # fmt: skip
def test_phrases(nlp: Language, text: str, expected: list[set[str]]) -> None:
    assert contexts(nlp, text) == expected


def test_a_past_history_lists_what_the_patient_has_still(nlp: Language) -> None:
    text = (
        "PMH:\n[Hypertension|Disease], [pneumonia|Disease]. [Asthma|Disease], resolved. h/o"
        " [gout|Disease]. Previous [migraine|Disease].\n\nExam: [epilepsy|Disease]"
    )
    doc = marked(nlp, text)
    mentions = doc.spans["mentions"]
    assert [mention.text for mention in mentions if mention.start in doc._.lasting] == [
        "Hypertension",
        "gout",
    ]
    assert [m._.temporality for m in mentions] == [*["historical"] * 5, "current"]


@pytest.mark.parametrize(
    ("text", "lasting"),
    [
        ("67M PMH [HTN|Disease] [pneumonia|Disease]", []),  # a short form that nothing spells out
        (
            "A woman with PMH of [hypertension|Disease] and [COPD|Disease].",
            ["hypertension", "COPD"],
        ),
        ("History of [asthma|Disease] and [stroke|Disease].", ["asthma"]),
        ("History of [asthma|Disease] as a child.", []),
        ("History of [asthma|Disease] until age 12.", []),
        ("History of [hypertension|Disease] during pregnancy.", []),
        ("History of [stroke|Disease], previous [migraine|Disease].", []),
        ("Childhood history of [asthma|Disease].", []),
        ("Previous [asthma|Disease].", []),
        ("He has [asthma|Disease].", []),
    ],
)
def test_a_history_in_a_sentence_lists_them_too(
    nlp: Language, text: str, lasting: list[str]
) -> None:
    doc = marked(nlp, text)
    mentions = doc.spans["mentions"]
    assert [mention.text for mention in mentions if mention.start in doc._.lasting] == lasting


@pytest.mark.parametrize(
    "text",
    [
        "[Docetaxel|Drug] may cause [neutropenia|Disease] and [fever|Symptom].",
        "He gets [docetaxel|Drug], which can cause [neutropenia|Symptom] or [fever|Symptom].",
    ],
)
def test_what_a_drug_may_do_is_nothing_that_a_patient_has(nlp: Language, text: str) -> None:
    assert contexts(nlp, text) == [PLAIN] * 3
    doc = marked(nlp, text)
    doc._.note = True
    doc = nlp.get_pipe("medkg_context")(doc)
    assert [mention._.certainty for mention in doc.spans["mentions"]] == [
        "certain", "hypothetical", "hypothetical"
    ]  # fmt: skip


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
        ("Took [codeine|Drug], felt sick and stopped it.", True),
        ("Stop [metformin|Drug] in case of vomiting.", False),
        ("[Metformin|Drug] was held on admission and resumed at discharge.", False),
    ],
)
def test_what_stops_a_drug_for_certain(nlp: Language, text: str, stopped: bool) -> None:
    assert bool(marked(nlp, text)._.stopped) == stopped


@pytest.mark.parametrize(
    ("text", "polarity"),
    [
        ("Ruled out: [pneumonia|Disease].", "negated"),
        ("[Pneumonia|Disease] excluded.", "negated"),
        ("Never diagnosed with [asthma|Disease].", "negated"),
        ("She has hardly any [cough|Symptom].", "negated"),
        ("He can hardly see, [headache|Symptom].", "asserted"),
        ("Hardly a day passes without [headache|Symptom].", "asserted"),
    ],
)
def test_what_is_excluded_or_hardly_there(nlp: Language, text: str, polarity: str) -> None:
    doc = marked(nlp, text)
    assert [mention._.polarity for mention in doc.spans["mentions"]] == [polarity]


@pytest.mark.parametrize(
    ("text", "experiencer"),
    [
        ("My wife sent me, she says I [snore|Symptom].", "patient"),
        ("My mother made me come, my [cough|Symptom] is worse.", "patient"),
        ("His wife has noticed [irritability|Symptom].", "patient"),
        ("His wife tells me that he [snores|Symptom].", "patient"),
        ("Her sister is worried by her [cough|Symptom].", "patient"),
        ("His partner brought him, with a [cough|Symptom].", "patient"),
        ("My wife has a [cough|Symptom].", "other"),
        ("Flatmate has [diarrhoea|Symptom].", "other"),
        ("Ate with two friends, who both have [diarrhoea|Symptom].", "other"),
        ("Friends say she has a [tremor|Symptom].", "patient"),
        ("He was out with friends and had a [seizure|Symptom].", "patient"),
        ("After dinner with friends developed [vomiting|Symptom].", "patient"),
        ("Friends took her to hospital with [fever|Symptom].", "patient"),
        ("Flatmate witnessed a [seizure|Symptom].", "patient"),
        ("Her colleagues have commented on her [tremor|Symptom].", "patient"),
        ("Neighbours found him with a [cough|Symptom].", "patient"),
    ],
)
def test_who_sends_or_tells_of_a_patient_has_not_what_they_have(
    nlp: Language, text: str, experiencer: str
) -> None:
    doc = marked(nlp, text)
    assert [mention._.experiencer for mention in doc.spans["mentions"]] == [experiencer]


@pytest.mark.parametrize(
    ("text", "experiencers"),
    [
        ("My husband (62) [snores|Symptom]. He [gasps|Symptom].", ["patient", "patient"]),
        ("My mum has a [cough|Symptom]. She is [hot|Symptom].", ["patient", "patient"]),
        ("My mum, 82, has a [cough|Symptom]. I'm [tired|Symptom].", ["family", "patient"]),
        (
            "My wife, 60, is [ill|Symptom]. She [coughs|Symptom]. I'm [tired|Symptom], too.",
            ["patient", "patient", "family"],
        ),
        ("My mum has [gout|Disease] and I have a [cough|Symptom].", ["family", "patient"]),
        ("My mum has [gout|Disease], I have a [cough|Symptom].", ["family", "patient"]),
    ],
)
def test_a_note_of_a_relative(nlp: Language, text: str, experiencers: list[str]) -> None:
    doc = marked(nlp, text, note=True)
    assert [mention._.experiencer for mention in doc.spans["mentions"]] == experiencers


def test_a_paper_is_of_no_relative(nlp: Language) -> None:
    doc = marked(nlp, "My wife (60) [snores|Symptom]. She [gasps|Symptom].")
    assert doc.spans["mentions"][0]._.experiencer == "other"


def test_context_ends_with_the_sentence(nlp: Language) -> None:
    assert contexts(nlp, "He has no [fever|Symptom]. [Cough|Symptom] began today.") == [
        NEGATED,
        PLAIN,
    ]


def test_a_trigger_inside_a_mention_is_part_of_its_name(nlp: Language) -> None:
    assert contexts(nlp, "She has [no-reflow phenomenon|Disease].") == [PLAIN]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # What a negation begins before the mention and ends in it, it denies.
        ("No [evidence of sepsis|Disease].", NEGATED),
        ("No [evidence of|Disease] sepsis.", PLAIN),
        ("[No rash|Symptom].", NEGATED),
        ("[Rash, no fever|Symptom] today.", PLAIN),
        ("No [improvement|Symptom].", NEGATED),
        ("[No improvement|Symptom].", PLAIN),
        ("[Free of pain|Symptom].", PLAIN),
        ("[Mum - epilepsy|Disease].", FAMILY),
        ("[Epilepsy, mum|Disease] today.", PLAIN),
        ("[Tolerates heat badly|Symptom].", PLAIN),
        ("[On oxygen|Drug].", PLAIN),
    ],
)
def test_a_trigger_that_overlaps_a_mention(nlp: Language, text: str, expected: set[str]) -> None:
    assert contexts(nlp, text) == [expected]


def test_what_is_named_so_is_not_denied(nlp: Language) -> None:
    doc = marked(nlp, "[No rash|Symptom].")
    mention = doc.spans["mentions"][0]
    mention._.named = True
    nlp.get_pipe("medkg_context")(doc)
    assert mention._.polarity == "asserted"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("Family history", [FAMILY, FAMILY, FAMILY, PLAIN]),
        ("Past medical history", [HISTORICAL] * 4),
        ("Exam", [PLAIN] * 4),
    ],
)
def test_a_section_holds_for_kinds(nlp: Language, section: str, expected: list[set[str]]) -> None:
    text = "\n[Gout|Disease]\n[Fever|Symptom]\n[Biopsy|Procedure]\n[Aspirin|Drug]\n"
    assert contexts(nlp, f"{section}:{text}") == expected


def test_every_value_is_one_that_evidence_may_have(nlp: Language) -> None:
    doc = marked(nlp, "His father may have had no [gout|Disease] in the past.")
    mention = doc.spans["mentions"][0]
    assert all(getattr(mention._, name) in EVIDENCE_VALUES[name] for name in DEFAULTS)


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("[Aspirin|Drug] did not cause the [rash|Symptom].", "polarity", "negated"),
        ("[Aspirin|Drug] caused a [rash|Symptom].", "polarity", "asserted"),
        ("There is no evidence that [aspirin|Drug] causes [gout|Disease].", "polarity", "negated"),
        ("[Aspirin|Drug] had no effect on [COX-2|Target].", "polarity", "negated"),
        ("[Aspirin|Drug] caused no [rash|Symptom].", "polarity", "negated"),
        ("I do not think [aspirin|Drug] caused the [rash|Symptom].", "polarity", "negated"),
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
    ("text", "polarities"),
    [
        ("[Aspirin|Drug] did not cause [rash|Symptom]", ["negated"]),
        ("[Aspirin|Drug] did not cause [rash|Symptom] today", ["negated"]),
        (
            "[Aspirin|Drug] caused [rash|Symptom]; [codeine|Drug] did not cause [nausea|Symptom]",
            ["asserted", "negated"],
        ),
        (
            "[Aspirin|Drug] did not cause [rash|Symptom]; [codeine|Drug] caused [nausea|Symptom]",
            ["negated", "asserted"],
        ),
        (
            "[Codeine|Drug] causes [nausea|Symptom]. [Aspirin|Drug] did not cause [rash|Symptom]",
            ["asserted", "negated"],
        ),
    ],
)
def test_a_denied_relation_is_that_of_its_words(
    nlp: Language, text: str, polarities: list[str]
) -> None:
    doc = marked(nlp, text)
    mentions = list(doc.spans["mentions"])
    pairs = list(zip(mentions[::2], mentions[1::2], strict=True))
    for ends in (pairs, [(tail, head) for head, tail in pairs]):
        assert [relation_context(*pair)["polarity"] for pair in ends] == polarities
    assert {mention._.polarity for mention in mentions} == {"asserted"}


def test_a_relation_is_as_its_weaker_end(nlp: Language) -> None:
    doc = marked(nlp, "Aspirin, gout")
    head, tail = doc[0:1], doc[2:3]
    assert relation_context(head, tail) == DEFAULTS
    for attribute, values in (
        ("certainty", ["certain", "possible", "hypothetical"]),
        ("experiencer", ["patient", "family"]),
        ("experiencer", ["patient", "other"]),
        ("temporality", ["current", "historical"]),
        ("polarity", ["asserted", "negated"]),
    ):
        for one, first in enumerate(values):
            for other, second in enumerate(values):
                head._.in_relations = {**DEFAULTS, attribute: first}
                tail._.in_relations = {**DEFAULTS, attribute: second}
                expected = {**DEFAULTS, attribute: values[max(one, other)]}
                assert relation_context(head, tail) == expected


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("The [tremor|Symptom] was reversed by [biperiden|Drug].", "temporality", "historical"),
        ("[Gout|Disease] has resolved after [colchicine|Drug].", "temporality", "historical"),
        ("[Tamoxifen|Drug] raised the risk of [stroke|Disease].", "certainty", "hypothetical"),
        ("[Aspirin|Drug] for the prevention of [stroke|Disease].", "certainty", "hypothetical"),
    ],
)
def test_what_ended_or_may_come_makes_a_relation_of_a_note_so_and_of_a_paper_not(
    nlp: Language, text: str, attribute: str, value: str
) -> None:
    for note, expected in ((True, value), (False, DEFAULTS[attribute])):
        doc = marked(nlp, text, note=note)
        mentions = sorted(doc.spans["mentions"], key=lambda mention: mention.label_)
        assert value in {getattr(mention._, attribute) for mention in mentions}
        assert relation_context(*mentions)[attribute] == expected


@pytest.mark.parametrize(
    ("text", "polarity"),
    [
        ("[Biperiden|Drug] did not prevent the [tremor|Symptom].", "asserted"),
        ("The [tremor|Symptom] was not attenuated by [biperiden|Drug].", "asserted"),
        ("She had not the [tremor|Symptom] that [haloperidol|Drug] causes.", "negated"),
    ],
)
def test_what_was_not_prevented_was_there(nlp: Language, text: str, polarity: str) -> None:
    doc = marked(nlp, text)
    tremor = next(mention for mention in doc.spans["mentions"] if mention.label_ == "Symptom")
    assert tremor._.polarity == polarity


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


def test_a_reaction_is_past_and_that_the_drug_causes_it_is_not(nlp: Language) -> None:
    doc = marked(nlp, "Allergic to [codeine|Drug] - [hives|Symptom], [rash|Symptom].")
    drug, *reactions = doc.spans["mentions"]
    for reaction in reactions:
        assert (drug.start, reaction.start) in doc._.reactions
        assert reaction._.temporality == "historical"
        assert relation_context(drug, reaction, "CAUSES") == DEFAULTS


@pytest.mark.parametrize(
    "text",
    [
        "[Atenolol|Drug] was stopped in March because it caused [fatigue|Symptom].",
        "[Atenolol|Drug] caused a [rash|Symptom], which has resolved.",
    ],
)
def test_what_a_drug_caused_before_it_was_stopped_it_causes(nlp: Language, text: str) -> None:
    doc = marked(nlp, text, note=True)
    drug, condition = doc.spans["mentions"]
    assert relation_context(drug, condition, "CAUSES") == DEFAULTS
    assert relation_context(drug, condition, "TREATS") == {**DEFAULTS, "temporality": "historical"}


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
    categories = [categories for _, categories in component.categories(doc)]
    assert time.process_time() - start < 20  # it was minutes when each mention sought all stops
    assert categories == [set(), NEGATED, NEGATED, NEGATED] * 400
