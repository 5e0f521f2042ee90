"""What a document spells out, as a mention is looked up."""

from __future__ import annotations

import pytest

from medkg.extract.abbreviations import find_abbreviations
from medkg.extract.linking.links import long_forms_of


@pytest.mark.parametrize(
    ("text", "mentions", "expected"),
    [
        ("tacrolimus (FK506) was given", ["tacrolimus", "FK506"], {"FK506": "tacrolimus"}),
        ("tacrolimus (FK506; 1 mg)", ["tacrolimus", "FK506"], {"FK506": "tacrolimus"}),
        # Examples, not another name.
        ("cytokines (TNF-alpha and IL-6)", ["cytokines", "TNF-alpha", "IL-6"], {}),
        ("cytokines (IL-6, IL-8)", ["cytokines", "IL-6", "IL-8"], {}),
        # By its letters, whatever stands beside it.
        ("tumor necrosis factor (TNF)", [], {"TNF": "tumor necrosis factor"}),
    ],
)
def test_what_stands_in_parentheses_is_another_name(
    text: str, mentions: list[str], expected: dict[str, str]
) -> None:
    places = [(text.index(name), text.index(name) + len(name), "Target") for name in mentions]
    assert long_forms_of(text, places, find_abbreviations(text)) == expected
