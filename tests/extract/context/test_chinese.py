"""What Chinese sentences say of a mention: denied, possible, of the family, past."""

import pytest

from medkg.extract.context.attributes import attributes
from medkg.extract.context.chinese import ChineseContext, categories_in
from medkg.extract.tokens import blank

DEFAULT = {"asserted", "certain", "patient", "current"}


def _values(sentence: str, mention: str) -> set[str]:
    start = sentence.index(mention)
    values = attributes(categories_in(sentence, start, start + len(mention)))
    return set(values.values()) - DEFAULT


@pytest.mark.parametrize(
    ("sentence", "mention", "expected"),
    [
        ("患者咳嗽三天。", "咳嗽", set()),
        ("无发热、咳嗽、咳痰，有腹痛。", "咳痰", {"negated"}),
        ("无发热、咳嗽、咳痰，有腹痛。", "腹痛", set()),
        ("否认高血压、糖尿病，否认药物过敏史。", "糖尿病", {"negated"}),
        ("双肺呼吸音清，未闻及干湿啰音。", "干湿啰音", {"negated"}),
        ("未见皮疹，但有瘙痒。", "瘙痒", set()),
        ("乙肝表面抗原阴性。", "乙肝表面抗原", {"negated"}),
        ("无力两周。", "无力", set()),
        ("消化不良多年。", "消化不良", set()),
        ("无明显诱因出现胸痛。", "胸痛", set()),
        ("不仅咳嗽，还有发热。", "咳嗽", set()),
        ("咳嗽未缓解。", "咳嗽", set()),
        ("疑似肺结核。", "肺结核", {"possible"}),
        ("考虑支气管炎可能。", "支气管炎", {"possible"}),
        ("肺栓塞待排。", "肺栓塞", {"possible"}),
        ("不排除肺炎。", "肺炎", {"possible"}),
        ("如出现抽搐及时就诊。", "抽搐", {"hypothetical"}),
        ("父亲患有马凡综合征。", "马凡综合征", {"family"}),
        ("家族史：母亲有乳腺癌。", "乳腺癌", {"family"}),
        ("父亲患糖尿病。患者本人咳嗽。", "咳嗽", set()),
        ("既往有哮喘。", "哮喘", {"historical"}),
        ("既往高血压病史10年，长期口服氨氯地平。", "氨氯地平", set()),
        ("三年前曾患肺炎。", "肺炎", {"historical"}),
        ("皮疹已消失。", "皮疹", {"historical"}),
        ("确诊肺癌。", "肺癌", set()),
        ("不考虑药物性肝损伤。", "药物性肝损伤", {"negated"}),
        ("喘息不明显。", "喘息", {"negated"}),
        ("心包积液：无。", "心包积液", {"negated"}),
        ("双肺湿啰音未闻及。", "湿啰音", {"negated"}),
        ("右下腹包块未触及，腹软。", "包块", {"negated"}),
        ("腹部膨隆未触及包块。", "腹部膨隆", set()),
        ("咳嗽未见好转。", "咳嗽", set()),
        ("胸片提示肺炎。", "肺炎", set()),
        ("肺癌可能性小。", "肺癌", {"negated"}),
        ("拟诊川崎病。", "川崎病", {"possible"}),
        ("鉴别诊断：胰腺炎、肠穿孔。", "肠穿孔", {"possible"}),
        ("需与肠结核相鉴别。", "肠结核", {"possible"}),
        ("行肠镜以排除结肠癌。", "结肠癌", {"possible"}),
        ("发热时可口服布洛芬。", "发热", {"hypothetical"}),
        ("发热时伴寒战。", "发热", set()),
        ("如无好转，不适随诊。", "不适", {"hypothetical"}),
        ("注意有无出血。", "出血", {"hypothetical"}),
        ("家长注意到皮疹。", "皮疹", set()),
        ("不良反应有头晕、皮疹。", "皮疹", {"hypothetical"}),
        ("警惕肝性脑病的发生。", "肝性脑病", {"hypothetical"}),
        ("上个月感冒过一次。", "感冒", {"historical"}),
        ("胃癌术后三年。", "胃癌", {"historical"}),
        ("发热渐退。", "发热", {"historical"}),
        ("皮疹未消退。", "皮疹", set()),
        ("曾患脑梗死，遗留右侧肢体无力。", "右侧肢体无力", set()),
        ("其兄有癫痫。", "癫痫", {"family"}),
        ("母亲诉患儿高热。", "高热", set()),
        ("奶奶带来就诊，咳嗽三天。", "咳嗽", set()),
        ("母亲带状疱疹。", "带状疱疹", {"family"}),
        ("否认近亲结婚，其舅有血友病。", "血友病", {"family"}),
        ("否认家族中有癫痫。", "癫痫", {"negated", "family"}),
        ("同学中有水痘。", "水痘", {"other"}),
        # A question mark is of its own item.
        ("诊断：1.心力衰竭 2.2型糖尿病 3.心房颤动？", "心力衰竭", set()),
        ("诊断：1.心力衰竭 2.2型糖尿病 3.心房颤动？", "2型糖尿病", set()),
        ("诊断：1.心力衰竭 2.2型糖尿病 3.心房颤动？", "心房颤动", {"possible"}),
        ("待排猩红热、麻疹。", "麻疹", {"possible"}),
        ("待排：麻疹。", "麻疹", {"possible"}),
        ("已接种麻疹疫苗。", "麻疹", {"hypothetical"}),
        ("予破伤风抗毒素肌注。", "破伤风", {"hypothetical"}),
        # English phrases among Chinese ones, as whole words.
        ("咳嗽2周，no hemoptysis，denies fever。", "hemoptysis", {"negated"}),
        ("咳嗽2周，No hemoptysis，denies fever。", "fever", {"negated"}),
        ("考虑肺炎，r/o lung cancer。", "lung cancer", {"possible"}),
        ("diagnosis pneumonia，予抗炎。", "pneumonia", set()),
    ],
)
def test_context(sentence: str, mention: str, expected: set[str]) -> None:
    # Each sentence of a text is looked at alone.
    of_mention = next(part + "。" for part in sentence.split("。") if mention in part)
    assert _values(of_mention, mention) == expected


