"""Pairs of mentions of a sentence, and what the models of sentences give to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .candidates import RelationCandidate
from .facts import SORTS, SentenceReading
from .pairs import FINE, TASKS

_NOT = FINE["targets"].index("CPR:10")  # that a drug does not act on a target, in ChemProt


@dataclass(frozen=True)
class ReadPair:
    """Two mentions of a sentence, and what the models of sentences give to them.

    Attributes:
        sort: one of `SORTS`, with the relations that may join them.
        stated: of each of these relations the probability that the sentence states it.
        labels: of each task of the relation model the probabilities of its labels.
        not_target: the probability that the sentence says of a drug that it does not act on a
            target.
    """

    candidate: RelationCandidate
    sort: str
    stated: Mapping[str, float]
    labels: Mapping[str, Sequence[float]]
    not_target: float = 0.0

    @classmethod
    def of(
        cls, candidate: RelationCandidate, sort: str, reading: SentenceReading, row: int
    ) -> ReadPair:
        """A row of a reading."""
        return cls(
            candidate,
            sort,
            {relation: values[row] for relation, values in reading.stated.items()},
            {task: values[row].tolist() for task, values in reading.labels.items()},
            float(reading.others[row, _NOT]) if sort == "drug and target" else 0.0,
        )

    @property
    def action(self) -> str:
        """What the drug most likely does to the target, if it does something."""
        labels = self.labels["targets"]
        return TASKS["targets"][max(range(1, len(labels)), key=labels.__getitem__)]


def sort_of(candidate: RelationCandidate) -> str | None:
    """Which of `SORTS` two mentions are of; None: only HAS_SYMPTOM may join them."""
    if candidate.is_drug_condition:
        return "drug and condition"
    if candidate.is_drug_target:
        return "drug and target"
    return "condition and target" if candidate.is_condition_target else None


def clearest(pairs: Iterable[ReadPair]) -> dict[tuple[str, tuple[str, str]], float]:
    """By relation and concepts the highest probability that a sentence gives."""
    best: dict[tuple[str, tuple[str, str]], float] = {}
    for pair in pairs:
        for relation in SORTS[pair.sort]:
            key = relation, pair.candidate.concepts
            best[key] = max(best.get(key, 0.0), pair.stated[relation])
    return best
