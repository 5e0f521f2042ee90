"""ICD-10-CM and ICD-10.

ICD-10-CM's files and their layout: https://www.cdc.gov/nchs/icd/icd-10-cm/files.html; the order
file's columns are in its icd10OrderFiles.pdf (1-5 order number, 7-13 code, 15 header or code,
17-76 short description, from 78 on the long one).
ICD-10 in ClaML: https://icdcdn.who.int/icd10/clamlinfo.html
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from .sample import Sample

TABULAR = """<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.tabular xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:noNamespaceSchemaLocation="icd10cm_tabular.xsd">
<version>2030</version>
<introduction><introSection type="title"><title>ICD-10-CM TABULAR LIST</title></introSection>
</introduction>
<chapter>
  <name>4</name>
  <desc>Endocrine, nutritional and metabolic diseases (E00-E89)</desc>
  <excludes1><note>transitory endocrine disorders of newborn (P70-P74)</note></excludes1>
  <sectionIndex><sectionRef first="E08" last="E13" id="E08-E13">Diabetes</sectionRef>
  </sectionIndex>
  <section id="E08-E13">
    <desc>Diabetes mellitus (E08-E13)</desc>
    <diag>
      <name>E11</name>
      <desc>Type 2 diabetes mellitus</desc>
      <includes><note>diabetes (mellitus) due to insulin secretory defect</note>
        <note>diabetes NOS</note></includes>
      <useAdditionalCode><note>code to identify control using insulin (Z79.4)</note>
      </useAdditionalCode>
      <excludes1><note>type 1 diabetes mellitus (E10.-)</note></excludes1>
      <excludes2><note>something <b>else</b></note></excludes2>
      <diag><name>E11.2</name><desc>Type 2 diabetes mellitus with kidney complications</desc>
        <diag><name>E11.21</name>
          <desc>Type 2 diabetes mellitus with diabetic nephropathy</desc>
          <inclusionTerm><note>Type 2 diabetes mellitus with intercapillary glomerulosclerosis
            </note></inclusionTerm>
        </diag>
      </diag>
    </diag>
  </section>
</chapter>
<chapter>
  <name>18</name>
  <desc>Symptoms, signs and abnormal clinical and laboratory findings (R00-R99)</desc>
  <section id="R00-R09"><desc>Circulatory and respiratory (R00-R09)</desc>
    <diag><name>R05</name><desc>Cough</desc></diag>
  </section>
</chapter>
<chapter>
  <name>20</name>
  <desc>External causes of morbidity (V00-Y99)</desc>
  <section id="W00-W19"><desc>Slipping, tripping, stumbling and falls (W00-W19)</desc>
    <diag><name>W00</name><desc>Fall due to ice and snow</desc>
      <sevenChrNote><note>The appropriate 7th character is to be added</note></sevenChrNote>
      <sevenChrDef>
        <extension char="A">initial encounter</extension>
        <extension char="D">subsequent encounter</extension>
      </sevenChrDef>
      <diag><name>W00.0</name><desc>Fall on same level due to ice and snow</desc></diag>
      <diag><name>W00.1</name><desc>Fall from stairs due to ice and snow</desc>
        <sevenChrDef><extension char="S">sequela</extension></sevenChrDef></diag>
    </diag>
  </section>
