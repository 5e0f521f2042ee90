"""Explanations: the right paths with their evidence, and attributions true of the model."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from medkg.gnn.attribution import attribute_to_edges
from medkg.gnn.message_edges import WeightedMessageEdges
from medkg.gnn.network import both_ways, messages_over
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.explain import Explainer
from medkg.mining.links.model import LinkModel
from medkg.mining.links.train import train_links
from tests.gnn.graphs import SOURCES, family_graph

TARGETS = ("Drug", "TARGETS", "Target")


@pytest.fixture(scope="module")
def model() -> LinkModel:
    return train_links(family_graph(), dim=16, epochs=60)


def path_graph() -> KnowledgeGraph:
    """a targets p and hub; p interacts with t; many drugs target hub, which interacts with t."""
    drugs = ["drugbank:A", *(f"drugbank:C{n}" for n in range(30))]
    genes = ["NCBIGene:1", "NCBIGene:2", "NCBIGene:3"]  # p, hub, t
    rows = [
        ("drugbank:A", "TARGETS", "NCBIGene:1"),
        ("drugbank:A", "TARGETS", "NCBIGene:3"),
        ("drugbank:A", "UPREGULATES", "NCBIGene:3"),
        ("NCBIGene:1", "INTERACTS_WITH", "NCBIGene:3"),
        ("NCBIGene:2", "INTERACTS_WITH", "NCBIGene:3"),
        *((drug, "TARGETS", "NCBIGene:2") for drug in drugs),
        ("drugbank:C0", "RESEMBLES", "drugbank:A"),
        ("drugbank:C0", "TARGETS", "NCBIGene:3"),
        ("PMID:7", "MENTIONS", "drugbank:A"),
        ("PMID:7", "MENTIONS", "NCBIGene:3"),
    ]
    evidence = pl.DataFrame(rows, schema=["subject", "relation", "object"], orient="row")
    nodes = pl.DataFrame(
        [(d, "Drug", d.removeprefix("drugbank:").lower()) for d in drugs]
        + [(g, "Target", name) for g, name in zip(genes, ("P", "HUB", "T"), strict=True)]
        + [("PMID:7", "Document", "paper")],
        schema=["id", "kind", "name"],
        orient="row",
    )
    texts = evidence.filter(relation="INTERACTS_WITH").with_columns(
        source=pl.lit("text"), document=pl.lit("PMID:7"), sentence=pl.lit("They bind.")
    )
    made = evidence.with_columns(source=pl.lit("made"))
    return KnowledgeGraph.build(nodes, pl.concat([made, texts], how="diagonal"), SOURCES)


def brute_paths(kg: KnowledgeGraph, head: str, tail: str) -> set[tuple[str, ...]]:
    neighbours: dict[str, set[str]] = {}
    for subject, relation, object_ in kg.edges.select("subject", "relation", "object").iter_rows():
        if relation == "MENTIONS":
            continue
        neighbours.setdefault(subject, set()).add(object_)
        neighbours.setdefault(object_, set()).add(subject)
    paths = set()
    if kg.edges.filter(subject=head, object=tail).filter(pl.col("relation") != "TARGETS").height:
        paths.add((tail,))
    for a in neighbours[head] - {tail}:
        if tail in neighbours[a]:
            paths.add((a, tail))
        for b in neighbours[a] - {head, tail}:
            if tail in neighbours[b]:
                paths.add((a, b, tail))
    return paths


def ids_of(kg: KnowledgeGraph, names: tuple[str, ...]) -> tuple[str, ...]:
    by_name = dict(kg.nodes.select("name", "id").iter_rows())
    return tuple(by_name[name] for name in names[1:])


@pytest.mark.parametrize("which", ["paths", "families"])
def test_all_paths_of_at_most_three_edges(which: str) -> None:
    kg = path_graph() if which == "paths" else family_graph()
    pairs = (
        [("drugbank:A", "NCBIGene:3"), ("drugbank:C1", "NCBIGene:3"), ("drugbank:A", "NCBIGene:2")]
        if which == "paths"
        else [("drugbank:DB00", "NCBIGene:01"), ("drugbank:DB01", "NCBIGene:00")]
    )
    explainer = Explainer(kg, TARGETS)
    for head, tail in pairs:
        paths = explainer.paths(head, tail, most=10_000)
        assert {ids_of(kg, path.nodes) for path in paths} == brute_paths(kg, head, tail)
        weights = [path.weight for path in paths]
        assert weights == sorted(weights, reverse=True)
        assert explainer.paths(head, tail, most=2) == paths[:2]


def test_the_specific_path_comes_before_the_hub() -> None:
    paths = Explainer(path_graph(), TARGETS).paths("drugbank:A", "NCBIGene:3")
    texts = [str(path) for path in paths]
    assert texts[0] == "a -UPREGULATES-> T"
    through_p = texts.index("a -TARGETS-> P -INTERACTS_WITH-> T")
    assert through_p < texts.index("a -TARGETS-> HUB -INTERACTS_WITH-> T")
    assert "a -RESEMBLES-> c0 -TARGETS-> T" in texts
    assert not any("paper" in text for text in texts)


def test_weight_is_the_product_over_the_edges() -> None:
    kg = path_graph()
    paths = {str(path): path for path in Explainer(kg, TARGETS).paths("drugbank:A", "NCBIGene:3")}
    # a has three TARGETS edges, P one; P and T have one and two INTERACTS_WITH edges. The text's
    # evidence adds nothing to a curated probability of 1.
    expected = (3 * 1) ** -0.4 * (1 * 2) ** -0.4
    assert paths["a -TARGETS-> P -INTERACTS_WITH-> T"].weight == pytest.approx(expected)


def test_evidence_on_each_step() -> None:
    kg = path_graph()
    explainer = Explainer(kg, TARGETS)
    paths = explainer.with_evidence(explainer.paths("drugbank:A", "NCBIGene:3"))
    for path in paths:
        for step in path.steps:
            expected = kg.evidence.filter(edge=step.edge)
            assert {piece["id"] for piece in step.evidence} == set(expected["id"])
            assert step.evidence
    step = next(path for path in paths if "P" in path.nodes).steps[1]
    assert {"They bind.", None} == {piece["sentence"] for piece in step.evidence}


def test_explanation_of_a_prediction(model: LinkModel) -> None:
    best = model.predict(head="drug 0-1").row(0, named=True)
    explanation = model.explain("drug 0-1", best["tail"])
    assert explanation.rank == 1
    assert explanation.score == pytest.approx(best["score"])
    assert explanation.probability == pytest.approx(best["probability"])
    assert str(explanation.paths[0]) == best["explanation"]
    assert all(step.evidence for path in explanation.paths for step in path.steps)
    held = model.graph.edges.filter(relation="TARGETS")
    heads = set(held.filter(object=best["tail"])["subject"])
    assert {nearest.id for nearest in explanation.nearest_heads} <= heads
    assert explanation.nearest_heads[0].similarity >= explanation.nearest_heads[-1].similarity > 0
    text = str(explanation)
    assert "drug 0-1" in text
    assert "made, " in text
    assert explanation.attribution
    # What the score rests on comes before paths that it knows nothing of.
    rests_on, paths = text.split("chosen without the model:")
    assert "the score rests on" in rests_on
    assert str(explanation.paths[0]) in paths
    assert explanation.to_dict()["paths"][0]["steps"][0]["evidence"]


def score_without(model: LinkModel, head: int, tail: int, edges: set[int]) -> float:
    """The score with edges truly out of the messages (not to first order)."""
    network, data = model._attributor.network
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    messages = {}
    for edge_type in network.types:
        kept = torch.tensor([edge not in edges for edge in data[edge_type].e_id.tolist()])
        index = data[edge_type].edge_index[:, kept]
        messages.update(messages_over(edge_type, index, counts))
    with torch.no_grad():
        vectors = network.eval()(messages)
    relation = network.relation()
    return float(network.decoder.score(vectors["Drug"][head], relation, vectors["Target"][tail]))


def test_attribution_is_faithful(model: LinkModel) -> None:
    """Removing the edges that it names lowers the score more than removing others at random."""
    generator = np.random.default_rng(0)
    network, data = model._attributor.network
    drops, random_drops = [], []
    for head in range(0, len(model.task.heads), 6):
        tail = int(model.scorer.score_tails(torch.tensor([head]))[0].argmax())
        attribution = attribute_to_edges(network, data, head, tail)
        whole = score_without(model, head, tail, set())
        named = sorted(attribution, key=lambda edge: -attribution[edge])[:5]
        drops.append(whole - score_without(model, head, tail, set(named)))
        for _ in range(5):
            others = generator.choice(sorted(attribution), size=5, replace=False)
            random_drops.append(whole - score_without(model, head, tail, set(others)))
    assert np.mean(drops) > 3 * abs(np.mean(random_drops))
    assert np.mean(np.array(drops) > 0) > 0.85


def test_attribution_is_the_derivative_of_the_score(model: LinkModel) -> None:
    """For every edge in reach: what the score loses as the edge's weight falls a little."""
    network, data = model._attributor.network
    head, tail = 3, 5
    attribution = attribute_to_edges(network, data, head, tail)
    counts = {kind: data[kind].num_nodes for kind in data.node_types}

    def score(edge: int, weight: float) -> float:
        messages = {}
        for edge_type in network.types:
            heads, tails = data[edge_type].edge_index
            own = data[edge_type].e_id == edge
            weights = torch.where(own, weight, 1.0)
            forth, back = both_ways(edge_type)
            n_heads, n_tails = counts[edge_type[0]], counts[edge_type[2]]
            messages[forth] = WeightedMessageEdges(heads, tails, n_tails, weights)
            messages[back] = WeightedMessageEdges(tails, heads, n_heads, weights)
        with torch.no_grad():
            vectors = network.eval()(messages)
        return float(
            network.decoder.score(
                vectors["Drug"][head], network.relation(), vectors["Target"][tail]
            )
        )

    largest = sorted(attribution, key=lambda edge: -abs(attribution[edge]))[:10]
    for edge in largest:
        slope = (score(edge, 1.01) - score(edge, 0.99)) / 0.02
        assert attribution[edge] == pytest.approx(slope, rel=0.05, abs=2e-3)


