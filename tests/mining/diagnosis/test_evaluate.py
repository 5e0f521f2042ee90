"""Evaluation of a diagnosis model: figures by hand, parts, leaks, tables of cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.cases import (
    cases_of,
)
from medkg.mining.diagnosis.evaluate import evaluate_diagnosis
from medkg.mining.diagnosis.explained import PatientEvidence
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.open_set import fit_open_set
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import SOURCE, Rows, of_disease, patients, phenotypes_of


def test_parts_and_what_is_missed(trained: DiagnosisModel, kg: KnowledgeGraph) -> None:
    rows: Rows = [of_disease(kg, i, f"case{i}", f"PMID:{10 + i}") for i in range(3, 9)]
    rows.append(("unknown", ["HP:11"], [], "OMIM:777", "PMID:20"))
    rows.append(("odd", ["HP:99999"], [], "OMIM:6", "PMID:20"))
    report = evaluate_diagnosis(trained, patients(rows))
    assert (report["n"], report["known"], report["without_phenotype"]) == (8, 7, 1)
    assert report["known_publications"] == pytest.approx((6 + 1 / 2) / 7, abs=1e-4)
    assert report["unknown_phenotypes"] == 1
    parts = {part: figures["model"]["n"] for part, figures in report["figures"].items()}
    assert parts == {
        "all": 8,
        "closed": 2,
        "open": 6,
        "reachable by knowledge alone": 7,
        "open, reachable": 5,
    }
    assert report["figures"]["closed"]["model"]["top_1"] == 1
    everything = report["figures"]["all"]
    assert set(everything) == {"model", "resnik"}
    assert everything["model"]["top_1"] <= 6 / 8
    assert everything["model"]["recall_micro"] < everything["model"]["precision_micro"]
    assert report["paired"]["all"]["resnik"]["top_1"] == pytest.approx(
        everything["model"]["top_1"] - everything["resnik"]["top_1"], abs=1e-4
    )
    labels = {row["stratum"]: row["n"] for row in report["strata"]["by phenotypes"]}
    assert labels == {"0": 1, "1–3": 1, "4–6": 6}
    labels = {row["stratum"]: row["n"] for row in report["strata"]["by patients of the disease"]}
    assert labels == {"0": 6, "1": 2}
    assert report["below_resnik"] == []  # fewer than 100 cases
    assert report["calibration"]["first"]["n"] == 7
    assert report["open_set"] is None


def test_ranks_in_the_order_of_the_cases(trained: DiagnosisModel, kg: KnowledgeGraph) -> None:
    rows = [of_disease(kg, i, f"case{i}", "PMID:9") for i in (3, 4)]
    rows.insert(0, ("unknown", ["HP:11"], [], "OMIM:777", "PMID:9"))
    assert [case.id for case in cases_of(patients(rows))][-1] == "patient:unknown"
    ranks = evaluate_diagnosis(trained, patients(rows))["ranks"]
    assert [row["case"] for row in ranks] == ["patient:case3", "patient:case4", "patient:unknown"]
    assert [row["model"] for row in ranks] == [1, 1, None]
    assert ranks[2]["publication"] == "PMID:9"


def test_below_resnik_is_told(kg: KnowledgeGraph) -> None:
    """A model that ranks at random, on more than 100 cases."""
    model = train_diagnosis(kg, model="naive_bayes")
    rng = np.random.default_rng(0)

    def at_random(present: Any) -> Any:
        return rng.normal(size=(len(present), 40)).astype(np.float32)

    model.scores = at_random  # type: ignore[method-assign]  # on purpose
    rows = [of_disease(kg, i % 40, f"case{i}", f"PMID:{i % 30}") for i in range(120)]
    report = evaluate_diagnosis(model, patients(rows))
    assert {row["stratum"] for row in report["below_resnik"]} >= {"all", "by phenotypes, 4–6"}
    first = report["below_resnik"][0]
    assert (first["figure"], first["n"], first["resnik"]) == ("top_1", 120, 1.0)
    assert first["model"] - first["resnik"] == pytest.approx(first["difference"], abs=1e-3)
    low, high = first["interval"]
    assert low <= first["difference"] <= high < 0


def test_a_series_counts_as_found() -> None:
    names = {"OMIM:1": "Some syndrome 1", "OMIM:2": "Some syndrome 2", "OMIM:3": "Other"}
    nodes = pl.DataFrame(
        [
            *((id_, "Disease", name) for id_, name in names.items()),
            *((f"HP:{i}", "Symptom", f"phenotype {i}") for i in range(4)),
        ],
        schema=["id", "kind", "name"],
        orient="row",
    )
    stated = [("OMIM:1", "HP:1"), ("OMIM:2", "HP:2"), ("OMIM:3", "HP:3")]
    evidence = pl.DataFrame(stated, schema=["subject", "object"], orient="row").with_columns(
        relation=pl.lit("HAS_SYMPTOM"), source=pl.lit(SOURCE.name)
    )
    model = train_diagnosis(KnowledgeGraph.build(nodes, evidence, [SOURCE]), model="naive_bayes")
    rows: Rows = [("a", ["HP:1"], [], "OMIM:2", "PMID:1"), ("b", ["HP:1"], [], "OMIM:3", "PMID:2")]
    figures = evaluate_diagnosis(model, patients(rows))["figures"]["all"]["model"]
    assert (figures["top_1"], figures["series_top_1"]) == (0, 0.5)


def test_excluded_phenotypes_only_where_asked(kg: KnowledgeGraph) -> None:
    model = train_diagnosis(kg, model="naive_bayes")
    shown, other = phenotypes_of(kg, "OMIM:7"), phenotypes_of(kg, "OMIM:8")
    rows: Rows = [("a", [*shown[:2], *other[:3]], other[3:], "OMIM:7", "PMID:1")]
    ranks = [
        evaluate_diagnosis(model, patients(rows), use_excluded=used)["ranks"][0]["model"]
        for used in (False, True)
    ]
    assert ranks[1] < ranks[0]


def test_the_open_set_is_measured(kg: KnowledgeGraph) -> None:
    model = train_diagnosis(kg, model="naive_bayes")
    rows = [of_disease(kg, i % 40, f"case{i:02}", f"PMID:{i % 12}") for i in range(60)]
    rows += [(f"none{i}", [f"HP:{i + 1}1"], [], "OMIM:777", f"PMID:{i}") for i in range(6)]
    present = [model.knowledge.columns_of(case.present) for case in cases_of(patients(rows))]
    truth = np.array([model.knowledge.disease_rows.get(d, -1) for *_, d, _ in sorted(rows)])
    evidence = PatientEvidence(model.knowledge.as_stated, present)
    model.open_set = fit_open_set(model.scores(present), truth, evidence)
    report = evaluate_diagnosis(model, patients(rows))
    open_set = report["open_set"]
    assert open_set["auroc"] > 0.9  # one phenotype against four
    assert (open_set["none"]["n"], open_set["none"]["true"]) == (66, 6)
    assert [sets["nominal"] for sets in open_set["sets"]] == [0.8, 0.9, 0.95]
    assert all(sets["covered"] >= sets["nominal"] - 0.1 for sets in open_set["sets"])
    assert open_set["fitted"]["base_rate"] == pytest.approx(7 / 68, abs=1e-4)
