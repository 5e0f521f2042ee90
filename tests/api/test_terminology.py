"""The default terminology: what it holds, and that it is read once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from medkg import terminology
from medkg.core.atomic import take_away
from medkg.graph.kg import KnowledgeGraph
from medkg.terminology import default_terminology, faulty_editions
from tests.disks import file_limit
from tests.graph.graphs import small


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDKG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def shared_terminology() -> KnowledgeGraph:
    return default_terminology()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that were read, each of them a small graph."""
    read: list[str] = []

    def load(source: str, **_: object) -> KnowledgeGraph:
        read.append(source)
        return small()

    monkeypatch.setattr(terminology, "load", load)
    monkeypatch.setattr(terminology, "mesh_names", small)
    return read


def test_it_holds_drugs_and_phenotypes(cache: Path) -> None:
    made, kept = default_terminology(), default_terminology()
    assert {"Imatinib", "Headache"} <= set(made.nodes["name"])
    assert kept.checksum() == made.checksum()
    assert kept.nodes.equals(made.nodes)


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("HER2", "HGNC:3430"),
        ("cyclooxygenase-2", "HGNC:9605"),
        ("protein kinase C", "FPLX:PKC"),
        ("neprilysin", "HGNC:7154"),  # MeSH's nearest heading of MMEL1 too
        ("histamine H3 receptor", "HGNC:5184"),
        ("Marfan syndrome", "OMIM:154700"),  # of OMIM, Orphanet and MeSH one node
        ("MESH:D008382", "OMIM:154700"),
        ("ORPHA:558", "OMIM:154700"),
        ("MESH:D058186", "HP:0001919"),  # acute kidney injury
        ("docetaxel", "drugbank:DB01248"),
    ],
)
def test_names_mean_one_thing(
    text: str, identifier: str, shared_terminology: KnowledgeGraph
) -> None:
    assert shared_terminology.resolve(text) == identifier


def test_it_is_read_once(cache: Path, loads: list[str]) -> None:
    first = default_terminology()
    assert loads == ["starter", "hpo", "hgnc"]
    assert default_terminology().checksum() == first.checksum()
    assert loads == ["starter", "hpo", "hgnc"]


def test_what_was_kept_may_go_while_it_is_used(cache: Path, loads: list[str]) -> None:
    default_terminology()
    kept = default_terminology()
    shutil.rmtree(cache)
    assert kept.nodes.height == small().nodes.height
    assert kept.evidence.is_empty()


def test_another_edition_is_read_anew_and_old_ones_go(
    cache: Path, loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    default_terminology()
    (first,) = (cache / "terminology").iterdir()
    for number, left in ((1, 2), (2, 2)):  # the one of a week ago goes, the one of now stays
        monkeypatch.setattr(terminology, "version", lambda _, n=number: f"other {n}")
        if number == 2:
            os.utime(first, (0, 0))
        default_terminology()
        assert len(list((cache / "terminology").iterdir())) == left
    assert len(loads) == 9
    assert not first.exists()


def test_a_damaged_one_is_read_anew(cache: Path, loads: list[str]) -> None:
    default_terminology()
    nodes = next((cache / "terminology").rglob("nodes.parquet"))
    nodes.write_bytes(nodes.read_bytes()[:-20])
    assert default_terminology().nodes.height == small().nodes.height
    assert len(loads) == 6
    default_terminology()
    assert len(loads) == 6


def test_one_that_lost_its_manifest_is_faulty_and_made_anew_once_it_is_gone(
    cache: Path, loads: list[str]
) -> None:
    default_terminology()
    (folder,) = (cache / "terminology").iterdir()
    assert list(faulty_editions()) == []
    (folder / "graph.json").unlink()
    default_terminology()  # a folder that isn't known for a graph's is not replaced
    assert list(faulty_editions()) == [(folder, "a damaged default terminology")]
    take_away(folder)
    default_terminology()
    assert list(faulty_editions()) == []
    default_terminology()
    assert len(loads) == 9


def test_another_edition_is_faulty_a_week_after_it_was_made(
    cache: Path, loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    default_terminology()
    (first,) = (cache / "terminology").iterdir()
    monkeypatch.setattr(terminology, "version", lambda _: "other")
    assert list(faulty_editions()) == []
    os.utime(first, (0, 0))
    problem = "the default terminology of another medkg, or another HPO"
    assert list(faulty_editions()) == [(first, problem)]


def test_where_nothing_can_be_written_it_is_read_each_time(cache: Path, loads: list[str]) -> None:
    cache.write_text("a file in the folder's place")
    assert default_terminology().checksum() == default_terminology().checksum()
    assert len(loads) == 6


def test_on_a_disk_that_takes_no_more_it_is_read_each_time(cache: Path, loads: list[str]) -> None:
    with file_limit(500):
        assert default_terminology().checksum() == default_terminology().checksum()
    assert len(loads) == 6
