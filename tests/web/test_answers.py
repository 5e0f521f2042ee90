"""What the API and the pages answer, over an embedded server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="NOT RUN: the site; install the extra web")

import polars as pl
from markupsafe import escape
from starlette.testclient import TestClient

from medkg.graph.kg import KnowledgeGraph
from medkg.mining.treatment.train import train_treatment
from medkg.web import messages
from medkg.web.pages import _number
from medkg.web.sentences import marked
from medkg.web.site import Site
from tests.cypher.clinic import clinic
from tests.graph.other_server import server_graph
from tests.mining.treatment.pharmacy import pharmacy
from tests.servers import EVERYTHING, change

from .conftest import FROM_HERE, bearer


def ask(client: TestClient, site: Site, account: str, address: str, **body: Any) -> Any:
    """The API's answer to an account."""
    return client.post(f"/api/{address}", json=body, headers=bearer(site, account))


@pytest.fixture
def reader(client: TestClient, site: Site) -> TestClient:
    """A browser that is logged in as `reader`."""
    client.post("/login", data={"token": site.tokens.by_account["reader"]}, headers=FROM_HERE)
    return client


def test_search_finds_by_name_identifier_and_with_a_slip(client: TestClient, site: Site) -> None:
    for text in ("Imatinib", "drugbank:DB1", "imatinbi", "matin"):
        matches = ask(client, site, "visitor", "search", text=text).json()
        assert [each["id"] for each in matches] == ["drugbank:DB1"], text
    for text in ("zzzzzz", "?", "-", "…"):
        assert ask(client, site, "visitor", "search", text=text).json() == [], text


def test_patients_and_notes_are_for_who_may_see_them(client: TestClient, site: Site) -> None:
    for kind, identifier in (("Patient", "patient:1"), ("Document", "note:1")):
        seen = {"kind": kind, "id": identifier}
        assert ask(client, site, "visitor", "entity", **seen).status_code == 404
        assert ask(client, site, "reader", "entity", **seen).status_code == 200
    for account, there in (("visitor", False), ("reader", True)):
        assert bool(ask(client, site, account, "search", text="patient 1").json()) == there
        drug = ask(client, site, account, "entity", kind="Drug", id="drugbank:DB4")
        assert ("Bled on warfarin." in drug.text) == there
        pain = ask(client, site, account, "entity", kind="Symptom", id="HP:1")
        assert ("patient:1" in pain.text) == there
        query = ask(client, site, account, "query", cypher="RETURN 1 AS one")
        assert query.status_code == (200 if there else 403)


@pytest.fixture
def odd(site: Site) -> Iterator[str]:
    """A disease that a note names by a word of its own, and a model's hypothesis about it."""
    odd = "text:disease_zwackel_syndrome"
    change(
        site.store,
        f"MATCH (d:Drug {{id: 'drugbank:DB4'}}) CREATE (n:Disease {{id: '{odd}',"
        " name: 'Zwackel syndrome', name_key: 'zwackel syndrome', synonyms: [], xrefs: []})"
        " CREATE (d)-[:PREDICTED_TREATS {id: 'odd', model: 'm', rank: 1, probability: 0.9,"
        " known: false}]->(n)",
    )
    yield odd
    change(site.store, f"MATCH (n:Disease {{id: '{odd}'}}) DETACH DELETE n")


def test_a_name_that_only_texts_have_is_for_who_may_see_notes(
    client: TestClient, site: Site, odd: str
) -> None:
    """A word that no vocabulary knows may be a patient's name."""
    counts = {}
    for account, there in (("visitor", False), ("reader", True)):
        for text in ("Zwackel", "zwackle syndrome", odd):
            answer = ask(client, site, account, "search", text=text).json()
            assert (odd in {each["id"] for each in answer}) == there, (account, text)
        entity = ask(client, site, account, "entity", kind="Disease", id=odd)
        assert entity.status_code == (200 if there else 404)
        drug = ask(client, site, account, "entity", kind="Drug", id="drugbank:DB4")
        assert ("Zwackel" in drug.text) == there
        overview = client.get("/api/overview", headers=bearer(site, account)).json()
        counts[account] = overview["kinds"]["Disease"]
    assert counts["reader"] == counts["visitor"] + 1


