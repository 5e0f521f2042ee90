"""Tables of cases, and patients of a graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.cases import (
    Case,
    cases_of,
    patients_of,
    read_cases,
)
from tests.gnn.phenotype_graph import of_disease, patients


def table(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "cases.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_table_of_cases(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "Case\tPhenotypes\tage\tdiseases\texcluded\tpublication",
        "a b\tHP:0000001; HP_0000002|HP:0000003\t5\tOMIM:100001,ORPHANET:2\t"
        "HP:0000004 HP:0000005\t31239556",
        "c\tHP:0000001\t\tOMIM:100001\t\t",
    )
    aside = Quarantine()
    first, second = cases_of(read_cases(path, aside))
    assert first == Case(
        "patient:a_b",
        ("HP:0000001", "HP:0000002", "HP:0000003"),
        ("HP:0000004", "HP:0000005"),
        ("OMIM:100001", "ORPHA:2"),
        "PMID:31239556",
        ("PMID:31239556",),
    )
    assert (second.excluded, second.publication) == ((), "patient:c")
    assert not len(aside)


def test_bad_lines_are_set_aside(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "case\tphenotypes\tdiseases",
        "a\tHP:0000001\tOMIM:100001",
        "b\tHP:0000001",
        "c\tHP:0000001\tOMIM:100001\tmore",
        "d\t\tOMIM:100001",
        "e\tHP:0000001\t",
        "f\tfever\tOMIM:100001",
        "a\tHP:0000002\tOMIM:100001",
        "\tHP:0000002\tOMIM:100001",
        "",
        "g\tHP:0000002\tHP:0000001",
        "h\tHP:0000002\tOMIM:100001",
    )
    aside = Quarantine()
    cases = cases_of(read_cases(path, aside))
    assert [case.id for case in cases] == ["patient:a", "patient:h"]
    assert [(bad.line, bad.reason) for bad in aside] == [
        (3, "more or fewer columns than the first line"),
        (4, "more or fewer columns than the first line"),
        (5, "no phenotypes"),
        (6, "no diseases"),
        (7, "something that is no identifier"),
        (8, "case of an earlier line"),
        (9, "no case"),
        (11, "a phenotype among the diseases"),
    ]


def test_a_table_that_a_spreadsheet_saved(tmp_path: Path) -> None:
    """Which puts fields with a comma in quotes; one stray quote is no more than a character."""
    path = table(
        tmp_path,
        '"case"\tphenotypes\tdiseases',
        'a "b\t"HP:0000001,HP:0000002"\tOMIM:1',
        '"c ""d"""\tHP:0000003\tOMIM:1',
    )
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-16")
    cases = cases_of(read_cases(path, Quarantine()))
    assert [(case.id, case.present) for case in cases] == [
        ('patient:a_"b', ("HP:0000001", "HP:0000002")),
        ('patient:c_"d"', ("HP:0000003",)),
    ]


def test_tables_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: lacks the columns phenotypes, diseases"):
        read_cases(table(tmp_path, "case\tsymptoms", "a\tHP:0000001"), Quarantine())
    with pytest.raises(DataError, match="no case that can be used; line 2: no diseases"):
        read_cases(table(tmp_path, "case\tphenotypes\tdiseases", "a\tHP:0000001\t"), Quarantine())
    with pytest.raises(DataError, match="can't be read"):
        read_cases(tmp_path / "none.tsv", Quarantine())
    (tmp_path / "bytes.tsv").write_bytes(b"case\tphenotypes\tdiseases\n\xff\xfe\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_cases(tmp_path / "bytes.tsv", Quarantine())


def test_some_of_the_patients(kg: KnowledgeGraph) -> None:
    rows = [of_disease(kg, i, f"case{i}", "PMID:9") for i in range(3)]
    some = patients_of(patients(rows), ["patient:case1"])
    assert [case.id for case in cases_of(some)] == ["patient:case1"]
    assert some.evidence["subject"].unique().to_list() == ["patient:case1"]
