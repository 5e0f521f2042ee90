"""From text to a graph with the models that ship."""

from __future__ import annotations

import cProfile
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch

from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.extract import chunks, workers
from medkg.extract.documents import TextDocument
from medkg.extract.pipeline import GraphRows, _new_doc, build_pipeline
from medkg.extract.run import read_documents
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from tests.extract.made_graph import graph

NOTE = """Reason for visit: cough and fever.
He takes aspirin 75 mg p.o. once daily. He denies shortness of breath.
Family history: his mother had Marfan syndrome.
Possible asthma. Marfan syndrome is characterised by lens dislocation.
"""
DOCUMENTS = [
    TextDocument("note:one", NOTE, "patient:one"),
    TextDocument("PMID:7", "Aspirin inhibits COX-2. Aspirin-induced dyspnea occurs in adults."),
    TextDocument("note:three", "Nothing to report.", "patient:three"),
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def extracted() -> KnowledgeGraph:
    return read_documents(DOCUMENTS, graph())


def triples(kg: KnowledgeGraph) -> set[tuple[str, str, str]]:
    return set(kg.edges.select("subject", "relation", "object").iter_rows())


def test_what_a_note_says_becomes_edges_and_what_it_denies_does_not(
    extracted: KnowledgeGraph,
) -> None:
    edges = triples(extracted)
    assert ("patient:one", "HAS_PHENOTYPE", "HP:0001945") in edges
    assert ("patient:one", "LACKS_PHENOTYPE", "HP:0002094") in edges
    assert ("patient:one", "HAS_PHENOTYPE", "HP:0002094") not in edges
    assert ("patient:one", "TAKES", "drugbank:DB00945") in edges
    assert ("OMIM:154700", "HAS_SYMPTOM", "HP:0001083") in edges
    assert ("note:one", "MENTIONS", "patient:one") in edges


def test_what_is_a_disease_and_a_phenotype_is_a_finding_too(extracted: KnowledgeGraph) -> None:
    about = extracted.evidence.filter(subject="patient:one", certainty="possible")
    assert set(about.select("relation", "object").rows()) >= {
        ("HAS_DISEASE", "DOID:2841"),
        ("HAS_PHENOTYPE", "HP:0002099"),
    }


def test_the_family_s_disease_is_evidence_without_edge() -> None:
    kg = read_documents(
        [TextDocument("note:f", "Family history: Marfan syndrome.", "patient:f")], graph()
    )
    row = kg.evidence.filter(relation="HAS_DISEASE").row(0, named=True)
    assert (row["object"], row["experiencer"]) == ("OMIM:154700", "family")
    assert "HAS_DISEASE" not in kg.edges["relation"].to_list()


@pytest.mark.parametrize(("history", "has"), [("Asthma", True), ("Asthma, resolved", False)])
def test_what_lasts_is_had_though_the_past_history_lists_it(history: str, has: bool) -> None:
    note = f"Past medical history: {history}.\n"
    kg = read_documents([TextDocument("note:p", note, "patient:p")], graph())
    assert set(kg.evidence.filter(relation="HAS_DISEASE")["object"]) == {"DOID:2841"}
    assert (kg.edges.filter(relation="HAS_DISEASE").height == 1) == has


def test_an_abstract_has_relations_and_no_patient(extracted: KnowledgeGraph) -> None:
    edges = extracted.edges.filter(subject="drugbank:DB00945")
    properties = dict(edges.filter(relation="TARGETS").select("object", "properties").iter_rows())
    assert json.loads(properties["NCBIGene:5743"])["action"] == "inhibitor"
    assert edges.filter(relation="CAUSES").height == 1
    assert "patient:7" not in extracted.nodes["id"].to_list()


def test_evidence_points_into_the_text(extracted: KnowledgeGraph) -> None:
    texts = {document.id: document.text for document in DOCUMENTS}
    rows = extracted.evidence.filter(pl.col("start").is_not_null())
    assert rows.height > 10
    for row in rows.iter_rows(named=True):
        text = texts[row["document"]]
        assert text[row["start"] : row["end"]].strip() == row["sentence"]
        places = json.loads(row["qualifiers"])
        for end in ("mention", "subject", "object"):
            if f"{end}_start" in places:
                start, stop = places[f"{end}_start"], places[f"{end}_end"]
                assert row["start"] <= start < stop <= row["end"]
        assert 0 < row["probability"] <= 1
        assert row["level"] == "text-mined"


def test_a_dose_qualifies_its_drug(extracted: KnowledgeGraph) -> None:
    edge = extracted.edges.filter(relation="TAKES").row(0, named=True)
    assert json.loads(edge["properties"]) == {
        "dose": "75 mg",
        "frequency": "daily",
        "route": "oral",
    }


@pytest.mark.parametrize(
    ("plan", "taken"),
    [
        ("Hold aspirin.", False),
        ("Aspirin was stopped.", False),
        ("Stop aspirin. Risk of bleeding with aspirin explained.", False),
        ("Continue aspirin.", True),
        ("Hold aspirin if surgery is planned.", True),
        ("Aspirin was held before surgery. Aspirin 75 mg daily was started again.", True),
    ],
)
def test_a_drug_that_a_note_stops_is_not_taken_whatever_it_said_before(
    plan: str, taken: bool
) -> None:
    note = f"Medications: aspirin 75 mg daily.\nPlan: {plan}\n"
    kg = read_documents([TextDocument("note:a", note, "patient:a")], graph())
    edges = kg.edges.filter(relation="TAKES")
    assert (edges.height == 1) == taken
    assert kg.evidence.filter(relation="TAKES").height >= 2


@pytest.mark.parametrize(
    ("text", "reaction"),
    [
        ("Allergies: aspirin (fever, dyspnea).", "fever, dyspnea"),
        ("Past medical history: asthma, aspirin allergy.", None),
        ("Aspirin: allergic. He tolerates nothing else.", None),
    ],
)
def test_an_allergy_is_an_edge_of_its_own(text: str, reaction: str | None) -> None:
    kg = read_documents([TextDocument("note:a", text, "patient:a")], graph())
    edge = kg.edges.filter(pl.col("relation").is_in(["ALLERGIC_TO", "TAKES"])).row(0, named=True)
    assert (edge["subject"], edge["relation"], edge["object"]) == (
        "patient:a",
        "ALLERGIC_TO",
        "drugbank:DB00945",
    )
    assert json.loads(edge["properties"] or "{}").get("reaction") == reaction
    assert (
        "HAS_DISEASE"
        not in kg.edges.filter(pl.col("object").str.starts_with("text:"))["relation"].to_list()
    )


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        ("No allergy to aspirin.", "polarity", "negated"),
        ("His mother is allergic to aspirin.", "experiencer", "family"),
        ("? aspirin allergy", "certainty", "possible"),
        ("He outgrew his aspirin allergy.", "temporality", "historical"),
    ],
)
def test_an_allergy_that_is_not_the_patient_s_now_is_evidence(
    text: str, column: str, value: str
) -> None:
    kg = read_documents([TextDocument("note:a", text, "patient:a")], graph())
    rows = kg.evidence.filter(relation="ALLERGIC_TO")
    assert rows[column].to_list() == [value]
    certain = column == "certainty"  # an edge may be possible
    assert kg.edges.filter(relation="ALLERGIC_TO").height == certain
    assert "TAKES" not in kg.evidence["relation"].to_list()


