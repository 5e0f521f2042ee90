"""Evaluate relations that no corpus annotates, on this project's own annotation.

`data/relation_labels.tsv` (Target–ASSOCIATED_WITH–condition, Drug–CONTRAINDICATED_FOR–condition)
and `data/maccrobat_has_symptom.tsv` (`evaluate_symptoms`) point into BC5CDR, MACCROBAT, NCBI
disease and ChemProt, which must be at hand.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
from spacy.tokens import Doc, Span

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from ..context import context as _context
from ..context.context import relation_context
from ..corpora.document import Document, flat_mentions
from ..corpora.files import read_text
from ..corpora.readers import READERS
from ..mentions.recogniser import PredictedMention, set_mentions
from ..tokens import blank
from .candidates import relation_candidates
from .component import RelationsComponent
from .distant import association
from .evaluate import score
from .evaluate_rules import evaluate_symptoms
from .model import RelationModel
from .pairs import EntityPair
from .rules import association_rule, drug_rule

LABELS = Path(__file__).parent.parent / "data" / "relation_labels.tsv"
_HEADS = {"ASSOCIATED_WITH": "Target", "CONTRAINDICATED_FOR": "Drug"}
_Span = tuple[int, int]


@dataclass(frozen=True)
class LabelledSentence:
    """A sentence with its annotated pairs: (head, tail) in characters → 1, 0 or -1."""

    corpus: str
    document: str
    relation: str
    stratum: str
    doc: Doc
    labels: dict[tuple[_Span, _Span], int]

    def pairs(self) -> Iterator[tuple[EntityPair, Span, Span, int]]:
        """The pairs in the form of rules and models, with their two mentions and labels."""
        for first, second, pair, _ in relation_candidates(self.doc):
            for head, tail in ((first, second), (second, first)):
                label = self.labels.get((_offsets(head), _offsets(tail)))
                if label is not None:
                    yield pair, head, tail, label


def labelled_sentences(corpora: Path, part: str) -> list[LabelledSentence]:
    """The annotated sentences of a part, "dev" or "test".

    The mentions are those annotated and the corpus' own, with their context.

    Raises:
        DataError: a corpus is not there, can't be read or lacks a document.
    """
    documents = _documents(corpora)
    rows = csv.DictReader(read_text(LABELS).splitlines(), delimiter="\t")
    grouped: dict[tuple[str, str, str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if row["split"] == part:
            key = row["corpus"], row["document"], row["sentence_start"], row["relation"]
            grouped[key].append(row)
    sentences = []
    for (corpus, name, _, relation), group in grouped.items():
        if (corpus, name) not in documents:
            raise DataError(f"lacks the document {name} of {corpus}", path=corpora)
        document, corpus_format = documents[corpus, name]
        start, end = int(group[0]["sentence_start"]), int(group[0]["sentence_end"])
        kinds: dict[_Span, str] = {}
        labels = {}
        for row in group:
            head = int(row["head_start"]) - start, int(row["head_end"]) - start
            tail = int(row["tail_start"]) - start, int(row["tail_end"]) - start
            kinds[head], kinds[tail] = _HEADS[relation], row["tail_kind"]
            labels[head, tail] = int(row["label"])
        mentions = [
            (m.start - start, m.end - start, m.kind)
            for m in flat_mentions(document, corpus_format)
            if start <= m.start and m.end <= end
        ]
        for mention_start, mention_end, kind in mentions:
            if all(mention_end <= s or e <= mention_start for s, e in kinds):
                kinds[mention_start, mention_end] = kind
        doc = _sentence(document.text[start:end], kinds)
        sentences.append(LabelledSentence(corpus, name, relation, group[0]["stratum"], doc, labels))
    return sentences


def _sentence(text: str, kinds: dict[_Span, str]) -> Doc:
    doc = blank().make_doc(text)
    for token in doc:
        token.is_sent_start = token.i == 0
    set_mentions(
        doc,
        [PredictedMention(start, end, kind, 1.0) for (start, end), kind in sorted(kinds.items())],
    )
    return _context.Context()(doc)


def evaluate_labels(corpora: Path, part: str = "test", model: Path | None = None) -> pl.DataFrame:
    """Score the component `medkg_relations` on the annotated pairs, with annotated mentions.

    Args:
        corpora: the folder that holds bc5cdr/, maccrobat/, ncbi_disease/ and chemprot/.
        part: "dev", on which rules were written and probabilities calibrated, or "test".
        model: a relation model's folder; None: the shipped one.

    Returns:
        A row for each relation, stratum (all, random, trigger) and method: "medkg", "rules" (the
        rules alone) and "all pairs of a sentence"; with precision, recall, f1, low, high (95 %
        bootstrap interval of F1 over documents), true, documents. A pair that is denied counts as
        none.

    Raises:
        DataError: a corpus is not there, can't be read or lacks a document.
        ModelError: the model can't be loaded.
    """
    sentences = labelled_sentences(corpora, part)
    component = RelationsComponent(RelationModel.load(model))
    list(component.pipe(sentence.doc for sentence in sentences))
    rows = []
    for relation in _HEADS:
        of_relation = [sentence for sentence in sentences if sentence.relation == relation]
        for stratum in ("all", "random", "trigger"):
            selected = [s for s in of_relation if stratum in ("all", s.stratum)]
            for method in ("medkg", "rules", "all pairs of a sentence"):
                counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
                for sentence in selected:
                    count = counts[sentence.document]
                    positive = {key for key, label in sentence.labels.items() if label == 1}
                    predicted = _predicted_pairs(sentence, method)
                    count[0] += len(predicted & positive)
                    count[1] += len(predicted)
                    count[2] += len(positive)
                scored = score(
                    (right, predicted, true) for right, predicted, true in counts.values()
                )
                rows.append(
                    {"relation": relation, "stratum": stratum, "method": method, **asdict(scored)}
                )
    archive = next((corpora / "maccrobat").glob("maccrobat.tar*"))
    symptoms = evaluate_symptoms(archive, part).select(
        pl.lit("HAS_SYMPTOM").alias("relation"),
        pl.lit("all").alias("stratum"),
        pl.col("method").replace({"all pairs": "all pairs of a sentence"}),
        pl.exclude("method"),
    )
    return pl.concat([pl.DataFrame(rows), symptoms])


def calibration(corpora: Path, part: str = "test") -> list[tuple[float, bool]]:
    """The probability of every pair predicted as associated, and whether it is."""
    return [
        (predicted.probability, label == 1)
        for sentence in labelled_sentences(corpora, part)
        if sentence.relation == "ASSOCIATED_WITH"
        for pair, _, _, label in sentence.pairs()
        if (predicted := association(pair)) is not None and not predicted.denied
    ]


def _predicted_pairs(sentence: LabelledSentence, method: str) -> set[tuple[_Span, _Span]]:
    if method == "all pairs of a sentence":
        return set(sentence.labels)
    if method == "medkg":
        asserted = {
            frozenset((_offsets(r.head), _offsets(r.tail)))
            for r in sentence.doc._.relations
            if r.relation == sentence.relation and r.context["polarity"] == "asserted"
        }
        return {key for key in sentence.labels if frozenset(key) in asserted}
    rule = association_rule if sentence.relation == "ASSOCIATED_WITH" else drug_rule
    return {
        (_offsets(head), _offsets(tail))
        for pair, head, tail, _ in sentence.pairs()
        if (match := rule(pair)) is not None
        and match.relation == sentence.relation
        and relation_context(head, tail, sentence.relation)["polarity"] == "asserted"
    }


def _offsets(mention: Span) -> _Span:
    return mention.start_char, mention.end_char


# Where the annotated documents lie in a folder of corpora, plain or `.xz`, and their format.
_FILES = (
    ("bc5cdr", "pubtator", "bc5cdr/CDR_TrainingSet.PubTator.txt"),
    ("bc5cdr", "pubtator", "bc5cdr/CDR_DevelopmentSet.PubTator.txt"),
    ("maccrobat", "brat", "maccrobat/maccrobat.tar"),
    ("ncbi", "ncbi", "ncbi_disease/NCBItrainset_corpus.txt"),
    ("chemprot", "chemprot", "chemprot/chemprot_training_abstracts.tsv"),
)


def _documents(corpora: Path) -> dict[tuple[str, str], tuple[Document, str]]:
    documents = {}
    for corpus, corpus_format, name in _FILES:
        files = sorted(corpora.glob(f"{name}*"))
        if not files:
            raise DataError("is not there", path=corpora / name)
        for document in READERS[corpus_format](files[0], Quarantine()):
            documents[corpus, document.id] = document, corpus_format
    return documents
