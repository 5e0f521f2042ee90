"""Relations of papers: what a document as a whole states, and the sentences that say so.

The classifiers of documents decide how probable a relation between two concepts is. A sentence that
names both carries it, unless another one says it more clearly; where none names both, the nearest
mentions do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spacy.tokens import Span

from ..sentences import stating_sentence
from .candidates import DocumentPassage, RelationCandidate, concept, may_be
from .condition_levels import condition_level_relations
from .extracted import ExtractedRelation, extracted
from .facts import SORTS, Probabilities
from .levels import level_change
from .looked_for import is_aim
from .pairs import TASKS
from .read_pairs import ReadPair, clearest
from .rules import Rule, allergy_rule, association_rule, drug_rule, target_rule
from .symptoms import symptom_relations

# What drugs do and none is given for.
_HARM = re.compile(r"\badverse\b|\bside[- ]effects?\b|\bADRs?\b")
# From this probability on a sentence speaks of an effect, or says that a drug has none.
_LIKELY = 0.5
# The classifiers of documents learned from abstracts: of what has no more sentences than this, a
# turn of phrase says as much as they do.
_SHORT = 3


@dataclass(frozen=True)
class DocumentFacts:
    """What a document states.

    Attributes:
        probabilities: of each relation how probably it joins a head and a tail, by concepts.
        nearest: by relation, head and tail the mentions that stand closest.
        num_sentences: how many sentences it has.
    """

    probabilities: dict[str, Probabilities]
    nearest: dict[tuple[str, tuple[str, str]], tuple[Span, Span]]
    num_sentences: int

    @classmethod
    def of(
        cls, chunks: Iterable[tuple[DocumentPassage, Mapping[str, Probabilities]]]
    ) -> DocumentFacts:
        """Of a document's passages with their probabilities: for each two what is likeliest."""
        chunks = list(chunks)
        facts = cls(
            {relation: {} for relations in SORTS.values() for relation in relations},
            {},
            sum(len(chunk.passage.sentences) for chunk, _ in chunks),
        )
        for chunk, of_chunk in chunks:
            for relation, probabilities in of_chunk.items():
                likeliest = facts.probabilities[relation]
                for key, probability in probabilities.items():
                    if probability > likeliest.get(key, -1.0):
                        likeliest[key] = probability
                        facts.nearest[relation, key] = chunk.nearest(*key)
        return facts


def paper_relations(
    candidates: Sequence[RelationCandidate],
    pairs: Sequence[ReadPair],
    document: DocumentFacts,
    thresholds: Mapping[str, float],
) -> Iterator[ExtractedRelation]:
    """What a paper states.

    Args:
        candidates: its pairs of mentions.
        pairs: what the models of sentences give to them.
        document: what those of documents give.
        thresholds: of each task and relation the least probability.
    """
    least = thresholds["CAUSES"]
    effects = {key for key, p in document.probabilities["CAUSES"].items() if p >= least}
    yield from symptom_relations(_unexplained(candidates, effects), note=False)
    yield from condition_level_relations(candidates)
    stating = [pair for pair in pairs if not _only_looked_for(pair)]
    best = clearest(stating)
    yield from _not_taken_back(
        [each for pair in stating for each in _of_sentence(pair, document, thresholds, best)],
        stating,
    )
    together = {(r, pair.candidate.concepts) for pair in pairs for r in SORTS[pair.sort]}
    for relation, probabilities in document.probabilities.items():
        if relation == "TARGETS":  # which takes a sentence that says how the drug acts
            continue
        for key, probability in probabilities.items():
            if probability >= thresholds[relation] and (relation, key) not in together:
                head, tail = document.nearest[relation, key]
                # What relieves a symptom a sentence has to say, since the models know diseases.
                treatable = may_be(tail, "Disease") and not _HARM.search(tail.text)
                if relation != "TREATS" or treatable:
                    yield extracted(head, relation, tail, probability)


