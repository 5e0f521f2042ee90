"""`benchmarks/queries.py time --busiest` asks what it can of a graph that has few entities."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import queries

from medkg.cypher import library


@pytest.mark.parametrize("there", [0, 1, 2, 3])
def test_a_question_is_given_entities_only_where_there_are_enough(
    there: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        queries, "busiest_of", lambda store, kind: [f"{kind}:1", f"{kind}:2", f"{kind}:3"][:there]
    )
    for query in library.load().values():
        values = queries.busiest_values(Mock(), query, {})
        assert query.text(**values)
        given = [
            value
            for each in values.values()
            for value in (each if isinstance(each, list) else [each])
        ]
        assert len(given) == len(set(given)), query.name
    treatments = queries.busiest_values(Mock(), library.get("treatments_safe_with"), {})
    names = ("disease", "other")[:there]
    assert treatments == {name: f"Disease:{n}" for n, name in enumerate(names, start=1)}
