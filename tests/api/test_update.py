"""A folder of notes that changes, read into a graph again: as if it were read at first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from medkg.core.quarantine import Quarantine
from medkg.extract.document_form import Texts
from medkg.extract.run import Summary
from medkg.graph.document_readings import recorded_readings
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.texts import read_texts
from tests.cli.test_commands import Medkg, medkg
from tests.extract.made_graph import graph

from ..extract import deadly
from ..extract.test_document_form import SENTENCE, TRIAL, VISIT
from ..graph.graphs import small

__all__ = ["medkg"]

PAPERS = """<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article>
<ArticleTitle>Fever{}.</ArticleTitle></Article></MedlineCitation></PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>8</PMID><Article><ArticleTitle>No fever.</ArticleTitle>
</Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A recogniser whose answers have no last digits that depend on what is read beside."""
    torch.set_num_threads(1)
    return deadly.model(tmp_path / "model")


def write(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


FIRST = {
    "a.txt": "Fever, and odd fevers.",
    "b/note.md": "He denies **fever**.",
    "c.txt": "Family history: fever.",
    "papers.xml": PAPERS.format(""),
}
CHANGES = {"a.txt": "Possible fever.", "d.txt": "Fever!", "papers.xml": PAPERS.format(" and pain")}


def test_reading_again_is_as_reading_at_first(tmp_path: Path, model: Path) -> None:
    folder = write(tmp_path / "notes", FIRST)

    def read(
        into: KnowledgeGraph | None = None, *, sentences: bool = True
    ) -> tuple[KnowledgeGraph, Summary]:
        summary = Summary()
        kg = read_texts(
            [folder], terminology=graph(), model=model, into=into, summary=summary,
            sentences=sentences,
        )  # fmt: skip
        return kg, summary

    old, summary = read()
    assert (summary.documents, summary.unchanged) == (5, 0)
    old.save(tmp_path / "graph")
    same, summary = read(KnowledgeGraph.open(tmp_path / "graph"))
    assert (summary.documents, summary.unchanged) == (0, 5)
    assert same.checksum() == old.checksum()

    write(folder, CHANGES)
    updated, summary = read(KnowledgeGraph.open(tmp_path / "graph"))
    assert (summary.documents, summary.unchanged) == (3, 3)
    fresh, _ = read()
    assert updated.checksum() == fresh.checksum() != old.checksum()
    assert updated.edges.equals(fresh.edges)
    assert updated.info() == fresh.info()
    # What is no longer in the folder stays; it is `forget` that takes a document out.
    (folder / "c.txt").unlink()
    kept, summary = read(updated)
    assert (summary.documents, summary.unchanged) == (0, 5)
    assert kept.checksum() == fresh.checksum()
    # Other settings read everything anew.
    bare, summary = read(updated, sentences=False)
    assert (summary.documents, summary.unchanged) == (5, 0)
    assert bare.evidence.filter(bare.evidence["sentence"].is_not_null())[
        "document"
    ].unique().to_list() == ["note:c"]


def test_another_form_reads_a_text_again(tmp_path: Path, model: Path) -> None:
    folder = write(tmp_path / "texts", {"a.txt": f"{TRIAL}Fever.", "b.txt": f"{VISIT} Fever."})

    def read(texts: Texts, into: KnowledgeGraph | None = None) -> tuple[KnowledgeGraph, Summary]:
        summary = Summary()
        kg = read_texts(
            [folder], terminology=graph(), model=model, texts=texts, into=into, summary=summary
        )
        return kg, summary

    kg, summary = read("auto")
    assert (summary.notes, summary.papers) == (summary.notes_by_form, summary.papers_by_form)
    assert (summary.notes, summary.papers) == (1, 1)
    assert kg.nodes.filter(kind="Patient")["id"].to_list() == ["patient:b"]
    notes, summary = read("notes", kg)
    assert (summary.documents, summary.unchanged, summary.notes_by_form) == (1, 1, 0)
    assert notes.nodes.filter(kind="Patient")["id"].to_list() == ["patient:a", "patient:b"]
    papers, summary = read("papers", notes)
    assert (summary.documents, summary.papers, summary.unchanged) == (2, 2, 0)
    assert papers.nodes.filter(kind="Patient").is_empty()
    assert papers.checksum() == read("papers")[0].checksum()


def test_an_interrupted_run_of_another_form_is_not_taken_over(tmp_path: Path, model: Path) -> None:
    folder = write(tmp_path / "texts", {"a.txt": SENTENCE})
    runs: list[tuple[int, int]] = []
    forms: list[Texts] = ["auto", "notes", "notes"]
    for texts in forms:
        summary = Summary()
        read_texts(
            [folder], terminology=graph(), model=model, texts=texts, keep=tmp_path / "parts",
            summary=summary,
        )  # fmt: skip
        runs.append((summary.resumed, len(summary.in_doubt)))
    assert runs == [(0, 1), (0, 0), (1, 0)]


def test_the_command_says_what_texts_were_taken_for(
    tmp_path: Path, model: Path, medkg: Medkg
) -> None:
    doubtful = {f"d{n}.txt": f"{SENTENCE}\n" for n in range(5)}
    folder = write(tmp_path / "texts", {"a.txt": TRIAL, "b.txt": VISIT, **doubtful})
    graph().save(tmp_path / "terms")
    terms = ("--graph", tmp_path / "terms", "--model", model)
    result = medkg("extract", folder, "--out", tmp_path / "kg", *terms)
    assert result.code == 0, result.err
    assert "read 6 as notes (1 by their form), 1 as papers (1 by their form)" in result.out
    doubt = next(line for line in result.out.splitlines() if line.startswith("in doubt"))
    assert "note:d0, note:d1, note:d2 and 2 more" in doubt
    assert "note:d3" not in result.out
    assert "--papers" in doubt
    assert not any(text[:20] in result.out + result.err for text in (SENTENCE, VISIT, TRIAL))
    result = medkg("extract", folder, "--out", tmp_path / "kg", *terms, "--json")
    summary = json.loads(result.out)
    assert summary["patients"] == summary["notes"] == 6
    assert (summary["notes_by_form"], summary["papers"], summary["papers_by_form"]) == (1, 1, 1)
    assert (summary["in_doubt"], summary["first_in_doubt"]) == (
        5,
        ["note:d0", "note:d1", "note:d2"],
    )
    result = medkg("extract", folder, "--into", tmp_path / "kg", *terms, "--papers")
    assert "read 6 as papers; " in result.out
    assert "1 unchanged" in result.out
    assert "in doubt" not in result.out
    assert KnowledgeGraph.open(tmp_path / "kg").nodes.filter(kind="Patient").is_empty()
    result = medkg("extract", folder, "--into", tmp_path / "kg", *terms, "--notes")
    assert "read 7 as notes; " in result.out
    result = medkg("extract", folder, "--out", tmp_path / "x", *terms, "--notes", "--papers")
    assert result.code == 2
    assert not (tmp_path / "x").exists()


def test_the_command_says_which_documents_a_new_graph_replaces(
    tmp_path: Path, model: Path, medkg: Medkg
) -> None:
    old = write(tmp_path / "old", {f"d{n}.txt": f"{VISIT}\n" for n in range(5)})
    new = write(tmp_path / "new", {"d0.txt": f"{VISIT}\n"})
    graph().save(tmp_path / "terms")
    out = ("--out", tmp_path / "kg", "--graph", tmp_path / "terms", "--model", model)
    assert "replaced" not in medkg("extract", old, *out).out
    assert "replaced" not in medkg("extract", old, *out).out
    result = medkg("extract", new, *out)
    assert result.code == 0, result.err
    line = next(line for line in result.out.splitlines() if line.startswith("replaced"))
    assert "gone: note:d1, note:d2, note:d3 and 1 more; --into" in line
    result = medkg("extract", old / "d4.txt", *out, "--json")
    assert json.loads(result.out)["documents_gone"] == ["note:d0"]
    (tmp_path / "kg" / "nodes.parquet").write_bytes(b"damaged")
    result = medkg("extract", old, *out)
    assert result.code == 0, result.err
    assert "replaced" not in result.out


def test_a_graph_of_other_sources_is_updated_too(tmp_path: Path, model: Path) -> None:
    folder = write(tmp_path / "notes", FIRST)
    terms = merge(graph(), small())
    old = merge(terms, read_texts([folder], terminology=terms, model=model))
    write(folder, CHANGES)
    summary = Summary()
    new = read_texts([folder], terminology=terms, model=model, into=old, summary=summary)
    # Its identifiers were joined to others, but a document's reading is known by its text.
    assert summary.unchanged == 3
    assert (
        new.checksum()
        == merge(terms, read_texts([folder], terminology=terms, model=model)).checksum()
    )


def test_the_command_updates_and_says_what_it_did(
    tmp_path: Path, model: Path, medkg: Medkg
) -> None:
    folder = write(tmp_path / "notes", FIRST)
    (folder / "empty.txt").write_text("", encoding="utf-8")
    graph().save(tmp_path / "terms")
    terms = ("--graph", tmp_path / "terms", "--model", model)
    result = medkg("extract", folder, "--into", tmp_path / "kg", *terms, "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert (summary["documents"], summary["words"], summary["unchanged"]) == (5, 14, 0)
    assert summary["set_aside"] == {"file is empty": 1}
    assert summary["relations"] == 0
    assert summary["mentions"] == 6
    assert summary["patients"] == 3
    result = medkg("extract", folder, "--into", tmp_path / "kg", *terms)
    assert (
        "0 documents read, 0 words, 0 mentions, 0 relations between them, 5 unchanged" in result.out
    )
    assert "record_of_patient" not in result.out
    again = tmp_path / "another graph"
    hint = medkg("extract", folder, "--out", again, *terms).out.splitlines()[-1]
    assert f"medkg write '{again}' --into embedded:server" in hint
    assert hint.endswith(f" --param patient={summary['first_patient']}")
    assert not (tmp_path / ".kg.parts").exists()
    held = recorded_readings(KnowledgeGraph.open(tmp_path / "kg"))
    assert held.height == held["reading"].n_unique() == 5
    both = medkg("extract", folder, "--into", tmp_path / "kg", "--out", tmp_path / "x", *terms)
    assert both.code == 2
    aside = Quarantine()
    again = read_texts([folder], terminology=graph(), model=model, quarantine=aside)
    assert again.checksum() == KnowledgeGraph.open(tmp_path / "kg").checksum()


def test_another_file_of_the_same_name_replaces_nothing(tmp_path: Path, model: Path) -> None:
    terms = graph()
    ward, clinic = (
        write(tmp_path / name, {"day1.txt": text})
        for name, text in (("ward", "Fever."), ("clinic", "No fever."))
    )
    old = read_texts([ward], terminology=terms, model=model)
    aside = Quarantine()
    write(clinic, {"day2.txt": "Fever, too."})
    both = read_texts([clinic], terminology=terms, model=model, into=old, quarantine=aside)
    assert [row.path for row in aside] == ["note:day1"]
    assert "from another file; rename the file" in aside.rows[0].reason
    documents = set(both.nodes.filter(kind="Document")["id"])
    assert documents == {"note:day1", "note:day2"}
    about = both.evidence.filter(document="note:day1")
    assert about.equals(old.evidence.filter(document="note:day1"))
    # The same text from elsewhere is the same note; a changed one of the same file replaces it.
    write(clinic, {"day1.txt": "Fever."})
    again = read_texts([clinic], terminology=terms, model=model, into=both)
    assert again.checksum() == both.checksum()
    write(ward, {"day1.txt": "No fever."})
    changed = read_texts([ward], terminology=terms, model=model, into=both)
    assert "LACKS_PHENOTYPE" in changed.edges["relation"].to_list()
