"""The sex and the age that a note states, and whose they are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.extract.demographics import Demographics, demographics, merged
from medkg.graph.units import OLDEST

from ..adversarial import processor_limit

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
        ("Pt is 58 y.o. Wife reports that he snores.", None, 58),
        ("She came by ambulance\nto A&E, after he rang.", None, None),
        ("A girl, 2 4/12 old, coughs.", "female", None),
        ("58 y.o. woman, breathless.", "female", 58),
        ("Aged 58 y.o. male with cough", "male", 58),
        ("4/12 old girl, snuffly for 3/7.", "female", 4 * _MONTH),
        ("An 8/52 old boy vomits.", "male", 8 * 7 / 365.25),
        ("Mr J, 68-year-old joiner, has a tremor.", "male", 68),
        (
            "Movement disorders\nDear Colleague,\nI saw this 68-year-old joiner. He shakes.",
            "male",
            68,
        ),
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
        ("A 3-month-old underweight infant", None, 3 * _MONTH),
        ("A 5-month-old one-eyed infant", None, 5 * _MONTH),
        ("Mother reports 4 yo male with fever", "male", 4),
        ("Mom says the 4 yo boy has fever", "male", 4),
        ("Parents report their 3-year-old daughter has a fever", "female", 3),
        ("Children's Hospital: 5-year-old girl with fever", "female", 5),
        ("Wife called ambulance: 70-year-old man collapsed", "male", 70),
        ("Kidney donor recipient, 45-year-old man", "male", 45),
        ("88M w/ cough", "male", 88),
        ("74M hx CAD", "male", 74),
        ("88F found down", "female", 88),
        ("Elderly lady fell", "female", None),
        ("As a woman I am worried", None, None),
        ("Female patient, 34 years old, tired", "female", 34),
        ("Male infant, 3 months old, with cough", "male", 3 * _MONTH),
        ("Name: John Doe Age: 45 Sex: Male", "male", 45),
        ("Age: 45 Sex: M", "male", 45),
        ("Age: 12 hours", None, 12 / 8766),
        ("Since I stopped feeding, my seven-month-old has a rash", None, 7 * _MONTH),
        ("For two days a 66-year-old retired builder has had a pain", None, 66),
        ("When he gets up, this 15-year-old's legs lock", "male", 15),
        ("Age: 6 m, Sex: F", "female", 0.5),
        ("Age: 10 d", None, 10 / 365.25),
        ("Age: 2 y 3 m", None, 2.25),
        ("A 29-year-old G1P0 at 34 weeks with headache", "female", 29),
        ("A 29-year-old pregnant lawyer with headache", "female", 29),
        ("孕妇，28岁，头痛", "female", 28),
        ("女婴，生后3天", "female", 3 / 365.25),
        ("老年男性，约70岁", "male", 70),
        ("Wound, 3 days old, in a 45-year-old man.", "male", 45),
        ("Stitches 10 days old, clean. Pt 45 yo male.", "male", 45),
        ("Echo 2 years old: EF 60%. Sex: M Age: 70", "male", 70),
        ("Her chest X-ray is a year old. She is 30 years old.", "female", 30),
        ("PMH: MS. Presents with fatigue.", None, None),
        ("HER-2 positive tumor. QTc 460 ms. MR brain normal.", None, None),
        ("患者，男，45岁，因腹痛3天入院。", "male", 45),
        ("患者为男性，65岁", "male", 65),
        ("老年男性，75岁", "male", 75),
        ("本人女，25岁，头痛", "female", 25),
        ("患者45岁女性", "female", 45),
        ("72岁老年女性", "female", 72),
        ("性别男，年龄45岁", "male", 45),
        ("年龄45岁，性别女", "female", 45),
        ("中年男性，胸痛2小时", "male", None),
        ("新生儿，男，3天", "male", 3 / 365.25),
        ("1岁6个月，男，发热", "male", 1.5),
        ("患儿发热3天，男，2岁", "male", 2),
        ("停经32周，女，28岁", "female", 28),
        ("13岁月经初潮，患者，女，45岁", "female", 45),
        ("性别：女 年龄：45岁 主诉：腹痛3天", "female", 45),
        ("患者45岁，13岁初潮，腹痛。", None, 45),
        ("患者女性，30岁。父亲患糖尿病。", "female", 30),
        ("3岁男孩，发热2天", "male", 3),
        ("28F 4th attendance with pain", "female", 28),
        ("61 yr F. Third renal colic.", "female", 61),
        ("CLINIC NOTE\nS: 36F here for palpitations", "female", 36),
        ("Medical take\nPC: collapse\nHPC: 31F, teacher, at home", "female", 31),
        ("CLINIC NOTE\nMale, 69 y. Back pain.", "male", 69),
        ("Male 44. Spells for 8 months.", "male", 44),
        ("F, 24 y. Cramps.", "female", 24),
        ("Age 5 y 2 m, sex M. Weight 21 kg.", "male", 5 + 2 * _MONTH),
        ("New patient. Mr. K., DOB 1972, 52 yrs. Tired.", "male", 52),
        ("Re: Miss T., aged 26", "female", 26),
        ("I'm 34 and a teacher. I am a woman.", "female", 34),
        ("Dad is 58 and a big man. He woke at 3.", "male", 58),
        ("It's about my sister, she's 26. She falls asleep.", "female", 26),
        ("I'm writing about my brother, aged 40. He fidgets.", "male", 40),
        (
            "Dear Colleague,\nThank you for seeing this 31-year-old nurse, who coughs. Her voice"
            " is weak, she says.",
            "female",
            31,
        ),
        (
            "I refer this 33-year-old driver. He has pain in his feet. He sweats little. His mother"
            " is ill and her brother died.",
            "male",
            33,
        ),
        ("Please see this young woman. She has pain. His cough is better.", "female", None),
        ("M/46 with chest pain", "male", 46),
        ("I have gout. I'm 55, male.", "male", 55),
        ("I'm a 41 year old bloke.", "male", 41),
        ("PMH: gout. 46F with pain", "female", 46),
        ("PMH: gout\n46F with pain", "female", 46),
        ("My husband (62) snores. He gasps.", "male", 62),
        ("My 82-year-old mother fell. She has a fever.", "female", 82),
        ("My mother, 82, fell. She has a fever.", "female", 82),
        ("Our grandmother, aged 80, is confused.", "female", 80),
        ("Hi, my wife is 45 and has a rash.", "female", 45),
        ("患儿，女，8个月，咳嗽", "female", 8 * _MONTH),
    ],
)
def test_stated(note: str, sex: str | None, age: float | None) -> None:
    read = demographics(note)
    assert read.sex == sex
    assert read.age == (None if age is None else pytest.approx(age, abs=1e-5))


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
        ("Her mother is a\n60-year-old woman with gout.", "female", None),
        ("His mother, Mrs. Smith, a 60-year-old woman, has gout. He coughs.", "male", None),
        ("Her boyfriend, a 24-year-old man, has chlamydia.", "female", None),
        ("She takes care of a 2-year-old boy with RSV.", "female", None),
        ("Her 5-year-old has flu. She has a cough.", "female", None),
        ("My 60-year-old mother has gout.", None, None),
        ("My 3-year-old has flu and now I have it, too.", None, None),
        ("其子，男，5岁，有哮喘。", None, None),
        ("育有1子，男，10岁", None, None),
        ("My husband (62) has flu. I have a cough. I'm 60, female.", "female", 60),
        ("My mother, 82, has diabetes. I cough.", None, None),
        # of the past
        ("He was 6 years old when it began.", "male", None),
        ("Since she was 40 years old, she has had pain.", "female", None),
        ("Fell from a ladder aged 12.", None, None),
        # no ages
        ("BP 120/80. 98F.", None, None),
        ("Ratios 1/12, F/1000", None, None),
        ("Since the age 5 she has had pain.", "female", None),
        ("I'm 34 weeks pregnant.", None, None),
        ("PMH: appendectomy, age 12.", None, None),
        ("Catheterised. 14F Foley placed. He is stable.", "male", None),
        ("This 34-year-old man was moved to bed\n12F for observation", "male", 34),
        ("Temp\n38 F.", None, None),
        ("I'm 62.5 kg.", None, None),
        ("I'm 15 and a half months pregnant", None, None),
        ("I have been seeing this guy and now I have discharge.", None, None),
        ("This man (3 stents) has pain.", "male", None),
        ("GCS E4 V5 M/6.", None, None),
        ("F 38.5 C today.", None, None),
        ("MS Contin, 30.", None, None),
        ("Foley\n16F, draining clear urine. This is a 70 year old man.", "male", 70),
        ("Menarche:\nAge 12\nLMP today. A 25-year-old woman.", "female", 25),
        ("Family history:\nM 70 with gout. A 40-year-old man.", "male", 40),
        ("Her teacher, Mr. Lee, 45, noticed she stares. She is 8 years old.", "female", 8),
        ("Seen with her husband, this man (62). She is 60 years old.", "female", 60),
        ("My brother, 40, died of a heart attack. He smoked. I have chest pain.", None, None),
        ("Mother is a 34-year-old smoker.", None, None),
        ("Mrs T., 26 tablets a day", None, None),
        ("A woman, 3 months pregnant, vomits.", "female", None),
        ("A woman of 60 kg", "female", None),
        ("A man, 5 days of fever", "male", None),
        ("A man, 40 pack-years, coughs", "male", None),
        ("Woman, 34 weeks, with bleeding", "female", None),
        ("100 m walk brings pain on", None, None),
        ("6 m history of cough", None, None),
        ("Gestational age: 32 weeks", None, None),
        ("Bone age: 5 years", None, None),
        ("Male pattern baldness", None, None),
        ("Sex: female partners only", None, None),
        ("Age: 3 kg", None, None),
        ("Age: 4 to 6", None, None),
        ("101F with chills", None, None),
        ("A rash, 5 days old", None, None),
        ("3月15日入院，腹痛3天前加重", None, None),
        ("患者3天，咳嗽", None, None),
        ("患者3周前咳嗽", None, None),
        ("孕周32周，初潮年龄：13岁，绝经年龄：50岁，骨年龄5岁", None, None),
        ("患者50岁绝经", None, None),
        ("患者30岁开始头痛", None, None),
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
    assert read == Demographics("female", None)


def test_several_texts_add_to_each_other() -> None:
    texts = ["Age: 40. He has a cough.", "Sex: female. Age: 50.", "Tired."]
    assert merged([demographics(text) for text in texts]) == demographics(texts[0])
    assert merged([demographics(text) for text in reversed(texts)]) == demographics(texts[1])
    of_two = merged([demographics("Age: 40."), demographics("A woman, tired.")])
    assert of_two == Demographics("female", 40)
    assert merged([]) == Demographics()


@pytest.mark.parametrize(
    "piece", ["4yo ", "the male patient and 4yo ", "男，3岁，母", "1岁", "a-b "]
)
def test_a_long_note_is_read_in_linear_time(piece: str) -> None:
    with processor_limit(5):
        demographics(piece * (150_000 // len(piece)))


@given(st.text("a 1年岁男女.,-'\nmyofwnehldrsſıİ/", max_size=80))
def test_any_text(text: str) -> None:
    read = demographics(text)
    assert read.sex in (None, "female", "male")
    assert read.age is None or 0 <= read.age <= OLDEST
