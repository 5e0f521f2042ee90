"""Cases that a model knows already, each way in which it may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkg.core.errors import ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.mining.diagnosis.cases import Case, cases_of
from medkg.mining.diagnosis.evaluate import evaluate_diagnosis
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.leaks import (
    CITED,
    NAMES_CITED,
    NAMES_TRAINED,
    SAME_AS_TRAINED,
    TRAINED_PATIENT,
    TRAINED_PUBLICATION,
    CaseLeaks,
    cited_by,
    citing,
    find_leaks,
)
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import Rows, graph, of_disease, patients, phenotypes_of


def with_references(kg: KnowledgeGraph, disease: str, reference: str) -> KnowledgeGraph:
    cites = pl.when(subject=disease).then(pl.lit([reference])).otherwise("references")
    return kg.with_frames(evidence=kg.evidence.with_columns(references=cites))


def test_leaks_are_refused_and_counted(kg: KnowledgeGraph) -> None:
    known: Rows = [
        of_disease(kg, 0, "old", "PMID:1000001"),
        of_disease(kg, 1, "older", "PMID:1000002"),
    ]
    model = train_diagnosis(
        with_references(kg, "OMIM:9", "PMID:1000003"), model="naive_bayes", cases=patients(known)
    )
    rows: Rows = [
        of_disease(kg, 0, "old", "PMID:1000009"),
        of_disease(kg, 2, "same_publication", "PMID:1000002"),
        of_disease(kg, 3, "cited", "PMID:1000003"),
        of_disease(kg, 1, "twin", "PMID:1000010"),
        of_disease(kg, 5, "of_PMID_1000003", "PMID:1000011"),
        of_disease(kg, 6, "of_1000001_patient_1", "PMID:1000012"),
        of_disease(kg, 7, "clean", "PMID:1000013"),
    ]
    with pytest.raises(ModelError, match="3 of 7 cases are known to naive_bayes") as refused:
        evaluate_diagnosis(model, patients(rows))
    assert f"1 × {CITED}, as patient:cited" in str(refused.value)
    assert "--allow-leaks" in str(refused.value)
    report = evaluate_diagnosis(model, patients(rows), allow_leaks=True)
    assert report["leaks"]["leaked"] == 3
    assert report["leaks"]["by_sort"] == {CITED: 1, TRAINED_PATIENT: 1, TRAINED_PUBLICATION: 1}
    assert report["leaks"]["noted"] == {NAMES_CITED: 1, NAMES_TRAINED: 1, SAME_AS_TRAINED: 2}
    assert report["figures"]["without leaks"]["model"]["n"] == 4


def test_a_saved_model_knows_whom_it_was_trained_with(
    trained: DiagnosisModel, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    from medkg.mining.diagnosis.model import load_diagnosis_model

    trained.save(tmp_path / "model")
    again = load_diagnosis_model(tmp_path / "model", kg)
    with pytest.raises(ModelError, match=TRAINED_PATIENT):
        evaluate_diagnosis(again, patients([of_disease(kg, 0, "known0", "PMID:30")]))


def test_with_another_graph_it_still_knows_whom_it_learnt_from(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    from medkg.mining.diagnosis.model import load_diagnosis_model

    model = train_diagnosis(kg, model="naive_bayes")
    model.settings["learnt_from"] = ["PMID:1"]
    model.save(tmp_path / "model")
    with pytest.warns(UserWarning, match="given is not the one"):
        again = load_diagnosis_model(tmp_path / "model", graph(extra={"OMIM:999": ["HP:11"]}))
    with pytest.raises(ModelError, match=TRAINED_PUBLICATION):
        evaluate_diagnosis(again, patients([of_disease(kg, 0, "a", "PMID:1")]))


def test_evidence_that_cites(kg: KnowledgeGraph) -> None:
    cited = with_references(kg, "OMIM:9", "PMID:5")
    assert citing(cited, ["PMID:5", "PMID:6"]).height == len(phenotypes_of(kg, "OMIM:9"))
    assert citing(cited, ["PMID:6"]).is_empty()
    assert citing(patients([("a", ["HP:1"], [], "OMIM:1", "PMID:5")]), ["PMID:5"]).is_empty()


def test_publications_named_by_an_identifier() -> None:
    def named(identifier: str) -> tuple[str, ...]:
        return Case(identifier, (), (), (), "PMID:35190816", ("PMID:35190816",)).named

    assert named("patient:PMID_35190816_STX_30654231_Patient_2") == ("PMID:30654231",)
    assert named("patient:PMID_35190816_Patient_2_of_PMID_179074") == ("PMID:179074",)
    assert named("patient:PMID_35190816_Subject_11") == ()


def leaks_of(
    kg: KnowledgeGraph, known: Rows, tested: Rows, learnt_from: tuple[str, ...] = ()
) -> Any:
    knowledge = Knowledge.of(kg, patients(known))
    return find_leaks(kg, knowledge, cases_of(patients(tested)), learnt_from)


def test_each_sort_of_leak_alone(kg: KnowledgeGraph) -> None:
    known: Rows = [of_disease(kg, 0, "old", "PMID:1000001")]
    cited = with_references(kg, "OMIM:9", "PMID:1000003")
    for tested, sort in (
        (of_disease(kg, 4, "old", "PMID:1000009"), TRAINED_PATIENT),
        (of_disease(kg, 4, "new", "PMID:1000001"), TRAINED_PUBLICATION),
        (of_disease(kg, 4, "new", "PMID:1000003"), CITED),
    ):
        leaks = leaks_of(cited, known, [tested])
        assert {name for name, cases in leaks.leaked.items() if cases} == {sort}
        assert leaks.cases == {f"patient:{tested[0]}"}
        assert leaks.to_dict() == {
            "leaked": 1,
            "by_sort": {sort: 1},
            "noted": {},
            "first": {sort: [f"patient:{tested[0]}"]},
        }
    learnt = leaks_of(kg, known, [of_disease(kg, 4, "new", "PMID:5")], ("PMID:5",))
    assert set(learnt.to_dict()["by_sort"]) == {TRAINED_PUBLICATION}


def test_each_sort_of_help_alone(kg: KnowledgeGraph) -> None:
    known: Rows = [of_disease(kg, 0, "old", "PMID:1000001")]
    cited = with_references(kg, "OMIM:9", "PMID:1000003")
    for tested, sort in (
        (of_disease(kg, 4, "of_PMID_1000003", "PMID:5"), NAMES_CITED),
        (of_disease(kg, 4, "of_PMID_1000001", "PMID:5"), NAMES_TRAINED),
        (of_disease(kg, 0, "twin", "PMID:5"), SAME_AS_TRAINED),
    ):
        leaks = leaks_of(cited, known, [tested])
        assert leaks.to_dict() == {"leaked": 0, "by_sort": {}, "noted": {sort: 1}, "first": {}}


def test_the_same_phenotypes_alone_are_no_twin(kg: KnowledgeGraph) -> None:
    known: Rows = [of_disease(kg, 0, "old", "PMID:1")]
    shown = phenotypes_of(kg, "OMIM:0")
    others: Rows = [
        ("other_disease", shown[:4], [], "OMIM:1", "PMID:5"),
        ("no_candidate", shown[:4], [], "OMIM:777", "PMID:6"),
        ("fewer", shown[:3], [], "OMIM:0", "PMID:7"),
    ]
    assert leaks_of(kg, known, others).to_dict()["noted"] == {}


def test_a_further_reference_gives_a_case_away_too(kg: KnowledgeGraph) -> None:
    case = Case("patient:a", (), (), ("OMIM:1",), "PMID:8", ("PMID:8", "PMID:9"))
    cited = with_references(kg, "OMIM:9", "PMID:9")
    assert find_leaks(cited, Knowledge.of(cited), [case]).leaked[CITED] == ["patient:a"]
    assert find_leaks(kg, Knowledge.of(kg), [case], ["PMID:9"]).cases == {"patient:a"}
    assert not find_leaks(kg, Knowledge.of(kg), [case], ["PMID:7"]).cases


def test_a_case_counts_once_and_three_are_named() -> None:
    cases = [f"patient:{n}" for n in range(5)]
    leaks = CaseLeaks({CITED: cases, TRAINED_PATIENT: cases[:1]}, {SAME_AS_TRAINED: cases[:2]})
    assert leaks.to_dict() == {
        "leaked": 5,
        "by_sort": {CITED: 5, TRAINED_PATIENT: 1},
        "noted": {SAME_AS_TRAINED: 2},
        "first": {CITED: cases[:3], TRAINED_PATIENT: cases[:1]},
    }


def test_documents_and_references_are_cited_and_patients_are_not(kg: KnowledgeGraph) -> None:
    document = pl.when(subject="OMIM:8").then(pl.lit("PMID:11")).otherwise("document")
    referring = with_references(kg, "OMIM:9", "PMID:12")
    evidence = referring.evidence.with_columns(document=document)
    cited = merge(
        referring.with_frames(evidence=evidence),
        patients([("a", ["HP:11"], [], "OMIM:1", "PMID:13")]),
    )
    assert cited_by(cited) == {"PMID:11", "PMID:12"}
    for publication, disease in (("PMID:11", "OMIM:8"), ("PMID:12", "OMIM:9")):
        rows = citing(cited, [publication])
        assert set(rows["relation"]) == {"HAS_SYMPTOM"}
        expected = cited.evidence.filter(subject=disease)["id"]
        assert set(rows["id"]) == set(expected)
    assert citing(cited, ["PMID:11", "PMID:12"]).height == 14
    assert citing(cited, []).is_empty()
