"""The blocks of a page, the commands in them, and what the page says that they print."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
_FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block; of what language, and the line of the page that its code begins in."""

    language: str
    code: str
    line: int


class Step(NamedTuple):
    """One line of a shell, and what the block says that it prints, if it does."""

    line: str
    stated: str


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield Block(match[1], match[2], text.count("\n", 0, match.start()) + 2)


def steps(block: Block) -> Iterator[Step]:
    """What is typed in a block, line by line.

    All lines of a block in `sh`; in one without a language, those after a `$` or that begin with
    `medkg`, the others being what is printed.
    """
    if block.language not in ("sh", ""):
        return
    code = _COMMENT.sub("", block.code.replace("\\\n", " "))
    typed: list[tuple[str, list[str]]] = []
    for line in code.splitlines():
        if typed and not _is_whole(typed[-1][0]):  # a text in quotes of several lines
            typed[-1] = (f"{typed[-1][0]}\n{line}", [])
        elif block.language == "sh" or line.startswith(("$ ", "medkg ")):
            parts = line.removeprefix("$ ").split(" && ")
            typed += [(part.strip(), []) for part in parts if part.strip()]
        elif typed:
            typed[-1][1].append(line)
    for line, stated in typed:
        yield Step(line, "\n".join(stated))


def _is_whole(line: str) -> bool:
    """Whether every quote of a line is closed."""
    try:
        shlex.split(line)
    except ValueError:
        return False
    return True


def commands(block: Block) -> Iterator[list[str]]:
    """The arguments of each `medkg` command of a block."""
    for step in steps(block):
        reader = shlex.shlex(step.line, posix=True, punctuation_chars="\n&|>")
        reader.whitespace, reader.whitespace_split, reader.commenters = " \t", True, ""
        for is_separator, words in groupby(reader, lambda word: set(word) <= set("\n&|>")):
            command = list(words)
            if not is_separator and Path(command[0]).name == "medkg":
                yield command[1:]


def run_shell(code: str) -> str:
    """Run a block in a shell that finds medkg; what it prints."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euc", code], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, (code, done.stdout, done.stderr)
    return done.stdout


def run_python(code: str, names: dict[str, Any]) -> str:
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


def check_printed(printed: str, stated: str, where: str) -> None:
    """What a page says that is printed is printed, line after line; `…` is anything."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    for line in filter(None, (" ".join(line.split()) for line in stated.splitlines())):
        pattern = ".*".join(re.escape(part.strip()) for part in line.split("…"))
        while lines and not re.fullmatch(pattern, lines[0]):
            lines.pop(0)
        assert lines, f"{where}: {line!r} is not printed (any more), or not there:\n{printed}"
        lines.pop(0)
