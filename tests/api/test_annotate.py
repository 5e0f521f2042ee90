"""What was read in texts, shown at the terminal, as JSON, as a page, and for annotators."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from typer.testing import CliRunner

import medkg
from medkg import texts as api_texts
from medkg.cli import app
from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.extract import pipeline
from medkg.extract.annotated import AnnotatedText
from medkg.extract.corpora.brat import read_brat
from medkg.extract.corpora.document import Document
from medkg.extract.corpora.jsonl import read_jsonl
from tests.graph.graphs import small

NOTE = """[bold]Note[/bold] [/] GIST was treated with imatinib.\x1b[31m Imatinib caused edema.
She denies abdominal pain. Her mother had edema. She takes aspirin 100 mg daily.
"""
CERTAIN = "Imatinib inhibits KIT. Aspirin did not cause edema."


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "notes").mkdir()
    (folder / "notes" / "gist.txt").write_text(NOTE, encoding="utf-8")
    (folder / "notes" / "kit.txt").write_text(CERTAIN, encoding="utf-8")
    (folder / "empty.txt").touch()
    small().save(folder / "graph")
    return folder


@pytest.fixture(scope="module")
def texts(folder: Path) -> list[AnnotatedText]:
    return medkg.annotate([folder / "notes"], terminology=small())


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "80"})
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def _nothing_kept() -> Iterator[None]:
    """No pipeline is kept from another test, or for one."""
    api_texts.kept_pipeline.cache_clear()
    yield
    api_texts.kept_pipeline.cache_clear()


@pytest.mark.usefixtures("_nothing_kept")
def test_what_ships_is_loaded_once_for_all_texts_that_are_read_alike(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, built = pipeline.build_pipeline, list[object]()

    def counted(*given: Any, **options: Any) -> Any:
        built.append(options["min_probability"])
        return build(*given, **options)

    monkeypatch.setattr(pipeline, "build_pipeline", counted)
    monkeypatch.setattr(api_texts, "default_terminology", small)
    first = medkg.annotate(folder / "notes")
    assert [text.mentions for text in medkg.annotate(folder / "notes")] == [
        text.mentions for text in first
    ]
    assert built == [0.0]
    likely = medkg.annotate(folder / "notes", min_probability=0.99)
    assert built == [0.0, 0.99]
    assert sum(len(text.relations) for text in likely) < sum(len(text.relations) for text in first)
    graph = small()
    for note in sorted((folder / "notes").iterdir())[:2]:
        medkg.annotate(note, terminology=graph)
    assert built == [0.0, 0.99, 0.0]


@pytest.mark.usefixtures("_nothing_kept")
def test_the_pipeline_that_is_kept_keeps_no_word_of_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_texts, "default_terminology", small)
    (tmp_path / "note.txt").write_text("Mrs Quimbleworth takes imatinib.")
    medkg.annotate(tmp_path / "note.txt")
    nlp, _ = api_texts.kept_pipeline(None, None, 0.0)
    assert "Quimbleworth" not in nlp.vocab.strings


def test_mentions_are_where_they_say_with_context_and_link(texts: list[AnnotatedText]) -> None:
    for text in texts:
        for mention in text.mentions:
            assert text.text[mention.start : mention.end] == mention.text
            assert 0 < mention.probability <= 1
    gist = next(text for text in texts if text.id == "note:gist")
    mentions = {(m.text, m.identifier, m.context) for m in gist.mentions}
    assert ("imatinib", "drugbank:DB00619", ()) in mentions
    assert ("abdominal pain", "HP:0002027", ("negated",)) in mentions
    assert ("edema", "HP:0000969", ("family",)) in mentions


def test_the_triples_are_those_of_the_graph(folder: Path, texts: list[AnnotatedText]) -> None:
    kg = medkg.read_texts([folder / "notes"], terminology=small())
    evidence = kg.evidence.filter(pl.col("relation") != "MENTIONS")
    wanted = evidence.select("document", "subject", "relation", "object", "start", "end")
    shown = [
        (text.id, t.subject.id, t.relation, t.object.id, t.start, t.end)
        for text in texts
        for t in text.triples
    ]
    assert sorted(wanted.iter_rows()) == sorted(shown)
    takes = next(
        t for text in texts for t in text.triples if t.relation == "TAKES" and t.qualifiers
    )
    assert takes.qualifiers["dose"] == "100 mg"
    for text in texts:
        for t in text.triples:
            for end in (t.subject, t.object):
                assert (end.start is None) == (end.kind == "Patient")


def test_a_relation_joins_mentions_of_its_triple(texts: list[AnnotatedText]) -> None:
    related = [
        (text.mentions[r.head].text, r.relation, text.mentions[r.tail].text)
        for text in texts
        for r in text.relations
    ]
    assert ("Imatinib", "TARGETS", "KIT") in related
    assert ("Imatinib", "CAUSES", "edema") in related
    denied = [t for text in texts for t in text.triples if "negated" in t.context]
    assert ("Aspirin", "CAUSES") in {(t.subject.name, t.relation) for t in denied}
    assert ("Aspirin", "CAUSES", "edema") not in related


def test_show_reads_without_colours_in_80_columns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medkg.cli import show

    monkeypatch.setattr(show.out, "width", 80)  # another test may have been the first to print
    result = run("extract", folder / "notes", "--graph", folder / "graph", "--show")
    printed = result.stdout
    assert "\x1b" not in printed, "what steers a terminal comes from a note"
    assert "[bold]Note[/bold] [/] " in printed
    assert re.search(r"treated with \[imatinib\]\d\.", printed)
    assert re.search(r"denies \[abdominal pain\]\d-\.", printed)
    assert re.search(r"mother had \[edema\]\dF\.", printed)
    assert "- negated" in printed
    assert "F of the family" in printed
    assert max(map(len, printed.splitlines())) <= 80
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert any(line.startswith("0.") and "Imatinib 1 TARGETS KIT 2" in line for line in lines)
    assert any("aspirin Drug 100 mg, daily" in line for line in lines)


def test_show_gives_the_same_as_json_and_beside_it_page_and_graph(
    folder: Path, texts: list[AnnotatedText], tmp_path: Path
) -> None:
    page, out = tmp_path / "read.html", tmp_path / "out"
    result = run(
        "extract", folder / "notes", folder / "empty.txt", "--graph", folder / "graph", "--show",
        "--html", page, "--out", out, "--json",
    )  # fmt: skip
    printed = json.loads(result.stdout)
    assert printed["texts"] == json.loads(json.dumps([t.as_dict() for t in texts]))
    assert "empty.txt" in result.stderr
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert medkg.open(out).evidence.height == printed["evidence"]


def test_extract_needs_to_know_what_to_make(folder: Path) -> None:
    run("extract", folder / "notes", code=2)


def test_displacy_draws_a_text_and_escapes_all_of_it(texts: list[AnnotatedText]) -> None:
    gist = next(text for text in texts if text.id == "note:gist")
    html = AnnotatedText("note:<i>", f"{NOTE}<script>", gist.mentions, (), ())._repr_html_()
    assert html.count("<mark") == len(gist.mentions)
    assert "Symptom negated" in html
    assert "HP:0002027 Abdominal pain" in html
    assert "<script>" not in html
    assert "<i>" not in html


def _marked(document: Document) -> list[tuple[int, int, str]]:
    return [(m.start, m.end, m.kind) for m in document.mentions]


@pytest.mark.parametrize("form", ["doccano", "brat"])
def test_review_export_is_read_back_as_what_was_read(
    form: str, folder: Path, texts: list[AnnotatedText], tmp_path: Path
) -> None:
    out = tmp_path / ("review" if form == "brat" else "review.jsonl")
    result = run(
        "review", "export", folder / "notes", "--graph", folder / "graph", "--out", out,
        "--format", form, "--json",
    )  # fmt: skip
    listed = json.loads(result.stdout)["documents"]
    assert [row["score"] for row in listed] == sorted((r["score"] for r in listed), reverse=True)
    quarantine = Quarantine()
    documents = (read_brat if form == "brat" else read_jsonl)(out, quarantine)
    assert not quarantine.rows
    by_id = {text.id: text for text in texts}
    assert len(documents) == len(texts) == len(listed)
    for row, document in zip(listed, documents, strict=True):
        text = by_id[row["document"]]
        assert document.text == text.text
        assert _marked(document) == [(m.start, m.end, m.kind) for m in text.mentions]
        assert len(document.relations) == len(text.relations)


def test_review_refuses_an_unknown_form_and_what_is_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="doccano or brat"):
        medkg.review([folder / "notes"], folder / "x", "conll", terminology=small())
    with pytest.raises(DataError, match="an annotator's corrections"):
        medkg.review([folder / "notes"], folder / "notes", "brat", terminology=small())
    corrected = tmp_path / "review.jsonl"
    corrected.write_text("corrected", encoding="utf-8")
    with pytest.raises(DataError, match="an annotator's corrections"):
        medkg.review([folder / "notes"], corrected, terminology=small())
    assert corrected.read_text(encoding="utf-8") == "corrected"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["none.txt"], "none.txt: is not there"),
        (["note.txt", "none.txt"], "none.txt: is not there"),
        (["blank.txt"], "file is empty"),
        (["folder"], "is a folder without files to read"),
    ],
)
@pytest.mark.parametrize("ask", [medkg.annotate, medkg.read_texts])
def test_what_is_not_there_is_told_before_models_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Any, given: list[str], problem: str
) -> None:
    def loaded() -> None:
        raise AssertionError("names were loaded")

    monkeypatch.setattr("medkg.texts.default_terminology", loaded)
    (tmp_path / "note.txt").write_text("Fever.", encoding="utf-8")
    (tmp_path / "blank.txt").write_text(" ", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=problem):
        ask([tmp_path / name for name in given], quarantine=Quarantine())
