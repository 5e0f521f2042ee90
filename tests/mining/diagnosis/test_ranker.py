"""The ranker, trained on enough known patients to have heads of its own, and the graph network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from medkg.core.errors import ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis import cross_fitting, ranker
from medkg.mining.diagnosis.cases import cases_of
from medkg.mining.diagnosis.cross_fitting import first_of_disease
from medkg.mining.diagnosis.explained import PatientEvidence
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.model import DiagnosisModel, load_diagnosis_model
from medkg.mining.diagnosis.networks import train_network
from medkg.mining.diagnosis.ranker import DiagnosisRanker, shipped_heads, shipped_open_set
from medkg.mining.diagnosis.scoring_head import ScoringHead, train_scoring_head
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import graph, patients, phenotypes_of

UNSTATED = ["HP:110", "HP:220", "HP:330", "HP:440", "HP:550"]


def known(kg: KnowledgeGraph) -> KnowledgeGraph:
    """Three publications of each disease, two patients each, and of one that the graph lacks."""
    rng = np.random.default_rng(5)
    rows = []
    shown = {f"OMIM:{i}": phenotypes_of(kg, f"OMIM:{i}") for i in range(40)}
    for disease, phenotypes in {**shown, "OMIM:900": UNSTATED}.items():
        for publication in range(3):
            for patient in range(2):
                own = rng.choice(phenotypes, 4, replace=False).tolist()
                name = f"{disease[5:]}-{publication}-{patient}"
                rows.append((name, own, [], disease, f"PMID:{disease[5:]}{publication}"))
    return patients(rows)


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> DiagnosisModel:
    return train_diagnosis(kg, cases=known(kg), seed=1)


def test_it_has_readouts_of_its_own(model: DiagnosisModel) -> None:
    own, shipped = model._scorer.state(), shipped_heads()[0].state_dict()
    assert not np.array_equal(own["readout.0.linear.weight"], shipped["linear.weight"])


def test_diseases_with_and_without_what_is_stated_come_first(
    model: DiagnosisModel, kg: KnowledgeGraph
) -> None:
    assert model.diagnose(UNSTATED, top=1)["disease"][0] == "OMIM:900"
    first = [model.diagnose(phenotypes_of(kg, f"OMIM:{i}"), top=1)["disease"][0] for i in range(40)]
    assert np.mean([first[i] == f"OMIM:{i}" for i in range(40)]) > 0.9


def test_what_patients_teach_of_probability(model: DiagnosisModel) -> None:
    assert model.open_set is not None
    figures = model.open_set.figures
    # Two patients of a disease that isn't stated were its first, when it was no candidate.
    assert (figures["n"], figures["without_candidate"]) == (246, 2)
    assert model.temperature == model.open_set.temperature
    assert figures["auroc"] > 0.6


def test_saved_and_loaded(model: DiagnosisModel, kg: KnowledgeGraph, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded = load_diagnosis_model(tmp_path / "model", kg)
    shown = [np.array([5, 9]), np.array([20])]
    assert np.array_equal(loaded.scores(shown), model.scores(shown))
    assert loaded.open_set == model.open_set


def test_a_ranker_of_other_features_is_refused(
    model: DiagnosisModel, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    class Wider(DiagnosisRanker):
        def state(self) -> dict[str, torch.Tensor]:
            head = ScoringHead(24).state_dict()
            return {f"readout.{n}.{key}": head[key].clone() for n in range(3) for key in head}

    scorer = model._scorer
    assert isinstance(scorer, DiagnosisRanker)
    other = DiagnosisModel(
        kg, "ranker", model.knowledge, Wider(scorer.features, scorer.heads), 1.0, model.settings, {}
    )
    other.save(tmp_path / "other")
    with pytest.raises(ModelError, match="other: the ranker is of another medkg: it has 24 feat"):
        load_diagnosis_model(tmp_path / "other", kg)


def test_a_training_that_was_cut_off_goes_on(
    model: DiagnosisModel, kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same call ends in the same model, and trains no finished head again."""
    out, trained = tmp_path / "model", list[str]()
    most = 4

    def limited(*args: Any, **how: Any) -> ScoringHead:
        if len(trained) == most:
            raise KeyboardInterrupt
        trained.append(how["note"])
        return train_scoring_head(*args, **how)

    monkeypatch.setattr(cross_fitting, "train_scoring_head", limited)
    with pytest.raises(KeyboardInterrupt):
        train_diagnosis(kg, cases=known(kg), seed=1, out=out)
    assert not out.exists()
    most = 100
    resumed = train_diagnosis(kg, cases=known(kg), seed=1, out=out)
    assert len(set(trained)) == len(trained) == 12
    assert not (tmp_path / "model.checkpoint").exists()
    for name, tensor in model._scorer.state().items():
        assert torch.equal(resumed._scorer.state()[name], tensor), name
    assert resumed.open_set == model.open_set


