"""The sex and the age that a note states, and whose they are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.extract.demographics import Demographics, demographics, merged
from medkg.graph.units import OLDEST

_MONTH = 1 / 12


@pytest.mark.parametrize(
    ("note", "sex", "age"),
    [
        ("A 34-year-old woman with thirst.", "female", 34),
        ("A 46 yo right-handed African American gentleman presents with tremor.", "male", 46),
        ("34 y/o male c/o cough", "male", 34),
        ("74F with chest pain", "female", 74),
        ("Sex: F  Age: 45. Tired.", "female", 45),
        ("Age: 3 months. Sex: male. Cough.", "male", 3 * _MONTH),
        ("This boy of six was born with crooked big toes.", "male", 6),
        ("Nine-year-old girl whose mum says she is short.", "female", 9),
        ("Forty-two year old man, tired.", "male", 42),
        ("Woman, 29, with fever.", "female", 29),
        ("I'm a man, 56, with swollen ankles", "male", 56),
        ("My 4 year old son has a barking cough.", "male", 4),
        ("Our daughter, 20 months, has a coarse face.", "female", 20 * _MONTH),
        ("My daughter is 17 and has lost 15 kilos.", "female", 17),
        ("Patient aged 62 with tremor", None, 62),
        ("37 y/o M. Cough.", "male", 37),
        ("19 yo F, college student", "female", 19),
        ("45yoF with rash", "female", 45),
        ("Pt 52/M with fever", "male", 52),
        ("Jane Roe, 45, female, tired", "female", 45),
        ("This 61 year old mother of two is tired.", "female", 61),
        ("A 3 1/2 year old girl", "female", 3.5),
        ("2½-year-old boy", "male", 2.5),
        ("1.5 yo M", "male", 1.5),
        ("A 45 YEAR OLD MAN WITH CHEST PAIN", "male", 45),
        ("Ms. Roe is tired. She has a cough.", "female", None),
        ("A tall young man with long thin fingers.", "male", None),
        ("The patient is a 3-month-old who never lifted his head.", "male", 3 * _MONTH),
        ("She has had a fever for three days. Her brother has it too.", "female", None),
        ("Age: 6 mo. Sex: M", "male", 0.5),
        ("Age: 2.5 years. Cough.", None, 2.5),
        ("Patient's age: 34; sex: female", "female", 34),
        ("A 3 year 2 month old boy", "male", 3 + 2 * _MONTH),
        ("A girl, 3 years and 2 months old, coughs", "female", 3 + 2 * _MONTH),
        ("A 2-week-old rash in a 30-year-old.", None, 30),
        ("A 10-year-old scar hurts this woman of 45.", "female", 45),
        ("A 45-year-old teacher has a cough.", None, 45),
        ("Mother brings her 2 year old son with fever", "male", 2),
        ("Brought in by her mother, a 4-year-old girl with fever", "female", 4),
        ("I'm a man. My daughter had it too.", "male", None),
        ("A girl vomits.", "female", None),
        ("Female in distress", "female", None),
        ("34yo F, 20 pack-years", "female", 34),
        ("Sex: male | Age: 7", "male", 7),
        ("患者，男，45岁，因腹痛3天入院。", "male", 45),
        ("性别：女 年龄：45岁 主诉：腹痛3天", "female", 45),
        ("患者45岁，13岁初潮，腹痛。", None, 45),
        ("患者女性，30岁。父亲患糖尿病。", "female", 30),
        ("3岁男孩，发热2天", "male", 3),
        ("患儿，女，8个月，咳嗽", "female", 8 * _MONTH),
    ],
)
def test_stated(note: str, sex: str | None, age: float | None) -> None:
    read = demographics(note)
    assert read.sex == sex
    assert read.age == (None if age is None else pytest.approx(age, abs=1e-5))
    assert all(words in note for words in read.words)


@pytest.mark.parametrize(
    ("note", "sex", "age"),
    [
        # of relatives
        ("His mother, a 60-year-old woman, has diabetes. He has a cough.", "male", None),
        ("Patient's father aged 70 has gout. She complains of pain.", None, None),
        ("Patient has a 5-year-old daughter with flu.", None, None),
        ("He has a 12-year-old younger brother with asthma.", "male", None),
        ("My mother has diabetes and she is blind.", None, None),
        ("A 68 year old man. His wife, a woman of 60, says he snores.", "male", 68),
        ("Baby boy born at term to a 34-year-old G3P2 mother.", "male", None),
        ("Infant delivered to a 22-year-old primigravida", None, None),
        ("First child of a 24-year-old woman, he has seizures", None, None),
        ("Mother of a 3-year-old girl presents with breast pain", None, None),
        ("She is the mother of a 3-year-old", "female", None),
        ("The donor was a 25-year-old man. The patient is a 60-year-old woman.", "female", 60),
        ("She was seen by a 40-year-old doctor", "female", None),
        ("He has a 10-year-old dog", "male", None),
        ("Two siblings, a 5-year-old boy and a 3-year-old girl", None, None),
        ("A 2-month-old infant of a 19-year-old mother", None, 2 * _MONTH),
        ("其女儿3岁，咳嗽", None, None),
        ("Her brother, a healthy 30-year-old man, has it too.", "female", None),
        ("Mother: 60 years old, well.", None, None),
        ("His 5 year old son had flu. He has a cough.", "male", None),
        ("My daughter has flu and now I have it. I'm a man.", "male", None),
        ("Kidney donor: 34 y/o F", None, None),
        ("Pregnant with a boy", None, None),
        ("She is married to a man of 60.", "female", None),
        ("Assaulted by a man. She has bruises.", "female", None),
        ("Seen by a male nurse for pain.", None, None),
        ("The girl's father has gout.", None, None),
        ("Mother's age: 34", None, None),
        ("母亲，女，60岁，患糖尿病。患者有发热。", None, None),
        ("其母60岁，患糖尿病。", None, None),
        # of the past
        ("He was 6 years old when it began.", "male", None),
        ("Since she was 40 years old, she has had pain.", "female", None),
        ("Fell from a ladder aged 12.", None, None),
        # no ages
        ("A woman, 3 months pregnant, vomits.", "female", None),
        ("A woman of 60 kg", None, None),
        ("A man, 5 days of fever", "male", None),
        ("A man, 40 pack-years, coughs", "male", None),
        ("Woman, 34 weeks, with bleeding", "female", None),
        ("100 m walk brings pain on", None, None),
        ("6 m history of cough", None, None),
        ("Gestational age: 32 weeks", None, None),
        ("Bone age: 5 years", None, None),
        ("Male pattern baldness", None, None),
        ("Sex: female partners only", None, None),
        ("3月15日入院，腹痛3天前加重", None, None),
        ("妇女保健院转入", None, None),
        ("A 2-week history of cough in a 50-year-old man", "male", 50),
        ("A 200-year-old man", "male", None),
        # nothing, or both
        ("A retired builder with knee pain", None, None),
        ("He and she have a cough", None, None),
        ("", None, None),
    ],
)
def test_not_the_patients(note: str, sex: str | None, age: float | None) -> None:
    read = demographics(note)
    assert read.sex == sex
    assert read.age == (None if age is None else pytest.approx(age, abs=1e-5))
    assert bool(read) == (sex is not None or age is not None)


def test_the_first_who_is_told_of_is_the_patient() -> None:
    read = demographics("A woman with a rash. A 50-year-old man at work has it too.")
    assert read == Demographics("female", None, ("A woman",))


def test_several_texts_add_to_each_other() -> None:
    texts = ["Age: 40. He has a cough.", "Sex: female. Age: 50.", "Tired."]
    assert merged([demographics(text) for text in texts]) == demographics(texts[0])
    assert merged([demographics(text) for text in reversed(texts)]) == demographics(texts[1])
    of_two = merged([demographics("Age: 40."), demographics("A woman, tired.")])
    assert of_two == Demographics("female", 40, ("A woman", "Age: 40"))
    assert merged([]) == Demographics()


@given(st.text("a 1年岁男女.,-'\nmyofwnhe/", max_size=80))
def test_any_text(text: str) -> None:
    read = demographics(text)
    assert read.sex in (None, "female", "male")
    assert read.age is None or 0 <= read.age <= OLDEST
