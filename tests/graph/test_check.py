from __future__ import annotations

import polars as pl

from medkg.graph.check import check
from medkg.graph.kg import KnowledgeGraph

from .graphs import CURATED, small


def counts(graph: KnowledgeGraph) -> dict[str, int]:
    return {finding.name: finding.count for finding in check(graph)}


def test_a_sound_graph_has_no_findings() -> None:
    graph = small()
    # Aspirin's edema is only denied, so nothing contradicts it.
    assert counts(graph) == {}


def test_each_doubt_is_found_with_an_example() -> None:
    nodes = pl.concat(
        [
            small().nodes.select("id", "kind", "name"),
            pl.DataFrame(
                [
                    ("OMIM:9", "Disease", "OMIM:9"),
                    ("DOID:9", "Disease", "Gastrointestinal stromal tumor"),
                    ("patient:1", "Patient", "1"),
                ],
                schema=["id", "kind", "name"],
                orient="row",
            ),
        ]
    )
    triples = [
        ("drugbank:DB00619", "TREATS", "OMIM:606764", "asserted"),
        ("drugbank:DB00619", "CONTRAINDICATED_FOR", "OMIM:606764", "asserted"),
        ("drugbank:DB00619", "TREATS", "DOID:9", "asserted"),
        ("drugbank:DB00619", "TREATS", "DOID:9", "negated"),
        ("patient:1", "HAS_PHENOTYPE", "HP:0000969", "asserted"),
        ("patient:1", "LACKS_PHENOTYPE", "HP:0000969", "asserted"),
        ("NCBIGene:3815", "REGULATES", "NCBIGene:3815", "asserted"),
    ]
    evidence = pl.DataFrame(
        triples, schema=["subject", "relation", "object", "polarity"], orient="row"
    ).with_columns(source=pl.lit("curated"), release=pl.lit("1"))
    graph = KnowledgeGraph.build(nodes, evidence, [CURATED])
    assert counts(graph) == {
        "treatment that is contraindicated": 1,
        "asserted and denied": 1,
        "phenotype present and absent": 1,
        "isolated node": 5,
        "node without a name": 1,
        "same name, several nodes": 1,
        "edge to itself": 1,
    }
    (first, *_) = findings = check(graph)
    assert first.examples == ("drugbank:DB00619 TREATS OMIM:606764",)
    (example,) = next(x.examples for x in findings if x.name == "same name, several nodes")
    assert (
        example == "gastrointestinal stromal tumor | Disease | DOID:9 OMIM:606764 | no second sign"
    )
