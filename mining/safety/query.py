"""Queries for a treatment: what is known of the patient whom drugs are sought for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import DataError
from ...graph.units import OLDEST

SEXES = ("female", "male")
INFANT_BELOW, CHILD_BELOW, OLD_FROM = 1, 18, 65  # years


@dataclass(frozen=True)
class TreatmentQuery:
    """What is known of the patient whom a drug is for; identifiers of a graph.

    Attributes:
        diseases: those that a drug is sought for.
        also: other diseases.
        age: in years; where it isn't certain the highest that it may be, and `youngest` the lowest.
        sex: `female` or `male`. pregnant: None where it isn't known.
        allergic: drugs, classes of drugs and exposures, that the patient must not have for an
            allergy or an intolerance.
        id: of a patient of the graph.

    Raises:
        DataError: an impossible age, an unknown sex, or a pregnant man.
    """

    diseases: tuple[str, ...]
    also: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    taking: tuple[str, ...] = ()
    age: float | None = None
    youngest: float | None = None
    sex: str | None = None
    pregnant: bool | None = None
    allergic: tuple[str, ...] = ()
    id: str | None = None

    def __post_init__(self) -> None:
        if self.age is not None and not 0 <= self.age <= OLDEST:
            raise DataError(f"an age is 0 to {OLDEST} years, not {self.age:g}")
        if self.sex is not None and self.sex not in SEXES:
            raise DataError(f"a sex is {' or '.join(SEXES)}, not {self.sex!r}; leave it out else")
        if self.pregnant and self.sex == "male":
            raise DataError("the patient is male and pregnant; leave out one of the two")

    @property
    def states(self) -> list[str]:
        """What age, sex and pregnancy make of the patient: keys of
        `contraindications.STATE_NAMES`."""
        oldest = self.age
        youngest = oldest if self.youngest is None else self.youngest
        holds = {
            "pregnancy": self.pregnant,
            "infant": youngest is not None and youngest < INFANT_BELOW,
            "child": youngest is not None and youngest < CHILD_BELOW,
            "old age": oldest is not None and oldest >= OLD_FROM,
            "female": self.sex == "female",
            "male": self.sex == "male",
        }
        return [state for state, true in holds.items() if true]
