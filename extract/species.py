"""In which animals a paper's findings were made, where it speaks of no people.

A gene of mice is linked to the human gene of its name, which is what it tells about; what a paper
states of animals alone says so (`species` among the qualifiers of its evidence).
"""

from __future__ import annotations

import re
from functools import cache

from .tables import table_rows

_HUMAN = "human"


def animals_of(text: str) -> str:
    """The animals that a text names, in alphabetical order ("mouse, rat"); "" if people too."""
    patterns = _patterns()
    if patterns[_HUMAN].search(text):
        return ""
    animals = (name for name, pattern in patterns.items() if pattern.search(text))
    return ", ".join(sorted(animals))


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """By species a pattern of the words for it (`data/species_words.tsv`)."""
    forms: dict[str, list[str]] = {}
    for species, form in table_rows("species_words.tsv"):
        forms.setdefault(species, []).append(form)
    return {
        species: re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)
        for species, words in forms.items()
    }
