"""What Chinese sentences state of drugs, diseases and symptoms."""

from __future__ import annotations

from pathlib import Path

import pytest
from chinese import SENTENCES, marked_document
from spacy.tokens import Doc

import medkg
from medkg.core.quarantine import Quarantine
from medkg.extract.relations.chinese import SORTS, chinese_relations, rules
from medkg.extract.relations.extracted import ExtractedRelation
from medkg.graph.schema import Schema
from medkg.loaders.sources import load
from medkg.loaders.text_tables import read_table

pytest.importorskip("opencc")


def statements(doc: Doc) -> set[str]:
    return {_words(relation) for relation in chinese_relations(doc)}


def _words(relation: ExtractedRelation) -> str:
    denied = "" if relation.context["polarity"] == "asserted" else "-"
    return f"{denied}{relation.head.text} {relation.relation} {relation.tail.text}"


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("[M1 贝那普利]可用于治疗[D1 高血压]和[D2 心力衰竭]。",
         {"贝那普利 TREATS 高血压", "贝那普利 TREATS 心力衰竭"}),
        ("[M1 賴諾普利]可引起[S1 乾咳]。", {"賴諾普利 CAUSES 乾咳"}),  # traditional characters
        ("[D1 糖尿病]，现服[M1 二甲双胍]。", {"二甲双胍 TREATS 糖尿病"}),
        ("[D1 高血压]、[D2 糖尿病]，口服[M1 缬沙坦]降压、[M2 格列美脲]降糖。",
         {"缬沙坦 TREATS 高血压", "格列美脲 TREATS 糖尿病"}),
        ("[M1 萘普生]禁用于[D1 消化性溃疡]。", {"萘普生 CONTRAINDICATED_FOR 消化性溃疡"}),
        ("[M1 阿司匹林]治疗[S1 头痛]无效。", {"-阿司匹林 TREATS 头痛"}),
        ("避免使用[M1 阿司匹林]治疗[S1 头痛]。", set()),
        ("服用[M1 阿司匹林]后[S1 头痛]未缓解。", set()),
        ("[D1 白癜风]一般不伴[S1 瘙痒]。", {"-白癜风 HAS_SYMPTOM 瘙痒"}),
        # Nothing: another drug between, a question, company, a sentence's end without a blank.
        ("[D1 哮喘]予[M1 沙丁胺醇]，[D2 痛风]予[M2 别嘌醇]。",
         {"沙丁胺醇 TREATS 哮喘", "别嘌醇 TREATS 痛风"}),
        ("[D1 湿疹]用[M1 氢化可的松]有什么坏处", set()),
        ("[D1 湿疹]能用[M1 氢化可的松]吗？", set()),
        ("患者有[D1 痛风]、[S1 头痛]，服用过[M1 阿司匹林]没有效果。".replace("没有", "，没有"),
         {"阿司匹林 TREATS 痛风", "阿司匹林 TREATS 头痛"}),
        ("[S1 发热]来诊.既往服用[M1 阿司匹林]", set()),
        ("无[S1 皮疹]，[M1 青霉素]皮试阴性。", set()),
    ],
)  # fmt: skip
def test_statements(marked: str, expected: set[str]) -> None:
    assert statements(marked_document(marked)[0]) == expected


def test_what_is_said_of_a_drug_as_such_is_certain_and_of_now() -> None:
    [relation] = chinese_relations(marked_document("[M1 别嘌醇]可能引起[S1 皮疹]。")[0])
    assert relation.context["certainty"] == "certain"
    assert 0 < relation.probability < 1
    [relation] = chinese_relations(marked_document("既往[D1 癫痫]，现服[M1 卡马西平]。")[0])
    assert relation.context["temporality"] == "current"


def test_every_rule_states_a_relation_of_the_schema_as_surely_as_can_be() -> None:
    stated = set()
    for sort in SORTS:
        for rule in rules(sort):
            assert 0.5 <= rule.precision < 1
            stated.add(rule.relation.removeprefix("DENIED "))
    assert stated - {"NONE"} <= {*Schema.default().relations}


def test_the_sixty_sentences_are_read_as_the_docs_say() -> None:
    counts = {"dev": [0, 0, 0], "test": [0, 0, 0]}
    rows = read_table(SENTENCES, ["split", "sort", "text", "states"], Quarantine())
    for split, marked, states in rows.select("split", "text", "states").iter_rows():
        doc, names = marked_document(marked)
        gold = {state.strip() for state in (states or "").split(";")} - {""}
        read = {
            f"{'' if r.context['polarity'] == 'asserted' else '-'}"
            f"{names[r.head.start]} {r.relation} {names[r.tail.start]}"
            for r in chinese_relations(doc)
        }
        for n, number in enumerate((len(gold & read), len(read), len(gold))):
            counts[split][n] += number
    assert counts == {"dev": [35, 36, 35], "test": [36, 36, 37]}


def test_a_notes_relations_are_in_its_graph(tmp_path: Path) -> None:
    note = tmp_path / "a.txt"
    note.write_text("女，50岁。高血压病史5年，口服氨氯地平控制血压。", encoding="utf-8")
    terminology = medkg.merge(load("starter", language="zh"), load("common", language="zh"))
    kg = medkg.read_texts(note, terminology=terminology, texts="notes")
    names = dict(kg.nodes.select("id", "name").iter_rows())
    [edge] = kg.edges.filter(relation="TREATS").iter_rows(named=True)
    assert names[edge["subject"]] == "Amlodipine"
    [evidence] = kg.evidence.filter(edge=edge["id"]).iter_rows(named=True)
    assert evidence["sentence"] == "高血压病史5年，口服氨氯地平控制血压。"
    assert 0 < evidence["probability"] <= 0.7
