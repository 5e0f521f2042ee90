"""How fast texts are read: each component, the whole way, one process and two; and memory.

    python benchmarks/extraction.py DATA [--notes 2000]

DATA is the folder of corpora (`bc5cdr/`, `maccrobat/`). Components: texts of both corpora's
training parts. The whole way: short notes made of sentences of these and of the notes that come
with medkg, into a graph; 100,000 notes are extrapolated from what one note took beyond the first
64. Beside it a spaCy pipeline of scispaCy's parts reads the same: spaCy's tokenizer and sentences,
a CNN of the shape of scispaCy's recognisers (hash embeddings of width 96, depth 4, no word vectors)
trained a little on BC5CDR, since only its speed counts, scispaCy's abbreviations and its linker by
nmslib over the same names. Every measurement is a process of its own on one thread, so that its
peak of memory is its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from medkg.graph.kg import KnowledgeGraph
from medkg.terminology import default_terminology

SEED = 0
MANY = 100_000
FIRST = 64  # notes that pay for the loading of models


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--notes", type=int, default=2000)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_hide_dataframe_shape(True)
    pl.Config.set_tbl_hide_column_data_types(True)
    pl.Config.set_fmt_str_lengths(60)
    texts = corpus_texts(arguments.data)
    notes = short_notes(texts, arguments.notes)
    print(
        f"{len(texts)} texts of corpora, {word_count(texts):,} words;"
        f" {len(notes)} short notes, {word_count(notes):,} words (seed {SEED}).",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as name:
        terms, model = Path(name) / "terms", Path(name) / "spacy"
        start = time.perf_counter()
        terminology = default_terminology()
        terminology.save(terms)
        names = 1 + terminology.nodes["synonyms"].list.len()
        print(
            f"Terminology: {terminology.nodes.height:,} nodes, {names.sum():,} names,"
            f" in {time.perf_counter() - start:.1f} s.",
            flush=True,
        )
        rows = apart(medkg_components, texts[:250], terms)
        report("medkg, one core", rows)
        rows = [apart(medkg_whole, notes, terms, workers) for workers in (1, 2)]
        report("medkg, short notes into a graph", rows)
        if apart(scispacy_train, arguments.data, model) is None:
            print("scispaCy or nmslib is not installed; there is nothing to compare with.")
            return
        stages, rows = apart(scispacy_measured, texts[:250], notes, terms, model)
        report("scispaCy's parts, one core", stages)
        report("scispaCy's parts, short notes", rows)


def report(title: str, rows: list[dict[str, Any]]) -> None:
    """Print a table."""
    print(f"\n{title}")
    print(pl.DataFrame(rows, infer_schema_length=None), flush=True)


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak() -> int:
    """Megabytes that this process has had at most, its workers aside."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def word_count(texts: Sequence[str]) -> int:
    """Words as white space parts them."""
    return sum(len(text.split()) for text in texts)


# Texts


def corpus_texts(data: Path) -> list[str]:
    """The training texts of BC5CDR and MACCROBAT, in a random order."""
    from medkg.core.quarantine import Quarantine
    from medkg.extract.corpora.published import published_corpora

    corpora = published_corpora(data, Quarantine())
    texts = [d.text for c in corpora if c.name in ("bc5cdr", "maccrobat") for d in c.train]
    if not texts:
        raise SystemExit(f"{data}: no folder bc5cdr or maccrobat with a corpus")
    random.Random(SEED).shuffle(texts)
    return texts


def short_notes(texts: Sequence[str], count: int) -> list[str]:
    """Notes of four to twelve sentences, each from anywhere; every fifth is one of medkg's own."""
    from medkg.extract.sentences import sentence_starts

    with as_file(files("medkg").joinpath("data/notes")) as folder:
        own = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("note-*.txt"))]
    sentences = []
    for text in texts:
        starts = [*sentence_starts(text), len(text)]
        sentences += [s for a, b in pairwise(starts) if len(s := text[a:b].strip()) > 20]
    chance = random.Random(SEED)
    return [
        chance.choice(own) + f"\n{number}\n"
        if number % 5 == 0
        else " ".join(chance.choices(sentences, k=chance.randint(4, 12)))
        for number in range(count)
    ]


# medkg


