"""A server's graph that medkg did not write, read by a mapping: all of it in, nothing changed."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

import medkg
from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.store import Store
from medkg.graph.store.property_graph import Pattern, read_parts
from medkg.loaders import property_graph
from medkg.loaders.property_graph import MappedServer
from medkg.loaders.sources import load
from medkg.loaders.table import dry_run

from ..graph.lab import MAPPING, everything, lab
from ..servers import change

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "your-neo4j.md"


def test_a_graph_is_read_by_its_mapping(store: Store, tmp_path: Path) -> None:
    mapping = lab(store, tmp_path)
    before = everything(store)
    quarantine = Quarantine()
    kg = medkg.read(store.uri, mapping=mapping, quarantine=quarantine)
    # The server decides which of the two that are KIT comes first.
    names = kg.nodes.with_columns(pl.col("name").str.strip_suffix(", mutated"))
    assert names.select("id", "kind", "name").rows() == [
        ("NCBIGene:25", "Target", "ABL1"),
        ("NCBIGene:3815", "Target", "KIT"),
        ("drugbank:DB00619", "Drug", "imatinib"),
        ("drugbank:DB01254", "Drug", "dasatinib"),
    ]
    imatinib, dasatinib = kg.nodes.filter(kind="Drug").sort("id").to_dicts()
    assert imatinib["synonyms"] == ["Gleevec", "Glivec"]
    assert imatinib["properties"] == '{"weight": 493.6}'
    assert (dasatinib["synonyms"], dasatinib["properties"]) == (["Sprycel"], None)
    evidence = kg.evidence.sort("subject")
    assert evidence["references"].to_list() == [["PMID:1", "PMID:2"], ["PMID:3"]]
    assert evidence.select("probability", "date", "source", "release").rows() == [
        (0.8, "2030-04-01", "lab", "2030-05"),
        (1.0, None, "lab", "2030-05"),
    ]
    assert kg.edges["probability"].round(2).to_list() == [0.8, 0.9]
    # The compound without a number, as a node and as the end of a relationship.
    assert quarantine.counts() == {"no identifier": 2}
    assert [row.path for row in quarantine.rows] == [
        "(:Compound)",
        "(:Compound)-[:BINDS TO]->(:Gene Product)",
    ]
    element = quarantine.rows[0].row.split()[-1]
    where = "MATCH (n) WHERE elementId(n) = $element RETURN n.name AS name"
    assert store.query(where, element=element)["name"].to_list() == ["compound 7"]
    assert everything(store) == before


def test_the_example_of_the_docs(store: Store, tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    made, *_ = re.findall(r"```cypher\n(.*?)```", text, re.DOTALL)
    (mapping,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    change(store, made)
    file = tmp_path / "lab.yaml"
    file.write_text(mapping, encoding="utf-8")
    quarantine = Quarantine()
    server = MappedServer(store, file)
    assert server.unmapped().rows() == [("(:Person)", 1), ("(:Person)-[:MADE]->(:Compound)", 1)]
    kg = server.read(quarantine)
    assert kg.edges.select("subject", "object").rows() == [
        ("drugbank:DB00619", "NCBIGene:25"),
        ("drugbank:DB00619", "NCBIGene:3815"),
        ("drugbank:DB01254", "NCBIGene:25"),
    ]
    assert kg.evidence.drop_nulls("qualifiers")["qualifiers"].to_list() == ['{"pKi": 7.9}']
    assert quarantine.counts() == {"no identifier": 2}


def test_what_is_not_mapped_is_counted(store: Store, tmp_path: Path) -> None:
    unmapped = MappedServer(store, lab(store, tmp_path)).unmapped()
    rows = dict(unmapped.iter_rows())
    assert rows == {
        "(:Person)": 1,
        "(:Evidence)": 1,
        "(:Source)": 1,
        "(:Person)-[:MADE]->(:Approved:Compound)": 1,
        "(:Approved:Compound)-[:PREDICTED_TARGETS]->(:Gene Product)": 1,
        "(:Compound).notes": 1,
    }


def test_a_dry_run_shows_the_first_rows_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    mapping = lab(store, tmp_path)
    before = everything(store)
    made = MappedServer(store, mapping).dry_run(rows=1)
    assert made.evidence.height <= 1
    assert made.nodes.filter(kind="Target").height >= 1
    whole = MappedServer(store, mapping).dry_run()
    assert whole.evidence.height == 2
    assert whole.aside.counts() == {"no identifier": 2}
    assert everything(store) == before


def test_it_comes_in_parts(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapping = lab(store, tmp_path)
    whole = medkg.read(store.uri, mapping=mapping)
    parts = list(read_parts(store.connection, Pattern(label="Compound"), ["dbid"], 3))
    assert [len(part) for part in parts] == [3, 1]
    monkeypatch.setattr(property_graph, "PART_ROWS", 1)
    assert medkg.read(store.uri, mapping=mapping).checksum() == whole.checksum()


@pytest.mark.parametrize(
    ("altered", "problem"),
    [
        ("label: Compound|label: Compuond", "no label Compuond; did you mean Compound?"),
        ("BINDS TO|BINDS", "has no (:Compound)-[:BINDS]->(:Gene Product); did you mean BINDS TO?"),
        ("start: Compound|start: Person", "has no (:Person)-[:BINDS TO]->(:Gene Product)"),
        ("{dbid}|{dbidd}", "(:Compound) has no property dbidd; did you mean dbid?"),
        ("{end.entrez}|{end.entre}", "(:Gene Product) has no property entre; did you mean entrez?"),
        ("{confidence}|{start.brand}", "(:Compound) has no property brand"),
        ("label: Compound|file: compounds.csv", "names no label and no relationship"),
    ],
)
def test_what_the_server_lacks_is_told_before_a_row_is_read(
    store: Store, tmp_path: Path, altered: str, problem: str
) -> None:
    mapping = lab(store, tmp_path)
    assert altered.split("|")[0] in MAPPING
    mapping.write_text(MAPPING.replace(*altered.split("|"), 1))
    with pytest.raises(DataError) as refused:
        MappedServer(store, mapping)
    assert problem in str(refused.value)
    assert "lab.yaml, line " in str(refused.value)


@pytest.mark.parametrize(
    ("altered", "problem"),
    [
        ("label: Compound|label: Compound\n    file: x.csv", "'file' is for files"),
        ("    start: Compound\n|", "has the label of its start"),
        (
            "label: Compound|label: Compound\n    end: Compound",
            "nothing else, has the label of its end",
        ),
        ("label: Compound|label: Compound\n    relationship: A", "either a label or a"),
        ("label: Compound|label: 'A`) DETACH DELETE n //'", "is no name that a query may hold"),
        ("label: Compound|label: 'A\\u0060) DETACH DELETE n //'", "is no name that a query may"),
    ],
)
def test_a_wrong_mapping_is_refused(tmp_path: Path, altered: str, problem: str) -> None:
    mapping = tmp_path / "lab.yaml"
    mapping.write_text(MAPPING.replace(*altered.split("|", 1), 1))
    with pytest.raises(DataError, match=problem):
        load("table", tmp_path, mapping=str(mapping))


def test_a_property_that_is_no_name_of_a_query_is_refused(store: Store, tmp_path: Path) -> None:
    mapping = lab(store, tmp_path)
    before = everything(store)
    mapping.write_text(MAPPING.replace("{dbid}", "{dbid`}) DETACH DELETE n //}", 1))
    with pytest.raises(DataError, match="has no property"):
        MappedServer(store, mapping)
    assert everything(store) == before


def test_a_table_of_files_does_not_read_a_server(tmp_path: Path) -> None:
    mapping = tmp_path / "lab.yaml"
    mapping.write_text(MAPPING)
    with pytest.raises(DataError, match="is of a graph server: medkg read"):
        dry_run(tmp_path, options={"mapping": str(mapping)})


def test_a_whole_number_that_is_kept_as_a_float_is_an_identifier_as_it_is(
    store: Store, tmp_path: Path
) -> None:
    mapping = lab(store, tmp_path)
    change(store, "MATCH (g:`Gene Product`) SET g.entrez = toFloat(g.entrez)")
    kg = medkg.read(store.uri, mapping=mapping, quarantine=Quarantine())
    assert kg.nodes.filter(kind="Target")["id"].to_list() == ["NCBIGene:25", "NCBIGene:3815"]
