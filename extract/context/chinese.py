"""The context of mentions in Chinese text, by the phrases of `data/context_zh.tsv`.

NegEx's scheme with Chinese scopes: a phrase gives the mentions before or behind it a value, as far
as its scope reaches: what is next to it, the clause (up to a comma) or the sentence, up to a phrase
that ends it. A relative at the start of a clause ends what was said before of another, and one who
tells of the patient ("母亲诉…") has nothing. What a question asks is answered by the next sentence,
if that begins with a yes or a no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from spacy.tokens import Doc, Span

from ...core.han import simplified
from ..sentences import sentence_of
from ..tables import table_rows
from .attributes import Categorised, attributes
from .chinese_drugs import allergy_words, drug_lists, is_taken_now, reactions_behind, stopping
from .context import Context
from .reactions import Allergy, allergies_of

Place = tuple[int, int]

_CLAUSE = re.compile("[，,；;。！？!?：:\n]")
_SENTENCE = re.compile("[。！？!?\n]")
# In the name of what doesn't pass: an event in its course, which did pass.
_EVENT = re.compile("急性|危象|脑病|酮症|酸中毒|高渗|昏迷|休克|出血|破裂|持续状态|发作")
# Behind a condition, written as M: "，已治愈", "、M，均已愈", but neither "，至今未愈" nor
# "，M已治愈".
_CURED = re.compile(
    "(?:(?:[、和及与]M+){1,12}[^M]{0,20}?[均都皆])?"
    "[^M]{0,60}?(?:(?<![未不难])(?<![未不难].)(?<![未不难]..)|(?<=[自而]))愈(?![合加演发来])"
)
# "诊断：1.心力衰竭 2.心房颤动？": a question mark is of its item alone.
_ITEM = re.compile(r"(?:(?<=[\s：:；;])|^)\d{1,2}[.、．)）](?!\d)")
_RELATIVES = ("family", "other")
_QUESTION = re.compile("[？?]|[吗么嘛]$|有没有|是不是|有无|是否")


class _Rule(NamedTuple):
    """A row of the table: what mentions in scope become, on which side, and how far."""

    category: str
    direction: str
    scope: str


class _Phrase(NamedTuple):
    """A phrase at the characters [start, end) of a sentence."""

    start: int
    end: int
    rule: _Rule


@cache
def _rules() -> dict[str, _Rule]:
    return {phrase: _Rule(*row) for phrase, *row in table_rows("context_zh.tsv")}


@cache
def _phrases() -> re.Pattern[str]:
    longest_first = sorted(_rules(), key=lambda phrase: (-len(phrase), phrase))
    words = (
        rf"\b{re.escape(p)}\b" if p.isascii() and p[0].isalpha() else re.escape(p)
        for p in longest_first
    )
    return re.compile("|".join(words), re.IGNORECASE)


class ChineseContext(Context):
    """Sets polarity, certainty, experiencer and temporality of every span in `mentions`."""

    def __call__(self, doc: Doc) -> Doc:
        texts = [simplified(sentence.text) for sentence in doc.sents]
        number = {sentence.start: n for n, sentence in enumerate(doc.sents)}
        placed: list[list[tuple[Span, Place]]] = [[] for _ in texts]
        for mention in doc.spans["mentions"]:
            sentence = sentence_of(mention)
            start = mention.start_char - sentence.start_char
            placed[number[sentence.start]].append((mention, (start, start + len(mention.text))))
        drugs = _Drugs()
        lasting = set[int]()
        for text, answer, mentions in zip(texts, [*texts[1:], ""], placed, strict=True):
            places = [place for _, place in mentions]
            categorised = [(m, categories_in(text, *place, places)) for m, place in mentions]
            for _, categories in categorised:
                if "asked" in categories:
                    categories |= _answer(answer)
            drugs.add_sentence(text, mentions, categorised)
            lasting |= _lasting_in(text, mentions, categorised)
            for mention, categories in categorised:
                values = attributes(categories)
                for attribute, value in values.items():
                    mention._.set(attribute, value)
                mention._.set("in_relations", values)
        drugs.write(doc)
        doc._.lasting = frozenset(lasting)
        return doc


@cache
def _lasting() -> re.Pattern[str]:
    """Conditions that a past history tells and the patient has still."""
    return re.compile("|".join(phrase for (phrase,) in table_rows("lasting_zh.tsv")))


def _lasting_in(
    text: str, mentions: Sequence[tuple[Span, Place]], categorised: Categorised
) -> set[int]:
    """The tokens at which conditions of a past history start that don't pass and aren't cured."""
    masked = _masked(text, (place for _, place in mentions))
    lasting = set()
    for (mention, (start, end)), (_, categories) in zip(mentions, categorised, strict=True):
        is_history = "historical" in categories and not categories & {"past", "over"}
        name = text[start:end]
        if not is_history or _EVENT.search(name) or _CURED.match(masked, end):
            continue
        if _lasting().search(name):
            lasting.add(mention.start)
    return lasting


def _masked(text: str, places: Iterable[Place]) -> str:
    """A sentence in which each character at some places is M, and no other is."""
    characters = list(text.replace("M", "m"))
    for start, end in places:
        characters[start:end] = "M" * (end - start)
    return "".join(characters)


@dataclass
class _Drugs:
    """What a document says of its drugs, by the tokens that they start at, see `Context`."""

    stopped: set[int] = field(default_factory=set)
    allergies: dict[int, Allergy] = field(default_factory=dict)
    # The mentions that are but the word "过敏" of an allergy to a drug.
    words: set[tuple[int, int]] = field(default_factory=set)

    def add_sentence(
        self, text: str, mentions: Sequence[tuple[Span, Place]], categorised: Categorised
    ) -> None:
        """Settle what a sentence says of its drugs, whose categories are changed."""
        drugs = {
            place: (mention, categories)
            for (mention, place), (_, categories) in zip(mentions, categorised, strict=True)
            # "海鲜过敏" may be taken for one.
            if mention.label_ == "Drug" and "过敏" not in text[slice(*place)]
        }
        by_start = {start: drug for (start, _), drug in drugs.items()}
        others = {
            place: (mention, categories)
            for (mention, place), (_, categories) in zip(mentions, categorised, strict=True)
            if mention.label_ in ("Disease", "Symptom")
        }
        words, reacted = set(), set[tuple[int, int]]()
        for listed in drug_lists(_masked(text, drugs)):
            allergy, stop = allergy_words(listed), stopping(listed)
            taken_now = is_taken_now(listed)
            reactions: list[Span] = []
            if allergy is not None:
                words.add(allergy[0])
                of_list = [by_start[n][1] for n in range(listed.start, listed.end) if n in by_start]
                if "negated" not in allergy[1].union(*of_list) and "allergy" in allergy[1]:
                    end = max(allergy[0][1], listed.end)
                    for place in reactions_behind(text, end, sorted(others)):
                        reaction, of_reaction = others[place]
                        reactions.append(reaction)
                        of_reaction.add("reaction")
            for start in range(listed.start, listed.end):
                if start not in by_start:
                    continue
                drug, categories = by_start[start]
                if allergy is not None:
                    categories |= allergy[1]
                    reacted |= {(drug.start, reaction.start) for reaction in reactions}
                elif stop == "stopped":
                    categories.add("over")
                    self.stopped.add(drug.start)
                elif stop == "kept":
                    categories.discard("negated")  # what the sentence denies is the stop
                elif taken_now:
                    categories.discard("historical")
        self.allergies |= allergies_of(categorised, reacted)
        self.words.update(
            (mention.start, mention.end)
            for mention, (start, end) in mentions
            if any(first <= start and end <= last for first, last in words)
        )

    def write(self, doc: Doc) -> None:
        doc._.stopped, doc._.allergies = frozenset(self.stopped), self.allergies
        doc.spans["mentions"] = [
            mention
            for mention in doc.spans["mentions"]
            if (mention.start, mention.end) not in self.words
        ]


def categories_in(sentence: str, start: int, end: int, mentions: Sequence[Place] = ()) -> set[str]:
    """The categories that hold for what stands at [start, end) of a sentence.

    Those of `data/context_zh.tsv`, and "asked" where the sentence asks for it. A phrase in the
    middle of a mention is part of its name: "无" of 重症肌无力, "不" of 消化不良.

    Args:
        mentions: [start, end) of all that the sentence names.
    """
    names = [(start, end), *mentions]
    phrases = [phrase for phrase in _find(sentence) if not _is_in(phrase, names)]
    tellers = {phrase.start for phrase in phrases if phrase.rule.category == "reports"}
    phrases = [
        phrase
        for phrase in phrases
        if not (phrase.rule.category in _RELATIVES and phrase.end in tellers)
    ]
    stops = [phrase for phrase in phrases if _ends_scopes(sentence, phrase)]
    categories = {
        phrase.rule.category
        for phrase in phrases
        if phrase.rule.category not in ("stop", "pseudo", "reports")
        and _reaches(sentence, phrase, start, end, stops)
    }
    if is_question(_item(sentence, start, end)):
        categories.add("asked")
        # "Is there no rash?" asks whether there is one.
        categories.discard("negated")
    if "certain" in categories:
        categories -= {"possible", "hypothetical"}
    return categories


def _item(sentence: str, start: int, end: int) -> str:
    """The numbered item of a list in which [start, end) stands, behind what leads to the list.

    All where there is no list.
    """
    borders = [match.start() for match in _ITEM.finditer(sentence)]
    first = max((border for border in borders if border <= start), default=0)
    last = min((border for border in borders if border >= end), default=len(sentence))
    return sentence[: min(first, borders[0] if borders else 0)] + sentence[first:last]


def is_question(sentence: str) -> bool:
    """Whether a sentence asks."""
    return _QUESTION.search(sentence.rstrip()) is not None


def _find(sentence: str) -> Iterator[_Phrase]:
    for match in _phrases().finditer(sentence):
        yield _Phrase(match.start(), match.end(), _rules()[match[0].lower()])


def _is_in(phrase: _Phrase, names: Sequence[Place]) -> bool:
    """Whether a phrase is part of a name; one that is a whole name ("疫苗") says what it says."""
    place = (phrase.start, phrase.end)
    return any(
        start < phrase.end and phrase.start < end and (start, end) != place for start, end in names
    )


def _ends_scopes(sentence: str, phrase: _Phrase) -> bool:
    """Whether what was said before a phrase holds no more behind it."""
    if phrase.rule.category in _RELATIVES:
        return phrase.start > 0 and _CLAUSE.match(sentence, phrase.start - 1) is not None
    return phrase.rule.category == "stop"


def _reaches(sentence: str, phrase: _Phrase, start: int, end: int, stops: list[_Phrase]) -> bool:
    rule = phrase.rule
    forward = phrase.end <= start and rule.direction in ("forward", "both", "around")
    backward = end <= phrase.start and rule.direction in ("backward", "both", "around")
    if rule.direction == "around":
        backward &= _CLAUSE.match(sentence, phrase.end) is not None or phrase.end == len(sentence)
    if not (forward or backward):
        return False
    first, last = (phrase.end, start) if forward else (end, phrase.start)
    between = sentence[first:last]
    if any(first <= stop.start and stop.end <= last for stop in stops):
        return False
    if rule.scope == "next":
        return not between
    in_clause = rule.scope == "clause" or (rule.direction == "around" and backward)
    border = _CLAUSE if in_clause else _SENTENCE
    in_other_item = backward and _ITEM.search(between) is not None
    return border.search(between) is None and not in_other_item


def _answer(sentence: str) -> set[str]:
    """What the sentence behind a question makes of what was asked."""
    for phrase in _find(sentence[:6]):
        if phrase.start <= 1 and phrase.rule.category == "negated":
            return {"negated"}
    if re.match("有|是|对|嗯|会|偶尔", sentence):
        return set()
    return {"possible"}
