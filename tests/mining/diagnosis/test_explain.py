"""Why a disease is in the list: matches by the ontology, weights by the model."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import logit

from medkg.core.errors import DataError, MissingError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis import matches as matching
from medkg.mining.diagnosis.circumstances import (
    USUAL,
    Circumstances,
    Factors,
    years_of_onset,
)
from medkg.mining.diagnosis.evidence import evidence_of_pairs
from medkg.mining.diagnosis.explain import EXPLANATION, contributions
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.matches import compare, explaining
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.page import signed
from medkg.mining.diagnosis.posterior import log_odds
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import patients
from tests.mining.diagnosis.clinic import DISEASES, clinic


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return clinic()


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> DiagnosisModel:
    return train_diagnosis(kg, model="naive_bayes")


def row(model: DiagnosisModel, disease: str) -> int:
    return model.knowledge.disease_rows[DISEASES[disease]]


def test_each_way_to_match(model: DiagnosisModel) -> None:
    known = model.knowledge
    present = known.columns_of(["HP:0000111", "HP:0000021", "HP:0000003", "HP:0000042"])
    matches = {
        known.phenotypes[m.phenotype]: (m.part, m.how, m.by and known.phenotypes[m.by])
        for m in compare(known, row(model, "ringing disease"), present, known.columns_of([]))
    }
    assert matches["HP:0000111"] == ("matching", "narrower", "HP:0000011")
    assert matches["HP:0000021"] == ("matching", "exact", "HP:0000021")
    assert matches["HP:0000003"] == ("matching", "broader", "HP:0000031")
    assert matches["HP:0000042"] == ("unexpected", "none", None)
    # HP:0000031 is met by its broader HP:0000003; HP:0000022 is rare; HP:0000012 is neither.
    missing = [phenotype for phenotype, (part, *_) in matches.items() if part == "missing"]
    assert missing == ["HP:0000012"]


def test_what_has_the_disease_s_name_is_not_missing(kg: KnowledgeGraph) -> None:
    """By a synonym of the one and the name of the other, however it is written."""
    synonyms = pl.when(id="HP:0000012").then(pl.lit(["Ringing-disease"])).otherwise("synonyms")
    nodes = kg.nodes.select("id", "kind", "name", "properties", synonyms=synonyms)
    renamed = KnowledgeGraph.build(nodes, kg.evidence, kg.sources)
    model = train_diagnosis(renamed, model="naive_bayes")
    known = model.knowledge
    own = {known.phenotype_columns["HP:0000012"]}
    ringing = row(model, "ringing disease")
    assert model.namesakes == {
        r: own if r == ringing else set() for r in known.disease_rows.values()
    }
    first = model.diagnose(["HP:0000111", "HP:0000021", "HP:0000003", "HP:0000042"]).row(
        0, named=True
    )
    assert first["disease"] == DISEASES["ringing disease"]
    assert first["missing"] == []
    lines = model.explain(["HP:0000021"], diseases=["ringing disease"])
    assert "HP:0000012" not in lines["phenotype"].to_list()


def test_an_organ_system_matches_nothing_below_it(model: DiagnosisModel) -> None:
    known = model.knowledge
    system, below = (known.columns_of([each]) for each in ("HP:0000002", "HP:0000021"))
    assert matching.is_specific(known, [*system, *below]).all()
    columns = {**known.phenotype_columns, "HP:0000118": known.phenotype_columns["HP:0000000"]}
    known = replace(known, phenotype_columns=columns)
    assert not matching.is_specific(known, system).any()
    assert matching.is_specific(known, below).all()


def test_what_explains_a_patient_is_what_has_a_match(model: DiagnosisModel) -> None:
    known = model.knowledge
    none = known.columns_of([])
    patients = [known.columns_of([id_]) for id_ in known.phenotypes]
    patients.append(known.columns_of(["HP:0000111", "HP:0000042"]))
    explained = explaining(known, patients)
    for patient, row in zip(patients, explained, strict=True):
        for disease in range(len(known.diseases)):
            parts = {match.part for match in compare(known, disease, patient, none)}
            assert row[disease] == ("matching" in parts)
    assert 0 < explained.mean() < 1


def test_what_was_excluded_speaks_against(model: DiagnosisModel) -> None:
    known = model.knowledge
    matches = {
        known.phenotypes[m.phenotype]: m.part
        for m in compare(
            known,
            row(model, "ringing disease"),
            known.columns_of(["HP:0000021"]),
            known.columns_of(["HP:0000001", "HP:0000042"]),
        )
    }
    assert matches["HP:0000001"] == "against"  # it shows HP:0000011, which is below
    assert matches["HP:0000042"] == "absent"
    assert "HP:0000012" not in matches  # of what was excluded with HP:0000001 nothing is missing


def test_evidence_stands_beside_each_match(model: DiagnosisModel) -> None:
    rows = model.explain(["HP:0000111", "HP:0000021"], ["HP:0000022"], diseases=["ringing disease"])
    assert dict(rows.schema) == EXPLANATION
    by = {line["phenotype"]: line for line in rows.iter_rows(named=True)}
    narrower = by["HP:0000111"]
    assert (narrower["by"], narrower["by_name"]) == ("HP:0000011", "phenotype 11")
    assert (narrower["frequency"], narrower["patients"]) == (pytest.approx(0.75), "3/4")
    assert narrower["references"] == ["PMID:7"]
    assert narrower["sources"] == ["test"]
    assert (by["HP:0000021"]["frequency"], by["HP:0000021"]["onset"]) == (None, "Childhood onset")
    assert (by["HP:0000022"]["part"], by["HP:0000022"]["frequency"]) == (
        "against",
        pytest.approx(0.1),
    )


def test_known_patients_are_evidence_too(kg: KnowledgeGraph) -> None:
    cases = patients(
        [
            ("a", ["HP:0000011", "HP:0000042"], [], "OMIM:100001", "PMID:1"),
            ("b", ["HP:0000011"], [], "OMIM:100001", "PMID:2"),
            ("c", ["HP:0000021"], [], "OMIM:100002", "PMID:3"),
        ]
    )
    known = Knowledge.of(kg, cases)
    pairs = {(known.disease_rows["OMIM:100001"], known.phenotype_columns[p]) for p in _BOTH}
    both, alone = (evidence_of_pairs(kg, known, pairs)[pair] for pair in sorted(pairs))
    assert (both["patients"], both["sources"]) == ("3/4, 2/2 known", ["test", "known patients"])
    assert both["references"] == ["PMID:1", "PMID:2", "PMID:7"]
    assert both["frequency"] == pytest.approx(5 / 6)  # of six patients
    assert (alone["patients"], alone["references"]) == ("1/2 known", ["PMID:1"])


_BOTH = ("HP:0000011", "HP:0000042")


def test_weights_are_what_leaving_out_costs(model: DiagnosisModel) -> None:
    known = model.knowledge
    present, excluded = (
        known.columns_of(["HP:0000021", "HP:0000011", "HP:0000042"]),
        known.columns_of(["HP:0000012"]),
    )
    disease = row(model, "ringing disease")
    weights = contributions(model, present, excluded, np.array([disease]))
    whole = np.exp(model.log_probabilities([present], [excluded])[0, disease])
    for at in range(3):
        less = model.log_probabilities([np.delete(present, at)], [excluded])[0, disease]
        change = logit(float(whole)) - logit(float(np.exp(less)))
        assert weights["present"].weight[at, 0] == pytest.approx(change, abs=1e-4)
    less = model.log_probabilities([present], [excluded[:0]])[0, disease]
    assert weights["excluded"].weight[0, 0] == pytest.approx(
        logit(whole) - logit(np.exp(less)), abs=1e-4
    )
    assert weights["excluded"].weight[0, 0] < 0
    ringing = list(present).index(known.phenotype_columns["HP:0000021"])
    assert weights["present"].weight[ringing, 0] > 0


def test_support_is_against_the_mean_of_all_diseases(model: DiagnosisModel) -> None:
    """For naive Bayes, the log-likelihood ratio less its mean, over the temperature."""
    known = model.knowledge
    present = known.columns_of(["HP:0000021", "HP:0000031"])
    rows = np.arange(len(known.diseases))
    weights = contributions(model, present, known.columns_of([]), rows)
    frequency = known.frequency.toarray().astype(np.float64)[:, present]
    background = known.frequency.toarray().mean(axis=0)[present] + 1e-5
    ratio = np.log(1 + 0.95 * frequency / (0.05 * background)).T / model.temperature
    expected = ratio - ratio.mean(axis=1, keepdims=True)
    assert weights["present"].support == pytest.approx(expected, abs=1e-3)
    shown = frequency.T > 0
    assert (weights["present"].support[shown] > 0).all()


def test_log_odds_of_what_is_nearly_sure() -> None:
    logs = np.log(np.array([[1 - 3e-9, 1e-9, 2e-9]]))
    odds = log_odds(logs.astype(np.float32), np.array([0]))
    assert odds[0, 0] == pytest.approx(np.log((1 - 3e-9) / 3e-9), rel=1e-4)


def test_a_disease_that_is_no_candidate(model: DiagnosisModel) -> None:
    with pytest.raises(MissingError, match=r"OMIM:100009 is no candidate"):
        model.explain(["HP:0000021"], diseases=["OMIM:100009"])


def test_genes_multiply_the_odds(model: DiagnosisModel) -> None:
    given = Circumstances(genes=("BELL1",))
    factors = Factors(model.kg, model.knowledge, given)
    # Of three genes one is given, with sensitivity 1/2: 1/2 * 3 + 1/2, and 1/2 for the others.
    named = {name: np.exp(factors.fixed["gene"][row(model, name)]) for name in DISEASES}
    assert named["ringing disease"] == pytest.approx(2)
    assert named["dull disease"] == pytest.approx(0.5)
    assert named["plain disease"] == pytest.approx(1)
    symptoms = ["HP:0000021", "HP:0000031"]
    before, after = (
        dict(model.diagnose(symptoms, circumstances=c, top=99).select("name", "probability").rows())
        for c in (USUAL, given)
    )
    odds = {name: np.exp(logit(after[name]) - logit(before[name])) for name in DISEASES}
    assert odds["ringing disease"] > 1.2 > 0.9 > odds["dull disease"]
    rows = model.explain(symptoms, diseases=["ringing disease"], circumstances=given)
    circumstance = rows.filter(part="circumstance")
    assert circumstance["phenotype_name"].to_list() == [
        "prevalence 0.05 of 100,000, which is what an unlisted one counts as",
        "candidate genes BELL1: associated with BELL1",
    ]
    expected = logit(after["ringing disease"]) - logit(before["ringing disease"])
    assert circumstance["weight"][1] == pytest.approx(expected, abs=1e-3)
    with pytest.raises(MissingError, match="no Target 'NOPE'"):
        Factors(model.kg, model.knowledge, Circumstances(genes=("NOPE",)))


def test_age_counts_where_a_disease_states_ages_or_onsets(model: DiagnosisModel) -> None:
    """Onsets of the clinic's diseases: childhood (1 to 5 years), and adult (from 16 years on)."""

    def factors(age: float) -> list[float]:
        fixed = Factors(model.kg, model.knowledge, Circumstances(age=age)).fixed["age"]
        return [float(np.exp(fixed[row(model, name)])) for name in DISEASES]

    places = [list(DISEASES).index(name) for name in ("ringing disease", "dull disease")]
    for age, expected in ((0.5, [0.09, 0.09]), (3, [1, 0.09]), (40, [1, 1])):
        assert [factors(age)[place] for place in places] == pytest.approx(expected)
        assert factors(age)[list(DISEASES).index("plain disease")] == 1
    rows = model.explain(
        ["HP:0000021"], diseases=["dull disease"], circumstances=Circumstances(age=3)
    )
    assert "age 3" in rows.filter(part="circumstance")["phenotype_name"].to_list()
    for wrong in (-1, 131):
        with pytest.raises(DataError, match="between 0 and 130 years"):
            Factors(model.kg, model.knowledge, Circumstances(age=wrong))


