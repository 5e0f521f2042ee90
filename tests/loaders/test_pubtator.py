"""PubTator's format: https://www.ncbi.nlm.nih.gov/research/pubtator3/tutorial ("PubTator" format),
BC5CDR's use of it (https://biocreative.bioinformatics.udel.edu/tasks/biocreative-v/track-3-cdr/),
and the bulk tables of https://ftp.ncbi.nlm.nih.gov/pub/lu/PubTator3/README.txt."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from .sample import Sample

TITLE = "Examplin (500 mg) and kidney failure."
ABSTRACT = "We gave examplin to ten rats, e.g. A7. Liver and kidney toxicity followed | as feared."


def mention(text: str, type_: str, identifier: str, *more: str, after: int = 0) -> str:
    """A line of the document 7 with the right offsets of a text's first place after `after`."""
    start = f"{TITLE} {ABSTRACT}".index(text, after)
    return "\t".join(["7", str(start), str(start + len(text)), text, type_, identifier, *more])


LINES = [
    f"7|t|{TITLE}",
    f"7|a|{ABSTRACT}",
    mention("Examplin", "Chemical", "D000001"),
    mention("kidney failure", "Disease", "MESH:D051437"),
    mention("examplin", "Chemical", "MESH:D000001"),
    mention(
        "Liver and kidney toxicity",
        "Disease",
        "D056486|D007674",
        "Liver toxicity|kidney toxicity",
    ),
    "7\tCID\tD000001\tD051437",
    "",
    "8|t|A title alone",
    "8|a|",
    "",
]


def write(folder: Path, *lines: str, end: str = "\n") -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "corpus.txt").write_text(end.join(lines) + end, encoding="utf-8", newline="")
    return folder


SAMPLES = {
    "pubtator": Sample(
        lambda folder: write(folder, *LINES),
        lambda folder: write(
            folder, *LINES[:6], "7\t0\t4\tDRUG\tChemical\tD000002", "nonsense", *LINES[6:]
        ),
        options={"release": "2030"},
    )
}


def read(tmp_path: Path, *lines: str, **options: str) -> tuple[KnowledgeGraph, Quarantine]:
    quarantine = Quarantine()
    graph = load("pubtator", write(tmp_path / "in", *lines), quarantine=quarantine, **options)
    return graph, quarantine


def test_mentions_with_sentences_and_offsets(tmp_path: Path) -> None:
    graph, quarantine = read(tmp_path, *LINES)
    assert not quarantine.rows
    assert dict(graph.nodes.select("id", "kind").rows()) == {
        "PMID:7": "Document",
        "PMID:8": "Document",
        "MESH:D000001": "Drug",
        "MESH:D051437": "Disease",
        "MESH:D056486": "Disease",
        "MESH:D007674": "Disease",
    }
    row = graph.evidence.filter(relation="MENTIONS", object="MESH:D056486").row(0, named=True)
    text = f"{TITLE} {ABSTRACT}"
    assert row["sentence"] == "Liver and kidney toxicity followed | as feared."
    assert text[row["start"] : row["end"]] == row["sentence"]
    place = json.loads(row["qualifiers"])
    assert text[place["mention_start"] : place["mention_end"]] == "Liver and kidney toxicity"
    # "e.g. A7" ends no sentence.
    later = graph.evidence.filter(relation="MENTIONS", object="MESH:D000001")
    assert set(later["sentence"]) == {TITLE, "We gave examplin to ten rats, e.g. A7."}
    assert set(graph.evidence["level"]) == {"text-mined"}


def test_a_relation_is_the_documents(tmp_path: Path) -> None:
    graph, _ = read(tmp_path, *LINES, level="curated")
    row = graph.evidence.filter(relation="CAUSES").row(0, named=True)
    assert (row["subject"], row["object"]) == ("MESH:D000001", "MESH:D051437")
    assert (row["document"], row["references"], row["sentence"]) == ("PMID:7", ["PMID:7"], None)
    assert row["level"] == "curated"
    with pytest.raises(DataError, match="option level is curated or text-mined"):
        read(tmp_path, *LINES, level="observed")


def test_without_sentences_the_text_stays_out(tmp_path: Path) -> None:
    graph, _ = read(tmp_path, *LINES, sentences="no")
    assert graph.evidence["sentence"].null_count() == graph.evidence.height
    assert graph.evidence.filter(relation="MENTIONS")["start"].null_count() == 0


def test_relations_by_the_kinds_of_their_ends(tmp_path: Path) -> None:
    ends = {
        "C": ("Chemical|MESH:D000001", "MESH:D000001"),
        "E": ("Chemical|MESH:D000009", "MESH:D000009"),
        "D": ("Disease|MESH:D051437", "MESH:D051437"),
        "O": ("Disease|OMIM:219000", "OMIM:219000"),
        "G": ("Gene|5742", "NCBIGene:5742"),
        "H": ("Gene|1559", "NCBIGene:1559"),
        "V": ("Mutation|rs1234", ""),
    }
    expected = [
        ("treat", "C", "D", "TREATS", "C", "D"),
        ("Negative_Correlation", "O", "C", "TREATS", "C", "O"),
        ("cause", "C", "O", "CAUSES", "C", "O"),
        ("associate", "G", "D", "ASSOCIATED_WITH", "D", "G"),
        ("inhibit", "C", "G", "TARGETS", "C", "G"),
        ("positive_correlate", "C", "H", "UPREGULATES", "C", "H"),
        ("Bind", "G", "H", "INTERACTS_WITH", "H", "G"),
        ("stimulate", "H", "G", "REGULATES", "H", "G"),
        ("drug_interact", "C", "E", "INTERACTS_WITH", "C", "E"),
        ("cotreat", "C", "E", None, "", ""),
        ("associate", "V", "D", None, "", ""),
    ]
    lines = [f"7\t{name}\t{ends[a][0]}\t{ends[b][0]}" for name, a, b, *_ in expected]
    graph, quarantine = read(tmp_path, *lines)
    assert set(graph.edges.select("subject", "relation", "object").rows()) == {
        (ends[a][1], relation, ends[b][1]) for *_, relation, a, b in expected if relation
    }
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        ("relation that the schema doesn't have", "PMID:7 cotreat Drug Drug")
    ]
    action = graph.edges.filter(relation="TARGETS")["properties"][0]
    assert json.loads(action) == {"action": "inhibitor"}


