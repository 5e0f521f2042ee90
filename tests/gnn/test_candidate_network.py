"""The network of candidates: what its messages carry, and that it learns from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse

from medkg.core.checkpoint import Stages
from medkg.gnn import candidate_network
from medkg.gnn.candidate_network import (
    CandidateNetwork,
    CandidateTable,
    TailSimilarities,
    TrainingCandidates,
    candidate_graphs,
    candidate_network_from_tensors,
    network_scores,
    softmax_loss,
    train_candidate_networks,
)

TAILS, FEATURES = 24, 3
CPU = torch.device("cpu")
Doubles = NDArray[np.float64]


def random_similarities() -> TailSimilarities:
    rng = np.random.default_rng(1)
    similarities = {}
    for name in ("one", "other"):
        half = rng.random((TAILS, TAILS)) * (rng.random((TAILS, TAILS)) < 0.3)
        whole = np.maximum(half, half.T) * (1 - np.eye(TAILS))
        similarities[name] = sparse.csr_matrix(whole.astype(np.float32))
    return similarities


def random_table() -> CandidateTable:
    """Three heads with ten candidates each."""
    rng = np.random.default_rng(2)
    heads = np.repeat([3, 5, 8], 10)
    tails = np.concatenate([np.sort(rng.permutation(TAILS)[:10]) for _ in range(3)])
    values = rng.uniform(-1, 1, (30, FEATURES)).astype(np.float32)
    return CandidateTable(heads, tails, values)


def random_network() -> CandidateNetwork:
    torch.manual_seed(0)
    network = CandidateNetwork(FEATURES, 2)
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(torch.randn(weights.shape) * 0.3)
    return network.eval()


def expected_scores(
    network: CandidateNetwork, table: CandidateTable, similarities: TailSimilarities
) -> Doubles:
    """The scores by the formulas in the docstrings, a head at a time, with dense matrices."""
    weights = {name: w.double().numpy() for name, w in network.state_dict().items()}

    def linear(x: Doubles, name: str) -> Doubles:
        return np.asarray(x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0.0))

    def norm(x: Doubles, name: str) -> Doubles:
        spread = np.sqrt(x.var(1, keepdims=True) + 1e-5)
        scaled = (x - x.mean(1, keepdims=True)) / spread
        return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    ends = 2 * np.array(candidate_network._BIN_ENDS) - 1
    scores = []
    for head in np.unique(table.heads):
        rows = table.heads == head
        tails, values = table.tails[rows], table.values[rows].astype(float)
        bins = np.clip((values[:, :, None] - ends[:-1]) / np.diff(ends), 0, 1)
        x = np.maximum(linear(bins.reshape(len(tails), -1), "start.linear"), 0)
        for layer in ("layers.0", "layers.1"):
            h = norm(x, f"{layer}.norm")
            received = linear(h, f"{layer}.own")
            of_all = np.concatenate([h.mean(0), h.max(0)])[None]
            received = received + linear(of_all, f"{layer}.of_all")
            for place, similarity in enumerate(similarities.values()):
                alike = similarity.toarray()[np.ix_(tails, tails)]
                shares = alike / np.maximum(alike.sum(1, keepdims=True), 1e-12)
                received = received + linear(shares @ h, f"{layer}.alike.{place}")
            x = x + np.maximum(received, 0)
        scores.append(linear(norm(x, "norm"), "score")[:, 0])
    return np.concatenate(scores)


def test_scores_are_those_of_the_formula() -> None:
    """Every message reaches its receiver with its share: none could be left out unseen."""
    network, table, similarities = random_network(), random_table(), random_similarities()
    scores = network_scores([network], table, similarities)
    np.testing.assert_allclose(scores, expected_scores(network, table, similarities), rtol=1e-4)
    other = random_network()
    with torch.no_grad():
        other.score.bias += 1
    both = network_scores([network, other], table, similarities)
    np.testing.assert_allclose(both, scores + 0.5, rtol=1e-5)


def test_messages_pass_between_the_candidates_of_one_head_alone() -> None:
    """A head's scores are the same whoever is beside it in the table."""
    network, table, similarities = random_network(), random_table(), random_similarities()
    together = network_scores([network], table, similarities)
    for head in np.unique(table.heads):
        rows = table.heads == head
        alone = network_scores([network], table.where(rows), similarities)
        np.testing.assert_allclose(alone, together[rows], rtol=1e-5)


def test_weights_of_what_a_candidate_receives_add_up_to_one() -> None:
    graphs = candidate_graphs(random_table(), random_similarities(), CPU)
    for edges in graphs.edges:
        senders, receivers = edges.edge_index
        assert torch.equal(graphs.graph[senders], graphs.graph[receivers])
        total = torch.zeros(30).index_add(0, receivers, edges.weights)
        assert len(receivers.unique()) > 15
        torch.testing.assert_close(total[receivers.unique()], torch.ones(len(receivers.unique())))


@pytest.mark.parametrize("stored", [0, 5])
def test_candidates_that_nothing_is_like_receive_nothing(stored: int) -> None:
    """Zeros that a matrix stores are none, either."""
    ends = np.arange(stored)
    none = sparse.csr_matrix((np.zeros(stored, np.float32), (ends, ends)), shape=(TAILS, TAILS))
    assert none.nnz == stored
    graphs = candidate_graphs(random_table(), {"one": none}, CPU)
    assert [len(edges.weights) for edges in graphs.edges] == [0]
    torch.manual_seed(0)
    network = CandidateNetwork(FEATURES, 1).eval()
    assert np.isfinite(network_scores([network], random_table(), {"one": none})).all()


