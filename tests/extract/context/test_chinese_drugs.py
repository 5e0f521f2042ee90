"""What Chinese sentences say of drugs: allergies to them, drugs stopped, drugs taken now."""

import pytest
from spacy.tokens import Doc

from medkg.extract.chinese import Chinese
from medkg.extract.context.chinese_drugs import is_resumed
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
        ("青霉素过敏史：无。", "青霉素", {"-青霉素"}),
        ("对碘海醇不过敏。", "碘海醇", {"-碘海醇"}),
        ("予氯雷他定抗过敏治疗。", "氯雷他定", set()),
        ("青霉素过敏者禁用阿莫西林。", "青霉素 阿莫西林", set()),
        ("青霉素过敏，予阿奇霉素口服。", "青霉素 阿奇霉素", {"青霉素"}),
        ("青霉素类药物及头孢过敏。", "青霉素", {"青霉素"}),
        ("青霉素类药物及头孢过敏。", "青霉素 头孢", {"青霉素", "头孢"}),
        ("曾因青霉素过敏性休克抢救。", "青霉素", {"青霉素"}),
        ("口服阿莫西林过敏。", "阿莫西林", {"阿莫西林"}),
        ("患者过敏史：青霉素。", "青霉素", {"青霉素"}),
        ("药物过敏：青霉素。", "青霉素", {"青霉素"}),
        ("予抗过敏药物：氯雷他定、西替利嗪。", "氯雷他定 西替利嗪", set()),
        ("抗过敏：氯雷他定10mg qd。", "氯雷他定", set()),
        ("皮肤过敏：氯雷他定。", "氯雷他定", set()),
        ("过敏：氯雷他定10mg qd。", "氯雷他定", set()),
        ("行青霉素过敏试验。", "青霉素", set()),
        ("青霉素过敏史不详。", "青霉素", set()),
        ("对青霉素过敏的患者可用红霉素。", "青霉素 红霉素", set()),
        ("青霉素过敏患者禁用。", "青霉素", set()),
        ("青霉素过敏史者禁用。", "青霉素", set()),
        ("长期服阿司匹林及有海鲜过敏史。", "阿司匹林", set()),
        ("长期服阿司匹林及海鲜过敏史。", "阿司匹林", set()),
        ("予肾上腺素及时处理过敏性休克。", "肾上腺素", set()),
        ("予肾上腺素过敏性休克好转。", "肾上腺素", set()),
        ("口服氯雷他定过敏症状缓解。", "氯雷他定", set()),
        ("口服阿司匹林无过敏史。", "阿司匹林", set()),
        ("曾因注射青霉素过敏性休克抢救。", "青霉素", {"青霉素"}),
        ("服用青霉素及磺胺类药物过敏。", "青霉素", {"青霉素"}),
        ("青霉素过敏试验阳性。", "青霉素", {"青霉素"}),
        ("青霉素过敏试验(+)。", "青霉素", {"青霉素"}),
        ("患者系青霉素过敏患者，予阿奇霉素。", "青霉素 阿奇霉素", {"青霉素"}),
        ("如为青霉素过敏患者，予阿奇霉素。", "青霉素 阿奇霉素", set()),
        ("口服氯雷他定过敏反应好转。", "氯雷他定", set()),
        ("青霉素过敏史： 无。", "青霉素", {"-青霉素"}),
        ("青霉素过敏史：没有。", "青霉素", {"-青霉素"}),
        ("青霉素过敏史：不详。", "青霉素", set()),
        ("青霉素、SMZ过敏。", "青霉素", {"青霉素"}),
    ],
)
def test_allergies(sentence: str, drugs: str, expected: set[str]) -> None:
    assert _allergies(_read(sentence, drugs)) == expected


@pytest.mark.parametrize(
    ("sentence", "certainty"),
    [
        ("行青霉素过敏试验。", "hypothetical"),
        ("对青霉素过敏的患者慎用。", "hypothetical"),
        ("予青霉素静滴。", "certain"),
    ],
)
def test_an_allergy_of_others_makes_no_drug_taken(sentence: str, certainty: str) -> None:
    doc = _read(sentence, "青霉素")
    (mention,) = doc.spans["mentions"]
    assert mention._.certainty == certainty


