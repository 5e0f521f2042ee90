"""The made-up values of a part's notes: lists, patterns of numbers and codes, and dates."""

from __future__ import annotations

import calendar
import datetime
import random
import re
import string
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

_MONTHS = [calendar.month_name[month] for month in range(1, 13)]
_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
    "twenty-first",
    "twenty-second",
    "twenty-third",
    "twenty-fourth",
    "twenty-fifth",
    "twenty-sixth",
    "twenty-seventh",
    "twenty-eighth",
    "twenty-ninth",
    "thirtieth",
    "thirty-first",
]
_CHOICES = {
    "#": string.digits,
    "%": "123456789",
    "&": "23456789",
    "^": "1234",
    "@": "ABCDEFGHJKLMNPRSTUVWXYZ",
    "~": string.ascii_lowercase,
}


@dataclass(frozen=True)
class Person:
    """A person of a note."""

    female: bool
    first: str
    last: str


@dataclass(frozen=True)
class Values:
    """What a part's notes are filled with.

    Attributes:
        lists: words and phrases, by the name of their list.
        patterns: forms of numbers and codes, by kind.
        dates: forms of dates, by how full they are.
    """

    lists: dict[str, list[str]]
    patterns: dict[str, list[str]]
    dates: dict[str, list[str]]

    @classmethod
    def read(cls, file: Path) -> Values:
        """Read a part's `values.toml`."""
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        lists = {
            name: [value for value in re.split(r",\s+|\n", values.strip()) if value]
            for name, values in table["lists"].items()
        }
        return cls(lists, table["patterns"], table["dates"])

    def person(self, generator: random.Random, female: bool, last: str | None = None) -> Person:
        """Somebody, with a surname that is given or drawn."""
        first = generator.choice(self.lists["female" if female else "male"])
        return Person(female, first, last or generator.choice(self.lists["surnames"]))

    def code(self, generator: random.Random, kind: str, patient: Person) -> str:
        """A number or code of a kind, by one of its patterns."""
        pattern = generator.choice(self.patterns[kind])
        code = "".join(
            generator.choice(_CHOICES[sign]) if sign in _CHOICES else sign for sign in pattern
        )
        first, last = _plain(patient.first), _plain(patient.last)
        for slot, word in (
            ("<first>", first),
            ("<last>", last),
            ("<LAST>", last.upper()),
            ("<f>", first[:1] or "x"),
            ("<town>", _plain(generator.choice(self.lists["towns"]))),
            ("<year>", str(generator.randint(2005, 2024))),
            ("<at>", "@"),
        ):
            code = code.replace(slot, word)
        return code

    def date(self, generator: random.Random, form: str, earliest: int, latest: int) -> str:
        """A date of a form of `dates`, in a year from earliest to latest."""
        day = datetime.date(generator.randint(earliest, latest), 1, 1)
        day += datetime.timedelta(days=generator.randrange(365))
        return written_date(day, generator.choice(self.dates[form]))


def written_date(day: datetime.date, form: str) -> str:
    """A date in a form of `strftime`, besides `%o` (st, nd, rd, th) and `%W` (the day in words)."""
    teens = 11 <= day.day <= 13
    suffix = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    fields = {
        "%-d": str(day.day),
        "%d": f"{day.day:02}",
        "%-m": str(day.month),
        "%m": f"{day.month:02}",
        "%y": f"{day.year % 100:02}",
        "%Y": str(day.year),
        "%B": _MONTHS[day.month - 1],
        "%b": _MONTHS[day.month - 1][:3],
        "%o": suffix,
        "%W": _ORDINALS[day.day - 1],
    }
    return re.sub(r"%-?[a-zA-Z]", lambda field: fields[field.group()], form)


def nhs_number(generator: random.Random) -> str:
    """Ten digits of which the last is the check digit modulo 11 (NHS Data Dictionary)."""
    while True:
        digits = [generator.randint(4, 7), *(generator.randint(0, 9) for _ in range(8))]
        check = -sum(d * w for d, w in zip(digits, range(10, 1, -1), strict=True)) % 11
        if check < 10:
            written = "".join(map(str, [*digits, check]))
            spaced = f"{written[:3]} {written[3:6]} {written[6:]}"
            return generator.choice([written, spaced, spaced.replace(" ", "-")])


def npi(generator: random.Random) -> str:
    """A National Provider Identifier: ten digits with Luhn's check digit after the prefix 80840."""
    body = str(generator.randint(1, 2)) + "".join(generator.choices(string.digits, k=8))
    total = 24  # of the prefix
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (1 if place % 2 else 2)
        total += doubled - 9 if doubled > 9 else doubled
    return body + str(-total % 10)


def dea(generator: random.Random, holder: Person) -> str:
    """A number of the Drug Enforcement Administration: two letters, six digits, a check digit."""
    d = [generator.randint(0, 9) for _ in range(6)]
    check = (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10
    letter = (_plain(holder.last)[:1] or "x").upper()
    return generator.choice("ABFM") + letter + "".join(map(str, [*d, check]))


def _plain(word: str) -> str:
    """A word in small letters of ASCII without spaces or signs."""
    letters = unicodedata.normalize("NFKD", word.lower().replace("ø", "o").replace("ł", "l"))
    return "".join(letter for letter in letters if letter.isascii() and letter.isalnum())
