"""Running text of XML elements, as PubMed and JATS mark it up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

# Elements of JATS that hold no running text.
NOT_RUNNING_TEXT = frozenset(
    "table disp-formula inline-formula tex-math math graphic media supplementary-material ref-list"  # noqa: SIM905
    " object-id fn-group back label inline-graphic attrib permissions alternatives".split()
)
# Elements that interrupt a paragraph.
BLOCK_ELEMENTS = frozenset("p title list def-list disp-quote boxed-text fig table-wrap sec".split())  # noqa: SIM905
_NO_CITATION = re.compile(r"(?<!\s)\s*+[\[(][\s,;–-]*+[\])]")


def local_name(element: _Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def descendants(element: _Element, *names: str) -> Iterator[_Element]:
    """The elements of these names inside an element, in order."""
    return (inner for inner in element.iter() if local_name(inner) in names)


def running_text(element: _Element, blocks: list[_Element] | None = None) -> str:
    """The running text in an element, single-spaced; `blocks` gets what interrupts it.

    References to literature are left out, since a superscript one would become part of a word; a
    power of ten keeps its sign.
    """
    pieces: list[str] = []

    def collect(inner: _Element) -> None:
        pieces.append(inner.text or "")
        for child in inner:
            name = local_name(child)
            if name in BLOCK_ELEMENTS and blocks is not None:
                blocks.append(child)
                pieces.append(" ")
            elif name in ("break", "br") or name in NOT_RUNNING_TEXT:
                pieces.append(" ")
            elif not (name == "xref" and child.get("ref-type") == "bibr"):
                if name == "sup" and "".join(pieces[-2:])[-1:].isdigit():
                    pieces.append("^" if (child.text or "")[:1] in tuple("0123456789-–−") else "")
                collect(child)
            pieces.append(child.tail or "")

    collect(element)
    return _NO_CITATION.sub("", " ".join("".join(pieces).split()))
