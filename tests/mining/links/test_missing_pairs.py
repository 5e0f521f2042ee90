"""How many pairs no source records: on populations whose size is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.load import load_link_model
from medkg.mining.links.missing_pairs import (
    FEWEST_IN_BOTH,
    MissingPairs,
    estimate_missing,
    meaning,
)
from medkg.mining.links.task import LinkTask, link_task
from medkg.mining.links.train import train_links
from tests.gnn.graphs import family_graph

SOURCES = [Source(name, "1", "CC0-1.0") for name in ("one", "other", "third", "papers")]


def graph_of(records: dict[str, set[tuple[int, int]]], level: str = "curated") -> KnowledgeGraph:
    """A graph whose sources record these pairs of drugs and targets."""
    rows = [
        (f"drugbank:DB{drug:04}", "TARGETS", f"NCBIGene:{gene}", source, level)
        for source, pairs in records.items()
        for drug, gene in sorted(pairs)
    ]
    names = ["subject", "relation", "object", "source", "level"]
    evidence = pl.DataFrame(rows, schema=names, orient="row")
    kinds = {"subject": "Drug", "object": "Target"}
    nodes = pl.concat(
        evidence.select(id=end, kind=pl.lit(kind), name=end).unique() for end, kind in kinds.items()
    )
    return KnowledgeGraph.build(nodes, evidence, SOURCES)


def population(drugs: int = 150, seed: int = 0) -> set[tuple[int, int]]:
    """True pairs: drugs have between one and thirty of a hundred genes."""
    generator = np.random.default_rng(seed)
    return {
        (drug, int(gene))
        for drug in range(drugs)
        for gene in generator.choice(100, size=generator.integers(1, 31), replace=False)
    }


def drawn(pairs: set[tuple[int, int]], share: float, seed: int) -> set[tuple[int, int]]:
    chances = np.random.default_rng(seed).random(len(pairs))
    return {pair for pair, chance in zip(sorted(pairs), chances, strict=True) if chance < share}


def whole(kg: KnowledgeGraph) -> LinkTask:
    return link_task(kg, "TARGETS").whole


def estimate(records: dict[str, set[tuple[int, int]]]) -> MissingPairs:
    kg = graph_of(records)
    missing = estimate_missing(kg, whole(kg))
    assert missing is not None
    return missing


@pytest.mark.parametrize(("one", "other"), [(0.5, 0.5), (0.8, 0.2), (0.6, 0.1)])
def test_independent_sources_tell_what_both_miss(one: float, other: float) -> None:
    true, within = population(), 0
    for seed in range(20):
        records = {"one": drawn(true, one, 2 * seed), "other": drawn(true, other, 2 * seed + 1)}
        missing = estimate(records)
        low, high = missing["interval"]
        unrecorded = len(true - records["one"] - records["other"])
        within += low <= unrecorded <= high
        assert missing["missing"] == pytest.approx(unrecorded, rel=0.35)
    assert within >= 17


def test_a_source_of_some_drugs_tells_of_all() -> None:
    true = population()
    some = {pair for pair in true if pair[0] < 60}
    records = {"one": drawn(true, 0.6, 0), "other": drawn(some, 0.5, 1)}
    of_both_sides = len([pair for pair in records["one"] if pair[0] < 60])
    missing = estimate(records)
    assert missing["in_source"] <= of_both_sides
    assert missing["missing"] == pytest.approx(len(true - set().union(*records.values())), rel=0.2)


def test_sources_that_agree_leave_nothing_out() -> None:
    true = population()
    missing = estimate({"one": true, "other": true})
    assert (missing["missing"], missing["interval"]) == (0, [0, 0])
    assert missing["in_source"] == missing["in_others"] == missing["in_both"] == len(true)


def test_a_source_is_compared_with_all_others() -> None:
    true = population()
    records = {name: drawn(true, 0.4, n) for n, name in enumerate(("one", "other", "third"))}
    missing = estimate(records)
    assert {missing["source"], *missing["others"]} == set(records)
    unrecorded = len(true - set().union(*records.values()))
    assert missing["missing"] == pytest.approx(unrecorded, rel=0.2)


def test_one_source_or_few_common_pairs_tell_nothing() -> None:
    true = population()
    alone = graph_of({"one": true})
    assert estimate_missing(alone, whole(alone)) is None
    few = set(sorted(true)[: FEWEST_IN_BOTH - 1])
    for common, is_enough in ((few, False), (set(sorted(true)[:FEWEST_IN_BOTH]), True)):
        kg = graph_of({"one": true, "other": common})
        assert (estimate_missing(kg, whole(kg)) is not None) is is_enough


def test_text_is_no_source_to_count_by() -> None:
    true = population()
    curated = graph_of({"one": true})
    read = graph_of({"papers": drawn(true, 0.5, 0)}, level="text-mined")
    columns = ["subject", "relation", "object", "source", "level"]
    evidence = pl.concat(kg.evidence.select(columns) for kg in (curated, read))
    both = KnowledgeGraph.build(curated.nodes.select("id", "kind", "name"), evidence, SOURCES)
    assert estimate_missing(both, whole(both)) is None


def test_what_is_held_back_is_not_counted() -> None:
    true = population()
    kg = graph_of({"one": drawn(true, 0.7, 0), "other": drawn(true, 0.4, 1)})
    task = link_task(kg, "TARGETS")
    all_edges, trained = estimate_missing(kg, task.whole), estimate_missing(kg, task)
    assert all_edges is not None
    assert trained is not None
    for count in ("in_source", "in_others", "in_both", "missing"):
        assert trained[count] == pytest.approx(0.8 * all_edges[count], rel=0.1)


def two_sources() -> KnowledgeGraph:
    """The graph of families, of which a second source records half of the targets again."""
    kg = family_graph()
    columns = ["subject", "relation", "object", "source"]
    evidence = kg.evidence.select(columns)
    again = evidence.filter(relation="TARGETS").with_columns(source=pl.lit("text"))
    half = again.gather_every(2)
    return KnowledgeGraph.build(
        kg.nodes.select("id", "kind", "name"), pl.concat([evidence, half]), kg.sources
    )


def test_answers_expect_what_is_missing(tmp_path: Path) -> None:
    """A source that holds all that the other has misses nothing: least is expected, and told."""
    kg = two_sources()
    model = train_links(kg, "TARGETS", model="neighbours", out=tmp_path / "m")
    missing = model.metrics["missing"]
    assert missing["missing"] == 0
    fewer = model.stated["tail"]
    assert fewer.base_rate < model.calibrations["tail"].base_rate
    assert fewer == replace(
        model.calibrations["tail"], intercept=fewer.intercept, base_rate=fewer.base_rate
    )
    new = model.predict("drug 0-0", top=3)
    of_rows = fewer.probability(new["score"].to_numpy(), new["rank"].cast(pl.Float64).to_numpy())
    np.testing.assert_allclose(new["probability"], of_rows)
    assert "no source records, as far as made and text" in " ".join(model.card().split())
    again = load_link_model(tmp_path / "m", kg)
    assert (again.stated, again.metrics["missing"]) == (model.stated, missing)
    assert again.meaning == meaning(missing)


def test_more_is_expected_where_sources_share_little() -> None:
    true = population(drugs=60)
    kg = graph_of({"one": drawn(true, 0.4, 0), "other": drawn(true, 0.2, 1)})
    model = train_links(kg, "TARGETS", model="degree")
    for direction in ("tail", "head"):
        assert model.stated[direction].base_rate > model.calibrations[direction].base_rate
    # All genes are among the first hundred, so that all missing pairs are expected there.
    rows = [model.predict(drug, top=100) for drug in model.task.heads]
    expected = sum(of_drug["probability"].sum() for of_drug in rows)
    assert expected == pytest.approx(model.metrics["missing"]["missing"])


def test_one_source_leaves_probabilities_as_fitted() -> None:
    model = train_links(family_graph(), "TARGETS", model="degree")
    assert model.stated == model.calibrations
    assert "missing" not in model.metrics
    assert model.meaning == "that a source records the pair, or will"
