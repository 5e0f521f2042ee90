"""`medkg train treatment`, `recommend` and `evaluate treatment`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.cli.show_recommendation import _cited, below_members, print_recommendation
from medkg.core.errors import MissingError, ModelError
from medkg.mining.safety.warning import SafetyWarning
from tests.graph.other_server import server_graph
from tests.mining.treatment.pharmacy import pharmacy
from tests.servers import EVERYTHING, change


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("treatment")
    pharmacy().save(folder / "graph")
    run("train", "treatment", folder / "graph", "--out", folder / "model", "--model", "content")
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(
        app, [str(one) for one in arguments], env={"COLUMNS": "300"}, catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def test_training_shows_figures(folder: Path) -> None:
    shown = run(
        "train", "treatment", folder / "graph", "--out", folder / "other", "--model", "popularity"
    )
    assert "held-out treatments" in shown
    assert "weights, chosen on validation: popularity 1.0" in shown


def test_recommend_in_words_and_as_json(folder: Path) -> None:
    arguments = (
        "recommend", folder / "model", "--disease", "disease 0-0", "--taking", "drug 1-0",
        "--symptom", "fever", "--pregnant", "--age", 70, "--sex", "F", "--top", 9,
    )  # fmt: skip
    shown = run(*arguments)
    for text in (
        "to treat: disease 0-0 (DOID:00)",
        "takes: drug 1-0 (drugbank:DB10)",
        "70 years, female, pregnant",
        "On record",
        "Hypotheses, no recommendations (probability at a base rate of",
        "Not to be given",
        "! contraindicated in Pregnancy [label PMID:7]",
        "! interacts with drug 1-0, which the patient takes: bleeding [label PMID:7]",
        "? no source says anything of its",
        "could not be checked, for any drug: age, sex",
        "age: not checked",
        "For research, not for care",
    ):
        assert text in shown
    answer = json.loads(run(*arguments, "--json"))
    out = {drug["drug"] for drug in answer["contraindicated"]}
    assert {"drugbank:DB04", "drugbank:DB05"} <= out
    assert answer["for_research"]
    model = medkg.load_model(folder / "model")
    in_python = model.recommend(  # type: ignore[union-attr]
        ["disease 0-0"], taking=["drug 1-0"], symptoms=["fever"], pregnant=True, age=70,
        sex="female", top=9,
    )  # fmt: skip
    assert json.loads(json.dumps(in_python.to_dict())) == answer


def test_allergies(folder: Path) -> None:
    arguments = (
        "recommend", folder / "model", "--disease", "disease 2-0", "--allergic", "drug 2-0",
        "--allergic", "class 3", "--taking", "drug 3-0", "--top", 60,
    )  # fmt: skip
    shown = " ".join(run(*arguments).split())  # however wide the terminal is
    for text in (
        "allergic to: drug 2-0 (drugbank:DB20), class 3 (NDFRT:3)",
        "! the patient is allergic to drug 2-0 [as given]",
        "! the patient is allergic to class 3, its class [as given]",
        "! shares the class class 2 with drug 2-0, to which the patient is allergic; no source says"
        " so of this one [as given]",
        "allergies: checked: 2 given or recorded (drug 2-0, class 3)",
    ):
        assert text in shown
    answer = json.loads(run(*arguments, "--json"))
    assert answer["patient"]["allergic"] == ["drugbank:DB20", "NDFRT:3"]
    out = {drug["drug"] for drug in answer["contraindicated"]}
    assert {"drugbank:DB20", "drugbank:DB31"} <= out
    assert [drug["warnings"][0]["kind"] for drug in answer["taking"]] == ["allergy"]
    none = run("recommend", folder / "model", "--disease", "disease 2-0")
    assert "allergies: not checked: no allergy was given" in none
    assert "could not be checked" not in none
    with pytest.raises(MissingError, match="no Drug 'drug 2-9'"):
        run("recommend", folder / "model", "--disease", "DOID:20", "--allergic", "drug 2-9")


@pytest.mark.parametrize("age", [None, 70])
def test_no_row_reads_as_checked_for_what_could_not_be(
    folder: Path, capsys: pytest.CaptureFixture[str], age: float | None
) -> None:
    model = medkg.load_model(folder / "model")
    answer = model.recommend("DOID:00", age=age, top=3)  # type: ignore[union-attr]
    silent = tuple(replace(drug, unchecked=(), warnings=()) for drug in answer.recorded)
    print_recommendation(replace(answer, recorded=silent))
    shown = " ".join(capsys.readouterr().out.split())
    assert "none on record" in shown
    assert ("could not be checked, for any drug: age" in shown) == (age is not None)
    assert ("none on record, not all checked" in shown) == (age is not None)


def test_a_warning_shows_the_sentence_that_it_comes_from() -> None:
    piece = {"source": "text", "document": "note:1", "references": [], "sentence": None}
    pieces = ({**piece, "sentence": "Allergic to penicillin."}, {**piece, "document": "note:2"})
    warning = SafetyWarning(
        "allergy", "…", "patient:1", "ALLERGIC_TO", "d", "edge", "d", 1, 0.9, pieces
    )
    assert _cited(warning) == 'text note:1: "Allergic to penicillin."; text note:2'


def test_a_patient_of_the_graph_and_several_diseases(folder: Path) -> None:
    answer = json.loads(run("recommend", folder / "model", "--patient", "patient:1", "--json"))
    assert answer["patient"]["diseases"] == ["DOID:00"]
    both = run("recommend", folder / "model", "--disease", "DOID:00", "--disease", "DOID:10")
    assert "disease 0-0 (DOID:00), disease 1-0 (DOID:10)" in both


def test_hypotheses_and_warnings_are_written_as_fhir(folder: Path, tmp_path: Path) -> None:
    bundles = pytest.importorskip(
        "fhir.resources.R4B.bundle", reason="NOT RUN: FHIR; install the extra fhir"
    )

    file = tmp_path / "bundle.json"
    command = ("recommend", folder / "model", "--patient", "patient:1", "--allergic", "drug 2-0")
    assert f"{file}: hypotheses and warnings" in run(*command, "--fhir", file)
    bundle = json.loads(file.read_text(encoding="utf-8"))
    bundles.Bundle.model_validate(bundle)
    kinds = {entry["resource"]["resourceType"] for entry in bundle["entry"]}
    assert {"RiskAssessment", "DetectedIssue"} <= kinds
    assert file.stat().st_mode & 0o077 == 0


def test_evaluate(folder: Path) -> None:
    shown = run("evaluate", "treatment", folder / "model")
    assert "By the drugs that training had for the disease" in shown
    assert "leaks: 0 of 12 pairs" in shown
    answer = json.loads(run("evaluate", "treatment", folder / "model", "--json"))
    assert answer["figures"]["content"]["mrr"] > answer["figures"]["popularity"]["mrr"]


def test_members_that_are_better_alone_are_named() -> None:
    better = {"mrr": 0.02, "hits@10": 0.0, "ndcg@10": 0.1, "recall@10": 0.1}
    worse = {**better, "mrr": -0.02, "recall@10": -0.0004}
    paired = {
        name: row | {f"{key}_interval": [value - 0.1, value + 0.1] for key, value in row.items()}
        for name, row in (("popularity", better), ("content", worse))
    }
    assert below_members({"paired": paired}) == [
        "the model is below content alone: mrr -0.020 (-0.120 to +0.080),"
        " recall@10 -0.000 (-0.100 to +0.100)"
    ]


def test_other_models_are_refused(folder: Path) -> None:
    with pytest.raises(
        ModelError, match=r"is a model for links, not for treatment; it is asked by medkg predict"
    ):
        folder_of_links = folder / "links"
        medkg.train_links(
            pharmacy(), relation="TARGETS", model="degree", out=folder_of_links,
            graph_path=folder / "graph",
        )  # fmt: skip
        run("recommend", folder_of_links, "--disease", "DOID:00")


def test_hypotheses_are_written_to_a_server(folder: Path, embedded_uri: str) -> None:
    run("recommend", folder / "model", "--disease", "DOID:00", "--top", 3, "--into", embedded_uri)
    with medkg.connect(embedded_uri) as connection:
        rows = connection.query(
            "MATCH (drug:Drug)-[p:PREDICTED_TREATS]->(disease:Disease)"
            " RETURN drug.id AS drug, disease.id AS disease, p.rank AS rank, p.model AS model"
        )
        change(connection, EVERYTHING)
    model = medkg.load_model(folder / "model")
    recommendation = model.recommend("DOID:00", top=3)  # type: ignore[union-attr]
    assert set(rows["drug"]) == {drug.drug for drug in recommendation.hypotheses}
    assert set(rows["disease"]) == {"DOID:00"}
    assert set(rows["model"]) == {model.name}


def test_hypotheses_are_about_the_servers_own_nodes(folder: Path, embedded_uri: str) -> None:
    there = server_graph(("Disease", "DOID:00", "MONDO:5"))
    with medkg.connect(embedded_uri) as connection:
        connection.write(there)
        try:
            words = ["--disease", "DOID:00", "--top", 3, "--into", embedded_uri]
            run("recommend", folder / "model", *words)
            kg = connection.read()
        finally:
            change(connection, EVERYTHING)
    assert set(kg.predictions["tail"]) == {"MONDO:5"}
    assert kg.nodes.filter(kind="Disease").equals(there.nodes)
