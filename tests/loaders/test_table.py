from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import polars as pl
import pytest

import medkg
from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.loaders.table import dry_run

from .sample import Sample

DOCS = Path(__file__).resolve().parents[2] / "docs" / "sources.md"

SOURCE = "source: {name: table, release: '1', licence: CC0-1.0}\n"
TARGETS = (
    SOURCE
    + """\
tables:
  - file: "*.tsv"
    edges:
      - head: {kind: Drug, id: "drugbank:{drug}", name: "{name}"}
        relation: TARGETS
        tail: {kind: Target, id: "NCBIGene:{gene}"}
"""
)
ROWS = "drug\tname\tgene\nDB00001\tExamplin\t5742\nDB00002\tOtherol\t5743\n"


def write(folder: Path, mapping: str = TARGETS, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8")
    for name, text in (files or {"targets.tsv": ROWS}).items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8", newline="")
    return folder


SAMPLES = {
    "table": Sample(
        write, lambda folder: write(folder, targets_tsv=f"{ROWS}DB00001\tExamplin\tno number\n")
    )
}


def loaded(folder: Path, mapping: str, **files: str) -> tuple[KnowledgeGraph, Quarantine]:
    quarantine = Quarantine()
    return load("table", write(folder, mapping, **files), quarantine=quarantine), quarantine


def triples(graph: KnowledgeGraph) -> set[tuple[str, ...]]:
    return set(graph.edges.select("subject", "relation", "object").iter_rows())


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    section = DOCS.read_text(encoding="utf-8").split("## Tables of your own")[1]
    for name, kind in (("trials.csv", "csv"), ("trials.yaml", "yaml")):
        block = re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)
        assert block is not None
        (tmp_path / name).write_text(block[1], encoding="utf-8")
    path, mapping = tmp_path / "trials.csv", str(tmp_path / "trials.yaml")
    made = dry_run(path, options={"mapping": mapping})
    assert made.nodes["id"].to_list() == ["drugbank:DB00945", "our-trials:newol", "MONDO:0005148"]
    assert made.evidence.select("subject", "relation", "polarity", "probability").rows() == [
        ("drugbank:DB00945", "TREATS", "asserted", 0.9),
        ("our-trials:newol", "TREATS", "negated", 0.5),
        ("our-trials:newol", "CONTRAINDICATED_FOR", "asserted", None),
    ]
    assert made.evidence["references"].to_list() == [["PMID:11111", "PMID:22222"], [], []]
    assert made.evidence["qualifiers"][0] == '{"patients": 120, "phase": "2"}'
    assert [(row.line, row.reason) for row in made.aside.rows] == [(5, "relation is in no map")]
    graph = medkg.load("table", path, mapping=mapping)
    assert triples(graph) == {
        ("drugbank:DB00945", "TREATS", "MONDO:0005148"),
        ("our-trials:newol", "CONTRAINDICATED_FOR", "MONDO:0005148"),
    }
    assert graph.evidence.height == 3
    assert graph.sources[0].licence == "CC-BY-4.0"
    (synonyms,) = graph.nodes.filter(id="drugbank:DB00945")["synonyms"].to_list()
    assert synonyms[:2] == ["Aspro", "Bayer"]


@pytest.mark.parametrize(
    "change",
    [
        "source:|qqq: x\nsource:",
        "name: table|qqq: x",
        'file: "*.tsv"|qqq: x',
        "relation:|qqq: x, relation:",
        "kind: Drug|qqq: x",
        'name: "{name}"|name: {value: x, qqq: x}',
        "edges:|where: [{qqq: x}]\n    edges:",
        "edges:|split_rows: {qqq: x}\n    edges:",
    ],
)
def test_every_key_is_in_the_docs(tmp_path: Path, change: str) -> None:
    path = write(
        tmp_path, TARGETS.replace(*change.replace(", relation:", "\n        relation:").split("|"))
    )
    with pytest.raises(DataError, match="has no 'qqq'; allowed are ") as refused:
        load("table", path)
    section = DOCS.read_text(encoding="utf-8").split("### What a mapping may say")[1]
    documented = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section))))
    allowed = str(refused.value).split("allowed are ")[1].split(", ")
    assert set(allowed) - {"about", "options"} <= documented


