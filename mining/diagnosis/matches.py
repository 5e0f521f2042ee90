"""A patient's phenotypes matched to a disease's, exactly or by the ontology."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .knowledge import Floats, Integers, Knowledge
from .similarity import entries

MISSING = 5  # missing phenotypes that are listed for a disease
_FREQUENT = 0.5  # a phenotype that more of a disease's patients have is noted if missing
# Least information content, in nats, of a term for a phenotype below it to match it, and of a
# common ancestor for two phenotypes to be near.
_FEWEST_NATS_BROADER, _FEWEST_NATS_NEAR = 1.0, 2.5


@dataclass(frozen=True)
class Match:
    """A phenotype against a disease; phenotypes are columns of the knowledge.

    Attributes:
        part: `matching`, `unexpected`, `against` (excluded, and the disease shows it), `absent`
            (excluded, and the disease doesn't show it) or `missing`.
        how: `exact`; `narrower` or `broader` than the disease's; `near`: both below one term that
            says something; `none`.
        by: the disease's phenotype that it matches (of several the most telling), or that term.
    """

    part: str
    phenotype: int
    how: str
    by: int | None


def compare(
    knowledge: Knowledge,
    disease: int,
    present: Integers,
    excluded: Integers,
    namesakes: Set[int] = frozenset(),
) -> list[Match]:
    """A patient's phenotypes, and those that are missing, against a disease (its row).

    Args:
        namesakes: columns of what has the disease's name and is therefore never missing.
    """
    profile = _Profile.of(knowledge, disease)
    matches = [_match_present(knowledge, profile, column) for column in present.tolist()]
    matches += [_match_excluded(knowledge, profile, column) for column in excluded.tolist()]
    implied = {a for column in present for a in entries(knowledge.closure, column).tolist()}
    implied |= {m.by for m in matches if m.by is not None and m.how == "broader"}
    return matches + _missing(knowledge, profile, implied | namesakes, set(excluded.tolist()))


def explaining(knowledge: Knowledge, patients: Sequence[Integers]) -> NDArray[np.bool_]:
    """Patients × diseases: whether `compare` matches any phenotype of the patient to the disease,
    exactly or as a narrower or broader one."""
    shown = knowledge.present(patients) @ knowledge.shown_by
    specific = sp.diags(is_specific(knowledge, slice(None)).astype(np.float32))
    broader = knowledge.with_ancestors(patients) @ specific @ knowledge.annotated_by
    return np.asarray((shown + broader).toarray() > 0)


def is_specific(knowledge: Knowledge, columns: Sequence[int] | slice) -> NDArray[np.bool_]:
    """Of each of some phenotypes whether it says enough for one below it to match it.

    No organ system does ("Abnormality of metabolism/homeostasis"), though a disease may state it.
    """
    specific: NDArray[np.bool_] = knowledge.information[columns] > _FEWEST_NATS_BROADER
    return specific & ~knowledge.organ_systems[columns]


@dataclass(frozen=True)
class _Profile:
    """The phenotypes of a disease.

    Attributes:
        stated: columns of those that are annotated.
        frequency: of these.
        annotated: the same columns.
        shown: these and their ancestors.
    """

    stated: NDArray[np.int32]
    frequency: Floats
    annotated: frozenset[int]
    shown: frozenset[int]

    @classmethod
    def of(cls, knowledge: Knowledge, disease: int) -> _Profile:
        begin, end = knowledge.annotated.indptr[disease : disease + 2]
        stated = knowledge.annotated.indices[begin:end]
        return cls(
            stated,
            knowledge.annotated.data[begin:end],
            frozenset(stated.tolist()),
            frozenset(entries(knowledge.frequency, disease).tolist()),
        )


def _match_present(knowledge: Knowledge, profile: _Profile, column: int) -> Match:
    information = knowledge.information
    if column in profile.annotated:
        return Match("matching", column, "exact", column)
    if column in profile.shown:
        return Match(
            "matching", column, "broader", _most_frequent_below(knowledge, profile, column)
        )
    ancestors = entries(knowledge.closure, column).tolist()
    stated = [a for a in ancestors if a in profile.annotated]
    broader = [a for a, says in zip(stated, is_specific(knowledge, stated), strict=True) if says]
    if broader:
        by = max(broader, key=lambda a: (information[a], a))
        return Match("matching", column, "narrower", by)
    shared = (a for a in ancestors if a in profile.shown)
    nearest = max(shared, key=lambda a: information[a], default=None)
    if nearest is not None and information[nearest] > _FEWEST_NATS_NEAR:
        return Match("unexpected", column, "near", nearest)
    return Match("unexpected", column, "none", None)


def _match_excluded(knowledge: Knowledge, profile: _Profile, column: int) -> Match:
    if column in profile.annotated:
        return Match("against", column, "exact", column)
    if column in profile.shown:
        by = _most_frequent_below(knowledge, profile, column)
        return Match("against", column, "broader", by)
    return Match("absent", column, "none", None)


def _missing(
    knowledge: Knowledge, profile: _Profile, implied: Set[int], excluded: Set[int]
) -> list[Match]:
    """The frequent and informative phenotypes of a disease of which nothing is said.

    Args:
        implied: columns of what the patient's phenotypes imply or match, and of namesakes.
        excluded: columns of what was excluded, with which all below is.
    """
    order = np.argsort(-profile.frequency * knowledge.information[profile.stated], kind="stable")
    missing = [
        int(profile.stated[place])
        for place in order
        if profile.frequency[place] > _FREQUENT
        and int(profile.stated[place]) not in implied
        and not excluded & set(entries(knowledge.closure, profile.stated[place]).tolist())
    ]
    return [Match("missing", column, "none", column) for column in missing[:MISSING]]


def _most_frequent_below(knowledge: Knowledge, profile: _Profile, column: int) -> int:
    """The most frequent of the annotated phenotypes that are this one or below it."""
    order = np.argsort(-profile.frequency, kind="stable")
    below = (p for p in order if column in entries(knowledge.closure, profile.stated[p]))
    return int(profile.stated[next(below)])
