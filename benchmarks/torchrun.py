"""Training on several processes of torchrun, on one machine: quality, time and memory.

    python benchmarks/torchrun.py                       all of it
    python benchmarks/torchrun.py --processes 1 2 --edges 0 --seeds 0 1 2

*Quality*: `medkg train links` (the default network, with sampled batches of 256 edges of all
processes together) and `medkg train embeddings`, on the starter set or the graph folder of
--graph: the MRR of the edges held back; embeddings have the first seed alone, since processes take
the steps that one does (`tests/gnn/test_parallel.py`). *Epoch*: one of the default network with
sampled neighbours over a made-up graph (that of `benchmarks/gnn_speed.py`) of so many edges, of
which --learned are learned, --batch in a step, and the others are what messages go over. *Table*:
an epoch of embeddings (ComplEx, 128 numbers each) of --nodes nodes over --learned made-up triples,
--batch in a step; its memory is the most until the model is written. Where Linux tells, files that
are mapped into memory don't count, which the system drops when it needs room.
Seconds of processors are those of all processes together; memory is that of the largest one.
Processes talk over gloo, with one thread each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gnn_speed
import numpy as np
import torch

import medkg
from medkg.core.ranking import pair_matrix
from medkg.core.tensors import save_tensors
from medkg.gnn import parallel, training
from medkg.gnn.embeddings.training import Training
from medkg.gnn.settings import EmbeddingSettings, NetworkSettings
from medkg.gnn.triples import Triples

QUALITY_BATCH = 256  # edges a step, of all processes together
MAC = sys.platform == "darwin"  # where memory is in bytes, not in kilobytes


@dataclass(frozen=True)
class Run:
    """What a command took: seconds, seconds of all its processes, GB of the largest one."""

    seconds: float
    cpu: float
    gb: float
    printed: str


def torchrun(processes: int, command: Sequence[str]) -> Run:
    """Run a command by torchrun in so many processes."""
    start = ["-m", "torch.distributed.run", "--standalone", "--no-python"]
    whole = [sys.executable, *start, "--nproc-per-node", str(processes), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(whole, stdout=output, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if process.returncode:
            raise SystemExit(f"{' '.join(whole)} ended with {process.returncode}")
        output.seek(0)
        printed = output.read()
    gb = used.ru_maxrss * (1 if MAC else 1024) / 1e9
    return Run(seconds, used.ru_utime + used.ru_stime, gb, printed)


def row(cells: Sequence[object]) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def quality(graph: Path, processes: Sequence[int], seeds: Sequence[int]) -> None:
    """Print a row for each seed, model and number of processes."""
    row(["model", "seed", "processes", "MRR", "epochs", "s", "CPU s", "GB of a process"])
    row(["---", *["---:"] * 7])
    medkg_command = str(Path(sys.executable).with_name("medkg"))
    trainings = [(seed, model) for seed in seeds for model in ("links", "embeddings")]
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "settings.toml"
        for seed, model in trainings:
            if model == "embeddings" and seed != seeds[0]:
                continue
            for n in processes:
                # Embeddings' batches are of all processes together, a network's of each.
                table = f"[network]\nbatch = {QUALITY_BATCH // n}\n"
                config.write_text(table if model == "links" else "", encoding="utf-8")
                out = str(Path(name) / f"{model}-{n}-{seed}")
                command = [medkg_command, "train", model, str(graph), "--out", out, "--json"]
                command += ["--config", str(config), "--seed", str(seed), "--device", "cpu"]
                run = torchrun(n, command)
                metrics = json.loads(run.printed)
                cells = [f"{run.seconds:.0f}", f"{run.cpu:.0f}", f"{run.gb:.2f}"]
                row([model, seed, n, mrr(metrics), metrics["training"]["epochs"], *cells])


def mrr(metrics: dict[str, Any]) -> str:
    """With its 95 % interval: of a network that of the test edges' tails, of embeddings that of the
    edges held back, both sides."""
    figures = metrics["test"]["tail"] if "test" in metrics else metrics["valid"]
    low, high = figures["mrr_interval"]
    return f"{figures['mrr']:.3f} ({low:.3f} to {high:.3f})"


def epoch(edges: int, learned: int, batch: int, processes: Sequence[int]) -> None:
    """Print a row for each number of processes."""
    print(f"\n{edges:,} edges, of which {learned:,} are learned in an epoch, {batch:,} a step\n")
    sizes = ["--edges", str(edges), "--learned", str(learned), "--batch", str(batch)]
    each_number(processes, ["--one-epoch", *sizes])


def table(nodes: int, learned: int, batch: int, processes: Sequence[int]) -> None:
    """Print a row for each number of processes."""
    print(f"\nEmbeddings of {nodes:,} nodes, {learned:,} triples in an epoch, {batch:,} a step\n")
    sizes = ["--nodes", str(nodes), "--learned", str(learned), "--batch", str(batch)]
    each_number(processes, ["--one-table", *sizes])


def each_number(processes: Sequence[int], arguments: Sequence[str]) -> None:
    """Run this script with the arguments in so many processes, and print a row for each number."""
    row(["processes", "s", "CPU s", "GB of a process", "all: s", "CPU s"])
    row(["---:"] * 6)
    for n in processes:
        run = torchrun(n, [sys.executable, __file__, *arguments])
        each = [json.loads(line) for line in run.printed.splitlines()]
        row(
            [
                n,
                f"{max(one['seconds'] for one in each):.1f}",
                f"{sum(one['cpu'] for one in each):.1f}",
                f"{max(one['gb'] for one in each):.2f}",
                f"{run.seconds:.0f}",
                f"{run.cpu:.0f}",
            ]
        )


def one_epoch(edges: int, learned: int, batch: int) -> dict[str, float]:
    """Train an epoch in this process, one of several; its seconds, and its memory at the peak."""
    gnn_speed.LEARNED = learned
    data = gnn_speed.synthetic(edges)
    edge_type = gnn_speed.TARGETS
    pairs = data[edge_type].edge_index.T.numpy().astype(np.int64)
    known = pair_matrix(pairs, (data[edge_type[0]].num_nodes, data[edge_type[2]].num_nodes))
    settings = NetworkSettings(
        context=gnn_speed.CONTEXT, epochs=1, every=1, batch=batch // parallel.size()
    )
    figures: dict[str, float] = {}
    train_epoch = training._train_epoch

    def timed(*arguments: Any) -> None:
        with measured(figures):
            train_epoch(*arguments)

    training._train_epoch = timed
    training.train_network(
        data, edge_type, known, settings, lambda *_: 0.0, seed=0, device=torch.device("cpu")
    )
    return figures


def one_table(nodes: int, learned: int, batch: int) -> dict[str, float]:
    """As `one_epoch`, of embeddings."""
    draw = np.random.default_rng(0)
    ends = draw.integers(0, nodes, (learned, 2))
    edges = np.stack([ends[:, 0], np.zeros(learned, dtype=np.int64), ends[:, 1]], axis=1)
    triples = Triples(edges, np.array([0, nodes]), np.array([[0, 0]]))
    device = parallel.join(torch.device("cpu"))
    figures: dict[str, float] = {}
    folder = Path(tempfile.gettempdir()) / f"medkg-table-{os.environ['TORCHELASTIC_RUN_ID']}"
    trained = Training(triples, EmbeddingSettings(epochs=2, batch=batch), 0, device, folder)
    with measured(figures):
        trained.run_epoch()
    with measured(afterwards := dict(figures)):  # validation, a checkpoint, the model
        trained.embeddings_in_first()
        trained.record_validation(0.1)
        trained.record_validation(0.2)
        trained.write()
        best = trained.embeddings(best=True)
        if parallel.rank() == 0:
            tensors = {"nodes": best.nodes, "relations": best.relations}
            save_tensors(tensors, folder / "model.safetensors")
            shutil.rmtree(folder)
    return {**figures, "gb": max(figures["gb"], afterwards["gb"])}


@contextmanager
def measured(figures: dict[str, float]) -> Iterator[None]:
    """Write the seconds of the block, and this process's memory at the peak."""
    done, memory = threading.Event(), [own_memory()]

    def watch() -> None:
        while not done.wait(0.05):
            memory.append(own_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, worked = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        figures["seconds"] = time.perf_counter() - began
        figures["cpu"] = time.process_time() - worked
        done.set()
        watcher.join()
        figures["gb"] = max(memory)


def own_memory() -> float:
    """GB of this process, without the files that are mapped into its memory where Linux tells."""
    status = Path("/proc/self/status")
    if status.exists() and (own := re.search(r"RssAnon:\s+(\d+) kB", status.read_text())):
        return int(own[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if MAC else 1024) / 1e9


def main() -> None:
    """Print the tables, as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--graph", type=Path, help="a graph folder; default: the starter set")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2], help="none: no quality")
    parser.add_argument("--edges", type=int, default=10_000_000, help="0: no epoch is measured")
    parser.add_argument("--learned", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=1024, help="of all processes together")
    parser.add_argument("--nodes", type=int, default=10_000_000, help="0: no table is measured")
    parser.add_argument("--one-epoch", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one-table", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one_epoch or given.one_table:
        train_one, size = (one_epoch, given.edges) if given.one_epoch else (one_table, given.nodes)
        # One write, so that lines of several processes don't mix.
        sys.stdout.write(json.dumps(train_one(size, given.learned, given.batch)) + "\n")
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, PyTorch"
        f" {torch.__version__}; load average {os.getloadavg()[0]:.1f} at the start\n"
    )
    with tempfile.TemporaryDirectory() as name:
        if given.seeds:
            graph = given.graph
            if graph is None:
                graph = Path(name) / "starter"
                medkg.load("starter").save(graph)
            quality(graph, given.processes, given.seeds)
        if given.edges:
            epoch(given.edges, given.learned, given.batch, given.processes)
        if given.nodes:
            table(given.nodes, given.learned, given.batch, given.processes)
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
