"""The encoders' layers beside PyG's own convolutions of the same kind, over all of Hetionet.

Two layers, forward and backward, all nodes, both ways of each relation: seconds of a processor for
one step, and the memory at its peak. The products with sparse matrices are those of
`medkg.gnn.encoders`; PyG's make a vector for every edge. Each row is a process of its own, on one
thread, after a step that isn't counted. PyG has no CompGCN.

    MEDKG_DATA=DATA python benchmarks/convolutions.py [--encoders rgcn,hgt] [--dim 64] [--steps 3]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable

import torch
from gnn_speed import hetionet
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import HGTConv, RGCNConv

from medkg.gnn.encoders import ENCODERS
from medkg.gnn.network import both_ways, messages_over
from medkg.gnn.settings import NetworkSettings

_LAYERS, _HEADS, _BASES = 2, 4, 8


def ours(data: HeteroData, encoder: str, dim: int) -> Callable[[], Tensor]:
    """A step of an encoder; gives the sum of all vectors."""
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    settings = NetworkSettings(encoder=encoder, dim=dim, layers=_LAYERS, dropout=0.0)
    types = [message_type for t in data.edge_types for message_type in both_ways(t)]
    network = ENCODERS[encoder](counts, types, data.node_types, settings, {})
    messages = {}
    for edge_type in data.edge_types:
        messages |= messages_over(edge_type, data[edge_type].edge_index, counts)
    return lambda: torch.stack([x.sum() for x in network(messages).values()]).sum()


def pygs(data: HeteroData, encoder: str, dim: int) -> Callable[[], Tensor]:
    """The same of PyG's layers."""
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    edges = {}
    for edge_type in data.edge_types:
        forth, back = both_ways(edge_type)
        edges[forth] = data[edge_type].edge_index
        edges[back] = data[edge_type].edge_index.flip(0)
    vectors = nn.ParameterDict({k: nn.Parameter(torch.randn(n, dim)) for k, n in counts.items()})
    if encoder == "hgt":
        names = {t: (t[0], t[1].replace("^-1", "_back"), t[2]) for t in edges}
        metadata = (list(counts), list(names.values()))
        layers = [HGTConv(dim, dim, metadata, _HEADS) for _ in range(_LAYERS)]
        named = {names[t]: edge_index for t, edge_index in edges.items()}

        def attend() -> Tensor:
            x = dict(vectors.items())
            for layer in layers:
                x = layer(x, named)
            return torch.stack([h.sum() for h in x.values()]).sum()

        return attend
    starts, total = {}, 0
    for kind, count in counts.items():
        starts[kind], total = total, total + count
    ends = [
        edge_index + torch.tensor([[starts[t[0]]], [starts[t[2]]]])
        for t, edge_index in edges.items()
    ]
    index = torch.cat(ends, dim=1)
    number = torch.arange(len(ends)).repeat_interleave(torch.tensor([e.shape[1] for e in ends]))
    convolutions = [RGCNConv(dim, dim, len(ends), num_bases=_BASES) for _ in range(_LAYERS)]

    def convolve() -> Tensor:
        x = torch.cat(list(vectors.values()))
        for layer in convolutions:
            x = torch.relu(layer(x, index, number))
        return x.sum()

    return convolve


def measure(which: str, encoder: str, dim: int, steps: int) -> str:
    """A row of the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = hetionet()
    step = {"medkg": ours, "PyG": pygs}[which](data, encoder, dim)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    torch.autograd.backward(step())
    start = time.process_time()
    for _ in range(steps):
        torch.autograd.backward(step())
    seconds = (time.process_time() - start) / steps
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"| {encoder} | {which} | {seconds:.1f} | {before / 2**20:.1f} | {peak / 2**20:.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Encoders' layers beside PyG's convolutions.")
    parser.add_argument("--encoders", default="rgcn,hgt")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    print("| encoder | layers | CPU s a step | GB before | GB at peak |\n|---|---|---|---|---|")
    for encoder in arguments.encoders.split(","):
        for which in ("medkg", "PyG"):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                row = pool.apply(measure, (which, encoder, arguments.dim, arguments.steps))
            print(row, flush=True)


if __name__ == "__main__":
    main()