@pytest.mark.parametrize(
    ("ages", "of_age"),
    [
        ("0-2", {0: 1, 2.9: 1, 3: 0.09, 5.9: 0.09, 6: 0.002, 69: 0.002}),
        ("0-0.5", {0.4: 1, 0.6: 0.09}),
        ("45-", {44.9: 0.09, 45: 1, 130: 1}),
        # What can't be read says nothing, and the onset counts (childhood, from a year on).
        ("adults", {0.5: 0.09, 0.95: 1, 60: 1}),
        ("5-2-1", {0.5: 0.09, 60: 1}),
    ],
)
def test_ages_are_completed_years(
    model: DiagnosisModel, ages: str, of_age: dict[float, float]
) -> None:
    ringing = pl.lit(DISEASES["ringing disease"])
    properties = json.dumps({"ages": ages, "course": ["Childhood onset"]})
    stated = pl.when(id=ringing).then(pl.lit(properties)).otherwise("properties")
    kg = KnowledgeGraph.build(
        model.kg.nodes.with_columns(properties=stated), model.kg.evidence, model.kg.sources
    )
    for age, factor in of_age.items():
        fixed = Factors(kg, model.knowledge, Circumstances(age=age)).fixed["age"]
        assert np.exp(fixed[row(model, "ringing disease")]) == pytest.approx(factor), age


