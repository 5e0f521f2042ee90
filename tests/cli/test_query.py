"""`medkg query` as a user runs it: the list, the printed Cypher, answers and files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from medkg.access import connect
from medkg.cli import app, show, show_query
from medkg.cypher import library
from medkg.graph.schema import Schema
from tests.cypher.pharmacy import pharmacy
from tests.graph.graphs import small
from tests.servers import EVERYTHING, change


@pytest.fixture(scope="module")
def on(embedded_uri: str) -> Iterator[str]:
    with connect(embedded_uri) as store:
        store.write(pharmacy())
        yield embedded_uri
        change(store, EVERYTHING)


def run(*arguments: str, width: int = 80) -> str:
    """What the command prints on a terminal of that width."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(show.out, "width", width)
        result = CliRunner().invoke(app, ["query", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_library_is_listed_by_topic() -> None:
    listed = run("--list")
    assert listed.index("Treatments and repurposing") < listed.index("repurposing  ")
    assert all(name in listed for name in library.names())
    described = run("why", "--list")
    assert "degree-weighted" in " ".join(described.split())
    assert json.loads(run("--json"))[0]["topic"] == "graph"
    about = json.loads(run("evidence_of_edge", "--list", "--json"))
    assert about == library.get("evidence_of_edge").as_dict()
    assert about["title"].startswith("The evidence for and against")
    subject, _, relation = about["parameters"]
    assert (subject["required"], subject["example"]) == (True, "drugbank:DB00619")
    assert (relation["required"], relation["example"], relation["default"]) == (False, None, None)


def test_a_question_is_printed_with_its_parameters_filled_in(on: str) -> None:
    assert "{id: 'DOID:2841'}" in run("targets_by_support", "--print")
    by_name = run("targets_by_support", "--print", "--on", on, "--param", "disease=COPD")
    assert "{id: 'DOID:3083'}" in by_name
    assert by_name.rstrip().endswith(";")


def test_a_parameter_given_again_joins_a_list_and_is_refused_elsewhere() -> None:
    both = ("--param", "drugs=drugbank:1", "--param", "drugs=drugbank:2,drugbank:3")
    printed = run("drug_interactions", "--print", *both)
    assert "['drugbank:1', 'drugbank:2', 'drugbank:3']" in printed
    assert "as a,b or given again" in run("drug_interactions", "--list")
    for arguments in (["repurposing", "--print"], ["--cypher", "RETURN 1", "--on", "embedded:x"]):
        refused = CliRunner().invoke(
            app, ["query", *arguments, "--param", "disease=a", "--param", "disease=b"]
        )
        assert refused.exit_code == 2
        assert "given twice" in refused.output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--cypher", "RETURN 1", "--print"], "--print is for a query"),
        (["repurposing", "--param", "disease=asthma", "--json", "--csv", "a.csv"], "not both"),
        (["--cypher", "RETURN 1", "--json", "--parquet", "a.parquet"], "not both"),
    ],
)
def test_options_that_exclude_each_other_are_refused(arguments: list[str], reason: str) -> None:
    refused = CliRunner().invoke(app, ["query", "--on", "embedded:x", *arguments])
    assert refused.exit_code == 2
    assert reason in refused.output


def test_cypher_in_the_place_of_a_query_s_name_is_told_where_it_goes() -> None:
    statement = "MATCH (d:Drug) RETURN d.name LIMIT 3"
    refused = CliRunner().invoke(app, ["query", "--on", "embedded:x", statement])
    assert refused.exit_code == 2
    assert "has no spaces" in refused.output


def test_names_printed_as_identifiers_are_named() -> None:
    def errors(*arguments: str) -> str:
        return CliRunner().invoke(app, ["query", "why", "--print", *arguments]).stderr

    named = errors("--param", "source=imatinib", "--param", "target=KIT")
    assert named == "taken as identifiers: imatinib, KIT; with --on names are looked up\n"
    assert errors() == errors("--param", "source=drugbank:DB00619") == ""


def test_an_answer_says_what_a_name_was_taken_for(on: str) -> None:
    with connect(on) as store:
        change(store, "MATCH (d:Disease {id: 'DOID:2841'}) SET d.synonyms = ['wheezing']")
        by_synonym = run("targets_by_support", "--on", on, "--param", "disease=wheezing")
        change(store, "MATCH (d:Disease {id: 'DOID:2841'}) SET d.synonyms = []")
    assert "wheezing is asthma (Disease, DOID:2841)" in by_synonym
    for given in ("Asthma", "DOID:2841"):
        assert "is asthma" not in run(
            "targets_by_support", "--on", on, "--param", f"disease={given}"
        )


