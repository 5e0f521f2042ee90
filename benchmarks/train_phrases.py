"""Train the model by which findings in words that no name has are read (`medkg_phrases`).

    medkg load hpo --out graphs/hpo
    python benchmarks/train_phrases.py graphs/hpo MACCROBAT OUT \\
        --encoder sentence-transformers/all-MiniLM-L6-v2

The vectors of words begin as the encoder's (a folder or a name for `transformers`; with the extra
hf) and learn from the names of HPO's phenotypes, lay names and wordings among them. How likely a
run of words means a phenotype is learned from notes: those of `textbook.py` but the set `later`,
which stays unseen, those written to learn from, the project's own case reports, and MACCROBAT's,
which say most by its name: of their runs of words that are like a name, 900 were judged by reading
(`data/maccrobat_phrases.tsv`), and those where MACCROBAT has no finding are wrong. Plain notes are
read one by one and several as one, since people write long ones too. Prints how this part does on
notes that it has not learned from (five folds), and writes the folder OUT.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from annotated_notes import (
    DATA,
    AnnotatedNote,
    Nearness,
    joined,
    textbook_notes,
    training_notes,
)
from numpy.typing import NDArray
from spacy.tokens import Doc

import medkg
from medkg.core.calibration import quality
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.brat import read_brat
from medkg.extract.corpora.document import Document
from medkg.extract.lay_names import with_lay_names
from medkg.extract.phrases.candidates import FEATURES, Candidates
from medkg.extract.phrases.component import LIKELY, PhraseReader, chosen, named_phenotypes
from medkg.extract.phrases.model import PhraseModel
from medkg.extract.phrases.train import VectorSettings, train_model, train_vectors
from medkg.extract.phrases.vectors import PhraseVectors, words_in
from medkg.extract.tokens import blank
from medkg.graph.kg import KnowledgeGraph

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"  # the one that the card speaks of
PICTURES = ("plain", "fresh", "blind", "unseen")
MOST_WORDS = 17_000  # those of names, and the most frequent others
FOLDS = 5
# How much a candidate of MACCROBAT counts. With 0.3 sixty-five wrong ones are read in 110 reports,
# with 2 six, and of plain notes as much.
FORMAL = 2.0
# Annotations of MACCROBAT that may state a finding.
_STATING = frozenset(
    ("Sign_symptom", "Disease_disorder", "Lab_value", "History", "Diagnostic_procedure")
)
# The components that read a note before the one that is trained.
_BEFORE = ("medkg_sentences", "medkg_ner", "medkg_names", "medkg_neighbours")
CARD = """# Findings in words that no name has (`medkg_phrases`)

Vectors of {words:,} words ({dimensions} numbers each), and a small network that tells how likely a
run of words means the phenotype whose name it is likest (`extract/phrases/`). Made by
`python benchmarks/train_phrases.py HPO MACCROBAT OUT --encoder {encoder}`. The vectors begin as
those of the encoder (all-MiniLM-L6-v2: Apache-2.0) and learn from {names:,} names of phenotypes:
HPO's ({hpo}), medkg's lay names and wordings. The network learns from {plain} notes of this
project, in which {phrases:,} phrases are annotated, its 30 case reports, and {maccrobat} of
MACCROBAT's (CC BY 4.0). Figures are in `docs/benchmarks/diagnosis.md`.

