"""R-GCN against its formula computed edge by edge, and against PyG's layer."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import RGCNConv

from medkg.gnn.links.encoders import (
    INVERSE,
    RGCN,
    Lookup,
    SparseMessages,
    WeightedMessages,
    _RelationalConvolution,
)


def random_edges(n_senders: int, n_receivers: int, n: int) -> torch.Tensor:
    flat = torch.randperm(n_senders * n_receivers)[:n]
    return torch.stack([flat // n_receivers, flat % n_receivers])


@pytest.mark.parametrize("weighted", [False, True])
def test_mean_and_its_gradient(weighted: bool) -> None:
    torch.manual_seed(0)
    edges = random_edges(5, 7, 12)
    messages = (
        WeightedMessages(edges[0], edges[1], 7, torch.ones(12))
        if weighted
        else SparseMessages(edges[0], edges[1], 5, 7)
    )
    x = torch.randn(5, 3, requires_grad=True)
    dense = torch.zeros(7, 5)
    dense[edges[1], edges[0]] = 1
    dense = dense / dense.sum(1, keepdim=True).clamp_min(1)
    assert torch.allclose(messages.mean(x), dense @ x, atol=1e-6)
    pull = torch.randn(7, 3)
    (found,) = torch.autograd.grad((messages.mean(x) * pull).sum(), x)
    assert torch.allclose(found, dense.T @ pull, atol=1e-6)


def test_weight_zero_is_removal() -> None:
    torch.manual_seed(0)
    edges, x = random_edges(5, 7, 12), torch.randn(5, 3)
    weights = torch.ones(12)
    weights[3] = 0
    left = torch.cat([edges[:, :3], edges[:, 4:]], dim=1)
    removed = SparseMessages(left[0], left[1], 5, 7).mean(x)
    assert torch.allclose(
        WeightedMessages(edges[0], edges[1], 7, weights).mean(x), removed, atol=1e-6
    )


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
        message_type: SparseMessages(e[0], e[1], n, n)
        for message_type, e in zip(types, edges, strict=True)
    }
    x = torch.randn(n, dim)
    expected = theirs(x, torch.cat(edges, dim=1), torch.arange(3).repeat_interleave(15))
    found = ours({"Target": x}, {"Target": x}, messages)["Target"]
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_vector_depends_on_its_neighbourhood_alone() -> None:
    torch.manual_seed(0)
    counts = {"Drug": 4, "Target": 5}
    forth, back = ("Drug", "TARGETS", "Target"), ("Target", "TARGETS" + INVERSE, "Drug")
    edges = torch.tensor([[0, 0, 1], [0, 1, 2]])
    messages = {
        forth: SparseMessages(edges[0], edges[1], 4, 5),
        back: SparseMessages(edges[1], edges[0], 5, 4),
    }
    network = RGCN(counts, [forth, back], dim=6, wanted=["Drug", "Target"], layers=1).eval()
    before = network(messages)
    assert before["Drug"].shape == (4, 6)
    assert before["Target"].shape == (5, 6)
    with torch.no_grad():
        network.lookup.vectors["Target"][2] += 1
    after = network(messages)
    changed = (before["Drug"] != after["Drug"]).any(1)
    assert changed.tolist() == [False, True, False, False]


def test_lookup_is_its_vectors() -> None:
    torch.manual_seed(0)
    network = Lookup({"Drug": 3}, dim=4).eval()
    assert torch.equal(network({})["Drug"], network.vectors["Drug"])
