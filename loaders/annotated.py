"""Annotated documents as a graph; the readers of PubTator and of BioC share it.

A mention becomes Document–MENTIONS–node, with its offsets in the qualifiers and its sentence. A
sentence is a title or what of another passage stands between two ends of sentences, found by a
simple rule (a mark of the end, white space, a capital, digit or bracket; not after some
abbreviations); a mention across such an end gets both. A relation holds for its document as a
whole, so it has no sentence.
"""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import DataError, SchemaError
from ..core.progress import track
from ..core.quarantine import Quarantine
from ..graph.frames import EVIDENCE_VALUES, Source
from ..graph.identifiers import normalise_curie
from ..graph.kg import KnowledgeGraph, Part
from .clinical import (
    RELEASE,
    PartBuffer,
    slug,
    yes_or_no,
)

OPTIONS = {
    "level": "text-mined (the default) or curated: who made the annotations",
    "sentences": "yes (the default) or no: whether sentences are kept, or their offsets only",
    "release": RELEASE,
}
_TEXT_MINED_RELIABILITY = 0.9  # no number of automatic annotations makes an edge surer than this

# Kinds of our schema, by the types of annotations (lower case, letters only).
_KINDS = {
    "chemical": "Drug",
    "drug": "Drug",
    "chemicalentity": "Drug",
    "disease": "Disease",
    "diseaseorphenotypicfeature": "Disease",
    "specificdisease": "Disease",
    "diseaseclass": "Disease",
    "modifier": "Disease",
    "compositemention": "Disease",
    "phenotype": "Symptom",
    "phenotypicfeature": "Symptom",
    "symptom": "Symptom",
    "gene": "Target",
    "protein": "Target",
    "geneorgeneproduct": "Target",
}
# Of an identifier without a prefix, the prefix by its kind and form.
_LOCAL_IDENTIFIERS = (
    ("Drug", r"[CD]\d+", "MESH"),
    ("Disease", r"[CD]\d+", "MESH"),
    ("Symptom", r"[CD]\d+", "MESH"),
    ("Disease", r"\d{6}", "OMIM"),
    ("Target", r"\d+", "NCBIGene"),
)
_NO_IDENTIFIER = {"", "-", "-1", "none", "null"}

# BioRED's names of relations and BC5CDR's, as PubTator 3 calls them.
_RELATION_NAMES = {
    "cid": "cause",
    "association": "associate",
    "positive_correlation": "positive_correlate",
    "negative_correlation": "negative_correlate",
    "bind": "interact",
    "drug_interaction": "drug_interact",
    "cotreatment": "cotreat",
    "comparison": "compare",
    "conversion": "convert",
}
# What each relation is between two kinds, with qualifiers. PubTator 3 states between chemicals and
# diseases what "treats" or "causes"; BioRED states that they correlate negatively or positively
# (https://doi.org/10.1093/nar/gkae235).
_Meaning = tuple[str, dict[str, str]]
_RELATIONS: dict[tuple[str, str, str], _Meaning] = {
    ("treat", "Drug", "Disease"): ("TREATS", {}),
    ("negative_correlate", "Drug", "Disease"): ("TREATS", {}),
    ("cause", "Drug", "Disease"): ("CAUSES", {}),
    ("positive_correlate", "Drug", "Disease"): ("CAUSES", {}),
    ("cause", "Drug", "Symptom"): ("CAUSES", {}),
    ("interact", "Drug", "Target"): ("TARGETS", {"action": "binder"}),
    ("inhibit", "Drug", "Target"): ("TARGETS", {"action": "inhibitor"}),
    ("stimulate", "Drug", "Target"): ("TARGETS", {"action": "activator"}),
    ("positive_correlate", "Drug", "Target"): ("UPREGULATES", {}),
    ("negative_correlate", "Drug", "Target"): ("DOWNREGULATES", {}),
    ("interact", "Target", "Target"): ("INTERACTS_WITH", {}),
    ("inhibit", "Target", "Target"): ("REGULATES", {}),
    ("stimulate", "Target", "Target"): ("REGULATES", {}),
    ("positive_correlate", "Target", "Target"): ("COVARIES_WITH", {}),
    ("negative_correlate", "Target", "Target"): ("COVARIES_WITH", {}),
    ("interact", "Drug", "Drug"): ("INTERACTS_WITH", {}),
    ("drug_interact", "Drug", "Drug"): ("INTERACTS_WITH", {}),
    **{
        (name, kind, "Target"): ("ASSOCIATED_WITH", {})
        for kind in ("Disease", "Symptom")
        for name in (
            "associate",
            "cause",
            "prevent",
            "inhibit",
            "stimulate",
            "positive_correlate",
            "negative_correlate",
        )
    },
}


@dataclass(frozen=True)
class Mention:
    """A mention: its type and identifiers as written, its offsets in the document, its text.

    Offsets are None where the file gives none.
    """

    type: str
    identifiers: str
    spans: Sequence[tuple[int, int]] = ()
    text: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Relation:
    """A relation between two entities: (type or "", identifiers as written) each."""

    type: str
    head: tuple[str, str]
    tail: tuple[str, str]
    score: float | None = None
    line: int | None = None


