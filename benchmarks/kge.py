"""Embeddings of a whole graph: medkg beside PyKEEN 1.11, same model, data and threads.

Data: the edges of Hetionet v1.0 in MEDKG_DATA (by default ../shared/data), folder hetionet; every
metaedge is a relation. One in a hundred edges, by chance, is held out.

    python benchmarks/kge.py [--decoders transe,…] [--parts 8192,256,evaluation] [--rounds 2]
        [--threads 2] [--peer-home DIR] [--out FILE]

PyKEEN is installed into an environment of its own under --peer-home. It trains and evaluates as it
does by default (Adam, one negative a triple, its decoder's own loss); TransE with the Euclidean
norm; complex decoders of dimension 128 have 128 complex numbers in both. medkg's settings below
were chosen by the MRR that is shown. Each measurement is a process of its own with as many threads
(of which medkg uses one at batch 256), medkg and PyKEEN in turn; figures are medians over the
rounds. medkg's speed is that of 400,000 triples or more.

- 8192, 256: training triples a second (of the clock, and of CPU time, which other work on the
  machine disturbs less) at that batch size; then the filtered MRR of the held-out triples, both
  sides, among all nodes, ties half, for both tools by the same code. At 8192 both learn the same
  triples for `--epochs`; at 256 both learn the same part of them once.
- evaluation: filtered, both sides, among all nodes, each tool by its own code over embeddings that
  were trained at 8192: triples a second, the process's greatest memory, and the MRR of the same
  triples by both.

With --out figures are kept as JSON, so that a run in parts prints one table.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

DIM = 128
DECODERS = ("transe", "distmult", "complex", "rotate")
PARTS = ("8192", "256", "evaluation")
SAMPLE = 4_000  # held-out triples whose MRR is shown beside a speed
# Triples that both learn at batch 256, and that the peer evaluates: enough for some seconds.
LEARNED = {"transe": 25_600, "distmult": 25_600, "complex": 12_800, "rotate": 12_800}
AT_LEAST = 400_000  # triples over which medkg's speed is measured
PEER_EVALUATED = {"transe": 600, "distmult": 600, "complex": 600, "rotate": 150}
# medkg's settings: for all, by batch and by decoder.
SETTINGS: dict[str, dict[str, Any]] = {
    "all": {
        "sides": 1,
        "sampler": "mixed",
        "learning_rate": 0.1,
        "schedule": "constant",
        "reciprocal": False,
        "n3": 0.0,
    },
    "8192": {"negatives": 32},
    "256": {"negatives": 16},
    "transe": {"loss": "margin", "margin": 3.0, "sampler": "typed", "scale": 0.3},
    "rotate": {"loss": "margin", "margin": 3.0, "scale": 0.3},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Embeddings beside PyKEEN.")
    parser.add_argument("--decoders", default=",".join(DECODERS))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--triples", type=int, help="learned at 8192; all if not given")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer-home", type=Path, default=Path.home() / ".cache" / "medkg-peers")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--task", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task is not None:
        do(json.loads(arguments.task.read_text(encoding="utf-8")))
        return

    kept: dict[str, list[dict[str, Any]]] = {}
    if arguments.out is not None and arguments.out.is_file():
        kept = json.loads(arguments.out.read_text(encoding="utf-8"))
    pythons = {"medkg": sys.executable, "pykeen": str(peer(arguments.peer_home))}
    decoders, parts = arguments.decoders.split(","), arguments.parts.split(",")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for decoder in decoders:
            for number in range(arguments.rounds):
                for part in parts:
                    for tool in ("medkg", "pykeen"):
                        batch = 8192 if part == "evaluation" else int(part)
                        model = folder / f"{tool}-{decoder}-8192.npz"
                        task = {
                            "tool": tool,
                            "part": part,
                            "decoder": decoder,
                            "batch": batch,
                            "epochs": arguments.epochs,
                            "seed": number,
                            "threads": arguments.threads,
                            "triples": arguments.triples,
                            "folder": name,
                            "model": str(model),
                        }
                        if part == "evaluation" and not model.exists():
                            run(pythons[tool], {**task, "part": "8192"})
                        figures = run(pythons[tool], task)
                        if "vectors" in figures:
                            vectors = figures.pop("vectors")
                            figures["mrr"] = run(
                                sys.executable, {**task, "part": "mrr", "model": vectors}
                            )["mrr"]
                        print(tool, decoder, part, json.dumps(figures), file=sys.stderr)
                        kept.setdefault(f"{part} {decoder} {tool}", []).append(figures)
                        if arguments.out is not None:
                            arguments.out.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    report(kept)


def peer(home: Path) -> Path:
    """The Python of an environment with PyKEEN, made if it isn't there."""
    python = home / "pykeen-1.11" / "bin" / "python"
    if not (home / "pykeen-1.11" / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home / "pykeen-1.11")], check=True)
        install = [str(python), "-m", "pip", "install", "-q", "pykeen==1.11.*"]
        subprocess.run(install, check=True)
        (home / "pykeen-1.11" / "complete").touch()
    return python


