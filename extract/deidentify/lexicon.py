"""Lists of words that the model knows: ordinary ones, medical terms, names of people and of places.

That a word is on a list is one feature among others: a name that is on none is told by what stands
around it, and so is a word that may be either. `words.json` of the model's folder has the lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.json_reading import VOCABULARY_LIMITS, read_json

FILE = "words.json"
# Each list is a bit of a word's flags; a word with a vector is an ordinary one too.
LISTS = ("words", "ordinary", "terms", "first", "last", "places")
FLAGS = LISTS[1:]
_WORDS, _NAMES, _FIRST, _TERMS = (
    sum(1 << FLAGS.index(name) for name in names)
    for names in (("ordinary", "terms"), ("first", "last"), ("first",), ("terms",))
)
UNKNOWN = 1  # the index of a word without a vector; 0 pads


class Lexicon:
    """The words with vectors, and the lists that words are on."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._lists = {name: list(lists[name]) for name in LISTS}
        self._index = {word: UNKNOWN + 1 + n for n, word in enumerate(self._lists["words"])}
        self._flags: dict[str, int] = dict.fromkeys(self._index, 1)
        for bit, name in enumerate(FLAGS):
            for word in self._lists[name]:
                self._flags[word] = self._flags.get(word, 0) | 1 << bit

    @property
    def words(self) -> list[str]:
        """The words with vectors."""
        return self._lists["words"]

    def __len__(self) -> int:
        """How many vectors there are, those of padding and of unknown words among them."""
        return UNKNOWN + 1 + len(self._index)

    def index(self, token: str) -> int:
        """Which vector a token has."""
        return self._index.get(word_form(token), UNKNOWN)

    def flags(self, token: str) -> int:
        """The lists that a token is on, a bit each."""
        return self._flags.get(token.lower(), 0)

    def means_itself(self, token: str) -> bool:
        """Whether a token is a word of the language or of a disease's name, whatever else it is."""
        return any(self.flags(part) & 0b11 for part in re.split(r"['’-]", token))

    def is_no_name(self, token: str) -> bool:
        """Whether a token is on a list of words and on none of names of people."""
        flags = self.flags(token)
        return bool(flags & _WORDS) and not flags & _NAMES

    def is_phrase(self, tokens: Sequence[str]) -> bool:
        """Whether tokens are on lists of words, and the first is on none of first names."""
        return all(self.flags(token) & _WORDS for token in tokens) and not (
            self.flags(tokens[0]) & _FIRST
        )

    def is_eponym(self, token: str) -> bool:
        """Whether all that hyphens part in a token are in names of diseases and the like."""
        return all(self.flags(part) & _TERMS for part in token.split("-"))

    def save(self, folder: Path) -> None:
        """Write `words.json`."""
        text = json.dumps(self._lists, ensure_ascii=False, indent=0, sort_keys=True)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Lexicon:
        """Read `words.json` of a model's folder."""
        return cls(read_json(folder / FILE, limits=VOCABULARY_LIMITS))


def word_form(token: str) -> str:
    """A token as it is listed: in small letters, every digit a 0."""
    return re.sub(r"\d", "0", token.lower())
