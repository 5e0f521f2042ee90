"""The reliability plot: where its dots lie."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from medkg.core.calibration import quality
from medkg.core.reliability import reliability_svg

NAMES = "{http://www.w3.org/2000/svg}"


def test_dots_lie_on_the_diagonal_where_what_is_said_is_true() -> None:
    reliability = [
        {"n": 100, "probability": share, "true": share} for share in (0.0, 0.01, 0.04, 0.16)
    ]
    dots = dots_of(reliability_svg(reliability, "tails"))
    assert len(dots) == 4
    (left, bottom), *rest = dots
    for x, y in rest:
        assert x - left == pytest.approx(bottom - y, abs=0.11)
    # By the square root: four times as probable is twice as far.
    steps = [x - left for x, _ in rest]
    assert steps[1] == pytest.approx(2 * steps[0], abs=0.3)
    assert steps[2] == pytest.approx(4 * steps[0], abs=0.6)


def test_of_what_is_measured_every_part_is_shown() -> None:
    chance = np.random.default_rng(0)
    probabilities = chance.random(500) ** 4
    measured = quality(probabilities, chance.random(500) < probabilities)
    shown = reliability_svg(measured["reliability"], "tails")
    dots = dots_of(shown)
    assert len(dots) == 10
    assert [x for x, _ in dots] == sorted(x for x, _ in dots)
    assert "50 pairs: said" in shown


@pytest.mark.parametrize("true", [0.0, 1.0])
def test_nothing_true_and_all_true_have_a_plot(true: float) -> None:
    dots = dots_of(reliability_svg([{"n": 7, "probability": 0.0, "true": true}], "tails"))
    assert len(dots) == 1


def dots_of(svg: str) -> list[tuple[float, float]]:
    root = ElementTree.fromstring(svg)
    return [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in root.iter(f"{NAMES}circle")]
