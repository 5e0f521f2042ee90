"""What a known pair counts, by the affinities that evidence holds."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import sparse

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.train import train_links
from medkg.mining.molecules.affinity_weights import affinity_weights
from medkg.mining.molecules.fingerprints import molecule_features
from medkg.mining.molecules.structure_ranker import StructureScorer
from medkg.mining.molecules.structures import parse
from tests.mining.conftest import SCAFFOLDS

EDGE_TYPE = ("Drug", "TARGETS", "Target")
HEADS, TAILS = ["d:1", "d:2"], ["HGNC:1", "HGNC:2", "HGNC:3", "HGNC:4"]
TENFOLD = np.exp(-1)


def graph_of(*measured: tuple[str, str, dict[str, float | str], str]) -> KnowledgeGraph:
    ids = HEADS + TAILS
    nodes = pl.DataFrame({"id": ids, "kind": ["Drug"] * 2 + ["Target"] * 4, "name": ids})
    evidence = pl.DataFrame(
        [
            {
                "subject": head,
                "relation": "TARGETS",
                "object": tail,
                "polarity": polarity,
                "qualifiers": json.dumps(qualifiers),
                "source": "s",
                "release": "1",
            }
            for head, tail, qualifiers, polarity in measured
        ]
    )
    return KnowledgeGraph.build(nodes, evidence, [Source("s", "1", "CC0-1.0")])


def weights(kg: KnowledgeGraph, known: list[list[int]]) -> NDArray[np.float32]:
    matrix = sparse.csr_matrix(np.array(known, dtype=np.float32))
    weighted = affinity_weights(kg, EDGE_TYPE, matrix, HEADS, TAILS)
    return np.asarray(weighted.toarray(), dtype=np.float32)


def test_a_tenth_of_the_affinity_counts_less_and_what_was_not_measured_whole() -> None:
    kg = graph_of(
        ("d:1", "HGNC:1", {"kd_nm": 2.0}, "asserted"),
        ("d:1", "HGNC:2", {"kd_nm": 200.0}, "asserted"),
        ("d:1", "HGNC:3", {"protein": "no value"}, "asserted"),
        ("d:2", "HGNC:1", {"kiba_score": 13.1}, "asserted"),
        ("d:2", "HGNC:2", {"kiba_score": 12.1}, "asserted"),
    )
    expected = [[1, TENFOLD**2, 1, 0], [1, TENFOLD, 0, 1]]
    np.testing.assert_allclose(weights(kg, [[1, 1, 1, 0], [1, 1, 0, 1]]), expected, rtol=1e-5)


def test_a_quantity_is_compared_with_its_own_kind_and_the_most_counts() -> None:
    kg = graph_of(
        ("d:1", "HGNC:1", {"kd_nm": 1.0, "variant": "T315I"}, "asserted"),
        ("d:1", "HGNC:1", {"kd_nm": 100.0}, "asserted"),
        ("d:1", "HGNC:2", {"kd_nm": 1000.0}, "asserted"),
        ("d:1", "HGNC:2", {"ic50_nm": 50.0}, "asserted"),
        ("d:1", "HGNC:3", {"ic50_nm": 5.0}, "asserted"),
    )
    expected = [[1, TENFOLD, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(weights(kg, [[1, 1, 1, 0], [0, 0, 0, 0]]), expected, rtol=1e-5)


def test_of_pairs_that_are_not_known_nothing_is_read() -> None:
    """A pair that is held back would be found by what the others count."""
    kg = graph_of(
        ("d:1", "HGNC:1", {"kd_nm": 1.0}, "asserted"),
        ("d:1", "HGNC:2", {"kd_nm": 10.0}, "asserted"),
        ("d:1", "HGNC:3", {"kd_nm": 100.0}, "asserted"),
        ("d:1", "HGNC:4", {"kd_nm": 0.001}, "negated"),
    )
    expected = [[0, 1, TENFOLD, 1], [0, 0, 0, 0]]
    np.testing.assert_allclose(weights(kg, [[0, 1, 1, 1], [0, 0, 0, 0]]), expected, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, -1.0, "x"])
def test_a_value_that_is_none_counts_for_nothing(value: float | str) -> None:
    kg = graph_of(
        ("d:1", "HGNC:1", {"kd_nm": value}, "asserted"),
        ("d:1", "HGNC:2", {"kd_nm": 10.0}, "asserted"),
    )
    assert weights(kg, [[1, 1, 0, 0], [0, 0, 0, 0]])[0].tolist() == [1, 1, 0, 0]


def test_a_molecule_s_first_target_is_the_one_that_its_like_bind_most_tightly(
    molecule_graph: KnowledgeGraph,
) -> None:
    """Every drug of a scaffold binds both of its targets, the second a thousand times better."""
    first = molecule_graph.evidence.filter(
        pl.col("relation") == "TARGETS", pl.col("object").str.ends_with("0")
    ).drop("id", "edge")
    kd = pl.lit('{"kd_nm": 1000}'), pl.lit('{"kd_nm": 1}')
    second = pl.col("object").str.replace("0$", "1")
    evidence = pl.concat(
        [first.with_columns(qualifiers=kd[0]), first.with_columns(object=second, qualifiers=kd[1])]
    )
    measured = KnowledgeGraph.build(molecule_graph.nodes, evidence, molecule_graph.sources)
    model = train_links(measured, model="structure")
    assert isinstance(model.scorer, StructureScorer)
    made = molecule_features([parse(s.format("CCC")).molecule for s in SCAFFOLDS])
    scores = model.scorer.structure.score(made)
    columns = {tail: n for n, tail in enumerate(model.task.tails)}
    for scaffold in range(len(SCAFFOLDS)):
        loosely, tightly = (columns[f"NCBIGene:{scaffold}{n}"] for n in (0, 1))
        assert scores[scaffold, tightly] > scores[scaffold, loosely]
