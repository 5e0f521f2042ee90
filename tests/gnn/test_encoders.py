"""Encoders against their formulas computed edge by edge, and R-GCN against PyG's layer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from scipy import sparse
from torch import Tensor
from torch_geometric.nn import RGCNConv

from medkg.gnn.encoders import HGT, CompGCN, Encoder, _RelationalConvolution
from medkg.gnn.message_edges import INVERSE, SparseMessageEdges, WeightedMessageEdges
from medkg.gnn.node_vectors import Features, NodeVectors
from medkg.gnn.settings import NetworkSettings

FORTH, BACK = ("Drug", "TARGETS", "Target"), ("Target", "TARGETS" + INVERSE, "Drug")
NEAR = ("Target", "INTERACTS_WITH", "Target")
COUNTS = {"Drug": 4, "Target": 6}


def random_edges(n_senders: int, n_receivers: int, n: int) -> Tensor:
    flat = torch.randperm(n_senders * n_receivers)[:n]
    return torch.stack([flat // n_receivers, flat % n_receivers])


def dense(edges: Tensor, n_senders: int, n_receivers: int) -> Tensor:
    matrix = torch.zeros(n_receivers, n_senders)
    matrix[edges[1], edges[0]] = 1
    return matrix


@pytest.mark.parametrize("weighted", [False, True])
def test_mean_and_its_gradient(weighted: bool) -> None:
    torch.manual_seed(0)
    edges = random_edges(5, 7, 12)
    messages = (
        WeightedMessageEdges(edges[0], edges[1], 7, torch.ones(12))
        if weighted
        else SparseMessageEdges(edges[0], edges[1], 5, 7)
    )
    x = torch.randn(5, 3, requires_grad=True)
    shares = dense(edges, 5, 7)
    shares = shares / shares.sum(1, keepdim=True).clamp_min(1)
    assert torch.allclose(messages.mean(x), shares @ x, atol=1e-6)
    pull = torch.randn(7, 3)
    (gradient,) = torch.autograd.grad((messages.mean(x) * pull).sum(), x)
    assert torch.allclose(gradient, shares.T @ pull, atol=1e-6)


@pytest.mark.parametrize("heads", [1, 3])
def test_dots_and_sums_and_their_gradients(heads: int) -> None:
    """Sums weighted by functions of dots, as an attention has them, beside dense products."""
    torch.manual_seed(0)
    edges = random_edges(5, 7, 12)
    there = dense(edges, 5, 7)
    q, k, x = (torch.randn(heads, n, 4, requires_grad=True) for n in (7, 5, 5))
    expected = ((q @ k.transpose(1, 2)).tanh() * there) @ x
    pull = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * pull).sum(), (q, k, x))
    for messages in (
        SparseMessageEdges(edges[0], edges[1], 5, 7),
        WeightedMessageEdges(edges[0], edges[1], 7, torch.ones(12)),
    ):
        sums = messages.sum(messages.dots(q, k).tanh(), x)
        assert torch.allclose(sums, expected, atol=1e-5)
        for ours, theirs in zip(
            torch.autograd.grad((sums * pull).sum(), (q, k, x)), wanted, strict=True
        ):
            assert torch.allclose(ours, theirs, atol=1e-5)


def test_sparse_products_are_in_full_precision_where_others_are_not() -> None:
    torch.manual_seed(0)
    edges = random_edges(5, 7, 12)
    messages = SparseMessageEdges(edges[0], edges[1], 5, 7)
    x, weight = torch.randn(1, 5, 4), torch.eye(4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        lower = x @ weight
        mean = messages.mean(lower[0])
        dots = messages.dots(torch.randn(1, 7, 4), lower)
    assert lower.dtype == torch.bfloat16
    assert mean.dtype == dots.dtype == torch.float32
    assert torch.allclose(mean, messages.mean(x[0]), atol=0.02)
    (gradient,) = torch.autograd.grad(mean.sum() + dots.sum(), weight)
    assert gradient.abs().sum() > 0


def test_what_a_product_s_buffer_held_is_left_out() -> None:
    edges = random_edges(5, 7, 12)
    messages = SparseMessageEdges(edges[0], edges[1], 5, 7)
    torch.use_deterministic_algorithms(True)  # uninitialised memory is filled with NaN
    try:
        assert torch.empty(1).isnan()
        x = torch.randn(1, 5, 3, requires_grad=True)
        sums = messages.sum(torch.ones(1, 12), x)
        (gradient,) = torch.autograd.grad(sums.sum(), x)
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.allclose(sums[0], dense(edges, 5, 7) @ x[0], atol=1e-6)
    assert gradient.isfinite().all()


def test_no_edges_give_nothing() -> None:
    none = torch.empty(2, 0, dtype=torch.int64)
    messages = SparseMessageEdges(none[0], none[1], 5, 7)
    q, k = torch.randn(2, 7, 3), torch.randn(2, 5, 3, requires_grad=True)
    sums = messages.sum(messages.dots(q, k), k)
    assert torch.equal(sums, torch.zeros(2, 7, 3))
    (gradient,) = torch.autograd.grad(sums.sum() + messages.mean(k[0]).sum(), k)
    assert torch.equal(gradient, torch.zeros_like(k))


def test_layer_equals_pyg() -> None:
    """One kind of node, three relations: the same numbers as torch_geometric.nn.RGCNConv."""
    torch.manual_seed(0)
    n, dim, types = 9, 4, [("Target", str(r), "Target") for r in range(3)]
    ours = _RelationalConvolution(types, dim, bases=2)
    theirs = RGCNConv(dim, dim, num_relations=3, num_bases=2)
    with torch.no_grad():
        theirs.weight.copy_(ours.bases)
        theirs.comp.copy_(ours.coefficients)
        theirs.root.copy_(ours.self_loop.weight.T)
        theirs.bias.copy_(ours.self_loop.bias)
    edges = [random_edges(n, n, 15) for _ in types]
    messages = {
        message_type: SparseMessageEdges(e[0], e[1], n, n)
        for message_type, e in zip(types, edges, strict=True)
    }
    x = torch.randn(n, dim)
    expected = theirs(x, torch.cat(edges, dim=1), torch.arange(3).repeat_interleave(15))
    vectors = ours({"Target": x}, {"Target": x}, messages)["Target"]
    assert torch.allclose(vectors, expected, atol=1e-5)


def made(
    kind: type[Encoder], **options: object
) -> tuple[Encoder, dict[tuple[str, str, str], Tensor]]:
    torch.manual_seed(0)
    settings = NetworkSettings(dim=8, dropout=0.0, heads=2, **options)  # type: ignore[arg-type]
    encoder = kind(COUNTS, [FORTH, BACK, NEAR], ["Drug", "Target"], settings, {})
    with torch.no_grad():  # from what they begin with nothing could be told
        for weights in encoder.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
    edges = random_edges(4, 6, 10)
    return encoder, {FORTH: edges, BACK: edges.flip(0), NEAR: random_edges(6, 6, 9)}


def by_type(
    edges: Mapping[tuple[str, str, str], Tensor],
) -> dict[tuple[str, str, str], SparseMessageEdges]:
    return {t: SparseMessageEdges(e[0], e[1], COUNTS[t[0]], COUNTS[t[2]]) for t, e in edges.items()}


def test_compgcn_by_hand() -> None:
    encoder, edges = made(CompGCN, layers=2)
    h = {kind: encoder.nodes.vectors[kind] for kind in COUNTS}
    z = encoder.relations
    for depth in range(2):
        layer = encoder.layers[depth]
        new = {kind: layer.itself(x * z[3]) for kind, x in h.items()}
        for row, t in enumerate((FORTH, BACK, NEAR)):
            weight = layer.inverse if t == BACK else layer.forth
            for node in range(COUNTS[t[2]]):
                senders = edges[t][0][edges[t][1] == node]
                if len(senders):
                    composed = torch.stack([h[t[0]][s] * z[row] for s in senders]).mean(0)
                    change = torch.zeros_like(new[t[2]])
                    change[node] = weight(composed)
                    new[t[2]] = new[t[2]] + change
        h = {kind: h[kind] + (x.relu() if depth == 0 else x) for kind, x in new.items()}
        z = layer.relations(z)
    vectors = encoder(by_type(edges))
    for kind in COUNTS:
        assert torch.allclose(vectors[kind], h[kind], atol=1e-4)


def test_hgt_by_hand() -> None:
    encoder, edges = made(HGT, layers=1)
    layer, h = encoder.layers[0], {kind: encoder.nodes.vectors[kind] for kind in COUNTS}
    vectors = encoder(by_type(edges))
    for kind, count in COUNTS.items():
        for node in range(count):
            parts = []
            for head in range(2):
                here = slice(4 * head, 4 * head + 4)
                query = layer.query[kind](h[kind][node])[here]
                scores, values = [], []
                for row, t in enumerate((FORTH, BACK, NEAR)):
                    if t[2] != kind:
                        continue
                    for s in edges[t][0][edges[t][1] == node]:
                        key = layer.key[t[0]](h[t[0]][s])[here] @ layer.for_keys[row, head]
                        scores.append(query @ key * layer.prior[row, head, 0] / 2)
                        value = layer.value[t[0]](h[t[0]][s])[here]
                        values.append(value @ layer.for_values[row, head])
                parts.append(
                    torch.stack(scores).softmax(0) @ torch.stack(values)
                    if scores
                    else torch.zeros(4)
                )
            mean = torch.nn.functional.gelu(torch.cat(parts))
            expected = h[kind][node] + layer.out[kind](mean)
            assert torch.allclose(vectors[kind][node], expected, atol=1e-4)


@pytest.mark.parametrize("is_sparse", [False, True])
def test_features_are_projected(is_sparse: bool) -> None:
    torch.manual_seed(0)
    x = torch.tensor([[3.0, 0, 4], [0, 0, 0], [0, 5, 0]])
    features = Features(sparse.csr_matrix(x.numpy()) if is_sparse else x)
    assert features.length() == pytest.approx(5)
    weight = torch.randn(3, 2)
    assert torch.allclose(features.product(weight), x @ weight)
    rows = torch.tensor([2, 0, 1, 2])
    assert torch.allclose(features.product(weight, rows), x[rows] @ weight)

    both = NodeVectors({"Drug": 3, "Target": 2}, 2, {"Drug": features})
    projection = both.projections["Drug"]
    expected = both.vectors["Drug"] + x / 5 @ projection.weight + projection.bias
    assert torch.allclose(both()["Drug"], expected)
    assert torch.equal(both()["Target"], both.vectors["Target"])
    alone = NodeVectors({"Drug": 3, "Target": 2}, 2, {"Drug": features}, lookup=False)
    assert set(alone.vectors) == {"Target"}
