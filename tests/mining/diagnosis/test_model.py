"""The parts of the diagnosis: knowledge, similarities, simulated patients, figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.mining.diagnosis.cases import cases_of
from medkg.mining.diagnosis.figures import figures_of, ranks_of
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.model import load_diagnosis_model
from medkg.mining.diagnosis.similarity import (
    ConditionalScorer,
    naive_bayes,
    nearest,
    resnik,
)
from medkg.mining.diagnosis.simulated_patients import Noise, simulate
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import EVIDENCE, SOURCE, patients


@pytest.fixture(scope="module")
def knowledge(kg: KnowledgeGraph) -> Knowledge:
    return Knowledge.of(kg)


def small(evidence: list[tuple[str, str, str, str | None]], names: dict[str, str]) -> Knowledge:
    kinds = {id_: "Symptom" if id_.startswith("HP") else "Disease" for id_ in names}
    return Knowledge.of(
        KnowledgeGraph.build(
            pl.DataFrame(
                [(id_, kinds[id_], name) for id_, name in names.items()],
                schema=["id", "kind", "name"],
                orient="row",
            ),
            pl.DataFrame(evidence, schema=EVIDENCE, orient="row").with_columns(
                source=pl.lit("test")
            ),
            [SOURCE],
        )
    )


def test_ancestors_and_frequencies() -> None:
    names = {"HP:1": "root", "HP:2": "a", "HP:3": "b", "HP:4": "c", "OMIM:1": "x", "OMIM:2": "y"}
    known = small(
        [
            ("HP:2", "SUBCLASS_OF", "HP:1", None),
            ("HP:3", "SUBCLASS_OF", "HP:2", None),
            ("HP:4", "SUBCLASS_OF", "HP:2", None),
            ("OMIM:1", "HAS_SYMPTOM", "HP:3", '{"frequency": 0.25, "sample": "1/4"}'),
            ("OMIM:1", "HAS_SYMPTOM", "HP:3", '{"frequency": 1.0, "sample": "4/4"}'),
            ("OMIM:1", "HAS_SYMPTOM", "HP:4", '{"frequency": 0.9}'),
            ("OMIM:2", "HAS_SYMPTOM", "HP:2", None),
        ],
        names,
    )
    assert known.phenotypes == ["HP:1", "HP:2", "HP:3", "HP:4"]
    stated, carried = known.annotated.toarray(), known.frequency.toarray()
    five_of_eight = (5 + 2.5) / (8 + 5)  # and of five more half
    assert stated == pytest.approx(np.array([[0, 0, five_of_eight, 0.9], [0, 0.5, 0, 0]]))
    assert carried == pytest.approx(np.array([[0.9, 0.9, five_of_eight, 0.9], [0.5, 0.5, 0, 0]]))
    assert known.information == pytest.approx([0, 0, np.log(2), np.log(2)])


def test_diseases_of_one_name_are_one_row() -> None:
    known = small(
        [("OMIM:1", "HAS_SYMPTOM", "HP:1", None), ("ORPHA:1", "HAS_SYMPTOM", "HP:2", None)],
        {"HP:1": "a", "HP:2": "b", "OMIM:1": "Some Disease", "ORPHA:1": "Some disease"},
    )
    assert known.diseases == ["OMIM:1"]
    assert known.disease_rows == {"OMIM:1": 0, "ORPHA:1": 0}
    assert (known.annotated > 0).toarray().tolist() == [[True, True]]


def test_a_cycle_does_no_harm() -> None:
    known = small(
        [
            ("HP:1", "SUBCLASS_OF", "HP:2", None),
            ("HP:2", "SUBCLASS_OF", "HP:1", None),
            ("OMIM:1", "HAS_SYMPTOM", "HP:1", None),
        ],
        {"HP:1": "a", "HP:2": "b", "OMIM:1": "x"},
    )
    assert known.closure.toarray().tolist() == [[1, 1], [1, 1]]


def test_cases_add_to_the_knowledge(kg: KnowledgeGraph) -> None:
    cases = patients(
        [
            ("a", ["HP:11", "HP:220"], [], "OMIM:777", "PMID:1"),
            ("b", ["HP:11"], [], "OMIM:777", "PMID:1"),
        ]
    )
    known = Knowledge.of(kg, cases)
    row = known.annotated[known.disease_rows["OMIM:777"]].toarray().ravel()
    assert row[known.phenotype_columns["HP:11"]] == 1
    assert row[known.phenotype_columns["HP:220"]] == 0.5
    assert np.count_nonzero(row) == 2


def test_a_graph_without_phenotypes() -> None:
    empty = load("starter")
    with pytest.raises(DataError, match="no HAS_SYMPTOM edge"):
        Knowledge.of(empty)


def test_resnik_by_hand(knowledge: Knowledge) -> None:
    """Against the definition, term by term."""
    patient = knowledge.columns_of(["HP:110", "HP:23", "HP:7"])
    expected = np.zeros(len(knowledge.diseases))
    for disease in range(len(knowledge.diseases)):
        shown = set(knowledge.frequency[disease].indices)
        for column in patient:
            shared = shown & set(knowledge.closure[column].indices)
            expected[disease] += max((knowledge.information[a] for a in shared), default=0)
    assert resnik(knowledge, [patient])[0] == pytest.approx(expected / 3, rel=1e-5)


def test_naive_bayes_by_hand(knowledge: Knowledge) -> None:
    patient = knowledge.columns_of(["HP:110", "HP:23"])
    frequency = knowledge.frequency.toarray()[:, patient].astype(np.float64)
    background = knowledge.frequency.toarray().mean(axis=0)[patient] + 1e-5
    expected = np.log(0.95 * frequency + 0.05 * background).sum(axis=1)
    scores = naive_bayes(knowledge, [patient])[0]
    assert scores - scores[0] == pytest.approx(expected - expected[0], abs=1e-4)


def test_conditional_by_hand(knowledge: Knowledge) -> None:
    patient = knowledge.columns_of(["HP:110", "HP:111", "HP:23"])
    frequency = knowledge.frequency.toarray().astype(np.float64)
    background = frequency.mean(axis=0) + 1e-6
    expected = np.zeros(len(knowledge.diseases))
    for column in knowledge.with_ancestors([patient]).indices:
        above = knowledge.parents[column].indices
        usual = min(background[column] / background[above].min(initial=1), 1)
        for disease in range(len(expected)):
            parents = frequency[disease, above].min(initial=1)
            if parents == 0:
                continue
            own = frequency[disease, column]
            expected[disease] += np.log((own + 0.1 * usual) / (max(parents, own) + 0.1) / usual)
    scores = ConditionalScorer(knowledge)([patient])[0]
    assert scores - scores[0] == pytest.approx(expected - expected[0], abs=1e-3)


def test_simulated_patients_resemble_their_disease(knowledge: Knowledge) -> None:
    exact = Noise(exact=1, broader=1e-9, narrower=1e-9, beside=1e-9, unrelated=1e-9)
    drawn = simulate(knowledge, 200, np.random.default_rng(0), exact)
    for disease, phenotypes in zip(drawn.diseases, drawn.phenotypes, strict=True):
        assert set(phenotypes) <= set(knowledge.annotated[disease].indices)
    noisy = simulate(knowledge, 200, np.random.default_rng(0))
    own = [
        len(set(p) & set(knowledge.annotated[d].indices)) / max(len(p), 1)
        for d, p in zip(noisy.diseases, noisy.phenotypes, strict=True)
    ]
    assert 0.2 < np.mean(own) < 0.6


def test_simulation_draws_frequent_phenotypes_more_often() -> None:
    known = small(
        [
            ("OMIM:1", "HAS_SYMPTOM", "HP:1", '{"frequency": 0.9}'),
            ("OMIM:1", "HAS_SYMPTOM", "HP:2", '{"frequency": 0.1}'),
        ],
        {"HP:1": "a", "HP:2": "b", "OMIM:1": "x"},
    )
    one_each = Noise(1, 1e-9, 1e-9, 1e-9, 1e-9, number=1, spread=1e-9)
    drawn = simulate(known, 400, np.random.default_rng(0), one_each)
    assert 0.85 < np.mean([0 in p for p in drawn.phenotypes]) < 0.95


def test_cases_of_a_graph() -> None:
    cases = cases_of(
        patients(
            [("a", ["HP:2", "HP:1"], ["HP:3"], "OMIM:1", "PMID:5"), ("b", [], [], None, "x:1")]
        )
    )
    assert (cases[0].present, cases[0].excluded) == (("HP:1", "HP:2"), ("HP:3",))
    assert (cases[0].diseases, cases[0].publication) == (("OMIM:1",), "PMID:5")


def test_ranks_and_figures() -> None:
    scores = np.array([[3, 2, 1], [1, 1, 0], [0, 1, 2], [0, 0, 1]], dtype=np.float32)
    answers = np.array([0, 1, 0, -1])
    ranks = ranks_of(scores, answers)
    assert ranks.tolist() == [1, 1.5, 3, np.inf]
    figures = figures_of(ranks, scores.argmax(axis=1), answers, np.array([0, 0, 0, 1]))
    assert figures["top_1"] == 0.25
    assert figures["top_3"] == 0.75
    assert figures["macro_top_3"] == 0.5
    assert figures["mrr"] == pytest.approx((1 + 1 / 1.5 + 1 / 3) / 4, abs=1e-4)
    assert figures["accuracy"] == 0.25


def test_precision_recall_and_f1_agree_with_sklearn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    rng = np.random.default_rng(0)
    answers, first = rng.integers(6, size=80), rng.integers(8, size=80)
    figures = figures_of(np.ones(80), first, answers, np.arange(80))
    expected = precision_recall_fscore_support(answers, first, average="macro", zero_division=0)
    measured = [figures["precision"], figures["recall"], figures["f1"]]
    assert measured == pytest.approx(expected[:3], abs=1e-4)


def test_whole_hpo(hpo: KnowledgeGraph) -> None:
    model = train_diagnosis(hpo, model="conditional")
    assert model.metrics["conditional"]["top_1"] > model.metrics["resnik"]["top_1"] > 0.2
    rows = model.diagnose(["Ectopia lentis", "Arachnodactyly", "Aortic root aneurysm"], top=10)
    assert rows["name"].str.contains("(?i)marfan").any()


def test_known_patients(kg: KnowledgeGraph) -> None:
    shown = ["HP:11", "HP:220"]
    known = Knowledge.of(kg, patients([("a", shown, [], "OMIM:5", "PMID:1")]))
    scores = nearest(known, [known.columns_of(shown), known.columns_of(["HP:77"])])
    row = known.disease_rows["OMIM:5"]
    assert scores[0, row] == pytest.approx(1)
    assert scores[1, row] < 0.2
    assert np.count_nonzero(np.delete(scores, row, axis=1)) == 0


def test_a_model_keeps_the_cases_it_was_given(kg: KnowledgeGraph, tmp_path: Path) -> None:
    shown = ["HP:11", "HP:220", "HP:330", "HP:44"]
    cases = patients([("a", shown, [], "OMIM:777", "PMID:1")])
    train_diagnosis(kg, cases=cases, simulated=300, out=tmp_path / "model")
    loaded = load_diagnosis_model(tmp_path / "model", kg)
    assert loaded.settings["cases"] == 1
    assert loaded.diagnose(shown)["disease"][0] == "OMIM:777"
