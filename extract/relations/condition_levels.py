"""Disease–UPREGULATES and DOWNREGULATES–Target in papers, by rules: no corpus annotates it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from ..tables import table_rows
from .candidates import RelationCandidate, may_be
from .extracted import ExtractedRelation, extracted
from .pairs import EntityPair
from .rules import Rule, collapsed, rule_text

# What <changed>, <changes> and <change> of a pattern stand for, by relation.
_CHANGES = {
    "UPREGULATES": (
        "(?:increased|elevated|raised|higher|enhanced|upregulated|up - regulated|overexpressed"
        "|over - expressed)",
        "(?:increase[sd]?|elevate[sd]|raise[sd]?|enhance[sd]?|upregulate[sd]?|up - regulate[sd]?)",
        "(?:increases?|elevations?|rise|upregulation|up - regulation|overexpression"
        "|over - expression)",
    ),
    "DOWNREGULATES": (
        "(?:decreased|reduced|lowered|lower|diminished|downregulated|down - regulated"
        "|under - expressed)",
        "(?:decrease[sd]?|reduce[sd]?|lower(?:s|ed)|diminish(?:es|ed)|downregulate[sd]?"
        "|down - regulate[sd]?)",
        "(?:decreases?|reductions?|fall|downregulation|down - regulation|under - expression)",
    ),
}
_MEASURE = "(?:m ?rnas?|transcripts?|proteins?|genes?|expressions?|levels?|concentrations?)"
_LEVEL = (
    rf"(?:(?:{_MEASURE}|serum|plasma|urinary|urine|circulating|blood|tissue|cellular|cardiac"
    r"|hepatic|renal|cerebral|and|of|the|in) )*"
)
# Neither a drug, a verb nor a negation stands between what changed and the disease.
_WHERE = (
    r"(?:in|during|with|among) (?:(?!(?:m|not|without|but|no|is|are|was|were|by|after|than|which"
    r"|compared|versus|using|treated|receiving|;|,|:) )\S+ ){0,7}?"
)
# Words after what a rule matches in which a drug may stand that made the change.
_AFTER = 4
# What may be more frequent in a disease, and no amount of the target.
_VARIANT = re.compile(
    r"(?:frequenc(?:y|ies)|alleles?|(?:geno|haplo)types?|variants?|polymorphisms?|mutations?|carriers?)"
)


@cache
def condition_level_rules() -> tuple[Rule, ...]:
    """The rules for a disease in which there is more or less of a target, in order."""
    return tuple(
        Rule(name, relation, float(precision), _expression(pattern, relation))
        for name, precision, pattern in table_rows("condition_level_rules.tsv")
        for relation in _CHANGES
    )


def _expression(pattern: str, relation: str) -> str:
    for name, words in zip(("changed", "changes", "change"), _CHANGES[relation], strict=True):
        pattern = pattern.replace(f"<{name}>", words)
    for name, words in (("level", _LEVEL), ("measure", _MEASURE), ("where", _WHERE)):
        pattern = pattern.replace(f"<{name}>", words)
    return pattern


def condition_level_rule(pair: EntityPair) -> Rule | None:
    """The first rule that matches a pair of a disease and a target, whichever is the head.

    None where the sentence names a drug that may have made the change, or counts variants.
    """
    text = collapsed(rule_text(pair))
    for rule in condition_level_rules():
        match = rule.pattern.search(text)
        if match:
            before, after = text[: match.end()].split(), text[match.end() :].split()[:_AFTER]
            variants = any(map(_VARIANT.fullmatch, before))
            return None if variants or "m" in (*before, *after) else rule
    return None


def condition_level_relations(
    candidates: Iterable[RelationCandidate],
) -> Iterator[ExtractedRelation]:
    """Of which targets there is more or less in diseases, as the sentences of a paper say."""
    for candidate in candidates:
        if candidate.is_condition_target and may_be(candidate.head, "Disease"):
            rule = condition_level_rule(candidate.pair)
            if rule is not None:
                yield extracted(candidate.head, rule.relation, candidate.tail, rule.precision)