def test_identifiers_of_every_form(tmp_path: Path) -> None:
    title = "a b c d e f g h i j k"
    forms = [
        ("Gene", "5742"),
        ("Gene", "5742;1559(Tax:9606)"),
        ("Gene", "NCBI Gene:77"),
        ("Disease", "OMIM:219000"),
        ("Disease", "D000001+D000002"),
        ("Disease", "MESH:D000003*"),
        ("Chemical", "CHEBI:15365"),
        ("Chemical", "-"),
        ("Chemical", "MESH:-1"),
        ("Chemical", "aspirin"),
        ("Species", "9606"),
    ]
    lines = [
        f"PMC12\t{at * 2}\t{at * 2 + 1}\t{title[at * 2]}\t{type_}\t{identifier}"
        for at, (type_, identifier) in enumerate(forms)
    ]
    graph, quarantine = read(tmp_path, f"PMC12|t|{title}", *lines)
    assert set(graph.nodes["id"]) == {
        "PMC:PMC12",
        "NCBIGene:5742",
        "NCBIGene:1559",
        "NCBIGene:77",
        "OMIM:219000",
        "MESH:D000001",
        "MESH:D000002",
        "MESH:D000003",
        "CHEBI:15365",
    }
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        ("mention without an identifier", "PMC:PMC12 14-15"),
        ("mention without an identifier", "PMC:PMC12 16-17"),
        ("malformed identifier", "PMC:PMC12 18-19"),
    ]


def test_oddities_of_files(tmp_path: Path) -> None:
    whole, _ = read(tmp_path / "plain", *LINES)
    odd = [line for line in LINES if line]  # no empty lines between documents
    folder = write(tmp_path / "odd", *odd, end="\r\n")
    (folder / "corpus.txt").write_bytes(b"\xef\xbb\xbf" + (folder / "corpus.txt").read_bytes())
    assert load("pubtator", folder).checksum() == whole.checksum()


def test_what_is_set_aside_tells_nothing_of_the_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "Exampleton"
    lines = [
        f"ward 3/{secret[:3]}|t|{secret} has gout.",
        f"ward 3/{secret[:3]}\t1\t5\t{secret}\tDisease\tD006073",
        f"ward 3/{secret[:3]}\t0\t10\t{secret}\tPerson\t-",
        f"ward 3/{secret[:3]}\tcause\t{secret}\tD006073",
        f"{secret} a line of its own",
    ]
    quarantine = Quarantine()
    with caplog.at_level(logging.WARNING):
        load("pubtator", write(tmp_path / "in", *lines), quarantine=quarantine)
    assert {row.reason: row.line for row in quarantine.rows} == {
        "offsets don't match the text": 2,
        "relation's end is not annotated": 4,
        "no line of PubTator's": 5,
    }
    assert "pubtator: annotations without a kind here: Person: 1" in caplog.text
    assert secret not in str(quarantine.rows) + caplog.text


def test_bulk_tables_of_pubtator_3(tmp_path: Path) -> None:
    graph, quarantine = read(
        tmp_path,
        "12\tChemical\tMESH:D000001\texamplin|EXA\tMeSH",
        "12\tDisease\tMESH:D051437\tkidney failure\tMeSH",
        "12\ttreat\tChemical|MESH:D000001\tDisease|MESH:D051437",
    )
    assert not quarantine.rows
    assert set(graph.edges.select("subject", "relation", "object").rows()) == {
        ("PMID:12", "MENTIONS", "MESH:D000001"),
        ("PMID:12", "MENTIONS", "MESH:D051437"),
        ("MESH:D000001", "TREATS", "MESH:D051437"),
    }
    assert graph.nodes.filter(id="MESH:D000001")["name"].to_list() == ["examplin"]


def test_published_corpus(shared_data: Path) -> None:
    file = shared_data / "corpora" / "bc5cdr" / "CDR_TrainingSet.PubTator.txt.xz"
    quarantine = Quarantine()
    graph = load("pubtator", file, quarantine=quarantine, level="curated")
    assert graph.info()["kinds"]["Document"] == 500
    # The corpus marks 76 mentions with -1; every offset fits.
    assert quarantine.counts() == {"mention without an identifier": 76}
    # 1,038 relations, each within one document, of 928 pairs.
    caused = graph.evidence.filter(relation="CAUSES")
    assert (caused.height, graph.edges.filter(relation="CAUSES").height) == (1038, 928)
