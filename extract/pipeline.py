"""Documents to a KnowledgeGraph: the whole way from text to evidence."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..graph.errors import DataError
from ..graph.frames import EVIDENCE, NODES, Source
from ..graph.identifiers import is_curie, name_key_of
from ..graph.kg import KnowledgeGraph
from ..graph.progress import progress
from ..graph.quarantine import Quarantine
from ..graph.text import decode
from . import gazetteer as _gazetteer  # noqa: F401
from . import linker as _linker  # noqa: F401 (they register their components)
from . import ner as _ner  # noqa: F401
from . import sentences as _sentences  # noqa: F401
from .context import DEFAULTS
from .corpora import read_pubtator
from .doses import dosage
from .relations import FoundRelation
from .spacy_ner import is_spacy_model
from .tokens import blank

SOURCE = "text"
# Of what text mining asserts, however often it does.
RELIABILITY = 0.9
# A mention that links to nothing becomes a node of its own from this probability on.
UNLINKED = 0.8
_BATCH = 32
# The relation of a patient to a mention, by the mention's kind.
_OF_PATIENT = {
    "Disease": "HAS_DISEASE",
    "Symptom": "HAS_PHENOTYPE",
    "Drug": "TAKES",
    "Procedure": "UNDERWENT",
}


@dataclass(frozen=True)
class TextDocument:
    """A text to read: the CURIE of its Document node, and of its patient if it is about one."""

    id: str
    text: str
    patient: str | None = None


def build_pipeline(
    terminology: KnowledgeGraph,
    *,
    ner_model: Path | str | None = None,
    relations_model: Path | None = None,
) -> Language:
    """A spaCy pipeline of sentences, mentions, names, context, links and relations.

    Args:
        terminology: the graph whose names the mentions are linked to.
        ner_model: folder of a mention recogniser, or any spaCy model, such as scispaCy's
            `en_ner_bc5cdr_md`, by name or folder; None: the one that ships.
        relations_model: folder of a relation model; None: the one that ships.

    Raises:
        ModelError: a model is missing or damaged.
    """
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    if ner_model is not None and is_spacy_model(str(ner_model)):
        nlp.add_pipe("medkg_spacy_ner", config={"model": str(ner_model)})
    else:
        nlp.add_pipe("medkg_ner", config={"model": str(ner_model) if ner_model else None})
    nlp.add_pipe("medkg_names")
    nlp.add_pipe("medkg_context")
    nlp.add_pipe("medkg_linker")
    nlp.add_pipe(
        "medkg_relations", config={"model": str(relations_model) if relations_model else None}
    )
    nlp.get_pipe("medkg_names").use(terminology)
    nlp.get_pipe("medkg_linker").use(terminology)
    return nlp


def read_documents(
    paths: Iterable[Path | str], quarantine: Quarantine, *, patients: bool = True
) -> Iterator[TextDocument]:
    """The documents of text files, folders of them, PubTator files and `FILE.csv:COLUMN`.

    A file that starts as PubTator does (`ID|t|TITLE`) is one, its documents are named `PMID:` and
    have no patient. A text is named `note:` by its file's name without the ending (of a folder
    given, by its path inside), a row of a CSV file by file and row. What can't be read, is
    empty or is not UTF-8 goes to `quarantine`.

    Args:
        patients: a text or row is a note about one patient, of its own name.

    Raises:
        DataError: a path is not there, or a CSV file has no such column.
    """
    seen: set[str] = set()
    for path in paths:
        for document in _documents_of(str(path), quarantine, patients):
            if document.id in seen:
                quarantine.add("document given twice", path=path, row=document.id)
                continue
            seen.add(document.id)
            yield document


def _documents_of(path: str, quarantine: Quarantine, patients: bool) -> Iterator[TextDocument]:
    file, _, column = path.rpartition(":")
    if column and file.lower().endswith(".csv") and not Path(path).exists():
        yield from _csv_documents(Path(file), column, quarantine, patients)
        return
    place = Path(path)
    if not place.exists():
        raise DataError("is not there; give a text file, a folder, or FILE.csv:COLUMN", path=path)
    files = sorted(p for p in place.rglob("*.txt") if p.is_file()) if place.is_dir() else [place]
    if not files:
        raise DataError("is a folder without .txt files", path=path)
    for file_path in files:
        try:
            text = decode(file_path.read_bytes(), file_path)
        except OSError:
            quarantine.add("file can't be read", path=file_path)
        except DataError as error:
            empty = "is empty" in str(error)
            quarantine.add("file is empty" if empty else "file is not UTF-8 text", path=file_path)
        else:
            if _is_pubtator(text):
                for document in read_pubtator(file_path, quarantine):
                    prefix = "PMID" if document.id.isdigit() else "note"
                    yield TextDocument(f"{prefix}:{_slug(document.id)}", document.text)
            else:
                # Folders hold one patient each as often as not, all with files of the same names.
                within = file_path.relative_to(place) if place.is_dir() else Path(file_path.name)
                name = _slug(within.with_suffix("").as_posix())
                yield TextDocument(f"note:{name}", text, f"patient:{name}" if patients else None)


def _is_pubtator(text: str) -> bool:
    first = text.lstrip().split("\n", 1)[0]
    head, mark, _ = first.partition("|t|")
    return bool(mark) and bool(head) and " " not in head and "|" not in head


def _csv_documents(
    path: Path, column: str, quarantine: Quarantine, patients: bool
) -> Iterator[TextDocument]:
    try:
        text = decode(path.read_bytes(), path)
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", path=path) from error
    csv.field_size_limit(max(len(text), csv.field_size_limit()))  # a field may be a long note
    rows = csv.reader(io.StringIO(text, newline=""))
    header = next(rows)
    if column not in header:
        # What it has instead is not said: without a header, the first line is a note.
        raise DataError(f"has no column {column!r} in its first line", path=path)
    for number, row in enumerate(filter(None, rows), start=1):
        if len(row) != len(header):
            quarantine.add(
                "wrong number of columns", path=path, line=rows.line_num, row=f"row {number}"
            )
            continue
        value = row[header.index(column)]
        if not value.strip():
            quarantine.add("row without text", path=path, line=rows.line_num, row=f"row {number}")
            continue
        name = f"{_slug(path.stem)}-{number}"
        yield TextDocument(f"note:{name}", value, f"patient:{name}" if patients else None)


def _slug(name: str) -> str:
    return "-".join(name.split()) or "unnamed"


def extract(
    documents: Iterable[TextDocument],
    terminology: KnowledgeGraph,
    *,
    model: Path | str | None = None,
    relations_model: Path | None = None,
    sentences: bool = True,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """Read documents into a graph of their own, to be merged with the terminology's.

    Nodes: the documents, their patients, the terminology's nodes that are mentioned (with name,
    synonyms and cross-references, so that merging joins them), and mentions that link to nothing
    as `text:` nodes where the recogniser is sure of them. Evidence, all "text-mined":

    - Document–MENTIONS–node, offsets in the qualifiers;
    - relations of a sentence, with its context. Probability: the relation's times both ends' link
      scores (an unlinked end counts with its mention's probability);
    - of a patient: HAS_PHENOTYPE, HAS_DISEASE, UNDERWENT and TAKES (dose, route, frequency) with
      the mention's context, LACKS_PHENOTYPE for a denied symptom. Probability: the mention's times
      its link score.

    Args:
        model: folder of a mention recogniser, or any spaCy model by name or folder; None: the one
            that ships.
        relations_model: folder of a relation model; None: the one that ships.
        sentences: keep the sentences; without, only their offsets.
        quarantine: gets the documents that can't be read, by name.

    Raises:
        ModelError: a model is missing or damaged.
        DataError: without a quarantine, a document can't be read.
    """
    own = Quarantine()
    nlp = build_pipeline(terminology, ner_model=model, relations_model=relations_model)
    config = nlp.get_pipe("medkg_relations").model.about
    rows = _Rows(sentences)
    with progress("Extract") as advance:
        stream = iter(documents)
        while batch := list(islice(stream, _BATCH)):
            for document, doc in _read(nlp, batch, own):
                rows.add(document, doc)
            advance(len(batch))
    if quarantine is not None:
        quarantine.extend(own)
    elif len(own):
        first = own.rows[0]
        raise DataError(
            f"{len(own)} documents can't be read; the first: {first.reason}", path=first.path
        )
    source = Source(
        SOURCE,
        version("medkg"),
        f"text: its owner's; extracted with models of {config.get('licence', 'their own licence')}",
        reliability=RELIABILITY,
    )
    return rows.graph(terminology, source)


def _read(
    nlp: Language, batch: Sequence[TextDocument], quarantine: Quarantine
) -> Iterator[tuple[TextDocument, Doc]]:
    """The documents with what the pipeline found; one that fails is set aside, by its name only."""
    short = []
    for document in batch:
        if not is_curie(document.id):
            quarantine.add("document's identifier is no CURIE", path=document.id)
        elif not document.text.strip():
            quarantine.add("document is empty", path=document.id)
        elif len(document.text) > nlp.max_length:
            quarantine.add("document is too long", path=document.id)
        else:
            short.append(document)
    try:
        yield from zip(short, list(nlp.pipe([d.text for d in short])), strict=True)
    except Exception:
        # One document of the batch broke a component: each alone, to find it.
        for document in short:
            try:
                doc = nlp(document.text)
            except Exception as error:
                reason = f"document can't be processed ({type(error).__name__})"
                quarantine.add(reason, path=document.id)
            else:
                yield document, doc


class _Rows:
    """Collects the rows of nodes and evidence."""

    def __init__(self, sentences: bool) -> None:
        self.sentences = sentences
        self.extractor = f"medkg {version('medkg')}"
        self.nodes: dict[str, dict[str, Any]] = {}
        self.linked: set[str] = set()
        self.evidence: list[dict[str, Any]] = []

    def add(self, document: TextDocument, doc: Doc) -> None:
        """The rows of one document."""
        self._node(document.id, "Document", document.id)
        if document.patient is not None:
            self._node(document.patient, "Patient", document.patient)
            self._evidence(document, document.id, "MENTIONS", document.patient, 1.0)
        ids: dict[tuple[int, int], tuple[str, float]] = {}
        for mention in doc.spans["mentions"]:
            entity = self._entity(mention)
            if entity is None:
                continue
            ids[mention.start, mention.end] = entity
            self._mention(document, mention, *entity)
        self._relations(document, doc, ids)

    def _entity(self, mention: Span) -> tuple[str, float] | None:
        """The node of a mention, and how sure it is that this is the one; None: no node."""
        if mention._.identifier is not None:
            self.linked.add(mention._.identifier)
            return mention._.identifier, mention._.link_score
        key = name_key_of(mention.text)
        if mention._.probability < UNLINKED or len(key) < 3:
            return None
        identifier = f"text:{mention.label_.lower()}_{key.replace(' ', '_')}"
        self._node(identifier, mention.label_, " ".join(mention.text.split()))
        return identifier, 1.0

    def _mention(self, document: TextDocument, mention: Span, node: str, score: float) -> None:
        probability = float(mention._.probability) * score
        place = {"mention_start": mention.start_char, "mention_end": mention.end_char}
        said = {name: getattr(mention._, name) for name in DEFAULTS}
        self._evidence(document, document.id, "MENTIONS", node, probability, mention.sent, place)
        if document.patient is None:
            return
        facts = [(_OF_PATIENT.get(mention.label_), node)]
        # What is both a disease and a phenotype ("ectopia lentis") is a finding of the patient too.
        if (twin := mention._.twin) is not None and twin.kind == "Symptom":
            self.linked.add(twin.identifier)
            facts.append(("HAS_PHENOTYPE", twin.identifier))
        for relation, tail in facts:
            context = dict(said)
            if relation == "HAS_PHENOTYPE" and said["polarity"] == "negated":
                relation, context["polarity"] = "LACKS_PHENOTYPE", "asserted"
            if relation is not None:
                more = dosage(mention) if relation == "TAKES" else {}
                self._evidence(
                    document,
                    document.patient,
                    relation,
                    tail,
                    probability,
                    mention.sent,
                    {**place, **more},
                    context,
                )

    def _relations(
        self, document: TextDocument, doc: Doc, ids: Mapping[tuple[int, int], tuple[str, float]]
    ) -> None:
        """A sentence's relations; the likeliest mentions of the same two nodes speak for them."""
        best: dict[tuple[str, ...], tuple[float, FoundRelation]] = {}
        for found in doc._.relations:
            head = self._end(found.head, found.head_id, ids)
            tail = self._end(found.tail, found.tail_id, ids)
            if head is None or tail is None or head[0] == tail[0]:
                continue
            probability = found.probability * head[1] * tail[1]
            key = (
                head[0],
                found.relation,
                tail[0],
                str(found.head.sent.start),
                *found.context.values(),
            )
            if key not in best or best[key][0] < probability:
                best[key] = (probability, found)
        for (head_id, relation, tail_id, *_), (probability, found) in best.items():
            qualifiers = {
                **found.qualifiers,
                "subject_start": found.head.start_char,
                "subject_end": found.head.end_char,
                "object_start": found.tail.start_char,
                "object_end": found.tail.end_char,
            }
            self._evidence(
                document, head_id, relation, tail_id, probability, found.head.sent, qualifiers,
                found.context,
            )  # fmt: skip

    def _end(
        self,
        mention: Span,
        identifier: str | None,
        ids: Mapping[tuple[int, int], tuple[str, float]],
    ) -> tuple[str, float] | None:
        """The node that a relation's end means, and how sure that is; None: no node."""
        if identifier is not None:
            self.linked.add(identifier)
            return identifier, mention._.link_score
        entity = ids.get((mention.start, mention.end))
        return None if entity is None else (entity[0], float(mention._.probability))

    def _node(self, identifier: str, kind: str, name: str) -> None:
        self.nodes.setdefault(identifier, {"id": identifier, "kind": kind, "name": name})

    def _evidence(
        self,
        document: TextDocument,
        subject: str,
        relation: str,
        object_: str,
        probability: float,
        sentence: Span | None = None,
        qualifiers: Mapping[str, object] | None = None,
        said: Mapping[str, str] | None = None,
    ) -> None:
        self.evidence.append(
            {
                "subject": subject,
                "relation": relation,
                "object": object_,
                "source": SOURCE,
                "release": version("medkg"),
                "level": "text-mined",
                "document": document.id,
                "sentence": sentence.text.strip() if sentence and self.sentences else None,
                "start": sentence.start_char if sentence else None,
                "end": sentence.start_char + len(sentence.text.rstrip()) if sentence else None,
                "extractor": self.extractor,
                "probability": round(min(1.0, probability), 6),
                "qualifiers": json.dumps(qualifiers, sort_keys=True) if qualifiers else None,
                **(said or {}),
            }
        )

    def graph(self, terminology: KnowledgeGraph, source: Source) -> KnowledgeGraph:
        """The graph of all rows."""
        linked = terminology.nodes.filter(
            pl.col("id").is_in(pl.Series(sorted(self.linked), dtype=pl.String).implode())
        )
        own = pl.DataFrame(
            list(self.nodes.values()), schema={name: NODES[name] for name in ("id", "kind", "name")}
        )
        nodes = pl.concat([linked, own], how="diagonal")
        evidence = pl.DataFrame(
            self.evidence,
            schema={name: dtype for name, dtype in EVIDENCE.items() if name not in ("id", "edge")},
        )
        return KnowledgeGraph.build(
            nodes, evidence, [source], schema=terminology.schema, origin=SOURCE
        )
