"""Filtered, typed, realistic ranks and their summary."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkg.core import ranking
from medkg.core.errors import ModelError
from medkg.core.ranking import (
    best_rank,
    by_degree,
    count_above,
    filtered_ranks,
    ordinal_rank,
    pair_matrix,
    rank_among,
    ranks_among,
    summarise,
)
from medkg.core.tensors import save_tensors


def ranks_of(
    scores: list[list[float]],
    pairs: list[tuple[int, int]],
    known: list[tuple[int, int]],
    candidates: list[int] | None = None,
) -> list[float]:
    table = torch.tensor(scores)
    queries, answers = np.array(pairs).T
    matrix = pair_matrix(np.array(known), tuple(table.shape))
    chosen = None if candidates is None else np.array(candidates)
    return filtered_ranks(lambda rows: table[rows], queries, answers, matrix, chosen).tolist()


def test_known_pairs_are_filtered_but_not_the_answer() -> None:
    scores = [[4.0, 3.0, 2.0, 1.0]]
    assert ranks_of(scores, [(0, 3)], [(0, 3)]) == [4]
    assert ranks_of(scores, [(0, 3)], [(0, 0), (0, 2), (0, 3)]) == [2]
    # The answer itself counts even where the known pairs don't hold it.
    assert ranks_of(scores, [(0, 0)], [(0, 2)]) == [1]


def test_ties_count_half() -> None:
    assert ranks_of([[0.0] * 5], [(0, 2)], [(0, 2)]) == [3]
    assert ranks_of([[1.0, 1.0, 0.0]], [(0, 0)], [(0, 0)]) == [1.5]


def test_candidates() -> None:
    scores = [[4.0, 3.0, 2.0, 1.0]]
    assert ranks_of(scores, [(0, 3)], [(0, 3)], candidates=[1, 3]) == [2]


def test_no_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match="no numbers"):
        ranks_of([[float("nan"), 1.0]], [(0, 1)], [(0, 1)])


@settings(max_examples=60)
@given(data=st.data())
def test_chunks_do_not_matter_and_ranks_agree_with_counting(data: st.DataObject) -> None:
    n_queries, n_nodes = data.draw(st.integers(1, 6)), data.draw(st.integers(2, 7))
    cell = st.integers(0, 3).map(float)
    row = st.lists(cell, min_size=n_nodes, max_size=n_nodes)
    scores = data.draw(st.lists(row, min_size=n_queries, max_size=n_queries))
    pair = st.tuples(st.integers(0, n_queries - 1), st.integers(0, n_nodes - 1))
    known = data.draw(st.lists(pair, min_size=1, max_size=12))
    whole = ranks_of(scores, known, known)
    cells, ranking._CELLS = ranking._CELLS, 1
    try:
        assert ranks_of(scores, known, known) == whole
    finally:
        ranking._CELLS = cells
    for (query, answer), rank in zip(known, whole, strict=True):
        others = [
            scores[query][node]
            for node in range(n_nodes)
            if node != answer and (query, node) not in known
        ]
        true = scores[query][answer]
        optimistic = 1 + sum(other > true for other in others)
        pessimistic = 1 + sum(other >= true for other in others)
        assert rank == (optimistic + pessimistic) / 2


def test_summary() -> None:
    summary = summarise(np.array([1.0, 2.0, 4.0, 20.0]), np.array([0, 0, 1, 2]))
    assert summary["n"] == 4
    assert summary["groups"] == 3
    assert summary["mrr"] == pytest.approx((1 + 0.5 + 0.25 + 0.05) / 4)
    assert (summary["hits@1"], summary["hits@3"], summary["hits@10"]) == (0.25, 0.5, 0.75)
    low, high = summary["mrr_interval"]
    assert low < summary["mrr"] < high
    assert summary == summarise(np.array([1.0, 2.0, 4.0, 20.0]), np.array([0, 0, 1, 2]))
    assert summarise(np.empty(0), np.empty(0, dtype=np.int64))["mrr"] is None


def test_interval_is_over_groups() -> None:
    """Fifty edges of one head tell as little as one."""
    ranks = np.repeat([1.0, 100.0], 50)
    one_by_one = summarise(ranks, np.arange(100))["mrr_interval"]
    two_heads = summarise(ranks, np.repeat([0, 1], 50))["mrr_interval"]
    assert two_heads[1] - two_heads[0] > 2 * (one_by_one[1] - one_by_one[0])


def test_strata() -> None:
    rows = by_degree(np.array([1.0, 2.0, 4.0, 20.0]), np.array([0, 2, 9, 30]))
    assert [(row["degree"], row["n"], row["mrr"]) for row in rows] == [
        ("0", 1, 1.0),
        ("1-2", 1, 0.5),
        ("3-9", 1, 0.25),
        ("10+", 1, 0.05),
    ]


@settings(max_examples=40)
@given(data=st.data())
def test_candidates_agree_with_counting(data: st.DataObject) -> None:
    n_queries, n_nodes = 3, data.draw(st.integers(2, 7))
    cell = st.integers(0, 3).map(float)
    row = st.lists(cell, min_size=n_nodes, max_size=n_nodes)
    scores = data.draw(st.lists(row, min_size=n_queries, max_size=n_queries))
    pair = st.tuples(st.integers(0, n_queries - 1), st.integers(0, n_nodes - 1))
    known = data.draw(st.lists(pair, min_size=1, max_size=12))
    pairs = data.draw(st.lists(pair, min_size=1, max_size=6))
    node = st.integers(0, n_nodes - 1)
    candidates = data.draw(st.lists(node, min_size=1, max_size=n_nodes, unique=True))
    expected = []
    for query, answer in pairs:
        others = [
            scores[query][node]
            for node in candidates
            if node != answer and (query, node) not in known
        ]
        true = scores[query][answer]
        expected.append(1 + sum(s > true for s in others) + sum(s == true for s in others) / 2)
    assert ranks_of(scores, pairs, known, candidates) == expected


def test_a_killed_ranking_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_CELLS", 10)  # one query at a time
    monkeypatch.setattr(ranking, "_KEEP_EVERY", 0.0)
    table = torch.randn(6, 10, generator=torch.Generator().manual_seed(0))
    queries, answers = np.array([4, 0, 1, 5, 2, 3]), np.array([0, 1, 2, 3, 4, 5])
    known = pair_matrix(np.array([[0, 1], [3, 7]]), (6, 10))
    expected = filtered_ranks(lambda rows: table[rows], queries, answers, known)
    scored: list[int] = []

    def killed_at_3(rows: torch.Tensor) -> torch.Tensor:
        scored.extend(rows.tolist())
        if 3 in scored:
            raise KeyboardInterrupt
        return table[rows]

    keep = tmp_path / "ranks"
    with pytest.raises(KeyboardInterrupt):
        filtered_ranks(killed_at_3, queries, answers, known, keep=keep, identity="one")
    assert scored == [0, 1, 2, 3]
    scored.clear()

    def scores(rows: torch.Tensor) -> torch.Tensor:
        scored.extend(rows.tolist())
        return table[rows]

    ranks = filtered_ranks(scores, queries, answers, known, keep=keep, identity="one")
    assert scored == [3, 4, 5]
    assert ranks.tolist() == expected.tolist()
    # Another model's ranks are not taken, and damaged ones are named.
    scored.clear()
    filtered_ranks(scores, queries, answers, known, keep=keep, identity="two")
    assert scored == [0, 1, 2, 3, 4, 5]
    without_ranks = {"other": torch.zeros(1)}
    for damage in (
        lambda: save_tensors(without_ranks, keep / "state.safetensors"),
        lambda: (keep / "state.safetensors").write_bytes(b"nothing"),
    ):
        damage()
        with pytest.raises(ModelError, match=r"ranks: the checkpoint is damaged.*remove it"):
            filtered_ranks(scores, queries, answers, known, keep=keep, identity="two")


def test_infinite_scores_are_ranked() -> None:
    scores = [[float("inf"), 1.0, float("-inf"), float("inf")]]
    pairs = [(0, node) for node in range(4)]
    assert ranks_of(scores, pairs[:1], pairs[:1]) == [1.5]
    assert ranks_of(scores, pairs[1:2], pairs[1:2]) == [3]
    assert ranks_of(scores, pairs[2:3], pairs[2:3]) == [4]
    assert ranks_of(scores, pairs, pairs) == [1, 1, 1, 1]


def test_so_many_answers_are_scored_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    table = torch.arange(60.0).reshape(6, 10)
    queries, answers = np.arange(6), np.zeros(6, dtype=np.int64)
    known = pair_matrix(np.array([[0, 0]]), (6, 10))
    for cells, sizes in ((29, [2, 2, 2]), (30, [3, 3]), (1, [1] * 6), (1000, [6])):
        monkeypatch.setattr(ranking, "_CELLS", cells)
        batch_sizes: list[int] = []

        def score(rows: torch.Tensor, batch_sizes: list[int] = batch_sizes) -> torch.Tensor:
            batch_sizes.append(len(rows))
            return table[rows]

        filtered_ranks(score, queries, answers, known)
        assert batch_sizes == sizes


def test_finished_ranks_are_of_the_same_ranking_alone(tmp_path: Path) -> None:
    """They are kept when all are done, however short it took."""
    table = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
    pairs, others = np.array([[0, 1], [1, 2], [2, 3]]), np.array([[0, 1], [1, 2], [2, 4]])
    shape = (3, 5)
    queried: list[int] = []

    def score(rows: torch.Tensor) -> torch.Tensor:
        queried.extend(rows.tolist())
        return table[rows]

    def rank(*, tested=pairs, known=pairs, candidates=None, identity="one"):  # type: ignore[no-untyped-def]
        queried.clear()
        of_known = pair_matrix(known, shape)
        keep = tmp_path / "ranks"
        ranks = filtered_ranks(score, *tested.T, of_known, candidates, keep=keep, identity=identity)
        expected = filtered_ranks(lambda rows: table[rows], *tested.T, of_known, candidates)
        assert ranks.tolist() == expected.tolist()
        return len(queried)

    assert rank() == 3
    assert rank() == 0
    for change in (
        {"tested": others},
        {"tested": pairs[::-1]},
        {"known": others},
        {"candidates": np.arange(5)},
        {"candidates": np.array([1, 2, 3])},
        {"identity": "two"},
    ):
        assert rank() in (0, 3)
        assert rank(**change) == 3  # type: ignore[arg-type]
        assert rank(**change) == 0  # type: ignore[arg-type]


def test_finished_ranks_are_kept_every_twenty_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each query takes ten seconds; the ranking is killed at the fourth."""
    monkeypatch.setattr(ranking, "_CELLS", 4)  # one query at a time
    clock = [1000.0]
    monkeypatch.setattr(ranking.time, "monotonic", lambda: clock[0])
    table = torch.arange(24.0).reshape(6, 4)
    queries, known = np.arange(6), pair_matrix(np.array([[0, 0]]), (6, 4))
    queried: list[int] = []

    def score(rows: torch.Tensor) -> torch.Tensor:
        queried.extend(rows.tolist())
        clock[0] += 10
        if queried == [0, 1, 2, 3]:
            raise KeyboardInterrupt
        return table[rows]

    with pytest.raises(KeyboardInterrupt):
        filtered_ranks(score, queries, np.zeros(6, dtype=np.int64), known, keep=tmp_path / "ranks")
    queried.clear()
    filtered_ranks(score, queries, np.zeros(6, dtype=np.int64), known, keep=tmp_path / "ranks")
    assert queried == [2, 3, 4, 5]


