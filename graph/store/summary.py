"""What a write to a server did, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass
class Counts:
    """Rows of one sort that a write added, changed, removed, and found as they were."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        return (
            f"{self.added:,} added, {self.changed:,} changed, {self.removed:,} removed,"
            f" {self.unchanged:,} unchanged"
        )

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            *(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True))
        )


def taken_out(number: int) -> str:
    """How many predictions of a server gave way to new ones, in words."""
    return f"earlier predictions of the same heads or tails, taken out: {number:,}"


@dataclass
class WriteSummary:
    """What a write did.

    Attributes:
        replaced: the same models' earlier answers that were taken out.
        mended: relationships that an earlier write, which was cut off, had left as their evidence
            doesn't have them, and that are put right.
    """

    nodes: Counts = field(default_factory=Counts)
    edges: Counts = field(default_factory=Counts)
    evidence: Counts = field(default_factory=Counts)
    predictions: Counts = field(default_factory=Counts)
    merges: Counts = field(default_factory=Counts)
    replaced: int = 0
    mended: int = 0
    load: str = ""

    def as_dict(self) -> dict[str, object]:
        """As plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{name}: {counts}" for name, counts in vars(self).items() if isinstance(counts, Counts)
        ]
        if self.replaced:
            lines.append(taken_out(self.replaced))
        if self.mended:
            lines.append(f"mended relationships: {self.mended:,}")
        return "\n".join([*lines, f"load: {self.load}"])
