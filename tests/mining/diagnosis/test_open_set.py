"""Open sets of patients whose true distribution is known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax

from medkg.core.errors import DataError
from medkg.mining.diagnosis import open_set
from medkg.mining.diagnosis.explained import PatientEvidence
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.open_set import (
    FEATURES,
    NONE,
    OpenSet,
    Ordered,
    _folds,
    _others,
    auroc,
    coverage_of,
    enough,
    fit_open_set,
    fit_temperature,
)

DISEASES = 40
Drawn = tuple[NDArray[np.float64], NDArray[np.int64], PatientEvidence]


def chain() -> Knowledge:
    """Each disease shows two of 40 evidence, in pairs below a parent that is below a root."""
    parents, stated = np.zeros((61, 61)), np.zeros((DISEASES, 61))
    for number in range(DISEASES):
        parents[number, 40 + number // 2] = 1
        stated[number, [number, (number * 7 + 3) % 40]] = 1
    parents[40:60, 60] = 1
    names = [f"HP:{number}" for number in range(61)]
    diseases = [f"OMIM:{number}" for number in range(DISEASES)]
    return Knowledge.from_parts(
        phenotypes=names,
        diseases=diseases,
        disease_rows={id_: row for row, id_ in enumerate(diseases)},
        phenotype_columns={id_: column for column, id_ in enumerate(names)},
        parents=csr_matrix(parents, dtype=np.float32),
        stated=csr_matrix(stated, dtype=np.float32),
        annotated=csr_matrix(stated, dtype=np.float32),
        patients=csr_matrix((0, 61), dtype=np.float32),
        patient_rows=np.empty(0, dtype=np.int64),
        patient_ids=[],
        patient_publications=[],
    )


KNOWLEDGE = chain()


def seen(*patients: list[int]) -> PatientEvidence:
    return PatientEvidence(KNOWLEDGE, [np.array(each, dtype=np.int64) for each in patients])


def drawn(number: int, seed: int, unknown: float = 0.2, heat: float = 1.0) -> Drawn:
    """Scores that are `heat` times the true logits, diseases drawn from them, and phenotypes; of a
    share of `unknown` the disease is taken out of the candidates, and all others score lower."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(number, DISEASES)) * rng.uniform(1, 4, size=(number, 1))
    chances = softmax(logits, axis=1)
    truth = np.array([rng.choice(DISEASES, p=row) for row in chances])
    truth[rng.random(number) < unknown] = NONE
    lacking = truth == NONE
    heats = rng.uniform(0.5, 3, size=(lacking.sum(), 1))
    logits[lacking] = rng.normal(size=(lacking.sum(), DISEASES)) * heats
    numbers = rng.integers(1, 20, size=number)
    shown = [rng.choice(40, size=each, replace=False).tolist() for each in numbers]
    return logits * heat, truth, seen(*shown)


def covered(fitted: OpenSet, patients: Drawn, coverage: float) -> dict[str, Any]:
    scores, truth, evidence = patients
    sets = fitted.sets(scores, evidence, coverage)
    rows = [np.array([row] if row != NONE else [], dtype=np.int64) for row in truth]
    return coverage_of(sets, rows, np.arange(len(truth)), coverage)


@pytest.fixture(scope="module")
def fitted() -> OpenSet:
    return fit_open_set(*drawn(2000, seed=1))


def test_the_temperature_is_found_again() -> None:
    scores, truth, _ = drawn(3000, seed=0, unknown=0, heat=2.5)
    assert fit_temperature(scores, truth) == pytest.approx(2.5, rel=0.1)


def test_probabilities_sum_to_one_and_keep_the_order(fitted: OpenSet) -> None:
    scores, _, evidence = drawn(50, seed=2)
    given = fitted.probabilities(scores, evidence)
    assert given.shape == (50, DISEASES + 1)
    assert given.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(np.argsort(given[:, :-1], axis=1), np.argsort(scores, axis=1))
    assert given[:, -1] == pytest.approx(fitted.none_of_these(scores, evidence))


