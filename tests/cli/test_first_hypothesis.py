"""The hypothesis that the quickstart ends with, and the sentences that it is told in."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl
import pytest

from medkg.cli.first_hypothesis import first_hypothesis, in_words
from medkg.core.errors import DataError
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

NAMES = {
    "drugbank:DB1": ("Drug", "Newolol"),
    "drugbank:DB2": ("Drug", "Alphalol"),
    "drugbank:DB3": ("Drug", "Betalol"),
    "drugbank:DB4": ("Drug", "Mimetine"),
    "drugbank:DB5": ("Drug", "Bigumab"),
    "drugbank:DB6": ("Drug", "Idlene"),
    "NCBIGene:1": ("Target", "SHARED1"),
    "NCBIGene:2": ("Target", "NEW2"),
    "NCBIGene:3": ("Target", "CYP3"),
    "NCBIGene:4": ("Target", "ALONE4"),
    "DOID:1": ("Disease", "angina"),
    "DOID:2": ("Disease", "tremor"),
    "DOID:3": ("Disease", "rare fever"),
    "DOID:4": ("Disease", "shock"),
}
PROPERTIES = {
    **{f"drugbank:DB{n}": {"inchi": "InChI=1S/CH4/h1H4"} for n in range(1, 5)},
    "NCBIGene:3": {"adme": "enzyme"},
}
TARGETS = [
    *((f"drugbank:DB{n}", "NCBIGene:1", "antagonist") for n in (1, 2, 3, 5)),
    ("drugbank:DB4", "NCBIGene:1", "agonist"),
    ("drugbank:DB2", "NCBIGene:2", "antagonist"),
    ("drugbank:DB3", "NCBIGene:2", "antagonist"),
    ("drugbank:DB4", "NCBIGene:2", "agonist"),
    ("drugbank:DB2", "NCBIGene:3", "substrate"),
]
TREATS = [
    ("drugbank:DB1", "DOID:1"),
    ("drugbank:DB2", "DOID:1"),
    ("drugbank:DB3", "DOID:1"),
    ("drugbank:DB2", "DOID:2"),
    ("drugbank:DB3", "DOID:2"),
    ("drugbank:DB2", "DOID:3"),
    ("drugbank:DB4", "DOID:4"),
]
ONLY_READ = ("drugbank:DB1", "TREATS", "DOID:3")


def graph(
    *predictions: tuple[str, str, float],
    known: bool = False,
    more: Sequence[tuple[str, str, str]] = (),
) -> KnowledgeGraph:
    """Two drugs like Newolol that block NEW2 too, one that activates it, and an antibody."""
    rows = [
        (*row[:1], "TARGETS", row[1], json.dumps({"action": row[2]})) for row in [*TARGETS, *more]
    ]
    rows += [(drug, "TREATS", disease, "{}") for drug, disease in TREATS]
    columns = ["subject", "relation", "object", "qualifiers"]
    evidence = pl.DataFrame(rows, schema=columns, orient="row").with_columns(source=pl.lit("made"))
    read = pl.DataFrame([(*ONLY_READ, "text")], schema=[*columns[:3], "source"], orient="row")
    evidence = pl.concat([evidence, read], how="diagonal")
    nodes = pl.DataFrame(
        [
            (node, kind, name, json.dumps(PROPERTIES[node]) if node in PROPERTIES else None)
            for node, (kind, name) in NAMES.items()
        ],
        schema=["id", "kind", "name", "properties"],
        orient="row",
    )
    sources = [Source(name, "1", "CC0-1.0") for name in ("made", "text")]
    kg = KnowledgeGraph.build(nodes, evidence, sources)
    frame = pl.DataFrame(
        predictions, schema=["head", "tail", "probability"], orient="row"
    ).with_columns(
        score="probability",
        relation=pl.lit("TARGETS"),
        model=pl.lit("m"),
        rank=pl.lit(1),
        known=pl.lit(known),
    )
    return kg.with_predictions(frame)


NEW = ("drugbank:DB1", "NCBIGene:2", 0.4)


def test_the_likeliest_pair_that_known_drugs_join_to_a_disease() -> None:
    kg = graph(
        NEW,
        ("drugbank:DB1", "NCBIGene:3", 0.9),  # an enzyme that many drugs meet
        ("drugbank:DB1", "NCBIGene:4", 0.8),  # no drug is known to act on it
        ("drugbank:DB5", "NCBIGene:2", 0.7),  # no small molecule
        ("drugbank:DB4", "NCBIGene:4", 0.6),
    )
    best = first_hypothesis(kg, "m")
    assert (best.drug, best.target, best.probability) == NEW
    # Most of the drugs treat tremor and angina, and the drug treats angina already. Mimetine acts
    # the other way, so shock is none.
    assert best.disease == "DOID:2"
    assert best.like == ("drugbank:DB2", "drugbank:DB3")
    assert best.shared == ("NCBIGene:1",)
    assert (best.acting, best.treating) == (3, 2)
    assert first_hypothesis(kg, "m") == best


def test_a_pair_that_one_known_drug_speaks_for_comes_after_those_of_two() -> None:
    likelier = ("drugbank:DB3", "NCBIGene:4", 0.9)
    alone = graph(likelier, more=[("drugbank:DB2", "NCBIGene:4", "antagonist")])
    assert first_hypothesis(alone, "m").like == ("drugbank:DB2",)
    both = graph(likelier, NEW, more=[("drugbank:DB2", "NCBIGene:4", "antagonist")])
    assert first_hypothesis(both, "m").drug == "drugbank:DB1"


def test_a_disease_that_few_drugs_of_the_target_treat_comes_after() -> None:
    """What else they act on may be why they treat it."""
    # Of the drugs that act on ALONE4 two of five treat tremor, of NEW2's two of three.
    likelier = ("drugbank:DB1", "NCBIGene:4", 0.9)
    more = [(f"drugbank:DB{n}", "NCBIGene:4", "antagonist") for n in (2, 3, 5)]
    assert first_hypothesis(graph(likelier, NEW, more=more), "m").target == "NCBIGene:4"
    more += [(f"drugbank:DB{n}", "NCBIGene:4", "agonist") for n in (4, 6)]
    best = first_hypothesis(graph(likelier, NEW, more=more), "m")
    assert (best.target, best.acting, best.treating) == ("NCBIGene:2", 3, 2)
    alone = first_hypothesis(graph(likelier, more=more), "m")
    assert (alone.target, alone.acting, alone.treating) == ("NCBIGene:4", 5, 2)


def test_what_is_known_or_of_another_model_is_no_hypothesis() -> None:
    with pytest.raises(DataError, match="no new pair of m"):
        first_hypothesis(graph(NEW, known=True), "m")
    with pytest.raises(DataError, match="no new pair of other"):
        first_hypothesis(graph(NEW), "other")


def test_the_sentences_name_the_pair_the_disease_the_reason_and_where_to_check() -> None:
    kg = graph(NEW)
    text = "\n".join(in_words(first_hypothesis(kg, "m"), kg, "that it is so", 0.01))
    assert "Newolol may act on NEW2, and so may be worth a look in tremor." in text
    assert "Alphalol and Betalol act on NEW2 and treat tremor" in text
    assert "Alphalol and Newolol act alike on SHARED1" in text
    assert "2 of the 3 drugs known to act on NEW2 treat tremor." in text
    assert "It is known to treat angina." in text
    assert "probability 0.40 that it is so, where 0.01 of a drug" in text
    assert "https://pubmed.ncbi.nlm.nih.gov/?term=%22Newolol%22+AND+%22NEW2%22" in text
