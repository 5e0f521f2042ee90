"""Diseases of one numbered series: "X type 1" and "X type 2", and X itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...graph.identifiers import name_key_of

_ROMAN = r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})"
_NUMBER = rf"(?:\d{{1,3}}[a-z]?\d*|{_ROMAN}[a-d]?)"
# Before numbers that are no types': "trisomy 13", "deletion 22q11", "factor X".
_OF_CHROMOSOMES = ("chromosome", "somy", "deletion", "duplication", "ring", "factor")
_SERIES = re.compile(
    rf" (?:(?:type|group|form|subtype) (?:{_NUMBER}|[a-z]\d?)|{_NUMBER})(?: {_NUMBER})?$"
)


def series_of(name_key: str) -> str:
    """The name of the series that a disease is of: its own without the number at the end.

    `noonan syndrome 3`, `waardenburg syndrome type 2e`, `mucopolysaccharidosis type iii` and
    `fanconi anemia complementation group d2` have one; a name without is its own series, and so is
    one whose number is a chromosome's (`trisomy 13`).

    Args:
        name_key: as `KnowledgeGraph.nodes` has it.
    """
    series = _SERIES.sub("", name_key)
    return name_key if series.endswith(_OF_CHROMOSOMES) else series


def series_members(name_keys: Mapping[str, str]) -> dict[str, list[str]]:
    """For each disease that shares a series with others all of that series, in the order given.

    The words of a name may have another order: "Telangiectasia, hereditary hemorrhagic, type 1" is
    of "Hereditary hemorrhagic telangiectasia".

    Args:
        name_keys: of the diseases, by identifier.
    """
    by_words: dict[tuple[str, ...], list[str]] = {}
    for disease, key in name_keys.items():
        by_words.setdefault(tuple(sorted(series_of(key).split())), []).append(disease)
    several = [members for members in by_words.values() if len(members) > 1]
    return {disease: members for members in several for disease in members}


def series_name(names: Sequence[str]) -> str:
    """The name of a series: that of its disease that has no number, else one without it."""
    for name in names:
        if series_of(key := name_key_of(name)) == key:
            return name
    name, series = names[0], series_of(name_key_of(names[0]))
    ends = range(len(name), 0, -1)
    return next(name[:end].rstrip(" ,-") for end in ends if name_key_of(name[:end]) == series)