def _only_looked_for(pair: ReadPair) -> bool:
    """Whether a sentence wants to know how the two are related, and presupposes nothing of it.

    Of the concepts of BioRED's training part that only such sentences name together 15 in 104 are
    related, of others 6 in 10. "We examined cisplatin-induced deafness" knows its cause.
    """
    if not is_aim(pair.candidate.pair):
        return False
    rule = _rule(pair) if pair.sort == "drug and condition" else None
    return rule is None or rule.relation != "CAUSES" or rule.is_weighed


def _not_taken_back(
    relations: Sequence[ExtractedRelation], pairs: Iterable[ReadPair]
) -> Iterator[ExtractedRelation]:
    """Relations without what a sentence behind all that state them denies.

    A title names what was looked for, and the results say that it was not there.

    Args:
        relations: what the sentences of a document state, or deny.
        pairs: its pairs of mentions.
    """
    denied: dict[tuple[str, str], int] = {}
    for pair in pairs:
        rule = None if pair.sort == "drug and target" else _rule(pair)
        if rule is not None and rule.relation == "DENIED":
            ends = pair.candidate.concepts
            head, tail, *_ = pair.candidate
            denied[ends] = max(denied.get(ends, -1), stating_sentence(head, tail).start)
    for relation in relations:
        at = denied.get((concept(relation.head), concept(relation.tail)), -1)
        if relation.context["polarity"] == "asserted":
            start = stating_sentence(relation.head, relation.tail).start
            if relation.relation == "ASSOCIATED_WITH" and start < at:
                continue
            # Of one sentence, too: "received verapamil; verapamil did not improve migraine".
            if relation.relation == "TREATS" and start <= at:
                continue
        yield relation


def _unexplained(
    candidates: Sequence[RelationCandidate], effects: Collection[tuple[str, str]]
) -> list[RelationCandidate]:
    """The pairs that no drug explains.

    What one causes is no symptom of the disease that it is given for, and the sentence that says so
    may list more that it causes.

    Args:
        effects: drugs and what they cause in the document, as concepts.
    """
    caused = {effect for _, effect in effects}
    of_drugs = {
        stating_sentence(candidate.head, candidate.tail).start
        for candidate in candidates
        if candidate.is_drug_condition and candidate.concepts in effects
    }
    return [
        candidate
        for candidate in candidates
        if candidate.concepts[1] not in caused
        and stating_sentence(candidate.head, candidate.tail).start not in of_drugs
    ]


def _of_sentence(
    pair: ReadPair,
    document: DocumentFacts,
    thresholds: Mapping[str, float],
    best: Mapping[tuple[str, tuple[str, str]], float],
) -> Iterator[ExtractedRelation]:
    """What a sentence states, or denies."""
    head, tail, *_ = pair.candidate
    rule = _rule(pair)
    denied = _denied(pair, rule)
    if denied is not None:
        yield denied
        return
    probabilities = {
        relation: document.probabilities[relation].get(pair.candidate.concepts, 0.0)
        for relation in SORTS[pair.sort]
    }
    if rule is None:
        stating = {
            relation
            for relation in probabilities
            if pair.stated[relation] >= min(0.5, best[relation, pair.candidate.concepts])
        }
    else:
        stating = {rule.relation}
        is_short = document.num_sentences <= _SHORT and pair.sort == "drug and condition"
        if is_short:
            thresholds = {}
        if rule.relation == "CONTRAINDICATED_FOR":
            probabilities[rule.relation] = rule.precision
        elif (rule.is_weighed or is_short) and rule.relation in probabilities:
            # The models have seen few treatments and risks: the phrase counts as much as they do.
            probabilities[rule.relation] = (probabilities[rule.relation] + rule.precision) / 2
    options = [
        (probability, relation)
        for relation, probability in probabilities.items()
        if relation in stating
        and probability >= thresholds.get(relation, 0.0)
        and not (relation == "TREATS" and _HARM.search(tail.text))
    ]
    if options:
        probability, relation = max(options)
        if relation == "TARGETS":
            yield from _effect_on_target(pair, probability, thresholds, rule)
        else:
            yield extracted(head, relation, tail, probability)