def facts_of(client: TestClient, site: Site, account: str, kind: str, id_: str) -> Any:
    """The facts of an entity that an account sees: of each other end the fact."""
    entity = ask(client, site, account, "entity", kind=kind, id=id_).json()
    for group in entity["facts"]:
        assert group["count"] == len(group["facts"])
    return {fact["id"]: fact for group in entity["facts"] for fact in group["facts"]}


def test_what_only_a_note_states_is_for_who_may_see_notes(client: TestClient, site: Site) -> None:
    """Warfarin's bleeding is in a note alone; GIST's pain is curated, too."""
    for account, there in (("visitor", False), ("reader", True)):
        assert ("HP:3" in facts_of(client, site, account, "Drug", "drugbank:DB4")) == there
        assert ("drugbank:DB4" in facts_of(client, site, account, "Symptom", "HP:3")) == there
        pain = facts_of(client, site, account, "Disease", "OMIM:1")["HP:1"]
        assert pain["evidence_count"] == len(pain["evidence"]) == 1 + there
        assert pain["sources"] == ["curated", "notes"][: 1 + there]
        oedema = facts_of(client, site, account, "Drug", "drugbank:DB1")["HP:2"]
        assert {piece["polarity"] for piece in oedema["evidence"]} == (
            {"asserted", "negated"} if there else {"asserted"}
        )


@pytest.fixture
def noted(site: Site) -> Iterator[None]:
    """Of mastocytosis a note alone names KIT, which ranks first; of chorea a note alone PDGFRA."""
    diseases = {"OMIM:9": "mastocytosis", "OMIM:90": "chorea"}
    nodes = {"id": list(diseases), "kind": "Disease", "name": list(diseases.values())}
    stated = {"subject": "OMIM:9", "relation": "ASSOCIATED_WITH", "source": "curated"}
    read = {"source": "notes", "document": "note:1", "sentence": "It may be KIT.", "start": 90}
    target = {"subject": "drugbank:DB2", "relation": "TARGETS", "object": "HGNC:2"}
    evidence = [
        {**stated, "object": "HGNC:2"},
        {**stated, "object": "HGNC:1", **read},
        {**stated, "subject": "OMIM:90", "object": "HGNC:2", **read},
        {**target, **read},
    ]
    predicted = clinic().predictions.filter(pl.col("model") == "m", pl.col("known") == 0).head(1)
    pair = predicted.with_columns(
        head=pl.lit("drugbank:DB2"), tail=pl.lit("HGNC:2"), model=pl.lit("o"), known=True,
        probability=0.1,
    )  # fmt: skip
    graph = KnowledgeGraph.build(
        pl.concat([pl.DataFrame(nodes), clinic().nodes], how="diagonal"),
        pl.DataFrame(evidence, infer_schema_length=None),
        clinic().sources,
    )
    site.store.write(graph.with_predictions(pair))
    yield
    change(site.store, EVERYTHING)
    site.store.write(clinic())


@pytest.mark.usefixtures("noted")
@pytest.mark.parametrize("most", [1, 2, 20])
def test_hypotheses_by_a_target_that_only_a_note_names_are_for_who_may_see_notes(
    client: TestClient, site: Site, most: int
) -> None:
    """KIT's rank first; without them, those of PDGFRA are counted and cut."""
    for account, drugs in (
        ("visitor", ["drugbank:DB1", "drugbank:DB3", "drugbank:DB2"]),
        ("reader", ["drugbank:DB2", "drugbank:DB1", "drugbank:DB2", "drugbank:DB3"]),
    ):
        body = {"entity": "OMIM:9", "most": most}
        table = ask(client, site, account, "hypotheses", **body).json()
        rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
        assert [row["drug"] for row in rows] == drugs[:most]
        assert table["truncated"] == (len(drugs) > most)
        assert table["note"] == ""
        if account == "visitor":
            assert {row["target"] for row in rows} == {"HGNC:2"}
            facts = {"association", "treats", "contraindicated_for", "may_cause", "path"}
            assert not {*facts, "evidence", "explanation"} & {*table["columns"]}


