from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.metrics import average_precision_score, roc_auc_score

from medkg.core.areas import auroc_auprc
from medkg.core.errors import ModelError
from medkg.core.ranking import filtered_ranks, pair_matrix, summarise
from medkg.core.statistics import bootstrap_interval, drawn_counts
from medkg.mining.links import metrics
from medkg.mining.links.metrics import (
    Scored,
    _in_first,
    by_label,
    figures,
    first_candidates,
    paired_difference,
    score_pairs,
)


class Table:
    """Scores that are given."""

    def __init__(self, scores: np.ndarray):
        self.scores = torch.from_numpy(scores)

    def __call__(self, queries: torch.Tensor) -> torch.Tensor:
        return self.scores[queries]


def random_test(
    seed: int, *, queries: int = 12, nodes: int = 60, values: int = 1000
) -> tuple[Table, np.ndarray, np.ndarray, sparse.csr_matrix]:
    """Scores of few or many values, true pairs to test, and those and others as known."""
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, values, size=(queries, nodes)).astype(float)
    true = np.argwhere(generator.random((queries, nodes)) < 0.15)
    tested = true[generator.random(len(true)) < 0.5]
    return Table(scores), tested[:, 0], tested[:, 1], pair_matrix(true, (queries, nodes))


@pytest.mark.parametrize("values", [2, 5, 1000])
@pytest.mark.parametrize("few", [False, True])
def test_ranks_are_those_of_filtered_ranking(values: int, few: bool) -> None:
    score, queries, answers, known = random_test(values, values=values)
    candidates = np.arange(0, 60, 3) if few else None
    scored = score_pairs(score, queries, answers, known, candidates)
    expected = filtered_ranks(score, queries, answers, known, candidates)
    assert scored.ranks.tolist() == expected.tolist()
    some = figures(scored, seed=3)
    summary = summarise(expected, queries, seed=3)
    assert {key: some[key] for key in summary} == summary


