"""What every source does, on a small example in its published format."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl
import pytest

from medkg.graph.errors import DataError, MissingError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.quarantine import Quarantine
from medkg.loaders.sources import SOURCES, load

from ..loaders.published import WRITERS

NAMES = sorted(SOURCES)


def test_every_source_has_an_example() -> None:
    assert sorted(WRITERS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_is_described(name: str) -> None:
    source = SOURCES[name]
    assert source.name == name
    for text in (source.title, source.licence, source.release, source.published_format):
        assert text
    assert source.home_page.startswith("https://") or not source.needs_path


@pytest.mark.parametrize("name", NAMES)
def test_loads_whole(name: str, tmp_path: Path) -> None:
    quarantine = Quarantine()
    graph = load(name, WRITERS[name][0](tmp_path / "in"), quarantine=quarantine)
    assert quarantine.rows == []
    assert graph.edges.height
    assert set(graph.edges["id"]) <= set(graph.evidence["edge"])
    assert set(graph.evidence["source"]) == {name}
    assert [source.name for source in graph.sources] == [name]
    assert graph.sources[0].licence
    assert graph.edges["probability"].is_between(0, 1, closed="right").all()


@pytest.mark.parametrize("name", NAMES)
def test_same_input_same_graph_and_round_trip(name: str, tmp_path: Path) -> None:
    folder = WRITERS[name][0](tmp_path / "in")
    graph = load(name, folder)
    assert load(name, folder).checksum() == graph.checksum()
    graph.save(tmp_path / "kg")
    opened = KnowledgeGraph.open(tmp_path / "kg")
    assert opened.edges.equals(graph.edges)
    assert opened.checksum() == graph.checksum()


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_row_is_set_aside_and_costs_no_other(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write, bad = WRITERS[name]
    whole = load(name, write(tmp_path / "good"))
    quarantine = Quarantine()
    graph = load(name, write(tmp_path / "bad", bad), quarantine=quarantine)
    assert graph.checksum() == whole.checksum()
    assert len(quarantine) == 1
    row = quarantine.rows[0]
    assert row.reason
    assert str(tmp_path / "bad") in row.path
    assert row.line is not None or name == "phenopackets"
    with caplog.at_level(logging.WARNING):
        load(name, tmp_path / "bad")
    assert "1 rows set aside" in caplog.text


@pytest.mark.parametrize("name", NAMES)
def test_missing_folder_and_empty_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="nowhere"):
        load(name, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises((MissingError, DataError), match="empty"):
        load(name, tmp_path / "empty")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "phenopackets"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\xff\xfeno text\x80", "UTF-8"),
        (b"just\na\ttext\n", "has no header|is not the Human"),
    ],
)
def test_a_file_that_cant_be_read_is_named(
    name: str, content: bytes, problem: str, tmp_path: Path
) -> None:
    folder = WRITERS[name][0](tmp_path / "in")
    for file in sorted(folder.iterdir()):
        kept = file.read_bytes()
        file.write_bytes(content)
        with pytest.raises(DataError, match=problem) as error:
            load(name, folder)
        assert file.name in str(error.value)
        file.write_bytes(kept)


@pytest.mark.parametrize("name", [name for name in NAMES if SOURCES[name].needs_path])
def test_a_source_without_files_says_what_to_pass(name: str) -> None:
    with pytest.raises(MissingError, match=rf"{name} needs a path \(--path\): .*folder"):
        load(name)


def test_an_unknown_source_lists_those_there_are() -> None:
    with pytest.raises(MissingError, match="'umls'; there are hetionet, hpo"):
        load("umls")


def test_sources_join_on_shared_identifiers(tmp_path: Path) -> None:
    graphs = [load(name, WRITERS[name][0](tmp_path / name)) for name in NAMES]
    shared = pl.concat([graph.nodes.select("id").unique() for graph in graphs])["id"]
    assert {"drugbank:DB00001", "NCBIGene:5742", "OMIM:100001", "HP:0001250"} <= set(
        shared.filter(shared.is_duplicated())
    )
