"""Tuning: seeded, pruned, and the same after a stop."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import optuna
import pytest

from medkg.core.errors import ModelError
from medkg.gnn.settings import NetworkSettings, read_settings
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links import tune
from medkg.mining.links.tune import BEST, TRIALS, tune_links
from tests.gnn.graphs import family_graph

SETTINGS = NetworkSettings(dim=8, epochs=6, every=2, bases=2)


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return family_graph()


def tuned(kg: KnowledgeGraph, folder: Path, trials: int) -> NetworkSettings:
    return tune_links(
        kg, "TARGETS", trials, folder, settings=SETTINGS, fixed={"dim"}, seed=3,
        context_relations=["IN_CLASS"],
    )  # fmt: skip


def trials_in(folder: Path) -> list[optuna.trial.FrozenTrial]:
    storage = f"sqlite:///{folder / TRIALS}"
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).get_trials()


def test_a_stopped_tuning_goes_on_as_if_it_had_not(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = tuned(kg, tmp_path / "one", 7)
    fit, calls = tune.fit_link_network, []

    def stop(*arguments, **options):  # type: ignore[no-untyped-def]  # as the original
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return fit(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(tune, "fit_link_network", stop)
        with pytest.raises(KeyboardInterrupt):
            tuned(kg, tmp_path / "two", 7)
    assert (tmp_path / "two" / BEST).exists()
    assert tuned(kg, tmp_path / "two", 7) == unbroken

    one, two = trials_in(tmp_path / "one"), trials_in(tmp_path / "two")
    assert [t.state for t in two].count(optuna.trial.TrialState.FAIL) == 1
    finished = [t for t in two if t.state != optuna.trial.TrialState.FAIL]
    assert len(finished) == len(one) == 7
    for a, b in zip(one, finished, strict=True):
        assert (a.params, a.value, a.state) == (b.params, b.value, b.state)
        assert a.intermediate_values == b.intermediate_values
    # The first four have nothing to be compared with; some of the others end early.
    assert optuna.trial.TrialState.PRUNED in {t.state for t in one[4:]}

    best = max((t for t in one if t.value is not None), key=lambda t: t.value or 0)
    assert best.params.keys() == {"layers", "dropout", "learning_rate", "schedule"}
    assert replace(SETTINGS, **best.params, context=unbroken.context) == unbroken
    read = read_settings(tmp_path / "two" / BEST)["network"]
    assert NetworkSettings(**read, context=unbroken.context) == unbroken
    # Nothing is left to try.
    assert tuned(kg, tmp_path / "two", 7) == unbroken


def test_scores_that_are_no_numbers_end_a_trial_and_not_the_tuning(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, calls = tune.fit_link_network, []

    def diverge(*arguments, **options):  # type: ignore[no-untyped-def]  # as the original
        calls.append(1)
        if len(calls) == 1:
            arguments = (*arguments[:2], replace(arguments[2], learning_rate=1e30))
        return fit(*arguments, **options)

    monkeypatch.setattr(tune, "fit_link_network", diverge)
    with pytest.raises(ModelError, match="none of 1 trials gave scores that are numbers"):
        tuned(kg, tmp_path, 1)
    assert tuned(kg, tmp_path, 2).learning_rate < 1
    states = [trial.state for trial in trials_in(tmp_path)]
    assert states == [optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.COMPLETE]


def test_a_file_that_sets_everything_leaves_nothing_to_tune(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    names = [field.name for field in fields(NetworkSettings)]
    with pytest.raises(ModelError, match=r"nothing is left to tune: .*\(dim, layers"):
        tune_links(kg, "TARGETS", 2, tmp_path / "out", settings=SETTINGS, fixed=names)
    assert not (tmp_path / "out").exists()
