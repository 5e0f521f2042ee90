"""Checking a graph: contradictions, wrong rows and doubtful ones, with counts and examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

import polars as pl

from ..core.atomic import atomic_file
from ..core.errors import DataError
from ..core.progress import track
from .evidence_checks import (
    contraindicated_treatments,
    dangling_ends,
    denied_edges,
    edge_probabilities_out_of_range,
    ends_of_wrong_kinds,
    evidence_without_release,
    outdated_edges,
    phenotypes_present_and_absent,
    predictions_without_nodes,
    repeated_evidence,
    self_loops,
    subclass_cycles,
    text_mined_without_document,
    uncalibrated_predictions,
    undeclared_sources,
    unknown_relations,
    unknown_units,
    values_out_of_range,
    values_without_unit,
)
from .identifiers import NO_CURIE
from .kg import KnowledgeGraph
from .node_checks import (
    equivalences_held_back,
    isolated_nodes,
    malformed_identifiers,
    merges_not_applied,
    nameless_nodes,
    nearly_shared_names,
    nonstandard_identifiers,
    obsolete_identifiers,
    repeated_identifiers,
    shared_names,
    unknown_kinds,
)

EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One kind of doubt: how many there are, what it means, the first few, and what mends it.

    `fix` says what `medkg.graph.clean.fix` does about it; it is empty where a person must decide.
    """

    name: str
    count: int
    meaning: str
    examples: tuple[str, ...]
    fix: str = ""

    def as_dict(self) -> dict[str, object]:
        """The finding for JSON."""
        return asdict(self)


def check(
    kg: KnowledgeGraph, *, report: Path | str | None = None, further: Sequence[Check] = ()
) -> list[Finding]:
    """All findings that the graph has, the checks in a fixed order; none for a spotless graph.

    The frames are read a part at a time and only the columns that a check needs, so a graph may be
    larger than the memory; and also one whose files somebody else has made or changed.

    Args:
        report: a file to write with every row of every finding, as JSON lines: `finding`, and the
            columns that show what it is about.
        further: checks beside those of every graph, made after them.

    Raises:
        DataError: a frame lacks a column, or its file can't be read.

    Example:
        >>> findings = medkg.check(medkg.load("common"))
        >>> [finding.name for finding in findings]
        ['same name, several nodes']
    """
    findings = []
    with _report(report) as file:
        for doubt in track([*_CHECKS, *further], "check"):
            try:
                doubtful = doubt.find(kg).collect(engine="streaming")
            except (pl.exceptions.PolarsError, OSError) as error:
                raise DataError(f"the graph can't be read ({doubt.name}): {error}") from error
            if doubtful.is_empty():
                continue
            doubtful = doubtful.sort(doubtful.columns)
            examples = tuple(map(_example, doubtful.head(EXAMPLES).iter_rows()))
            findings.append(
                Finding(doubt.name, doubtful.height, doubt.meaning, examples, doubt.fix)
            )
            if file is not None:
                for row in doubtful.iter_rows(named=True):
                    file.write(json.dumps({"finding": doubt.name, **row}, ensure_ascii=False))
                    file.write("\n")
    return findings


def _example(row: tuple[object, ...]) -> str:
    """A row on one line, its values told apart even where one is a name of several words."""
    values = [str(value) for value in row if value is not None]
    return (" | " if any(" " in value for value in values) else " ").join(values)


