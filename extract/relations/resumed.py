"""Sentences that go on about something without its name: "It is characterised by …"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from spacy.tokens import Span

from .pairs import Entity

_KINDS = ("Disease", "Drug", "Target")


class _Beginning(NamedTuple):
    """How a sentence begins that goes on about what the one before it is about, its subject.

    Attributes:
        joined: the word between this beginning and "it" ("symptoms of it include"); empty where
            "it" takes the beginning's place.
        kinds: what the subject may be.
        pattern: of the beginning.
    """

    joined: str
    kinds: tuple[str, ...]
    pattern: re.Pattern[str]


_BEGINNINGS = (
    _Beginning(  # but "it is known that"
        "",
        _KINDS,
        re.compile(
            r"it (?!(?:\S+ ){1,6}?"
            r"(?:that|whether|if|how|why|possible|important|necessary|unclear) )",
            re.I,
        ),
    ),
    _Beginning(
        "",
        ("Disease",),
        re.compile(r"(?:this|the) (?:disease|disorder|syndrome|condition|illness) ", re.I),
    ),
    _Beginning(
        "",
        ("Drug",),
        re.compile(r"(?:this|the) (?:drug|agent|medication|medicine|compound) ", re.I),
    ),
    _Beginning(
        "", ("Target",), re.compile(r"(?:this|the) (?:gene|protein|enzyme|receptor) ", re.I)
    ),
    _Beginning(
        "of",
        ("Disease",),
        re.compile(
            r"(?:(?:clinical|main|common|typical|characteristic|cardinal|other|the|its) ){0,3}"
            r"(?:symptoms|signs|signs and symptoms|features|findings|manifestations) "
            r"(?=(?:include|are|comprise) )",
            re.I,
        ),
    ),
    _Beginning(
        "of",
        ("Drug",),
        re.compile(
            r"(?:(?:common|frequent|serious|main|other|the|its) ){0,3}"
            r"(?:side|adverse) (?:effects|reactions|events) (?=(?:include|are|comprise) )",
            re.I,
        ),
    ),
    _Beginning(
        "with",
        ("Disease",),
        re.compile(
            r"(?:(?:affected|most|many|some) )?(?:patients|individuals|people|children|adults) "
            r"(?=(?:(?:[a-z]+ly|may|can|often) )*(?:present|have|develop|suffer|show) )",
            re.I,
        ),
    ),
)
# What a sentence is about is named among its first words: "The classic gout is …".
_SUBJECT_WITHIN = 3
_Sentence = tuple[tuple[str, ...], list[tuple[Span, Entity]]]


class Subject:
    """What a document's sentences are about, which are read one after the other."""

    def __init__(self) -> None:
        self._subject: Span | None = None

    def put_into(self, words: tuple[str, ...], mentions: list[tuple[Span, Entity]]) -> _Sentence:
        """The next sentence, with a mention of the subject more where it resumes that.

        Args:
            words: the sentence's.
            mentions: its mentions in their order, as words of it.

        Returns:
            Words, with "it" in the subject's place, and mentions, the first of them the subject's
            in a sentence before.
        """
        sentence = " ".join(words) + " "
        for beginning in _BEGINNINGS:
            match = beginning.pattern.match(sentence)
            length = match[0].count(" ") if match else 0
            is_named = bool(mentions) and mentions[0][1].start < length
            if match and (beginning.joined or not is_named):
                if self._subject is None or self._subject.label_ not in beginning.kinds:
                    return words, mentions
                return _with_subject(self._subject, words, mentions, length, beginning.joined)
        self._subject = None
        if mentions:
            first, place = mentions[0]
            if first.label_ in _KINDS and place.start < _SUBJECT_WITHIN:
                self._subject = first
        return words, mentions


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
