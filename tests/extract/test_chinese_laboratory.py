"""Laboratory results in Chinese notes, and what stands beside them that is none."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import medkg
from medkg.extract.chinese_laboratory import add_chinese_tests
from medkg.extract.tables import table_rows
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.laboratory import laboratory_tests, tests_by_name

from ..adversarial import processor_limit

pytest.importorskip("opencc")
pytest.importorskip("pypinyin")


def _graph() -> KnowledgeGraph:
    """The phenotypes that results may be, and fever by its Chinese name."""
    named = {id_: name for test in laboratory_tests() for id_, name in test.phenotype_names.items()}
    nodes = pl.DataFrame(
        [
            (id_, "Symptom", name, ["发热"] if name == "Fever" else [])
            for id_, name in named.items()
        ],
        schema=["id", "kind", "name", "synonyms"],
        orient="row",
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])


GRAPH = _graph()


def _read(note: str, folder: Path) -> tuple[set[str], set[str]]:
    """Names of the phenotypes that a note states of its patient, and of those that it denies."""
    file = folder / "a.txt"
    file.write_text(note, encoding="utf-8")
    kg = medkg.read_texts(file, terminology=GRAPH, texts="notes")
    names = dict(kg.nodes.select("id", "name").iter_rows())
    stated = [
        {names[object_] for object_ in kg.edges.filter(relation=relation)["object"]}
        for relation in ("HAS_PHENOTYPE", "LACKS_PHENOTYPE")
    ]
    return stated[0], stated[1]


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("血钠118 mmol/L。", {"Hyponatremia"}),
        ("血鉀：6.8mmol/L。", {"Hyperkalemia"}),
        ("血小板 20×10^9/L，血红蛋白为70g/L。", {"Thrombocytopenia", "Anemia"}),
        ("白细胞(WBC) 3.0×10⁹/L。", {"Leukopenia"}),
        ("体温39.5℃，心率120次/分。", {"Fever", "Tachycardia"}),
        ("血压180/110mmHg。", {"Elevated systolic blood pressure"}),
        ("血钠14000 mmol/L（升高）。", set()),
        ("血钙降低，C反应蛋白升高。",
         {"Hypocalcemia", "Elevated circulating C-reactive protein concentration"}),
        ("抗核抗体阳性。", {"Antinuclear antibody positivity"}),
        ("抗dsDNA抗体（+）。", {"Anti-dsDNA antibody positivity"}),
        ("尿蛋白阳性。", {"Proteinuria"}),
        ("尿蛋白(+++)。", {"Proteinuria"}),
        ("抗核抗体1：320。", {"Antinuclear antibody positivity"}),
        # A denial before it is of something else.
        ("无发热，血钠118 mmol/L。", {"Hyponatremia"}),
        # A pulse of 120 is a child's own.
        ("患儿，3岁，体温38.8℃，心率120次/分。", {"Fever"}),
        # A childhood that is over, and a child beside.
        ("患者，女，45岁，13岁初潮。心率120次/分。", {"Tachycardia"}),
        ("病程3个月，血压180／110mmHg。", {"Elevated systolic blood pressure"}),
        ("糖尿病患者血糖25mmol/L。", {"Hyperglycemia"}),
        # What is part of a disease's name, or of a drug's.
        ("血小板减少性紫癜2年。", set()),
        ("白细胞减少症。", set()),
        ("氯化钠 100。", set()),
        # Ten thousands, ranges and conditions.
        ("血小板 20万。", set()),
        ("体温36.5-39.0℃。", set()),
        ("血氧饱和度<90%时吸氧。", set()),
        ("关节液白细胞 20×10^9/L。", set()),
        ("粪便：白细胞升高。", set()),
        ("İNR 5。", set()),
        # Of another fluid, taken, to be measured, or without a result.
        ("脑脊液葡萄糖1.2mmol/L。", set()),
        ("口服钾 2g。", set()),
        ("建议复查血糖。", set()),
    ],
)  # fmt: skip
def test_results(note: str, shown: set[str], tmp_path: Path) -> None:
    assert _read(note, tmp_path)[0] == shown


def test_a_normal_result_excludes_both_sides(tmp_path: Path) -> None:
    for note in ("血钾正常。", "血钾4.3 mmol/L。"):
        assert _read(note, tmp_path) == (set(), {"Hyperkalemia", "Hypokalemia"})
    assert _read("抗核抗体阴性。", tmp_path) == (set(), {"Antinuclear antibody positivity"})


def test_a_disease_keeps_its_name(tmp_path: Path) -> None:
    """A purpura is no test, and neither is a finding that has a name of its own."""
    more = pl.DataFrame(
        [
            ("MESH:D016553", "Disease", "Purpura", ["血小板减少性紫癜"]),
            ("HP:0001873", "Symptom", "Thrombocytopenia", ["血小板减少"]),
        ],
        schema=["id", "kind", "name", "synonyms"],
        orient="row",
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    graph = KnowledgeGraph.build(more, pl.DataFrame(schema=none), [])
    note = tmp_path / "a.txt"
    for text, named in (
        ("患血小板减少性紫癜2年。", "Purpura"),
        ("血小板减少3天。", "Thrombocytopenia"),
    ):
        note.write_text(text, encoding="utf-8")
        kg = medkg.read_texts(note, terminology=graph, texts="notes")
        facts = kg.edges.filter(pl.col("relation").is_in(["HAS_DISEASE", "HAS_PHENOTYPE"]))
        names = dict(kg.nodes.select("id", "name").iter_rows())
        assert {names[object_] for object_ in facts["object"]} == {named}


def test_a_long_note_is_read_in_linear_time() -> None:
    nlp = medkg.extract.pipeline.build_pipeline(GRAPH)
    doc = nlp.make_doc("尿酸1，" * 15_000)
    doc._.note = True
    doc.spans["mentions"] = []
    with processor_limit(10):
        add_chinese_tests(doc, nlp.get_pipe("medkg_laboratory"))


def test_every_name_is_of_a_test() -> None:
    for name, test in table_rows("laboratory_zh.tsv"):
        assert test in tests_by_name() or test == "blood pressure", name


def test_a_paper_has_no_results_of_a_patient() -> None:
    nlp = medkg.extract.pipeline.build_pipeline(GRAPH)
    doc = nlp.make_doc("血钠118 mmol/L。")
    doc._.note = False
    doc.spans["mentions"] = []
    laboratory = nlp.get_pipe("medkg_laboratory")
    assert not add_chinese_tests(doc, laboratory).spans["mentions"]
    doc._.note = True
    (mention,) = add_chinese_tests(doc, laboratory).spans["mentions"]
    assert mention.text == "血钠"
