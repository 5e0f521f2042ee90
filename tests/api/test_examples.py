"""The examples in the docstrings of `medkg`: each public name has one, and it is true."""

from __future__ import annotations

import doctest
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
    reference = (Path(__file__).parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^::: (\S+)$", reference, re.MULTILINE))
    assert {f"{value.__module__}.{value.__qualname__}" for value in PUBLIC.values()} <= listed