@pytest.mark.parametrize(
    ("sentence", "others", "reactions"),
    [
        ("过敏史：青霉素过敏（皮疹）。", "皮疹", ("皮疹",)),
        ("对青霉素过敏，表现为皮疹、发热，现咳嗽。", "皮疹 发热 咳嗽", ("皮疹", "发热")),
        ("过敏史：青霉素（皮疹）。", "皮疹", ("皮疹",)),
        ("青霉素过敏。皮疹三天。", "皮疹", ()),
        ("无青霉素过敏史（皮疹）。", "皮疹", ()),
    ],
)
def test_what_a_drug_did_is_of_the_allergy_and_no_finding_of_now(
    sentence: str, others: str, reactions: tuple[str, ...]
) -> None:
    doc = _read(sentence, "青霉素", others)
    (allergy,) = doc._.allergies.values()
    assert allergy.reactions == reactions
    past = {m.text for m in doc.spans["mentions"] if m._.temporality == "historical"}
    assert past & set(others.split()) == set(reactions)


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
        ("如出现出血，应停用阿哌沙班。", "阿哌沙班", set()),
        ("改用利伐沙班并停用口服华法林。", "利伐沙班 华法林", {"华法林"}),
        ("予美罗培南并停用原抗生素。", "美罗培南", set()),
        ("予美罗培南并停用2种抗生素。", "美罗培南", set()),
        ("华法林停用约2周。", "华法林", {"华法林"}),
        ("术前停用阿司匹林、氯吡格雷1周。", "阿司匹林 氯吡格雷", {"阿司匹林", "氯吡格雷"}),
        ("无需停用阿司匹林。", "阿司匹林", set()),
        ("不需停用阿司匹林。", "阿司匹林", set()),
        ("不必停用阿司匹林。", "阿司匹林", set()),
        ("不建议停用阿司匹林。", "阿司匹林", set()),
        ("避免停用阿司匹林。", "阿司匹林", set()),
        ("拟3月后停用阿司匹林。", "阿司匹林", set()),
        ("建议3月后停用阿司匹林。", "阿司匹林", set()),
        ("阿司匹林计划3月后停用。", "阿司匹林", set()),
        ("考虑停用阿司匹林。", "阿司匹林", set()),
        ("患者拒绝停用阿司匹林。", "阿司匹林", set()),
        ("待术前停用阿司匹林。", "阿司匹林", set()),
        ("停用阿司匹林前评估血栓风险。", "阿司匹林", set()),
        ("因不适停用阿司匹林。", "阿司匹林", {"阿司匹林"}),
        ("如前所述，停用华法林。", "华法林", {"华法林"}),
        ("因拟行手术停用阿司匹林。", "阿司匹林", {"阿司匹林"}),
        ("考虑不良反应停用阿司匹林。", "阿司匹林", {"阿司匹林"}),
        ("治疗调整如下：停用华法林。", "华法林", {"华法林"}),
        ("必要时口服布洛芬，已停用华法林。", "布洛芬 华法林", {"华法林"}),
        ("如有不适随诊，已停用华法林。", "华法林", {"华法林"}),
        ("阿司匹林停用1周，术后恢复使用。", "阿司匹林", set()),
        ("停用阿司匹林，继续口服氯吡格雷。", "阿司匹林 氯吡格雷", {"阿司匹林"}),
        ("服药期间若出现出血，停用华法林。", "华法林", set()),
        ("患者如有出血，停用华法林。", "华法林", set()),
        ("假若出血，停用华法林。", "华法林", set()),
        ("若出血、黑便，复查凝血，停用华法林。", "华法林", set()),
        ("若干天前停用华法林。", "华法林", {"华法林"}),
        ("患者如期停用华法林。", "华法林", {"华法林"}),
        ("因如厕困难停用阿米替林。", "阿米替林", {"阿米替林"}),
        ("如图所示，停用华法林。", "华法林", {"华法林"}),
        ("应立即停用阿司匹林。", "阿司匹林", set()),
        ("术前需提前停用阿司匹林。", "阿司匹林", set()),
        ("不可骤然停用泼尼松。", "泼尼松", set()),
        ("患者不敢停用泼尼松。", "泼尼松", set()),
        ("准备停用泼尼松。", "泼尼松", set()),
        ("嘱术前1周停用阿司匹林。", "阿司匹林", set()),
        ("明日起停用阿司匹林。", "阿司匹林", set()),
        ("根据医生建议停用华法林。", "华法林", {"华法林"}),
        ("遵医嘱停用华法林。", "华法林", {"华法林"}),
        ("将辛伐他汀停用。", "辛伐他汀", {"辛伐他汀"}),
        ("停用阿司匹林，氯吡格雷恢复使用。", "阿司匹林 氯吡格雷", {"阿司匹林"}),
        ("已停用阿司匹林，至今未重新服用。", "阿司匹林", {"阿司匹林"}),
        ("停用华法林，暂不恢复使用。", "华法林", {"华法林"}),
    ],
)
def test_stopped_drugs_are_of_the_past(sentence: str, drugs: str, expected: set[str]) -> None:
    doc = _read(sentence, drugs)
    mentions = list(doc.spans["mentions"])
    assert {m.text for m in mentions if m._.temporality == "historical"} == expected
    assert {m.text for m in mentions if m.start in doc._.stopped} == expected