def test_nodes_and_edges_of_several_files(tmp_path: Path) -> None:
    mapping = (
        SOURCE
        + """
tables:
  - file: genes.csv
    nodes:
      - kind: Target
        id: "NCBIGene:{gene}"
        name: "{symbol}"
        synonyms: ["{full}", {value: "{aliases}", split: "|"}]
        xrefs: ["HGNC:{hgnc}", {value: "{others}", split: "|"}]
        properties: {length: {value: "{length}", number: true}, note: "{note}"}
      - kind: Pathway
        id: "WP:{pathway}"
        name: "{pathway}"
        where: [{column: pathway, present: true}]
  - file: "links-*.tsv"
    edges:
      - head: {kind: Target, id: "NCBIGene:{a}"}
        relation: INTERACTS_WITH
        tail: {kind: Target, id: "NCBIGene:{b}"}
        where: [{column: how, is: binds}]
      - head: {kind: Target, id: "NCBIGene:{a}"}
        relation: REGULATES
        tail: {kind: Target, id: "NCBIGene:{b}"}
        where: [{column: how, matches: "^reg"}]
        level: text-mined
        sentence: "{text}"
        document: "PMID:{pmid}"
        date: "{year}-01-01"
"""
    )
    graph, aside = loaded(
        tmp_path,
        mapping,
        **{
            "genes_csv": "gene,symbol,full,aliases,hgnc,others,length,note,pathway\n"
            '1,A,alpha,"x|y| ",5,UniProtKB:P12345|nothing,12.5,"a ""b""",WP80\n'
            "2,B,,,,,long,,\n",
            "links-1_tsv": "a\tb\thow\ttext\tpmid\tyear\n1\t2\tbinds\t\t\t\n2\t1\tbinds\t\t\t\n",
            "links-2_tsv": "a\tb\thow\ttext\tpmid\tyear\n1\t3\tregulates\tA acts.\t7\t1999\n",
        },
    )
    assert [(row.line, row.reason, row.row) for row in aside.rows] == [
        (2, "no CURIE as cross-reference", "nothing")
    ]
    nodes = {row["id"]: row for row in graph.nodes.iter_rows(named=True)}
    assert sorted(nodes) == ["NCBIGene:1", "NCBIGene:2", "NCBIGene:3", "WP:WP80"]
    assert nodes["NCBIGene:1"]["name"] == "A"
    # Its own names, then those of HGNC's A1BG.
    assert nodes["NCBIGene:1"]["synonyms"][:3] == ["alpha", "x", "y"]
    assert "A1BG" in nodes["NCBIGene:1"]["synonyms"]
    assert nodes["NCBIGene:1"]["xrefs"] == ["HGNC:5", "UniProtKB:P04217", "UniProtKB:P12345"]
    assert json.loads(nodes["NCBIGene:1"]["properties"]) == {"length": 12.5, "note": 'a "b"'}
    assert json.loads(nodes["NCBIGene:2"]["properties"]) == {"length": "long"}
    assert nodes["NCBIGene:3"]["name"] == "NCBIGene:3"
    assert triples(graph) == {
        ("NCBIGene:1", "INTERACTS_WITH", "NCBIGene:2"),
        ("NCBIGene:1", "REGULATES", "NCBIGene:3"),
    }
    regulates = graph.evidence.filter(relation="REGULATES").row(0, named=True)
    assert regulates["document"] == "PMID:7"
    assert regulates["sentence"] == "A acts."
    assert regulates["date"] == "1999-01-01"
    assert regulates["level"] == "text-mined"


def test_kinds_and_relations_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[kind.Diet]\nbiolink = "biolink:Food"\nprefixes = ["FOODON"]\n'
        '[relation.EATEN_FOR]\nbiolink = "biolink:treats"\njoins = [["Diet", "Disease"]]\n',
        encoding="utf-8",
    )
    mapping = (
        SOURCE
        + """
schema: mine.toml
tables:
  - edges:
      - head: {kind: Diet, id: "FOODON:{food}"}
        relation: EATEN_FOR
        tail: {kind: Disease, id: "DOID:{disease}"}
"""
    )
    (tmp_path / "m.yaml").write_text(mapping, encoding="utf-8")
    path = tmp_path / "t.tsv"
    path.write_text("food\tdisease\n00001\t9352\n", encoding="utf-8")
    graph = load("table", path, mapping=str(tmp_path / "m.yaml"))
    assert triples(graph) == {("FOODON:00001", "EATEN_FOR", "DOID:9352")}
    graph.save(tmp_path / "kg")
    opened = medkg.open(tmp_path / "kg")
    assert opened.schema == graph.schema
    assert opened.find("FOODON:00001", kind="Diet").height == 1
    plain = load("table", write(tmp_path / "plain"))
    merged = medkg.merge(plain, opened)
    assert merged.schema == graph.schema
    assert triples(merged) == triples(plain) | triples(graph)


