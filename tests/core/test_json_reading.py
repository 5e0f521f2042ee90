"""JSON is read within limits, whole and as a stream; what breaks one is an error."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.core import json_reading
from medkg.core.errors import DataError
from medkg.core.json_reading import (
    JsonError,
    JsonGuard,
    JsonLimits,
    json_events,
    json_items,
    json_lists,
    parse_json,
    parse_object,
    read_json,
)


def _parsed(data: bytes) -> object:
    return parse_json(data)


def _streamed(data: bytes) -> object:
    return list(json_items(io.BytesIO(data), "item"))


def _listed(data: bytes) -> object:
    return list(json_lists([data[:7], data[7:]], ["nodes", "edges"], 2))


def _followed(data: bytes) -> object:
    return list(json_events(io.BytesIO(data)))


READERS = pytest.mark.parametrize("read", [_parsed, _streamed, _listed, _followed])
NASTY = {
    "brackets": (b"[" * 200_000, "nested more than 200 deep"),
    "objects": (b'{"a":' * 200_000, "nested more than 200 deep"),
    "digits": (b'{"nodes": [' + b"1" * 5_000 + b"]}", "a number of more than 1,000 characters"),
    "fraction": (b"[0." + b"1" * 5_000 + b"]", "a number of more than 1,000 characters"),
    "string": (b'["' + b"x" * (65 << 20), "a string of more than 64 MB"),
}


@READERS
@pytest.mark.parametrize(("data", "reason"), NASTY.values(), ids=NASTY)
def test_what_breaks_a_limit_is_an_error_in_little_memory(
    read: Callable[[bytes], object], data: bytes, reason: str
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(JsonError, match=reason):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 10 * len(data) + (20 << 20)
    finally:
        tracemalloc.stop()


@READERS
@pytest.mark.parametrize("data", [b"", b"[1", b'{"a" 1}', b"[\xff]", b'["\xed\xa0\x80"]', b"nul"])
def test_what_is_no_json_is_an_error(read: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(JsonError, match="is not whole, valid JSON"):
        read(data)


def test_an_error_quotes_nothing_and_is_one_that_users_see() -> None:
    with pytest.raises(DataError) as error:
        parse_json('{"name": Jane}')
    assert "Jane" not in str(error.value)


def test_a_large_exponent_takes_no_time() -> None:
    assert parse_json("[1e999999999]") == [float("inf")]
    with pytest.raises(JsonError):
        list(json_items(io.BytesIO(b"[1e999999999]"), "item"))


def test_what_comes_before_the_damage_is_given() -> None:
    items = json_items(io.BytesIO(b'{"a": [1, {"b": 2}, ' + b"[" * 300), "a.item")
    with pytest.raises(JsonError):
        list(items)
    items = json_items(io.BytesIO(b'{"a": [1, {"b": 2}, !'), "a.item")
    assert [next(items), next(items)] == [1, {"b": 2}]
    with pytest.raises(JsonError):
        next(items)


def test_a_record_has_a_limit_and_a_stream_of_records_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_reading, "RECORD", JsonLimits(values=100, size=2_000))
    monkeypatch.setattr(JsonGuard.__init__, "__defaults__", (json_reading.RECORD, -1))
    monkeypatch.setattr(json_reading, "_BLOCK", 64)
    small = b'{"a": [' + b", ".join([b'{"x": [1, 2, 3], "y": "z"}'] * 500) + b"]}"
    assert len(list(json_items(io.BytesIO(small), "a.item"))) == 500
    large = b'{"a": [[' + b"0, " * 5_000 + b"0]]}"
    with pytest.raises(JsonError, match="more than 100 values in one record"):
        list(json_items(io.BytesIO(large), "a.item"))
    long = b'{"a": [{' + b", ".join(b'"%d": "%s"' % (n, b"x" * 60) for n in range(99)) + b"}]}"
    with pytest.raises(JsonError, match="has a record of more than"):
        list(json_items(io.BytesIO(long), "a.item"))


def test_a_long_string_is_read_in_few_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser goes through all of an unfinished string at each block."""
    monkeypatch.setattr(json_reading, "_BLOCK", 64)
    sizes: list[int | None] = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            sizes.append(size)
            return super().read(size)

    text = b'{"a": [{"long": "' + b"x" * 1_000_000 + b'", "short": [' + b"1, " * 200 + b"1]}]}"
    (item,) = json_items(Counted(text), "a.item")
    assert len(item["long"]) == 1_000_000
    assert len(sizes) < 40
    assert sizes[-1] == 64


_SCALARS = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=8)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(value=_VALUES, cuts=st.lists(st.integers(1, 9), min_size=1), ascii=st.booleans())
def test_the_guard_knows_depth_strings_and_numbers_wherever_blocks_end(
    value: object, cuts: list[int], ascii: bool
) -> None:
    data = json.dumps(value, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    depth, digits = _measures(value)
    _check(data, cuts, JsonLimits(depth=depth, digits=digits))
    if depth:
        with pytest.raises(JsonError, match="nested"):
            _check(data, cuts, JsonLimits(depth=depth - 1))
    if digits:
        with pytest.raises(JsonError, match="number"):
            _check(data, cuts, JsonLimits(digits=digits - 1))


def _measures(value: object) -> tuple[int, int]:
    """Depth of a value, and characters of its longest number (`e` of true and false are one)."""
    if isinstance(value, bool | int):
        return 0, 1 if isinstance(value, bool) else len(str(value))
    if not isinstance(value, dict | list):
        return 0, 0
    members = list(value.values()) if isinstance(value, dict) else value
    inner = [_measures(member) for member in members]
    return 1 + max((d for d, _ in inner), default=0), max((n for _, n in inner), default=0)


def _check(data: bytes, cuts: list[int], limits: JsonLimits) -> None:
    guard = JsonGuard(limits)
    for block in _blocks(data, cuts):
        guard.check(block)


def _blocks(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    start, turn = 0, 0
    while start < len(data):
        yield data[start : start + cuts[turn % len(cuts)]]
        start, turn = start + cuts[turn % len(cuts)], turn + 1


@given(value=_VALUES)
def test_what_is_within_limits_is_read_as_pythons_parser_does(value: Any) -> None:
    text = json.dumps([value])
    assert parse_json(text) == parse_json(text.encode()) == [value]
    streamed = list(json_items(io.BytesIO(b"\xef\xbb\xbf" + text.encode()), "item"))
    assert json.dumps(streamed) == json.dumps([value]) or "\\ud" in text


def test_objects_and_files(tmp_path: Path) -> None:
    assert parse_object(None) == {}
    assert parse_object('{"a": 1}') == {"a": 1}
    with pytest.raises(JsonError, match="no JSON object"):
        parse_object("[1]")
    file = tmp_path / "a.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(file) == {"a": 1}
    file.write_text("[" * 1_000)
    with pytest.raises(JsonError, match=r"a\.json: is nested"):
        read_json(file)
