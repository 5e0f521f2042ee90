"""UMLS in Rich Release Format.

Columns, the meaning of TS, STT, ISPREF and SUPPRESS, and the direction of MRREL: UMLS Reference
Manual, chapter 3 (https://www.ncbi.nlm.nih.gov/books/NBK9685/). Of MRREL it says that REL and RELA
are what the second concept or atom is to the first one.
"""

from __future__ import annotations

import gzip
import json
import logging
from itertools import pairwise
from pathlib import Path

import pytest

from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.sources import load

from .peak import peak_memory
from .published import write_hpo
from .sample import Sample

DIABETES, POLYURIA, METFORMIN = "C0011849", "C0032617", "C0025598"
TYPE_2, INS, PANCREAS, PREGNANCY = "C0011860", "C1337112", "C0030274", "C0032961"


def atom(
    cui: str,
    text: str,
    *,
    status: str = "P|PF|Y",
    language: str = "ENG",
    sab: str = "MTH",
    tty: str = "PN",
    code: str = "NOCODE",
    suppress: str = "N",
) -> str:
    """A row of MRCONSO: CUI, LAT, TS, LUI, STT, SUI, ISPREF, AUI, SAUI, SCUI, SDUI, SAB, TTY, CODE,
    STR, SRL, SUPPRESS, CVF."""
    ts, stt, is_preferred = status.split("|")
    return (
        f"{cui}|{language}|{ts}|L1|{stt}|S1|{is_preferred}|A1||||{sab}|{tty}|{code}|{text}|0"
        f"|{suppress}||"
    )


def relation(
    first: str, rel: str, second: str, rela: str = "", sab: str = "MTH", suppress: str = "N"
) -> str:
    """A row of MRREL: CUI1, AUI1, STYPE1, REL, CUI2, AUI2, STYPE2, RELA, RUI, SRUI, SAB, SL, RG,
    DIR, SUPPRESS, CVF."""
    return f"{first}|A1|AUI|{rel}|{second}|A2|AUI|{rela}|R1||{sab}|{sab}|||{suppress}||"


