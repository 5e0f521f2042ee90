"""What takes the place of an identifier: surrogates of a secret key, the same for the same.

A surrogate follows from the key, the patient and the identifier's words alone, so that documents
may be read in any order, in any number of runs. Without the key it can't be turned back: what it is
drawn by is a keyed hash (HMAC-SHA-256).
"""

from __future__ import annotations

import hashlib
import hmac
import random
import re
import string
import tomllib
from functools import cache
from pathlib import Path

from ...core.han import has_han
from .chinese import NAMED_PLACE, SORT_OF_PLACE, words

_FILE = Path(__file__).parent / "surrogates.toml"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_LONGEST_SHIFT = 52  # weeks
OLDEST = "90+"  # reads well in "a 90+-year-old woman" and in "aged 90+"


@cache
def _lists() -> dict[str, list[str]]:
    table = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: words.split() for name, words in table.items()}


@cache
def _sort_of() -> dict[str, str]:
    """Which list of first names a word is in; "either" where it is in both."""
    lists = _lists()
    sorts = {word.lower(): sort for sort in ("female", "male") for word in lists[sort]}
    return sorts | {word.lower(): "either" for word in lists["either"]}


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(_lists()[name])


class Surrogates:
    """The surrogates of one patient under one key."""

    def __init__(self, key: bytes, patient: str) -> None:
        self._key = key
        self._patient = patient

    def weeks(self) -> int:
        """By how many weeks all dates of the patient are moved: whole ones, so weekdays stay."""
        weeks = 1 + self._draw("weeks", "").randrange(_LONGEST_SHIFT)
        return weeks if self._draw("direction", "").random() < 0.5 else -weeks

    def of(self, kind: str, written: str, names: dict[str, str]) -> str:
        """The surrogate of an identifier that is no date.

        Args:
            names: by the first letters of the text's names those of their surrogates.
        """
        if kind == "NAME":
            return self.name(written, names)
        if kind == "LOCATION":
            return self._place(written)
        if kind == "AGE":
            return OLDEST
        if kind == "EMAIL":
            return f"{self._made_up('e-mail', written).lower()}@example.org"
        if kind == "URL":
            return f"https://example.org/{self._made_up('url', written).lower()}"
        if kind == "IP":
            return f"192.0.2.{self._draw('ip', written).randint(1, 254)}"
        if kind == "PHOTO":
            ending = re.search(r"\.\w{2,4}$", written)
            stem = written[: ending.start()] if ending else written
            return self._code("photo", stem) + (ending[0] if ending else "")
        return self._code("code", written)

    def name(self, written: str, names: dict[str, str]) -> str:
        """A name's words each replaced, so that a first name or surname alone agrees with both."""
        bare = re.sub(r"[^\w]", "", written)
        is_known = bare.upper() in names
        looks_so = bare.isalpha() and bare.isupper() and not _vowelled(bare)
        if 2 <= len(bare) <= 3 and (is_known or looks_so):
            letters = "".join(self._initial(sign, names) for sign in bare)
            return _like(written, names.get(bare.upper(), letters))

        def word(match: re.Match[str]) -> str:
            if has_han(match[0]):
                return self._chinese_name(match[0])
            if len(match[0]) == 1:
                return _cased(self._initial(match[0], names), match[0])
            if match[0].lower() in _words("particles"):
                return match[0]
            return _cased(self._name_word(match[0]), match[0])

        return re.sub(r"\d", "0", _WORD.sub(word, written))

    def initials(self, written: str) -> dict[str, str]:
        """The first letters of a full name, together and each, with those of its surrogate."""
        words = [word for word in _WORD.findall(written) if word.lower() not in _words("particles")]
        if "," in written:
            words = [*words[1:], words[0]] if words else []
        new = [self._name_word(word)[0] for word in words if len(word) > 1]
        old = [word[0].upper() for word in words if len(word) > 1]
        return {"".join(old): "".join(new), **dict(zip(old, new, strict=True))}

    def identifier(self, kind: str, written: str) -> str:
        """A short name for a patient or a document."""
        return self._digest(kind, written).hex()[:16]

    def _chinese_name(self, name: str) -> str:
        """A family name and a given one, each replaced by itself, of as many characters."""
        families = words("surnames")
        family = next((each for each in families if name.startswith(each)), "")
        given = name.removeprefix(family)
        others = [each for each in families if len(each) == len(family) and each != family]
        new = self._draw("family", family).choice(others) if family else ""
        return new + "".join(self._draw("given", given).choices(words("given"), k=len(given)))

    def _chinese_place(self, place: str) -> str:
        """What names a place replaced; what says of which sort it is stays: 省, 路, 医院."""

        def stem(match: re.Match[str]) -> str:
            draw = self._draw("place", match[1])
            return draw.choice(words("stems")) + draw.choice(words("stem_ends")) + match[2]

        return place if SORT_OF_PLACE.fullmatch(place) else NAMED_PLACE.sub(stem, place)

    def _name_word(self, word: str) -> str:
        if has_han(word):
            return self._chinese_name(word)
        bare = re.sub(r"['’]s$", "", word)
        plain = bare.lower()
        sort = _sort_of().get(plain)
        ending = word[len(bare) :]
        if sort is None:
            return self._made_up("name", plain) + ending
        others = [other for other in _lists()[sort] if other.lower() != plain]
        return self._draw("name", plain).choice(others) + ending

    def _initial(self, letter: str, names: dict[str, str]) -> str:
        known = names.get(letter.upper())
        return known or self._draw("initial", letter.upper()).choice(string.ascii_uppercase)

    def _place(self, written: str) -> str:
        def word(match: re.Match[str]) -> str:
            if has_han(match[0]):
                return self._chinese_place(match[0])
            plain = match[0].lower()
            if plain in _words("kept") or (len(plain) <= 2 and match[0] != match[0].upper()):
                return match[0]
            if len(plain) <= 4 and match[0].isupper():
                return self._code("place", match[0])
            bare = re.sub(r"['’]s$", "", match[0])
            return _cased(self._made_up("place", bare.lower()) + match[0][len(bare) :], match[0])

        digits = self._draw("digits", _plain(written))
        new = _WORD.sub(word, written)
        return re.sub(r"\d+", lambda run: _digits(digits, run[0]), new)

    def _code(self, kind: str, written: str) -> str:
        """Digits and letters each replaced by others, so that the form stays."""
        draw = self._draw(kind, _plain(written))
        new = []
        for sign in written:
            if sign.isdigit():
                new.append(draw.choice("0123456789"))
            elif sign.isalpha():
                letter = draw.choice(string.ascii_uppercase)
                new.append(letter if sign.isupper() else letter.lower())
            else:
                new.append(sign)
        return "".join(new)

    def _made_up(self, kind: str, written: str) -> str:
        draw = self._draw(kind, written.lower())
        return draw.choice(_lists()["beginnings"]) + draw.choice(_lists()["ends"])

    def _draw(self, kind: str, written: str) -> random.Random:
        return random.Random(self._digest(kind, written))

    def _digest(self, kind: str, written: str) -> bytes:
        message = "\0".join((self._patient, kind, written)).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).digest()


def _plain(written: str) -> str:
    return "".join(sign for sign in written.lower() if sign.isalnum())


def _vowelled(word: str) -> bool:
    return len(word) == 3 and any(sign in "AEIOUY" for sign in word.upper())


def _digits(draw: random.Random, run: str) -> str:
    first = draw.choice("123456789") if run[0] != "0" else "0"
    return first + "".join(draw.choices("0123456789", k=len(run) - 1))


def _like(written: str, letters: str) -> str:
    """Letters in the places that those of a text have: "J.S." and "AB" give "A.B."."""
    signs = iter(letters)
    return "".join(next(signs, "X") if sign.isalpha() else sign for sign in written)


def _cased(word: str, form: str) -> str:
    if form.isupper() and (len(form) > 1 or word.isupper()):
        return word.upper()
    return word.lower() if form.islower() else word