@dataclass
class Document:
    """A document: its identifier as written, its passages with their offsets, what is annotated."""

    id: str
    passages: list[tuple[int, str]] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)


def load_documents(
    name: str,
    home_page: str,
    documents: Iterator[tuple[Path, Document]],
    path: Path,
    quarantine: Quarantine,
    *,
    level: str,
    sentences: str,
    release: str,
) -> KnowledgeGraph:
    """The graph of documents, each given with its file.

    Raises:
        DataError: an option has no such value, or there is no document in `path`.
    """
    source = _source(name, home_page, level, release)
    annotations = _Annotations(source, level, sentences, quarantine)
    return KnowledgeGraph.from_parts(
        annotations.parts(documents, path), [source], quarantine=quarantine, origin=str(path)
    )


def _source(name: str, home_page: str, level: str, release: str) -> Source:
    allowed = [value for value in EVIDENCE_VALUES["level"] if value != "observed"]
    if level not in allowed:
        raise DataError(f"the option level is {' or '.join(allowed)}, not {level!r}")
    reliability = 1.0 if level == "curated" else _TEXT_MINED_RELIABILITY
    licence = "that of the annotated texts; NCBI's annotations are in the public domain"
    return Source(name, release, licence, home_page, reliability)


class _Annotations:
    """Turns documents into nodes and evidence."""

    def __init__(self, source: Source, level: str, sentences: str, quarantine: Quarantine):
        self._name = source.name
        self._buffer = PartBuffer(source, level)
        self._sentences = yes_or_no("sentences", sentences)
        self._quarantine = quarantine
        self._left_out = Counter[str]()

    def parts(self, documents: Iterator[tuple[Path, Document]], path: Path) -> Iterator[Part]:
        """The graph of the documents, in parts."""
        has_documents = False
        for file, document in track(documents, self._name):
            has_documents = True
            self._add(document, file)
            if self._buffer.is_full:
                yield self._buffer.take_part()
        if not has_documents:
            raise DataError(f"holds no document in the format of {self._name}", path=path)
        if self._left_out:
            counts = ", ".join(f"{name}: {n}" for name, n in sorted(self._left_out.items()))
            logging.getLogger(__name__).warning(
                "%s: annotations without a kind here: %s", self._name, counts
            )
        yield self._buffer.take_part()

    def _add(self, document: Document, path: Path) -> None:
        node = document_id(document.id)
        self._buffer.add_node(node, "Document", node)
        kinds: dict[str, str] = {}
        for mention in document.mentions:
            self._mention(document, node, mention, path, kinds)
        for relation in document.relations:
            self._relation(node, relation, path, kinds)

    def _set_aside(self, reason: str, path: Path, line: int | None, *row: object) -> None:
        self._quarantine.add(reason, path=path, line=line, row=" ".join(map(str, row)))

    def _mention(
        self, document: Document, node: str, mention: Mention, path: Path, kinds: dict[str, str]
    ) -> None:
        kind = kind_of(mention.type)
        if kind is None:
            self._left_out[slug(mention.type)[:40]] += 1
            return
        where = (node, *(f"{start}-{end}" for start, end in mention.spans))
        try:
            ids = identifiers(mention.identifiers, kind)
        except SchemaError:
            self._set_aside("malformed identifier", path, mention.line, *where)
            return
        # An entity that a relation names is known by its mention even where the offsets are wrong.
        for identifier in ids:
            kinds.setdefault(identifier, kind)
        if not ids:
            self._set_aside("mention without an identifier", path, mention.line, *where)
            return
        place = _locate(document, mention)
        if place is None:
            self._set_aside("offsets don't match the text", path, mention.line, *where)
            return
        name = " ".join(mention.text.split())
        for identifier in ids:
            # A composite mention ("liver and kidney failure") names none of its parts.
            self._buffer.add_node(identifier, kind, name if len(ids) == 1 else None)
            sentence, start, end, qualifiers = place
            self._buffer.add_evidence(
                node,
                "MENTIONS",
                identifier,
                qualifiers,
                document=node,
                sentence=sentence if self._sentences else None,
                start=start,
                end=end,
            )

    def _relation(self, node: str, relation: Relation, path: Path, kinds: dict[str, str]) -> None:
        name = relation.type.strip().lower().replace("-", "_").replace(" ", "_")
        name = _RELATION_NAMES.get(name, name)
        ends: list[list[tuple[str, str]]] = []
        for type_, written in (relation.head, relation.tail):
            try:
                end = _end(type_, written, kinds)
            except SchemaError:
                self._set_aside("malformed identifier", path, relation.line, node)
                return
            if end is None:
                self._left_out["(end of a relation)"] += 1
                return
            ends.append(end)
        if not all(ends):
            self._set_aside("relation's end is not annotated", path, relation.line, node)
            return
        for head, head_kind in ends[0]:
            for tail, tail_kind in ends[1]:
                meaning, is_reversed = _RELATIONS.get((name, head_kind, tail_kind)), False
                if meaning is None:
                    meaning, is_reversed = _RELATIONS.get((name, tail_kind, head_kind)), True
                if meaning is None or head == tail:
                    reason = "relation that the schema doesn't have"
                    row = (node, slug(name)[:40], head_kind, tail_kind)
                    self._set_aside(reason, path, relation.line, *row)
                    continue
                self._buffer.add_node(head, head_kind)
                self._buffer.add_node(tail, tail_kind)
                predicate, qualifiers = meaning
                subject, object_ = (tail, head) if is_reversed else (head, tail)
                self._buffer.add_evidence(
                    subject,
                    predicate,
                    object_,
                    {**qualifiers, "annotated_as": slug(relation.type)},
                    document=node,
                    references=[node] if node.startswith("PMID:") else [],
                    probability=relation.score,
                )


