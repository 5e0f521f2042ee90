"""What every diagnosis model does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from medkg.core.errors import DataError, MissingError, ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.mining.diagnosis.evaluate import evaluate_diagnosis
from medkg.mining.diagnosis.model import DiagnosisModel, load_diagnosis_model
from medkg.mining.diagnosis.scorers import BY_OUTPUT, MODELS
from medkg.mining.diagnosis.train import train_diagnosis

from ..gnn.phenotype_graph import graph, patients, phenotypes_of

# How many patients are simulated; a perceptron needs many of each disease.
SIMULATED = {"mlp": 8_000}


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return graph()


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, kg: KnowledgeGraph) -> DiagnosisModel:
    return train(kg, request.param)


def train(kg: KnowledgeGraph, name: str) -> DiagnosisModel:
    """With two known patients of every disease, each of a publication of its own."""
    cases = [
        (f"{i}-{part}", phenotypes_of(kg, f"OMIM:{i}")[part::3], [], f"OMIM:{i}", f"PMID:{i}{part}")
        for i in range(40)
        for part in (0, 1)
    ]
    simulated = SIMULATED.get(name, 300)
    return train_diagnosis(kg, model=name, cases=patients(cases), simulated=simulated, seed=1)


def test_a_disease_with_all_its_phenotypes_comes_first(
    model: DiagnosisModel, kg: KnowledgeGraph
) -> None:
    diseases = [f"OMIM:{i}" for i in range(40)]
    first = [model.diagnose(phenotypes_of(kg, d), top=1)["disease"][0] for d in diseases]
    assert np.mean([a == b for a, b in zip(first, diseases, strict=True)]) > 0.9


def test_ranks_by_probability(model: DiagnosisModel, kg: KnowledgeGraph) -> None:
    rows = model.diagnose(phenotypes_of(kg, "OMIM:5")[:3], top=40)
    assert rows["rank"].to_list() == list(range(1, 41))
    assert rows["probability"].is_sorted(descending=True)
    assert rows["probability"].sum() == pytest.approx(1, abs=1e-4)
    assert rows["disease"].n_unique() == 40


def test_names_and_order_make_no_difference(model: DiagnosisModel, kg: KnowledgeGraph) -> None:
    shown = phenotypes_of(kg, "OMIM:7")
    names = dict(kg.nodes.select("id", "name").rows())
    by_name = model.diagnose([names[id_] for id_ in reversed(shown)])
    assert by_name.equals(model.diagnose(shown))


def test_what_matches_is_told(model: DiagnosisModel, kg: KnowledgeGraph) -> None:
    shown = phenotypes_of(kg, "OMIM:9")
    other = next(p for p in phenotypes_of(kg, "OMIM:10") if p[:4] not in {s[:4] for s in shown})
    rows = model.diagnose([*shown[:5], other], top=40).filter(disease="OMIM:9")
    assert set(rows["matching"][0]) == {f"phenotype {id_[3:]}" for id_ in shown[:5]}
    assert rows["unexpected"].to_list() == [[f"phenotype {other[3:]}"]]
    assert set(rows["missing"][0]) <= {f"phenotype {id_[3:]}" for id_ in shown[5:]}


def test_what_each_phenotype_counts(model: DiagnosisModel, kg: KnowledgeGraph) -> None:
    shown = phenotypes_of(kg, "OMIM:9")
    rows = model.explain(shown[:4], shown[5:6], diseases=["OMIM:9"])
    assert rows.filter(part="matching")["phenotype"].sort().to_list() == sorted(shown[:4])
    assert rows.filter(part="against")["support"][0] < 0
    alone = model.explain(shown[:1], top=3).filter(part="matching")
    assert alone["support"].is_finite().all()
    assert alone["weight"].is_finite().all()


def test_asks_for_what_is_not_known_yet(model: DiagnosisModel, kg: KnowledgeGraph) -> None:
    shown = phenotypes_of(kg, "OMIM:9")
    rows = model.questions(shown[:2], shown[2:3], unknown=shown[3:4], top=5)
    assert rows.height == 5
    assert (rows["gain"] >= 0).all()
    assert not set(rows["phenotype"]) & set(shown[:4])


def test_an_excluded_phenotype_makes_its_disease_less_probable(
    model: DiagnosisModel, kg: KnowledgeGraph
) -> None:
    shown = phenotypes_of(kg, "OMIM:11")

    def probability(excluded: list[str]) -> float:
        rows = model.diagnose([shown[2][:4]], excluded, top=40).filter(disease="OMIM:11")
        return float(rows["probability"][0])

    assert probability(shown[5:6]) < probability([])


def test_saved_and_loaded(model: DiagnosisModel, kg: KnowledgeGraph, tmp_path: Path) -> None:
    kg.save(tmp_path / "kg")
    model.save(tmp_path / "model", graph_path=tmp_path / "kg")
    loaded = load_diagnosis_model(tmp_path / "model")
    shown = phenotypes_of(kg, "OMIM:3")
    assert loaded.diagnose(shown, ["HP:1"]).equals(model.diagnose(shown, ["HP:1"]))
    assert loaded.metrics == model.metrics
    assert model.name in (tmp_path / "model" / "CARD.md").read_text()


def test_same_seed_same_model(model: DiagnosisModel, kg: KnowledgeGraph) -> None:
    again = train(kg, model.name)
    assert again.metrics == model.metrics
    assert np.array_equal(again.scores([np.array([5, 9])]), model.scores([np.array([5, 9])]))


def test_a_damaged_folder(model: DiagnosisModel, kg: KnowledgeGraph, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    weights = tmp_path / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\1\2\3")
    with pytest.raises(ModelError, match=r"weights\.safetensors.*damaged"):
        load_diagnosis_model(tmp_path / "model", kg)


def test_a_graph_that_is_gone(model: DiagnosisModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model", graph_path=tmp_path / "gone")
    with pytest.raises(ModelError, match="gone"):
        load_diagnosis_model(tmp_path / "model")


@pytest.mark.filterwarnings("ignore:.*given is not the one")
def test_a_new_disease_needs_no_training(model: DiagnosisModel, tmp_path: Path) -> None:
    shown = ["HP:11", "HP:22", "HP:330", "HP:44", "HP:550"]
    larger = graph(extra={"OMIM:999": shown})
    model.save(tmp_path / "model")
    if model.name in BY_OUTPUT:
        with pytest.raises(ModelError, match="only the graph that it was trained on"):
            load_diagnosis_model(tmp_path / "model", larger)
    elif model.name != "nearest":  # which knows a disease by its patients alone
        loaded = load_diagnosis_model(tmp_path / "model", larger)
        assert loaded.diagnose(shown)["disease"][0] == "OMIM:999"


def test_a_recorded_graph_that_has_changed(
    model: DiagnosisModel, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    kg.save(tmp_path / "kg")
    model.save(tmp_path / "model", graph_path=tmp_path / "kg")
    graph(extra={"OMIM:999": ["HP:11"]}).save(tmp_path / "kg")
    with pytest.raises(ModelError, match=r"no longer the one.*--graph"):
        load_diagnosis_model(tmp_path / "model")


def test_unknown_phenotypes(model: DiagnosisModel) -> None:
    with pytest.raises(MissingError, match="no Symptom 'greenness'"):
        model.diagnose(["greenness"])
    with pytest.raises(MissingError, match="at least one"):
        model.diagnose([])


def test_predictions_join_the_graph(model: DiagnosisModel, kg: KnowledgeGraph) -> None:
    shown = phenotypes_of(kg, "OMIM:4")
    cases = patients(
        [
            ("known", shown, [], "OMIM:4", "PMID:1"),
            ("open", shown, [], None, "PMID:2"),
            ("empty", [], ["HP:11"], "OMIM:4", "PMID:3"),
        ]
    )
    rows = model.predictions(cases, top=3)
    assert set(rows["head"]) == {"patient:known", "patient:open"}
    first = rows.filter(rank=1).sort("head")
    assert first["tail"].to_list() == ["OMIM:4", "OMIM:4"]
    assert first["known"].to_list() == [True, False]
    assert set(json.loads(first["explanation"][0])["matching"]) == set(shown)
    joined = merge(kg, cases).with_predictions(rows)
    assert joined.predictions.height == 6


def test_evaluation_of_cases(model: DiagnosisModel, kg: KnowledgeGraph) -> None:
    rows = [
        (str(i), phenotypes_of(kg, f"OMIM:{i}"), ["HP:0"], f"OMIM:{i}", f"PMID:{i % 4}")
        for i in range(12)
    ]
    rows.append(("unknown", ["HP:11"], [], "OMIM:12345", "PMID:9"))
    rows.append(("open", ["HP:11"], [], None, "PMID:9"))
    report = evaluate_diagnosis(model, patients(rows))
    assert (report["n"], report["known"], report["undiagnosed"]) == (13, 12, 1)
    figures = report["figures"]["all"]["model"]
    assert (figures["n"], figures["known"], figures["publications"]) == (13, 12, 5)
    assert figures["accuracy"] == figures["top_1"] <= round(12 / 13, 4)
    assert figures["top_10"] <= round(12 / 13, 4)
    assert figures["macro_top_10"] <= 0.8
    low, high = figures["macro_top_3_interval"]
    assert low <= figures["macro_top_3"] <= high
    with pytest.raises(DataError, match="diagnosis"):
        evaluate_diagnosis(model, patients(rows[-1:]))


def test_metrics_show_the_baselines(model: DiagnosisModel) -> None:
    assert set(model.metrics) == {model.name, "resnik", "naive_bayes"}
    for figures in model.metrics.values():
        assert (figures["patients"], figures["n"]) == ("simulated", 500)
        low, high = figures["top_1_interval"]
        assert low <= figures["top_1"] <= figures["top_3"] <= figures["top_10"]
        assert low <= figures["top_1"] <= high


def test_an_unknown_model(kg: KnowledgeGraph) -> None:
    with pytest.raises(ModelError, match="'oracle'; there are ranker"):
        train_diagnosis(kg, model="oracle")
