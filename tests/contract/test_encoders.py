"""What every encoder must do, by its name in `ENCODERS`."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from scipy import sparse
from torch import Tensor

from medkg.gnn.encoders import ENCODERS, Encoder
from medkg.gnn.message_edges import (
    INVERSE,
    MessageEdges,
    MessageType,
    SparseMessageEdges,
    WeightedMessageEdges,
)
from medkg.gnn.node_vectors import Features
from medkg.gnn.settings import NetworkSettings

COUNTS = {"Disease": 3, "Drug": 5, "Target": 7}
# Drug 4 and target 6 have no edge.
EDGES = {
    ("Drug", "TARGETS", "Target"): torch.tensor([[0, 0, 1, 2, 3], [0, 1, 1, 2, 5]]),
    ("Drug", "TREATS", "Disease"): torch.tensor([[0, 2, 3], [0, 1, 1]]),
    ("Target", "INTERACTS_WITH", "Target"): torch.tensor([[0, 2, 4], [3, 4, 5]]),
}
TYPES = [t for h, r, tail in EDGES for t in ((h, r, tail), (tail, r + INVERSE, h))]
WANTED = ["Drug", "Target"]


def over(
    edges: Mapping[tuple[str, str, str], Tensor], counts: Mapping[str, int]
) -> dict[MessageType, MessageEdges]:
    messages: dict[MessageType, MessageEdges] = {}
    for (head, relation, tail), e in edges.items():
        messages[head, relation, tail] = SparseMessageEdges(e[0], e[1], counts[head], counts[tail])
        back = SparseMessageEdges(e[1], e[0], counts[tail], counts[head])
        messages[tail, relation + INVERSE, head] = back
    return messages


def known_features() -> dict[str, Features]:
    generator = torch.Generator().manual_seed(5)
    x = (torch.rand(COUNTS["Drug"], 9, generator=generator) < 0.4).float()
    return {"Drug": Features(sparse.csr_matrix(x.numpy()))}


def built(name: str, *, features: bool = False, lookup: bool = True, seed: int = 0) -> Encoder:
    torch.manual_seed(seed)
    settings = NetworkSettings(encoder=name, dim=8, heads=2, layers=2, lookup=lookup)
    return ENCODERS[name](
        COUNTS, TYPES, WANTED, settings, known_features() if features else {}
    ).eval()


@pytest.fixture(params=ENCODERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_vector_for_every_wanted_node(name: str) -> None:
    vectors = built(name)(over(EDGES, COUNTS))
    for kind in WANTED:
        assert vectors[kind].shape == (COUNTS[kind], 8)
        assert vectors[kind].isfinite().all()


def test_the_seed_decides(name: str) -> None:
    messages = over(EDGES, COUNTS)
    first, same, other = (built(name, seed=seed)(messages)["Drug"] for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_every_weight_is_learned(name: str) -> None:
    encoder = built(name, features=True)
    vectors = encoder(over(EDGES, COUNTS))
    sum((x**2).sum() for x in vectors.values()).backward()  # type: ignore[union-attr]  # a tensor
    # Of the last layer only what leads to the wanted kinds.
    unused = [
        weights_name
        for weights_name, weights in encoder.named_parameters()
        if (weights.grad is None or not weights.grad.any()) and "Disease" not in weights_name
    ]
    assert [n for n in unused if "layers.1" not in n and n != "relations"] == []


def test_a_vector_depends_on_its_neighbourhood_alone(name: str) -> None:
    """Disturb each target: the nodes that change are those within `depth` edges of it."""
    encoder, messages = built(name), over(EDGES, COUNTS)
    adjacency: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for (head, _, tail), e in EDGES.items():
        for h, t in e.T.tolist():
            adjacency.setdefault((head, h), set()).add((tail, t))
            adjacency.setdefault((tail, t), set()).add((head, h))
    before = {kind: x.detach().clone() for kind, x in encoder(messages).items()}
    for target in range(COUNTS["Target"]):
        near = {("Target", target)}
        for _ in range(encoder.depth):
            near |= {other for node in near for other in adjacency.get(node, ())}
        with torch.no_grad():
            encoder.nodes.vectors["Target"][target] += 1
        after = encoder(messages)
        with torch.no_grad():
            encoder.nodes.vectors["Target"][target] -= 1
        for kind in WANTED:
            changed = ((before[kind] - after[kind]).abs() > 1e-6).any(1).nonzero().ravel()
            allowed = {n for k, n in near if k == kind}
            assert set(changed.tolist()) <= allowed
        assert (before["Target"][target] != after["Target"][target]).any()


def test_the_order_of_edges_does_not_matter(name: str) -> None:
    encoder = built(name)
    shuffled = {t: e[:, torch.randperm(e.shape[1])] for t, e in EDGES.items()}
    one, other = (encoder(over(edges, COUNTS)) for edges in (EDGES, shuffled))
    for kind in WANTED:
        assert torch.allclose(one[kind], other[kind], atol=1e-6)


def test_an_edge_of_weight_zero_is_no_edge(name: str) -> None:
    """Messages with weights, through which attribution goes, give the same vectors."""
    encoder = built(name)

    def weighted(without: int | None) -> dict[MessageType, MessageEdges]:
        messages: dict[MessageType, MessageEdges] = {}
        for (head, relation, tail), e in EDGES.items():
            weights = torch.ones(e.shape[1])
            if without is not None and relation == "TARGETS":
                weights[without] = 0
            for sender, receiver, kind, t in (
                (e[0], e[1], tail, (head, relation, tail)),
                (e[1], e[0], head, (tail, relation + INVERSE, head)),
            ):
                messages[t] = WeightedMessageEdges(sender, receiver, COUNTS[kind], weights)
        return messages

    targets = ("Drug", "TARGETS", "Target")
    kept = {**EDGES, targets: torch.cat([EDGES[targets][:, :1], EDGES[targets][:, 2:]], dim=1)}
    for without, edges in ((None, EDGES), (1, kept)):
        vectors, expected = encoder(weighted(without)), encoder(over(edges, COUNTS))
        for kind in WANTED:
            assert torch.allclose(vectors[kind], expected[kind], atol=1e-5)


def test_a_part_of_the_graph_gives_its_nodes_the_same_vectors(name: str) -> None:
    """All nodes but in another order, by their numbers."""
    encoder = built(name, features=True)
    rows = {kind: torch.randperm(n) for kind, n in COUNTS.items()}
    places = {kind: x.argsort() for kind, x in rows.items()}
    moved = {t: torch.stack([places[t[0]][e[0]], places[t[2]][e[1]]]) for t, e in EDGES.items()}
    whole, part = encoder(over(EDGES, COUNTS)), encoder(over(moved, COUNTS), rows)
    for kind in WANTED:
        assert torch.allclose(part[kind], whole[kind][rows[kind]], atol=1e-5)


def test_features_tell_nodes_apart(name: str) -> None:
    encoder = built(name, features=True)
    messages = over(EDGES, COUNTS)
    with torch.no_grad():
        before = encoder(messages)["Drug"]
        encoder.nodes.projections["Drug"].weight += 1
        assert (encoder(messages)["Drug"] != before).any(1).all()


def test_a_node_unseen_in_training_has_a_vector_by_features_and_messages(name: str) -> None:
    """A new drug with the features and the edges of a known one gets the same vector."""
    encoder = built(name, features=True, lookup=False)
    counts = {**COUNTS, "Drug": 6}
    twin = {
        t: torch.cat([e, torch.stack([torch.full_like(e[1][e[0] == 0], 5), e[1][e[0] == 0]])], 1)
        if t[0] == "Drug"
        else e
        for t, e in EDGES.items()
    }
    rows = {kind: torch.arange(n) for kind, n in COUNTS.items()}
    rows["Drug"] = torch.tensor([0, 1, 2, 3, 4, -1])
    known = known_features()["Drug"]
    dense = known.product(torch.eye(9))
    features = {"Drug": Features(torch.cat([dense, dense[:1]]))}
    vectors = encoder(over(twin, counts), rows, features)["Drug"]
    assert torch.allclose(vectors[5], vectors[0], atol=1e-6)
    assert not torch.allclose(vectors[5], vectors[1], atol=1e-3)

    # With a lookup, a node that training never saw has none of the others' vectors.
    taught = built(name, features=True)
    alone = taught(over(EDGES, counts), rows, features)["Drug"]
    assert alone[5].isfinite().all()
    assert not torch.allclose(alone[5], alone[0], atol=1e-3)