def test_a_pair_that_is_given_twice_is_one() -> None:
    matrix = pair_matrix(np.array([[0, 1], [0, 1], [1, 0]]), (2, 3))
    assert matrix.toarray().tolist() == [[0, 1, 0], [1, 0, 0]]


def test_bounds_of_strata_and_of_hits() -> None:
    degrees = np.array([0, 1, 2, 3, 9, 10, 11])
    ranks = np.array([10, 10.5, 1, 11, 10, 10, 1])
    rows = by_degree(ranks, degrees)
    assert [(row["degree"], row["n"], row["hits@10"]) for row in rows] == [
        ("0", 1, 1),
        ("1-2", 2, 0.5),
        ("3-9", 2, 0.5),
        ("10+", 2, 1),
    ]
    assert by_degree(ranks[:1], np.array([5]))[0]["degree"] == "3-9"
    thirds = by_degree(np.array([1.0, 100, 100]), np.array([5, 5, 5]))[0]
    assert (thirds["mrr"], thirds["hits@10"]) == (0.34, 0.3333)
    assert by_degree(np.array([3.0]), np.array([5]))[0]["mrr"] == 0.3333
    bounds = summarise(np.array([1.0, 1.5, 3, 3.5, 10, 10.5]), np.arange(6))
    hits = [bounds[f"hits@{k}"] for k in (1, 3, 10)]
    assert hits == [round(1 / 6, 4), 0.5, round(5 / 6, 4)]
    nothing = summarise(np.empty(0), np.empty(0, dtype=np.int64))
    assert nothing == {**dict.fromkeys(bounds), "n": 0, "groups": 0}


