"""Laboratory results of a patient's note become phenotypes."""

from __future__ import annotations

import pytest
from spacy.tokens import Doc, Span

from medkg.extract.laboratory import add_tests, results_of
from medkg.extract.tokens import blank
from medkg.graph.laboratory import laboratory_tests

from ..hpo_terms import hpo_terms
from .marked import marked, pipeline


def _of(marked: str) -> tuple[list[str], list[str]] | None:
    """The results of the first test that stands in brackets; all in brackets are mentions."""
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    text = marked.replace("[", "").replace("]", "")
    doc: Doc = nlp(text)
    spans: list[Span] = []
    removed = at = 0
    while (start := marked.find("[", at)) >= 0:
        end = marked.index("]", start)
        span = doc.char_span(start - removed, end - removed - 1, label="Procedure")
        assert span is not None
        spans.append(span)
        removed, at = removed + 2, end
    doc.spans["mentions"] = spans
    results = results_of(doc.spans["mentions"][0])
    return None if results is None else (list(results.present), list(results.excluded))


@pytest.mark.parametrize(
    ("sentence", "phenotype"),
    [
        ("Her [sodium] was 118.", "HP:0002902"),
        ("[Sodium] 158 mmol/L.", "HP:0003228"),
        ("The [serum potassium level] was 6.8 mEq/L.", "HP:0002153"),
        ("[Glucose] was 480.", "HP:0003074"),
        ("[Blood glucose] 27 mmol/L.", "HP:0003074"),
        ("[Creatinine] 3.4 mg/dL.", "HP:0003259"),
        ("[Creatinine] 310 µmol/L.", "HP:0003259"),
        ("Low [ceruloplasmin].", "HP:0010837"),
        ("Raised [transaminases], low [ceruloplasmin].", "HP:0002910"),
        ("[Sweat chloride] 98.", "HP:0012236"),
        ("[WBC] 2.1.", "HP:0001882"),
        ("[WBC] 15,000.", "HP:0001974"),
        ("[Platelet count] of 20,000.", "HP:0001873"),
        ("[TSH] > 100 mIU/L.", "HP:0002925"),
        ("[Alpha-galactosidase A] activity was low.", "HP:0034864"),
        ("[Antinuclear antibodies] were positive.", "HP:0003493"),
        ("Low [copper] and [ceruloplasmin].", "HP:0011967"),
        ("[Hb] 8.2.", "HP:0001903"),
        # in the unit whose range is nearer by far
        ("[Hb] 104.", "HP:0001903"),
        ("[Hb] 3.8.", "HP:0001903"),
        ("[Albumin] 30.", "HP:0003073"),
        ("[Calcium] 3.1.", "HP:0003072"),
        ("[IgG] 19.", "HP:0003237"),
        ("[TSH] <0.01.", "HP:0031098"),
        ("[TSH] 0.01.", "HP:0031098"),
        ("[Haptoglobin] <10.", "HP:0020181"),
        ("[Anti-dsDNA] >300.", "HP:0020151"),
        ("[Neutrophils] 0.5.", "HP:0001875"),
        ("[EF] 0.35.", "HP:0012664"),
        ("[EF] 30-35%.", "HP:0012664"),
        ("[Adj Ca] 1.94 2.20-2.60", "HP:0002901"),
        ("[Trig] 9.1 mmol/L.", "HP:0002155"),
        ("[Sodium] 118 to 120 mmol/L.", "HP:0002902"),
        ("[ACTH] 890 pg/mL.", "HP:0003154"),
        ("[CK] 412 IU/L.", "HP:0003236"),
        ("[TSH] 48 mU/L.", "HP:0002925"),
        ("[FEV1/FVC] 48.", "HP:0030877"),
        ("[FEV1/FVC] 0.55.", "HP:0030877"),
        ("[c-ANCA] 1:160.", "HP:0032230"),
        ("[Eosinophils] 1,400.", "HP:0001880"),
        ("[IgM] 18 low, IgE 30.", "HP:0002850"),
        ("[Potassium] 5.9 high; K 4.1.", "HP:0002153"),
        ("[Anti-PR3] 86 U/mL.", "HP:0033557"),
        ("[Aquaporin-4 IgG] positive.", "HP:0033342"),
        # sizes of organs, of the whole or from the ribs' edge
        ("[Spleen] 22 cm.", "HP:0001744"),
        ("[Liver] 3 cm, spleen 2 cm.", "HP:0002240"),
        ("Liver 3 cm, [spleen] 2 cm.", "HP:0001744"),
        ("[Spleen]:          16 cm.", "HP:0001744"),
        ("3-month-old infant. [Liver] palpable 5 cm below the margin.", "HP:0002240"),
        ("[Spleen] firm, 11 cm below the costal margin.", "HP:0001744"),
        ("The [liver edge] was felt 4-5 cm below the ribs.", "HP:0002240"),
        # by the range that the note gives
        ("[Calcium] (adj)      2.89   (2.20 - 2.60) *", "HP:0003072"),
        ("Adj. [calcium] 2.98 2.20–2.60 H", "HP:0003072"),
        ("[PTH]               14.2    (1.6 - 6.9 pmol/L) *", "HP:0003165"),
        ("[Mg] 0.48 (0.7-1.0) L   Ca 2.41", "HP:0002917"),
        ("[Hb]              9.8 g/dL   12.0-16.0", "HP:0001903"),
        ("[Hb] 120 (125–165) ↓↓", "HP:0001903"),
        ("| [Ferritin] | 420 ug/L | 30–400 |", "HP:0003281"),
        ("| [ALT] | 48 U/L | <41 |", "HP:0031964"),
        ("[Troponin] 0.03 (ref <0.02).", "HP:0410173"),
        ("[Ferritin] 19 (>20).", "HP:0012343"),
        ("[Testosterone] 5.1 nmol/L, normal range: 8.6–29", "HP:0040171"),
        ("[24h urine calcium] 9.6 mmol (2.5 - 7.5) *", "HP:0002150"),
        ("LP: [protein] 1.4 g/L, WCC 2", "HP:0002922"),
        ("[HbA1c] 66 mmol/mol.", "HP:0040217"),
        ("| [Potassium] | 5.9 | mmol/L | 3.5-5.1 |", "HP:0002153"),
        ("[Potassium]    5.6    mmol/L    3.5-5.1", "HP:0002153"),
        ("[Potassium] 5.6 (H) (3.5-5.1)", "HP:0002153"),
        ("[Anti-CCP] positive, 250 U/mL (<20).", "HP:0034092"),
        ("[ANA] 1:320 (<1:80).", "HP:0003493"),
        # what stands behind a value and is no range of healthy people
        ("[CRP] 48 (12.03.2021 - 14.03.2021)", "HP:0011227"),
        ("[Platelets] 1,200 (1,000.5-2,000)", "HP:0001894"),
        ("[Temp] 38.5 (36.2-38.9)", "HP:0001945"),
        ("The median [white cell count] was 2.1 x 10^9/L (1.0 - 4.5).", "HP:0001882"),
        ("[Albumin] 30 g/L (25–36)", "HP:0003073"),
        ("[HbA1c] was 9.2.", "HP:0040217"),
        ("[Reticulocytes] 12, LDH 800", "HP:0001923"),
        ("[Hb] 9.8 (03-12-2021).", "HP:0001903"),
        ("[Hb] 8.2 (>7 so no transfusion).", "HP:0001903"),
        ("[Platelets] 45 (40-50 baseline).", "HP:0001873"),
        ("[SpO2] 90% (88-92).", "HP:0012418"),
        ("[INR] 2.5  2-3 weeks", "HP:0008151"),
        ("[Glucose] 15 mmol/L (70-100 mg/dL).", "HP:0003074"),
        ("[pH] 7.08.", "HP:0001941"),
        ("[Arterial pH] 7.55.", "HP:0001948"),
        ("[Na+] 120.", "HP:0002902"),
        ("[M-spike] 30 g/L.", "HP:0031047"),
        ("[C3] 0.42 g/L.", "HP:0005421"),
        ("[CRP] 240.", "HP:0011227"),  # ten times too high in either unit
        ("[Platelets] 12.", "HP:0001873"),
        ("[Platelets] fell to 20 10*9/L.", "HP:0001873"),
        ("CSF protein was high, serum [sodium] 118.", "HP:0002902"),
        ("[Serum sodium level] 118.", "HP:0002902"),
        ("[Nitrite] +, leukocyte esterase negative.", "HP:0031812"),
        ("UA: [nitrite] +.", "HP:0031812"),
        ("Dipstick: [blood] ++.", "HP:0000790"),
        ("Urinalysis: [protein] +, glucose negative.", "HP:0000093"),
        ("Urinalysis positive for [leukocytes].", "HP:0012085"),
        ("Urine: [leukocytes] ++.", "HP:0012085"),
        ("Dipstick: [blood] ++ [protein] +.", "HP:0000790"),
        ("[Urine protein] was 3+", "HP:0000093"),
        ("[Antinuclear antibodies] (+) and [anti-CCP] (-).", "HP:0003493"),
        ("Low [Na]+, K+ normal.", "HP:0002902"),
        ("UA: [leukocyte esterase] 3+", "HP:0012085"),
        ("[Antinuclear antibodies] (+), CRP 4.", "HP:0003493"),
        ("[Antinuclear antibodies] strongly positive.", "HP:0003493"),
        ("[INR] 4+.", "HP:0008151"),  # a value
        ("[CA 19-9] 540 U/ml.", "HP:0034603"),
        ("[Rheumatoid factor] 120.", "HP:0002923"),
        ("[Anti-CCP] >200.", "HP:0034092"),
        ("[Trop I] 4.5 ng/mL.", "HP:0410173"),
        ("[hs-TnT] 850 ng/L (<14).", "HP:0410174"),
        ("[CRP] ≥ 50 mg/L.", "HP:0011227"),
        ("Low [calcium] and high phosphate.", "HP:0002901"),
        ("[Creatinine] 3,4 mg/dL.", "HP:0003259"),
        ("[TSH] <0.01 mU/l.", "HP:0031098"),
        ("[White cells] 18.", "HP:0001974"),
        ("[Temperature] 39.5 °C.", "HP:0001945"),
        ("A [creatine kinase] of 14,200 U/L (normal below 200).", "HP:0003236"),
        ("[BMI] 41 kg/m2.", "HP:0001513"),
        ("[Temp] 38.6, SpO2 97%.", "HP:0001945"),
        ("[Temp] 102.4.", "HP:0001945"),
        ("[HR] 118, temp 37.", "HP:0001649"),
        ("[Pulse] 44 bpm.", "HP:0001662"),
        ("[Heart rate] was 130 beats per minute.", "HP:0001649"),
        ("A 64-year-old man. [RR] 28/min.", "HP:0002789"),
        ("[Systolic blood pressure] 180 mmHg.", "HP:0004421"),
        ("[ANA] 1:640.", "HP:0003493"),
        ("[Antinuclear antibodies] at a titre of 1:320.", "HP:0003493"),
    ],
)
def test_a_result_is_a_phenotype(sentence: str, phenotype: str) -> None:
    assert _of(sentence) == ([phenotype], [])


