"""Real texts that name nobody, or hardly anybody: case reports, abstracts, reviews and visits."""

from __future__ import annotations

import csv
import lzma
import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.published import published_corpora
from medkg.extract.deidentify.lexicon import LISTS, Lexicon, word_form
from medkg.extract.deidentify.recognisers import engine
from medkg.extract.mentions.vectors import count_words
from medkg.extract.tokens import token_offsets

from . import values
from .notes import Span, segments

_REVIEW_COLUMNS = ("benefitsReview", "sideEffectsReview", "commentsReview")
_LEAST = 2  # times that a word must occur to have a vector
_MOST_WORDS = 24_000


def raw_texts(data: Path) -> list[str]:
    """Texts of MACCROBAT, BC5CDR, NCBI, BC2GM, ChemProt, Druglib and MTS-Dialog's training part."""
    texts = []
    for corpus in published_corpora(data / "corpora", Quarantine()):
        # A tenth of the many single sentences about genes.
        documents = corpus.train[::10] if corpus.name == "bc2gm" else corpus.train
        texts += [document.text for document in documents]
    reviews = data / "patients/drug-reviews/drugLibTrain_raw.tsv"
    with reviews.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            texts += [row[column] or "" for column in _REVIEW_COLUMNS]
    visits = data / "patients/dialogue/MTS-Dialog-TrainingSet.csv"
    with visits.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            texts += [row["section_text"], row["dialogue"]]
    return [text for text in texts if text.strip()]


def parts_of(texts: Sequence[str]) -> list[str]:
    """A few sentences or turns of each text, one after the other."""
    parts = []
    for text in texts:
        is_talk = text.count("\n") > 2
        pieces = re.split(r"\r?\n" if is_talk else r"(?<=[.!?])\s+", text.strip())
        joint = "\n" if is_talk else " "
        parts += [joint.join(pieces[n : n + 4]) for n in range(0, len(pieces), 4)]
    return [part for part in parts if 40 < len(part) < 1500]


def lexicon(data: Path, texts: Sequence[str]) -> Lexicon:
    """The lists of words: of the texts, of our templates, of names of diseases and drugs, of people and places."""
    lists: dict[str, list[str]] = {name: [] for name in LISTS}
    own = {
        word_form(word)
        for word in re.findall(r"[^\W\d_]+", re.sub(r"\{[^}]*\}", " ", _of_templates()))
    }
    small = count_words([[w for w in _words(text) if w == w.lower()] for text in texts], least=1)
    often = [word for word, number in small.items() if number >= _LEAST]
    lists["words"] = [*(own - set(often)), *often, *("0" * n for n in range(1, 12))]
    lists["words"] = list(dict.fromkeys(lists["words"]))[:_MOST_WORDS]
    lists["words"].sort()
    of_lists = set(lists["words"])
    # Half of the words that occur once are left out: new texts have words that are on no list.
    once = {w for w in small if w not in of_lists and w.isalpha() and zlib.crc32(w.encode()) % 2}
    once |= {w for w in values.words() if w.isalpha() and w not in of_lists}
    lists["ordinary"] = sorted(w for w in once if len(w) > 1)
    lists["terms"] = sorted(_terms(data))
    for name, kinds in (("first", ("female", "male")), ("last", ("last",)), ("places", ("town",))):
        lists[name] = sorted(
            {
                word
                for kind in kinds
                for value in values.all_of(kind)
                for word in re.findall(r"[^\W\d_]+", value.lower())
                if len(word) > 1
            }
        )
    return Lexicon(lists)


def _of_templates() -> str:
    """Our templates' words, and those of the lists that identify nobody."""
    named = {"female", "male", "last", "towns", "town_words", "town_ends", "town_more", "employers"}
    lists = [word for name, words in values.lists().items() if name not in named for word in words]
    return " ".join([*(piece for group in segments().values() for piece in group), *lists])


def _terms(data: Path) -> Iterator[str]:
    """Words of the names of Hetionet's nodes (CC0) but for genes, in small letters."""
    words = set()
    text = lzma.decompress((data / "hetionet/nodes.tsv.xz").read_bytes()).decode("utf-8")
    for line in text.splitlines()[1:]:
        _, name, kind, *_ = line.split("\t")
        if kind not in ("Gene", "Pathway", "Biological Process", "Molecular Function"):
            words |= {word.lower() for word in re.findall(r"[^\W\d_]{4,}", name)}
    yield from words


def _words(text: str) -> Iterator[str]:
    for start, end in token_offsets(unicodedata.normalize("NFC", text)):
        token = text[start:end]
        yield token if token.isalpha() else word_form(token)


def ignored(text: str, words: Lexicon) -> list[Span]:
    """What may name somebody in a text that nobody marked.

    What the patterns find, and words with a capital letter inside a sentence that are on a list of
    names and are neither ordinary words nor of names of diseases.
    """
    spans = [(r.start, r.end, "-") for r in engine(model=False).analyze(text, "en")]
    for match in re.finditer(r"(?<=[a-z,] )[A-Z][a-z]+", text):
        flags = words.flags(match[0])
        if flags & 0b11100 and not flags & 0b00011:
            spans.append((match.start(), match.end(), "-"))
    return spans