def test_part_by_part_makes_no_difference(
    model: DiagnosisModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [np.array([column, column + 7]) for column in range(20)]
    whole = model.scores(shown)
    monkeypatch.setattr(ranker, "BATCH_SIZE", 3)
    assert model.scores(shown) == pytest.approx(whole, rel=1e-5, abs=1e-4)


def test_the_network_learns_from_known_patients(kg: KnowledgeGraph) -> None:
    """Patients of a disease that the graph doesn't state come to lie together."""
    knowledge = Knowledge.of(kg, known(kg))
    rows = knowledge.patient_rows
    members = np.flatnonzero(rows == knowledge.disease_rows["OMIM:900"])

    def closeness(taught: np.ndarray) -> float:
        network = train_network(knowledge, taught, simulated=256, seed=1, device="cpu")
        alike = network.patients @ network.patients.T
        own = alike[np.ix_(members, members)].mean()
        return float(own - alike[members].mean())

    everyone = np.arange(len(rows))
    assert closeness(everyone) > closeness(everyone[:0])


def test_patients_of_few_publications_teach_no_readouts(kg: KnowledgeGraph) -> None:
    """However many there are: one publication can't be told from its diseases."""
    cases = cases_of(known(kg))
    rows = [
        (f"{case.id[8:]}", list(case.present), [], case.diseases[0], f"PMID:{number % 4}")
        for number, case in enumerate(cases)
    ]
    model = train_diagnosis(kg, cases=patients(rows), seed=1)
    assert model.open_set is None
    own, shipped = model._scorer.state(), shipped_heads()[0].state_dict()
    assert np.array_equal(own["readout.0.linear.weight"], shipped["linear.weight"])


def test_what_comes_with_medkg_is_sure_only_among_as_many_diseases(kg: KnowledgeGraph) -> None:
    assert shipped_open_set(Knowledge.of(kg)) is None
    many = graph(extra={f"OMIM:{i}": ["HP:110"] for i in range(1000, 7000)})
    knowledge = Knowledge.of(many)
    opened = shipped_open_set(knowledge)
    assert opened is not None
    assert opened.figures["shipped"]
    assert opened.figures["n"] == len(opened.conformity) > 2000
    assert 0.05 < opened.base_rate < 0.3
    evidence = PatientEvidence(knowledge.as_stated, [np.array([3])])
    chances = opened.probabilities(np.zeros((1, 6040), dtype=np.float32), evidence)
    assert chances.sum() == pytest.approx(1)


def test_the_first_patients_of_a_disease_are_those_of_its_first_publication() -> None:
    diseases = np.array([4, 4, 4, 2, 2, 0])
    published = ["PMID:300", "PMID:20", "PMID:20", "PMID:100", "PMID:20", "PMID:300"]
    first = first_of_disease(diseases, published, seed=0)
    assert first.tolist() == [False, True, True, False, True, True]


def test_without_numbers_the_order_is_by_chance_and_whatever_has_one_is_later() -> None:
    published = ["patient:a", "patient:b", "PMID:5"]
    chosen = {
        tuple(first_of_disease(np.zeros(3, dtype=np.int64), published, seed).tolist())
        for seed in range(20)
    }
    assert chosen == {(True, False, False), (False, True, False)}
