"""The network that scores pairs: what its messages carry, and that it learns from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse

from medkg.gnn import pair_network
from medkg.gnn.pair_network import (
    CandidateTable,
    PairGraph,
    PairNetwork,
    TrainingCandidates,
    all_vectors,
    pair_network_from_tensors,
    train_pair_network,
)

HEADS, TAILS = 40, 24


def random_graph(seed: int = 0) -> PairGraph:
    rng = np.random.default_rng(seed)

    def matrix(rows: int, columns: int, share: float) -> sparse.csr_matrix:
        values = rng.random((rows, columns)) * (rng.random((rows, columns)) < share)
        return sparse.csr_matrix(values.astype(np.float32))

    def similarity(n: int) -> sparse.csr_matrix:
        half = matrix(n, n, 0.5).toarray()
        np.fill_diagonal(half, 0)
        return sparse.csr_matrix(np.maximum(half, half.T))

    pairs = (matrix(HEADS, TAILS, 0.2) > 0).astype(np.float32).tocsr()
    return PairGraph(
        pairs,
        similarity(HEADS),
        similarity(TAILS),
        {"classes": matrix(HEADS, 7, 0.3), "bits": matrix(HEADS, 11, 0.3)},
        {"processes": matrix(TAILS, 9, 0.3)},
    )


def random_network(graph: PairGraph) -> PairNetwork:
    torch.manual_seed(0)
    network = PairNetwork(3, graph.attribute_counts, TAILS)
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(torch.randn(weights.shape))
    return network.eval()


def shares(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return matrix / np.maximum(matrix.sum(1, keepdims=True), 1e-12)


def largest(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 15 largest entries of each row."""
    least = np.sort(matrix, axis=1)[:, [-15]]
    return np.where(matrix >= least, matrix, 0)


