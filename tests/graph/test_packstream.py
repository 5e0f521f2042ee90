"""The gateway's reading and writing of Bolt values, beside the driver's own."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from neo4j._codec.packstream.v1 import PackableBuffer, Packer, UnpackableBuffer, Unpacker

from medkg.core.errors import DataError
from medkg.graph.store.packstream import Structure, pack, unpack

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=40,
)


def packed_by_driver(value: object) -> bytes:
    buffer = PackableBuffer()
    Packer(buffer).pack(value)
    return bytes(buffer.data)


@given(values)
def test_what_the_driver_packs_is_read(value: object) -> None:
    assert unpack(packed_by_driver(value)) == value


@given(values)
def test_what_is_packed_the_driver_reads(value: object) -> None:
    assert Unpacker(UnpackableBuffer(pack(value))).unpack() == value


@given(st.binary(max_size=300))
def test_any_bytes_are_a_value_or_a_clear_error(data: bytes) -> None:
    with contextlib.suppress(DataError):
        unpack(data)


@pytest.mark.parametrize("size", [16, 300, 70_000])
def test_long_values_are_read(size: int) -> None:
    for value in ("x" * size, [1] * size, {str(n): n for n in range(size)}, b"x" * size):
        assert unpack(packed_by_driver(value)) == value


def test_structures_are_read_and_packed() -> None:
    message = Structure(0x10, ["RETURN 1", {"a": [1, Structure(0x44, [5])]}, {}])
    assert unpack(pack(message)) == message


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(DataError, match="nested too deeply"):
        unpack(b"\x91" * 100_000 + b"\x01")


def test_a_list_longer_than_its_message_is_refused() -> None:
    with pytest.raises(DataError, match="cut off"):
        unpack(b"\xd6\xff\xff\xff\xff\x01")


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        pack(object())
