"""Splits of cases without leaks: what is known, which cases come before, and which are asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Round:
    """What a model may be made from, and what it is asked then.

    Attributes:
        knowledge: the graph, without evidence that cites a publication which is asked about, and
            without patients.
        earlier: the cases that are known.
        cases: those that are asked about.
    """

    knowledge: KnowledgeGraph
    earlier: KnowledgeGraph
    cases: KnowledgeGraph


@dataclass(frozen=True)
class CaseSplit:
    """Cases in parts, publications whole.

    Attributes:
        valid: the round that models are chosen by: an earlier slice is asked about, and neither
            these cases nor those of the test are known.
        test: the last round; what validation asked about is known.
        report: how the split was made, counts, and what was dropped.
    """

    valid: Round
    test: Round
    report: Mapping[str, Any]

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
    """Split published cases, and what is known of diseases, so that neither gives a case away.

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
    diagnosed = [case for case in cases_of(cases) if case.diseases]
    if not diagnosed:
        raise DataError("no case has a diagnosis (HAS_DISEASE), so there is nothing to split")
    order = _in_order(diagnosed, how, seed)
    size: dict[str, int] = dict.fromkeys(order, 0)
    for case in diagnosed:
        size[case.publication] += 1
    if since is None:
        rest, tested = _last(order, size, share)
    else:
        rest = [publication for publication in order if pmid(publication) < since]
        tested = order[len(rest) :]
    rest, valid = _last(rest, size, share)
    for part, publications in (("test", tested), ("validation", valid), ("the earlier", rest)):
        if not publications:
            raise DataError(
                f"of {len(diagnosed):,} cases of {len(order):,} publications none would be left for"
                f" {part}; take another share or another PMID"
            )
    if since is None and how == "by-date":
        since = min(map(pmid, tested))
    told = _cited(kg, diagnosed, set(tested), since)
    if not drop_cited and (told["rows"] or told["later"]):
        raise DataError(_refusal(told))
    of_part = {
        name: [case for case in diagnosed if case.publication in set(publications)]
        for name, publications in (("earlier", rest), ("valid", valid), ("test", tested))
    }
    dropped = {
        "valid": citing(kg, references_of(of_part["valid"] + of_part["test"])),
        "test": citing(kg, references_of(of_part["test"])),
    }
    graphs = {
        name: patients_of(cases, [case.id for case in part]) for name, part in of_part.items()
    }
    known = [case.id for name in ("earlier", "valid") for case in of_part[name]]
    knowledge = patients_of(kg, ())
    return CaseSplit(
        Round(_without(knowledge, dropped["valid"]), graphs["earlier"], graphs["valid"]),
        Round(_without(knowledge, dropped["test"]), patients_of(cases, known), graphs["test"]),
        {
            "how": how,
            "seed": seed,
            "share": share,
            "since": since,
            "drop_cited": drop_cited,
            "knowledge": kg.checksum(),
            "cases": cases.checksum(),
            "counts": {
                name: {
                    "cases": len(part),
                    "publications": len({case.publication for case in part}),
                    "diseases": len({disease for case in part for disease in case.diseases}),
                    **_span(part),
                }
                for name, part in of_part.items()
            },
            "undiagnosed": cases.nodes.filter(kind="Patient").height - len(diagnosed),
            "dropped": {name: _of_relations(rows) for name, rows in dropped.items()},
            "cites_later": told["later"],
        },
    )


def _check(how: str, share: float, since: int | None) -> None:
    if how not in SPLIT_METHODS:
        raise DataError(f"cases are split {' or '.join(SPLIT_METHODS)}, not {how!r}")
    if not 0 < share < 1:
        raise DataError(f"share is between 0 and 1, not {share}")
    if since is not None and how != "by-date":
        raise DataError(f"a first PMID is for by-date, not for {how}")


def _in_order(cases: Sequence[Case], how: str, seed: int) -> list[str]:
    """The publications, those that are held back first at the end."""
    publications = sorted({case.publication for case in cases}, key=lambda p: (pmid(p), p))
    if how == "by-date":
        if not pmid(publications[-1]):
            raise DataError("no case has a PMID, so they have no order; split by-publication")
        return publications
    drawn = np.random.default_rng(seed).permutation(len(publications))
    return [publications[number] for number in drawn]


def _last(
    publications: Sequence[str], size: Mapping[str, int], share: float
) -> tuple[list[str], list[str]]:
    """The publications without the last ones, and as many of these as have no more than a share of
    the cases, but at least one."""
    counts = np.array([size[publication] for publication in publications])
    following = np.cumsum(counts[::-1])[::-1]
    place = min(int((following > share * counts.sum()).sum()), max(len(counts) - 1, 0))
    return list(publications[:place]), list(publications[place:])


def _cited(
    kg: KnowledgeGraph, cases: Sequence[Case], tested: set[str], since: int | None
) -> dict[str, Any]:
    """What the knowledge cites of the test's publications, and of others as late."""
    references = references_of([case for case in cases if case.publication in tested])
    cited = cited_by(kg)
    later = {c for c in cited if since is not None and pmid(c) >= since} - references
    return {
        "publications": sorted(cited & references),
        "rows": citing(kg, references).height,
        "later": len(later),
        "example": max(later, key=pmid) if later else None,
    }


def references_of(cases: Sequence[Case]) -> set[str]:
    """Publications and all other references of cases."""
    return {each for case in cases for each in (case.publication, *case.references)}


def _refusal(told: Mapping[str, Any]) -> str:
    if not told["rows"]:
        return (
            f"the knowledge cites {told['later']:,} publications as late as the test's, as"
            f" {told['example']}, so it is not what was known before; take an older release, or"
            " give --drop-cited for today's without what cites the test's own"
        )
    return (
        f"{told['rows']:,} rows of the knowledge's evidence cite {len(told['publications']):,} of"
        f" the test's publications, as {told['publications'][0]}, and would tell the diagnoses;"
        " take an older release, or give --drop-cited to leave these rows out"
    )


def _without(kg: KnowledgeGraph, rows: pl.DataFrame) -> KnowledgeGraph:
    """The graph without some evidence, and without the edges that it alone asserted."""
    if rows.is_empty():
        return kg
    buffer = EvidenceBuffer(kg.schema)
    for batch in kg.batches("evidence"):
        buffer.add(batch.join(rows, on="id", how="anti", maintain_order="left"))
    edges, evidence = buffer.frames(kg.sources)
    frames = {"nodes": kg.nodes, "edges": edges, "evidence": evidence, "merges": kg.merges}
    return KnowledgeGraph({**frames, "predictions": empty(PREDICTIONS)}, kg.sources, kg.schema)


def _span(cases: Sequence[Case]) -> dict[str, str | None]:
    numbers = sorted(filter(None, (pmid(case.publication) for case in cases)))
    first, last = (f"PMID:{numbers[at]}" if numbers else None for at in (0, -1))
    return {"first": first, "last": last}


def _of_relations(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("relation").len().sort("relation").iter_rows())