@pytest.mark.usefixtures("noted")
def test_a_visitor_is_told_of_no_disease_that_has_hypotheses_by_notes_alone(
    client: TestClient, site: Site
) -> None:
    near = pl.DataFrame({"id": ["OMIM:91"], "kind": ["Disease"], "name": ["choreas"]})
    nothing = clinic().evidence.clear()
    graph = KnowledgeGraph.build(near, nothing, clinic().sources)
    site.store.write(graph)
    for account, there in (("visitor", False), ("reader", True)):
        table = ask(client, site, account, "hypotheses", entity="OMIM:91").json()
        assert table["rows"] == []
        assert "no prediction that the server holds" in table["note"]
        assert ("OMIM:90" in table["note"]) == there


@pytest.mark.usefixtures("noted")
def test_what_a_note_alone_knows_is_new_to_a_visitor(client: TestClient, site: Site) -> None:
    """Nilotinib's PDGFRA: a visitor who saw it left out would learn that a note has it."""
    for entity, end in (("drugbank:DB2", "target"), ("HGNC:2", "drug")):
        other = {"target": "HGNC:2", "drug": "drugbank:DB2"}[end]
        for account, there in (("visitor", True), ("reader", False)):
            table = ask(client, site, account, "hypotheses", entity=entity).json()
            place = table["columns"].index(end)
            assert (other in [row[place] for row in table["rows"]]) == there
            known = {"entity": entity, "known": True}
            table = ask(client, site, account, "hypotheses", **known).json()
            rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
            assert {row["known"] for row in rows if row[end] == other} == {not there}
    known = ask(client, site, "visitor", "hypotheses", entity="drugbank:DB1", known=True).json()
    place = known["columns"].index("known")
    assert [row[place] for row in known["rows"]] == [True, False]


@pytest.mark.parametrize("most", [1, 10])
def test_a_hypothesis_without_a_probability_comes_last(
    client: TestClient, site: Site, most: int
) -> None:
    predicted = clinic().predictions.filter(pl.col("model") == "m", pl.col("known") == 0).head(1)
    rows = [
        predicted.with_columns(head=pl.lit("drugbank:DB4"), tail=pl.lit(tail), probability=value)
        for tail, value in (("HGNC:1", pl.lit(None, pl.Float64)), ("HGNC:2", pl.lit(0.3)))
    ]
    ends = ["drugbank:DB4", "HGNC:1", "HGNC:2"]
    part = clinic().subgraph(ends, relations=[]).with_predictions(pl.concat(rows))
    site.store.write(part)
    seen = {"kind": "Drug", "id": "drugbank:DB4", "most": most}
    [group] = ask(client, site, "reader", "entity", **seen).json()["hypotheses"]
    assert [each["id"] for each in group["hypotheses"]] == ["HGNC:2", "HGNC:1"][:most]
    change(site.store, "MATCH (:Drug {id: 'drugbank:DB4'})-[p:PREDICTED_TARGETS]->() DELETE p")


def test_an_entity_has_its_facts_with_evidence_and_hypotheses(
    client: TestClient, site: Site
) -> None:
    entity = ask(client, site, "reader", "entity", kind="Drug", id="drugbank:DB1").json()
    facts = {group["relation"]: group for group in entity["facts"]}
    [target] = facts["TARGETS"]["facts"]
    assert (target["id"], target["name"]) == ("HGNC:1", "KIT")
    assert target["evidence"][0]["source"] == "curated"
    [predicted] = entity["hypotheses"]
    assert predicted["relation"] == "TARGETS"
    assert [each["id"] for each in predicted["hypotheses"]] == ["HGNC:1", "HGNC:2"]
    of_target = ask(client, site, "reader", "entity", kind="Target", id="HGNC:1").json()
    assert {group["outgoing"] for group in of_target["facts"]} == {False}


def test_hypotheses_are_new_unless_known_ones_are_asked_for(client: TestClient, site: Site) -> None:
    for known, expected in ((False, ["HGNC:2"]), (True, ["HGNC:1", "HGNC:2"])):
        table = ask(client, site, "reader", "hypotheses", entity="imatinib", known=known).json()
        place = table["columns"].index("target")
        assert [row[place] for row in table["rows"]] == expected
    missing = ask(client, site, "reader", "hypotheses", entity="imatinb")
    assert missing.status_code == 404
    assert "no drug, target or disease 'imatinb'; near: imatinib (" in missing.text


