"""Training notes, put together from `segments/`, forms, tables, real sentences, and values.

A slot `{P.last}` is a form of a person: P the patient, D doctors, R relatives, N anybody; `{F}` a
first name. `{3-20}` is a number; the others are in `_SLOTS`, with their kind (none: no identifier).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from . import values
from .forms import form, table
from .inserted import inserted
from .values import Person

Span = tuple[int, int, str]
_SLOT = re.compile(r"\{([^{}]+)\}")
# Groups of pieces by sort of note, and how many of each: one or none where two numbers allow it.
_SORTS = (
    (("head", 1, 2), ("heads", 0, 1), ("story", 1, 4), ("plain", 0, 4), ("heads", 0, 1), ("story", 0, 3), ("plain", 0, 3), ("ids", 0, 2), ("end", 0, 2)),
    (("head", 0, 2), ("plain", 1, 5), ("story", 1, 5), ("raw", 0, 1), ("end", 0, 1)),
    (("story", 1, 5), ("plain", 0, 4), ("raw", 0, 1)),
    (("head", 0, 1), ("ids", 2, 7), ("story", 0, 2)),
    (("form", 1, 2), ("heads", 0, 1), ("plain", 0, 2), ("story", 0, 2), ("end", 0, 1)),
    (("head", 0, 1), ("list", 2, 7), ("plain", 0, 2)),
    (("head", 0, 1), ("table", 1, 1), ("plain", 0, 1)),
    (("talk", 1, 4), ("chat", 1, 5)),
    (("chat", 2, 6),),
    (("mail", 1, 3), ("story", 0, 2), ("end", 0, 1)),
    (("plain", 2, 8),),
    (("inserted", 1, 3), ("heads", 0, 1), ("plain", 0, 1)),
    (("raw", 1, 3), ("heads", 0, 2)),
)  # fmt: skip
_WEIGHTS = (7, 4, 4, 2, 5, 3, 3, 5, 2, 3, 3, 7, 5)


@cache
def segments() -> dict[str, list[str]]:
    """The pieces by group."""
    groups: dict[str, list[str]] = {}
    for file in sorted((Path(__file__).parent / "segments").glob("*.txt")):
        for block in file.read_text(encoding="utf-8").split("\n=== ")[1:]:
            title, *lines = block.split("\n")
            pieces = [
                line.replace("\\n", "\n").replace("\\t", "\t") for line in lines if line.strip()
            ]
            groups.setdefault(title.strip(), []).extend(pieces)
    return groups


def _pieces(draw: random.Random, group: str, number: int, raw: Sequence[str]) -> list[str]:
    """Templates of a group."""
    made: dict[str, Callable[[], str]] = {
        "form": lambda: form(draw),
        "table": lambda: table(draw),
        "raw": lambda: _restyled(draw, draw.choice(raw)),
        "inserted": lambda: inserted(draw, draw.choice(raw)),
        "heads": lambda: draw.choice(["{heading}", "{heading}:", "{heading}\n{heading}"]),
    }
    if group in made:
        return [made[group]() for _ in range(number)]
    return draw.sample(segments()[group], number)


def _restyled(draw: random.Random, text: str) -> str:
    """A real text, or some of its words as headings and lists have them: capitals, short forms."""
    text = text.replace("{", "(").replace("}", ")")
    chance = draw.random()
    if chance > 0.5:
        return text.lower() if chance < 0.65 else text
    words = re.findall(r"[A-Za-z-]+", text)
    place = draw.randrange(max(1, len(words) - 12))
    some = words[place : place + draw.randint(2, 14)]
    if chance < 0.12:
        return " ".join(some).upper()
    if chance < 0.28:
        return draw.choice([", ", " ", ": ", "\n", ". "]).join(word.title() for word in some)
    if chance < 0.4:
        return " ".join(
            word[:1].upper() + word[1:] if draw.random() < 0.3 else word for word in some
        )
    return " ".join(word[: draw.randint(2, 4)] for word in some)


class Filling:
    """The people of one note, and what fills its slots."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        patient = values.person(draw)
        self.people: dict[str, Person] = {"P": patient}

    def person(self, key: str) -> Person:
        """The person of a slot; a relative has the patient's surname as often as not."""
        if key[0] in "NF":
            return values.person(self.draw)
        if key not in self.people:
            same = key[0] == "R" and self.draw.random() < 0.5
            self.people[key] = values.person(self.draw, self.people["P"].last if same else None)
        return self.people[key]

    def fill(self, slot: str) -> tuple[str, str | None]:
        """The text of a slot, and its kind."""
        key, _, form = slot.partition(".")
        if re.fullmatch(r"[PDRN]\d?", key):
            return self._of_person(self.person(key), form)
        if slot == "F":
            return self._of_person(self.person("F"), "first")
        if match := re.fullmatch(r"(\d+)-(\d+)", slot):
            return str(self.draw.randint(int(match[1]), int(match[2]))), None
        make, kind = _SLOTS[slot]
        return make(self.draw), kind

    def _of_person(self, who: Person, form: str) -> tuple[str, str | None]:
        first, last = who.first, who.last
        he = (
            ("she", "her", "Her", "woman", "Mrs.", "her")
            if who.female
            else ("he", "his", "His", "man", "Mr.", "him")
        )
        words = {
            "he": he[0], "He": he[0].title(), "his": he[1], "His": he[2], "man": he[3], "him": he[5],
            "mr": self.draw.choice([he[4], he[4].strip("."), "Ms."] if who.female else [he[4], "Mr"]),
        }  # fmt: skip
        if form in words:
            return words[form], None
        return _form_of_name(self.draw, first, last, form), "NAME"


