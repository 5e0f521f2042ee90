from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

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


def test_a_type_that_is_not_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"x: tensors of torch\.complex64"):
        save_tensors({"x": torch.zeros(2, dtype=torch.complex64)}, tmp_path / "a")


def test_files_are_those_of_the_library(tmp_path: Path) -> None:
    shared = torch.arange(12.0)
    tensors = {
        "whole": shared,
        "part of it": shared[6:],
        "turned": torch.arange(6.0).reshape(2, 3).T,
        "one number": torch.tensor(3),
        "one number of many": torch.tensor([5]).expand(7)[:1],
        "many of one number": torch.tensor([5.0]).expand(7),
        "none": torch.empty(0, 4),
        "ä": torch.tensor([True, False, True]),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "large": torch.arange(20_000_000, dtype=torch.int32),
    }
    save_tensors(tensors, tmp_path / "ours")
    read = load_file(tmp_path / "ours")
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)
    # Of one size the library puts its types in another order.
    some = {name: tensors[name].clone().contiguous() for name in ("turned", "one number", "ä")}
    save_file(some, tmp_path / "theirs")
    save_tensors(some, tmp_path / "ours")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
