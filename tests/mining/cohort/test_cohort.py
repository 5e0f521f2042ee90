"""Groups of patients: what characterises them, and effects with confounders named."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, MissingError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.cohort.covariates import differences
from medkg.mining.cohort.effect import TreatmentEffect
from medkg.mining.cohort.records import Records

from .ward import DRUG, GOUT, OTHER_DRUG, PAIN, TOE_PAIN, TOPHUS, URATE, fact, graph, ward


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return ward()


@pytest.fixture(scope="module")
def compared(kg: KnowledgeGraph) -> TreatmentEffect:
    return medkg.treatment_effect(kg, "colchicine", "pain", among="gout", instead_of="ibuprofen")


def test_a_drug_that_does_nothing_has_no_effect_once_illness_is_balanced(
    compared: TreatmentEffect,
) -> None:
    crude = compared.estimates["crude"]
    assert crude["difference_interval"][0] > 0.05
    for name in ("weighted", "stratified"):
        low, high = compared.estimates[name]["difference_interval"]
        assert low < 0.02
        assert high > -0.02
        assert abs(compared.estimates[name]["difference"]) < crude["difference"] / 3
    assert compared.e_value is not None
    assert compared.e_value["bound"] < 1.6


def test_confounders_are_named_and_balanced(compared: TreatmentEffect) -> None:
    assert set(compared.confounders) == {"tophus", "urate"}
    assert compared.unbalanced == ()
    rows = {row["name"]: row for row in compared.covariates.to_dicts()}
    assert rows["urate"]["is_number"]
    assert 8 < rows["urate"]["treated"] < 10  # before the treatment, not the 4 after it
    assert set(rows) == {"tophus", "urate", "female", "age (years)"}


def test_a_class_of_drugs_and_a_narrower_outcome_count(kg: KnowledgeGraph) -> None:
    by_class = medkg.treatment_effect(
        kg, "anti-inflammatory drugs", TOE_PAIN, among=GOUT, instead_of=OTHER_DRUG
    )
    by_name = medkg.treatment_effect(kg, DRUG, PAIN, among=GOUT, instead_of=OTHER_DRUG)
    assert by_class.arms == by_name.arms
    assert by_class.estimates == by_name.estimates


def test_the_crude_estimate_is_counted(compared: TreatmentEffect) -> None:
    treated = compared.arms["treated"]
    crude = compared.estimates["crude"]
    assert crude["treated"] == pytest.approx(treated["events"] / treated["patients"], abs=1e-4)
    assert crude["ratio"] == pytest.approx(crude["treated"] / crude["others"], abs=1e-2)
    assert sum(arm["patients"] for arm in compared.arms.values()) == 1500


def test_who_had_the_outcome_before_and_who_takes_both_is_left_out() -> None:
    rows, patients = [], {f"patient:{k}": {"sex": "female"} for k in range(24)}
    for k, id_ in enumerate(patients):
        rows.append(fact(id_, "TAKES", DRUG if k < 12 else OTHER_DRUG, "2020-03"))
        if k % 3 == 0:
            rows.append(fact(id_, "HAS_PHENOTYPE", PAIN, "2020-05-01"))
    rows.append(fact("patient:1", "HAS_PHENOTYPE", PAIN, "2019"))
    rows.append(fact("patient:2", "TAKES", OTHER_DRUG, "2020-04"))
    # Of a year alone nothing says that it was before March.
    rows.append(fact("patient:4", "HAS_PHENOTYPE", PAIN, "2020"))
    rows.append(fact("patient:5", "HAS_PHENOTYPE", PAIN))
    kg = graph(rows, {**patients, "patient:99": {}})
    compared = medkg.treatment_effect(kg, DRUG, PAIN, instead_of=OTHER_DRUG)
    assert compared.left_out == {"take both": 1, "take neither": 1, "had the outcome before": 1}
    assert compared.arms == {
        "treated": {"patients": 10, "events": 6},
        "others": {"patients": 12, "events": 4},
    }
    assert any("of 1 of 22 patients" in note for note in compared.notes)


def test_what_the_others_take_in_place_of_it_is_no_covariate(kg: KnowledgeGraph) -> None:
    compared = medkg.treatment_effect(kg, DRUG, PAIN, among=GOUT)
    by_drug = medkg.treatment_effect(kg, DRUG, PAIN, among=GOUT, instead_of=OTHER_DRUG)
    assert compared.arms == by_drug.arms
    assert set(compared.confounders) == set(by_drug.confounders)
    undated = medkg.treatment_effect(kg, DRUG, PAIN)
    assert "known or taken in one group alone, and not balanced: ibuprofen" in undated.notes
    assert undated.estimates["weighted"]["difference"] is not None


def test_a_plan_is_all_of_its_drugs_and_begins_with_the_last() -> None:
    rows, patients = [], {f"patient:{k}": {} for k in range(20)}
    for k, id_ in enumerate(patients):
        rows.append(fact(id_, "TAKES", DRUG, "2020-01-01"))
        if k < 10:
            rows.append(fact(id_, "TAKES", OTHER_DRUG, "2020-03-01"))
        rows.append(fact(id_, "HAS_PHENOTYPE", PAIN, "2020-02-01" if k % 2 else "2020-04-01"))
    compared = medkg.treatment_effect(graph(rows, patients), [DRUG, OTHER_DRUG], PAIN)
    assert compared.arms["treated"] == {"patients": 5, "events": 5}
    assert compared.left_out == {"had the outcome before": 5}
    assert any("the others begin nothing" in note for note in compared.notes)


def test_a_number_of_one_group_alone_is_named_and_not_balanced() -> None:
    rows, patients = [], {f"patient:{k}": {} for k in range(40)}
    for k, id_ in enumerate(patients):
        rows.append(fact(id_, "TAKES", DRUG if k % 2 else OTHER_DRUG))
        rows += [fact(id_, "UNDERWENT", URATE, None, 5.0 + k)] if k % 2 else []
        rows += [fact(id_, "HAS_PHENOTYPE", PAIN)] if k % 3 else []
    compared = medkg.treatment_effect(graph(rows, patients), DRUG, PAIN, instead_of=OTHER_DRUG)
    assert compared.covariates.is_empty()
    assert "known or taken in one group alone, and not balanced: urate" in compared.notes
    assert compared.estimates["weighted"]["difference"] is not None


def test_groups_that_have_nothing_in_common_are_compared_crudely_alone() -> None:
    rows, patients = [], {f"patient:{k}": {} for k in range(200)}
    for k, id_ in enumerate(patients):
        rows.append(fact(id_, "TAKES", DRUG if k < 100 else OTHER_DRUG))
        rows += [fact(id_, "HAS_PHENOTYPE", TOPHUS)] if k < 100 else []
        rows += [fact(id_, "HAS_PHENOTYPE", PAIN)] if k % 3 else []
    compared = medkg.treatment_effect(graph(rows, patients), DRUG, PAIN, instead_of=OTHER_DRUG)
    assert compared.overlap == {"outside": 200, "effective_treated": 0.0, "effective_others": 0.0}
    assert compared.estimates["crude"]["difference"] is not None
    for name in ("weighted", "stratified"):
        assert compared.estimates[name]["difference"] is None
    assert compared.e_value is None


def test_what_can_not_be_compared_is_an_error(kg: KnowledgeGraph) -> None:
    with pytest.raises(MissingError, match="gold"):
        medkg.treatment_effect(kg, "gold", PAIN)
    with pytest.raises(DataError, match="can't be the outcome"):
        medkg.treatment_effect(kg, URATE, URATE)
    with pytest.raises(DataError, match="'tophus' is a Symptom, and no treatment: Drug, "):
        medkg.treatment_effect(kg, TOPHUS, PAIN)
    with pytest.raises(DataError, match="'colchicine' is a Drug, and no outcome: Disease, "):
        medkg.treatment_effect(kg, OTHER_DRUG, DRUG)
    few = graph([fact("patient:1", "TAKES", DRUG)], {"patient:1": {}, "patient:2": {}})
    with pytest.raises(DataError, match="1 treated patients; 5 are needed"):
        medkg.treatment_effect(few, DRUG, PAIN)
    rows = [fact(f"patient:{k}", "TAKES", DRUG if k % 2 else OTHER_DRUG) for k in range(20)]
    none = graph(rows, {f"patient:{k}": {} for k in range(20)})
    with pytest.raises(DataError, match=r"no patient of either group has HP:2 \(0 had it before\)"):
        medkg.treatment_effect(none, DRUG, PAIN)
    with pytest.raises(DataError, match="has no patient"):
        medkg.cohort(medkg.load("common"), "asthma")


def test_what_characterises_a_group(kg: KnowledgeGraph) -> None:
    rows = medkg.cohort(kg, ["colchicine"], among=["gout"])
    by_name = {row["name"]: row for row in rows.to_dicts()}
    assert rows["name"][0] == "urate"  # with colchicine it is 4 in the end
    assert by_name["urate"]["cohort"] == 4.0
    assert by_name["tophus"]["cohort"] > by_name["tophus"]["others"] + 0.2
    tophus = by_name["tophus"]
    p, q = tophus["cohort"], tophus["others"]
    assert tophus["smd"] == pytest.approx((p - q) / math.sqrt((p * (1 - p) + q * (1 - q)) / 2))
    assert tophus["known_cohort"] + tophus["known_others"] == 1500
    assert "colchicine" not in by_name
    with pytest.raises(DataError, match="0 patients are without OMIM:1; 5 are needed"):
        medkg.cohort(kg, "gout")


def test_what_few_have_is_not_shown() -> None:
    rows = [fact(f"patient:{k}", "TAKES", DRUG if k % 2 else OTHER_DRUG) for k in range(20)]
    rows += [fact(f"patient:{k}", "HAS_PHENOTYPE", TOPHUS) for k in range(4)]
    rows += [fact(f"patient:{k}", "UNDERWENT", URATE, None, 5.0 + k) for k in range(9)]
    shown = medkg.cohort(graph(rows, {f"patient:{k}": {} for k in range(20)}), DRUG)
    assert shown.select("name", "known_cohort", "known_others").rows() == [
        ("urate", 4, 5),
        ("ibuprofen", 10, 10),
    ]


def test_differences_without_spread() -> None:
    values = np.array([[1.0, 1.0, np.nan], [1.0, 1.0, 2.0], [0.0, 1.0, 3.0]])
    first = np.array([1.0, 1.0, 0.0])
    smd = differences(values, first, 1 - first)
    assert np.isinf(smd[0])
    assert smd[1] == 0
    assert np.isinf(smd[2])


def test_a_merged_plan_without_a_date_has_none() -> None:
    rows = [fact("patient:1", "TAKES", DRUG, "2020"), fact("patient:1", "TAKES", OTHER_DRUG)]
    records = Records.of(graph(rows, {"patient:1": {}}))
    assert records.having_all([DRUG, OTHER_DRUG]).rows() == [("patient:1", None)]


def test_the_commands(kg: KnowledgeGraph, tmp_path: Path) -> None:
    kg.save(tmp_path / "ward")
    folder = str(tmp_path / "ward")
    run = CliRunner().invoke(app, ["cohort", folder, "--having", "colchicine"])
    assert run.exit_code == 0, run.output
    assert "tophus" in run.stdout
    run = CliRunner().invoke(app, ["cohort", folder, "--having", "colchicine", "--json"])
    assert json.loads(run.stdout)[0]["name"] == "urate"
    command = [
        "effect",
        folder,
        "--treatment",
        "colchicine",
        "--outcome",
        "pain",
        "--among",
        "gout",
    ]
    run = CliRunner().invoke(app, [*command, "--instead-of", "ibuprofen"])
    assert run.exit_code == 0, run.output
    printed = " ".join(run.stdout.split())
    for text in ("2 confounders", "stratified", "no proof of an effect", "the weighted groups"):
        assert text in printed
    run = CliRunner().invoke(app, [*command, "--json"])
    report = json.loads(run.stdout)
    assert report["confounders"]
    assert pl.DataFrame(report["covariates"])["name"].to_list()[0] in report["confounders"]
