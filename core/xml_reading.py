"""XML from files that anyone may have written: without DTDs from elsewhere, within limits."""

from __future__ import annotations

import codecs
import html
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from .input_files import InputError

if TYPE_CHECKING:
    from lxml.etree import _Element

_HEAD = 1 << 20  # bytes in which entities are declared
_MOST_TEXT = 10_000  # characters of an entity
_MOST_INSIDE = 20  # entities within each other
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)  # what follows one without an end is in it
_DECLARATION = re.compile(r"""<!ENTITY\s+([^\s%"'<>]+)\s+(?:(["'])([^<%]*?)\2|SYSTEM|PUBLIC)""")
_CHARACTER = re.compile(r"&#x?[0-9A-Fa-f]+;")
_REFERENCE = re.compile(r"&([^&;]+);")


class XmlError(InputError):
    """XML that can't be read."""


class XmlEvents:
    """The events and elements of an XML file (iterate over it), as lxml's `iterparse` gives them.

    Neither a DTD nor an external entity is read, nothing comes over the network, and the parser's
    own limits on depth (256), text and expansion stand.

    Args:
        path: for messages.
        tags: elements that are given; all without.
    """

    def __init__(
        self,
        file: IO[bytes],
        path: Path | str,
        events: Sequence[str] = ("start", "end"),
        tags: Sequence[str] | None = None,
    ) -> None:
        self._file = io.BufferedReader(cast("io.RawIOBase", file), _HEAD)
        self._path, self._events, self._tags = path, tuple(events), tags
        head = self._file.peek()
        self._is_empty = not head
        self._entities = _declared(head) if b"<!ENTITY" in head else {}

    def __iter__(self) -> Iterator[tuple[str, _Element]]:
        """Raises XmlError where the file is not well-formed, or breaks a limit."""
        from lxml import etree

        events = etree.iterparse(
            self._file,
            events=self._events,
            tag=self._tags,
            load_dtd=False,
            no_network=True,
            resolve_entities=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            yield from events
        except etree.XMLSyntaxError as error:
            raise XmlError(
                "is empty" if self._is_empty else "is not well-formed XML",
                path=self._path,
                line=error.lineno or None,
                detail="" if self._is_empty else f" ({error.msg})",
            ) from None
        finally:
            self._file.detach()

    def fill_entities(self, element: _Element) -> None:
        """Put text in place of the entities in a whole element.

        That is what the file declares of them, else the character that XHTML gives the name: papers
        name characters that a DTD from elsewhere declares.

        Raises:
            XmlError: an entity has no text; without it, the element's is not what was written.
        """
        from lxml import etree

        for entity in list(element.iter(etree.Entity)):
            text = self._text_of((entity.text or "")[1:-1])
            parent, before = entity.getparent(), entity.getprevious()
            if text is None or parent is None:
                raise XmlError("has an entity without a text", path=self._path)
            text += entity.tail or ""
            if before is None:
                parent.text = (parent.text or "") + text
            else:
                before.tail = (before.tail or "") + text
            entity.tail = None
            parent.remove(entity)

    def _text_of(self, name: str) -> str | None:
        """The text of an entity; None where it has none, or not text alone."""
        if name not in self._entities:
            text = html.unescape(f"&{name};")
            return None if text == f"&{name};" else text
        value = self._entities[name]
        for _ in range(_MOST_INSIDE):
            if value is None or "<" in value or len(value) > _MOST_TEXT:
                return None
            if "&" not in value:
                return value
            value = _REFERENCE.sub(lambda match: self._entities.get(match[1]) or "<", value)
        return None


def _declared(head: bytes) -> dict[str, str | None]:
    """The entities that the start of a file declares; None for one that stands elsewhere."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return {}
    entities: dict[str, str | None] = {}
    for name, _, value in _DECLARATION.findall(_COMMENT.sub("", text)):
        if name not in entities:  # the first declaration counts
            entities[name] = _CHARACTER.sub(lambda match: html.unescape(match[0]), value) or None
    return entities