@pytest.mark.parametrize(
    ("name", "course", "of_age"),
    [
        ("Pediatric ringing disease", None, {0: 1, 17: 1, 18: 0.09, 60: 0.09}),
        ("Paediatric-onset ringing disease", None, {18: 0.09}),
        ("Pediatric ringing disease", "Adult onset", {3: 0.09, 40: 1}),
        ("Juvenile ringing disease", None, {40: 1}),
    ],
)
def test_a_pediatric_disease_is_of_children(
    model: DiagnosisModel, name: str, course: str | None, of_age: dict[float, float]
) -> None:
    ringing = pl.col("id") == DISEASES["ringing disease"]
    properties = None if course is None else json.dumps({"course": [course]})
    kg = KnowledgeGraph.build(
        model.kg.nodes.with_columns(
            name=pl.when(ringing).then(pl.lit(name)).otherwise("name"),
            properties=pl.when(ringing).then(pl.lit(properties)).otherwise("properties"),
        ),
        model.kg.evidence,
        model.kg.sources,
    )
    for age, factor in of_age.items():
        fixed = Factors(kg, model.knowledge, Circumstances(age=age)).fixed["age"]
        assert np.exp(fixed[row(model, "ringing disease")]) == pytest.approx(factor), age


def test_onset_counts_where_it_is_stated(model: DiagnosisModel) -> None:
    """Two diseases state one: Childhood and Adult onset. P(childhood) = 1/2."""
    factors = Factors(model.kg, model.knowledge, Circumstances(onset="P3Y")).fixed["onset"]
    named = {name: np.exp(factors[row(model, name)]) for name in DISEASES}
    assert named["ringing disease"] == pytest.approx(0.5 * 1 / 0.5 + 0.5)
    assert named["dull disease"] == pytest.approx(0.5)
    assert named["plain disease"] == 1
    assert years_of_onset("childhood") == years_of_onset("Childhood onset") == (1, 5)
    assert years_of_onset("P1Y6M") == years_of_onset("p18m") == (1.5, 1.5)
    with pytest.raises(DataError, match="neither an age"):
        years_of_onset("Tuesday")


