"""Commands that are killed and given again end as ones that nobody killed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .interrupted import KILLED, Trial, make_inputs, trial, undisturbed

# What tests of their own kill: `graph/test_faults.py`, `extract/test_run.py`,
# `extract/deidentify/test_run.py`, and those of each training.
ELSEWHERE = ("write", "extract", "deidentify", "train links", "train diagnosis", "train embeddings")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted") / "inputs"
    make_inputs(folder)
    return folder


@pytest.mark.parametrize("name", [name for name in KILLED if name not in ELSEWHERE])
def test_a_command_that_was_killed_ends_as_one_that_was_not(
    name: str, inputs: Path, tmp_path: Path
) -> None:
    seconds, expected = undisturbed(name, inputs, tmp_path / "work")
    # `benchmarks/faults.py` tries many more moments. On a busy machine the first may come before or
    # after the work; and a second run takes less time than the first, which reads its files anew.
    trials: list[Trial] = []
    while len(trials) < 8 and not any(made.under_way for made in trials):
        moments = random.Random(f"{name} {len(trials)}")
        trials.append(trial(name, inputs, tmp_path / "work", expected, 0.7 * seconds, moments))
    assert all(made.good for made in trials), trials
    assert any(made.under_way for made in trials), trials
