"""What a drug that must not be given did: "penicillin - hives" (a part of `medkg_context`)."""

from __future__ import annotations

import re

from spacy.tokens import Span

from ..sentences import section_of, sentence_of

# Words between a drug that is not to be given and what it did, a mention's own words left out
# ("codeine - severe hives", "PCN (rash, hives)", "an allergy to penicillin, which caused a rash").
_WORD = r"(?:an?|the|his|her|severe|mild|moderate|bad|generali[sz]ed|facial|acute|some)"
_TO_REACTION = re.compile(
    rf"(?:\s|{_WORD}\b|allerg\w+)*"
    r"(?:[-–—:=(\[]|[=-]>|→|[;,]?\s*(?:(?:that|which|he|she|it|reactions?|with|and|had|has|is|was)\s+)*"
    r"(?:causes?|caused|causing|gives?|gave|gets?|got|develops?|developed|reactions?:?"
    r"|leads? to|led to|leading to|resulted in|resulting in)(?=\s))"
    rf"(?:\s|(?:reactions?|causes?|caused|gets?|gave|was|is|he|she|developed|of|:|{_WORD})(?!\w))*",
    re.I,
)
# What is allergic to, where it is no mention: "Peanuts - severe".
_NEAR = 80  # characters before a reaction that are looked at
_ALLERGEN = re.compile(rf"\w\s*[-–—:=(→]>?\s*(?:{_WORD}\s+)*$")
# "Allergic to penicillin: chest pain since 3 h": a complaint, and no reaction.
_IS_NOW = re.compile(
    r"[\s,(]*(?:(?:since|for|x)\s(?:the\s(?:past|last)\s|about\s|~)?\w"
    r"|(?:today|now|currently|tonight|this\s\w+)\b)",
    re.I,
)
# "Gets hives with amoxicillin": between a reaction and the drug.
_FROM_DRUG = re.compile(r"(?:with|from|on|after)\s", re.I)
_NEXT_REACTION = re.compile(rf"(?:\s|[,/&+]|(?:and|or|{_WORD})\b)*", re.I)


def reactions_in(found: list[tuple[Span, set[str]]]) -> set[tuple[int, int]]:
    """Tell which conditions of a sentence were reactions to what must not be given.

    `found` are the sentence's mentions in order, with their categories, which are added to. Returns
    the tokens at which drug and reaction start, where the drug is a mention.
    """
    if not found:
        return set()
    pairs = set()
    # Taken once: a sentence may be as long as the note.
    sentence = sentence_of(found[0][0])
    text, first = sentence.text_with_ws, sentence.start_char
    drug: Span | None = None
    end: int | None = None  # of the allergen, or of its last reaction
    pattern = _TO_REACTION
    for number, (mention, categories) in enumerate(found):
        doc = mention.doc
        if mention.label_ == "Drug":
            is_allergen = "allergy" in categories and "negated" not in categories
            if is_allergen and number:
                before, its = found[number - 1]
                between = doc[before.end : mention.start].text_with_ws
                if before.label_ in ("Disease", "Symptom") and _FROM_DRUG.fullmatch(between):
                    its.add("reaction")
                    pairs.add((mention.start, before.start))
            drug, pattern = mention if is_allergen else None, _TO_REACTION
            end = mention.end if is_allergen else None
        elif mention.label_ in ("Disease", "Symptom"):
            at = mention.start_char - first
            if (
                end is None
                and section_of(mention) == "allergies"
                # "Peanuts - hives": what is no drug is seldom a mention.
                and _ALLERGEN.search(text[max(0, at - _NEAR) : at]) is not None
            ):
                end, pattern = mention.start, _NEXT_REACTION
            reaction = end is not None and pattern.fullmatch(text[doc[end].idx - first : at])
            if reaction and not _IS_NOW.match(text, mention.end_char - first):
                categories.add("reaction")
                if drug is not None:
                    pairs.add((drug.start, mention.start))
                end, pattern = mention.end, _NEXT_REACTION
            elif pattern is _NEXT_REACTION:
                end = None
    return pairs
