"""The open set of a clinic's patients: fitted on notes, by all that is known of a patient.

The probabilities of a clinic (how common diseases are, how often they show a finding, age, sex) are
others than those of the ranker alone, and so is how sure they may be taken to be. What comes with
medkg (`data/clinic.md`) was fitted on notes that nobody had changed anything for.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from ...core.json_reading import parse_json
from .explained import PatientEvidence
from .open_set import Floats, Integers, OpenSet, fit_open_set

SHIPPED = Path(__file__).parent / "data" / "clinic.json"
# How many patients' diseases are taken to be no candidate. By judgement: of 24 notes whose diseases
# were chosen freely two were none then.
BASE_RATE = 0.1


def fit_clinic_open_set(logs: Floats, truth_rows: Integers, evidence: PatientEvidence) -> OpenSet:
    """The open set of probabilities by all that is known; see `fit_open_set`.

    Args:
        logs: logarithms of the probabilities, patients × diseases.
    """
    return fit_open_set(logs, truth_rows, evidence, base_rate=BASE_RATE)


def write_clinic_open_set(fitted: OpenSet) -> None:
    """Write what comes with medkg where it lies."""
    conformity = np.round(fitted.conformity, 6).tolist()
    text = json.dumps(replace(fitted, conformity=conformity).to_dict())
    SHIPPED.write_text(text + "\n", encoding="utf-8")


@cache
def clinic_open_set() -> OpenSet:
    """The open set that comes with medkg."""
    return OpenSet.from_dict(parse_json(SHIPPED.read_text(encoding="utf-8")))
