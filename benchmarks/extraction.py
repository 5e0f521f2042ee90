"""What the text models find, measured on the development parts of public corpora.

    python benchmarks/extraction.py DATA [--model DIR] [--baseline]

DATA is the folder of corpora (`bc5cdr/`, `ncbi_disease/`, …). Mentions: strict span and kind, micro
F1 with a 95 % bootstrap interval over documents, for each corpus by its own head and by all heads
joined, which is what the spaCy component gives. `--baseline` also trains spaCy's own CNN recogniser
on BC5CDR (some minutes) and scores it the same way.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import polars as pl
import spacy
import torch
from spacy.training import Example
from spacy.util import minibatch

from medkg.extract.corpora import Corpus, flat_mentions, load_corpora
from medkg.extract.evaluate_ner import Score, score, strict_scores
from medkg.extract.ner import NerModel
from medkg.extract.tokens import blank
from medkg.graph.quarantine import Quarantine


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, help="a trained model; default: the shipped one")
    parser.add_argument("--baseline", action="store_true", help="train and score spaCy's CNN too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    corpora = load_corpora(arguments.data, Quarantine())
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_cols(-1)
    pl.Config.set_float_precision(1)
    mentions(corpora, arguments.model)
    if arguments.baseline:
        baseline(next(corpus for corpus in corpora if corpus.name == "bc5cdr"))


def mentions(corpora: list[Corpus], folder: Path | None) -> None:
    """Scores of the model's heads and of the joined output; time to load and words a second."""
    start = time.perf_counter()
    model = NerModel.load(folder)
    print(f"Loading took {time.perf_counter() - start:.1f} s.")
    rows = []
    for corpus in corpora:
        for head in (corpus.name, None):
            scores = score(model, corpus.development, corpus.format, head)
            rows += [row(corpus.name, "joined" if head is None else "own head", s) for s in scores]
    print(pl.DataFrame(rows))
    texts = [d.text for corpus in corpora for d in corpus.development if corpus.name != "bc2gm"]
    start = time.process_time()
    model.predict(texts)
    seconds = time.process_time() - start
    words = sum(len(text.split()) for text in texts)
    print(f"{words} words in {seconds:.1f} s of one core: {words / seconds:.0f} words a second.")


def baseline(corpus: Corpus, *, epochs: int = 15, seed: int = 0) -> None:
    """spaCy's CNN (HashEmbedCNN of width 128 and its transition-based NER) on the same tokens."""
    spacy.util.fix_random_seed(seed)
    tok2vec = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 128,
        "depth": 4,
        "embed_size": 4000,
        "window_size": 1,
        "maxout_pieces": 3,
        "subword_features": True,
    }
    nlp = blank()
    nlp.add_pipe(
        "ner",
        config={
            "model": {
                "@architectures": "spacy.TransitionBasedParser.v2",
                "state_type": "ner",
                "extra_state_tokens": False,
                "hidden_width": 64,
                "maxout_pieces": 2,
                "use_upper": True,
                "tok2vec": tok2vec,
            }
        },
    )
    examples = []
    for document in corpus.train:
        spans = [(m.start, m.end, m.kind) for m in flat_mentions(document, corpus.format)]
        doc = nlp.make_doc(document.text)
        examples.append(Example.from_dict(doc, {"entities": spans}))
    optimizer = nlp.initialize(lambda: examples)
    generator = random.Random(seed)
    start = time.process_time()
    for _ in range(epochs):
        generator.shuffle(examples)
        for batch in minibatch(examples, 8):
            nlp.update(batch, sgd=optimizer, drop=0.2)
    print(f"spaCy's CNN: {epochs} epochs in {time.process_time() - start:.0f} s of one core.")
    kinds = ["Disease", "Drug"]
    gold = [
        {(m.start, m.end, m.kind) for m in flat_mentions(d, corpus.format)}
        for d in corpus.development
    ]
    docs = nlp.pipe(d.text for d in corpus.development)
    found = [{(e.start_char, e.end_char, e.label_) for e in doc.ents} for doc in docs]
    print(pl.DataFrame([row("bc5cdr", "spaCy CNN", s) for s in strict_scores(gold, found, kinds)]))


def row(corpus: str, output: str, score: Score) -> dict[str, object]:
    """A line of the table, figures in per cent."""
    return {
        "corpus": corpus,
        "output": output,
        "kind": score.kind,
        "precision": 100 * score.precision,
        "recall": 100 * score.recall,
        "F1": 100 * score.f1,
        "low": 100 * score.low,
        "high": 100 * score.high,
        "mentions": score.gold,
    }


if __name__ == "__main__":
    main()
