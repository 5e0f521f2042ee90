"""A graph with every entity that the library's files give as an example, small enough to check."""

from __future__ import annotations

import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

SOURCES = [
    Source("curated", "1", "CC0-1.0", reliability=1.0),
    Source("second", "1", "CC0-1.0", reliability=1.0),
    Source("papers", "1", "CC0-1.0", reliability=1.0),
]
IMATINIB, ASPIRIN, WARFARIN = "drugbank:DB00619", "drugbank:DB00945", "drugbank:DB00682"
NILOTINIB, SALMETEROL, THEOPHYLLINE = "drugbank:DB04868", "drugbank:DB00938", "drugbank:DB00277"
PROPRANOLOL, VALSARTAN = "drugbank:DB00571", "drugbank:DB00177"
KIT, ABL1, CYP3A4, ADRB2 = "NCBIGene:3815", "NCBIGene:25", "NCBIGene:1576", "NCBIGene:154"
PDE4A, PTGS1, IL4 = "NCBIGene:5141", "NCBIGene:5742", "NCBIGene:3565"
ASTHMA, COPD, HYPERTENSION, LEUKAEMIA = "DOID:2841", "DOID:3083", "DOID:10763", "DOID:2531"
SCLERODERMA = "DOID:419"
DYSPNOEA, COUGH, WHEEZE, OEDEMA = "HP:0002094", "HP:0012735", "HP:0030828", "UMLS:C0013604"
HIGH_PRESSURE, BLEEDING = "UMLS:C0020538", "HP:0001892"
KINASE_INHIBITORS = "NDFRT:N0000175076"
LUNG, HEART, BLOOD = "UBERON:0002048", "UBERON:0000948", "UBERON:0000178"
CAMP, IMMUNE = "WP:WP1", "WP:WP2"
PATIENT, OTHER_PATIENT, PAPER = "patient:1", "patient:2", "PMID:1"
MOLECULE = "INCHIKEY:UHOVQNZJYSORNB-UHFFFAOYSA-N"  # which a generator wrote

NODES = {
    "Drug": {
        IMATINIB: "imatinib",
        ASPIRIN: "aspirin",
        WARFARIN: "warfarin",
        NILOTINIB: "nilotinib",
        SALMETEROL: "salmeterol",
        THEOPHYLLINE: "theophylline",
        PROPRANOLOL: "propranolol",
        VALSARTAN: "valsartan",
    },
    "Target": {
        KIT: "KIT",
        ABL1: "ABL1",
        CYP3A4: "CYP3A4",
        ADRB2: "ADRB2",
        PDE4A: "PDE4A",
        PTGS1: "PTGS1",
        IL4: "IL4",
    },
    "Disease": {
        ASTHMA: "asthma",
        COPD: "COPD",
        HYPERTENSION: "hypertension",
        LEUKAEMIA: "leukaemia",
        SCLERODERMA: "scleroderma",
    },
    "Symptom": {
        DYSPNOEA: "dyspnoea",
        COUGH: "cough",
        WHEEZE: "wheeze",
        OEDEMA: "oedema",
        HIGH_PRESSURE: "high blood pressure",
        BLEEDING: "bleeding",
    },
    "DrugClass": {KINASE_INHIBITORS: "kinase inhibitors"},
    "Anatomy": {LUNG: "lung", HEART: "heart", BLOOD: "blood"},
    "Pathway": {CAMP: "cAMP signalling", IMMUNE: "immune response"},
    "Patient": {PATIENT: "patient 1", OTHER_PATIENT: "patient 2"},
    "Document": {PAPER: "a paper"},
    "Molecule": {MOLECULE: "generated UHOVQNZJYSORNB"},
}
# Relations with their pairs; those of a source of their own are in `_further_evidence`.
EDGES = {
    "TARGETS": [
        (IMATINIB, KIT),
        (IMATINIB, ABL1),
        (IMATINIB, CYP3A4),
        (NILOTINIB, KIT),
        (NILOTINIB, ABL1),
        (SALMETEROL, ADRB2),
        (PROPRANOLOL, ADRB2),
        (THEOPHYLLINE, PDE4A),
        (ASPIRIN, PTGS1),
        (WARFARIN, CYP3A4),
    ],
    "TREATS": [
        (IMATINIB, LEUKAEMIA),
        (SALMETEROL, ASTHMA),
        (SALMETEROL, COPD),
        (THEOPHYLLINE, ASTHMA),
        (PROPRANOLOL, HYPERTENSION),
        (VALSARTAN, HYPERTENSION),
    ],
    "PALLIATES": [(ASPIRIN, COPD)],
    "CONTRAINDICATED_FOR": [(PROPRANOLOL, ASTHMA), (ASPIRIN, ASTHMA)],
    "CAUSES": [
        (IMATINIB, OEDEMA),
        (NILOTINIB, OEDEMA),
        (NILOTINIB, HIGH_PRESSURE),
        (SALMETEROL, COUGH),
        (ASPIRIN, BLEEDING),
        (WARFARIN, BLEEDING),
        (VALSARTAN, COUGH),
    ],
    "HAS_SYMPTOM": [
        (ASTHMA, DYSPNOEA),
        (ASTHMA, COUGH),
        (ASTHMA, WHEEZE),
        (COPD, DYSPNOEA),
        (COPD, COUGH),
        (HYPERTENSION, HIGH_PRESSURE),
    ],
    "ASSOCIATED_WITH": [
        (ASTHMA, ADRB2),
        (ASTHMA, PDE4A),
        (ASTHMA, IL4),
        (ASTHMA, CYP3A4),
        (ASTHMA, KIT),
        (COPD, ADRB2),
        (COPD, PDE4A),
        (LEUKAEMIA, ABL1),
        (LEUKAEMIA, KIT),
        (SCLERODERMA, KIT),
    ],
    "UPREGULATES": [(ASTHMA, IL4), (ASTHMA, KIT), (THEOPHYLLINE, KIT)],
    "DOWNREGULATES": [(THEOPHYLLINE, IL4), (IMATINIB, KIT), (IMATINIB, IL4)],
    "EXPRESSES": [(LUNG, ADRB2), (HEART, ADRB2), (LUNG, IL4), (BLOOD, KIT), (LUNG, KIT)],
    "LOCALIZES_TO": [(ASTHMA, LUNG), (LEUKAEMIA, BLOOD)],
    "PARTICIPATES_IN": [(ADRB2, CAMP), (PDE4A, CAMP), (IL4, IMMUNE), (ABL1, IMMUNE), (KIT, IMMUNE)],
    "IN_CLASS": [(IMATINIB, KINASE_INHIBITORS), (NILOTINIB, KINASE_INHIBITORS)],
    "RESEMBLES": [(IMATINIB, NILOTINIB), (ASTHMA, COPD)],
    "INTERACTS_WITH": [(ASPIRIN, WARFARIN), (PROPRANOLOL, VALSARTAN)],
    "HAS_PHENOTYPE": [(PATIENT, DYSPNOEA), (PATIENT, WHEEZE), (OTHER_PATIENT, DYSPNOEA)],
    "LACKS_PHENOTYPE": [(PATIENT, OEDEMA)],
    "HAS_DISEASE": [(PATIENT, ASTHMA)],
    "TAKES": [(PATIENT, WARFARIN)],
    "MENTIONS": [(PAPER, NILOTINIB), (PAPER, ADRB2)],
}
PREDICTIONS = [
    ("TARGETS", NILOTINIB, ADRB2, "m", 0.8),
    ("TARGETS", NILOTINIB, ADRB2, "n", 0.3),
    ("TARGETS", IMATINIB, PDE4A, "m", 0.5),
    ("TARGETS", IMATINIB, ABL1, "m", 0.9),  # recorded since
    ("TARGETS", SALMETEROL, CYP3A4, "m", 0.95),  # where drugs are broken down
    ("TARGETS", ASPIRIN, KIT, "m", 0.6),  # which a source denies
    ("TARGETS", MOLECULE, PTGS1, "g", 0.99),  # a hypothesis of its own kind
    ("TREATS", ASPIRIN, ASTHMA, "t", 0.4),
    ("HAS_DISEASE", PATIENT, ASTHMA, "d", 0.7),
    ("HAS_DISEASE", PATIENT, COPD, "d", 0.2),
]