def test_every_form_of_table_gives_the_same(tmp_path: Path) -> None:
    mapping = (
        SOURCE
        + """
tables:
  - FORM
    edges:
      - head: {kind: Drug, id: "drugbank:{drug}", name: "{name}"}
        relation: TARGETS
        tail: {kind: Target, id: "NCBIGene:{gene}"}
        probability: "{p}"
        references: {value: "{pmids}", split: "|", prefix: "PMID:"}
"""
    )
    frame = pl.DataFrame(
        {
            "drug": ["DB00001", "DB00002"],
            "name": ["Examplin; 5%, pure", None],
            "gene": [5742, 5743],
            "p": [0.25, 1.0],
            "pmids": [["1", "2"], []],
        }
    )
    flat = frame.with_columns(pl.col("pmids").list.join("|"))
    flat.write_csv(tmp_path / "t.csv")
    flat.write_csv(tmp_path / "t.tsv", separator="\t", quote_style="never")
    flat.write_csv(tmp_path / "t.txt", separator=";", include_header=False)
    frame.write_parquet(tmp_path / "t.parquet")
    (tmp_path / "parts").mkdir()
    for number in (0, 1):
        frame[number : number + 1].write_parquet(tmp_path / "parts" / f"{number}.parquet")
    with sqlite3.connect(tmp_path / "t.db") as database:
        database.execute("CREATE TABLE t (drug, name, gene INTEGER, p REAL, pmids)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", flat.rows())
    database.close()
    forms = {
        "t.csv": "file: t.csv",
        "t.tsv": "file: t.tsv",
        "t.txt": 'separator: ";"\n    header: [drug, name, gene, p, pmids]',
        "t.parquet": "file: t.parquet",
        "parts": "format: parquet",
        "t.db": "query: SELECT * FROM t ORDER BY drug",
        "": "query: SELECT drug, name, gene AS entrez, p, pmids FROM t\n"
        f"    database: sqlite:///{tmp_path}/t.db\n    columns: {{gene: [gene_id, entrez]}}",
    }
    checksums = {}
    for name, form in forms.items():
        path = tmp_path / "m.yaml"
        path.write_text(mapping.replace("FORM", form), encoding="utf-8")
        graph = load("table", tmp_path / name if name else None, mapping=str(path))
        checksums[name or "database"] = graph.checksum()
        assert graph.edges["probability"].sort().to_list() == [0.25, 1.0]
        cited = graph.evidence.filter(object="NCBIGene:5742")["references"].to_list()
        assert cited == [["PMID:1", "PMID:2"]]
    assert len(set(checksums.values())) == 1, checksums


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("relation: TARGETS|relation: TARGET", r"line 6: unknown relation 'TARGET'; the schema"),
        ("kind: Drug|kind: Medicine", r"line 5: unknown kind 'Medicine'"),
        (
            "relation: TARGETS|relation: TREATS",
            r"line 6: TREATS joins Drug → Disease, Drug → Symptom; here it",
        ),
        ("{name}|{nmae}", r"line 5: .*targets\.tsv has no column nmae; did you mean name\?"),
        ("relation: TARGETS|relation: '{name}'", r"line 6: a relation of a column needs a map"),
        ("kind: Drug,|kind: '{name}',", r"line 5: a kind of a column needs a map"),
        ("relation|relatoin", r"line 6: an edge has no 'relatoin'; did you mean relation\?"),
        ("        relation: TARGETS\n|", r"line 5: 'relation' is missing"),
        ("edges:|links:", r"line 4: a table has no 'links'; allowed are file"),
        ("release: '1', |", r"line 1: 'release' is missing"),
        ("name: table|name: my table", r"line 1: 'name' may hold letters, digits"),
        ("licence:|reliability: 2, licence:", r"line 1: 'reliability' must be above 0"),
        ("relation: TARGETS|relation: TARGETS\n        polarity: no", r"line 7: polarity can't be"),
        (
            "relation: TARGETS|relation: TARGETS\n        probability: {value: '1', scale: [1]}",
            r"line 7: 'scale' must be \[lowest, highest\]",
        ),
        (
            'name: "{name}"|name: {value: "{name}", extract: "("}',
            r"line 5: is no regular expression",
        ),
        (
            'name: "{name}"|name: {value: "{name}", extract: "a"}',
            r"line 5: 'extract' needs a group",
        ),
        ('name: "{name}"|name: {value: "{name}", split: "x"}', r"line 5: 'name' is one value"),
        ('name: "{name}"|name: "{name}", name: x', r"line 5: 'name' is there twice"),
        ("tables:|tables: [", r"line \d+: is no YAML"),
        ("head: {|head: [{", r"line \d+: is no YAML"),
        ("source: {name: table,|- {name: table,", r"line 2: is no YAML"),
        ("edges:|where: [{column: name, is: x, in: y}]\n    edges:", r"a condition needs one of"),
        (
            "edges:|where: [{column: name, at_least: x}]\n    edges:",
            r"'at_least': 'x' is no number",
        ),
        ("edges:|where: [{column: size, is: x}]\n    edges:", r"line 4: .* has no column size"),
        (
            "edges:|separator: ';'\n    edges:",
            r"no column drug; .* is the table's 'separator' '\\t'",
        ),
        ('file: "*.tsv"|file: "*.csv"', r"holds no \*\.csv"),
        ("tables:|schema: none.toml\ntables:", r"none\.toml: can't be read"),
    ],
)
def test_a_wrong_mapping_is_refused_before_a_row_is_read(
    tmp_path: Path, change: str, problem: str
) -> None:
    before, after = change.split("|")
    assert before in TARGETS
    # A row that could not be used would show that rows were read.
    path = write(tmp_path, TARGETS.replace(before, after), targets_tsv="drug\tname\tgene\nx\n")
    aside = Quarantine()
    with pytest.raises((DataError, MissingError), match=problem):
        load("table", path, quarantine=aside)
    assert aside.rows == []