def _form_of_name(draw: random.Random, first: str, last: str, form: str) -> str:
    letters = "ABCDEFGHJKLMNPRSTW"
    middle = draw.choice(["", "", "", "", f" {draw.choice(letters)}.", f" {draw.choice(letters)}"])
    if form == "full" and draw.random() < 0.08:
        middle = f" {values.name(draw, draw.choice(['female', 'male', 'last']))}"
    return {
        "full": f"{first}{middle} {last}",
        "first": first,
        "last": last,
        "comma": draw.choice([f"{last}, {first}{middle}", f"{last.upper()}, {first}", f"{last},{first}"]),
        "caps": f"{first} {last}".upper(),
        "initlast": draw.choice([f"{first[0]}. {last}", f"{first[0]} {last}", f"{first[0]}.{draw.choice(letters)}. {last}", f"{last} {first[0]}"]),
        "initials": draw.choice([f"{first[0]}{last[0]}", f"{first[0]}.{last[0]}.", f"{first[0].lower()}{last[0].lower()}",
                                 f"{first[0]}{draw.choice(letters)}{last[0]}", f"{last[0]}.", f"{first[0]}. {last[0]}."]),
    }[form]  # fmt: skip


def _pick(name: str) -> Callable[[random.Random], str]:
    return lambda draw: draw.choice(values.lists()[name])


def _place(kind: str) -> Callable[[random.Random], str]:
    return lambda draw: values.place(draw, kind)


def _code(kind: str) -> Callable[[random.Random], str]:
    return lambda draw: values.code(draw, kind)


def _online(kind: str) -> Callable[[random.Random], str]:
    return lambda draw: values.online(draw, kind, values.person(draw))


def _eponym(draw: random.Random) -> str:
    """A disease: known, or of a name that no disease has, so that what stands around it counts."""
    chance = draw.random()
    if chance < 0.35:
        return draw.choice(values.lists()["diseases"])
    if chance < 0.65:
        return draw.choice(values.lists()["eponyms"])
    return _named_thing(draw)


def _named_thing(draw: random.Random) -> str:
    last = values.name(draw, "last")
    if draw.random() < 0.2:
        last += f"-{values.name(draw, 'last')}"
    return f"{last}{draw.choice(['', chr(39) + 's', chr(39) + 's', '’s'])} {draw.choice(values.lists()['eponym_nouns'])}"


def _sign(draw: random.Random) -> str:
    if draw.random() < 0.6:
        return draw.choice(values.lists()["signs"])
    return f"{_named_thing(draw)} {draw.choice(['negative', 'positive', 'absent', 'normal'])}"


def _device(draw: random.Random) -> str:
    return draw.choice(values.lists()["devices"]) if draw.random() < 0.6 else _named_thing(draw)


def _spelled(draw: random.Random) -> str:
    name = values.name(draw, draw.choice(["female", "male", "last"]))
    return draw.choice(["-", " ", ", ", "."]).join(draw.choice([name.upper(), name.lower()]))


