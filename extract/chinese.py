"""Reading of Chinese text: what it does otherwise than the pipeline of English (`medkg_chinese`).

Sentences end at Chinese signs, mentions come from a recogniser that was trained on Chinese, and
their context from Chinese phrases (`context.chinese`). Names that stand in the text, English ones
among them, and links are found by the components that read English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from ..core.errors import DataError
from ..core.han import is_chinese, simplified
from ..graph.languages import LANGUAGES
from .context.chinese import ChineseContext
from .context.chinese_dialogue import with_statuses
from .mentions.network import load_recogniser
from .mentions.recogniser import THRESHOLD, Recogniser, set_mentions
from .tokens import StatelessComponent, text_of

SHIPPED = Path(__file__).parent / "model" / "ner_zh"
READ = ("en", *LANGUAGES)
# A full stop of ASCII ends a sentence only before a blank or a line's end, as in "37.5".
_SENTENCE_END = re.compile(r"[。！？；!?;]+[”’」）)]*|\.(?=\s)|\n+")


def check_language(language: str | None) -> None:
    """Raise `DataError` where texts are not read in a language; None: each text tells."""
    if language is not None and language not in READ:
        raise DataError(f"texts are not read in {language!r}; give {' or '.join(READ)}, or none")


def sentence_starts(text: str) -> list[int]:
    """Character offsets at which a sentence of a Chinese text starts, in order, the first 0."""
    starts = [0]
    for match in _SENTENCE_END.finditer(text):
        following = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
        if following < len(text) and following > starts[-1]:
            starts.append(following)
    return starts


@Language.factory(
    "medkg_chinese",
    default_config={"model": None, "language": None},
    assigns=["token.is_sent_start"],
)
def create_chinese(nlp: Language, name: str, model: str | None, language: str | None) -> Chinese:
    """The factory of `Chinese`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return Chinese(model, language)


class Chinese(StatelessComponent):
    """Sentences, mentions and their context of Chinese documents.

    Args:
        model: a recogniser by name or folder; None: the one of Chinese that ships.
        language: what all texts are; None: those of which a fifth of the letters are Chinese are.
    """

    def __init__(self, model: str | None = None, language: str | None = None) -> None:
        self._model, self._language = model, language
        self._recogniser: Recogniser | None = None
        self._context = ChineseContext()

    def reads(self, text: str) -> bool:
        """Whether a text is one to be read as Chinese."""
        return is_chinese(text) if self._language is None else self._language == "zh"

    def __call__(self, doc: Doc) -> Doc:
        self.find_mentions([doc])
        return self.find_context(doc)

    def find_mentions(self, docs: Sequence[Doc]) -> None:
        """Mark sentences, and write mentions into `doc.spans["mentions"]`."""
        if self._recogniser is None:
            self._recogniser = load_recogniser(self._model or SHIPPED)
        for doc in docs:
            starts = set(sentence_starts(text_of(doc)))
            for token in doc:
                token.is_sent_start = token.i == 0 or token.idx in starts
            doc.spans["sections"], doc.spans["headings"] = [], []
        # One for one, so that the offsets are the document's own.
        texts = [simplified(text_of(doc)) for doc in docs]
        for doc, mentions in zip(docs, self._recogniser.predict(texts, THRESHOLD), strict=True):
            set_mentions(doc, mentions)

    def find_context(self, doc: Doc) -> Doc:
        """Set polarity, certainty, experiencer and temporality of the mentions."""
        return with_statuses(self._context(doc))
