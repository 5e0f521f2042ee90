"""Dates moved by days, in the form that they are written in."""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterable

from ..spoken_numbers import UP_TO_99
from .dates import MONTHS, ORDINALS, any_of

_SPOKEN_YEARS = {
    spoken: 100 * century + n
    for century, words in (
        (18, ("eighteen",)),
        (19, ("nineteen",)),
        (20, ("twenty", "two thousand", "two thousand and")),
    )
    for word in words
    for n in range(100)
    if (spoken := f"{word} {UP_TO_99[n]}".strip()) and (n or word == "two thousand")
}  # fmt: skip
_NUMERIC = re.compile(r"(\d{1,4})(\s?[-/.]\s?)(\d{1,4})(?:(\2)(\d{1,4}))?")
_MONTH = re.compile(
    rf"(?:{'|'.join(MONTHS)}|{'|'.join(m[:3] for m in MONTHS)}|sept)(?![a-z])", re.IGNORECASE
)
_DAY = re.compile(
    rf"(?:{any_of(ORDINALS, '-')})"
    # The hours and minutes of a time are no days.
    r"|(?<!\d)(?<!\d:)(?:0?[1-9]|[12]\d|3[01])(?!\d|:\d)(?:\s?(?:st|nd|rd|th)\b)?",
    re.IGNORECASE,
)
_YEAR = re.compile(
    rf"(?<!\d)(?:1[89]|20)\d\d(?!\d)|['’]\d\d(?!\d)|(?:{any_of(_SPOKEN_YEARS, ' ')})",
    re.IGNORECASE,
)
_SHORT_YEAR = re.compile(r"(?<=[-/. a-z])\d\d$", re.IGNORECASE)
_NUMERAL = "[〇○零一二三四五六七八九十]"
_CHINESE = re.compile(
    rf"(?:(?P<year>\d{{2,4}}|{_NUMERAL}{{4}})年\s?)?(?P<month>\d{{1,2}}|{_NUMERAL}{{1,3}})月"
    rf"(?:\s?(?P<day>\d{{1,2}}|{_NUMERAL}{{1,3}})(?P<sign>[日号]))?"
)
_CHINESE_DIGITS = "〇一二三四五六七八九"
_ZEROS = re.compile("[○零]")
_UNDATED = 2019  # stands for a year that a note doesn't name


def day_first(dates: Iterable[str]) -> bool:
    """Whether dates of a text have the day before the month: as one of them must have it."""
    for written in dates:
        match = re.match(r"\s*(\d{1,2})\s?[-/.]\s?(\d{1,2})(?!\d)", written)
        if match and int(match[1]) > 12 >= int(match[2]):
            return True
        if match and "." in match[0]:
            return True
    return False


def year_of(dates: Iterable[str]) -> int:
    """The year of dates that name none: the latest that another date of the text names."""
    years = [
        int(year)
        for written in dates
        for year in re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", written)
    ]
    return max(years, default=_UNDATED)


def shifted(written: str, days: int, *, day_is_first: bool, year: int) -> str | None:
    """A date, moved by days, in the same form; None where it can't be read (a holiday).

    Args:
        day_is_first: 3/4 is the third of April.
        year: that of dates without one, which say on which day a month ends.
    """
    try:
        if re.fullmatch(r"\d{8}", written):
            moved = datetime.date.fromisoformat(written) + datetime.timedelta(days)
            return moved.strftime("%Y%m%d")
        if chinese := _CHINESE.fullmatch(written):
            return _shifted_chinese(chinese, days, year)
        if _MONTH.search(written):
            return _shifted_words(written, days, year)
        dates = list(_NUMERIC.finditer(written))
        if not dates or _NUMERIC.sub("", written).strip(" -–toand") != "":
            return None
        moved_dates = iter([_shifted_numbers(match, days, day_is_first, year) for match in dates])
        return _NUMERIC.sub(lambda _: next(moved_dates), written)
    except (ValueError, OverflowError):
        return None


def _shifted_numbers(match: re.Match[str], days: int, day_is_first: bool, year: int) -> str:
    first, sign, second, sign_2, third = match.groups()
    order: tuple[str, ...]
    if len(first) == 4:
        order = ("year", "month", "day")
    elif third is None and len(second) == 4:
        order = ("month", "year")
    else:
        is_day_first = (day_is_first or int(first) > 12) and int(second) <= 12
        order = ("day", "month", "year") if is_day_first else ("month", "day", "year")
    fields = [field for field in (first, second, third) if field is not None]
    order = order[: len(fields)]
    values = {name: int(field) for name, field in zip(order, fields, strict=True)}
    if "year" in values and len(fields[order.index("year")]) == 2:
        values["year"] += 1900 if values["year"] > datetime.date.today().year % 100 else 2000
    date = datetime.date(values.get("year", year), values["month"], values.get("day", 15))
    date += datetime.timedelta(days)
    written = []
    for name, field in zip(order, fields, strict=True):
        width = len(field) if field[0] == "0" or name == "year" else 1
        number = getattr(date, name) % 10 ** (len(field) if name == "year" else 2)
        written.append(f"{number:0{width}}")
    return written[0] + sign + written[1] + (f"{sign_2}{written[2]}" if third is not None else "")


