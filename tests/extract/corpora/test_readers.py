"""Corpus readers: exact offsets, and every kind of bad row set aside with its line."""

from __future__ import annotations

import lzma
import tarfile
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.bc2gm import read_bc2gm
from medkg.extract.corpora.brat import read_brat
from medkg.extract.corpora.chemprot import read_chemprot
from medkg.extract.corpora.document import Document, Mention, Relation, flat_mentions
from medkg.extract.corpora.labels import KINDS
from medkg.extract.corpora.pubtator import read_pubtator
from medkg.extract.corpora.readers import READERS, read_annotated
from medkg.extract.corpora.roam import read_roam
from medkg.extract.corpora.splits import split_documents, without_overlap
from medkg.extract.tokens import blank, token_offsets

PUBTATOR = (
    "1|t|Fever after zapomycin\n"
    "1|a|Zapomycin 5mg gave one man a fever. β-Blockers did not.\n"
    "1\t0\t5\tFever\tDisease\tD005334\n"
    "1\t12\t21\tzapomycin\tChemical\t-1\n"
    "1\t22\t31\tZapomycin\tChemical\tC1|C2\tZapo|mycin\n"
    "1\t58\t68\tβ-Blockers\tChemical\n"
    "1\tCID\tC1\tD005334\n"
)


def texts(document: Document) -> list[str]:
    return [document.text[m.start : m.end] for m in document.mentions]


def reasons(quarantine: Quarantine) -> list[tuple[int | None, str]]:
    return [(row.line, row.reason) for row in quarantine.rows]


def test_pubtator_reads_mentions_identifiers_and_relations(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n" + PUBTATOR + "\n\n2|t|Nothing here\n2|a|\n", encoding="utf-8")
    quarantine = Quarantine()
    first, second = read_pubtator(path, quarantine)
    assert texts(first) == ["Fever", "zapomycin", "Zapomycin", "β-Blockers"]
    assert [m.identifier for m in first.mentions] == ["D005334", None, "C1|C2", None]
    assert first.relations == [Relation("CID", "C1", "D005334")]
    assert second == Document("2", "Nothing here\n")
    assert len(quarantine) == 0


def test_pubtator_reads_xz_and_windows_lines_alike(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.xz"
    plain.write_text(PUBTATOR, encoding="utf-8")
    packed.write_bytes(lzma.compress(PUBTATOR.replace("\n", "\r\n").encode()))
    assert read_pubtator(plain, Quarantine()) == read_pubtator(packed, Quarantine())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1\t1\t6\tFever\tDisease\tD1", "offsets don't match the text"),
        ("1\t900\t905\tFever\tDisease\tD1", "offsets don't match the text"),
        ("1\t5\t0\tFever\tDisease\tD1", "offsets don't match the text"),
        ("1\tx\t5\tFever\tDisease\tD1", "offsets are no numbers"),
        ("1\t" + "9" * 5000 + "\t5\tFever\tDisease\tD1", "offsets are no numbers"),
        ("1\t0\t5", "wrong number of columns"),
        ("1\t0\t5\tFever", "wrong number of columns"),
        ("7\t0\t5\tFever\tDisease\tD1", "annotation of a document that is not above it"),
        ("7|a|An abstract.", "abstract without its title"),
        ("1|t|Again", "document given twice"),
        ("just words", "wrong number of columns"),
    ],
)
def test_pubtator_sets_a_bad_row_aside(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(PUBTATOR + line + "\n2|t|Next\n2|a|One.\n", encoding="utf-8")
    quarantine = Quarantine()
    first, second = read_pubtator(path, quarantine)
    assert reasons(quarantine) == [(8, reason)]
    assert quarantine.rows[0].path == str(path)
    assert not {"Fever", "words"} & set(quarantine.rows[0].row.split())
    assert (len(first.mentions), len(first.relations), second.text) == (4, 1, "Next\nOne.")


@pytest.mark.parametrize("corpus_format", sorted(READERS))
@pytest.mark.parametrize("content", [b"", b" \n", b"caf\xe9 au lait"])
def test_a_useless_file_is_an_error_that_names_it(
    tmp_path: Path, corpus_format: str, content: bytes
) -> None:
    path = tmp_path / "x_abstracts.tsv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x_abstracts\.tsv"):
        READERS[corpus_format](path, Quarantine())


