"""What the words beside a name say that it is: symbols of genes, variants, viruses."""

from __future__ import annotations

import polars as pl
import pytest
from spacy.tokens import Doc

from medkg.core.errors import ModelError
from medkg.extract.mentions import neighbours as _neighbours  # noqa: F401 (registers it)
from medkg.extract.mentions.neighbours import gene_name
from medkg.extract.mentions.recogniser import PredictedMention, clean_mentions
from medkg.extract.mentions.variants import variants
from medkg.graph.frames import NODES, conform

from ..made_graph import graph
from ..marked import marked, pipeline

SYMBOLS = ("VHL", "APC", "DMD", "ATM", "BRCA1", "TP53", "ZNF217")


def read(text: str) -> list[tuple[str, str]]:
    """The mentions of a marked text, with their kinds, after the component."""
    nodes = pl.DataFrame(
        {
            "id": [f"HGNC:{n}" for n, _ in enumerate(SYMBOLS)],
            "kind": ["Target"] * len(SYMBOLS),
            "name": SYMBOLS,
        }
    )
    nlp = pipeline("medkg_neighbours")
    nlp.get_pipe("medkg_neighbours").use(graph().with_frames(nodes=conform(nodes, NODES)))
    doc: Doc = marked(nlp, text)
    return [(mention.text, mention.label_) for mention in doc.spans["mentions"]]


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("In this kindred the [APC|Disease] gene and the VHL gene were sequenced.", "APC VHL"),
        ("We screened for mutations of APC, VHL, [DMD|Disease] and ATM.", "APC VHL DMD ATM"),
        ("Somatic [VHL|Disease] and [ATM mutations|Procedure] were rare.", "VHL ATM"),
        ("Carriers lost exon 45 of [DMD|Disease].", "DMD"),
        ("The [VHL|Disease] tumour suppressor gene is on chromosome 3.", "VHL"),
        ("Both [DMD|Disease]/TP53 loci were typed.", "DMD TP53"),
        ("A third of the tumours had no [ATM|Disease] allele left.", "ATM"),
        ("It is due to a CAG expansion in ATM. Deletions of [DMD|Disease] are rare.", "ATM DMD"),
        ("The APC CAG repeats were counted.", "APC"),
        ("It is an expansion of the GAA triplet in ATM.", "ATM"),
        ("The drug binds TP53 Y220C and BRCA1-C61G, and spares VHL.", "TP53 BRCA1"),
    ],
)
def test_symbols_beside_words_of_genes_are_targets(text: str, targets: str) -> None:
    assert read(text) == [(symbol, "Target") for symbol in targets.split()]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("The [CHOP|Target] regimen is used, and [CHOP|Target] cures.", "Drug Drug"),
        ("After [R-CHOP|Target] chemotherapy he was well.", "Drug"),
        ("[CHOP|Target] expression was high.", "Target"),
        ("[PKC412|Target], a multi-kinase inhibitor, blocks [AKT|Target].", "Drug Target"),
        ("[AKT|Target] is inhibited by [YM155|Target] (10 nM), a novel agent.", "Target Drug"),
        ("[PKC412|Target] treatment was safe.", "Drug"),
        ("[MDM2|Target], an inhibitor of [TP53|Target], was raised.", "Target Target"),
        ("[GP120|Target], a viral protein, was measured.", "Target"),
        ("[ZNF217|Target], an inhibitor of [TP53|Target], was raised.", "Target Target"),
    ],
)
def test_what_the_text_calls_a_drug_is_one(text: str, kinds: str) -> None:
    assert [kind for _, kind in read(text)] == kinds.split()


@pytest.mark.parametrize(
    "text",
    [
        "It is a CAG repeat in [DMD|Disease] patients, or V600E in [VHL|Disease].",
        "[Lymphoma|Disease] came with an expansion of ATM T cells.",
        "We saw boys with DMD ([Duchenne muscular dystrophy|Disease]) whose [DMD|Disease] genes "
        "were long.",
        "Boys with [DMD|Disease] walked late.",
        "Mutations in [DMD|Disease] patients are deletions.",
        "[VHL|Disease] was inherited, and genes were studied.",
        "The sisters with [Fanconi anemia|Disease] had mutations of unknown genes.",
    ],
)
def test_diseases_stay_diseases(text: str) -> None:
    assert {kind for _, kind in read(text)} == {"Disease"}


def test_a_gene_may_be_defined_by_the_name_of_its_disease() -> None:
    text = (
        "The [adenomatous polyposis coli|Disease] ([APC|Disease]) gene is large. Two [APC|Disease] "
        "mutations were new."
    )
    assert [kind for _, kind in read(text)] == ["Disease", "Target", "Target"]


def test_a_name_that_holds_a_symbol_is_left_alone() -> None:
    assert read("[ATM kinase|Target] and [VHL disease|Disease] genes.") == [
        ("ATM kinase", "Target"),
        ("VHL disease", "Disease"),
    ]
    assert read("[TP53|Target] mutations") == [("TP53", "Target")]


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("[Hepatitis B|Disease] virus DNA was in the serum.", []),
        ("[influenza|Disease] A virus, [influenza|Disease] viruses", []),
        ("The [measles virus|Disease] spread.", []),
        ("[hepatitis B|Disease] virus infection", ["hepatitis B"]),
        ("[influenza|Disease] in winter", ["influenza"]),
        ("[zoster|Disease] vaccines", ["zoster"]),
        ("[Loss-of-function mutations|Disease] protect; in [remission|Disease]", []),
    ],
)
def test_what_is_no_disease(text: str, conditions: list[str]) -> None:
    assert read(text) == [(name, "Disease") for name in conditions]


@pytest.mark.parametrize(
    "name",
    [
        "A118G allele",
        "FokI polymorphism",
        "Val158Met genotype",
        "rs1801133 variants",
        "CAG repeat",
        "GGGGCC repeat expansion",
        "GAA trinucleotide expansions",
        "GAA triplets",
        "CAG/CTG repeat expansions",
        "GAA and CTG expansions",
        "(CAG)40 repeats",
    ],
)
def test_variants_with_what_they_are_called_are_no_mentions(name: str) -> None:
    text = f"The {name} was typed."
    doc = pipeline().make_doc(text)
    for end in (4 + len(name), 4 + name.index(" ")):
        assert clean_mentions(doc, [PredictedMention(4, end, "Target", 0.9)]) == []


@pytest.mark.parametrize("variant", [" V600E", " V600E mutation", "-V600E", " (V600E"])
def test_the_variant_behind_a_target_is_no_part_of_its_name(variant: str) -> None:
    text = f"It targets BRAF{variant})."
    doc = pipeline().make_doc(text)
    mention = PredictedMention(11, 15 + len(variant), "Target", 0.9)
    assert clean_mentions(doc, [mention]) == [PredictedMention(11, 15, "Target", 0.9)]


@pytest.mark.parametrize("text", ["Civil variants", "FokI was cut", "the GLUT4 variants", "Levi"])
def test_other_words_are_no_variants(text: str) -> None:
    assert list(variants(text)) == []


def test_the_symbol_of_a_target_is_what_it_is_looked_up_as() -> None:
    names = ["VHL gene", "mutant VHL allele", "BRCA1 tumor suppressor gene", "insulin gene", "VHL"]
    assert [gene_name(name) for name in names] == ["VHL", "VHL", "BRCA1", "insulin gene", "VHL"]


def test_the_component_says_that_it_has_no_names() -> None:
    with pytest.raises(ModelError, match="has no names"):
        marked(pipeline("medkg_neighbours"), "[VHL|Disease]")
