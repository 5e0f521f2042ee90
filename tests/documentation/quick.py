"""Trainings of a few steps: what the models are worth is measured elsewhere."""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import lightgbm
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from medkg.cli import servers
from medkg.extract.mentions import train as mentions_train
from medkg.extract.relations import train as relations_train
from medkg.extract.relations import train_documents
from medkg.gnn import candidate_network, path_training
from medkg.gnn.relation_paths import training as relation_paths
from medkg.gnn.settings import (
    EmbeddingSettings,
    NetworkSettings,
    PathSettings,
    RelationPathSettings,
)
from medkg.mining.course import cox, networks
from medkg.mining.course import model as course
from medkg.mining.diagnosis import networks as diagnosis_networks
from medkg.mining.diagnosis import train as diagnosis
from medkg.mining.links import fit_ranker
from medkg.mining.molecules import structure_ranker, target_network
from medkg.mining.molecules.generator import figures, generate
from medkg.signals import network as signals
from medkg.signals.images import network as images
from medkg.signals.images.detection import network as detection
from medkg.signals.images.restoration import network as restoration
from medkg.signals.images.segmentation import network as segmentation
from medkg.signals.images.slides import network as slides
from medkg.signals.images.translation import network as translation

_ROUNDS, _EPOCHS = 8, 2


def make_quick(patch: pytest.MonkeyPatch) -> None:
    """Shorten trainings, and stop servers as soon as they wait for Ctrl-C."""
    train = lightgbm.train

    def few_rounds(params: Any, data: Any, num_boost_round: int = 100, **more: Any) -> Any:
        return train(params, data, min(num_boost_round, _ROUNDS), **more)

    def few_trees(**options: Any) -> GradientBoostingClassifier:
        return GradientBoostingClassifier(**{**options, "n_estimators": _ROUNDS})

    patch.setattr(lightgbm, "train", few_rounds)
    patch.setattr(train_documents, "GradientBoostingClassifier", few_trees)
    patch.setattr(relations_train, "hpo_definitions", lambda: ["A raised temperature."])
    patch.setattr(servers, "time", SimpleNamespace(sleep=_stop))
    patch.setattr(relation_paths, "_STEPS", 10)
    for settings in (NetworkSettings, PathSettings, RelationPathSettings, EmbeddingSettings):
        given = inspect.signature(settings).parameters.values()
        defaults = [_EPOCHS if each.name == "epochs" else each.default for each in given]
        patch.setattr(settings.__init__, "__defaults__", tuple(defaults))
    for module, name in (
        (mentions_train, "BILSTM"),
        (mentions_train, "ADDED_HEAD"),
        (relations_train, "TRANSFORMER"),
    ):
        patch.setattr(module, name, replace(getattr(module, name), epochs=1))
    for module, name, value in (
        (relations_train, "TOWER_EPOCHS", 1),
        (path_training, "_LEAST_STEPS", 4),
        (path_training, "_MOST_STEPS", 4),
        (diagnosis, "HELD_OUT", 50),
        (diagnosis, "_SIMULATED", {"gnn": 300, "mlp": 300}),
        (diagnosis_networks, "_EPOCHS", 1),
        (fit_ranker, "_FOLDS", 2),
        (structure_ranker, "FOLDS", 2),
        (candidate_network, "_EPOCHS", 1),
        (target_network, "EPOCHS", 1),
        (figures, "WRITTEN", 100),
        (generate, "_LEAST_TEXTS", 100),
        (generate, "_TEXTS", 1),
        (networks, "MEMBERS", 2),
        (networks, "_EPOCHS", 2),
        (networks, "_STEPS", 4),
        (course, "MEMBERS", 2),
        (cox, "_FOLDS", 2),
        (cox, "PENALTIES", (0.1,)),
        (signals, "_EPOCHS", 1),
        (signals, "_LEAST_STEPS", 2),
        (images, "_EPOCHS", 1),
        (images, "_LEAST_STEPS", 2),
        (slides, "_EPOCHS", 1),
        (slides, "_LEAST_STEPS", 2),
        (translation, "_EPOCHS", 0),
        (translation, "_LEAST_STEPS", 2),
        (restoration, "_EPOCHS", 0),
        (restoration, "_LEAST_STEPS", 2),
        (detection, "_EPOCHS", 1),
        (detection, "_LEAST_STEPS", 2),
        (segmentation, "_EPOCHS", 1),
        (segmentation, "_LEAST_STEPS", 2),
    ):
        patch.setattr(module, name, value)


def _stop(_: float) -> None:
    """As Ctrl-C does where a command waits."""
    raise KeyboardInterrupt
