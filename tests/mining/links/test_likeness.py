"""The known pairs that a ranker's row names: what is most alike at either end, and in what."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import sparse

from medkg.graph.kg import KnowledgeGraph
from medkg.graph.schema import Schema
from medkg.mining.links import likeness
from medkg.mining.links.likeness import Way, _words, likenesses
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel
from medkg.mining.links.pair_features import LEARNED, LEARNED_SHARED, SHARED, PairFeatures
from medkg.mining.links.similarities import FAMILY
from medkg.mining.links.train import train_links
from tests.gnn.graphs import family_graph

EDGE_TYPE = ("Drug", "TARGETS", "Target")

pytestmark = pytest.mark.usefixtures("short_training")


def matrix(entries: dict[tuple[int, int], float], size: tuple[int, int]) -> sparse.csr_matrix:
    """A sparse matrix; of a square one both triangles are given by one of them."""
    dense = np.zeros(size, dtype=np.float32)
    for (row, column), value in entries.items():
        dense[row, column] = value
        if size[0] == size[1]:
            dense[column, row] = value
    return sparse.csr_matrix(dense)


def made_features() -> PairFeatures:
    """Drug 0 and the targets 0 to 2; drugs 1 and 2 bind target 0, drug 0 binds target 1."""
    drugs, targets = (4, 4), (3, 3)
    side_effects = {(0, 1): 0.5, (0, 2): 0.4, (0, 3): 0.9}
    head_similarities = {
        "Drug CAUSES Symptom": matrix(side_effects, drugs),
        "Drug RESEMBLES Drug, joined": matrix({(0, 3): 0.2}, drugs),
        "Morgan": matrix({(0, 2): 0.3, (0, 1): 0.2}, drugs),
        SHARED: matrix({}, drugs),
        LEARNED: matrix({(0, 1): 0.2, (0, 2): 0.6}, drugs),
        LEARNED_SHARED: matrix({}, drugs),
    }
    tail_similarities = {
        FAMILY: matrix({(0, 1): 0.8}, targets),
        LEARNED: matrix({(0, 1): 0.4}, targets),
    }
    pairs = matrix({(1, 0): 1, (2, 0): 1, (0, 1): 1, (3, 2): 1}, (4, 3))
    none = np.zeros((4, 0), dtype=np.float32), np.zeros((3, 0), dtype=np.float32)
    return PairFeatures(pairs, head_similarities, tail_similarities, *none)


def test_the_most_alike_at_either_end() -> None:
    of_head, of_tail = likenesses(made_features(), EDGE_TYPE, 0, 0)
    assert (of_head.head, of_head.tail, of_head.of_head) == (2, 0, True)
    assert of_head.similarity == pytest.approx(0.4 / 0.9 + 1 + 2)
    # Nearest of all by its molecule, and third by side effects.
    assert [way.name for way in of_head.ways] == ["structure", "side effects"]
    assert (of_tail.head, of_tail.tail, of_tail.of_head) == (0, 1, False)
    words = of_head.in_words("aspirin", "PTGS2", "ibuprofen")
    assert words == (
        "aspirin is like ibuprofen (structure 0.30, side effects 0.40), known with PTGS2"
    )
    words = of_tail.in_words("aspirin", "PTGS2", "PTGS1")
    assert words == "PTGS2 is like PTGS1 (gene family 0.80), known with aspirin"


def test_what_nothing_is_like_has_none() -> None:
    assert likenesses(made_features(), EDGE_TYPE, 3, 0) == []


def test_a_known_pair_does_not_speak_for_itself() -> None:
    features = made_features()
    assert [like for like in likenesses(features, EDGE_TYPE, 2, 0) if like.head == 2] == []
    assert all(like.tail != 1 for like in likenesses(features, EDGE_TYPE, 0, 1))


@pytest.mark.parametrize(
    ("similarity", "words"),
    [
        ("Drug RESEMBLES Drug", "drugs that resemble them 0.50"),
        ("Drug RESEMBLES Drug, joined", "they resemble each other"),
        ("Drug INTERACTS_WITH Drug, joined", "they interact"),
        (SHARED, "known targets 0.50"),
        # Of a schema of one's own.
        ("Drug SOLD_WITH Drug", "sold with: drugs 0.50"),
        ("Drug SOLD_WITH Drug, joined", "one sold with the other"),
        ("Maker SELLS Drug", "sells: makers 0.50"),
    ],
)
def test_a_similarity_is_told_in_plain_words(similarity: str, words: str) -> None:
    features = made_features()
    features.head_similarities = {
        similarity: matrix({(0, 2): 0.5}, (4, 4)),
        LEARNED: features.head_similarities[LEARNED],
    }
    assert str(likenesses(features, EDGE_TYPE, 0, 0)[0].ways[0]) == words


def test_the_same_words_are_said_once() -> None:
    features = made_features()
    features.head_similarities = {
        "paths": matrix({(0, 2): 0.4, (0, 1): 0.5}, (4, 4)),
        **features.head_similarities,
    }
    ways = likenesses(features, EDGE_TYPE, 0, 0)[0].ways
    assert ways == (Way("structure", pytest.approx(0.3)), Way("side effects", pytest.approx(0.4)))


def test_molecules_that_are_as_alike_as_most_are_no_reason() -> None:
    features = made_features()
    for name, least in (("Morgan", 0.3), ("paths", 0.5)):
        for similarity, named in ((least - 0.01, False), (least + 0.01, True)):
            features.head_similarities = {
                name: matrix({(0, 2): similarity}, (4, 4)),
                LEARNED: matrix({(0, 2): 0.6}, (4, 4)),
            }
            of_heads = [like for like in likenesses(features, EDGE_TYPE, 0, 0) if like.of_head]
            assert len(of_heads) == named


def test_what_is_hardly_alike_is_no_reason() -> None:
    features = made_features()
    features.tail_similarities = {
        FAMILY: matrix({(0, 1): 0.09}, (3, 3)),
        LEARNED: matrix({(0, 1): 0.4}, (3, 3)),
    }
    (of_head,) = likenesses(features, EDGE_TYPE, 0, 0)
    assert of_head.of_head
    features.tail_similarities[FAMILY] = matrix({(0, 1): 0.11}, (3, 3))
    assert len(likenesses(features, EDGE_TYPE, 0, 0)) == 2


def test_every_relation_of_drugs_targets_and_diseases_has_words() -> None:
    """But those of patients and texts, which explain nothing."""
    kinds = {"Drug", "Target", "Disease"}
    outside = {"Patient", "Document", "Procedure"}
    missing = [
        (relation.name, other)
        for relation in Schema.default().relations.values()
        for head, tail in relation.joins
        for kind, other in ((head, tail), (tail, head))
        if kind in kinds and not {head, tail} & outside and (relation.name, other) not in _words()
    ]
    assert missing == []


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> LinkModel:
    return train_links(kg)


def test_rows_name_known_pairs(model: LinkModel, kg: KnowledgeGraph) -> None:
    """What a row of the ranker says is like the drug, or the target, is known with the other."""
    edges = kg.edges.filter(relation="TARGETS").select("subject", "object")
    names = dict(kg.nodes.select("id", "name").iter_rows())
    known = {(names[drug], names[gene]) for drug, gene in edges.iter_rows()}
    rows = model.predict("drug 0-0", top=3)
    for gene, explanation in rows.select("tail_name", "explanation").iter_rows():
        first, second = explanation.split("; ")
        drug = first.removeprefix("drug 0-0 is like ").partition(" (")[0]
        other = second.removeprefix(f"{gene} is like ").partition(" (")[0]
        assert first.endswith(f"known with {gene}")
        assert second.endswith("known with drug 0-0")
        assert {(drug, gene), ("drug 0-0", other)} <= known


def test_explain_names_what_predict_names(model: LinkModel) -> None:
    row = model.predict("drug 0-0", top=1).row(0, named=True)
    explanation = model.explain("drug 0-0", row["tail"])
    assert "; ".join(explanation.because) == row["explanation"]
    assert all(reason in str(explanation) for reason in explanation.because)
    assert explanation.nearest_heads == explanation.nearest_tails == ()  # of another scale


def test_written_predictions_say_why(model: LinkModel) -> None:
    written = model.predictions(["drug 0-0"], 2, date="2026-01-01")
    listed = model.predict("drug 0-0", top=2)["explanation"].to_list()
    reasons = [json.loads(text) for text in written["explanation"]]
    assert ["; ".join(each["because"]) for each in reasons] == listed
    assert [each["paths"] for each in reasons] == [[], []]


def test_a_row_that_no_known_pair_is_like_has_no_path_in_its_place(
    model: LinkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score of a ranker rests on no path, so that none is its reason."""
    monkeypatch.setattr(likeness, "_LEAST", 2.0)
    assert model.predict("drug 0-0", top=2)["explanation"].to_list() == [None, None]


def test_on_another_graph_the_heaviest_path_is_shown(
    model: LinkModel, kg: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("models") / "m"
    model.save(folder)
    fewer = kg.without_edges(kg.edges.filter(relation="INTERACTS_WITH")["id"].head(1))
    rows = load_link_model(folder, fewer).predict("drug 0-0", top=1)
    assert "is like" not in rows["explanation"][0]
