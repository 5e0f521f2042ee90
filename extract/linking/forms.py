"""Names in ever looser forms, so that spellings of one name become equal.

A form makes the same mistakes with mentions as with names; how much a match by a loose form is
worth is learned (`ranker.py`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

from ...core.han import has_han
from ..tables import table_rows


class Forms(NamedTuple):
    """A name's words in order of the alphabet, each form looser than the one before.

    spelling: singular and American; loose: organ adjectives as nouns, words by their stems;
    stripped: without modifiers ("severe") and salts ("hydrochloride").
    """

    spelling: str
    loose: str
    stripped: str


@cache
def _variants() -> tuple[dict[str, str], dict[str, str], frozenset[str], frozenset[str]]:
    rows = list(table_rows("variants.tsv"))
    same = {before: after for before, after, kind in rows if kind == "same"}
    prefix = {before: after for before, after, kind in rows if kind == "prefix"}
    drop = frozenset(before for before, _, kind in rows if kind == "drop")
    stop = frozenset(before for before, _, kind in rows if kind == "stop")
    return same, prefix, drop, stop


_GREEK = {
    letter: unicodedata.name(letter).split()[-1].lower() for letter in "αβγδεζηθικλμνξοπρστυφχψω"
}
_LETTERS = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l"} | _GREEK
_GREEK_BY_NAME = str.maketrans(_GREEK)
_PLURALS = [(r"itides$", "itis"), (r"(o|y|ta)ses$", r"\1sis"), (r"(x|ch|sh|ss)es$", r"\1")]
_PLURALS += [(r"(..)ies$", r"\1y"), (r"([^sui])s$", r"\1")]
_SPELLINGS = [
    (r"ae", "e"),
    (r"oe(?=\w)", "e"),
    (r"our$", "or"),
    (r"ys(e|ed|ing)$", r"yz\1"),
]
_SPELLINGS += [(r"is(e|ed|ation|ing)$", r"iz\1"), (r"lled$", "led"), (r"sulph", "sulf")]
# Noun, adjective and participle of one word get one stem: hypotension, hypotensive; ischemia,
# ischemic; necrosis, necrotic; toxicity, toxic; depressed, depression.
_STEMS = [
    (r"(xis|ctic)$", "x"),
    (r"(psy|ptic)$", "ps"),
    (r"(sis|sia|stic|tic)$", "s"),
    (r"(tion|tive|ting|ted|te)$", "t"),
    (r"(sion|sive|sing|sed|se)$", "s"),
    (r"(icity|ical|ic|ia|ias|y)$", ""),
    (r"(ism|ist)$", ""),
    (r"(ity|al|ous|ing|ed|ation|e|ine|in)$", ""),
]
_STEMS_OF = [(re.compile(pattern), replacement) for pattern, replacement in _STEMS]


@lru_cache(maxsize=100_000)
def _word(word: str) -> str:
    """A word in singular and American spelling."""
    if has_han(word):
        return word
    if not word.isascii():
        word = "".join(_LETTERS.get(letter, letter) for letter in word)
        word = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    if len(word) < 4:
        return word
    for pattern, replacement in _PLURALS:
        changed = re.sub(pattern, replacement, word)
        if changed != word:
            word = changed
            break
    for pattern, replacement in _SPELLINGS:
        word = re.sub(pattern, replacement, word)
    return word


@lru_cache(maxsize=100_000)
def _loose(word: str) -> tuple[str, ...]:
    """A spelled word as what it shares with its near synonyms: one or two words."""
    same, prefix, _, _ = _variants()
    if word in same:
        return (_stem(same[word]),)
    for before, after in prefix.items():
        if word.startswith(before) and len(word) > len(before) + 3:
            rest = word[len(before) :]
            return (_stem(after), _stem(same.get(rest, rest)))
    return (_stem(word),)


def _stem(word: str) -> str:
    for pattern, replacement in _STEMS_OF:
        changed = pattern.sub(replacement, word)
        if changed != word:
            return changed if len(changed) >= 3 else word
    return word


def joined(key: str) -> str:
    """A name key in one word, Greek letters by their names: "il 1β" as "il1beta"."""
    return key.translate(_GREEK_BY_NAME).replace(" ", "")


@lru_cache(maxsize=20_000)
def forms(key: str) -> Forms:
    """The forms of a name key (`identifiers.name_key`)."""
    _, _, drop, stop = _variants()
    words = [_word(word) for word in key.split()]
    spelling = [word for word in words if word not in stop] or words
    stripped = [word for word in spelling if word not in drop] or spelling
    return Forms(
        " ".join(sorted(spelling)),
        " ".join(sorted(part for word in spelling for part in _loose(word))),
        " ".join(sorted(part for word in stripped for part in _loose(word))),
    )
