"""Markdown, with its markup blanked out so that offsets stay those of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .document_file import DocumentFile, TextDocument

_TAGS = (
    "a|abbr|b|big|br|code|div|em|h[1-6]|hr|i|img|kbd|li|mark|ol|p|pre|s|small|span|strong|sub|sup"
    "|table|tbody|td|th|thead|tr|u|ul"
)
_MARKUP = re.compile(
    r"<!--.*?-->"
    rf"|</?(?:{_TAGS})(?:\s[^<>]*)?/?>"
    r"|^[ \t]*(?:`{3}|~{3})[^\n]*$"  # a fence around code
    r"|^[ \t]*(?:[-*_][ \t]*){3,}\r?$|^[ \t]*=+[ \t]*\r?$"  # a rule, or under a heading
    r"|^[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?\r?$"  # under a table's head
    r"|^[ \t]*>+"
    r"|\]\([^()\s]*(?:\s+\"[^\"\n]*\")?\)|!?\[(?=[^\[\]\n]*\]\()"  # a link, but for its text
    r"|\\(?=[*_#`~|\\\[\]<>-])|`+|~~|\|"
    r"|(?<!^)(?<![ \t])\*+|\*+(?=\S)|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)",
    re.MULTILINE | re.DOTALL,
)


def read_markdown(file: DocumentFile) -> Iterator[TextDocument]:
    """Read a file of Markdown as one note."""
    yield file.note(file.name, without_markup(file.text()))


def without_markup(markdown: str) -> str:
    """Replace markup by blanks, so that every offset stays.

    A heading's `#` and the bullets of lists stay: sentences begin there.
    """
    return _MARKUP.sub(lambda match: re.sub(r"[^\r\n]", " ", match[0]), markdown)