@pytest.mark.parametrize("corpus_format", sorted(READERS))
def test_a_missing_or_damaged_file_is_an_error(tmp_path: Path, corpus_format: str) -> None:
    path = tmp_path / "x_abstracts.tsv.xz"
    with pytest.raises(DataError, match=r"x_abstracts\.tsv\.xz"):
        READERS[corpus_format](path, Quarantine())
    path.write_bytes(lzma.compress(PUBTATOR.encode() * 50)[:60])
    with pytest.raises(DataError, match=r"x_abstracts\.tsv\.xz"):
        READERS[corpus_format](path, Quarantine())


def test_wrong_encoding_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(PUBTATOR.encode() + "2|t|Café\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.txt, line 8: is not UTF-8"):
        read_pubtator(path, Quarantine())


def test_chemprot_joins_its_three_files(tmp_path: Path) -> None:
    path = tmp_path / "x_abstracts.tsv"
    path.write_text("1\tZapomycin and P9\tZapomycin inhibits P9.\nbroken\n", encoding="utf-8")
    (tmp_path / "x_entities.tsv").write_text(
        "1\tT1\tCHEMICAL\t17\t26\tZapomycin\n1\tT2\tGENE-Y\t36\t38\tP9\n1\tT3\tGENE-N\t3\t4\tP9\n"
        "1\tT4\n8\tT1\tGENE-N\t3\t4\tP9\n",
        encoding="utf-8",
    )
    (tmp_path / "x_relations.tsv").write_text(
        "1\tCPR:4\tY \tINHIBITOR\tArg1:T1\tArg2:T2\n1\tCPR:4\tY \tINHIBITOR\tArg1:T1\tArg2:T3\n",
        encoding="utf-8",
    )
    quarantine = Quarantine()
    (document,) = read_chemprot(path, quarantine)
    assert texts(document) == ["Zapomycin", "P9"]
    assert document.relations == [Relation("CPR:4", "T1", "T2")]
    assert reasons(quarantine) == [
        (2, "wrong number of columns"),
        (3, "offsets don't match the text"),
        (4, "wrong number of columns"),
        (5, "annotation of an unknown document"),
        (2, "relation of an unknown mention"),
    ]


def test_bc2gm_joins_tokens_and_closes_mentions(tmp_path: Path) -> None:
    path = tmp_path / "train.tsv"
    path.write_text("The\tO\nP\tB\n9\tI\nQ\tB\nx\tZ\n\nR\tI\nends\n", encoding="utf-8")
    quarantine = Quarantine()
    first, second = read_bc2gm(path, quarantine)
    assert (first.id, first.text, texts(first)) == ("train:1", "The P 9 Q", ["P 9", "Q"])
    assert (second.id, second.text, texts(second)) == ("train:7", "R", ["R"])
    assert reasons(quarantine) == [(5, "tag is none of B, I, O"), (8, "wrong number of columns")]


