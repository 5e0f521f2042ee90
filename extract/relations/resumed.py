"""Sentences that go on about something without its name: "It is characterised by …"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from spacy.tokens import Span

from ..context import attributes as _attributes  # noqa: F401 (registers what it sets on spans)
from ..tokens import text_between
from .pairs import Entity

# What may stand before a verb or a participle: "it can also be treated".
_BEFORE = (
    r"(?:(?:is|was|has|been|can|may|might|could|will|should|must|be|usually|also|often|sometimes|then"
    r"|[a-z]{1,20}ly) ){0,5}"
)
# What only a subject of the kind does, or is said of it.
_PICTURE = r"(?:characteri[sz]ed|marked|inherited|presents|manifests) "
_OF_DISEASE = (
    r"(?:diagnosed|managed|treated|caused by|due to|accompanied"
    r"|progresses|begins|recurs|affects|responds"
    r"|an? (?:\S+ ){0,5}?(?:disease|disorder|syndrome|condition|infection|cancer|illness)) "
)
_OF_DRUG = (
    r"(?:used|given|indicated|approved|prescribed|contraindicated|administered|avoided|licensed"
    r"|effective|active|metaboli[sz]ed|inhibits?|blocks?|binds?|activates?|antagoni[sz]es?|acts?"
    r"|targets?|prevents?|reduces?|increases?|lowers?|relieves?|treats?|improves?|prolongs?"
    r"|suppress(?:es)?|stimulates?|interacts?|works?|causes?|induces?|leads?|results?"
    r"|an? (?:\S+ ){0,5}?(?:inhibitor|antagonist|agonist|blocker|antibody|drug|agent)) "
)
_OF_TARGET = (
    r"(?:mutated|expressed|encoded|inhibited|activated|encodes?|regulates?|binds?"
    r"|an? (?:\S+ ){0,5}?(?:gene|protein|enzyme|receptor|kinase|channel)) "
)
# What a disease may do, or the drug that was named with it.
_OF_EITHER = r"(?:causes?|caused|associated|leads?|led|results?|resulted|produces?|follow(?:s|ed)) "
_ANY_VERB = (
    r"(?:is|was|has|had|can|may|might|could|will|does|did|should|must|cannot|runs|occurs|arises"
    r"|develops|shows|involves|damages|impairs|exerts) "
)
_DISEASE_VERB = f"(?:{_PICTURE}|{_OF_DISEASE}|{_OF_EITHER})"
_DRUG_VERB = f"(?:{_OF_DRUG}|{_OF_EITHER})"
# What stands for the name of a subject of a kind.
_NOUNS = {
    "Disease": "disease|disorder|syndrome|condition|illness",
    "Drug": "drug|agent|medication|medicine|compound",
    "Target": "gene|protein|enzyme|receptor",
}


class _Beginning(NamedTuple):
    """How a sentence begins that goes on about what the one before it is about, its subject.

    Attributes:
        kind: of the subject.
        pattern: of the beginning, which ends before what it looks ahead to.
        joined: the word between this beginning and "it" ("symptoms of it include"); empty where
            "it" takes the beginning's place.
        is_sure: whether no drug that was named meanwhile may be meant.
        is_picture: whether it goes on about the first of several diseases ("it is characterised").
    """

    kind: str
    pattern: re.Pattern[str]
    joined: str = ""
    is_sure: bool = True
    is_picture: bool = False


def _it(kind: str, following: str, *, is_sure: bool = True, is_picture: bool = False) -> _Beginning:
    pattern = re.compile(rf"it (?={_BEFORE}{following})", re.I)
    return _Beginning(kind, pattern, "", is_sure, is_picture)


def _the(kind: str, verbs: str) -> _Beginning:
    """A noun for the subject, with a verb behind it, unlike "the disease X" and "the drug use"."""
    following = rf"(?:{_ANY_VERB}|{_BEFORE}{verbs})"
    return _Beginning(kind, re.compile(rf"(?:this|the) (?:{_NOUNS[kind]}) (?={following})", re.I))


def _joined(
    kind: str,
    words: str,
    joined: str,
    verbs: str,
    *,
    is_sure: bool = True,
    is_picture: bool = False,
) -> _Beginning:
    before = r"(?:(?:[a-z]{1,20}ly|may|can|often) ){0,3}"
    pattern = re.compile(rf"{words} (?={before}(?:{verbs}) )", re.I)
    return _Beginning(kind, pattern, joined, is_sure, is_picture)


_BEGINNINGS = (
    _it("Disease", _PICTURE, is_picture=True),
    _it("Disease", _OF_DISEASE),
    _it("Disease", _OF_EITHER, is_sure=False),
    _it("Drug", _DRUG_VERB),
    _it("Target", _OF_TARGET),
    _the("Disease", _DISEASE_VERB),
    _the("Drug", _DRUG_VERB),
    _the("Target", _OF_TARGET),
    _joined(
        "Disease",
        r"(?:(?:clinical|main|common|typical|characteristic|cardinal|other|the|its) ){0,3}"
        r"(?:symptoms|signs|signs and symptoms|features|findings|manifestations)",
        "of",
        "include|are|comprise",
        is_picture=True,
    ),
    _joined(
        "Drug",
        r"(?:(?:common|frequent|serious|main|other|the|its) ){0,3}"
        r"(?:side|adverse) (?:effects|reactions|events)",
        "of",
        "include|are|comprise",
    ),
    _joined(
        "Disease",
        r"(?:(?:affected|most|many|some) )?(?:patients|individuals|people|children|adults)",
        "with",
        "present|have|develop|suffer|show",
        is_sure=False,
    ),
)
# "It is rare": the sentence behind may still be about the same.
_GOES_ON = re.compile(rf"(?:it|(?:this|the) (?:{'|'.join(_NOUNS.values())})) ", re.I)
# What a sentence is about stands before its verb or a comma, "The classic gout, …", and not behind
# a preposition; what a noun follows ("morphine withdrawal") is not what the sentence is about.
_SUBJECT_WITHIN = 3
_BEHIND_SUBJECT = re.compile(rf"(?:, |\( |{_BEFORE}(?:{_ANY_VERB}|{_DISEASE_VERB}|{_DRUG_VERB}))")
_IS_A = re.compile(r"(?:is|was) (?:an?|the)(?: \S+){0,4}", re.I)
_PREPOSITIONS = frozenset(
    ("in", "for", "with", "after", "during", "of", "by", "from", "to", "on", "among", "since")
)
_Sentence = tuple[tuple[str, ...], list[tuple[Span, Entity]]]


class Subject:
    """What a paper's sentences are about, which are read one after the other.

    A note's are about its patient, so that nothing in them is resumed.
    """

    def __init__(self) -> None:
        self._subject: Span | None = None
        self._drug_named = False  # since the subject was, or with it
        self._has_rival = False  # whether another of its kind was named with it

    def put_into(
        self, sentence: Span, words: tuple[str, ...], mentions: list[tuple[Span, Entity]]
    ) -> _Sentence:
        """The next sentence, with a mention of the subject more where it resumes that.

        Args:
            sentence: the sentence.
            words: its words.
            mentions: its mentions in their order, as words of it.

        Returns:
            Words, with "it" in the subject's place, and mentions, the first of them the subject's
            in a sentence before.
        """
        if sentence.doc._.note:
            return words, mentions
        subject = self._subject
        if subject is not None and _is_apart(subject, sentence):
            subject = None
        drug_named = any(mention.label_ == "Drug" for mention, _ in mentions)
        text = " ".join(words) + " "
        resuming = None if subject is None else _resuming(subject.label_, text, mentions)
        if subject is not None and resuming is not None:
            beginning, length = resuming
            no_drug = beginning.is_sure or subject.label_ == "Drug" or not self._drug_named
            if no_drug and (beginning.is_picture or not self._has_rival):
                self._drug_named |= drug_named
                return _with_subject(subject, words, mentions, length, beginning.joined)
        if mentions or not _GOES_ON.match(text):
            self._subject = _subject_of(words, mentions)
            self._drug_named = drug_named
            self._has_rival = _has_rival(words, mentions)
        return words, mentions


def _resuming(
    kind: str, text: str, mentions: Sequence[tuple[Span, Entity]]
) -> tuple[_Beginning, int] | None:
    """How a sentence resumes a subject of a kind, and with how many words; None if it doesn't."""
    for beginning in _BEGINNINGS:
        match = beginning.pattern.match(text) if beginning.kind == kind else None
        if match is not None:
            length = match[0].count(" ")
            # "Side effects" may be a mention of their own; behind "the disease" none may stand.
            if beginning.joined or not mentions or mentions[0][1].start > length:
                return beginning, length
    return None


