"""Drug–INTERACTS_WITH–Drug in papers, by rules: no corpus at hand annotates it."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Doc

from .candidates import drug_pairs
from .extracted import ExtractedRelation, extracted
from .rules import interaction_rule


def interaction_relations(doc: Doc) -> Iterator[ExtractedRelation]:
    """Of which two drugs a sentence says that one changes the effect of the other."""
    for head, tail, pair, _ in drug_pairs(doc):
        rule = interaction_rule(pair)
        if rule is not None and rule.precision > 0:
            yield extracted(head, "INTERACTS_WITH", tail, rule.precision)
