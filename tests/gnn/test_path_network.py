"""The path network: its messages, what a query hides, and that it learns paths."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse

from medkg.core.checkpoint import Stages
from medkg.core.ranking import pair_matrix
from medkg.gnn import path_training
from medkg.gnn.message_edges import INVERSE, MessageType
from medkg.gnn.path_network import (
    HiddenPairs,
    PathEdges,
    PathGraph,
    PathNetwork,
    attribute_to_messages,
)
from medkg.gnn.path_training import PathTraining, train_path_network
from medkg.gnn.settings import PathSettings
from medkg.gnn.weighted_sum import WeightedSum

TARGETS = ("Drug", "TARGETS", "Target")
IN_CLASS = ("Drug", "IN_CLASS", "DrugClass")
HEADS, TAILS, CLASSES = 60, 30, 10
NEW = torch.arange(45, HEADS)  # heads without pairs
Heads = TypeVar("Heads", int, NDArray[np.int64], torch.Tensor)


def class_of(head: Heads) -> Heads:
    return head % CLASSES


def known_pairs(heads: int = HEADS) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Heads of one class have the same three tails."""
    pairs = [(h, 3 * class_of(h) + n) for h in range(heads) for n in range(3)]
    return np.array(pairs, dtype=np.int64)


def graph_of(pairs: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> PathGraph:
    counts = {"Drug": HEADS, "Target": TAILS, "DrugClass": CLASSES}
    classes = np.array([(h, class_of(h)) for h in range(HEADS)])
    edges: dict[MessageType, PathEdges] = {}
    for (head, relation, tail), rows in ((TARGETS, pairs), (IN_CLASS, classes)):
        ends = torch.from_numpy(rows.T.copy())
        edges[head, relation, tail] = PathEdges(ends[0], ends[1], counts[head], counts[tail])
        edges[tail, relation + INVERSE, head] = PathEdges(
            ends[1], ends[0], counts[tail], counts[head]
        )
    return PathGraph(counts, edges, TARGETS)


@pytest.fixture
def network() -> PathNetwork:
    torch.manual_seed(1)
    return PathNetwork(list(graph_of(known_pairs()).edges), 8, 3)


def test_products_are_pyg_s_sums_of_messages() -> None:
    generator = torch.Generator().manual_seed(0)
    senders = torch.randint(0, 7, (40,), generator=generator)
    receivers = torch.randint(0, 5, (40,), generator=generator)
    edges = PathEdges(senders, receivers, 7, 5, torch.rand(40, generator=generator))
    results = []
    for fuse in (True, False):
        convolution = WeightedSum()
        convolution.fuse = fuse
        edges.weights = edges.weights.detach().requires_grad_()
        x = torch.randn(7, 3, generator=torch.Generator().manual_seed(1), requires_grad=True)
        out = convolution(x, edges)
        torch.autograd.backward((out * torch.arange(15.0).view(5, 3)).sum())
        results.append((out, x.grad, edges.weights.grad))
    for fused, by_edge in zip(*results, strict=True):
        assert fused is not None
        assert by_edge is not None
        torch.testing.assert_close(fused, by_edge)


def test_an_edge_weighs_less_where_its_ends_have_many() -> None:
    edges = PathEdges(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2, 2)
    expected = torch.tensor([[2**-0.5, 0.0], [0.5, 2**-0.5]])
    torch.testing.assert_close(WeightedSum()(torch.eye(2), edges), expected)


def test_products_make_no_message_of_an_edge(
    network: PathNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("a message was made of an edge")

    monkeypatch.setattr(network.convolution, "message", refuse)
    graph, heads = graph_of(known_pairs()), torch.tensor([0, 5])
    network(graph, heads)
    network.convolution.fuse = False
    with pytest.raises(AssertionError, match="of an edge"):
        network(graph, heads)


def test_hidden_pairs_are_as_if_the_graph_did_not_hold_them(network: PathNetwork) -> None:
    pairs = known_pairs()
    hidden = HiddenPairs(*(torch.tensor(x) for x in ([0, 0, 1], [4, 4, 9], [12, 13, 27])))
    scores = network(graph_of(pairs), torch.tensor([4, 9]), hidden)
    assert not torch.allclose(scores, network(graph_of(pairs), torch.tensor([4, 9])))
    for row, (head, tails) in enumerate(((4, [12, 13]), (9, [27]))):
        gone = (pairs[:, 0] == head) & np.isin(pairs[:, 1], tails)
        assert gone.sum() == len(tails)
        alone = network(graph_of(pairs[~gone]), torch.tensor([head]))[0]
        torch.testing.assert_close(scores[row], alone)
        without = graph_of(pairs).without(torch.from_numpy(gone))
        torch.testing.assert_close(network(without, torch.tensor([head]))[0], alone)


def test_a_pair_of_a_symmetric_relation_is_taken_out_both_ways() -> None:
    pairs = torch.tensor([[0, 1], [1, 2], [2, 3], [0, 3]])
    alike = ("Drug", "RESEMBLES", "Drug")

    def graph(of: torch.Tensor) -> PathGraph:
        ends = torch.cat([of, of.flip(1)]).T
        return PathGraph({"Drug": 5}, {alike: PathEdges(*ends, 5, 5)}, alike)

    torch.manual_seed(1)
    network = PathNetwork([alike], 8, 3)
    gone = torch.tensor([False, True, False, False])
    heads = torch.arange(5)
    scores = network(graph(pairs).without(gone), heads)
    torch.testing.assert_close(scores, network(graph(pairs[~gone]), heads))
    assert not torch.allclose(scores, network(graph(pairs), heads))


def test_the_numbers_of_nodes_tell_nothing(network: PathNetwork) -> None:
    order = np.random.default_rng(0).permutation(TAILS)
    pairs = known_pairs()
    turned = np.stack([pairs[:, 0], order[pairs[:, 1]]], axis=1)
    heads = torch.tensor([0, 7])
    scores, of_turned = network(graph_of(pairs), heads), network(graph_of(turned), heads)
    torch.testing.assert_close(scores, of_turned[:, torch.from_numpy(order)])


def test_a_query_doesn_t_change_another(network: PathNetwork) -> None:
    graph = graph_of(known_pairs())
    both = network(graph, torch.tensor([3, 8]))
    torch.testing.assert_close(both[1], network(graph, torch.tensor([8]))[0])


def trained(
    stages: Stages, epochs: int, *, new_heads: bool = True, precision: str = "auto"
) -> tuple[PathNetwork, PathTraining]:
    """A network that was trained on three quarters of the heads; the others have no pairs."""
    pairs = known_pairs(45)
    matrix = pair_matrix(pairs, (HEADS, TAILS))
    graph = graph_of(pairs)
    return train_path_network(
        graph,
        matrix,
        lambda network: hits(network, graph, NEW),
        PathSettings(epochs=epochs, precision=precision),
        new_heads=new_heads,
        seed=0,
        stages=stages,
    )


def hits(network: PathNetwork, graph: PathGraph, new: torch.Tensor) -> float:
    """How many of the three tails of each of these heads are among the first three.

    A tail that has the same score as others has the mean of their ranks.
    """
    with torch.no_grad():
        scores = network(graph, new)
    own = scores.gather(1, 3 * class_of(new)[:, None] + torch.arange(3))
    above = (scores[:, None] > own[:, :, None]).sum(2)
    equal = (scores[:, None] == own[:, :, None]).sum(2)
    return float((above + (1 + equal) / 2 <= 3).float().mean())


@pytest.mark.parametrize("new_heads", [True, False])
def test_paths_are_learned(new_heads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_training, "_LEAST_STEPS", 75)
    network, course = trained(Stages(None), 2, new_heads=new_heads)
    assert hits(network, graph_of(known_pairs(45)), NEW) == max(course["valid_mrr"])
    assert max(course["valid_mrr"]) > 0.9


def test_a_lower_precision_learns_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_training, "_LEAST_STEPS", 75)
    whole, course = trained(Stages(None), 2)
    lower, course_of_lower = trained(Stages(None), 2, precision="bfloat16")
    assert max(course_of_lower["valid_mrr"]) > 0.9
    assert course["best_epoch"] == course_of_lower["best_epoch"]
    weights = whole.updates[0].weight, lower.updates[0].weight
    assert weights[1].dtype == torch.float32
    assert not torch.equal(*weights)


def test_nothing_is_known_without_messages() -> None:
    """Targets of new drugs whose classes no known drug has: only two steps, from drug to class and
    from class to target, lead there."""
    is_new = class_of(np.arange(HEADS)) >= 7
    pairs = known_pairs()
    pairs = pairs[~is_new[pairs[:, 0]]]
    whole = with_targets_of_classes(graph_of(pairs))
    silent, new = without_messages(whole), torch.from_numpy(np.flatnonzero(is_new))

    def train(graph: PathGraph) -> PathNetwork:
        return train_path_network(
            graph,
            pair_matrix(pairs, (HEADS, TAILS)),
            lambda network: hits(network, graph, new),
            PathSettings(epochs=1),
            new_heads=True,
            seed=0,
            stages=Stages(None),
        )[0]

    network = train(whole)
    # The tails that no known head has are nine that no message tells apart.
    assert hits(network, whole, new) > 0.95
    assert hits(network, silent, new) == 0
    of_pairs_alone = without_messages(whole, keep=TARGETS[1])
    assert hits(train(of_pairs_alone), of_pairs_alone, new) < 0.1


def with_targets_of_classes(graph: PathGraph) -> PathGraph:
    """The graph, and which three targets drugs of each class act on."""
    classes, targets = torch.arange(TAILS) // 3, torch.arange(TAILS)
    edges = {
        ("DrugClass", "ACTS_ON", "Target"): PathEdges(classes, targets, CLASSES, TAILS),
        ("Target", "ACTS_ON" + INVERSE, "DrugClass"): PathEdges(targets, classes, TAILS, CLASSES),
    }
    return PathGraph(graph.counts, {**graph.edges, **edges}, TARGETS)


def without_messages(graph: PathGraph, keep: str | None = None) -> PathGraph:
    """The graph with the edges of one relation alone, or with none."""
    none = torch.empty(0, dtype=torch.int64)
    edges = {
        message_type: edges
        if message_type[1].removesuffix(INVERSE) == keep
        else PathEdges(none, none, edges.n_senders, edges.n_receivers)
        for message_type, edges in graph.edges.items()
    }
    return PathGraph(graph.counts, edges, TARGETS)


def test_training_goes_on_where_it_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_training, "_LEAST_STEPS", 15)
    whole, course = trained(Stages(None), 3)
    steps = path_training._train_epoch
    begun: list[int] = []

    def cut_off(*arguments: object) -> dict[str, torch.Tensor]:
        begun.append(1)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return steps(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(path_training, "_train_epoch", cut_off)
    with pytest.raises(KeyboardInterrupt):
        trained(Stages(tmp_path), 3)
    again, same = trained(Stages(tmp_path), 3)
    assert same == course
    assert len(begun) == 1 + 3
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name])


