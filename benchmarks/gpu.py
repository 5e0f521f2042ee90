"""Everything that asks for a GPU, in steps: the tests, training beside the CPU, growing graphs.

    python benchmarks/gpu.py --data DATA --state gpu.json    again, until it says that all is done
    python benchmarks/gpu.py --device cpu --small --state small.json    small sizes, to try it

A call takes ten minutes at the most (--seconds) and goes on after the steps that the state file
has; a step that is cut off starts anew with the next call, and one that was given a whole call is
set down as longer than that (take its entry out of the file to try it again). So it runs where a
machine can be had for minutes only. DATA holds `hetionet` and `corpora`; without it what needs
them is left out, and the tables say so.

Each step is a process of its own; figures are wall seconds, processor seconds of all threads, the
process's greatest memory, and what PyTorch allocated on the GPU at most. Training is with seed 0.
Networks on graphs are trained in float32 and in bfloat16 on both; recognisers and relation models
have no such setting (on a GPU their encoders' products are bfloat16). PyKEEN beside our embeddings:
`benchmarks/kge.py`; message passing as graphs grow: `benchmarks/gnn_speed.py --device cuda`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import medkg
from medkg.core.atomic import atomic_file

if TYPE_CHECKING:
    from medkg.gnn.triples import Triples

ROOT = Path(__file__).resolve().parents[1]
GROWTH = {"cpu": (4, 5, 6, 7), "cuda": (4, 5, 6, 7, 8)}  # powers of ten of triples
Figures = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """What a step is given.

    Attributes:
        device: a device's name, as PyTorch has it.
        size: the last word of the step's name: a precision, or a number of triples.
        data: folder of `hetionet` and `corpora`, if there is one.
        small: small sizes, to try the steps.
    """

    device: str
    size: str
    data: Path | None
    small: bool


@contextmanager
def timed(given: Given, figures: Figures) -> Iterator[None]:
    """Add the seconds and the memory of the block to the figures."""
    torch.zeros(1, device=given.device)  # so that the driver's start is not part of it
    began, worked = time.perf_counter(), time.process_time()
    yield
    if given.device != "cpu":
        torch.cuda.synchronize()
        figures["gpu_gb"] = torch.cuda.max_memory_allocated() / 1e9
    figures["seconds"] = time.perf_counter() - began
    figures["cpu"] = time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures["gb"] = peak * (1 if sys.platform == "darwin" else 1024) / 1e9


# Steps: each returns its figures. `result` is a quality in words, or counts of tests. What takes
# seconds to import is imported by the step that needs it.


def tests(given: Given) -> Figures:
    """The tests with the marker `gpu`."""
    marked = [
        file
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        if "mark.gpu" in file.read_text(encoding="utf-8")
    ]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, f"--junitxml={report}", *map(str, marked)],
            cwd=ROOT, stdout=sys.stderr, check=False,
        )  # fmt: skip
        if done.returncode not in (0, 1) or not report.is_file():
            raise SystemExit(f"pytest ended with {done.returncode}")
        suite = next(ET.parse(report).getroot().iter("testsuite")).attrib
    bad = int(suite["failures"]) + int(suite["errors"])
    skipped = int(suite["skipped"])
    passed = int(suite["tests"]) - bad - skipped
    result = f"{passed} passed, {bad} failed, {skipped} skipped"
    return {"seconds": time.perf_counter() - began, "result": result}


def links(given: Given) -> Figures:
    """The link network with its default settings, on Hetionet or the starter set."""
    if given.data is None or given.small:
        kg = medkg.load("starter")
    else:
        kg = medkg.load("hetionet", given.data / "hetionet")
    options = {"epochs": 1} if given.small else {"epochs": 30, "patience": 100}
    figures: Figures = {}
    with timed(given, figures):
        model = medkg.train_links(
            kg, model="network", device=given.device, precision=given.size, **options
        )
    test = model.metrics["test"]
    result = f"MRR of tails {test['tail']['mrr']:.3f}, heads {test['head']['mrr']:.3f}"
    return {**figures, "result": result}


def diagnosis(given: Given) -> Figures:
    """The network of diagnosis, on HPO or the common diseases."""
    kg = medkg.load("common" if given.small else "hpo")
    figures: Figures = {}
    with timed(given, figures):
        model = medkg.train_diagnosis(
            kg, model="gnn", simulated=20 if given.small else None, device=given.device
        )
    return {**figures, "result": f"MRR of simulated patients {model.metrics['gnn']['mrr']:.3f}"}


def mentions(given: Given) -> Figures:
    """The recogniser of mentions."""
    from medkg.extract.mentions.train import train_ner

    assert given.data is not None
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder, timed(given, figures):
        scores = train_ner(
            given.data / "corpora",
            Path(folder) / "model",
            epochs=1 if given.small else 2,
            raw_text=[] if given.small else None,
            device=given.device,
        )
    f1 = (f"{name} {score['micro']['f1']:.3f}" for name, score in scores.items())
    return {**figures, "result": f"F1: {', '.join(f1)}"}


def relations(given: Given) -> Figures:
    """The model of relations, on the recogniser that ships."""
    from medkg.extract.relations.train import train_relations

    assert given.data is not None
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder, timed(given, figures):
        scores = train_relations(
            given.data / "corpora",
            Path(folder) / "model",
            epochs=1 if given.small else 2,
            raw_text=["Word after word, and another word. " * 50] if given.small else None,
            device=given.device,
        )
    f1 = (f"{name} {made['model']['f1']:.3f}" for name, made in scores.items() if "model" in made)
    return {**figures, "result": f"F1: {', '.join(f1)}"}


def embeddings(given: Given) -> Figures:
    """An epoch of embeddings with the default settings, on a made-up graph of that many triples."""
    from medkg.gnn.embeddings.training import Training
    from medkg.gnn.settings import EmbeddingSettings

    triples = made_up(int(float(given.size)))
    training = Training(triples, EmbeddingSettings(), 0, torch.device(given.device))
    figures: Figures = {}
    with timed(given, figures):
        training.run_epoch()
    speed = len(triples.edges) / figures["seconds"]
    return {**figures, "result": f"{speed:,.0f} triples a second"}


def made_up(count: int) -> Triples:
    """So many triples of five relations, ten to a node, of degrees as skewed as in real graphs."""
    from medkg.gnn.triples import Triples

    random = np.random.default_rng(0)
    nodes = max(100, count // 10)
    ends = ((random.random((count, 2)) ** 2) * nodes).astype(np.int64)
    relation = random.integers(0, 5, count)
    edges = np.stack([ends[:, 0], relation, ends[:, 1]], axis=1)
    return Triples(edges, np.array([0, nodes]), np.zeros((5, 2), dtype=np.int64))


STEPS: dict[str, Callable[[Given], Figures]] = {
    "tests": tests,
    "links": links,
    "diagnosis": diagnosis,
    "mentions": mentions,
    "relations": relations,
    "embeddings": embeddings,
}
NEED_DATA = ("mentions", "relations")


def names_of(device: str, data: Path | None, small: bool) -> list[str]:
    """The steps in order: what, on which device, and a precision or size where there is one."""
    devices = ["cpu"] if device == "cpu" else ["cpu", device]
    names = [f"tests {device} -"]
    for what in ("links", "diagnosis", "mentions", "relations"):
        sizes = ("float32", "bfloat16") if what == "links" else ("-",)
        if what not in NEED_DATA or data is not None:
            names += [f"{what} {place} {size}" for place in devices for size in sizes]
    for place in devices:
        powers = (2, 3) if small else GROWTH["cpu" if place == "cpu" else "cuda"]
        names += [f"embeddings {place} 1e{power}" for power in powers]
    return names


def run(name: str, arguments: argparse.Namespace, seconds: float) -> Figures | None:
    """Run a step in a process of its own; None if it was cut off."""
    command = [sys.executable, __file__, "--step", name, "--state", str(arguments.state)]
    command += ["--small"] * arguments.small
    command += ["--data", str(arguments.data)] if arguments.data else []
    # In a session of its own, so that what a step has started ends with it.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        printed, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        return {"failed": f"exit status {process.returncode}"}
    figures: Figures = json.loads(printed.splitlines()[-1])
    return figures


def go_on(arguments: argparse.Namespace, names: list[str], finished: dict[str, Figures]) -> bool:
    """Run the steps that aren't finished, as far as the time goes; returns whether all are."""
    began = time.monotonic()
    is_first = True
    for name in names:
        if name in finished:
            continue
        left = arguments.seconds - (time.monotonic() - began)
        if left <= 0:
            return False
        figures = run(name, arguments, left)
        if figures is None and not is_first:
            return False
        is_first = False
        finished[name] = figures or {"failed": f"longer than {arguments.seconds} s"}
        print(f"{name}: {json.dumps(finished[name])}", file=sys.stderr, flush=True)
        with atomic_file(arguments.state) as draft:
            draft.write_text(json.dumps(finished, indent=1), encoding="utf-8")
    return True


