"""The examples in the docstrings of `medkg`: each public name has one, and it is true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import medkg
from medkg.mining.links.model import LinkModel

PUBLIC = {
    name: value
    for name in medkg.__all__
    if not isinstance(value := getattr(medkg, name), ModuleType) and name != "MedkgError"
} | {f"plots.{name}": getattr(medkg.plots, name) for name in medkg.plots.__all__}


REFERENCE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(recurse=False)
    objects = {**PUBLIC, "LinkModel.predict": LinkModel.predict}
    return [
        test
        for name, value in objects.items()
        for test in finder.find(value, name, module=False, globs={"medkg": medkg})
    ]


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_has_an_example(name: str) -> None:
    assert "\nExample:\n" in (inspect.getdoc(PUBLIC[name]) or "")


@pytest.mark.parametrize("example", examples(), ids=lambda test: test.name)
def test_an_example_gives_what_it_says(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    result = doctest.DocTestRunner().run(example, out=report.append)
    assert result.attempted
    assert not result.failed, "".join(report)


def test_the_reference_has_every_public_name() -> None:
    listed = set(re.findall(r"^::: (\S+)$", REFERENCE, re.MULTILINE))
    assert {f"{value.__module__}.{value.__qualname__}" for value in PUBLIC.values()} <= listed


def sections() -> dict[str, str]:
    """The examples on the page below each entry of the reference, by the entry's name."""
    entries = re.split(r"^::: (\S+)$", REFERENCE, flags=re.MULTILINE)[1:]
    below = zip(entries[::2], entries[1::2], strict=True)
    return {name: "\n".join(_BLOCK.findall(text)) for name, text in below}


SECTIONS = sections()


def named(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def methods(of: type) -> list[str]:
    """The methods that a class of medkg has, or inherits from another class of medkg."""
    return [
        name
        for name, value in inspect.getmembers(of, inspect.isroutine)
        if not name.startswith("_")
        and (getattr(value, "__module__", "") or "").startswith("medkg.")
    ]


def frame_functions() -> dict[str, object]:
    """The functions and methods of the reference that return a frame, or frames."""
    functions: dict[str, object] = {}
    for name in SECTIONS:
        value = named(name)
        if inspect.isclass(value):
            functions |= {f"{name}.{method}": getattr(value, method) for method in methods(value)}
        else:
            functions[name] = value
    return {
        name: value
        for name, value in functions.items()
        if callable(value) and "DataFrame" in str(inspect.signature(value).return_annotation)
    }


@pytest.mark.parametrize("name", list(frame_functions()))
def test_the_columns_of_each_frame_are_in_its_docstring(name: str) -> None:
    _, head, returns = (inspect.getdoc(frame_functions()[name]) or "").partition("\nReturns:\n")
    assert head
    described = re.split(r"\n\S", returns)[0]
    assert "column" in described.lower() or described.count(",") >= 2


@pytest.mark.parametrize("name", [name for name, text in SECTIONS.items() if text])
def test_the_examples_below_a_class_give_what_they_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    example = doctest.DocTestParser().get_doctest(
        SECTIONS[name], {"medkg": medkg}, name, "reference.md", 0
    )
    result = doctest.DocTestRunner().run(example, out=report.append)
    assert result.attempted
    assert not result.failed, "".join(report)


@pytest.mark.parametrize("name", list(SECTIONS))
def test_every_method_of_the_reference_has_an_example(name: str) -> None:
    value = named(name)
    if not inspect.isclass(value):
        return
    examples = (inspect.getdoc(value) or "") + SECTIONS[name]
    without = [
        method
        for method in methods(value)
        if f".{method}(" not in examples
        and "\nExample:\n" not in (inspect.getdoc(getattr(value, method)) or "")
    ]
    assert not without
