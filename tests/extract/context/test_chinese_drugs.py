"""What Chinese sentences say of drugs: allergies to them, drugs stopped, drugs taken now."""

import pytest
from spacy.tokens import Doc

from medkg.extract.chinese import Chinese
from medkg.extract.relations.chinese import chinese_relations
from medkg.extract.tokens import blank


def _read(text: str, drugs: str, others: str = "") -> Doc:
    """A sentence with its context, its drugs and other conditions given, parted by blanks."""
    doc = blank().make_doc(text)
    for token in doc:
        token.is_sent_start = token.i == 0
    places = [
        (text.index(name), name, kind)
        for names, kind in ((drugs, "Drug"), (others, "Symptom"))
        for name in names.split()
    ]
    spans = [doc.char_span(at, at + len(name), kind) for at, name, kind in sorted(places)]
    doc.spans["mentions"] = [span for span in spans if span is not None]
    return Chinese().find_context(doc)


def _allergies(doc: Doc) -> set[str]:
    """The drugs that a sentence says an allergy to, those that it denies behind a minus."""
    return {
        ("-" if allergy.attributes["polarity"] == "negated" else "") + mention.text
        for mention in doc.spans["mentions"]
        if (allergy := doc._.allergies.get(mention.start)) is not None
    }


@pytest.mark.parametrize(
    ("sentence", "drugs", "expected"),
    [
        ("对青霉素过敏。", "青霉素", {"青霉素"}),
        ("头孢曲松过敏史3年。", "头孢曲松", {"头孢曲松"}),
        ("曾对阿司匹林、布洛芬过敏。", "阿司匹林 布洛芬", {"阿司匹林", "布洛芬"}),
        ("磺胺类药物及青霉素均过敏", "磺胺 青霉素", {"磺胺", "青霉素"}),
        ("过敏史：阿莫西林、克林霉素。", "阿莫西林 克林霉素", {"阿莫西林", "克林霉素"}),
        ("无青霉素过敏史。", "青霉素", {"-青霉素"}),
        ("否认青霉素、链霉素过敏史。", "青霉素 链霉素", {"-青霉素", "-链霉素"}),
        ("对碘海醇不过敏。", "碘海醇", {"-碘海醇"}),
        ("予氯雷他定抗过敏治疗。", "氯雷他定", set()),
        ("青霉素过敏者禁用阿莫西林。", "青霉素 阿莫西林", set()),
        ("青霉素过敏，予阿奇霉素口服。", "青霉素 阿奇霉素", {"青霉素"}),
    ],
)
def test_allergies(sentence: str, drugs: str, expected: set[str]) -> None:
    assert _allergies(_read(sentence, drugs)) == expected


def test_the_word_for_an_allergy_to_a_drug_is_no_finding() -> None:
    doc = _read("对青霉素过敏，花粉致皮疹。", "青霉素", "过敏 皮疹")
    assert [mention.text for mention in doc.spans["mentions"]] == ["青霉素", "皮疹"]
    doc = _read("对花粉过敏。", "", "过敏")
    assert [mention.text for mention in doc.spans["mentions"]] == ["过敏"]


@pytest.mark.parametrize(
    ("sentence", "drugs", "expected"),
    [
        ("已停用辛伐他汀。", "辛伐他汀", {"辛伐他汀"}),
        ("停服华法林，改用利伐沙班。", "华法林 利伐沙班", {"华法林"}),
        ("入院后停用卡马西平和丙戊酸钠。", "卡马西平 丙戊酸钠", {"卡马西平", "丙戊酸钠"}),
        ("格列本脲已于2周前停用。", "格列本脲", {"格列本脲"}),
        ("二甲双胍后停用阿卡波糖", "二甲双胍 阿卡波糖", {"阿卡波糖"}),
        ("泼尼松未停用。", "泼尼松", set()),
        ("不能擅自停用美托洛尔。", "美托洛尔", set()),
        ("若出血停用阿哌沙班。", "阿哌沙班", set()),
    ],
)
def test_stopped_drugs_are_of_the_past(sentence: str, drugs: str, expected: set[str]) -> None:
    doc = _read(sentence, drugs)
    mentions = list(doc.spans["mentions"])
    assert {m.text for m in mentions if m._.temporality == "historical"} == expected
    assert {m.text for m in mentions if m.start in doc._.stopped} == expected


@pytest.mark.parametrize(
    ("sentence", "drug", "temporality"),
    [
        ("既往有高血压病史10年，口服氨氯地平5mg每日一次。", "氨氯地平", "current"),
        ("既往甲减，服用左甲状腺素50ug qd。", "左甲状腺素", "current"),
        ("既往口服硝苯地平10mg每日三次。", "硝苯地平", "historical"),
        ("既往肺结核，予异烟肼每日一次，疗程6月，已愈。", "异烟肼", "historical"),
        ("既往肺炎，予左氧氟沙星。", "左氧氟沙星", "historical"),
    ],
)
def test_a_drug_taken_daily_is_of_now(sentence: str, drug: str, temporality: str) -> None:
    doc = _read(sentence, drug)
    (mention,) = doc.spans["mentions"]
    assert mention._.temporality == temporality


def test_a_drug_that_was_stopped_treats_nothing_before_it() -> None:
    stopped = _read("牙龈出血，已停用华法林。", "华法林", "牙龈出血")
    given = _read("牙龈出血，予服用维生素C。", "维生素C", "牙龈出血")
    treats = [[r.relation for r in chinese_relations(doc)] for doc in (stopped, given)]
    assert treats == [[], ["TREATS"]]
