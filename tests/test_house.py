"""The shape of the house: rooms, sizes and imports, so that each rule fails where it is broken.

What ruff checks (complexity, unused arguments) and what import-linter checks (which room may import
which) is in `pyproject.toml`; these are the rules that neither of them has.
"""

from __future__ import annotations

import ast
import importlib
import runpy
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest
import setuptools
import yaml

from .conftest import SLOW

ROOT = Path(__file__).resolve().parents[1]

MOST_LINES_OF_A_FUNCTION = 60
LONG_FUNCTIONS = {  # by name, each with its reason
    "medkg.texts.read_texts": "a function's options, each with its help",
    "medkg.cli.diagnose.diagnose": "a command's options, each with its help",
    "medkg.cli.molecules.generate": "a command's options, each with its help",
    "medkg.cli.predict.predict": "a command's options, each with its help",
    "medkg.cli.recommend.recommend": "a command's options, each with its help",
    "medkg.cli.split.split": "a command's options, each with its help",
    "medkg.cli.texts.extract": "a command's options, each with its help",
    "medkg.cli.train_models.train_links": "a command's options, each with its help",
    "medkg.cli.train_text.train_ner": "a command's options, each with its help",
}
MOST_LINES_OF_A_FILE = 500
LONG_FILES: dict[str, str] = {}


def rooms() -> dict[str, str]:
    """The packages that setup.py installs, by name, with their folders."""
    captured: dict[str, dict[str, str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, "setup", lambda **options: captured.update(options))
        runpy.run_path(str(ROOT / "setup.py"))
    return captured["package_dir"]


PACKAGES = rooms()


def modules() -> Iterator[tuple[str, Path]]:
    """Every module that is installed, by its full name, with its file."""
    for package, folder in PACKAGES.items():
        for file in sorted((ROOT / folder).glob("*.py")):
            yield package if file.stem == "__init__" else f"{package}.{file.stem}", file


MODULES = dict(modules())


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def test_every_module_of_a_room_is_in_a_package() -> None:
    top = {folder.partition("/")[0] for folder in PACKAGES.values()}
    installed = set(MODULES.values())
    for folder in top:
        for file in (ROOT / folder).rglob("*.py"):
            assert file in installed, f"{file}: its folder has no __init__.py"


def test_every_folder_of_code_is_a_room_or_known_not_to_be() -> None:
    no_rooms = {"benchmarks", "tests"}
    top = {folder.partition("/")[0] for folder in PACKAGES.values()}
    for folder in ROOT.iterdir():
        if folder.is_dir() and folder.name[0] != "." and any(folder.glob("*.py")):
            assert folder.name in top | no_rooms, f"{folder.name}: add it to ROOMS in setup.py"


def functions() -> Iterator[tuple[str, int]]:
    for name, file in MODULES.items():
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = (ast.get_docstring(node) or "").splitlines()
                # With the line before it; an example makes no function longer to read.
                at = docstring.index("Example:") - 1 if "Example:" in docstring else len(docstring)
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{name}.{node.name}", lines - len(docstring[at:])


def test_functions_are_short() -> None:
    long = {name for name, lines in functions() if lines > MOST_LINES_OF_A_FUNCTION}
    assert long <= set(LONG_FUNCTIONS), "split them, or say in LONG_FUNCTIONS why they are long"
    assert set(LONG_FUNCTIONS) <= long, "these are no longer long"
    assert len(LONG_FUNCTIONS) <= 10


def test_files_are_short() -> None:
    long = {
        str(file.relative_to(ROOT))
        for file in MODULES.values()
        if len(file.read_text(encoding="utf-8").splitlines()) > MOST_LINES_OF_A_FILE
    }
    assert long <= set(LONG_FILES), "split them, or say in LONG_FILES why they are long"
    assert set(LONG_FILES) <= long, "these are no longer long"
    assert len(LONG_FILES) <= 8


def imports(name: str, file: Path) -> Iterator[str]:
    """The modules of ours that a module imports, wherever in it."""
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(parsed(file)):
        if not isinstance(node, ast.ImportFrom):
            continue
        start = package.split(".")
        start = start[: len(start) - node.level + 1] if node.level else []
        target = ".".join([*start, *([node.module] if node.module else [])])
        for alias in node.names:
            inner = f"{target}.{alias.name}"
            if inner in MODULES:
                yield inner
            elif target in MODULES and target != name:
                yield target


def test_no_two_files_import_each_other() -> None:
    graph = nx.DiGraph(
        (name, other) for name, file in MODULES.items() for other in imports(name, file)
    )
    circles = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    assert not circles, "a protocol or a parameter ends a circle"


def test_the_citation_has_the_version_that_is_installed() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{citation["version"]}"' in project


# A name says what a thing is: matches, statements, message, candidates, rows.
VAGUE_NAMES = {"asked", "found", "judges", "said", "say", "speaks", "this", "told", "unread"}


def bound_names(file: Path) -> Iterator[tuple[int, str]]:
    """Line and name of every variable, parameter, attribute and function that a file defines."""
    for node in ast.walk(parsed(file)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.ClassDef(name=name) | ast.alias(asname=str(name)):
                yield node.lineno, name


def test_names_say_what_a_thing_is() -> None:
    scripts = [file for folder in ("benchmarks", "tests") for file in (ROOT / folder).rglob("*.py")]
    vague = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in [*MODULES.values(), *scripts]
        for line, name in bound_names(file)
        if name.strip("_").lower() in VAGUE_NAMES
    ]
    assert not vague, "name it after its kind"


def imports_of_medkg(file: Path) -> Iterator[tuple[int, str, str]]:
    """The line, module and name of each `from medkg… import …`, those within functions too."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "medkg":
            for alias in node.names:
                yield node.lineno, str(node.module), alias.name


def test_what_scripts_import_exists() -> None:
    """Benchmarks import within functions, where a renamed piece is missed only as they run."""
    scripts = (ROOT / "benchmarks").rglob("*.py")
    missing = [
        f"{file.relative_to(ROOT)}:{line}: {module}.{name}"
        for file in scripts
        for line, module, name in imports_of_medkg(file)
        if not is_importable(module, name)
    ]
    assert not missing


def is_importable(module: str, name: str) -> bool:
    """Whether `from module import name` works: a thing of the module's, or a module below it."""
    try:
        return hasattr(importlib.import_module(module), name) or bool(
            importlib.import_module(f"{module}.{name}")
        )
    except ModuleNotFoundError:
        return False


def test_what_is_called_slow_exists() -> None:
    assert [name for name in SLOW if not (ROOT / "tests" / name).is_file()] == []
