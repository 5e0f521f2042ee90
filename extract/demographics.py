"""The sex and the age that a clinical note states of its patient.

Read is a phrase that says both or one of somebody who is no relative ("a 34-year-old woman", "this
boy of six", "74F", "Sex: male", "my 4 year old son", "患者，男，45岁"); where there is none, the
sex that all pronouns of the third person agree on, unless a relative is told of first. Of several
such phrases the first counts, as a presentation of a case begins with its patient. A number is an
age only where the sentence ends or goes on behind it as it does about a person ("a woman, 34, with
fever" but not "a woman, 34 weeks pregnant"): an age that isn't read costs less than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..graph.units import OLDEST, parse_years
from .spoken_numbers import UP_TO_99

_NUMBERS = {
    form: number
    for number, spoken in enumerate(UP_TO_99)
    if number
    for form in (spoken, spoken.replace(" ", "-"))
}
# 34, 2.5, 2½, 3 1/2
_FIGURE = r"(?<![\d.,/½])\d{1,3}(?:[.,]\d{1,2}|\s?½|\s1/2)?"
_NUMBER = rf"(?:{_FIGURE}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_YEARS = r"(?:years?|yrs?)"
_PARTS = r"(?:months?|mos?|weeks?|wks?|days?)"  # of a year
_UNIT = rf"(?:{_YEARS}|{_PARTS})"
# 3 years, 3 year 2 month, 3 years and 2 months
_TERM = rf"{_NUMBER}[\s-]?{_UNIT}(?:,?\s(?:and\s)?{_NUMBER}[\s-]?{_PARTS})?"

_PERSONS = {
    "female": ("woman", "girl", "lady", "gentlewoman", "schoolgirl"),
    "male": ("man", "boy", "gentleman", "lad", "schoolboy"),
}
_PERSON = rf"(?:{'|'.join(word for words in _PERSONS.values() for word in words)})"
_ANYONE = rf"(?:{_PERSON}|female|male)"
_YOUNG = r"(?:infant|baby|newborn|neonate|toddler|child|kid)"
_SEXES = {
    **{word: sex for sex, words in _PERSONS.items() for word in words},
    **dict.fromkeys(("female", "daughter", "mother", "mom", "mum", "f"), "female"),
    **dict.fromkeys(("male", "son", "father", "dad", "m"), "male"),
}
_PARENT = r"(?:mother|mom|mum|father|dad)"
_RELATIVE = (
    rf"(?:{_PARENT}|parents?|sister|brother|siblings?|twins|aunt|uncle|cousin|nephew|niece"
    r"|grand\w+|wife|husband|partner|spouse|son|daughter|children|donor)"
)

# How a sentence goes on, or ends, behind words for its patient.
_AFTER = (
    r"(?!['’]s\b)(?=\s*(?:$|[.;:)\n]|,(?!\d)|(?:who|whose|and|with|without|is|was|has|had|in|at|on"
    r"|from|for|born|c/o|p/w|s/p|known|seen|here|came|g\d+|present(?:s|ed|ing)|complain(?:s|ed|ing)"
    r"|admitted|referred|brought|gets?|feels?|woken|vomits|coughs|cannot|can|develop(?:s|ed)"
    r"|reports|smokes|denies)\b"
)
_GOES_ON = _AFTER + "))"
_ACTS = _AFTER + r"|[a-z]+(?:s|ed)\b))"  # "a girl vomits", "a man collapsed"
# "right-handed", "African American"; not what leads to somebody else ("seen by a man").
_WORDS = (
    r"(?:(?!(?:an?|the|this|that|his|her|their|my|our|by|to|of|with|from|for|at|in|on|and|or|is|was"
    r"|has|had|who|whose)\b|\S*-old\b)[a-z][\w-]*\s+){0,3}?"
)
_MY_CHILD = r"(?:(?:(?<=\bmy\s)|(?<=\bour\s))(?:son|daughter))"
_IS = r"(?:,\s*|\s+of\s+|,?\s+aged\s+|\s+is\s+)"
_OLD = rf"{_TERM}[\s-](?:old|of\s+age)"
_SHORT = rf"{_FIGURE}\s?(?:y/?o(?:\b|(?=[fm]\b))|y\.\s?o\.)"
_FIELD_AGE = rf"(?:{_TERM}|{_FIGURE}(?:\s?y(?:/?o)?\b)?)"
_AGED = re.compile(
    "|".join(
        (
            # a 34-year-old (right-handed) woman; my 4 year old son; a 30-year-old mother of two;
            # 34 y/o F
            rf"\b(?P<age_of>{_OLD}|{_SHORT})(?:,?\s+{_WORDS}(?P<person>{_ANYONE})\b"
            rf"|\s+(?P<own>son|daughter)\b"
            rf"|\s+(?P<parent>{_PARENT})\b(?=\s+of\s+(?:one|two|three|four|five|six|seven|\d))"
            r"|\s*(?P<initial>[FM])\b)",
            # a 2-month-old infant; a 5-year-old, a 61-year-old teacher
            rf"\b(?P<age_alone>{_TERM}[\s-](?:old|of\s+age)(?:\s+{_WORDS}{_YOUNG}\b|{_GOES_ON})"
            rf"|(?P<bare>{_NUMBER}[\s-]?{_YEARS}[\s-]old\b|{_SHORT}))",
            # a woman of 34, this boy of six, a woman, 34; a patient aged 62
            rf"\b(?:(?P<person_aged>{_ANYONE}|{_MY_CHILD}){_IS}|patient,?\s+aged\s+)"
            r"(?:about\s+|now\s+)?"
            rf"(?P<aged>{_TERM}(?=\s(?:old|of\s+age)\b)|{_NUMBER}(?:\s{_YEARS})?{_GOES_ON})",
            # our daughter, 20 months, has
            rf"\b(?P<child_aged>boy|girl|{_MY_CHILD}){_IS}(?P<aged_part>{_TERM})(?=[.,:])",
            # 74F, 74 M: at the start of a text or after a word for a patient; 52/M
            r"(?:(?:^|\bpatient:?\s+|\bpt:?\s+)(?P<glued>\d{1,3})\s?|(?<![\d/])(?P<slashed>\d{1,3})"
            rf"\s?/\s?)(?-i:(?P<letter>[FM]))\b{_GOES_ON}",
            # Jane Roe, 45, female
            rf",\s*(?P<listed>\d{{1,3}}),\s*(?P<listed_sex>female|male)\b{_GOES_ON}",
            r"\b(?:sex|gender)\s*[:=]\s*(?P<field>female|male|f|m)\b"
            r"(?=\s*(?:$|[.,;|/)\n]|\s{2}|(?:age|dob)\b))",
            rf"\bage\s*[:=]\s*(?P<age_field>{_FIELD_AGE})(?![\w/-])",
        )
    ),
    re.IGNORECASE,
)
_ONLY_A_SEX = re.compile(
    "|".join(
        (
            # This young woman has …; I am a woman; a female patient
            r"(?:^|(?<=[.!?]\s)|\b(?P<speaker>i\s+am|i['’]m|patient\s+is)\s+)(?:(?:an?|this|the|our|my)\s+)?"
            rf"{_WORDS}(?:(?P<subject>{_PERSON}\b{_ACTS})|(?P<adjective>female|male)\b{_GOES_ON})",
            rf"\b(?P<child>{_MY_CHILD})\b",
            r"\b(?:an?|the|this)\s+(?:[a-z]+\s+)?(?P<named>female|male)\s+patient\b",
        )
    ),
    re.IGNORECASE,
)
_PART_OF_AGE = re.compile(rf"({_NUMBER})[\s-]?({_UNIT}\b)?", re.IGNORECASE)
_NAMING_A_SEX = (
    "person", "own", "parent", "initial", "person_aged", "child_aged", "letter", "listed_sex",
    "field", "subject", "adjective", "child", "named",
)  # fmt: skip
_NAMING_AN_AGE = (
    "age_of", "age_alone", "aged", "aged_part", "glued", "slashed", "listed", "age_field",
)  # fmt: skip
# What a field stands behind on its line: a mark, or a word that ends the field before it.
_BEFORE_A_FIELD = re.compile(r"[,;.|(/]$|\b(?:patient(?:['’]s)?|female|male|f|m)$", re.IGNORECASE)

# What stands before a phrase that is of somebody else or of the past.
_SENTENCE = re.compile(r"[.!?](?=\s)|[;\n。；！？]")  # what parts two of them
_BRINGS = re.compile(r"\b(?:brings?|brought|bringing)\b", re.IGNORECASE)
_RELATIVE_BEFORE = re.compile(rf"\b{_RELATIVE}\b", re.IGNORECASE)
_OTHERS = re.compile(
    r"\b(?:at|by|since|until|till|from|before|after|when|age\s+of|was|were)\s+(?:about\s+)?$"
    rf"|\b(?:(?:{_ANYONE}|{_YOUNG})\s+(?:of|for|and)|to|by|with|has|have|had)\s+(?:an?\s+)?$",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:my|our|this)\s+$", re.IGNORECASE)
_THIS = re.compile(r"\bthis\s+$", re.IGNORECASE)
_RELATIVE_NEXT = re.compile(
    rf"\s+(?:(?:younger|older|elder|twin|half|step)[\s-]|g\d+\s?p\d+\s+)?{_RELATIVE}\b",
    re.IGNORECASE,
)
_SPEAKS = re.compile(r"\bi(?:['’]m|['’]ve|\s+(?:am|have|feel|get|got|had))\b", re.IGNORECASE)
_PRONOUN = re.compile(
    r"\b(?:(?P<female>she|her|hers|herself|mrs|ms|miss)|he|his|him|himself|mr)\b", re.IGNORECASE
)
_TOLD_OF = re.compile(rf"\b(?:{_RELATIVE}|child|i|my)\b", re.IGNORECASE)

_CHINESE_AGE = r"(?P<{}>\d{{1,3}})\s?(?P<{}>岁|个月|月龄|[周天](?=[的，,、。\s]))(?!初潮|时|起|前)"
_CHINESE = re.compile(
    # 患者，男，45岁; 性别：女 年龄：45岁; 女性，30岁; 患儿，女，8个月
    r"(?P<led>^|患者|病人|患儿|性别\s?[：:]|[，,、。：:\s])[，,、\s]{0,3}(?P<sex>[男女])"
    r"(?:性|孩|童|婴|士|生)?(?:患者|病人|患儿)?(?=[，,、。；;\s\d]|$)"
    rf"(?:[，,、\s]{{0,3}}(?:年龄\s?[：:]\s?)?{_CHINESE_AGE.format('age', 'unit')})?"
    # 3岁男孩，45岁的女性患者
    rf"|{_CHINESE_AGE.format('first_age', 'first_unit')}[的，,、\s]*"
    r"(?P<then>[男女])(?![儿友婿方工])"
    # 患者45岁; 年龄：45岁
    rf"|(?:^|患者|病人|患儿|年龄)\s?[，,：:]?\s?{_CHINESE_AGE.format('only_age', 'only_unit')}"
)
_CHINESE_UNITS = {"岁": "years", "个月": "months", "月龄": "months", "周": "weeks", "天": "days"}
_CHINESE_SEXES = {"男": "male", "女": "female"}
_CHINESE_RELATIVE = re.compile(
    "[父母爸妈兄弟姐姊妹妻夫祖叔伯姑姨舅]|[儿孙]子|女儿|孙女|家属|供者|供体"
)
_CHINESE_HEAD = 20  # characters of a note in which a Chinese word for a sex alone is the patient's


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


@dataclass(frozen=True)
class _Phrase:
    """What states a sex or an age of the patient.

    Attributes:
        start: its first character in the note.
        is_firm: it says an age of a person, is a field or the speaker's own; what isn't counts
            only where nothing firm says the same or another.
    """

    start: int
    words: str
    sex: str | None
    age: float | None
    is_firm: bool


def demographics(text: str) -> Demographics:
    """The sex and the age of the patient of a note.

    Args:
        text: the note.

    Example:
        >>> demographics("A 34-year-old woman with thirst. Her mother died at 70.")
        Demographics(sex='female', age=34.0, words=('34-year-old woman',))
    """
    sex, age, words = None, None, []
    pronoun = _pronoun(text)
    for phrase in sorted(_phrases(text), key=lambda each: each.start):
        if None not in (sex, phrase.sex) and sex != phrase.sex:
            break  # of somebody else from here on
        if not phrase.is_firm and phrase.sex and pronoun and pronoun[0] != phrase.sex:
            continue
        is_new = (sex is None and phrase.sex) or (age is None and phrase.age is not None)
        if is_new:
            words.append(" ".join(phrase.words.split()))
        sex, age = sex or phrase.sex, phrase.age if age is None else age
        if sex and age is not None:
            break
    if sex is None and pronoun:
        sex, word = pronoun
        words.append(word)
    return Demographics(sex, age, tuple(words))


def merged(of_texts: Sequence[Demographics]) -> Demographics:
    """What several texts of one patient state: of each the first that does.

    Example:
        >>> merged([demographics("Age: 40."), demographics("A woman with a cough.")]).sex
        'female'
    """
    sexes = [each for each in of_texts if each.sex]
    ages = [each for each in of_texts if each.age is not None]
    words = dict.fromkeys(words for each in (*sexes[:1], *ages[:1]) for words in each.words)
    return Demographics(
        sexes[0].sex if sexes else None, ages[0].age if ages else None, tuple(words)
    )


def _phrases(text: str) -> list[_Phrase]:
    phrases = [*_english(text), *_chinese(text)]
    if any(phrase.is_firm and phrase.age is not None for phrase in phrases):
        return [phrase for phrase in phrases if phrase.is_firm or phrase.age is None]
    return phrases


def _english(text: str) -> Iterator[_Phrase]:
    aged = list(_AGED.finditer(text))
    for match in aged:
        parts = {name: words for name, words in match.groupdict().items() if words}
        if _is_of_the_patient(text, match, parts):
            sex, age = _sex(parts), _age(parts)
            is_firm = "field" in parts or (age is not None and "bare" not in parts)
            yield _Phrase(match.start(), match[0], sex, age, is_firm)
    speaks = bool(_SPEAKS.search(text))
    for match in _ONLY_A_SEX.finditer(text):
        parts = {name: words for name, words in match.groupdict().items() if words}
        if any(match.start() < other.end() and other.start() < match.end() for other in aged):
            continue
        if not ("child" in parts and speaks) and _is_of_the_patient(text, match, parts):
            yield _Phrase(match.start(), match[0], _sex(parts), None, "speaker" in parts)


def _is_of_the_patient(text: str, match: re.Match[str], parts: Mapping[str, str]) -> bool:
    if parts.keys() & {"field", "age_field"}:
        before = text[: match.start()]
        line = before.rstrip()
        is_apart = not line or "\n" in before[len(line) :] or len(before) >= len(line) + 2
        return is_apart or bool(_BEFORE_A_FIELD.search(line))
    if parts.keys() & {"speaker", "child"}:
        return True
    before = _SENTENCE.split(text[: match.start()])[-1]
    if "own" in parts:
        return bool(_OWN.search(before) or _BRINGS.search(before))
    if _RELATIVE_BEFORE.search(before) and not (_BRINGS.search(before) or _THIS.search(before)):
        return False
    of_relative = "age_alone" in parts and _RELATIVE_NEXT.match(text, match.end())
    return not (of_relative or _OTHERS.search(before))


def _sex(parts: Mapping[str, str]) -> str | None:
    word = next((parts[name] for name in _NAMING_A_SEX if name in parts), None)
    return None if word is None else _SEXES[word.lower()]


def _age(parts: Mapping[str, str]) -> float | None:
    """In years; None where none is stated, or one that nobody reaches."""
    text = next((parts[name] for name in _NAMING_AN_AGE if name in parts), None)
    if text is None:
        return None
    years = sum(
        parse_years(f"{_amount(number)} {unit or 'years'}") or 0
        for number, unit in _PART_OF_AGE.findall(text)
    )
    return years if years <= OLDEST else None


def _amount(number: str) -> float:
    """The value of a number as `_NUMBER` takes it: "34", "2,5", "3 1/2", "forty-two"."""
    if number.lower() in _NUMBERS:
        return _NUMBERS[number.lower()]
    whole = re.sub(r"\s?(?:½|1/2)$", "", number)
    return float(whole.replace(",", ".")) + 0.5 * (whole != number)


def _chinese(text: str) -> Iterator[_Phrase]:
    for match in _CHINESE.finditer(text):
        before = _SENTENCE.split(text[: match.start()])[-1]
        sex = _CHINESE_SEXES.get(match["sex"] or match["then"])
        number = match["age"] or match["first_age"] or match["only_age"]
        unit = match["unit"] or match["first_unit"] or match["only_unit"]
        age = parse_years(f"{number} {_CHINESE_UNITS[unit]}") if number else None
        if _CHINESE_RELATIVE.search(before) or (age is not None and age > OLDEST):
            continue
        is_field = bool(match["led"]) and match["led"].startswith("性别")
        if age is not None or is_field or match.start() < _CHINESE_HEAD:
            words = match[0].strip("，,、。：: \n")
            yield _Phrase(match.start(), words, sex, age, age is not None or is_field)


def _pronoun(text: str) -> tuple[str, str] | None:
    """The sex that all pronouns agree on, and the first of them."""
    pronouns = list(_PRONOUN.finditer(text))
    if not pronouns or len({bool(each["female"]) for each in pronouns}) > 1:
        return None
    first = pronouns[0]
    if (other := _TOLD_OF.search(text)) and other.start() < first.start():
        return None
    return "female" if first["female"] else "male", first[0]