def _subject_of(words: Sequence[str], mentions: Sequence[tuple[Span, Entity]]) -> Span | None:
    """What a sentence is about, if it says for certain that this is there."""
    if not mentions:
        return None
    first, place = mentions[0]
    before = {word.lower() for word in words[: place.start]}
    is_there = (first._.polarity, first._.certainty, first._.experiencer) == (
        "asserted",
        "certain",
        "patient",
    )
    is_first = place.start < _SUBJECT_WITHIN and before.isdisjoint(_PREPOSITIONS)
    behind = " ".join(words[place.end : place.end + 8]) + " "
    return first if is_there and is_first and _BEHIND_SUBJECT.match(behind) else None


def _has_rival(words: Sequence[str], mentions: Sequence[tuple[Span, Entity]]) -> bool:
    """Whether a sentence names another of the kind of what it names first, which "it" may be.

    Not what that is said to be ("gout is a common arthritis").
    """
    return any(
        mention.label_ == mentions[0][0].label_
        and not _IS_A.fullmatch(" ".join(words[mentions[0][1].end : place.start]))
        for mention, place in mentions[1:]
    )


def _is_apart(subject: Span, sentence: Span) -> bool:
    """Whether a sentence stands in another paragraph than the subject."""
    between = text_between(sentence.doc, subject.end, sentence.start)
    return any(not line.strip() for line in between.split("\n")[1:-1])


def _with_subject(
    subject: Span,
    words: tuple[str, ...],
    mentions: Sequence[tuple[Span, Entity]],
    length: int,
    joined: str,
) -> _Sentence:
    """A sentence with its subject.

    Args:
        length: how many words resume it.
        joined: what joins it to these; nothing, where it takes their place.
    """
    begin = (*words[:length], joined, "it") if joined else ("it",)
    more = len(begin) - length
    place = Entity(len(begin) - 1, len(begin), subject._.read_as or subject.label_)
    moved = [
        (mention, entity._replace(start=entity.start + more, end=entity.end + more))
        for mention, entity in mentions
        if entity.start >= length  # "adverse effects" say nothing beside what they are
    ]
    return (*begin, *words[length:]), [(subject, place), *moved]
