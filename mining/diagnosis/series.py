"""Diseases of one series: the types of a disease, each with a name of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...graph.identifiers import name_key_of

_ROMAN = r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})"
_NUMBER = rf"(?:\d{{1,3}}[a-z]?\d*|{_ROMAN}[a-d]?)"
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
    return name_key if series.endswith(("chromosome", "somy")) else series


def same_series(names: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """The diseases that share a series with others, by the series' name, in the order given.

    The words of a name may have another order: "Telangiectasia, hereditary hemorrhagic, type 1" is
    of "Hereditary hemorrhagic telangiectasia".

    Args:
        names: of the diseases, by identifier.
    """
    by_words: dict[tuple[str, ...], list[str]] = {}
    series = {disease: series_of(name_key_of(name)) for disease, name in names.items()}
    for disease, key in series.items():
        by_words.setdefault(tuple(sorted(key.split())), []).append(disease)
    return {
        _name(members, series, names): members for members in by_words.values() if len(members) > 1
    }


def _name(members: Sequence[str], series: Mapping[str, str], names: Mapping[str, str]) -> str:
    """The name of the member that is the whole series, or what its members' names begin with."""
    for disease in members:
        if name_key_of(names[disease]) == series[disease]:
            return names[disease]
    return series[members[0]].capitalize()