def test_rows_that_cant_be_used_name_their_line(tmp_path: Path) -> None:
    mapping = (
        SOURCE
        + """
tables:
  - file: t.csv
    missing: [NA]
    edges:
      - head:
          kind: {value: "{what}", map: {drug: Drug, gene: Target}}
          id: "{id}"
        relation: {value: "{verb}", map: {hits: TARGETS, meets: INTERACTS_WITH}}
        tail: {kind: Target, id: "NCBIGene:{gene}"}
        probability: "{p}"
        polarity: "{said}"
"""
    )
    rows = [
        "drug,drugbank:DB00001,hits,5742,0.5,asserted",
        "gene,NCBIGene:1,meets,5742,NA,NA",
        "food,drugbank:DB00001,hits,5742,0.5,asserted",
        "drug,drugbank:DB00001,eats,5742,0.5,asserted",
        "drug,,hits,5742,0.5,asserted",
        "drug,NA,hits,5742,0.5,asserted",
        "drug,aspirin,hits,5742,0.5,asserted",
        "drug,drugbank:DB1,hits,5742,0.5,asserted",
        "gene,NCBIGene:1,hits,5742,0.5,asserted",
        "drug,drugbank:DB00001,hits,5742,50,asserted",
        "drug,drugbank:DB00001,hits,5742,often,asserted",
        "drug,drugbank:DB00001,hits,5742,0.5,perhaps",
        "drug,drugbank:DB00001,hits",
    ]
    graph, aside = loaded(
        tmp_path, mapping, t_csv="\n".join(["what,id,verb,gene,p,said", *rows, ""])
    )
    assert triples(graph) == {
        ("drugbank:DB00001", "TARGETS", "NCBIGene:5742"),
        ("NCBIGene:1", "INTERACTS_WITH", "NCBIGene:5742"),
    }
    assert {row.path for row in aside.rows} == {str(tmp_path / "t.csv")}
    held = {row.line: row.row for row in aside.rows}
    assert held[4] == "drugbank:DB00001 hits NCBIGene:5742 food"
    assert held[5] == "drugbank:DB00001 eats NCBIGene:5742 drug"
    assert sorted((row.line or 0, row.reason) for row in aside.rows) == [
        (4, "kind is in no map"),
        (5, "relation is in no map"),
        (6, "no identifier"),
        (7, "no identifier"),
        (8, "no CURIE"),
        (9, "malformed identifier"),
        (10, "ends of the wrong kinds"),
        (11, "probability is no number from 0 to 1"),
        (12, "probability is no number from 0 to 1"),
        (13, "unknown polarity"),
        (14, "wrong number of columns"),
    ]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("is: b", "2"),
        ("is_not: b", "134"),
        ("in: [a, b]", "12"),
        ("not_in: [a, b]", "34"),
        ("present: true", "123"),
        ("present: false", "4"),
        ("matches: '^[bc]$'", "23"),
    ],
)
def test_conditions(tmp_path: Path, condition: str, kept: str) -> None:
    mapping = (
        SOURCE
        + f"""
tables:
  - file: t.tsv
    where: [{{column: x, {condition}}}]
    nodes: [{{kind: Target, id: "NCBIGene:{{gene}}"}}]
"""
    )
    graph, aside = loaded(tmp_path, mapping, t_tsv="gene\tx\n1\ta\n2\tb\n3\tc\n4\t\n")
    assert aside.rows == []
    assert "".join(i.removeprefix("NCBIGene:") for i in graph.nodes["id"].sort()) == kept