def _age90(draw: random.Random) -> str:
    if draw.random() < 0.15:
        return draw.choice(
            [
                "ninety-one",
                "ninety two",
                "ninety-four",
                "ninety six",
                "ninety-nine",
                "a hundred and one",
            ]
        )
    return str(draw.choice([draw.randint(90, 99), draw.randint(90, 106)]))


def _heading(draw: random.Random) -> str:
    cased = draw.choice((str, str, str.upper, str.upper, str.lower, str.capitalize))
    return cased(draw.choice(values.lists()["headings"]))


def _number(low: int, high: int, form: str = "{}") -> Callable[[random.Random], str]:
    return lambda draw: form.format(draw.randint(low, high))


_SLOTS: dict[str, tuple[Callable[[random.Random], str], str | None]] = {
    "town": (values.town, "LOCATION"), "address": (values.address, "LOCATION"),
    **{k: (_place(k), "LOCATION") for k in ("hospital", "clinic", "surgery", "home", "school", "employer", "pharmacy",
                                            "county", "ward", "road")},
    "zip": (lambda d: values._filled(d, "%####|%####|0####|%####-####"), "LOCATION"), "postcode": (_code("postcode"), "LOCATION"),
    "state": (_pick("states"), "-"), "country": (_pick("countries"), "-"),
    "ST": (lambda d: d.choice("TX OH GA OR MI IL VA WA NJ NC NV CO TN ME UT WI MN IA AL MA MD NY CA FL PA".split()), "-"),
    "date": (lambda d: values.date(d, "full"), "DATE"), "dob": (lambda d: values.date(d, "full", 1930, 2015), "DATE"),
    "dm": (lambda d: values.date(d, "short"), "DATE"), "my": (lambda d: values.date(d, "month"), "DATE"),
    "mon": (lambda d: values.date(d, "month alone"), "DATE"), "spoken": (lambda d: values.date(d, "spoken", 1940, 1999), "DATE"),
    "spokendm": (lambda d: values.date(d, "spoken short"), "DATE"), "range": (values.date_range, "DATE"),
    "holiday": (values.holiday, "DATE"), "age90": (_age90, "AGE"),
    "phone": (values.phone, "PHONE"), "fax": (values.phone, "FAX"), "pager": (_code("pager"), "PHONE"),
    "email": (_online("email"), "EMAIL"), "url": (_online("url"), "URL"), "ip": (_online("ip"), "IP"),
    "photo": (_online("photo"), "PHOTO"), "user": (_online("user"), "OTHER_ID"), "handle": (_online("handle"), "URL"),
    "ssn": (values.ssn, "SSN"), "mrn": (_code("mrn"), "MRN"),
    "nhs": (lambda d: values._filled(d, "%## ### ####|%#########|%##-###-####"), "MRN"),
    "plan": (_code("plan"), "HEALTH_PLAN"), "account": (_code("account"), "ACCOUNT"),
    "licence": (_code("licence"), "LICENCE"), "npi": (lambda d: values._filled(d, "1#########"), "LICENCE"),
    "dea": (lambda d: values._filled(d, "@@#######"), "LICENCE"), "plate": (_code("plate"), "VEHICLE"),
    "vin": (lambda d: values._filled(d, "%@@@@##@#@@######"), "VEHICLE"), "serial": (_code("serial"), "DEVICE"),
    "bio": (_code("bio"), "BIOMETRIC"), "other": (_code("other"), "OTHER_ID"), "claim": (_code("claim"), "OTHER_ID"),
    "spelled": (_spelled, "NAME"),
    "nick": (lambda d: d.choice([f'"{n}"' if d.random() < 0.5 else n for n in [values.name(d, d.choice(["female", "male"]))]]), "NAME"),
    "ep": (_eponym, None), "eponym sign": (_sign, None), "device word": (_device, None), "exam": (_pick("exams"), None),
    "sx": (_pick("symptoms"), None), "drug": (_pick("drugs"), None), "lab": (_pick("labs"), None),
    "imaging": (_pick("imaging"), None), "procedure": (_pick("procedures"), None), "model": (_pick("models"), None),
    "dept": (_pick("departments"), None), "job": (_pick("jobs"), None), "job2": (_pick("consultants"), None),
    "deg": (_pick("degrees"), None), "rel": (_pick("relations"), None), "lang": (_pick("langs"), None),
    "heading": (_heading, None), "abbr": (_pick("abbreviations"), None), "brand": (_pick("brands"), None),
    "gene": (_pick("genes"), None), "organism": (_pick("organisms"), None), "staff": (_pick("staff"), None), "say": (_pick("says"), None),
    "word": (lambda d: d.choice(values.words()), None), "Word": (lambda d: d.choice(values.words()).title(), None),
    "slashed": (_pick("slashed"), None), "stay": (_pick("stays"), None),
    "spokenaddress": (values.spoken_address, "LOCATION"), "spokenpostcode": (values.spoken_postcode, "LOCATION"),
    "car": (_pick("cars"), None), "payer": (_pick("payers"), None),
    "author": (lambda d: d.choice(values.lists()["authors"]) if d.random() < 0.4 else values.name(d, "last"), None),
    "age": (_number(0, 89), None), "year": (_number(1970, 2025), None), "sex": (lambda d: d.choice("MF"), None),
    "roomno": (_number(1, 899), None), "bp": (lambda d: f"{d.randint(90, 180)}/{d.randint(50, 110)}", None),
    "wt": (lambda d: f"{d.randint(3, 140)}.{d.randint(0, 9)} {d.choice(['kg', 'lb'])}", None),
    "temp": (lambda d: d.choice([f"{d.randint(97, 103)}.{d.randint(0, 9)}", f"{d.randint(36, 39)}.{d.randint(0, 9)}"]), None),
    "time": (lambda d: d.choice([f"{d.randint(0, 23):02}:{d.randint(0, 59):02}", f"{d.randint(0, 23):02}{d.randint(0, 59):02}",
                                 f"{d.randint(1, 12)} {d.choice(['am', 'pm', 'a.m.'])}"]), None),
    "weekday": (_pick("weekdays"), None),
    "roman": (lambda d: d.choice(["I", "II", "III", "IV"]), None), "stage": (lambda d: f"T{d.randint(1, 4)}N{d.randint(0, 2)}M0", None),
    "icd": (lambda d: f"{d.choice('EFGIJKMNRSZ')}{d.randint(10, 99)}.{d.randint(0, 9)}", None),
}  # fmt: skip


