"""A reliability plot as SVG: how often pairs of a predicted probability are true."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10, sqrt

from .calibration import ReliabilityBin
from .statistics import wilson_interval

_SIZE, _LEFT, _TOP, _BOTTOM = 300, 70, 34, 56  # pixels: of the square, and around it


def reliability_svg(reliability: Sequence[ReliabilityBin], title: str) -> str:
    """The bins of `calibration.quality` as dots with 95 % intervals, the diagonal beside them.

    Both axes are by the square root, so that small probabilities lie apart and 0 has a place. The
    intervals are Wilson's.
    """
    bars = [wilson_interval(part["true"], part["n"]) for part in reliability]
    top = max(1e-6, *(part["probability"] for part in reliability), *(high for _, high in bars))

    def x(share: float) -> str:
        return f"{_LEFT + _SIZE * sqrt(min(share, top) / top):.1f}"

    def y(share: float) -> str:
        return f"{_TOP + _SIZE * (1 - sqrt(min(share, top) / top)):.1f}"

    ends = [_LEFT, _TOP, _LEFT + _SIZE, _TOP + _SIZE]
    left, above, right, below = (str(end) for end in ends)
    middle = f"{_LEFT + _SIZE / 2:g}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _SIZE + 24}"'
        f' height="{_TOP + _SIZE + _BOTTOM}" font-family="sans-serif" font-size="12">',
        f"<title>{title}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="20" font-weight="bold">{title}</text>',
        f'<path d="M{left} {above}V{below}H{right}" fill="none" stroke="black"/>',
        f'<path d="M{left} {below}L{right} {above}" stroke="grey" stroke-dasharray="4"/>',
    ]
    for mark in _marks(top):
        lines += [
            f'<text x="{x(mark)}" y="{_TOP + _SIZE + 18}" text-anchor="middle">{mark:g}</text>',
            f'<text x="{_LEFT - 8}" y="{float(y(mark)) + 4:.1f}" text-anchor="end">{mark:g}</text>',
            f'<path d="M{x(mark)} {below}v5M{left} {y(mark)}h-5" stroke="black"/>',
        ]
    for part, (low, high) in zip(reliability, bars, strict=True):
        place = x(part["probability"])
        lines += [
            f'<path d="M{place} {y(low)}V{y(high)}" stroke="steelblue"/>',
            f'<circle cx="{place}" cy="{y(part["true"])}" r="4" fill="steelblue">'
            f"<title>{part['n']:,} pairs: said {part['probability']:.4f},"
            f" true {part['true']:.4f}</title></circle>",
        ]
    lines += [
        f'<text x="{middle}" y="{_TOP + _SIZE + 42}" text-anchor="middle">probability said</text>',
        f'<text transform="translate(16 {_TOP + _SIZE / 2:g}) rotate(-90)"'
        ' text-anchor="middle">share that is true</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _marks(top: float) -> list[float]:
    """Round shares from the largest down to 0, at least 45 pixels from one another."""
    unit = 10.0 ** floor(log10(top))
    marks = (digit * unit for digit in (5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01))
    kept, last = [0.0], float("inf")
    for mark in marks:
        place = _SIZE * sqrt(mark / top)
        if mark <= top and 45 <= place <= last - 45:
            kept.append(mark)
            last = place
    return kept