def _denied(pair: ReadPair, rule: Rule | None) -> ExtractedRelation | None:
    """What a sentence says that is not so, if it says that of a relation."""
    head, tail, *_ = pair.candidate
    if pair.sort == "drug and condition":
        if rule is not None and rule.relation == "DENIED":
            return extracted(head, "TREATS", tail, rule.precision, denied=True)
        spoken_of = _effect_spoken_of(pair, rule)
        return spoken_of if spoken_of is not None and spoken_of.is_denied else None
    if rule is not None and rule.relation == "TARGETS" and not rule.precision:
        return None  # "unlike M, m does not inhibit G" denies nothing of M
    if pair.not_target >= _LIKELY:
        return extracted(head, "TARGETS", tail, pair.not_target, denied=True)
    if rule is not None and rule.relation == "DENIED":
        return extracted(head, "ASSOCIATED_WITH", tail, rule.precision, denied=True)
    return None


def _effect_spoken_of(pair: ReadPair, rule: Rule | None) -> ExtractedRelation | None:
    """What a sentence speaks of, of a drug and a condition, be it to deny it.

    By a turn of phrase, or by the models that learned from sentences without regard to what these
    deny; those of documents find a relation improbable that is denied.
    """
    head, tail, *_ = pair.candidate
    treats = pair.labels["treats"][TASKS["treats"].index("treats")]
    options = {"CAUSES": pair.labels["causes"][1], "TREATS": treats}
    if rule is not None:
        options = {rule.relation: rule.precision} if rule.relation in options else {}
    relation = max(options, key=options.__getitem__, default="")
    if not relation or options[relation] < _LIKELY:
        return None
    return extracted(head, relation, tail, options[relation])


def _rule(pair: ReadPair) -> Rule | None:
    """The turn of phrase that says how a condition is related, or that it is not."""
    head, tail, words, _ = pair.candidate
    if pair.sort == "condition and target":
        return association_rule(words)
    if pair.sort == "drug and target":
        return target_rule(words)
    if (head.start, tail.start) in head.doc._.reactions:
        return allergy_rule()
    return drug_rule(words, is_disease=may_be(tail, "Disease"))


def stated_action(pair: ReadPair, rule: Rule | None) -> tuple[float, str]:
    """How likely a sentence says that a drug acts on a target, and how the drug does."""
    acts = 1 - pair.labels["targets"][0]
    if rule is not None and acts < rule.precision:
        return rule.precision, rule.action
    return acts, pair.action


def _effect_on_target(
    pair: ReadPair, probability: float, thresholds: Mapping[str, float], rule: Rule | None
) -> Iterator[ExtractedRelation]:
    """What a drug does to a target that a document relates it to.

    BioRED's relation between the two says no more than that there is one. It is a change of the
    target's level, or, where the sentence says how the drug acts on the target itself, TARGETS.
    Both have to be likely, that the document relates them and that the sentence says so. Their
    mean is what is stated: they are right or wrong together, so that the product is too low
    (`benchmarks/target_probabilities.py`).
    """
    head, tail, words, _ = pair.candidate
    if words.words[words.head.end : words.head.end + 1] in (("derivative",), ("derivatives",)):
        return  # "a quinoline derivative" is another drug
    if rule is not None and not rule.precision:
        return
    change = level_change(words)
    if change:
        yield extracted(head, change, tail, probability)
    elif change is None:
        acts, action = stated_action(pair, rule)
        if acts >= thresholds["targets"]:
            stated = (probability + acts) / 2
            yield extracted(head, "TARGETS", tail, stated, {"action": action})
