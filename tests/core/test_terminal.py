"""Names and texts of others are shown on a terminal, and do nothing there."""

from __future__ import annotations

import io
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from medkg.core.terminal import printable, steers, terminal

ESCAPE, BELL, CSI, OVERRIDE = "\x1b", "\x07", "\x9b", "\u202e"
HOSTILE = f"a{ESCAPE}]0;title{BELL}{ESCAPE}[2J{CSI}31mb{OVERRIDE}c\x00\x7f\u2066d\u2028e\ud800f\r g"
SHOWN = "a�]0;title��[2J�31mb�c���d�e�f� g"


def shown(*renderables: object) -> str:
    """What a console writes to a terminal, with its own escapes taken out."""
    console = terminal()
    console.file = io.StringIO()
    console.width = 200
    console.print(*renderables)
    return console.file.getvalue()


def test_what_steers_a_terminal_is_replaced() -> None:
    assert printable(HOSTILE) == SHOWN
    assert printable("one\r\ntwo\tthree\n") == "one\ntwo three\n"


def test_names_in_any_script_stay() -> None:
    for name in ("naïve 10\u00a0mg", "می\u200cخواهم", "क्\u200dष", "👩\u200d⚕️", "co\u00adagulation"):
        assert printable(name) == name


@given(st.text())
def test_nothing_is_left_that_steers(text: str) -> None:
    plain = printable(text)
    assert not [c for c in plain if unicodedata.category(c) == "Cc" and c != "\n"]
    assert not any(map(steers, plain))
    assert printable(plain) == plain


def test_a_console_shows_texts_as_they_are() -> None:
    # rich itself drops some of them.
    assert shown(HOSTILE).replace("�", "") == SHOWN.replace("�", "") + "\n"
    assert shown("[/red]x.html [bold]y[/bold] :smile:") == "[/red]x.html [bold]y[/bold] :smile:\n"
    assert ESCAPE not in shown(Text(HOSTILE, "bold"))


def test_tables_and_rules_too() -> None:
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    table.add_row("[/red]")
    written = shown(table)
    assert not [c for c in written if steers(c)]
    assert "[/red]" in written


def test_styles_stay() -> None:
    console = terminal()
    console.file = io.StringIO()
    console._force_terminal = True
    console._color_system = None
    assert "b�" in shown(Text("b\x1b", "bold"))
