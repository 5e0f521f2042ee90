"""Relations in Chinese text, by rules: what its sentences say of drugs, diseases and symptoms.

A pair of mentions of one sentence is stated where a turn of phrase of `data/relation_rules_zh.tsv`
joins them. Questions state nothing. "缬沙坦降压" tells what the drug is for
(`data/purposes_zh.tsv`), whatever other conditions the sentence has.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from spacy.tokens import Doc, Span

from ...core.han import simplified
from ..context.chinese import is_question
from ..context.chinese_drugs import STOP
from ..sentences import sentence_of
from ..tables import table_rows
from .candidates import concept, may_be
from .extracted import ExtractedRelation, extracted

SORTS = ("drug and condition", "disease and symptom")
_LETTERS = {"Drug": "m", "Disease": "d", "Symptom": "s"}
# Words that ask, of sentences that don't end as a question does.
_QUESTION_WORDS = re.compile("什么|哪种|哪个|哪些|怎么|如何|还是")
_LATIN = re.compile("[A-Za-z]")
_NEAREST = 10  # mentions on each side that one is paired with
_WINDOW = 60  # characters between two mentions that may be related, and kept around them
_JOINED = "(?:、|和|及|与|或|以及|并|，)"


@dataclass(frozen=True)
class _Rule:
    """A row of the table: what it states, how surely, and the sentences that it fits."""

    name: str
    relation: str
    precision: float
    is_general: bool
    pattern: re.Pattern[str]


@cache
def rules(sort: str) -> tuple[_Rule, ...]:
    """The rules for the pairs of a sort, one of `SORTS`, in their order."""
    of_disease = sort == "disease and symptom"
    others = "md" if of_disease else "m"
    gap = rf"[^.．。；;！？!?\n无未不否但禁忌慎{others}]"
    rows = []
    for name, relation, precision, general, pattern in table_rows("relation_rules_zh.tsv"):
        if relation.endswith("HAS_SYMPTOM") != of_disease:
            continue
        expression = re.sub(r"<(\d+)>", rf"{gap}{{0,\1}}?", pattern).replace("T", "[DS]")
        expression = expression.replace("<stop>", STOP)
        rows.append(
            _Rule(name, relation, float(precision), general == "yes", re.compile(expression))
        )
    return tuple(rows)


@cache
def _purposes() -> dict[str, re.Pattern[str]]:
    return {purpose: re.compile(names) for purpose, names in table_rows("purposes_zh.tsv")}


@cache
def _purpose() -> re.Pattern[str]:
    longest_first = sorted(_purposes(), key=lambda purpose: (-len(purpose), purpose))
    return re.compile(f".{{0,2}}?({'|'.join(longest_first)})")


@cache
def _stated_purpose() -> re.Pattern[str]:
    return re.compile(f"(?<=[mM]){_purpose().pattern}")


def chinese_relations(doc: Doc) -> Iterator[ExtractedRelation]:
    """What the sentences of a Chinese document state of its `doc.spans["mentions"]`."""
    by_sentence: dict[int, list[Span]] = defaultdict(list)
    for mention in doc.spans["mentions"]:
        by_sentence[sentence_of(mention).start].append(mention)
    for mentions in by_sentence.values():
        sentence = sentence_of(mentions[0])
        text = simplified(sentence.text)
        if not is_question(text) and _QUESTION_WORDS.search(text) is None:
            yield from _of_sentence(text, sentence, sorted(mentions, key=_start))


def _of_sentence(
    text: str, sentence: Span, mentions: Sequence[Span]
) -> Iterator[ExtractedRelation]:
    for number, one in enumerate(mentions):
        for other in mentions[number + 1 : number + 1 + _NEAREST]:
            near = 0 <= other.start_char - one.end_char <= _WINDOW
            if near and concept(one) != concept(other):
                for head, tail in ((one, other), (other, one)):
                    yield from _of_pair(text, sentence, mentions, head, tail)


def _of_pair(
    text: str, sentence: Span, mentions: Sequence[Span], head: Span, tail: Span
) -> Iterator[ExtractedRelation]:
    """What a sentence states of two mentions, the head a drug or a disease."""
    if head.label_ == "Drug" and tail.label_ in ("Disease", "Symptom"):
        kinds, sort = ("M", _LETTERS[tail.label_].upper()), "drug and condition"
    elif head.label_ == "Disease" and may_be(tail, "Symptom"):
        kinds, sort = ("D", "S"), "disease and symptom"
    else:
        return
    marked = _marked(text, sentence, mentions, dict(zip((head, tail), kinds, strict=True)))
    rule = next((rule for rule in rules(sort) if rule.pattern.search(marked)), None)
    if rule is None or rule.relation == "NONE":
        return
    if rule.relation == "TREATS" and not _serves(text, sentence, head, tail):
        return
    relation = rule.relation.removeprefix("DENIED ")
    denied = relation != rule.relation
    statement = extracted(head, relation, tail, rule.precision, denied=denied)
    yield _in_context(statement, rule)


def _in_context(statement: ExtractedRelation, rule: _Rule) -> ExtractedRelation:
    """The statement in its own context: of a past history the drug may be one of today."""
    context = dict(statement.context)
    if rule.is_general:
        context |= {"certainty": "certain", "temporality": "current"}
    elif statement.relation == "TREATS":
        context["temporality"] = statement.head._.temporality
    return replace(statement, context=context)


def _serves(text: str, sentence: Span, drug: Span, condition: Span) -> bool:
    """Whether a drug's purpose, if the words behind its name tell one, is this condition."""
    behind = drug.end_char - sentence.start_char
    match = _purpose().match(text, behind, behind + 8)
    return match is None or _purposes()[match[1]].search(simplified(condition.text)) is not None


def _marked(text: str, sentence: Span, mentions: Sequence[Span], pair: dict[Span, str]) -> str:
    """The text around a pair, whose letters are given, in the form that the rules match."""
    one, other = sorted(pair, key=_start)
    first = max(0, one.start_char - sentence.start_char - _WINDOW)
    last = other.end_char - sentence.start_char + _WINDOW
    window = (sentence.start_char + first, sentence.start_char + last)
    begin, behind = (bisect_left(mentions, place, key=_start) for place in window)
    parts, at = [], first
    for mention in mentions[begin:behind]:
        start, end = (n - sentence.start_char for n in (mention.start_char, mention.end_char))
        if start >= at and end <= last:
            parts.append(_LATIN.sub("x", text[at:start]))
            parts.append(pair.get(mention, _LETTERS.get(mention.label_, "x")))
            at = end
    parts.append(_LATIN.sub("x", text[at:last]))
    return _collapsed("".join(parts))


def _start(mention: Span) -> int:
    return int(mention.start_char)


@cache
def _lists() -> tuple[re.Pattern[str], ...]:
    """Lists of drugs, diseases and symptoms around the member in the pair."""
    return tuple(
        re.compile(rf"(?:{small}{_JOINED}){{0,12}}({small.upper()})(?:{_JOINED}{small}){{0,12}}")
        for small in "mds"
    )


def _collapsed(text: str) -> str:
    """A marked text without drugs' purposes, each list reduced to the member in the pair."""
    text = _stated_purpose().sub("", text)
    for pattern in _lists():
        text = pattern.sub(r"\1", text)
    return text
