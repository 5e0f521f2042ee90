"""Papers: what a document states, by the models that ship, on sentences of this project."""

from __future__ import annotations

import pytest

from medkg.extract.relations import rules
from medkg.extract.relations.component import RelationsComponent
from medkg.extract.relations.model import RelationModel, hashed_words

from ..marked import marked, pipeline


@pytest.fixture(scope="module")
def component() -> RelationsComponent:
    return RelationsComponent(RelationModel.load())


def read(component: RelationsComponent, text: str) -> list[tuple[str, str, str]]:
    nlp = pipeline("medkg_sentences", "medkg_context")
    return [
        (r.head.text, r.relation if r.context["polarity"] == "asserted" else f"not {r.relation}",
         r.tail.text)
        for r in component(marked(nlp, text))._.relations
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Imatinib|Drug] inhibits [KIT|Target].", [("Imatinib", "TARGETS", "KIT")]),
        ("[Gefitinib|Drug] does not inhibit [KIT|Target].", [("Gefitinib", "not TARGETS", "KIT")]),
        ("Unlike [imatinib|Drug], [gefitinib|Drug] does not inhibit [KIT|Target].",
         [("gefitinib", "not TARGETS", "KIT")]),
        ("[Celecoxib|Drug] inhibits [COX-2|Target] (selectively); [aspirin|Drug] inhibits "
         "[COX-1|Target].",
         [("Celecoxib", "TARGETS", "COX-2"), ("aspirin", "TARGETS", "COX-1")]),
        ("After a switch to [ezetimibe|Drug] 10 mg, which acts on [NPC1L1|Target], the "
         "[gynecomastia|Symptom] resolved.", [("ezetimibe", "TARGETS", "NPC1L1")]),
        ("Her brother has [tremor|Symptom] and is being tested for [ATP7B|Target] variants.", []),
        ("[Vemurafenib|Drug] inhibits [BRAF|Target]; it is given with [cobimetinib|Drug], which "
         "inhibits [MEK1|Target].",
         [("Vemurafenib", "TARGETS", "BRAF"), ("cobimetinib", "TARGETS", "MEK1")]),
        ("[Simvastatin|Drug] harmed patients who also took [erythromycin|Drug], which strongly "
         "inhibits [CYP3A4|Target].", [("erythromycin", "TARGETS", "CYP3A4")]),
        ("[Warfarin|Drug], a [coumarin|Drug], which inhibits [VKORC1|Target], was given.",
         [("Warfarin", "TARGETS", "VKORC1"), ("coumarin", "TARGETS", "VKORC1")]),
        ("Mutations of [PCSK9|Target], which [evolocumab|Drug] inhibits, cause "
         "[hypercholesterolemia|Disease].",
         [("evolocumab", "TARGETS", "PCSK9"),
          ("hypercholesterolemia", "ASSOCIATED_WITH", "PCSK9")]),
        ("[Imatinib|Drug] inhibits [ABL1|Target]; unlike [dasatinib|Drug], it also inhibits "
         "[KIT|Target].", [("Imatinib", "TARGETS", "ABL1"), ("Imatinib", "TARGETS", "KIT")]),
        ("[EGFR|Target], which is inhibited by [gefitinib|Drug] and [erlotinib|Drug], drives "
         "growth.", [("gefitinib", "TARGETS", "EGFR"), ("erlotinib", "TARGETS", "EGFR")]),
        ("[VKORC1|Target], which is inhibited by [warfarin|Drug], recycles [vitamin K|Drug].",
         [("warfarin", "TARGETS", "VKORC1")]),
        ("[Deucravacitinib|Drug] is an allosteric inhibitor of [TYK2|Target].",
         [("Deucravacitinib", "TARGETS", "TYK2")]),
        ("[Zuranolone|Drug] is a positive allosteric modulator of [GABA-A receptors|Target].",
         [("Zuranolone", "TARGETS", "GABA-A receptors")]),
        ("[Dexamethasone|Drug] reduced the expression of [IL-6|Target].",
         [("Dexamethasone", "DOWNREGULATES", "IL-6")]),
        ("[Metformin|Drug] prolonged survival in patients with [breast cancer|Disease].",
         [("Metformin", "TREATS", "breast cancer")]),
        ("[Insulin|Target] therapy in [diabetes|Disease].", []),
        ("Oral [contraceptives|Drug] are a risk factor for [venous thrombosis|Disease].",
         [("contraceptives", "CAUSES", "venous thrombosis")]),
        ("The [seizures|Disease] were controlled by [phenytoin|Drug].",
         [("phenytoin", "TREATS", "seizures")]),
        ("[BRCA1|Target] mutations cause [breast cancer|Disease].",
         [("breast cancer", "ASSOCIATED_WITH", "BRCA1")]),
        ("[APOE|Target] is unrelated, not linked to [gout|Disease].",
         [("gout", "not ASSOCIATED_WITH", "APOE")]),
        ("[Haloperidol|Drug] did not induce [catalepsy|Symptom] in these rats.",
         [("Haloperidol", "not CAUSES", "catalepsy")]),
        ("[Warfarin|Drug] is contraindicated in [haemophilia|Disease].",
         [("Warfarin", "CONTRAINDICATED_FOR", "haemophilia")]),
        ("[Metformin|Drug] can cause [lactic acidosis|Disease] and is contraindicated in "
         "[renal failure|Disease].",
         [("Metformin", "CAUSES", "lactic acidosis"),
          ("Metformin", "CONTRAINDICATED_FOR", "renal failure")]),
        # What an agent induces that was not recognised is no effect of the drug that reverses it.
        ("[Naloxone|Drug] reverses opioid-induced [respiratory depression|Disease].",
         [("Naloxone", "TREATS", "respiratory depression")]),
        ("[Gentamicin|Drug] is [nephrotoxic|Disease].", [("Gentamicin", "CAUSES", "nephrotoxic")]),
        ("[Penicillin|Drug] does not treat [viral infections|Disease].",
         [("Penicillin", "not TREATS", "viral infections")]),
        ("[Levodopa|Drug] does not slow the progression of [Parkinson's disease|Disease].",
         [("Levodopa", "not TREATS", "Parkinson's disease")]),
        ("[Rituximab|Drug] is directed against [CD20|Target].",
         [("Rituximab", "TARGETS", "CD20")]),
        # What a drug does to a target and what it causes are two things that a sentence says.
        ("[Spironolactone|Drug] blocks the [mineralocorticoid receptor|Target] and may cause "
         "[hyperkalemia|Disease].",
         [("Spironolactone", "TARGETS", "mineralocorticoid receptor"),
          ("Spironolactone", "CAUSES", "hyperkalemia")]),
        ("[Digoxin|Drug] poisoning may be precipitated by [hypokalemia|Disease].", []),
        ("[Vincristine|Drug], but not [vinblastine|Drug], often causes [neuropathy|Disease].",
         [("Vincristine", "CAUSES", "neuropathy")]),
        ("[Ramipril|Drug], unlike [losartan|Drug], often causes [cough|Symptom].",
         [("Ramipril", "CAUSES", "cough")]),
        ("[Metoclopramide|Drug] can worsen [Parkinson's disease|Disease].",
         [("Metoclopramide", "CAUSES", "Parkinson's disease")]),
        ("[Tamoxifen|Drug] is a selective [estrogen receptor|Target] modulator.",
         [("Tamoxifen", "TARGETS", "estrogen receptor")]),
        ("It increases the bioavailability of [felodipine|Drug] by inhibiting [CYP3A4|Target].",
         []),
        ("[Aspirin|Drug] lowers the risk of [colorectal cancer|Disease] and increases the risk of "
         "[bleeding|Disease].",
         [("Aspirin", "TREATS", "colorectal cancer"), ("Aspirin", "CAUSES", "bleeding")]),
        ("[Levodopa|Drug] is the best treatment of [Parkinson's disease|Disease]; long-term use "
         "leads to [dyskinesia|Symptom].",
         [("Levodopa", "TREATS", "Parkinson's disease"), ("Levodopa", "CAUSES", "dyskinesia")]),
        ("[Thiazides|Drug] can precipitate [gout|Disease].", [("Thiazides", "CAUSES", "gout")]),
        # Whose verb it is, where a sentence says several things of one drug or disease.
        ("[Allopurinol|Drug] inhibits [xanthine oxidase|Target], lowers [uric acid|Drug] and "
         "prevents [gout|Disease].",
         [("Allopurinol", "TARGETS", "xanthine oxidase"), ("Allopurinol", "TREATS", "gout"),
          ("gout", "ASSOCIATED_WITH", "xanthine oxidase")]),
        ("[Hypothyroidism|Disease] causes [fatigue|Symptom] and is treated with "
         "[levothyroxine|Drug].",
         [("Hypothyroidism", "HAS_SYMPTOM", "fatigue"),
          ("levothyroxine", "TREATS", "Hypothyroidism")]),
        ("[Porphyria|Disease] is precipitated by [barbiturates|Drug] and treated with "
         "[hemin|Drug].",
         [("barbiturates", "CAUSES", "Porphyria"), ("hemin", "TREATS", "Porphyria")]),
        ("[Ptosis|Symptom] worsens with use and improves after [pyridostigmine|Drug].",
         [("pyridostigmine", "TREATS", "Ptosis")]),
        ("[Isoniazid|Drug] causes [neuropathy|Disease], which [pyridoxine|Drug] prevents.",
         [("Isoniazid", "CAUSES", "neuropathy"), ("pyridoxine", "TREATS", "neuropathy")]),
        ("[Erlotinib|Drug] is used in [lung cancer|Disease], but [rash|Symptom] is common.",
         [("Erlotinib", "TREATS", "lung cancer"), ("Erlotinib", "CAUSES", "rash")]),
        ("[Lithium|Drug] is given in [mania|Disease], but it can cause [hypothyroidism|Disease].",
         [("Lithium", "TREATS", "mania"), ("Lithium", "CAUSES", "hypothyroidism")]),
        ("It causes [Dravet syndrome|Disease], in which [carbamazepine|Drug] is contraindicated.",
         [("carbamazepine", "CONTRAINDICATED_FOR", "Dravet syndrome")]),
        ("[Propranolol|Drug] caused [bradycardia|Disease] in two patients and [nightmares|Symptom] "
         "in one.",
         [("Propranolol", "CAUSES", "bradycardia"), ("Propranolol", "CAUSES", "nightmares")]),
        ("[Bleomycin|Drug] is notorious for [pulmonary fibrosis|Disease].",
         [("Bleomycin", "CAUSES", "pulmonary fibrosis")]),
        ("[Empagliflozin|Drug] lowers mortality in [heart failure|Disease].",
         [("Empagliflozin", "TREATS", "heart failure")]),
        ("[Omalizumab|Drug] reduced exacerbations of [asthma|Disease].",
         [("Omalizumab", "TREATS", "asthma")]),
        ("[Hemolytic anemia|Disease] occurred in patients treated with [dapsone|Drug].",
         [("dapsone", "CAUSES", "Hemolytic anemia")]),
        ("[Myopathy|Disease] was rarely reported in those who took [statins|Drug].",
         [("statins", "CAUSES", "Myopathy")]),
        ("The most common adverse effect of [clopidogrel|Drug] is [bleeding|Disease].",
         [("clopidogrel", "CAUSES", "bleeding")]),
        ("[Statins|Drug] lower [cholesterol|Drug] and prevent [myocardial infarction|Disease].",
         [("Statins", "TREATS", "myocardial infarction")]),
        ("A reduction in [migraine|Disease] was seen in patients treated with [topiramate|Drug].",
         [("topiramate", "TREATS", "migraine")]),
        ("[Stroke|Disease] was reported in fewer patients treated with [warfarin|Drug].",
         [("warfarin", "TREATS", "Stroke")]),
        # To kill the cells of a cancer is no cause of it.
        ("[Sorafenib|Drug] induced apoptosis in [hepatocellular carcinoma|Disease] cells.",
         [("Sorafenib", "TREATS", "hepatocellular carcinoma")]),
        ("[Sorafenib|Drug] significantly induced [hepatocellular carcinoma|Disease] cell death.",
         [("Sorafenib", "TREATS", "hepatocellular carcinoma")]),
        ("[Metformin|Drug] induced cell cycle arrest in [breast cancer|Disease].",
         [("Metformin", "TREATS", "breast cancer")]),
        ("[Apigenin|Drug] exhibited [cytotoxicity|Symptom] against [melanoma|Disease] cells.",
         [("Apigenin", "TREATS", "melanoma")]),
        ("[Curcumin|Drug] did not induce apoptosis in [melanoma|Disease] cells.",
         [("Curcumin", "not TREATS", "melanoma")]),
        ("[Doxorubicin|Drug] caused apoptosis in the hearts of rats with [diabetes|Disease].", []),
        ("[Doxorubicin|Drug] causes [cardiomyopathy|Disease] in patients with "
         "[breast cancer|Disease].",
         [("Doxorubicin", "CAUSES", "cardiomyopathy")]),
        ("[Sorafenib|Drug] induced [tumor|Disease] growth inhibition.",
         [("Sorafenib", "TREATS", "tumor")]),
        ("[Vemurafenib|Drug] produced [tumor|Symptom] regression in [melanoma|Disease].",
         [("Vemurafenib", "TREATS", "tumor"), ("Vemurafenib", "TREATS", "melanoma")]),
        ("[Temozolomide|Drug] prolonged survival of mice bearing [glioblastoma|Disease].",
         [("Temozolomide", "TREATS", "glioblastoma")]),
        ("[Olaparib|Drug] is active against [BRCA1|Target]-mutated [ovarian cancer|Disease].",
         [("Olaparib", "TREATS", "ovarian cancer"),
          ("ovarian cancer", "ASSOCIATED_WITH", "BRCA1")]),
        ("[Semaglutide|Drug] caused [weight loss|Symptom] in patients with [obesity|Disease].",
         [("Semaglutide", "CAUSES", "weight loss")]),
        # Whom a drug is given to, and what it spares or harms them, is no disease's symptom.
        ("[Apixaban|Drug] lowered the risk of [syncope|Symptom] in patients with "
         "[atrial fibrillation|Disease] and caused less [epistaxis|Symptom].",
         [("Apixaban", "TREATS", "syncope"), ("Apixaban", "TREATS", "atrial fibrillation")]),
        ("[Nivolumab|Drug] led to [cough|Symptom] in patients with [melanoma|Disease].",
         [("Nivolumab", "CAUSES", "cough")]),
        ("[Fatigue|Symptom] is very common in patients with [lupus|Disease].",
         [("lupus", "HAS_SYMPTOM", "Fatigue")]),
        ("[Tuberculosis|Disease] reactivation occurred in patients with "
         "[rheumatoid arthritis|Disease] treated with [infliximab|Drug].",
         [("infliximab", "CAUSES", "Tuberculosis"),
          ("infliximab", "TREATS", "rheumatoid arthritis")]),
        ("[Gentamicin|Drug] [nephrotoxicity|Disease] was prevented by [vitamin E|Drug].",
         [("Gentamicin", "CAUSES", "nephrotoxicity"),
          ("vitamin E", "TREATS", "nephrotoxicity")]),
        ("[Cisplatin|Drug] [nephrotoxicity|Disease] and [ototoxicity|Disease] are common.",
         [("Cisplatin", "CAUSES", "nephrotoxicity"), ("Cisplatin", "CAUSES", "ototoxicity")]),
        ("[Amiodarone|Drug] [pulmonary toxicity|Disease] was suspected.",
         [("Amiodarone", "CAUSES", "pulmonary toxicity")]),
        ("[Prednisone|Drug] increased mortality in patients with [septic shock|Disease].", []),
        ("[Estrogen|Drug] increases proliferation of [breast cancer|Disease] cells.",
         [("Estrogen", "CAUSES", "breast cancer")]),
        ("[Tamoxifen|Drug] induced growth inhibition of [breast cancer|Disease] cells.",
         [("Tamoxifen", "TREATS", "breast cancer")]),
        ("[Chloroquine|Drug] causes [retinopathy|Symptom]; [mefloquine|Drug] causes "
         "[psychosis|Disease].",
         [("Chloroquine", "CAUSES", "retinopathy"), ("mefloquine", "CAUSES", "psychosis")]),
        ("[Bevacizumab|Drug] is used in metastatic [colorectal cancer|Disease] and may cause "
         "[hypertension|Disease].",
         [("Bevacizumab", "TREATS", "colorectal cancer"),
          ("Bevacizumab", "CAUSES", "hypertension")]),
        ("It lowers [ciclosporin|Drug] levels by inducing [CYP3A4|Target].", []),
        ("The incidence of [hypoglycemia|Disease] was higher with [glimepiride|Drug] than with "
         "[sitagliptin|Drug].",
         [("glimepiride", "CAUSES", "hypoglycemia")]),
        ("[Penicillin|Drug] is the most common causative antibiotic for [skin rash|Disease].",
         [("Penicillin", "CAUSES", "skin rash")]),
        ("[Ritonavir|Drug] inhibits the metabolism of [statins|Drug] that are metabolized by "
         "[CYP3A4|Target].",
         [("Ritonavir", "INTERACTS_WITH", "statins"), ("statins", "TARGETS", "CYP3A4")]),
        ("There is no evidence that [paracetamol|Drug] causes [asthma|Disease].",
         [("paracetamol", "not CAUSES", "asthma")]),
    ],
)  # fmt: skip
def test_sentences(
    component: RelationsComponent, text: str, expected: list[tuple[str, str, str]]
) -> None:
    assert read(component, text) == expected


