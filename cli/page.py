"""The page of the documentation that lists every command, made of the commands themselves.

python -m medkg.cli.page > docs/commands.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from medkg.cli.app import app

_HEAD = """# Commands

Made of the commands by `python -m medkg.cli.page > docs/commands.md`. `medkg COMMAND -h` shows the
same in a terminal, `medkg --install-completion` completes commands and options in the shell.

Every command ends with 0 where it did what it was asked, with 1 where there is something that you
can put right (the message says what), with 2 where it was called wrongly and with 130 where it was
stopped. Results go to standard output, progress and remarks to standard error.

`medkg --lang zh COMMAND`, or `MEDKG_LANG=zh`, prints the main words of some commands in
[Chinese](chinese.md#the-command-line).
"""


def page() -> str:
    """The page as Markdown."""
    root: Any = typer.main.get_command(app)
    context = typer.Context(root, info_name="medkg")
    topics: dict[str, list[str]] = {}
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        entries = _entries(command, typer.Context(command, parent=context, info_name=name))
        topics.setdefault(command.rich_help_panel, []).extend(entries)
    parts = (part for topic, entries in topics.items() for part in (f"## {topic}\n", *entries))
    return "\n".join([_HEAD, *parts])


def _entries(command: Any, context: typer.Context) -> Iterator[str]:
    """The entry of a command, and those of the commands of a group."""
    yield _entry(command, context)
    for name in getattr(command, "commands", ()):
        inner = command.get_command(context, name)
        yield from _entries(inner, typer.Context(inner, parent=context, info_name=name))


def _entry(command: Any, context: typer.Context) -> str:
    path = context.command_path
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    lines = [f"### {path}", "", _as_it_is(command.help), "", f"`{usage}`", ""]
    records = (each.get_help_record(context) for each in command.params)
    lines += [f"- `{name}`: {_as_it_is(about)}" for name, about in filter(None, records)]
    if command.epilog:
        what, _, example = command.epilog.partition(": ")
        lines += ["", f"{what}: `{' '.join(example.split())}`"]
    return "\n".join([*lines, ""])


def _as_it_is(text: str) -> str:
    """A text in one line, of which Markdown takes nothing for its own."""
    return re.sub(r"([*_])", r"\\\1", " ".join(text.split())).replace("<", "&lt;")


if __name__ == "__main__":
    print(page(), end="")