def prepare(folder: Path) -> None:
    """Write the triples as numbers: train, valid, the kinds of nodes and of relations' ends."""
    import polars as pl

    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    data = Path(os.environ.get("MEDKG_DATA", default)) / "hetionet"
    import lzma

    frames = []
    for file in sorted(data.glob("edges-*.tsv.xz")):
        with lzma.open(file) as text:
            frames.append(
                pl.read_csv(text.read(), separator="\t").select("source", "metaedge", "target")
            )
    edges = pl.concat(frames).unique(maintain_order=True)
    # Identifiers begin with their kind, so that the nodes of a kind have numbers in a row.
    nodes = sorted(set(edges["source"]) | set(edges["target"]))
    relations = sorted(set(edges["metaedge"]))
    numbers = {node: n for n, node in enumerate(nodes)}
    of_relation = {relation: n for n, relation in enumerate(relations)}
    columns = (("source", numbers), ("metaedge", of_relation), ("target", numbers))
    triples = np.stack(
        [edges[c].replace_strict(n, return_dtype=pl.Int64).to_numpy() for c, n in columns], axis=1
    )
    order = np.random.default_rng(0).permutation(len(triples))
    n_valid = round(len(triples) * 0.01)
    kind_of = np.array([node.split("::")[0] for node in nodes])
    kinds, kind_numbers = np.unique(kind_of, return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(np.bincount(kind_numbers, minlength=len(kinds)))])
    joined = np.zeros((len(relations), 2), dtype=np.int64)
    joined[triples[:, 1]] = kind_numbers[triples[:, [0, 2]]]
    np.savez(
        folder / "triples.npz",
        train=triples[order[n_valid:]],
        valid=triples[order[:n_valid]],
        starts=starts,
        kinds=joined,
    )


