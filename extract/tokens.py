"""The tokens of every text model here: letter runs, digit runs, Chinese characters, other signs.

Mentions in biomedical text begin and end inside what other tokenizers call a word ("COX-2",
"IL2-induced", "5mg"). With these tokens no annotated span of BC5CDR, NCBI disease or BC2GM is cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self, TypeVar

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vocab import Vocab

from ..core.han import HAN

# Whether a text is a note of a patient's: these are read in other ways than papers.
if not Doc.has_extension("note"):
    Doc.set_extension("note", default=False)

_Item = TypeVar("_Item")
_TOKENS = rf"[{HAN}]|[^\W\d_{HAN}]+|\d+|[^\w\s]|_"
_TOKEN = re.compile(_TOKENS)
_TOKEN_OR_SPACE = re.compile(rf"{_TOKENS}|\s+")
_TEXT = "medkg text"  # of `doc.user_data`


def token_offsets(text: str) -> list[tuple[int, int]]:
    """Start and end of every token of `text`; white space belongs to none."""
    return [match.span() for match in _TOKEN.finditer(text)]


def words_of(text: str) -> list[str]:
    """Every token of `text`, white space left out."""
    return _TOKEN.findall(text)


def longest_first(
    items: Iterable[_Item], length: Callable[[_Item], int], most: int
) -> Iterator[list[_Item]]:
    """Batches of at most `most` tokens, padding included, or of one item that is longer.

    Items of equal length stay together as they came, from the last to the first.
    """
    waiting = sorted(items, key=length)
    while waiting:
        number = max(1, most // length(waiting[-1]))
        yield [waiting.pop() for _ in range(min(len(waiting), number))]


def text_of(doc: Doc) -> str:
    """A document's text, kept with it, since spaCy puts it together from all tokens each time."""
    text: str | None = doc.user_data.get(_TEXT)
    if text is None:
        text = doc.user_data[_TEXT] = doc.text
    return text


def text_between(doc: Doc, start: int, end: int) -> str:
    """The text of the tokens from start to end, with the space behind them."""
    if start >= end:
        return ""
    return text_of(doc)[doc[start].idx : doc[end].idx if end < len(doc) else None]


class StatelessComponent:
    """A part of a spaCy pipeline that has nothing to save, which spaCy asks each part to do."""

    def to_disk(self, _path: Path | str, **_: object) -> None:
        """Nothing to save."""

    def from_disk(self, _path: Path | str, **_: object) -> Self:
        """Nothing to load."""
        return self


class MedkgTokenizer(StatelessComponent):
    """A spaCy tokenizer over the same tokens; a further space or a line break is a space token."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        words: list[str] = []
        spaces: list[bool] = []
        for match in _TOKEN_OR_SPACE.finditer(text):
            word = match.group()
            if not word.isspace():
                words.append(word)
                spaces.append(False)
                continue
            # spaCy keeps one blank after a token as a mark on it, anything more as a token.
            if word[0] == " " and words:
                spaces[-1] = True
                word = word[1:]
            if word:
                words.append(word)
                spaces.append(False)
        return Doc(self.vocab, words=words, spaces=spaces)

    def to_bytes(self, **_: object) -> bytes:
        """spaCy asks a tokenizer for its state; this one has none."""
        return b""

    def from_bytes(self, _data: bytes, **_: object) -> MedkgTokenizer:
        """Nothing to restore."""
        return self


def create_tokenizer() -> Callable[[Language], MedkgTokenizer]:
    """The factory that a spaCy config names under `[nlp.tokenizer]`."""

    def create(nlp: Language) -> MedkgTokenizer:
        return MedkgTokenizer(nlp.vocab)

    return create


registry.tokenizers("medkg.tokenizer.v1", func=create_tokenizer)


def blank() -> Language:
    """An English pipeline without components, on these tokens."""
    return spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "medkg.tokenizer.v1"}}})
