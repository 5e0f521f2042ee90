"""Scores of the whole way from text, on annotated notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
from spacy.language import Language
from spacy.tokens import Doc

from ..core.errors import DataError
from ..core.quarantine import Quarantine
from ..graph.identifiers import name_key, name_key_of
from ..graph.kg import KnowledgeGraph
from .corpora.gold import read_gold
from .documents import TextDocument
from .pipeline import _read
from .relations.evaluate import Score, score

# Values of the context that are not the plain one.
_VALUES = {
    "negated": "polarity",
    "possible": "certainty",
    "hypothetical": "certainty",
    "family": "experiencer",
    "historical": "temporality",
}


def evaluate_notes(folder: Path, nlp: Language, terminology: KnowledgeGraph) -> pl.DataFrame:
    """Score the whole way from plain text on annotated notes.

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
    parts: dict[str, list[tuple[int, int, int]]] = {}
    gold = read_gold(folder)
    documents = [
        TextDocument(
            f"note:{row['document']}",
            row["text"],
            None if row["document"].startswith("abstract") else f"patient:{row['document']}",
        )
        for row in gold
    ]
    aside = Quarantine()
    read = {document.id: doc for document, doc in _read(nlp, documents, aside)}
    if refused := aside.counts():
        reason, number = next(iter(refused.items()))
        raise DataError(f"{number} of its texts can't be scored: {reason}", path=folder)
    for row, document in zip(gold, documents, strict=True):
        for part, counts in _compare(row, read[document.id], names).items():
            parts.setdefault(part, []).append(counts)
    scores: dict[str, Score] = {part: score(rows) for part, rows in parts.items()}
    return pl.DataFrame([{"part": part, **asdict(s)} for part, s in scores.items()])


def _names(terminology: KnowledgeGraph) -> dict[str, set[str]]:
    """The keys of every name of a node."""
    nodes = terminology.nodes
    rows = pl.concat(
        [nodes.select("id", "name"), nodes.select("id", name="synonyms").explode("name")]
    )
    keyed = rows.with_columns(key=name_key(pl.col("name"))).drop_nulls().group_by("id").agg("key")
    return {identifier: set(keys) for identifier, keys in keyed.iter_rows()}


def _same_kind(gold: str, found: str) -> bool:
    return gold == found or {gold, found} == {"Disease", "Symptom"}


def _compare(
    row: Mapping[str, Any], doc: Doc, names: Mapping[str, set[str]]
) -> dict[str, tuple[int, int, int]]:
    gold: Sequence[Mapping[str, Any]] = row["mentions"]
    spans = list(doc.spans["mentions"])
    strict = {(s.start_char, s.end_char): n for n, s in enumerate(spans)}
    overlap: dict[str, int] = {}
    exact: dict[str, int] = {}
    taken: set[int] = set()
    for mention in gold:
        place = strict.get((mention["start"], mention["end"]))
        if place is not None and _same_kind(mention["kind"], spans[place].label_):
            exact[mention["id"]] = place
        touching = [
            n
            for n, s in enumerate(spans)
            if s.start_char < mention["end"] and mention["start"] < s.end_char
            if _same_kind(mention["kind"], s.label_) and n not in taken
        ]
        chosen = place if place in touching else (touching[0] if touching else None)
        if chosen is not None:
            overlap[mention["id"]] = chosen
            taken.add(chosen)
    result = {
        "mentions": (len(exact), len(spans), len(gold)),
        "mentions, overlapping": (len(overlap), len(spans), len(gold)),
        "mentions, any kind": (
            sum((m["start"], m["end"]) in strict for m in gold),
            len(spans),
            len(gold),
        ),
    }
    for kind in ("Disease", "Symptom", "Drug", "Target", "Procedure"):
        mine = [m for m in gold if m["kind"] == kind]
        right = sum(m["id"] in exact and spans[exact[m["id"]]].label_ == kind for m in mine)
        result[f"mentions: {kind}"] = (right, sum(s.label_ == kind for s in spans), len(mine))
    named = [m for m in gold if m["name"]]
    linked = [m for m in gold if m["id"] in exact and spans[exact[m["id"]]]._.identifier]
    right = sum(
        bool(m["name"])
        and name_key_of(m["name"]) in names.get(spans[exact[m["id"]]]._.identifier, ())
        for m in linked
    )
    found_named = [m for m in named if m["id"] in exact]
    result["links"] = (right, len(linked), len(named))
    result["links of mentions found"] = (right, len(linked), len(found_named))
    both = [(m, spans[overlap[m["id"]]]) for m in gold if m["id"] in overlap]
    for value, attribute in _VALUES.items():
        true = [mention[attribute] == value for mention, _ in both]
        found = [getattr(span._, attribute) == value for _, span in both]
        agreed = sum(t and f for t, f in zip(true, found, strict=True))
        result[f"context of mentions found: {value}"] = (agreed, sum(found), sum(true))
    return {**result, **_compare_relations(row, doc, overlap, spans)}


def _compare_relations(
    row: Mapping[str, Any], doc: Doc, overlap: Mapping[str, int], spans: Sequence[Any]
) -> dict[str, tuple[int, int, int]]:
    place = {(span.start, span.end): n for n, span in enumerate(spans)}
    found = {
        (place[r.head.start, r.head.end], r.relation, place[r.tail.start, r.tail.end]): r.context
        for r in doc._.relations
    }
    kinds = {m["id"]: m for m in row["mentions"]}
    result: dict[str, tuple[int, int, int]] = {}
    names = ("TREATS", "CAUSES", "TARGETS", "HAS_SYMPTOM")
    totals = [0, 0, 0]
    with_context = 0
    reachable = 0
    for name in names:
        right = 0
        mine = [r for r in row["relations"] if r["relation"] == name]
        for relation in mine:
            ends = (overlap.get(relation["head"]), overlap.get(relation["tail"]))
            if ends[0] is None or ends[1] is None:
                continue
            reachable += 1
            context = found.get((ends[0], name, ends[1]))
            if context is not None:
                right += 1
                head, tail = kinds[relation["head"]], kinds[relation["tail"]]
                negated = "negated" in (head["polarity"], tail["polarity"])
                with_context += negated == (context["polarity"] == "negated")
        count = sum(relation == name for _, relation, _ in found)
        result[f"relations: {name}"] = (right, count, len(mine))
        totals = [totals[0] + right, totals[1] + count, totals[2] + len(mine)]
    result["relations"] = (totals[0], totals[1], totals[2])
    result["relations, polarity right too"] = (with_context, totals[1], totals[2])
    result["relations whose mentions were found"] = (totals[0], totals[1], reachable)
    return result