def test_none_of_these_is_told_from_the_scores(fitted: OpenSet) -> None:
    scores, truth, evidence = drawn(1000, seed=3)
    none = fitted.none_of_these(scores, evidence)
    assert none[truth == NONE].mean() > none[truth >= 0].mean() + 0.03
    assert fitted.base_rate == pytest.approx(0.2, abs=0.03)
    assert none.mean() == pytest.approx(0.2, abs=0.1)
    assert fitted.figures["auroc_observed"] > 0.65
    assert 0.5 < fitted.figures["auroc"] < fitted.figures["auroc_observed"]


def test_scores_that_say_nothing_have_an_auroc_of_one_half() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(800, DISEASES))
    truth = rng.integers(DISEASES, size=800)
    open_set = fit_open_set(scores, truth, seen(*[[0]] * 800))
    assert open_set.figures["auroc"] == pytest.approx(0.5, abs=0.05)
    assert open_set.figures["auroc_observed"] is None


@pytest.mark.parametrize("coverage", [0.7, 0.8, 0.95])
def test_sets_hold_the_truth_as_often_as_asked(fitted: OpenSet, coverage: float) -> None:
    """On new patients of the same distribution, within three standard errors of both samples."""
    scores, truth, evidence = drawn(2000, seed=4)
    share = covered(fitted, (scores, truth, evidence), coverage)
    error = 3 * np.sqrt(coverage * (1 - coverage) * 2 / 2000)
    assert share["covered"] == pytest.approx(coverage, abs=error)
    assert share["covered_publications"] == share["covered"]
    assert 0 < share["with_none"] <= 1


def test_no_set_is_empty(fitted: OpenSet) -> None:
    scores, truth, evidence = drawn(2000, seed=4)
    share = covered(fitted, (scores, truth, evidence), 0.2)
    first = [rows[0] for rows in fitted.sets(scores, evidence, 0.2)]
    assert share["covered"] == pytest.approx(np.mean(first == truth), abs=1e-4)
    assert share["covered"] > 0.2


def test_sets_grow_with_coverage_and_hold_the_most_probable(fitted: OpenSet) -> None:
    scores, _, evidence = drawn(100, seed=5)
    given = fitted.probabilities(scores, evidence)
    narrow, wide = (fitted.sets(scores, evidence, coverage) for coverage in (0.6, 0.9))
    for row, few, many in zip(given, narrow, wide, strict=True):
        assert few.tolist() == many[: len(few)].tolist()
        chances = row[many]  # NONE is the last column
        assert np.all(np.diff(chances) <= 0)
        assert chances[0] == row.max()


def test_more_that_is_known_orders_a_set_and_takes_nothing_out_of_it(fitted: OpenSet) -> None:
    scores, _, evidence = drawn(30, seed=8)
    more = np.random.default_rng(9).normal(size=scores.shape) * 4
    logs = log_softmax(scores / fitted.temperature + more, axis=1)
    sets = fitted.sets(scores, evidence, 0.8)
    none = fitted.none_of_these(scores, evidence)
    given, in_order = fitted.none_and_sets(scores, evidence, logs, 0.8)
    assert given == pytest.approx(none)
    for number, (own, members) in enumerate(zip(sets, in_order, strict=True)):
        assert set(own) <= set(members)
        diseases = members[members != NONE]
        assert np.all(np.diff(logs[number][diseases]) <= 0)
        probability = np.exp(logs[number][diseases]).sum() * (1 - none[number])
        assert probability + none[number] * (NONE in members) >= 0.8
        assert logs[number].argmax() in members or (list(members) == [NONE])
    same = log_softmax(scores / fitted.temperature, axis=1)
    # Where nothing more is known, only what is as probable as the coverage may be added.
    limit = max(fitted.limit(0.8), 0.8)
    ordered = Ordered.of(fitted.probabilities(scores, evidence)).sets(limit)
    for own, members in zip(
        ordered, fitted.none_and_sets(scores, evidence, same, 0.8)[1], strict=True
    ):
        assert own.tolist() == members.tolist()


