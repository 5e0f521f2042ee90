"""The context of mentions and the values of tests, measured, with their speed.

    python benchmarks/context.py MACCROBAT [--part test]

MACCROBAT is its archive. Prints `evaluate_context` on the project's own sentences, on the
notes of `medkg quickstart` and on MACCROBAT, `evaluate_values` on it, and the CPU time of the
components. Where `negspacy` (MIT) is installed, it is one more baseline; it is no dependency.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

import polars as pl
from spacy.tokens import Doc

from medkg.extract.context.context import Context
from medkg.extract.context.evaluate import (
    LabelledText,
    count,
    evaluate_context,
    maccrobat,
    own_sentences,
    plain,
)
from medkg.extract.context.evaluate_values import evaluate_values
from medkg.extract.context.values import measurement
from medkg.extract.mentions.recogniser import PredictedMention, set_mentions
from medkg.extract.relations.evaluate import score
from medkg.extract.sentences import Sentences
from medkg.extract.tokens import MedkgTokenizer, blank


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("maccrobat", type=Path)
    parser.add_argument("--part", default="test", choices=("dev", "test"))
    arguments = parser.parse_args()
    pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, tbl_hide_dataframe_shape=True)
    print("own sentences,", arguments.part)
    print(evaluate_context(part=arguments.part))
    with as_file(files("medkg").joinpath("data/notes")) as folder:
        print("own notes")
        print(evaluate_context(folder))
    for part in ("train", "dev"):
        print("MACCROBAT,", part)
        print(evaluate_context(arguments.maccrobat, part))
        print(evaluate_values(arguments.maccrobat, part))
    held_out = maccrobat(arguments.maccrobat, "dev")
    if find_spec("negspacy") is not None:
        print("negspacy")
        print(negspacy(own_sentences(arguments.part), held_out))
    print(speed(held_out))


def negspacy(*parts: list[LabelledText]) -> pl.DataFrame:
    """What negspacy's clinical rules find, on the same sentences and mentions."""
    from negspacy.negation import Negex
    from negspacy.termsets import termset

    class Tokenizer(MedkgTokenizer):
        """With the method by which negspacy reads its phrases."""

        def pipe(self, texts: Iterable[str]) -> Iterator[Doc]:
            return map(self, texts)

    nlp = blank()
    nlp.tokenizer = Tokenizer(nlp.vocab)
    rules = Negex(nlp, "negex", termset("en_clinical").get_patterns(), span_keys=["mentions"])

    def method(doc: Doc) -> list[dict[str, str]]:
        values_of_mentions = plain(doc)
        for values, mention in zip(values_of_mentions, rules(doc).spans["mentions"], strict=True):
            if mention._.negex:
                values |= {"polarity": "negated", "presence": "absent"}
        return values_of_mentions

    return pl.DataFrame(
        [
            {"value": value, **asdict(score(rows))}
            for texts in parts
            for value, rows in count(texts, method).items()
            if value in ("negated", "absent", "all")
        ]
    )


def speed(texts: list[LabelledText]) -> pl.DataFrame:
    """Words per second of CPU time of each component, best of three."""
    nlp, sentences, context = blank(), Sentences(), Context()
    docs = [nlp.make_doc(text.text) for text in texts]
    words = sum(len(text.text.split()) for text in texts)
    seconds: dict[str, float] = {}
    for _ in range(3):
        _timed(seconds, "medkg_sentences", lambda: [sentences(doc) for doc in docs])
        for doc, text in zip(docs, texts, strict=True):
            given = [labelled.mention for labelled in text.mentions]
            set_mentions(doc, [PredictedMention(m.start, m.end, m.kind, 1.0) for m in given])
        _timed(seconds, "medkg_context", lambda: [context(doc) for doc in docs])
        tests = [m for doc in docs for m in doc.spans["mentions"] if m.label_ == "Procedure"]
        _timed(seconds, "values", lambda tests=tests: [measurement(test) for test in tests])
    return pl.DataFrame(
        [{"component": name, "words_per_s": round(words / s)} for name, s in seconds.items()]
    )


def _timed(seconds: dict[str, float], name: str, work: Callable[[], object]) -> None:
    start = time.process_time()
    work()
    seconds[name] = min(seconds.get(name, 1e9), time.process_time() - start)


if __name__ == "__main__":
    main()
