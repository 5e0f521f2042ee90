"""Sentences that were once read wrong, from plain text to the graph, as papers and by the defaults.

They are of this project; each class of error has some.
"""

from __future__ import annotations

import json
from collections import defaultdict

import polars as pl
import pytest

import medkg

Statement = tuple[str, str, str]

# A text, what it states, and what it must not be read to state.
CASES: list[tuple[str, list[Statement], list[Statement]]] = [
    # Treatment taken for cause.
    ("Bradycardia was reversed by atropine.",
     [("atropine", "TREATS", "Bradycardia")], [("atropine", "CAUSES", "Bradycardia")]),
    ("The amnesia was reversed by physostigmine, but not by neostigmine. Tacrine also attenuated"
     " the amnesia.",
     [], [(drug, "CAUSES", "amnesia") for drug in ("physostigmine", "neostigmine", "Tacrine")]),
    ("The catalepsy was attenuated by scopolamine and controlled by biperiden.",
     [], [(drug, "CAUSES", "catalepsy") for drug in ("scopolamine", "biperiden")]),
    ("The platelet aggregation induced by ADP was inhibited by aspirin.",
     [("ADP", "CAUSES", "platelet aggregation"), ("aspirin", "TREATS", "platelet aggregation")],
     [("aspirin", "CAUSES", "platelet aggregation")]),
    ("Amifostine attenuated cisplatin-induced nephrotoxicity.",
     [("Amifostine", "TREATS", "nephrotoxicity"), ("cisplatin", "CAUSES", "nephrotoxicity")],
     [("Amifostine", "CAUSES", "nephrotoxicity")]),
    ("Vitamin E prevented doxorubicin-induced cardiotoxicity.",
     [("Vitamin E", "TREATS", "cardiotoxicity"), ("doxorubicin", "CAUSES", "cardiotoxicity")], []),
    ("Diazepam did not prevent cocaine-induced seizures.",
     [("cocaine", "CAUSES", "seizures")], [("Diazepam", "TREATS", "seizures")]),
    # One drug and not another.
    ("Seizures were controlled by magnesium sulfate but not by phenytoin.",
     [], [("phenytoin", "TREATS", "Seizures"), ("phenytoin", "CAUSES", "Seizures")]),
    # Harm.
    ("Odds ratios for VTE were 3.5 with oral contraceptives.",
     [("oral contraceptives", "CAUSES", "VTE")], [("oral contraceptives", "TREATS", "VTE")]),
    ("Use of oral contraceptives is a risk factor for ischemic stroke.",
     [("oral contraceptives", "CAUSES", "ischemic stroke")],
     [("oral contraceptives", "TREATS", "ischemic stroke")]),
    ("Oral contraceptive use increased the risk of breast cancer.",
     [("Oral contraceptive", "CAUSES", "breast cancer")],
     [("Oral contraceptive", "TREATS", "breast cancer")]),
    # The arms of a trial.
    ("The enoxaparin group had more major bleeding than the warfarin group.",
     [("enoxaparin", "CAUSES", "bleeding")], [("warfarin", "CAUSES", "bleeding")]),
    ("The sumatriptan group had more nausea than the ibuprofen group.",
     [("sumatriptan", "CAUSES", "nausea")], [("ibuprofen", "CAUSES", "nausea")]),
    ("Lamotrigine was superior to placebo in bipolar depression.",
     [("Lamotrigine", "TREATS", "bipolar depression")], []),
    ("Sumatriptan was superior to ergotamine in migraine.",
     [("Sumatriptan", "TREATS", "migraine")], [("ergotamine", "TREATS", "migraine")]),
    # What ended, and what is to be prevented.
    ("Ventricular tachycardia resolved after lidocaine.",
     [("lidocaine", "TREATS", "Ventricular tachycardia")], []),
    ("Heparin is used for the prevention of deep vein thrombosis.",
     [("Heparin", "TREATS", "deep vein thrombosis")], []),
    # Levels and binding.
    ("Curcumin inhibited COX-2 expression and increased p53 levels.",
     [("Curcumin", "DOWNREGULATES", "COX-2"), ("Curcumin", "UPREGULATES", "p53")],
     [("Curcumin", "DOWNREGULATES", "p53")]),
    ("Rosuvastatin lowered MMP-9 levels in plasma and inhibited HMG-CoA reductase.",
     [("Rosuvastatin", "DOWNREGULATES", "MMP-9"), ("Rosuvastatin", "TARGETS", "HMG-CoA reductase")],
     [("Rosuvastatin", "DOWNREGULATES", "HMG-CoA reductase")]),
    ("Smoking increased IL-8 secretion; budesonide decreased IL-8 secretion.",
     [("budesonide", "DOWNREGULATES", "IL-8")], [("Smoking", "DOWNREGULATES", "IL-8")]),
    ("Androgen receptor expression and insulin receptor signaling; dopamine transporter binding"
     " was reduced by cocaine.",
     [], [("cocaine", "DOWNREGULATES", "Androgen receptor")]),
    ("Trastuzumab binds to HER2.", [("Trastuzumab", "TARGETS", "HER2")], []),
    ("Atorvastatin bound to the active site of HMG-CoA reductase.",
     [("Atorvastatin", "TARGETS", "HMG-CoA reductase")], []),
    # Symptoms that something else explains.
    ("A man with malaria presented with arrhythmia after quinine.",
     [], [("malaria", "HAS_SYMPTOM", "arrhythmia")]),
    ("Patients had hypokalemia caused by vomiting.",
     [], [("hypokalemia", "HAS_SYMPTOM", "vomiting")]),
    # What antibodies do, by the verbs that ChemProt lacks.
    ("Trastuzumab targets HER2 in breast cancer.",
     [("Trastuzumab", "TARGETS", "HER2"), ("Trastuzumab", "TREATS", "breast cancer")], []),
    ("Adalimumab neutralizes TNF-alpha.", [("Adalimumab", "TARGETS", "TNF-alpha")], []),
    ("Evolocumab is a monoclonal antibody against PCSK9.",
     [("Evolocumab", "TARGETS", "PCSK9")], []),
    # A symbol with what its product is.
    ("Gefitinib inhibited EGFR kinase activity.", [("Gefitinib", "TARGETS", "EGFR kinase")], []),
    ("Clopidogrel irreversibly blocks the P2Y12 receptor.",
     [("Clopidogrel", "TARGETS", "P2Y12 receptor")], []),
    ("Serum IL-6 levels were significantly higher in patients with sepsis.",
     [("sepsis", "UPREGULATES", "Serum IL-6")], []),
    # What no drug is given for.
    ("Penicillin and quinolones are the most common causes of adverse drug reactions.",
     [], [(drug, "TREATS", "adverse drug reactions") for drug in ("Penicillin", "quinolones")]),
    # What can be is, in general.
    ("Statins can cause myopathy.", [("Statins", "CAUSES", "myopathy")], []),
    # A drug that changes another's level.
    ("Clarithromycin increases the plasma concentration of simvastatin.",
     [("Clarithromycin", "INTERACTS_WITH", "simvastatin")], []),
    # A virus' name that is a disease's, and a protein that is given.
    ("Patients with dengue had fever and thrombocytopenia.",
     [("dengue", "HAS_SYMPTOM", "fever"), ("dengue", "HAS_SYMPTOM", "thrombocytopenia")], []),
    ("She was started on insulin for type 2 diabetes.",
     [("insulin", "TREATS", "type 2 diabetes")],
     [("type 2 diabetes", "ASSOCIATED_WITH", "insulin")]),
    # Another agent than the drug acts on the target.
    ("We compared an angiotensin receptor neprilysin inhibitor with valsartan in heart failure. The"
     " neprilysin inhibitor was superior compared to valsartan.",
     [], [("valsartan", "TARGETS", name) for name in ("neprilysin", "angiotensin receptor")]),
    # What a patient has beside, or is treated for, shows nothing of what brings him in.
    ("We report a woman with comorbidities, including chronic kidney disease and type 2 diabetes,"
     " who presented with abdominal pain and vomiting.",
     [], [(disease, "HAS_SYMPTOM", symptom)
          for disease in ("chronic kidney disease", "type 2 diabetes")
          for symptom in ("abdominal pain", "vomiting")]),
    # What a condition induces is inhibited, not the condition.
    ("Kaempferol inhibits hyperglycemia-induced activation of RhoA.",
     [("Kaempferol", "TARGETS", "RhoA")], [("Kaempferol", "TREATS", "hyperglycemia")]),
    # Short forms: of the long form's last words, and none of another word's letters.
    ("Drug-induced pancreatitis (DIP) is rare. We discuss a case of DIP in a patient on hydroxyurea"
     " for the treatment of essential thrombocytosis.",
     [("hydroxyurea", "TREATS", "essential thrombocytosis")],
     [(name, "TREATS", "essential thrombocytosis") for name in ("DIP", "DIP in")]),
]  # fmt: skip