ATOMS = [
    atom(DIABETES, "Diabete sucré", language="FRE"),
    atom(DIABETES, "DM", status="S|PF|N"),
    atom(DIABETES, 'Diabetes "mellitus"', status="P|VO|N"),
    atom(DIABETES, "Diabetes Mellitus", sab="MSH", tty="MH", code="D003920"),
    atom(DIABETES, "Diabetes, Old", status="S|PF|N", suppress="O"),
    atom(DIABETES, "Diabetes", status="S|PF|N", sab="SNOMEDCT_US", tty="PT", code="73211009"),
    atom(TYPE_2, "Diabetes Mellitus, Type 2", sab="ICD10CM", tty="PT", code="E11"),
    # An inclusion term has the code of what it is included in, which is not its own.
    atom(TYPE_2, "Diabetes NOS", status="S|PF|N", sab="ICD10CM", tty="ET", code="E11.9"),
    atom(METFORMIN, "metformin", sab="RXNORM", tty="IN", code="6809"),
    atom(METFORMIN, "Metformin", status="P|VC|Y", sab="DRUGBANK", tty="IN", code="DB00331"),
    atom(PANCREAS, "Pancreas", sab="FMA", tty="PT", code="7198"),
    atom(POLYURIA, "Polyuria", sab="HPO", tty="PT", code="HP:0000103"),
    atom(PREGNANCY, "Pregnancy"),
    atom(INS, "INS gene", sab="HGNC", tty="PT", code="HGNC:6081"),
]
TYPES = [
    f"{DIABETES}|T047|B2.2.1.2.1|Disease or Syndrome|AT1|256|",
    f"{TYPE_2}|T047|B2.2.1.2.1|Disease or Syndrome|AT2|256|",
    f"{METFORMIN}|T109|A1.4.1.2.1|Organic Chemical|AT3||",
    f"{METFORMIN}|T121|A1.4.1.1.1|Pharmacologic Substance|AT4|256|",
    f"{PANCREAS}|T023|A1.2.3.1|Body Part, Organ, or Organ Component|AT5|256|",
    f"{POLYURIA}|T184|A2.2.2|Sign or Symptom|AT6|256|",
    f"{PREGNANCY}|T079|A2.1.1|Temporal Concept|AT7||",
    f"{INS}|T028|A1.2.3.5|Gene or Genome|AT8||",
]
RELATIONS = [
    # Type 2 is a diabetes, said three times.
    relation(DIABETES, "CHD", TYPE_2, "isa", "SNOMEDCT_US"),
    relation(TYPE_2, "PAR", DIABETES, "inverse_isa", "SNOMEDCT_US"),
    relation(TYPE_2, "PAR", DIABETES, "", "MSH"),
    relation(DIABETES, "RO", METFORMIN, "may_treat", "MED-RT"),
    relation(METFORMIN, "RO", DIABETES, "may_be_treated_by", "MED-RT"),
    relation(METFORMIN, "RO", TYPE_2, "has_contraindicated_drug", "MED-RT"),
    relation(POLYURIA, "RO", DIABETES, "has_manifestation", "SNOMEDCT_US"),
    relation(DIABETES, "RO", INS, "gene_associated_with_disease", "NCI"),
    relation(DIABETES, "RO", PANCREAS, "finding_site_of", "SNOMEDCT_US"),
    # None of these is to be seen in the graph.
    relation(TYPE_2, "RO", METFORMIN, "may_treat", "MED-RT", suppress="O"),
    relation(TYPE_2, "RO", METFORMIN, "may_prevent", "MED-RT"),
    relation(TYPE_2, "PAR", PANCREAS, "", "MSH"),
    relation(DIABETES, "RO", PREGNANCY, "has_manifestation"),
    relation(DIABETES, "SY", DIABETES, ""),
]
DEFINITIONS = [
    f"{DIABETES}|A1|AT1||CSP|another definition|N||",
    f"{DIABETES}|A1|AT2||MSH|A heterogeneous group of disorders.|N||",
    f"{TYPE_2}|A1|AT3||MSH|suppressed|Y||",
]


def write_umls(folder: Path, *more: str) -> Path:
    meta = folder / "META"
    meta.mkdir(parents=True, exist_ok=True)
    tables = {
        "MRCONSO": [*ATOMS, *more],
        "MRSTY": TYPES,
        "MRREL": RELATIONS,
        "MRDEF": DEFINITIONS,
    }
    for name, rows in tables.items():
        text = "\n".join([*rows, ""])
        (meta / f"{name}.RRF").write_text(text, encoding="utf-8", newline="")
    (folder / "release.dat").write_text("umls.release.name=2030AB\n", encoding="utf-8")
    return folder


SAMPLES = {
    "umls": Sample(write_umls, lambda folder: write_umls(folder, "C0000001|ENG|too few|")),
}


def edges(graph: KnowledgeGraph) -> set[tuple[str, str, str]]:
    rows = graph.edges.select("subject", "relation", "object").rows()
    return {(s.removeprefix("UMLS:"), r, o.removeprefix("UMLS:")) for s, r, o in rows}


def test_a_concept(tmp_path: Path) -> None:
    graph = load("umls", write_umls(tmp_path / "in"))
    node = graph.nodes.filter(id=f"UMLS:{DIABETES}").row(0, named=True)
    assert (node["kind"], node["name"]) == ("Disease", "Diabetes Mellitus")
    assert node["synonyms"] == ["DM", "Diabetes", 'Diabetes "mellitus"']
    assert node["xrefs"] == ["MESH:D003920", "SNOMEDCT:73211009"]
    assert json.loads(node["properties"]) == {
        "definition": "A heterogeneous group of disorders.",
        "semantic_type": "Disease or Syndrome",
    }
    type_2 = graph.nodes.filter(id=f"UMLS:{TYPE_2}").row(0, named=True)
    assert type_2["xrefs"] == ["ICD10CM:E11"]
    assert json.loads(type_2["properties"]) == {"semantic_type": "Disease or Syndrome"}
    assert graph.sources[0].release == "2030AB"


