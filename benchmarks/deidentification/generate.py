"""Notes made from a part's templates and values: everything in them is made up.

A template is a line `=== name: kind of note, option, …` and the lines after it, with slots:

- `{p}` is the patient's name; `p.first`, `.last`, `.initials`, `.comma` (Last, First), `.f`
  (F. Last) and `.caps` are forms of it; `.he`, `.him`, `.his`, `.man`, `.mr` and `.sex` are no
  identifiers.
- `{d1}`, `{n2}`, … are others; `r…` and `q…` relatives with the patient's surname and with another;
  `f` or `m` after the letter says which sex.
- `{town}`, `{mrn}`, `{date}`, … are what `LISTS`, `CODES` and `DATES` name, `{address}` a number
  and a road, `{range}` some days of a month. With a digit after it, a slot has the same value
  again.
- `{age}` (18 to 89), `{year}` and `{3-40}` (a number) are no identifiers; `{age90}` is one.

Options: `f` and `m` for the patient's sex, `lower`, `upper`, `typos`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import values as forms
from .spans import MarkedNote, Part, Span, with_neighbours
from .values import Person, Values

FOLDER = Path(__file__).parent
NOTES_OF_A_TEMPLATE = 12

# Slots of a word of a list: its list, its kind (none: no identifier), and whether it must be found.
LISTS: dict[str, tuple[str, str | None, bool]] = {
    "town": ("towns", "LOCATION", True),
    "hospital": ("hospitals", "LOCATION", True),
    "ward": ("wards", "LOCATION", True),
    "employer": ("employers", "LOCATION", True),
    "school": ("schools", "LOCATION", True),
    "county": ("counties", "LOCATION", True),
    "holiday": ("holidays", "DATE", True),
    "state": ("states", "LOCATION", False),
    "country": ("countries", "LOCATION", False),
    "season": ("seasons", "DATE", False),
    "eponym": ("eponyms", None, False),
    "sign": ("signs", None, False),
    "thing": ("things", None, False),
    "drug": ("drugs", None, False),
    "lab": ("labs", None, False),
    "finding": ("imaging", None, False),
    "model": ("models", None, False),
}
# Slots of a code: the pattern and the kind.
CODES = {
    "zip": ("ZIP", "LOCATION"),
    "postcode": ("POSTCODE", "LOCATION"),
    "phone": ("PHONE", "PHONE"),
    "bleep": ("BLEEP", "PHONE"),
    "fax": ("FAX", "FAX"),
    "email": ("EMAIL", "EMAIL"),
    "ssn": ("SSN", "SSN"),
    "mrn": ("MRN", "MRN"),
    "plan": ("HEALTH_PLAN", "HEALTH_PLAN"),
    "account": ("ACCOUNT", "ACCOUNT"),
    "licence": ("LICENCE", "LICENCE"),
    "vehicle": ("VEHICLE", "VEHICLE"),
    "device": ("DEVICE", "DEVICE"),
    "url": ("URL", "URL"),
    "ip": ("IP", "IP"),
    "biometric": ("BIOMETRIC", "BIOMETRIC"),
    "photo": ("PHOTO", "PHOTO"),
    "other": ("OTHER_ID", "OTHER_ID"),
}
# Slots of a date: its form and its years.
DATES = {
    "date": ("full", 2015, 2025),
    "dob": ("full", 1931, 2012),
    "day": ("short", 2024, 2024),
    "month": ("month", 2005, 2025),
    "spoken": ("spoken", 2024, 2024),
}

_SLOT = re.compile(r"\{([^{}]+)\}")
_HEADER = re.compile(r"^=== ([\w-]+): (.+)$", re.MULTILINE)
# What stands at the beginning of a value and is no part of the identifier.
_LEAD = re.compile(r"the (?=\S)|SN |S/N |LOT|xxx-xx-")
_PERSON = re.compile(r"([prqdn])([fm]?)\d*")
_TYPO_SHARE = 0.04  # of the words outside identifiers


@dataclass(frozen=True)
class Template:
    """The text of a kind of note, with slots."""

    name: str
    note_kind: str
    options: frozenset[str]
    text: str


@dataclass(frozen=True)
class _Piece:
    """Text of a note, with the kind of identifier that it is."""

    text: str
    kind: str | None = None
    required: bool = True


@dataclass
class _Filling:
    """The values of one note."""

    values: Values
    generator: random.Random
    patient: Person
    people: dict[str, Person] = field(default_factory=dict)
    kept: dict[str, _Piece] = field(default_factory=dict)

    def piece(self, slot: str) -> _Piece:
        """What stands in a slot."""
        base = slot.partition(".")[0]
        if _PERSON.fullmatch(base):
            return self._of_person(base, slot.partition(".")[2])
        if re.fullmatch(r"\d+-\d+", slot):
            low, high = map(int, slot.split("-"))
            return _Piece(str(self.generator.randint(low, high)))
        if not slot[-1].isdigit() or slot == "age90":
            return self._value(slot)
        if slot not in self.kept:
            self.kept[slot] = self._value(slot.rstrip("0123456789"))
        return self.kept[slot]

    def _of_person(self, key: str, form: str) -> _Piece:
        person = self.patient if key == "p" else self.people.get(key)
        if person is None:
            person = self.people[key] = self._somebody(key)
        he = ("she", "her", "her", "woman", "Ms.", "F")
        if not person.female:
            he = ("he", "him", "his", "man", "Mr.", "M")
        plain = dict(zip(("he", "him", "his", "man", "mr", "sex"), he, strict=True))
        if form in plain:
            return _Piece(plain[form])
        first, last = person.first, person.last
        names = {
            "": f"{first} {last}",
            "first": first,
            "last": last,
            "initials": self.generator.choice([f"{first[0]}.{last[0]}.", f"{first[0]}{last[0]}"]),
            "comma": f"{last}, {first}",
            "f": f"{first[0]}. {last}",
            "caps": f"{first} {last}".upper(),
        }
        return _Piece(names[form], "NAME")

    def _somebody(self, key: str) -> Person:
        match = _PERSON.fullmatch(key)
        role, sex = match.groups() if match else ("d", "")
        female = sex == "f" if sex else self.generator.random() < 0.5
        while True:
            last = self.patient.last if role == "r" else None
            person = self.values.person(self.generator, female, last)
            if person.first not in {p.first for p in (self.patient, *self.people.values())}:
                return person

    def _value(self, slot: str) -> _Piece:
        generator, values = self.generator, self.values
        if slot in LISTS:
            words, kind, required = LISTS[slot]
            return _Piece(generator.choice(values.lists[words]), kind, required)
        if slot in CODES:
            pattern, kind = CODES[slot]
            return _Piece(values.code(generator, pattern, self.patient), kind)
        if slot in DATES:
            form, earliest, latest = DATES[slot]
            return _Piece(values.date(generator, form, earliest, latest), "DATE")
        return _OTHER_SLOTS[slot](self)

    def range(self) -> _Piece:
        """Days of a month, from and to."""
        first = self.generator.randint(1, 20)
        last = first + self.generator.randint(1, 8)
        month = self.values.date(self.generator, "month_name", 2024, 2024)
        number = self.generator.randint(1, 12)
        written = self.generator.choice(
            [
                f"{first}-{last} {month}",
                f"{month} {first}-{last}",
                f"{number}/{first}-{number}/{last}",
            ]
        )
        return _Piece(written, "DATE")

    def address(self) -> _Piece:
        """A number and a road."""
        number = self.generator.choice([1, 1, 10, 100]) * self.generator.randint(1, 40)
        return _Piece(f"{number} {self.generator.choice(self.values.lists['roads'])}", "LOCATION")


_OTHER_SLOTS: dict[str, Callable[[_Filling], _Piece]] = {
    "address": _Filling.address,
    "range": _Filling.range,
    "nhs": lambda filling: _Piece(forms.nhs_number(filling.generator), "MRN"),
    "npi": lambda filling: _Piece(forms.npi(filling.generator), "LICENCE"),
    "dea": lambda filling: _Piece(forms.dea(filling.generator, filling.patient), "LICENCE"),
    "age": lambda filling: _Piece(str(filling.generator.randint(18, 89))),
    "age90": lambda filling: _Piece(str(filling.generator.randint(90, 104)), "AGE"),
    "year": lambda filling: _Piece(str(filling.generator.randint(1975, 2024))),
}


def part_folder(part: Part) -> Path:
    """Where a part's templates and values are."""
    return FOLDER / part.replace("-", "_")