def test_sex_counts_where_a_phenotype_is_of_the_other(model: DiagnosisModel) -> None:
    known: Knowledge = model.knowledge
    present = [known.columns_of(["HP:0000031"]), known.columns_of(["HP:0000021"])]
    disease = row(model, "ringing disease")  # HP:0000031 is stated in females
    for sex, expected in (("male", 0.05), ("female", 1.0)):
        factors = Factors(model.kg, known, Circumstances(sex=sex))
        odds = np.exp(factors.log_factors(known, present))
        assert odds[0, disease] == pytest.approx(expected)
        assert odds[1, disease] == odds[0, row(model, "plain disease")] == 1
    with pytest.raises(DataError, match="female or male"):
        Factors(model.kg, known, Circumstances(sex="m"))


def test_sex_counts_where_a_disease_is_of_the_other(model: DiagnosisModel) -> None:
    of_women = pl.when(id=pl.lit("OMIM:100001")).then(pl.lit('{"sex": "female"}'))
    kg = KnowledgeGraph.build(
        model.kg.nodes.with_columns(properties=of_women.otherwise("properties")),
        model.kg.evidence,
        model.kg.sources,
    )
    known, place = model.knowledge, model.knowledge.disease_rows["OMIM:100001"]
    for sex, expected in (("male", 0.001), ("female", 1.0)):
        factors = Factors(kg, known, Circumstances(sex=sex, prevalence=False))
        odds = np.exp(factors.log_factors(known, [known.columns_of(["HP:0000021"])]))[0]
        assert odds[place] == pytest.approx(expected)
        assert (np.delete(odds, place) == 1).all()