@pytest.mark.parametrize(
    "sentence",
    [
        "[Albumin] 41 g/dL.",
        "[Albumin] 41 g/dL (high).",
        "[Hb] 130 g/dL (11.5 - 17.5).",
        "[Sodium] 14000 (135 - 145 mmol/L) H",
        "Raised [sodium] of 14000.",
        "[Temperature] 98.6 °C.",
        "Low [oxygen saturation] of 104 %.",
    ],
)
def test_a_value_that_no_patient_has_says_nothing(sentence: str) -> None:
    assert _of(sentence) is None


def test_a_low_titre_says_nothing() -> None:
    assert _of("[ANA] 1:40.") is None


def test_a_word_before_tests_is_of_all_of_them() -> None:
    text = "Low [sodium|Procedure], [potassium|Procedure] and [chloride|Procedure]."
    doc = marked(pipeline("medkg_sentences"), text)
    results = [results_of(mention) for mention in doc.spans["mentions"]]
    assert [each and list(each.present) for each in results] == [
        ["HP:0002902"],
        ["HP:0002900"],
        ["HP:0003113"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "High [ALT|Procedure], and [albumin|Procedure] was not measured.",
        "High [creatinine|Procedure], [sodium|Procedure] and [potassium|Procedure] stable.",
        "Low [albumin|Procedure], [sodium|Procedure] and [potassium|Procedure] within range.",
    ],
)
def test_a_word_before_a_test_is_its_own_where_more_is_told_of_the_next(text: str) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    first, *others = [results_of(mention) for mention in doc.spans["mentions"]]
    assert first is not None
    assert first.present
    assert not any(each is not None and each.present for each in others)