def pharmacy() -> KnowledgeGraph:
    """Drugs, targets, diseases, patients and predictions of several models."""
    nodes = pl.DataFrame(
        [
            (id, kind, name, '{"adme": "enzyme"}' if id == CYP3A4 else None)
            for kind, named in NODES.items()
            for id, name in named.items()
        ],
        schema=["id", "kind", "name", "properties"],
        orient="row",
    )
    rows = [
        {
            "subject": subject,
            "relation": relation,
            "object": tail,
            "source": "curated",
            "date": "2020-05-01" if subject == PATIENT else None,
        }
        for relation, pairs in EDGES.items()
        for subject, tail in pairs
    ]
    evidence = pl.concat([pl.DataFrame(rows), _further_evidence()], how="diagonal")
    predictions = pl.DataFrame(
        [
            {
                "head": head,
                "relation": relation,
                "tail": tail,
                "model": model,
                "score": probability,
                "probability": probability,
                "base_rate": 0.1,
                "rank": 1,
                "direction": "tail",
                "known": False,
                "date": "2026-01-01",
                "explanation": None,
            }
            for relation, head, tail, model, probability in PREDICTIONS
        ]
    )
    return KnowledgeGraph.build(nodes, evidence, SOURCES).with_predictions(predictions)


def _further_evidence() -> pl.DataFrame:
    """What a second source and a paper say, for and against."""
    paper = {"source": "papers", "level": "text-mined", "document": PAPER, "probability": 0.6}
    return pl.DataFrame(
        [
            {
                "subject": ASTHMA,
                "relation": "ASSOCIATED_WITH",
                "object": ADRB2,
                "source": "second",
                "date": "2019-05-01",
                "references": ["PMID:7"],
            },
            {
                "subject": IMATINIB,
                "relation": "TARGETS",
                "object": KIT,
                "source": "second",
                "date": "2001-04-05",
                "references": ["PMID:8"],
            },
            {
                "subject": IMATINIB,
                "relation": "TREATS",
                "object": ASTHMA,
                "sentence": "Imatinib eased severe asthma.",
                "start": 0,
                "date": "2017-05-18",
                **paper,
            },
            {
                "subject": ASPIRIN,
                "relation": "TARGETS",
                "object": KIT,
                "sentence": "Aspirin did not bind KIT.",
                "start": 40,
                "polarity": "negated",
                **paper,
            },
            {
                "subject": IMATINIB,
                "relation": "CAUSES",
                "object": OEDEMA,
                "sentence": "No oedema was seen on imatinib.",
                "start": 80,
                "polarity": "negated",
                **paper,
            },
            {
                "subject": PATIENT,
                "relation": "HAS_PHENOTYPE",
                "object": COUGH,
                "sentence": "Her father had a cough.",
                "start": 120,
                "experiencer": "family",
                **paper,
            },
        ]
    )