@pytest.mark.parametrize(
    ("inheritance", "male", "female"),
    [
        (["X-linked recessive inheritance"], 1.8, 0.2),
        (["X-linked inheritance", "X-linked recessive inheritance"], 1.8, 0.2),
        (["Autosomal recessive inheritance", "X-linked recessive inheritance"], 1, 1),
        (["X-linked dominant inheritance"], 1, 1),
    ],
)
def test_sex_counts_where_inheritance_is_x_linked_recessive(
    model: DiagnosisModel, inheritance: list[str], male: float, female: float
) -> None:
    stated = pl.when(id=pl.lit("OMIM:100001")).then(
        pl.lit(json.dumps({"inheritance": inheritance}))
    )
    kg = KnowledgeGraph.build(
        model.kg.nodes.with_columns(properties=stated.otherwise("properties")),
        model.kg.evidence,
        model.kg.sources,
    )
    known, place = model.knowledge, model.knowledge.disease_rows["OMIM:100001"]
    for sex, expected in (("male", male), ("female", female)):
        fixed = Factors(kg, known, Circumstances(sex=sex, prevalence=False)).fixed["sex"]
        assert np.exp(fixed[place]) == pytest.approx(expected)
        assert (np.delete(fixed, place) == 0).all()


def test_the_first_phenotype_has_its_evidence_too(kg: KnowledgeGraph) -> None:
    """Its column is 0."""
    stated = kg.evidence.filter(subject="OMIM:100004", object="HP:0000042")
    more = stated.with_columns(object=pl.lit("HP:0000000"))
    wider = KnowledgeGraph.build(kg.nodes, pl.concat([kg.evidence, more]), kg.sources)
    model = train_diagnosis(wider, model="naive_bayes")
    assert model.knowledge.phenotype_columns["HP:0000000"] == 0
    rows = model.explain(["HP:0000000"], diseases=["still disease"])
    assert rows.filter(phenotype="HP:0000000")["references"].to_list() == [["PMID:7"]]


def test_a_figure_as_it_is_shown() -> None:
    figures = [signed(0.04), signed(-0.04), signed(1.26), signed(-0.06), signed(0.004, 2)]
    assert figures == ["0", "0", "+1.3", "-0.1", "0"]