def test_brat_reads_folder_and_archive(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "1.txt").write_text("A dry\ncough and fever.\n", encoding="utf-8")
    (folder / "1.ann").write_text(
        "T1\tSign_symptom 2 5;6 11\tdry cough\nT2\tSign_symptom 16 21\tfever\n"
        "T3\tSign_symptom 2 5;16 21\tdry fever\nE1\tSign_symptom:T2 \nA1\tNeg E1\n"
        "R1\tBEFORE Arg1:T1 Arg2:E1\t\nR2\tBEFORE Arg1:T1 Arg2:T3\t\nT4 broken\n?\n",
        encoding="utf-8",
    )
    (folder / "2.txt").write_text("Lonely.", encoding="utf-8")
    (folder / "3.ann").write_text("", encoding="utf-8")
    (folder / "4.txt").write_text("", encoding="utf-8")
    (folder / "4.ann").write_text("", encoding="utf-8")
    archive = tmp_path / "notes.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(folder, "notes")
    quarantine = Quarantine()
    (document,) = read_brat(folder, quarantine)
    assert texts(document) == ["dry\ncough", "fever"]
    assert document.relations == [Relation("BEFORE", "T1", "T2")]
    assert reasons(quarantine) == [
        (3, "mention in parts with text between them"),
        (8, "not the form KEY, tab, KIND START END, tab, TEXT"),
        (9, "unknown kind of annotation"),
        (7, "relation of an unknown mention"),
        (None, "text without annotations beside it"),
        (None, "annotations without a text beside them"),
        (None, "file is empty or not UTF-8 text"),
    ]
    assert read_brat(archive, Quarantine()) == [document]


def test_roam_reads_labels_as_relations_of_the_drug(tmp_path: Path) -> None:
    path = tmp_path / "roam.json"
    path.write_text(
        '[{"sentence_id": "S1", "sentence": "For fever.", "annotations": ['
        '{"ann_id": "A1", "start": 4, "end": 9, "text": "fever", "label": "TREATS"},'
        '{"ann_id": "A2", "start": 0, "end": 9, "text": "fever", "label": "TREATS"}]},'
        '{"sentence": "No id."}]',
        encoding="utf-8",
    )
    quarantine = Quarantine()
    (document,) = read_roam(path, quarantine)
    assert document.mentions == [Mention(4, 9, "AFFLICTION", key="A1")]
    assert document.relations == [Relation("TREATS", "", "A1")]
    assert quarantine.counts() == {"offsets don't match the text": 1, "sentence lacks a field": 1}


def test_flat_mentions_keep_the_longer_of_two() -> None:
    document = Document(
        "1",
        "severe dry cough",
        [
            Mention(7, 10, "Sign_symptom"),
            Mention(7, 16, "Sign_symptom"),
            Mention(0, 6, "Severity"),
        ],
    )
    assert flat_mentions(document, "brat") == [Mention(7, 16, "Symptom")]


def test_split_depends_on_ids_alone() -> None:
    documents = [Document(str(n), f"text {n}") for n in range(20)]
    train, held_out = split_documents(documents, 5)
    again, held_out_again = split_documents(reversed(documents), 5)
    assert (train, held_out) == (again, held_out_again)
    assert len(held_out) == 5
    assert {d.id for d in train} | {d.id for d in held_out} == {d.id for d in documents}


def test_overlap_by_id_and_by_contained_text() -> None:
    sentence = "The dose of zapomycin was doubled after nine days of fever in all patients."
    held_out = [Document("1", f"Title\n{sentence} And more.")]
    train = [
        Document("1", "other text"),
        Document("s", sentence.upper().replace(" ", "  ")),
        Document("2", "The dose of zapomycin was halved after nine days of fever in no patient."),
    ]
    assert [d.id for d in without_overlap(train, held_out)] == ["2"]
    assert [d.id for d in without_overlap([Document("9", "x " * 600 + sentence)], [train[1]])] == []


@pytest.mark.parametrize(
    "text",
    ["", " ", "a  b", "\n x\t5mg,β2-agonist \n\n", "naïve_x—y", "x\r\n\u2003y\u00a0 z", "😀 a"],
)
def test_tokenizer_keeps_the_text(text: str) -> None:
    doc = blank()(text)
    assert doc.text == text
    spans = [(t.idx, t.idx + len(t)) for t in doc if not t.is_space]
    assert spans == token_offsets(text)