def table(finished: dict[str, Figures]) -> str:
    """Markdown: a row a step."""
    lines = [
        "| step | device | precision or triples | s | CPU s | GB | GB on the GPU | result |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    for name, figures in finished.items():
        numbers = (figures.get(part) for part in ("seconds", "cpu", "gb", "gpu_gb"))
        cells = ["" if number is None else f"{number:.2f}" for number in numbers]
        result = figures.get("result") or figures["failed"]
        lines.append(f"| {' | '.join([*name.split(), *cells, result])} |")
    return "\n".join(lines)


def main() -> int:
    """Go on, and print what is known; 1 where steps are left, 2 where one failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--state", type=Path, required=True, help="JSON file of finished steps")
    parser.add_argument("--data", type=Path, help="folder with hetionet and corpora")
    has_gpu = torch.cuda.is_available()
    parser.add_argument("--device", default="cuda" if has_gpu else "cpu")
    parser.add_argument("--small", action="store_true", help="small sizes, to try it")
    parser.add_argument("--seconds", type=float, default=570, help="the most that a call takes")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        what, device, size = arguments.step.split()
        given = Given(device, size, arguments.data, arguments.small)
        print(json.dumps(STEPS[what](given)))
        return 0
    state = arguments.state
    finished = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else {}
    names = names_of(arguments.device, arguments.data, arguments.small)
    is_done = go_on(arguments, names, finished)
    card = torch.cuda.get_device_name() if arguments.device != "cpu" and has_gpu else "no GPU"
    print(
        f"{card}; {platform.machine()}, {os.cpu_count()} cores; PyTorch {torch.__version__}; load"
        f" average {os.getloadavg()[0]:.1f}\n\n{table(finished)}\n"
    )
    if arguments.data is None:
        print(f"Left out for want of --data: {', '.join(NEED_DATA)}; links are the starter set's.")
    print("All is done." if is_done else "Steps are left: give the same command again.")
    if any("failed" in figures for figures in finished.values()):
        return 2
    return 0 if is_done else 1


if __name__ == "__main__":
    sys.exit(main())
