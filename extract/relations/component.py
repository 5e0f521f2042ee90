"""The component `medkg_relations`: relations between the mentions of a document.

What a drug does to its targets, and what it causes and treats, the model decides (`model`), beside
rules for turns of phrase; Disease–HAS_SYMPTOM–Symptom and Target–ASSOCIATED_WITH–Disease, which no
corpus annotates, are decided by rules (`rules`) and distant supervision (`distant`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch

from ...graph.identifiers import name_key_of
from ..abbreviations import abbreviations_of
from ..context.context import relation_context
from ..linking import component as _linker  # noqa: F401 (registers what it sets on spans)
from .candidates import (
    DocumentPassage,
    RelationCandidate,
    may_be,
    passages,
    relation_candidates,
)
from .distant import association
from .model import RelationModel
from .pairs import TASKS, EntityPair
from .rules import (
    Rule,
    allergy_rule,
    drug_rule,
    symptom_rule,
)

_SHORT_FORMS = "medkg short forms"  # of a document, with the key of what each stands for
# What a task's labels are in the graph; the others (prevents) are no relation there.
_RELATIONS = {"causes": "CAUSES", "treats": "TREATS", "contraindicated": "CONTRAINDICATED_FOR"}
# The precision from which on a rule for HAS_SYMPTOM asserts it.
SYMPTOM_THRESHOLD = 0.5
# What a drug does to a condition must be likelier than not, whatever gives the best F1.
MIN_PROBABILITY = 0.5


@dataclass(frozen=True)
class ExtractedRelation:
    """A relation that a document states, with its context and what qualifies it.

    Its sentence is that of the tail; the head of a CAUSES may stand in another.
    """

    head: Span
    relation: str
    tail: Span
    head_id: str | None  # of the node, None where the mention has none
    tail_id: str | None
    probability: float
    qualifiers: Mapping[str, str]
    context: Mapping[str, str]


@dataclass(frozen=True)
class _DrugCondition:
    """A drug and a condition of one sentence, and what the models give to it.

    Attributes:
        causes: the probability of CAUSES by the sentence alone.
        treats: those of the labels of the task "treats".
    """

    candidate: RelationCandidate
    concepts: tuple[str, str]
    causes: float
    treats: list[float]


@dataclass(frozen=True)
class _DocumentCauses:
    """What the document as a whole says: how probably a drug causes a condition, by concepts.

    `nearest` are the mentions of the two that stand closest.
    """

    probabilities: dict[tuple[str, str], float]
    nearest: dict[tuple[str, str], tuple[Span, Span]]


def create_relations(
    nlp: Language,
    name: str,
    model: str | None,
    device: str | None,
) -> RelationsComponent:
    """Component from a model's folder (null: the shipped one)."""
    del nlp, name  # spaCy hands every factory both
    return RelationsComponent(RelationModel.load(None if model is None else Path(model), device))