@pytest.mark.parametrize(
    ("history", "taken"),
    [
        ("Ten minutes into aspirin he wheezed.", False),
        ("He is on aspirin.", True),
        ("Discharged with aspirin 75 mg daily.", True),
    ],
)
def test_what_one_is_allergic_to_is_taken_only_where_that_is_plain(
    history: str, taken: bool
) -> None:
    note = f"Allergies: aspirin (hives).\nHistory of presenting complaint: {history}\n"
    edges = read_documents([TextDocument("note:a", note, "patient:a")], graph()).edges
    assert edges.filter(relation="ALLERGIC_TO").height == 1
    assert (edges.filter(relation="TAKES").height == 1) == taken


def test_a_mention_that_nothing_names_becomes_a_node_of_its_own(
    extracted: KnowledgeGraph,
) -> None:
    own = extracted.nodes.filter(pl.col("id").str.starts_with("text:"))
    assert ("text:symptom_cough", "Symptom", "cough") in set(
        own.select("id", "kind", "name").iter_rows()
    )


def test_without_sentences_no_text_is_kept() -> None:
    kg = read_documents(DOCUMENTS[:1], graph(), sentences=False)
    assert kg.evidence["sentence"].null_count() == kg.evidence.height
    assert kg.evidence["start"].drop_nulls().len() > 0