def _shifted_chinese(match: re.Match[str], days: int, year: int) -> str:
    """As 2024年3月5日, 3月5日, 2024年3月 or in numerals: 二〇二四年三月五日."""
    named = year if match["year"] is None else _of_numerals(match["year"])
    if match["year"] is not None and len(match["year"]) == 2:
        named += 1900 if named > datetime.date.today().year % 100 else 2000
    day = 15 if match["day"] is None else _of_numerals(match["day"])
    date = datetime.date(named, _of_numerals(match["month"]), day) + datetime.timedelta(days)
    new = f"{_as_numerals(date.month, match['month'])}月"
    if match["year"] is not None:
        length = len(match["year"])
        new = f"{_as_numerals(date.year % 10**length, match['year'], width=length)}年{new}"
    if match["day"] is not None:
        new += f"{_as_numerals(date.day, match['day'])}{match['sign']}"
    return new


def _of_numerals(written: str) -> int:
    """The number that digits or Chinese numerals write: 12, 十二, 二〇二四."""
    if written.isdecimal():
        return int(written)
    if "十" not in written:
        return int("".join(str(_CHINESE_DIGITS.index(_ZEROS.sub("〇", sign))) for sign in written))
    tens, ones = written.split("十")
    return 10 * _of_numerals(tens or "一") + (_of_numerals(ones) if ones else 0)


def _as_numerals(number: int, form: str, width: int = 0) -> str:
    """A number in the form of another: digits, or Chinese numerals."""
    if form.isdecimal():
        return f"{number:0{width or (2 if form[0] == '0' else 1)}}"
    if width:
        return "".join(_CHINESE_DIGITS[int(digit)] for digit in f"{number:0{width}}")
    tens, ones = divmod(number, 10)
    before = "十" if tens == 1 else f"{_CHINESE_DIGITS[tens]}十" if tens else ""
    return before + (_CHINESE_DIGITS[ones] if ones else "")


def _shifted_words(written: str, days: int, year: int) -> str | None:
    months = list(_MONTH.finditer(written))
    if len(months) > 1:
        return None
    month = months[0]
    number = [m[:3] for m in MONTHS].index(month[0][:3].lower()) + 1
    years = [m for m in _YEAR.finditer(written) if not _overlap(m, month)]
    year_match = years[-1] if years else _SHORT_YEAR.search(written)
    if year_match and _overlap(year_match, month):
        year_match = None
    named = year if year_match is None else _year_number(year_match[0])
    day_matches = [
        match for match in _DAY.finditer(written)
        if not _overlap(match, month) and not (year_match and _overlap(match, year_match))
    ]  # fmt: skip
    if (
        not day_matches
        and year_match
        and len(year_match[0]) == 2
        and re.match(r"\s", written[month.end() :])
    ):
        day_matches, year_match, named = [year_match], None, year  # "May 12"
    dates = [datetime.date(named, number, _day_number(match[0])) for match in day_matches]
    dates = [
        date + datetime.timedelta(days) for date in dates or [datetime.date(named, number, 15)]
    ]
    if len({(date.year, date.month) for date in dates}) > 1:
        ends = [f"{date.day} {calendar.month_name[date.month]}" for date in dates]
        return " – ".join([*ends[:-1], f"{ends[-1]}{f' {dates[-1].year}' if year_match else ''}"])
    # "May" is short for itself: between signs or digits the others are short too.
    is_joined = re.match(r"[-/.\d]", written[month.end() :]) is not None
    is_short = len(month[0]) <= 4 and (is_joined or month[0].lower() not in MONTHS)
    names = calendar.month_abbr if is_short else calendar.month_name
    pieces = [(month, _cased(names[dates[0].month], month[0]))]
    pieces += [
        (match, _cased(_written_day(date.day, match[0]), match[0]))
        for match, date in zip(day_matches, dates, strict=False)
    ]
    if year_match:
        pieces.append((year_match, _written_year(dates[-1].year, year_match[0])))
    for match, new in sorted(pieces, key=lambda piece: -piece[0].start()):
        written = written[: match.start()] + new + written[match.end() :]
    return written


def _overlap(one: re.Match[str], other: re.Match[str]) -> bool:
    return one.start() < other.end() and other.start() < one.end()


def _day_number(written: str) -> int:
    word = "-".join(written.lower().split())
    return ORDINALS.index(word) + 1 if word in ORDINALS else int(re.sub(r"\D", "", written))


def _year_number(written: str) -> int:
    digits = re.sub(r"\D", "", written)
    if not digits:
        return _SPOKEN_YEARS[" ".join(re.split(r"[-\s]+", written.lower()))]
    number = int(digits)
    if len(digits) == 2:
        number += 1900 if number > datetime.date.today().year % 100 else 2000
    return number


def _written_day(day: int, form: str) -> str:
    if not form[0].isdigit():
        ordinal = ORDINALS[day - 1]
        return ordinal.replace("-", " ") if " " in form else ordinal
    width = len(re.match(r"\d+", form)[0]) if form[0] == "0" else 1  # type: ignore[index]
    ending = re.sub(r"[\d\s]", "", form)
    if ending:
        ending = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day:0{width}}{' ' if ' ' in form else ''}{ending}"


def _written_year(year: int, form: str) -> str:
    digits = re.sub(r"\D", "", form)
    if digits:
        return form.replace(digits, str(year)[-len(digits) :])
    for spoken, number in _SPOKEN_YEARS.items():
        if number == year:
            return spoken
    raise ValueError(f"no words for the year {year}")


def _cased(word: str, form: str) -> str:
    letters = [sign for sign in form if sign.isalpha()]
    if letters and all(sign.isupper() for sign in letters):
        return word.upper()
    return word.lower() if letters and all(sign.islower() for sign in letters) else word
