"""Training on several processes, by torchrun over gloo."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from medkg.core.checkpoint import CHECKPOINT
from medkg.core.errors import ModelError
from medkg.gnn import parallel
from medkg.gnn.embeddings.model import load_embeddings
from medkg.gnn.embeddings.training import Training, train
from medkg.gnn.settings import EmbeddingSettings
from medkg.gnn.triples import Triples
from medkg.mining.links.load import load_link_model
from tests.forked import forking
from tests.gnn.graphs import family_graph

Torchrun = Callable[..., None]

# What torchrun takes over for the processes that it watches.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
ALONE = """
import os, torch
os.environ["CUDA_VISIBLE_DEVICES"] = ""
torch.set_num_threads(1)
"""
EMBEDDINGS = {"dim": 8, "batch": 32, "negatives": 8, "epochs": 6, "learning_rate": 0.1}
# A process kills itself after some validations of its first training, unless torchrun has started
# it again.
DYING = """
import json, os, signal
from pathlib import Path
from medkg.gnn import parallel
from medkg.graph.kg import KnowledgeGraph
here, epochs = Path({here!r}), []
def dying(record):
    def recorded(state, mrr):
        record(state, mrr)
        epochs.append(state.epoch)
        first_start = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if first_start and state.epoch == {epoch} and parallel.rank() == {victim}:
            os.kill(os.getpid(), signal.SIGKILL)
    return recorded
"""


@pytest.fixture
def torchrun(monkeypatch: pytest.MonkeyPatch) -> Iterator[Torchrun]:
    """Runs Python code as torchrun does: on so many processes, all started anew after one was
    killed, so often at most."""
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    handlers = {number: signal.getsignal(number) for number in SIGNALS}

    def run(script: str, processes: int, restarts: int = 0) -> None:
        forking()
        config = LaunchConfig(
            1, 1, processes, max_restarts=restarts, rdzv_backend="c10d",
            rdzv_endpoint="localhost:0", start_method="forkserver",
        )  # fmt: skip
        elastic_launch(config, exec)(ALONE + script, {})

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def some_triples() -> Triples:
    """Three kinds of triples, of which one has fewer than there are processes."""
    random = np.random.default_rng(0)
    buys = [(u, 0, 20 + i) for u in range(20) for i in range(30) if u % 3 == i % 3]
    rated = [(int(u), 1, 20) for u in random.permutation(20)[:2]]
    follows = [(20 + i, 2, 20 + (i + 3) % 30) for i in range(30)]
    edges = np.array(buys + rated + follows)
    return Triples(edges, np.array([0, 20, 50]), np.array([[0, 1], [0, 1], [1, 1]]))


def test_processes_take_the_steps_of_embeddings_that_one_does(
    torchrun: Torchrun, tmp_path: Path
) -> None:
    triples = some_triples()
    np.savez(tmp_path / "triples.npz", **vars(triples))
    both = [EMBEDDINGS, {**EMBEDDINGS, "sides": 1, "sampler": "filtered", "clip": 0.05}]
    script = f"""
from pathlib import Path
import numpy as np
from safetensors.torch import save_file
from medkg.gnn import parallel
from medkg.gnn.embeddings.training import train
from medkg.gnn.triples import Triples
from medkg.gnn.settings import EmbeddingSettings

here = Path({str(tmp_path)!r})
for number, options in enumerate({both!r}):
    made, _ = train(Triples(**np.load(here / "triples.npz")), EmbeddingSettings(**options))
    tensors = {{"nodes": made.nodes.clone(), "relations": made.relations.clone()}}
    if parallel.rank() == 1:  # it maps what another process wrote
        save_file(tensors, here / f"{{number}}.safetensors")
"""
    torchrun(script, 3)
    for number, options in enumerate(both):
        alone, _ = train(triples, EmbeddingSettings(**options))  # type: ignore[arg-type]
        made = load_file(tmp_path / f"{number}.safetensors")
        for name in ("nodes", "relations"):
            torch.testing.assert_close(made[name], getattr(alone, name), atol=1e-4, rtol=1e-3)


def test_processes_train_one_network_and_go_on_after_one_was_killed(
    torchrun: Torchrun, tmp_path: Path
) -> None:
    """torchrun starts all processes anew, and the model is that of a training without a kill.

    Both have the same weights, and the first alone writes.
    """
    kg = family_graph()
    kg.save(tmp_path / "graph")
    script = """