def test_a_hypothesis_is_explained_as_on_the_command_line(
    client: TestClient, reader: TestClient, site: Site
) -> None:
    assert site.links is not None
    pair = {"head": "imatinib", "tail": "KIT"}
    expected = site.links.explain(**pair)
    answer = ask(client, site, "reader", "explanation", **pair).json()
    assert answer["text"] == str(expected)
    assert answer["explanation"]["paths"]
    assert answer["explanation"]["tail"] == expected.tail
    page = reader.post("/explanation", data=pair, headers=FROM_HERE).text
    assert escape(str(expected)) in page
    hypotheses = reader.post("/hypotheses", data={"entity": "imatinib"}, headers=FROM_HERE).text
    assert f"Explain anew by {site.links.name}" in hypotheses
    # It cites sentences.
    assert ask(client, site, "visitor", "explanation", **pair).status_code == 403
    for absent in ({"head": "nothing", "tail": "KIT"}, {"head": "", "tail": ""}):
        assert ask(client, site, "reader", "explanation", **absent).status_code == 404
        page = reader.post("/explanation", data=absent, headers=FROM_HERE)
        assert 'class="problem"' in page.text


def test_a_model_that_the_site_lacks_is_not_there(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "links", None)
    answer = ask(client, site, "reader", "explanation", head="imatinib", tail="KIT")
    assert answer.status_code == 404
    assert "--links MODEL" in answer.json()["detail"]


def test_no_page_is_offered_that_would_refuse(client: TestClient, site: Site) -> None:
    for account, there in (("visitor", False), ("reader", True)):
        token = {"token": site.tokens.by_account[account]}
        client.post("/login", data=token, headers=FROM_HERE)
        page = client.get("/").text
        assert ('href="/cypher"' in page) == there
        assert ('href="/explanation"' in page) == there


def test_an_answer_that_was_cut_says_so(client: TestClient, site: Site) -> None:
    def truncated(address: str, **body: Any) -> bool:
        table = ask(client, site, "reader", address, **body).json()
        assert len(table["rows"]) <= body.get("most", 500)
        return bool(table["truncated"])

    for most, cut in ((1, True), (2, False)):
        body = {"entity": "imatinib", "known": True, "most": most}
        assert truncated("hypotheses", **body) == cut
    for top, cut in ((1, True), ("2", True), (3, False)):
        parameters = {"drug": "imatinib", "known": True, "top": top}
        query = {"name": "hypotheses_for_drug", "parameters": parameters}
        assert truncated("query", **query) == cut
        assert truncated("query", **query, most=1) == (cut or top == 3)


def test_a_broken_question_of_ones_own_leaves_the_others(
    client: TestClient, reader: TestClient, site: Site, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "repurposing.cypher").write_text("RETURN 1 AS x", encoding="utf-8")
    monkeypatch.setenv("MEDKG_LIBRARY", str(tmp_path))
    with pytest.warns(UserWarning, match="left out"):
        listed = client.get("/api/queries", headers=bearer(site, "visitor"))
    with pytest.warns(UserWarning, match="left out"):
        page = reader.get("/cypher/hypotheses_for_drug")
    assert "repurposing" in {query["name"] for query in listed.json()}
    assert "of Drug, or name" in page.text


def test_cypher_reads_and_changes_nothing(client: TestClient, site: Site) -> None:
    table = ask(
        client, site, "reader", "query", cypher="UNWIND range(1, 9) AS n RETURN n", most=3
    ).json()
    assert table == {"columns": ["n"], "rows": [[1], [2], [3]], "truncated": True, "note": ""}
    for account in ("reader", "writer"):
        refused = ask(client, site, account, "query", cypher="CREATE (n:Drug) RETURN n")
        assert refused.status_code == 400
    assert ask(client, site, "reader", "query").status_code == 400


