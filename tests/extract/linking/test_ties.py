"""Names that stand on several nodes: which of them is taken, and where none is."""

from __future__ import annotations

import polars as pl
import pytest

from medkg.extract.linking.linker import Linker
from medkg.extract.linking.links import EntityLink
from medkg.extract.linking.name_index import names_of
from medkg.extract.linking.ties import Namesake, preferred_namesake
from medkg.graph.frames import NODES, conform
from medkg.loaders.sources import load
from medkg.terminology import default_terminology

from ..made_graph import graph


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker(default_terminology())


@pytest.mark.parametrize("table", ["common", "starter"])
def test_the_names_of_the_shipped_conditions_are_linked(linker: Linker, table: str) -> None:
    nodes = load(table).nodes.filter(pl.col("kind").is_in(["Disease", "Symptom"]))
    names = list(nodes.select("name", "kind").iter_rows())
    links = [of_name[0].score for of_name in linker.candidates(names)]
    unlinked = [n for (n, _), score in zip(names, links, strict=True) if score < 0.5]
    assert len(names) > 600
    assert unlinked == []


@pytest.mark.parametrize(
    ("name", "kind", "identifier"),
    [
        ("obesity", "Disease", "DOID:9970"),
        ("breast cancer", "Disease", "DOID:1612"),
        ("pancreatic cancer", "Disease", "DOID:1793"),
        ("long QT syndrome 8", "Disease", "OMIM:618447"),
        ("Alzheimer disease", "Disease", "DOID:10652"),  # and no phenotype
        ("blurred vision", "Symptom", "HP:0000622"),
        ("weakness", "Disease", "HP:0001324"),
        ("statins", "Drug", "MESH:D019161"),
    ],
)
def test_the_node_that_a_name_on_several_is_taken_for(
    linker: Linker, name: str, kind: str, identifier: str
) -> None:
    (first, *_), *_ = linker.candidates([(name, kind)])
    assert first.identifier == identifier
    assert first.score >= 0.5


@pytest.mark.parametrize(("name", "kind"), [("ASD", "Symptom"), ("CD25", "Target")])
def test_a_short_form_or_alias_of_several_is_none(linker: Linker, name: str, kind: str) -> None:
    assert linker.candidates([(name, kind)])[0][0].score < 0.5


def namesake(identifier: str, score: float, *, own: bool, order: int = 0) -> Namesake:
    return Namesake(EntityLink(identifier, "Disease", "gryphonitis", score), own, order)


def test_the_preferred_has_the_chance_that_it_is_one_of_several() -> None:
    both = [
        namesake("MESH:D1", 0.4, own=False, order=1),
        namesake("DOID:1", 0.4, own=True, order=2),
    ]
    preferred = preferred_namesake("gryphonitis", "Disease", both)
    assert preferred is not None
    assert preferred.identifier == "DOID:1"  # whose own name it is
    assert preferred.score == pytest.approx(0.64)
    unlikely = [namesake("MESH:D1", 0.25, own=True), namesake("DOID:1", 0.25, own=True)]
    assert preferred_namesake("gryphonitis", "Disease", unlikely) is None
    likely = [namesake("MESH:D1", 0.6, own=True), namesake("DOID:1", 0.4, own=True)]
    assert preferred_namesake("gryphonitis", "Disease", likely) is None


def test_drugs_and_genes_of_one_synonym_are_different_things() -> None:
    both = [namesake("X:1", 0.4, own=False), namesake("X:2", 0.4, own=False, order=1)]
    assert preferred_namesake("gryphonitis", "Drug", both) is None
    assert preferred_namesake("gryphonitis", "Target", both) is None
    preferred = preferred_namesake("gryphonitis", "Disease", both)
    assert preferred is not None
    assert preferred.identifier == "X:1"  # the first in the index
    assert preferred_namesake("GRY", "Disease", both) is None


def test_the_preferred_prefix_of_a_kind_comes_first() -> None:
    # Of diseases DOID is preferred to MESH, which procedures prefer to UMLS.
    nodes = pl.DataFrame(
        {"id": ["MESH:D1", "DOID:1"], "kind": ["Disease"] * 2, "name": ["gryphonitis"] * 2}
    )
    named = graph().with_frames(nodes=conform(nodes, NODES))
    assert names_of(named, ["Disease"])["id"].to_list() == ["DOID:1", "MESH:D1"]
