"""A model of a patient's course: the risk of an event over time after each visit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from ...core.errors import DataError, MissingError, ModelError
from ...core.model_folder import WEIGHTS, read_config, save_files
from ...core.quarantine import Quarantine
from ...core.tensors import load_tensors, save_tensors, with_prefix, without_prefix
from .columns import Columns
from .cox import Cox, fit_cox
from .curves import Curves, Floats, check_horizon, grid_of
from .encoding import Categorical, Encoding, Features
from .figures import BASELINE
from .networks import MEMBERS, HazardNetwork, cumulative_hazards, fit_networks
from .visits import Table, Visits, read_visits

KIND = "course"
# What each model is the mean of: of the logarithms of the members' cumulative hazards.
MODELS = {"joint": ("cox", "gru"), "cox": ("cox",), "hazard": ("hazard",), "gru": ("gru",)}
_LEAST = 1e-12  # of a cumulative hazard whose logarithm is taken


@dataclass(frozen=True)
class Members:
    """Fitted members of a model, over the same features and grid.

    Attributes:
        edges: (k,) of the grid, see `curves`.
        modules: by member; a network's are several.
    """

    encoding: Encoding
    edges: Floats
    modules: Mapping[str, nn.ModuleList]

    @classmethod
    def fit(cls, visits: Visits, names: tuple[str, ...], seed: int) -> Members:
        """Fit members on visits of training patients.

        Raises:
            DataError: too few events.
        """
        patients = len(np.unique(visits.numbers[visits.events]))
        if patients < 2 * MEMBERS:
            raise DataError(f"{patients} patients with the event are too few; {2 * MEMBERS} needed")
        encoding = Encoding.fit(visits)
        features, edges = encoding.features(visits), grid_of(visits.remaining, visits.events)
        given = (features, visits.numbers, visits.remaining, visits.events, edges, seed)
        modules: dict[str, nn.ModuleList] = {}
        for name in names:
            fitted = [fit_cox(*given)] if name == "cox" else fit_networks(name, *given)
            modules[name] = nn.ModuleList(fitted)
        return cls(encoding, edges, modules)

    def hazards(self, visits: Visits) -> dict[str, Floats]:
        """By member, (n, k): cumulative hazards after each visit."""
        features = self.encoding.features(visits)
        return {n: self._hazards_of(n, features, visits) for n in self.modules}

    def _hazards_of(self, name: str, features: Features, visits: Visits) -> Floats:
        modules = list(self.modules[name])
        if name == "cox":
            return np.asarray(modules[0](torch.from_numpy(features)).numpy())
        networks = [module for module in modules if isinstance(module, HazardNetwork)]
        return cumulative_hazards(networks, features, visits.numbers)

    def curves(self, visits: Visits, model: str) -> Curves:
        """The curves of one of `MODELS` after each visit."""
        return Curves(self.edges, joined(self.hazards(visits), model))


def members_of(model: str) -> tuple[str, ...]:
    """What one of `MODELS` is fitted and saved with: its members, and the baseline of reports."""
    return tuple(dict.fromkeys((BASELINE, *MODELS[model])))


def joined(hazards: Mapping[str, Floats], model: str) -> Floats:
    """(n, k): a model's cumulative hazards of those of its members."""
    logs = [np.log(np.maximum(hazards[name], _LEAST)) for name in MODELS[model]]
    mean = np.exp(np.mean(logs, axis=0))
    mean[:, 0] = 0
    return np.asarray(mean)


@dataclass(frozen=True)
class CourseModel:
    """The risk of an event over time after each of a patient's visits.

    Attributes:
        members: what it is made of.
        settings: `model` (one of `MODELS`), `horizon`, `threshold` of the alarm, `seed`, `unit`.
        columns: of the tables that it reads.
        metrics: the figures by folds of patients.
    """

    members: Members
    settings: Mapping[str, Any]
    columns: Columns
    metrics: Mapping[str, Any]

    def read(
        self, table: Table, quarantine: Quarantine | None, *, outcomes: bool = False
    ) -> Visits:
        """Read a table with this model's columns; see `visits.read_visits`."""
        numeric = {
            c.name: not isinstance(c, Categorical)
            for c in self.members.encoding.columns
            if c.name in self.columns.covariates
        }
        return read_visits(table, self.columns, quarantine, kinds=numeric, outcomes=outcomes)

    def curves(self, visits: Visits) -> Curves:
        """The curves after each visit, by it and those before."""
        return self.members.curves(visits, self.settings["model"])

    def risk(
        self,
        table: Table,
        *,
        patient: str | None = None,
        horizon: float | None = None,
        quarantine: Quarantine | None = None,
    ) -> pl.DataFrame:
        """The risk of the event within a time after each visit.

        Args:
            table: a file or frame with the training table's columns; events need not be there.
            patient: this one's visits alone.
            horizon: that time; by default the one that the model was measured at.
            quarantine: gets rows that can't be used. Without one, the first such is an error.

        Returns:
            patient, time, risk, and whether the risk after the visit within the model's own horizon
            reaches the alarm's threshold.

        Raises:
            DataError: the table can't be read, or the horizon is not above 0, or beyond the last
                event that was seen in training.
            MissingError: there is no such patient.
        """
        visits = self.visits_of(table, patient, quarantine)
        horizon = self.settings["horizon"] if horizon is None else horizon
        check_horizon(horizon, float(self.members.edges[-1]))
        curves = self.curves(visits)
        return pl.DataFrame(
            {
                "patient": visits.patients.tolist(),
                "time": visits.times,
                "risk": curves.risk(horizon),
                "alarm": curves.risk(self.settings["horizon"]) >= self.settings["threshold"],
            }
        )

    def visits_of(self, table: Table, patient: str | None, quarantine: Quarantine | None) -> Visits:
        """The visits of a table, or one patient's; see `risk`."""
        visits = self.read(table, quarantine)
        if patient is None:
            return visits
        rows = visits.patients == patient
        if not rows.any():
            raise MissingError(f"no visit of a patient {patient!r} can be used")
        return visits.of(rows)

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        config = {
            "settings": dict(self.settings),
            "columns": self.columns.to_dict(),
            "encoding": self.members.encoding.to_list(),
            "metrics": dict(self.metrics),
        }
        tensors = {"edges": torch.from_numpy(self.members.edges)}
        for name, modules in self.members.modules.items():
            tensors |= with_prefix(name, modules.state_dict())
        save_files(path, KIND, config, card, lambda folder: save_tensors(tensors, folder / WEIGHTS))

    @classmethod
    def open(cls, path: Path | str) -> CourseModel:
        """Read a model's folder.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = Path(path)
        fields = {"settings": dict, "columns": dict, "encoding": list, "metrics": dict}
        config = read_config(folder, KIND, fields)
        tensors = load_tensors(folder / WEIGHTS)
        try:
            encoding = Encoding.from_list(config["encoding"])
            edges, width = tensors["edges"].numpy(), len(encoding.owners)
            modules = {}
            for name in members_of(config["settings"]["model"]):
                made: list[nn.Module] = [Cox(width, len(edges))]
                if name != "cox":
                    made = [HazardNetwork(name, width, len(edges) - 1) for _ in range(MEMBERS)]
                modules[name] = nn.ModuleList(made).eval()
                modules[name].load_state_dict(without_prefix(name, tensors))
            columns = Columns.from_dict(config["columns"])
        except (KeyError, TypeError, RuntimeError, DataError) as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        return cls(
            Members(encoding, edges, modules), config["settings"], columns, config["metrics"]
        )
