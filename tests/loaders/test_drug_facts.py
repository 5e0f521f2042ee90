"""Drugs of any source get the starter set's names, and their modality."""

from __future__ import annotations

import json

import polars as pl
import pytest

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.drug_facts import modalities, with_drug_facts
from medkg.loaders.sources import load


def graph(*nodes: tuple[str, str, str, str | None]) -> KnowledgeGraph:
    schema = ["id", "kind", "name", "properties"]
    frame = pl.DataFrame(nodes, schema=schema, orient="row", infer_schema_length=None)
    evidence = pl.DataFrame(
        {"subject": nodes[0][0], "relation": "TARGETS", "object": nodes[1][0], "source": "made"}
    )
    return KnowledgeGraph.build(frame, evidence, [Source("made", "1", "CC0-1.0")])


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("Lumasiran", "siRNA"),
        ("Nusinersen", "antisense oligonucleotide"),
        ("Brentuximab vedotin", "antibody"),
        ("Certolizumab pegol", "antibody"),
        ("AFLIBERCEPT", "fusion protein"),
        ("Agalsidase beta", "enzyme"),
        ("Influenza vaccine", "vaccine"),
        ("insulin glargine", "protein"),
        ("Somatropin", "protein"),
        ("Colestyramine", "polymer"),
        ("Colesevelam", "polymer"),
        ("C1 esterase inhibitor (human)", "protein"),
        ("Alpha-1-proteinase inhibitor (human)", "protein"),
        ("Ecallantide", "protein"),
        ("Efgartigimod alfa", "protein"),
        ("Interferon beta-1a", "protein"),
        ("Metreleptin", "protein"),
        ("Pegvisomant", "protein"),
        ("Pegcetacoplan", "pegylated peptide or protein"),
        ("Pegaptanib", "aptamer"),
        ("Glatiramer acetate", "polymer"),
        ("Calcium carbonate", "mineral salt"),
        ("Ferrous sulfate", "mineral salt"),
        ("Zinc", "mineral salt"),
        ("Lithium carbonate", "mineral salt"),
        ("imatinib", None),
        ("Proton pump inhibitors", None),
        ("Cholinesterase inhibitor", None),
        ("Beta blockers", None),
        ("Betaine", None),
        ("Alfacalcidol", None),
        ("Magnesium salicylate", None),
        ("Sodium oxybate", None),
        ("Potassium canrenoate", None),
        ("Sodium lauryl sulfate", None),
        ("Octreotide", None),
        ("Homatropine", None),
        ("Abacavir", None),
        ("Mabuterol", None),
        ("Phosphodiesterase inhibitor", None),
    ],
)
def test_a_name_tells_what_is_no_small_molecule(name: str, modality: str | None) -> None:
    assert modalities(pl.Series([name])).to_list() == [modality]


def test_aspirin_is_found_in_a_graph_that_calls_it_otherwise() -> None:
    nodes = ("drugbank:DB00945", "Drug", "Acetylsalicylic acid", None)
    kg = graph(nodes, ("NCBIGene:5742", "Target", "PTGS1", None))
    named = with_drug_facts(kg)
    assert named.resolve("aspirin") == "drugbank:DB00945"
    assert named.nodes.filter(id="drugbank:DB00945")["name"].to_list() == ["Acetylsalicylic acid"]
    assert named.nodes.filter(kind="Target").equals(kg.nodes.filter(kind="Target"))


def test_what_a_source_says_of_a_drug_stays() -> None:
    recorded = json.dumps({"modality": "vaccine", "smiles": "C"})
    kg = graph(
        ("drugbank:X1", "Drug", "Newumab", recorded),
        ("NCBIGene:5742", "Target", "PTGS1", None),
        ("drugbank:X2", "Drug", "Otherumab", json.dumps({"smiles": "CC"})),
    )
    properties = dict(with_drug_facts(kg).nodes.select("id", "properties").iter_rows())
    assert json.loads(properties["drugbank:X1"]) == {"modality": "vaccine", "smiles": "C"}
    assert json.loads(properties["drugbank:X2"]) == {"modality": "antibody", "smiles": "CC"}


def test_the_starter_set_s_drugs_have_theirs() -> None:
    nodes = load("starter").nodes.filter(kind="Drug")
    value = nodes["properties"].str.json_path_match("$.modality")
    assert value.drop_nulls().len() > 100
    modality_of = dict(nodes.select("name", value.alias("modality")).iter_rows())
    assert modality_of["Lumasiran"] == "siRNA"
    assert modality_of["Imatinib"] is None
