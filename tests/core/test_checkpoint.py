from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medkg.core.checkpoint import CHECKPOINT, Checkpoint, Stages, remove_checkpoints
from medkg.core.errors import ModelError

STATE = {
    "weights": torch.arange(6.0).reshape(2, 3),
    "generator": torch.tensor([1], dtype=torch.uint8),
}
NUMBERS = {"epoch": 3, "best_mrr": 0.25, "history": [0.1, 0.2]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Checkpoint(tmp_path / "state", "one").write(STATE, NUMBERS)
    return tmp_path / "state"


def test_a_state_is_read_as_it_was_written(folder: Path) -> None:
    state = Checkpoint(folder, "one").read()
    assert state is not None
    assert state.numbers == NUMBERS
    assert state.tensors.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert state.tensors[name].dtype == tensor.dtype
        assert torch.equal(state.tensors[name], tensor)


@given(first=st.text(max_size=8), second=st.text(max_size=8))
def test_only_the_same_fingerprint_is_taken_up(
    tmp_path_factory: pytest.TempPathFactory, first: str, second: str
) -> None:
    folder = tmp_path_factory.mktemp("checkpoint") / "state"
    Checkpoint(folder, first).write({"a": torch.zeros(1)}, {})
    other = Checkpoint(folder, second)
    assert (other.read() is not None) == (first == second)
    assert other.is_of_another() == (first != second)


def test_a_later_state_takes_the_place_of_an_earlier_one(folder: Path) -> None:
    shared = torch.ones(4)
    Checkpoint(folder, "two").write({"a": shared, "b": shared[:2]}, {"epoch": 4})
    assert Checkpoint(folder, "one").read() is None
    state = Checkpoint(folder, "two").read()
    assert state is not None
    assert state.numbers == {"epoch": 4}
    assert set(state.tensors) == {"a", "b"}
    assert [file.name for file in folder.parent.iterdir()] == [folder.name]


def test_where_nothing_is_kept_nothing_is_read(tmp_path: Path) -> None:
    for place in (None, tmp_path / "nothing"):
        checkpoint = Checkpoint(place, "one")
        assert checkpoint.read() is None
        assert not checkpoint.is_of_another()
        remove_checkpoints(place)
    Checkpoint(None, "one").write(STATE, NUMBERS)
    assert not list(tmp_path.iterdir())


def test_it_is_removed(folder: Path) -> None:
    remove_checkpoints(folder)
    assert not folder.exists()


@pytest.mark.parametrize("name", [CHECKPOINT, "state.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_truncated_file_is_named_with_what_to_do(folder: Path, name: str, share: float) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r"state: the checkpoint is damaged .*; remove it"):
        Checkpoint(folder, "one").read()


@pytest.mark.parametrize("content", [[], {}, {"epoch": 1}, "text"])
def test_numbers_without_a_fingerprint_are_damaged(folder: Path, content: object) -> None:
    (folder / CHECKPOINT).write_text(json.dumps(content))
    with pytest.raises(ModelError, match="remove it"):
        Checkpoint(folder, "one").read()
    with pytest.raises(ModelError, match="remove it"):
        Checkpoint(folder, "one").is_of_another()


def test_missing_tensors_are_damaged(folder: Path) -> None:
    (folder / "state.safetensors").unlink()
    with pytest.raises(ModelError, match="remove it"):
        Checkpoint(folder, "one").read()


@pytest.mark.parametrize("error", [KeyError, TypeError, ValueError, RuntimeError])
def test_a_state_that_lacks_something_is_damaged(folder: Path, error: type[Exception]) -> None:
    checkpoint = Checkpoint(folder, "one")
    with pytest.raises(ModelError, match="remove it"), checkpoint.restoring():
        raise error("weights")
    with pytest.raises(KeyboardInterrupt), checkpoint.restoring():
        raise KeyboardInterrupt


WRITER = """
import sys
from pathlib import Path
import torch
from medkg.core.checkpoint import Checkpoint
checkpoint = Checkpoint(Path(sys.argv[1]), "one")
for epoch in range(100_000):
    checkpoint.write({"weights": torch.full((50_000,), float(epoch))}, {"epoch": epoch})
    print(epoch, flush=True)
"""


def test_a_killed_process_leaves_a_whole_state(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    arguments = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        time.sleep(0.05)
        process.kill()
    checkpoint = Checkpoint(folder, "one")
    state = checkpoint.read()
    # Between the two renames of a replacement there is none, and what was replaced is kept aside.
    if state is not None:
        assert (state.tensors["weights"] == state.numbers["epoch"]).all()
    checkpoint.write({"weights": torch.zeros(1)}, {"epoch": -1})
    checkpoint.write({"weights": torch.zeros(1)}, {"epoch": -1})
    assert [file.name for file in tmp_path.iterdir()] == ["state"]


def test_a_finished_stage_is_not_made_again(tmp_path: Path) -> None:
    made: list[str] = []

    def make() -> dict[str, torch.Tensor]:
        made.append("made")
        return {"a": torch.arange(4.0).reshape(2, 2).T}

    first = Stages(tmp_path, lambda: ["data", 0]).get("fold", make)
    again = Stages(tmp_path, lambda: ["data", 0]).get("fold", make)
    assert torch.equal(first["a"], again["a"])
    assert len(made) == 1
    Stages(tmp_path, lambda: ["data", 1]).get("fold", make)
    Stages(None).get("fold", make)
    assert len(made) == 3
    (file,) = (tmp_path / "fold").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(ModelError, match=r"fold: the checkpoint is damaged.*remove it"):
        Stages(tmp_path, lambda: ["data", 1]).get("fold", make)


def test_a_training_that_goes_on_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def make() -> dict[str, torch.Tensor]:
        return {"a": torch.zeros(1)}

    first = Stages(tmp_path, lambda: ["data"])
    first.get("fold0", make)
    first.get("fold1", make)
    assert not caplog.messages
    again = Stages(tmp_path, lambda: ["data"])
    for name in ("fold0", "fold1", "fold2"):
        again.get(name, make)
    assert caplog.messages == [f"{tmp_path}: goes on from what was finished before"]
