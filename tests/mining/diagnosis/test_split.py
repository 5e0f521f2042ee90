"""Splits of cases: publications whole, nothing that is asked about known."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.mining.diagnosis.cases import Case, cases_of, pmid
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.leaks import cited_by, find_leaks
from medkg.mining.diagnosis.split import (
    CaseSplit,
    Citations,
    _held_back,
    split_cases,
    without_cited,
)
from tests.gnn.phenotype_graph import graph, patients, phenotypes_of


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    """OMIM:0 to OMIM:39, each annotation of which cites PMID:100, PMID:101, …"""
    plain = graph()
    number = pl.col("subject").str.extract(r"^OMIM:(\d+)$").cast(pl.Int64)
    cites = (
        pl.when(number.is_not_null())
        .then(pl.concat_list(pl.format("PMID:{}", number + 100)))
        .otherwise(pl.lit([], pl.List(pl.String)))
    )
    return plain.with_frames(evidence=plain.evidence.with_columns(references=cites))


@pytest.fixture(scope="module")
def cases(kg: KnowledgeGraph) -> KnowledgeGraph:
    """Publications PMID:110, PMID:120, … PMID:190, PMID:300, of four cases each."""
    of_publication = [*range(110, 200, 10), 300]
    rows = [
        (f"{p}_{i}", phenotypes_of(kg, f"OMIM:{i}")[:4], [], f"OMIM:{i}", f"PMID:{p}")
        for p in of_publication
        for i in range(4)
    ]
    return patients([*rows, ("open", ["HP:11"], [], None, "PMID:120")])


def publications(cases: KnowledgeGraph) -> set[int]:
    return {pmid(case.publication) for case in cases_of(cases)}


def test_by_date(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    split = split_cases(kg, cases, "by-date", since=180)
    assert publications(split.test.cases) == {180, 190, 300}
    # A fifth of the 28 cases before are at most five: one publication.
    assert publications(split.valid.cases) == {170}
    assert publications(split.valid.earlier) == {110, 120, 130, 140, 150, 160}
    assert publications(split.test.earlier) == {110, 120, 130, 140, 150, 160, 170}
    assert split.report["counts"]["test"] == {
        "cases": 12,
        "publications": 3,
        "diseases": 4,
        "first": "PMID:180",
        "last": "PMID:300",
    }
    assert split.report["undiagnosed"] == 1
    by_share = split_cases(kg, cases, "by-date", share=0.1)
    assert publications(by_share.test.cases) == {300}
    assert by_share.report["since"] == 300


def test_nothing_that_is_asked_about_is_known(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    split = split_cases(kg, cases, "by-publication", seed=3, share=0.3, drop_cited=True)
    for each in (split.valid, split.test):
        tested = cases_of(each.cases)
        known = Knowledge.of(each.knowledge, each.earlier)
        assert tested
        assert not find_leaks(each.knowledge, known, tested).cases
        assert not publications(each.cases) & publications(each.earlier)
    assert not publications(split.valid.cases) & publications(split.test.cases)
    total = sum(len(cases_of(part)) for part in (split.test.earlier, split.test.cases))
    assert total == 40
    assert publications(split.valid.earlier) == publications(split.test.earlier) - publications(
        split.valid.cases
    )


def test_the_seed_decides(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    def tested(seed: int) -> set[int]:
        split = split_cases(kg, cases, "by-publication", seed=seed, drop_cited=True)
        return publications(split.test.cases)

    assert tested(1) == tested(1)
    assert len({frozenset(tested(seed)) for seed in range(5)}) > 1


def test_knowledge_of_later_is_refused(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    with pytest.raises(
        DataError, match=r"7 rows .* cite 1 of the test's publications, as PMID:130"
    ):
        split_cases(kg, cases, "by-date", since=130)
    # What is as late is no less from after, though it is of no case.
    with pytest.raises(DataError, match="cites 5 publications as late as the test's, as PMID:139"):
        split_cases(kg, cases, "by-date", since=135)
    assert split_cases(kg, cases, "by-date", since=140).report["cites_later"] == 0


def test_what_cites_the_test_is_dropped(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    split = split_cases(kg, cases, "by-date", since=130, drop_cited=True)
    left = split.test.knowledge
    # OMIM:30 was annotated from PMID:130, OMIM:31 from PMID:131.
    assert [kg.edges.filter(subject=f"OMIM:{i}").height for i in (30, 31)] == [7, 7]
    assert [left.edges.filter(subject=f"OMIM:{i}").height for i in (30, 31)] == [0, 7]
    assert left.edges.height == kg.edges.height - 7
    assert split.report["dropped"]["test"] == {"HAS_SYMPTOM": 7}
    assert split.report["cites_later"] == 9


def test_validation_is_as_the_test_is(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    """Also in protocol A, where the test's knowledge is left as it is."""
    split = split_cases(kg, cases, "by-date", since=140, share=0.3)
    assert publications(split.valid.cases) == {130}
    assert split.report["dropped"] == {"valid": {"HAS_SYMPTOM": 7}, "test": {}}
    assert split.valid.knowledge.edges.filter(subject="OMIM:30").is_empty()
    assert split.test.knowledge.edges.height == kg.edges.height