from safetensors.torch import save_file
from medkg.gnn import training
from medkg.mining.links.model import LinkModel
from medkg.mining.links.train import train_links

training._TrainingState.record_validation = dying(training._TrainingState.record_validation)
save = LinkModel.save
def watch(model, path, **options):
    (here / f"saved{parallel.rank()}").touch()
    save(model, path, **options)
LinkModel.save = watch
for out in ("killed", "unbroken"):
    model = train_links(
        KnowledgeGraph.open(here / "graph"), out=here / out,
        dim=16, epochs=12, every=2, batch=32, neighbours=(5, 5),
    )
    if out == "killed":
        (here / f"epochs{parallel.rank()}.json").write_text(json.dumps(epochs))
tensors = {name: tensor.clone() for name, tensor in model.scorer.tensors().items()}
save_file(tensors, here / f"rank{parallel.rank()}.safetensors")
"""
    # The process that writes the checkpoints.
    dying = DYING.format(here=str(tmp_path), epoch=6, victim=0)
    torchrun(dying + script, 2, 1)
    unbroken, killed = (load_link_model(tmp_path / name, kg) for name in ("unbroken", "killed"))
    expected = unbroken.scorer.tensors()
    assert all(torch.equal(x, expected[name]) for name, x in killed.scorer.tensors().items())
    assert killed.metrics["test"]["tail"]["mrr"] == unbroken.metrics["test"]["tail"]["mrr"]
    assert (
        killed.metrics["test"]["tail"]["mrr"]
        > 2 * killed.metrics["baselines"]["degree"]["tail"]["mrr"]
    )
    later = [json.loads((tmp_path / f"epochs{n}.json").read_text()) for n in (0, 1)]
    assert later[0] == later[1]
    assert later[0] in ([6, 8, 10, 12], [8, 10, 12])  # the last checkpoint was of 4, or of 6
    first, second = (load_file(tmp_path / f"rank{n}.safetensors") for n in (0, 1))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (tmp_path / "saved0").exists()
    assert not (tmp_path / "saved1").exists()
    assert not (tmp_path / "killed.checkpoint").exists()


def test_embeddings_go_on_after_a_process_was_killed(torchrun: Torchrun, tmp_path: Path) -> None:
    family_graph().save(tmp_path / "graph")
    script = f"""
from medkg.gnn.embeddings import model, training
from medkg.gnn.settings import EmbeddingSettings

training.Training.record_validation = dying(training.Training.record_validation)
settings = EmbeddingSettings(**{EMBEDDINGS!r}, validate_every=2)
kg = KnowledgeGraph.open(here / "graph")
for out in ("killed", "unbroken"):
    model.train_embeddings(kg, settings, held_back=0.1, out=here / out)
    if out == "killed":
        (here / f"epochs{{parallel.rank()}}.json").write_text(json.dumps(epochs))
"""
    # One that writes no model.
    dying = DYING.format(here=str(tmp_path), epoch=4, victim=1)
    torchrun(dying + script, 2, 1)
    unbroken, killed = (load_embeddings(tmp_path / name) for name in ("unbroken", "killed"))
    assert torch.equal(unbroken.embeddings.nodes, killed.embeddings.nodes)
    assert unbroken.metrics == killed.metrics
    later = [json.loads((tmp_path / f"epochs{n}.json").read_text()) for n in (0, 1)]
    assert later[0] == later[1]
    assert later[0] == [4, 6]


def test_each_process_holds_a_share_of_the_vectors_which_any_number_can_go_on_from(
    torchrun: Torchrun, tmp_path: Path
) -> None:
    triples = some_triples()
    np.savez(tmp_path / "triples.npz", **vars(triples))
    script = f"""
from pathlib import Path
import numpy as np
from safetensors.torch import save_file
from medkg.gnn import parallel
from medkg.gnn.embeddings.training import Training
from medkg.gnn.triples import Triples
from medkg.gnn.settings import EmbeddingSettings

here = Path({str(tmp_path)!r})
parallel.join(torch.device("cpu"))
triples, settings = Triples(**np.load(here / "triples.npz")), EmbeddingSettings(**{EMBEDDINGS!r})
training = Training(triples, settings, 0, torch.device("cpu"), here / "state")
training.resume()
training.run_epoch()
training.record_validation(0.5)
training.write()
rows = len(training._table.vectors)
(here / f"rows-{{parallel.rank()}}-{{parallel.size()}}").write_text(str(rows))
(here / f"epoch-{{parallel.size()}}").write_text(str(training.epoch))
nodes = training.embeddings().nodes
if (first := training.embeddings_in_first()) is not None:
    assert parallel.rank() == 0 and torch.equal(first.nodes, nodes)
    save_file({{"nodes": nodes.clone()}}, here / f"{{training.epoch}}.safetensors")
