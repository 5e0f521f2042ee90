"""That common diseases go before rare ones that fit as well, where it counts, and not elsewhere."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis import circumstances, frequencies
from medkg.mining.diagnosis.circumstances import USUAL, Circumstances, Factors
from medkg.mining.diagnosis.explain import contributions
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.posterior import factors_for, posterior
from medkg.mining.diagnosis.prevalence import (
    UNLISTED,
    prevalences,
    prior_factors,
    sharpness,
)
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import SOURCE

MARFAN, RARE = "OMIM:154700", "OMIM:999999"


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    """Marfan syndrome, under its second identifier too, and a disease that shows the same."""
    nodes = pl.DataFrame(
        [
            (MARFAN, "Disease", "Marfan syndrome", ["ORPHA:558"]),
            (RARE, "Disease", "rarer syndrome", []),
            ("HP:0000001", "Symptom", "all", []),
            ("HP:0000002", "Symptom", "long fingers", []),
            ("HP:0000003", "Symptom", "another", []),
        ],
        schema=["id", "kind", "name", "xrefs"],
        orient="row",
    )
    evidence = pl.DataFrame(
        [
            (MARFAN, "HAS_SYMPTOM", "HP:0000002"),
            (RARE, "HAS_SYMPTOM", "HP:0000002"),
            (RARE, "HAS_SYMPTOM", "HP:0000003"),
            ("HP:0000002", "SUBCLASS_OF", "HP:0000001"),
            ("HP:0000003", "SUBCLASS_OF", "HP:0000001"),
        ],
        schema=["subject", "relation", "object"],
        orient="row",
    ).with_columns(source=pl.lit(SOURCE.name))
    return KnowledgeGraph.build(nodes, evidence, [SOURCE])


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> DiagnosisModel:
    return train_diagnosis(kg, model="naive_bayes")


def test_prevalence_is_looked_up_by_any_identifier(kg: KnowledgeGraph) -> None:
    known = Knowledge.of(kg)
    listed = prevalences(kg, known)
    assert listed[known.disease_rows["ORPHA:558"]] == pytest.approx(10)
    assert listed[known.disease_rows[RARE]] == pytest.approx(UNLISTED)
    factors = prior_factors(listed, sharpened=False)
    assert factors[known.disease_rows[RARE]] == 0
    assert factors[known.disease_rows[MARFAN]] == pytest.approx(np.log(200) / 2)


def test_of_two_that_fit_the_common_one_is_first(model: DiagnosisModel) -> None:
    usual = model.diagnose(["long fingers"])
    assert usual["disease"].to_list() == [MARFAN, RARE]
    assert usual.equals(model.diagnose(["long fingers"], circumstances=USUAL))
    odds = usual["probability"][0] / usual["probability"][1]
    alone = {
        row["disease"]: row["probability"]
        for row in model.diagnose(["long fingers"], circumstances=None).iter_rows(named=True)
    }
    assert odds == pytest.approx(alone[MARFAN] / alone[RARE] * 200**0.5, rel=1e-3)
    without = Circumstances(prevalence=False)
    assert model.diagnose(["long fingers"], circumstances=without)["probability"].to_list() == (
        pytest.approx(sorted(alone.values(), reverse=True))
    )


def test_the_more_is_known_of_a_patient_the_sharper_up_to_very_many() -> None:
    of = dict(zip(range(33), sharpness(np.arange(33)), strict=True))
    assert of[0] == of[1] == pytest.approx(0.8)
    assert of[1] < of[2] < of[3] < of[4] == of[8] == 1.5
    assert of[8] > of[9] > of[20] > of[32] == pytest.approx(0.75)


def test_of_published_cases_several_findings_count_more_and_one_less(
    model: DiagnosisModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    present, nothing = np.arange(2), np.zeros(0, dtype=np.int64)
    rows = np.arange(len(model.knowledge.diseases))

    def by_findings(factors: Factors | None) -> np.ndarray:
        assert factors is not None
        prior = factors.log_factors(model.knowledge, [present])[0]
        logs = posterior(model, [present], [nothing], factors)[0] - prior
        return np.asarray(logs - logs[0])

    factors = factors_for(model, USUAL)
    before = by_findings(factors)
    whole = contributions(model, present, nothing, rows, factors)["present"].support
    monkeypatch.setattr(model, "open_set", SimpleNamespace(figures={"shipped": True}))
    monkeypatch.setattr(frequencies, "_WEIGHT", 0.0)
    grown = sharpness(np.array([2]))[0]
    assert grown > 1
    factors = factors_for(model, USUAL)
    assert by_findings(factors) == pytest.approx(grown * before, abs=1e-4)
    # Each finding's support grows with it, and none gets more for being the second.
    sharper = contributions(model, present, nothing, rows, factors)["present"].support
    assert sharper == pytest.approx(grown * whole, abs=1e-4)


def test_of_published_cases_how_often_a_disease_shows_a_finding_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two diseases show the same two findings, one of them the second in a tenth of patients."""
    diseases, findings = ["OMIM:1", "OMIM:2"], ["HP:0000002", "HP:0000003"]
    nodes = pl.DataFrame(
        [(id_, "Disease", id_) for id_ in diseases]
        + [(id_, "Symptom", id_) for id_ in ["HP:0000001", *findings]],
        schema=["id", "kind", "name"],
        orient="row",
    )
    shown = [(0, 0, 0.9), (0, 1, 0.1), (1, 0, 0.9), (1, 1, 0.9)]
    edges = [
        (diseases[d], "HAS_SYMPTOM", findings[f], f'{{"frequency": {often}}}')
        for d, f, often in shown
    ]
    edges += [(id_, "SUBCLASS_OF", "HP:0000001", None) for id_ in findings]
    evidence = pl.DataFrame(
        edges, schema=["subject", "relation", "object", "qualifiers"], orient="row"
    ).with_columns(source=pl.lit(SOURCE.name))
    model = train_diagnosis(KnowledgeGraph.build(nodes, evidence, [SOURCE]), model="resnik")
    known = model.knowledge
    columns = known.columns_of(findings)
    nothing = np.zeros(0, dtype=np.int64)
    patients = [columns[1:], columns, nothing]

    before = factors_for(model, USUAL)
    assert before is not None
    logs, none = np.zeros((3, 2), dtype=np.float32), [nothing] * 3
    assert not before.weighed(logs, patients, none).any()
    monkeypatch.setattr(model, "open_set", SimpleNamespace(figures={"shipped": True}))
    factors = factors_for(model, USUAL)
    assert factors is not None
    of_both = factors.weighed(logs, patients, none)
    seldom, often = (known.disease_rows[disease] for disease in diseases)
    # Half of the sick show the second. Of two findings each counts less, of none nothing is left.
    of_the_second = 0.6 * np.log(0.9 / 0.5)
    assert (of_both[:, often] - of_both[:, seldom]).tolist() == pytest.approx(
        [of_the_second, of_the_second / 2**0.3, 0], abs=1e-5
    )
    logs = posterior(model, [columns[1:]], [nothing], factors)[0]
    assert logs[often] > logs[seldom]
    # It is the finding's credit.
    weights = contributions(model, columns, nothing, np.array([seldom, often]), factors)
    assert weights["present"].support[1, 1] > weights["present"].support[1, 0]


