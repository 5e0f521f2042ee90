"""What sets the negative samplers apart."""

from __future__ import annotations

import torch

from medkg.gnn.negatives import SAMPLERS, Pool


def test_nodes_with_many_edges_are_drawn_oftener() -> None:
    pool = Pool.of(torch.tensor([15] * 200), 10, 60, 100)
    drawn = dict.fromkeys(("typed", "degree"), 0)
    for seed in range(100):
        for name in drawn:
            nodes = SAMPLERS[name].draw(pool, 5, torch.Generator().manual_seed(seed))
            drawn[name] += 15 in nodes.tolist()
    # One of 50 nodes, 5 draws: 10 in 100. By degree ¾: 53 of 102 in each draw.
    assert 2 <= drawn["typed"] <= 20
    assert drawn["degree"] >= 80


def test_mixed_is_of_the_kind_and_of_all() -> None:
    pool = Pool.of(torch.tensor([10]), 10, 20, 1_000)
    nodes = SAMPLERS["mixed"].draw(pool, 12, torch.Generator().manual_seed(0))
    inside = ((nodes >= 10) & (nodes < 20)).sum()
    assert 3 <= inside <= 6
    assert len(nodes) - inside >= 4