def test_improbable_relations_of_sentences_are_left_out_and_nothing_else() -> None:
    documents = [
        TextDocument("PMID:1", "Aspirin treats fever. Aspirin may cause rash.", None),
        TextDocument("note:1", "Fever. He takes aspirin.", "patient:1"),
    ]
    every = read_documents(documents, graph()).evidence
    mined = (pl.col("document") == "PMID:1") & (pl.col("relation") != "MENTIONS")
    stated = every.filter(mined)["probability"].unique().sort().to_list()
    assert len(stated) > 1
    least = stated[1] - 1e-6  # they are rounded
    kept = read_documents(documents, graph(), min_probability=least).evidence
    columns = ["subject", "relation", "object", "document", "probability"]
    expected = every.filter(~mined | (pl.col("probability") >= least))
    assert sorted(kept.select(columns).iter_rows()) == sorted(expected.select(columns).iter_rows())


def test_the_graph_merges_with_its_terminology(extracted: KnowledgeGraph) -> None:
    merged = merge(graph(), extracted)
    assert merged.nodes.filter(id="HP:0001945").height == 1
    assert triples(extracted) <= triples(merged)


def test_batches_and_order_change_nothing(
    extracted: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "_MAX_DOCUMENTS", 1)
    alone = read_documents(DOCUMENTS, graph())
    # Padding changes the last bits of a probability, which is rounded to six places.
    assert alone.evidence.drop("probability").equals(extracted.evidence.drop("probability"))
    apart = (alone.evidence["probability"] - extracted.evidence["probability"]).abs().max()
    assert isinstance(apart, float)
    assert apart < 1e-4


def test_a_document_that_breaks_a_component_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    build = workers.build_pipeline

    def breaking(*args: object, **kwargs: object) -> object:
        nlp = build(*args, **kwargs)  # type: ignore[arg-type]  # as they came
        tokenize = nlp.tokenizer

        def tokenizer(text: str) -> object:
            if "boom" in text:
                raise ValueError("secret text")
            return tokenize(text)

        nlp.tokenizer = tokenizer
        return nlp

    monkeypatch.setattr(workers, "build_pipeline", breaking)
    documents = [*DOCUMENTS, TextDocument("note:bad", "boom"), TextDocument("not a curie", "fever")]
    documents.append(TextDocument("note:empty", " \n"))
    quarantine = Quarantine()
    kg = read_documents(documents, graph(), quarantine=quarantine)
    assert kg.nodes.filter(kind="Document")["id"].sort().to_list() == sorted(
        document.id for document in DOCUMENTS
    )
    assert {(row.path, row.reason) for row in quarantine.rows} == {
        ("note:bad", "document can't be processed (ValueError)"),
        ("not a curie", "document's identifier is no CURIE"),
        ("note:empty", "document is empty"),
    }
    assert "secret" not in str(quarantine.rows)
    with pytest.raises(DataError, match=r"note:bad|not a curie"):
        read_documents(documents, graph())


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        read_documents(DOCUMENTS, graph(), relations_model=tmp_path)


def test_the_work_grows_with_the_length_of_a_document() -> None:
    nlp = workers.build_pipeline(graph())
    paragraph = (
        f"Medications:\n{NOTE}\nPlan (PL): Dr. A. Smith gives lisinopril (LIS) 5 mg. Etc.\n\n"
    )

    def work(times: int) -> int:
        """The number of calls, of Python and of C, that reading the paragraph so often takes."""
        document = TextDocument("note:long", paragraph * times, "patient:long")
        profile = cProfile.Profile()
        profile.enable()
        doc = nlp(document.text)
        GraphRows(sentences=True).add(document, doc)
        profile.disable()
        return sum(entry.callcount for entry in profile.getstats())

    work(15)  # what is looked up once
    assert work(60) < 4.5 * work(15)