@pytest.mark.parametrize(("condition", "kept"), [("at_least: 5", "23"), ("at_most: 5", "12")])
def test_conditions_on_numbers(tmp_path: Path, condition: str, kept: str) -> None:
    mapping = (
        SOURCE
        + f"""
tables:
  - file: t.tsv
    where: [{{column: x, {condition}}}]
    nodes: [{{kind: Target, id: "NCBIGene:{{gene}}"}}]
"""
    )
    graph, _ = loaded(tmp_path, mapping, t_tsv="gene\tx\n1\t-1e3\n2\t5.0\n3\t40\n4\tmany\n")
    assert "".join(i.removeprefix("NCBIGene:") for i in graph.nodes["id"].sort()) == kept


def test_columns_that_may_be_lacking_or_are_called_otherwise(tmp_path: Path) -> None:
    mapping = (
        SOURCE
        + """
tables:
  - file: "*.tsv"
    columns: {gene: [gene_id, entrez], symbol: [symbol, gene_symbol]}
    optional: [symbol, note]
    nodes:
      - {kind: Target, id: "NCBIGene:{gene}", name: "{symbol}", properties: {note: "{note}"}}
"""
    )
    graph, aside = loaded(
        tmp_path, mapping, a_tsv="gene_id\tgene_symbol\n1\tA\n", b_tsv="entrez\tnote\n2\tnew\n"
    )
    assert aside.rows == []
    assert graph.nodes.select("id", "name", "properties").sort("id").rows() == [
        ("NCBIGene:1", "A", None),
        ("NCBIGene:2", "NCBIGene:2", '{"note": "new"}'),
    ]


def test_a_name_is_not_lost_to_a_row_without_it(tmp_path: Path) -> None:
    mapping = (
        SOURCE
        + """
tables:
  - file: links.tsv
    edges:
      - head: {kind: Target, id: "NCBIGene:{a}"}
        relation: REGULATES
        tail: {kind: Target, id: "NCBIGene:{b}"}
  - file: names.tsv
    nodes: [{kind: Target, id: "NCBIGene:{gene}", name: "{symbol}"}]
"""
    )
    graph, _ = loaded(tmp_path, mapping, links_tsv="a\tb\n1\t2\n", names_tsv="gene\tsymbol\n1\tA\n")
    assert dict(graph.nodes.select("id", "name").iter_rows()) == {
        "NCBIGene:1": "A",
        "NCBIGene:2": "NCBIGene:2",
    }


def test_without_a_mapping_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"give the mapping \(--mapping m\.yaml\)"):
        load("table", tmp_path)
    with pytest.raises(MissingError, match=r"none\.yaml: there is no such mapping"):
        load("table", tmp_path, mapping=str(tmp_path / "none.yaml"))
