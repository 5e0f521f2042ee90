"""The neighbour sampler: real edges, at most k of each type, and PyG's loaders take it."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.loader import LinkLoader, NodeLoader
from torch_geometric.sampler import (
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NegativeSampling,
    NodeSamplerInput,
)

from medkg.gnn.message_edges import SparseMessageEdges
from medkg.gnn.network import LinkNetwork, both_ways, messages_over
from medkg.gnn.sampler import NeighbourSampler, without_seed_edges
from medkg.gnn.settings import NetworkSettings

COUNTS = {"Disease": 20, "Drug": 40, "Target": 60}
TARGETS, TREATS = ("Drug", "TARGETS", "Target"), ("Drug", "TREATS", "Disease")
NEAR = ("Target", "INTERACTS_WITH", "Target")
TYPES = (TARGETS, TREATS, NEAR)


def edges_of(n_heads: int, n_tails: int, n: int) -> Tensor:
    flat = torch.randperm(n_heads * n_tails)[:n]
    return torch.stack([flat // n_tails, flat % n_tails])


@pytest.fixture(scope="module")
def data() -> HeteroData:
    """Both directions of three relations, edges in no order."""
    torch.manual_seed(0)
    data = HeteroData()
    for kind, n in COUNTS.items():
        data[kind].num_nodes = n
        data[kind].number = torch.arange(n)
    for t, n in zip(TYPES, (300, 100, 200), strict=True):
        edges = edges_of(COUNTS[t[0]], COUNTS[t[2]], n)
        for message_type, index in zip(both_ways(t), (edges, edges.flip(0)), strict=True):
            data[message_type].edge_index = index
    return data


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def around(data: HeteroData, seeds: Tensor, k: list[int], seed: int = 0) -> HeteroSamplerOutput:
    sampler = NeighbourSampler(data, k, generator=seeded(seed))
    return sampler.sample_from_nodes(NodeSamplerInput(None, seeds, input_type="Drug"))


def pairs(edges: Tensor) -> set[tuple[int, int]]:
    return {(a, b) for a, b in edges.T.tolist()}


def test_a_sample_is_of_real_edges_and_no_more_than_k(data: HeteroData) -> None:
    seeds = torch.tensor([7, 3, 30])
    out = around(data, seeds, [4, 2])
    assert out.node["Drug"][:3].tolist() == [7, 3, 30]
    for kind, nodes in out.node.items():
        assert nodes.unique().numel() == len(nodes)
        assert sum(out.num_sampled_nodes[kind]) == len(nodes)
    more_than_k = 0
    for t in data.edge_types:
        row, col = out.node[t[0]][out.row[t]], out.node[t[2]][out.col[t]]
        sampled = torch.stack([row, col])
        assert len(pairs(sampled)) == sampled.shape[1]  # without replacement
        assert torch.equal(sampled, data[t].edge_index[:, out.edge[t]])
        # Seeds are asked in the first step, what they brought in the second.
        first = sum(out.num_sampled_nodes[t[2]][:1])
        drawn = torch.bincount(out.col[t], minlength=len(out.node[t[2]]))
        has = torch.bincount(data[t].edge_index[1], minlength=COUNTS[t[2]])[out.node[t[2]]]
        second = first + out.num_sampled_nodes[t[2]][1]
        assert torch.equal(drawn[:first], has[:first].clamp_max(4))
        assert torch.equal(drawn[first:second], has[first:second].clamp_max(2))
        assert not drawn[second:].any()
        more_than_k += int((has[:second] > 4).sum())
    assert more_than_k >= 10  # there was something to leave out


def test_the_seed_decides(data: HeteroData) -> None:
    seeds = torch.arange(10)
    first, same, other = (around(data, seeds, [2, 2], seed).edge for seed in (1, 1, 2))
    assert all(torch.equal(first[t], same[t]) for t in data.edge_types)
    assert not all(torch.equal(first[t], other[t]) for t in data.edge_types)


def test_each_neighbour_is_drawn_as_often_as_another() -> None:
    hub = HeteroData()
    hub["Drug"].num_nodes, hub["Target"].num_nodes = 12, 1
    hub[TARGETS].edge_index = torch.stack([torch.arange(12), torch.zeros(12, dtype=torch.int64)])
    sampler = NeighbourSampler(hub, [5], generator=seeded(0))
    drawn = torch.zeros(12)
    for _ in range(1200):
        seeds = NodeSamplerInput(None, torch.tensor([0]), input_type="Target")
        drawn[sampler.sample_from_nodes(seeds).edge[TARGETS]] += 1
    assert drawn.sum() == 6000
    # Each 500 times; the standard deviation is 17.
    assert (drawn - 500).abs().max() < 80


def test_a_hub_takes_no_more_than_k() -> None:
    star = HeteroData()
    star["Drug"].num_nodes, star["Target"].num_nodes = 500_000, 1
    heads = torch.arange(500_000)
    star[TARGETS].edge_index = torch.stack([heads, torch.zeros_like(heads)])
    seeds = NodeSamplerInput(None, torch.tensor([0]), input_type="Target")
    out = NeighbourSampler(star, [5], generator=seeded(0)).sample_from_nodes(seeds)
    assert len(out.node["Drug"]) == len(out.edge[TARGETS]) == 5


def test_numbers_of_neighbours_by_type(data: HeteroData) -> None:
    k = {t: [3, 3] if t == both_ways(TREATS)[1] else [0, 0] for t in data.edge_types}
    seeds = NodeSamplerInput(None, torch.arange(10), input_type="Drug")
    out = NeighbourSampler(data, k, generator=seeded(0)).sample_from_nodes(seeds)
    assert {t for t in data.edge_types if len(out.edge[t])} == {both_ways(TREATS)[1]}


def test_the_edges_asked_for_can_be_left_out(data: HeteroData) -> None:
    heads, tails = data[TARGETS].edge_index[:, :50]
    sampler = NeighbourSampler(data, [-1, -1])
    out = sampler.sample_from_edges(EdgeSamplerInput(None, heads, tails, input_type=TARGETS))
    before = {t: pairs(data[t].edge_index[:, out.edge[t]]) for t in data.edge_types}
    out = without_seed_edges(out, *both_ways(TARGETS))
    seed_pairs = set(zip(heads.tolist(), tails.tolist(), strict=True))
    forth, back = both_ways(TARGETS)
    after = {t: pairs(data[t].edge_index[:, out.edge[t]]) for t in data.edge_types}
    assert seed_pairs <= before[forth]
    assert after[forth] == before[forth] - seed_pairs
    assert after[back] == before[back] - {(t, h) for h, t in seed_pairs}
    assert all(after[t] == before[t] for t in data.edge_types if t not in (forth, back))
    ends = out.metadata[1]
    assert torch.equal(out.node["Drug"][ends[0]], heads)
    assert torch.equal(out.node["Target"][ends[1]], tails)


@pytest.mark.parametrize("encoder", ["rgcn", "compgcn", "hgt"])
def test_all_neighbours_give_the_vectors_of_the_whole_graph(data: HeteroData, encoder: str) -> None:
    torch.manual_seed(0)
    settings = NetworkSettings(encoder=encoder, dim=8, heads=2, dropout=0.0, context=(TREATS, NEAR))
    network = LinkNetwork(COUNTS, TARGETS, settings).eval()
    messages = {
        t: m for e in TYPES for t, m in messages_over(e, data[e].edge_index, COUNTS).items()
    }
    seeds = torch.tensor([5, 0, 22])
    with torch.no_grad():
        whole = network(messages)["Drug"][seeds]
        for k, equal in ((-1, True), (1, False)):
            out = around(data, seeds, [k, k])
            part = {
                t: SparseMessageEdges(
                    out.row[t], out.col[t], len(out.node[t[0]]), len(out.node[t[2]])
                )
                for t in out.row
            }
            vectors = network(part, out.node)["Drug"][:3]
            assert torch.allclose(vectors, whole, atol=1e-5) == equal


def test_pyg_loaders_take_it(data: HeteroData) -> None:
    nodes = NodeLoader(data, NeighbourSampler(data, [4, 2]), ("Drug", None), batch_size=16)
    seen = []
    for batch in nodes:
        seen += batch["Drug"].n_id[: batch["Drug"].batch_size].tolist()
        assert torch.equal(batch["Target"].number, batch["Target"].n_id)
        for t in data.edge_types:
            row, col = batch[t].edge_index
            labelled = torch.stack([batch[t[0]].n_id[row], batch[t[2]].n_id[col]])
            assert pairs(labelled) <= pairs(data[t].edge_index)
    assert seen == list(range(40))

    edges = data[TARGETS].edge_index
    for sampling, negatives in ((None, 0), (NegativeSampling("triplet", amount=2), 2)):
        links = LinkLoader(
            data,
            NeighbourSampler(data, [4, 2]),
            edge_label_index=(TARGETS, edges),
            neg_sampling=sampling,
            batch_size=64,
            transform_sampler_output=partial(
                without_seed_edges, forth=TARGETS, back=both_ways(TARGETS)[1]
            ),
        )
        labelled = []
        for batch in links:
            heads, tails = batch["Drug"].n_id, batch["Target"].n_id
            if negatives:
                at = batch["Drug"].src_index, batch["Target"].dst_pos_index
                assert batch["Target"].dst_neg_index.shape == (len(at[0]), negatives)
            else:
                at = tuple(batch[TARGETS].edge_label_index)
            wanted = torch.stack([heads[at[0]], tails[at[1]]])
            labelled.append(wanted)
            row, col = batch[TARGETS].edge_index
            assert not pairs(wanted) & pairs(torch.stack([heads[row], tails[col]]))
        assert torch.equal(torch.cat(labelled, dim=1), edges)
