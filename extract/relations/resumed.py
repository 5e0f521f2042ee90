"""Sentences that go on about something without its name: "It is characterised by …"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spacy.tokens import Span

from .pairs import Entity

# The word that joins what the sentence before is about to how a sentence begins that goes on about
# it ("symptoms of it include", "patients with it have"), the kinds that may be, and that beginning.
_ANY = ("Disease", "Drug", "Target")
_RESUMES = (
    (  # but "it is known that"
        "",
        _ANY,
        re.compile(
            r"it (?!(?:\S+ ){1,6}?"
            r"(?:that|whether|if|how|why|possible|important|necessary|unclear) )",
            re.I,
        ),
    ),
    (
        "",
        ("Disease",),
        re.compile(r"(?:this|the) (?:disease|disorder|syndrome|condition|illness) ", re.I),
    ),
    ("", ("Drug",), re.compile(r"(?:this|the) (?:drug|agent|medication|medicine|compound) ", re.I)),
    ("", ("Target",), re.compile(r"(?:this|the) (?:gene|protein|enzyme|receptor) ", re.I)),
    (
        "of",
        ("Disease",),
        re.compile(
            r"(?:(?:clinical|main|common|typical|characteristic|cardinal|other|the|its) ){0,3}"
            r"(?:symptoms|signs|signs and symptoms|features|findings|manifestations) "
            r"(?=(?:include|are|comprise) )",
            re.I,
        ),
    ),
    (
        "of",
        ("Drug",),
        re.compile(
            r"(?:(?:common|frequent|serious|main|other|the|its) ){0,3}"
            r"(?:side|adverse) (?:effects|reactions|events) (?=(?:include|are|comprise) )",
            re.I,
        ),
    ),
    (
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
        for joined, kinds, pattern in _RESUMES:
            match = pattern.match(sentence)
            length = match[0].count(" ") if match else 0
            begins = mentions[:1] and mentions[0][1].start < length
            if match and (joined or not begins):
                if self._subject is None or self._subject.label_ not in kinds:
                    return words, mentions
                return _with_subject(self._subject, words, mentions, length, joined)
        self._subject = next(
            (
                mention
                for mention, entity in mentions[:1]
                if mention.label_ in _ANY and entity.start < _SUBJECT_WITHIN
            ),
            None,
        )
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