@pytest.mark.parametrize(
    "sentence",
    ["患者未停用阿司匹林。", "围手术期无需停用阿司匹林。", "不必停用阿司匹林。",
     "没有停用阿司匹林。", "不建议停用阿司匹林。"],
)  # fmt: skip
def test_a_drug_that_is_not_stopped_is_taken(sentence: str) -> None:
    doc = _read(sentence, "阿司匹林")
    (mention,) = doc.spans["mentions"]
    assert (mention._.polarity, mention._.certainty) == ("asserted", "certain")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("恢复", True),
        ("术后继续口服", True),
        ("改用利伐沙班及", True),
        ("不能继续口服", False),
        ("拒绝继续口服", False),
        ("暂缓恢复", False),
        ("饮食恢复、", False),
        ("换药、", False),
        ("病情改善、", False),
    ],
)
def test_what_stands_before_a_drug_that_is_given_again(before: str, expected: bool) -> None:
    assert is_resumed(before) == expected


@pytest.mark.parametrize(
    ("sentence", "drug", "temporality"),
    [
        ("既往有高血压病史10年，口服氨氯地平5mg每日一次。", "氨氯地平", "current"),
        ("既往甲减，服用左甲状腺素50ug qd。", "左甲状腺素", "current"),
        ("既往口服硝苯地平10mg每日三次。", "硝苯地平", "historical"),
        ("既往肺结核，予异烟肼每日一次，疗程6月，已愈。", "异烟肼", "historical"),
        ("既往肺炎，予左氧氟沙星。", "左氧氟沙星", "historical"),
        ("既往肺结核，口服异烟肼0.3g每日一次，共6个月。", "异烟肼", "historical"),
        ("既往胃溃疡，口服奥美拉唑每日两次4周。", "奥美拉唑", "historical"),
        ("既往胃溃疡，口服奥美拉唑20mg bid 4周。", "奥美拉唑", "historical"),
        ("既往结核，予异烟肼每日一次，用药半年。", "异烟肼", "historical"),
        ("既往糖尿病，口服二甲双胍血糖126mg/dl。", "二甲双胍", "historical"),
        ("既往高血压，口服氨氯地平5mg/d，近3天头痛，2天前呕吐。", "氨氯地平", "current"),
        (
            "既往高血压病史，口服氨氯地平5mg每日一次，本次胸痛含服硝酸甘油可缓解。",
            "氨氯地平",
            "current",
        ),
        ("既往高血压，口服氨氯地平5mg qd，8月行阑尾切除术。", "氨氯地平", "current"),
        ("既往高血压，口服氨氯地平5mg qd，3周以来头痛。", "氨氯地平", "current"),
        ("既往高血压，口服氨氯地平5mg qd，从未停药。", "氨氯地平", "current"),
    ],
)
def test_a_drug_taken_daily_is_of_now(sentence: str, drug: str, temporality: str) -> None:
    doc = _read(sentence, drug)
    (mention,) = doc.spans["mentions"]
    assert mention._.temporality == temporality


@pytest.mark.parametrize(
    ("sentence", "drug", "condition", "treats"),
    [
        ("牙龈出血，已停用华法林。", "华法林", "牙龈出血", False),
        ("牙龈出血，建议停用口服华法林。", "华法林", "牙龈出血", False),
        ("牙龈出血，予服用维生素C。", "维生素C", "牙龈出血", True),
        ("因癫痫服用卡马西平3年后停用。", "卡马西平", "癫痫", True),
        ("抑郁症口服氟西汀半年后自行停用。", "氟西汀", "抑郁症", True),
        ("停药后癫痫复发，予卡马西平口服。", "卡马西平", "癫痫", True),
        ("出现黑便，口服阿司匹林已停用。", "阿司匹林", "黑便", False),
        ("肌痛明显，将服用的辛伐他汀停用。", "辛伐他汀", "肌痛", False),
    ],
)
def test_a_drug_that_was_stopped_treats_nothing_before_it(
    sentence: str, drug: str, condition: str, treats: bool
) -> None:
    relations = [r.relation for r in chinese_relations(_read(sentence, drug, condition))]
    assert relations == ["TREATS"] * treats
