"""Figures of treatment models, against what is worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from medkg.core.errors import DataError, MissingError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.mining.treatment.evaluate import (
    evaluate_treatment,
    figures,
    paired,
    rank_drugs,
)
from medkg.mining.treatment.model import TreatmentModel
from medkg.mining.treatment.train import train_treatment
from tests.mining.treatment.pharmacy import pharmacy


@pytest.fixture(scope="module")
def model() -> TreatmentModel:
    return train_treatment(pharmacy(), model="content")


SCORES = np.array([[9.0, 8, 7, 6, 5, 4], [1, 2, 3, 4, 5, 6]])
TRUE = np.array([[0, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1]], dtype=bool)
KNOWN = np.array([[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]], dtype=bool)
POPULARITY = np.array([3, 1, 0, 0, 0, 0])


def test_figures_by_hand() -> None:
    ranked = rank_drugs(SCORES, TRUE, KNOWN, 0)
    # Disease 0: drug 0 is known, so drug 1 is first, and drug 3 second but for drug 1.
    assert ranked.ranks.tolist() == [1, 2, 1]
    assert ranked.hits[0, :5].tolist() == [1, 0, 1, 0, 0]
    assert ranked.first[0].tolist() == [1, 2, 3, 4, 5, -1, -1, -1, -1, -1]
    values = figures(ranked, np.ones(2, dtype=bool), POPULARITY, 3, 0)
    assert (values["edges"], values["diseases"]) == (3, 2)
    assert values["mrr"] == round((1 + 0.5 + 1) / 3, 4)
    assert values["hits@1"] == round(2 / 3, 4)
    assert values["hits@10"] == 1
    assert values["precision@5"] == 0.3
    assert values["recall@5"] == 1
    best = 1 + 1 / np.log2(3)
    assert values["ndcg@10"] == round(((1 + 1 / 2) / best + 1) / 2, 4)
    assert values["coverage@10"] == 1
    rarity = -np.log2((1 + POPULARITY) / 4)
    assert values["novelty@10"] == round((rarity[1:].mean() + rarity.mean()) / 2, 4)
    first = figures(ranked, np.array([True, False]), POPULARITY, 3, 0)
    assert first["mrr"] == 0.75
    assert first["mrr_interval"] == [0.75, 0.75]  # one disease alone
    assert first["coverage@10"] == round(5 / 6, 4)
    none = figures(ranked, np.zeros(2, dtype=bool), POPULARITY, 3, 0)
    assert none["mrr"] is None
    assert none["coverage@10"] is None
    assert none["ndcg@10_interval"] is None


def test_ties_gain_nothing() -> None:
    equal = np.zeros((200, 50))
    true = np.zeros((200, 50), dtype=bool)
    true[np.arange(200), np.arange(200) % 50] = True
    ranked = rank_drugs(equal, true, np.zeros_like(true), 0)
    assert set(ranked.ranks) == {25.5}
    values = figures(ranked, np.ones(200, dtype=bool), np.zeros(50, dtype=int), 3, 0)
    assert values["recall@10"] == 0.2  # one order of all drugs for all diseases: 10 of 50


def test_paired_difference() -> None:
    ours, theirs = rank_drugs(SCORES, TRUE, KNOWN, 0), rank_drugs(-SCORES, TRUE, KNOWN, 0)
    lead = paired(ours, theirs, POPULARITY, 3, 0)
    # Theirs: drug 1 fourth and drug 3 third of disease 0, and drug 5 the last of six.
    assert lead["mrr"] == round((2.5 - (1 / 4 + 1 / 3 + 1 / 6)) / 3, 4)
    assert lead["mrr_ahead"] == 1
    assert paired(ours, ours, POPULARITY, 3, 0)["mrr_interval"] == [0, 0]


def test_pairs_of_a_file(model: TreatmentModel, tmp_path: Path) -> None:
    held = [(model.task.heads[h], model.task.tails[t]) for h, t in model.task.test.tolist()]
    file = tmp_path / "mine.tsv"
    file.write_text("head\ttail\n" + "".join(f"{h}\t{t}\n" for h, t in held))
    report = evaluate_treatment(model, edges=file)
    assert report["figures"] == model.metrics["test"]["figures"]
    assert report["tested_on"] == str(file)
    file.write_text(file.read_text() + "drugbank:DB00\tDOID:nothing\n")
    with pytest.raises(MissingError, match=r"mine.tsv, line 14: drug or disease .* DOID:nothing"):
        evaluate_treatment(model, edges=file)
    aside = Quarantine()
    again = evaluate_treatment(model, edges=file, quarantine=aside)
    assert again["figures"] == report["figures"]
    assert len(aside) == sum(again["set_aside"].values()) == 1
    file.write_text("head\ttail\ndrugbank:X\tDOID:nothing\n")
    with pytest.raises(DataError, match="holds no pair"):
        evaluate_treatment(model, edges=file, quarantine=Quarantine())


def test_leaks_are_refused(model: TreatmentModel, tmp_path: Path) -> None:
    drug, disease = model.task.train[0].tolist()
    pair = f"{model.task.heads[drug]}\t{model.task.tails[disease]}"
    file = tmp_path / "mine.tsv"
    file.write_text(f"head\ttail\n{pair}\n")
    with pytest.raises(ModelError, match=r"1 of 1 test pairs .*\(1 × same pair\)"):
        evaluate_treatment(model, edges=file)
    report = evaluate_treatment(model, edges=file, allow_leaks=True)
    assert report["leaks"]["leaked"] == 1


def test_strata_by_known_drugs(model: TreatmentModel) -> None:
    trained = np.asarray(model.task.matrix("train").sum(0)).ravel()
    tested = model.task.test[:, 1]
    expected = {}
    for name, low, high in (("none", 0, 0), ("1-4", 1, 4), ("5+", 5, 99)):
        own = tested[(trained[tested] >= low) & (trained[tested] <= high)]
        if len(own):
            expected[name] = (len(own), len(np.unique(own)))
    assert len(expected) > 1
    strata = model.metrics["test"]["strata"]
    for member in ("content", "popularity"):
        counted = {
            name: (rows[member]["edges"], rows[member]["diseases"]) for name, rows in strata.items()
        }
        assert counted == expected


def test_pooled_figures_are_of_all_pairs_that_training_does_not_know(
    model: TreatmentModel,
) -> None:
    task = model.task
    tested = task.matrix("test").T.toarray() > 0
    compared = task.matrix("train", "valid").T.toarray() == 0
    scores = model.scores(np.arange(len(task.tails)))
    true = tested[compared]
    of_model = model.metrics["test"]["pooled"]["content"]
    assert (of_model["pairs"], of_model["true"]) == (true.size, true.sum())
    assert of_model["auroc"] == pytest.approx(roc_auc_score(true, scores[compared]), abs=1e-4)
    assert of_model["auprc"] == pytest.approx(
        average_precision_score(true, scores[compared]), abs=1e-4
    )
    popularity = model.metrics["test"]["pooled"]["popularity"]
    assert popularity["auprc"] < of_model["auprc"]
