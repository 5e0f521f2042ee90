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
# What ends a name that a label introduces.
_NAME_ENDS = r"(?=[，,。；;、：:（(\s/|]|男|女|先生|女士|之[父母子女妻夫]|系|因|于|$)"
# What a name may stand behind: no character of another word.
_BEGINS = re.compile(rf"(?:^|[^{HAN}]|[由请经予向对与和及为在被是时诉告给跟找])$")
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
    return re.compile(rf"(?:{_any_of('labels')})[：:\s]{{0,3}}({name}){_NAME_ENDS}")


@cache
def _titled() -> re.Pattern[str]:
    name = rf"(?:{_any_of('surnames')})[{HAN}]{{0,2}}?"
    return re.compile(rf"({name})(?:{_any_of('titles')})")


def _names(text: str) -> Iterator[Identifier]:
    for match in _labelled().finditer(text):
        yield Identifier(*match.span(1), "NAME", _LABELLED)
    for match in _titled().finditer(text):
        # "主管医师" has no name in it.
        if _BEGINS.search(text[max(0, match.start() - 1) : match.start()]):
            yield Identifier(*match.span(1), "NAME", _TITLED)


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


def _places(text: str) -> Iterator[Identifier]:
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