</chapter>
{more}
</ICD10CM.tabular>
"""
BAD_CHAPTER = """<chapter><name>21</name><desc>Without a range</desc></chapter>"""

ORDER = """\
00001 E11     0 Type 2 diabetes mellitus                                     Type 2 diabetes mellitus
00002 E112    0 Type 2 diabetes mellitus with kidney complications           Type 2 diabetes mellitus with kidney complications
00003 E1121   1 Type 2 diabetes mellitus with diabetic nephropathy           Type 2 diabetes mellitus with diabetic nephropathy
00004 R05     0 Cough                                                        Cough
00005 R058    1 Other specified cough                                        Other specified cough
00006 W00     0 Fall due to ice and snow                                     Fall due to ice and snow
00007 W000    0 Fall on same level due to ice and snow                       Fall on same level due to ice and snow
00008 W000XXA 1 Fall on same level due to ice and snow, initial encounter    Fall on same level due to ice and snow, initial encounter
"""  # noqa: E501

CLAML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE ClaML SYSTEM "ClaML.dtd">
<ClaML version="2.0.0">
  <Meta name="titlePageName" value="none"/>
  <Identifier authority="WHO" uid="icd10"/>
  <Title name="ICD-10" version="2029" date="2029-01-01">International Classification</Title>
  <ClassKinds><ClassKind name="chapter"/><ClassKind name="category"/></ClassKinds>
  <Modifier code="S04E10_4"><SubClass code=".0"/></Modifier>
  <Modifier code="S13M00_5"><SubClass code="0"/></Modifier>
  <ModifierClass code=".0" modifier="S04E10_4"><SuperClass code="S04E10_4"/>
    <Rubric kind="preferred"><Label xml:lang="en">With coma</Label></Rubric></ModifierClass>
  <ModifierClass code=".1" modifier="S04E10_4"><SuperClass code="S04E10_4"/>
    <Rubric kind="preferred"><Label xml:lang="en">With ketoacidosis</Label></Rubric>
  </ModifierClass>
  <ModifierClass code="0" modifier="S13M00_5"><SuperClass code="S13M00_5"/>
    <Rubric kind="preferred"><Label xml:lang="en">Multiple sites</Label></Rubric></ModifierClass>
  <Class code="IV" kind="chapter"><SubClass code="E10-E14"/><SubClass code="E00-E07"/>
    <Rubric kind="preferred"><Label xml:lang="en">Endocrine diseases</Label></Rubric></Class>
  <Class code="E10-E14" kind="block"><SuperClass code="IV"/><SubClass code="E10"/>
    <ModifiedBy code="S13M00_5"/>
    <Rubric kind="preferred"><Label xml:lang="en">Diabetes mellitus</Label></Rubric></Class>
  <Class code="E10" kind="category" usage="dagger"><SuperClass code="E10-E14"/>
    <ModifiedBy code="S04E10_4"/><SubClass code="E10.1"/>
    <Rubric kind="preferred"><Label xml:lang="en">Type 1 diabetes mellitus</Label></Rubric>
    <Rubric kind="inclusion"><Label xml:lang="en">diabetes: <Fragment>brittle</Fragment></Label>
    </Rubric>
    <Rubric kind="exclusion"><Label xml:lang="en">neonatal (<Reference>P70.2</Reference>)</Label>
    </Rubric></Class>
  <Class code="E10.1" kind="category"><SuperClass code="E10"/>
    <Rubric kind="preferred"><Label xml:lang="en">Its own name</Label></Rubric></Class>
  {more}
</ClaML>
"""
BAD_CLASS = """<Class code="E1" kind="category"><SuperClass code="E10-E14"/></Class>"""


def write_cm(folder: Path, more: str = "", line: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    text = TABULAR.replace("{more}", more)
    (folder / "icd10cm_tabular_2030.xml").write_text(text, encoding="utf-8")
    (folder / "icd10cm_order_2030.txt").write_text(ORDER + line, encoding="utf-8")
    return folder


def write_who(folder: Path, more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "icd10.xml").write_text(CLAML.replace("{more}", more), encoding="utf-8")
    return folder


SAMPLES = {
    "icd10cm": Sample(write_cm, lambda folder: write_cm(folder, BAD_CHAPTER, "00009 bad\n")),
    "icd10": Sample(write_who, lambda folder: write_who(folder, BAD_CLASS)),
}


def hierarchy(graph: KnowledgeGraph) -> dict[str, str]:
    assert set(graph.edges["relation"]) == {"SUBCLASS_OF"}
    rows = graph.edges.select("subject", "object").rows()
    assert len(dict(rows)) == len(rows)
    return {child.partition(":")[2]: parent.partition(":")[2] for child, parent in rows}


CM_HIERARCHY = {
    "E08-E13": "E00-E89",
    "E11": "E08-E13",
    "E11.2": "E11",
    "E11.21": "E11.2",
    "R00-R09": "R00-R99",
    "R05": "R00-R09",
    "W00-W19": "V00-Y99",
    "W00": "W00-W19",
    "W00.0": "W00",
    "W00.1": "W00",
    "W00.0XXA": "W00.0",
    "W00.0XXD": "W00.0",
    "W00.1XXS": "W00.1",
}


def test_tabular_list(tmp_path: Path) -> None:
    folder = write_cm(tmp_path / "in")
    graph = load("icd10cm", folder / "icd10cm_tabular_2030.xml")
    assert hierarchy(graph) == CM_HIERARCHY
    names = dict(graph.nodes.select("id", "name").rows())
    assert names["ICD10CM:E00-E89"] == "Endocrine, nutritional and metabolic diseases"
    assert names["ICD10CM:W00.0XXA"] == "Fall on same level due to ice and snow, initial encounter"
    assert graph.sources[0].release == "2030"


def test_notes_are_properties_and_no_synonyms(tmp_path: Path) -> None:
    graph = load("icd10cm", write_cm(tmp_path / "in"))
    node = graph.nodes.filter(id="ICD10CM:E11").row(0, named=True)
    assert node["synonyms"] == []
    assert json.loads(node["properties"]) == {
        "includes": ["diabetes (mellitus) due to insulin secretory defect", "diabetes NOS"],
        "excludes1": ["type 1 diabetes mellitus (E10.-)"],
        "excludes2": ["something else"],
        "use_additional_code": ["code to identify control using insulin (Z79.4)"],
    }
    node = graph.nodes.filter(id="ICD10CM:E11.21").row(0, named=True)
    assert json.loads(node["properties"]) == {
        "inclusion_terms": ["Type 2 diabetes mellitus with intercapillary glomerulosclerosis"]
    }


def test_kinds_by_chapter(tmp_path: Path) -> None:
    graph = load("icd10cm", write_cm(tmp_path / "in"))
    kinds = dict(graph.nodes.select("id", "kind").rows())
    assert kinds["ICD10CM:E11.21"] == "Disease"
    assert kinds["ICD10CM:R05"] == kinds["ICD10CM:R00-R99"] == "Symptom"
    assert kinds["ICD10CM:W00.0XXA"] == kinds["ICD10CM:V00-Y99"] == "Exposure"


def test_order_file_alone_and_beside_the_tabular_list(tmp_path: Path) -> None:
    folder = write_cm(tmp_path / "in")
    alone = load("icd10cm", folder / "icd10cm_order_2030.txt")
    assert hierarchy(alone) == {
        "E11.2": "E11",
        "E11.21": "E11.2",
        "R05.8": "R05",
        "W00.0": "W00",
        "W00.0XXA": "W00.0",
    }
    assert alone.sources[0].release == "2030"
    both = load("icd10cm", folder)
    assert hierarchy(both) == CM_HIERARCHY | {"R05.8": "R05"}


def test_compressed_and_windows_line_ends(tmp_path: Path) -> None:
    folder = write_cm(tmp_path / "in")
    whole = load("icd10cm", folder).checksum()
    for file in list(folder.iterdir()):
        data = file.read_bytes().replace(b"\n", b"\r\n")
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(data))
        file.unlink()
    assert load("icd10cm", folder).checksum() == whole


