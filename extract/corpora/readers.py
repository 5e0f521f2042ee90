"""Readers for annotated text, by format, and annotated text in this project's kinds of mention.

Every reader gives `Document`s with character offsets into `Document.text`. A row that can't be used
goes to the `Quarantine` with file and line, never with its text; a file that can't be used as a
whole is a `DataError`. Files are plain or xz-compressed. Of mentions that overlap, training takes
the longest (`document.flat_mentions`); a brat mention in parts with text between them is set aside,
the other formats have none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ...core.errors import DataError
from ...core.han import HAN
from ...core.quarantine import Quarantine
from . import biored
from .bc2gm import read_bc2gm
from .brat import read_brat
from .chemprot import read_chemprot
from .chinese import read_cmdd, read_cmedqaner
from .conll import read_conll
from .docbin import read_docbin
from .document import Document
from .euadr import read_euadr
from .files import read_text
from .jsonl import read_jsonl
from .labels import KINDS, MENTION_KINDS, OTHER_LABELS, kind_of, split_tag
from .pubtator import read_pubtator
from .roam import read_roam

# The formats of published corpora.
READERS: dict[str, Callable[[Path, Quarantine], list[Document]]] = {
    "pubtator": read_pubtator,
    "ncbi": read_pubtator,
    "chemprot": read_chemprot,
    "bc2gm": read_bc2gm,
    "brat": read_brat,
    "roam": read_roam,
    "euadr": read_euadr,
    "cmedqaner": read_cmedqaner,
    "cmdd": read_cmdd,
}
# And those of annotation tools.
FORMATS: dict[str, Callable[[Path, Quarantine], list[Document]]] = {
    **READERS,
    "conll": read_conll,
    "spacy": read_docbin,
    "jsonl": read_jsonl,
}


def format_of(path: Path) -> str:
    """The format of an annotated file or folder, by its name and first line.

    Raises:
        DataError: it can't be read or told.
    """
    name = path.name.lower().removesuffix(".xz")
    if path.is_dir() or re.search(r"\.(tar(\.\w+)?|tgz)$", name):
        return "brat"
    if name.endswith(".spacy"):
        return "spacy"
    if "_abstracts" in name:
        return "chemprot"
    first = next((line for line in read_text(path).split("\n") if line.strip()), "")
    if re.match(r"[^|\t]+\|[ta]\|", first):
        return "pubtator"
    if first.startswith("{") and '"dialogue-content"' in first:
        return "cmdd"
    if re.match(rf"[{HAN}] (O|[BI]_\w+)$", first):
        return "cmedqaner"
    if first.startswith(("{", "[")):
        return "jsonl"
    if first.replace('"', "").startswith("ASSOCIATION_TYPE\t"):
        return "euadr"
    if first.startswith(("-DOCSTART-", "# ")) or (
        len(columns := first.split()) > 1 and split_tag(columns[-1])[0]
    ):
        return "conll"
    raise DataError(f"is in no format that is known: {', '.join(FORMATS)}", path=path)


def read_annotated(
    path: Path,
    quarantine: Quarantine,
    *,
    corpus_format: str | None = None,
    labels: Mapping[str, str | None],
) -> list[Document]:
    """The documents of an annotated file or folder, their mentions' kinds this project's.

    Args:
        corpus_format: one of `FORMATS`; None: told from the file.
        labels: the kinds of labels that this package does not know, or knows otherwise; None leaves
            a label's mentions out.

    Raises:
        DataError: the file can't be read, or has labels that are no kind.
    """
    if not path.exists():
        raise DataError("is not there", path=path)
    for label, kind in labels.items():
        if kind is not None and kind not in MENTION_KINDS:
            raise DataError(f"{label}={kind}: a mention's kind is {', '.join(MENTION_KINDS)}")
    if corpus_format is None:
        corpus_format = format_of(path)
    elif corpus_format not in FORMATS:
        raise DataError(f"unknown format {corpus_format!r}; one of {', '.join(FORMATS)}", path=path)
    documents = FORMATS[corpus_format](path, quarantine)
    if corpus_format == "pubtator":
        documents = [biored.with_own_labels(document) for document in documents]
    used = Counter(m.kind for d in documents for m in d.mentions)
    kinds = {label: _kind(label, corpus_format) for label in used} | dict(labels)
    known = labels.keys() | OTHER_LABELS.get(corpus_format, frozenset())
    unknown = {label: used[label] for label in used if not kinds[label] and label not in known}
    if unknown:
        names = ", ".join(f"{label} ({n})" for label, n in sorted(unknown.items()))
        label = min(unknown)
        raise DataError(
            f"has labels of which medkg doesn't know the kind: {names}; say --label {label}=KIND "
            f"with a KIND of {', '.join(MENTION_KINDS)}, or --label {label}= to leave it out",
            path=path,
        )
    return [
        replace(d, mentions=[replace(m, kind=k) for m in d.mentions if (k := kinds[m.kind])])
        for d in documents
    ]


def _kind(label: str, corpus_format: str) -> str | None:
    return KINDS.get(corpus_format, {}).get(label) or kind_of(label)
