"""Scores of extraction as a whole, from text to links and relations, on annotated notes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..core.errors import DataError
from ..core.quarantine import Quarantine
from ..graph.identifiers import name_key, name_key_of
from ..graph.kg import KnowledgeGraph
from .corpora.gold import GoldMention, GoldNote, read_gold
from .corpora.labels import MENTION_KINDS
from .documents import TextDocument
from .pipeline import process_documents
from .relations.evaluate import score

# True positives, predicted, annotated: of a document's mentions, links, values or relations.
Counts = tuple[int, int, int]

# The context's values that are not its defaults, and their attributes.
_CONTEXT_VALUES = {
    "negated": "polarity",
    "possible": "certainty",
    "hypothetical": "certainty",
    "family": "experiencer",
    "historical": "temporality",
}
_RELATIONS = ("TREATS", "CAUSES", "TARGETS", "HAS_SYMPTOM")


def evaluate_notes(folder: Path, nlp: Language, terminology: KnowledgeGraph) -> pl.DataFrame:
    """Score extraction from plain text on annotated notes.

    Args:
        folder: with `gold.jsonl` and the texts; see `read_gold`. What is named abstract… is not
            about one patient.
        nlp: the whole pipeline (`pipeline.build_pipeline`).
        terminology: the graph that it links to, for the names of its nodes.

    Returns:
        A row per part: part, precision, recall, f1, low, high, true, documents. Parts: mentions
        (span and kind), mentions that overlap (kind right, spans share a character), spans (kind
        left open), each kind; links (a strict mention's node has the annotated name; what is
        annotated without a name should have none); context values among the mentions found;
        relations between found mentions (both overlap), and with their context right too. A kind
        counts as right where one is a Disease and the other a Symptom and the node decided it.

    Raises:
        DataError: a file can't be read, or a text can't be processed.
    """
    names = _names(terminology)
    notes = read_gold(folder)
    documents = [
        TextDocument(
            f"note:{note.document}",
            note.text,
            None if note.document.startswith("abstract") else f"patient:{note.document}",
        )
        for note in notes
    ]
    quarantine = Quarantine()
    docs = {document.id: doc for document, doc in process_documents(nlp, documents, quarantine)}
    if refused := quarantine.counts():
        reason, number = next(iter(refused.items()))
        raise DataError(f"{number} of its texts can't be scored: {reason}", path=folder)
    counts: dict[str, list[Counts]] = defaultdict(list)
    for note, document in zip(notes, documents, strict=True):
        aligned = _align(note, docs[document.id])
        for part, of_document in {
            **_mention_counts(aligned),
            **_link_counts(aligned, names),
            **_context_counts(aligned),
            **_relation_counts(aligned),
        }.items():
            counts[part].append(of_document)
    return pl.DataFrame([{"part": part, **asdict(score(rows))} for part, rows in counts.items()])


def _names(terminology: KnowledgeGraph) -> dict[str, set[str]]:
    """The keys of every name of a node."""
    nodes = terminology.nodes
    rows = pl.concat(
        [nodes.select("id", "name"), nodes.select("id", name="synonyms").explode("name")]
    )
    keyed = rows.with_columns(key=name_key(pl.col("name"))).drop_nulls().group_by("id").agg("key")
    return {identifier: set(keys) for identifier, keys in keyed.iter_rows()}


@dataclass(frozen=True)
class _Aligned:
    """An annotated note, what was found in it, and which mention is which.

    Attributes:
        spans: the mentions found.
        exact: by gold mention's id the index of the span with its characters and kind.
        overlapping: the same, of a span that shares a character with it; each span is used once.
    """

    note: GoldNote
    doc: Doc
    spans: list[Span]
    exact: dict[str, int]
    overlapping: dict[str, int]

    @property
    def pairs(self) -> list[tuple[GoldMention, Span]]:
        """The gold mentions that were found, overlaps included, and what was found."""
        return [
            (m, self.spans[self.overlapping[m.id]])
            for m in self.note.mentions
            if m.id in self.overlapping
        ]


def _align(note: GoldNote, doc: Doc) -> _Aligned:
    spans = list(doc.spans["mentions"])
    by_offsets = {(s.start_char, s.end_char): n for n, s in enumerate(spans)}
    exact: dict[str, int] = {}
    overlapping: dict[str, int] = {}
    taken: set[int] = set()
    for mention in note.mentions:
        same = by_offsets.get((mention.start, mention.end))
        if same is not None and _same_kind(mention.kind, spans[same].label_):
            exact[mention.id] = same
        touching = [
            n
            for n, s in enumerate(spans)
            if s.start_char < mention.end and mention.start < s.end_char
            if _same_kind(mention.kind, s.label_) and n not in taken
        ]
        chosen = same if same in touching else (touching[0] if touching else None)
        if chosen is not None:
            overlapping[mention.id] = chosen
            taken.add(chosen)
    return _Aligned(note, doc, spans, exact, overlapping)


def _same_kind(gold: str, predicted: str) -> bool:
    return gold == predicted or {gold, predicted} == {"Disease", "Symptom"}


def _mention_counts(aligned: _Aligned) -> dict[str, Counts]:
    gold, spans, exact = aligned.note.mentions, aligned.spans, aligned.exact
    offsets = {(s.start_char, s.end_char) for s in spans}
    same_offsets = sum((m.start, m.end) in offsets for m in gold)
    counts = {
        "mentions": (len(exact), len(spans), len(gold)),
        "mentions, overlapping": (len(aligned.overlapping), len(spans), len(gold)),
        "mentions, any kind": (same_offsets, len(spans), len(gold)),
    }
    for kind in MENTION_KINDS:
        of_kind = [m for m in gold if m.kind == kind]
        right = sum(m.id in exact and spans[exact[m.id]].label_ == kind for m in of_kind)
        counts[f"mentions: {kind}"] = (right, sum(s.label_ == kind for s in spans), len(of_kind))
    return counts


def _link_counts(aligned: _Aligned, names: Mapping[str, set[str]]) -> dict[str, Counts]:
    gold, exact = aligned.note.mentions, aligned.exact
    named = [m for m in gold if m.name]
    links = {
        m.id: identifier
        for m in gold
        if m.id in exact and (identifier := aligned.spans[exact[m.id]]._.identifier)
    }
    right = sum(
        m.id in links and name_key_of(m.name or "") in names.get(links[m.id], ()) for m in named
    )
    return {
        "links": (right, len(links), len(named)),
        "links of mentions found": (right, len(links), sum(m.id in exact for m in named)),
    }


def _context_counts(aligned: _Aligned) -> dict[str, Counts]:
    counts = {}
    for value, attribute in _CONTEXT_VALUES.items():
        gold = [mention.context[attribute] == value for mention, _ in aligned.pairs]
        predicted = [getattr(span._, attribute) == value for _, span in aligned.pairs]
        right = sum(g and f for g, f in zip(gold, predicted, strict=True))
        counts[f"context of mentions found: {value}"] = (right, sum(predicted), sum(gold))
    return counts


def _relation_counts(aligned: _Aligned) -> dict[str, Counts]:
    place = {(span.start, span.end): n for n, span in enumerate(aligned.spans)}
    contexts = {
        (place[r.head.start, r.head.end], r.relation, place[r.tail.start, r.tail.end]): r.context
        for r in aligned.doc._.relations
    }
    polarity = {m.id: m.context["polarity"] for m in aligned.note.mentions}
    counts: dict[str, Counts] = {}
    reachable = right_polarity = 0
    for name in _RELATIONS:
        right = 0
        gold = [r for r in aligned.note.relations if r.relation == name]
        for relation in gold:
            head = aligned.overlapping.get(relation.head)
            tail = aligned.overlapping.get(relation.tail)
            if head is None or tail is None:
                continue
            reachable += 1
            context = contexts.get((head, name, tail))
            if context is not None:
                right += 1
                negated = "negated" in (polarity[relation.head], polarity[relation.tail])
                right_polarity += negated == (context["polarity"] == "negated")
        predicted = sum(relation == name for _, relation, _ in contexts)
        counts[f"relations: {name}"] = (right, predicted, len(gold))
    right, predicted, true = (sum(column) for column in zip(*counts.values(), strict=True))
    return {
        **counts,
        "relations": (right, predicted, true),
        "relations, polarity right too": (right_polarity, predicted, true),
        "relations whose mentions were found": (right, predicted, reachable),
    }
