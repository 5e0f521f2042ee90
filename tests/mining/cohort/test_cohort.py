"""Groups of patients: what characterises them, and effects with confounders named."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, MissingError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.cohort.arms import arms_of
from medkg.mining.cohort.covariates import covariates_of, differences
from medkg.mining.cohort.effect import TreatmentEffect
from medkg.mining.cohort.records import Records

from .ward import DRUG, GOUT, OTHER_DRUG, PAIN, TOE_PAIN, TOPHUS, URATE, fact, followed, graph, ward


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
    # Those without the plan count from as long after their first record as it came.
    assert compared.arms["others"] == {"patients": 5, "events": 5}
    assert compared.left_out == {"had the outcome before": 10}
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
        rows += [fact(id_, "HAS_PHENOTYPE", PAIN)] if k % (3 if k < 100 else 2) else []
    compared = medkg.treatment_effect(graph(rows, patients), DRUG, PAIN, instead_of=OTHER_DRUG)
    assert compared.confounders == compared.unbalanced == ("tophus",)
    assert compared.covariates.select("name", "smd").rows() == [("tophus", None)]
    assert compared.overlap == {
        "outside": 200,
        "unpaired": 0,
        "effective_treated": 0.0,
        "effective_others": 0.0,
    }
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
    assert rows["name"][0] == "ibuprofen"  # all others take it, and nobody here
    assert rows["name"][1] == "urate"  # with colchicine it is 4 in the end
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
    # One patient of the group has a value, and five others: hers alone would be its mean.
    measured = [1, *range(0, 10, 2)]
    rows += [fact(f"patient:{k}", "UNDERWENT", URATE, None, 5.0 + k) for k in measured]
    # And four of the group, with six others, a phenotype.
    rows += [fact(f"patient:{k}", "HAS_PHENOTYPE", PAIN) for k in (1, 3, 5, 7, *range(0, 12, 2))]
    properties = {f"patient:{k}": {"age": "P50Y"} if k < 5 else {} for k in range(20)}
    shown = medkg.cohort(graph(rows, properties), DRUG)
    assert shown.select("name", "cohort", "others", "smd").rows() == [
        ("ibuprofen", 0.0, 1.0, None),
        ("pain", None, 0.6, None),
        ("urate", None, 9.0, None),
    ]
    assert shown.select("known_cohort", "known_others").rows() == [(10, 10), (None, 10), (None, 5)]


def test_what_one_group_alone_has_comes_first_though_its_difference_is_infinite() -> None:
    rows, patients = [], {f"patient:{k}": {} for k in range(20)}
    for k, id_ in enumerate(patients):
        rows += [fact(id_, "HAS_PHENOTYPE", TOPHUS)] if k < 10 else []
        rows += [fact(id_, "HAS_PHENOTYPE", TOE_PAIN)] if k < 10 else []
        rows += [fact(id_, "TAKES", DRUG)] if k % 2 else []
    shown = medkg.cohort(graph(rows, patients), TOPHUS)
    assert shown.select("name", "cohort", "others", "smd").rows() == [
        ("toe pain", 1.0, 0.0, None),
        ("colchicine", 0.5, 0.5, 0.0),
    ]


def test_who_is_allergic_to_a_drug_does_not_take_it() -> None:
    rows, patients = [], {f"patient:{k}": {} for k in range(40)}
    for k, id_ in enumerate(patients):
        rows += [fact(id_, "ALLERGIC_TO", DRUG)] if k < 10 else []
        rows += [fact(id_, "HAS_PHENOTYPE", PAIN)] if k % 2 else []
        rows += [fact(id_, "TAKES", OTHER_DRUG)] if k % 4 < 2 else []
    kg = graph(rows, patients)
    with pytest.raises(DataError, match="0 treated patients"):
        medkg.treatment_effect(kg, DRUG, PAIN)
    with pytest.raises(DataError, match="0 patients have RX:1"):
        medkg.cohort(kg, DRUG)
    # Whether a drug is given depends on the allergy to it, which so is a covariate.
    rows += [fact(f"patient:{k}", "TAKES", DRUG) for k in range(5, 25)]
    compared = medkg.treatment_effect(graph(rows, patients), DRUG, PAIN)
    assert ("ALLERGIC_TO", "colchicine") in compared.covariates.select("relation", "name").rows()
    assert compared.arms["treated"]["patients"] == 20


def test_what_is_so_of_the_family_or_only_feared_does_not_date_a_disease() -> None:
    rows = [
        {**fact("patient:1", "HAS_DISEASE", GOUT, "2000"), "experiencer": "family"},
        {**fact("patient:1", "HAS_DISEASE", GOUT, "2001"), "certainty": "hypothetical"},
        fact("patient:1", "HAS_DISEASE", GOUT, "2020"),
    ]
    for row in rows:
        row.setdefault("experiencer", "patient")
        row.setdefault("certainty", "certain")
    records = Records.of(graph(rows, {"patient:1": {}}))
    assert records.having(GOUT).rows() == [("patient:1", "2020")]


def test_patients_are_compared_though_the_treatment_is_rare() -> None:
    rng = np.random.default_rng(0)
    rows, patients = [], {f"patient:{k}": {"age": f"P{40 + k % 40}Y"} for k in range(1000)}
    for k, id_ in enumerate(patients):
        rows.append(fact(id_, "TAKES", DRUG if k % 50 == 0 else OTHER_DRUG))
        rows += [fact(id_, "HAS_PHENOTYPE", PAIN)] if rng.random() < 0.5 else []
    compared = medkg.treatment_effect(graph(rows, patients), DRUG, PAIN, instead_of=OTHER_DRUG)
    assert compared.arms["treated"]["patients"] == 20
    assert compared.overlap["outside"] < 50
    low, high = compared.estimates["weighted"]["difference_interval"]
    assert low < 0 < high


def test_the_time_until_a_treatment_is_no_advantage_of_it() -> None:
    kg = followed()
    compared = medkg.treatment_effect(kg, DRUG, PAIN, among=GOUT)
    for name in ("crude", "weighted"):
        low, high = compared.estimates[name]["difference_interval"]
        assert low < 0 < high
        assert abs(compared.estimates[name]["difference"]) < 0.05
    again = medkg.treatment_effect(kg, DRUG, PAIN, among=GOUT)
    assert again.report() == compared.report()
    other = medkg.treatment_effect(kg, DRUG, PAIN, among=GOUT, seed=1)
    assert other.arms["others"] != compared.arms["others"]
    assert other.arms["treated"] == compared.arms["treated"]


def test_a_drawn_date_is_as_precise_as_those_it_is_made_of() -> None:
    rows, patients = [], {f"patient:{k}": {} for k in range(30)}
    for k, id_ in enumerate(patients):
        rows.append(fact(id_, "HAS_DISEASE", GOUT, "2010-05" if k % 3 else "about 2010"))
        rows += [fact(id_, "TAKES", DRUG, "2012-05-20")] if k < 15 else []
        rows += [fact(id_, "HAS_PHENOTYPE", PAIN, "2013")] if k % 2 else []
    arms = arms_of(Records.of(graph(rows, patients)), [DRUG], PAIN, [GOUT], [])
    others = arms.patients.filter(~pl.Series(arms.treated))
    assert set(others["date"]) == {"2012-05", None}
    assert arms.undated == others["date"].null_count() == 5


def test_patients_of_fifths_with_one_group_alone_are_counted() -> None:
    rows, patients = [], {f"patient:{k}": {} for k in range(200)}
    for k, id_ in enumerate(patients):
        # Two in three are treated, but of those with the highest values nobody.
        rows.append(fact(id_, "UNDERWENT", URATE, None, float(k)))
        treated = k % 3 > 0 if k < 150 else False
        rows.append(fact(id_, "TAKES", DRUG if treated else OTHER_DRUG))
        rows += [fact(id_, "HAS_PHENOTYPE", PAIN)] if k % 2 else []
    compared = medkg.treatment_effect(graph(rows, patients), DRUG, PAIN, instead_of=OTHER_DRUG)
    # The fifth is of those who are inside: 40 of 200, or fewer.
    assert 20 <= compared.overlap["unpaired"] <= 40
    assert compared.overlap["outside"] < 50


def test_an_unknown_sex_is_missing_and_no_other() -> None:
    sexes = ["female"] * 8 + ["male"] * 8 + [None] * 8
    properties = {f"patient:{k:02}": {"sex": sex} for k, sex in enumerate(sexes)}
    records = Records.of(graph([fact("patient:00", "TAKES", DRUG)], properties))
    patients = records.properties.select("patient", date=pl.lit(None, pl.String))
    covariates = covariates_of(records, patients, [])
    assert covariates.names == ("female",)
    assert covariates.values[:, 0].tolist()[:16] == [1.0] * 8 + [0.0] * 8
    assert np.isnan(covariates.values[16:]).all()


def test_of_two_results_of_one_day_the_highest_counts_whatever_their_order() -> None:
    values = [9.0, 4.0, 7.0]
    for ordered in (values, values[::-1]):
        rows = [
            fact(f"patient:{k}", "UNDERWENT", URATE, "2020", v) for k in range(9) for v in ordered
        ]
        records = Records.of(graph(rows, {f"patient:{k}": {} for k in range(9)}))
        shuffled = replace(records, facts=records.facts.sort("value", descending=ordered is values))
        patients = pl.DataFrame({"patient": records.patients}).with_columns(
            date=pl.lit(None, pl.String)
        )
        assert covariates_of(shuffled, patients, []).values[:, 0].tolist() == [9.0] * 9


def test_numbers_of_an_examination_are_all_in_one_unit() -> None:
    rows = [fact(f"patient:{k}", "UNDERWENT", URATE, None, 5.0) for k in range(3)]
    rows[0]["qualifiers"] = json.dumps({"value": 5.0, "standard_value": 297.0})
    facts = Records.of(graph(rows, {f"patient:{k}": {} for k in range(3)})).facts
    assert facts["value"].to_list() == [297.0, None, None]
    facts = Records.of(graph(rows[1:], {f"patient:{k}": {} for k in range(3)})).facts
    assert facts["value"].to_list() == [5.0, 5.0]


def test_what_only_one_group_has_is_named_though_another_covariate_has_its_name() -> None:
    rows, patients = [], {f"patient:{k}": {} for k in range(40)}
    for k, id_ in enumerate(patients):
        rows += [fact(id_, "TAKES", DRUG)] if k % 2 else [fact(id_, "TAKES", OTHER_DRUG)]
        rows += [fact(id_, "ALLERGIC_TO", OTHER_DRUG)] if k % 5 < 2 else []
        rows += [fact(id_, "HAS_PHENOTYPE", PAIN)] if k % 3 else []
    compared = medkg.treatment_effect(graph(rows, patients), DRUG, PAIN)
    assert "known or taken in one group alone, and not balanced: ibuprofen" in compared.notes
    assert compared.covariates.select("relation", "name").rows() == [("ALLERGIC_TO", "ibuprofen")]


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
    assert json.loads(run.stdout)[1]["name"] == "urate"
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