def test_a_treatment_is_no_cause(component: RelationsComponent) -> None:
    text = "[Amifostine|Drug] attenuated [cisplatin|Drug]-induced [nephrotoxicity|Disease]."
    relations = read(component, text)
    assert ("cisplatin", "CAUSES", "nephrotoxicity") in relations
    assert ("Amifostine", "CAUSES", "nephrotoxicity") not in relations


def test_what_a_drug_causes_is_no_symptom_of_the_disease(component: RelationsComponent) -> None:
    text = (
        "[Quinine|Drug]-induced [arrhythmia|Symptom]. [Malaria|Disease] presenting with "
        "[arrhythmia|Symptom] was seen; [arrhythmia|Symptom] was caused by [quinine|Drug]."
    )
    relations = {relation for _, relation, _ in read(component, text)}
    assert "CAUSES" in relations
    assert "HAS_SYMPTOM" not in relations


def test_a_sentence_of_what_a_drug_causes_lists_no_symptoms(component: RelationsComponent) -> None:
    listed = "[pneumonia|Disease] presenting with [fever|Symptom] and [rash|Symptom]"
    relations = read(component, f"A patient with {listed}.")
    assert ("pneumonia", "HAS_SYMPTOM", "rash") in relations
    caused = f"A patient with {listed}; [fever|Symptom] was caused by [quinine|Drug]."
    relations = read(component, f"[Quinine|Drug]-induced [fever|Symptom]. {caused}")
    assert "CAUSES" in {relation for _, relation, _ in relations}
    assert "HAS_SYMPTOM" not in {relation for _, relation, _ in relations}


