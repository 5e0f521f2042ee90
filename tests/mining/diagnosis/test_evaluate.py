"""Evaluation of a diagnosis model: figures by hand, parts, leaks, tables of cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.cases import (
    Case,
    cases_of,
    patients_of,
    read_cases,
)
from medkg.mining.diagnosis.evaluate import evaluate_diagnosis
from medkg.mining.diagnosis.evaluated_cases import series_of
from medkg.mining.diagnosis.figures import best_ranks, figures_of, paired_difference
from medkg.mining.diagnosis.leaks import (
    CITED,
    NAMES_CITED,
    NAMES_TRAINED,
    SAME_AS_TRAINED,
    TRAINED_PATIENT,
    TRAINED_PUBLICATION,
    citing,
)
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.open_set import fit_open_set
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import SOURCE, graph, patients, phenotypes_of

Rows = list[tuple[str, list[str], list[str], str | None, str]]


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return graph()


def of_disease(kg: KnowledgeGraph, number: int, name: str, publication: str) -> Any:
    return (name, phenotypes_of(kg, f"OMIM:{number}")[:4], [], f"OMIM:{number}", publication)


@pytest.fixture(scope="module")
def trained(kg: KnowledgeGraph) -> DiagnosisModel:
    """Naive Bayes that had patients with OMIM:0 to OMIM:4, of PMID:1 and PMID:2."""
    known = [of_disease(kg, i, f"known{i}", f"PMID:{1 + i % 2}") for i in range(5)]
    return train_diagnosis(kg, model="naive_bayes", cases=patients(known))


# Figures


def test_the_best_of_several_ranks() -> None:
    scores = np.array([[5.0, 3, 3, 3, 1]] * 5)
    rows = [np.array(row, dtype=np.int64) for row in ([0], [4, 0], [1], [1, 3], [])]
    # One of three that are equal is expected at place 2 of them, the first of two at 4/3.
    assert best_ranks(scores, rows).tolist() == [1, 1, 3, 1 + 4 / 3, np.inf]


def test_ties_are_as_if_in_random_order() -> None:
    rng = np.random.default_rng(0)
    drawn = [min(rng.permutation(7)[:3]) + 1 for _ in range(20_000)]
    found = best_ranks(np.zeros((1, 7)), [np.array([1, 2, 5])])
    assert found[0] == pytest.approx(np.mean(drawn), abs=0.03)


def test_figures_by_hand() -> None:
    ranks = np.array([1, 2, 4, np.inf, 60, 1])
    figures = figures_of(
        ranks,
        first=np.array([0, 5, 5, 5, -2, 1]),
        answers=np.array([0, 1, 2, -10, 3, 1]),
        groups=np.array([7, 7, 7, 7, 8, 9]),
        series=np.array([1, 1, 4, 1, 60, 1]),
    )
    assert (figures["n"], figures["publications"], figures["known"]) == (6, 3, 5)
    assert figures["top_1"] == pytest.approx(2 / 6, abs=1e-4)
    assert figures["macro_top_1"] == pytest.approx((1 / 4 + 0 + 1) / 3, abs=1e-4)
    assert figures["top_50"] == pytest.approx(4 / 6, abs=1e-4)
    assert figures["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 60 + 1) / 6, abs=1e-4)
    assert figures["series_top_1"] == pytest.approx(4 / 6, abs=1e-4)
    # Of the publications the medians are 3, 60 and 1.
    assert (figures["median_rank"], figures["macro_median_rank"]) == (3, 3)
    assert figures["accuracy"] == figures["recall_micro"] == pytest.approx(2 / 6, abs=1e-4)
    assert figures["precision_micro"] == pytest.approx(2 / 5, abs=1e-4)
    assert figures["f1_micro"] == pytest.approx(2 * 2 / (5 + 6), abs=1e-4)
    # Diseases 0, 1, 2, 3, 5 and the one that is no candidate.
    assert figures["precision"] == pytest.approx((1 + 1) / 6, abs=1e-4)
    assert figures["recall"] == pytest.approx((1 + 1 / 2) / 6, abs=1e-4)
    none_found = figures_of(np.full(2, np.inf), np.zeros(2), np.full(2, -10), np.zeros(2))
    assert none_found["median_rank"] is None


def test_the_interval_is_by_publication() -> None:
    """Of many cases in two publications, one found and one missed, nothing is known but that."""
    ranks = np.repeat([1.0, 100.0], 500)
    figures = figures_of(ranks, np.zeros(1000), np.zeros(1000), np.repeat([0, 1], 500))
    assert figures["top_1_interval"] == [0, 1]
    of_many = figures_of(ranks, np.zeros(1000), np.zeros(1000), np.arange(1000))
    low, high = of_many["top_1_interval"]
    assert (low, high) == pytest.approx((0.469, 0.531), abs=0.01)


def test_a_paired_difference_is_narrower_than_either() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.integers(1, 30, size=400).astype(float)
    ours = np.maximum(theirs - 1, 1)  # always one place better
    groups = np.repeat(np.arange(40), 10)
    found = paired_difference(ours, theirs, groups)
    assert found["top_3"] == pytest.approx((ours <= 3).mean() - (theirs <= 3).mean(), abs=1e-4)
    low, high = found["top_3_interval"]
    alone = figures_of(ours, ours, ours, groups)["top_3_interval"]
    assert 0 < low <= found["top_3"] <= high
    assert high - low < alone[1] - alone[0]
    nothing = paired_difference(ours, ours, groups)
    assert nothing["macro_mrr_interval"] == [0, 0]


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("noonan syndrome 3", "noonan syndrome"),
        ("waardenburg syndrome type 2e", "waardenburg syndrome"),
        ("mucopolysaccharidosis type iii", "mucopolysaccharidosis"),
        ("fanconi anemia complementation group d2", "fanconi anemia complementation"),
        ("deafness autosomal recessive 1a", "deafness autosomal recessive"),
        ("ehlers danlos syndrome classic type 1", "ehlers danlos syndrome classic"),
        ("marfan syndrome", "marfan syndrome"),
        ("hemophilia a", "hemophilia a"),
        ("vitamin d", "vitamin d"),
        ("distal trisomy 13", "distal trisomy 13"),
        ("ring chromosome 14", "ring chromosome 14"),
    ],
)
def test_series(name: str, series: str) -> None:
    assert series_of(name) == series


# A model on cases


def test_parts_and_what_is_missed(trained: DiagnosisModel, kg: KnowledgeGraph) -> None:
    rows: Rows = [of_disease(kg, i, f"case{i}", f"PMID:{10 + i}") for i in range(3, 9)]
    rows.append(("unknown", ["HP:11"], [], "OMIM:777", "PMID:20"))
    rows.append(("odd", ["HP:99999"], [], "OMIM:6", "PMID:20"))
    report = evaluate_diagnosis(trained, patients(rows))
    assert (report["n"], report["known"], report["without_phenotype"]) == (8, 7, 1)
    assert report["known_publications"] == pytest.approx((6 + 1 / 2) / 7, abs=1e-4)
    assert report["unknown_phenotypes"] == 1
    parts = {part: found["model"]["n"] for part, found in report["figures"].items()}
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
    numbers = np.array([len(columns) for columns in present])
    model.open_set = fit_open_set(model.scores(present), truth, numbers)
    report = evaluate_diagnosis(model, patients(rows))
    found = report["open_set"]
    assert found["auroc"] > 0.9  # one phenotype against four
    assert (found["none"]["n"], found["none"]["true"]) == (66, 6)
    assert [sets["asked"] for sets in found["sets"]] == [0.8, 0.9, 0.95]
    assert all(sets["covered"] >= sets["asked"] - 0.1 for sets in found["sets"])
    assert found["fitted"]["base_rate"] == pytest.approx(7 / 68, abs=1e-4)


# Leaks


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


# Tables


def table(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "cases.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_table_of_cases(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "Case\tPhenotypes\tage\tdiseases\texcluded\tpublication",
        "a b\tHP:0000001; HP_0000002|HP:0000003\t5\tOMIM:100001,ORPHANET:2\t"
        "HP:0000004 HP:0000005\t31239556",
        "c\tHP:0000001\t\tOMIM:100001\t\t",
    )
    aside = Quarantine()
    first, second = cases_of(read_cases(path, aside))
    assert first == Case(
        "patient:a_b",
        ("HP:0000001", "HP:0000002", "HP:0000003"),
        ("HP:0000004", "HP:0000005"),
        ("OMIM:100001", "ORPHA:2"),
        "PMID:31239556",
        ("PMID:31239556",),
    )
    assert (second.excluded, second.publication) == ((), "patient:c")
    assert not len(aside)


def test_bad_lines_are_set_aside(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "case\tphenotypes\tdiseases",
        "a\tHP:0000001\tOMIM:100001",
        "b\tHP:0000001",
        "c\tHP:0000001\tOMIM:100001\tmore",
        "d\t\tOMIM:100001",
        "e\tHP:0000001\t",
        "f\tfever\tOMIM:100001",
        "a\tHP:0000002\tOMIM:100001",
        "\tHP:0000002\tOMIM:100001",
        "",
        "g\tHP:0000002\tHP:0000001",
        "h\tHP:0000002\tOMIM:100001",
    )
    aside = Quarantine()
    cases = cases_of(read_cases(path, aside))
    assert [case.id for case in cases] == ["patient:a", "patient:h"]
    assert [(bad.line, bad.reason) for bad in aside] == [
        (3, "more or fewer columns than the first line"),
        (4, "more or fewer columns than the first line"),
        (5, "no phenotypes"),
        (6, "no diseases"),
        (7, "something that is no identifier"),
        (8, "case of an earlier line"),
        (9, "no case"),
        (11, "a phenotype among the diseases"),
    ]


def test_a_table_that_a_spreadsheet_saved(tmp_path: Path) -> None:
    """Which puts fields with a comma in quotes; one stray quote is no more than a character."""
    path = table(
        tmp_path,
        '"case"\tphenotypes\tdiseases',
        'a "b\t"HP:0000001,HP:0000002"\tOMIM:1',
        '"c ""d"""\tHP:0000003\tOMIM:1',
    )
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-16")
    cases = cases_of(read_cases(path, Quarantine()))
    assert [(case.id, case.present) for case in cases] == [
        ('patient:a_"b', ("HP:0000001", "HP:0000002")),
        ('patient:c_"d"', ("HP:0000003",)),
    ]


def test_tables_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: lacks the columns phenotypes, diseases"):
        read_cases(table(tmp_path, "case\tsymptoms", "a\tHP:0000001"), Quarantine())
    with pytest.raises(DataError, match="no case that can be used; line 2: no diseases"):
        read_cases(table(tmp_path, "case\tphenotypes\tdiseases", "a\tHP:0000001\t"), Quarantine())
    with pytest.raises(DataError, match="can't be read"):
        read_cases(tmp_path / "none.tsv", Quarantine())
    (tmp_path / "bytes.tsv").write_bytes(b"case\tphenotypes\tdiseases\n\xff\xfe\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_cases(tmp_path / "bytes.tsv", Quarantine())


def test_some_of_the_patients(kg: KnowledgeGraph) -> None:
    rows = [of_disease(kg, i, f"case{i}", "PMID:9") for i in range(3)]
    some = patients_of(patients(rows), ["patient:case1"])
    assert [case.id for case in cases_of(some)] == ["patient:case1"]
    assert some.evidence["subject"].unique().to_list() == ["patient:case1"]
