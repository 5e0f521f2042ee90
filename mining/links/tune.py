"""Tune the settings of a network by validation MRR, with Optuna.

Trials are seeded and pruned, and are kept in a database, from which a killed tuning goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import optuna
import torch
from optuna.trial import Trial, TrialState
from torch_geometric.data import HeteroData

from ...core.atomic import atomic_file, make_folder
from ...core.errors import ModelError
from ...core.progress import progress
from ...gnn import parallel
from ...gnn.data import to_hetero_data
from ...gnn.options import Range, TunedValue, options, with_options
from ...gnn.settings import NetworkSettings, to_toml
from ...gnn.training import context_of, device_of
from ...graph.kg import KnowledgeGraph
from .fit_network import fit_link_network
from .node_features import add_features
from .task import LinkTask, link_task

TRIALS = "trials.db"
BEST = "best.toml"
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def tune_links(
    kg: KnowledgeGraph,
    relation: str,
    trials: int,
    folder: Path,
    *,
    settings: NetworkSettings,
    fixed: Collection[str] = (),
    seed: int = 0,
    split: Mapping[str, Iterable[str]] | None = None,
    context_relations: Sequence[str] | None = None,
    device: str | None = None,
) -> NetworkSettings:
    """Search for the network settings with the best validation MRR.

    Each trial's settings follow from the finished ones (tree-structured Parzen estimator: Bergstra
    et al., NIPS 2011) and the seed; a trial ends early where its validation MRR is below the median
    of the others at the same epoch. The test edges play no part.

    Args:
        trials: how many there are to be at the end, those of earlier calls included.
        folder: keeps every trial in `trials.db`, from which the same call goes on after a kill,
            and the best settings so far in `best.toml`.
        settings: where the trials begin.
        fixed: options that stay as they are; of the others, those that say where to look are tried.

    Raises:
        ModelError: called in several processes at once, nothing is left to tune, or no trial gives
            scores that are numbers.
    """
    if parallel.size() > 1:
        raise ModelError("settings are tuned by one process: start it without torchrun")
    task = link_task(kg, relation, split, seed)
    data = to_hetero_data(kg, exclude_edges=task.excluded)
    settings = replace(settings, context=context_of(data, task.edge_type, context_relations))
    add_features(data, kg, settings.features)
    space, where = _search_space(settings, fixed), device_of(device)

    make_folder(folder)
    identity = [relation, seed, task.held_back, kg.checksum(), settings.to_dict(), sorted(space)]
    study = _open_study(folder, json.dumps(identity))
    with progress("Tuning", trials) as shown:
        shown(done := len(study.get_trials(deepcopy=False, states=_FINISHED)))
        while done < trials:
            # A sampler of its own for each trial, so that a repeated one has the same settings.
            study.sampler = optuna.samplers.TPESampler(seed=hash((seed, done)) % 2**32)
            trial = study.ask()
            values = {name: _suggest(trial, name, space[name]) for name in space}
            _run_trial(study, trial, data, task, with_options(settings, values), seed, where)
            done += 1
            if not _has_scores(study):
                shown(1, "none with scores yet")
                continue
            _write_best(study, replace(settings, **study.best_params), folder, done)
            shown(1, f"best validation MRR {study.best_value:.3f}")
    if not _has_scores(study):
        raise ModelError(
            f"none of {trials} trials gave scores that are numbers; set a lower learning rate"
        )
    return replace(settings, **study.best_params)


def _has_scores(study: optuna.Study) -> bool:
    """Whether some trial was trained to its end."""
    return bool(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _write_best(study: optuna.Study, best: NetworkSettings, folder: Path, done: int) -> None:
    """Write the best settings of the trials done so far, as a file of settings."""
    about = f"# Validation MRR {study.best_value:.4f}, the best of {done} trials."
    with atomic_file(folder / BEST) as file:
        file.write_text(f"{about}\n\n{to_toml({'network': best})}", encoding="utf-8")


def _open_study(folder: Path, identity: str) -> optuna.Study:
    """The study of that identity in a folder, with the trials of earlier calls."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{folder.resolve() / TRIALS}",
        study_name=hashlib.sha256(identity.encode()).hexdigest(),
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
        load_if_exists=True,
    )
    for running in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(running.number, state=TrialState.FAIL)  # of a killed call
    return study


def _run_trial(
    study: optuna.Study,
    trial: Trial,
    data: HeteroData,
    task: LinkTask,
    settings: NetworkSettings,
    seed: int,
    device: torch.device,
) -> None:
    """Train with a trial's settings, and tell the study its best validation MRR."""
    mrrs: list[float] = []

    def watch(mrr: float) -> None:
        mrrs.append(mrr)
        trial.report(mrr, step=len(mrrs))
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        fit_link_network(data, task, settings, seed=seed, device=device, watch=watch)
        study.tell(trial, max(mrrs))
    except (optuna.TrialPruned, ModelError):  # ModelError: scores that are no numbers
        study.tell(trial, state=TrialState.PRUNED)


def _search_space(
    settings: NetworkSettings, fixed: Collection[str]
) -> dict[str, Range | tuple[TunedValue, ...]]:
    """The search space: the values or the range to try, by option."""
    fixed = {*fixed}
    if settings.encoder == "lookup" or settings.batch:
        fixed.add("layers")  # it has none, or as many as neighbours says
    tunable = {
        name: about.tune for name, (_, about) in options(settings).items() if about.tune is not None
    }
    space = {name: where for name, where in tunable.items() if name not in fixed}
    if not space:
        raise ModelError(
            "nothing is left to tune: all that can be is given, or has no effect on such a network "
            f"({', '.join(tunable)}); leave out the options that are to be tuned"
        )
    return space


def _suggest(trial: Trial, name: str, where: Range | tuple[TunedValue, ...]) -> object:
    """A value for an option, drawn by the study's sampler."""
    if isinstance(where, Range):
        return trial.suggest_float(name, where.low, where.high, log=where.log)
    return trial.suggest_categorical(name, where)