def test_kinds_by_semantic_type(tmp_path: Path) -> None:
    graph = load("umls", write_umls(tmp_path / "in"))
    assert dict(graph.nodes.select("id", "kind").rows()) == {
        f"UMLS:{DIABETES}": "Disease",
        f"UMLS:{TYPE_2}": "Disease",
        f"UMLS:{METFORMIN}": "Drug",  # an organic chemical too
        f"UMLS:{PANCREAS}": "Anatomy",
        f"UMLS:{POLYURIA}": "Symptom",
        f"UMLS:{INS}": "Target",
    }


def test_relations_run_from_the_second_concept_to_the_first(tmp_path: Path) -> None:
    graph = load("umls", write_umls(tmp_path / "in"))
    assert edges(graph) == {
        (TYPE_2, "SUBCLASS_OF", DIABETES),
        (METFORMIN, "TREATS", DIABETES),
        (METFORMIN, "CONTRAINDICATED_FOR", TYPE_2),
        (DIABETES, "HAS_SYMPTOM", POLYURIA),
        (DIABETES, "ASSOCIATED_WITH", INS),
        (DIABETES, "LOCALIZES_TO", PANCREAS),
    }
    # A row and its mate in the other direction are one piece of evidence, vocabularies are several.
    isa = graph.evidence.filter(relation="SUBCLASS_OF")["qualifiers"].sort().to_list()
    assert isa == ['{"vocabulary": "MSH"}', '{"vocabulary": "SNOMEDCT_US"}']


def test_languages_sources_and_semantic_types(tmp_path: Path) -> None:
    folder = write_umls(tmp_path / "in")
    french = load("umls", folder, languages="FRE, ENG")
    node = french.nodes.filter(id=f"UMLS:{DIABETES}").row(0, named=True)
    assert node["name"] == "Diabete sucré"
    assert "Diabetes Mellitus" in node["synonyms"]
    mesh = load("umls", folder, sources="MSH,HPO")
    assert set(mesh.nodes["name"]) == {"Diabetes Mellitus", "Polyuria"}
    assert mesh.edges.is_empty()
    for types in ("T184, T023", "Sign or Symptom; Body Part, Organ, or Organ Component"):
        some = load("umls", folder, semantic_types=types)
        assert set(some.nodes["kind"]) == {"Symptom", "Anatomy"}
    with pytest.raises(MissingError, match="loads no semantic type 'T999'; those it loads are Dis"):
        load("umls", folder, semantic_types="T999")
    with pytest.raises(DataError, match="no concept of these languages, sources"):
        load("umls", folder, sources="NOSUCH")


def test_pieces_and_compressed_files(tmp_path: Path) -> None:
    folder = write_umls(tmp_path / "in")
    whole = load("umls", folder).checksum()
    meta = folder / "META"
    for name in ("MRCONSO", "MRREL"):
        data = (meta / f"{name}.RRF").read_bytes()
        (meta / f"{name}.RRF").unlink()
        cut = len(data) // 2 + 7  # in the middle of a row
        (meta / f"{name}.RRF.aa.gz").write_bytes(gzip.compress(data[:cut]))
        (meta / f"{name}.RRF.ab.gz").write_bytes(gzip.compress(data[cut:]))
    sty = meta / "MRSTY.RRF"
    (meta / "MRSTY.RRF.gz").write_bytes(gzip.compress(sty.read_bytes()))
    sty.unlink()
    assert load("umls", folder).checksum() == whole
    assert load("umls", meta).checksum() == whole


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    folder = write_umls(tmp_path / "in")
    whole = load("umls", folder).checksum()
    for file in (folder / "META").iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert load("umls", folder).checksum() == whole


def test_rows_that_cant_be_used_are_set_aside_with_their_line(tmp_path: Path) -> None:
    quarantine = Quarantine()
    folder = write_umls(tmp_path / "in", "C0000001|ENG|too few|", atom("CN123", "no concept"))
    load("umls", folder, quarantine=quarantine)
    assert [(row.reason, row.line) for row in quarantine.rows] == [
        ("wrong number of fields", len(ATOMS) + 1),
        ("no CUI", len(ATOMS) + 2),
    ]


