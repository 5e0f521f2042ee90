"""Chinese writing: what is Chinese, simplified characters, and how they sound."""

import pytest

from medkg.core.han import has_han, is_chinese, pinyin, simplified, word_count


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("患者发热三天", True),
        ("患者服用 metformin 500 mg，每日两次", True),
        ("The herb Ma Huang (麻黄) is Ephedra, of which ephedrine was isolated.", False),
        ("fever and cough", False),
        ("38.5", False),
    ],
)
def test_is_chinese(text: str, chinese: bool) -> None:
    assert is_chinese(text) is chinese


def test_has_han() -> None:
    assert has_han("HIV感染")
    assert not has_han("HIV infection")


def test_traditional_characters_become_simplified_one_for_one() -> None:
    pytest.importorskip("opencc")
    assert simplified("馬凡綜合徵，發熱") == "马凡综合征，发热"
    assert simplified("Marfan 馬凡") == "Marfan 马凡"
    for text in ("頭髮稀疏與乾燥症", "下視丘；計程車"):
        assert len(simplified(text)) == len(text)  # offsets still hold


def test_full_width_digits_and_letters_become_narrow_one_for_one() -> None:
    assert simplified("血钾２．６ｍｍｏｌ／Ｌ，Ｈｂ　７０ｇ／Ｌ。") == "血钾2.6mmol/L，Hb　70g/L。"


def test_words_are_counted_and_characters_are_words() -> None:
    text = "fever, and  cough\nfor 3 days."
    assert word_count(text) == len(text.split())
    assert word_count("发热3天 with cough") == 6


def test_other_text_stays_as_it_is() -> None:
    assert simplified("Marfan syndrome") == "Marfan syndrome"


def test_syllables() -> None:
    pytest.importorskip("pypinyin")
    assert pinyin("发烧") == ("fa", "shao")
