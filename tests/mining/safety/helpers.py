"""What safety says of the pharmacy's drugs, in short."""

from __future__ import annotations

from typing import Any

from medkg.mining.safety.query import TreatmentQuery
from medkg.mining.safety.safety import Safety
from tests.mining.treatment.pharmacy import DRUGS, FAMILIES


def texts(safety: Safety, drug: str, **patient: Any) -> list[str]:
    """The warnings about one drug, in words."""
    query = TreatmentQuery(**{"diseases": (), **patient})
    return [warning.text for warning in safety.warnings(query, [drug]).get(drug, [])]


def kinds(safety: Safety, patient: TreatmentQuery) -> dict[str, set[str]]:
    """The drugs that each kind of warning is about."""
    by_kind: dict[str, set[str]] = {}
    for drug, own in safety.warnings(patient, drugs).items():
        for warning in own:
            by_kind.setdefault(warning.kind, set()).add(drug.removeprefix("drugbank:DB"))
    return by_kind


drugs = [f"drugbank:DB{f}{n}" for f in range(FAMILIES) for n in range(DRUGS)]
