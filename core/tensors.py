"""Tensors by name: in a file, and the parts of a model told from one another by a prefix."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor


def save_tensors(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write tensors of any device to a safetensors file; the same ones give the same bytes."""
    # Copies, since safetensors refuses tensors that share memory.
    copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    save_file(copies, file)


def load_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        OSError, safetensors.SafetensorError: the file is missing, or damaged.
    """
    # Copies, since views into the file are not aligned, and sums over them round differently.
    return {name: tensor.clone() for name, tensor in load_file(file).items()}


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a part of a model, by names that begin with the part's and a dot."""
    return {f"{prefix}.{name}": tensor.detach() for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `with_prefix` gave these names, by their own."""
    begin = f"{prefix}."
    return {n.removeprefix(begin): t for n, t in tensors.items() if n.startswith(begin)}


def tensors_checksum(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors by name, hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].cpu().numpy().tobytes())
    return digest.hexdigest()
