"""The spaCy pipeline, and its annotations of documents as rows of nodes and evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..core.han import has_han, simplified
from ..core.quarantine import Quarantine
from ..graph.document_readings import OF_TEXTS, TEXT_SOURCE, reading_properties
from ..graph.identifiers import is_curie, name_key
from ..graph.kg import KnowledgeGraph
from . import dialogue as _dialogue  # noqa: F401
from . import sentences as _sentences  # noqa: F401
from .chinese import Chinese, check_language
from .chinese_laboratory import add_chinese_tests
from .context.attributes import DEFAULTS
from .context.chinese_drugs import is_resumed
from .context.doses import dosage
from .context.values import measurement
from .documents import TextDocument
from .laboratory import LaboratoryComponent
from .lay_names import with_lay_names
from .linking.component import LinkerComponent
from .mentions import network as _ner  # noqa: F401 (it registers its component)
from .mentions.gazetteer import Gazetteer
from .mentions.neighbours import Neighbours
from .phrases.component import PhraseReader
from .relations.chinese import chinese_relations
from .relations.component import RelationsComponent
from .relations.extracted import ExtractedRelation
from .sentences import later_first, quoted_sentence, stating_sentence
from .short_forms import short_forms
from .tokens import blank, text_of

# The probability of a patient's fact is multiplied by this where a note calls it possible, or names
# it in a differential. By judgement: no corpus at hand says how often it holds.
_POSSIBLE_FACTOR = 0.5
# A mention that links to nothing becomes a node of its own from this probability on.
UNLINKED = 0.8
BATCH_SIZE = 32
# The relation of a patient to a mention, by the mention's kind.
_OF_PATIENT = {
    "Disease": "HAS_DISEASE",
    "Symptom": "HAS_PHENOTYPE",
    "Drug": "TAKES",
    "Procedure": "UNDERWENT",
}


def build_pipeline(
    terminology: KnowledgeGraph,
    *,
    ner_model: Path | str | None = None,
    relations_model: Path | None = None,
    linker: str | None = None,
    language: str | None = None,
    min_probability: float = 0.0,
) -> Language:
    """A spaCy pipeline of sentences, mentions, names, context, links, relations and results.

    Args:
        terminology: the graph whose names, with what laymen say for its phenotypes, the mentions
            are linked to.
        ner_model: any recogniser that `network.load_recogniser` knows, by name or folder; None: the
            one that ships.
        relations_model: folder of a relation model; None: the one that ships.
        linker: `scispacy_linker:umls` (or mesh, rxnorm, go, hpo) for scispaCy's; None: medkg's.
        language: of all texts, "en" or "zh"; None: each text tells. Chinese texts are read by a
            component beside the pipeline (`medkg_chinese`, see `process_documents`).
        min_probability: relations of sentences that are less probable are left out.

    Raises:
        ModelError: a model is missing or damaged.
        DataError: texts are not read in the language.
    """
    check_language(language)
    own = {"model": str(ner_model) if ner_model and language == "zh" else None}
    if language == "zh":
        ner_model = None
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    nlp.add_pipe("medkg_ner", config={"model": str(ner_model) if ner_model else None})
    nlp.add_pipe("medkg_names")
    nlp.add_pipe("medkg_neighbours")
    nlp.add_pipe("medkg_phrases")
    nlp.add_pipe("medkg_context")
    nlp.add_pipe("medkg_dialogue")
    nlp.add_pipe("medkg_linker", config={"linker": linker})
    nlp.add_pipe(
        "medkg_relations",
        config={
            "model": str(relations_model) if relations_model else None,
            "min_probability": min_probability,
        },
    )
    nlp.add_pipe("medkg_laboratory")
    nlp.add_pipe("medkg_chinese", config={**own, "language": language})
    nlp.disable_pipe("medkg_chinese")  # the other components read no Chinese
    named = with_lay_names(terminology)
    for name in ("medkg_names", "medkg_neighbours", "medkg_linker", "medkg_laboratory"):
        component = nlp.get_pipe(name)
        assert isinstance(component, Gazetteer | Neighbours | LinkerComponent | LaboratoryComponent)
        component.use(named)
    phrases, linking = nlp.get_pipe("medkg_phrases"), nlp.get_pipe("medkg_linker")
    assert isinstance(phrases, PhraseReader)
    assert isinstance(linking, LinkerComponent)
    phrases.use(terminology, linking)
    return nlp


def process_documents(
    nlp: Language, batch: Sequence[TextDocument], quarantine: Quarantine
) -> Iterator[tuple[TextDocument, Doc]]:
    """Annotate documents; one that fails is set aside, by its name only."""
    accepted = []
    for document in batch:
        if not is_curie(document.id):
            quarantine.add("document's identifier is no CURIE", path=document.id)
        elif not document.text.strip():
            quarantine.add("document is empty", path=document.id)
        elif len(document.text) > nlp.max_length:
            quarantine.add("document is too long", path=document.id)
        else:
            accepted.append(document)
    try:
        docs = _read(nlp, [_new_doc(nlp, document) for document in accepted])
        yield from zip(accepted, docs, strict=True)
    except Exception:
        # One document of the batch broke a component: each alone, to find it.
        for document in accepted:
            try:
                (doc,) = _read(nlp, [_new_doc(nlp, document)])
            except Exception as error:
                reason = f"document can't be processed ({type(error).__name__})"
                quarantine.add(reason, path=document.id)
            else:
                yield document, doc


def _read(nlp: Language, docs: Sequence[Doc]) -> list[Doc]:
    """The documents annotated, each by what reads its language."""
    chinese = nlp.get_pipe("medkg_chinese")
    names, linker = nlp.get_pipe("medkg_names"), nlp.get_pipe("medkg_linker")
    assert isinstance(chinese, Chinese)
    assert isinstance(names, Gazetteer)
    assert isinstance(linker, LinkerComponent)
    is_chinese = [chinese.reads(text_of(doc)) for doc in docs]
    others = nlp.pipe([doc for doc, own in zip(docs, is_chinese, strict=True) if not own])
    own_docs = [doc for doc, own in zip(docs, is_chinese, strict=True) if own]
    if own_docs:
        chinese.find_mentions(own_docs)
    relations = nlp.get_pipe("medkg_relations")
    assert isinstance(relations, RelationsComponent)
    least = relations.min_probability
    laboratory = nlp.get_pipe("medkg_laboratory")
    assert isinstance(laboratory, LaboratoryComponent)
    own_read = (
        _related(linker(chinese.find_context(add_chinese_tests(names(doc), laboratory))), least)
        for doc in own_docs
    )
    return [next(own_read) if own else next(others) for own in is_chinese]


def _related(doc: Doc, min_probability: float) -> Doc:
    """A Chinese document with what its sentences state of its mentions."""
    stated = chinese_relations(doc)
    doc._.relations = tuple(each for each in stated if each.is_as_probable(min_probability))
    return doc


def _new_doc(nlp: Language, document: TextDocument) -> Doc:
    """The document's tokens, and whether it is a note of a patient's."""
    doc = nlp.make_doc(document.text)
    doc._.note = document.patient is not None
    return doc


def patient_qualifiers(relation: str, mention: Span) -> Mapping[str, object]:
    """Qualifiers of a patient's fact beside its context: a drug's dose, a test's value.

    `like` is the name of a phenotype that the words of a finding are like, where they are no name.
    """
    if relation == "TAKES":
        return dosage(mention)
    if relation == "ALLERGIC_TO":
        reactions = mention.doc._.allergies[mention.start].reactions
        return {"reaction": ", ".join(reactions)} if reactions else {}
    value = measurement(mention) if relation in ("UNDERWENT", "HAS_PHENOTYPE") else {}
    # Of a finding ("fever of 39.1 °C") only a quantity is a value.
    value = value if relation == "UNDERWENT" or "unit" in value else {}
    return {**value, "like": mention._.like} if mention._.like else value


# Words by which a note states that a drug is given after all, even if it was stopped before.
_GIVEN = re.compile(
    r"\b(?:start|restart|resum|continu|tak(?:e|ing)\b|takes\b|begin|began|begun|prescrib|given\b|on\b)",
    re.I,
)


def _is_given(drug: Span) -> bool:
    """Whether a note states without qualification that a drug is given."""
    has_default_context = all(getattr(drug._, name) == value for name, value in DEFAULTS.items())
    sentence = quoted_sentence(drug)
    return has_default_context and (
        _GIVEN.search(sentence.text) is not None
        or "dose" in dosage(drug)
        or is_resumed(simplified(sentence.text[: drug.start_char - sentence.start_char]))
    )


def _stopped(doc: Doc, ids: Mapping[tuple[int, int], tuple[str, float]]) -> set[str]:
    """The nodes of drugs that a note stops or holds and does not give again later.

    "Metformin 1 g bid. … Hold metformin.": it isn't taken any more, whatever was said before.
    """
    stopped: set[str] = set()
    for mention in doc.spans["mentions"]:
        node, _ = ids.get((mention.start, mention.end), ("", 0.0))
        if mention.start in doc._.stopped:
            stopped.add(node)
        elif node in stopped and _is_given(mention):
            stopped.discard(node)
    return stopped


_version = cache(lambda: version("medkg"))


def _name_keys(names: Iterable[str]) -> dict[str, str]:
    """Names with their keys, in one call, as one for each would take longer than the models."""
    frame = pl.DataFrame({"name": list(names)}, schema={"name": pl.String})
    return dict(frame.select("name", key=name_key(pl.col("name"))).iter_rows())


class GraphRows:
    """Collects the rows of nodes and evidence.

    Args:
        sentences: keep the sentences; without, only their offsets.
        reader: names the models and settings that read the documents (`run.fingerprint`).
    """

    def __init__(self, sentences: bool, reader: str = "") -> None:
        self.sentences = sentences
        self.reader = reader
        self.release = _version()
        self.extractor = f"medkg {self.release} {reader}".rstrip()
        self.nodes: dict[str, dict[str, Any]] = {}
        self.linked: set[str] = set()
        self.evidence: list[dict[str, Any]] = []
        self._quotes: dict[tuple[int, int], str] = {}  # of one document, by their tokens

    def add(self, document: TextDocument, doc: Doc) -> None:
        """Add the rows of one document."""
        self._quotes.clear()
        self._node(document.id, "Document", document.id)
        self.nodes[document.id]["properties"] = reading_properties(
            document.sha256, document.reading(self.reader), document.origin
        )
        if document.patient is not None:
            self._node(document.patient, "Patient", document.patient)
            self._evidence(document, document.id, "MENTIONS", document.patient, 1.0)
        ids: dict[tuple[int, int], tuple[str, float]] = {}
        keys = _name_keys({span.text for span in doc.spans["mentions"]})
        for mention in doc.spans["mentions"]:
            entity = self._entity(mention, keys[mention.text])
            if entity is None:
                continue
            ids[mention.start, mention.end] = entity
        stopped = _stopped(doc, ids)
        allergens = {
            entity[0]
            for span, entity in ids.items()
            if (allergy := doc._.allergies.get(span[0])) and allergy.attributes == DEFAULTS
        }
        for mention in doc.spans["mentions"]:
            if (entity := ids.get((mention.start, mention.end))) is not None:
                # "Anaphylaxis to rocuronium. … After rocuronium BP fell.", but not "on aspirin".
                past = entity[0] in allergens and not _is_given(mention)
                temporality = {"TAKES": "historical"} if past or entity[0] in stopped else {}
                if mention.start in doc._.lasting:
                    temporality = {"HAS_DISEASE": "current", "HAS_PHENOTYPE": "current"}
                self._mention(document, mention, *entity, temporality=temporality)
        self._relations(document, doc, ids)

    def _entity(self, mention: Span, key: str) -> tuple[str, float] | None:
        """The node of a mention and the probability of the link; None: no node."""
        if mention._.identifier is not None:
            self.linked.add(mention._.identifier)
            return mention._.identifier, mention._.link_score
        if mention._.probability < UNLINKED or len(key) < (2 if has_han(key) else 3):
            # A value makes sure that it is a test, however short ("Hb 9.2 g/dL", "Na 138").
            value = measurement(mention) if mention.label_ == "Procedure" else {}
            measured = "unit" in value or ("value" in value and mention.text in short_forms())
            if not (measured or mention._.results) or not key:
                return None
        identifier = f"{OF_TEXTS}{mention.label_.lower()}_{key.replace(' ', '_')}"
        name = " ".join(mention.text.split())
        # Of a name at the beginning of a sentence and inside one, the latter.
        if name[1:].islower() and name not in short_forms():
            name = name.lower()
        self._node(identifier, mention.label_, name)
        return identifier, 1.0

    def _mention(
        self,
        document: TextDocument,
        mention: Span,
        node: str,
        score: float,
        *,
        temporality: Mapping[str, str],
    ) -> None:
        """Add the evidence that a mention gives of its document and patient.

        `temporality`: by relation, where the document as a whole decides it.
        """
        probability = float(mention._.probability) * score
        offsets = {"mention_start": mention.start_char, "mention_end": mention.end_char}
        attributes = {name: getattr(mention._, name) for name in DEFAULTS}
        sentence = quoted_sentence(mention)
        self._evidence(document, document.id, "MENTIONS", node, probability, sentence, offsets)
        if document.patient is None:
            return
        patient_relation = _OF_PATIENT.get(mention.label_)
        if (allergy := mention.doc._.allergies.get(mention.start)) is not None:
            patient_relation, attributes = "ALLERGIC_TO", allergy.attributes
        if attributes["certainty"] == "possible":
            probability *= _POSSIBLE_FACTOR
        facts = [(patient_relation, node)]
        # What is both a disease and a phenotype ("ectopia lentis") is a finding of the patient too.
        if (twin := mention._.twin) is not None and twin.kind == "Symptom":
            self.linked.add(twin.identifier)
            facts.append(("HAS_PHENOTYPE", twin.identifier))
        if (results := mention._.results) is not None:
            self.linked.update(results.present, results.excluded)
            facts += [("HAS_PHENOTYPE", each) for each in results.present]
            facts += [("LACKS_PHENOTYPE", each) for each in results.excluded]
        for relation, tail in facts:
            context = dict(attributes)
            if relation == "HAS_PHENOTYPE" and attributes["polarity"] == "negated":
                relation = "LACKS_PHENOTYPE"
            if relation == "LACKS_PHENOTYPE":
                context["polarity"] = "asserted"
            if relation is not None:
                context["temporality"] = temporality.get(relation, context["temporality"])
                details = patient_qualifiers(relation, mention)
                self._evidence(
                    document,
                    document.patient,
                    relation,
                    tail,
                    probability,
                    sentence,
                    {**offsets, **details},
                    context,
                )

    def _relations(
        self, document: TextDocument, doc: Doc, ids: Mapping[tuple[int, int], tuple[str, float]]
    ) -> None:
        """Add the relations of each sentence, with the most probable mentions of two nodes."""
        best: dict[tuple[str, ...], tuple[float, ExtractedRelation]] = {}
        for extracted in doc._.relations:
            head = self._end(extracted.head, extracted.head_id, ids)
            tail = self._end(extracted.tail, extracted.tail_id, ids)
            if head is None or tail is None or head == tail:
                continue
            probability = extracted.graph_probability
            key = (
                head,
                extracted.relation,
                tail,
                str(stating_sentence(extracted.head, extracted.tail).start),
                *extracted.context.values(),
            )
            if key not in best or best[key][0] < probability:
                best[key] = (probability, extracted)
        for (head_id, relation, tail_id, *_), (probability, extracted) in best.items():
            qualifiers = {
                **extracted.qualifiers,
                "subject_start": extracted.head.start_char,
                "subject_end": extracted.head.end_char,
                "object_start": extracted.tail.start_char,
                "object_end": extracted.tail.end_char,
            }
            self._evidence(
                document, head_id, relation, tail_id, probability,
                quoted_sentence(*later_first(extracted.head, extracted.tail)),
                qualifiers, extracted.context,
            )  # fmt: skip

    def _end(
        self,
        mention: Span,
        identifier: str | None,
        ids: Mapping[tuple[int, int], tuple[str, float]],
    ) -> str | None:
        """The node of a relation's end; None: it has none."""
        if identifier is not None:
            self.linked.add(identifier)
            return identifier
        entity = ids.get((mention.start, mention.end))
        return None if entity is None else entity[0]

    def _node(self, identifier: str, kind: str, name: str) -> None:
        self.nodes.setdefault(identifier, {"id": identifier, "kind": kind, "name": name})

    def _quote(self, sentence: Span) -> str:
        """A sentence's text, which spaCy puts together anew each time."""
        place = sentence.start, sentence.end
        if place not in self._quotes:
            self._quotes[place] = sentence.text
        return self._quotes[place]

    def _evidence(
        self,
        document: TextDocument,
        subject: str,
        relation: str,
        object_: str,
        probability: float,
        sentence: Span | None = None,
        qualifiers: Mapping[str, object] | None = None,
        context: Mapping[str, str] | None = None,
    ) -> None:
        quote = self._quote(sentence) if sentence else ""
        self.evidence.append(
            {
                "subject": subject,
                "relation": relation,
                "object": object_,
                "source": TEXT_SOURCE,
                "release": self.release,
                "level": "text-mined",
                "document": document.id,
                "sentence": quote.strip() if sentence and self.sentences else None,
                "start": sentence.start_char if sentence else None,
                "end": sentence.start_char + len(quote.rstrip()) if sentence else None,
                "extractor": self.extractor,
                "probability": round(min(1.0, probability), 6),
                "qualifiers": json.dumps(qualifiers, sort_keys=True) if qualifiers else None,
                **(context or {}),
            }
        )
