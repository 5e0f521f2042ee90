"""Abbreviations resolved by medkg and by scispaCy's detector, on a corpus with identifiers.

    python benchmarks/abbreviations.py CDR_DevelopmentSet.PubTator.txt

Counted are the annotated mentions that are written as an abbreviation which their document defines
next to an annotated mention of the same identifier ("valproic acid (VPA)"). One is resolved if the
detector gives it a long form, and rightly if that overlaps such a mention. scispaCy's detector is
given spaCy's English tokens, as in its own pipelines, and medkg's.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import spacy
from scispacy.abbreviation import AbbreviationDetector

from medkg.core.quarantine import Quarantine
from medkg.extract.abbreviations import find_abbreviations
from medkg.extract.corpora.document import Document, flat_mentions
from medkg.extract.corpora.pubtator import read_pubtator
from medkg.extract.linking.dictionary import identifiers
from medkg.extract.tokens import blank

LongForms = dict[str, tuple[int, int]]


def ours(text: str) -> LongForms:
    """medkg's."""
    return {abbreviation.short: abbreviation.long for abbreviation in find_abbreviations(text)}


def scispacy_on(nlp: spacy.Language) -> Callable[[str], LongForms]:
    """scispaCy's detector on a pipeline's tokens."""
    detector = AbbreviationDetector(nlp)

    def detect(text: str) -> LongForms:
        doc = detector(nlp(text))
        return {
            short.text: (short._.long_form.start_char, short._.long_form.end_char)
            for short in doc._.abbreviations
        }

    return detect


def defined(document: Document, corpus_format: str) -> list[tuple[str, list[tuple[int, int]]]]:
    """Mentions that are a defined abbreviation: their text, and where its long form may stand."""
    mentions = [(m, identifiers(m)) for m in flat_mentions(document, corpus_format)]
    pairs = []
    for mention, ids in mentions:
        text = document.text[mention.start : mention.end]
        if len(text) > 10 or not re.search(r"[A-Z0-9]", text):
            continue
        # Where the text defines it: in parentheses, right after a mention of the same identifier.
        places = [
            (m.start, m.end)
            for m, other in mentions
            if other & ids
            and re.match(rf"\s*\(\s*{re.escape(text)}\s*[);,]", document.text[m.end :])
        ]
        if places:
            pairs.append((text, places))
    return pairs


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--format", default="pubtator")
    arguments = parser.parse_args()
    documents = read_pubtator(arguments.corpus, Quarantine())
    rows = []
    for name, detect in (
        ("medkg", ours),
        ("scispaCy, spaCy's English tokens", scispacy_on(spacy.blank("en"))),
        ("scispaCy, medkg's tokens", scispacy_on(blank())),
    ):
        start = time.process_time()
        counts = [0, 0, 0]
        for document in documents:
            long_forms = detect(document.text)
            for text, places in defined(document, arguments.format):
                long = long_forms.get(text)
                counts[0] += 1
                counts[1] += long is not None
                counts[2] += long is not None and any(
                    long[0] < end and start_ < long[1] for start_, end in places
                )
        rows.append((name, *counts, counts[1] / counts[0], counts[2] / counts[0],
                     time.process_time() - start))  # fmt: skip
    pl.Config.set_tbl_cols(-1)
    pl.Config.set_tbl_width_chars(160)
    columns = ["detector", "mentions", "resolved", "rightly", "share", "share_rightly", "cpu_s"]
    print(pl.DataFrame(rows, schema=columns, orient="row"))


if __name__ == "__main__":
    main()
