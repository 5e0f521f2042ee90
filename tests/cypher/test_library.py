"""Every query of the library, with its exact answer on a small graph, on both servers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medkg.core.errors import DataError, MissingError
from medkg.cypher import library
from medkg.graph.store import Store, connect

from ..servers import EVERYTHING, change
from .clinic import clinic


@pytest.fixture(scope="module", params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """The clinic on each server in turn, written once."""
    with connect(request.getfixturevalue(f"{request.param}_uri")) as opened:
        opened.write(clinic())
        yield opened
        change(opened, EVERYTHING)


def ask(store: Store, name: str, *columns: str, **params: Any) -> list[tuple[Any, ...]]:
    """The rows of a query over the clinic, of these columns."""
    query = library.get(name)
    frame = query.run(store, **params)
    assert frame.columns == list(query.columns)
    return frame.select(columns).rows()


def test_drug_target_hypotheses(store: Store) -> None:
    columns = ("drug_name", "target_name", "probability", "model", "association", "treats", "path")
    rows = ask(store, "drug_target_hypotheses", *columns, disease="OMIM:1")
    on_kit = "nilotinib → KIT ← GIST"
    on_pdgfra = "{} → PDGFRA ← GIST"
    assert rows == [
        ("nilotinib", "KIT", 0.7, "m", 0.8, False, on_kit),
        ("imatinib", "PDGFRA", 0.6, "m", 0.5, True, on_pdgfra.format("imatinib")),
        ("nilotinib", "KIT", 0.4, "n", 0.8, False, on_kit),
        ("aspirin", "PDGFRA", 0.2, "m", 0.5, False, on_pdgfra.format("aspirin")),
    ]
    query = library.get("drug_target_hypotheses")
    with_known = query.run(store, disease="OMIM:1", known=True, top=1).row(0, named=True)
    assert (with_known["drug_name"], with_known["target_name"]) == ("imatinib", "KIT")
    assert with_known["evidence"] == [
        {"source": "curated", "document": None, "sentence": None, "references": ["PMID:7"]}
    ]


def test_hypotheses_for_drug(store: Store) -> None:
    columns = ("target_name", "probability", "score", "model", "known", "diseases")
    rows = ask(store, "hypotheses_for_drug", *columns, drug="drugbank:DB1")
    assert rows == [("PDGFRA", 0.6, 1.2, "m", False, ["GIST"])]
    both = library.get("hypotheses_for_drug").run(store, drug="drugbank:DB1", known=True)
    assert both["target_name"].to_list() == ["KIT", "PDGFRA"]


def test_hypotheses_for_target(store: Store) -> None:
    columns = ("drug_name", "probability", "model", "known", "treats")
    rows = ask(store, "hypotheses_for_target", *columns, target="HGNC:1")
    assert rows == [
        ("nilotinib", 0.7, "m", False, ["leukaemia"]),
        ("nilotinib", 0.4, "n", False, ["leukaemia"]),
    ]


def test_why(store: Store) -> None:
    columns = ("length", "probability", "path", "nodes", "relations")
    rows = ask(store, "why", *columns, source="drugbank:DB2", target="OMIM:1")
    assert [row[0] for row in rows] == [3, 3]
    assert [row[1] for row in rows] == pytest.approx([0.9, 0.4])
    assert [row[2:] for row in rows] == [
        (
            "nilotinib → leukaemia → bleeding ← GIST",
            ["drugbank:DB2", "OMIM:2", "HP:3", "OMIM:1"],
            ["TREATS", "HAS_SYMPTOM", "HAS_SYMPTOM"],
        ),
        (
            "nilotinib → oedema ← imatinib → GIST",
            ["drugbank:DB2", "HP:2", "drugbank:DB1", "OMIM:1"],
            ["CAUSES", "CAUSES", "TREATS"],
        ),
    ]


def test_why_shows_the_evidence_of_each_step_against_it_too(store: Store) -> None:
    why = library.get("why")
    direct = why.run(store, source="drugbank:DB1", target="HP:2", top=1).row(0, named=True)
    assert direct["path"] == "imatinib → oedema"
    steps = [(e["step"], e["polarity"], e["sentence"]) for e in direct["evidence"]]
    assert steps == [(1, "negated", "No oedema."), (1, "asserted", None)]
    two = why.run(store, source="HGNC:2", target="drugbank:DB1")
    assert two["path"].to_list()[0] == "PDGFRA ← GIST ← imatinib"
    assert two["length"].to_list() == [2, 3, 3]


def test_evidence_of_edge(store: Store) -> None:
    columns = ("relation", "polarity", "probability", "level", "document", "sentence", "start")
    expected = [
        ("CAUSES", "asserted", 0.8, "curated", None, None, None),
        ("CAUSES", "negated", 0.9, "text-mined", "note:1", "No oedema.", 20),
    ]
    ends = {"subject": "drugbank:DB1", "object": "HP:2"}
    assert ask(store, "evidence_of_edge", *columns, **ends) == expected
    turned = {"subject": "HP:2", "object": "drugbank:DB1", "relation": "CAUSES"}
    assert ask(store, "evidence_of_edge", *columns, **turned) == expected
    assert ask(store, "evidence_of_edge", *columns, **{**ends, "relation": "TREATS"}) == []


def test_differential_diagnosis(store: Store) -> None:
    columns = ("disease_name", "score", "matching", "unexpected")
    rows = ask(store, "differential_diagnosis", *columns, symptoms=["HP:1", "HP:3", "HP:4"])
    pain, fever = math.log(4 / 3), math.log(4 / 2)  # bleeding, which all have, weighs nothing
    for_fever, for_pain = fever / (pain + fever), pain / (pain + fever)
    assert rows == [
        ("leukaemia", pytest.approx(for_fever, abs=1e-6), ["bleeding", "fever"], ["pain"]),
        ("GIST", pytest.approx(for_pain, abs=1e-6), ["bleeding", "pain"], ["fever"]),
        ("peptic ulcer", pytest.approx(for_pain, abs=1e-6), ["bleeding", "pain"], ["fever"]),
    ]


def test_diagnosis_of_patient(store: Store) -> None:
    columns = ("disease_name", "probability", "model", "matching", "unexpected", "absent")
    rows = ask(store, "diagnosis_of_patient", *columns, patient="patient:1")
    assert rows == [
        ("GIST", 0.7, "d", ["pain"], ["fever"], ["bleeding"]),
        ("leukaemia", 0.2, "d", ["fever"], ["pain"], ["bleeding"]),
    ]


def test_contradictions(store: Store) -> None:
    columns = ("contradiction", "subject_name", "relation", "object_name", "supporting", "opposing")
    rows = ask(store, "contradictions", *columns, "sentences")
    assert rows == [
        ("treats and contraindicated", "aspirin", "TREATS", "peptic ulcer", 1, 1, []),
        ("asserted and negated", "imatinib", "CAUSES", "oedema", 1, 1, ["No oedema."]),
    ]


def test_what_text_adds(store: Store) -> None:
    columns = ("subject_name", "relation", "object_name", "probability", "documents", "sentences")
    rows = ask(store, "what_text_adds", *columns)
    assert rows == [
        ("warfarin", "CAUSES", "bleeding", 0.7, ["note:1"], ["Bled on warfarin."]),
    ]
    of_patients = ask(store, "what_text_adds", "object_name", relation="HAS_PHENOTYPE")
    assert of_patients == [("pain",), ("fever",)]


def test_drug_interactions(store: Store) -> None:
    columns = ("drug_name", "other_name", "effect", "probability", "references")
    all_three = ["drugbank:DB1", "drugbank:DB3", "drugbank:DB4"]
    assert ask(store, "drug_interactions", *columns, drugs=all_three) == [
        ("aspirin", "warfarin", "bleeding", 1.0, ["PMID:8"]),
        ("imatinib", "warfarin", None, 0.9, []),
    ]
    assert ask(store, "drug_interactions", "other_name", drugs="warfarin") == [
        ("aspirin",),
        ("imatinib",),
    ]
    assert ask(store, "drug_interactions", "drug", drugs="drugbank:DB1,drugbank:DB3") == []


def test_side_effects_shared(store: Store) -> None:
    columns = ("effect_name", "kind", "probability", "frequency", "other_frequency")
    pair = {"drug": "drugbank:DB1", "other": "drugbank:DB2"}
    assert ask(store, "side_effects_shared", *columns, **pair) == [
        ("oedema", "Symptom", pytest.approx(0.4), "common", None)
    ]


def test_an_answer_without_rows_has_its_columns(store: Store) -> None:
    rows = ask(store, "drug_target_hypotheses", "drug", "evidence", disease="OMIM:3")
    assert rows == []


def test_names_and_text_stand_for_identifiers_and_values(store: Store) -> None:
    by_name = ask(store, "drug_target_hypotheses", "drug", disease="gist", top="2", known="false")
    assert by_name == [("drugbank:DB2",), ("drugbank:DB1",)]
    several = ask(store, "differential_diagnosis", "disease", symptoms="Pain, HP:4")
    assert several[0] == ("OMIM:2",)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (
            {},
            DataError,
            "needs parameter 'disease'; it takes disease, \\[known\\], \\[adme\\], \\[top",
        ),
        ({"disease": "OMIM:1", "most": 3}, DataError, "no parameter 'most'; it takes disease"),
        ({"disease": "OMIM:1", "top": "many"}, DataError, "top takes integer, not 'many'"),
        ({"disease": "OMIM:1", "top": 1.5}, DataError, "top takes integer, not 1.5"),
        ({"disease": "OMIM:1", "top": 2**63}, DataError, "top takes integer, not 9223372036854"),
        ({"disease": "OMIM:1", "top": 0}, DataError, "top takes 1 or more, not 0"),
        ({"disease": "OMIM:1", "top": "-3"}, DataError, "top takes 1 or more, not -3"),
        ({"disease": "OMIM:1", "known": "maybe"}, DataError, "known takes boolean"),
        ({"disease": 7}, DataError, "disease takes identifier, not 7"),
        ({"disease": "OMIM:9"}, MissingError, "no Disease 'OMIM:9'"),
        ({"disease": "imatinib"}, MissingError, "no Disease 'imatinib'; .* is of kind Drug"),
        ({"disease": "x'}) DETACH DELETE n //"}, MissingError, "no Disease"),
    ],
)
def test_wrong_parameters_say_what_is_right(
    store: Store, params: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        library.get("drug_target_hypotheses").run(store, **params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        # Of every kind that the parameter takes; a symbol of a gene is short.
        ({"disease": "GITS"}, r"no Disease or Symptom 'GITS'; near: GIST \(OMIM:1\)$"),
        ({"disease": "bleedign"}, r"no Disease or Symptom 'bleedign'; near: bleeding \(HP:3\)$"),
        ({"disease": "KIT"}, r"no Disease or Symptom 'KIT'; KIT \(HGNC:1\) is of kind Target$"),
        ({"disease": "patient 1"}, r"no Disease or Symptom 'patient 1'$"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_what_may_be_meant(
    store: Store, params: dict[str, str], message: str
) -> None:
    with pytest.raises(MissingError, match=message):
        library.get("treatments_for_disease").run(store, **params)


def test_what_texts_mean_in_a_question(store: Store) -> None:
    query = library.get("evidence_of_edge")
    meant = query.entities(store, subject="Imatinib", object="HGNC:1")
    assert meant == {"Imatinib": ("Drug", "drugbank:DB1"), "HGNC:1": ("Target", "HGNC:1")}
    several = library.get("drug_interactions").entities(store, drugs=["aspirin", "warfarin"])
    assert list(several.values()) == [("Drug", "drugbank:DB3"), ("Drug", "drugbank:DB4")]


def test_an_unknown_query_lists_those_that_are_near_or_all_there_are() -> None:
    with pytest.raises(MissingError, match=r"no query 'nope'; there are about, .*why"):
        library.get("nope")
    with pytest.raises(MissingError, match=r"no query 'repurposng'; near: repurposing$"):
        library.get("repurposng")


def test_a_broken_file_of_ones_own_is_left_out_and_the_others_are_there(tmp_path: Path) -> None:
    good = "// Mine\n// Columns\n//   x: one\nRETURN 1 AS x"
    (tmp_path / "mine.cypher").write_text(good, encoding="utf-8")
    (tmp_path / "broken.cypher").write_text("RETURN 1 AS x", encoding="utf-8")
    (tmp_path / "latin.cypher").write_text("// Ausdrücklich", encoding="latin-1")
    (tmp_path / "two words.cypher").write_text(good, encoding="utf-8")
    (tmp_path / "folder.cypher").mkdir()
    with pytest.warns(UserWarning, match="left out") as warned:
        queries = library.load(tmp_path)
    assert {"mine", "repurposing"} < queries.keys()
    assert not {"broken", "latin", "two words", "folder"} & queries.keys()
    assert len(warned) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who asks for another question isn't told of it
        assert library.get("mine", tmp_path).title == "Mine"
        assert library.get("repurposing", tmp_path).name == "repurposing"
    with pytest.raises(DataError, match=r"broken\.cypher: lacks a title"):
        library.get("broken", tmp_path)
    with pytest.raises(DataError, match=r"latin\.cypher: is not UTF-8"):
        library.get("latin", tmp_path)
    with pytest.raises(DataError, match="no folder of questions"):
        library.get("repurposing", tmp_path / "none")


def test_what_is_wrong_in_a_head_comes_with_how_it_is_written() -> None:
    text = "// Mine\n// Parameters\n//   disease: identifer of Disease.\n// Columns\n//   x: x\n"
    with pytest.raises(DataError, match=r"line 3: is no line of parameters: .*; write as in"):
        library.parse("mine", text)


def test_the_head_ends_where_cypher_begins_and_lines_are_the_file_s() -> None:
    text = "// Mine\n\n// Columns\n//   x: x\nMATCH (n)\n// those with names\nRETURN n.name AS x"
    query = library.parse("mine", text)
    assert (query.columns, query.cypher) == ({"x": "x"}, "MATCH (n)\nRETURN n.name AS x")
    with pytest.raises(DataError, match="line 4: is no line of columns"):
        library.parse("mine", text.replace("x: x", "x"))


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (n) RETURN n.id AS id",
        "// Title\n// Columns\n//   no description of it\nRETURN 1 AS x",
        "// Title\n// Parameters\n//   x: colour. Unknown type.\n// Columns\n//   x: x\nRETURN 1",
    ],
)
def test_a_file_without_a_right_head_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"mine\.cypher"):
        library.parse("mine", text)
