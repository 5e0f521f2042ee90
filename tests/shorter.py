"""Training of the link ranker in less time: for what does not depend on its network's length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

EPOCHS = 3  # of the network, in place of 15


@pytest.fixture(scope="module")
def short_ranker() -> Iterator[None]:
    """Networks of link rankers are trained for a few epochs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medkg.gnn.pair_network._EPOCHS", EPOCHS)
        yield
