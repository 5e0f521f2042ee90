"""The sex and the age that a clinical note states of its patient.

Read is a phrase that says both or one of somebody who is no relative ("a 34-year-old woman", "this
boy of six", "74F", "Sex: male", "my 4 year old son", "患者，男，45岁"); where there is none, the
sex of the first pronoun of the third person, if nearly all agree and no relative is told of first.
Of several such phrases the first counts, as a presentation of a case begins with its patient. What
an age is of has to be said: a number alone may be a wound's, a pregnancy's or a temperature, and an
age that isn't read costs less than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..core.han import HAN, simplified
from ..graph.units import OLDEST, parse_years
from .spoken_numbers import UP_TO_99
from .told_of import TELLING, relative_told_of

_FLAGS = re.IGNORECASE | re.ASCII

_NUMBERS = {
    form: number
    for number, spoken in enumerate(UP_TO_99)
    if number
    for form in (spoken, spoken.replace(" ", "-"))
}
# 34, 2.5, 2½, 3 1/2
_FIGURE = r"(?<![\d.,/½])\d{1,3}(?:[.,]\d{1,2}|\s?½|\s1/2)?"
_NUMBER = rf"\b(?:{_FIGURE}|(?:{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})\b)"
_YEARS = r"(?:years?|yrs?)"
_PARTS = r"(?:months?|mos?|weeks?|wks?|days?)"  # of a year
# 3 years, 3 year 2 month, 3 years and 2 months
_TERM = rf"{_NUMBER}[\s-]?(?:{_YEARS}|{_PARTS})(?:,?\s(?:and\s)?{_NUMBER}[\s-]?{_PARTS})?"
_OLD = r"[\s-](?:old|of\s+age)\b"
_SHORT = rf"{_FIGURE}\s?(?:y[/-]?o(?:\b|(?=[fm]\b))|y\.\s?o\.)"

_PERSONS = {
    "female": ("woman", "girl", "lady", "gentlewoman", "schoolgirl"),
    "male": ("man", "boy", "gentleman", "lad", "schoolboy", "bloke", "guy", "chap"),
}
_PERSON = rf"(?:{'|'.join(word for words in _PERSONS.values() for word in words)})"
_ANYONE = rf"(?:{_PERSON}|female|male)"
_YOUNG = r"(?:infant|baby|newborn|neonate|toddler|child|kid)"
_PATIENT = rf"(?:patient|pt|adult|teenager|adolescent|{_YOUNG})"
_SEXES = {
    **{word: sex for sex, words in _PERSONS.items() for word in words},
    **dict.fromkeys(
        ("female", "daughter", "mother", "mom", "mum", "f", "mrs", "miss", "ms"), "female"
    ),
    **dict.fromkeys(("male", "son", "father", "dad", "m", "mr"), "male"),
}
_PARENT = r"(?:mother|mom|mum|father|dad)"
_OTHER_PERSON = (
    rf"(?:{_PARENT}|parents?|sister|brother|siblings?|twins|aunt|uncle|cousin|nephew|niece"
    r"|grand\w+|wife|husband|partner|spouse|son|daughter|children|(?:boy|girl)?friend|colleague"
    r"|neighbou?r|roommate|donor(?!\s+recipient))\b(?!['’]s\s+(?:hospital|clinic|ward))"
)
_MY_CHILD = r"(?:(?:(?<=\bmy\s)|(?<=\bour\s))(?:son|daughter))"
# "right-handed", "African American"; not what leads to somebody else ("seen by a man").
_WORDS = (
    r"(?:(?!(?:an?|the|this|that|his|her|their|my|our|by|to|of|with|from|for|at|in|on|and|or|is|was"
    r"|has|had|who|whose|old)\b|\S*-old\b)[a-z][\w-]*\s+){0,3}?"
)
# How a sentence goes on, or ends, behind a number that is its patient's age, or behind "female".
_GOES_ON = (
    r"(?!['’]s\b)(?=\s*(?:$|[.:;)\n]|,(?!\d)|(?:who|whose|and|with|without|w/|is|was|has|had|in|at"
    r"|on|from|for|born|c/o|p/w|s/p|known|seen|here|because|came|comes|found|gets?|feels?|woken"
    r"|cannot|[a-z]+(?<!week)(?<!month)(?<!day)(?<!kilo)(?<!kg)(?<!lb)(?<!pound)(?<!pack)(?<!unit)"
    r"(?:s|ed))\b))"
)
# Ages of somebody who is named with them.
_OF_SOMEBODY = re.compile(
    "|".join(
        (
            # a 34-year-old (right-handed) woman; a 30-year-old mother of two; 34 y/o F
            rf"(?P<age>{_TERM}(?={_OLD})|{_SHORT})(?:{_OLD})?"
            rf"(?:,?\s+{_WORDS}(?P<person>{_ANYONE})\b|\s+(?P<own>son|daughter)\b"
            rf"|\s+(?P<parent>{_PARENT})\b(?=\s+of\s+(?:one|two|three|four|five|six|seven|\d))"
            r"|\s*(?P<initial>[FM])\b"
            r"|,?\s+(?P<gravida>g\d\s?p\d|(?:primi|multi)gravida|pregnant)\b"
            rf"|,?\s+{_WORDS}(?P<anyone>{_PATIENT})\b)",
            # a woman of 34, this boy of six, a woman, 34; a male infant, 3 months old
            rf"\b(?:(?P<who>{_ANYONE}|{_MY_CHILD})(?:\s+{_PATIENT})?|{_PATIENT})"
            r"(?:,\s*|\s+of\s+|,?\s+aged\s+|\s+is\s+|,\s*s?he(?:['’]s|\s+is)\s+)"
            r"(?:about\s+|now\s+)?"
            rf"(?:(?P<term>{_TERM})(?:{_OLD})|(?P<years>{_NUMBER}(?:\s{_YEARS})?){_GOES_ON})",
            # this man (62)
            rf"\b(?P<whom>{_ANYONE})\s*\(\s?(?:aged?\s+)?(?P<in_brackets>\d{{1,3}})"
            r"(?:\s?y(?:ears?|rs?|/?o)?)?\s?[),]",
            # our daughter, 20 months, has
            rf"\b(?P<child>boy|girl|{_MY_CHILD})(?:,\s*|\s+is\s+)(?P<part>{_TERM})(?=[.,:])",
            # 52/M; M/46; Jane Roe, 45, female; I'm 55, male
            r"(?<![\d/])(?P<slashed>\d{1,3})\s?/\s?(?P<letter>(?-i:[FM]))\b",
            r"(?<![\w/])(?P<letter_first>(?-i:[FM]))\s?/\s?(?P<slashed_last>\d{2,3})\b(?![/.,]\d)",
            rf"\bi(?:['’]m|\s+am)\s+(?P<my_age>\d{{2,3}})(?:(?:,|\s+and)?\s+(?:an?\s+)?"
            rf"(?P<my_sex>{_ANYONE})\b|(?=\s+and\b(?!\s+a\s+half)|\s*[,.](?!\d)))",
            # Miss T., aged 26; Mr. K., DOB 1972, 52 yrs; Mr J, 68-year-old joiner
            r"^\s*(?:re:?\s)?(?P<title>(?-i:Mrs|Miss|Ms|Mr|MRS|MISS|MR))\.?\s(?-i:[A-Z])[\w.'’-]{0,30},\s*(?:dob[^,\n]{1,12},\s*)?"
            r"(?:aged?\s)?(?P<of_title>\d{1,3})"
            r"(?:[\s-]years?[\s-]old\b|(?:\s?y(?:ears?|rs?|/?o)?\b)?(?=\s*(?:[.,;)\n]|$)))",
            r",\s*(?P<listed>\d{1,3}),\s*(?P<listed_sex>female|male)\b",
        )
    ),
    _FLAGS,
)
# 74F with chest pain, at a note's start; "71F, known AF" at a sentence's or a line's. But "101F"
# is a temperature, and "14F Foley" a catheter.
_GLUED = r"(?:(?:pt|patient):?\s+)?(?P<age>\d{1,3})"
_LETTER = r"(?P<letter>(?-i:[FM]))\b"
_INITIAL = re.compile(
    rf"\s{{0,4}}{_GLUED}\s?(?:y(?:rs?)?\.?\s)?{_LETTER}(?!\s?/|\d|\s\d+(?!\d|st|nd|rd|th))", _FLAGS
)
_LATER_INITIAL = re.compile(
    # also behind a short heading: "HPC: 31F, teacher"
    rf"(?:^\s{{0,4}}|\n[ \t]{{0,4}})(?:[a-z]{{1,4}}:\s{{0,4}})?{_GLUED}{_LETTER}"
    r"(?=[,.;]|\s(?:here|with|w/|who|has|had|known|c/o|p/w|presents|presented|presenting)(?!\w))",
    _FLAGS,
)
# Male, 69 y. F, 24. Male 44, at the same places.
_SEX_AND_AGE = re.compile(
    r"(?:^\s{0,4}|\n[ \t]{0,4})(?P<letter>(?:fe)?male|(?-i:[FM]))(?:,\s?|\s)(?P<age>\d{1,3})"
    r"(?!\.\d)(?:\s?y(?:ears?|rs?|/?o)?\b)?"
    r"(?=\s*(?:[.,;:\n]|$)|\s(?:with|who|has|presents|presented)\b)",
    _FLAGS,
)
_TEMPERATURES = range(94, 108)
# She is 34 years old, this 15-year-old, my 7-month-old; in the first sentence also "34 years old",
# "a 61-year-old teacher".
_OF_SUBJECT = re.compile(
    r"\b(?:(?:he|she|i|patient|pt)(?:\s+(?:is|am)|['’][sm])\s+(?:now\s+|an?\s+)?|in\s+an?\s+|this\s+"
    rf"|(?P<mine>my|our)\s+)(?:(?P<age>{_TERM}){_OLD}|(?P<short>{_SHORT}))",
    _FLAGS,
)
_OF_FIRST = re.compile(
    rf"(?:^\s*|\b(?:an?|the|our)\s+)(?:(?P<age>{_NUMBER}[\s-]?{_YEARS}){_OLD}"
    rf"|(?P<short>{_SHORT})|(?P<term>{_TERM}){_OLD}{_GOES_ON})",
    _FLAGS,
)
# This young woman has …; I am a woman; a female patient
_ONLY_A_SEX = re.compile(
    rf"(?:^\s*(?:(?:an?|this|the|our|my)\s+)?|\b(?P<speaker>i\s+am|i['’]m|patient\s+is)\s+an?\s+)"
    rf"{_WORDS}(?:(?P<subject>{_PERSON})\b(?!['’]s\b|\s+next\b)"
    rf"|(?P<adjective>female|male)\b(?:\s+{_PATIENT}\b|{_GOES_ON}))"
    rf"|\b(?P<child>{_MY_CHILD})\b"
    r"|\bthis\s+(?:[a-z-]+\s+)?(?P<shown>woman|girl|lady|man|boy|gentleman)\b(?!['’]s\b)"
    rf"|\b(?:an?|the|this)\s+(?:[a-z]+\s+)?(?P<named>female|male)\s+{_PATIENT}\b",
    _FLAGS,
)
_SEX_FIELD = re.compile(
    r"\b(?:sex|gender)\s?[:=]?\s?(?P<field>female|male|f|m)\b(?!\s+(?:partner|contact)s?)", _FLAGS
)
_FIELD_UNIT = r"(?:years?|yrs?|y/?o?|months?|mos?|m|weeks?|wks?|w|days?|d|hours?|hrs?|h)\b"
_AGE_FIELD = re.compile(
    r"(?:\bage\s?[:=]\s?|(?:^\s{0,4}|\n[ \t]{0,4})age\s)"
    rf"(?P<age>{_FIGURE}\s?{_FIELD_UNIT}(?:\s(?:and\s)?\d{{1,2}}\s?{_FIELD_UNIT})?"
    rf"|{_FIGURE}(?=\s*(?:$|[.,;|()\n]|[a-z]+\s?[:=]|female\b|male\b|[fm]\b)))",
    _FLAGS,
)
# Before an age that is no age of a patient's.
_OTHER_AGE = re.compile(
    r"\b(?:gestational|bone|skeletal|mental|developmental|maternal|paternal|mean|median|average"
    r"|vascular|cardiac|heart|(?<!patient)['’]s)\s$",
    _FLAGS,
)

# A line's end is none where the next one goes on in small letters or with a number.
_SENTENCE_END = re.compile(
    r"(?<!Mrs)(?<!Mr)(?<!Ms)(?<!Dr)(?<![yY]\.[oO])[.!?](?=\s)"
    r"|(?<=[yY]\.[oO])\.(?=\s(?![MF]\b)[A-Z])"
    r"|;|[。；！？]|\n(?![ \t]*(?:[a-z]|\d(?![.)]\s)))",
    re.ASCII,
)
_LONGEST = 300  # characters of a sentence that are looked at before a phrase
_TELLS = re.compile(
    rf"\b(?:{TELLING}|per|according|accompanied|worried|concerned)\b",
    _FLAGS,
)
_RELATIVE_BEFORE = re.compile(rf"\b{_OTHER_PERSON}", _FLAGS)
_RELATIVE_NEXT = re.compile(
    rf"\s+(?:(?:younger|older|elder|twin|half|step)[\s-]|g\d+\s?p\d+\s+)?{_OTHER_PERSON}", _FLAGS
)
# What stands before a phrase that is of somebody else or of the past.
_OTHERS = re.compile(
    r"\b(?:at|by|since|until|till|from|before|after|when|age\s+of|was|were)\s+(?:about\s+)?$"
    rf"|\b(?:(?:{_ANYONE}|{_YOUNG})\s+(?:of|for|and)|to|by|with|has|have|had|care\s+of)\s+"
    r"(?:an?\s+)?$",
    _FLAGS,
)
_OWN = re.compile(r"\b(?:my|our|this)\s+$", _FLAGS)
_FIRST_PERSON = re.compile(r"\bi(?:['’]m|['’]ve|\s+(?:am|have|feel|get|got|had))\b", _FLAGS)
# No "MS" and "MR", no "HER2" and no bundle of His.
_PRONOUN = re.compile(
    r"\b(?:(?P<female>[Ss]he|SHE|[Hh]er(?!-?2)|[Hh]ers|[Hh]erself)|[Hh]e|HE"
    r"|[Hh]is(?!\s+bundle|[\s-]Purkinje)|HIS|[Hh]im|[Hh]imself)\b"
    r"|(?:^|[.!?\n]\s?)(?:(?P<title>Mrs|Ms|Miss)|Mr)\.?\s(?=[A-Z][a-z])"
)
_TOLD_OF = re.compile(
    rf"\b(?:{_OTHER_PERSON}|child\b|my\b"
    r"|i\b(?!\s+(?:(?:would|should|will|have|am)\s)?(?:refer\w*|be\s|see[n]?\b|saw|like\b|writ\w+"
    r"|value|review\w*|met\b|thank|appreciate)))",
    _FLAGS,
)
# "Dear Colleague," is nobody of whom a letter tells; above it may stand where the letter is from.
_SALUTATION = re.compile(r"\A\s*(?:dear|to)\s[^\n,]{1,60}[,\n]", re.IGNORECASE)
_LATER_SALUTATION = re.compile(r"\A\s*dear\s[^\n,]{1,60}[,\n]", re.IGNORECASE)
_LINES_OF_HEAD = 5
# Of the pronouns, how many have to be of the sex of the first: others are of relatives.
_OF_THE_FIRST = 0.8
_PART_OF_AGE = re.compile(rf"({_NUMBER})[\s-]?([a-z])?", _FLAGS)
# "4/12 old girl": of so many twelfths or fifty-seconds of a year.
_BRITISH_PARTS = {"12": "months", "52": "weeks"}
_BRITISH_AGE = re.compile(r"(?<![\d/])(?<!\d\s)(\d{1,2})/(12|52)(?=[\s-]old\b)", _FLAGS)
_UNITS = {"y": "years", "m": "months", "w": "weeks", "d": "days", "h": "hours"}

# 45岁, 1岁6个月, 8个月
_CHINESE_AGE = r"约?(?:\d{1,3}\s?岁(?:\s?\d{1,2}\s?个月)?|\d{1,2}\s?(?:个月|月龄))"
_CHINESE_DAYS = r"(?:生后)?\d{1,2}\s?[周天]"
_CHINESE_BABY = re.compile("患儿|新生儿|[男女]婴")
_STAGE = "(?:老年|中年|青年|青少年)?"
_BOUND = r"(?=[，,、。；;\s\u3000\d]|$)"
_CHINESE = re.compile(
    # 患者，男，45岁; 患者为老年男性，65岁; 女性，30岁; 患儿，女，8个月
    rf"(?:^|患者|病人|患儿|本人|新生儿|[，,、：:\s])[，,、\s]{{0,2}}(?:为|系|是)?{_STAGE}"
    rf"(?P<sex>[男女])(?:性|孩|童|婴|士|生)?(?:患者|病人|患儿)?{_BOUND}"
    rf"(?:[，,、\s]{{0,3}}(?:年龄[：:]?\s?)?(?P<age>{_CHINESE_AGE}|(?P<days>{_CHINESE_DAYS})))?"
    # 3岁男孩，45岁的老年女性患者
    rf"|(?P<first_age>{_CHINESE_AGE})[的，,、\s]{{0,2}}{_STAGE}(?P<then>[男女])(?![儿友婿方工])"
    # 性别：女; 年龄：45岁
    rf"|(?<![{HAN}])性别\s?[：:]?\s?(?P<field>[男女]){_BOUND}"
    rf"|(?<![{HAN}])年龄\s?[：:]?\s?(?P<age_field>{_CHINESE_AGE})"
    # 孕妇，28岁; 患者45岁，…; 45岁，…
    rf"|(?:^|患者|病人|患儿|(?P<mother>[孕产]妇))[，,]?\s?(?P<only_age>{_CHINESE_AGE})(?=[，,。；;\s因]|$)",
    re.ASCII,
)
_CHINESE_SEXES = {"男": "male", "女": "female"}
_CHINESE_PART = re.compile(r"(?<!\d)(\d{1,3})\s?(岁|个?月|周|天)", re.ASCII)
_CHINESE_UNITS = {"岁": "years", "个月": "months", "月": "months", "周": "weeks", "天": "days"}
_CHINESE_RELATIVE = re.compile(
    r"[父母爸妈兄弟姐姊妹妻夫祖叔伯姑姨舅]|[儿孙其之\d一二三两][子女](?!性)|女儿|孙女|家属|供者|供体",
    re.ASCII,
)
_CHINESE_HEAD = 20  # characters of a note in which a Chinese word for a sex alone is the patient's


@dataclass(frozen=True)
class Demographics:
    """What a note states of its patient.

    Attributes:
        sex: female or male; None where it isn't stated.
        age: in years; None where it isn't stated.
    """

    sex: str | None = None
    age: float | None = None

    def __bool__(self) -> bool:
        return self.sex is not None or self.age is not None


@dataclass(frozen=True)
class _Phrase:
    """What states a sex or an age of the patient.

    Attributes:
        start: its first character in the sentence.
        is_firm: it says an age too, is a field or the speaker's own; what isn't counts only where
            the pronouns say no other.
        is_of_line: it begins a line, or a sentence that isn't the first, and may be of anything
            there ("16F, draining" is a catheter's): it counts where nothing else does.
    """

    start: int
    sex: str | None
    age: float | None
    is_firm: bool
    is_of_line: bool = False


def demographics(text: str) -> Demographics:
    """The sex and the age of the patient of a note.

    Args:
        text: the note.

    Example:
        >>> demographics("A 34-year-old woman with thirst. Her mother died at 70.")
        Demographics(sex='female', age=34.0)
    """
    sex, age = None, None
    text = _BRITISH_AGE.sub(lambda age: f"{age[1]} {_BRITISH_PARTS[age[2]]}", simplified(text))
    if told_of := relative_told_of(text):
        # "Girl" and "boy" are read with any age, months among them.
        person = {"female": "girl", "male": "boy"}.get(str(told_of.sex), "patient")
        text = f"this {told_of.old}{person}{text[told_of.end :]}"
    pronoun = _pronoun(text)
    for phrase in sorted(_phrases(text), key=lambda phrase: phrase.is_of_line):
        if None not in (sex, phrase.sex) and sex != phrase.sex:
            break  # of somebody else from here on
        if not phrase.is_firm and phrase.sex and pronoun not in (None, phrase.sex):
            continue
        sex, age = sex or phrase.sex, phrase.age if age is None else age
        if sex and age is not None:
            break
    return Demographics(sex or pronoun, _age_of_first(text) if age is None else age)


def _age_of_first(text: str) -> float | None:
    """Of somebody whom the first sentence names by what they do ("a 48-year-old teacher")."""
    end = _SENTENCE_END.search(text)
    sentence = text[: end.start() if end else _LONGEST][:_LONGEST]
    for match in _OF_FIRST.finditer(sentence):
        if _is_of_the_patient(sentence, match, {}):
            return _age({name: words for name, words in match.groupdict().items() if words})
    return None


def merged(of_texts: Sequence[Demographics]) -> Demographics:
    """What several texts of one patient state: of each the first that does.

    Example:
        >>> merged([demographics("Age: 40."), demographics("A woman with a cough.")])
        Demographics(sex='female', age=40.0)
    """
    sexes = [each.sex for each in of_texts if each.sex]
    ages = [each.age for each in of_texts if each.age is not None]
    return Demographics(next(iter(sexes), None), next(iter(ages), None))


def _phrases(text: str) -> Iterator[_Phrase]:
    """Those of the patient, sentence by sentence."""
    is_first_person = bool(_FIRST_PERSON.search(text))
    begin = 0
    for end in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
        sentence = text[begin:end]
        phrases = [
            *_english(sentence, is_first_person, is_first=not begin),
            *_chinese(sentence, begin),
        ]
        yield from sorted(phrases, key=lambda phrase: phrase.start)
        begin = end


def _english(sentence: str, is_first_person: bool, *, is_first: bool) -> Iterator[_Phrase]:
    yield from _fields(sentence, is_first=is_first)
    without_ages = list(sentence)
    for pattern in (_OF_SOMEBODY, _OF_SUBJECT):
        for match in pattern.finditer(sentence):
            parts = {name: words for name, words in match.groupdict().items() if words}
            without_ages[match.start() : match.end()] = " " * (match.end() - match.start())
            if not ("mine" in parts and is_first_person) and _is_of_the_patient(
                sentence, match, parts
            ):
                age = _age(parts)
                yield _Phrase(match.start(), _sex(parts), age, age is not None)
    for match in _ONLY_A_SEX.finditer("".join(without_ages)):
        parts = {name: words for name, words in match.groupdict().items() if words}
        if ("child" in parts and is_first_person) or not _is_of_the_patient(sentence, match, parts):
            continue
        yield _Phrase(match.start(), _sex(parts), None, "speaker" in parts)


def _fields(sentence: str, *, is_first: bool) -> Iterator[_Phrase]:
    """What forms and shorthand state: "Sex: male", "71F, known AF", "Male, 69 y."."""
    for pattern, name in ((_SEX_FIELD, "field"), (_AGE_FIELD, "age")):
        for match in pattern.finditer(sentence):
            if not _OTHER_AGE.search(_before(sentence, match)):
                sex = _SEXES.get(match[name].lower())
                is_of_line = not sex and not re.search("[:=]", match[0])
                years = None if sex else _years(match["age"])
                yield _Phrase(match.start(), sex, years, True, is_of_line and not is_first)
    initial = _INITIAL.match(sentence) if is_first else None
    initial = initial or _LATER_INITIAL.search(sentence)
    for shorthand in filter(None, (initial, _SEX_AND_AGE.search(sentence))):
        letter, age = shorthand["letter"], shorthand["age"]
        if not (letter == "F" and int(age) in _TEMPERATURES):
            is_of_line = not (is_first and shorthand.start() == 0)
            yield _Phrase(shorthand.start(), _SEXES[letter.lower()], _years(age), True, is_of_line)


def _before(sentence: str, match: re.Match[str]) -> str:
    return sentence[max(0, match.start() - _LONGEST) : match.start()]


def _is_of_the_patient(sentence: str, match: re.Match[str], parts: Mapping[str, str]) -> bool:
    if parts.keys() & {"speaker", "child", "my_age"}:
        return True
    before = _before(sentence, match)
    if "in_brackets" in parts and _RELATIVE_BEFORE.search(before):
        return False
    tells = bool(_TELLS.search(before))
    if "own" in parts:
        return tells or bool(_OWN.search(before))
    if _RELATIVE_BEFORE.search(before) and not (tells or _OWN.search(before)):
        return False
    named = parts.keys() & {"person", "parent", "initial", "who", "child", "gravida"}
    of_relative = not named and _RELATIVE_NEXT.match(sentence, match.end())
    return not (of_relative or _OTHERS.search(before))


_NAMING_A_SEX = (
    "person", "own", "parent", "initial", "who", "whom", "child", "letter", "letter_first",
    "listed_sex", "my_sex", "title", "subject", "adjective", "shown", "named",
)  # fmt: skip
_NAMING_AN_AGE = (
    "age", "short", "term", "years", "part", "slashed", "slashed_last", "listed", "my_age",
    "of_title", "in_brackets",
)  # fmt: skip


def _sex(parts: Mapping[str, str]) -> str | None:
    if parts.keys() & {"gravida"}:
        return "female"
    word = next((parts[name] for name in _NAMING_A_SEX if name in parts), None)
    return None if word is None else _SEXES[word.lower()]


def _age(parts: Mapping[str, str]) -> float | None:
    text = next((parts[name] for name in _NAMING_AN_AGE if name in parts), None)
    return None if text is None else _years(text)


def _years(text: str) -> float | None:
    """Of "3 years and 2 months" or "74"; None where nobody is so old."""
    years = sum(
        parse_years(f"{_amount(number)} {_UNITS.get(unit.lower(), 'years')}") or 0
        for number, unit in _PART_OF_AGE.findall(text)
    )
    return years if years <= OLDEST else None


def _amount(number: str) -> float:
    """The value of a number as `_NUMBER` takes it: "34", "2,5", "3 1/2", "forty-two"."""
    if number.lower() in _NUMBERS:
        return _NUMBERS[number.lower()]
    whole = re.sub(r"\s?(?:½|1/2)$", "", number)
    return float(whole.replace(",", ".")) + 0.5 * (whole != number)


def _chinese(sentence: str, begin: int) -> Iterator[_Phrase]:
    """Those of a sentence that begins at a character of its note."""
    for match in _CHINESE.finditer(sentence):
        before = _before(sentence, match)
        if _CHINESE_RELATIVE.search(before + match[0]):
            continue
        sex = match["sex"] or match["then"] or match["field"] or (match["mother"] and "女")
        text = match["age"] or match["first_age"] or match["age_field"] or match["only_age"]
        age = None
        if text and not (match["days"] and not _CHINESE_BABY.search(before + match[0])):
            age = sum(
                parse_years(f"{number} {_CHINESE_UNITS[unit]}") or 0
                for number, unit in _CHINESE_PART.findall(text)
            )
        if age is not None and age > OLDEST:
            continue
        is_firm = age is not None or bool(match["field"])
        if is_firm or begin + match.start() < _CHINESE_HEAD:
            yield _Phrase(match.start(), _CHINESE_SEXES.get(sex), age, is_firm)


def _behind_salutation(text: str) -> int:
    """Where a letter begins behind its salutation, which one of its first lines may be."""
    begin, seen = 0, 0
    for line in text[:_LONGEST].split("\n")[:-1]:
        pattern = _LATER_SALUTATION if seen else _SALUTATION
        if salutation := pattern.match(f"{line}\n"):
            return begin + salutation.end()
        begin, seen = begin + len(line) + 1, seen + bool(line.strip())
        if seen == _LINES_OF_HEAD:
            break
    return 0


def _pronoun(text: str) -> str | None:
    """The sex of the first pronoun, if nearly all others agree and nobody else is told of first."""
    begin = _behind_salutation(text)
    matches = list(_PRONOUN.finditer(text, begin))
    if not matches:
        return None
    other = _TOLD_OF.search(text, begin)
    if other and other.start() < matches[0].start():
        return None
    sexes = [
        "female" if match["female"] or match["title"] in ("Mrs", "Ms", "Miss") else "male"
        for match in matches
    ]
    return sexes[0] if sexes.count(sexes[0]) >= _OF_THE_FIRST * len(sexes) else None