@pytest.mark.parametrize(
    ("sentence", "excluded"),
    [
        ("[Sodium] 138 (3-4 days ago).", ["HP:0002902", "HP:0003228"]),
        ("[Troponin] 0,03 (<0,05).", ["HP:0410173"]),
        ("[HbA1c] 36 mmol/mol.", ["HP:0040217"]),
        ("[Sodium] 140 mmol/L.", ["HP:0002902", "HP:0003228"]),
        ("[Lactate] was normal.", ["HP:0002151"]),
        ("[Troponin] was negative.", ["HP:0410173"]),
        ("[CRP] <5 mg/L.", ["HP:0011227"]),
        ("[Temp] 36.9.", ["HP:0002045", "HP:0001945"]),
        ("[HR] 72.", ["HP:0001662", "HP:0001649"]),
        # Close to a limit nothing is said of what lies behind it.
        ("[Temp] 35.1 C.", ["HP:0001945"]),
        ("[Potassium] 5.2 mmol/L.", ["HP:0002900"]),
        ("[Sodium] 136.", ["HP:0003228"]),
        ("UA: [glucose] negative.", ["HP:0003076"]),
        ("[Antinuclear antibodies] (-), CRP 4.", ["HP:0003493"]),
    ],
)
def test_a_normal_result_excludes(sentence: str, excluded: list[str]) -> None:
    assert _of(sentence) == ([], excluded)