@pytest.mark.parametrize(
    "arguments",
    [
        ("why", "--param", "source=imatinib", "--param", "target=leukaemia"),
        ("repurposing", "--param", "disease=asthma"),
        ("drug_target_hypotheses", "--param", "disease=asthma"),
        ("about", "--param", "entity=imatinib"),
    ],
)
def test_answers_fit_the_terminal(on: str, arguments: tuple[str, ...]) -> None:
    printed = run(*arguments, "--on", on)
    assert max(map(len, printed.splitlines())) <= 80
    assert "{" not in printed


def test_evidence_is_a_sentence_or_a_source(on: str) -> None:
    printed = run("why", "--on", on, "--param", "source=imatinib", "--param", "target=oedema")
    words = " ".join(printed.split())
    assert "imatinib → oedema" in words
    assert "against it: “No oedema was seen on imatinib.” (PMID:1)" in words
    hypotheses = run("drug_target_hypotheses", "--on", on, "--param", "disease=asthma", width=200)
    assert "nilotinib → ADRB2 ← asthma" in hypotheses
    assert "second (PMID:7)" in hypotheses


def test_files_have_everything(on: str, tmp_path: Path) -> None:
    csv, parquet = tmp_path / "a.csv", tmp_path / "a.parquet"
    arguments = ("drug_target_hypotheses", "--on", on, "--param", "disease=asthma")
    assert "4 rows, 14 columns" in run(*arguments, "--csv", str(csv), "--parquet", str(parquet))
    columns = list(library.get("drug_target_hypotheses").columns)
    answer = pl.read_parquet(parquet)
    assert answer.columns == pl.read_csv(csv).columns == columns
    assert json.loads(pl.read_csv(csv)["evidence"][0]) == answer["evidence"].to_list()[0]


def test_questions_of_ones_own_are_listed_and_asked(on: str, tmp_path: Path) -> None:
    (tmp_path / "drugs.cypher").write_text(
        "// All drugs\n//\n// By name.\n// Columns\n//   name: the name\n"
        "MATCH (d:Drug) RETURN d.name AS name ORDER BY name LIMIT 2"
    )
    assert "Your own questions" in run("--library", str(tmp_path))
    assert "aspirin" in run("drugs", "--library", str(tmp_path), "--on", on)


def test_no_answer_about_predictions_says_whether_there_are_any(on: str, tmp_path: Path) -> None:
    (tmp_path / "effects.cypher").write_text(
        "// Side effects that a model predicts\n//\n// By name.\n// Columns\n//   name: the name\n"
        "MATCH (:Drug)-[p:PREDICTED_CAUSES]->(e) RETURN e.name AS name"
    )
    nothing = run("effects", "--library", str(tmp_path), "--on", on)
    assert "no predictions of CAUSES: medkg predict … --into writes some" in nothing
    arguments = ("hypotheses_for_drug", "--on", on, "--param", "drug=warfarin")
    assert "no prediction that the server holds meets the question" in run(*arguments)
    # Those that leave predictions out don't ask for them.
    assert library.get("why").predicted == library.get("best_supported").predicted == ()
    assert library.get("models_disagree").predicted == ("TARGETS", "TREATS")


def test_no_answer_says_which_kinds_and_relations_there_are_none_of(
    on: str, tmp_path: Path
) -> None:
    uri = f"embedded:{tmp_path / 'server'}"
    with connect(uri) as store:
        store.write(small())
    none_of = "the graph has none of what the question names"
    nothing = run("pathways_enriched", "--on", uri, "--param", "disease=OMIM:606764", width=200)
    assert f"{none_of}: Pathway, PARTICIPATES_IN, ASSOCIATED_WITH" in nothing
    assert none_of not in run("hypotheses_for_drug", "--on", on, "--param", "drug=warfarin")


def test_an_empty_answer_names_what_is_called_alike_and_has_one(on: str) -> None:
    symptom = "(s:Symptom {id: 'HP:0002099', name: 'Asthma', name_key: 'asthma'})"
    with connect(on) as store:
        change(store, f"CREATE {symptom}")
        try:
            pair = ("--param", "subject=propranolol", "--param", "object=HP:0002099")
            evidence = run("evidence_of_edge", "--on", on, *pair, width=200)
            treatments = run(
                "treatments_for_disease", "--on", on, "--param", "disease=HP:0002099", width=200
            )
        finally:
            change(store, f"MATCH {symptom} DELETE s")
    near = "no rows for Asthma (Symptom, HP:0002099), but for asthma (Disease, DOID:2841)"
    assert near in evidence
    assert near in treatments
    assert "predict" not in evidence


