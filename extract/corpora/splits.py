"""Splitting corpora: parts to train on and held-out parts, folds, and texts that are in both."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ...core.errors import DataError
from .document import Corpus, Document


def disjoint(corpora: Sequence[Corpus]) -> list[Corpus]:
    """The corpora without the training documents that occur in any one's held-out part."""
    held_out = [document for corpus in corpora for document in corpus.development]
    return [replace(c, train=without_overlap(c.train, held_out)) for c in corpora]


def undivided(corpora: Sequence[Corpus]) -> list[Corpus]:
    """The corpora with nothing held out: each one's documents all to train on."""
    return [replace(c, train=[*c.train, *c.development], development=[]) for c in corpora]


def split_documents(
    documents: Iterable[Document], held_out: int
) -> tuple[list[Document], list[Document]]:
    """Split a corpus that comes without a split: (train, development of `held_out` documents).

    The development documents are those with the smallest SHA-256 of their id, so that the split
    depends on nothing but the ids.
    """
    ordered = sorted(documents, key=lambda d: hashlib.sha256(d.id.encode()).hexdigest())
    return ordered[held_out:], ordered[:held_out]


def document_folds(
    documents: Iterable[Document], folds: int = 5
) -> list[tuple[list[Document], list[Document]]]:
    """(train, held out) of each fold for a corpus that comes without a split.

    Documents go round the folds in the order of their ids' SHA-256, so that the folds depend on
    nothing but the ids, differ by at most one document in size, and hold each document out once.
    """
    ordered = sorted(documents, key=lambda d: hashlib.sha256(d.id.encode()).hexdigest())
    return [
        ([d for n, d in enumerate(ordered) if n % folds != fold], ordered[fold::folds])
        for fold in range(folds)
    ]


def text_key(text: str) -> str:
    """Letters and digits of a text, lower case: equal for one text in two corpora's spelling."""
    return re.sub(r"[\W_]+", "", text.lower())


def without_overlap(train: list[Document], held_out: Iterable[Document]) -> list[Document]:
    """The training documents that share neither id nor text with a held-out one.

    A training text that lies inside a held-out text (a sentence of an abstract), or the other way
    round, counts as shared.
    """
    held_out = list(held_out)
    ids = {document.id for document in held_out}
    # One long string makes containment one search; the separator occurs in no key.
    texts = "|".join(text_key(document.text) for document in held_out)
    short = [key for document in held_out if 40 <= len(key := text_key(document.text)) < 400]
    kept = []
    for document in train:
        key = text_key(document.text)
        if document.id in ids or (len(key) >= 40 and key in texts):
            continue
        if len(key) >= 400 and any(sentence in key for sentence in short):
            continue
        kept.append(document)
    return kept


def hold_out(
    documents: Sequence[Document], part: float, path: Path
) -> tuple[list[Document], list[Document]]:
    """Split documents by the SHA-256 of what they belong to: (train, held out).

    Rows of one document (their field `document`) stay together.

    Args:
        part: how much to hold out, between 0 and 1.
        path: where the documents come from, for the error.

    Raises:
        DataError: there is one document only.
    """
    owners = [str(d.fields.get("document", d.id)) for d in documents]
    ordered = sorted(set(owners), key=lambda o: hashlib.sha256(o.encode()).hexdigest())
    if len(ordered) < 2:
        raise DataError("holds one document, which can't be split", path=path)
    chosen = set(ordered[: max(1, round(part * len(ordered)))])
    return (
        [d for d, owner in zip(documents, owners, strict=True) if owner not in chosen],
        [d for d, owner in zip(documents, owners, strict=True) if owner in chosen],
    )
