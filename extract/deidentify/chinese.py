"""Names and places of Chinese texts, by what stands beside them (numbers and dates are patterns).

A name is told by a label before it ("姓名：王小明", "患者李华，男"), by a title behind it
("张主任", "陈志强医师"), and elsewhere in the text by itself. A place begins with a province or a
large city, or stands after "住址"; a hospital is named by the characters before 医院. No model is
behind this: names that nothing introduces stay.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from ...core.han import HAN, simplified
from .identifiers import Identifier

_FILE = Path(__file__).parent / "chinese.toml"
_LABELLED, _TITLED, _AGAIN, _PLACE, _HOSPITAL = 0.9, 0.85, 0.6, 0.85, 0.8
_DESCRIBED, _NICKNAMED, _SCHOOL = 0.85, 0.7, 0.8
# What a name may stand behind: no character of another word.
_BEGINS = re.compile(rf"(?:^|[^{HAN}]|[由请经予向对与和及为在被是时诉告给跟找科室称说让叫居属者])$")
# Age or sex behind a name: "孙悦，女，34岁".
_DESCRIPTION = r"(?=[，,\s]{1,2}(?:男|女|\d{1,3}\s?岁))"
_PLACE_END = (
    "特别行政区|自治区|自治州|自治县|街道|小区|社区|大道|公寓|花园|大厦"
    "|[省市区县旗镇乡村路街巷弄组队]"
)
_PLACE_PART = rf"[{HAN}]{{1,8}}?(?:{_PLACE_END})"
_NUMBERED = r"[\dA-Za-z一二三四五六七八九十-]{1,6}(?:号楼?|栋|幢|单元|室|层|楼|组|弄)"
_CLINIC = r"(?:医院|卫生院|卫生所|卫生室|诊所|卫生服务中心|妇幼保健院|保健院|疗养院|体检中心)"
SORT_OF_PLACE = re.compile(rf"(?:{_PLACE_END}|{_CLINIC}|号楼?|[栋幢室层楼弄]|单元)+")
# A name, and the sort of place that it is of.
NAMED_PLACE = re.compile(rf"([{HAN}]+?)({_PLACE_END}|{_CLINIC}|$)")


@cache
def words(name: str) -> tuple[str, ...]:
    """A list of the table `chinese.toml`, the longest words first."""
    table = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(sorted(table[name].split(), key=lambda word: (-len(word), word)))


def find_chinese(text: str) -> list[Identifier]:
    """The names, places and hospitals of a Chinese text; some may overlap."""
    text = simplified(text)  # one for one
    names = list(_names(text))
    return [*names, *_again(text, names), *_places(text), *_hospitals(text)]


@cache
def _any_of(name: str) -> str:
    return "|".join(map(re.escape, words(name)))


@cache
def _labelled() -> re.Pattern[str]:
    name = rf"(?:{_any_of('surnames')})[{HAN}·]{{1,3}}?"
    ends = rf"(?=[，,。；;、：:（(）)\s/|]|{_any_of('ends')}|$)"
    return re.compile(rf"(?:{_any_of('labels')})([：:\s]{{0,3}})({name}){ends}")


@cache
def _titled() -> re.Pattern[str]:
    name = rf"(?:{_any_of('surnames')})[{HAN}]{{0,2}}?"
    return re.compile(rf"({name})(?:{_any_of('titles')})")


def _names(text: str) -> Iterator[Identifier]:
    for match in _labelled().finditer(text):
        if match[1].strip() or _may_be_name(match[2]):
            yield Identifier(*match.span(2), "NAME", _LABELLED)
    for match in _titled().finditer(text):
        # "主管医师" has no name in it.
        # "谢谢张医生" names Zhang alone.
        start = match.start() + 2 * match[1].startswith("谢谢")
        name = text[start : match.end(1)]
        is_word = name in ("", *words("before_title")) or not _may_be_name(name)
        if _begins(text, match.start()) and not is_word:
            yield Identifier(start, match.end(1), "NAME", _TITLED)
    for match in _described().finditer(text):
        if _may_be_name(match[1]):
            yield Identifier(*match.span(1), "NAME", _DESCRIBED)
    for match in _nicknamed().finditer(text):
        if _begins(text, match.start()) and match[1] not in words("behind_small"):
            yield Identifier(*match.span(1), "NAME", _NICKNAMED)


def _begins(text: str, start: int) -> bool:
    return _BEGINS.search(text[max(0, start - 1) : start]) is not None


def _may_be_name(name: str) -> bool:
    """Whether a name that only its neighbours tell is none of a sentence's words."""
    is_word = name in words("no_names")
    return not (is_word or set(name[1:]) & set(words("not_given")[0]))