def medkg_components(texts: list[str], terms: Path) -> list[dict[str, Any]]:
    """Words a second of each component, of the rows, and of all."""
    import torch

    from medkg.extract.documents import TextDocument
    from medkg.extract.pipeline import GraphRows, build_pipeline

    torch.set_num_threads(1)
    start = time.process_time()
    nlp = build_pipeline(KnowledgeGraph.open(terms))
    loading = time.process_time() - start
    list(nlp.pipe(texts[:5]))
    documents = [TextDocument(f"note:{n}", text, f"patient:{n}") for n, text in enumerate(texts)]

    def rows(docs: list[Any]) -> list[Any]:
        for document, doc in zip(documents, docs, strict=True):
            GraphRows(sentences=True).add(document, doc)
        return docs

    steps = [("tokens", lambda _: [nlp.make_doc(text) for text in texts])]
    for name, component in nlp.pipeline:
        steps.append((name, piped(component)))
    return timed([*steps, ("rows of the graph", rows)], texts, loading)


def piped(component: Any) -> Callable[[list[Any]], list[Any]]:
    """A spaCy component over documents, in its batches if it has any."""
    if hasattr(component, "pipe"):
        return lambda docs: list(component.pipe(docs, batch_size=64))
    return lambda docs: [component(doc) for doc in docs]


def timed(
    steps: Sequence[tuple[str, Callable[[list[Any]], list[Any]]]], texts: list[str], loading: float
) -> list[dict[str, Any]]:
    """A row for each step, and one for all."""
    words, total = word_count(texts), 0.0
    docs: list[Any] = []
    rows: list[dict[str, Any]] = []
    for name, step in steps:
        start = time.process_time()
        docs = step(docs)
        seconds = time.process_time() - start
        total += seconds
        rows.append({"part": name, "seconds": seconds, "words/s": round(words / seconds)})
    whole = {"part": "all", "seconds": total, "words/s": round(words / total)}
    rows.append({**whole, "documents/s": len(texts) / total})
    rows.append({"part": "loading", "seconds": loading, "peak MB": peak()})
    return [{**row, "seconds": round(row["seconds"], 2)} for row in rows]


def medkg_whole(notes: list[str], terms: Path, workers: int) -> dict[str, Any]:
    """Short notes into a graph."""
    from medkg.extract.documents import TextDocument
    from medkg.extract.run import Summary, read_documents

    terminology = KnowledgeGraph.open(terms)
    documents = [TextDocument(f"note:{n}", text, f"patient:{n}") for n, text in enumerate(notes)]

    def read(some: list[TextDocument]) -> float:
        summary = Summary()
        read_documents(some, terminology, workers=workers, summary=summary)
        return summary.seconds

    first = read(documents[: FIRST * workers])
    before = peak()
    seconds = read(documents)
    return whole(notes, workers, first, seconds, before)


def whole(
    notes: list[str], processes: int, first: float, seconds: float, before: int
) -> dict[str, Any]:
    """A row on short notes. `first`: seconds for the first of them, loading included."""
    each = (seconds - first) / (len(notes) - FIRST * processes)
    return {
        "processes": processes,
        "seconds": round(seconds, 1),
        "notes/s": round(1 / each, 1),
        "words/s": round(word_count(notes) / len(notes) / each),
        f"{MANY:,} notes, minutes": round((seconds + each * (MANY - len(notes))) / 60, 1),
        "peak MB after the first": before,
        "peak MB": peak(),
    }


# scispaCy's parts


def scispacy_train(data: Path, out: Path) -> bool | None:
    """Train spaCy's CNN a little and save it; None: there is no scispaCy here."""
    try:
        import nmslib  # noqa: F401
        import scispacy  # noqa: F401
    except ImportError:
        return None
    import spacy
    from spacy.training import Example
    from spacy.util import minibatch

    from medkg.core.quarantine import Quarantine
    from medkg.extract.corpora.document import flat_mentions
    from medkg.extract.corpora.pubtator import read_pubtator

    spacy.util.fix_random_seed(SEED)
    (file,) = (data / "bc5cdr").glob("CDR_TrainingSet.PubTator.txt*")
    documents = read_pubtator(file, Quarantine())[:200]
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    tok2vec = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 96,
        "depth": 4,
        "embed_size": 2000,
        "window_size": 1,
        "maxout_pieces": 3,
        "subword_features": True,
    }
    nlp.add_pipe("ner", config={"model": {"tok2vec": tok2vec}})
    examples = []
    for document in documents:
        doc = nlp.make_doc(document.text)
        spans = [
            span
            for m in flat_mentions(document, "pubtator")
            if (span := doc.char_span(m.start, m.end, m.kind)) is not None
        ]
        entities = [(span.start_char, span.end_char, span.label_) for span in spans]
        examples.append(Example.from_dict(doc, {"entities": entities}))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(4):
        for batch in minibatch(examples, 8):
            nlp.update(batch, sgd=optimizer, drop=0.2)
    nlp.to_disk(out)
    return True


