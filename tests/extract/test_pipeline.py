"""From text to a graph with the models that ship."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import torch

from medkg.extract import pipeline
from medkg.extract.pipeline import TextDocument, extract, read_documents
from medkg.graph.errors import DataError, ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.graph.quarantine import Quarantine

from .test_linker import graph

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
    return extract(DOCUMENTS, graph())


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
    kg = extract([TextDocument("note:f", "Family history: Marfan syndrome.", "patient:f")], graph())
    row = kg.evidence.filter(relation="HAS_DISEASE").row(0, named=True)
    assert (row["object"], row["experiencer"]) == ("OMIM:154700", "family")
    assert "HAS_DISEASE" not in kg.edges["relation"].to_list()


def test_an_abstract_has_relations_and_no_patient(extracted: KnowledgeGraph) -> None:
    edges = extracted.edges.filter(subject="drugbank:DB00945")
    found = dict(edges.filter(relation="TARGETS").select("object", "properties").iter_rows())
    assert json.loads(found["NCBIGene:5743"])["action"] == "inhibitor"
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


def test_a_mention_that_nothing_names_becomes_a_node_of_its_own(
    extracted: KnowledgeGraph,
) -> None:
    own = extracted.nodes.filter(pl.col("id").str.starts_with("text:"))
    assert ("text:symptom_cough", "Symptom", "cough") in set(
        own.select("id", "kind", "name").iter_rows()
    )


def test_without_sentences_no_text_is_kept() -> None:
    kg = extract(DOCUMENTS[:1], graph(), sentences=False)
    assert kg.evidence["sentence"].null_count() == kg.evidence.height
    assert kg.evidence["start"].drop_nulls().len() > 0


def test_the_graph_merges_with_its_terminology(extracted: KnowledgeGraph) -> None:
    merged = merge(graph(), extracted)
    assert merged.nodes.filter(id="HP:0001945").height == 1
    assert triples(extracted) <= triples(merged)


def test_batches_and_order_change_nothing(
    extracted: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_BATCH", 1)
    alone = extract(DOCUMENTS, graph())
    # Padding changes the last bits of a probability, which is rounded to six places.
    assert alone.evidence.drop("probability").equals(extracted.evidence.drop("probability"))
    apart = (alone.evidence["probability"] - extracted.evidence["probability"]).abs().max()
    assert isinstance(apart, float)
    assert apart < 1e-4


def test_a_document_that_breaks_a_component_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    build = pipeline.build_pipeline

    def breaking(*args: object, **kwargs: object) -> object:
        nlp = build(*args, **kwargs)  # type: ignore[arg-type]  # as they came
        tokenize = nlp.tokenizer

        def tokenizer(text: str) -> object:
            if "boom" in text:
                raise ValueError("secret text")
            return tokenize(text)

        nlp.tokenizer = tokenizer
        return nlp

    monkeypatch.setattr(pipeline, "build_pipeline", breaking)
    documents = [*DOCUMENTS, TextDocument("note:bad", "boom"), TextDocument("not a curie", "fever")]
    documents.append(TextDocument("note:empty", " \n"))
    quarantine = Quarantine()
    kg = extract(documents, graph(), quarantine=quarantine)
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
        extract(documents, graph())


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        extract(DOCUMENTS, graph(), relations_model=tmp_path)


def test_documents_are_read_from_files_folders_pubtator_and_columns(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "b 2.txt").write_text("Fever.", encoding="utf-8")
    (tmp_path / "notes" / "a.txt").write_text("Cough.", encoding="utf-8")
    (tmp_path / "some.pubtator").write_text("12|t|Title.\n12|a|Abstract.\n", encoding="utf-8")
    (tmp_path / "t.csv").write_text('id,note\n1,"two\nlines"\n2,\n3,last\n', encoding="utf-8")
    quarantine = Quarantine()
    paths = [tmp_path / "notes", tmp_path / "some.pubtator", f"{tmp_path / 't.csv'}:note"]
    found = list(read_documents(paths, quarantine))
    assert found == [
        TextDocument("note:a", "Cough.", "patient:a"),
        TextDocument("note:b-2", "Fever.", "patient:b-2"),
        TextDocument("PMID:12", "Title.\nAbstract."),
        TextDocument("note:t-1", "two\nlines", "patient:t-1"),
        TextDocument("note:t-3", "last", "patient:t-3"),
    ]
    assert quarantine.counts() == {"row without text": 1}
    without = list(read_documents([tmp_path / "notes"], quarantine, patients=False))
    assert [document.patient for document in without] == [None, None]


def test_notes_of_one_name_in_several_folders_are_several_notes(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        (tmp_path / patient).mkdir()
        (tmp_path / patient / "note.txt").write_text("Cough.", encoding="utf-8")
    found = list(read_documents([tmp_path], Quarantine()))
    assert [document.id for document in found] == ["note:p1/note", "note:p2/note"]


def test_a_csv_row_is_whole_or_set_aside(tmp_path: Path) -> None:
    long = "Cough. " * 30_000
    rows = f"id,note\n1,Fever, but no cough\n2,one\x0cpage and\u2028another\n3,{long}\n4\n"
    (tmp_path / "t.csv").write_text(rows, encoding="utf-8")
    quarantine = Quarantine()
    found = list(read_documents([f"{tmp_path / 't.csv'}:note"], quarantine))
    assert [document.text for document in found] == ["one\x0cpage and\u2028another", long]
    assert [(row.line, row.row) for row in quarantine.rows] == [(2, "row 1"), (5, "row 4")]
    assert quarantine.counts() == {"wrong number of columns": 2}


def test_what_can_t_be_read_is_set_aside_by_name(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Fever.", encoding="utf-8")
    (tmp_path / "empty.txt").write_text(" \n", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("Ménière".encode("latin-1"))
    quarantine = Quarantine()
    assert [d.id for d in read_documents([tmp_path], quarantine)] == ["note:good"]
    assert {(Path(row.path).name, row.reason) for row in quarantine.rows} == {
        ("empty.txt", "file is empty"),
        ("latin.txt", "file is not UTF-8 text"),
    }


@pytest.mark.parametrize("path", ["missing.txt", "missing.csv:note"])
def test_a_path_that_is_not_there_is_an_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(DataError, match=r"missing\.(txt|csv)"):
        list(read_documents([tmp_path / path], Quarantine()))


def test_a_column_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,note\n1,x\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 'text'") as error:
        list(read_documents([f"{tmp_path / 't.csv'}:text"], Quarantine()))
    assert "note" not in str(error.value)
