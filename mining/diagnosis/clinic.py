"""The open set of a clinic's patients: fitted on notes, by all that is known of a patient.

The probabilities of a clinic (how common diseases are, how often they show a finding, age, sex) are
others than those of the ranker alone, and so is how sure they may be taken to be. What comes with
medkg (`data/clinic.md`) was fitted on notes whose misses were, with few exceptions, not mended.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from ...core.json_reading import parse_json
from .explained import PatientEvidence
from .open_set import Floats, Integers, OpenSet, Ordered, fit_open_set

SHIPPED = Path(__file__).parent / "data" / "clinic.json"
# How many patients' diseases are taken to be no candidate. By judgement: of 24 notes whose diseases
# were chosen freely two were none then.
BASE_RATE = 0.1


def fit_clinic_open_set(
    logs: Floats, truth_rows: Sequence[Integers], evidence: PatientEvidence
) -> OpenSet:
    """The open set of probabilities by all that is known of patients; see `fit_open_set`.

    "None of these" is fitted with one row for each patient's disease, so that taking it out takes
    out all of it; conformity is of the probabilities as they are, with the first of its rows.
    Patients of one disease are never fitted and measured on at once.

    Args:
        logs: logarithms of the probabilities, patients × diseases.
        truth_rows: of each patient the rows that are the disease, its subtypes among them.
    """
    merged, first = one_row_each(logs, truth_rows)
    groups = np.unique(
        [",".join(map(str, sorted(rows))) for rows in truth_rows], return_inverse=True
    )
    fitted = fit_open_set(merged, first, evidence, groups[1], base_rate=BASE_RATE)
    ordered = Ordered.of(fitted.probabilities(logs, evidence))
    conformity = ordered.before[ordered.order == first[:, None]]
    return replace(fitted, conformity=np.sort(conformity).tolist())


def one_row_each(logs: Floats, truth_rows: Sequence[Integers]) -> tuple[Floats, Integers]:
    """The logarithms with one row for each patient's disease, and that row.

    It is the most probable of the disease's; the others are no candidates.
    """
    first = np.array(
        [rows[np.argmax(own[rows])] for own, rows in zip(logs, truth_rows, strict=True)]
    )
    merged = logs.copy()
    for own, rows, row in zip(merged, truth_rows, first, strict=True):
        own[rows[rows != row]] = -np.inf
    return merged, first


def write_clinic_open_set(fitted: OpenSet) -> None:
    """Write what comes with medkg where it lies."""
    conformity = np.round(fitted.conformity, 6).tolist()
    text = json.dumps(replace(fitted, conformity=conformity).to_dict())
    SHIPPED.write_text(text + "\n", encoding="utf-8")


@cache
def clinic_open_set() -> OpenSet:
    """The open set that comes with medkg."""
    return OpenSet.from_dict(parse_json(SHIPPED.read_text(encoding="utf-8")))
