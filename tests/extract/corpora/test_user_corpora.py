"""One's own annotated text: every format, its bad rows, its labels, and how it is split.

The small files follow the formats' documentation: CoNLL-2003's columns
(https://www.clips.uantwerpen.be/conll2003/ner/), spaCy's DocBin (https://spacy.io/api/docbin) and
doc.to_json (https://spacy.io/api/doc#to_json), Prodigy's spans
(https://prodi.gy/docs/api-interfaces), Doccano's exports
(https://doccano.github.io/doccano/tutorial/).
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin, Span

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.conll import read_conll
from medkg.extract.corpora.docbin import read_docbin
from medkg.extract.corpora.document import Document, Mention, Relation, flat_mentions
from medkg.extract.corpora.jsonl import read_jsonl
from medkg.extract.corpora.readers import FORMATS, format_of, read_annotated
from medkg.extract.corpora.splits import document_folds
from medkg.extract.corpora.user_corpora import read_corpora

TEXT = "Zapomycin gave one man a dry cough."
SPANS = [(0, 9, "Drug"), (25, 34, "Symptom")]


def spans(document: Document) -> list[tuple[int, int, str]]:
    return [(m.start, m.end, m.kind) for m in document.mentions]


def strings(document: Document) -> list[tuple[str, str]]:
    return [(document.text[m.start : m.end], m.kind) for m in document.mentions]


def reasons(quarantine: Quarantine) -> list[tuple[int | None, str]]:
    return [(row.line, row.reason) for row in quarantine.rows]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def rows(path: Path, *objects: Any) -> Path:
    return write(path, "".join(json.dumps(row) + "\n" for row in objects))


def docbin(path: Path, *documents: tuple[str, list[tuple[int, int, str]]]) -> Path:
    nlp = spacy.blank("en")
    binary = DocBin()
    for text, spans_ in documents:
        doc = nlp(text)
        doc.ents = [doc.char_span(*span) for span in spans_]
        binary.add(doc)
    binary.to_disk(path)
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [("B-{}", "I-{}"), ("B_{}", "I_{}"), ("I-{}", "I-{}"), ("B-{}", "E-{}"), ("B-{}", "L-{}")],
)
def test_conll_reads_every_scheme_of_tags(tmp_path: Path, first: str, second: str) -> None:
    one = "B-Drug" if first[0] == "B" and second[0] != "L" else "U-Drug"
    path = write(
        tmp_path / "a.conll",
        f"Zapomycin NN {one}\ngave VB O\na DT O\ndry JJ {first.format('Symptom')}\n"
        f"cough NN {second.format('Symptom')}\n\nFever NN S-Symptom\nrose VB O\n",
    )
    quarantine = Quarantine()
    first_sentence, second_sentence = read_conll(path, quarantine)
    assert first_sentence.text == "Zapomycin gave a dry cough"
    assert strings(first_sentence) == [("Zapomycin", "Drug"), ("dry cough", "Symptom")]
    assert (second_sentence.id, strings(second_sentence)) == ("a:7", [("Fever", "Symptom")])
    assert len(quarantine) == 0


def test_conll_keeps_documents_together(tmp_path: Path) -> None:
    docstart = "-DOCSTART- -X- O O\n\nFever\tB-Symptom\n\nAgue\tB-Disease\nfever\tB-Symptom\n\n"
    (document,) = read_conll(write(tmp_path / "a.tsv", docstart), Quarantine())
    assert (document.text, spans(document)) == (
        "Fever\nAgue fever",
        [(0, 5, "Symptom"), (6, 10, "Disease"), (11, 16, "Symptom")],
    )
    newdoc = "# newdoc id = n1\nFever\tB\n\n# sent_id = 2\nrose\tO\n# newdoc id = n2\nNo\tO\n"
    first, second = read_conll(write(tmp_path / "b.tsv", newdoc), Quarantine())
    assert (first.id, first.text, spans(first)) == ("n1", "Fever\nrose", [(0, 5, "entity")])
    assert (second.id, second.text) == ("n2", "No")


def test_conll_sets_a_bad_row_aside_and_keeps_its_token(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "A O\ndry B-Symptom\nhacking\ncough I-Symptom\nX Drug\n")
    quarantine = Quarantine()
    (document,) = read_conll(path, quarantine)
    assert document.text == "A dry hacking cough X"
    assert strings(document) == [("dry", "Symptom"), ("cough", "Symptom")]
    bad = "row without a token and a BIO tag"
    assert reasons(quarantine) == [(3, bad), (5, bad)]
    assert all(row.row == "" for row in quarantine.rows)


def test_docbin_reads_entities_and_span_groups(tmp_path: Path) -> None:
    path = docbin(tmp_path / "a.spacy", (TEXT, SPANS), ("Nothing.", []))
    first, second = read_docbin(path, Quarantine())
    assert (first.id, first.text, spans(first)) == ("a:1", TEXT, SPANS)
    assert (second.text, second.mentions) == ("Nothing.", [])
    doc = spacy.blank("en")("A dry cough.")
    doc.spans["sc"] = [Span(doc, 1, 3, "Symptom"), Span(doc, 2, 3, "Symptom")]
    DocBin(docs=[doc]).to_disk(tmp_path / "b.spacy")
    (nested,) = read_docbin(tmp_path / "b.spacy", Quarantine())
    assert strings(nested) == [("dry cough", "Symptom"), ("cough", "Symptom")]


JSON_ROWS: list[Any] = [
    {"id": 7, "text": TEXT, "label": [list(span) for span in SPANS], "document": "note:x"},
    {"id": 7, "data": TEXT, "labels": [list(span) for span in SPANS], "document": "note:x"},
    {
        "id": 7,
        "text": TEXT,
        "document": "note:x",
        "entities": [
            {"id": n, "label": kind, "start_offset": start, "end_offset": end}
            for n, (start, end, kind) in enumerate(SPANS)
        ],
        "relations": [{"id": 1, "from_id": 0, "to_id": 1, "type": "CAUSES"}],
    },
    {
        "id": 7,
        "text": TEXT,
        "document": "note:x",
        "spans": [{"start": start, "end": end, "label": kind} for start, end, kind in SPANS],
    },
    {
        "id": 7,
        "text": TEXT,
        "document": "note:x",
        "ents": [{"start": start, "end": end, "label": kind} for start, end, kind in SPANS],
    },
    [TEXT, {"entities": SPANS, "id": 7, "document": "note:x"}],
]


@pytest.mark.parametrize("row", JSON_ROWS)
def test_json_lines_of_every_tool(tmp_path: Path, row: Any) -> None:
    quarantine = Quarantine()
    (document,) = read_jsonl(rows(tmp_path / "a.jsonl", row), quarantine)
    assert (document.id, document.text, spans(document)) == ("a:7", TEXT, SPANS)
    assert document.fields == {"id": 7, "document": "note:x"}
    assert len(quarantine) == 0
    if "relations" in row:
        assert document.relations == [Relation("CAUSES", "0", "1")]


def test_json_lines_set_bad_rows_and_mentions_aside(tmp_path: Path) -> None:
    path = rows(
        tmp_path / "a.jsonl",
        {
            "text": TEXT,
            "label": [[-1, 3, "Drug"], [0, 99, "Drug"], [5, 5, "Drug"], [9, 10, "Drug"]],
        },
        {"text": TEXT, "label": [[True, 3, "Drug"], [0, 1.5, "Drug"], [0, 9], [0, 9, None], "x"]},
        {"text": TEXT},
        {"label": []},
        {"text": "\ud800", "label": []},
        {"text": "  ", "label": []},
        [1, 2],
        "text",
        {"text": TEXT, "label": [[24, 35, "Symptom"], [25, 35, "Symptom"]]},
        {
            "text": TEXT,
            "entities": [{"id": 1, "start_offset": 0, "end_offset": 9, "label": "Drug"}],
            "relations": [{"from_id": 1, "to_id": 2, "type": "CAUSES"}],
        },
    )
    path.write_text(path.read_text("utf-8") + "{broken\n" + "[" * 100_000 + "\n", "utf-8")
    quarantine = Quarantine()
    documents = read_jsonl(path, quarantine)
    assert [len(d.mentions) for d in documents] == [0, 0, 1, 1]
    assert strings(documents[2]) == [("dry cough.", "Symptom")]
    wrong, nameless = "offsets don't match the text", "mention without a label"
    assert reasons(quarantine) == [
        *[(1, wrong)] * 4,
        *[(2, wrong)] * 2,
        *[(2, nameless)] * 3,
        (3, "row without annotations"),
        *[(line, "row without text") for line in (4, 5, 6, 7, 8)],
        (10, "relation of an unknown mention"),
        (11, "row is not JSON"),
        (12, "row is not JSON"),
    ]
    assert not any(word in row.row for row in quarantine.rows for word in ("man", "dry"))


@pytest.mark.parametrize("corpus_format", ["conll", "spacy", "jsonl"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"caf\xe9", b"\x00\x01", b"{}"])
def test_a_useless_file_is_an_error_that_names_it(
    tmp_path: Path, corpus_format: str, content: bytes
) -> None:
    path = tmp_path / "useless.x"
    path.write_bytes(content)
    if corpus_format == "conll" and content in (b"\x00\x01", b"{}"):
        (document,) = read_conll(path, Quarantine())  # a token, to all appearance
        assert document.mentions == []
        return
    with pytest.raises(DataError, match=r"useless\.x"):
        FORMATS[corpus_format](path, Quarantine())
    with pytest.raises(DataError, match=r"nowhere\.x"):
        FORMATS[corpus_format](tmp_path / "nowhere.x", Quarantine())


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
texts = st.lists(words, min_size=1, max_size=8).map(" ".join).filter(lambda t: bool(t.strip()))


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    text = draw(texts)
    mentions = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        within = text[start:end]
        if within.strip():
            start += len(within) - len(within.lstrip())
            span = (start, start + len(within.strip()), draw(st.sampled_from(["Drug", "Disease"])))
            if span not in mentions:
                mentions.append(span)
    return text, mentions


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=st.lists(annotated(), min_size=1, max_size=4))
def test_what_json_lines_hold_is_what_is_read(tmp_path: Path, documents: Any) -> None:
    path = rows(
        tmp_path / "a.jsonl", *({"text": t, "label": mentions} for t, mentions in documents)
    )
    quarantine = Quarantine()
    read = read_jsonl(path, quarantine)
    assert [(d.text, spans(d)) for d in read] == documents
    assert len(quarantine) == 0
    for document in read:
        flat = flat_mentions(document, "medkg")
        assert all(a.end <= b.start for a, b in pairwise(flat))
        # The rule: only a mention that overlaps a longer (or as long, earlier) one is left out.
        left_out = [m for m in document.mentions if m not in flat]
        assert all(
            any(
                f.start < m.end and m.start < f.end and f.end - f.start >= m.end - m.start
                for f in flat
            )
            for m in left_out
        )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8")))
def test_no_content_makes_a_reader_crash(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x_abstracts.any"
    path.write_bytes(content)
    for read in FORMATS.values():
        try:
            documents = read(path, Quarantine())
        except DataError:
            continue
        for document in documents:
            for mention in document.mentions:
                assert 0 <= mention.start < mention.end <= len(document.text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return docbin(tmp_path_factory.mktemp("docbin") / "a.spacy", (TEXT, SPANS)).read_bytes()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 400), flip=st.integers(0, 400))
def test_a_damaged_docbin_is_an_error(tmp_path: Path, whole: bytes, cut: int, flip: int) -> None:
    path = tmp_path / "a.spacy"
    data = bytearray(whole)
    data[flip % len(data)] ^= 0x5A
    path.write_bytes(bytes(data[: max(1, cut % len(data))]))
    with pytest.raises(DataError, match=r"a\.spacy"):
        read_docbin(path, Quarantine())


def test_formats_are_told_from_names_and_first_lines(tmp_path: Path) -> None:
    (tmp_path / "brat").mkdir()
    made = {
        tmp_path / "brat": "brat",
        write(tmp_path / "a.txt", "12|t|Title\n12|a|Text\n"): "pubtator",
        write(tmp_path / "b.txt", "Fever\tB-Symptom\n"): "conll",
        write(tmp_path / "c.txt", "-DOCSTART- O\n"): "conll",
        write(tmp_path / "d.json", '\n{"text": "x"}\n'): "jsonl",
        docbin(tmp_path / "e.spacy", (TEXT, SPANS)): "spacy",
        tmp_path / "f.tar.xz": "brat",
        tmp_path / "x_abstracts.tsv": "chemprot",
    }
    assert {path: format_of(path) for path in made} == made
    with pytest.raises(DataError, match="in no format that is known: pubtator, "):
        format_of(write(tmp_path / "g.txt", "A plain note of fever\n"))
    with pytest.raises(DataError, match=r"h\.txt"):
        format_of(write(tmp_path / "h.txt", " \n\n"))


def test_labels_become_kinds(tmp_path: Path) -> None:
    path = rows(
        tmp_path / "a.jsonl",
        {"text": TEXT, "label": [[0, 9, "CHEMICAL"], [25, 34, "sign or symptom"]]},
        {"text": TEXT, "label": [[0, 9, "Substance"], [15, 18, "Person"], [19, 22, "Person"]]},
    )
    with pytest.raises(DataError) as caught:
        read_annotated(path, Quarantine(), labels={})
    message = str(caught.value)
    assert "a.jsonl" in message
    assert "Person (2), Substance (1)" in message
    assert "--label Person=KIND" in message
    assert "Disease, Symptom, Drug, Target, Procedure" in message
    first, second = read_annotated(path, Quarantine(), labels={"Substance": "Drug", "Person": None})
    assert spans(first) == SPANS
    assert spans(second) == [(0, 9, "Drug")]
    with pytest.raises(DataError, match="Person=Human: a mention's kind is Disease, "):
        read_annotated(path, Quarantine(), labels={"Person": "Human"})


def test_a_published_corpus_needs_no_labels(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("A man aged 40 with ague.", encoding="utf-8")
    write(tmp_path / "1.ann", "T1\tAge 6 13\taged 40\nT2\tDisease_disorder 19 23\tague\n")
    (document,) = read_annotated(tmp_path, Quarantine(), labels={})
    assert strings(document) == [("ague", "Disease")]


def test_the_ncbi_corpus_is_told_as_pubtator(tmp_path: Path) -> None:
    path = write(tmp_path / "ncbi.txt", "1|t|Ague\n1|a|No.\n1\t0\t4\tAgue\tSpecificDisease\tD1\n")
    (document,) = read_annotated(path, Quarantine(), labels={})
    assert strings(document) == [("Ague", "Disease")]


def test_overlaps_and_parts_follow_the_stated_rules(tmp_path: Path) -> None:
    # Of two that overlap the longer is trained on, of two as long the one that begins first.
    document = Document(
        "1",
        "acute dry cough attack",
        [
            Mention(6, 15, "Symptom"),
            Mention(10, 15, "Symptom"),
            Mention(10, 22, "Disease"),
            Mention(0, 5, "Drug"),
        ],
    )
    assert spans(document)[2] == (10, 22, "Disease")
    assert [(m.start, m.end) for m in flat_mentions(document, "medkg")] == [(0, 5), (10, 22)]
    as_long = Document("2", "ab cd ef", [Mention(3, 8, "Drug"), Mention(0, 5, "Drug")])
    assert [(m.start, m.end) for m in flat_mentions(as_long, "medkg")] == [(0, 5)]
    # Parts with white space between them are one mention, with text between them none.
    write(tmp_path / "1.txt", "left\nand right pain")
    write(
        tmp_path / "1.ann", "T1\tSymptom 9 14;15 19\tright pain\nT2\tSymptom 0 4;15 19\tleft pain\n"
    )
    quarantine = Quarantine()
    (read,) = read_annotated(tmp_path, quarantine, labels={})
    assert strings(read) == [("right pain", "Symptom")]
    assert reasons(quarantine) == [(2, "mention in parts with text between them")]


def many(number: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": n,
            "text": f"Note {n * 7919} of the ward: {TEXT}",
            "label": [[0, 4, "Drug"]],
            **fields,
        }
        for n in range(number)
    ]


def test_one_file_is_split_by_its_documents(tmp_path: Path) -> None:
    path = rows(tmp_path / "ward notes.jsonl", *many(20))
    (corpus,) = read_corpora(path, Quarantine(), held_out=0.25, labels={})
    assert (corpus.name, corpus.split_here) == ("ward_notes", True)
    assert (len(corpus.train), len(corpus.development)) == (15, 5)
    again = rows(tmp_path / "ward notes.jsonl", *many(20)[::-1])
    (same,) = read_corpora(again, Quarantine(), held_out=0.25, labels={})
    assert {d.id for d in same.development} == {d.id for d in corpus.development}
    # Rows of one document stay together.
    halves = [{**row, "document": f"note:{n % 4}"} for n, row in enumerate(many(20))]
    (corpus,) = read_corpora(
        rows(tmp_path / "a.jsonl", *halves), Quarantine(), held_out=0.25, labels={}
    )
    assert {d.fields["document"] for d in corpus.development}.isdisjoint(
        {d.fields["document"] for d in corpus.train}
    )
    assert len(corpus.development) == 5


def test_a_folder_with_parts_and_a_folder_of_folders(tmp_path: Path) -> None:
    own = tmp_path / "corpora" / "ward"
    (own / "train").mkdir(parents=True)
    for n, row in enumerate(many(3)):
        write(own / "train" / f"{n}.txt", row["text"])
        write(own / "train" / f"{n}.ann", "T1\tDrug 0 4\tNote\n")
    # One of the training part's documents stands in the development part too.
    rows(own / "dev.jsonl", many(3)[1], *many(9)[7:])
    other = tmp_path / "corpora" / "train"
    other.mkdir()
    docbin(other / "training.spacy", *((row["text"], [(0, 4, "Drug")]) for row in many(7)[3:]))
    (corpus,) = read_corpora(own, Quarantine(), held_out=0.2, labels={})
    assert (corpus.name, corpus.split_here) == ("ward", False)
    assert ([d.id for d in corpus.train], len(corpus.development)) == (["0", "2"], 3)
    first, second = read_corpora(tmp_path / "corpora", Quarantine(), held_out=0.2, labels={})
    # A head can't be called as a method of a network is.
    assert (first.name, second.name) == ("train_corpus", "ward")
    assert (len(first.train), len(first.development)) == (3, 1)
    rows(own / "train.jsonl", *many(2))
    with pytest.raises(DataError, match=r"has train and train\.jsonl; leave one"):
        read_corpora(own, Quarantine(), held_out=0.2, labels={})


def test_what_can_not_be_split_or_learnt_from_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds one document"):
        read_corpora(rows(tmp_path / "a.jsonl", *many(1)), Quarantine(), held_out=0.2, labels={})
    path = rows(tmp_path / "b.jsonl", *({**row, "label": []} for row in many(3)))
    with pytest.raises(DataError, match="holds no mention of a known kind"):
        read_corpora(path, Quarantine(), held_out=0.2, labels={})
    with pytest.raises(DataError, match=r"the part to hold out is 1\.5"):
        read_corpora(path, Quarantine(), held_out=1.5, labels={})
    with pytest.raises(DataError, match="is not there"):
        read_corpora(tmp_path / "nowhere", Quarantine(), held_out=0.2, labels={})


def test_folds_hold_each_document_out_once() -> None:
    documents = [Document(str(n), f"text {n}") for n in range(23)]
    folds = document_folds(documents)
    assert sorted(len(held_out) for _, held_out in folds) == [4, 4, 5, 5, 5]
    assert sorted(d.id for _, held_out in folds for d in held_out) == sorted(
        d.id for d in documents
    )
    for train, held_out in folds:
        assert {d.id for d in train} | {d.id for d in held_out} == {d.id for d in documents}
        assert not {d.id for d in train} & {d.id for d in held_out}
    assert folds == document_folds(reversed(documents))
