"""Training on several processes, by torchrun over gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from medkg.core.errors import ModelError
from medkg.gnn import parallel
from medkg.gnn.embeddings.model import load_embeddings
from medkg.gnn.embeddings.training import Triples, train
from medkg.gnn.settings import EmbeddingSettings
from medkg.mining.links.load import load_link_model
from tests.gnn.graphs import family_graph

EMBEDDINGS = {"dim": 8, "batch": 32, "negatives": 8, "epochs": 6, "learning_rate": 0.1}
# A process kills itself after some validations, unless torchrun has started it again.
DYING = """
import os, signal
from medkg.gnn import parallel
def dying(record):
    def recorded(state, mrr):
        record(state, mrr)
        epochs.append(state.epoch)
        first_start = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if first_start and state.epoch == {epoch} and parallel.rank() == {victim}:
            os.kill(os.getpid(), signal.SIGKILL)
    return recorded
epochs = []
"""


def torchrun(script: str, folder: Path, processes: int, *options: str) -> str:
    """Run Python code by torchrun; returns what was printed."""
    file = folder / "script.py"
    file.write_text(script, encoding="utf-8")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", str(processes), *options, str(file),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-20_000:]
    return done.stdout


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    """By torchrun, over gloo: the same weights on both, and the first alone writes."""
    kg = family_graph()
    kg.save(tmp_path / "graph")
    script = f"""
from pathlib import Path
from safetensors.torch import save_file
from medkg.gnn import parallel
from medkg.mining.links.model import LinkModel
from medkg.mining.links.train import train_links
from medkg.graph.kg import KnowledgeGraph

here, save = Path({str(tmp_path)!r}), LinkModel.save
def watch(model, path, **options):
    (here / f"saved{{parallel.rank()}}").touch()
    save(model, path, **options)
LinkModel.save = watch
model = train_links(
    KnowledgeGraph.open(here / "graph"), out=here / "model",
    dim=16, epochs=30, batch=32, neighbours=(5, 5), clip=5.0,
)
tensors = {{n: t.clone() for n, t in model.scorer.tensors().items()}}
save_file(tensors, here / f"rank{{parallel.rank()}}.safetensors")
"""
    torchrun(script, tmp_path, 2)
    first, second = (load_file(tmp_path / f"rank{n}.safetensors") for n in (0, 1))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (tmp_path / "saved0").exists()
    assert not (tmp_path / "saved1").exists()
    assert not (tmp_path / "model.checkpoint").exists()
    model = load_link_model(tmp_path / "model", kg)
    assert (
        model.metrics["test"]["tail"]["mrr"]
        > 2 * (model.metrics["baselines"]["degree"]["tail"]["mrr"])
    )


def some_triples() -> Triples:
    """Three kinds of triples, of which one has fewer than there are processes."""
    random = np.random.default_rng(0)
    buys = [(u, 0, 20 + i) for u in range(20) for i in range(30) if u % 3 == i % 3]
    rated = [(int(u), 1, 20) for u in random.permutation(20)[:2]]
    follows = [(20 + i, 2, 20 + (i + 3) % 30) for i in range(30)]
    edges = np.array(buys + rated + follows)
    return Triples(edges, np.array([0, 20, 50]), np.array([[0, 1], [0, 1], [1, 1]]))


@pytest.mark.parametrize("options", [{}, {"sides": 1, "sampler": "filtered", "clip": 0.05}])
def test_processes_take_the_steps_of_embeddings_that_one_does(
    tmp_path: Path, options: dict[str, object]
) -> None:
    triples, settings = some_triples(), EmbeddingSettings(**(EMBEDDINGS | options))  # type: ignore[arg-type]
    alone, _ = train(triples, settings)
    np.savez(tmp_path / "triples.npz", **vars(triples))
    script = f"""
from pathlib import Path
import numpy as np
from safetensors.torch import save_file
from medkg.gnn import parallel
from medkg.gnn.embeddings.training import Triples, train
from medkg.gnn.settings import EmbeddingSettings

