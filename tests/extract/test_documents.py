"""Each format that documents come in, read from small files written here as its definition says."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.extract.document_form import Texts
from medkg.extract.documents import TextDocument, iter_documents
from medkg.extract.formats import document_file
from medkg.extract.formats.markdown import without_markup

from ..adversarial import processor_limit
from ..pdf import pdf
from .test_document_form import SENTENCE, TRIAL, VISIT

# https://www.nlm.nih.gov/bsd/licensee/elements_descriptions.html and
# https://dtd.nlm.nih.gov/ncbi/pubmed/doc/out/250101/
PUBMED = """\ufeff<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN"
 "https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">
<PubmedArticleSet>
<PubmedArticle>
 <MedlineCitation Status="MEDLINE"><PMID Version="1">101</PMID>
  <Article><Journal><Title>A journal</Title></Journal>
   <ArticleTitle>Effects of <i>Ginkgo</i> on 10<sup>6</sup> cells &amp;
    CO<sub>2</sub>.</ArticleTitle>
   <Abstract>
    <AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">First   line
     goes on.</AbstractText>
    <AbstractText Label="RESULTS">p &lt; 0.05 <![CDATA[& more <b>]]>.</AbstractText>
    <AbstractText/>
    <CopyrightInformation>Not to be read.</CopyrightInformation>
   </Abstract>
  </Article>
  <CommentsCorrectionsList><CommentsCorrections><PMID Version="1">999</PMID></CommentsCorrections>
  </CommentsCorrectionsList>
 </MedlineCitation>
 <PubmedData><ReferenceList><Reference><ArticleIdList><ArticleId IdType="pubmed">7</ArticleId>
 </ArticleIdList></Reference></ReferenceList></PubmedData>
</PubmedArticle>
<PubmedArticle>
 <MedlineCitation><PMID>102</PMID><Article><ArticleTitle>No abstract here.</ArticleTitle></Article>
 </MedlineCitation>
</PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>103</PMID><Article><ArticleTitle/></Article>
 </MedlineCitation></PubmedArticle>
<PubmedArticle><MedlineCitation><Article><ArticleTitle>Unnumbered</ArticleTitle></Article>
 </MedlineCitation></PubmedArticle>
</PubmedArticleSet>
"""

# https://jats.nlm.nih.gov/archiving/tag-library/1.3/
JATS = """<?xml version="1.0"?>
<!DOCTYPE article [<!ENTITY who "World Health Organization">]>
<article xmlns:mml="http://www.w3.org/1998/Math/MathML" xmlns:xlink="http://www.w3.org/1999/xlink">
<front><journal-meta><journal-title-group><journal-title>J</journal-title></journal-title-group>
</journal-meta>
<article-meta>
 <article-id pub-id-type="pmcid">PMC55</article-id><article-id pub-id-type="pmid">501</article-id>
 <title-group><article-title>Aspirin<xref ref-type="fn">*</xref> in gout</article-title>
 <alt-title>Running head</alt-title></title-group>
 <contrib-group><contrib><name><surname>Doe</surname></name></contrib></contrib-group>
 <abstract><sec><title>Methods</title><p>We asked.</p></sec><p>Then we told.</p></abstract>
 <abstract abstract-type="graphical"><p>A picture.</p></abstract>
</article-meta></front>
<body>
 <sec><label>1</label><title>Introduction</title>
  <p>Gout hurts<sup><xref ref-type="bibr" rid="b1">1</xref>,<xref ref-type="bibr" rid="b2">2</xref>
  </sup> much [<xref ref-type="bibr" rid="b3">3</xref>]. See <xref ref-type="fig">Fig. 1</xref>.
   <list><list-item><p>One item</p></list-item></list> After the list.</p>
  <fig><label>Figure 1</label><caption><title>A toe.</title><p>It is red.</p></caption></fig>
  <table-wrap><caption><p>Doses.</p></caption><table><tr><td>75 mg</td></tr></table></table-wrap>
  <p>Where <inline-formula><mml:math><mml:mi>x</mml:mi></mml:math></inline-formula>
  is 5 &#181;g.</p>
 </sec>
