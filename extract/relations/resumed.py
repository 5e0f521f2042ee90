"""Sentences that go on about something without its name: "It is characterised by …"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from spacy.tokens import Span

from ..context import attributes as _attributes  # noqa: F401 (registers what it sets on spans)
from .pairs import Entity

_KINDS = ("Disease", "Drug", "Target")
# What a subject does, so that "the disease causes" resumes one and "the disease haemophilia" or
# "the drug interactions" does not.
_VERB = (
    r"(?:(?:[a-z]{1,20}ly|also|often|sometimes|then|thus|not) ){0,3}"
    r"(?:is|was|has|had|can|may|might|could|will|would|does|did|should|must|cannot"
    r"|(?:cause|affect|inhibit|block|bind|activate|act|target|treat|prevent|reduce|increase|occur"
    r"|present|result|lead|run|arise|develop|show|produce|improve|relieve|exert|encode|interact"
    r"|induce|lower|manifest|involve|begin|progress|work|prolong|stimulate|suppress|antagoni[sz]e"
    r"|damage|include|follow|recur|respond|impair)(?:s|es|d|ed)) "
)


class _Beginning(NamedTuple):
    """How a sentence begins that goes on about what the one before it is about, its subject.

    Attributes:
        joined: the word between this beginning and "it" ("symptoms of it include"); empty where
            "it" takes the beginning's place.
        kinds: what the subject may be.
        pattern: of the beginning, which ends before what it looks ahead to.
    """

    joined: str
    kinds: tuple[str, ...]
    pattern: re.Pattern[str]


def _beginning(joined: str, kinds: tuple[str, ...], words: str, following: str) -> _Beginning:
    return _Beginning(joined, kinds, re.compile(f"{words} (?={following})", re.I))


_BEGINNINGS = (
    _beginning(
        "",
        ("Disease",),
        "it",
        r"(?:is|was|can be|may be) (?:[a-z]{1,20}ly )?"
        r"(?:characteri[sz]ed|diagnosed|inherited|treated|managed) ",
    ),
    _beginning("", _KINDS, "it", _VERB),
    _beginning("", ("Disease",), r"(?:this|the) (?:disease|disorder|syndrome|condition)", _VERB),
    _beginning("", ("Drug",), r"(?:this|the) (?:drug|agent|medication|medicine|compound)", _VERB),
    _beginning("", ("Target",), r"(?:this|the) (?:gene|protein|enzyme|receptor)", _VERB),
    _beginning(
        "of",
        ("Disease",),
        r"(?:(?:clinical|main|common|typical|characteristic|cardinal|other|the|its) ){0,3}"
        r"(?:symptoms|signs|signs and symptoms|features|findings|manifestations)",
        "(?:include|are|comprise) ",
    ),
    _beginning(
        "of",
        ("Drug",),
        r"(?:(?:common|frequent|serious|main|other|the|its) ){0,3}"
        r"(?:side|adverse) (?:effects|reactions|events)",
        "(?:include|are|comprise) ",
    ),
    _beginning(
        "with",
        ("Disease",),
        r"(?:(?:affected|most|many|some) )?(?:patients|individuals|people|children|adults)",
        "(?:(?:[a-z]{1,20}ly|may|can|often) ){0,3}(?:present|have|develop|suffer|show) ",
    ),
)
# "It has been shown that", "it is important to": this "it" stands for nothing.
_EMPTY = re.compile(
    r"it (?:(?:is|was|has|had|may|might|can|could|should|must|will|would|be|been|also|not|well"
    r"|still|[a-z]{1,20}ly|seems|appears|remains|follows) ){1,6}"
    r"(?:[a-z]{1,20} (?:that|whether|if|how|why)"
    r"|that|whether|(?:possible|important|necessary|essential) (?:to|for)) ",
    re.I,
)
# What a drug does rather than a disease or the like that is treated with it.
_ACTS = re.compile(
    r"\b(?:caus|induc|produc|inhibit|block|bind|act|activat|reduc|increas|lower|reliev|prolong"
    r"|prevent|improv|impair|suppress)(?:e|es|s|ing)?\b",
    re.I,
)
# What a sentence is about is named among its first words: "The classic gout is …".
_SUBJECT_WITHIN = 3
_Sentence = tuple[tuple[str, ...], list[tuple[Span, Entity]]]


class Subject:
    """What a paper's sentences are about, which are read one after the other.

    A note's are about its patient, so that nothing in them is resumed.
    """

    def __init__(self) -> None:
        self._subject: Span | None = None
        # Where a drug was named since, "it causes" may be about that.
        self._drug_named = False

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
        if self._subject is not None and _is_apart(self._subject, sentence):
            self._subject = None
        drug_named = any(mention.label_ == "Drug" for mention, _ in mentions)
        text = " ".join(words) + " "
        resuming = _resuming(text, mentions)
        if resuming is None:
            self._subject = _subject_of(mentions)
            self._drug_named = drug_named
            return words, mentions
        beginning, length = resuming
        subject = self._subject
        if (
            subject is None
            or subject.label_ not in beginning.kinds
            or (self._drug_named and subject.label_ != "Drug" and _ACTS.search(text))
        ):
            return words, mentions
        self._drug_named |= drug_named
        return _with_subject(subject, words, mentions, length, beginning.joined)


def _resuming(text: str, mentions: Sequence[tuple[Span, Entity]]) -> tuple[_Beginning, int] | None:
    """How a sentence resumes a subject, and with how many words; None where it doesn't."""
    if _EMPTY.match(text):
        return None
    for beginning in _BEGINNINGS:
        match = beginning.pattern.match(text)
        if match is None:
            continue
        length = match[0].count(" ")
        # "Side effects" may be a mention of their own; "it" is none.
        first = mentions[0][1].start if mentions else len(text)
        if beginning.joined or first > length:
            return beginning, length
    return None


def _subject_of(mentions: Sequence[tuple[Span, Entity]]) -> Span | None:
    """What a sentence is about: what it names first, if it says that this is there."""
    if not mentions:
        return None
    first, place = mentions[0]
    is_there = (first._.polarity, first._.experiencer) == ("asserted", "patient")
    return first if first.label_ in _KINDS and place.start < _SUBJECT_WITHIN and is_there else None


def _is_apart(subject: Span, sentence: Span) -> bool:
    """Whether a sentence stands in another paragraph than the subject."""
    between = sentence.doc.text[subject.end_char : sentence.start_char]
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
