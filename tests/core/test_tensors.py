from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from medkg.core.tensors import load_tensors, save_tensors, with_prefix, without_prefix


def test_tensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    tensors = {"whole": whole, "its transpose": whole.T, "flag": torch.tensor(True)}
    save_tensors(tensors, tmp_path / "a.safetensors")
    loaded = load_tensors(tmp_path / "a.safetensors")
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_the_same_tensors_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_tensors({"x": torch.ones(3), "y": torch.zeros(2)}, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    save_tensors({"x": torch.ones(3)}, tmp_path / "a")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-4])
    with pytest.raises(SafetensorError):
        load_tensors(tmp_path / "a")


def test_prefixes_come_and_go() -> None:
    tensors = {"a": torch.zeros(()), "b.c": torch.ones(())}
    whole = {**with_prefix("part", tensors), "partial": torch.zeros(3)}
    assert set(whole) == {"part.a", "part.b.c", "partial"}
    assert without_prefix("part", whole) == tensors