@pytest.mark.parametrize(("ranks", "key"), [([np.inf] * 5, "mrr"), ([1.0] * 5, "hits@1")])
def test_five_that_agree_leave_the_figure_open(ranks: list[float], key: str) -> None:
    """Resampling them gives nothing else; by the binomial distribution it is half of all or so."""
    summary = summarise(np.array(ranks), np.arange(5))
    wide = 1 - 0.025 ** (1 / 5)
    expected = [0, wide] if key == "mrr" else [1 - wide, 1]
    assert summary[f"{key}_interval"] == pytest.approx(expected, abs=1e-4)


SCORES = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=12)


@given(own=SCORES, rivals=SCORES)
def test_a_rank_among_rivals_is_between_the_best_and_the_worst_possible(
    own: list[float], rivals: list[float]
) -> None:
    scores, others = np.array(own), np.array(rivals)
    above, equal = count_above(scores, others)
    assert above.tolist() == [sum(other > score for other in rivals) for score in own]
    assert equal.tolist() == [sum(other == score for other in rivals) for score in own]
    ranks = ranks_among(scores, others)
    assert ranks.tolist() == [rank_among(score, others) for score in own]
    assert (ranks == (1 + above + 1 + above + equal) / 2).all()


@given(scores=SCORES, data=st.data())
def test_the_best_rank_is_the_mean_over_the_orders_of_equal_scores(
    scores: list[float], data: st.DataObject
) -> None:
    numbers = st.integers(0, len(scores) - 1)
    answers = data.draw(st.lists(numbers, min_size=1, max_size=3, unique=True))
    best = max(scores[answer] for answer in answers)
    tied = [number for number, score in enumerate(scores) if score == best][:6]
    if scores.count(best) == len(tied):
        places = [
            1 + min(order.index(answer) for answer in answers if answer in order)
            for order in itertools.permutations(tied)
        ]
        above = sum(score > best for score in scores)
        assert best_rank(np.array(scores), answers) == pytest.approx(above + np.mean(places))
    alone = answers[:1]
    rivals = np.delete(np.array(scores), alone)
    assert best_rank(np.array(scores), alone) == rank_among(scores[alone[0]], rivals)


@given(scores=SCORES)
def test_ordinal_ranks_are_places_in_a_stable_order(scores: list[float]) -> None:
    order = np.argsort(-np.array(scores), kind="stable")
    ranks = [ordinal_rank(np.array(scores), candidate) for candidate in order]
    assert ranks == list(range(1, len(scores) + 1))
