"""Which texts a model was trained on, so that no figure is of texts that it has learnt from.

A figure on documents that a model learnt from says what it remembers, not what it finds. So four
bytes of the hash of each text that a model learnt from go with it, and one that held nothing back
states the figures of its sibling: a model trained in the same way on the training parts alone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.atomic import json_object
from ..core.errors import ModelError
from ..core.model_folder import read_config
from .corpora.document import Document
from .corpora.splits import text_key

TextHashes = np.ndarray[tuple[int], np.dtype[np.uint32]]
# In a card, of the figures that a model takes from its sibling.
SIBLING_FIGURES = (
    "**The figures are those of its sibling, which was trained in the same way on the training"
    " parts alone**: this model has learnt from the development parts too, and scores far higher"
    " there by remembering."
)
TEXT_HASHES_FIELD = "trained_on_texts"  # of a model's config, with `text_hashes`


def text_hashes(documents: Iterable[Document], config: Mapping[str, Any] | None = None) -> str:
    """The hashes of the documents' texts, for a model's config; and those that a config has.

    Letters and digits count, capitals and spaces don't. By chance a foreign document is taken for
    one of n in n of 2³² cases; from a hash no text can be read.
    """
    hashes = _hashes(documents)
    if config is not None:
        hashes = np.concatenate([hashes, _stored_hashes(config)])
    hashes = np.unique(hashes)
    return base64.b64encode(hashes.astype("<u4").tobytes()).decode()


def documents_trained_on(folders: Iterable[Path], documents: Sequence[Document]) -> int | None:
    """How many of the documents any of these models was trained on.

    A document counts if the whole of its text is one that was trained on; a sentence out of one
    isn't told. None if no model says what it was trained on.
    """
    configs = [json_object(folder / "config.json") or {} for folder in folders]
    stored = [
        _stored_hashes(config)
        for config in configs
        if isinstance(config.get(TEXT_HASHES_FIELD), str)
    ]
    if not stored:
        return None
    return int(np.isin(_hashes(documents), np.concatenate(stored)).sum())


def open_sibling(
    folder: Path, model: str, settings: Mapping[str, Any], documents: Iterable[Document]
) -> dict[str, Any]:
    """The config of a sibling, whose figures are of documents that it never saw.

    Args:
        folder: the sibling's.
        model: the kind of model that it must be.
        settings: what its config must say as well; a value that is a mapping may have more in it.
        documents: those of the training and the development parts; all of its own must be among
            them.

    Raises:
        ModelError: it is damaged, another model, trained in another way or on other documents, or
            its figures are a sibling's or of documents that its reader saw.
    """
    config = read_config(folder, model, {"development": dict, TEXT_HASHES_FIELD: str})
    if config.get("sibling"):
        raise ModelError(f"{folder}: states a sibling's figures itself; give that one")
    if config.get("reader_seen"):
        raise ModelError(
            f"{folder}: its recogniser was trained on documents that it was measured on; train it"
            " with one that wasn't (--recogniser)"
        )
    for name, ours in settings.items():
        theirs = config.get(name)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            theirs = {key: theirs.get(key) for key in ours}
        if theirs != ours:
            raise ModelError(
                f"{folder}: is no sibling, its {name.replace('_', ' ')} being {theirs!r} and here"
                f" {ours!r}; train both in the same way"
            )
    if not np.isin(_stored_hashes(config), _hashes(documents)).all():
        raise ModelError(f"{folder}: is no sibling, it was trained on other documents")
    return config


def _stored_hashes(config: Mapping[str, Any]) -> TextHashes:
    return np.frombuffer(base64.b64decode(config[TEXT_HASHES_FIELD], validate=True), dtype="<u4")


def _hashes(documents: Iterable[Document]) -> TextHashes:
    hashes = [hashlib.sha256(text_key(d.text).encode()).digest()[:4] for d in documents]
    return np.frombuffer(b"".join(hashes), dtype="<u4")
