"""Run the pipeline over documents and return the annotations of each as plain data."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..core.json_reading import parse_object
from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..graph.kg import KnowledgeGraph
from ..graph.languages import named_in
from .annotated import (
    AnnotatedText,
    End,
    Mention,
    Related,
    Triple,
)
from .context.attributes import DEFAULTS
from .documents import TextDocument
from .pipeline import BATCH_SIZE, GraphRows, process_documents


def annotate_documents(
    nlp: Language,
    documents: Iterable[TextDocument],
    terminology: KnowledgeGraph,
    quarantine: Quarantine,
    names: str | None = None,
) -> Iterator[AnnotatedText]:
    """Annotate documents one after the other with mentions, relations and triples.

    Args:
        nlp: see `build_pipeline`.
        terminology: the graph that the pipeline links to.
        quarantine: gets the documents that can't be read, by name.
        names: the language that nodes are named in where they have a name in it.
    """
    shown = terminology if names is None else named_in(names, terminology)
    nodes = {
        identifier: (name, kind)
        for identifier, name, kind in shown.nodes.select("id", "name", "kind").iter_rows()
    }
    stream = iter(documents)
    with progress("Read") as advance:
        while batch := list(islice(stream, BATCH_SIZE)):
            # What spaCy remembers of a text's words goes with the text.
            with nlp.memory_zone():
                annotated = [
                    _annotated_text(document, doc, nodes)
                    for document, doc in process_documents(nlp, batch, quarantine)
                ]
            yield from annotated
            advance(len(batch))


def _annotated_text(
    document: TextDocument, doc: Doc, nodes: dict[str, tuple[str, str]]
) -> AnnotatedText:
    """The annotations of a document; `nodes` are (name, kind) by identifier."""
    rows = GraphRows(sentences=False)
    rows.add(document, doc)
    own_nodes = {i: (row["name"], row["kind"]) for i, row in rows.nodes.items()}
    all_nodes = ChainMap(own_nodes, nodes)
    mentions = doc.spans["mentions"]
    index_of = {(mention.start, mention.end): n for n, mention in enumerate(mentions)}
    return AnnotatedText(
        document.id,
        document.text,
        tuple(_mention(mention, nodes) for mention in mentions),
        tuple(_triple(row, all_nodes) for row in rows.evidence if row["relation"] != "MENTIONS"),
        tuple(
            Related(
                index_of[relation.head.start, relation.head.end],
                relation.relation,
                index_of[relation.tail.start, relation.tail.end],
                relation.probability,
                relation.qualifiers.get("action"),
            )
            for relation in doc._.relations
            if relation.context["polarity"] != "negated"
        ),
        tuple((s.start_char, s.end_char) for s in doc.sents),
    )


def _mention(span: Span, nodes: Mapping[str, tuple[str, str]]) -> Mention:
    identifier = span._.identifier
    context = {name: getattr(span._, name) for name in DEFAULTS}
    return Mention(
        span.start_char,
        span.end_char,
        span.text,
        span.label_,
        round(float(span._.probability), 4),
        identifier,
        nodes[identifier][0] if identifier is not None else None,
        round(float(span._.link_score), 4),
        _context(context),
    )


def _triple(row: Mapping[str, Any], nodes: Mapping[str, tuple[str, str]]) -> Triple:
    qualifiers = parse_object(row["qualifiers"])
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


def _context(values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        values[name] for name, default in DEFAULTS.items() if values.get(name, default) != default
    )


def _as_written(qualifiers: Mapping[str, Any]) -> dict[str, str]:
    """The qualifiers of a triple as its text has them: a value with its unit, and no offsets."""
    texts = {
        name: f"{value:.12g}" if isinstance(value, float) else str(value)
        for name, value in qualifiers.items()
        if not name.endswith(("_start", "_end")) and not name.startswith("standard_")
    }
    if "value" in texts and "unit" in texts:
        texts["value"] += f" {texts.pop('unit')}"
    return texts
