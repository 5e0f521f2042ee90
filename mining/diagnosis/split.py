"""Splits of cases without leaks: the knowledge, the earlier cases, and those evaluated on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import polars as pl

from ...core.atomic import atomic_folder
from ...core.errors import DataError
from ...graph.frames import PREDICTIONS, empty
from ...graph.kg import KnowledgeGraph
from ...graph.spill import EvidenceBuffer
from ..links.split import MANIFEST
from .cases import (
    Case,
    cases_of,
    patients_of,
    pmid,
)
from .leaks import cited_by, citing

SPLIT_METHODS = ("by-publication", "by-date")
SHARE = 0.2
ROUNDS = ("valid", "test")
FOLDERS = ("knowledge", "earlier", "cases")
_VERSION = 1


class PartCounts(TypedDict):
    """The size of a part: cases, publications, diseases, and the first and the last PMID."""

    cases: int
    publications: int
    diseases: int
    first: str | None
    last: str | None


class SplitReport(TypedDict):
    """How cases were split.

    Attributes:
        how, seed, share, since, drop_cited: as given; `since` is the lowest PMID of the test.
        knowledge, cases: checksums of the graphs.
        counts: by part.
        undiagnosed: patients without a diagnosis, who are left out.
        dropped: rows of evidence that each round's knowledge lacks, by relation.
        cites_later: other publications, as late as the test's, that the knowledge cites.
    """

    how: str
    seed: int
    share: float
    since: int | None
    drop_cited: bool
    knowledge: str
    cases: str
    counts: dict[str, PartCounts]
    undiagnosed: int
    dropped: dict[str, dict[str, int]]
    cites_later: int


@dataclass(frozen=True)
class Round:
    """What a model may be trained on, and the cases that it is then evaluated on.

    Attributes:
        knowledge: the graph, without evidence that cites a publication of `cases`, and without
            patients.
        earlier: the cases that are known.
        cases: those that the model is evaluated on.
    """

    knowledge: KnowledgeGraph
    earlier: KnowledgeGraph
    cases: KnowledgeGraph


@dataclass(frozen=True)
class CaseSplit:
    """Cases in parts, publications whole.

    Attributes:
        valid: the round that models are chosen by: its cases are earlier than the test's, and
            neither these nor those of the test are known.
        test: the last round; the cases of validation are known.
        report: how the split was made, counts, and what was dropped.
    """

    valid: Round
    test: Round
    report: SplitReport

    def save(self, path: Path | str) -> None:
        """Write a folder with `valid/` and `test/`, in each the graph folders `knowledge/`,
        `earlier/` and `cases/`, and `split.json`.

        Raises:
            DataError: `path` is a file, or a folder that is no split.
        """
        with atomic_folder(path, marker=MANIFEST) as folder:
            for name in ROUNDS:
                for part in FOLDERS:
                    getattr(getattr(self, name), part).save(folder / name / part)
            manifest = {"case_split_version": _VERSION, **self.report}
            (folder / MANIFEST).write_text(
                json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8"
            )


def split_cases(
    kg: KnowledgeGraph,
    cases: KnowledgeGraph,
    how: str,
    *,
    seed: int = 0,
    share: float = SHARE,
    since: int | None = None,
    drop_cited: bool = False,
) -> CaseSplit:
    """Split published cases, and the knowledge of diseases, so that neither leaks a case.

    All cases of a publication are in one part. The validation's knowledge lacks all evidence that
    cites a publication of validation or test, whatever the options: for it, an earlier slice is
    what the test is for the whole.

    Args:
        kg: the knowledge, with the references of its evidence.
        cases: Patient nodes with HAS_PHENOTYPE and HAS_DISEASE; those without a diagnosis are left
            out.
        how: `by-publication`: publications by chance. `by-date`: the latest publications are the
            test's, the latest of the others validation's. PMIDs are given in the order of time,
            and stand for the date; cases without one are early ones.
        seed: of chance, `by-publication`.
        share: of the cases, for the test; and of the rest, for validation.
        since: for `by-date`, the lowest PMID of the test; by default such that the test has `share`
            of the cases.
        drop_cited: leave out of the test's knowledge the evidence that cites a publication of its
            (protocol B); otherwise the knowledge stays as it is, and what it cites is an error
            (protocol A).

    Raises:
        DataError: an unknown way to split; the knowledge cites a publication of the test, or with
            `by-date` any as late, and `drop_cited` is not asked for; no diagnosed case; or a part
            that would be empty.
    """
    _check(how, share, since)
    diagnosed = _diagnosed(cases)
    parts = _divide(diagnosed, how, seed=seed, share=share, since=since)
    if since is None and how == "by-date":
        since = min(pmid(case.publication) for case in parts["test"])
    citations = Citations.of(kg, parts["test"], since)
    if not drop_cited and (citations.rows or citations.later):
        raise DataError(citations.refusal())
    not_known = {"valid": parts["valid"] + parts["test"], "test": parts["test"]}
    dropped = {name: citing(kg, references_of(part)) for name, part in not_known.items()}
    report: SplitReport = {
        "how": how,
        "seed": seed,
        "share": share,
        "since": since,
        "drop_cited": drop_cited,
        "knowledge": kg.checksum(),
        "cases": cases.checksum(),
        "counts": {name: _counts(part) for name, part in parts.items()},
        "undiagnosed": cases.nodes.filter(kind="Patient").height - len(diagnosed),
        "dropped": {name: _relation_counts(rows) for name, rows in dropped.items()},
        "cites_later": citations.later,
    }
    return _case_split(kg, cases, parts, dropped, report)


def _case_split(
    kg: KnowledgeGraph,
    cases: KnowledgeGraph,
    parts: Mapping[str, Sequence[Case]],
    dropped: Mapping[str, pl.DataFrame],
    report: SplitReport,
) -> CaseSplit:
    """The graphs of both rounds.

    Args:
        parts: the cases by part: earlier, valid and test.
        dropped: the evidence that each round's knowledge lacks.
    """

    def graph(*names: str) -> KnowledgeGraph:
        return patients_of(cases, [case.id for name in names for case in parts[name]])

    knowledge = patients_of(kg, ())
    return CaseSplit(
        Round(_without_evidence(knowledge, dropped["valid"]), graph("earlier"), graph("valid")),
        Round(
            _without_evidence(knowledge, dropped["test"]),
            graph("earlier", "valid"),
            graph("test"),
        ),
        report,
    )


def _diagnosed(cases: KnowledgeGraph) -> list[Case]:
    diagnosed = [case for case in cases_of(cases) if case.diseases]
    if not diagnosed:
        raise DataError("no case has a diagnosis (HAS_DISEASE), so there is nothing to split")
    return diagnosed


def _check(how: str, share: float, since: int | None) -> None:
    if how not in SPLIT_METHODS:
        raise DataError(f"cases are split {' or '.join(SPLIT_METHODS)}, not {how!r}")
    if not 0 < share < 1:
        raise DataError(f"share is between 0 and 1, not {share}")
    if since is not None and how != "by-date":
        raise DataError(f"a first PMID is for by-date, not for {how}")


def _in_order(cases: Sequence[Case], how: str, seed: int) -> list[str]:
    """The publications, those that are held back first at the end: by date, or in random order."""
    publications = sorted({case.publication for case in cases}, key=lambda p: (pmid(p), p))
    if how == "by-date":
        if not pmid(publications[-1]):
            raise DataError("no case has a PMID, so they have no order; split by-publication")
        return publications
    drawn = np.random.default_rng(seed).permutation(len(publications))
    return [publications[number] for number in drawn]


def _divide(
    cases: Sequence[Case], how: str, *, seed: int, share: float, since: int | None
) -> dict[str, list[Case]]:
    """The cases by part: earlier, valid and test.

    Raises:
        DataError: a part would be empty.
    """
    order = _in_order(cases, how, seed)
    size: dict[str, int] = dict.fromkeys(order, 0)
    for case in cases:
        size[case.publication] += 1
    if since is None:
        rest, test = _held_back(order, size, share)
    else:
        rest = [publication for publication in order if pmid(publication) < since]
        test = order[len(rest) :]
    earlier, valid = _held_back(rest, size, share)
    named = (("test", test), ("validation", valid), ("the earlier", earlier))
    for part, publications in named:
        if not publications:
            raise DataError(
                f"of {len(cases):,} cases of {len(order):,} publications none would be left for"
                f" {part}; take another share or another PMID"
            )
    by_part = {"earlier": set(earlier), "valid": set(valid), "test": set(test)}
    return {
        part: [case for case in cases if case.publication in publications]
        for part, publications in by_part.items()
    }


def _held_back(
    publications: Sequence[str], size: Mapping[str, int], share: float
) -> tuple[list[str], list[str]]:
    """The publications without the last ones, and as many of these as have no more than a share of
    the cases, but at least one.

    Args:
        size: the number of cases of each publication.
    """
    counts = np.array([size[publication] for publication in publications])
    following = np.cumsum(counts[::-1])[::-1]
    place = min(int((following > share * counts.sum()).sum()), max(len(counts) - 1, 0))
    return list(publications[:place]), list(publications[place:])


@dataclass(frozen=True)
class Citations:
    """What the knowledge cites of the test's publications, and of others as late.

    Attributes:
        publications: those of the test that it cites.
        rows: number of rows of evidence that cite them.
        later: number of other publications, as late as the test's, that it cites.
        latest: the latest of these.
    """

    publications: Sequence[str]
    rows: int
    later: int
    latest: str | None

    @classmethod
    def of(cls, kg: KnowledgeGraph, test: Sequence[Case], since: int | None) -> Citations:
        """The citations of a graph.

        Args:
            since: the lowest PMID of the test; None where it is not by date.
        """
        references = references_of(test)
        cited = cited_by(kg)
        later = {c for c in cited if since is not None and pmid(c) >= since} - references
        return cls(
            publications=sorted(cited & references),
            rows=citing(kg, references).height,
            later=len(later),
            latest=max(later, key=pmid) if later else None,
        )

    def refusal(self) -> str:
        """Why the knowledge can't be used as it is."""
        if not self.rows:
            return (
                f"the knowledge cites {self.later:,} publications as late as the test's, as"
                f" {self.latest}, so it is not what was known before; take an older release, or"
                " give --drop-cited for today's without what cites the test's own"
            )
        return (
            f"{self.rows:,} rows of the knowledge's evidence cite {len(self.publications):,} of"
            f" the test's publications, as {self.publications[0]}, and would tell the diagnoses;"
            " take an older release, or give --drop-cited to leave these rows out"
        )


