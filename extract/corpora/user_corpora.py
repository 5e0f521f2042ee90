"""Corpora that a user brings: annotated files and folders that a model is trained on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .document import Corpus
from .published import published_corpora
from .readers import read_annotated
from .splits import disjoint, hold_out

HELD_OUT = 0.2  # of the documents, where a corpus comes without a split
_TRAIN = ("train", "training")
_DEVELOPMENT = ("dev", "devel", "development", "valid", "validation")
# Published corpora that lie beside the others and are not annotated for mentions.
_NOT_FOR_MENTIONS = ("roam", "thor")


def read_corpora(
    path: Path, quarantine: Quarantine, *, held_out: float, labels: Mapping[str, str | None]
) -> list[Corpus]:
    """The corpora that a path holds; no training document stands in a held-out part of any.

    - a file, or a folder (or tar archive) of brat's files: one corpus, of which `held_out` is held
      out: the documents whose ids (or `document`, in JSON lines) have the smallest SHA-256;
    - a folder with `train.*` (or `training`), and `dev.*` (or `devel`, `development`, `valid`,
      `validation`) if there is a split: one corpus, each part a file or a brat folder;
    - a folder of these, and of the published corpora (`published.load_corpora`).

    Raises:
        DataError: there is none, a file can't be read, a label is no kind, or a corpus is too small
            to be split.
    """
    if not 0 < held_out < 1:
        raise DataError(f"the part to hold out is {held_out}; give one between 0 and 1")
    if not path.exists():
        raise DataError("is not there; give an annotated file or a folder of corpora", path=path)
    parts = _parts_of(path)
    if parts is not None:
        read = [_user_corpus(path, parts, quarantine, held_out, labels)]
    else:
        read = published_corpora(path, quarantine)
        names = {*(c.name for c in read), *_NOT_FOR_MENTIONS}
        for folder in sorted(path.iterdir()) if path.is_dir() else []:
            parts = _parts_of(folder) if folder.is_dir() and folder.name not in names else None
            if parts is not None:
                read.append(_user_corpus(folder, parts, quarantine, held_out, labels))
    if not read:
        raise DataError(
            "holds no corpus; give an annotated file, a folder with train.* and dev.* in it, or a "
            "folder of such folders",
            path=path,
        )
    return disjoint(read)


def _parts_of(path: Path) -> tuple[Path, Path | None] | None:
    """Where a corpus' training and development parts are, or None if this is not one."""
    if path.is_file():
        return path, None
    files = sorted(path.iterdir()) if path.is_dir() else []
    parts = []
    for names in (_TRAIN, _DEVELOPMENT):
        matches = [
            file
            for file in files
            if file.name.split(".")[0].lower() in names
            and (file.is_file() or any(file.glob("*.ann")))
        ]
        if len(matches) > 1:
            both = " and ".join(file.name for file in matches)
            raise DataError(f"has {both}; leave one of them there", path=path)
        parts.append(matches[0] if matches else None)
    train, development = parts
    if train is not None:
        return train, development
    return (path, None) if any(file.suffix == ".ann" for file in files) else None


def _user_corpus(
    path: Path,
    parts: tuple[Path, Path | None],
    quarantine: Quarantine,
    held_out: float,
    labels: Mapping[str, str | None],
) -> Corpus:
    train, development = (
        None if part is None else read_annotated(part, quarantine, labels=labels) for part in parts
    )
    assert train is not None
    if not any(document.mentions for document in train):
        raise DataError("holds no mention of a known kind to learn from", path=parts[0])
    split_here = development is None
    if development is None:
        train, development = hold_out(train, held_out, path)
    return Corpus(_name(path), "medkg", train, development, split_here)


def _name(path: Path) -> str:
    """The corpus' name: that of its file or folder, as letters, digits and _."""
    name = path.name.split(".")[0]
    if path.is_file() and name.lower() in (*_TRAIN, *_DEVELOPMENT):
        name = path.resolve().parent.name
    name = re.sub(r"\W+", "_", name).strip("_") or "own"
    # A network's heads are its attributes.
    return f"{name}_corpus" if hasattr(nn.ModuleDict, name) else name
