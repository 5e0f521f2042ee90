"""Made patients whose marker, and how it rises, says when the event comes."""

from __future__ import annotations

import numpy as np
import polars as pl


def visits(patients: int = 90, seed: int = 0, *, several: bool = True) -> pl.DataFrame:
    """A table of visits, one row in ten without the marker."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(patients):
        slope, ward = rng.uniform(0, 1), rng.choice(["a", "b"])
        due = rng.exponential(1 + 12 * (1 - slope) ** 2) + 0.2
        end, event = min(due, rng.uniform(2, 12)), True
        event = end == due
        for time in np.arange(0, end if several else 0.1, 1.0):
            marker = None if rng.random() < 0.1 else slope * (2 + time) + rng.normal(0, 0.1)
            rows.append((f"p{k:03}", time, int(event), end, marker, rng.normal(), ward))
    names = ["patient", "time", "event", "event_time", "marker", "noise", "ward"]
    return pl.DataFrame(rows, schema=names, orient="row")