@cache
def _described() -> re.Pattern[str]:
    name = rf"(?:{_any_of('surnames')})[{HAN}]{{1,2}}?"
    return re.compile(rf"(?:^|(?<=[\s。；;，,：:]))({name}){_DESCRIPTION}", re.M)


@cache
def _nicknamed() -> re.Pattern[str]:
    """ "小吴" and "老李", where somebody is said to do something."""
    follows = r"(?=[，,]|今年|自诉|诉|说|称|表示|来|的|和|在|也)"
    return re.compile(rf"[小老]((?:{_any_of('surnames')})){follows}")


def _again(text: str, names: Sequence[Identifier]) -> Iterator[Identifier]:
    """Where else whole names stand."""
    whole = {text[name.start : name.end] for name in names if name.end - name.start > 1}
    taken = {(name.start, name.end) for name in names}
    for name in sorted(whole):
        for match in re.finditer(re.escape(name), text):
            if match.span() not in taken:
                yield Identifier(*match.span(), "NAME", _AGAIN)


@cache
def _address() -> re.Pattern[str]:
    return re.compile(
        rf"(?:{_any_of('places')})(?:省|市|自治区|特别行政区|(?:壮族|回族|维吾尔)自治区)?"
        rf"(?:{_PLACE_PART}){{0,6}}(?:{_NUMBERED}){{0,4}}"
    )


_RESIDENCE = re.compile(
    r"(?:家庭住址|现住址|住址|地址|户籍地?|籍贯|出生地|工作单位|单位|家住|现住|居住于|常住)[：:\s]{0,3}"
    r"([^，,。；;：:\n（(]{2,40})"
)


@cache
def _school() -> re.Pattern[str]:
    return re.compile(
        rf"([{HAN}]{{2,10}}?)(?:{_any_of('schools')})(?![性度])(?:附属[{HAN}]{{1,6}}?医院)?"
    )


@cache
def _before_school() -> re.Pattern[str]:
    return re.compile(rf"^.*(?:{_any_of('before_schools')})")


# A place without its city: "姑苏区平江路", "长乐坊小区".
_LOCAL = re.compile(
    rf"(?<=[住于在到回])(?![住于在到回])(?:[{HAN}]{{1,4}}?[市区县])?[{HAN}]{{2,6}}?(?:小区|社区|花园|公寓|家园|新村|大街|(?<![尿通旁回])路|村|镇)"
    r"(?:\d{1,5}[号弄])?"
)


def _schools(text: str) -> Iterator[Identifier]:
    for match in _school().finditer(text):
        before = _before_school().match(match[1])
        start = match.start() + (before.end() if before else 0)
        if match.end(1) - start > 1:
            yield Identifier(start, match.end(), "LOCATION", _SCHOOL)


def _places(text: str) -> Iterator[Identifier]:
    yield from _schools(text)
    for match in _LOCAL.finditer(text):
        yield Identifier(*match.span(), "LOCATION", _PLACE)
    for match in _address().finditer(text):
        yield Identifier(*match.span(), "LOCATION", _PLACE)
    for match in _RESIDENCE.finditer(text):
        yield Identifier(*match.span(1), "LOCATION", _PLACE)


@cache
def _clinic() -> re.Pattern[str]:
    return re.compile(rf"([{HAN}]{{1,14}}?){_CLINIC}")


@cache
def _anonymous_end() -> re.Pattern[str]:
    return re.compile(rf"(?:{_any_of('anonymous')})$")


@cache
def _lead() -> re.Pattern[str]:
    """Words before a hospital's name: "后转至"."""
    return re.compile(rf"^.*(?:{_any_of('leading')})")


def _hospitals(text: str) -> Iterator[Identifier]:
    for match in _clinic().finditer(text):
        if _anonymous_end().search(match[1]):
            continue
        lead = _lead().match(match[1])
        start = match.start() + (lead.end() if lead else 0)
        if start < match.end(1):
            yield Identifier(start, match.end(), "LOCATION", _HOSPITAL)