@pytest.mark.parametrize(
    ("sentence", "present", "excluded"),
    [
        ("[Blood pressure] 190/110.", {"HP:0004421"}, set()),  # one sign, as it is one pressure
        ("[BP] 80/40.", {"HP:0002615"}, set()),
        ("[BP] 165/80 mmHg.", {"HP:0004421"}, {"HP:0500104", "HP:0005117"}),
        ("[BP] 80/60.", {"HP:0002615"}, {"HP:0500104", "HP:0005117"}),
        ("[BP] 92/53.", set(), {"HP:0004421", "HP:0005117"}),
    ],
)
def test_a_blood_pressure_is_two_results(
    sentence: str, present: set[str], excluded: set[str]
) -> None:
    results = _of(sentence)
    assert results is not None
    assert tuple(map(set, results)) == (present, excluded)


def test_what_was_measured_in_urine_is_no_drug_taken() -> None:
    text = "24h urinary [zinc|Drug] was 90 ug, serum [lithium|Drug] level: 1; [zinc|Drug] 90 mg."
    doc = marked(pipeline("medkg_sentences"), text)
    add_tests(doc)
    taken = [doc.text.index("lithium"), doc.text.rindex("zinc")]
    assert [mention.start_char for mention in doc.spans["mentions"]] == taken


def test_a_test_that_is_to_be_done_is_no_drug_taken() -> None:
    text = (
        "Monitor [glucose|Drug]; recheck her serum [potassium|Drug]. Follow [lithium|Drug]; take"
        " [potassium|Drug]."
    )
    doc = marked(pipeline("medkg_sentences"), text)
    add_tests(doc)
    taken = [doc.text.index("lithium"), doc.text.rindex("potassium")]
    assert [mention.start_char for mention in doc.spans["mentions"]] == taken


@pytest.mark.parametrize(
    "text",
    [
        "Repeat [potassium|Drug] 40 mEq now.",
        "Repeat [testosterone|Drug] injection.",
        "Repeat [magnesium|Drug] IV.",
        "Repeat [potassium|Drug] for cramps.",
    ],
)
def test_a_drug_that_is_to_be_given_again_is_no_test(text: str) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    add_tests(doc)
    assert [mention.label_ for mention in doc.spans["mentions"]] == ["Drug"]


