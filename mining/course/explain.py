"""Which covariates carry a risk."""

from __future__ import annotations

import numpy as np
import polars as pl

from .curves import Floats
from .encoding import Categorical
from .model import CourseModel
from .visits import Visits


def contributions(model: CourseModel, visits: Visits) -> dict[str, Floats]:
    """By covariate, (n,): how far it raises the logarithm of the cumulative hazard at the horizon.

    That is the difference to the same visits with the covariate at the training patients' median,
    or their most frequent word, in all of a patient's visits. Of Cox's model it is the coefficient
    times the difference. It says what the model counts, not what causes the event.
    """
    horizon = np.array([model.settings["horizon"]])

    def level(of: Visits) -> Floats:
        hazards = model.curves(of).at(horizon)[:, 0]
        return np.asarray(np.log(np.maximum(hazards, 1e-12)))

    whole = level(visits)
    raised = {}
    for column in model.members.encoding.columns:
        if column.name not in visits.covariates.columns:
            continue  # times are no covariates
        usual: str | float = (
            (column.words or ("",))[0] if isinstance(column, Categorical) else column.median
        )
        name = column.name
        others = visits.covariates.with_columns(pl.lit(usual).alias(name))
        raised[name] = whole - level(
            Visits(visits.patients, visits.times, visits.events, visits.ends, others)
        )
    return raised