def test_a_file_that_isnt_sorted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_umls(tmp_path / "in")
    whole = load("umls", folder)
    rows = [row for row in ATOMS[1:] if row not in ATOMS[3:4]] + ["", ATOMS[3], ATOMS[0], ""]
    (folder / "META" / "MRCONSO.RRF").write_text("\n".join(rows), encoding="utf-8")
    assert load("umls", folder).checksum() == whole.checksum()  # in one part, order is no matter
    monkeypatch.setattr("medkg.loaders.stream._BLOCK", 300)
    with caplog.at_level(logging.WARNING):
        graph = load("umls", folder)
    assert "not sorted by CUI; 1 concepts come again" in caplog.text
    node = graph.nodes.filter(id=f"UMLS:{DIABETES}").row(0, named=True)
    assert {node["name"], *node["synonyms"]} >= {"Diabetes Mellitus", "Diabetes", "DM"}
    assert edges(graph) == edges(whole)


def test_small_blocks_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_umls(tmp_path / "in")
    whole = load("umls", folder).checksum()
    for size in (50, 333):
        monkeypatch.setattr("medkg.loaders.stream._BLOCK", size)
        assert load("umls", folder).checksum() == whole


def test_without_relations_and_definitions(tmp_path: Path) -> None:
    folder = write_umls(tmp_path / "in")
    for name in ("MRREL", "MRDEF"):
        (folder / "META" / f"{name}.RRF").unlink()
    assert load("umls", folder).edges.is_empty()
    (folder / "META" / "MRSTY.RRF").unlink()
    with pytest.raises(MissingError, match=r"has no MRSTY\.RRF"):
        load("umls", folder)


def test_joins_hpo(tmp_path: Path) -> None:
    extra = [atom("C0036572", "Seizures", sab="HPO", tty="PT", code="HP:0001250")]
    folder = write_umls(tmp_path / "in", *extra)
    with (folder / "META" / "MRSTY.RRF").open("a", encoding="utf-8") as file:
        file.write("C0036572|T184|A2.2.2|Sign or Symptom|AT9||\n")
    graph = merge(load("umls", folder), load("hpo", write_hpo(tmp_path / "hpo")))
    assert "UMLS:C0036572" in graph.nodes.filter(id="HP:0001250")["xrefs"][0]


PARTS = """
import sys
from pathlib import Path
from medkg.graph.frames import Source
from medkg.core.quarantine import Quarantine
from medkg.loaders import stream, umls

stream._BLOCK = 1 << 18
wanted = umls.Selection(["ENG"], [], umls._types(""))
parts = umls.parts(Path(sys.argv[1]), wanted, Source("umls", "", ""), Quarantine())
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of 8 blocks and one of 40 (of 256 KB), either read by a process of its own."""
    peaks = []
    for concepts in (2_500, 12_500):
        folder = tmp_path / str(concepts)
        folder.mkdir()
        cuis = [f"C{number:07d}" for number in range(1, concepts + 1)]
        with (folder / "MRCONSO.RRF").open("w", encoding="utf-8") as file:
            for cui in cuis:
                name = f"a name of concept {cui} that is about as long as they are " * 2
                file.write(
                    "\n".join(atom(cui, f"{name}{n}", status="S|PF|N") for n in range(5)) + "\n"
                )
        with (folder / "MRREL.RRF").open("w", encoding="utf-8") as file:
            for one, other in pairwise(cuis):
                file.write(relation(one, "CHD", other, "isa") + "\n")
        with (folder / "MRSTY.RRF").open("w", encoding="utf-8") as file:
            file.writelines(f"{cui}|T047|B2.2.1.2.1|Disease or Syndrome|AT1|256|\n" for cui in cuis)
        rows, peak = peak_memory(PARTS, folder)
        assert rows == 2 * concepts - 1
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 8, peaks
