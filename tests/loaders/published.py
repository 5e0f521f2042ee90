"""Small sources in their published formats, invented for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .sample import Sample

HEADER = (
    "database_id\tdisease_name\tqualifier\thpo_id\treference\tevidence\tonset\tfrequency\tsex"
    "\tmodifier\taspect\tbiocuration"
)

OBO = """format-version: 1.2
data-version: hp/releases/2030-01-02

[Term]
id: HP:0000001
name: All

[Term]
id: HP:0000118
name: Phenotypic abnormality
is_a: HP:0000001 ! All

[Term]
id: HP:0000005
name: Mode of inheritance
is_a: HP:0000001 ! All

[Term]
id: HP:0000006
name: Autosomal dominant inheritance
is_a: HP:0000005 ! Mode of inheritance

[Term]
id: HP:0003577
name: Congenital onset
is_a: HP:0000001 ! All

[Term]
id: HP:0001250
name: Seizure
alt_id: HP:0001275
def: "An event \\"of note\\"." [PMID:1]
synonym: "Fit" RELATED layperson []
synonym: "Convulsion" EXACT []
synonym: "Absence" NARROW []
xref: UMLS:C0036572
xref: SNOMEDCT_US:91175000
xref: MSH:D012640 "Seizures"
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0002197
name: Generalized seizure
is_a: HP:0001250 ! Seizure

[Term]
id: HP:0009999
name: obsolete Something
is_obsolete: true

[Typedef]
id: part_of
name: part of
"""


def annotation(**fields: str) -> str:
    """A line of phenotype.hpoa."""
    row = {
        "database_id": "OMIM:100001",
        "disease_name": "Example syndrome",
        "hpo_id": "HP:0001250",
        "reference": "PMID:1",
        "evidence": "PCS",
        "aspect": "P",
        **fields,
    }
    return "\t".join(row.get(name, "") for name in HEADER.split("\t"))


def write_hpo(folder: Path, *more: str) -> Path:
    folder.mkdir(exist_ok=True)
    rows = [
        annotation(frequency="3/4", onset="HP:0003577", sex="MALE"),
        annotation(hpo_id="HP:0002197", qualifier="NOT"),
        annotation(hpo_id="HP:0000006", aspect="I"),
        annotation(database_id="ORPHA:2", disease_name="OTHER DISEASE; OD;;THIRD NAME"),
        *more,
    ]
    (folder / "hp.obo").write_text(OBO, encoding="utf-8")
    text = "\n".join(["#description: none", "#version: 2030-01-03", HEADER, *rows, ""])
    (folder / "phenotype.hpoa").write_text(text, encoding="utf-8")
    (folder / "genes_to_phenotype.txt").write_text(
        "ncbi_gene_id\tgene_symbol\thpo_id\thpo_name\tfrequency\tdisease_id\n"
        "6323\tSCN1A\tHP:0001250\tSeizure\t-\tOMIM:100001\n"
        "6323\tSCN1A\tHP:0002197\tGeneralized seizure\t-\tOMIM:100001\n",
        encoding="utf-8",
    )
    return folder


def write_hetionet(folder: Path, *more: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "nodes.tsv").write_text(
        "id\tname\tkind\tinchi\n"
        "Compound::DB00001\tExamplin\tCompound\tInChI=1S/H2O/h1H2\n"
        "Gene::1559\tCYP2C9\tGene\t\n"
        "Gene::5742\tPTGS1\tGene\t\n"
        "Disease::DOID:1\texample disease\tDisease\t\n"
        "Pharmacologic Class::N0000000001\tExample Agents\tPharmacologic Class\t\n"
        "Pathway::WP80_r1\tExample pathway\tPathway\t\n"
        "Pathway::PC7_2\tOther pathway\tPathway\t\n"
        "Side Effect::C0000001\tItching\tSide Effect\t\n"
        "Symptom::D000001\tPain\tSymptom\t\n",
        encoding="utf-8",
    )
    rows = [
        "Compound::DB00001\tCbG\tGene::5742",
        "Compound::DB00001\tCbG\tGene::1559",
        "Compound::DB00001\tCcSE\tSide Effect::C0000001",
        "Pharmacologic Class::N0000000001\tPCiC\tCompound::DB00001",
        "Disease::DOID:1\tDpS\tSymptom::D000001",
        "Gene::5742\tGpPW\tPathway::WP80_r1",
        "Gene::5742\tGpPW\tPathway::PC7_2",
        "Gene::1559\tGiG\tGene::77",
        *more,
    ]
    (folder / "edges.sif").write_text(
        "\n".join(["source\tmetaedge\ttarget", *rows, ""]), encoding="utf-8"
    )
    return folder


def case(identifier: str = "PMID_7_A", **fields: Any) -> dict[str, Any]:
    """A phenopacket."""
    return {
        "id": identifier,
        "subject": {
            "id": "A",
            "sex": "FEMALE",
            "timeAtLastEncounter": {"age": {"iso8601duration": "P6Y"}},
        },
        "phenotypicFeatures": [
            {
                "type": {"id": "HP:0001250", "label": "Seizure"},
                "onset": {"ontologyClass": {"id": "HP:0003577", "label": "Congenital onset"}},
            },
            {"type": {"id": "HP:0000252", "label": "Microcephaly"}, "excluded": True},
        ],
        "diseases": [{"term": {"id": "OMIM:100001", "label": "Example syndrome"}}],
        "metaData": {"externalReferences": [{"id": "PMID:7"}]},
        **fields,
    }


def write_phenopackets(folder: Path, *more: str) -> Path:
    folder.mkdir(exist_ok=True)
    texts = [json.dumps(case()), json.dumps(case("PMID_7_B")), *more]
    for number, text in enumerate(texts):
        (folder / f"{number}.json").write_text(text, encoding="utf-8")
    return folder


def write_starter(folder: Path, *more: str) -> Path:
    folder.mkdir(exist_ok=True)
    tables = {
        "drugs-1": ["drug\tsynonyms\tdrug_class", "Examplin\tExa|EXN\texample agent"],
        "drugs-2": ["drug\tsynonyms\tdrug_class", "Otherol\t\texample agent"],
        "targets": [
            "drug\tsymbol\taction\trole\treference",
            "Examplin\tPTGS1\tinhibitor\ttarget\t",
        ],
        "indications": [
            "drug\trelation\tdisease\treference",
            "Examplin\tTREATS\tExample disease\tPMID:9",
            "Otherol\tCONTRAINDICATED_FOR\tUnlisted disease\t",
            *more,
        ],
        "diseases": ["disease\tsynonyms", "Example disease\tExD|Example illness"],
        "effects": ["drug\teffect\treference", "Examplin\tItching\t"],
        "interactions": ["drug\tother\teffect\treference", "Otherol\tExamplin\tbleeding\t"],
        "names": ["kind\tname\tsynonyms", "Drug\tExtract of oak\tOak bark", "Symptom\tPallor\t"],
        "forms": ["drug\tform_of", "Examplin\tExtract of oak"],
        "disease_forms": ["disease\tform_of", "Example disease\tWider disease"],
        "structures": ["drug\tinchi", "Examplin\tInChI=1S/CH4/h1H4"],
        "identifiers": [
            "kind\tname\tid\txrefs\tconfirmed_by",
            "Drug\tExamplin\tdrugbank:DB00001\tMESH:D1\thetionet: Examplin",
            "Disease\texample disease\tDOID:1\tOMIM:1\thetionet: example disease",
            "Target\tPTGS1\tNCBIGene:5742\t\thetionet: PTGS1",
            "Symptom\tItching\tHP:0000989\tUMLS:C0033774\thpo: Pruritus",
        ],
    }
    for name, lines in tables.items():
        (folder / f"{name}.tsv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return folder


def write_common(folder: Path, *more: str) -> Path:
    folder.mkdir(exist_ok=True)
    tables = {
        "diseases": [
            "disease\tsynonyms\tper_100000",
            "Example cold\tCold|Sniffles\t20000",
            "Nameless ache\t\t5",
        ],
        "findings": [
            "disease\tfinding\tfrequency",
            "Example cold\tCough\t0.6",
            "Nameless ache\tPain\t0.9",
            *more,
        ],
        "identifiers": [
            "kind\tname\tid\txrefs\tconfirmed_by",
            "Disease\tExample cold\tDOID:1\tMESH:D1\tmesh: Example cold",
            "Disease\tNameless ache\tmedkg:nameless-ache\t\t",
            "Symptom\tCough\tHP:0012735\t\thpo: Cough",
            "Symptom\tPain\tHP:0012531\t\thpo: Pain",
        ],
    }
    for name, lines in tables.items():
        (folder / f"{name}.tsv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return folder


def prevalence(kind: str, stated: str, region: str) -> str:
    """An estimate of Orphadata's product 9."""
    names = {"PrevalenceType": kind, "PrevalenceClass": stated, "PrevalenceGeographic": region}
    inside = "".join(
        f'<{tag} id="1"><Name lang="en">{name}</Name></{tag}>' for tag, name in names.items()
    )
    return f'<Prevalence id="1"><Source>A_BOOK</Source>{inside}<ValMoy>1.0</ValMoy></Prevalence>'