def references_of(cases: Sequence[Case]) -> set[str]:
    """Publications and all other references of cases."""
    return {each for case in cases for each in (case.publication, *case.references)}


def without_cited(kg: KnowledgeGraph, cases: KnowledgeGraph) -> tuple[KnowledgeGraph, int]:
    """A graph without the evidence that cites a publication of cases, so that these can test what
    is made of it; and how many rows of evidence that is."""
    rows = citing(kg, references_of(cases_of(cases)))
    return _without_evidence(kg, rows), rows.height


def _without_evidence(kg: KnowledgeGraph, rows: pl.DataFrame) -> KnowledgeGraph:
    """The graph without some evidence, and without the edges that it alone asserted."""
    if rows.is_empty():
        return kg
    buffer = EvidenceBuffer(kg.schema)
    for batch in kg.batches("evidence"):
        buffer.add(batch.join(rows, on="id", how="anti", maintain_order="left"))
    edges, evidence = buffer.frames(kg.sources)
    frames = {"nodes": kg.nodes, "edges": edges, "evidence": evidence, "merges": kg.merges}
    return KnowledgeGraph({**frames, "predictions": empty(PREDICTIONS)}, kg.sources, kg.schema)


def _counts(cases: Sequence[Case]) -> PartCounts:
    pmids = sorted(filter(None, (pmid(case.publication) for case in cases)))
    first, last = (f"PMID:{pmids[place]}" if pmids else None for place in (0, -1))
    return {
        "cases": len(cases),
        "publications": len({case.publication for case in cases}),
        "diseases": len({disease for case in cases for disease in case.diseases}),
        "first": first,
        "last": last,
    }


def _relation_counts(evidence: pl.DataFrame) -> dict[str, int]:
    return dict(evidence.group_by("relation").len().sort("relation").iter_rows())
