"""The README and the documentation: each command and name in them exists, and the tutorials run."""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

import medkg
from medkg.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
QUICKSTART = os.environ.get("MEDKG_QUICKSTART")
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)


class Block(NamedTuple):
    language: str
    code: str
    line: int


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield Block(match[1], match[2], text.count("\n", 0, match.start()) + 2)


def _commands(block: Block) -> Iterator[list[str]]:
    """The arguments of each `medkg` command of a block."""
    code = _COMMENT.sub("", block.code.replace("\\\n", " "))
    if block.language != "sh":  # a terminal's text, with what is typed after a `$`
        typed = (line.removeprefix("$ ") for line in code.splitlines())
        code = "\n".join(line for line in typed if line.startswith("medkg "))
    reader = shlex.shlex(code, posix=True, punctuation_chars="\n&|>")
    reader.whitespace, reader.whitespace_split, reader.commenters = " \t", True, ""
    for is_separator, words in groupby(reader, lambda word: set(word) <= set("\n&|>")):
        command = list(words)
        if not is_separator and Path(command[0]).name == "medkg":
            yield command[1:]


def _check_parses(words: list[str]) -> None:
    """Raise where a command, an option or an argument is not one of the program's."""
    command: Any = typer.main.get_command(app)
    context = typer.Context(command, info_name="medkg")
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        name, words = words[0], words[1:]
        command = command.get_command(context, name)
        if command is None:
            raise typer.BadParameter(f"no command {name!r}")
        context = typer.Context(command, parent=context, info_name=name)
    given, left, _ = command.make_parser(context).parse_args(list(words))
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
    for block in _blocks(page):
        for words in _commands(block) if block.language == "sh" else ():
            try:
                _check_parses(words)
            except UsageError as error:
                pytest.fail(f"{page}:{block.line}: medkg {shlex.join(words)}: {error}")


@pytest.mark.parametrize(
    "words",
    ["lod hpo", "load hpo --uot x", "merge", "query why too much", "train linkz x", "load --out"],
)
def test_what_does_not_exist_is_noticed(words: str) -> None:
    with pytest.raises(UsageError):
        _check_parses(words.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_names_exist(page: Path) -> None:
    for block in _blocks(page):
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
    for block in _blocks(page):
        if block.language == "sh":
            printed = _run_shell(block.code)
        elif block.language == "python":
            printed = _run_python(block.code, names)
        elif block.language == "text":
            _check_printed(printed, block.code, f"{page.name}:{block.line}")


def _run_shell(code: str) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euc", code], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, (code, done.stdout, done.stderr)
    return done.stdout


def _run_python(code: str, names: dict[str, Any]) -> str:
    """Run a block as a notebook's cell: what its last line is worth is printed."""
    tree = ast.parse(code)
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]  # an ast.Expr
        code_of_last = compile(last, "tutorial", "eval")
    else:
        code_of_last = compile("None", "tutorial", "eval")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(tree, "tutorial", "exec"), names)
        value = eval(code_of_last, names)
        if value is not None:
            print(value)
    return out.getvalue()


def _check_printed(printed: str, stated: str, where: str) -> None:
    """What a page says that is printed is printed, line after line; `…` is anything."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    for line in filter(None, (" ".join(line.split()) for line in stated.splitlines())):
        pattern = ".*".join(re.escape(part.strip()) for part in line.split("…"))
        while lines and not re.fullmatch(pattern, lines[0]):
            lines.pop(0)
        assert lines, f"{where}: {line!r} is not printed (any more), or not there:\n{printed}"
        lines.pop(0)


def test_the_table_of_the_how_to_becomes_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = list(_blocks(ROOT / "docs" / "how-to" / "own-data.md"))
    for block, name in zip(blocks, ("measured.csv", "measured.yaml"), strict=False):
        assert block.language == Path(name).suffix[1:]
        (tmp_path / name).write_text(block.code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    _run_shell(blocks[2].code)
    edges = medkg.open(tmp_path / "graphs" / "all").edges.filter(relation="TARGETS")
    measured = edges.filter(sources=["our-laboratory"])
    assert measured["object"].to_list() == ["NCBIGene:3932"]
    assert edges.filter(sources=["our-laboratory", "starter"])["object"].to_list() == [
        "NCBIGene:3815"
    ]