def test_what_the_graph_has_not_is_told_as_the_command_line_tells_it(
    client: TestClient, reader: TestClient, site: Site
) -> None:
    misspelt = ask(client, site, "reader", "query", cypher="MATCH ()-[r:TREAT]->() RETURN r.id")
    assert misspelt.status_code == 400
    assert "no relation 'TREAT'; near: TREATS" in misspelt.text
    empty = ask(client, site, "reader", "hypotheses", entity="warfarin").json()
    assert empty["rows"] == []
    assert "prediction" in empty["note"]
    page = reader.post("/hypotheses", data={"entity": "warfarin"}, headers=FROM_HERE)
    assert escape(empty["note"]) in page.text


def test_each_query_is_recorded_with_the_account(client: TestClient, site: Site) -> None:
    ask(client, site, "reader", "query", cypher="RETURN 41 AS n")
    assert site.store.audit is not None
    last = list(site.store.audit.entries())[-1]
    assert (last["user"], last["action"]) == ("site reader", "query")


def test_the_library_says_what_its_queries_take(client: TestClient, site: Site) -> None:
    listed = client.get("/api/queries", headers=bearer(site, "visitor")).json()
    by_name = {query["name"]: query for query in listed}
    parameter = by_name["hypotheses_for_drug"]["parameters"][0]
    assert (parameter["name"], parameter["kinds"]) == ("drug", ["Drug"])


def test_a_diagnosis_is_explained_and_asks_on(client: TestClient, site: Site) -> None:
    answer = ask(
        client, site, "reader", "diagnosis", present=["HP:0000011"], absent=["HP:0000042"]
    ).json()
    assert answer["case"]["present"] == ["HP:0000011"]
    assert len(answer["case"]["diagnoses"]) == 10
    assert answer["case"]["explanation"]
    assert answer["questions"]
    assert ask(client, site, "reader", "diagnosis", present=["HP:9999999"]).status_code >= 400


def test_a_diagnosis_is_a_fhir_bundle(client: TestClient, site: Site) -> None:
    pytest.importorskip("fhir.resources", reason="NOT RUN: FHIR; install the extra fhir")
    answer = ask(client, site, "reader", "diagnosis/fhir", present=["HP:0000011"])
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.json()["resourceType"] == "Bundle"


def test_only_a_writer_writes_a_patient(client: TestClient, site: Site) -> None:
    body = {"present": ["HP:0000011"]}
    for account in ("visitor", "reader"):
        assert ask(client, site, account, "patients", **body).status_code == 403
    written = ask(client, site, "writer", "patients", **body).json()["patient"]
    seen = ask(client, site, "reader", "entity", kind="Patient", id=written).json()
    assert {group["relation"] for group in seen["facts"]} == {"HAS_PHENOTYPE"}


def test_a_patient_is_written_beside_the_graphs_own_nodes(client: TestClient, site: Site) -> None:
    there = server_graph(
        ("Symptom", "HP:0000022", "HP:0999999"), ("Symptom", "HP:0000032", "HP:0000032")
    )
    site.store.write(there)
    try:
        body = {"present": ["HP:0000022", "HP:0000032"]}
        written = ask(client, site, "writer", "patients", **body).json()["patient"]
        shown = "MATCH (:Patient {id: $patient})-[:HAS_PHENOTYPE]->(s) RETURN s.id, s.name"
        rows = site.store.query(shown, patient=written).rows()
        assert set(rows) == set(there.nodes.select("id", "name").rows())
    finally:
        ours = [*there.nodes["id"], *there.merges["merged"]]
        change(site.store, f"MATCH (n) WHERE n.id IN {ours} OR n.kept IN {ours} DETACH DELETE n")


def test_a_treatment_warns(client: TestClient, site: Site) -> None:
    patient = {"diseases": ["DOID:00"], "also": ["DOID:66"], "taking": ["drug 1-0", "drug 0-5"]}
    answer = ask(client, site, "visitor", "treatment", **patient).json()
    kinds = {drug["name"]: [each["kind"] for each in drug["warnings"]] for drug in answer["taking"]}
    assert "contraindicated" in kinds["drug 0-5"]


