"""What a laboratory result shows and excludes, or why nothing can be said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.errors import DataError
from ...core.input_files import read_whole
from ...core.text import decode
from ...graph.laboratory import (
    LaboratoryTest,
    Range,
    in_units,
    is_possible,
    outcome_in_unit,
    outcome_of,
    tests_by_loinc,
    tests_by_name,
)
from ...graph.units import is_unit
from ..finding import Finding
from .result import LaboratoryResult, outcome_of_word

PROCEDURE = "laboratory test"
_SIDES = {"low", "high", "normal"}
_COLUMNS = ["loincId", "loincScale", "outcome", "hpoTermId"]
_WITHOUT_DIMENSION = {"1", "[pH]"}
_ANY_VALUE = ((-math.inf, math.inf, ""),)
_APART = 2  # times above or below the usual range, where few laboratories' own ones lie


class Uninterpretable(Exception):
    """Why nothing can be said of a result, in a fixed phrase.

    Attributes:
        usual_units: that the test is measured in, where another one is the reason.
    """

    def __init__(self, reason: str, usual_units: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.usual_units = usual_units


def read_loinc2hpo(path: Path) -> dict[str, LaboratoryTest]:
    """Tests by LOINC code, of the table of loinc2hpo (https://github.com/TheJacksonLaboratory/loinc2hpoAnnotation).

    It has no ranges, so that a result needs its laboratory's or an interpretation, and doesn't say
    which values are possible: a base excess may be negative.

    Raises:
        DataError: the file is no such table.
    """
    rows = [line.split("\t") for line in decode(read_whole(path), path).splitlines()]
    if not rows or rows[0][:4] != _COLUMNS:
        raise DataError(
            f"is no table of loinc2hpo: its columns are {', '.join(_COLUMNS)}", path=path
        )
    outcomes: dict[str, dict[str, str]] = {}
    for row in rows[1:]:
        if len(row) >= len(_COLUMNS) and row[3].startswith("HP:"):
            outcomes.setdefault(row[0], {})[row[2]] = row[3]
    return {
        code: LaboratoryTest(
            (),
            (code,),
            (),
            False,
            terms.get("L", ""),
            terms.get("H", ""),
            terms.get("POS", ""),
            possible=_ANY_VALUE,
        )
        for code, terms in outcomes.items()
    }


def findings_of(
    result: LaboratoryResult, more_tests: Mapping[str, LaboratoryTest]
) -> list[Finding]:
    """The findings of a result: a phenotype that it shows, or those that it excludes.

    Args:
        more_tests: by LOINC code, for codes that medkg's table lacks (`read_loinc2hpo`).

    Raises:
        Uninterpretable: why there is none.
    """
    test = _test_of(result, more_tests)
    if test is None:
        raise Uninterpretable("unknown test")
    if result.problem:
        raise Uninterpretable(result.problem)
    if not _can_be_of_patient(result, test):
        raise Uninterpretable("the value is impossible in this unit")
    outcome, reason = _outcome(result, test)
    present, excluded = test.results(outcome)
    if not present and not excluded:
        raise Uninterpretable("no phenotype for a result on this side of the range")
    name = test.names[0] if test.names else result.test or result.loinc
    quantity = " ".join(filter(None, (name, result.value, result.unit)))
    return [
        Finding(
            code=code,
            name=test.phenotype_names.get(code, code),
            probability=1.0,
            present=code in present,
            excluded=code in excluded,
            procedure=PROCEDURE,
            source=reason,
            region=quantity,
            file=result.file,
            checksum=result.checksum,
            date=result.date,
            predicted=False,
        )
        for code in (*present, *excluded)
    ]


def description(
    result: LaboratoryResult,
    more_tests: Mapping[str, LaboratoryTest],
    usual_units: Sequence[str] = (),
) -> str:
    """Which result it is that nothing can be said of: its place, test, LOINC code and unit.

    Not its value, which is private, as what stands for the name of an unknown test or unit may be.

    Args:
        more_tests: see `findings_of`.
        usual_units: that the test is measured in; none where its unit is no problem.
    """
    test = _test_of(result, more_tests)
    name = test.names[0] if test is not None and test.names else ""
    unit = result.unit if is_unit(result.unit) else ""
    known = ", ".join(filter(None, (result.place, name, result.loinc, unit)))
    return "; measured in ".join(filter(None, (known, " or ".join(usual_units))))


def _test_of(
    result: LaboratoryResult, more_tests: Mapping[str, LaboratoryTest]
) -> LaboratoryTest | None:
    """The test by its code; by its name only where there is no code, which says more."""
    if result.loinc:
        return tests_by_loinc().get(result.loinc) or more_tests.get(result.loinc)
    name = " ".join(result.test.lower().split())
    if test := tests_by_name().get(name):
        return test
    # "ALT (SGPT)" is one test by two names; "glucose (CSF)" and "calcium (ionized)" are others.
    outside, _, inside = name.partition(" (")
    test = tests_by_name().get(outside)
    return test if test is tests_by_name().get(inside.removesuffix(")")) else None


def _can_be_of_patient(result: LaboratoryResult, test: LaboratoryTest) -> bool:
    return result.number is None or is_possible(
        test, result.number[0], result.unit or result.range_unit, result.number[1]
    )


def _outcome(result: LaboratoryResult, test: LaboratoryTest) -> tuple[str, str]:
    """What a result is, and what says so: the laboratory's word, its range, or medkg's."""
    word = result.interpretation or ("" if result.number else result.value)
    stated = outcome_of_word(word) if word else None
    if word and stated is None:
        raise Uninterpretable(
            "uninterpretable value" if word == result.value else "unknown interpretation"
        )
    own = _by_own_range(result, test)
    if stated in _SIDES and own is not None and own != stated:
        raise Uninterpretable("interpretation and reference range disagree")
    if stated == "abnormal":
        return _abnormal_side(result, test, own), "interpretation, reference range"
    if stated is not None:
        return stated, "interpretation"
    if own is not None:
        return own, "the laboratory's reference range"
    return _by_table(result, test), "medkg's reference range"


def _abnormal_side(result: LaboratoryResult, test: LaboratoryTest, own: str | None) -> str:
    side = own if own is not None or result.number is None else _by_table(result, test)
    if side in ("low", "high"):
        return side
    if side is None and test.positive:
        return "positive"
    raise Uninterpretable("abnormal, without the side of the range")


def _by_own_range(result: LaboratoryResult, test: LaboratoryTest) -> str | None:
    """By the laboratory's range; None where there is none, or it can't be compared."""
    if result.number is None or (result.low is None and result.high is None):
        return None
    value, bound = result.number
    low = -math.inf if result.low is None else result.low
    high = math.inf if result.high is None else result.high
    if low > high:
        raise Uninterpretable("reference range is upside down")
    unit = result.range_unit or result.unit
    if _is_of_another_unit((low, high, unit), test):
        raise Uninterpretable("the reference range is of another unit")
    if unit == result.unit:
        return outcome_of(value, low, high, bound)
    return outcome_in_unit([(low, high, unit)], value, result.unit, bound)


def _is_of_another_unit(stated: Range, test: LaboratoryTest) -> bool:
    """Whether a laboratory's range is far from what is usual, and usual in another of the units.

    So is haemoglobin of 12 to 16 g/L.
    """
    (low, unit), (high, _) = (in_units(end, stated[2]) for end in stated[:2])
    usual = [
        (in_units(least, usual)[0], in_units(most, usual)[0])
        for least, most, usual in test.ranges
        if in_units(least, usual)[1] == unit
    ]
    is_far = bool(usual) and all(
        high * _APART < least or low > most * _APART for least, most in usual
    )
    ends = [end for end in stated[:2] if math.isfinite(end)]
    return is_far and any(
        all(least / _APART <= end <= most * _APART for end in ends)
        for least, most, _ in test.ranges
    )


def _by_table(result: LaboratoryResult, test: LaboratoryTest) -> str:
    if result.number is None:
        raise Uninterpretable("no value")
    if not test.ranges:
        raise Uninterpretable("no reference range")
    if test.by_age:
        raise Uninterpretable("no reference range, and the usual one depends on age")
    usual_units = list(dict.fromkeys(unit for *_, unit in test.ranges))
    # INR and pH have none.
    stated = result.unit or (usual_units[0] if set(usual_units) <= _WITHOUT_DIMENSION else "")
    if not stated:
        raise Uninterpretable("no unit", usual_units)
    if not is_unit(stated):
        raise Uninterpretable("unknown unit", usual_units)
    value, bound = result.number
    if in_units(value, stated)[1] not in {in_units(1.0, unit)[1] for unit in usual_units}:
        raise Uninterpretable("the test isn't measured in this unit", usual_units)
    outcome = outcome_in_unit(test.ranges, value, stated, bound)
    if outcome is None:
        raise Uninterpretable("a bound that leaves the result open")
    return outcome
