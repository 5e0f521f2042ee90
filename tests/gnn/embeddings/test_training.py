"""Training of embeddings: it learns, touches only the rows it should, and resumes bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medkg.core.checkpoint import CHECKPOINT
from medkg.core.errors import DataError, ModelError
from medkg.core.tensors import save_tensors
from medkg.gnn.decoders import DECODERS
from medkg.gnn.embeddings.ranking import triple_ranks
from medkg.gnn.embeddings.training import Training, train
from medkg.gnn.losses import LOSSES
from medkg.gnn.negatives import SAMPLERS
from medkg.gnn.options import with_options
from medkg.gnn.settings import EmbeddingSettings
from medkg.gnn.triples import Triples

SMALL = EmbeddingSettings(dim=16, batch=64, negatives=16, epochs=30, learning_rate=0.1)


def blocks() -> tuple[Triples, np.ndarray]:
    """Twenty users, thirty items: a user of group g buys the items of group g, and items follow
    one another within their group. Some of the triples are held out."""
    buys = [(u, 0, 20 + i) for u in range(20) for i in range(30) if u % 3 == i % 3]
    follows = [(20 + i, 1, 20 + j) for i in range(30) for j in range(30) if j == (i + 3) % 30]
    edges = np.array(buys + follows, dtype=np.int64)
    held = np.random.default_rng(0).permutation(len(buys))[:20]
    kept = np.setdiff1d(np.arange(len(edges)), held)
    starts, kinds = np.array([0, 20, 50]), np.array([[0, 1], [1, 1]])
    return Triples(edges[kept], starts, kinds), edges[held]


def mrr(settings: EmbeddingSettings) -> float:
    triples, held = blocks()
    embeddings, _ = train(triples, settings)
    return float((1 / triple_ranks(embeddings, held, triples)).mean())


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_learns_the_blocks(decoder: str) -> None:
    # By chance alone, with the known ones left out, the MRR is under .2.
    assert mrr(replace(SMALL, decoder=decoder)) > 0.5


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_the_blocks(loss: str) -> None:
    assert mrr(replace(SMALL, decoder="complex", loss=loss, margin=0.5)) > 0.5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_learns_the_blocks(sampler: str) -> None:
    assert mrr(replace(SMALL, decoder="distmult", sampler=sampler)) > 0.5


@pytest.mark.parametrize(
    "change",
    [{"n3": 0.0}, {"reciprocal": False}, {"clip": 0.01}, {"schedule": "cosine"}, {"sides": 1}],
    ids=str,
)
def test_every_option_learns_the_blocks_and_changes_the_outcome(change: dict[str, float]) -> None:
    changed = replace(SMALL, **change)
    assert mrr(changed) > 0.5
    triples, _ = blocks()
    nodes = [train(triples, replace(s, epochs=3))[0].nodes for s in (SMALL, changed)]
    assert not torch.equal(*nodes)


@pytest.mark.parametrize("decoder", ["transe", "rotate"])
def test_vectors_whose_distances_count_are_not_made_shorter(decoder: str) -> None:
    triples, _ = blocks()
    some = replace(SMALL, decoder=decoder, epochs=2)
    nodes = [train(triples, replace(some, n3=n3))[0].nodes for n3 in (0.0, 1.0)]
    assert torch.equal(*nodes)


def test_a_step_leaves_other_rows_as_they_are() -> None:
    starts, kinds = np.array([0, 100]), np.array([[0, 0]])
    triples = Triples(np.array([[3, 0, 7]]), starts, kinds)
    settings = replace(SMALL, sampler="uniform", negatives=4)
    training = Training(triples, settings, 0, torch.device("cpu"))
    before = training.embeddings().nodes.clone()
    training.run_epoch()
    changed = (training.embeddings().nodes != before).any(1).nonzero().squeeze(1).tolist()
    assert {3, 7} <= set(changed)
    assert len(changed) <= 2 + 2 * 4


def test_steps_are_those_of_rowwise_adagrad_over_all_rows() -> None:
    triples, _ = blocks()
    plain = {"schedule": "constant", "reciprocal": False, "n3": 0.0}
    settings = replace(SMALL, sampler="all", batch=10_000, scale=0.5, **plain)
    only = Triples(triples.edges[triples.edges[:, 1] == 0], triples.starts, triples.kinds[:1])
    training = Training(only, settings, 0, torch.device("cpu"))
    decoder = DECODERS[settings.decoder]
    heads, _, tails = torch.from_numpy(only.edges).T
    known = torch.zeros(20, 30, dtype=torch.bool)
    known[heads, tails - 20] = True
    start = training.embeddings()
    tables = [start.nodes.clone(), start.relations.clone()]
    sums = [torch.zeros(len(table), 1) for table in tables]
    for _ in range(2):
        nodes, relations = (table.requires_grad_() for table in tables)
        scores = decoder.score_tails(nodes[:20], relations[0], nodes[20:50])
        loss = torch.tensor(0.0)
        for table, mask, queries, answer in (
            (scores, known, heads, tails - 20),
            (scores.T, known.T, tails - 20, heads),
        ):
            true = table[queries, answer]
            others = table[queries].masked_fill(mask[queries], -torch.inf)
            loss = loss + LOSSES["cross-entropy"](true, others, 0.0)
        for place, gradient in enumerate(torch.autograd.grad(loss, tables)):
            sums[place] += gradient.square().mean(1, keepdim=True)
            step = settings.learning_rate * gradient / (sums[place].sqrt() + 1e-10)
            tables[place] = tables[place].detach() - step
        training.run_epoch()
        after = training.embeddings()
        for vectors, expected in zip((after.nodes, after.relations), tables, strict=True):
            torch.testing.assert_close(vectors, expected, atol=1e-4, rtol=1e-3)


def test_the_seed_decides() -> None:
    triples, _ = blocks()
    settings = replace(SMALL, epochs=2)
    one, same, other = (train(triples, settings, seed=seed)[0].nodes for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_training_stops_early_and_keeps_the_best() -> None:
    triples, _ = blocks()
    given = iter([0.3, 0.5, 0.4, 0.4, 0.9])
    seen: list[torch.Tensor] = []

    def validate(embeddings: object) -> float:
        seen.append(embeddings.nodes.clone())  # type: ignore[attr-defined]
        return next(given)

    settings = replace(SMALL, validate_every=1, patience=2)
    embeddings, course = train(triples, settings, validate)
    assert course == {"epochs": 4, "best_epoch": 2, "valid_mrr": 0.5}
    assert torch.equal(embeddings.nodes, seen[1])


KILLED = """
import sys, time
from pathlib import Path
from dataclasses import replace
from tests.gnn.embeddings.test_training import SMALL, blocks
from medkg.gnn.embeddings.training import train
looks = 0
def validate(embeddings):
    global looks
    looks += 1
    if looks == 4:
        print("now", flush=True)
        time.sleep(60)
    return 0.1 * looks
