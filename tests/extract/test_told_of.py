"""Whom a note is of that somebody writes of a relative."""

from __future__ import annotations

import pytest

from medkg.extract.told_of import relative_told_of, with_patient


@pytest.mark.parametrize(
    ("text", "relative"),
    [
        ("My husband (62) snores.", "husband"),
        ("My wife has a rash. She itches.", "wife"),
        ("Hello doctor, our son is 6. He coughs.", "son"),
        ("My poor old mum has fallen. She is confused. I'm worried.", None),
        ("My poor old mum, 80, has fallen. She is confused. I'm worried.", "mum"),
        ("Dad is 58. He has a sore toe.", "dad"),
        ("It's about my sister, she's 26. She falls asleep.", "sister"),
        ("My brother, 40, died. He smoked. He drank.", None),
        ("Dad brings in a girl. She has a fever. She drinks. Dad has asthma.", None),
        ("My mother has diabetes. My father has asthma. He smokes.", None),
        ("My husband (62) has type I diabetes.", "husband"),
        ("Mom is GBS positive with asthma. She received penicillin. Baby was born.", None),
        ("Mom is worried about fever. She gave Tylenol. He pulls at his ear.", None),
        ("My husband hit me. He was drunk. He kicked me. I have pain.", None),
        ("My sister has lupus. She takes steroids. My cheeks have a rash, my joints hurt.", None),
        ("My mother has diabetes.", None),
        ("My mother has diabetes. I am thirsty. She is 60.", None),
        ("My mother's cough is bad. She is 60.", None),
        ("A man. My wife, 60, says so.", None),
        ("", None),
    ],
)
def test_who_is_told_of(text: str, relative: str | None) -> None:
    told_of = relative_told_of(text)
    assert (told_of and told_of.relative) == relative
    if told_of is not None:
        assert text[told_of.start : told_of.end].lower().endswith(relative)


def test_words_are_as_many_as_they_were() -> None:
    words = ["i", "think", "my", "wife", "is", "ill"]
    assert with_patient(words, "wife") == ["i", "think", "the", "patient", "is", "ill"]
    assert with_patient(["dad", "coughs"], "dad") == ["patient", "coughs"]
    assert with_patient(["i", "cough"], "wife") == ["relative", "cough"]
    assert with_patient(["i", "think", "she", "coughs"], "wife") == ["i", "think", "she", "coughs"]