def test_patients_of_the_graph_are_left_out(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    split = split_cases(merge(kg, cases), cases, "by-date", since=180)
    for each in (split.valid, split.test):
        assert each.knowledge.nodes.filter(kind="Patient").is_empty()


def test_saved(kg: KnowledgeGraph, cases: KnowledgeGraph, tmp_path: Path) -> None:
    split: CaseSplit = split_cases(kg, cases, "by-date", since=180)
    split.save(tmp_path / "split")
    split.save(tmp_path / "split")
    again = KnowledgeGraph.open(tmp_path / "split" / "valid" / "cases")
    assert cases_of(again) == cases_of(split.valid.cases)
    saved = json.loads((tmp_path / "split" / "split.json").read_text(encoding="utf-8"))
    assert saved["counts"] == split.report["counts"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(DataError, match="other things"):
        split.save(tmp_path / "other")


def test_bad_input(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    with pytest.raises(DataError, match="by-publication or by-date, not 'random'"):
        split_cases(kg, cases, "random")
    with pytest.raises(DataError, match="between 0 and 1"):
        split_cases(kg, cases, "by-date", share=1)
    with pytest.raises(DataError, match="for by-date"):
        split_cases(kg, cases, "by-publication", since=5)
    with pytest.raises(DataError, match="none would be left for test"):
        split_cases(kg, cases, "by-date", since=999)
    with pytest.raises(DataError, match="none would be left for the earlier"):
        split_cases(kg, cases, "by-date", since=120, drop_cited=True, share=0.999)
    without = patients([("a", ["HP:11"], [], None, "PMID:1")])
    with pytest.raises(DataError, match="nothing to split"):
        split_cases(kg, without, "by-date")
    unpublished = patients([("a", ["HP:11"], [], "OMIM:1", "DOI:1")])
    with pytest.raises(DataError, match="no case has a PMID"):
        split_cases(kg, unpublished, "by-date")


def test_the_report_says_how(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    report = split_cases(kg, cases, "by-publication", drop_cited=True).report
    assert list(report) == [
        *("how", "seed", "share", "since", "drop_cited", "knowledge", "cases", "counts"),
        *("undiagnosed", "dropped", "cites_later"),
    ]
    assert (report["how"], report["seed"], report["share"]) == ("by-publication", 0, 0.2)
    assert (report["since"], report["drop_cited"], report["cites_later"]) == (None, True, 0)
    assert (report["knowledge"], report["cases"]) == (kg.checksum(), cases.checksum())
    sizes = {name: part["cases"] for name, part in report["counts"].items()}
    assert sizes == {"earlier": 28, "valid": 4, "test": 8}


def test_a_share_that_publications_fit_exactly_is_held_back_whole() -> None:
    size = {"a": 5, "b": 3, "c": 1, "d": 1}
    assert _held_back(list("abcd"), size, 0.5) == (["a"], ["b", "c", "d"])
    assert _held_back(list("abcd"), size, 0.49) == (["a", "b"], ["c", "d"])
    assert _held_back(list("abcd"), size, 0.2) == (["a", "b"], ["c", "d"])
    assert _held_back(list("abcd"), size, 0.01) == (["a", "b", "c"], ["d"])
    assert _held_back(["a"], size, 0.2) == ([], ["a"])
    assert _held_back([], size, 0.2) == ([], [])


def test_publications_without_a_number_are_early(kg: KnowledgeGraph) -> None:
    names = ["DOI:9", "PMID:9", "PMID:10", "DOI:10", "PMID:100"]
    rows = [
        (f"case{number}", ["HP:11"], [], f"OMIM:{number}", name)
        for number, name in enumerate(names)
    ]
    split = split_cases(graph(), patients(rows), "by-date")
    assert split.report["counts"] == {
        "earlier": {
            **dict.fromkeys(("cases", "publications", "diseases"), 3),
            "first": "PMID:9",
            "last": "PMID:9",
        },
        "valid": {
            **dict.fromkeys(("cases", "publications", "diseases"), 1),
            "first": "PMID:10",
            "last": "PMID:10",
        },
        "test": {
            **dict.fromkeys(("cases", "publications", "diseases"), 1),
            "first": "PMID:100",
            "last": "PMID:100",
        },
    }
    assert split.report["since"] == 100
    unnumbered = split_cases(graph(), patients([*rows[:1], *rows[3:4], *rows[1:2]]), "by-date")
    assert unnumbered.report["counts"]["valid"]["last"] is None


def test_what_the_knowledge_cites(kg: KnowledgeGraph) -> None:
    case = Case("patient:a", (), (), ("OMIM:1",), "PMID:138", ("PMID:137",))
    citations = Citations.of(kg, [case], 136)
    assert (citations.publications, citations.rows) == (["PMID:137", "PMID:138"], 14)
    assert (citations.later, citations.latest) == (2, "PMID:139")  # and PMID:136
    assert "14 rows of the knowledge's evidence cite 2 of the test's" in citations.refusal()
    assert "as PMID:137, and would tell the diagnoses" in citations.refusal()
    undated = Citations.of(kg, [case], None)
    assert (undated.later, undated.latest, undated.rows) == (0, None, 14)
    of_none = Citations.of(kg, [replace(case, publication="PMID:5", references=())], 139)
    assert (of_none.publications, of_none.rows, of_none.later) == ([], 0, 1)
    assert "cites 1 publications as late as the test's, as PMID:139, so" in of_none.refusal()


def test_without_what_cites_cases(kg: KnowledgeGraph) -> None:
    rest, rows = without_cited(kg, patients([("a", ["HP:11"], [], "OMIM:1", "PMID:138")]))
    assert rows == kg.evidence.height - rest.evidence.height > 0
    assert cited_by(kg) - cited_by(rest) == {"PMID:138"}
    kept, none = without_cited(kg, patients([("a", ["HP:11"], [], "OMIM:1", "PMID:5")]))
    assert (none, kept.checksum()) == (0, kg.checksum())


def test_the_latest_is_by_number(kg: KnowledgeGraph) -> None:
    cites = pl.when(subject="OMIM:9").then(pl.lit(["PMID:1000"])).otherwise("references")
    later = kg.with_frames(evidence=kg.evidence.with_columns(references=cites))
    assert Citations.of(later, [], 120).latest == "PMID:1000"


def test_the_folders_of_a_split(kg: KnowledgeGraph, cases: KnowledgeGraph, tmp_path: Path) -> None:
    split = split_cases(kg, cases, "by-date", since=180)
    split.save(tmp_path / "split")
    for name, part in (("valid", split.valid), ("test", split.test)):
        for folder in ("knowledge", "earlier", "cases"):
            saved = KnowledgeGraph.open(tmp_path / "split" / name / folder)
            assert saved.checksum() == getattr(part, folder).checksum()
    manifest = json.loads((tmp_path / "split" / "split.json").read_text(encoding="utf-8"))
    assert manifest == {"case_split_version": 1, **split.report}
    assert next(iter(manifest)) == "case_split_version"


def test_bounds_of_a_share(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    for share in (0, 1, -0.5, 1.5):
        with pytest.raises(DataError, match=f"share is between 0 and 1, not {share}"):
            split_cases(kg, cases, "by-publication", share=share)
    with pytest.raises(DataError, match="a first PMID is for by-date, not for by-publication"):
        split_cases(kg, cases, "by-publication", since=0)
    with pytest.raises(DataError, match="of 40 cases of 10 publications none would be left for"):
        split_cases(kg, cases, "by-date", since=110, drop_cited=True)


def test_a_split_can_not_be_changed(kg: KnowledgeGraph, cases: KnowledgeGraph) -> None:
    split = split_cases(kg, cases, "by-date", since=180)
    for changed, name in ((split, "test"), (split.test, "cases")):
        with pytest.raises(FrozenInstanceError):
            setattr(changed, name, split.valid)
