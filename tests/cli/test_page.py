"""The page that lists every command is made of the commands, and is that of today."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from medkg.cli import _TOPICS
from medkg.cli.page import page

from ..test_documentation import check_parses

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
LINES = PAGE.read_text(encoding="utf-8").splitlines()
EXAMPLES = [line.split("`")[1] for line in LINES if line.startswith("Example: ")]


def test_the_page_of_the_documentation_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m medkg.cli.page > docs/commands.md"


def test_the_page_has_the_topics_the_commands_and_those_of_groups() -> None:
    assert [line[3:] for line in LINES if line.startswith("## ")] == list(_TOPICS)
    for command in ("predict", "query", "serve", "train links", "evaluate ner", "signals ecg"):
        assert f"### medkg {command}" in LINES
    assert "- `--pairs <path>`: A table with columns head and tail: score these." in LINES


def test_every_option_says_what_it_is_for() -> None:
    without = [line for line in LINES if line.startswith("- `") and line.split("`: ")[1][:1] in "["]
    assert without == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_command_that_there_is(example: str) -> None:
    command, *words = shlex.split(example)
    assert command == "medkg"
    check_parses(words)
