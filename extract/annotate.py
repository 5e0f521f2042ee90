"""Documents with what the pipeline finds in each, as plain data."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from spacy.language import Language
from spacy.tokens import Span

from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..graph.kg import KnowledgeGraph
from .annotated import (
    AnnotatedText,
    End,
    Mention,
    Related,
    Triple,
)
from .context.attributes import DEFAULTS
from .documents import TextDocument
from .pipeline import _BATCH, GraphRows, process_documents


def annotate_documents(
    nlp: Language,
    documents: Iterable[TextDocument],
    terminology: KnowledgeGraph,
    quarantine: Quarantine,
) -> Iterator[AnnotatedText]:
    """Read documents, one after the other.

    Args:
        nlp: see `build_pipeline`.
        terminology: the graph that the pipeline links to.
        quarantine: gets the documents that can't be read, by name.
    """
    nodes = {
        identifier: (name, kind)
        for identifier, name, kind in terminology.nodes.select("id", "name", "kind").iter_rows()
    }
    stream = iter(documents)
    with progress("Read") as advance:
        while batch := list(islice(stream, _BATCH)):
            for document, doc in process_documents(nlp, batch, quarantine):
                rows = GraphRows(sentences=False)
                rows.add(document, doc)
                own = {i: (row["name"], row["kind"]) for i, row in rows.nodes.items()}
                named = ChainMap(own, nodes)
                spans = doc.spans["mentions"]
                places = {(span.start, span.end): n for n, span in enumerate(spans)}
                yield AnnotatedText(
                    document.id,
                    document.text,
                    tuple(_mention(span, nodes) for span in spans),
                    tuple(
                        _triple(row, named)
                        for row in rows.evidence
                        if row["relation"] != "MENTIONS"
                    ),
                    tuple(
                        Related(
                            places[found.head.start, found.head.end],
                            found.relation,
                            places[found.tail.start, found.tail.end],
                            found.probability,
                            found.qualifiers.get("action"),
                        )
                        for found in doc._.relations
                        if found.context["polarity"] != "negated"
                    ),
                    tuple((s.start_char, s.end_char) for s in doc.sents),
                )
            advance(len(batch))


def _mention(span: Span, nodes: Mapping[str, tuple[str, str]]) -> Mention:
    identifier = span._.identifier
    said = {name: getattr(span._, name) for name in DEFAULTS}
    return Mention(
        span.start_char,
        span.end_char,
        span.text,
        span.label_,
        round(float(span._.probability), 4),
        identifier,
        nodes[identifier][0] if identifier is not None else None,
        round(float(span._.link_score), 4),
        _context(said),
    )


def _triple(row: Mapping[str, Any], nodes: Mapping[str, tuple[str, str]]) -> Triple:
    qualifiers = json.loads(row["qualifiers"] or "{}")
    ends = []
    for role in ("subject", "object"):
        # A statement about the patient has one mention, its object.
        mention = role if "subject_start" in qualifiers else "mention"
        start = end = None
        if role == "object" or mention == "subject":
            start, end = qualifiers.get(f"{mention}_start"), qualifiers.get(f"{mention}_end")
        ends.append(End(row[role], *nodes[row[role]], start, end))
    return Triple(
        ends[0],
        row["relation"],
        ends[1],
        row["probability"],
        row["start"],
        row["end"],
        _context(row),
        _as_written(qualifiers),
    )


def _context(said: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(said[n] for n, usual in DEFAULTS.items() if said.get(n, usual) != usual)


def _as_written(qualifiers: Mapping[str, Any]) -> dict[str, str]:
    """What is said of a triple as a reader has it in the text: a value with its unit, once."""
    said = {
        name: f"{value:.12g}" if isinstance(value, float) else str(value)
        for name, value in qualifiers.items()
        if not name.endswith(("_start", "_end")) and not name.startswith("standard_")
    }
    if "value" in said and "unit" in said:
        said["value"] += f" {said.pop('unit')}"
    return said
