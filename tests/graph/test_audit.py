"""The audit log of a server: what is in it, and what never is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.core.disk import DiskError
from medkg.core.errors import DataError, StoreError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import audit, connect
from medkg.graph.store.audit import AuditLog
from medkg.graph.store.guard import masked_literals
from tests.graph.clinic import clinic


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "served")


def test_a_query_is_kept_without_its_values(log: AuditLog) -> None:
    log.record(
        "query",
        user="reader",
        cypher="MATCH (p:Patient {id: 'patient:7'}) // Mrs Smith\nWHERE p.name = $name RETURN"
        " p.age > 61",
        values=[{"name": "Smith, Jane", "nested": {"list": ["HP:0001250", 42]}}],
    )
    text = log.log.file.read_text()
    for private in ("Smith", "patient:7", "HP:0001250"):
        assert private not in text
    [entry] = log.entries()
    assert (entry["user"], entry["action"]) == ("reader", "query")
    assert entry["cypher"] == (
        "MATCH ( p : Patient { id : ? } ) WHERE p . name = $ name RETURN p . age > ?"
    )


def test_who_knows_a_value_finds_the_lines_about_it(log: AuditLog) -> None:
    log.record("query", cypher="MATCH (p {id: 'patient:7'}) RETURN p")
    log.record("read", values=["patient:8"])
    log.record("query", cypher="RETURN $x", values=[{"x": {"of": ["Patient:7 "]}}])
    assert [entry["number"] for entry in log.entries("patient:7")] == [1, 3]
    assert [entry["number"] for entry in log.entries("patient:8")] == [2]
    assert list(log.entries("patient:9")) == []


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r"'O\'Brien'", "O'Brien"),
        (r"'Brien\''", "Brien'"),
        ('"O\'Brien"', "O'Brien"),
        (r'"the \"old\" ward"', 'the "old" ward'),
        (r"'C:\\notes\\7'", r"C:\notes\7"),
        (r"'C:\\\\notes'", r"C:\\notes"),
        (r"'first\nsecond\tthird'", "first\nsecond\tthird"),
        (r"'ward 7\8'", r"ward 7\8"),
        ("`Mrs Smith`", "Mrs Smith"),
        ("4455667", "4455667"),
    ],
)
def test_a_literal_is_found_by_its_value(log: AuditLog, literal: str, value: str) -> None:
    log.record("query", cypher=f"MATCH (p) WHERE p.name = {literal} RETURN p")
    assert [entry["number"] for entry in log.entries(value)] == [1]


def test_hashes_of_two_logs_differ(tmp_path: Path) -> None:
    logs = [AuditLog(tmp_path / name) for name in ("one", "two")]
    for log in logs:
        log.record("read", values=["patient:7"])
    first, second = (next(log.entries())["values"] for log in logs)
    assert first != second


def test_without_the_key_nothing_is_looked_up(log: AuditLog) -> None:
    log.record("read", values=["patient:7"])
    (log.log.file.parent / "audit.key").unlink()
    with pytest.raises(DataError, match="no value can be looked up"):
        list(log.entries("patient:7"))


def test_a_log_whose_key_is_lost_gets_no_other(log: AuditLog) -> None:
    log.record("read", values=["patient:7"])
    key = log.log.file.parent / "audit.key"
    key.unlink()
    with pytest.raises(StoreError, match="put it back, or move the log away"):
        log.record("read", values=["patient:7"])
    assert not key.exists()


def test_a_log_that_another_process_begins_meanwhile_is_gone_on_with(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, read, reads = log.log.file.parent / "audit.key", Path.read_bytes, []

    def late(file: Path) -> bytes:
        reads.append(file)
        if len(reads) > 1:
            return read(file)
        AuditLog(file.parent).record("read", values=["patient:7"])
        raise FileNotFoundError(file)  # as it was when the reading began

    monkeypatch.setattr(Path, "read_bytes", late)
    log.record("query", values=["patient:7"])
    assert reads[0] == key
    assert [entry["action"] for entry in log.entries("patient:7")] == ["read", "query"]


def test_a_key_that_finds_no_room_is_told_as_a_log_that_does(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _: bytes) -> None:
        raise DiskError(f"{path}: the disk is full")

    monkeypatch.setattr(audit, "write_once", full)
    with pytest.raises(StoreError, match="the disk is full"):
        log.record("read")


def test_the_folder_of_a_log_is_its_owners_alone(tmp_path: Path) -> None:
    AuditLog(tmp_path / "new" / "audit").record("read")
    assert (tmp_path / "new" / "audit").stat().st_mode & 0o077 == 0


def test_the_user_is_not_who_the_environment_says(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody.else")
    log.record("read")
    assert next(log.entries())["user"] != "somebody.else"


def test_texts_as_long_as_sentences_are_left_out(log: AuditLog) -> None:
    log.record("query", cypher="RETURN $x", values=["patient:7", "sentence " * 40, None, True])
    assert len(next(log.entries())["values"]) == 1


def test_values_beyond_the_limit_are_counted(log: AuditLog) -> None:
    log.record("write", values=[f"patient:{number}" for number in range(10_007)])
    entry = next(log.entries())
    assert len(entry["values"]) == 10_000
    assert entry["values_left_out"] == 7


def test_what_cannot_be_recorded_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="isn't recorded"):
        AuditLog(tmp_path / "file").record("query", cypher="RETURN 1")


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_literal_is_left_in_a_masked_query(name: str, other: str) -> None:
    quoted = json.dumps(name, ensure_ascii=False)
    query = f"MATCH (p {{name: {quoted}}}) WHERE p.age = 1234567 RETURN p"
    masked, _ = masked_literals(query)
    assert masked == "MATCH ( p { name : ? } ) WHERE p . age = ? RETURN p" or masked == "?"
    assert "1234567" not in masked


def test_a_store_records_what_is_asked_and_changed(tmp_path: Path) -> None:
    kg: KnowledgeGraph = clinic()
    patient = kg.nodes.filter(kg.nodes["kind"] == "Patient")["id"][0]
    with connect(f"embedded:{tmp_path / 'server'}") as store:
        store.write(kg)
        store.query("MATCH (p:Patient {id: $id}) RETURN p.id", id=patient)
        list(store.pages("MATCH (p:Patient) RETURN p.id"))
        store.read(around=patient)
        store.forget(patient=patient)
        assert store.audit is not None
        actions = [entry["action"] for entry in store.audit.entries()]
        about = [entry["action"] for entry in store.audit.entries(patient)]
    assert actions == ["write", "query", "query", "read", "forget"]
    assert about == ["write", "query", "read", "forget"]
    assert patient not in (tmp_path / "server" / "audit.jsonl").read_text()


def test_a_neo4j_is_recorded_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AuditLog.of_environment() is None
    monkeypatch.setenv("MEDKG_AUDIT", str(tmp_path / "log"))
    log = AuditLog.of_environment()
    assert log is not None
    log.record("query", cypher="RETURN 1")
    assert (tmp_path / "log" / "audit.jsonl").exists()
