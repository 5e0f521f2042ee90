"""What every source does, on a small example in its published format.

How a source takes part: a module in `tests/loaders/` (its own test module, or one beside it that
only writes files) has

    SAMPLES = {"name of the source": Sample(write, write_bad)}

with `Sample` of `tests/loaders/sample.py`. `write(folder)` makes the folder if need be, writes a
small, sound example in the exact published form into it and returns the path that `load` gets;
`write_bad` writes the same and at least one row that can't be used. The documentation of the format
is cited there.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import polars as pl
import pytest

from medkg.core.errors import DataError, MedkgError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.identifiers import normalise_curie
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.schema import Schema
from medkg.loaders.sources import SOURCES, load

from .. import loaders as loader_tests
from ..loaders.sample import Sample

SAMPLES: dict[str, Sample] = {}
for module in iter_modules(loader_tests.__path__, f"{loader_tests.__name__}."):
    SAMPLES.update(getattr(import_module(module.name), "SAMPLES", {}))

NAMES = sorted(set(SOURCES) & set(SAMPLES))


def options_of(name: str, folder: Path) -> dict[str, str]:
    options = SAMPLES[name].options.items()
    return {key: value.replace("{folder}", str(folder)) for key, value in options}


def load_sample(name: str, folder: Path, quarantine: Quarantine | None = None) -> KnowledgeGraph:
    path = SAMPLES[name].write(folder)
    return load(name, path, quarantine=quarantine, **options_of(name, folder))


def files_of(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file())


def test_every_source_has_a_sample() -> None:
    assert sorted(SAMPLES) == sorted(SOURCES)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_is_described(name: str) -> None:
    source = SOURCES[name]
    assert source.name == name
    for text in (source.title, source.licence, source.release, source.published_format):
        assert text
    assert source.yields
    assert source.home_page.startswith("https://") or not source.needs_path
    assert not (source.needs_path and source.downloads)
    for download in source.downloads:
        assert download.url.startswith("https://")
        assert download.name == Path(download.name).name


@pytest.mark.parametrize("name", NAMES)
def test_loads_whole_and_as_the_schema_says(name: str, tmp_path: Path) -> None:
    quarantine = Quarantine()
    graph = load_sample(name, tmp_path / "in", quarantine)
    assert quarantine.rows == []
    assert graph.nodes.height
    schema = Schema.default()
    kinds = dict(graph.nodes.select("id", "kind").iter_rows())
    assert set(kinds.values()) <= set(schema.kinds)
    assert len(kinds) == graph.nodes.height
    for head, relation, tail in graph.evidence.select("subject", "relation", "object").iter_rows():
        assert (kinds[head], kinds[tail]) in schema.relation(relation).joins
    assert set(graph.edges["id"]) <= set(graph.evidence["edge"])
    assert graph.edges["probability"].is_between(0, 1).all()
    assert [text for text in kinds if normalise_curie(text) != text] == []


@pytest.mark.parametrize("name", NAMES)
def test_evidence_names_source_licence_and_release(name: str, tmp_path: Path) -> None:
    graph = load_sample(name, tmp_path / "in")
    assert set(graph.evidence["source"]) <= set(SAMPLES[name].sources or (name,))
    assert all(source.licence for source in graph.sources)
    declared = {(source.name, source.release) for source in graph.sources}
    assert all(source.release for source in graph.sources)
    assert set(graph.evidence.select("source", "release").iter_rows()) <= declared


@pytest.mark.parametrize("name", NAMES)
def test_same_input_same_graph_and_round_trip(name: str, tmp_path: Path) -> None:
    graph = load_sample(name, tmp_path / "in")
    assert load_sample(name, tmp_path / "in").checksum() == graph.checksum()
    graph.save(tmp_path / "kg")
    opened = KnowledgeGraph.open(tmp_path / "kg")
    assert opened.edges.equals(graph.edges)
    assert opened.checksum() == graph.checksum()


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_row_is_set_aside_and_costs_no_other(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "in"
    whole = load_sample(name, tmp_path / "good")
    path = SAMPLES[name].write_bad(folder)
    quarantine = Quarantine()
    graph = load(name, path, quarantine=quarantine, **options_of(name, folder))
    assert graph.checksum() == whole.checksum()
    assert len(quarantine)
    for row in quarantine.rows:
        assert row.reason
        assert str(folder) in row.path
    with caplog.at_level(logging.WARNING):
        load(name, path, **options_of(name, folder))
    assert "set aside" in caplog.text


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_path_says_what_to_do(name: str, tmp_path: Path) -> None:
    load_sample(name, tmp_path / "in")  # writes what the options name
    options = options_of(name, tmp_path / "in")
    with pytest.raises(MissingError, match="nowhere"):
        load(name, tmp_path / "nowhere", **options)
    (tmp_path / "empty").mkdir()
    with pytest.raises((MissingError, DataError), match="empty"):
        load(name, tmp_path / "empty", **options)


@pytest.mark.parametrize("name", [name for name in NAMES if SOURCES[name].needs_path])
def test_a_source_without_files_says_what_to_pass(name: str, tmp_path: Path) -> None:
    load_sample(name, tmp_path / "in")
    with pytest.raises(MissingError, match=rf"{name} needs a path \(--path\): "):
        load(name, **options_of(name, tmp_path / "in"))


GARBAGE = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[: len(data) * 2 // 3],
    "not UTF-8": lambda data: b"\xff\xfeno text\x80" + data,
    "something else": lambda data: b"just\na\ttext\n",
    "zeros": lambda data: bytes(len(data)),
    "overwritten in the middle": lambda data: data[: len(data) // 2] + b'\x00<"{' * 9 + data[-9:],
}


@pytest.mark.parametrize("how", sorted(GARBAGE))
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_an_error_with_its_name_or_set_aside(
    name: str, how: str, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    path = SAMPLES[name].write(folder)
    for file in files_of(folder):
        kept = file.read_bytes()
        file.write_bytes(GARBAGE[how](kept))
        # Any other exception fails the test.
        message = None
        try:
            load(name, path, quarantine=Quarantine(), **options_of(name, folder))
        except MedkgError as error:
            message = str(error)
        assert message is None or str(folder) in message
        file.write_bytes(kept)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="has no option 'no_such_option'"):
        load(name, SAMPLES[name].write(tmp_path / "in"), no_such_option="1")


def test_a_table_in_memory_is_told_to_be_saved() -> None:
    with pytest.raises(DataError, match="is no path of a file"):
        load("table", pl.DataFrame({"subject": ["a"]}))  # type: ignore[arg-type]  # as given


def test_an_unknown_source_lists_those_there_are() -> None:
    with pytest.raises(MissingError, match=r"'nonesuch'; there are .*hetionet, .*hpo"):
        load("nonesuch")


def test_sources_join_on_shared_identifiers(tmp_path: Path) -> None:
    ids = [
        set(load_sample(name, tmp_path / name).nodes["id"])
        for name in ("hetionet", "hpo", "phenopackets", "starter")
    ]
    shared = {id_ for one in ids for other in ids if one is not other for id_ in one & other}
    assert {"drugbank:DB00001", "NCBIGene:5742", "OMIM:100001", "HP:0001250"} <= shared


def test_the_documented_table_is_that_of_the_sources() -> None:
    """Where it isn't, the table between the comments is to be replaced by the one shown."""
    rows = ["| source | what it is | files | published form | licence |", "|---|---|---|---|---|"]
    for name, info in sorted(SOURCES.items()):
        linked = f"[{name}]({info.home_page})" if info.home_page else name
        texts = [linked, info.title, info.comes, info.published_format, info.licence]
        escaped = [text.replace("|", "&#124;").replace("*", "&#42;") for text in texts]
        rows.append(f"| {' | '.join(escaped)} |")
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    documented = text.partition("<!-- sources -->\n")[2].partition("<!-- end -->")[0]
    assert documented.splitlines() == rows, "\n".join(rows)


def test_listing_the_sources_loads_no_heavy_library() -> None:
    heavy = "{'pronto', 'fastobo', 'rdkit', 'fhir', 'sqlalchemy', 'pooch', 'bioregistry', 'torch'}"
    code = f"import sys, medkg.loaders.sources; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