def test_too_few_cases_for_the_coverage_give_everything() -> None:
    open_set = fit_open_set(*drawn(60, seed=6))
    scores, _, evidence = drawn(3, seed=7)
    assert [len(rows) for rows in open_set.sets(scores, evidence, 0.999)] == [DISEASES + 1] * 3


def test_coverage_is_counted_over_cases_and_groups() -> None:
    rows = [np.array(row, dtype=np.int64) for row in ([0], [5, 0], [1], [])]
    sets = [np.array(members) for members in ([0], [0, NONE, 2], [0], [3])]
    coverage = coverage_of(sets, rows, np.array([7, 7, 9, 9]), 0.9)
    assert (coverage["covered"], coverage["covered_publications"]) == (0.5, 0.5)
    assert coverage["covered_candidates"] == pytest.approx(2 / 3, abs=1e-3)
    assert (coverage["size_median"], coverage["with_none"], coverage["nominal"]) == (1, 0.25, 0.9)
    assert coverage_of([np.array([NONE])], rows[3:], np.array([0]), 0.9)["covered"] == 1


def test_saved_as_json_it_is_the_same(fitted: OpenSet) -> None:
    again = OpenSet.from_dict(json.loads(json.dumps(fitted.to_dict())))
    scores, _, evidence = drawn(5, seed=8)
    assert np.array_equal(
        again.probabilities(scores, evidence), fitted.probabilities(scores, evidence)
    )
    assert again == fitted


def test_log_probabilities_do_as_well_as_logits(fitted: OpenSet) -> None:
    scores, truth, evidence = drawn(2000, seed=1)
    logs = log_softmax(scores, axis=1).astype(np.float32)
    again = fit_open_set(logs, truth, evidence)
    assert again.temperature == pytest.approx(fitted.temperature, rel=1e-3)


def test_cases_of_one_group_are_never_on_both_sides() -> None:
    """Groups whose scores are copies: were they divided, removal would be learnt by heart."""
    scores, truth, evidence = drawn(40, seed=9, unknown=0)
    often = np.repeat(np.arange(40), 5)
    copies = scores[often], truth[often], evidence[often]
    whole = fit_open_set(*copies, often)
    divided = fit_open_set(*copies)
    assert whole.figures["auroc"] < divided.figures["auroc"]
    with pytest.raises(DataError, match="of 4 groups"):
        fit_open_set(*copies, np.repeat(np.arange(4), 50))


def test_bad_input() -> None:
    scores, truth, evidence = drawn(30, seed=0, unknown=0)
    with pytest.raises(DataError, match="at least 20"):
        fit_open_set(scores[:10], truth[:10], evidence[:10])
    open_set = fit_open_set(scores, truth, evidence)
    with pytest.raises(DataError, match=r"between 0 and 1, not 1\.5"):
        open_set.sets(scores, evidence, 1.5)


def by_hand(conformity: list[float] | None = None) -> OpenSet:
    return OpenSet(
        temperature=2.0,
        weights=[0.5, -1.0, 0.25, 2.0, -0.5, 1.5],
        means=[1.0, 0.5, 0.0, 1.0, 2.0, 1.0],
        scales=[2.0, 1.0, 4.0, 0.5, 1.0, 2.0],
        intercept=-1.0,
        base_rate=0.1,
        conformity=conformity or [],
        figures={"n": 0, "without_candidate": 0, "auroc": None, "auroc_observed": None},
    )