def test_a_model_whose_graph_was_read_in_documents_is_not_for_visitors(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it tells of drugs and diseases, and warns of, may be in a document alone."""
    noted = pharmacy()
    evidence = noted.evidence.select(
        "subject", "relation", "object", "qualifiers", "source", "references"
    ).with_columns(document=pl.lit("note:9"), sentence=pl.lit("Read on the ward."), start=0, end=17)
    document = pl.DataFrame({"id": ["note:9"], "kind": ["Document"], "name": ["note 9"]})
    nodes = pl.concat([noted.nodes, document], how="diagonal")
    read = KnowledgeGraph.build(nodes, evidence, noted.sources)
    patient = {"diseases": ["DOID:00"], "taking": ["drug 1-0", "drug 0-5"], "also": ["DOID:66"]}
    assert ask(client, site, "visitor", "treatment", **patient).json()["recorded"]
    monkeypatch.setattr(site, "treatment", train_treatment(read, model="popularity"))
    refused = ask(client, site, "visitor", "treatment", **patient)
    assert refused.status_code == 403
    assert "'visitor' may not see" in refused.json()["detail"]
    seen = ask(client, site, "reader", "treatment", **patient).json()
    assert {piece["sentence"] for drug in seen["recorded"] for piece in drug["evidence"]} == {
        "Read on the ward."
    }


@pytest.mark.parametrize("address", ["diagnosis", "diagnosis/fhir"])
def test_a_diagnosis_by_what_was_read_in_documents_is_not_for_visitors(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    assert site.diagnosis is not None
    body = {"present": ["HP:0000011"]}
    assert ask(client, site, "visitor", address, **body).status_code == 200
    graph = site.diagnosis.kg
    sentence = graph.evidence.with_columns(sentence=pl.lit("Read on the ward."))
    monkeypatch.setattr(site.diagnosis, "kg", graph.with_frames(evidence=sentence))
    assert ask(client, site, "visitor", address, **body).status_code == 403
    assert ask(client, site, "reader", address, **body).status_code == 200


# Pages


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/", "Search"),
        ("/entity/Drug/drugbank:DB1", "KIT"),
        ("/entity/Drug/drugbank:DB1/facts/CAUSES", "oedema"),
        ("/hypotheses", "A drug, a target or a disease"),
        ("/explanation", "Drug that targets"),
        ("/cypher", "The query library"),
        ("/cypher/hypotheses_for_drug", "of Drug, or name"),
        ("/diagnosis", "A note to read"),
        ("/treatment", "To treat"),
        ("/api", "POST /api/search"),
    ],
)
def test_a_page_says(reader: TestClient, address: str, expected: str) -> None:
    page = reader.get(address)
    assert page.status_code == 200
    assert expected in page.text


def test_the_picture_runs_its_scripts_apart_from_the_site(reader: TestClient) -> None:
    page = reader.get("/entity/Drug/drugbank:DB1/graph")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "imatinib" in page.text


def test_forms_are_answered_by_pages(reader: TestClient) -> None:
    for address, form, expected in (
        ("/search", {"text": "imatinib"}, "/entity/Drug/drugbank:DB1"),
        ("/search", {"text": "伊马替尼"}, "medkg load … --language zh"),
        ("/hypotheses", {"entity": "imatinib"}, "PDGFRA"),
        ("/cypher", {"cypher": "RETURN 41 + 1 AS sum"}, "42"),
        ("/cypher", {"name": "hypotheses_for_drug", "parameter.drug": "imatinib"}, "PDGFRA"),
        ("/cypher", {"cypher": "RETURN $x", "parameters": "{"}, "no JSON"),
        ("/diagnosis", {"present": "HP:0000011", "do": "rank"}, "What to ask next"),
        ("/diagnosis", {"do": "rank"}, "at least one phenotype"),
        ("/treatment", {"diseases": "DOID:00"}, "What was checked"),
        (
            "/treatment",
            {"diseases": "DOID:00", "age": "70"},
            "could not be checked, for any drug: age",
        ),
        ("/treatment", {"diseases": ""}, "at least one disease"),
    ):
        page = reader.post(address, data=form, headers=FROM_HERE)
        assert page.status_code == 200
        assert expected in page.text, (address, form)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"do": "rank", "keep": ["yes"] * 201, "phenotype": [f"HP:{n}" for n in range(201)]},
         "at most 200 phenotypes"),
        ({"do": "rank", "present": "HP:1", "genes": "\n".join(map(str, range(201)))},
         "at most 200 genes"),
        ({"do": "rank", "present": "p" * 201}, "a name may have at most 200 characters"),
        ({"do": "read", "note": "n" * 200_001}, "a note may have at most 200,000 characters"),
        ({"do": "read", "note": ""}, "give a note to read"),
        ({"do": "rank", "present": "HP:1", "age": "old"}, "an age is a number of years from 0"),
        ({"do": "rank", "present": "HP:1", "age": "131"}, "an age is a number of years from 0"),
    ],
    ids=["phenotypes", "genes", "name", "note", "nothing", "no age", "too old"],
)  # fmt: skip
def test_a_page_says_what_there_is_too_much_of(
    reader: TestClient, form: dict[str, Any], expected: str
) -> None:
    page = reader.post("/diagnosis", data=form, headers=FROM_HERE)
    assert page.status_code == 200
    assert expected in page.text


def test_the_sex_and_the_age_of_a_note_are_read_with_its_findings(
    client: TestClient, site: Site, reader: TestClient
) -> None:
    note = "A 34-year-old woman with ringing ears. Her mother is 60 years old."
    answer = ask(client, site, "reader", "findings", text=note).json()
    assert set(answer) == {"findings", "sex", "age"}
    assert (answer["sex"], answer["age"]) == ("female", 34)
    nothing = ask(client, site, "reader", "findings", text="Ringing ears.").json()
    assert (nothing["sex"], nothing["age"]) == (None, None)
    # Of two patients the second's, or none.
    for text, sex, age in ((note, "female", "34"), ("Tired.", "", "")):
        form = {"do": "read", "note": text, "sex": "male", "age": "7"}
        page = reader.post("/diagnosis", data=form, headers=FROM_HERE).text
        assert f'name="age" value="{age}"' in page
        assert [s for s in ("female", "male") if f"<option selected>{s}<" in page] == [sex] * bool(
            sex
        )


@pytest.mark.parametrize("account", ["visitor", "reader"])
def test_a_page_says_that_there_are_more_hypotheses(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    client.post("/login", data={"token": site.tokens.by_account[account]}, headers=FROM_HERE)
    form = {"entity": "OMIM:1"}
    assert "There are more" not in client.post("/hypotheses", data=form, headers=FROM_HERE).text
    fewest = messages.HypothesesRequest(entity="OMIM:1", most=1)
    monkeypatch.setattr(messages, "HypothesesRequest", lambda **_: fewest)
    page = client.post("/hypotheses", data=form, headers=FROM_HERE).text
    assert "There are more: <code>/api/hypotheses</code> gives up to 200" in page


def test_an_answer_to_a_question_joins_what_is_known(reader: TestClient) -> None:
    form = {"present": "HP:0000011", "do": "", "answer": "no HP:0000032"}
    page = reader.post("/diagnosis", data=form, headers=FROM_HERE)
    assert "(HP:0000032)" in page.text.partition('name="absent"')[2].partition("</textarea>")[0]


def test_what_is_typed_is_escaped(reader: TestClient) -> None:
    page = reader.post("/search", data={"text": "<script>alert(1)</script>"}, headers=FROM_HERE)
    assert "<script>alert" not in page.text


def test_an_error_is_a_page_or_json(reader: TestClient, site: Site) -> None:
    page = reader.get("/entity/Drug/drugbank:DB99")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    answer = ask(reader, site, "reader", "entity", kind="Drug", id="drugbank:DB99")
    assert answer.status_code == 404
    assert "DB99" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-0.42, "-0.420"), (0.42, "0.420"), (-0.0004, "-4.0e-04"), (0.0, "0.000"), (None, "")],
)
def test_a_number_has_as_many_digits_as_it_takes(value: float | None, shown: str) -> None:
    assert _number(value) == shown


def test_names_are_marked_as_whole_words_the_longest_first() -> None:
    parts = marked("Gait ataxia, not ataxias: ataxia.", ["ataxia", "gait ataxia"])
    assert [part.text for part in parts if part.is_name] == ["Gait ataxia", "ataxia"]
    assert "".join(part.text for part in parts) == "Gait ataxia, not ataxias: ataxia."
