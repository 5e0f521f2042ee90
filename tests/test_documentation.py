"""The README and the documentation: each command and name in them exists, and the tutorials run."""

from __future__ import annotations

import ast
import importlib
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import medkg
from medkg.cli import app
from medkg.graph import laboratory

from .documentation.blocks import (
    PAGES,
    ROOT,
    TUTORIALS,
    blocks,
    check_printed,
    commands,
    run_python,
    run_shell,
)

QUICKSTART = os.environ.get("MEDKG_QUICKSTART")
UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def check_parses(words: list[str]) -> None:
    """Raise where a command, an option or an argument is not one of the program's."""
    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="medkg")
    given, left, _ = command.make_parser(context).parse_args(list(words))
    while hasattr(command, "get_command") and left:
        name, *words = left
        command = command.get_command(context, name)
        if command is None:
            raise typer.BadParameter(f"no command {name!r}")
        context = typer.Context(command, parent=context, info_name=name)
        given, left, _ = command.make_parser(context).parse_args(words)
    if left:
        raise typer.BadParameter(f"{left} is too much")
    if any(parameter.is_eager and parameter.name in given for parameter in command.params):
        return  # it prints something and ends, whatever else is given
    for parameter in command.get_params(context):
        is_argument = parameter.param_type_name == "argument"
        if is_argument and parameter.required and given.get(parameter.name) in (None, ()):
            raise typer.BadParameter(f"{parameter.name} is missing")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    for block in blocks(page):
        for words in commands(block):
            try:
                check_parses(words)
            except UsageError as error:
                pytest.fail(f"{page}:{block.line}: medkg {shlex.join(words)}: {error}")


@pytest.mark.parametrize(
    "words",
    ["lod hpo", "load hpo --uot x", "merge", "query why too much", "train linkz x", "load --out"],
)
def test_what_does_not_exist_is_noticed(words: str) -> None:
    with pytest.raises(UsageError):
        check_parses(words.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_names_exist(page: Path) -> None:
    for block in blocks(page):
        if block.language != "python":
            continue
        for node in ast.walk(ast.parse(block.code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("medkg"):
                module = importlib.import_module(str(node.module))
                for name in node.names:
                    assert hasattr(module, name.name), (page, block.line, name.name)
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "medkg"
            ):
                assert hasattr(medkg, node.attr), (page, block.line, node.attr)


def test_every_page_is_in_the_navigation() -> None:
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES[2:]:
        assert str(page.relative_to(ROOT / "docs")) in listed, f"{page} is not in mkdocs.yml"


def test_the_reference_shows_examples_as_code_and_what_is_returned_in_sentences() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    [plugin] = [each["mkdocstrings"] for each in config["plugins"] if "mkdocstrings" in each]
    options = plugin["handlers"]["python"]["options"]
    assert options["docstring_options"] == {"returns_multiple_items": False}
    assert [(ROOT / file).is_file() for file in options["extensions"]] == [True]


def test_the_docs_count_the_laboratory_tests_that_there_are() -> None:
    tests = laboratory.laboratory_tests()
    coded = sum(bool(test.loinc) for test in tests)
    names = len(laboratory.tests_by_name())
    text = (ROOT / "docs" / "text.md").read_text(encoding="utf-8")
    assert f"{len(tests)} tests by {names} names" in text
    labs = (ROOT / "docs" / "how-to" / "labs.md").read_text(encoding="utf-8")
    assert f"Of {len(tests)} tests, {coded} have LOINC codes" in labs
    assert f"has the limits of {sum(bool(test.possible) for test in tests)} tests" in labs


def test_there_is_a_tutorial_for_each_user() -> None:
    assert [page.stem for page in TUTORIALS] == ["cypher", "python", "subgraphs"]


@pytest.mark.skipif(
    QUICKSTART is None, reason="set MEDKG_QUICKSTART to the folder of a finished quickstart"
)
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert QUICKSTART is not None
    shutil.copytree(QUICKSTART, tmp_path / "medkg-quickstart")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    names: dict[str, Any] = {}
    printed = ""
    for block in blocks(page):
        if block.language == "sh":
            printed = run_shell(block.code)
        elif block.language == "python":
            printed = run_python(block.code, names)
        elif block.language == "text":
            check_printed(printed, block.code, f"{page.name}:{block.line}")


def test_the_table_of_the_how_to_becomes_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_page = list(blocks(ROOT / "docs" / "how-to" / "own-data.md"))
    for block, name in zip(of_page, ("measured.csv", "measured.yaml"), strict=False):
        assert block.language == Path(name).suffix[1:]
        (tmp_path / name).write_text(block.code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    run_shell(of_page[2].code)
    edges = medkg.open(tmp_path / "graphs" / "all").edges.filter(relation="TARGETS")
    measured = edges.filter(sources=["our-laboratory"])
    assert measured["object"].to_list() == ["NCBIGene:3932"]
    assert edges.filter(sources=["our-laboratory", "starter"])["object"].to_list() == [
        "NCBIGene:3815"
    ]