def write_orphanet(path: Path, *more: str) -> Path:
    path.mkdir(exist_ok=True)
    marfan = prevalence("Point prevalence", "1-5 / 10 000", "Worldwide") + prevalence(
        "Annual incidence", "1-9 / 100 000", "France"
    )
    disorders = [
        f'<Disorder id="2"><OrphaCode>558</OrphaCode><Name lang="en">Marfan syndrome</Name>'
        f'<PrevalenceList count="2">{marfan}</PrevalenceList></Disorder>',
        '<Disorder id="3"><OrphaCode>166024</OrphaCode><Name lang="en">A syndrome</Name>'
        f'<PrevalenceList count="1">{prevalence("Point prevalence", "Unknown", "Europe")}'
        "</PrevalenceList></Disorder>",
        *more,
    ]
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><JDBOR date="2025-12-09" version="1.3.42">'
        "<Availability><Licence><ShortIdentifier>CC-BY-4.0</ShortIdentifier></Licence>"
        f'</Availability><DisorderList count="2">{"".join(disorders)}</DisorderList></JDBOR>'
    )
    (path / "en_product9_prev.xml").write_text(text, encoding="utf-8")
    return path


SAMPLES = {
    "orphanet": Sample(
        write_orphanet,
        lambda folder: write_orphanet(folder, '<Disorder id="4"><Name>Nameless</Name></Disorder>'),
    ),
    "common": Sample(
        write_common, lambda folder: write_common(folder, "Example cold\tGreenness\t0.5")
    ),
    "hpo": Sample(write_hpo, lambda folder: write_hpo(folder, annotation(hpo_id="HP:9999999"))),
    "hetionet": Sample(
        write_hetionet,
        lambda folder: write_hetionet(folder, "Compound::DB00001\tCzG\tGene::5742"),
    ),
    "phenopackets": Sample(
        write_phenopackets,
        lambda folder: write_phenopackets(folder, '{"id": "no features"}'),
        options={"release": "2030"},
    ),
    "starter": Sample(
        write_starter,
        lambda folder: write_starter(folder, "Unknownine\tTREATS\tExample disease\t"),
    ),
}