def test_without_similarities_each_candidate_is_alone() -> None:
    """Neither one that is like it nor the mean or the largest of all reaches it."""
    torch.manual_seed(0)
    network, table = CandidateNetwork(FEATURES, 0).eval(), random_table()
    together = network_scores([network], table, {})
    for row in range(0, 30, 7):
        alone = network_scores([network], table.where(np.arange(30) == row), {})
        np.testing.assert_allclose(alone, together[[row]], rtol=1e-5)
    with_messages = network_scores([random_network()], table, random_similarities())
    one = table.where(np.arange(30) == 0)
    alone = network_scores([random_network()], one, random_similarities())
    assert abs(alone[0] - with_messages[0]) > 1e-3


def test_a_table_without_rows_has_no_scores() -> None:
    nothing = random_table().where(np.zeros(30, dtype=bool))
    for similarities in (random_similarities(), {}):
        network = CandidateNetwork(FEATURES, len(similarities)).eval()
        assert network_scores([network], nothing, similarities).shape == (0,)


def test_the_loss_tells_each_true_pair_from_what_is_not_true() -> None:
    scores = torch.tensor([2.0, 1.0, 0.0, -1.0, 3.0, 0.5])
    is_true = torch.tensor([True, True, False, False, True, False])
    loss = softmax_loss(scores, torch.tensor([0, 0, 0, 0, 1, 1]), is_true)
    others = np.exp(0.0) + np.exp(-1.0)
    expected = np.mean(
        [
            -np.log(np.exp(2.0) / (np.exp(2.0) + others)),
            -np.log(np.exp(1.0) / (np.exp(1.0) + others)),
            -np.log(np.exp(3.0) / (np.exp(3.0) + np.exp(0.5))),
        ]
    )
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_weights_come_back() -> None:
    network, inputs = random_network(), (random_table(), random_similarities())
    again = candidate_network_from_tensors(network.state_dict())
    assert np.array_equal(network_scores([network], *inputs), network_scores([again], *inputs))


def candidates_of_families(alike: bool) -> tuple[TrainingCandidates, TrainingCandidates]:
    """Tails are of families of four, and those of one family are true; a feature tells one of its
    four alone, so that the others can be found by messages only. Some heads to train on, others to
    test."""
    n_heads, family = 60, np.arange(TAILS) // 4
    rng = np.random.default_rng(0)
    true_family = rng.integers(0, TAILS // 4, n_heads)
    shown = 4 * true_family + rng.integers(0, 4, n_heads)
    heads, tails = np.divmod(np.arange(n_heads * TAILS), TAILS)
    labels = family[tails] == true_family[heads]
    feature = np.where(tails == shown[heads], 1.0, -1.0)
    table = CandidateTable(heads, tails, feature[:, None].astype(np.float32))
    same = (family[:, None] == family) & ~np.eye(TAILS, dtype=bool)
    similarity = sparse.csr_matrix((same * float(alike)).astype(np.float32))
    similarity.eliminate_zeros()
    learned = heads < n_heads // 2
    return (
        TrainingCandidates(table.where(learned), labels[learned], {"family": similarity}),
        TrainingCandidates(table.where(~learned), labels[~learned], {"family": similarity}),
    )


def trained(training: TrainingCandidates, *, seed: int = 0) -> CandidateNetwork:
    stages = Stages(None)
    (network,) = train_candidate_networks([training], 1, seed=seed, device=CPU, stages=stages)
    return network


@pytest.mark.parametrize("alike", [True, False])
def test_it_learns_from_messages(alike: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With messages between genes of a family the others of it are ranked right, without not."""
    monkeypatch.setattr(candidate_network, "_EPOCHS", 60)
    training, test = candidates_of_families(alike)
    scores = network_scores([trained(training)], test.table, test.similarities)
    shown = test.table.values[:, 0] > 0
    true, false = scores[test.labels & ~shown], scores[~test.labels]
    right = (true[:, None] > false).mean() + (true[:, None] == false).mean() / 2
    assert right > 0.99 if alike else right < 0.7


def test_the_same_seed_gives_the_same_network() -> None:
    training, _ = candidates_of_families(alike=True)
    one, other, another = (trained(training, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["score.weight"], another["score.weight"])


def test_networks_differ_by_their_seeds_and_each_is_kept() -> None:
    training, _ = candidates_of_families(alike=True)
    kept: list[str] = []

    class Watched(Stages):
        def get(self, name, make):  # type: ignore[no-untyped-def]  # as its base has it
            kept.append(name)
            return super().get(name, make)

    networks = train_candidate_networks(
        [training], 2, seed=0, device=CPU, stages=Watched(None, list)
    )
    assert kept == ["network0", "network1"]
    first, second = (network.score.weight for network in networks)
    assert not torch.equal(first, second)
    assert torch.equal(first, trained(training).score.weight)


def test_large_folds_are_learned_from_in_fewer_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    training, _ = candidates_of_families(alike=True)
    steps = []
    batch_loss = candidate_network._batch_loss
    monkeypatch.setattr(candidate_network, "_HEADS", 10)  # three steps of thirty heads

    def counting(*given: object) -> torch.Tensor:
        steps.append(1)
        return batch_loss(*given)  # type: ignore[arg-type]  # what it is given

    monkeypatch.setattr(candidate_network, "_batch_loss", counting)
    for most, expected in ((750, 6 * 3), (7, 2 * 3), (1, 3)):
        monkeypatch.setattr(candidate_network, "_MOST_STEPS", most)
        steps.clear()
        trained(training)
        assert len(steps) == expected
