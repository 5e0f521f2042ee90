"""When a risk is an alarm, and how often it is a false one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .curves import Floats
from .visits import Visits

FALSE_ALARMS = 10.0  # of 100 visits that no event follows within the horizon


def alarm_of(
    visits: Visits, risks: Floats, horizon: float, threshold: float | None = None
) -> dict[str, Any]:
    """The alarm of a threshold of risk, by visits of which it is known what followed.

    Args:
        risks: (n,) within the horizon, of models that have not seen the patient.
        threshold: of the alarm; none: the one with `FALSE_ALARMS`.

    Returns:
        threshold; false_alarms: of 100 visits without an event within the horizon; recognised: the
        share of visits with one at which there is an alarm; visits: those with and without.
    """
    followed = visits.events & (visits.remaining <= horizon)
    free = visits.remaining > horizon
    if threshold is None:
        threshold = float(np.quantile(risks[free], 1 - FALSE_ALARMS / 100)) if free.any() else 1.0
    alarms = risks >= threshold
    return {
        "threshold": threshold,
        "false_alarms": round(100 * float(alarms[free].mean()), 2) if free.any() else 0.0,
        "recognised": round(float(alarms[followed].mean()), 4) if followed.any() else 0.0,
        "visits_with_event": int(followed.sum()),
        "visits_without": int(free.sum()),
    }