def test_bad_lines_are_set_aside_with_their_number(tmp_path: Path) -> None:
    quarantine = Quarantine()
    more = "<chapter><name>1</name><desc>Infections (A00-B99)</desc><section id='A00-A09'>"
    more += "<desc>Intestinal (A00-A09)</desc>\n<diag><name>AB</name><desc>bad</desc>"
    more += "<diag><name>A00.0</name><desc>Cholera</desc></diag></diag></section></chapter>"
    folder = write_cm(tmp_path / "in", more, "00009 E119    1 short only\n00010 lost\n")
    graph = load("icd10cm", folder, quarantine=quarantine)
    assert hierarchy(graph)["A00.0"] == "A00-A09"  # what stands in a bad one is not lost
    lines = TABULAR.split("\n").index("{more}") + 2
    assert [(row.reason, row.line) for row in quarantine.rows] == [
        ("code that is malformed or has no name", lines),
        ("no line of the order file", 9),
        ("no line of the order file", 10),
    ]


def test_claml(tmp_path: Path) -> None:
    graph = load("icd10", write_who(tmp_path / "in"))
    assert hierarchy(graph) == {
        "E10-E14": "E00-E14",
        "E10": "E10-E14",
        "E10.0": "E10",
        "E10.1": "E10",
    }
    names = dict(graph.nodes.select("id", "name").rows())
    assert names["ICD10:E00-E14"] == "Endocrine diseases"
    assert names["ICD10:E10.0"] == "Type 1 diabetes mellitus: With coma"
    assert names["ICD10:E10.1"] == "Its own name"
    node = graph.nodes.filter(id="ICD10:E10").row(0, named=True)
    assert json.loads(node["properties"]) == {
        "inclusion_terms": ["diabetes: brittle"],
        "excludes": ["neonatal (P70.2)"],
    }
    assert graph.sources[0].release == "2029"


def test_other_xml_is_refused(tmp_path: Path) -> None:
    cm, who = write_cm(tmp_path / "cm"), write_who(tmp_path / "who")
    with pytest.raises(DataError, match=r"icd10\.xml: is no tabular list of ICD-10-CM"):
        load("icd10cm", who / "icd10.xml")
    with pytest.raises(DataError, match=r"tabular_2030\.xml: is no ClaML file"):
        load("icd10", cm / "icd10cm_tabular_2030.xml")
    with pytest.raises(DataError, match="has no code of ICD-10"):
        (cm / "empty.txt").write_text("nothing\n")
        load("icd10cm", cm / "empty.txt")


def test_an_xml_bomb_and_outer_entities_do_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    doctype = f'<!DOCTYPE ClaML [<!ENTITY e0 "{"lol" * 20}">{entities}'
    bomb = CLAML.replace('<!DOCTYPE ClaML SYSTEM "ClaML.dtd">', f"{doctype}]>")
    (tmp_path / "a.xml").write_text(bomb.replace("brittle", "&e9;"))
    with pytest.raises(DataError, match=r"a\.xml, line .*amplification"):
        load("icd10", tmp_path / "a.xml")
    outer = f'<!DOCTYPE ClaML [<!ENTITY out SYSTEM "{secret.as_uri()}">]>'
    text = CLAML.replace('<!DOCTYPE ClaML SYSTEM "ClaML.dtd">', outer).replace("{more}", "")
    (tmp_path / "b.xml").write_text(text.replace("brittle", "&out;"))
    graph = load("icd10", tmp_path / "b.xml")
    assert "secret" not in str(graph.nodes["properties"].to_list())