class RelationsComponent:
    """Sets `doc._.relations`: what a document says about pairs of `doc.spans["mentions"]`.

    Where `doc._.note` is set, a drug CAUSES only what a turn of phrase says that it does, or does
    not: the model that decides in papers knows abstracts, which tell of harm; a note's drugs stand
    beside what they are given for, and beside what is denied.
    """

    def __init__(self, model: RelationModel) -> None:
        self.model = model
        if not Doc.has_extension("relations"):
            Doc.set_extension("relations", default=())

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Annotate many documents; the pairs of `batch_size` documents go through together."""
        for docs in minibatch(stream, batch_size):  # type: ignore[no-untyped-call]
            candidates = [list(relation_candidates(doc)) for doc in docs]
            targets = self._targets(candidates)
            conditions = self._conditions(docs, candidates)
            for doc, of_doc in zip(docs, candidates, strict=True):
                relations = [
                    *_symptoms(of_doc),
                    *_associations(of_doc),
                    *next(targets),
                    *next(conditions),
                ]
                doc._.relations = tuple(
                    sorted(relations, key=lambda r: (r.head.start, r.tail.start, r.relation))
                )
                yield doc

    def _targets(
        self, candidates: list[list[RelationCandidate]]
    ) -> Iterator[list[ExtractedRelation]]:
        """Of each document: what drugs act on, and how."""
        chosen = [[c for c in of_doc if c.is_drug_target] for of_doc in candidates]
        pairs = [c.pair for of_doc in chosen for c in of_doc]
        probabilities = iter(self.model.predict(pairs, ["targets"])["targets"].tolist())
        for of_doc in chosen:
            relations = []
            for head, tail, _ in of_doc:
                row = next(probabilities)
                if 1 - row[0] >= self.model.thresholds["targets"]:
                    label = max(range(1, len(row)), key=row.__getitem__)
                    action = {"action": TASKS["targets"][label]}
                    relations.append(_relation(head, "TARGETS", tail, 1 - row[0], action))
            yield relations

    def _conditions(
        self, docs: list[Doc], candidates: list[list[RelationCandidate]]
    ) -> Iterator[list[ExtractedRelation]]:
        """Of each document: what drugs do to diseases and symptoms."""
        chosen = [[c for c in of_doc if c.is_drug_condition] for of_doc in candidates]
        pairs = [c.pair for of_doc in chosen for c in of_doc]
        causes = iter(self.model.predict(pairs, ["causes"])["causes"][:, 1].tolist())
        treats = iter(self.model.predict(pairs, ["treats"])["treats"].tolist())
        of_documents = self._document_causes(docs, chosen)
        for doc, of_doc, document in zip(docs, chosen, of_documents, strict=True):
            scored = [_DrugCondition(c, c.concepts, next(causes), next(treats)) for c in of_doc]
            relations = self._in_sentences(doc, scored, document.probabilities)
            if not doc._.note:
                relations += self._across_sentences(scored, document)
            yield relations

    def _in_sentences(
        self, doc: Doc, scored: list[_DrugCondition], document: Mapping[tuple[str, str], float]
    ) -> list[ExtractedRelation]:
        """What drugs do to conditions that they share a sentence with."""
        best: dict[tuple[str, str], float] = {}
        for each in scored:
            best[each.concepts] = max(best.get(each.concepts, 0.0), each.causes)
        relations = []
        for each in scored:
            head, tail, pair = each.candidate
            from_document = document.get(each.concepts, 0.0)
            is_disease = may_be(tail, "Disease")
            is_reaction = (head.start, tail.start) in doc._.reactions
            rule = allergy_rule() if is_reaction else drug_rule(pair, is_disease=is_disease)
            # The document decides; a sentence carries it where none says it more clearly.
            says_so = each.causes >= min(0.5, best[each.concepts])
            effect = self._effect(from_document if says_so else 0.0, each.treats)
            if rule is not None:
                effect = self._by_rule(rule, None if doc._.note else from_document)
            # A drug treats diseases; that it relieves a symptom has no relation of its own.
            if effect is None or not (effect[1] == "CAUSES" or is_disease):
                continue
            relation = _relation(head, effect[1], tail, effect[0], {})
            is_guess = doc._.note and rule is None and effect[1] == "CAUSES"
            if not is_guess or _is_denied(relation):
                relations.append(relation)
        return relations

    def _across_sentences(
        self, scored: list[_DrugCondition], document: _DocumentCauses
    ) -> list[ExtractedRelation]:
        """What drugs cause that they share no sentence with."""
        in_sentences = {each.concepts for each in scored}
        return [
            _relation(head, "CAUSES", tail, document.probabilities[key], {})
            for key, (head, tail) in document.nearest.items()
            if key not in in_sentences
            and document.probabilities[key] >= self._min_probability("causes")
        ]

    def _by_rule(self, rule: Rule, causes: float | None) -> tuple[float, str] | None:
        """What a turn of phrase says of a drug and a condition, and how probably so.

        Args:
            causes: what the model of documents gives to CAUSES; None in a note, which it doesn't
                know.
        """
        if rule.relation == "NONE":
            return None
        if rule.relation != "CAUSES" or causes is None:
            return rule.precision, rule.relation
        # In papers the model knows better than the phrase how probable it is. What is said in so
        # many words needn't be likelier than not, as what the model guesses has to be.
        return (causes, "CAUSES") if causes >= self.model.thresholds["causes"] else None

    def _document_causes(
        self, docs: list[Doc], candidates: list[list[RelationCandidate]]
    ) -> Iterator[_DocumentCauses]:
        chunks = [chunk for doc in docs for chunk in passages(doc)]
        chunk_of = {
            (id(chunk.doc), mention.start): number
            for number, chunk in enumerate(chunks)
            for mention in chunk.mentions
        }
        shared: list[list[tuple[str, str, EntityPair]]] = [[] for _ in chunks]
        for of_doc in candidates:
            for candidate in of_doc:
                number = chunk_of[id(candidate.head.doc), candidate.head.start]
                shared[number].append((*candidate.concepts, candidate.pair))
        rows = self.model.predict_causes([chunk.passage for chunk in chunks], shared)
        for doc in docs:
            yield _likeliest(
                (chunk, of_chunk)
                for chunk, of_chunk in zip(chunks, rows, strict=True)
                if chunk.doc is doc
            )

    def _effect(self, causes: float, treats: list[float]) -> tuple[float, str] | None:
        """The likelier of what a drug does to a condition, among what reaches its threshold."""
        options = []
        if causes >= self._min_probability("causes"):
            options.append((causes, "CAUSES"))
        label = max(range(len(treats)), key=treats.__getitem__)
        name = TASKS["treats"][label]
        if 1 - treats[0] >= self._min_probability("treats") and name in _RELATIONS:
            options.append((treats[label], _RELATIONS[name]))
        return max(options, default=None)

    def _min_probability(self, task: str) -> float:
        return max(MIN_PROBABILITY, self.model.thresholds[task])

    def to_disk(self, path: Path | str, **_: object) -> None:
        """Save the model under `path`."""
        self.model.save(Path(path), self.model.about, self.model.card)

    def from_disk(self, path: Path | str, **_: object) -> RelationsComponent:
        """Load the model from `path`."""
        self.model = RelationModel.load(Path(path))
        return self


Language.factory(
    "medkg_relations", default_config={"model": None, "device": None}, func=create_relations
)


def _symptoms(candidates: list[RelationCandidate]) -> Iterator[ExtractedRelation]:
    """What symptoms diseases have, by rules."""
    for head, tail, pair in candidates:
        if may_be(head, "Disease") and may_be(tail, "Symptom") and not _same(head, tail):
            rule = symptom_rule(pair, note=head.doc._.note)
            if rule is not None and rule.precision >= SYMPTOM_THRESHOLD:
                yield _relation(head, "HAS_SYMPTOM", tail, rule.precision, {})


def _associations(candidates: list[RelationCandidate]) -> Iterator[ExtractedRelation]:
    """What conditions have to do with genes; what a sentence denies is given as negated."""
    for candidate in candidates:
        if not candidate.is_condition_target:
            continue
        head, tail, pair = candidate
        stated = association(pair)
        if stated is not None:
            relation = _relation(head, "ASSOCIATED_WITH", tail, stated.probability, {})
            if stated.denied:
                denied = {**relation.context, "polarity": "negated"}
                relation = replace(relation, context=denied)
            yield relation


def _likeliest(
    chunks: Iterable[tuple[DocumentPassage, Mapping[tuple[str, str], float]]],
) -> _DocumentCauses:
    """Of a document's passages with their probabilities: for each two, what is likeliest."""
    document = _DocumentCauses({}, {})
    for chunk, probabilities in chunks:
        for key, probability in probabilities.items():
            if probability > document.probabilities.get(key, -1.0):
                document.probabilities[key] = probability
                document.nearest[key] = chunk.nearest(*key)
    return document


