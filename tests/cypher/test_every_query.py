"""What holds for every file of the library: its head, and that it runs as it is when pasted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkg.access import Connection
from medkg.core.errors import DataError, MissingError
from medkg.cypher import library
from medkg.cypher.page import page
from medkg.graph.merge import merge
from medkg.graph.schema import Schema
from medkg.graph.store import Store
from medkg.graph.store.guard import names_in
from medkg.graph.store.names import OWN_LABELS

from ..servers import EVERYTHING, change
from .expected import EXPECTED
from .pharmacy import ASTHMA, HYPERTENSION, KIT, LEUKAEMIA, pharmacy


@pytest.fixture(scope="module", params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def pharmacy_store(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """The pharmacy on each server in turn, written once."""
    with Connection.open(request.getfixturevalue(f"{request.param}_uri")) as opened:
        opened.write(pharmacy())
        yield opened
        change(opened, EVERYTHING)


def rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


@pytest.mark.parametrize("name", library.names())
def test_a_file_runs_as_it_is_printed(pharmacy_store: Connection, name: str) -> None:
    query, expected = library.get(name), EXPECTED[name]
    text = query.text(**expected.params)
    assert "$" not in text
    assert "__" not in text
    frame = Store.query(pharmacy_store, text.rstrip().rstrip(";"))
    assert frame.columns == list(query.columns)
    assert frame.height == expected.height
    rows = frame.select(expected.columns.split()).head(len(expected.first)).rows()
    assert [tuple(map(rounded, row)) for row in rows] == expected.first


def test_there_are_questions_on_every_topic_and_each_is_checked() -> None:
    assert set(EXPECTED) == set(library.names())
    assert len(EXPECTED) >= 36
    listed = library.by_topic(library.load().values())
    assert list(listed) == [topic for topic in library.TOPICS if topic != "own"]
    assert sum(map(len, listed.values())) == len(EXPECTED)


@pytest.mark.parametrize("name", library.names())
def test_a_query_says_what_it_takes_and_gives(name: str) -> None:
    query = library.get(name)
    assert query.title
    assert query.description
    text = re.sub(r"'[^']*'", "", query.cypher)
    used = set(re.findall(r"\$(\w+)", text))
    assert used == {parameter.name for parameter in query.parameters}
    schema = Schema.default()
    for parameter in query.parameters:
        assert set(parameter.kinds) <= schema.kinds.keys()
        if parameter.required:
            assert parameter.example is not None, "an example, to be tried with"
        if parameter.to_try is not None:
            assert parameter.value(parameter.to_try) == parameter.to_try
    names = names_in(query.cypher)
    assert set(names.labels) <= {*OWN_LABELS, *schema.kinds}
    assert {name.removeprefix("PREDICTED_") for name in names.types} <= set(schema.relations)
    assert not names.either
    assert "*" not in re.sub(r" \* |COUNT \{|count\(\*\)", "", text), (
        "patterns of fixed length only"
    )


def test_what_looks_an_entity_of_any_kind_up_knows_all_kinds() -> None:
    for name in ("about", "best_supported", "evidence_by_year", "new_since_last_load", "why"):
        assert set(names_in(library.get(name).cypher).labels) >= set(Schema.default().kinds), name


@pytest.mark.parametrize(
    "name", [q.name for q in library.load().values() if "adme" in {p.name for p in q.parameters}]
)
def test_what_a_drug_is_broken_down_by_is_no_target_unless_it_is_wanted(
    pharmacy_store: Connection, name: str
) -> None:
    query, params = library.get(name), EXPECTED[name].params
    without = Store.query(pharmacy_store, query.text(**params))
    everything = Store.query(pharmacy_store, query.text(adme=True, **params))
    assert "CYP3A4" not in str(without.to_dicts())
    if name in ("targets_of_drug", "targets_by_support", "why", "least_studied_targets"):
        assert ("CYP3A4" in str(everything.to_dicts())) == (name != "why")
    assert everything.height >= without.height


@pytest.mark.parametrize(
    "name",
    [
        query.name
        for query in library.load().values()
        if "drug" in query.columns
        and "other" not in query.columns
        and [p.name for p in query.parameters if p.required] == ["disease"]
    ],
)
def test_what_speaks_against_a_drug_for_a_disease_stands_beside_it(
    pharmacy_store: Connection, name: str
) -> None:
    query, params = library.get(name), EXPECTED[name].params
    rows = query.run(pharmacy_store, disease="asthma", **params).iter_rows(named=True)
    against = {row["drug_name"]: (row["contraindicated_for"], row["may_cause"]) for row in rows}
    on_record = {"aspirin": (["asthma"], []), "propranolol": (["asthma"], [])}
    on_record |= {"salmeterol": ([], ["cough"]), "valsartan": ([], ["cough"])}
    assert against
    assert against == {drug: on_record.get(drug, ([], [])) for drug in against}


def test_known_treatments_are_ranked_without_what_is_recorded_of_them(
    pharmacy_store: Connection,
) -> None:
    ranked = pharmacy_store.query("repurposing", disease="asthma", known=True)
    rows = {row["drug_name"]: row for row in ranked.iter_rows(named=True)}
    # Theophylline shares nothing with other treatments: its own edge says nothing for it.
    assert rows["theophylline"]["known"]
    assert rows["theophylline"]["by_shared_target"] == 0
    # Salmeterol treats COPD, which resembles asthma; asthma itself is no use among its one other.
    weight = (1 * 1 * 1 * 1) ** -0.4
    assert rows["salmeterol"]["by_disease"] == pytest.approx(math.asinh(weight / (weight / 8)))


def test_a_name_and_an_identifier_that_was_merged_away_are_what_they_became(
    pharmacy_store: Connection,
) -> None:
    twin = (
        pharmacy()
        .nodes.filter(pl.col("id") == ASTHMA)
        .with_columns(id=pl.lit("MONDO:0004979"), xrefs=pl.lit([ASTHMA], dtype=pl.List(pl.String)))
    )
    kg = pharmacy()
    merged = merge(
        kg,
        kg.with_frames(
            nodes=pl.concat([kg.nodes.filter(pl.col.id != ASTHMA), twin]),
            evidence=kg.evidence.clear(),
            edges=kg.edges.clear(),
            predictions=kg.predictions.clear(),
        ),
    )
    change(pharmacy_store, EVERYTHING)
    pharmacy_store.write(merged)
    answers = [
        pharmacy_store.query("targets_by_support", disease=text)["target_name"].to_list()
        for text in ("asthma", ASTHMA, "MONDO:0004979")
    ]
    assert answers[0] == answers[1] == answers[2] == ["ADRB2", "IL4", "KIT", "PDE4A"]
    change(pharmacy_store, EVERYTHING)
    pharmacy_store.write(kg)


@pytest.mark.parametrize(
    ("cypher", "message"),
    [
        ("MATCH (d:Drugs) RETURN d.id AS id", "no label 'Drugs'; near: Drug"),
        ("MATCH (d:drug) RETURN d.id AS id", "no label 'drug'; near: Drug"),
        ("MATCH (:Drug)-[r:TREAT]->(x) RETURN x.id AS id", "no relation 'TREAT'; near: TREATS"),
        ("MATCH (n) WHERE n:Qxz RETURN n.id AS id", "no label or relation 'Qxz'; there are "),
    ],
)
def test_an_unknown_label_or_relation_is_told_with_what_is_near(
    pharmacy_store: Connection, cypher: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        pharmacy_store.query(cypher)


@pytest.mark.parametrize(
    "cypher",
    [
        "MATCH (d:Drug {name_key: 'imatinib'})-[r]->(t) WHERE r:TARGETS RETURN t.name AS name",
        "MATCH (d:Drug)-[`r`]->(t) WHERE `r`:TARGETS RETURN t.name AS name",
        "MATCH (d:Drug)-[r]->(t) WITH r AS s, t WHERE s:TARGETS RETURN t.name AS name",
        "MATCH p = (d:Drug)-[]->(t) WHERE all(x IN relationships(p) WHERE x:TARGETS)"
        " RETURN t.name AS name",
        "MATCH (d:Drug)-[t:TARGETS]->(x) RETURN x.name AS name"
        " UNION MATCH (d:Disease)-[:ASSOCIATED_WITH]->(t:Target) RETURN t.name AS name",
    ],
)
def test_a_name_behind_a_variable_may_be_a_type(pharmacy_store: Connection, cypher: str) -> None:
    assert "KIT" in pharmacy_store.query(cypher)["name"].to_list()
    with pytest.raises(DataError, match=r"no (label or )?relation 'TARGETZZ'; near: .*TARGETS"):
        pharmacy_store.query(cypher.replace("TARGETS", "TARGETZZ"))


def test_a_relation_or_load_that_is_not_there_is_told(pharmacy_store: Connection) -> None:
    rows = pharmacy_store.query("evidence_by_year", entity="imatinib", relation="targets")
    assert set(rows["relation"]) == {"TARGETS"}
    with pytest.raises(DataError, match="no relation 'TARGET'; near: TARGETS"):
        pharmacy_store.query("evidence_by_year", entity="imatinib", relation="TARGET")
    # No evidence is of a prediction.
    predicted = "PREDICTED_TARGETS"
    assert predicted in pharmacy_store.connection.relationship_types()
    with pytest.raises(DataError, match=f"no relation '{predicted}'; near: TARGETS") as caught:
        pharmacy_store.query("evidence_by_year", entity="imatinib", relation=predicted)
    assert str(caught.value).count("PREDICTED_") == 1
    with pytest.raises(DataError, match="no load 'yesterday'; medkg query loads lists them"):
        pharmacy_store.query("new_since_last_load", entity="imatinib", since="yesterday")


def test_a_relation_is_printed_in_capitals() -> None:
    query = library.get("evidence_by_year")
    assert "type(edge) = 'TARGETS'" in query.text(entity="x:1", relation="targets")
    assert "type(edge) = 'Mine'" in query.text(entity="x:1", relation="Mine")


def test_two_names_of_one_entity_count_once(pharmacy_store: Connection) -> None:
    twice = pharmacy_store.query("polypharmacy", drugs=["imatinib", "Imatinib"])
    assert twice.is_empty()
    alone = pharmacy_store.query("shared_targets", diseases=["asthma"], at_least=1)
    again = pharmacy_store.query("shared_targets", diseases=["asthma", ASTHMA], at_least=1)
    assert again.equals(alone)


def test_what_may_cause_fewest_signs_comes_first_beyond_those_that_are_shown(
    pharmacy_store: Connection,
) -> None:
    made = """
      MATCH (d:Disease {id: 'DOID:10763'}), (other:Disease {id: 'DOID:2531'})
      CREATE (few:Drug {id: 'x:few', name: 'few'})-[:TREATS {probability: 0.5}]->(d),
        (many:Drug {id: 'x:many', name: 'many'})-[:TREATS {probability: 0.9}]->(d)
      WITH other, few, many UNWIND range(0, 6) AS n
      CREATE (s:Symptom {id: 'HP:99' + n, name: 'sign ' + n})<-[:HAS_SYMPTOM]-(other),
        (many)-[:CAUSES]->(s)
      WITH few, s, n WHERE n > 0 CREATE (few)-[:CAUSES]->(s)"""
    try:
        change(pharmacy_store, made)
        rows = pharmacy_store.query("treatments_safe_with", disease=HYPERTENSION, other=LEUKAEMIA)
        placed = [name for name in rows["drug_name"] if name in ("few", "many")]
        assert placed == ["few", "many"]
        shown = rows.filter(pl.col("drug_name").is_in(placed))["may_cause"]
        assert shown.list.len().to_list() == [5, 5]
    finally:
        change(pharmacy_store, "MATCH (s:Symptom) WHERE s.id STARTS WITH 'HP:99' DETACH DELETE s")
        change(pharmacy_store, "MATCH (d:Drug) WHERE d.id STARTS WITH 'x:' DETACH DELETE d")


def test_labels_of_a_graph_of_ones_own_are_known(pharmacy_store: Connection) -> None:
    change(pharmacy_store, "CREATE (:Trial {id: 'trial:1'})-[:TESTS]->(:Trial {id: 'trial:2'})")
    try:
        rows = pharmacy_store.query("MATCH (t:Trial)-[:TESTS]->(u:Trial) RETURN u.id AS id")
    finally:
        change(pharmacy_store, "MATCH (t:Trial) DETACH DELETE t")
    assert rows["id"].to_list() == ["trial:2"]


def test_a_folder_of_ones_own_joins_the_library(
    pharmacy_store: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = (
        "// Drugs on a target\n//\n// By name.\n// Parameters\n"
        '//   target: identifier of Target such as "NCBIGene:3815". The target.\n'
        "// Columns\n//   name: the drug's name\n"
        "MATCH (d:Drug)-[:TARGETS]->(:Target {id: $target}) RETURN d.name AS name ORDER BY name;\n"
    )
    (tmp_path / "mine.cypher").write_text(question)
    assert library.get("mine", tmp_path).topic == "own"
    assert "mine" not in library.names()
    monkeypatch.setenv("MEDKG_LIBRARY", str(tmp_path))
    assert pharmacy_store.query("mine", target=KIT)["name"].to_list() == ["imatinib", "nilotinib"]
    assert library.names() == sorted([*EXPECTED, "mine"])
    (tmp_path / "no name.cypher").write_text(question)
    with pytest.warns(UserWarning, match="only letters, digits and _"):
        assert "no name" not in library.load()
    with pytest.raises(DataError, match="is no folder of questions"):
        library.load(tmp_path / "nowhere")


def test_what_speaks_against_a_drug_is_asked_alike_everywhere() -> None:
    # A file that is pasted can't include another, so that the same lines stand in each.
    queries = [q.cypher for q in library.load().values() if "contraindicated_for" in q.columns]
    block = r"  COLLECT \{\s+MATCH \(drug\)-\[:CONTRAINDICATED_FOR\].*\} AS may_cause"
    blocks = [re.search(block, text, re.DOTALL) for text in queries]
    assert len(queries) > 1
    assert len({block and block[0] for block in blocks}) == 1
    assert all(blocks)


def test_a_parameters_value_can_not_break_out_of_the_printed_text() -> None:
    query = library.get("evidence_of_edge")
    hostile: Any = "x'}) \\' MATCH (n) // $object\n"
    text = query.text(subject=hostile, object="y", relation=None)
    assert r"'x\'}) \\\' MATCH (n) // $object'" in text
    assert "$subject" not in text
    with pytest.raises(MissingError, match="nope"):
        library.get("nope")


def test_the_page_of_the_documentation_is_current() -> None:
    file = Path(__file__).resolve().parents[2] / "docs" / "queries.md"
    made = page(library.load().values())
    assert file.read_text(encoding="utf-8") == made, "python -m medkg.cypher.page > docs/queries.md"