</body>
<back><ack><p>Thanks.</p></ack><ref-list><ref><mixed-citation>A paper</mixed-citation></ref>
</ref-list></back>
<sub-article><front-stub><article-id pub-id-type="pmid">666</article-id></front-stub>
<body><p>A reviewer's words.</p></body></sub-article>
</article>
"""

# https://bioc.sourceforge.net (BioC.dtd)
BIOC = """<?xml version="1.0"?><!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>here</source><date/><key/>
<document><id>PMC77</id>
 <passage><infon key="article-id_pmid">701</infon><infon key="type">title</infon>
  <offset>0</offset><text>A title.</text>
  <annotation id="1"><infon key="type">Gene</infon><location offset="2" length="5"/>
  <text>title</text></annotation></passage>
 <passage><offset>12</offset>
  <sentence><offset>12</offset><text>One.</text></sentence>
  <sentence><offset>17</offset><text>Two.</text></sentence></passage>
</document>
<document><id>702</id><passage><offset>0</offset></passage></document>
<document><id>x 3</id><passage><offset>no</offset><text>A</text></passage></document>
</collection>
"""


def read(path: Path | str, *, texts: Texts = "auto") -> tuple[list[TextDocument], Quarantine]:
    quarantine = Quarantine()
    return list(iter_documents([path], quarantine, texts=texts)), quarantine


def test_pubmed_is_title_and_labelled_sections(tmp_path: Path) -> None:
    for name in ("a.xml", "b.XML.gz"):
        data = PUBMED.replace("\n", "\r\n").encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        documents, quarantine = read(tmp_path / name)
        assert documents == [
            TextDocument(
                "PMID:101",
                "Effects of Ginkgo on 10^6 cells & CO2.\nBACKGROUND: First line goes on.\n"
                "RESULTS: p < 0.05 & more <b>.",
            ),
            TextDocument("PMID:102", "No abstract here."),
        ]
        assert [(row.reason, row.row) for row in quarantine] == [
            ("document without text", "PMID:103"),
            ("document of a form that is not read", "document 4"),
        ]


def test_a_paper_of_pmc_is_its_title_abstract_and_paragraphs(tmp_path: Path) -> None:
    (tmp_path / "a.nxml").write_text(JATS, encoding="utf-8")
    documents, quarantine = read(tmp_path / "a.nxml")
    assert [(document.id, document.patient) for document in documents] == [("PMID:501", None)]
    assert documents[0].text.split("\n\n") == [
        "Aspirin* in gout",
        "Methods",
        "We asked.",
        "Then we told.",
        "Introduction",
        "Gout hurts, much. See Fig. 1. After the list.",
        "One item",
        "A toe.",
        "It is red.",
        "Doses.",
        "Where is 5 µg.",
    ]
    assert not len(quarantine)


def test_one_path_is_as_good_as_several(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Fever.")
    for paths in (note, str(note), [note], [str(note)]):
        assert [document.text for document in iter_documents(paths, Quarantine())] == ["Fever."]


def test_papers_lie_in_namespaces_and_in_wrappers(tmp_path: Path) -> None:
    # https://www.ncbi.nlm.nih.gov/pmc/tools/oai/ wraps each article so.
    inner = JATS[JATS.index("<front>") :]
    inner = inner.replace("PMC55", "56").replace("pmcid", "pmc").replace(">501<", "><")
    wrapped = (
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><GetRecord><record><metadata>'
        '<article xmlns="https://jats.nlm.nih.gov/ns/archiving/1.3/" '
        f'xmlns:mml="http://www.w3.org/1998/Math/MathML">{inner}</metadata></record></GetRecord>'
        "</OAI-PMH>"
    )
    (tmp_path / "a.xml").write_text(wrapped, encoding="utf-8")
    documents, _ = read(tmp_path / "a.xml")
    assert [document.id for document in documents] == ["PMC:PMC56"]
    assert documents[0].text.startswith("Aspirin* in gout\n\nMethods")


def test_no_bomb_of_entities_is_expanded_and_no_file_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the password", encoding="utf-8")
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    entities = {
        "bomb.xml": (f'<!DOCTYPE article [<!ENTITY e0 "boom">{bomb}]>', "&e8;"),
        "file.xml": ('<!DOCTYPE article [<!ENTITY f SYSTEM "secret.txt">]>', "&f;"),
        # One of a DTD that is not read, but that every DTD of articles has.
        "named.xml": ('<!DOCTYPE article SYSTEM "JATS-archivearticle1-3.dtd">', "&alpha;"),
    }
    for name, (head, entity) in entities.items():
        body = JATS[JATS.index("<article ") :].replace("We asked.", f"We asked {entity}.")
        (tmp_path / name).write_text(head + body, encoding="utf-8")
    texts = {name: "".join(d.text for d in read(tmp_path / name)[0]) for name in entities}
    assert "boom" not in texts["bomb.xml"]
    assert "password" not in texts["file.xml"]
    assert texts["file.xml"] == ""
    assert "We asked α." in texts["named.xml"]


def test_what_comes_before_a_damaged_place_is_read(tmp_path: Path) -> None:
    data = gzip.compress(PUBMED.encode(), mtime=0)
    (tmp_path / "cut.xml.gz").write_bytes(data[: len(data) - 40])
    (tmp_path / "broken.xml").write_text(
        PUBMED.replace("</PubmedArticleSet>", ""), encoding="utf-8"
    )
    (tmp_path / "other.xml").write_text("<catalogue><book/></catalogue>", encoding="utf-8")
    (tmp_path / "empty.xml").write_text("", encoding="utf-8")
    documents, quarantine = read(tmp_path)
    assert "PMID:101" in [document.id for document in documents]
    reasons = {(Path(row.path).name, row.reason) for row in quarantine}
    assert reasons >= {
        ("broken.xml", "file is not well-formed XML"),
        ("other.xml", "XML of a kind that is not read"),
        ("empty.xml", "file is empty"),
    }
    assert {reason for name, reason in reasons if name == "cut.xml.gz"} & {
        "file can't be read",
        "file is not well-formed XML",
    }


def test_a_large_file_is_read_one_article_at_a_time(tmp_path: Path) -> None:
    article = PUBMED[PUBMED.index("<PubmedArticle>") : PUBMED.index("</PubmedArticle>")]
    with gzip.open(tmp_path / "a.xml.gz", "wt", encoding="utf-8") as file:
        file.write("<PubmedArticleSet>")
        for number in range(3000):
            file.write(article.replace(">101<", f">{number + 5000}<") + "</PubmedArticle>")
        file.write("</PubmedArticleSet")  # is noticed at the end, when the articles are there
    quarantine = Quarantine()
    documents = iter_documents([tmp_path / "a.xml.gz"], quarantine)
    assert next(documents).id == "PMID:5000"
    assert not len(quarantine)
    assert sum(1 for _ in documents) == 2999
    assert quarantine.counts() == {"file is not well-formed XML": 1}


def test_bioc_keeps_its_offsets(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(BIOC, encoding="utf-8")
    documents, quarantine = read(tmp_path / "a.xml")
    assert [document.id for document in documents] == ["PMID:701"]
    text = documents[0].text
    assert (text[:8], text[12:16], text[17:21], len(text)) == ("A title.", "One.", "Two.", 21)
    assert quarantine.counts() == {
        "document without text": 1,
        "document of a form that is not read": 1,
    }


@pytest.mark.parametrize("form", ["collection", "list", "pubtator3", "lines", "one"])
def test_bioc_is_json_too(tmp_path: Path, form: str) -> None:
    # https://www.ncbi.nlm.nih.gov/research/bionlp/APIs/BioC-PMC/ (a list of collections) and
    # https://www.ncbi.nlm.nih.gov/research/pubtator3/api
    def document(number: int) -> dict[str, object]:
        passages = [
            {"offset": 0, "infons": {"type": "title"}, "text": "Fever."},
            {"offset": 7, "text": "", "sentences": [{"offset": 7, "text": "µg of it."}]},
        ]
        return {"id": str(number), "infons": {}, "passages": passages}

    documents = [document(1), document(2)]
    content = {
        "collection": json.dumps({"source": "x", "documents": documents}),
        "list": json.dumps([{"source": "x", "documents": documents}]),
        "pubtator3": json.dumps({"PubTator3": documents}),
        "lines": "\n".join(json.dumps(each) for each in documents),
        "one": json.dumps(document(1)),
    }[form]
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    read_documents, quarantine = read(tmp_path / "a.json")
    expected = [TextDocument(f"PMID:{n}", "Fever.\nµg of it.") for n in (1, 2)]
    assert read_documents == (expected[:1] if form == "one" else expected)
    assert not len(quarantine)


def test_json_that_is_no_bioc_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"name": "secret"}', encoding="utf-8")
    (tmp_path / "b.json").write_text('{"documents": [{"id": "1", "pass', encoding="utf-8")
    (tmp_path / "c.json").write_text('{"documents": [{"id": "1"}]}', encoding="utf-8")
    documents, quarantine = read(tmp_path)
    assert not documents
    assert [row.reason for row in quarantine] == [
        "JSON of a kind that is not read",
        "file is not whole, valid JSON",
        "document of a form that is not read",
    ]
    assert "secret" not in str(quarantine.rows)


def test_passages_that_overlap_follow_each_other(tmp_path: Path) -> None:
    passages = [{"offset": 0, "text": "Fever."}, {"offset": 3, "text": "Cough."}]
    passages.append({"offset": 10**12, "text": "Pain."})
    text = json.dumps({"documents": [{"id": "1", "passages": passages}]})
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    assert read(tmp_path / "a.json")[0][0].text == "Fever.\nCough.\nPain."


def test_pubtator_is_title_and_abstract(tmp_path: Path) -> None:
    # https://www.ncbi.nlm.nih.gov/research/pubtator3/tutorial
    (tmp_path / "a.txt").write_bytes(
        b"12|t|Title.\r\n12|a|Abstract | with a bar.\r\n12\t0\t5\tTitle\tDisease\tD1\r\n\r\n"
        b"13|t|Second.\r\n13|a|\r\nx y|t|Own name.\r\n"
    )
    documents, quarantine = read(tmp_path / "a.txt")
    assert documents == [
        TextDocument("PMID:12", "Title.\nAbstract | with a bar."),
        TextDocument("PMID:13", "Second.\n"),
        TextDocument("note:x-y", "Own name."),
    ]
    assert not len(quarantine)


def test_a_plain_text_is_the_file_s_own_characters(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes("\ufeffFever.\r\nÅngström µg\r\n".encode())
    documents, _ = read(tmp_path / "a b.txt")
    assert documents == [TextDocument("note:a-b", "Fever.\r\nÅngström µg\r\n", "patient:a-b")]
    assert read(tmp_path / "a b.txt", texts="papers")[0][0].patient is None


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a"])
def test_a_plain_text_is_a_note_or_a_paper_by_its_form(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text(f"# {TRIAL}" if name == "a.md" else TRIAL)
    (document,), _ = read(file)
    assert (document.id, document.patient, document.form) == ("note:a", None, "paper")
    assert document.reading("r") == "r paper"
    (document,), _ = read(file, texts="notes")
    assert (document.patient, document.form) == ("patient:a", None)
    assert document.reading("r") == "r note"
    file.write_text(SENTENCE)
    (document,), _ = read(file)
    assert (document.patient, document.form) == ("patient:a", "doubt")
    (document,), _ = read(file, texts="papers")
    assert (document.patient, document.form) == (None, None)


def test_a_pdf_is_a_note_or_a_paper_by_its_form(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("In this study we enrolled 40 patients. P < 0.05."))
    (document,), _ = read(tmp_path / "a.pdf")
    assert (document.patient, document.form) == (None, "paper")


def test_rows_are_notes_and_pubtator_is_papers_whatever_their_form(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f'id,text\nx,"{TRIAL}"\n')
    (document,), _ = read(f"{tmp_path / 't.csv'}:id,text")
    assert (document.patient, document.form) == ("patient:x", None)
    (document,), _ = read(f"{tmp_path / 't.csv'}:id,text", texts="papers")
    assert document.patient is None
    (tmp_path / "p.txt").write_text(f"12|t|{VISIT}\n12|a|{VISIT}\n")
    (document,), _ = read(tmp_path / "p.txt", texts="notes")
    assert (document.id, document.patient, document.form) == ("PMID:12", None, None)


def test_no_other_value_says_how_texts_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TRIAL)
    with pytest.raises(DataError, match="auto, notes, papers"):
        read(tmp_path / "a.txt", texts="abstracts")  # type: ignore[arg-type]


MARKDOWN = """# Medications #