def note(draw: random.Random, raw: Sequence[str]) -> tuple[str, list[Span]]:
    """A note and its identifiers; the kind "-" is of what may be found or not.

    Args:
        raw: pieces of real texts that name nobody.
    """
    filling = Filling(draw)
    text, spans = "", []
    joiner = draw.choice(["\n", "\n", " ", "\n\n", "  ", " ", " "])
    for group, least, most in draw.choices(_SORTS, _WEIGHTS)[0]:
        for piece in _pieces(draw, group, draw.randint(least, most), raw):
            for number, part in enumerate(_SLOT.split(piece)):
                written, kind = filling.fill(part) if number % 2 else (part, None)
                lead = re.match(r"the (?=\S)|SN(?=\d)", written) if kind else None
                if kind:
                    start = len(text) + (lead.end() if lead else 0)
                    spans.append((start, len(text) + len(written.strip('"')), kind))
                text += written
            text += draw.choice(["\n", joiner, joiner, joiner])
    return _styled(draw, text, spans)


def _styled(draw: random.Random, text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """In small or capital letters, or with typing errors, at times."""
    chance = draw.random()
    if chance < 0.25:
        lowered = text.lower()
        return (lowered if len(lowered) == len(text) else text), spans
    if chance < 0.33:
        raised = text.upper()
        return (raised if len(raised) == len(text) else text), spans
    if chance < 0.45:
        return _mistyped(draw, text, spans), spans
    return text, spans


def _mistyped(draw: random.Random, text: str, spans: list[Span]) -> str:
    signs = list(text)
    inside = {place for start, end, _ in spans for place in range(start, end)}
    for word in re.finditer(r"[a-z]{4,}", text):
        if draw.random() < 0.05 and word.start() not in inside:
            place = draw.randrange(word.start() + 1, word.end() - 1)
            signs[place], signs[place + 1] = signs[place + 1], signs[place]
    return "".join(signs)