def test_a_word_within_the_name_of_another_mention_says_nothing() -> None:
    sentence = "重症肌无力伴眼睑下垂。"
    assert categories_in(sentence, 6, 10) == set()
    sentence = "重症肌无力的症状有眼睑下垂。"
    assert categories_in(sentence, 9, 13) == {"negated"}
    assert categories_in(sentence, 9, 13, [(0, 5), (9, 13)]) == set()


def test_a_question_denies_nothing() -> None:
    assert categories_in("有没有皮疹？", 3, 5) >= {"asked"}
    assert "negated" not in categories_in("有没有皮疹？", 3, 5)


def test_what_leads_to_a_list_asks_for_all_of_it() -> None:
    sentence = "是否有：1.发热 2.咳嗽。"
    for symptom in ("发热", "咳嗽"):
        start = sentence.index(symptom)
        assert "asked" in categories_in(sentence, start, start + 2)


@pytest.mark.parametrize(
    ("sentence", "conditions", "expected"),
    [
        ("既往有高血压病史10年。", "高血压", True),
        ("哮喘史5年，控制可。", "哮喘", True),
        ("既往肺炎病史2年。", "肺炎", False),
        ("既往妊娠期糖尿病。", "妊娠期糖尿病", False),
        ("小时候患过哮喘。", "哮喘", False),
        ("既往哮喘，已治愈。", "哮喘", False),
        ("既往哮喘、肺炎，均已治愈。", "哮喘 肺炎", False),
        ("既往哮喘、肺炎，肺炎已治愈。", "哮喘 肺炎", True),
        ("既往哮喘，至今未愈。", "哮喘", True),
        ("既往哮喘，不药而愈。", "哮喘", False),
        ("既往哮喘，未治自愈。", "哮喘", False),
        ("既往哮喘，近来愈发严重。", "哮喘", True),
        ("既往高血压，20年前行阑尾切除术，已痊愈。", "高血压 阑尾切除术", True),
        ("既往哮喘，未能治愈。", "哮喘", True),
        ("既往高血压10年，肺炎已治愈。", "高血压 肺炎", True),
        ("既往高血压10年，伤口愈合可。", "高血压", True),
        ("既往糖尿病肾病3年。", "糖尿病肾病", True),
        ("既往糖尿病酮症酸中毒。", "糖尿病酮症酸中毒", False),
        ("既往高血压危象。", "高血压危象", False),
        ("既往高血压脑病。", "高血压脑病", False),
        ("既往急性心力衰竭。", "急性心力衰竭", False),
        ("既往哮喘持续状态。", "哮喘持续状态", False),
    ],
)
def test_what_does_not_pass_is_of_now(sentence: str, conditions: str, expected: bool) -> None:
    doc = blank().make_doc(sentence)
    for token in doc:
        token.is_sent_start = token.i == 0
    spans = []
    for condition in conditions.split():
        start = sentence.index(condition)
        kind = "Procedure" if condition.endswith("术") else "Disease"
        spans.append(doc.char_span(start, start + len(condition), kind))
    doc.spans["mentions"] = spans
    assert (spans[0].start in ChineseContext()(doc)._.lasting) == expected