@pytest.fixture(scope="module")
def stated(tmp_path_factory: pytest.TempPathFactory) -> dict[int, set[Statement]]:
    """What the graph asserts, by the number of the text: names as the text writes them."""
    file = tmp_path_factory.mktemp("papers") / "papers.jsonl"
    rows = [{"id": f"paper:{number}", "text": text} for number, (text, _, _) in enumerate(CASES)]
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    evidence = medkg.read_texts(file, texts="papers").evidence.filter(
        pl.col("relation") != "MENTIONS", polarity="asserted", certainty="certain",
        temporality="current",
    )  # fmt: skip
    statements: dict[int, set[Statement]] = defaultdict(set)
    for row in evidence.iter_rows(named=True):
        number = int(row["document"].partition(":")[2])
        offsets = json.loads(row["qualifiers"])
        head, tail = (
            CASES[number][0][offsets[f"{end}_start"] : offsets[f"{end}_end"]]
            for end in ("subject", "object")
        )
        statements[number].add((head, row["relation"], tail))
    return statements


@pytest.mark.parametrize("number", range(len(CASES)), ids=[text for text, _, _ in CASES])
def test_a_sentence_states_what_it_says(stated: dict[int, set[Statement]], number: int) -> None:
    _, true, wrong = CASES[number]
    assert set(true) <= stated[number]
    assert stated[number].isdisjoint(wrong)