@contextmanager
def _report(path: Path | str | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    with atomic_file(path) as draft, draft.open("w", encoding="utf-8") as file:
        yield file


class Check(NamedTuple):
    """A doubt that a graph may give rise to: the rows that do, and what mends them."""

    name: str
    meaning: str
    find: Callable[[KnowledgeGraph], pl.LazyFrame]
    fix: str = ""


_ASIDE = "set aside"
_CHECKS = (
    # Contradictions are for a person to decide.
    Check(
        "treatment that is contraindicated",
        "a drug treats a disease that it is also contraindicated for",
        contraindicated_treatments,
    ),
    Check(
        "asserted and denied",
        "evidence says it, other evidence says it is not so",
        denied_edges,
    ),
    Check(
        "phenotype present and absent",
        "a patient both has and lacks a phenotype",
        phenotypes_present_and_absent,
    ),
    Check(
        "circle of subclasses",
        "SUBCLASS_OF that leads back to where it starts",
        subclass_cycles,
    ),
    # Nodes
    Check(
        "malformed identifier",
        f"not what its source's identifiers look like, or {NO_CURIE}",
        malformed_identifiers,
        f"what is {NO_CURIE} is {_ASIDE} with its evidence",
    ),
    Check(
        "identifier in another spelling",
        "the prefix or form of a node's, or a cross-reference, isn't the standard one",
        nonstandard_identifiers,
        "spelt as the standard",
    ),
    Check(
        "obsolete identifier",
        "another node's `replaces` names it",
        obsolete_identifiers,
        "it and its evidence move to the current one; merges records it",
    ),
    Check(
        "unknown kind",
        "the schema has no such kind",
        unknown_kinds,
        f"{_ASIDE} with evidence",
    ),
    Check(
        "identifier there twice",
        "several nodes have it",
        repeated_identifiers,
        "united where they are of one kind; of others the first stays",
    ),
    Check(
        "isolated node",
        "no evidence speaks of it",
        isolated_nodes,
        "left out only if asked",
    ),
    Check("node without a name", "its identifier stands for its name", nameless_nodes),
    Check(
        "same name, several nodes",
        "SAME_AS candidates: may be one thing, but are of two kinds or without a second sign",
        shared_names,
    ),
    Check(
        "nearly the same name",
        "may be one thing: other order or number of words, or one letter",
        nearly_shared_names,
    ),
    Check(
        "equivalence not applied",
        "a cross-reference that merging held back",
        equivalences_held_back,
    ),
    Check(
        "merge not carried out",
        "recorded as having become another node, yet it is one",
        merges_not_applied,
    ),
    # Evidence and edges
    Check(
        "unknown relation",
        "the schema has no such relation",
        unknown_relations,
        _ASIDE,
    ),
    Check("dangling end", "evidence about what is no node", dangling_ends, _ASIDE),
    Check(
        "ends of the wrong kinds",
        "the relation doesn't join these",
        ends_of_wrong_kinds,
        _ASIDE,
    ),
    Check(
        "value out of range",
        "a probability, level, polarity, … that evidence can't have",
        values_out_of_range,
        f"{_ASIDE}; what is missing is filled in",
    ),
    Check(
        "evidence there twice",
        "several pieces have one identifier",
        repeated_evidence,
        "the latest release's stays",
    ),
    Check(
        "edge out of step",
        "its count isn't that of its evidence, or one of them is missing",
        outdated_edges,
        "edges are made anew from the evidence",
    ),
    Check(
        "edge probability out of range",
        "not between 0 and 1",
        edge_probabilities_out_of_range,
        "edges are made anew from the evidence",
    ),
    Check(
        "edge to itself",
        "both ends are one node, often after merging",
        self_loops,
        f"evidence whose ends merging has made one is {_ASIDE}",
    ),
    Check(
        "undeclared source",
        "the graph's sources, with their licences, lack it",
        undeclared_sources,
        "declared with an unknown licence",
    ),
    Check(
        "evidence without a release",
        "can't be traced to a version of its source",
        evidence_without_release,
    ),
    Check(
        "text-mined without a document",
        "no document and no reference says where it was read",
        text_mined_without_document,
    ),
    Check(
        "unknown unit",
        "its values can't be compared with those in other units",
        unknown_units,
    ),
    Check(
        "value without a unit",
        "a number that may be of any unit, or of none",
        values_without_unit,
    ),
    # Predictions
    Check(
        "prediction without a probability",
        "a score that was never calibrated",
        uncalibrated_predictions,
    ),
    Check(
        "prediction about no node",
        "an end is not in the graph",
        predictions_without_nodes,
        _ASIDE,
    ),
)