def _end(type_: str, written: str, kinds: dict[str, str]) -> list[tuple[str, str]] | None:
    """The nodes of a relation's end, with their kinds; None: of a type without a kind here."""
    if type_:
        kind = kind_of(type_)
        return None if kind is None else [(i, kind) for i in identifiers(written, kind)]
    for kind in dict.fromkeys(kinds.values()):
        try:
            nodes = [(i, kinds[i]) for i in identifiers(written, kind) if i in kinds]
        except SchemaError:
            continue
        if nodes:
            return nodes
    return []


def kind_of(type_: str) -> str | None:
    """The kind of what an annotation of this type marks; None: the graph has none for it."""
    return _KINDS.get(re.sub(r"[^a-z]", "", type_.lower()))


def identifiers(written: str, kind: str) -> list[str]:
    """The CURIEs of an annotation; of a composite mention there are several, of a bad one none.

    Raises:
        SchemaError: one is malformed.
    """
    curies = []
    for text in re.split(r"[|;,+]", written):
        local = re.sub(r"\(Tax:\d+\)|\*", "", text).strip()
        if local.lower() in _NO_IDENTIFIER or local.split(":")[-1].lower() in _NO_IDENTIFIER:
            continue
        if ":" not in local:
            fits = [
                p for k, form, p in _LOCAL_IDENTIFIERS if k == kind and re.fullmatch(form, local)
            ]
            local = f"{fits[0] if fits else 'unknown prefix'}:{local}"
        prefix, _, rest = local.partition(":")
        # "NCBI Gene", "NCBI_Gene" and plain "Gene" are all in use.
        if re.sub(r"[^a-z]", "", prefix.lower()) in ("gene", "ncbigene", "entrezgene"):
            prefix = "NCBIGene"
        curies.append(normalise_curie(f"{prefix}:{rest.strip()}"))
    return list(dict.fromkeys(curies))


def document_id(written: str) -> str:
    """The CURIE of a document: a PubMed or PMC number, else its own identifier."""
    text = written.strip()
    if re.fullmatch(r"(PMID:?)?\d+", text, re.IGNORECASE):
        return f"PMID:{re.sub(r'[^0-9]', '', text)}"
    if re.fullmatch(r"PMC\d+", text, re.IGNORECASE):
        return f"PMC:{text.upper()}"
    return f"note:{slug(text) or 'unnamed'}"


_Place = tuple[str | None, int | None, int | None, dict[str, int]]


def _locate(document: Document, mention: Mention) -> _Place | None:
    """Sentence, its offsets and the mention's; None where the text there is another one."""
    if not mention.spans:
        return None, None, None, {}
    start = min(span[0] for span in mention.spans)
    end = max(span[1] for span in mention.spans)
    for offset, text in document.passages:
        if not offset <= start < end <= offset + len(text):
            continue
        # A mention in pieces is written with something, or nothing, between them.
        pieces = "".join(text[s - offset : e - offset] for s, e in mention.spans)
        if re.sub(r"\s", "", pieces) != re.sub(r"\s", "", mention.text):
            return None
        first, last = _sentence(text, start - offset, end - offset)
        place = {"mention_start": start, "mention_end": end}
        return text[first:last], offset + first, offset + last, place
    return None


_ABBREVIATIONS = (
    "vs",
    "e.g",
    "i.e",
    "cf",
    "al",
    "Fig",
    "Figs",
    "Dr",
    "Mr",
    "Mrs",
    "St",
    "No",
    "approx",
)
_SENTENCE_END = re.compile(
    r"(?<=[.!?])"
    + "".join(rf"(?<!\b{re.escape(word)}\.)" for word in _ABBREVIATIONS)
    + r"(?<!\b[A-Z]\.)\s+(?=[A-Z0-9(\[\"'])"
)


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The offsets of the sentence (or sentences) that a stretch of a passage lies in."""
    starts = [0, *(match.end() for match in _SENTENCE_END.finditer(text))]
    first = starts[bisect_right(starts, start) - 1]
    after = bisect_right(starts, end - 1)
    last = starts[after] if after < len(starts) else len(text)
    return first, first + len(text[first:last].rstrip())