def test_an_aim_states_nothing(component: RelationsComponent) -> None:
    aim = "We investigated whether [BRCA1|Target] mutations cause [breast cancer|Disease]."
    assert read(component, aim) == []
    finding = "[BRCA1|Target] mutations cause [breast cancer|Disease]."
    assert read(component, f"{aim} {finding}") == [("breast cancer", "ASSOCIATED_WITH", "BRCA1")]


def test_an_aim_may_presuppose_a_cause(component: RelationsComponent) -> None:
    text = "We examined [cisplatin|Drug]-induced [nephrotoxicity|Disease]."
    assert read(component, text) == [("cisplatin", "CAUSES", "nephrotoxicity")]


def test_what_a_later_sentence_denies_is_not_asserted(component: RelationsComponent) -> None:
    title = "[BRCA1|Target] mutations in patients with [breast cancer|Disease]."
    assert ("breast cancer", "ASSOCIATED_WITH", "BRCA1") in read(component, title)
    denial = "[BRCA1|Target] was not associated with [breast cancer|Disease]."
    relations = {relation for _, relation, _ in read(component, f"{title} {denial}")}
    assert relations == {"not ASSOCIATED_WITH"}


def test_a_class_of_drugs_is_no_agent(component: RelationsComponent) -> None:
    text = "[Imatinib|Drug], a [pyrimidine|Drug] derivative, inhibits [KIT|Target]."
    assert read(component, text) == [("Imatinib", "TARGETS", "KIT")]


