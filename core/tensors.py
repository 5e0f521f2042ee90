"""Tensors by name: in a file, and the parts of a model told from one another by a prefix."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

_CHUNK = 1 << 26  # bytes
_TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def save_tensors(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write tensors of any device to a safetensors file; the same ones give the same bytes.

    They are written piece by piece, which the library's own writer doesn't do: it takes twice their
    memory, and tables that are mapped from a file may be larger than that.

    Source: the format, https://github.com/huggingface/safetensors#format.
    """
    # As the library has them: the wider types first, so that all numbers are aligned.
    ordered = sorted(tensors.items(), key=lambda one: (-one[1].element_size(), one[0]))
    header: dict[str, Any] = {}
    end = 0
    for name, tensor in ordered:
        if tensor.dtype not in _TYPES:
            raise TypeError(f"{name}: tensors of {tensor.dtype} are not written")
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, tensor in ordered:
            for piece in _pieces(tensor):
                out.write(piece)


def _pieces(tensor: Tensor) -> Iterator[memoryview]:
    """The bytes of a tensor in order."""
    flat = tensor.detach().reshape(-1)
    if flat.stride() != (1,):  # some that have a single number have the stride 0
        flat = flat.clone(memory_format=torch.contiguous_format)
    whole = flat.view(torch.uint8)
    for start in range(0, len(whole), _CHUNK):
        yield whole[start : start + _CHUNK].cpu().numpy().data


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
        for piece in _pieces(tensors[name]):
            digest.update(piece)
    return digest.hexdigest()