"""

    def alone() -> Training:
        settings = EmbeddingSettings(**EMBEDDINGS)  # type: ignore[arg-type]
        training = Training(triples, settings, 0, torch.device("cpu"), tmp_path / "state")
        training.resume()
        return training

    torchrun(script, 3)
    # Fifty nodes, three relations and their inverse.
    assert [int((tmp_path / f"rows-{n}-3").read_text()) for n in range(3)] == [19, 19, 18]
    # One of three that were killed while they wrote the next checkpoint had written its part.
    next_part = tmp_path / "state" / "0-0"
    shutil.copytree(tmp_path / "state" / "1-0", next_part)
    numbers = json.loads((next_part / CHECKPOINT).read_text())
    (next_part / CHECKPOINT).write_text(json.dumps({**numbers, "epoch": 2}))
    after_one = alone()
    assert after_one.epoch == 1
    after_first = load_file(tmp_path / "1.safetensors")["nodes"]
    assert torch.equal(after_one.embeddings().nodes, after_first)
    assert torch.equal(after_one.embeddings(best=True).nodes, after_first)
    after_one.run_epoch()

    torchrun(script, 2)
    assert (tmp_path / "epoch-2").read_text() == "2"
    after_two = load_file(tmp_path / "2.safetensors")["nodes"]
    torch.testing.assert_close(after_one.embeddings().nodes, after_two, atol=1e-4, rtol=1e-3)
    assert torch.equal(alone().embeddings().nodes, after_two)
    assert torch.equal(alone().embeddings(best=True).nodes, after_first)
    assert not list((tmp_path / "state").glob("1-*"))  # the part of the third, too
    damaged = tmp_path / "state" / "0-1" / "state.safetensors"
    generator = load_file(damaged)["generator"]
    save_file({"generator": generator, "vectors": torch.zeros(2, 8)}, damaged)
    with pytest.raises(ModelError, match=r"0-1: the checkpoint is damaged"):
        alone()
    (tmp_path / "state" / "0-1" / CHECKPOINT).unlink()
    assert alone().epoch == 0
    numbers = json.loads((tmp_path / "state" / "0-0" / CHECKPOINT).read_text())
    for strange in ({**numbers, "processes": 0}, {"fingerprint": numbers["fingerprint"]}):
        (tmp_path / "state" / "0-0" / CHECKPOINT).write_text(json.dumps(strange))
        with pytest.raises(ModelError, match="the checkpoint is damaged"):
            alone()


def test_processes_with_folders_of_their_own_end_at_the_first_checkpoint(
    torchrun: Torchrun, tmp_path: Path
) -> None:
    """What is for all processes to see is missed at once, and not when training goes on."""
    np.savez(tmp_path / "triples.npz", **vars(some_triples()))
    script = f"""
from pathlib import Path
import numpy as np, sys, tempfile
from medkg.core.errors import ModelError
from medkg.gnn import parallel
from medkg.gnn.embeddings.training import Training
from medkg.gnn.triples import Triples
from medkg.gnn.settings import EmbeddingSettings

here = Path({str(tmp_path)!r})
parallel.join(torch.device("cpu"))
triples, settings = Triples(**np.load(here / "triples.npz")), EmbeddingSettings(**{EMBEDDINGS!r})
own = here / str(parallel.rank())
own.mkdir()
sys.modules[Training.__module__]._LATENCY = 0.0
training = Training(triples, settings, 0, torch.device("cpu"), own / "state")
training.run_epoch()
messages = []
try:
    training.write()
except ModelError as error:
    messages.append(str(error))
(own / "said").write_text("\\n".join(messages))
if parallel.rank():
    tempfile.tempdir = str(own)
try:
    training.embeddings()
except ModelError as error:
    (own / "said").write_text("\\n".join([*messages, str(error)]))
    raise
"""
    with pytest.raises(ChildFailedError):
        torchrun(script, 2)
    first, second = ((tmp_path / str(n) / "said").read_text().splitlines() for n in (0, 1))
    for messages in (first, second):
        assert "a folder that all machines share" in messages[0]
    assert "set one TMPDIR for all" in second[1]


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