@pytest.mark.parametrize("cells", [1, 60, 190])
def test_how_many_queries_are_scored_at_a_time_does_not_matter(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    score, queries, answers, known = random_test(5, values=4)
    whole = score_pairs(score, queries, answers, known)
    first = first_candidates(score, np.arange(12), known, known)
    sizes: list[int] = []

    def counted(rows: torch.Tensor) -> torch.Tensor:
        sizes.append(len(rows))
        return score(rows)

    monkeypatch.setattr(metrics, "_CELLS", cells)
    again = score_pairs(counted, queries, answers, known)
    assert sum(sizes) == len(np.unique(queries))
    assert max(sizes) == max(1, cells // 60)
    for name, values in vars(whole).items():
        np.testing.assert_array_equal(getattr(again, name), values)
    for one, other in zip(first_candidates(score, np.arange(12), known, known), first, strict=True):
        np.testing.assert_array_equal(one, other)


def test_small_case_by_hand() -> None:
    """One query with ten nodes: 0 is known from training, 1 and 5 are tested."""
    scores = np.array([[9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0]])
    known = pair_matrix(np.array([[0, 0], [0, 1], [0, 5]]), (1, 10))
    scored = score_pairs(Table(scores), np.array([0, 0]), np.array([1, 5]), known)
    assert scored.ranks.tolist() == [1, 4]  # of 5: above it 2, 3, 4, and not the true 1
    assert scored.above.tolist() == [0, 4]
    assert scored.listed.tolist() == [9, 9]
    measured = figures(scored)
    assert measured["mrr"] == pytest.approx((1 + 1 / 4) / 2)
    assert (measured["hits@1"], measured["hits@3"], measured["hits@10"]) == (0.5, 0.5, 1)
    assert measured["precision@1"] == measured["best_precision@1"] == 1
    assert measured["precision@10"] == measured["best_precision@10"] == 0.2
    # The first percent of nine is .09 of a place, and holds .09 of one of two answers.
    assert measured["ef@1%"] == measured["best_ef@1%"] == pytest.approx(0.09 / 2 / 0.01)
    # Seven negatives; the first true pair beats all, the second four.
    assert measured["auroc@1:100"] == pytest.approx((7 + 4) / 14, abs=1e-4)
    assert sorted(scored.negatives[0][:7].tolist()) == [0, 1, 2, 3, 5, 6, 7]
    assert np.isnan(scored.negatives[0][7:]).all()


def test_ties_count_what_chance_makes_of_them() -> None:
    """Expected values over all orders of the tied, counted out."""
    scores = np.array([[3.0, 2, 2, 2, 2, 1]])
    known = pair_matrix(np.array([[0, 1], [0, 2], [0, 5]]), (1, 6))
    scored = score_pairs(Table(scores), np.zeros(3, np.int64), np.array([1, 2, 5]), known)
    orders = [[0, *middle, 5] for middle in itertools.permutations([1, 2, 3, 4])]
    for k in (1, 2, 3, 5, 6):
        expected = [np.mean([order.index(node) < k for order in orders]) for node in (1, 2, 5)]
        assert _in_first(scored, k).tolist() == expected
    constant = score_pairs(Table(np.ones((1, 200))), np.array([0]), np.array([7]), known_of(200, 7))
    measured = figures(constant)
    assert measured["ef@1%"] == measured["ef@5%"] == 1
    assert measured["auroc@1:1"] == measured["auroc@1:100"] == 0.5
    assert measured["auprc@1:100"] == pytest.approx(1 / 101, abs=1e-4)


def known_of(nodes: int, *answers: int) -> sparse.csr_matrix:
    return pair_matrix(np.array([[0, a] for a in answers]), (1, nodes))


@pytest.mark.parametrize("values", [2, 7, 100000])
def test_areas_are_scikit_learns(values: int) -> None:
    generator = np.random.default_rng(values)
    for _ in range(5):
        true = generator.random(200) < 0.2
        scores = generator.integers(0, values, 200) + 0.5 * true * values * generator.random(200)
        area, precision = auroc_auprc(scores, true)
        assert area == pytest.approx(roc_auc_score(true, scores))
        assert precision == pytest.approx(average_precision_score(true, scores))
    assert np.isnan(auroc_auprc(np.arange(3.0), np.zeros(3, bool))).all()


@pytest.mark.parametrize("ratio", [1, 10])
def test_classification_is_of_the_drawn_pairs(ratio: int) -> None:
    score, queries, answers, known = random_test(1, nodes=80, values=9)
    scored = score_pairs(score, queries, answers, known)
    measured = figures(scored)
    negatives = scored.negatives[:, :ratio].ravel()
    assert not np.isnan(negatives).any()
    true = np.repeat([1, 0], [len(queries), len(negatives)])
    both = np.concatenate([scored.scores, negatives])
    assert measured[f"auroc@1:{ratio}"] == pytest.approx(roc_auc_score(true, both), abs=1e-4)
    expected = average_precision_score(true, both)
    assert measured[f"auprc@1:{ratio}"] == pytest.approx(expected, abs=1e-4)
    low, high = measured[f"auroc@1:{ratio}_interval"]
    assert low <= measured[f"auroc@1:{ratio}"] <= high
    # Negatives are candidates of the query that are not known.
    for query, row in zip(queries, scored.negatives, strict=True):
        false = score.scores[query].numpy()[known[query].toarray().ravel() == 0]
        assert set(row[~np.isnan(row)]) <= set(false)


def test_areas_in_order_by_hand() -> None:
    """The first of three is false, as is the last."""
    true = np.array([False, True, False])
    assert auroc_auprc(np.array([3.0, 2, 1]), true) == (0.5, 0.5)
    assert auroc_auprc(np.array([1.0, 2, 3]), true) == (0.5, 0.5)
    assert auroc_auprc(np.array([2.0, 2, 1]), true) == (0.75, 0.5)
    assert np.isnan(auroc_auprc(np.arange(3.0), np.ones(3, bool))).all()


@pytest.mark.parametrize("ratio", [1, 100])
def test_the_interval_of_an_area_is_by_bootstrap_over_queries(ratio: int) -> None:
    """A query that is drawn twice counts twice, with its negatives, of which it may have few."""
    score, queries, answers, known = random_test(6, queries=9, values=7)
    scored = score_pairs(score, queries, answers, known)
    measured = figures(scored, seed=4)
    there = ~np.isnan(scored.negatives[:, :ratio])
    scores = np.concatenate([scored.scores, scored.negatives[:, :ratio][there]])
    true = np.repeat([1, 0], [len(queries), there.sum()])
    names, numbers = np.unique(queries, return_inverse=True)
    groups = np.concatenate([numbers, np.repeat(numbers, there.sum(1))])
    counts = drawn_counts(len(names), 4)[:200]
    for name, area in (("auroc", roc_auc_score), ("auprc", average_precision_score)):
        whole = area(true, scores)
        assert measured[f"{name}@1:{ratio}"] == pytest.approx(whole, abs=1e-4)
        drawn = np.array([area(true, scores, sample_weight=row[groups]) for row in counts])
        expected = bootstrap_interval(drawn)
        assert measured[f"{name}@1:{ratio}_interval"] == pytest.approx(expected, abs=1.01e-4)


def test_figures_of_each_query_by_hand() -> None:
    """Two queries with lists of twenty: one has three answers at 1, 3 and 20, one has one at 1."""
    places = np.array([0.0, 2, 19, 0])
    none = np.zeros(4)
    scored = Scored(
        np.array([4, 4, 4, 9]), np.arange(4), places + 1, -places, places, none, none + 20,
        np.full((4, 100), np.nan),
    )  # fmt: skip
    measured = figures(scored)
    assert (measured["precision@1"], measured["best_precision@1"]) == (1, 1)
    assert (measured["precision@10"], measured["best_precision@10"]) == (0.15, 0.2)
    assert (measured["precision@50"], measured["best_precision@50"]) == (0.04, 0.04)
    # Five percent of twenty is the first place, which one has of three and the other of one.
    assert (
        measured["ef@5%"]
        == measured["best_ef@5%"]
        == pytest.approx((1 / 3 + 1) / 2 / 0.05, abs=1e-4)
    )
    assert measured["precision@10_interval"] == [0.1, 0.2]
    # Precision that all queries share may be less by chance; enrichment knows no upper bound.
    assert measured["precision@1_interval"] == pytest.approx([0.025 ** (1 / 2), 1], abs=1e-4)
    alone = figures(scored.where(np.array([False, False, False, True])))
    assert alone["ef@5%_interval"] == [20, 20]
    assert measured["auroc@1:1"] is measured["auroc@1:1_interval"] is measured["auprc@1:10"] is None


def test_the_first_candidates_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.array([[5.0, 9, 5, 1, 7, 0], [6.0, 5, 4, 3, 2, 1]])
    left_out = pair_matrix(np.array([[0, 1], [1, 0], [1, 1], [1, 2], [1, 3]]), (2, 6))
    true = pair_matrix(np.array([[0, 4], [0, 3], [1, 5], [1, 0]]), (2, 6))
    table = Table(scores.copy())
    first = first_candidates(table, np.array([1, 0]), left_out, true)
    assert [values.tolist() for values in first] == [
        [2, 1, 7, 5, 5, 1, 0],
        [1, 2, 1, 2, 3, 4, 5],
        [False, True, True, False, False, True, False],
    ]
    assert table.scores.tolist() == scores.tolist()
    monkeypatch.setattr(metrics, "CALIBRATED_CANDIDATES", 3)
    first = first_candidates(table, np.array([0, 1]), left_out, true)
    assert [values.tolist() for values in first] == [
        [7, 5, 5, 2, 1],
        [1, 2, 3, 1, 2],
        [True, False, False, False, True],
    ]


def test_a_paired_difference_by_hand() -> None:
    def scored(ranks: list[float]) -> Scored:
        zeros = np.zeros(3)
        return Scored(
            np.array([0, 0, 1]), np.arange(3), np.array(ranks), zeros, zeros, zeros, zeros,
            np.full((3, 100), np.nan),
        )  # fmt: skip

    ours, theirs = scored([1, 3, 10]), scored([3, 4, 11])
    difference = paired_difference(ours, theirs)
    assert {name: difference[name] for name in ("mrr", "hits@1", "hits@3", "hits@10")} == {
        "mrr": round((1 - 1 / 3 + 1 / 3 - 1 / 4 + 1 / 10 - 1 / 11) / 3, 4),
        "hits@1": 0.3333,
        "hits@3": 0.3333,
        "hits@10": 0.3333,
    }
    # In a quarter of the draws the second query alone is drawn, whose first ranks are alike.
    assert difference["hits@1_ahead"] == pytest.approx(0.75, abs=0.05)
    assert difference["hits@10_ahead"] == pytest.approx(0.75, abs=0.05)
    assert difference["hits@1_interval"] == [0, 0.5]
    assert difference["hits@10_interval"] == [0, 1]
    other = Scored(**{**vars(ours), "answers": np.array([0, 1, 3])})
    with pytest.raises(ValueError, match="same edges"):
        paired_difference(ours, other)
    none = np.zeros(3, bool)
    empty = paired_difference(ours.where(none), theirs.where(none))
    assert empty == dict.fromkeys(difference)


def test_draws_depend_on_query_and_seed_alone() -> None:
    score, queries, answers, known = random_test(2)
    order = np.random.default_rng(0).permutation(len(queries))
    one = score_pairs(score, queries, answers, known, seed=1)
    other = score_pairs(score, queries[order], answers[order], known, seed=1)
    assert one.ranks[order].tolist() == other.ranks.tolist()
    again = score_pairs(score, queries, answers, known, seed=1)
    np.testing.assert_array_equal(again.negatives, one.negatives)
    different = score_pairs(score, queries, answers, known, seed=2)
    assert not np.array_equal(different.negatives, one.negatives, equal_nan=True)


def test_paired_difference() -> None:
    score, queries, answers, known = random_test(3, queries=40)
    chance = score_pairs(score, queries, answers, known)
    better_scores = score.scores.numpy() + 400 * known.toarray()
    better = score_pairs(Table(better_scores), queries, answers, known)
    difference = paired_difference(better, chance)
    assert difference["mrr"] == pytest.approx(
        (1 / better.ranks - 1 / chance.ranks).mean(), abs=1e-4
    )
    assert difference["mrr_interval"][0] > 0
    assert difference["mrr_ahead"] == 1
    turned = paired_difference(chance, better)
    assert turned["mrr"] == -difference["mrr"]
    assert turned["hits@10_ahead"] == 0
    # Paired intervals are narrower than the difference of unpaired ones where both agree.
    near = score_pairs(Table(better_scores + 1e-3), queries, answers, known)
    assert paired_difference(near, better)["mrr_interval"] == [0, 0]
    with pytest.raises(ValueError, match="same edges"):
        paired_difference(better, chance.where(chance.ranks > 1))


def test_part_of_the_edges_keeps_its_ranks() -> None:
    score, queries, answers, known = random_test(4)
    scored = score_pairs(score, queries, answers, known)
    chosen = answers % 2 == 0
    part = scored.where(chosen)
    assert part.ranks.tolist() == scored.ranks[chosen].tolist()
    assert figures(part)["n"] == chosen.sum()
    nothing = figures(scored.where(np.zeros(len(queries), bool)))
    assert nothing["n"] == 0
    assert nothing["mrr"] is nothing["ef@1%"] is nothing["auprc@1:10_interval"] is None


def test_by_label() -> None:
    rows = by_label(np.array([1.0, 2, 20]), ["TREATS", "TARGETS", "TREATS"])
    assert rows[0] == {
        "label": "TARGETS", "n": 1, "mrr": 0.5, "hits@1": 0, "hits@3": 1, "hits@10": 1
    }  # fmt: skip
    assert [row["label"] for row in rows] == ["TARGETS", "TREATS"]
    assert rows[1] == {
        "label": "TREATS", "n": 2, "mrr": 0.525, "hits@1": 0.5, "hits@3": 0.5, "hits@10": 0.5
    }  # fmt: skip


def test_scores_that_are_no_numbers() -> None:
    with pytest.raises(ModelError, match="no numbers"):
        score_pairs(Table(np.full((1, 3), np.nan)), np.array([0]), np.array([1]), known_of(3, 1))


def test_interval_covers_what_it_should() -> None:
    """Of many samples of one population, about 95 in 100 intervals hold its mean."""
    generator = np.random.default_rng(0)
    inside = 0
    for sample in range(120):
        ranks = np.where(generator.random(80) < 0.4, 1.0, 50.0)
        zeros = np.zeros(80)
        scored = Scored(
            np.arange(80), np.arange(80), ranks, zeros, ranks - 1, zeros, zeros + 100,
            np.full((80, 100), np.nan),
        )  # fmt: skip
        low, high = figures(scored, seed=sample, draws=300)["precision@1_interval"]
        inside += low <= 0.4 <= high
    assert 0.88 <= inside / 120 <= 1
