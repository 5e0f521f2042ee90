"""CoNLL: a line for each token and its tag."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .document import Document, Mention
from .files import AnnotationFile, read_text
from .labels import split_tag, tagged_spans

_UNNAMED = "entity"  # the label of tags that are a bare B or I
_TaggedToken = tuple[str, tuple[str, str]]  # token; sign and label of its tag


def read_conll(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read CoNLL: a line for each token, the token first and its tag last.

    Columns are parted by tabs, or else by spaces; a blank line ends a sentence. Tags are B-, I-
    (BIO, IOB), with E-, S- (BIOES) or L-, U- (BILOU), and O; a bare B or I has the label "entity".
    The spaces of the original text are not in the file: tokens are joined by one space, sentences
    by a line break. A line `-DOCSTART-` or `# newdoc id = ID` begins a document; without any, each
    sentence is one, named by the line that it begins on. A row without a good tag is set aside, its
    token stays as text.

    Raises:
        DataError: the file can't be read or holds no sentence.
    """
    stem = path.name.split(".")[0]
    file = AnnotationFile(path, quarantine)
    documents = _ConllDocuments(f"{stem}:1")
    has_headers = False
    for number, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        line = line.rstrip("\r")
        header = re.match(r"# ?newdoc(?: id ?= ?(.+))?$", line)
        if header is not None or line.startswith("-DOCSTART-"):
            documents.begin((header and header[1]) or f"{stem}:{number}")
            has_headers = True
        elif not line.strip():
            if has_headers:
                documents.end_sentence()
            else:
                documents.begin(f"{stem}:{number + 1}")
        elif not (line.startswith("# ") and len(line.split("\t")) == 1):
            token = _tagged_token(file, line, number)
            if token is not None:
                documents.sentences[-1].append(token)
    documents.begin("")
    if not documents.finished:
        raise DataError("holds no sentence; give lines of a token and its tag", path=path)
    return documents.finished


@dataclass
class _ConllDocuments:
    """The documents of a file so far, and the name and the sentences of the one being read."""

    name: str
    sentences: list[list[_TaggedToken]] = field(default_factory=lambda: [[]])
    finished: list[Document] = field(default_factory=list)

    def begin(self, name: str) -> None:
        """Finish the document being read, if it has a token, and begin one of this name."""
        if any(self.sentences):
            self.finished.append(_document(self.name, [s for s in self.sentences if s]))
        self.name, self.sentences = name, [[]]

    def end_sentence(self) -> None:
        """The next token begins a sentence."""
        if self.sentences[-1]:
            self.sentences.append([])


def _tagged_token(file: AnnotationFile, line: str, number: int) -> _TaggedToken | None:
    columns = line.split("\t") if "\t" in line.strip() else line.split()
    token, tag = columns[0].strip(), columns[-1].strip()
    prefix, label = split_tag(tag)
    if len(columns) < 2 or not tag or prefix not in ("B", "I", "O") or not token:
        # What the row holds is text, perhaps all of it.
        file.reject("row without a token and a BIO tag", number)
        prefix, label = "O", ""
    return (token, (prefix, label if prefix == "O" else label or _UNNAMED)) if token else None


def _document(name: str, sentences: Sequence[Sequence[_TaggedToken]]) -> Document:
    text = "\n".join(" ".join(token for token, _ in sentence) for sentence in sentences)
    document = Document(name, text)
    position = 0
    for sentence in sentences:
        offsets = []
        for token, _ in sentence:
            offsets.append((position, position + len(token)))
            position += len(token) + 1
        for first, end, label in tagged_spans([tag for _, tag in sentence]):
            document.mentions.append(Mention(offsets[first][0], offsets[end - 1][1], label))
    return document
