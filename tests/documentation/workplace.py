"""Where a page's commands run: a folder in which each finds what the page takes for granted."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.graph.store import connect
from medkg.graph.store.embedded import serve

from ..servers import change
from .blocks import Step, check_printed, run_python, run_shell

SERVER_FOLDER = "server"
SERVER = f"embedded:{SERVER_FOLDER}"
# After these, a path is written and not read.
_WRITTEN = {"--out", "--report", "--fix", "--csv", "--page", "--findings"}
# How Python's blocks call a graph that was read before the page begins, and the graph.
_GRAPHS = {"kg", "training"}
_ALL = "graphs/all"
Maker = Callable[["Shelf", Path], object]


def written(text: str) -> Maker:
    """A maker of a file that holds a text."""
    return lambda _, path: path.write_text(text, encoding="utf-8")


class Shelf:
    """What pages take for granted, each made once, when the first page needs it.

    Args:
        folder: where it is kept.
        makers: by the path that pages call it by, or `PAGE:PATH` for what one page has of its own.
    """

    def __init__(self, folder: Path, makers: Mapping[str, Maker]):
        self.folder = folder
        self._makers = makers

    def key(self, page: str, name: str) -> str | None:
        """What a page means by a path; None where that isn't one that pages take for granted."""
        own = f"{page}:{name}"
        return own if own in self._makers else name if name in self._makers else None

    def get(self, key: str) -> Path:
        """The file or folder, made if it isn't there."""
        path = self.folder / key.replace(":", "-")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._makers[key](self, path)
        return path

    def run(self, line: str, **paths: Path) -> None:
        """Run a medkg command, with paths in the place of their names in braces."""
        words = [word.format(**paths) for word in shlex.split(line)]
        run_medkg(words, line)


def _is_output(node: ast.AST) -> TypeGuard[ast.keyword]:
    """Whether a node says where a call writes to."""
    return isinstance(node, ast.keyword) and node.arg == "out"


def _names_read(tree: ast.AST) -> set[str]:
    """The names that a block uses and doesn't set."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return {node.id for node in names} - stored


def run_medkg(words: Sequence[str], where: str, answers: str = "") -> str:
    """Run a medkg command in this process; what it printed."""
    done = CliRunner().invoke(app, list(words), input=answers)
    if done.exit_code != 0:
        error = "".join(traceback.format_exception(*done.exc_info)) if done.exc_info else ""
        pytest.fail(f"{where}: medkg {shlex.join(words)}: {done.exit_code}\n{done.output}\n{error}")
    return done.output


class Workplace:
    """A page's folder, which is the current one while its commands run.

    Args:
        page: the stem of the page's name.
        instead: what stands in a command in the place of what only a reader can fill in: a text,
            or a pattern of what earlier commands printed.
    """

    def __init__(
        self,
        page: str,
        shelf: Shelf,
        patch: pytest.MonkeyPatch,
        instead: Mapping[str, str | re.Pattern[str]],
    ):
        self._page, self._shelf, self._patch, self._instead = page, shelf, patch, instead
        self._printed = ""
        self._names: dict[str, Any] = {"medkg": medkg}
        self._server = ExitStack()

    def __enter__(self) -> Workplace:
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.close()

    def run(self, step: Step, where: str) -> str:
        """Run one line, and check what the page says that it prints; what it printed."""
        line = self._filled(step.line, where)
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            self._patch.setenv(name, value)
            return ""
        words = [os.path.expanduser(word) for word in shlex.split(line)]
        self._provide(words)
        if {"server", SERVER} & set(words) and not Path(SERVER_FOLDER).exists():
            self._start_server(where, is_empty=words[1:2] == ["write"])
        if Path(words[0]).name != "medkg":
            return run_shell(line)
        words, target = (words[:-2], words[-1]) if words[-2] == ">" else (words, None)
        # Whoever is asked at the terminal gives the first answer, and stops.
        printed = run_medkg(words[1:], where, "y\nstop\nq\n")
        self._printed += printed
        check_printed(printed, step.stated, where)
        if target is not None:
            Path(target).write_text(printed, encoding="utf-8")
        return printed

    def run_python(self, code: str, where: str) -> str:
        """Run a block of Python after the page's earlier ones; what it printed.

        A graph that it takes for granted by a name, not by a path, is the page's `graphs/all`.
        """
        code = self._filled(code, where)
        tree = ast.parse(code)
        written = {id(node.value) for node in ast.walk(tree) if _is_output(node)}
        texts = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in written
        ]
        self._provide(["python", *texts])
        if SERVER in texts and not Path(SERVER_FOLDER).exists():
            self._start_server(where, is_empty=False)
        for name in _GRAPHS & _names_read(tree) - self._names.keys():
            self._provide(["python", _ALL])
            self._names[name] = medkg.open(_ALL)
        try:
            return run_python(code, self._names)
        except Exception:
            pytest.fail(f"{where}:\n{code}\n{traceback.format_exc()}")

    def query(self, cypher: str, where: str) -> None:
        """Run Cypher on the page's server; what creates a graph, on one that begins empty."""
        is_new = cypher.startswith("CREATE")
        if not Path(SERVER_FOLDER).exists():
            self._start_server(where, is_empty=is_new)
        if is_new:
            with connect(SERVER) as store:
                change(store, cypher)
        else:
            run_medkg(["query", "--on", SERVER, "--cypher", cypher], where)

    def _filled(self, line: str, where: str) -> str:
        for text, value in self._instead.items():
            if text not in line:
                continue
            if isinstance(value, re.Pattern):
                matches = value.findall(self._printed)
                assert matches, f"{where}: nothing was printed that {text} could be"
                value = matches[-1]
            line = line.replace(text, value)
        return line

    def _provide(self, words: Sequence[str]) -> None:
        """Put here what the words name, is taken for granted, and isn't here."""
        for before, word in pairwise(words):
            if before in _WRITTEN or word == SERVER:
                continue
            name = word.removeprefix("@").rstrip("/")
            for path in (name, name.rpartition(":")[0]):
                key = self._shelf.key(self._page, path) if path else None
                if key is not None and not Path(path).exists():
                    self._copy(self._shelf.get(key), Path(path))

    def _start_server(self, where: str, *, is_empty: bool) -> None:
        """Run the page's server until its last command, since each start of it takes seconds."""
        self._server.enter_context(serve(SERVER_FOLDER))
        if not is_empty:
            graph = self._shelf.get(self._shelf.key(self._page, SERVER) or "")
            run_medkg(["write", str(graph), "--into", SERVER], where)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