def test_known_pairs_are_no_negative_samples() -> None:
    scores = torch.tensor([[0.0, 9.0, 0.0, 1.0]])
    hidden = HiddenPairs(torch.tensor([0]), torch.tensor([0]), torch.tensor([3]))
    known = sparse.csr_matrix(np.array([[0, 1, 0, 1]])).toarray() > 0
    loss = path_training._loss(scores, hidden, torch.from_numpy(known))
    share = np.e / (np.e + 2)
    assert float(loss) == pytest.approx(-np.log(share))


def test_shares_of_messages_add_up_to_what_messages_give(network: PathNetwork) -> None:
    graph = graph_of(known_pairs())
    weights = {message_type: edges.weights.clone() for message_type, edges in graph.edges.items()}

    def scores(head: int) -> torch.Tensor:
        with torch.no_grad():
            return network(graph, torch.tensor([head]))[0]

    for head in (4, 9):
        whole = scores(head)
        tail = int(whole.argmax())
        shares = attribute_to_messages(network, graph, head, tail)
        assert shares[TARGETS].any()
        assert torch.equal(scores(head), whole)  # the graph is as before
        for edges in graph.edges.values():
            edges.weights = torch.zeros_like(edges.weights)
        gain = float(whole[tail] - scores(head)[tail])
        for message_type, edges in graph.edges.items():
            edges.weights = weights[message_type]
        assert sum(float(of_type.sum()) for of_type in shares.values()) == pytest.approx(
            gain, rel=0.15
        )
