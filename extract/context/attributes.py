"""The attributes of a mention, and which value each category of `data/context.tsv` gives them."""

from __future__ import annotations

from collections.abc import Container
from types import MappingProxyType

from spacy.tokens import Span

# The mentions of a sentence in order, each with the categories that hold for it, which the modules
# of this folder add to and take from.
Categorised = list[tuple[Span, set[str]]]
# Attribute and value that each category of trigger stands for; of one attribute the later wins.
_VALUES = {
    "negated": ("polarity", "negated"),
    "possible": ("certainty", "possible"),
    "hypothetical": ("certainty", "hypothetical"),
    "purpose": ("certainty", "hypothetical"),
    "allergy": ("certainty", "hypothetical"),
    "avoid": ("certainty", "hypothetical"),
    "general": ("certainty", "hypothetical"),
    "reaction": ("temporality", "historical"),
    "historical": ("temporality", "historical"),
    "past": ("temporality", "historical"),
    "over": ("temporality", "historical"),
    "other": ("experiencer", "other"),
    "family": ("experiencer", "family"),
    "relative": ("experiencer", "family"),
}
DEFAULTS = {
    "polarity": "asserted",
    "certainty": "certain",
    "experiencer": "patient",
    "temporality": "current",
}
for _attribute, _value in DEFAULTS.items():
    if not Span.has_extension(_attribute):
        Span.set_extension(_attribute, default=_value)
if not Span.has_extension("in_relations"):
    Span.set_extension("in_relations", default=MappingProxyType(DEFAULTS))


def attributes(categories: Container[str]) -> dict[str, str]:
    """The attributes of a mention for which these categories hold."""
    values = dict(DEFAULTS)
    for category, (attribute, value) in _VALUES.items():
        if category in categories:
            values[attribute] = value
    return values


def change_attributes(mention: Span, **values: str) -> None:
    """Give a mention other values of some attributes, in relations too; the others stay."""
    for attribute, value in values.items():
        mention._.set(attribute, value)
    mention._.set("in_relations", {**mention._.in_relations, **values})
