"""What each question of the library answers on the graph of `pharmacy`, checked by hand."""

from __future__ import annotations

from typing import Any, NamedTuple


class Expected(NamedTuple):
    """Parameters (of the others: the examples), rows in all, and the first rows of some columns."""

    params: dict[str, Any]
    height: int
    columns: str
    first: list[tuple[Any, ...]]


EXPECTED = {
    "about": Expected(
        {},
        7,
        "relation direction kind count examples",
        [
            ("TARGETS", "out", "Target", 3, ["ABL1", "CYP3A4", "KIT"]),
            ("DOWNREGULATES", "out", "Target", 2, ["IL4", "KIT"]),
            ("PREDICTED_TARGETS", "out", "Target", 2, ["ABL1", "PDE4A"]),
        ],
    ),
    "best_supported": Expected(
        {},
        10,
        "relation other_name sources evidence_count path",
        [
            ("TARGETS", "KIT", ["curated", "second"], 2, "imatinib → KIT"),
            ("CAUSES", "oedema", ["curated"], 1, "imatinib → oedema"),
            ("DOWNREGULATES", "IL4", ["curated"], 1, "imatinib → IL4"),
        ],
    ),
    "causes_of_symptom": Expected(
        {},
        2,
        "kind cause_name as",
        [
            ("Disease", "hypertension", "high blood pressure"),
            ("Drug", "nilotinib", "high blood pressure"),
        ],
    ),
    "class_side_effects": Expected(
        {},
        1,
        "effect_name drugs share elsewhere targets",
        [("oedema", 2, 1.0, 0.333333, ["ABL1", "KIT"])],
    ),
    "cohort": Expected(
        {},
        2,
        "patient symptoms lacking",
        [("patient:1", ["dyspnoea", "wheeze"], ["oedema"]), ("patient:2", ["dyspnoea"], [])],
    ),
    "cohort_characteristics": Expected(
        {"at_least": 1},
        3,
        "relation thing_name patients share elsewhere smd",
        [
            ("HAS_PHENOTYPE", "wheeze", 1, 1.0, 0.0, None),
            ("TAKES", "warfarin", 1, 1.0, 0.0, None),
            ("HAS_PHENOTYPE", "dyspnoea", 1, 1.0, 1.0, None),
        ],
    ),
    "contradictions": Expected(
        {},
        1,
        "contradiction subject_name relation object_name sentences",
        [
            (
                "asserted and negated",
                "imatinib",
                "CAUSES",
                "oedema",
                ["No oedema was seen on imatinib."],
            )
        ],
    ),
    "contraindicated_combinations": Expected(
        {}, 1, "drug_name other_name both_cause", [("valsartan", "propranolol", [])]
    ),
    "diagnosis_of_patient": Expected(
        {},
        2,
        "disease_name probability matching unexpected",
        [("asthma", 0.7, ["dyspnoea", "wheeze"], []), ("COPD", 0.2, ["dyspnoea"], ["wheeze"])],
    ),
    "differential_diagnosis": Expected(
        {},
        2,
        "disease_name score matching",
        [("asthma", 1.0, ["cough", "dyspnoea"]), ("COPD", 1.0, ["cough", "dyspnoea"])],
    ),
    "diseases_by_genes": Expected(
        {},
        3,
        "other_name score shared targets treats_both",
        [
            ("COPD", 0.329466, 2, ["ADRB2", "PDE4A"], ["salmeterol"]),
            ("scleroderma", 0.091837, 1, ["KIT"], []),
            ("leukaemia", 0.071228, 1, ["KIT"], ["imatinib"]),
        ],
    ),
    "diseases_by_phenotypes": Expected(
        {},
        1,
        "other_name score shared phenotypes only_here",
        [("COPD", 0.5, 2, ["cough", "dyspnoea"], 1)],
    ),
    "drug_combinations": Expected(
        {},
        3,
        "drug_name other_name covered interact",
        [
            ("theophylline", "imatinib", 2, False),
            ("theophylline", "salmeterol", 2, False),
            ("imatinib", "salmeterol", 2, False),
        ],
    ),
    "drug_interactions": Expected(
        {}, 1, "drug_name other_name probability", [("warfarin", "aspirin", 1.0)]
    ),
    "drug_target_hypotheses": Expected(
        {},
        4,
        "probability model treats path contraindicated_for may_cause",
        [
            (0.8, "m", False, "nilotinib → ADRB2 ← asthma", [], []),
            (0.6, "m", False, "aspirin → KIT ← asthma", ["asthma"], []),
            (0.5, "m", True, "imatinib → PDE4A ← asthma", [], []),
        ],
    ),
    "drugs_on_target": Expected(
        {},
        2,
        "drug_name sources treats targets",
        [
            ("imatinib", ["curated", "second"], ["leukaemia", "asthma"], 3),
            ("nilotinib", ["curated"], [], 2),
        ],
    ),
    "evidence_by_year": Expected(
        {},
        8,
        "year relation asserted negated",
        [(None, "CAUSES", 1, 1), (None, "DOWNREGULATES", 2, 0), (None, "IN_CLASS", 1, 0)],
    ),
    "evidence_of_edge": Expected(
        {},
        3,
        "relation polarity source references",
        [
            ("DOWNREGULATES", "asserted", "curated", []),
            ("TARGETS", "asserted", "curated", []),
            ("TARGETS", "asserted", "second", ["PMID:8"]),
        ],
    ),
    "hubs": Expected(
        {},
        20,
        "kind entity_name degree",
        [("Disease", "asthma", 20), ("Disease", "COPD", 8), ("Disease", "leukaemia", 4)],
    ),
    "hypotheses_for_drug": Expected(
        {},
        2,
        "target_name probability diseases",
        [("ABL1", 0.9, ["leukaemia"]), ("PDE4A", 0.5, ["COPD", "asthma"])],
    ),
    "hypotheses_for_target": Expected(
        {}, 1, "drug_name probability treats", [("aspirin", 0.6, [])]
    ),
    "hypotheses_in_tissue": Expected(
        {},
        3,
        "probability model tissues path contraindicated_for",
        [
            (0.8, "m", ["lung"], "nilotinib → ADRB2 ← asthma", []),
            (0.6, "m", ["lung"], "aspirin → KIT ← asthma", ["asthma"]),
            (0.3, "n", ["lung"], "nilotinib → ADRB2 ← asthma", []),
        ],
    ),
    "least_studied_targets": Expected(
        {},
        4,
        "target_name drugs diseases documents predicted",
        [("IL4", 0, 0, 0, 0), ("PDE4A", 1, 1, 0, 1), ("ADRB2", 2, 1, 1, 2)],
    ),
    "loads": Expected(
        {}, 1, "state sources", [("complete", ["curated 1", "papers 1", "second 1"])]
    ),
    "models_disagree": Expected(
        {},
        1,
        "head_name relation tail_name difference models",
        [("nilotinib", "TARGETS", "ADRB2", 0.5, ["m", "n"])],
    ),
    "new_molecules": Expected(
        {"target": "NCBIGene:5742"},
        1,
        "molecule model rank",
        [("INCHIKEY:UHOVQNZJYSORNB-UHFFFAOYSA-N", "g", 1)],
    ),
    "new_since_last_load": Expected(
        {},
        12,
        "relation other_name polarity evidence is_new path",
        [
            ("CAUSES", "oedema", "asserted", "curated", True, "imatinib → oedema"),
            (
                "CAUSES",
                "oedema",
                "negated",
                "No oedema was seen on imatinib.",
                False,
                "imatinib → oedema",
            ),
            ("DOWNREGULATES", "IL4", "asserted", "curated", True, "imatinib → IL4"),
        ],
    ),
    "outcomes_by_treatment": Expected(
        {},
        1,
        "drug_name patients share others elsewhere unlike",
        [("warfarin", 1, 1.0, 0, None, [])],
    ),
    "pathways_enriched": Expected(
        {"at_least": 1},
        1,
        "pathway_name p fold targets size names",
        [("cAMP signalling", 0.475069, 1.25, 2, 2, ["ADRB2", "PDE4A"])],
    ),
    "patients_by_year": Expected({}, 1, "year having patients share", [("2020", 1, 1, 1.0)]),
    "polypharmacy": Expected(
        {},
        1,
        "effect_name caused_by drugs elsewhere",
        [("bleeding", 2, ["aspirin", "warfarin"], 0.333333)],
    ),
    "predictions_confirmed": Expected(
        {}, 1, "path probability sources", [("imatinib → ABL1", 0.9, ["curated"])]
    ),
    "predictions_contradicted": Expected(
        {},
        2,
        "drug_name relation tail_name against evidence",
        [
            ("aspirin", "TARGETS", "KIT", "negated", ["Aspirin did not bind KIT."]),
            ("aspirin", "TREATS", "asthma", "CONTRAINDICATED_FOR", ["curated"]),
        ],
    ),
    "predictions_supported": Expected(
        {},
        2,
        "drug_name tail_name model relations documents",
        [("nilotinib", "ADRB2", "m", [], ["PMID:1"]), ("nilotinib", "ADRB2", "n", [], ["PMID:1"])],
    ),
    "record_of_patient": Expected(
        {},
        6,
        "relation object_name status",
        [
            ("HAS_DISEASE", "asthma", "current"),
            ("HAS_PHENOTYPE", "dyspnoea", "current"),
            ("HAS_PHENOTYPE", "wheeze", "current"),
        ],
    ),
    "repurposing": Expected(
        {},
        2,
        "drug_name score by_target by_shared_target by_structure by_class by_disease through",
        [
            (
                "nilotinib",
                8.614861,
                0.978694,
                2.083223,
                2.776472,
                2.776472,
                0.0,
                ["imatinib", "kinase inhibitors", "ABL1", "KIT"],
            ),
            ("propranolol", 3.443388, 1.337312, 2.106076, 0.0, 0.0, 0.0, ["ADRB2", "ADRB2"]),
        ],
    ),
    "same_targets_other_use": Expected(
        {}, 1, "other_name likeness shared_targets", [("nilotinib", 1.0, ["ABL1", "KIT"])]
    ),
    "shared_targets": Expected(
        {},
        2,
        "target_name shared_by diseases drugs",
        [("ADRB2", 2, ["COPD", "asthma"], 2), ("PDE4A", 2, ["COPD", "asthma"], 1)],
    ),
    "side_effects_explained": Expected(
        {"at_least": 1, "drug": "drugbank:DB04868"},
        1,
        "path drugs share elsewhere lift",
        [("nilotinib → ABL1 → oedema", 1, 1.0, 0.333333, 3.0)],
    ),
    "side_effects_shared": Expected(
        {}, 1, "effect_name kind probability shared_targets", [("bleeding", "Symptom", 1.0, [])]
    ),
    "signature_reversal": Expected(
        {"at_least": 1},
        2,
        "drug_name score reversed mimicked genes treats",
        [("imatinib", 1.0, 2, 0, ["IL4", "KIT"], True), ("theophylline", 0.0, 1, 1, ["IL4"], True)],
    ),
    "similar_patients": Expected(
        {}, 1, "other score shared", [("patient:2", 0.293305, ["dyspnoea"])]
    ),
    "target_safety": Expected(
        {"at_least": 1},
        2,
        "effect_name drugs share elsewhere examples",
        [
            ("oedema", 2, 1.0, 0.333333, ["imatinib", "nilotinib"]),
            ("high blood pressure", 1, 0.5, 0.166667, ["nilotinib"]),
        ],
    ),
    "targets_by_support": Expected(
        {},
        4,
        "target_name sources references drugs",
        [
            ("ADRB2", ["curated", "second"], 1, 2),
            ("IL4", ["curated"], 0, 0),
            ("KIT", ["curated"], 0, 2),
        ],
    ),
    "targets_of_drug": Expected(
        {},
        2,
        "target_name sources diseases drugs",
        [
            ("ABL1", ["curated"], ["leukaemia"], 1),
            ("KIT", ["curated", "second"], ["asthma", "leukaemia", "scleroderma"], 1),
        ],
    ),
    "tissue_specific_targets": Expected(
        {},
        3,
        "target_name specificity tissues elsewhere",
        [("IL4", 1.0, ["lung"], 0), ("ADRB2", 0.5, ["lung"], 1), ("KIT", 0.5, ["lung"], 1)],
    ),
    "treatments_for_disease": Expected(
        {},
        4,
        "drug_name status probability contraindicated_for may_cause",
        [
            ("theophylline", "treats", 1.0, [], []),
            ("salmeterol", "treats", 1.0, [], ["cough"]),
            ("imatinib", "treats", 0.6, [], []),
        ],
    ),
    "treatments_safe_with": Expected(
        {}, 1, "drug_name treats_other may_cause", [("valsartan", False, ["cough"])]
    ),
    "untreated_diseases": Expected(
        {}, 1, "disease_name targets with_drugs drugs examples", [("scleroderma", 1, 1, 2, ["KIT"])]
    ),
    "warnings_for_patient": Expected(
        {},
        2,
        "drug_name warning about_name",
        [("aspirin", "contraindicated", "asthma"), ("aspirin", "interaction", "warfarin")],
    ),
    "what_distinguishes": Expected(
        {}, 1, "phenotype_name in_disease weight", [("wheeze", "asthma", 1.386294)]
    ),
    "what_text_adds": Expected(
        {},
        1,
        "path relation probability sentences",
        [("imatinib → asthma", "TREATS", 0.6, ["Imatinib eased severe asthma."])],
    ),
    "why": Expected(
        {},
        10,
        "length weight path relations",
        [
            (1, 1.0, "imatinib → leukaemia", ["TREATS"]),
            (2, 0.275946, "imatinib → ABL1 ← leukaemia", ["TARGETS", "ASSOCIATED_WITH"]),
            (2, 0.136979, "imatinib → KIT ← leukaemia", ["DOWNREGULATES", "ASSOCIATED_WITH"]),
        ],
    ),
    "why_diagnosis": Expected(
        {},
        2,
        "phenotype_name status match weight",
        [("wheeze", "seen", "exact", 0.693147), ("dyspnoea", "seen", "exact", 0.287682)],
    ),
}
