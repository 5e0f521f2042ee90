"""Disease–HAS_SYMPTOM–Symptom, which no corpus annotates, by rules (`data/symptom_rules.tsv`).

The rules were written on the development part of the project's own annotation of MACCROBAT
(`data/maccrobat_has_symptom.tsv`) and are measured on its test part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from .pairs import Pair

_LETTERS = {"Disease": "d", "Symptom": "s"}
_GAP = r"(?:(?!(?:but|however|although|without|no|not|;) )\S+ ){{0,{}}}?"


@dataclass(frozen=True)
class SymptomRule:
    """A row of the rules: what it is called, how often it is right, and what it matches."""

    name: str
    precision: float
    pattern: re.Pattern[str]


@cache
def symptom_rules() -> tuple[SymptomRule, ...]:
    """The rules in order."""
    path = resources.files(__package__).joinpath("data/symptom_rules.tsv")
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return tuple(
        SymptomRule(name, float(precision), _compiled(pattern))
        for name, precision, pattern in rows[1:]
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    gapped = re.sub(r"<(\d+)>", lambda m: _GAP.format(m[1]), pattern)
    return re.compile(rf"(?:^|(?<= ))(?:{gapped})(?= |$)")


def rule_text(pair: Pair) -> str:
    """A pair's sentence as the rules see it: the disease D, the symptom S, others d, s or x."""
    letters = {pair.head: "D", pair.tail: "S"}
    letters.update({other: _LETTERS.get(other.kind, "x") for other in pair.others})
    covered = {place: e for e in reversed(letters) for place in range(e.start, e.end)}
    words = []
    for position, word in enumerate(pair.words):
        entity = covered.get(position)
        if entity is None:
            words.append(word.lower())
        elif position == entity.start:
            words.append(letters[entity])
    return " ".join(words)


def matching_rule(pair: Pair) -> SymptomRule | None:
    """The first rule that matches a pair of a disease (head) and a symptom (tail)."""
    text = rule_text(pair)
    return next((rule for rule in symptom_rules() if rule.pattern.search(text)), None)


def symptom_probability(pair: Pair) -> float:
    """The probability that the sentence says that the disease (head) shows the symptom (tail)."""
    rule = matching_rule(pair)
    return 0.0 if rule is None else rule.precision