Limits: English notes. Of formal texts hardly anything is read, since they call findings by their
names; it tells how like a name words are, and not what they imply. What it reads is marked as such,
with its probability. Not a medical device.
"""


class Examples(NamedTuple):
    """Candidates of one note, which of them are right, and how much each counts in training."""

    candidates: Candidates
    is_right: NDArray[np.bool_]
    weight: float = 1.0


def main() -> None:
    """Train, print the figures, and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("graph", type=Path)
    parser.add_argument("maccrobat", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--encoder", default=ENCODER)
    arguments = parser.parse_args()
    begun = time.monotonic()
    kg = medkg.open(arguments.graph)
    named = list(named_phenotypes(kg))
    words, ranks, encoded = encoded_words(arguments.encoder, [name for _, name, _ in named])
    settings = VectorSettings()
    vectors = train_vectors(named, words, encoded, ranks, settings)
    print(f"vectors of {len(words):,} words: {time.monotonic() - begun:.0f} s", flush=True)
    notes = [*(n for each in PICTURES for n in textbook_notes(each)), *training_notes()]
    reader = _Reader(kg, vectors)
    plain = [[*reader.examples_of_group(group)] for group in groups_of(notes)]
    plain += [[each] for each in reader.examples_of_reports()]
    formal = [[each] for each in reader.examples_of_maccrobat(arguments.maccrobat)]
    print_figures(vectors, plain, formal)
    model = learn(vectors, chain.from_iterable([*plain, *formal]))
    counts = {
        "words": len(words),
        "dimensions": settings.dimensions,
        "names": len(named),
        "plain": len(notes),
        "maccrobat": len(formal),
        "phrases": sum(len(note.findings) for note in notes),
    }
    release = ", ".join(source.release or "" for source in kg.sources)
    card = CARD.format(**counts, hpo=release, encoder=ENCODER)
    model.save(arguments.out, {"encoder": ENCODER, **counts}, card)
    print(f"{time.monotonic() - begun:.0f} s")


def groups_of(notes: Sequence[AnnotatedNote]) -> list[list[AnnotatedNote]]:
    """The notes in groups of two to four, at random."""
    random = np.random.default_rng(0)
    shuffled, groups = random.permutation(len(notes)).tolist(), []
    while shuffled:
        size = int(random.integers(2, 5))
        groups.append([notes[number] for number in shuffled[:size]])
        shuffled = shuffled[size:]
    return groups


def learn(vectors: PhraseVectors, examples: Iterable[Examples], members: int = 5) -> PhraseModel:
    """The model of examples."""
    examples = list(examples)
    return train_model(
        vectors,
        np.concatenate([each.candidates.features for each in examples]),
        np.concatenate([each.is_right for each in examples]),
        np.repeat(
            np.array([each.weight for each in examples], dtype=np.float32),
            [len(each.is_right) for each in examples],
        ),
        members=members,
    )


def encoded_words(
    encoder: str, names: Sequence[str]
) -> tuple[list[str], NDArray[np.intp], NDArray[np.float32]]:
    """The words that get vectors, their places by frequency, and their vectors by the encoder."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    network = AutoModel.from_pretrained(encoder).eval()
    vocabulary = tokenizer.get_vocab()
    # The vocabulary of such a tokenizer is in the order of frequency, after its special tokens.
    frequent = sorted((w for w in vocabulary if w.isascii() and w.isalpha()), key=vocabulary.get)
    of_names = dict.fromkeys(word for name in names for word in words_in(name))
    words = list(dict.fromkeys([*sorted(of_names), *frequent]))[: max(MOST_WORDS, len(of_names))]
    place = {word: n for n, word in enumerate(frequent)}
    vectors = []
    with torch.inference_mode():
        for first in range(0, len(words), 512):
            batch = tokenizer(words[first : first + 512], padding=True, return_tensors="pt")
            states = network(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
            ).last_hidden_state
            mask = batch["attention_mask"][:, :, None]
            means = (states * mask).sum(1) / mask.sum(1)
            vectors.append(torch.nn.functional.normalize(means, dim=-1))
    ranks = np.array([place.get(word, len(frequent)) for word in words], dtype=np.intp)
    return words, ranks, torch.cat(vectors).numpy()


_Judge = Callable[[int, int, str], bool | None]  # of characters [start, end) and a phenotype


class _Reader:
    """Reads notes as the pipeline does up to the component that is trained."""

    def __init__(self, kg: KnowledgeGraph, vectors: PhraseVectors) -> None:
        self.nearness = Nearness(kg)
        self.nlp = blank()
        for name in (*_BEFORE, "medkg_linker"):
            self.nlp.add_pipe(name)
        named = with_lay_names(kg)
        for name in ("medkg_names", "medkg_neighbours", "medkg_linker"):
            self.nlp.get_pipe(name).use(named)
        columns = np.zeros((2, len(FEATURES)), dtype=np.float32)
        network = np.zeros((1, len(FEATURES) + 1, 1), np.float32), np.zeros((1, 2), np.float32)
        untrained = PhraseModel(vectors, columns[0], columns[1] + 1, *network)
        self.reader = PhraseReader(untrained).use(kg, self.nlp.get_pipe("medkg_linker"))

    def examples(self, text: str, judge: _Judge) -> Examples:
        """The candidates of a note that are judged right or wrong."""
        doc = self.nlp.make_doc(text)
        doc._.note = True
        for name in _BEFORE:
            doc = self.nlp.get_pipe(name)(doc)
        candidates = self.reader.candidates(doc)
        right = [
            judge(*_characters(doc, candidates, row), self.reader.identifier(candidates, row))
            for row in range(len(candidates.start))
        ]
        judged = np.array([each is not None for each in right], dtype=bool)
        return Examples(
            candidates.where(judged),
            np.array([each for each in right if each is not None], dtype=bool),
        )

    def examples_of_group(self, notes: Sequence[AnnotatedNote]) -> Iterator[Examples]:
        """The candidates of annotated notes, each by itself and all as one."""
        for note in notes:
            yield self.examples(note.text, self._stated_in(note))
        whole = joined(notes)
        yield self.examples(whole.text, self._stated_in(whole))

    def examples_of_reports(self) -> Iterator[Examples]:
        """Those of the project's case reports, whose findings are annotated without places."""
        for line in (DATA / "case_reports.jsonl").read_text(encoding="utf-8").splitlines():
            report = json.loads(line)
            yield self.examples(
                report["text"], self._is_near([*report["present"], *report["absent"]])
            )

    def examples_of_maccrobat(self, path: Path) -> Iterator[Examples]:
        """Those of MACCROBAT's reports of which some were judged by reading."""
        judged: dict[str, dict[tuple[int, int, str], bool]] = defaultdict(dict)
        table = pl.read_csv(DATA / "maccrobat_phrases.tsv", separator="\t")
        for document, start, end, phenotype, is_right in table.iter_rows():
            judged[str(document)][start, end, phenotype] = bool(is_right)
        for document in read_brat(path, Quarantine()):
            if document.id in judged:
                judge = _judge_of(document, judged[document.id])
                yield self.examples(document.text, judge)._replace(weight=FORMAL)

    def _is_near(self, terms: Sequence[str]) -> _Judge:
        return lambda _start, _end, phenotype: any(
            self.nearness.are_near(phenotype, term) for term in terms
        )

    def _stated_in(self, note: AnnotatedNote) -> _Judge:
        return lambda start, end, phenotype: any(
            finding.touches(start, end)
            and finding.is_stated(note.text)
            and any(self.nearness.are_near(phenotype, term) for term in finding.phenotypes)
            for finding in note.findings
        )


def _judge_of(document: Document, judged: Mapping[tuple[int, int, str], bool]) -> _Judge:
    """As judged by reading; where MACCROBAT has no finding wrong; else unknown."""
    stating = [m for m in document.mentions if m.kind in _STATING]

    def judge(start: int, end: int, phenotype: str) -> bool | None:
        if (start, end, phenotype) in judged:
            return judged[start, end, phenotype]
        return None if any(m.start < end and m.end > start for m in stating) else False

    return judge


def _characters(doc: Doc, candidates: Candidates, row: int) -> tuple[int, int]:
    last = doc[int(candidates.end[row]) - 1]
    return doc[int(candidates.start[row])].idx, last.idx + len(last)


def print_figures(
    vectors: PhraseVectors,
    plain: Sequence[Sequence[Examples]],
    formal: Sequence[Sequence[Examples]],
) -> None:
    """How likely candidates of notes are right that the network hasn't learned from.

    Args:
        plain, formal: the examples of texts that stay together.
    """
    folds = np.random.default_rng(0).integers(FOLDS, size=len(plain) + len(formal))
    counts: Counter[str] = Counter()
    probabilities, right = [], []
    for fold in range(FOLDS):
        rest = [e for e, of in zip([*plain, *formal], folds, strict=True) if of != fold]
        model = learn(vectors, chain.from_iterable(rest), members=2)
        for part, name, numbers in (
            (plain, "plain", folds[: len(plain)]),
            (formal, "formal", folds[len(plain) :]),
        ):
            held_out = [e for e, of in zip(part, numbers, strict=True) if of == fold]
            for each in chain.from_iterable(held_out):
                likely = model.probabilities(each.candidates.features)
                rows = chosen(each.candidates, likely)
                counts[f"{name} read"] += len(rows)
                counts[f"{name} right"] += int(each.is_right[rows].sum())
                if name == "plain":
                    probabilities.append(likely)
                    right.append(each.is_right)
    likely, is_right = np.concatenate(probabilities), np.concatenate(right)
    scores = quality(likely.astype(float), is_right)
    print(
        f"{len(likely):,} candidates of plain notes, {is_right.mean():.3f} right; Brier score"
        f" {scores['brier']:.4f}, of the base rate {scores['brier_of_base_rate']:.4f}, ECE"
        f" {scores['ece']:.3f}"
    )
    for name in ("plain", "formal"):
        share = counts[f"{name} right"] / max(counts[f"{name} read"], 1)
        print(
            f"{name}: {counts[f'{name} read']:,} read from {LIKELY} on, {share:.3f} of them right"
        )


if __name__ == "__main__":
    main()