train(blocks()[0], replace(SMALL, validate_every=1, epochs=6), validate,
      checkpoint=Path(sys.argv[1]))
"""


def test_a_killed_training_ends_as_one_that_was_not_bit_for_bit(tmp_path: Path) -> None:
    checkpoint = tmp_path / "state"
    root = Path(__file__).resolve().parents[3]
    paths = [str(root), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(checkpoint)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        process.send_signal(signal.SIGKILL)
    assert (checkpoint / "1-0" / CHECKPOINT).is_file()
    triples, _ = blocks()
    settings = replace(SMALL, validate_every=1, epochs=6)
    looks = [0, 3]
    trained = []
    for number, place in enumerate((None, checkpoint)):

        def validate(embeddings: object, number: int = number) -> float:
            looks[number] += 1
            return 0.1 * looks[number]

        trained.append(train(triples, settings, validate, checkpoint=place))
    assert looks == [6, 6]
    assert torch.equal(trained[0][0].nodes, trained[1][0].nodes)
    assert torch.equal(trained[0][0].relations, trained[1][0].relations)
    assert trained[0][1] == trained[1][1]


def test_another_trainings_checkpoint_is_not_taken_and_a_damaged_one_is_named(
    tmp_path: Path,
) -> None:
    triples, _ = blocks()
    place = torch.device("cpu"), tmp_path / "state"
    training = Training(triples, SMALL, 0, *place)
    training.run_epoch()
    training.write()
    other = Training(triples, SMALL, 1, *place)
    other.resume()
    assert other.epoch == 0
    same = Training(triples, SMALL, 0, *place)
    same.resume()
    assert same.epoch == 1
    # Nor is one whose fingerprint says nothing of the tables' shapes: its sums may have others.
    digest = hashlib.sha256(json.dumps([SMALL.to_dict(), 0], sort_keys=True).encode())
    for array in (triples.edges, triples.starts, triples.kinds):
        digest.update(np.ascontiguousarray(array).tobytes())
    numbers = json.loads((tmp_path / "state" / "1-0" / CHECKPOINT).read_text(encoding="utf-8"))
    assert numbers["fingerprint"] != digest.hexdigest()
    save_tensors({"other": torch.zeros(1)}, tmp_path / "state" / "1-0" / "state.safetensors")
    with pytest.raises(ModelError, match="damaged"):
        Training(triples, SMALL, 0, *place).resume()
    (tmp_path / "state" / "1-0" / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        Training(triples, SMALL, 0, *place).resume()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"decoder": "nothing"}, "unknown decoder 'nothing'; there are distmult"),
        ({"loss": "nothing"}, "unknown loss"),
        ({"sampler": "nothing"}, "unknown sampler"),
        ({"schedule": "nothing"}, "unknown schedule"),
        ({"decoder": "rotate", "dim": 7}, "even dim"),
        ({"sides": 3}, "sides is less than 3"),
        ({"batch": 0}, "batch is 1 at the least"),
        ({"learning_rate": -1.0}, "learning_rate is 1e-09 at the least"),
        ({"learning_rate": float("nan")}, "learning_rate is a finite number"),
        ({"epochs": 0}, "epochs is 1 at the least"),
        ({"speed": 3}, "unknown option 'speed'; did you mean|there are"),
    ],
)
def test_settings_that_can_not_be_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_options(EmbeddingSettings(), values)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_learns_the_same() -> None:
    triples, held = blocks()
    embeddings, _ = train(triples, SMALL, device=torch.device("cuda"))
    assert float((1 / triple_ranks(embeddings, held, triples)).mean()) > 0.5


def test_the_learning_rate_falls_from_step_to_step() -> None:
    triples, _ = blocks()
    rates = []

    class Watched(Training):
        def _update(self, *arguments: object) -> None:
            rates.append(arguments[-1])

    settings = replace(SMALL, schedule="linear", epochs=2, batch=50)
    training = Watched(triples, settings, 0, torch.device("cpu"))
    training.run_epoch()
    training.run_epoch()
    steps = len(rates)
    expected = [settings.learning_rate * (1 - step / steps) for step in range(steps)]
    assert rates == pytest.approx(expected)
