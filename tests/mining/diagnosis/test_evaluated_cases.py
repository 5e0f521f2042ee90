"""Cases as a model sees them, and the parts and strata that they fall into."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.evaluated_cases import EvaluatedCases, bins
from medkg.mining.diagnosis.leaks import CaseLeaks
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import SOURCE, graph, patients, phenotypes_of


def test_bins_hold_their_start_and_their_end() -> None:
    numbers = np.array([0, 1, 3, 4, 6, 20, 21, 90])
    masks = {
        label: numbers[mask].tolist() for label, mask in bins(numbers, (0, 1, 4, 7, 21)).items()
    }
    assert masks == {"0": [0], "1–3": [1, 3], "4–6": [4, 6], "7–20": [20], "21 and more": [21, 90]}
    assert list(bins(np.array([5]), (0, 1, 4, 7, 21))) == ["4–6"]


@pytest.fixture(scope="module")
def evaluated() -> EvaluatedCases:
    """A model with two patients of OMIM:0 and one of OMIM:1; cases of these, OMIM:5 and unknown."""
    kg = graph()
    known = [
        (f"k{number}", phenotypes_of(kg, disease)[:3], [], disease, f"PMID:{number}")
        for number, disease in enumerate(("OMIM:0", "OMIM:0", "OMIM:1", "OMIM:900"))
    ]
    known[3] = ("k3", ["HP:11"], [], "OMIM:900", "PMID:3")
    model = train_diagnosis(kg, model="naive_bayes", cases=patients(known))
    cases = patients(
        [
            ("a", phenotypes_of(kg, "OMIM:0")[:3], ["HP:7"], "OMIM:0", "PMID:90"),
            ("b", ["HP:11", "HP:22"], [], "OMIM:5", "PMID:80"),
            ("c", ["HP:99999"], [], "OMIM:777", "PMID:90"),
            ("d", ["HP:11"], [], "OMIM:778", "PMID:70"),
            ("e", ["HP:11"], [], "OMIM:777", "PMID:70"),
            ("f", ["HP:11"], [], "OMIM:900", "PMID:60"),
            ("undiagnosed", ["HP:11"], [], None, "PMID:50"),
        ]
    )
    return EvaluatedCases.of(model, cases)


def test_cases_as_the_model_sees_them(evaluated: EvaluatedCases) -> None:
    assert [case.id for case in evaluated.cases] == [f"patient:{name}" for name in "abcdef"]
    assert [len(columns) for columns in evaluated.present] == [3, 2, 0, 1, 1, 1]
    assert [len(columns) for columns in evaluated.excluded] == [1, 0, 0, 0, 0, 0]
    assert evaluated.usable.tolist() == [True, True, False, True, True, True]
    assert evaluated.known.tolist() == [True, True, False, False, False, True]
    # Numbers of PMID:60, PMID:70, PMID:80, PMID:90.
    assert evaluated.publications.tolist() == [3, 2, 3, 1, 1, 0]
    assert evaluated.patients.tolist() == [2, 0, 0, 0, 0, 1]
    assert evaluated.annotations.tolist() == [7, 7, 0, 0, 0, 0]


def test_answers_that_are_no_candidate_have_numbers_of_their_own(
    evaluated: EvaluatedCases,
) -> None:
    answers = evaluated.answers
    assert answers[[0, 1, 5]].tolist() == [evaluated.rows[at][0] for at in (0, 1, 5)]
    assert answers[2:5].tolist() == [-10, -11, -10]


def test_parts_of_cases(evaluated: EvaluatedCases) -> None:
    parts = evaluated.parts(CaseLeaks({"known": ["patient:b"]}, {"noted": ["patient:a"]}))
    assert {name: np.flatnonzero(mask).tolist() for name, mask in parts.items()} == {
        "all": [0, 1, 2, 3, 4, 5],
        "closed": [0, 5],
        "open": [1, 2, 3, 4],
        "reachable by knowledge alone": [0, 1],
        "open, reachable": [1],
        "without leaks": [0, 2, 3, 4, 5],
    }
    assert "without leaks" not in evaluated.parts(CaseLeaks({}, {}))
    everyone = CaseLeaks({"known": [case.id for case in evaluated.cases]}, {})
    assert "without leaks" not in evaluated.parts(everyone)


def test_strata_of_cases(evaluated: EvaluatedCases) -> None:
    strata = {
        by: {label: int(mask.sum()) for label, mask in masks.items()}
        for by, masks in evaluated.strata().items()
    }
    assert strata == {
        "by phenotypes": {"0": 1, "1–3": 5},
        "by patients of the disease": {"0": 4, "1": 1, "2–4": 1},
        "by annotations of the disease": {"0": 4, "5–9": 2},
        "by sex": {"not stated": 6},
        "by onset": {"not stated": 6},
        "by PMID": {"0 million": 6},
    }


def test_strata_of_sex_onset_and_time() -> None:
    stated = [
        ("a", "female", "P3Y", "PMID:34999999"),
        ("b", "male", "Embryonal onset", "PMID:35000000"),
        ("c", "unknown", "Adult onset", "PMID:35000001"),
        ("d", None, "long ago", "doi:10.1/x"),
    ]
    nodes = [("HP:1", "Symptom", None), ("OMIM:1", "Disease", None)]
    evidence = []
    for name, sex, onset, publication in stated:
        nodes.append((f"patient:{name}", "Patient", json.dumps({"sex": sex})))
        for relation, object_ in (("HAS_PHENOTYPE", "HP:1"), ("HAS_DISEASE", "OMIM:1")):
            qualifiers = json.dumps({"onset": onset}) if relation == "HAS_DISEASE" else None
            evidence.append((f"patient:{name}", relation, object_, qualifiers, [publication]))
    cases = KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "properties"], orient="row").with_columns(
            name=pl.col("id")
        ),
        pl.DataFrame(
            evidence,
            schema=["subject", "relation", "object", "qualifiers", "references"],
            orient="row",
        ).with_columns(source=pl.lit("test"), level=pl.lit("observed")),
        [SOURCE],
    )
    evaluated = EvaluatedCases.of(train_diagnosis(graph(), model="naive_bayes"), cases)
    strata = {
        by: {label: np.flatnonzero(mask).tolist() for label, mask in masks.items()}
        for by, masks in evaluated.strata().items()
        if by in ("by sex", "by onset", "by PMID")
    }
    assert strata == {
        "by sex": {"female": [0], "male": [1], "not stated": [2, 3]},
        "by onset": {"antenatal": [1], "childhood": [0], "adult": [2], "not stated": [3]},
        "by PMID": {"no PMID": [3], "34 million": [0], "35 million": [1, 2]},
    }