def test_what_evidence_denies_is_said() -> None:
    """Of a pair that the graph holds, of one that it only denies, and of one that it never saw."""
    kg = family_graph()
    held = kg.edges.filter(relation="TARGETS", subject="drugbank:DB00")["object"].to_list()
    denied = pl.DataFrame(
        {
            "subject": "drugbank:DB00",
            "relation": "TARGETS",
            "object": [held[0], "NCBIGene:900"],
            "source": "text",
            "date": "2020-05-01",
            "polarity": "negated",
            "sentence": "It did not.",
        }
    )
    evidence = pl.concat([kg.evidence.drop("id", "edge"), denied], how="diagonal")
    disputed = KnowledgeGraph.build(kg.nodes, evidence, SOURCES)
    model = train_links(disputed, model="degree")
    rows = pl.concat(
        model.predict(head="drugbank:DB00", top=100, known=known) for known in (True, False)
    )
    statuses = {
        tail: (status, list(sources))
        for tail, status, sources in rows.select("tail", "status", "sources").iter_rows()
    }
    assert statuses[held[0]] == ("known, contradicted", ["made", "denied by text 2020-05-01"])
    assert statuses[held[1]] == ("known", ["made"])
    assert statuses["NCBIGene:900"] == ("contradicted", ["denied by text 2020-05-01"])
    assert statuses["NCBIGene:901"] == ("new", [])
    explanation = model.explain("drugbank:DB00", held[0])
    assert "known, contradicted (made; denied by text 2020-05-01)" in str(explanation)
    edge = disputed.edges.filter(subject="drugbank:DB00", object=held[0])["id"][0]
    (piece,) = Explainer(disputed, TARGETS).evidence([edge])[edge]
    assert piece["polarity"] == "asserted"
