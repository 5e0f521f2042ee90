"""Several diagnosis models on the same cases: paired, with parts, strata and all baselines."""

from __future__ import annotations

import numpy as np
import pytest

from medkg.core.errors import ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining import compare_diagnosis, evaluate_diagnosis, train_diagnosis
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.scorers import UNTRAINED
from tests.gnn.phenotype_graph import of_disease, patients, phenotypes_of


@pytest.fixture(scope="module")
def cases(kg: KnowledgeGraph) -> KnowledgeGraph:
    """Eight cases of three publications: two of diseases with known patients, one of an unknown."""
    rows = [of_disease(kg, i, f"case{i}", f"PMID:{10 + i % 2}") for i in range(3, 10)]
    return patients([*rows, ("unknown", ["HP:11"], [], "OMIM:777", "PMID:20")])


def test_differences_are_paired(
    trained: DiagnosisModel, kg: KnowledgeGraph, cases: KnowledgeGraph
) -> None:
    models = {"A": trained, "B": train_diagnosis(kg, model="phrank")}
    report = compare_diagnosis(models, cases)
    ranks = {
        name: np.array([row[name] or np.inf for row in report["ranks"]]) for name in ("A", "B")
    }
    publications = np.array([row["publication"] for row in report["ranks"]])
    everyone = report["parts"]["all"]
    assert (everyone["cases"], everyone["publications"]) == (8, 3)
    for k in (1, 3, 10):
        differences = (ranks["A"] <= k).astype(float) - (ranks["B"] <= k)
        of_publications = [differences[publications == p].mean() for p in set(publications)]
        stated = everyone["differences"]["B"]
        assert stated[f"top_{k}"] == pytest.approx(differences.mean(), abs=1e-4)
        assert stated[f"macro_top_{k}"] == pytest.approx(np.mean(of_publications), abs=1e-4)
        low, high = stated[f"macro_top_{k}_interval"]
        assert low <= stated[f"macro_top_{k}"] <= high
    assert "A" not in everyone["differences"]


def test_ranks_are_those_of_each_alone(
    trained: DiagnosisModel, kg: KnowledgeGraph, cases: KnowledgeGraph
) -> None:
    models = {"A": trained, "B": train_diagnosis(kg, model="lin")}
    report = compare_diagnosis(models, cases)
    for name, model in models.items():
        alone = evaluate_diagnosis(model, cases)
        assert [row[name] for row in report["ranks"]] == [row["model"] for row in alone["ranks"]]
        assert report["models"][name]["known"] == alone["known"]
        figures = alone["figures"]["all"]["model"]
        assert report["parts"]["all"]["figures"][name].items() <= figures.items()


def test_all_baselines_and_strata(trained: DiagnosisModel, cases: KnowledgeGraph) -> None:
    report = compare_diagnosis({"one": trained, "two": trained}, cases)
    assert report["baselines"] == [name for name in UNTRAINED if name != "naive_bayes"]
    for of_strata in report["strata"].values():
        assert sum(compared["cases"] for compared in of_strata.values()) == 8
        for compared in of_strata.values():
            assert list(compared["figures"]) == ["one", "two", *report["baselines"]]
            assert compared["differences"]["two"]["top_1"] == 0
    assert set(report["strata"]) >= {"by phenotypes", "by sex", "by onset", "by PMID"}


def test_a_part_is_of_what_any_model_knows(
    trained: DiagnosisModel, kg: KnowledgeGraph, cases: KnowledgeGraph
) -> None:
    without = train_diagnosis(kg, model="resnik")
    for models in ({"A": without, "B": trained}, {"A": trained, "B": without}):
        parts = compare_diagnosis(models, cases)["parts"]
        assert {part: of_part["cases"] for part, of_part in parts.items()} == {
            "all": 8,
            "closed": 2,
            "open": 6,
            "reachable by knowledge alone": 7,
            "open, reachable": 5,
        }
    assert "nearest" not in compare_diagnosis({"A": without}, cases)["baselines"]


def test_refused_where_any_model_knows_the_cases(
    trained: DiagnosisModel, kg: KnowledgeGraph
) -> None:
    shown = phenotypes_of(kg, "OMIM:9")[:3]
    known = patients([("a", shown, [], "OMIM:9", "PMID:1"), ("b", shown, [], "OMIM:9", "PMID:50")])
    models = {"A": train_diagnosis(kg, model="resnik"), "B": trained}
    with pytest.raises(ModelError, match="1 of 2 cases are known to naive_bayes already"):
        compare_diagnosis(models, known)
    report = compare_diagnosis(models, known, allow_leaks=True)
    assert [report["models"][name]["leaks"]["leaked"] for name in models] == [0, 1]
    assert report["parts"]["without leaks"]["cases"] == 1
