"""`--lang zh`: the main commands print Chinese, and no word of theirs is forgotten."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import polars as pl
import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app, language, show, show_query
from medkg.cypher import library
from medkg.extract.annotated import CONTEXT_MARKS
from medkg.mining.diagnosis.model import Diagnosis
from medkg.mining.treatment.recommendation import DISCLAIMER
from tests.gnn.phenotype_graph import graph as phenotype_graph
from tests.mining.treatment.pharmacy import pharmacy
from tests.test_house import MODULES

CLI = Path(language.__file__).parent
# What diagnose, recommend, extract and query print, and what they share.
FILES = [
    *(CLI / f"{name}.py" for name in ("show", "output", "diagnose", "recommend", "query", "texts")),
    *(CLI / f"show_{name}.py" for name in ("diagnosis", "recommendation", "query", "texts")),
]
# What evaluate prints stays English; it is in the same files.
ENGLISH = {"training_figures", "evaluation_tables", "below_members", "_table"}
# Words that aren't written where they are printed, but are values.
VALUES = [
    *(meaning for _, meaning in CONTEXT_MARKS.values()), *CONTEXT_MARKS, DISCLAIMER,
    "treats", "palliates", "hypothesis", "taken", "female", "male",
    *library.TOPICS.values(), *(query.title for query in library.load(None).values()),
]  # fmt: skip
PLACE = re.compile(r"\{\w+(:[^}]*)?\}")
LETTERS = re.compile(r"[A-Za-z]{2}")


@pytest.fixture
def chinese() -> Iterator[None]:
    language.use("zh")
    yield
    language.use("en")


def functions(file: Path) -> Iterator[ast.AST]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if not (isinstance(node, ast.FunctionDef) and node.name in ENGLISH):
            yield node


def written(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be: each branch of a condition."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from written(node.body)
        yield from written(node.orelse)


def calls(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            yield ast.unparse(each.func).rpartition(".")[2], each


def constants(node: ast.AST) -> Iterator[str]:
    """Texts that are written whole, but for documentation."""
    pieces = {
        id(part)
        for each in ast.walk(node)
        for part in (each.values if isinstance(each, ast.JoinedStr) else ())
    }
    pieces |= {id(each.value) for each in ast.walk(node) if isinstance(each, ast.Expr)}
    for each in ast.walk(node):
        is_text = isinstance(each, ast.Constant) and isinstance(each.value, str)
        if is_text and id(each) not in pieces:
            yield each.value


def printed_words() -> set[str]:
    """What the commands give to `words`, and what has places to be filled."""
    texts = set[str]()
    for file in FILES:
        for part in functions(file):
            for name, call in calls(part):
                if name == "words":
                    texts.update(written(call.args[0]))
            texts.update(text for text in constants(part) if PLACE.search(text))
    return texts


def test_every_word_that_is_printed_has_its_chinese_one_and_none_is_there_for_nothing() -> None:
    assert {*printed_words(), *VALUES} == {*language.tables("zh")["printed"]}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_printed_that_could_not_be_chinese(file: Path) -> None:
    english = []
    for part in functions(file):
        for name, call in calls(part):
            shown = {"print": call.args[:1], "frame": call.args[1:2], "Text": call.args[:1],
                     "append": call.args[:1]}.get(name, [])  # fmt: skip
            for value in shown:
                pieces = value.values if isinstance(value, ast.JoinedStr) else [value]
                for text in (text for piece in pieces for text in written(piece)):
                    if LETTERS.search(text):
                        english.append(f"{file.name}, line {call.lineno}: {text}")
    assert not english


def headings() -> set[str]:
    """The columns of the questions' answers and of the commands' tables."""
    columns = set[str]()
    for query in library.load(None).values():
        frame = pl.DataFrame({name: ["a"] for name in query.columns})
        columns.update(show_query.readable(frame).columns, query.columns)
    columns = {name.removesuffix("_name") if name.removesuffix("_name") in columns else name
               for name in columns}  # fmt: skip
    columns |= {*Diagnosis.__annotations__}
    for file in FILES:
        for part in functions(file):
            for name, call in calls(part):
                if name == "plain_table":
                    columns.update(text for each in call.args for text in written(each))
    return columns - {""}


def test_every_heading_is_chinese() -> None:
    assert headings() <= {*language.tables("zh")["headings"]}


def fields(text: str) -> list[tuple[str | None, str | None]]:
    return sorted((name, form) for _, name, form, _ in Formatter().parse(text) if name)


def test_a_translation_has_the_places_of_the_text_and_is_chinese() -> None:
    tables = language.tables("zh")
    for name in ("printed", "messages"):
        for text, translation in tables[name].items():
            assert fields(translation) == fields(text), text
            assert re.search("[\u4e00-\u9fff]", translation), text


def source_texts() -> set[str]:
    return {
        each.value
        for file in MODULES.values()
        for each in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def test_messages_are_worded_as_those_that_are_made(chinese: None) -> None:
    texts = source_texts()
    whole = "\n".join(texts)
    for template, translation in language.tables("zh")["messages"].items():
        for piece in re.split(r"\{\w+\}|; |: |'", template):
            assert piece.strip(" '") in whole, (template, piece)
        values = {name: f"X{n}" for n, (name, _) in enumerate(fields(template))}
        assert language.message(template.format(**values)) == translation.format(**values)


def test_a_message_and_the_messages_in_it(chinese: None) -> None:
    one = "the graph has no Symptom 'sezure'; near: Seizure (HP:0001250)"
    assert language.message(one) == "图谱中没有 Symptom “sezure”；相近：Seizure (HP:0001250)"
    both = f"{one}; the graph has no entity 'b'"
    assert language.message(both) == f"{language.message(one)}；图谱中没有 实体 “b”"
    assert language.message("what nobody wrote") == "what nobody wrote"
    hint = "Chinese names are those that a graph was loaded with: medkg load … --language zh"
    three = [f"the graph has no Symptom '{name}'; {hint}" for name in ("发热", "咳嗽", "胸痛")]
    of_each = [language.message(each) for each in three]
    assert of_each[1].startswith("图谱中没有 Symptom “咳嗽”；中文名称")
    assert language.message("; ".join(three)) == "；".join(of_each)
    language.use("en")
    assert language.message(one) == one


def run(*arguments: object, code: int = 0, environment: dict[str, str] | None = None) -> str:
    variables = {"COLUMNS": "300", **(environment or {})}
    result = CliRunner().invoke(app, [str(one) for one in arguments], env=variables)
    assert result.exit_code == code, result.output
    return result.stdout


def words_of(printed: str) -> set[str]:
    """Latin words of what was printed, but for options, identifiers and figures."""
    return {*re.findall(r"(?<![\w:/.@%-])[A-Za-z]{3,}(?![\w:/@.-]*\d)", printed)}


def test_recommend_is_chinese(tmp_path: Path) -> None:
    pharmacy().save(tmp_path / "graph")
    run("train", "treatment", tmp_path / "graph", "--out", tmp_path / "m", "--model", "content")
    arguments = (
        "recommend", tmp_path / "m", "--disease", "disease 0-0", "--taking", "drug 1-0",
        "--symptom", "fever", "--pregnant", "--age", 70, "--sex", "F", "--top", 9,
    )  # fmt: skip
    shown = run("--lang", "zh", *arguments)
    for text in ("治疗对象：disease 0-0 (DOID:00)", "70 岁, 女, 妊娠", "假设，不是建议", "不可使用",
                 "! 禁用于 Pregnancy [label PMID:7]", "仅供研究，不用于诊疗"):  # fmt: skip
        assert text in shown
    lines = [line for line in shown.splitlines() if not re.match(r" {2}\+ ", line)]  # reasons
    names = {"drug", "disease", "fever", "Pregnancy", "bleeding", "label", "PMID", "DOID",
             "drugbank", "treatment", "content", "Fever", "common", "made",
             "class"}  # fmt: skip
    assert words_of("\n".join(lines)) <= names
    # The variable does as the option, which goes before it; programs read the same.
    assert run(*arguments, environment={"MEDKG_LANG": "zh"}) == shown
    assert "to treat" in run("--lang", "en", *arguments, environment={"MEDKG_LANG": "zh"})
    in_english, in_chinese = run(*arguments, "--json"), run("--lang", "zh", *arguments, "--json")
    assert json.loads(in_english) == json.loads(in_chinese)


def test_extract_is_chinese(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("患者发热3天，无咳嗽。予阿司匹林口服。", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    medkg.load("starter", language="zh").save(tmp_path / "names")
    shown = run("--lang", "zh", "extract", tmp_path / "n.txt", tmp_path / "empty.txt", "--out",
                tmp_path / "g", "--graph", tmp_path / "names", "--show")  # fmt: skip
    for text in ("读取 1 份文档", "个节点", "提及", "否认"):
        assert text in shown
    assert "搁置：1 文件是空的" in shown


def test_own_cypher_is_shown_as_it_is(chinese: None, capsys: pytest.CaptureFixture[str]) -> None:
    rows = pl.DataFrame({"drug": ["a"], "disease": ["b"]})
    show_query.answer(rows, None, "")
    assert "disease" in capsys.readouterr().out
    show.frame(rows)
    printed = capsys.readouterr().out
    assert "疾病" in printed
    assert "disease" not in printed
    show_query.library(library.load(None).values(), as_json=False)
    assert "某疾病的治疗" in capsys.readouterr().out


def test_names_are_shown_in_the_language_too(tmp_path: Path) -> None:
    kg = phenotype_graph()
    named = kg.nodes.with_columns(
        properties=pl.when(pl.col("kind") == "Disease")
        .then(pl.lit('{"name_zh": "某病"}'))
        .otherwise("properties")
    )
    kg.with_frames(nodes=named).save(tmp_path / "graph")
    run("train", "diagnosis", tmp_path / "graph", "--out", tmp_path / "m", "--model", "resnik")
    arguments = ("diagnose", tmp_path / "m", "--symptom", "phenotype 110")
    shown = run("--lang", "zh", *arguments)
    assert "诊断（仅供研究，不用于诊疗）" in shown
    assert "某病" in shown
    assert "某病" not in run(*arguments)


def test_recommend_names_entities_in_the_language(tmp_path: Path) -> None:
    """In its lists, in warnings and in reasons; what they are looked up by stays."""
    kg = pharmacy()
    in_chinese = pl.lit('{"name_zh": "中文-') + pl.col("name") + pl.lit('"}')
    kg.with_frames(nodes=kg.nodes.with_columns(properties=in_chinese)).save(tmp_path / "graph")
    run("train", "treatment", tmp_path / "graph", "--out", tmp_path / "m", "--model", "content")
    arguments = (
        "recommend", tmp_path / "m", "--disease", "disease 0-0", "--taking", "drug 1-0",
        "--symptom", "fever", "--pregnant", "--top", 9,
    )  # fmt: skip
    english, chinese = run(*arguments), run(*arguments, "--names", "zh")
    assert "中文" not in english
    # All names but those of the states, of which there are no nodes to have one.
    names = [name for name in kg.nodes["name"] if name in english]
    assert len(names) > 5
    for name in names:
        assert f"中文-{name}" in chinese
        assert not re.search(rf"(?<!中文-)(?<![\w-]){re.escape(name)}(?![\w-])", chinese), name
    assert json.loads(run(*arguments, "--names", "zh", "--json"))["names"]["DOID:00"] == (
        "中文-disease 0-0"
    )


def test_extract_shows_names_in_the_language(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("She takes aspirin. No fever.", encoding="utf-8")
    page = tmp_path / "page.html"
    arguments = ("extract", tmp_path / "n.txt", "--notes", "--show", "--html", page)
    english = run(*arguments)
    assert "阿司匹林" not in english + page.read_text(encoding="utf-8")
    chinese = run(*arguments, "--names", "zh")
    assert "阿司匹林" in chinese
    assert "发热" in chinese
    assert "阿司匹林" in page.read_text(encoding="utf-8")
    assert "阿司匹林" in run("--lang", "zh", *arguments)
    texts = json.loads(run(*arguments, "--names", "zh", "--json"))["texts"]
    assert [mention["name"] for mention in texts[0]["mentions"]] == ["阿司匹林", "发热"]
    refused = run(*arguments, "--names", "fr", code=1)
    assert not refused
