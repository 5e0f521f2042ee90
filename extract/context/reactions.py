"""Drugs that must not be given, and what they did: "codeine - hives" (part of `medkg_context`)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from spacy.tokens import Span

from ..sentences import section_of, sentence_of
from .attributes import attributes
from .doses import dosage

# Words between a drug that is not to be given and what it did, a mention's own words left out
# ("codeine - severe hives", "PCN (rash, hives)", "an allergy to penicillin, which caused a rash").
_WORD = r"(?:an?|the|his|her|severe|mild|moderate|bad|generali[sz]ed|facial|acute|some)"
_TO_REACTION = re.compile(
    rf"\)?(?:\s|{_WORD}\b|allerg\w+)*"
    r"(?:[-–—:=(\[\t]|[=-]>|→|[;,]?\s*(?:(?:that|which|he|she|it|reactions?|with|and|had|has|is|was)\s+)*"
    r"(?:causes?|caused|causing|gives?|gave|gets?|got|develops?|developed|reactions?:?"
    r"|leads? to|led to|leading to|resulted in|resulting in)(?=\s))"
    rf"(?:\s|(?:reactions?|causes?|caused|gets?|gave|was|is|he|she|developed|of|:|{_WORD})(?!\w))*",
    re.I,
)
# What is allergic to, where it is no mention: "Peanuts - severe".
_NEAR = 80  # characters before a reaction that are looked at
_BESIDE = 12  # tokens beside a drug that may say that the allergy to it is over
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


# "Outgrew a penicillin allergy", "penicillin (delabelled 2020)", "penicillin allergy resolved".
_ENDED = r"outgr[eo]w\w*|de-?\s?labell?ed"
_ENDED_BEFORE = re.compile(rf"(?:{_ENDED}|no longer allergic)[\w' ]{{0,30}}$", re.I)
_ENDED_AFTER = re.compile(
    rf"[^.;\n]{{0,40}}\b(?:{_ENDED})"
    r"|\s?(?:allerg\w+\W+)?(?:(?:has|is|was|now|since|been)\s)*(?:resolved|disproved|ruled out)\b",
    re.I,
)

_OF_TAKEN = frozenset(("dose", "frequency"))
# What these say is of the drug, or of what it did: the allergy to it, once found, is of now.
_NOT_OF_ALLERGY = {"allergy", "avoid", "reaction", "historical", "past", "over"}


@dataclass(frozen=True)
class Allergy:
    """An allergy or intolerance to a drug: its own attributes, and what the drug did."""

    said: dict[str, str]
    reactions: tuple[str, ...]


def allergies_in(
    found: list[tuple[Span, set[str]]], reactions: Collection[tuple[int, int]]
) -> dict[int, Allergy]:
    """The allergies that a sentence tells of, by the token that the drug starts at.

    Args:
        found: the sentence's mentions with their categories.
        reactions: the tokens at which drug and reaction start (`reactions_in`).
    """
    names = {mention.start: " ".join(mention.text.split()) for mention, _ in found}
    reacted: dict[int, list[str]] = {}
    for drug, reaction in sorted(reactions):
        reacted.setdefault(drug, []).append(names[reaction])
    allergies = {}
    for number, (drug, categories) in enumerate(found):
        if "allergy" in categories:
            said = attributes(categories - _NOT_OF_ALLERGY)
            following = found[number + 1 : number + 2]
            if _has_ended(drug, following[0][0] if following else None):
                said["temporality"] = "historical"
            allergies[drug.start] = Allergy(said, tuple(reacted.get(drug.start, ())))
    return allergies


def _has_ended(drug: Span, following: Span | None) -> bool:
    """Whether the words beside a drug, up to the next, say that the allergy to it is over."""
    doc, sentence = drug.doc, sentence_of(drug)
    before = doc[max(sentence.start, drug.start - _BESIDE) : drug.start].text_with_ws
    end = min(sentence.end, drug.end + _BESIDE)
    if following is not None and following.label_ == "Drug":
        end = min(end, following.start)
    return bool(_ENDED_BEFORE.search(before) or _ENDED_AFTER.match(doc[drug.end : end].text))


def taken_after_all(found: list[tuple[Span, set[str]]]) -> None:
    """Tell which drugs of a list of allergies are taken: "Allergies: NKDA" above those of a day.

    Those have a dose or a frequency; what one is allergic to has none.
    """
    for drug, categories in found:
        listed = "allergy" in categories and section_of(drug) == "allergies"
        if listed and not _OF_TAKEN.isdisjoint(dosage(drug)):
            categories.discard("allergy")