here = Path({str(tmp_path)!r})
settings = EmbeddingSettings(**{EMBEDDINGS | options!r})
made, _ = train(Triples(**np.load(here / "triples.npz")), settings)
tensors = {{"nodes": made.nodes.clone(), "relations": made.relations.clone()}}
save_file(tensors, here / f"rank{{parallel.rank()}}.safetensors")
"""
    torchrun(script, tmp_path, 3)
    made = [load_file(tmp_path / f"rank{n}.safetensors") for n in range(3)]
    for name in ("nodes", "relations"):
        assert all(torch.equal(made[0][name], other[name]) for other in made)
        torch.testing.assert_close(made[0][name], getattr(alone, name), atol=1e-4, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_network_goes_on_after_a_process_was_killed(tmp_path: Path, victim: int) -> None:
    """torchrun starts all processes anew, and the model is that of a training without a kill."""
    kg = family_graph()
    kg.save(tmp_path / "graph")
    script = """
import json
from pathlib import Path
from medkg.gnn import training
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.train import train_links

here = Path({here!r})
training._TrainingState.record_validation = dying(training._TrainingState.record_validation)
train_links(
    KnowledgeGraph.open(here / "graph"), out=here / {out!r},
    dim=16, epochs=12, every=2, batch=32, neighbours=(5, 5),
)
(here / f"{out}{{parallel.rank()}}.json").write_text(json.dumps(epochs))
"""
    for out, epoch in (("unbroken", -1), ("killed", 6)):
        dying = DYING.format(epoch=epoch, victim=victim)
        program = dying + script.format(here=str(tmp_path), out=out)
        torchrun(program, tmp_path, 2, "--max-restarts", "1")
    unbroken, killed = (load_link_model(tmp_path / name, kg) for name in ("unbroken", "killed"))
    expected = unbroken.scorer.tensors()
    assert all(torch.equal(x, expected[name]) for name, x in killed.scorer.tensors().items())
    assert killed.metrics["test"]["tail"]["mrr"] == unbroken.metrics["test"]["tail"]["mrr"]
    later = [json.loads((tmp_path / f"killed{n}.json").read_text()) for n in (0, 1)]
    assert later[0] == later[1]
    assert later[0] in ([6, 8, 10, 12], [8, 10, 12])  # the last checkpoint was of 4, or of 6
    assert not (tmp_path / "killed.checkpoint").exists()


@pytest.mark.slow
def test_embeddings_go_on_after_a_process_was_killed(tmp_path: Path) -> None:
    family_graph().save(tmp_path / "graph")
    script = """
import json
from pathlib import Path
from medkg.gnn.embeddings import model, training
from medkg.gnn.settings import EmbeddingSettings
from medkg.graph.kg import KnowledgeGraph

here = Path({here!r})
training.Training.record_validation = dying(training.Training.record_validation)
settings = EmbeddingSettings(**{settings!r}, validate_every=2)
model.train_embeddings(
    KnowledgeGraph.open(here / "graph"), settings, held_back=0.1, out=here / {out!r}
)
(here / f"{out}{{parallel.rank()}}.json").write_text(json.dumps(epochs))
"""
    for out, epoch in (("unbroken", -1), ("killed", 4)):
        dying = DYING.format(epoch=epoch, victim=1)
        program = dying + script.format(here=str(tmp_path), out=out, settings=EMBEDDINGS)
        torchrun(program, tmp_path, 2, "--max-restarts", "1")
    unbroken, killed = (load_embeddings(tmp_path / name) for name in ("unbroken", "killed"))
    assert torch.equal(unbroken.embeddings.nodes, killed.embeddings.nodes)
    assert unbroken.metrics == killed.metrics
    later = [json.loads((tmp_path / f"killed{n}.json").read_text()) for n in (0, 1)]
    assert later[0] == later[1]
    assert later[0] in ([4, 6], [6])


def test_processes_that_see_different_checkpoints_do_not_train(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(parallel, "from_first", lambda number, device: 10.0)
    parallel.check_same_epoch(10, torch.device("cpu"))
    with pytest.raises(ModelError, match=r"after epoch 0, the first after 10: .* machines share"):
        parallel.check_same_epoch(0, torch.device("cpu"))


def test_restarts_need_a_store_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ModelError, match=r"TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"):
        parallel.join(torch.device("cpu"))
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert parallel.join(torch.device("cpu")).type == "cpu"
