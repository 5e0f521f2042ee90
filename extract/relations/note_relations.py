"""Relations of notes: what their sentences say of drugs, conditions, targets and symptoms.

A drug CAUSES only what a turn of phrase says that it does, or does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .candidates import RelationCandidate, may_be
from .distant import association
from .extracted import ExtractedRelation, extracted
from .pairs import TASKS
from .read_pairs import ReadPair
from .rules import allergy_rule, drug_rule
from .symptoms import symptom_relations

# What labels of the task "treats" are in the graph; the other (prevents) is no relation there.
EFFECTS = {"treats": "TREATS", "contraindicated": "CONTRAINDICATED_FOR"}


def note_relations(
    candidates: Sequence[RelationCandidate],
    pairs: Sequence[ReadPair],
    thresholds: Mapping[str, float],
) -> Iterator[ExtractedRelation]:
    """What a note states.

    Args:
        candidates: its pairs of mentions.
        pairs: what the models of sentences give to them.
        thresholds: of each task and relation the least probability.
    """
    yield from symptom_relations(candidates, note=True)
    for pair in pairs:
        if pair.sort == "drug and condition":
            yield from _of_condition(pair, thresholds)
        elif pair.sort == "drug and target":
            some = 1 - pair.labels["targets"][0]
            if some >= thresholds["targets"]:
                head, tail, *_ = pair.candidate
                yield extracted(head, "TARGETS", tail, some, {"action": pair.action})
        else:
            yield from _association(pair.candidate)


def _of_condition(pair: ReadPair, thresholds: Mapping[str, float]) -> Iterator[ExtractedRelation]:
    head, tail, words, _ = pair.candidate
    is_disease = may_be(tail, "Disease")
    is_reaction = (head.start, tail.start) in head.doc._.reactions
    rule = allergy_rule() if is_reaction else drug_rule(words, is_disease=is_disease)
    if rule is not None:
        relation = "TREATS" if rule.relation == "DENIED" else rule.relation
        effect = None if relation == "NONE" else (rule.precision, relation)
    else:
        # Of CAUSES only what is denied is kept below: whether the sentence speaks of it.
        effect = _effect(pair.labels["causes"][1], pair.labels["treats"], thresholds)
    # The models have seen diseases treated: of a symptom a turn of phrase has to say it.
    if effect is None or not (effect[1] == "CAUSES" or is_disease or rule is not None):
        return
    denied = rule is not None and rule.relation == "DENIED"
    statement = extracted(head, effect[1], tail, effect[0], denied=denied)
    if rule is not None or effect[1] != "CAUSES" or statement.is_denied:
        yield statement


def _effect(
    causes: float, treats: Sequence[float], thresholds: Mapping[str, float]
) -> tuple[float, str] | None:
    """The likelier of what a drug does to a condition, among what reaches its threshold."""
    options = []
    if causes >= thresholds["causes"]:
        options.append((causes, "CAUSES"))
    label = max(range(len(treats)), key=treats.__getitem__)
    name = TASKS["treats"][label]
    if 1 - treats[0] >= thresholds["treats"] and name in EFFECTS:
        options.append((treats[label], EFFECTS[name]))
    return max(options, default=None)


def _association(candidate: RelationCandidate) -> Iterator[ExtractedRelation]:
    """What a condition has to do with a gene; what a sentence denies is given as negated."""
    head, tail, pair, _ = candidate
    stated = association(pair)
    if stated is not None:
        yield extracted(head, "ASSOCIATED_WITH", tail, stated.probability, denied=stated.denied)