@pytest.mark.parametrize(
    "sentence",
    [
        "[Bilirubin] was 8.",  # high in mg/dL, normal in µmol/L
        "[Sodium] was measured.",
        "[Sodium] 118 kg.",
        "[Testosterone] was 300.",  # whether that is low depends on the sex
        "[Potassium] 40 mmol.",  # an amount
        "[Platelets] rose to 60 10*9/L.",  # the word says high, the value low
        "[Sodium] had risen to 140 mmol/L.",
        "[Potassium] was elevated at 5.1 mmol/L.",
        "A statin to lower [LDL].",
        "[Troponin] 2.3.",  # high in ng/mL, normal in ng/L
        "[Total bilirubin] 18.",
        "[Neutrophils] 70, lymphocytes 20.",  # per cent
        "[Eosinophils] 12.",
        "[Hematocrit] 0.42.",
        "Reduced [platelet] aggregation.",
        "Increased [iron] accumulation in the basal ganglia.",
        "A [low-sodium] diet.",
        "Low [sodium]-free diet.",
        "[Calcium] excretion was high.",
        "CSF [glucose] 40 mg/dL.",
        "Urine cultures and [blood] cultures: positive.",
        "Cultures of urine and [blood] were positive.",
        "Urinary frequency and [blood] positive for malaria.",
        "Urine output normal, [blood] positive.",
        "UA clear, cultures of [blood] positive.",
        "The [white] plaques were raised.",
        "[Ferritin] ≤ 500 ng/mL.",
        "[Blood pressure] 190.",
        "[Blood pressure] 24/14 kPa.",
        "A 6-month-old infant. [Blood pressure] 75/45, HR 150.",
        "A 3-year-old boy. [HR] 140.",
        "[Temp] 60.",
        "[Sodium] < 150 mmol/L.",
        "Low [creatinine].",  # of which HPO has no term
        "[Potassium] 20 daily.",
        "[Potassium] 20 b.i.d. with food.",
        "[Magnesium] 400 nightly, [calcium] 600 twice a day.",
        "Low-dose [iron] was given.",
        "Mrs [K] is 46.",
        "[Antinuclear antibodies] + [ferritin], please.",
        "[Antinuclear antibodies] + more tests.",
        "[Ketones] 2+ weeks ago.",
        "CSF [leukocyte esterase] +.",
        "CSF: glucose 20, [leukocyte esterase] +.",
        "[Potassium] low at 4.0 (3.5-5.1).",
        "Urine [pH] 6.",
        "Vaginal [pH] 6.5.",
        "UA: yellow, clear, SG 1.015, protein negative, glucose negative, ketones 2+, [pH] 8.0",
        "VBG: pH 7.21, [pO2] 30 mmHg.",
        "[Neutrophils] 70 % (2-7.5).",
        "Mr. [K] is 58.",
        "[Bilirubin] 5.",
        "[Bilirubin] 18.",
        "[Magnesium] 0.9.",
        "[Reticulocytes] 22.",
        "[Neutrophils] 70.",
        "[Eosinophils] 2.5.",
        "[Liver] 2 cm lesion in segment IV.",
        "[Liver] normal.",
        "[Spleen] 2.",
        "[Neutrophils] 45.2, lymphocytes 40.1.",
        "Neutrophils 85.2 %, [lymphocytes] 7.1.",
        "[tTG IgA] 15 U/mL.",
        "[Ejection fraction] 40-60%.",
        "[Ejection fraction] 55-60%.",
        "[TSH] 0.4-4.0",
        "Target [SpO2] 88-92%.",
        "[INR] 2.0-3.0 on warfarin.",
        "[ALP] 150-420 U/L",
        "[HbA1c] 7-8.9%.",
        "The artery was tender, with reduced [pulse].",
        "[Liver] 2 cm, 3 cm and 5 cm metastases.",
        "[Liver]: 2.3 cm, enhancing lesion.",
        "[Liver span] 6 cm.",
        "The [spleen] measured 6 cm.",
        "[Spleen] 6 cm with hypodense lesion.",
        "[Spleen] 0 cm below the costal margin.",
        "[Spleen] 12-15 cm.",
        "[Spleen] 13.2 cm.",
        "2 year old boy. [Spleen] 12 cm.",
        "3-month-old infant. [Liver edge] palpable 1 cm below costal margin.",
    ],
)
def test_what_is_not_known_is_left_open(sentence: str) -> None:
    assert _of(sentence) is None


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("Uric acid is high.", ["Uric acid"]),
        ("[Uric acid|Drug] is high.", ["Uric acid"]),
        ("[TSH 98|Target]. Sodium 118, potassium 2.1.", ["TSH", "Sodium", "potassium"]),
        ("Hb 96 g/L, [MCV 74 fL|Target], ferritin 5.", ["Hb", "MCV", "ferritin"]),
        ("[Sweat|Symptom] chloride 98.", ["Sweat"]),
        ("Low calcium and high phosphate.", ["calcium", "phosphate"]),
        ("A low sodium diet.", []),
        ("[Calcium|Drug] 500 mg daily.", ["Calcium"]),
        ("He was given potassium 40 mmol.", []),
        ("[Magnesium|Drug] 400 daily, [iron|Drug] 325 tid.", ["Magnesium", "iron"]),
        ("Medications: [magnesium|Drug] 400, [calcium|Drug] 600.", ["magnesium", "calcium"]),
        ("Sodium was measured.", []),
        ("Ca of the breast was high.", []),
        ("Temperature was 36.8 °C.", ["Temperature"]),
        ("pH 7.08, Na+ 120.", ["pH", "Na+"]),
        ("C3 0.42 g/L, C4 low.", ["C3", "C4"]),
        ("ANA positive and C3 and C4 were reduced.", ["ANA", "C3", "C4"]),
        ("Low C3 and C4.", ["C3", "C4"]),
        ("Lesions at C3 80 and C4.", []),
        ("C3 38, T4 7.2. TSH 2.", ["C3", "T4", "TSH"]),
        ("Cage at C4 60, C4 6, no collapse.", []),
        ("alb 2.1, eos 1,400. Patient is ast 3 stairs.", ["alb", "eos"]),
        ("IgE 1,850, B12 88.", ["IgE", "B12"]),
        ("C3 normal alignment, T4 high thoracic pain. C4 normal, C5 normal.", []),
        ("SPEP: M-spike 48 g/L.", ["M-spike"]),
        ("K 2.5 (3.5-5.1) L   Cl 91 (98-107) L   Mg 0.48 (0.7-1.0) L", ["K", "Cl", "Mg"]),
        ("Take Mg 4 (2 tablets).", []),
        ("O/E T 38.1 HR 104", ["T"]),
        ("Stage T 2, T-score -3.1, T 45.1", []),
        ("pO2 7.8, Bili 52", ["pO2", "Bili"]),
    ],
)
def test_a_note_s_tests_with_results_are_mentions(text: str, mentions: list[str]) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    add_tests(doc)
    assert [mention.text for mention in doc.spans["mentions"]] == mentions


