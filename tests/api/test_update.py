"""A folder of notes that changes, read into a graph again: as if it were read at first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from medkg.access import read_texts
from medkg.core.quarantine import Quarantine
from medkg.extract.run import Summary
from medkg.graph.document_readings import recorded_readings
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from tests.cli.test_commands import Medkg, medkg
from tests.extract.made_graph import graph

from ..extract import deadly
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
    assert "0 documents read, 0 words, 0 mentions, 0 relations, 5 unchanged" in result.out
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
