"""BC2GM: genes of sentences, a line for each token and its tag."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .document import Document, Mention
from .files import read_text


def read_bc2gm(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read two columns, token and tag (B, I, O), with a blank line after each sentence.

    The spaces of the original text are not in the file: tokens are joined by one space. A document
    is a sentence, named by the line it begins on; its mentions are of kind GENE.

    Raises:
        DataError: the file can't be read or holds no sentence.
    """
    documents: list[Document] = []
    tokens: list[tuple[str, str]] = []
    first = 1
    for number, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        if not line.strip():
            if tokens:
                documents.append(_tagged_sentence(f"{path.name.split('.')[0]}:{first}", tokens))
            tokens, first = [], number + 1
            continue
        columns = line.rstrip("\r").split("\t")
        if len(columns) != 2:
            quarantine.add("wrong number of columns", path=path, line=number)
        elif columns[1] not in ("B", "I", "O"):
            quarantine.add("tag is none of B, I, O", path=path, line=number, row=columns[1][:20])
        else:
            tokens.append((columns[0], columns[1]))
    if not documents:
        raise DataError("holds no sentence; give lines of token, tab, tag", path=path)
    return documents


def _tagged_sentence(identifier: str, tokens: list[tuple[str, str]]) -> Document:
    document = Document(identifier, " ".join(token for token, _ in tokens))
    position = 0
    start: int | None = None
    for token, tag in [*tokens, ("", "O")]:
        if tag != "I" and start is not None:
            document.mentions.append(Mention(start, position - 1, "GENE"))
            start = None
        if tag == "B" or (tag == "I" and start is None):
            start = position
        position += len(token) + 1
    return document
