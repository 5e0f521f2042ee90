"""Common laboratory tests: names, LOINC codes, reference ranges, and the phenotypes of results.

The table is `data/laboratory.tsv`; notes (`extract`) and coded results (`signals`) both use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..core.text import rows_of
from .units import normalise_quantity

Range = tuple[float, float, str]


@dataclass(frozen=True)
class LaboratoryTest:
    """A test, its reference ranges, and what its results are called.

    Attributes:
        names: in lower case, the usual one first.
        loinc: its LOINC codes.
        ranges: (low, high, unit) of healthy adults, the same in each usual unit.
        by_age: whether children's ranges are others.
        low, high, positive: identifiers of phenotypes, "" where there is none.
        phenotype_names: their names by identifier.
        possible: (low, high, unit) of what a patient's result can be at all; where there is none,
            whatever isn't negative.
    """

    names: tuple[str, ...]
    loinc: tuple[str, ...]
    ranges: tuple[Range, ...]
    by_age: bool
    low: str
    high: str
    positive: str
    phenotype_names: Mapping[str, str] = field(default_factory=dict)
    possible: tuple[Range, ...] = ()

    @property
    def least(self) -> float:
        """What no result is below, whatever its unit: an amount isn't negative."""
        return min([0.0, *(low for low, _, _ in self.possible)])

    @property
    def phenotypes(self) -> list[str]:
        """What any result of it may be."""
        return [each for each in dict.fromkeys((self.low, self.high, self.positive)) if each]

    def results(self, outcome: str | None) -> tuple[Sequence[str], Sequence[str]]:
        """The phenotypes that an outcome shows, and those that it excludes.

        Args:
            outcome: low, high, positive, negative or normal, which excludes those of both sides.
        """
        if outcome == "normal":
            return [], self.phenotypes
        if outcome == "negative":
            return [], [self.positive] if self.positive else []
        shown = {"low": self.low, "high": self.high, "positive": self.positive}
        present = shown.get(str(outcome), "")
        return [present] if present else [], []


@cache
def laboratory_tests() -> tuple[LaboratoryTest, ...]:
    """The tests of the table."""
    text = (Path(__file__).parent / "data" / "laboratory.tsv").read_text(encoding="utf-8")
    return tuple(_test(*row) for row in rows_of(text))


@cache
def tests_by_name() -> Mapping[str, LaboratoryTest]:
    """The tests by each of their names."""
    return {name: test for test in laboratory_tests() for name in test.names}


@cache
def tests_by_loinc() -> Mapping[str, LaboratoryTest]:
    """The tests by each of their LOINC codes."""
    return {code: test for test in laboratory_tests() for code in test.loinc}


def _test(
    names: str, loinc: str, ranges: str, possible: str, by_age: str, *phenotypes: str
) -> LaboratoryTest:
    terms = [each.partition(" ")[::2] for each in phenotypes]
    low, high, positive = (identifier for identifier, _ in terms)
    codes = tuple(filter(None, loinc.split("; ")))
    labels = {identifier: name for identifier, name in terms if identifier}
    return LaboratoryTest(
        tuple(names.split("; ")),
        codes,
        tuple(_ranges(ranges)),
        by_age == "yes",
        low,
        high,
        positive,
        labels,
        tuple(_ranges(possible)),
    )


def _ranges(text: str) -> list[Range]:
    ranges = []
    for each in filter(None, text.split(" | ")):
        bounds, unit = each.split(" ", 1)
        low, _, high = bounds.rpartition("-")  # the lower one may be negative
        ranges.append((float(low), float(high), unit))
    return ranges


def outcome_in_unit(ranges: Iterable[Range], value: float, unit: str, bound: str) -> str | None:
    """Low, high or normal by the ranges in a unit that the value's can be converted to.

    None where there is none, they differ, or a bound leaves it open. Units and international units
    are the same of what the table has in either: "CK 412 IU/L".
    """
    value, unit = in_units(value, unit)
    outcomes = {
        outcome_of(value, least, most, bound)
        for low, high, usual in ranges
        for (least, canonical), (most, _) in [(in_units(low, usual), in_units(high, usual))]
        if canonical == unit
    }
    return outcomes.pop() if len(outcomes) == 1 else None


def is_possible(test: LaboratoryTest, value: float, unit: str, bound: str) -> bool:
    """Whether a patient's result can be this at all, and is no error of typing or of its unit.

    Args:
        unit: "" where none is stated; then it has to be possible in one of the usual units.
        bound: "<", ">" or "".
    """
    if bound != ">" and value < test.least:
        return False
    units = [unit] if unit else [usual for *_, usual in test.ranges]
    return not units or any(_is_possible_in(test, value, each, bound) for each in units)


def _is_possible_in(test: LaboratoryTest, value: float, unit: str, bound: str) -> bool:
    value, unit = in_units(value, unit)
    for low, high, stated in test.possible:
        (least, canonical), (most, _) = in_units(low, stated), in_units(high, stated)
        if canonical == unit:
            return (bound == ">" or value >= least) and (bound == "<" or value <= most)
    return True


def in_units(value: float, unit: str) -> tuple[float, str]:
    """A value in the unit that others of its kind are converted to, with U for [IU]."""
    value, unit = normalise_quantity(value, unit)
    return value, unit.replace("[IU]", "U")


def outcome_of(value: float, low: float, high: float, bound: str) -> str | None:
    """What a value is; None where it is a bound ("<" or ">") that leaves it open."""
    if not bound:
        return "low" if value < low else "high" if value > high else "normal"
    if bound == "<":
        return "low" if value <= low else "normal" if not low and value <= high else None
    return "high" if value >= high else None
