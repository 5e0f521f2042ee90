"""Relationships of a server that aren't what its evidence makes of them are found, and mended."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from medkg.cli.app import app
from medkg.graph.store import Store
from medkg.graph.store.relationships import (
    MISSING,
    OTHER,
    SEVERAL,
    UNFOUNDED,
    doubtful_relationships,
)

from ..servers import change
from .faults import contents
from .graphs import small

DOUBLED = "MATCH (s)-[r:`{}`]->(o) CREATE (s)-[c:`{}`]->(o) SET c = properties(r)"
DAMAGES = {
    SEVERAL: DOUBLED.format("TARGETS", "TARGETS"),
    OTHER: "MATCH ()-[r:TARGETS]->() SET r.evidence_count = 7",
    MISSING: "MATCH ()-[r:TARGETS]->() DELETE r",
    UNFOUNDED: "MATCH (s)-[r:TARGETS]->(o) CREATE (s)-[:TARGETS {id: 'another ' + s.id}]->(o)",
}


def findings(store: Store) -> list[str]:
    return sorted(set(doubtful_relationships(store.connection)["finding"]))


@pytest.mark.parametrize("finding", DAMAGES)
def test_a_damage_is_found_and_mended(store: Store, finding: str, tmp_path: Path) -> None:
    store.write(small())
    expected = contents(store)
    assert findings(store) == []
    assert store.mend() == 0
    change(store, DAMAGES[finding])
    assert contents(store) != expected
    assert findings(store) == [finding]
    assert finding in {each.name for each in store.check(report=tmp_path / "report")}
    rows = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert finding in {row["finding"] for row in rows}
    assert store.mend() > 0
    assert findings(store) == []
    assert contents(store) == expected


def test_a_load_after_one_that_was_cut_off_mends(store: Store) -> None:
    store.write(small())
    expected = contents(store)
    for damage in DAMAGES.values():
        change(store, damage)
    change(store, "MATCH (l:Load) SET l.state = 'writing'")
    assert store.write(small()).mended > 0
    assert contents(store) == expected
    assert store.write(small()).mended == 0


def test_without_evidence_only_copies_are_doubtful(store: Store) -> None:
    store.write(small(), evidence=False)
    expected = contents(store)
    assert findings(store) == []
    change(store, DAMAGES[SEVERAL])
    assert findings(store) == [SEVERAL]
    store.mend()
    assert contents(store) == expected


def test_copies_of_predictions_are_deleted(store: Store) -> None:
    row = {"head": "drugbank:DB00619", "relation": "TARGETS", "tail": "NCBIGene:5742"}
    predicted = small().with_predictions(pl.DataFrame({**row, "model": "m", "score": 0.5}))
    store.write(predicted)
    change(store, DOUBLED.format("PREDICTED_TARGETS", "PREDICTED_TARGETS"))
    assert findings(store) == [SEVERAL]
    store.mend()
    assert findings(store) == []
    assert store.read().checksum() == predicted.checksum()


def test_relationships_of_others_are_left_alone(store: Store) -> None:
    store.write(small())
    change(store, "MATCH (s)-[:TARGETS]->(o) CREATE (s)-[:TARGETS {note: 'mine'}]->(o)")
    assert findings(store) == []


def test_the_command_tells_and_mends(embedded_uri: str, store: Store) -> None:
    if store.server is None:
        pytest.skip("once is enough")
    store.write(small())
    change(store, DAMAGES[SEVERAL])
    run = CliRunner()
    findings = json.loads(run.invoke(app, ["check", "--on", embedded_uri, "--json"]).stdout)
    assert SEVERAL in {finding["name"] for finding in findings}
    result = run.invoke(app, ["check", "--on", embedded_uri, "--mend"])
    assert "mended: 2 relationships" in result.stdout
    findings = json.loads(run.invoke(app, ["check", "--on", embedded_uri, "--json"]).stdout)
    assert SEVERAL not in {finding["name"] for finding in findings}
    assert run.invoke(app, ["check", "--on", embedded_uri, "--fix", "x"]).exit_code == 2
    assert run.invoke(app, ["check"]).exit_code == 2