def test_how_common_a_disease_is_counts_where_it_explains_a_finding(model: DiagnosisModel) -> None:
    """Marfan syndrome shows long fingers alone, and who has none hasn't it for being common."""
    known, factors = model.knowledge, Factors(model.kg, model.knowledge, USUAL)
    marfan = known.disease_rows[MARFAN]
    patients = [known.columns_of([id_]) for id_ in ("HP:0000001", "HP:0000002", "HP:0000003")]
    patients.append(np.arange(3))
    by_name = factors.by_name(known, patients)["prevalence"]
    prior = prior_factors(prevalences(model.kg, known), sharpened=False)[marfan]
    # All phenotypes are of the first kind; the third is not Marfan syndrome's.
    assert by_name[:, marfan] == pytest.approx([prior, prior, 0, prior])
    alone = model.diagnose(["another"], circumstances=None)
    assert model.diagnose(["another"])["probability"].to_list() == pytest.approx(
        alone["probability"].to_list()
    )


def test_a_disease_rarer_than_most_gains_nothing_by_explaining_nothing(
    model: DiagnosisModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rare = np.array([UNLISTED / 100] * 2, dtype=np.float32)
    monkeypatch.setattr(circumstances, "prevalences", lambda *_: rare)
    factors = Factors(model.kg, model.knowledge, USUAL)
    other = [model.knowledge.columns_of(["HP:0000003"])]
    assert factors.log_factors(model.knowledge, other)[0] == (
        pytest.approx([-np.log(100) * 0.5] * 2)
    )


def test_the_explanation_says_how_common_a_disease_is(model: DiagnosisModel) -> None:
    rows = model.explain(["long fingers"], diseases=["Marfan syndrome"])
    assert rows.filter(part="circumstance")["phenotype_name"].to_list() == [
        "prevalence 10 of 100,000"
    ]
    rows = model.explain(["long fingers"], diseases=["Marfan syndrome"], circumstances=None)
    assert rows.filter(part="circumstance").is_empty()