def _relation(
    head: Span, relation: str, tail: Span, probability: float, qualifiers: dict[str, str]
) -> ExtractedRelation:
    heads = {"HAS_SYMPTOM": "Disease", "ASSOCIATED_WITH": head.label_}
    tails = {
        "TARGETS": "Target",
        "ASSOCIATED_WITH": "Target",
        "CAUSES": tail.label_,
        "HAS_SYMPTOM": "Symptom",
    }
    return ExtractedRelation(
        head,
        relation,
        tail,
        _node(head, heads.get(relation, "Drug")),
        _node(tail, tails.get(relation, "Disease")),
        probability,
        qualifiers,
        relation_context(head, tail, relation),
    )


def _is_denied(relation: ExtractedRelation) -> bool:
    """Whether it is the relation that a sentence denies, and not one of its ends."""
    ends = {relation.head._.polarity, relation.tail._.polarity}
    return relation.context["polarity"] == "negated" and ends == {"asserted"}


def _node(mention: Span, kind: str) -> str | None:
    """The identifier of a mention's node of this kind."""
    identifier: str | None = mention._.identifier
    if mention.label_ != kind:
        identifier = mention._.twin.identifier
    return identifier


def _same(one: Span, other: Span) -> bool:
    """Whether two mentions mean one thing: a node, its twin, or a name and its short form."""
    nodes = [
        {mention._.identifier, mention._.twin and mention._.twin.identifier} - {None}
        for mention in (one, other)
    ]
    if nodes[0] & nodes[1]:
        return True
    shorts = one.doc.user_data.get(_SHORT_FORMS)
    if shorts is None:
        text = one.doc.text
        shorts = {
            each.short: name_key_of(text[slice(*each.long)]) for each in abbreviations_of(one.doc)
        }
        one.doc.user_data[_SHORT_FORMS] = shorts
    names = [shorts.get(mention.text, name_key_of(mention.text)) for mention in (one, other)]
    return bool(names[0] == names[1])
