"""What published models and people's own annotations call this project's kinds of mention."""

from __future__ import annotations

import re

MENTION_KINDS = ("Disease", "Symptom", "Drug", "Target", "Procedure")

# Upper case, with _ for spaces and hyphens. Labels of scispaCy's models (en_ner_bc5cdr_md,
# en_ner_bionlp13cg_md, en_ner_craft_md, en_ner_jnlpba_md), of i2b2's (problem, treatment, test),
# and of the corpora that this package reads; a kind's own name is understood too.
_LABELS = {
    "Disease": "DISEASE DISEASE_DISORDER DISORDER CANCER PROBLEM DIAGNOSIS CONDITION",
    "Symptom": "SYMPTOM SIGN_SYMPTOM SIGN_OR_SYMPTOM SIGN PHENOTYPE",
    "Drug": "DRUG CHEMICAL SIMPLE_CHEMICAL CHEBI MEDICATION CHEM",
    "Target": "TARGET GENE PROTEIN GENE_OR_GENE_PRODUCT GENEORGENEPRODUCT GGP GENE_PROTEIN "
    "GENE_Y GENE_N",
    "Procedure": "PROCEDURE TEST DIAGNOSTIC_PROCEDURE THERAPEUTIC_PROCEDURE",
}
_KINDS = {label: kind for kind, labels in _LABELS.items() for label in labels.split()}

_NCBI_KINDS = {
    "SpecificDisease": "Disease",
    "DiseaseClass": "Disease",
    "Modifier": "Disease",
    "CompositeMention": "Disease",
}
# What each corpus calls the kinds of this project; what is not here is not read as a mention.
# "medkg" is no format: documents whose kinds are this project's already.
KINDS: dict[str, dict[str, str]] = {
    "medkg": {kind: kind for kind in MENTION_KINDS},
    "pubtator": {
        "Chemical": "Drug",
        "Gene": "Target",
        **{kind: kind for kind in MENTION_KINDS},
        **_NCBI_KINDS,
    },
    "ncbi": _NCBI_KINDS,
    "chemprot": {"CHEMICAL": "Drug", "GENE-Y": "Target", "GENE-N": "Target"},
    "bc2gm": {"GENE": "Target"},
    "brat": {
        "Sign_symptom": "Symptom",
        "Disease_disorder": "Disease",
        "Medication": "Drug",
        "Diagnostic_procedure": "Procedure",
        "Therapeutic_procedure": "Procedure",
    },
    "cmedqaner": {
        "disease": "Disease",
        "symptom": "Symptom",
        "drug": "Drug",
        "test": "Procedure",
        "treatment": "Procedure",
    },
    "cmdd": {"Symptom": "Symptom"},
    "roam": {"AFFLICTION": "Disease"},
    "euadr": {
        "Diseases & Disorders": "Disease",
        "Chemicals & Drugs": "Drug",
        "Genes & Molecular Sequences": "Target",
    },
}
_PUBTATOR_OTHERS = (
    "Species Mutation DNAMutation ProteinMutation SNP CellLine Chromosome Genus Strain "
    "OrganismTaxon SequenceVariant"
)
_MACCROBAT_OTHERS = (
    "Activity Administration Age Area Biological_attribute Biological_structure "
    "Clinical_event Color Coreference Date Detailed_description Distance Dosage Duration "
    "Family_history Frequency Height History Lab_value Mass Nonbiological_location "
    "Occupation Other_entity Other_event Outcome Personal_background Qualitative_concept "
    "Quantitative_concept Severity Sex Shape Subject Texture Time Volume Weight"
)
# What the published corpora annotate beside these kinds.
OTHER_LABELS = {
    "pubtator": frozenset(_PUBTATOR_OTHERS.split()),
    "brat": frozenset(_MACCROBAT_OTHERS.split()),
    "cmedqaner": frozenset(["body", "crowd", "department", "feature", "physiology", "time"]),
    "euadr": frozenset({"SNP & Sequence variations"}),
}


def kind_of(label: str) -> str | None:
    """The kind that a label stands for, or None."""
    return _KINDS.get(re.sub(r"[\s/-]+", "_", label.strip().upper()))


def split_tag(tag: str) -> tuple[str, str]:
    """The sign (B, I or O) and the label of a tag.

    `B-Disease` and `B_Disease` are ("B", "Disease"); E and L (a mention's end) count as I, S and U
    (a mention of one token) as B; a label alone has the sign "", a sign alone the label "".
    """
    prefix, label = "", tag
    match = re.fullmatch(r"([BIOELSU])(?:[-_](.*))?", tag)
    if match is not None:
        prefix, label = match[1], match[2] or ""
    if prefix == "O":
        return "O", ""
    return {"E": "I", "L": "I", "S": "B", "U": "B"}.get(prefix, prefix), label


def tagged_spans(tags: list[tuple[str, str]]) -> list[tuple[int, int, str]]:
    """(first, after the last, label) of the runs of signs and labels that `split_tag` gives.

    A mention begins at B, at a label other than the one before, and where none came before.
    """
    spans: list[tuple[int, int, str]] = []
    start: int | None = None
    for place, (prefix, label) in enumerate([*tags, ("O", "")]):
        goes_on = start is not None and prefix not in ("B", "O") and label == tags[place - 1][1]
        if start is not None and not goes_on:
            spans.append((start, place, tags[place - 1][1]))
            start = None
        if start is None and prefix != "O":
            start = place
    return spans