def test_what_is_no_test_keeps_its_probability() -> None:
    doc = marked(pipeline("medkg_sentences"), "[Iron overload|Disease], [calcium|Drug] given.")
    for mention in doc.spans["mentions"]:
        mention._.probability = 0.3
    add_tests(doc)
    assert [mention._.probability for mention in doc.spans["mentions"]] == [0.3, 0.3]


def test_a_drug_that_is_taken_stays_a_drug() -> None:
    doc = marked(
        pipeline("medkg_sentences"),
        "[Iron|Drug] 325 tid, [calcium|Drug] 600, low-dose [zinc|Drug].",
    )
    add_tests(doc)
    assert [mention.label_ for mention in doc.spans["mentions"]] == ["Drug"] * 3


def test_a_drug_with_a_result_is_a_test() -> None:
    doc = marked(pipeline("medkg_sentences"), "[Calcium|Drug] was low, [Calcium|Drug] was given.")
    add_tests(doc)
    assert [mention.label_ for mention in doc.spans["mentions"]] == ["Procedure", "Drug"]


def test_the_table_names_what_hpo_has() -> None:
    terms = {" ".join(term) for term in hpo_terms().items()}
    cells = {
        f"{identifier} {name}"
        for test in laboratory_tests()
        for identifier, name in test.phenotype_names.items()
    }
    assert len(cells) > 150
    assert cells - terms == set()


def test_no_name_stands_for_two_tests() -> None:
    for column in ("names", "loinc"):
        names = [name for test in laboratory_tests() for name in getattr(test, column)]
        assert len(names) == len(set(names))


def test_red_urine_is_no_specimen() -> None:
    doc = marked(pipeline("medkg_sentences"), "She has [red urine|Symptom]; sodium was 118.")
    add_tests(doc)
    (results,) = [r for m in doc.spans["mentions"] if (r := results_of(m)) is not None]
    assert results.present == ["HP:0002902"]
    doc = marked(pipeline("medkg_sentences"), "In the urine sodium was 118.")
    add_tests(doc)
    assert not doc.spans["mentions"]
