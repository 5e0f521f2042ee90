"""What is computed once for each object."""

from __future__ import annotations

import gc

from medkg.core.remembered import remembered


class Thing:
    """An object that can be gone."""


def test_a_result_is_kept_as_long_as_its_object() -> None:
    calls: list[int] = []

    @remembered
    def number(thing: Thing) -> int:
        """Of a thing."""
        calls.append(id(thing))
        return len(calls)

    one, other = Thing(), Thing()
    assert [number(one), number(one), number(other), number(one)] == [1, 1, 2, 1]
    del one
    gc.collect()
    assert number(Thing()) == 3
    assert number.__doc__ == "Of a thing."
