"""Markdown, with its markup blanked out so that offsets stay those of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .document_file import DocumentFile, TextDocument

_MOST_BYTES = 16 << 20  # of a note; its markup is read at some MB/s
_TAGS = (
    "a|abbr|b|big|br|code|div|em|h[1-6]|hr|i|img|kbd|li|mark|ol|p|pre|s|small|span|strong|sub|sup"
    "|table|tbody|td|th|thead|tr|u|ul"
)
_MARKUP = re.compile(
    r"(?P<comment><!--)"
    rf"|</?(?:{_TAGS})(?:\s[^<>]*)?/?>"
    r"|^[ \t]*(?:`{3}|~{3})[^\n]*$"  # a fence around code
    r"|^[ \t]*+(?:[-*_][ \t]*+){3,}+\r?$|^[ \t]*=+[ \t]*\r?$"  # a rule, under a heading
    r"|^[ \t]*+\|?(?:[ \t]*+:?-++:?[ \t]*+\|)++(?:[ \t]*+:?-++:?[ \t]*+)?\r?$"
    r"|^[ \t]*>+"
    r"|\]\([^()\s]*(?:\s+\"[^\"\n]*\")?\)|!?\[(?=[^\[\]\n]*\]\()"  # a link, but for its text
    r"|\\(?=[*_#`~|\\\[\]<>-])|`+|~~|\|"
    r"|(?<!^)(?<![ \t])\*+|\*+(?=\S)|(?<!\w)_+(?=\S)|(?<=[^\s_])_++(?!\w)|(?<=_)_(?!\w)",
    re.MULTILINE,
)
_NO_LINE_BREAK = re.compile(r"[^\r\n]")


def read_markdown(file: DocumentFile) -> Iterator[TextDocument]:
    """Read a file of Markdown as one note or paper."""
    yield file.plain_text(without_markup(file.text(_MOST_BYTES)))


def without_markup(markdown: str) -> str:
    """Replace markup by blanks, so that every offset stays.

    A heading's `#` and the bullets of lists stay: sentences begin there.
    """
    pieces: list[str] = []
    end = 0  # of what is done
    is_closed = True  # a comment that begins here
    match = _MARKUP.search(markdown)
    while match is not None:
        start, following = match.span()
        if match["comment"]:
            closing = markdown.find("-->", following) if is_closed else -1
            is_closed = closing >= 0
            # What no comment closes is text, and so is all that looks like one further on.
            following = closing + 3 if is_closed else start + 1
        if not match["comment"] or is_closed:
            pieces += markdown[end:start], _NO_LINE_BREAK.sub(" ", markdown[start:following])
            end = following
        match = _MARKUP.search(markdown, following)
    return "".join([*pieces, markdown[end:]])