def test_of_a_note_turns_of_phrase_alone_say_what_a_drug_causes() -> None:
    text = "Side effects of cisplatin.\nNephrotoxicity and vomiting were observed in all patients."
    paper = read_documents([TextDocument("PMID:1", "Cisplatin caused vomiting.")], graph())
    assert "CAUSES" in paper.evidence["relation"].to_list()
    note = read_documents([TextDocument("note:1", text, "patient:1")], graph())
    assert "CAUSES" not in note.evidence["relation"].to_list()
    document = TextDocument("note:2", "Cisplatin caused vomiting.", "patient:2")
    assert "CAUSES" in read_documents([document], graph()).evidence["relation"].to_list()


def test_a_test_with_a_value_counts_however_short_its_name() -> None:
    note = TextDocument("note:1", "Labs:\nHb 9.2 g/dL (low).", "patient:1")
    (row,) = read_documents([note], graph()).evidence.filter(relation="UNDERWENT").to_dicts()
    assert row["object"] == "text:procedure_hb"
    assert json.loads(row["qualifiers"])["value"] == 9.2


def test_what_may_not_be_given_is_an_edge_and_nobody_has_the_disease() -> None:
    text = "Aspirin is contraindicated in patients with asthma. Rifampicin: asthma (mild), fever."
    edges = triples(read_documents([TextDocument("note:1", text, "patient:1")], graph()))
    assert ("drugbank:DB00945", "CONTRAINDICATED_FOR", "DOID:2841") in edges
    assert ("DOID:2841", "HAS_SYMPTOM", "HP:0001945") not in edges  # it stands outside the brackets


def test_what_is_only_possible_counts_half() -> None:
    texts = {"a": "He has Marfan syndrome.", "b": "Possible Marfan syndrome."}
    documents = [TextDocument(f"note:{n}", text, f"patient:{n}") for n, text in texts.items()]
    kg = read_documents(documents, graph())
    joined = kg.evidence.join(
        kg.evidence.filter(relation="MENTIONS").select(
            "document", "object", of_mention="probability"
        ),
        on=["document", "object"],
    ).filter(relation="HAS_DISEASE")
    shares = dict(
        joined.select("subject", pl.col("probability") / pl.col("of_mention")).iter_rows()
    )
    assert shares == {"patient:a": pytest.approx(1), "patient:b": pytest.approx(0.5, abs=1e-4)}


def test_what_notes_measure_in_two_letters_is_a_test() -> None:
    kg = read_documents([TextDocument("note:1", "Na 138, ANA 1:320.", "patient:1")], graph())
    rows = kg.evidence.filter(relation="UNDERWENT")
    values = {
        tail: json.loads(qualifiers)["value"]
        for tail, qualifiers in rows.select("object", "qualifiers").iter_rows()
    }
    assert values == {"text:procedure_na": 138.0, "text:procedure_ana": "1:320"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He has T2DM and SOB.", [("T2DM", "DOID:9352"), ("SOB", "HP:0002094")]),
        ("pCO2 38 mmHg and eGFR 45 mL/min", [("pCO2", None), ("eGFR", None)]),
    ],
)
def test_what_notes_write_short_is_read_in_notes(
    text: str, expected: list[tuple[str, str | None]]
) -> None:
    nlp = build_pipeline(graph())
    doc = nlp(_new_doc(nlp, TextDocument("note:1", text, "patient:1")))
    assert [(m.text, m._.identifier) for m in doc.spans["mentions"]] == expected


def test_the_components_are_found_by_their_names() -> None:
    """In a process that has imported nothing of medkg, in spaCy's own pipeline."""
    code = """
import spacy
nlp = spacy.blank("en")
for name in ("sentences", "ner", "context"):
    nlp.add_pipe(f"medkg_{name}")
doc = nlp("He denies chest pain. Metformin was started.")
print([(m.text, m.label_, m._.polarity) for m in doc.spans["mentions"]])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "('chest pain', 'Symptom', 'negated'), ('Metformin', 'Drug', 'asserted')" in run.stdout


def test_a_pipeline_loads_nothing_that_reading_does_not_need() -> None:
    heavy = {"presidio_analyzer", "transformers.modeling_utils", "sklearn", "torch._dynamo"}
    probe = (
        "import sys; from medkg.extract.pipeline import build_pipeline;"
        " from tests.extract.made_graph import graph; build_pipeline(graph())('A cough.');"
        f" print([name for name in {sorted(heavy)} if name in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"
