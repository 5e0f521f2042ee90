"""Shorter trainings of link models: for what does not depend on their length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

EPOCHS = 2  # of a ranker's networks, in place of 6
_STEPS = 30  # of an epoch of a path network, in place of 150


@pytest.fixture(scope="module")
def short_training() -> Iterator[None]:
    """The networks of the link models `ranker` and `paths` are trained for a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medkg.gnn.candidate_network._EPOCHS", EPOCHS)
        patch.setattr("medkg.gnn.path_training._LEAST_STEPS", _STEPS)
        yield