def run(python: str, task: dict[str, Any]) -> dict[str, Any]:
    """Do a task in a process of its own; what it printed last."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(task, file)
        file.flush()
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(task["threads"]),
            "CUDA_VISIBLE_DEVICES": "",
        }
        done = subprocess.run(
            [python, __file__, "--task", file.name],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{task['tool']} {task['part']}: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def do(task: dict[str, Any]) -> None:
    """A task, in the process that `run` started; prints its figures."""
    import torch

    torch.set_num_threads(task["threads"])
    with np.load(Path(task["folder"]) / "triples.npz") as file:
        data = {name: file[name] for name in file}
    n = LEARNED[task["decoder"]] if task["batch"] == 256 else task["triples"]
    chosen = np.random.default_rng(task["seed"]).permutation(len(data["train"]))
    data["part"] = data["train"][chosen[:n]]
    if task["part"] == "mrr":
        figures = {"mrr": round(float((1 / medkg_ranks(task, data, SAMPLE)).mean()), 4)}
    elif task["part"] == "evaluation":
        figures = (medkg_evaluates if task["tool"] == "medkg" else pykeen_evaluates)(task, data)
        figures["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    else:
        figures = (medkg_trains if task["tool"] == "medkg" else pykeen_trains)(task, data)
    print(json.dumps(figures))


class Stopwatch:
    """Seconds of the clock and of CPU time."""

    def __enter__(self) -> Stopwatch:
        self._begin = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._begin[0]
        self.cpu = time.process_time() - self._begin[1]

    def speeds(self, n: int) -> dict[str, float]:
        """Things a second, when there were n."""
        return {"per_s": round(n / self.wall, 1), "per_cpu_s": round(n / self.cpu, 1)}


def width(decoder: str) -> int:
    """Real numbers in a vector of dimension 128."""
    return 2 * DIM if decoder in ("complex", "rotate") else DIM


def medkg_trains(task: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Train by medkg."""
    from medkg.gnn.embeddings.training import train
    from medkg.gnn.settings import EmbeddingSettings
    from medkg.gnn.triples import Triples

    decoder = task["decoder"]
    chosen = SETTINGS["all"] | SETTINGS[str(task["batch"])] | SETTINGS.get(decoder, {})
    settings = EmbeddingSettings(
        decoder=decoder,
        dim=width(decoder),
        batch=task["batch"],
        epochs=task["epochs"],
        **chosen,
    )
    triples = Triples(data["part"], data["starts"], data["kinds"])
    embeddings, _ = train(triples, settings, seed=task["seed"])
    # The speed is that of at least some seconds, once all is warm.
    n = max(len(data["part"]), AT_LEAST)
    longer = Triples(data["train"][:n], data["starts"], data["kinds"])
    with Stopwatch() as watch:
        train(longer, EmbeddingSettings(**{**settings.to_dict(), "epochs": 1}))
    vectors = Path(task["folder"]) / f"medkg-{task['decoder']}-{task['batch']}.npz"
    np.savez(vectors, nodes=embeddings.nodes.numpy(), relations=embeddings.relations.numpy())
    return {**watch.speeds(len(longer.edges)), "vectors": str(vectors)}


def medkg_ranks(task: dict[str, Any], data: dict[str, Any], n: int) -> Any:
    """Ranks of the first n held-out triples by medkg."""
    import torch

    from medkg.gnn.embeddings.ranking import triple_ranks
    from medkg.gnn.embeddings.training import Embeddings
    from medkg.gnn.triples import Triples

    with np.load(task["model"]) as file:
        embeddings = Embeddings(
            task["decoder"], torch.from_numpy(file["nodes"]), torch.from_numpy(file["relations"])
        )
    known = np.concatenate([data["train"], data["valid"]])
    triples = Triples(known, data["starts"], data["kinds"])
    return triple_ranks(embeddings, data["valid"][:n], triples, typed=False)


