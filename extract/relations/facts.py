"""What a document states: the relations of `FACTS` between its concepts.

Models of sentences read every pair of mentions of a sentence first; the classifier of documents of
each relation (`document_level`) decides by what they give.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from .distant import shipped
from .document_features import FACTS, Candidates, FactRow, scores_of
from .document_level import DocumentClassifier, HashedLinear
from .model import (
    RelationModel,
    hashed_words,
    merge_fine_labels,
    scale_binary_logit,
    scale_logits,
)
from .pairs import EntityPair
from .passages import Passage
from .rules import association_rule, drug_rule

# The relations that may join pairs of mentions of one sort.
SORTS = {
    "drug and condition": ("CAUSES", "TREATS"),
    "drug and target": ("TARGETS",),
    "condition and target": ("ASSOCIATED_WITH",),
}
# Words that deny what their sentence says, or say that it was looked for and not found.
_NEGATION = re.compile(
    r"no|not|none|neither|nor|without|lack(s|ed|ing)?|absen(ce|t)|fail(s|ed)?|cannot|unlikely"
    r"|exclude(d)?|unchanged|unaffected|non-significant|insignificant",
    re.IGNORECASE,
)
_BEFORE = 8  # words before a pair in which a negation reaches it
# By head and tail, how probably a relation joins them.
Probabilities = dict[tuple[str, str], float]


@dataclass(frozen=True)
class SentenceReading:
    """What the models of sentences give to pairs of one sort, a row for each.

    Attributes:
        stated: of each relation the probability that the pair's own sentence states it.
        labels: of each task of the relation model the probabilities of its labels.
        others: what the other models and rules give, as the classifiers of documents see it.
    """

    stated: Mapping[str, Sequence[float]]
    labels: Mapping[str, npt.NDArray[np.float64]]
    others: npt.NDArray[np.float64]


def read_sentences(model: RelationModel, pairs: Sequence[EntityPair], sort: str) -> SentenceReading:
    """Read pairs of one of `SORTS`."""
    stated = stated_probabilities(model, pairs, SORTS[sort])
    if sort == "drug and condition":
        treats = model.predict(pairs, ["treats"], calibrated=False)["treats"]
        labels = {
            "treats": scale_logits(treats, model.temperatures["treats"]).double().numpy(),
            "causes": model.predict_linear(pairs, "causes").double().numpy(),
        }
        others = np.hstack([treats[:, 1:].double().numpy(), _by_drug_rules(pairs)])
    elif sort == "drug and target":
        fine = model.predict_fine(pairs, ["targets"])["targets"]
        merged = scale_logits(merge_fine_labels(fine, "targets"), model.temperatures["targets"])
        labels, others = {"targets": merged.double().numpy()}, fine.double().numpy()
    else:
        labels, others = {}, _of_associations(pairs)
    return SentenceReading(stated, labels, np.hstack([others, _negations(pairs)]))


@torch.inference_mode()
def stated_probabilities(
    model: RelationModel, pairs: Sequence[EntityPair], relations: Sequence[str]
) -> dict[str, list[float]]:
    """How probably each pair's sentence states each relation, by the words around the pair."""
    if not pairs:
        return {relation: [] for relation in relations}
    places = [hashed_words(pair) for pair in pairs]
    stated = {}
    for relation in relations:
        linear = model.sentences[relation]
        assert isinstance(linear, HashedLinear)
        stated[relation] = linear.at(places).float().softmax(1)[:, 1].tolist()
    return stated


def _negations(pairs: Sequence[EntityPair]) -> npt.NDArray[np.float64]:
    """Whether a sentence has a negation, and one that may reach the pair, shape (pairs, 2)."""
    columns = np.zeros((len(pairs), 2))
    for row, pair in enumerate(pairs):
        first, last = sorted((pair.head, pair.tail))
        negated = [n for n, word in enumerate(pair.words) if _NEGATION.fullmatch(word)]
        columns[row] = (
            bool(negated),
            any(first.start - _BEFORE <= n < last.start for n in negated),
        )
    return columns


def _by_drug_rules(pairs: Sequence[EntityPair]) -> npt.NDArray[np.float64]:
    """Whether a turn of phrase says that the drug treats, causes, or neither, shape (pairs, 3)."""
    columns = np.zeros((len(pairs), 3))
    places = {"TREATS": 0, "CAUSES": 1, "NONE": 2}
    for row, pair in enumerate(pairs):
        rule = drug_rule(pair, is_disease=True)
        if rule is not None and rule.relation in places:
            columns[row, places[rule.relation]] = 1.0
    return columns


def _of_associations(pairs: Sequence[EntityPair]) -> npt.NDArray[np.float64]:
    """The probability by distant supervision, that of a rule, and whether none matches."""
    columns = np.zeros((len(pairs), 3))
    for row, pair in enumerate(pairs):
        rule = association_rule(pair)
        by_rule = 0.5
        if rule is not None:
            by_rule = rule.precision if rule.relation == "ASSOCIATED_WITH" else 0.0
        columns[row] = shipped().probability(pair), by_rule, rule is None
    return columns


def predict_facts(
    model: RelationModel,
    passages: Sequence[Passage],
    pairs: Mapping[str, Sequence[Sequence[FactRow]]],
    readings: Mapping[str, SentenceReading],
) -> list[dict[str, Probabilities]]:
    """For each document and relation, of every head with every tail, how probably it joins them.

    Args:
        model: the models.
        passages: the documents.
        pairs: of each sort and document the heads and tails that share a sentence, and their rows.
        readings: of each sort what the sentences give, by row.
    """
    facts: list[dict[str, Probabilities]] = [{} for _ in passages]
    for sort, relations in SORTS.items():
        reading = readings[sort]
        # The relations of a sort join the same kinds.
        candidates = [Candidates.of(passage, FACTS[relations[0]]) for passage in passages]
        cdr = None
        if any(FACTS[relation].has_cdr for relation in relations):
            causes = reading.labels["causes"][:, 1]
            cdr = model.cdr.predict(candidates, scores_of(pairs[sort], causes[:, None]))
        for relation in relations:
            classifier = model.documents[relation]
            assert isinstance(classifier, DocumentClassifier)
            stated = np.array(reading.stated[relation]).reshape(-1, 1)
            scores = scores_of(pairs[sort], np.hstack([stated, reading.others]))
            rows = classifier.predict(candidates, scores, cdr)
            temperature = model.temperatures[relation]
            for of_document, probabilities in zip(facts, rows, strict=True):
                of_document[relation] = {
                    key: scale_binary_logit(p, temperature) for key, p in probabilities.items()
                }
    return facts
