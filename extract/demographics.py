"""The sex and the age that a clinical note states of its patient.

Read is a phrase that says both or one of somebody who is no relative ("a 34-year-old woman", "this
boy of six", "74F", "Sex: male", "my 4 year old son", "患者，男，45岁"); where there is none, the
sex that all pronouns of the third person agree on, unless a relative is told of first. Of several
such phrases the first counts, as a presentation of a case begins with its patient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..graph.units import parse_years
from .spoken_numbers import UP_TO_99

_OLDEST = 120  # years
_CHINESE_HEAD = 20  # characters of a note in which a Chinese word for a sex alone is the patient's

_NUMBERS = {
    form: number
    for number, spoken in enumerate(UP_TO_99)
    if number
    for form in (spoken, spoken.replace(" ", "-"))
}
# 34, 2.5, 2½, 3 1/2
_FIGURE = r"(?<![\d.,/½])\d{1,3}(?:[.,]\d{1,2}|\s?½|\s1/2)?"
_NUMBER = rf"(?:{_FIGURE}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_UNIT = r"(?:years?|yrs?|months?|mos?|weeks?|wks?|days?)"

_PERSONS = {
    "female": ("woman", "girl", "lady", "female", "gentlewoman", "schoolgirl"),
    "male": ("man", "boy", "gentleman", "male", "lad", "schoolboy"),
}
_PERSON = rf"(?:{'|'.join(word for words in _PERSONS.values() for word in words)})"
_SEXES = {
    **{word: sex for sex, words in _PERSONS.items() for word in words},
    **dict.fromkeys(("daughter", "mother", "mom", "mum", "f"), "female"),
    **dict.fromkeys(("son", "father", "dad", "m"), "male"),
}
_RELATIVE = (
    r"(?:mother|father|mum|mom|dad|parents?|sister|brother|siblings?|twin|aunt|uncle|cousin"
    r"|nephew|niece|grand\w+|wife|husband|partner|spouse|son|daughter|child|children|donor)"
)

# "34-year-old", "34 years old", "34 years of age", "34 y/o".
_AGE = (
    rf"(?:(?P<old>{_NUMBER}[\s-]?{_UNIT}[\s-](?:old|of\s+age))"
    rf"|(?P<short>{_FIGURE}\s?(?:y/?o(?:\b|(?=[fm]\b))|y\.\s?o\.)))"
)
_PARENT = r"(?:mother|mom|mum|father|dad)"
_OF_SOME = r"(?=\s+of\s+(?:one|two|three|four|five|six|seven|\d))"
# What follows a number that is no age: "a woman, 3 months pregnant", "a man of 90 kg".
_NO_AGE = (
    rf"(?:[%a-z]*/|{_UNIT}\b|(?:pregnant|ago|later|after|history|hours?|kgs?|kilos?|pounds?|lbs?|cm"
    r"|st|nd|rd|th|post\w*)\b)"
)
_UNIT_BEHIND = rf"\s{_UNIT}(?:\s(?:old|of\s+age))?"
_END = rf"\b(?![.,]?\d|\s*{_NO_AGE})"
_WORDS = r"(?:(?!\S*-old\b)[a-z][\w-]*\s+){0,3}?"  # "right-handed", "African American"
_STATED = re.compile(
    "|".join(
        (
            # a 34-year-old (right-handed) woman; my 4 year old son; a 5-year-old; a 30-year-old
            # mother of two; 34 y/o F
            rf"\b{_AGE}(?P<after>,?\s+{_WORDS}{_PERSON}\b|\s+(?:son|daughter)\b"
            rf"|\s+{_PARENT}\b{_OF_SOME}|\s*[FM]\b)?",
            # a woman of 34, this boy of six, a woman, 34; a patient aged 34
            rf"\b(?:(?P<person>{_PERSON}|(?:(?<=my\s)|(?<=our\s))(?:son|daughter))"
            r"(?:,\s*|\s+of\s+|,?\s+aged\s+|\s+is\s+)|patient,?\s+aged\s+)"
            rf"(?:about\s+|now\s+)?(?P<of>{_NUMBER})(?P<of_unit>{_UNIT_BEHIND})?{_END}",
            # 74F, 74 M: only at the start of a text or after a word for a patient; 52/M
            r"(?:(?:^|\bpatient:?\s+|\bpt:?\s+)(?P<letters>\d{1,3})\s?"
            r"|(?<![\d/])(?P<slashed>\d{1,3})\s?/\s?)(?P<letter>[FM])\b",
            # Jane Roe, 45, female
            r",\s*(?P<listed>\d{1,3}),\s*(?P<listed_sex>female|male)\b",
            r"\b(?:sex|gender)\s*[:=]\s*(?P<field>female|male|f|m)\b",
            r"\bage\s*[:=]\s*(?P<age_field>\d{1,3}(?:\s?(?:years|y|months|weeks|days))?)\b",
            # This young woman has …; I am a woman
            rf"(?:^|(?<=[.!?]\s)|\bi\s+am\s+|\bi'm\s+)(?:(?:an?|this|the|our|my)\s+)?{_WORDS}"
            rf"(?P<subject>{_PERSON})\b"
            rf"(?!,?\s+(?:of\s+|aged\s+)?{_NUMBER}(?:{_UNIT_BEHIND})?{_END})",
            rf"\b(?:my|our)\s+(?P<child>son|daughter)\b(?!(?:,|\s+is)\s+(?:aged\s+)?{_NUMBER}\b)",
            r"\b(?:an?|the|this)\s+(?:[a-z]+\s+)?(?P<named>female|male)\s+patient\b",
        )
    ),
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"(?<!子)(?P<sex>[男女])(?![儿友婿方工])(?:性|孩|童|婴|士|子|生)?(?:患者|病人|患儿)?[，,、\s]*"
    r"(?:(?P<age>\d{1,3})\s*(?P<unit>岁|个?月|周|天))?"
    r"|(?P<first_age>\d{1,3})\s*(?P<first_unit>岁|个?月|周|天)[的，,、\s]*(?P<then>[男女])"
)
_CHINESE_UNITS = {"岁": "years", "月": "months", "个月": "months", "周": "weeks", "天": "days"}

# What stands before a phrase that is of a relative ("his mother, a 60-year-old woman") or of the
# past ("since he was 6 years old"), and behind one of a relative ("a 5-year-old brother").
_OTHERS = re.compile(
    rf"\b{_RELATIVE}(?:,|\s+is|\s+was|\s+\(|\s+who\s+is|\s+died)?\s*(?:an?|now|at|the)?\s*$"
    rf"|\b(?:at|by|since|until|till|from|before|after|when|age\s+of|was|were)\s+(?:about\s+)?$"
    rf"|\b(?:(?:{_RELATIVE}|{_PERSON}|infant|baby|newborn|neonate)\s+(?:of|for|and)|to|by|with"
    r"|has|have|had)\s+(?:an?\s+)?$",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:my|our|her|his|their|this)\s+$", re.IGNORECASE)
_RELATIVE_NEXT = re.compile(
    rf"\s+(?:(?:younger|older|elder|twin|half|step)[\s-]|g\d+\s?p\d+\s+)?{_RELATIVE}\b",
    re.IGNORECASE,
)
_BEFORE = 60  # characters
_PRONOUN = re.compile(
    r"\b(?:(?P<female>she|her|hers|herself|mrs|ms|miss)|he|his|him|himself|mr)\b", re.IGNORECASE
)
_TOLD_OF = re.compile(rf"\b(?:{_RELATIVE}|i|my)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Demographics:
    """What a note states of its patient.

    Attributes:
        sex: female or male; None where it isn't stated.
        age: in years; None where it isn't stated.
        words: those that state it, as they stand in the note.
    """

    sex: str | None = None
    age: float | None = None
    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.sex is not None or self.age is not None


def demographics(text: str) -> Demographics:
    """The sex and the age of the patient of a note.

    Args:
        text: the note.

    Example:
        >>> demographics("A 34-year-old woman with thirst. Her mother died at 70.")
        Demographics(sex='female', age=34.0, words=('34-year-old woman',))
    """
    sex, age, words = None, None, []
    for place, stated_sex, stated_age in _phrases(text):
        is_new = (sex is None and stated_sex) or (age is None and stated_age is not None)
        contradicts = None not in (sex, stated_sex) and sex != stated_sex
        if contradicts:
            break  # of somebody else from here on
        if is_new:
            words.append(" ".join(place.split()))
        sex, age = sex or stated_sex, stated_age if age is None else age
        if sex and age is not None:
            break
    if sex is None and (pronoun := _pronoun(text)):
        sex, word = pronoun
        words.append(word)
    return Demographics(sex, age, tuple(words))


def _phrases(text: str) -> list[tuple[str, str | None, float | None]]:
    """What states a sex or an age of the patient: the words, the sex, the age in years."""
    phrases = []
    for match in _STATED.finditer(text):
        if _is_of_the_patient(text, match):
            phrases.append((match.start(), match[0], _sex(match), _age(match)))
    for match in _CHINESE.finditer(text):
        sex = {"男": "male", "女": "female"}[match["sex"] or match["then"]]
        number, unit = match["age"] or match["first_age"], match["unit"] or match["first_unit"]
        age = parse_years(f"{number} {_CHINESE_UNITS[unit]}") if number else None
        if number or (match["sex"] and match.start() < _CHINESE_HEAD):
            phrases.append((match.start(), match[0].rstrip("，,、 \n"), sex, age))
    return [(words, sex, age) for _, words, sex, age in sorted(phrases, key=lambda each: each[0])]


def _is_of_the_patient(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    after = match["after"] or ""
    if after.endswith(("son", "daughter")):
        return _OWN.search(before) is not None
    of_relative = not after and _RELATIVE_NEXT.match(text, match.end())
    return not (of_relative or _OTHERS.search(before))


def _sex(match: re.Match[str]) -> str | None:
    names = ("after", "person", "letter", "listed_sex", "field", "subject", "child", "named")
    word = next((match[name] for name in names if match[name]), None)
    return None if word is None else _SEXES[word.split()[-1].strip(",").lower()]


def _age(match: re.Match[str]) -> float | None:
    """In years; None where none is stated, or one that nobody reaches."""
    unit = "years"
    if text := match["old"] or match["short"] or match["age_field"]:
        number = re.match(_NUMBER, text, re.IGNORECASE)[0]  # type: ignore[index]
        if not match["short"]:
            unit = text[len(number) :] or unit
    elif number := match["of"]:
        unit = match["of_unit"] or unit
    else:
        number = match["letters"] or match["slashed"] or match["listed"]
    if number is None:
        return None
    years = parse_years(f"{_amount(number)} {unit}")
    return years if years is not None and years <= _OLDEST else None


def _amount(number: str) -> float:
    """The value of a number as `_NUMBER` takes it: "34", "2,5", "3 1/2", "forty-two"."""
    if number.lower() in _NUMBERS:
        return _NUMBERS[number.lower()]
    whole = re.sub(r"\s?(?:½|1/2)$", "", number)
    return float(whole.replace(",", ".")) + 0.5 * (whole != number)


def _pronoun(text: str) -> tuple[str, str] | None:
    """The sex that all pronouns agree on, and the first of them."""
    pronouns = list(_PRONOUN.finditer(text))
    if not pronouns or len({bool(each["female"]) for each in pronouns}) > 1:
        return None
    first = pronouns[0]
    if (other := _TOLD_OF.search(text)) and other.start() < first.start():
        return None
    return "female" if first["female"] else "male", first[0]