def medkg_evaluates(task: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Evaluate by medkg."""
    import medkg.gnn.embeddings.model  # noqa: F401  # its packages take seconds to import, as the peer's

    n = SAMPLE
    with Stopwatch() as watch:
        ranks = medkg_ranks(task, data, n)
    same = PEER_EVALUATED[task["decoder"]]
    return {**watch.speeds(n), "mrr": round(float((1 / ranks[:same]).mean()), 4)}


def pykeen_model(task: dict[str, Any], data: dict[str, Any]) -> Any:
    """PyKEEN's model."""
    from pykeen.models import ComplEx, DistMult, RotatE, TransE

    factory = pykeen_factory(data, data["train"])
    common = {"triples_factory": factory, "embedding_dim": DIM, "random_seed": task["seed"]}
    if task["decoder"] == "transe":
        return TransE(**common, scoring_fct_norm=2)
    return {"distmult": DistMult, "complex": ComplEx, "rotate": RotatE}[task["decoder"]](**common)


def pykeen_factory(data: dict[str, Any], triples: Any) -> Any:
    """Triples for PyKEEN."""
    import torch
    from pykeen.triples import CoreTriplesFactory

    return CoreTriplesFactory(
        torch.from_numpy(triples),
        num_entities=int(data["starts"][-1]),
        num_relations=len(data["kinds"]),
    )


def pykeen_trains(task: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Train by PyKEEN, and write its vectors as medkg's decoders read them."""
    import torch
    from pykeen.training import SLCWATrainingLoop

    model = pykeen_model(task, data)
    factory = pykeen_factory(data, data["part"])

    def learn(triples: Any, epochs: int) -> None:
        SLCWATrainingLoop(
            model=model, triples_factory=triples, optimizer=torch.optim.Adam(model.parameters())
        ).train(
            triples_factory=triples,
            num_epochs=epochs,
            batch_size=task["batch"],
            use_tqdm=False,
            use_tqdm_batch=False,
        )

    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    learn(pykeen_factory(data, data["part"][: 2 * task["batch"]]), 1)  # warm
    model.load_state_dict(state)
    with Stopwatch() as watch:
        learn(factory, task["epochs"])
    vectors = Path(task["folder"]) / f"pykeen-{task['decoder']}-{task['batch']}.npz"
    with torch.no_grad():
        tables = [
            r[0]().detach() for r in (model.entity_representations, model.relation_representations)
        ]
    tables = [torch.cat([x.real, x.imag], -1) if x.is_complex() else x for x in tables]
    np.savez(vectors, nodes=tables[0].numpy(), relations=tables[1].numpy())
    if task["batch"] == 8192:
        torch.save(model.state_dict(), vectors.with_suffix(".pt"))
    return {**watch.speeds(task["epochs"] * len(data["part"])), "vectors": str(vectors)}


def pykeen_evaluates(task: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Evaluate by PyKEEN."""
    import torch
    from pykeen.evaluation import RankBasedEvaluator

    model = pykeen_model(task, data)
    model.load_state_dict(torch.load(Path(task["model"]).with_suffix(".pt")))
    n = PEER_EVALUATED[task["decoder"]]
    evaluator = RankBasedEvaluator(filtered=True)
    with Stopwatch() as watch:
        results = evaluator.evaluate(
            model,
            torch.from_numpy(data["valid"][:n]),
            additional_filter_triples=[
                torch.from_numpy(data["train"]),
                torch.from_numpy(data["valid"]),
            ],
            use_tqdm=False,
        )
    mrr = results.get_metric("both.realistic.inverse_harmonic_mean_rank")
    return {**watch.speeds(n), "mrr": round(float(mrr), 4)}


def report(kept: dict[str, list[dict[str, Any]]]) -> None:
    """Print the tables, Markdown."""

    def median(key: str, figure: str) -> float:
        return statistics.median(run[figure] for run in kept[key])

    for part in PARTS:
        shown = [d for d in DECODERS if {f"{part} {d} medkg", f"{part} {d} pykeen"} <= set(kept)]
        if not shown:
            continue
        memory = part == "evaluation"
        title = "evaluation" if memory else f"training, batch {part}"
        print(f"\n{title}: triples/s, medians\n")
        heads = [
            "decoder",
            "PyKEEN",
            "medkg",
            "ratio",
            "ratio by CPU time",
            "MRR PyKEEN",
            "MRR medkg",
        ]
        heads += ["peak MB PyKEEN", "peak MB medkg"] if memory else []
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for decoder in shown:
            own, other = f"{part} {decoder} medkg", f"{part} {decoder} pykeen"
            speeds = median(other, "per_s"), median(own, "per_s")
            by_cpu = median(own, "per_cpu_s") / median(other, "per_cpu_s")
            row = [decoder, f"{speeds[0]:,.0f}", f"{speeds[1]:,.0f}"]
            row += [f"{speeds[1] / speeds[0]:.1f}", f"{by_cpu:.1f}"]
            row += [f"{median(key, 'mrr'):.4f}" for key in (other, own)]
            if memory:
                row += [f"{median(key, 'peak_mb'):,.0f}" for key in (other, own)]
            print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