def test_an_empty_answer_names_no_other_disease_of_a_name_spelt_alike(on: str) -> None:
    disease = "(d:Disease {id: 'DOID:0', name: 'arthma', name_key: 'arthma'})"
    with connect(on) as store:
        change(store, f"CREATE {disease}")
        try:
            printed = run("treatments_for_disease", "--on", on, "--param", "disease=DOID:0")
        finally:
            change(store, f"MATCH {disease} DELETE d")
    assert "asthma" not in printed


def test_a_misspelt_label_is_an_error_that_says_what_is_near(on: str) -> None:
    arguments = ["query", "--on", on, "--cypher", "MATCH (d:Diseas) RETURN d.id AS id"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code != 0
    assert "no label 'Diseas'; near: Disease" in str(result.exception)


def test_parameters_of_own_cypher_are_numbers_lists_or_text(on: str) -> None:
    cypher = "UNWIND $names AS name RETURN name, $p > 0.4 AS more, $text AS text LIMIT $n"
    given = ['names=["a", "b", "c"]', "p=0.5", "text=asthma, mild", "n=2"]
    options = [part for each in given for part in ("--param", each)]
    result = CliRunner().invoke(app, ["query", "--on", on, "--cypher", cypher, *options, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == [
        {"name": name, "more": True, "text": "asthma, mild"} for name in ("a", "b")
    ]


@pytest.mark.parametrize(
    "value", ["123456789012345678901234567890", "[9223372036854775808]", "NaN", '{"a": -1e999}']
)
def test_numbers_that_no_server_has_are_text(on: str, value: str) -> None:
    ask = ["--on", on, "--cypher", "RETURN $p AS p", "--json", "--param"]
    assert json.loads(run(*ask, f"p={value}")) == [{"p": value}]
    assert json.loads(run(*ask, "p=-9223372036854775808")) == [{"p": -(2**63)}]
    assert json.loads(run(*ask, 'p="123"')) == [{"p": "123"}]


def test_a_models_explanation_is_in_words() -> None:
    explanation = {
        "because": ["side effects 0.40 (as aspirin)"],
        "paths": [{"weight": 1.0, "text": "a -TARGETS-> B <-ASSOCIATED_WITH- c", "steps": []}],
    }
    texts = [json.dumps(explanation), "as it stands", '{"likeness": 0.5}', None]
    rows = show_query.readable(pl.DataFrame({"drug": ["x"] * 4, "explanation": texts}))
    assert rows["explanation"].to_list() == [
        "side effects 0.40 (as aspirin); a → B ← c",
        "as it stands",
        "likeness 0.500",
        None,
    ]


def test_the_style_sheet_has_the_colours_of_the_schema(tmp_path: Path) -> None:
    sheet = tmp_path / "medkg.grass"
    run("--style", str(sheet))
    text = sheet.read_text()
    for kind in Schema.default().kinds.values():
        assert f"node.{kind.label} {{\n  color: {kind.colour};" in text
    assert "relationship.PREDICTED_TARGETS {" in text
    assert text.count("{\n") == text.count("\n}")


def test_the_perspective_for_bloom_has_every_kind_and_relation(tmp_path: Path) -> None:
    file = tmp_path / "medkg.json"
    assert "Bloom" in run("--style", str(file))
    perspective = json.loads(file.read_text())
    schema = Schema.default()
    colours = {each["labels"][0]: each["color"] for each in perspective["categories"]}
    assert colours == {kind.label: kind.colour for kind in schema.kinds.values()}
    types = {each["id"]: each["size"] for each in perspective["relationshipTypes"]}
    assert len(types) == 2 * len(schema.relations)
    assert types["PREDICTED_TARGETS"] > types["TARGETS"]
    segments = perspective["metadata"]["pathSegments"]
    joined = {"source": "Drug", "relationshipType": "TARGETS", "target": "Target"}
    assert joined in segments


def test_a_style_file_of_another_form_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["query", "--style", str(tmp_path / "medkg.css")])
    assert result.exit_code == 2
    assert not (tmp_path / "medkg.css").exists()