def expected_vectors(
    network: PairNetwork,
    pairs: NDArray[np.float64],
    head_similarity: NDArray[np.float64],
    tail_similarity: NDArray[np.float64],
    graph: PairGraph,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both ends' vectors by the formula of `PairNetwork`, with dense matrices."""
    weights = {name: w.double().numpy() for name, w in network.state_dict().items()}
    tail = weights["tail"] + sum(
        x.toarray() @ weights[f"tail_has.{name}"] for name, x in graph.tail_attributes.items()
    )
    tail = tail + shares(largest(tail_similarity)) @ tail @ weights["like_tails.weight"].T
    inner = weights["start"] + shares(pairs) @ tail @ weights["known.weight"].T
    of_similar = shares(shares(largest(head_similarity**3)) @ pairs)
    inner = inner + of_similar @ tail @ weights["near.weight"].T
    for name, attributes in graph.head_attributes.items():
        inner = inner + attributes.toarray() @ weights[f"head_has.{name}"]
    return np.maximum(inner, 0) @ weights["head.weight"].T + weights["head.bias"], tail


def test_vectors_are_those_of_the_formula() -> None:
    """Every message reaches its receiver with its share: none could be left out unseen."""
    rng = np.random.default_rng(1)
    head_similarity, tail_similarity = (
        (m + m.T) / 2 * (1 - np.eye(len(m)))
        for m in (rng.random((HEADS, HEADS)), rng.random((TAILS, TAILS)))
    )
    random = random_graph()
    graph = PairGraph(
        random.pairs,
        sparse.csr_matrix(head_similarity),
        sparse.csr_matrix(tail_similarity),
        random.head_attributes,
        random.tail_attributes,
    )
    network = random_network(graph)
    heads, head_vectors, tail_vectors = all_vectors(network, graph)
    assert heads.tolist() == list(range(HEADS))
    expected = expected_vectors(
        network, graph.pairs.toarray().astype(float), head_similarity, tail_similarity, graph
    )
    for vectors, of_formula in zip((head_vectors, tail_vectors), expected, strict=True):
        np.testing.assert_allclose(vectors.numpy(), of_formula, rtol=2e-4, atol=2e-3)


def test_score_is_that_of_features_and_vectors() -> None:
    graph = random_graph()
    network = random_network(graph)
    heads, head_vectors, tail_vectors = all_vectors(network, graph)
    table = CandidateTable(np.array([3, 3, 8]), np.array([5, 0, 5]), np.eye(3, dtype=np.float32))
    with torch.no_grad():
        scores = network(table, heads, head_vectors, tail_vectors)
        of_features = network.feature_scorer(torch.eye(3))[:, 0]
    products = (head_vectors[[3, 3, 8]] * tail_vectors[[5, 0, 5]]).sum(1)
    torch.testing.assert_close(scores, of_features + network.scale.detach() * products)
    # Of some heads alone, as in training.
    few = np.array([3, 8])
    with torch.no_grad():
        vectors = network.vectors(graph, graph.known_tails(few), few)
        torch.testing.assert_close(network(table, few, *vectors), scores, rtol=1e-4, atol=1e-2)


def test_known_tails_of_masked_heads_send_nothing() -> None:
    graph = random_graph()
    visible = np.arange(HEADS) % 3 > 0
    heads = np.arange(1, HEADS)
    known = graph.known_tails(heads, visible).toarray()
    assert not known[~visible[heads]].any()
    everything = graph.known_tails(heads).toarray()
    np.testing.assert_allclose(known[visible[heads]], everything[visible[heads]])


def test_weights_come_back() -> None:
    graph = random_graph()
    network = random_network(graph)
    again = pair_network_from_tensors(network.state_dict())
    for one, other in zip(all_vectors(network, graph), all_vectors(again, graph), strict=True):
        assert np.array_equal(one, other)


def candidates_of_classes(attributes: bool) -> tuple[TrainingCandidates, TrainingCandidates]:
    """Heads of class A have even tails, those of class B odd ones, and the features tell nothing:
    only by messages from a head's class can they be told apart. Some to train on, others to test.
    """
    is_b = np.arange(HEADS) % 2
    classes = sparse.csr_matrix(np.eye(2, dtype=np.float32)[is_b])
    nothing = sparse.csr_matrix((HEADS, TAILS), dtype=np.float32)
    graph = PairGraph(
        nothing,
        sparse.csr_matrix((HEADS, HEADS), dtype=np.float32),
        sparse.csr_matrix((TAILS, TAILS), dtype=np.float32),
        {"class": classes if attributes else sparse.csr_matrix(classes.shape, dtype=np.float32)},
        {},
    )
    heads, tails = np.divmod(np.arange(HEADS * TAILS), TAILS)
    table = CandidateTable(heads, tails, np.zeros((len(heads), 2), dtype=np.float32))
    labels = tails % 2 == is_b[heads]
    learned = heads < HEADS // 2
    return (
        TrainingCandidates(graph, table.where(learned), labels[learned]),
        TrainingCandidates(graph, table.where(~learned), labels[~learned]),
    )


@pytest.mark.parametrize("attributes", [True, False])
def test_it_learns_from_messages(attributes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the messages of the heads' classes new heads' tails are ranked right, without not."""
    monkeypatch.setattr(pair_network, "_EPOCHS", 60)
    training, test = candidates_of_classes(attributes)
    network = train_pair_network([training], seed=0)
    with torch.no_grad():
        scores = network(test.table, *all_vectors(network, test.graph)).numpy()
    true, false = scores[test.labels], scores[~test.labels]
    right = (true[:, None] > false).mean() + (true[:, None] == false).mean() / 2
    assert right > 0.99 if attributes else right < 0.7


def test_the_same_seed_gives_the_same_network() -> None:
    training, _ = candidates_of_classes(attributes=True)
    one, other, another = (
        train_pair_network([training], seed=seed, device=device).state_dict()
        for seed, device in ((0, None), (0, torch.device("cpu")), (1, None))
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["tail"], another["tail"])