def test_tokens_are_runs_and_signs() -> None:
    text = "COX-2, 5mg/d IL2"
    assert [text[a:b] for a, b in token_offsets(text)] == [
        *["COX", "-", "2", ",", "5", "mg", "/", "d", "IL", "2"]
    ]


@pytest.mark.parametrize(
    ("corpus_format", "file", "documents"),
    [
        ("pubtator", "bc5cdr/CDR_TrainingSet.PubTator.txt.xz", 500),
        ("pubtator", "bc5cdr/CDR_DevelopmentSet.PubTator.txt.xz", 500),
        ("ncbi", "ncbi_disease/NCBIdevelopset_corpus.txt.xz", 100),
        ("bc2gm", "bc2gm/devel.tsv.xz", 2519),
    ],
)
def test_no_gold_span_is_cut_by_the_tokens(
    shared_data: Path, corpus_format: str, file: str, documents: int
) -> None:
    quarantine = Quarantine()
    read = READERS[corpus_format](shared_data / "corpora" / file, quarantine)
    assert (len(read), len(quarantine)) == (documents, 0)
    for document in read:
        starts, ends = map(set, zip(*token_offsets(document.text), strict=True))
        for mention in document.mentions:
            assert mention.start in starts
            assert mention.end in ends
            assert mention.kind in KINDS[corpus_format]


def test_brat_s_normalisations_are_identifiers(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("Asthma, then fever.", encoding="utf-8")
    (tmp_path / "1.ann").write_text(
        "N1\tReference T1 MeSH:D001249\tAsthma\nT1\tDisease 0 6\tAsthma\n"
        "T2\tSymptom 13 18\tfever\nE1\tSymptom:T2\nN2\tReference E1 HP:0001945\tFever\n"
        "N3\tReference T1 MONDO:0004979\nN4\tReference T9 HP:1\tx\nN5\tT1 HP:0000001\tx\n"
        "N6\tReference T2 fever\tx\n",
        encoding="utf-8",
    )
    quarantine = Quarantine()
    (document,) = read_brat(tmp_path, quarantine)
    assert [m.identifier for m in document.mentions] == [
        "MESH:D001249|MONDO:0004979",
        "HP:0001945",
    ]
    assert reasons(quarantine) == [
        (8, "not the form KEY, tab, Reference KEY DATABASE:IDENTIFIER"),
        (7, "identifier of an unknown mention"),
        (9, "identifier is not DATABASE:IDENTIFIER, or malformed"),
    ]


BIORED = """\
9|t|Tamoxifen and ER in breast cancer
9|a|G12V.
9\t0\t9\tTamoxifen\tChemicalEntity\tD013629
9\t14\t16\tER\tGeneOrGeneProduct\t2099,2100
9\t20\t33\tbreast cancer\tDiseaseOrPhenotypicFeature\tD001943
9\t34\t38\tG12V\tSequenceVariant\tp|SUB|G|12|V
9\tNegative_Correlation\tD001943\tD013629\tNovel
9\tPositive_Correlation\tD013629\t2100\tNo
9\tAssociation\t2099\tD001943\tNo
9\tAssociation\t2099\t2100\tNo
"""


def test_biored_has_this_projects_kinds_and_relations(tmp_path: Path) -> None:
    path = tmp_path / "Dev.PubTator"
    path.write_text(BIORED, encoding="utf-8")
    quarantine = Quarantine()
    (document,) = read_annotated(path, quarantine, labels={})
    assert [(m.kind, m.identifier) for m in document.mentions] == [
        ("Drug", "D013629"),
        ("Target", "2099|2100"),
        ("Disease", "D001943"),
    ]
    assert document.relations == [
        Relation("TREATS", "D013629", "D001943"),
        Relation("TARGETS", "D013629", "2100"),
        Relation("ASSOCIATED_WITH", "D001943", "2099"),
        Relation("Association", "2099", "2100"),
    ]
    assert len(quarantine) == 0