def templates(part: Part) -> list[Template]:
    """A part's templates, from its `templates.txt`.

    Raises:
        ValueError: two of them have one name.
    """
    text = (part_folder(part) / "templates.txt").read_text(encoding="utf-8")
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    read = []
    for header, end in zip(headers, ends, strict=True):
        note_kind, *options = header[2].split(", ")
        body = text[header.end() : end].strip("\n")
        read.append(Template(header[1], note_kind, frozenset(options), body))
    if len({template.name for template in read}) < len(read):
        raise ValueError(f"templates.txt of {part}: two templates have one name; rename one")
    return read


def notes(part: Part, seed: int = 0, of_each: int = NOTES_OF_A_TEMPLATE) -> list[MarkedNote]:
    """A part's notes, the same ones for the same seed.

    Args:
        of_each: notes of each template.
    """
    values = Values.read(part_folder(part) / "values.toml")
    return [
        note(template, values, random.Random(f"{part}/{seed}/{template.name}/{number}"), number)
        for template in templates(part)
        for number in range(of_each)
    ]


def note(template: Template, values: Values, generator: random.Random, number: int) -> MarkedNote:
    """One note of a template."""
    female = "f" in template.options or ("m" not in template.options and generator.random() < 0.5)
    filling = _Filling(values, generator, values.person(generator, female))
    text, spans = "", []
    for place, literal_or_slot in enumerate(_SLOT.split(template.text)):
        piece = filling.piece(literal_or_slot) if place % 2 else _Piece(literal_or_slot)
        if literal_or_slot in ("p.he", "p.his") and re.search(r"(?:^|\n|\. )$", text):
            piece = _Piece(piece.text.capitalize())
        written = _styled(piece, template.options, generator)
        if piece.kind is not None:
            lead = _LEAD.match(piece.text)
            start = len(text) + (lead.end() if lead else 0)
            spans.append(Span(start, len(text) + len(written), piece.kind, piece.required))
        text += written
    name = f"{template.name}/{number}"
    return MarkedNote(name, template.name, text, with_neighbours(text, spans))


def _styled(piece: _Piece, options: frozenset[str], generator: random.Random) -> str:
    text = piece.text
    if "typos" in options and piece.kind is None:
        text = re.sub(r"[a-z]{4,}", lambda word: _mistyped(word.group(), generator), text)
    if "lower" in options:
        return text.lower()
    return text.upper() if "upper" in options else text


def _mistyped(word: str, generator: random.Random) -> str:
    """Sometimes with two letters exchanged, or one left out or doubled."""
    if generator.random() >= _TYPO_SHARE:
        return word
    at = generator.randrange(1, len(word) - 1)
    exchanged = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return generator.choice(
        [exchanged, word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]]
    )
