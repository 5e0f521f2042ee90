"""Speed and memory of training graph neural networks, as the graph grows.

Hetionet (MEDKG_DATA, by default ../shared/data) and synthetic graphs: three kinds of nodes, six
relations, ten triples a node, a node's degree as skewed as in real graphs; 20,000 edges of one
relation are learned, messages go over all others. With --batch they go over sampled neighbours.

    python benchmarks/gnn_speed.py [--triples 1e6,1e7] [--encoders rgcn,compgcn,hgt]
        [--batch 0,1024] [--epochs 2] [--dim 64] [--threads 1] [--device cpu] [--no-hetionet]

Prints Markdown. Each row is a process of its own, whose peak memory is given (for a GPU also what
was allocated there). An epoch is one pass over the edges learned; seconds of CPU are summed over
threads. 1e8 triples take some 20 GB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import HeteroData

from medkg.core.ranking import pair_matrix
from medkg.gnn.data import EdgeType, to_hetero_data
from medkg.gnn.settings import NetworkSettings
from medkg.gnn.training import train_network
from medkg.loaders.sources import load

TARGETS = ("Drug", "TARGETS", "Target")
CONTEXT = (
    ("Disease", "ASSOCIATED_WITH", "Target"),
    ("Drug", "DOWNREGULATES", "Target"),
    ("Drug", "TREATS", "Disease"),
    ("Drug", "UPREGULATES", "Target"),
    ("Target", "INTERACTS_WITH", "Target"),
)
LEARNED = 20_000


def synthetic(triples: int) -> HeteroData:
    """A graph with so many triples; the same each time."""
    torch.manual_seed(0)
    data = HeteroData()
    shares = {"Drug": 0.3, "Target": 0.5, "Disease": 0.2}
    for kind, share in shares.items():
        data[kind].num_nodes = max(100, int(triples / 10 * share))

    def edges(edge_type: EdgeType, n: int) -> torch.Tensor:
        ends = [
            (torch.rand(n, dtype=torch.float64) ** 2 * data[kind].num_nodes).long()
            for kind in (edge_type[0], edge_type[2])
        ]
        return torch.stack(ends)[:, torch.argsort(ends[1])]

    data[TARGETS].edge_index = edges(TARGETS, LEARNED)
    for edge_type in CONTEXT:
        data[edge_type].edge_index = edges(edge_type, (triples - LEARNED) // len(CONTEXT))
    return data


def hetionet() -> HeteroData:
    """All of Hetionet that is here."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return to_hetero_data(
        load("hetionet", Path(os.environ.get("MEDKG_DATA", default)) / "hetionet")
    )


def measure(
    graph: int | None, settings: dict[str, Any], epochs: int, threads: int, device: str
) -> str:
    """Train some epochs; a row of the table."""
    torch.set_num_threads(threads)
    data = hetionet() if graph is None else synthetic(graph)
    triples = sum(data[t].num_edges for t in data.edge_types)
    pairs = data[TARGETS].edge_index.T.numpy().astype(np.int64)
    known = pair_matrix(pairs, (data["Drug"].num_nodes, data["Target"].num_nodes))
    context = tuple(t for t in data.edge_types if t != TARGETS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = []
    for n in (1, 1 + epochs):  # the difference is epochs alone, without what is made before them
        network = NetworkSettings(context=context, epochs=n, every=n, **settings)
        start = time.perf_counter(), time.process_time()
        train_network(
            data, TARGETS, known, network, lambda *_: 0.0, seed=0, device=torch.device(device)
        )
        took.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    wall, cpu = ((took[1][i] - took[0][i]) / epochs for i in (0, 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cells = [
        "Hetionet" if graph is None else "synthetic",
        f"{triples:,}",
        network.encoder,
        f"{network.batch:,}" if network.batch else "whole graph",
        f"{wall:.2f}",
        f"{cpu:.2f}",
        f"{before / 2**20:.2f}",
        f"{peak / 2**20:.2f}",
    ]
    if device != "cpu":
        cells.append(f"{torch.cuda.max_memory_allocated() / 2**30:.2f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of graph neural networks.")
    parser.add_argument("--triples", default="1e6")
    parser.add_argument("--encoders", default="rgcn,compgcn,hgt")
    parser.add_argument("--batch", default="0,1024")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-hetionet", action="store_true")
    arguments = parser.parse_args()
    graphs: list[int | None] = [] if arguments.no_hetionet else [None]
    graphs += [int(float(text)) for text in arguments.triples.split(",") if text]
    head = [
        "graph", "triples", "encoder", "edges a step", "s/epoch", "CPU s/epoch",
        "GB before", "GB at peak",
    ]  # fmt: skip
    if arguments.device != "cpu":
        head.append("GB on the GPU")
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    fresh = multiprocessing.get_context("spawn")
    for graph in graphs:
        for encoder in arguments.encoders.split(","):
            for batch in arguments.batch.split(","):
                settings = {
                    "encoder": encoder,
                    "dim": arguments.dim,
                    "batch": int(batch),
                }
                with fresh.Pool(1) as pool:
                    row = pool.apply(
                        measure,
                        (graph, settings, arguments.epochs, arguments.threads, arguments.device),
                    )
                print(row, flush=True)


if __name__ == "__main__":
    main()