* **aspirin** 75&nbsp;mg, `p.o.`
- _warfarin_ (see [the *label*](https://example.org/a_b "About it")), ~~ramipril~~
1. snake_case and 2 * 3 < 4 and x<y and z>w
   ![ECG](ecg.png)

| Drug | Dose |
|:-----|-----:|
| ACE\\_i | 5 mg |

> He denies <b>pain</b><br/>.
Assessment
----------
***
```text
BP 120/80
```
<!-- not for
the record -->
"""


def test_markdown_without_its_markup_has_the_same_offsets(tmp_path: Path) -> None:
    # https://spec.commonmark.org/0.31.2/ and https://github.github.com/gfm/#tables-extension-
    (tmp_path / "a.md").write_text(MARKDOWN, encoding="utf-8")
    (document,), _ = read(tmp_path / "a.md")
    text = document.text
    assert (document.id, document.patient) == ("note:a", "patient:a")
    assert len(text) == len(MARKDOWN)
    assert all(b in (a, " ") for a, b in zip(MARKDOWN, text, strict=True))
    words = text.split()
    assert words[:6] == ["#", "Medications", "#", "*", "aspirin", "75&nbsp;mg,"]
    for kept in ("the label", "snake_case", "2 * 3 < 4", "x<y and z>w", "- ", "1. ", "ACE i"):
        assert kept in " ".join(words), kept
    for gone in ("**", "`", "](", "|", "~~", "<b>", "---", "***", "record", "example", "\\"):
        assert gone not in text, gone
    assert text.index("warfarin") == MARKDOWN.index("warfarin")
    assert "\n He denies" in text.replace(">", " ").replace("  ", " ")


@pytest.mark.parametrize("unit", ["<!-- ", "_a", "__", "* ", "<!-- -->", "[x](", "| - "])
def test_no_markdown_takes_long_to_read(unit: str) -> None:
    text = "a" + unit * (500_000 // len(unit)) + "a"
    with processor_limit(0.75):
        assert len(without_markup(text)) == len(text)


def test_a_comment_that_nothing_closes_is_text() -> None:
    assert (
        without_markup("a <!-- b --> **c** <!-- d **e**") == "a            " + "  c   <!-- d   e  "
    )


@pytest.mark.parametrize("text", ["", "a", "*", "**", "_a", "a_", "[", "](", "\\", "| |", "> "])
def test_odd_markdown_keeps_its_length(text: str) -> None:
    assert len(without_markup(text)) == len(text)


def test_a_pdf_is_read_by_pypdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdf")
    (tmp_path / "a.pdf").write_bytes(pdf("He has a fever."))
    (tmp_path / "b.pdf").write_bytes(pdf(""))
    (tmp_path / "c.pdf").write_bytes(b"%PDF-1.4 secret words")
    documents, quarantine = read(tmp_path)
    assert [(document.id, document.text.strip()) for document in documents] == [
        ("note:a", "He has a fever.")
    ]
    assert [(Path(row.path).name, row.reason[:24]) for row in quarantine] == [
        ("b.pdf", "PDF holds no text (recog"),
        ("c.pdf", "file is no PDF that can "),
    ]
    monkeypatch.setitem(__import__("sys").modules, "pypdf", None)  # as if it were not installed
    _, quarantine = read(tmp_path / "a.pdf")
    assert quarantine.counts() == {"PDF needs pypdf (pip install 'medkg[pdf]')": 1}


def test_columns_of_tables(tmp_path: Path) -> None:
    # https://www.rfc-editor.org/rfc/rfc4180
    rows = '\ufeffid,note,"a,b"\r\n7,"two\nlines, one ""quote""",x\r\n,fever,y\r\n9, ,\r\n'
    (tmp_path / "t.csv").write_text(rows, encoding="utf-8", newline="")
    documents, quarantine = read(f"{tmp_path / 't.csv'}:note")
    assert documents == [
        TextDocument("note:t-1", 'two\nlines, one "quote"', "patient:t-1"),
        TextDocument("note:t-2", "fever", "patient:t-2"),
    ]
    assert quarantine.counts() == {"row without text": 1}
    documents, quarantine = read(f"{tmp_path / 't.csv'}:id,note")
    assert [document.id for document in documents] == ["note:7"]
    assert quarantine.counts() == {"row without identifier": 1, "row without text": 1}
    assert [d.text for d in read(f"{tmp_path / 't.csv'}:a,b")[0]] == ["x", "y"]
    table = 'pmid\ttext\nPMID:5\tA "paper\nnote:z\tA note\n'
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(table.replace('"', "").encode()))
    documents, _ = read(f"{tmp_path / 't.tsv.gz'}:pmid,text")
    assert documents == [
        TextDocument("PMID:5", "A paper"),
        TextDocument("note:z", "A note", "patient:z"),
    ]


def test_a_row_is_whole_or_set_aside(tmp_path: Path) -> None:
    long = "Cough. " * 30_000
    rows = f"id,note\n1,Fever, but no cough\n2,one\x0cpage and\u2028another\n3,{long}\n4\n"
    (tmp_path / "t.csv").write_text(rows, encoding="utf-8")
    documents, quarantine = read(f"{tmp_path / 't.csv'}:note")
    assert [document.text for document in documents] == ["one\x0cpage and\u2028another", long]
    assert [(row.line, row.row) for row in quarantine.rows] == [(2, "row 1"), (5, "row 4")]
    assert quarantine.counts() == {"wrong number of columns": 2}


def test_lines_of_json(tmp_path: Path) -> None:
    # https://jsonlines.org
    lines = ['{"id": 4, "text": "Fever.", "more": 1}', "", '{"text": "Cough\\n\\u00b5g."}']
    lines += ['{"text": 5}', "{", "[1]", '{"id": "PMID:9", "text": "A paper."}']
    (tmp_path / "n.jsonl").write_text("\r\n".join(lines), encoding="utf-8", newline="")
    documents, quarantine = read(tmp_path / "n.jsonl")
    assert documents == [
        TextDocument("note:4", "Fever.", "patient:4"),
        TextDocument("note:n-3", "Cough\nµg.", "patient:n-3"),
        TextDocument("PMID:9", "A paper."),
    ]
    assert [row.line for row in quarantine] == [4, 5, 6]
    named = '{"key": "a", "body": "Pain."}\n{"body": "Pain."}\n'
    (tmp_path / "m.jsonl").write_text(named, encoding="utf-8")
    documents, quarantine = read(f"{tmp_path / 'm.jsonl'}:key,body")
    assert [(document.id, document.text) for document in documents] == [("note:a", "Pain.")]
    assert quarantine.counts() == {"row without identifier": 1}


def test_a_folder_holds_files_of_all_kinds(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        (tmp_path / patient).mkdir()
        (tmp_path / patient / "note.txt").write_text("Cough.", encoding="utf-8")
    (tmp_path / "p1" / "plan.md").write_text("*Rest*", encoding="utf-8")
    (tmp_path / "p1" / "note.md").write_text("The same name.", encoding="utf-8")
    (tmp_path / "papers.xml.gz").write_bytes(gzip.compress(PUBMED.encode()))
    (tmp_path / "t.csv").write_text("id,note\n1,x\n", encoding="utf-8")
    (tmp_path / "scan.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.txt").write_text("no", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("Ménière".encode("latin-1"))
    (tmp_path / "blank.txt").write_text(" \n", encoding="utf-8")
    (tmp_path / "scan.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "graph.json").write_text("{}", encoding="utf-8")
    (tmp_path / "graph.quarantine.jsonl").write_text("{}\n", encoding="utf-8")
    documents, quarantine = read(tmp_path)
    assert sorted(document.id for document in documents) == [
        "PMID:101",
        "PMID:102",
        "note:p1/note",
        "note:p1/plan",
        "note:p2/note",
    ]
    reasons = {(Path(row.path).name or row.row, row.reason) for row in quarantine}
    assert {
        ("t.csv", "table without a column to read (give FILE.csv:COLUMN)"),
        ("scan.png", "file of a kind that is not read"),
        ("latin.txt", document_file.NOT_UTF8),
        ("blank.txt", "file is empty"),
        ("scan.txt", "file is no text; save what it holds as text or PDF"),
    } <= reasons
    assert [row.row for row in quarantine if "another document has this name" in row.reason] == [
        "note:p1/note"
    ]
    assert [d.id for d in iter_documents([tmp_path / "p1", tmp_path / "p1"], Quarantine())] == [
        "note:note",
        "note:plan",
    ]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("missing.txt", "is not there"),
        ("missing.csv:note", "is not there"),
        ("t.csv", "say which column is text: t.csv:COLUMN"),
        ("t.csv:text", "has no column 'text' in its first line"),
        ("t.csv:ID,note", "has no column 'ID' in its first line"),
        ("t.txt:note", "is not there"),
        ("empty", "without files to read"),
    ],
)
def test_what_is_asked_wrongly_is_an_error(tmp_path: Path, path: str, says: str) -> None:
    (tmp_path / "t.csv").write_text("id,note\n1,x\n", encoding="utf-8")
    (tmp_path / "t.txt").write_text("x", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=says) as error:
        read(tmp_path / path)
    assert path.split(":")[0] in str(error.value)


@pytest.mark.parametrize("text", ["No fever.\nNo cough.", "No fever, no cough. " * 40])
def test_a_text_in_place_of_a_path_is_an_error_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(DataError, match=r"a text was given, not a path") as error:
        read(text)
    assert "fever" not in str(error.value)


def test_a_table_in_memory_is_told_to_be_saved() -> None:
    with pytest.raises(DataError, match="is no path of a file"):
        read(pl.DataFrame({"text": ["No fever."]}))  # type: ignore[arg-type]  # as given


def test_pubtator_without_an_identifier_costs_that_document_alone(tmp_path: Path) -> None:
    file = tmp_path / "some.pubtator"
    file.write_text("1|t|Aspirin\n1|a|helps.\n\n |t|Lost\n\n2|t|Kept\n", encoding="utf-8")
    aside = Quarantine()
    assert [d.id for d in iter_documents([file], aside)] == ["PMID:1", "PMID:2"]
    assert aside.counts() == {"document without an identifier": 1}
    # What only looks like PubTator's first line is a text.
    note = tmp_path / "note.txt"
    note.write_text("a\tb|t|x y\n", encoding="utf-8")
    assert [d.id for d in iter_documents([note], Quarantine())] == ["note:note"]


def test_names_that_are_no_characters(tmp_path: Path) -> None:
    """A Latin-1 file name, and an id with half a character: what is named so can be written."""
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("Fever.", encoding="utf-8")
        (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    except OSError:
        pytest.skip("a file system of UTF-8 names only")
    rows = [{"id": "\ud800", "text": "Cough."}, {"id": 0, "text": "Gout."}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    aside = Quarantine()
    names = sorted(d.id for d in iter_documents([tmp_path], aside))
    assert names == ["note:0", "note:\\ud800", "note:caf\\udce9"]
    aside.save(tmp_path / "aside.jsonl")
    (row,) = (tmp_path / "aside.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(row)["path"] == str(tmp_path / os.fsdecode(b"caf\xe9.png"))


def test_a_quote_that_is_not_closed_swallows_no_other_row(tmp_path: Path) -> None:
    rows = 'id,note\n1,"Fever.\n2,Cough.\n3,"A note\nof two lines."\n4,"Rash.\n'
    (tmp_path / "t.csv").write_text(rows, encoding="utf-8")
    documents, quarantine = read(f"{tmp_path / 't.csv'}:id,note")
    assert [(d.id, d.text) for d in documents] == [
        ("note:2", "Cough."),
        ("note:3", "A note\nof two lines."),
    ]
    assert [(item.reason, item.line) for item in quarantine] == [
        ("a quote that begins here is not closed", 2),
        ("a quote that begins here is not closed", 6),
    ]


@pytest.mark.parametrize(
    "line", ['1,"He said ""no"" twice"', '1,He said "no" twice', '1,"no" twice']
)
def test_quotes_in_a_line_are_no_unclosed_ones(line: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"id,note\n{line}\n2,Cough.\n", encoding="utf-8")
    documents, quarantine = read(f"{tmp_path / 't.csv'}:id,note")
    assert [d.id for d in documents] == ["note:1", "note:2"]
    assert not list(quarantine)


def test_quotes_that_are_never_closed_are_not_read_again_for_ever(tmp_path: Path) -> None:
    # Each of these lines closes a quote and opens another.
    (tmp_path / "t.csv").write_text("id,note\n" + 'x","\n' * 200_000, encoding="utf-8")
    with processor_limit(20):
        documents, quarantine = read(f"{tmp_path / 't.csv'}:id,note")
    assert not documents
    assert "too many quotes that are not closed" in list(quarantine)[-1].reason


def test_a_quote_in_the_header_that_is_not_closed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('id,"note\n1,Cough.\n', encoding="utf-8")
    with pytest.raises(DataError, match="a quote in its first line that is not closed"):
        read(f"{tmp_path / 't.csv'}:id,note")


def test_notes_of_one_patient_in_a_table_have_names_of_their_own(tmp_path: Path) -> None:
    table = tmp_path / "notes.csv"
    table.write_text("who,note\n7,Fever.\n8,Cough.\n7,No fever.\n7,Fever.\n", encoding="utf-8")
    aside = Quarantine()
    documents = list(iter_documents([f"{table}:who,note"], aside))
    assert [(d.id, d.patient, d.text) for d in documents] == [
        ("note:7", "patient:7", "Fever."),
        ("note:8", "patient:8", "Cough."),
        ("note:7-2", "patient:7", "No fever."),
    ]
    assert aside.counts() == {"document given twice": 1}
