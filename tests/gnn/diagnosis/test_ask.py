"""What to ask next."""

from __future__ import annotations

import numpy as np
import pytest

from medkg.gnn.diagnosis.ask import (
    QUESTIONS,
    askable,
    considered,
    information_gain,
    probabilities,
)
from medkg.gnn.diagnosis.model import DiagnosisModel
from medkg.gnn.diagnosis.train import train_diagnosis

from .clinic import clinic


@pytest.fixture(scope="module")
def model() -> DiagnosisModel:
    return train_diagnosis(clinic(others=0), model="naive_bayes")


def entropy(p: np.ndarray) -> float:
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())


def test_the_gain_is_the_expected_fall_of_entropy() -> None:
    rng = np.random.default_rng(0)
    weights, shown = rng.dirichlet(np.ones(6)), rng.uniform(0.01, 0.99, size=(6, 4))
    gain = information_gain(weights, shown)
    for column in range(4):
        expected = entropy(weights)
        for given in (shown[:, column], 1 - shown[:, column]):
            joint = weights * given
            expected -= joint.sum() * entropy(joint / joint.sum())
        assert gain[column] == pytest.approx(expected)
    certain = np.array([[1 - 1e-9, 0.3], [1e-9, 0.3]])
    assert information_gain(np.array([0.5, 0.5]), certain) == pytest.approx([1, 0], abs=1e-6)


def test_nothing_that_is_implied_is_asked(model: DiagnosisModel) -> None:
    known = model.knowledge
    columns = known.columns_of
    everything = np.arange(len(known.diseases))
    none = columns([])
    found = askable(known, everything, columns(["HP:111"]), columns(["HP:3"]), none)
    names = {known.phenotypes[column] for column in found}
    # HP:11 follows from HP:111, HP:31 and HP:32 from the exclusion of HP:3.
    assert names == {"HP:12", "HP:21", "HP:22", "HP:41", "HP:42", "HP:421"}
    found = askable(known, everything, columns(["HP:111"]), none, columns(["HP:42"]))
    assert not {"HP:42", "HP:421"} & {known.phenotypes[column] for column in found}


def test_a_phenotype_below_one_that_is_seen_is_likelier(model: DiagnosisModel) -> None:
    known = model.knowledge
    rows = np.array([known.disease_rows["OMIM:3"]])
    asked = known.columns_of(["HP:31"])
    alone = probabilities(known, rows, asked, known.columns_of(["HP:22"]))
    below = probabilities(known, rows, asked, known.columns_of(["HP:3"]))
    background = float(known.frequency[:, asked[0]].mean())
    assert alone[0, 0] == pytest.approx((0.95 * 0.4 + 0.05 * background) / 1, rel=0.2)
    assert below[0, 0] == pytest.approx(1, abs=0.1)  # of HP:3 it is the only kind there
    assert (alone < 1).all()


def test_the_best_question_tells_the_likely_diseases_apart(model: DiagnosisModel) -> None:
    rows = model.questions(["HP:31"], top=20)
    assert dict(rows.schema) == QUESTIONS
    assert rows["gain"].is_sorted(descending=True)
    assert (rows["gain"] >= 0).all()
    assert rows["phenotype"][0] in {"HP:12", "HP:22", "HP:11", "HP:21"}
    asked = rows.filter(phenotype="HP:11").row(0, named=True)
    assert asked["definition"] == "Of the first kind."
    assert asked["speaks_for"][0] in {"ringing disease", "dull disease"}
    assert "plain disease" not in asked["speaks_for"]


def test_answers_narrow_the_list(model: DiagnosisModel) -> None:
    """A patient of OMIM:1 who answers what is asked is found, and nothing is asked twice."""
    present, excluded, asked = ["HP:31"], [], []
    for _ in range(4):
        question = model.questions(present, excluded, top=1)["phenotype"][0]
        asked.append(question)
        shown = question in {"HP:11", "HP:12", "HP:21", "HP:22"}
        (present if shown else excluded).append(question)
    assert len(set(asked)) == 4
    first = model.diagnose(present, excluded, top=1)
    assert first["disease"][0] == "OMIM:1"
    before = model.diagnose(["HP:31"], top=9).filter(disease="OMIM:1")["probability"][0]
    assert first["probability"][0] > max(before, 0.7)


def test_the_considered_are_the_most_probable() -> None:
    logs = np.log(np.arange(1, 301) / np.arange(1, 301).sum()).astype(np.float32)
    rows, weights = considered(logs)
    assert rows.tolist() == list(range(299, 99, -1))
    assert weights.sum() == pytest.approx(1)