def test_what_a_drug_is_known_to_cause_is_each_member_of_the_list(
    component: RelationsComponent,
) -> None:
    members = "[rash|Symptom], [hepatitis|Disease], [fever|Symptom] and [nausea|Symptom]"
    relations = read(component, f"[Amiodarone|Drug] is known to cause {members}.")
    assert {(relation, tail) for _, relation, tail in relations} == {
        ("CAUSES", name) for name in ("rash", "hepatitis", "fever", "nausea")
    }


def test_nothing_is_kept_of_what_was_read(component: RelationsComponent) -> None:
    read(component, "[Metformin|Drug] prolonged survival in patients with [gout|Disease].")
    kept = (rules._marked, rules._drug_rule, rules._first, hashed_words)
    assert [each.cache_info().currsize for each in kept] == [0, 0, 0, 0]


def test_who_is_treated_with_a_drug_may_have_what_it_causes(component: RelationsComponent) -> None:
    text = (
        "We report [lithium|Drug]-induced [hypothyroidism|Disease]. Screening for "
        "[hypothyroidism|Disease] is advised in all patients treated with [lithium|Drug]. Doses "
        "were low. It was mild. They recovered."
    )
    assert read(component, text) == [("lithium", "CAUSES", "hypothyroidism")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A boy with [migraine|Disease] received [verapamil|Drug] daily; [verapamil|Drug] did not "
         "improve [migraine|Disease]. He was well. He slept. He grew.",
         [("verapamil", "not TREATS", "migraine")]),
        ("[Verapamil|Drug] was not effective in [migraine|Disease].",
         [("Verapamil", "not TREATS", "migraine")]),
        ("[Verapamil|Drug] was ineffective for the prevention of [migraine|Disease].",
         [("Verapamil", "not TREATS", "migraine")]),
        ("[Verapamil|Drug] was not effective in [migraine|Disease] in one trial. In a larger one "
         "[verapamil|Drug] improved [migraine|Disease]. They slept. They grew.",
         [("Verapamil", "not TREATS", "migraine"), ("verapamil", "TREATS", "migraine")]),
    ],
)  # fmt: skip
def test_a_treatment_that_a_later_sentence_denies_is_none(
    component: RelationsComponent, text: str, expected: list[tuple[str, str, str]]
) -> None:
    assert read(component, text) == expected


@pytest.mark.parametrize("words", ["not only effective", "not as effective as [aspirin|Drug]"])
def test_what_is_more_than_effective_or_less_so_is_not_denied(
    component: RelationsComponent, words: str
) -> None:
    text = f"[Verapamil|Drug] was {words} in [migraine|Disease]."
    assert ("Verapamil", "not TREATS", "migraine") not in read(component, text)