def logit_by_hand(probability: float, lead: float, disease: int, patient: list[int]) -> float:
    """Of `by_hand`, where a finding is stated by a disease, or shares its parent or the root."""
    information = KNOWLEDGE.information
    stated = set(KNOWLEDGE.annotated[disease].indices)
    of_parent = {40 + phenotype // 2 for phenotype in stated}
    shared = [
        information[p]
        if p in stated
        else information[40 + p // 2]
        if 40 + p // 2 in of_parent
        else information[60]
        for p in patient
    ]
    own = [information[p] for p in patient]
    z = -1 + 0.5 * (probability - 1) / 2 - 1.0 * (lead - 0.5) / 1
    z += 0.25 * (sum(shared) / sum(own)) / 4
    z += 2.0 * (np.mean([p in stated for p in patient]) - 1) / 0.5
    return float(z - 0.5 * (np.mean(own) - 2) + 1.5 * (np.log1p(len(patient)) - 1) / 2)


def test_none_of_these_by_hand() -> None:
    """The first disease states one of three findings, and the parent of another."""
    scores = np.array([[1.0, 4.0, 3.0]])
    softened = softmax(scores[0] / 2)
    patient = [1, 11, 30]
    expected = 1 / (1 + np.exp(-logit_by_hand(softened[1], 1.0, 1, patient)))
    open_set = by_hand()
    assert open_set.none_of_these(scores, seen(patient)) == pytest.approx(expected)
    chances = open_set.probabilities(scores, seen(patient))[0]
    assert chances[:-1] == pytest.approx((1 - expected) * softened)
    assert chances[-1] == pytest.approx(expected)


def test_a_candidate_that_is_taken_out_counts_for_nothing() -> None:
    scores, less = np.array([[1.0, 4.0, 3.0]]), np.array([[1.0, -np.inf, 3.0]])
    open_set, patient = by_hand(), seen([1, 2])
    without = open_set.none_of_these(scores, patient, np.array([1]))
    assert without == pytest.approx(open_set.none_of_these(less, patient))
    assert without != pytest.approx(open_set.none_of_these(scores, patient))
    assert np.array_equal(scores, [[1.0, 4.0, 3.0]])
    only = open_set.none_of_these(np.array([[1.0, 4.0]]), patient, np.array([1]))
    # An infinite lead is taken for one of 50.
    assert only == pytest.approx(1 / (1 + np.exp(-logit_by_hand(1.0, 50.0, 0, [1, 2]))))


def test_a_finding_that_no_disease_states_says_what_is_above_it() -> None:
    """Of the first disease the parent is stated, of the second only the root."""
    parents = np.zeros((4, 4))
    parents[0, 1] = parents[1, 2] = parents[3, 2] = 1
    stated = csr_matrix(np.array([[0, 1, 0, 0], [0, 0, 0, 1]]), dtype=np.float32)
    names, diseases = [f"HP:{number}" for number in range(4)], ["OMIM:1", "OMIM:2"]
    known = Knowledge.from_parts(
        phenotypes=names,
        diseases=diseases,
        disease_rows={id_: row for row, id_ in enumerate(diseases)},
        phenotype_columns={id_: column for column, id_ in enumerate(names)},
        parents=csr_matrix(parents, dtype=np.float32),
        stated=stated,
        annotated=stated,
        patients=csr_matrix((0, 4), dtype=np.float32),
        patient_rows=np.empty(0, dtype=np.int64),
        patient_ids=[],
        patient_publications=[],
    )
    evidence = PatientEvidence(known, [np.array([0]), np.array([0])])
    share, stated_share, information, _ = evidence.explained(np.array([0, 1])).T
    assert share.tolist() == [1, 0]
    assert stated_share.tolist() == [1, 0]
    assert information.tolist() == pytest.approx([np.log(2)] * 2)


def test_who_shows_nothing_has_nothing_explained() -> None:
    assert np.array_equal(seen([], [0]).explained(np.array([0, 0]))[0], [0, 0, 0, 0])


def test_the_base_rate_that_is_given_moves_the_probability() -> None:
    cases = drawn(400, seed=3)
    rarely, often = (fit_open_set(*cases, base_rate=rate) for rate in (0.1, 0.5))
    assert (rarely.base_rate, often.base_rate) == (0.1, 0.5)
    assert rarely.weights == often.weights
    assert often.intercept - rarely.intercept == pytest.approx(np.log(9))


def test_cases_of_one_publication_count_as_one() -> None:
    scores, truth, evidence = drawn(400, seed=3)
    often = np.concatenate([np.arange(400), np.repeat(0, 50)])
    groups = np.arange(400)[often]
    rng = np.random.default_rng(0)
    once = open_set._fit(scores, truth, evidence, np.arange(400), 0.2, rng)
    rng = np.random.default_rng(0)
    more = open_set._fit(scores[often], truth[often], evidence[often], groups, 0.2, rng)
    alone = open_set._fit(scores[often], truth[often], evidence[often], np.arange(450), 0.2, rng)

    def change(fitted: OpenSet) -> float:
        none = fitted.none_of_these(scores, evidence)
        return float(np.abs(none - once.none_of_these(scores, evidence)).max())

    assert change(more) < change(alone)


def test_one_of_an_earlier_release_is_refused() -> None:
    values = by_hand().to_dict()
    with pytest.raises(ValueError, match="earlier release"):
        OpenSet.from_dict({**values, "weights": values["weights"][:4]})


def test_the_order_of_candidates_and_their_sets() -> None:
    ordered = Ordered.of(np.array([[0.2, 0.5, 0.1, 0.2], [0.1, 0.1, 0.1, 0.7]]))
    assert ordered.order.tolist() == [[1, 0, 3, 2], [3, 0, 1, 2]]
    assert ordered.before == pytest.approx(np.array([[0, 0.5, 0.7, 0.9], [0, 0.7, 0.8, 0.9]]))
    rows = [members.tolist() for members in ordered.sets(0.75)]
    assert rows == [[1, 0, NONE], [NONE, 0]]
    assert [len(members) for members in ordered.sets(0.0)] == [1, 1]
    assert [len(members) for members in ordered.sets(np.inf)] == [4, 4]
    halves = Ordered.of(np.array([[0.5, 0.25, 0.25]]))
    assert halves.sets(0.5)[0].tolist() == [0, 1]  # as probable as the limit is within it


def test_the_limit_is_a_quantile_of_conformity() -> None:
    open_set = by_hand([0.1, 0.2, 0.3, 0.4])
    # ⌈5 × coverage⌉-th smallest of four.
    assert [open_set.limit(c) for c in (0.2, 0.21, 0.6, 0.8)] == [0.1, 0.2, 0.3, 0.4]
    assert open_set.limit(0.81) == np.inf
    for coverage in (0, 1, -0.1, 1.1):
        with pytest.raises(DataError, match=f"between 0 and 1, not {coverage}"):
            open_set.limit(coverage)


def test_how_many_cases_are_enough() -> None:
    truth, groups = np.zeros(20, dtype=np.int64), np.arange(20) % 5
    assert enough(truth, groups)
    assert not enough(truth[:19], groups[:19])
    assert not enough(truth, np.arange(20) % 4)
    truth[0] = NONE
    assert not enough(truth, groups)
    # A group none of whose diseases is a candidate doesn't count.
    some = np.concatenate([np.zeros(20, dtype=np.int64), [NONE]])
    assert not enough(some, np.concatenate([np.arange(20) % 4, [4]]))


def test_what_is_too_few_is_said() -> None:
    scores, truth, evidence = drawn(30, seed=0, unknown=0)
    with pytest.raises(DataError, match=r"^19 cases of 19 groups .*candidate \(of 40\)"):
        fit_open_set(scores[:19], truth[:19], evidence[:19])
    with pytest.raises(DataError, match="at least 20, of 5 groups, and on two candidates"):
        fit_open_set(scores[:, :1], np.zeros(30, dtype=np.int64), evidence)
    assert fit_open_set(scores[:20], truth[:20], evidence[:20]).figures["n"] == 20


def test_what_the_fit_says_of_its_cases(fitted: OpenSet) -> None:
    _, truth, _ = drawn(2000, seed=1)
    lacking = int((truth == NONE).sum())
    assert fitted.figures["n"] == len(fitted.conformity) == 2000
    assert fitted.figures["without_candidate"] == lacking
    assert fitted.base_rate == (lacking + 1) / 2002
    assert fitted.conformity == sorted(fitted.conformity)
    assert 0 <= fitted.conformity[0] <= fitted.conformity[-1] < 1
    assert len(fitted.weights) == len(fitted.means) == len(fitted.scales) == len(FEATURES)


def test_the_seed_divides_the_groups() -> None:
    cases = drawn(100, seed=2)
    assert fit_open_set(*cases) == fit_open_set(*cases, seed=0)
    assert fit_open_set(*cases).conformity != fit_open_set(*cases, seed=1).conformity


def test_every_fold_has_a_case_with_a_candidate() -> None:
    rng = np.random.default_rng(0)
    groups, known = np.arange(60).repeat(2), np.array([3, 17, 20, 41, 59])
    folds = _folds(groups, known, rng)
    assert set(folds[np.isin(groups, known)]) == {0, 1, 2, 3, 4}
    assert np.array_equal(folds[::2], folds[1::2])
    assert np.bincount(folds).tolist() == [24] * 5


def test_another_disease_is_never_the_patients() -> None:
    rows = np.arange(4).repeat(500)
    others = _others(rows, 4, np.random.default_rng(0))
    assert not (others == rows).any()
    assert {(int(a), int(b)) for a, b in zip(rows, others, strict=True)} == {
        (a, b) for a in range(4) for b in range(4) if a != b
    }


def test_batches_make_no_difference(fitted: OpenSet, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, truth, evidence = drawn(40, seed=3)
    sets = fitted.sets(scores, evidence, 0.8)
    whole, none = fit_open_set(scores, truth, evidence), fitted.none_of_these(scores, evidence)
    monkeypatch.setattr(open_set, "_BATCH_SIZE", 7)
    assert fitted.none_of_these(scores, evidence) == pytest.approx(none)
    parts = fitted.sets(scores, evidence, 0.8)
    assert [row.tolist() for row in parts] == [row.tolist() for row in sets]
    again = fit_open_set(scores, truth, evidence)
    assert again.conformity == pytest.approx(whole.conformity, abs=1e-3)


def test_auroc_by_hand() -> None:
    assert auroc(np.array([0.1, 0.4]), np.array([0.3, 0.9])) == 0.75
    assert auroc(np.array([0.1]), np.array([0.1])) == 0.5
    assert auroc(np.empty(0), np.array([1.0])) is None
    assert auroc(np.array([1.0]), np.empty(0)) is None


def test_coverage_by_hand() -> None:
    rows = [np.array([0]), np.array([], dtype=np.int64), np.array([2])]
    sets = [np.array([1, 0]), np.array([NONE]), np.array([3, NONE, 4, 5])]
    assert coverage_of(sets, rows, np.array([1, 1, 1]), 0.5) == {
        "nominal": 0.5,
        "n": 3,
        "covered": 0.6667,
        "covered_publications": 0.6667,
        "covered_candidates": 0.5,
        "size_median": 2.0,
        "size_mean": 1.7,
        "with_none": 0.6667,
    }
    unequal = coverage_of(sets, rows, np.array([1, 2, 2]), 0.5)
    assert unequal["covered_publications"] == 0.75
    of_none = coverage_of(sets[1:2], rows[1:2], np.array([1]), 0.5)
    assert of_none["covered_candidates"] is None
