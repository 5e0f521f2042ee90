"""Drugs that must not be given, and what they did: "codeine - hives" (part of `medkg_context`)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from spacy.tokens import Doc, Span

from ..sentences import sentence_of
from ..tokens import text_between, text_of
from .attributes import Categorised, attributes
from .doses import dosage
from .surroundings import text_around

# Words between a drug that is not to be given and what it did, a mention's own words left out
# ("codeine - severe hives", "PCN (rash, hives)", "an allergy to penicillin, which caused a rash").
_WORD = (
    r"(?:an?|the|his|her|severe|mild|moderate|bad|generali[sz]ed|facial|acute|some|widespread"
    r"|extensive|itchy|blotchy|red)"
)
_TO_REACTION = re.compile(
    rf"\)?(?:\s|{_WORD}\b|\ballerg\w+\b)*"
    r"(?:-{1,2}|[–—:=(\[\t|]|[=-]>|→|(?:[;,]\s*+)?(?:(?:that|which|he|she|it|reactions?|with|and|had|has|is|was)\s++)*"
    r"(?:causes?|caused|causing|gives?|gave|gets?|got|develops?|developed|rxns?:?|reactions?:?"
    r"|leads? to|led to|leading to|resulted in|resulting in)(?=\s))"
    rf"(?:[\s|]|(?:rxns?|reactions?|causes?|caused|gets?|gave|was|is|he|she|developed|of|:|{_WORD})(?!\w))*",
    re.I,
)
# What is allergic to, where it is no mention: "Peanuts - severe".
_NEAR = 80  # characters before a reaction that are looked at
_ALLERGEN = re.compile(rf"\w\s*[-–—:=(→\t|]>?\s*(?:{_WORD}\s+)*$")
# "Allergic to penicillin: chest pain since 3 h": a complaint, and no reaction.
_IS_NOW = re.compile(
    r"[\s,(]*(?:(?:since|for|x)\s(?:the\s(?:past|last)\s|about\s|~)?\w"
    r"|(?:today|now|currently|tonight|this\s\w+)\b)",
    re.I,
)
# "Gets hives with amoxicillin": between a reaction and the drug.
_FROM_DRUG = re.compile(r"(?:with|w/|from|on|after|to)\s", re.I)
_NEXT_REACTION = re.compile(rf"(?:\s|[,/&+]|(?:and|or|{_WORD})\b)*", re.I)


class _Part(NamedTuple):
    """Characters of a text that list allergies; `none` is where it states that there are none."""

    start: int
    end: int
    none: int | None


# "| Allergen | Reaction |" and the rows below.
_TABLE = re.compile(r"^[ \t|]*Allergens?\b[^\n]*\n(?:[^\n]*[|\t][^\n]*(?:\n|$))+", re.I | re.M)
# What a section of allergies goes on with below a heading that none knows: "Previous trials: …".
_OTHER_LIST = re.compile(
    r"[\n.;][ \t]*(?:(?:past|previous|prior|current|home|discharge|regular)\b[\w /-]{0,40}"
    r"|[\w /-]{0,30}\b(?:meds|medications?|trials|treatments?|history|plan|drugs|exam))[ \t]*:",
    re.I,
)
_NONE = re.compile(r"\b(?:nkd?a|nkma|none|nil|no (?:known|drug|medication)|denies)\b", re.I)
_ALLERGY = re.compile(r"\b(?:allerg|intoleran|anaphyla)", re.I)


class AllergyLists:
    """Where a text lists allergies: its sections of them, and tables.

    `any`: whether it mentions any allergy at all.
    """

    def __init__(self, doc: Doc) -> None:
        text, sections = text_of(doc), []
        for section in doc.spans.get("sections", []):
            if section.label_ == "allergies":
                other = _OTHER_LIST.search(text, section.start_char, section.end_char)
                end = section.end_char if other is None else other.start()
                none = _NONE.search(text, section.start_char, end)
                sections.append(_Part(section.start_char, end, none and none.start()))
        tables = [_Part(table.start(), table.end(), None) for table in _TABLE.finditer(text)]
        self._parts = sections, tables  # each in order; a table may stand in a section
        self.any = bool(sections or tables) or _ALLERGY.search(text) is not None

    def at(self, mention: Span) -> _Part | None:
        """The list that a mention stands in."""
        for parts in self._parts:
            number = bisect_right(parts, mention.start_char, key=lambda part: part.start) - 1
            if number >= 0 and mention.start_char < parts[number].end:
                return parts[number]
        return None


def mark_reactions(mentions: Categorised, lists: AllergyLists) -> set[tuple[int, int]]:
    """Mark the conditions of a sentence that were reactions to what must not be given.

    Args:
        mentions: a sentence's; their categories are added to.
        lists: the document's.

    Returns:
        The tokens at which drug and reaction start, where the drug is a mention.
    """
    if not mentions:
        return set()
    pairs = set()
    # Taken once: a sentence may be as long as the note.
    sentence = sentence_of(mentions[0][0])
    text, first = text_between(sentence.doc, sentence.start, sentence.end), sentence.start_char
    drug: Span | None = None
    end: int | None = None  # of the allergen, or of its last reaction
    pattern = _TO_REACTION
    for number, (mention, categories) in enumerate(mentions):
        doc = mention.doc
        if mention.label_ == "Drug":
            is_allergen = "allergy" in categories and "negated" not in categories
            if is_allergen and number:
                before, of_before = mentions[number - 1]
                between = text_between(doc, before.end, mention.start)
                if before.label_ in ("Disease", "Symptom") and _FROM_DRUG.fullmatch(between):
                    of_before.add("reaction")
                    pairs.add((mention.start, before.start))
            drug, pattern = mention if is_allergen else None, _TO_REACTION
            end = mention.end if is_allergen else None
        elif mention.label_ in ("Disease", "Symptom"):
            at = mention.start_char - first
            if (
                end is None
                and lists.at(mention) is not None
                # "Peanuts - hives": what is no drug is seldom a mention.
                and _ALLERGEN.search(text[max(0, at - _NEAR) : at]) is not None
            ):
                end, pattern = mention.start, _NEXT_REACTION
            # What stands far from it is none of its own.
            from_ = at if end is None else doc[end].idx - first
            near = end is not None and at - from_ <= _NEAR
            reaction = near and pattern.fullmatch(text, from_, at)
            if reaction and not _IS_NOW.match(text, mention.end_char - first):
                categories.add("reaction")
                if drug is not None:
                    pairs.add((drug.start, mention.start))
                end, pattern = mention.end, _NEXT_REACTION
            elif pattern is _NEXT_REACTION:
                end = None
    return pairs


# "Outgrew a penicillin allergy", "penicillin (delabelled 2020)", "penicillin allergy resolved".
_ENDED = r"(?:outgrow[ns]?|outgrew|de-?\s?labell?ed)"
_ENDED_BEFORE = re.compile(
    rf"(?<!never )\b(?:{_ENDED}|no longer allergic to)\s+"
    r"(?:(?:his|her|their|the|an?|of|for|childhood|previous)\s+)*$",
    re.I,
)
_ENDED_AFTER = re.compile(
    r"[\s,(–-]*(?:(?:allerg\w+|childhood|has|is|was|now|since|been|label)[\s,(–-]+)*"
    rf"(?:{_ENDED}|resolved(?! with)|disproved|ruled out|removed)\b",
    re.I,
)

_OF_TAKEN = frozenset(("dose", "frequency"))
# What is given for a reaction: "anaphylaxis to peanuts and shellfish, epinephrine given".
_IS_TREATMENT = re.compile(
    r"\s*(?:pens?|cream|inhaler|im|iv|po|\d[\d.]*\s?m?c?g)?\s*(?:(?:was|were|is)\s+)?"
    r"(?:given|used|started|administered|taken|helps?|helped|x\s?\d|prn|ok|okay|fine|at home)\b",
    re.I,
)
_TREATED_WITH = re.compile(
    r"\b(?:carries|has|uses|used|given|gets|got|needs|needed|prescribed|with)\s+(?:an?\s|\d+\s)?$",
    re.I,
)
# "Tolerates metformin well", "tolerated metformin 500 mg daily": it is taken.
_IS_WELL = re.compile(r"\s*(?:it\s+)?(?:well|\d)", re.I)
# Between two drugs of a list, the first's reaction in parentheses.
_LISTED = re.compile(r"\s*(?:\([^()\n]{0,60}\)\s*)?(?:(?:,|/|&|\band\b|\bor\b)\s*)+", re.I)
# A verb of the list's next drug, which has a statement of its own.
_OWN_VERB = re.compile(r"\s*(?:is|was|has|had|causes?|caused|gives?|gave|\d)", re.I)
# What these say is of the drug, or of what it did: the allergy to it, once mentions, is of now.
_NOT_OF_ALLERGY = {"allergy", "avoid", "reaction", "historical", "past", "over"}


def mark_allergens(mentions: Categorised, lists: AllergyLists) -> None:
    """Mark the drugs of a sentence that must not be given for an allergy (category "allergy").

    They are those of which a phrase says so, those that follow one in its list, and those of a list
    of allergies; but not what is given for a reaction, nor what a list says is tolerated, nor what
    stands with a dose below "NKDA". `mentions` are a sentence's; their categories are changed.
    """
    for mention, categories in mentions:
        stated = categories & {"allergy", "reacted"}
        categories -= {"allergy", "reacted"}
        if mention.label_ != "Drug":
            continue
        before, after = text_around(mention)
        part = lists.at(mention)
        if stated and not _IS_TREATMENT.match(after):
            categories.add("allergy")
        elif stated:
            continue
        elif categories & {"tolerated", "general"}:
            if part is not None or (lists.any and not _IS_WELL.match(after)):
                categories.add("general")  # it might be given, and that is all
        elif part is None or _TREATED_WITH.search(before) or _is_taken(mention, part):
            continue
        else:
            categories.add("allergy")
    for (drug, categories), (next_drug, next_categories) in pairwise(mentions):
        if "allergy" not in categories or not drug.label_ == next_drug.label_ == "Drug":
            continue
        between = text_between(drug.doc, drug.end, next_drug.start)
        _, after = text_around(next_drug)
        if (
            not next_categories & {"tolerated", "general"}
            and _LISTED.fullmatch(between)
            and not _IS_TREATMENT.match(after)
            and not _OWN_VERB.match(after)
        ):
            next_categories.add("allergy")


def _is_taken(drug: Span, part: _Part) -> bool:
    """Whether a drug stands with a dose or frequency below "Allergies: NKDA"."""
    below_none = part.none is not None and part.none < drug.start_char
    return below_none and not _OF_TAKEN.isdisjoint(dosage(drug))


@dataclass(frozen=True)
class Allergy:
    """An allergy or intolerance to a drug: its own attributes, and what the drug did."""

    attributes: dict[str, str]
    reactions: tuple[str, ...]


def allergies_of(
    mentions: Categorised, reactions: Collection[tuple[int, int]]
) -> dict[int, Allergy]:
    """The allergies that a sentence states, by the token that the drug starts at.

    Args:
        mentions: the sentence's.
        reactions: the tokens at which drug and reaction start (`mark_reactions`).
    """
    names = {mention.start: " ".join(mention.text.split()) for mention, _ in mentions}
    reacted: dict[int, list[str]] = {}
    for start, reaction in sorted(reactions):
        reacted.setdefault(start, []).append(names[reaction])
    allergies = {}
    for drug, categories in mentions:
        if "allergy" in categories:
            values = attributes(categories - _NOT_OF_ALLERGY)
            if _has_ended(drug):
                values["temporality"] = "historical"
            allergies[drug.start] = Allergy(values, tuple(reacted.get(drug.start, ())))
    return allergies


def _has_ended(drug: Span) -> bool:
    """Whether the words beside a drug say that the allergy to it is over."""
    before, after = text_around(drug)
    return bool(_ENDED_BEFORE.search(before) or _ENDED_AFTER.match(after))
