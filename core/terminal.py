"""What goes to a terminal: names and texts of others can't steer it, nor are they mark-up."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

# Controls, what turns the direction of text (and other formats), halves of characters, other line
# ends. Not the joiners that some scripts are written with, and the soft hyphen.
_STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_HARMLESS = {"\n", "\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}", "\N{SOFT HYPHEN}"}


def steers(character: str) -> bool:
    """Whether a character does something to a terminal, or to the order of the characters there."""
    return unicodedata.category(character) in _STEERING and character not in _HARMLESS


def printable(text: str) -> str:
    """A text without the characters that would steer a terminal, each replaced by U+FFFD."""
    plain = text.replace("\r\n", "\n").expandtabs(4)
    return "".join("\N{REPLACEMENT CHARACTER}" if steers(c) else c for c in plain)


class _Printable:
    """Something to print, whose text can't steer the terminal; styles stay."""

    def __init__(self, renderable: ConsoleRenderable):
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self.renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


class _Printing(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Printable(each) for each in renderables]


def terminal(*, stderr: bool = False) -> Console:
    """A console for all that people read: texts are shown as they are, brackets included."""
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    console.push_render_hook(_Printing())
    return console
