"""What every treatment model, hybrid or member, must do."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import medkg
from medkg.core.errors import DataError, MissingError, ModelError
from medkg.graph.frames import PREDICTIONS
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.treatment.evaluate import evaluate_treatment
from medkg.mining.treatment.model import TreatmentModel
from medkg.mining.treatment.train import MODELS, train_treatment
from tests.mining.treatment.pharmacy import on, pharmacy


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return pharmacy()


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, kg: KnowledgeGraph) -> TreatmentModel:
    return train_treatment(kg, model=request.param)


def test_name_says_what_it_is(model: TreatmentModel) -> None:
    assert model.name.startswith(f"treatment-{model.settings['model']}-")


def test_beats_popularity_where_there_is_something_to_learn(model: TreatmentModel) -> None:
    """Families are in the graph, and in what is treated together; popularity sees neither."""
    figures = model.metrics["test"]["figures"]
    label = model.settings["model"]
    assert figures[label]["edges"] == len(model.task.test) == 12
    if label == "popularity":
        assert list(figures) == ["popularity"]
    else:
        assert figures[label]["mrr"] > 3 * figures["popularity"]["mrr"]
        lead = model.metrics["test"]["paired"]["popularity"]
        assert lead["mrr_interval"][0] <= lead["mrr"] <= lead["mrr_interval"][1]
        assert lead["mrr_ahead"] > 0.9
    low, high = figures[label]["mrr_interval"]
    assert low <= figures[label]["mrr"] <= high


def test_weights_are_shares(model: TreatmentModel) -> None:
    assert sum(model.weights.values()) == pytest.approx(1)
    if model.settings["model"] != "hybrid":
        assert model.weights == {model.settings["model"]: 1.0}
    else:
        tried = model.metrics["training"]["validation"]
        assert tried["hybrid"] == max(tried.values())


def test_recommend(model: TreatmentModel, kg: KnowledgeGraph) -> None:
    recommendation = model.recommend("disease 0-0", top=6)
    assert recommendation == model.recommend("DOID:00", top=6)
    treats = set(kg.edges.filter(relation="TREATS", object="DOID:00")["subject"])
    assert recommendation.n_recorded == len(treats) + 1  # and one that palliates
    statuses = [drug.status for drug in recommendation.recorded]
    assert statuses == sorted(statuses, key=["treats", "palliates"].index)
    for drug in recommendation.recorded:
        assert drug.sources
        assert drug.evidence[0]["references"] == ["PMID:7"]
        assert drug.probability is None
        assert 0 < (drug.recorded_probability or 0) <= 1
    assert {drug.status for drug in recommendation.hypotheses} == {"hypothesis"}
    assert len(recommendation.hypotheses) == 6
    assert not {drug.drug for drug in recommendation.hypotheses} & {*treats, "drugbank:DB11"}
    ranks = [drug.rank for drug in recommendation.hypotheses]
    probabilities = [drug.probability for drug in recommendation.hypotheses]
    assert probabilities == [p for _, p in sorted(zip(ranks, probabilities, strict=True))]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0 < p < 1 for p in probabilities)
    assert 0 < recommendation.base_rate < 1


def test_every_answer_says_that_it_is_for_research(model: TreatmentModel) -> None:
    printed = model.recommend("DOID:00", top=2).to_dict()
    assert printed["for_research"].startswith("For research, not for care")
    assert json.loads(json.dumps(printed))["hypotheses"][0]["status"] == "hypothesis"
    assert "Not for decisions about patients" in model.card()


def test_training_pairs_and_held_back_ones_are_on_record(model: TreatmentModel) -> None:
    held = {
        (model.task.heads[drug], model.task.tails[disease])
        for drug, disease in [*model.task.valid.tolist(), *model.task.test.tolist()]
    }
    drug, disease = sorted(held)[0]
    recommendation = model.recommend(disease, top=50)
    shown = {
        row.drug: row.status for row in (*recommendation.recorded, *recommendation.contraindicated)
    }
    assert shown[drug] == "treats"


def test_no_candidate(model: TreatmentModel) -> None:
    recommendation = model.recommend("lonely disease", top=5)
    assert "no source in the graph records a drug for lonely disease" in " ".join(
        recommendation.notices
    )
    assert not recommendation.recorded
    if model.settings["model"] != "popularity":
        assert not recommendation.hypotheses
        assert "nothing in the graph speaks for any new drug" in " ".join(recommendation.notices)


def test_unseen_and_unknown(model: TreatmentModel, kg: KnowledgeGraph) -> None:
    with pytest.raises(MissingError, match=r"no Disease 'disease 0-7'; near: .*disease 0-0"):
        model.recommend("disease 0-7")
    with pytest.raises(MissingError, match="is a Drug in the graph"):
        model.recommend("drug 0-0")
    with pytest.raises(MissingError, match="no Drug 'aspirine'"):
        model.recommend("DOID:00", taking=["aspirine"])
    with pytest.raises(DataError, match="give a disease to treat"):
        model.recommend(symptoms=["fever"])
    with pytest.raises(DataError, match="records no disease of patient:2"):
        model.recommend(patient="patient:2")
    with pytest.raises(DataError, match="an age is 0 to 130"):
        model.recommend("DOID:00", age=200)
    with pytest.raises(DataError, match="a sex is female or male"):
        model.recommend("DOID:00", sex="f")
    new = pl.DataFrame({"id": ["DOID:new"], "kind": ["Disease"], "name": ["novel"]})
    larger = KnowledgeGraph.build(
        pl.concat([kg.nodes.select("id", "kind", "name"), new]),
        kg.evidence.select("subject", "relation", "object", "source"),
        kg.sources,
    )
    with pytest.raises(MissingError, match="has not seen DOID:new"):
        on(model, larger).recommend("novel")


def test_obsolete_identifiers_are_replaced_and_said(model: TreatmentModel) -> None:
    recommendation = model.recommend("DOID:old", top=3)
    assert recommendation.patient.diseases == ("DOID:00",)
    assert recommendation.notices[0] == "DOID:old is obsolete: DOID:00 was taken, which replaces it"
    assert recommendation.hypotheses == model.recommend("DOID:00", top=3).hypotheses


def test_predictions_fit_the_graph_and_change_nothing_that_is_learned(
    model: TreatmentModel, kg: KnowledgeGraph
) -> None:
    rows = model.predictions(["DOID:00", "DOID:10"], top=3, date="2026-11-20")
    assert dict(rows.schema) == dict(PREDICTIONS)
    assert rows.height == 6
    assert set(rows["direction"]) == {"head"}
    assert not rows["known"].any()
    written = kg.with_predictions(rows)
    assert written.predictions.height == 6
    if model.settings["model"] == "content":
        again = train_treatment(written, model="content")
        assert again.name == model.name
        assert again.recommend("DOID:00", top=9) == model.recommend("DOID:00", top=9)


def test_save_and_load(model: TreatmentModel, kg: KnowledgeGraph, tmp_path: Path) -> None:
    kg.save(tmp_path / "graph")
    model.save(tmp_path / "model", graph_path=tmp_path / "graph")
    loaded = medkg.load_model(tmp_path / "model")
    assert isinstance(loaded, TreatmentModel)
    assert loaded.name == model.name
    assert loaded.metrics == json.loads(json.dumps(model.metrics))
    everything = np.arange(len(model.task.tails))
    assert np.array_equal(loaded.scores(everything), model.scores(everything))
    query = {"patient": "patient:1", "taking": ["drug 2-2"], "top": 9}
    assert loaded.recommend(**query) == model.recommend(**query)  # type: ignore[arg-type]
    smaller = kg.without_edges(kg.edges.filter(relation="CAUSES")["id"])
    smaller.save(tmp_path / "graph")
    broken = copy(model)
    broken.ensemble = replace(model.ensemble, rarities={})
    broken.save(tmp_path / "broken", graph_path=tmp_path / "graph")
    with pytest.raises(ModelError, match=r"is damaged \('scores'\)"):
        medkg.load_model(tmp_path / "broken", kg)
    with pytest.raises(ModelError, match="no longer the one"):
        medkg.load_model(tmp_path / "model")
    with pytest.warns(UserWarning, match="not the one that the model was trained on"):
        medkg.load_model(tmp_path / "model", smaller)


def test_evaluate_gives_the_figures_of_training(model: TreatmentModel) -> None:
    report = evaluate_treatment(model)
    assert report["figures"] == model.metrics["test"]["figures"]
    assert report["leaks"]["leaked"] == 0
    assert report["tested_on"] == "held back by training"
