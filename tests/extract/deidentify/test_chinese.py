"""Identifiers of Chinese texts, and what takes their place."""

from __future__ import annotations

from pathlib import Path

import pytest

import medkg
from medkg.extract.deidentify import find_identifiers
from medkg.extract.deidentify.checksums import is_resident_number
from medkg.extract.deidentify.date_shift import shifted
from medkg.extract.deidentify.replace import replaced
from medkg.extract.deidentify.surrogates import Surrogates

NOTE = (
    "姓名：王小明，男，45岁，住院号：A0012345，于2024年3月5日因“胸痛3天”入院。家住湖南省长沙市岳麓区麓山南路"
    "932号，电话13873112345。由张主任查房，王小明诉无胸痛。"
)


def kinds_of(text: str) -> dict[str, str]:
    return {text[each.start : each.end]: each.kind for each in find_identifiers(text)}


@pytest.mark.parametrize(
    ("text", "written", "kind"),
    [
        ("患者李建国，男，退休。", "李建国", "NAME"),
        ("聯絡人：陳志強（丈夫）。", "陳志強", "NAME"),
        ("主管医师：高远", "高远", "NAME"),
        ("由欧阳主任查房。", "欧阳", "NAME"),
        ("护士长：李娜", "李娜", "NAME"),
        ("主治医师李娜查房。", "李娜", "NAME"),
        ("先生陳志明陪同。", "陳志明", "NAME"),
        ("家属刘秀英诉其夜间打鼾。", "刘秀英", "NAME"),
        ("其子吴浩代述病史。", "吴浩", "NAME"),
        ("请心内科方志远教授会诊。", "方志远", "NAME"),
        ("谢谢张医生。", "张", "NAME"),
        ("5床唐明老人夜间烦躁。", "唐明", "NAME"),
        ("汪洋，女，34岁，因腹痛入院。", "汪洋", "NAME"),
        ("老周今年八十。", "周", "NAME"),
        ("就读于江夏理工大学。", "江夏理工大学", "LOCATION"),
        ("出院后回到柳林小区居住。", "柳林小区", "LOCATION"),
        ("检查日期：20230518", "20230518", "DATE"),
        ("后转至湘雅医院治疗。", "湘雅医院", "LOCATION"),
        ("患者来自广东省佛山市南海区，务农。", "广东省佛山市南海区", "LOCATION"),
        ("现住址：青山镇柳树村三组，", "青山镇柳树村三组", "LOCATION"),
        ("身份证号11010519491231002X。", "11010519491231002X", "SSN"),
        ("手机 139 2211 3344", "139 2211 3344", "PHONE"),
        ("座机：0731-84821234", "0731-84821234", "PHONE"),
        ("医保卡号：430123456789", "430123456789", "HEALTH_PLAN"),
        ("病理号：B2024-0312", "B2024-0312", "OTHER_ID"),
        ("驾驶湘A12345时受伤", "湘A12345", "VEHICLE"),
        ("患者92岁", "92", "AGE"),
        ("3月6日行造影", "3月6日", "DATE"),
        ("于二〇二四年三月五日入院", "二〇二四年三月五日", "DATE"),
        ("除夕出院", "除夕", "DATE"),
    ],
)
def test_an_identifier_of_a_chinese_text_is_found(text: str, written: str, kind: str) -> None:
    assert kinds_of(text).get(written) == kind


@pytest.mark.parametrize(
    "text",
    [
        "住院医师查看患者后请心内科会诊，主任医师同意手术。",
        "患者神志清，精神可，体温36.5℃，血压120/80mmHg，脉搏78次/分。",
        "曾到上级医院就诊，后转我院。",
        "医生：您好，请问有什么不舒服？",
        "谢谢医生，谢谢您医生！麻烦医生看一下。",
        "患者时有头痛，患者应重视起来。小时候体弱，小叶增生，小于5mm。",
        "建议到正规医院就诊，去过医院，不同的医院价格不同，上大学时发病。",
        "和医生商量一下，神经内科和护士交代过。",
        "高血压病史10年，糖尿病5年，服用阿司匹林100mg每日一次，45岁。",
        "肝功能正常，白细胞12.5×10^9/L。",
        "诊断：高血压，男，56岁。患者高血压，糖尿病。",
        "白内障，女，70岁。",
        "白细胞增高中性粒细胞比例升高，血压偏高中度贫血。",
        "结石位于上尿路。",
    ],
)
def test_what_identifies_nobody_stays(text: str) -> None:
    assert kinds_of(text) == {}


def test_a_name_is_found_wherever_it_stands() -> None:
    names = [each for each in find_identifiers(NOTE) if NOTE[each.start : each.end] == "王小明"]
    assert len(names) == 2


def test_surrogates_are_chinese_and_agree() -> None:
    text = "患者王小明，男。王医生与王小明谈话。后转至湘雅医院，家住湖南省长沙市岳麓区。"
    new = replaced(text, find_identifiers(text), Surrogates(b"k" * 32, "p"), "surrogates").text
    name = new.removeprefix("患者").split("，")[0]
    assert len(name) == 3
    assert name != "王小明"
    assert new.count(name) == 2
    assert f"{name[0]}医生" in new
    for written in ("王小明", "湘雅", "湖南", "长沙", "岳麓"):
        assert written not in new
    assert new.endswith("区。")
    assert "医院" in new


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("2024年3月5日", "2024年3月12日"),
        ("3月28日", "4月4日"),
        ("2024年12月", "2024年12月"),
        ("99年03月05日", "99年03月12日"),
        ("二〇二四年十二月二十八日", "二〇二五年一月四日"),
        ("十月十日", "十月十七日"),
        ("二〇二四年十三月五日", None),
        ("农历八月十五", None),
    ],
)
def test_chinese_dates_move_in_their_form(written: str, moved: str | None) -> None:
    assert shifted(written, 7, day_is_first=False, year=2024) == moved


def test_the_check_digit_of_an_identity_card() -> None:
    assert is_resident_number("11010519491231002X")
    assert not is_resident_number("110105194912310021")
    assert not is_resident_number("1101051949123100")


def test_a_file_is_written_without_identifiers(tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text(NOTE, "utf-8")
    medkg.deidentify(file, tmp_path / "clean", style="tags")
    (written,) = (tmp_path / "clean" / "texts").iterdir()
    text = written.read_text("utf-8")
    assert text.startswith("姓名：[NAME-1]，男，45岁，住院号：[MRN-1]，于[DATE-1]因“胸痛3天”入院。")
    for identifier in ("王小明", "A0012345", "13873112345", "长沙"):
        assert identifier not in text