def scispacy_pipeline(terms: Path, model: Path) -> Any:
    """The pipeline, its linker over the names of the terminology.

    The index is built as scispaCy's `create_tfidf_ann_index` does, which refuses the SciPy of this
    Python, but for a shorter search when it is built, on which the speed of look-up hardly depends.
    """
    import nmslib
    import numpy as np
    import spacy
    from scispacy.abbreviation import AbbreviationDetector  # noqa: F401 (registers itself)
    from scispacy.candidate_generation import CandidateGenerator
    from scispacy.linking import EntityLinker
    from scispacy.linking_utils import Entity, KnowledgeBase
    from sklearn.feature_extraction.text import TfidfVectorizer

    nodes = KnowledgeGraph.open(terms).nodes
    kinds = ["Disease", "Symptom", "Drug", "Target", "Procedure"]
    rows = nodes.filter(pl.col("kind").is_in(kinds)).select("id", "name", "synonyms").iter_rows()
    kb = KnowledgeBase([Entity(i, name, list(synonyms), [], None) for i, name, synonyms in rows])
    aliases = list(kb.alias_to_cuis)
    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 3), min_df=10, dtype=np.float32
    )
    vectors = vectorizer.fit_transform(aliases)
    some = np.asarray(vectors.sum(axis=1)).ravel() != 0
    index = nmslib.init(
        method="hnsw", space="cosinesimil_sparse", data_type=nmslib.DataType.SPARSE_VECTOR
    )
    index.addDataPointBatch(vectors[some])
    index.createIndex({"M": 100, "indexThreadQty": 2, "efConstruction": 100, "post": 0})
    index.setQueryTimeParams({"efSearch": 200})
    generator = CandidateGenerator(
        index, vectorizer, [a for a, s in zip(aliases, some, strict=True) if s], kb
    )
    nlp = spacy.load(model)
    nlp.add_pipe("abbreviation_detector")
    linker = EntityLinker(candidate_generator=generator, filter_for_definitions=False)
    return nlp, linker


def scispacy_measured(
    texts: list[str], notes: list[str], terms: Path, model: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of each component, and those on short notes; the index is built once for both."""
    begin, start = time.perf_counter(), time.process_time()
    nlp, linker = scispacy_pipeline(terms, model)
    loading, waited = time.process_time() - start, time.perf_counter() - begin
    for doc in nlp.pipe(texts[:5]):
        linker(doc)
    steps = [("tokens", lambda _: [nlp.make_doc(text) for text in texts])]
    for name, component in [*nlp.pipeline, ("scispacy_linker", linker)]:
        steps.append((name, piped(component)))
    stages = timed(steps, texts, loading)

    def read(some: list[str]) -> None:
        for doc in nlp.pipe(some, batch_size=64):
            linker(doc)

    def seconds(some: list[str], processes: int) -> float:
        """That reading takes; of two processes each has every other note."""
        begin = time.perf_counter()
        context = multiprocessing.get_context("fork")
        others = [
            context.Process(target=read, args=(some[place::processes],))
            for place in range(1, processes)
        ]
        for other in others:
            other.start()
        read(some[::processes])
        for other in others:
            other.join()
        return time.perf_counter() - begin

    rows = []
    for processes in (1, 2):
        first = waited + seconds(notes[: FIRST * processes], processes)
        before = peak()
        rest = seconds(notes[FIRST * processes :], processes)
        rows.append(whole(notes, processes, first, first + rest, before))
    return stages, rows


if __name__ == "__main__":
    main()
