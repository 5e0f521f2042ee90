"""What Chinese sentences say of a mention: denied, possible, of the family, past."""

import pytest

from medkg.extract.context.attributes import attributes
from medkg.extract.context.chinese import categories_in

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
    ],
)
def test_context(sentence: str, mention: str, expected: set[str]) -> None:
    # Each sentence of a text is looked at alone.
    of_mention = next(part + "。" for part in sentence.split("。") if mention in part)
    assert _values(of_mention, mention) == expected


def test_a_question_denies_nothing() -> None:
    assert categories_in("有没有皮疹？", 3, 5) >= {"asked"}
    assert "negated" not in categories_in("有没有皮疹？", 3, 5)
